# SPDX-License-Identifier: Apache-2.0
"""A whole store for the integration tests: the gateway as a process of its
own, with the real Mosquitto and a local cloud, all on loopback and free ports.

EDGE_BUILD names the build directory (default build/release)."""

import base64
import hashlib
import http.client
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("EDGE_BUILD", ROOT / "build/release"))
EDGE = BUILD / "gateway/shopme-edge"
DEVICES = BUILD / "devices/shopme-devices"
SHIM = BUILD / "tests/integration/sync_shim.so"
BUS, STREAM = "OrderingSystemEventBus", "shopme-telemetry"

sys.path.insert(0, str(ROOT / "tests/cloud"))
from harness import LocalCloud, free_port  # noqa: E402

import paho.mqtt.client as mqtt  # noqa: E402


def wait_for(what, condition, seconds=60, every=0.02):
    """The condition's first true value; fails with `what` in words."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self.path)


class Gateway:
    """One gateway over one data folder; may be killed and started again."""

    def __init__(self, store, program=EDGE, environment=None):
        self.store = store
        self.program = program
        self.environment = environment or {}
        self.process = None
        self.log_path = store.folder / "gateway.log"

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "run", "--config", self.store.config_path],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=os.environ | {"https_proxy": ""}
                | self.store.cloud.environment
                | self.environment)
        return self

    def stop(self, how=signal.SIGTERM, seconds=15):
        if self.process is None:
            return None
        self.process.send_signal(how)
        code = self.process.wait(seconds)
        self.process = None
        return code

    def end(self):
        """(Only who stops by itself writes down which lines it reached.)"""
        if "coverage" in str(BUILD):
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                pass
        self.stop(signal.SIGKILL)

    def status(self):
        link = UnixHTTP(self.store.folder / "data/control.sock")
        try:
            link.request("GET", "/api/v1/status")
            return json.loads(link.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            link.close()

    def stream(self, name="orders"):
        status = self.status() or {"streams": []}
        return next((s for s in status["streams"] if s["name"] == name), None)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait_up(self, seconds=60):
        """Until it hears devices: a message sent before that, by a client that
        does not repeat, would be lost in the broker."""
        def hears():
            if self.process.poll() is not None:
                raise AssertionError(f"the gateway ended:\n{self.log()[-2000:]}")
            status = self.status()
            return status and status["broker"]["up"]
        wait_for("the gateway is up", hears, seconds)
        return self

    def wait_synced(self, seconds=60):
        def synced():
            status = self.status()
            return status and all(s["backlog"] == 0 for s in status["streams"])
        wait_for("everything is in the cloud", synced, seconds)


def can_connect(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False


def password_hash(password, iterations=101):
    """In Mosquitto's form (gateway/identity/password.h)."""
    salt = secrets.token_bytes(12)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations, 64)
    return "$7${}${}${}".format(iterations, base64.b64encode(salt).decode(),
                                base64.b64encode(key).decode())


class Accounts:
    """The set of identity files of a store whose gateway does not run: as
    shopme-edge device add leaves it (gateway/identity/account.h)."""

    def __init__(self, data):
        self.folder = pathlib.Path(data) / "identity"
        self.devices, self.passwords = {}, {}

    def add(self, name, topics=(), channel=False, certificate=False,
            password=True):
        """Returns the password."""
        made = secrets.token_hex(16)
        lines = [f"device {name}"]
        lines += [f" password {password_hash(made)}"] if password else []
        lines += [" certificate"] if certificate else []
        lines += [" channel"] if channel else []
        lines += [f" topic {topic}" for topic in topics]
        lines += [" added 2026-11-29T10:00:00Z"]
        self.devices[name] = lines
        self.passwords[name] = made
        text = "shopme-edge accounts 1\n" + "".join(
            line + "\n" for _, device in sorted(self.devices.items())
            for line in device) + f"end {len(self.devices)}\n"
        self.put("accounts", text.encode())
        return made

    def put(self, name, content):
        """Into the next set, with all of the current one."""
        current = self.folder / "current"
        number = int(current.resolve().name) if current.is_symlink() else 0
        new = self.folder / f"sets/{number + 1:010d}"
        self.folder.parent.mkdir(mode=0o750, exist_ok=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        new.parent.mkdir(mode=0o700, exist_ok=True)
        new.mkdir(mode=0o700)
        for old in current.iterdir() if number else ():
            shutil.copy2(old, new / old.name)
        with open(new / name, "wb") as file:
            os.chmod(new / name, 0o600)
            file.write(content)
        current.unlink(missing_ok=True)
        current.symlink_to(f"sets/{new.name}")
        owner = self.folder.parents[1].stat()  # root may write for another
        for path in (self.folder.parent, self.folder,
                     *self.folder.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


class Store:
    """A folder, a configuration, a local cloud, a gateway."""

    def __init__(self, program=EDGE, environment=None, cloud=True,
                 broker_address=None, extra="", telemetry="", orders="",
                 streams=""):
        self.name = "s1"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="edge-"))
        self.broker_port = broker_address or free_port()
        self.page_port = free_port()
        (self.folder / "cloud").mkdir()
        self.cloud = LocalCloud(str(self.folder / "cloud"), [BUS],
                                [f"{STREAM}:4"],
                                secret_key=secrets.token_urlsafe(30))
        self.config_path = self.folder / "edge.yaml"
        self.gateway = Gateway(self, program, environment)
        self.accounts = Accounts(self.folder / "data")
        if cloud:
            self.cloud.start()
        mode = ("external" if broker_address else "embedded")
        where = "address" if broker_address else "listen"
        self.config_path.write_text(f"""
store: {self.name}
data: {self.folder}/data
broker: {{mode: {mode}, {where}: "127.0.0.1:{self.broker_port}"}}
streams:
  - {{name: orders, shop: true, segment: 8 MiB, {orders} sink: {{eventbridge: {{bus: {BUS}}}}}}}
  - {{name: telemetry, segment: 8 MiB, {telemetry} sink: {{kinesis: {{stream: {STREAM}}}}}}}
{streams}cloud:
  region: eu-central-1
  endpoint: {self.cloud.endpoint if cloud else "https://localhost:1"}
  ca_file: {self.cloud.ca_path or "/etc/ssl/certs/ca-certificates.crt"}
console: {{listen: "127.0.0.1:{self.page_port}"}}
{extra}""")

    def client(self, name, protocol=mqtt.MQTTv311, **options):
        """Of a device with an account; on the anonymous listener, too."""
        client = mqtt.Client(client_id=name, protocol=protocol, **options)
        client.username_pw_set(name, self.accounts.passwords[name])
        return client

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and self.gateway.log_path.exists():
            sys.stderr.write(self.gateway.log()[-4000:])
        try:
            self.gateway.end()
        finally:
            self.cloud.stop(signal.SIGKILL)
            shutil.rmtree(self.folder, ignore_errors=True)


class Device:
    """A plain MQTT client of the store: collects receipts and notices."""

    def __init__(self, store, name, port=None):
        self.store, self.name = store, name
        self.accepted, self.rejected, self.notices = {}, [], []
        self.raw_receipts = []
        self.lock = threading.Lock()
        self.subscribed = threading.Event()
        self.client = mqtt.Client(client_id=f"{name}-{os.getpid()}")
        self.client.max_inflight_messages_set(1000)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port or store.broker_port)
        self.client.loop_start()
        if not self.subscribed.wait(10):
            raise AssertionError("no SUBACK")

    def _on_connect(self, client, *_):
        base = f"shopme/{self.store.name}/{self.name}"
        client.subscribe([(f"{base}/receipts", 1), (f"{base}/notices", 1)])

    def _on_message(self, _client, _self, message):
        with self.lock:
            if message.topic.endswith("/notices"):
                self.notices.append(json.loads(message.payload))
                return
            self.raw_receipts.append(message.payload)
            if not message.payload.startswith(b"{"):
                return
            receipt = json.loads(message.payload)
            for item in receipt["accepted"]:
                self.accepted.setdefault(item["id"], []).append(item["seq"])
            self.rejected += receipt["rejected"]

    def send(self, payload, leaf="orders", device=None):
        if isinstance(payload, dict):
            payload = json.dumps(payload)
        self.client.publish(
            f"shopme/{self.store.name}/{device or self.name}/{leaf}",
            payload, qos=1)

    def event(self, type_, id_, data, subject=None, source=None):
        event = {"specversion": "1.0", "type": type_, "id": id_,
                 "source": source or f"/{self.store.name}/{self.name}",
                 "datacontenttype": "application/json", "data": data}
        if subject:
            event["subject"] = subject
        return event

    def order(self, order_id, id_=None, **changes):
        data = {"orderId": order_id, "customerId": 123,
                "items": ["item1", "item2", "item3"], "total": "74.5",
                "paymentDetails": {"paymentMethod": "CARD",
                                   "paymentTransactionId": f"tx-{order_id}"}}
        return self.event("OrderPlaced", id_ or f"e-{order_id}",
                          data | changes, order_id)

    def wait_accepted(self, ids, seconds=60):
        wait_for(f"receipts for {len(ids)} events",
                 lambda: all(i in self.accepted for i in ids), seconds)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()

# SPDX-License-Identifier: Apache-2.0
"""The real Mosquitto with the plugin and a configuration written here, without a
gateway: what the gateway hears and says is this file's."""

import base64
import hashlib
import os
import pathlib
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time

from edge import BUILD, free_port, wait_for

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

SANITIZED = BUILD / "gateway/sanitized/shopme-edge-broker.so"
PLUGIN = (SANITIZED if SANITIZED.exists()
          else BUILD / "gateway/shopme-edge-broker.so")
GATEWAY = "gw-0123456789abcdef0123456789abcdef"
GATEWAY_PASSWORD = "the-gateways-password"
CONNECTED, DISCONNECTED, REFUSED, LOADED, FAILED, ALL, SURPLUS = range(1, 8)
TEXTS = ("device", "client_id", "address", "text", "event_id")


def password_hash(password, iterations=101):
    salt = os.urandom(12)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations, 64)
    return (f"$7${iterations}${base64.b64encode(salt).decode()}$"
            f"{base64.b64encode(key).decode()}")


def read_report(payload):
    """As gateway/identity/report.c draws it."""
    report = {"kind": payload[1]}
    at = 2
    fields = []
    while at < len(payload):
        size = struct.unpack_from(">H", payload, at)[0]
        fields.append(payload[at + 2:at + 2 + size])
        at += 2 + size
    for name, value in zip(TEXTS, fields):
        report[name] = value.decode()
    report["by"] = fields[5][0]
    report["refusal"] = fields[6].decode()
    report["publish"] = fields[7][0] == 1
    for name, value in zip(("count", "set", "ends_us", "since_us"), fields[8:]):
        report[name] = int.from_bytes(value, "big")
    return report


class Certificates:
    """An authority and what it issues, by the openssl program."""

    def __init__(self, folder):
        self.folder = folder
        self.serial = 4096
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                 "-subj", "/CN=the authority", "-keyout", "ca.key",
                 "-out", "ca.pem")
        self.issue("server", "/CN=broker")

    def run(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def issue(self, name, subject=None):
        """Files NAME.pem and NAME.key; returns the serial number as the revoked
        have it."""
        self.serial += 1
        self.run("req", "-new", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key",
                 "-subj", subject or f"/CN={name}", "-out", f"{name}.csr")
        self.run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem",
                 "-CAkey", "ca.key", "-set_serial", str(self.serial), "-days",
                 "20", "-out", f"{name}.pem")
        return f"{self.serial:04X}"


class Broker:
    """A data folder, its accounts and rules, and the broker over them.

    `devices`: name -> {"password": hash, "certificate": bool, "channel": bool,
    "topics": [...]}"""

    def __init__(self, plugin=True, anonymous=True, extra=""):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="edge-plugin-"))
        self.plugin, self.extra = plugin, extra
        self.anonymous = anonymous
        self.devices, self.revoked = {}, []
        self.sessions = []  # (when it ends, client id), as the gateway found
        self.expires, self.refuse_expired = "never", False
        self.number = 0
        self.process = None
        self.failed = 0  # handshakes, in the log
        self.log_path = self.folder / "broker.log"
        self.socket = self.folder / "gateway.sock"
        # (Each kind of listener has its own.)
        self.open, self.accounts, self.tls, self.certs = (
            free_port() for _ in range(4))
        self.pki = Certificates(self.folder)
        (self.folder / "identity/sets").mkdir(parents=True)
        (self.folder / "broker").mkdir()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and self.log_path.exists():
            print(self.log()[-3000:])
        self.stop(signal.SIGTERM if kind is None else signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- Files ---

    def add(self, name, password=None, iterations=101, **rest):
        hashed = password and password_hash(password, iterations)
        self.devices[name] = {"password": hashed} | rest

    def accounts_text(self):
        lines = ["shopme-edge accounts 1"]
        for name, device in sorted(self.devices.items()):
            lines.append(f"device {name}")
            if device.get("password"):
                lines.append(f" password {device['password']}")
            lines += [f" {word}" for word in ("certificate", "channel")
                      if device.get(word)]
            lines += [f" topic {topic}" for topic in device.get("topics", [])]
            lines.append(" added 2026-11-29T10:00:00Z")
        return "\n".join([*lines, f"end {len(self.devices)}", ""])

    def revoked_text(self):
        lines = ["shopme-edge revoked 1", f"expires {self.expires}"]
        lines += ["refuse-expired"] if self.refuse_expired else []
        lines += [f"serial {serial}" for serial in sorted(self.revoked)]
        return "\n".join([*lines, f"end {len(self.revoked)}", ""])

    def write(self):
        """The next set, in one rename; and the rules."""
        self.number += 1
        folder = self.folder / f"identity/sets/{self.number:010}"
        folder.mkdir()
        (folder / "accounts").write_text(self.accounts_text())
        (folder / "revoked").write_text(self.revoked_text())
        following = self.folder / "identity/next"
        following.symlink_to(f"sets/{self.number:010}")
        os.replace(following, self.folder / "identity/current")
        rules = ["shopme-edge rules 1", "store s1", "stream orders",
                 "stream telemetry"]
        rules += ["anonymous"] if self.anonymous else []
        rules += [f"gateway {GATEWAY} {password_hash(GATEWAY_PASSWORD)}",
                  "gateway-id edge-orders",
                  *(f"session {end} {id_}" for end, id_ in self.sessions),
                  "end", ""]
        (self.folder / "broker/rules").write_text("\n".join(rules))
        return self.number

    def configuration(self):
        f = self.folder
        tls = f"certfile {f}/server.pem\nkeyfile {f}/server.key\n"
        plugin = f"""plugin {PLUGIN}
plugin_opt_rules {f}/broker/rules
plugin_opt_identity {f}/identity/current
""" if self.plugin else ""
        return f"""user root
per_listener_settings false
allow_anonymous true
persistence true
persistence_location {f}/broker/
max_queued_messages 100000
max_inflight_messages 1000
{plugin}{self.extra}
listener {self.open} 127.0.0.1
listener {self.accounts} 0.0.0.0
listener {self.tls} 127.0.0.1
{tls}listener {self.certs} 127.0.0.1
{tls}cafile {f}/ca.pem
require_certificate true
listener 0 {self.socket}
"""

    # --- The process ---

    def environment(self, leaks):
        """A sanitized plugin needs its runtime in the broker, which has none."""
        words = subprocess.run(["ldd", PLUGIN], capture_output=True, text=True,
                               check=True).stdout.split()
        asan = [word for word in words if word.startswith("/")
                and "clang_rt.asan" in word]
        if not asan:
            return os.environ
        told = os.environ.get("ASAN_OPTIONS", "")
        return os.environ | {"LD_PRELOAD": asan[0]} | (
            {} if leaks else {"ASAN_OPTIONS": f"{told}:detect_leaks=0"})

    def launch(self, leaks=True):
        """(A start of Mosquitto's that fails leaves its own memory.)"""
        path = self.folder / "mosquitto.conf"
        path.write_text(self.configuration())
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["mosquitto", "-c", path], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=self.environment(leaks))

    def start(self):
        self.write()
        self.launch()
        wait_for("the broker listens", self.listens, 20)
        return self

    def listens(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the broker ended: {self.log()[-2000:]}")
        return self.socket.exists() and "running" in self.log()

    def stop(self, how=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(20)
            self.process = None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def rss_kib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
        fields = fields.rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Client(mqtt.Client):
    """One connection, in 3.1.1 or 5, over any of the listeners."""

    def __init__(self, broker, client_id, user=None, password=None, *,
                 port=None, certificate=None, version=mqtt.MQTTv311, clean=True,
                 will=None, host="127.0.0.1", expiry=None):
        five = version == mqtt.MQTTv5
        super().__init__(client_id=client_id, protocol=version,
                         reconnect_on_failure=False,
                         **({} if five else {"clean_session": clean}))
        self.broker, self.unix = broker, None
        self.five, self.clean, self.expiry = five, clean, expiry
        self.method = None  # of extended authentication
        self.code, self.kept = None, None
        self.got, self.granted, self.acked = [], {}, {}
        self.ended = threading.Event()
        if user is not None:
            self.username_pw_set(user, password)
        if will is not None:
            self.will_set(*will[:2], qos=1, retain=len(will) > 2)
        if port in (broker.tls, broker.certs):
            f = broker.folder
            self.tls_set(str(f / "ca.pem"),
                         certificate and str(f / f"{certificate}.pem"),
                         certificate and str(f / f"{certificate}.key"),
                         cert_reqs=ssl.CERT_REQUIRED)
            self.tls_insecure_set(True)
        self.host, self.port = host, port or broker.open
        self.on_connect = self._connected
        self.on_disconnect = lambda *_: self.ended.set()
        self.on_message = lambda _c, _u, m: self.got.append(m)
        self.on_subscribe = self._subscribed
        self.max_inflight_messages_set(1000)
        self.max_queued_messages_set(0)

    def _create_socket_connection(self):
        if self.unix is None:
            return super()._create_socket_connection()
        link = socket.socket(socket.AF_UNIX)
        link.connect(str(self.unix))
        return link

    def _connected(self, _client, _self, flags, code, _properties=None):
        self.kept = flags["session present"]
        self.code = getattr(code, "value", code)

    def _subscribed(self, _client, _self, mid, granted, _properties=None):
        self.granted[mid] = getattr(granted[0], "value", granted[0])

    # (paho's own is given the reason codes of version 5 only like this.)
    def _handle_pubackcomp(self, cmd):
        if cmd == "PUBACK":
            packet = bytes(self._in_packet["packet"])
            mid = struct.unpack_from(">H", packet)[0]
            self.acked[mid] = packet[2] if len(packet) > 2 else 0
        return super()._handle_pubackcomp(cmd)

    def open(self, seconds=20):
        """Its CONNACK's code; None if it got none."""
        extra = {}
        if self.five:
            extra["clean_start"] = self.clean
            properties = extra["properties"] = Properties(PacketTypes.CONNECT)
            if self.expiry:
                properties.SessionExpiryInterval = self.expiry
            if self.method:
                properties.AuthenticationMethod = self.method
        try:
            self.connect(self.host, self.port, **extra)
        except (OSError, ssl.SSLError):
            return None
        self.loop_start()
        wait_for("a CONNACK or the end", lambda: self.code is not None or
                 self.ended.is_set(), seconds)
        if self.code != 0:
            self.loop_stop()
            self._sock_close()
        return self.code

    def must(self):
        code = self.open()
        assert code == 0, f"{self._client_id}: refused with {code}"
        return self

    def ask(self, topic, qos=1):
        """What is granted on a subscription."""
        mid = self.subscribe(topic, qos)[1]
        return wait_for("a SUBACK", lambda: mid in self.granted and
                        (self.granted[mid],), 20)[0]

    def say(self, topic, payload, retain=False, qos=1):
        """Publishes and waits for its end; the reason code."""
        info = self.publish(topic, payload, qos, retain)
        if qos == 0:
            return 0
        return wait_for("a PUBACK", lambda: info.mid in self.acked and
                        (self.acked[info.mid],), 20)[0]

    def close(self):
        self.disconnect()
        self.ended.wait(10)
        self.loop_stop()

    def drop(self):
        """Ends without a DISCONNECT: its will is due."""
        self.loop_stop()
        self._sock_close()

    def is_cut(self, seconds=20):
        return self.ended.wait(seconds)


class Gateway(Client):
    """What the gateway is to the plugin: hears reports, gives commands."""

    def __init__(self, broker):
        super().__init__(broker, "edge-orders", GATEWAY, GATEWAY_PASSWORD)
        self.unix = broker.socket
        self.reports, self.at = [], 0
        self.on_message = self._heard

    def _heard(self, _client, _self, message):
        if message.topic == "$shopme/report":
            self.reports.append(read_report(message.payload))
        else:
            self.got.append(message)

    def must(self):
        super().must()
        assert self.ask("$shopme/#") == 1
        return self

    def command(self, what):
        self.say("$CONTROL/shopme/v1", bytes([1, 0x80 + what]))

    def hello(self):
        """Who is connected."""
        at = len(self.reports)
        self.command(1)
        end = self.reports.index(self.wait(ALL, at), at)
        return [r for r in self.reports[at:end] if r["kind"] == CONNECTED]

    def reload(self):
        """The new set in force; fails if it was not taken."""
        number = self.broker.write()
        self.command(2)
        self.wait(LOADED, 0, set=number)
        return number

    def wait(self, kind, since=0, seconds=20, **fields):
        def found():
            for report in self.reports[since:]:
                if report["kind"] == kind and all(
                        report[name] == value
                        for name, value in fields.items()):
                    return report
            return None
        return wait_for(f"a report {kind} {fields}; there are "
                        f"{self.reports[since:]}", found, seconds)


def other_address():
    """One of this machine's own addresses that is not loopback; None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            address = probe.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith("127.") else address


def settle():
    time.sleep(0.3)

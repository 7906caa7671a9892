# SPDX-License-Identifier: Apache-2.0
"""Goal: the embedded broker has every listener that the configuration names,
each for those whom it is for and with its own bound; what keeps one with TLS
away keeps nobody else from selling; one message too big is refused by name, and
orders behind it get through."""

import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

from broker_test import broker_of, lines
from edge import EDGE, SHIM, Device, Store, can_connect, free_port, mqtt, \
    wait_for
from external_test import Authority
from verdict_places import seen_everywhere

MIB = 1024 * 1024


def context_for(authority, own=None, version=None):
    context = ssl.create_default_context(cafile=str(authority.pem))
    if own:
        context.load_cert_chain(*own)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


class ListenersCase(unittest.TestCase):
    environment = None

    def setUp(self):
        self.store = Store(cloud=False, environment=self.environment)
        self.addCleanup(self.store.__exit__, None, None, None)
        self.gateway = self.store.gateway
        self.authority = Authority(self.store.folder, "store")
        self.ports = {name: free_port() for name in
                      ("accounts", "six", "tls", "certificates")}
        self.files = self.store.folder / "tls"
        self.files.mkdir(mode=0o700)
        self.store.accounts.add("till-1", certificate=True)
        self.store.accounts.add("till-2")

    def put_files(self):
        pem, key = self.authority.issue(
            "server", "DNS:localhost,IP:127.0.0.1,IP:::1")
        for source, name in ((pem, "server.pem"), (key, "server.key"),
                             (self.authority.pem, "ca.pem")):
            shutil.copy(source, self.files / name)
            (self.files / name).chmod(0o600)

    def configure(self, more="", connections=1000):
        port = self.ports
        self.store.config_path.write_text(self.store.config_path.read_text(
        ).replace(
            f'listen: "127.0.0.1:{self.store.broker_port}"',
            "listen: ["
            f'{{address: "127.0.0.1:{self.store.broker_port}", anonymous: true}},'
            f'{{address: "127.0.0.1:{port["accounts"]}", connections: '
            f'{connections}}},'
            f'{{address: "[::1]:{port["six"]}"}},'
            f'{{address: "127.0.0.1:{port["tls"]}", tls: true}},'
            f'{{address: "[::1]:{port["certificates"]}", tls: true, '
            'certificates: true}],'
            f" tls: {{cert_file: {self.files}/server.pem, key_file: "
            f"{self.files}/server.key, ca_file: {self.files}/ca.pem, "
            f"crl_file: {self.files}/crl.pem}}{more}"))

    def start(self, **options):
        self.configure(**options)
        self.gateway.start().wait_up()

    def sells(self, order):
        device = Device(self.store, "till-9")
        device.send(device.order(order))
        device.wait_accepted([f"e-{order}"])
        device.close()

    def enters(self, name, where, host="127.0.0.1", tls=None, user=None,
               client_id=None, protocol=mqtt.MQTTv311):
        """An order over that listener is accepted; "" or why not."""
        client = mqtt.Client(client_id=client_id or name, protocol=protocol)
        password = self.store.accounts.passwords.get(user or "")
        if user:
            client.username_pw_set(user, password)
        if tls:
            client.tls_set_context(tls)
        ended, said = threading.Event(), []

        def on_connect(_client, _self, _flags, code, *_):
            said.append(code)
            if code != 0:
                ended.set()
                return
            client.subscribe(f"shopme/s1/{name}/receipts", 1)

        def on_subscribe(*_):
            client.publish(f"shopme/s1/{name}/orders", json.dumps(
                Device.order(self.unconnected(name),
                             f"{name}-{where}-{len(lines(self.gateway, ''))}")),
                qos=1)

        def on_message(_client, _self, message):
            said.append(json.loads(message.payload)["accepted"])
            ended.set()

        client.on_connect, client.on_subscribe = on_connect, on_subscribe
        client.on_message = on_message
        try:
            client.connect(host, self.ports.get(where, self.store.broker_port))
        except (OSError, ssl.SSLError) as error:
            return str(error)
        client.loop_start()
        ok = ended.wait(10)
        client.disconnect()
        client.loop_stop()
        return "" if ok and said[0] == 0 and said[-1] else f"{ok} {said}"

    def unconnected(self, name):
        device = Device.__new__(Device)
        device.store, device.name = self.store, name
        return device


class Listeners(ListenersCase):
    def test_each_one(self):
        self.put_files()
        self.start()
        trust = context_for(self.authority)
        own = self.authority.issue("till-1", "DNS:till-1")
        mine = context_for(self.authority, own)
        self.sells("plain")
        for protocol in (mqtt.MQTTv311, mqtt.MQTTv5):
            self.assertEqual("", self.enters(
                "till-2", "accounts", user="till-2", protocol=protocol))
            self.assertEqual("", self.enters(
                "till-2", "six", host="::1", user="till-2", protocol=protocol,
                client_id="any-other-id"))
            self.assertEqual("", self.enters(
                "till-2", "tls", tls=trust, user="till-2", protocol=protocol))
            self.assertEqual("", self.enters(
                "till-1", "certificates", host="::1", tls=mine,
                protocol=protocol))
        self.store.accounts.passwords["till-2"] += "x"
        self.assertNotEqual("", self.enters("till-2", "accounts",
                                            user="till-2"))
        self.assertNotEqual("", self.enters(
            "till-2", "certificates", host="::1", tls=trust, user="till-2"))
        self.assertEqual(broker_of(self.gateway)["reason"], "")
        for version, works in ((ssl.TLSVersion.TLSv1_2, True),
                               (ssl.TLSVersion.TLSv1_3, True)):
            with socket.create_connection(
                    ("127.0.0.1", self.ports["tls"]), 5) as plain, \
                    context_for(self.authority, version=version).wrap_socket(
                        plain, server_hostname="localhost") as secure:
                self.assertEqual(works, secure.version() is not None)
        done = subprocess.run(
            ["openssl", "s_client", "-connect",
             f"127.0.0.1:{self.ports['tls']}", "-tls1_1", "-cipher",
             "ALL:@SECLEVEL=0"], stdin=subprocess.DEVNULL, capture_output=True,
            timeout=20, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"alert protocol version", done.stderr)

    def test_connections_of_one_are_not_those_of_another(self):
        self.put_files()
        self.start(connections=3)
        flood = [socket.create_connection(
            ("127.0.0.1", self.ports["accounts"]), 5) for _ in range(20)]
        self.addCleanup(lambda: [one.close() for one in flood])
        time.sleep(0.5)
        self.assertNotEqual("", self.enters("till-2", "accounts", user="till-2"))
        self.assertEqual("", self.enters("till-2", "six", host="::1",
                                         user="till-2"))
        self.sells("beside-a-flood")

    def alive(self, where, count, host="127.0.0.1"):
        """So many connect there, and say nothing: who is still there then? The
        broker has accepted and ended in a moment."""
        crowd = [socket.create_connection((host, self.ports[where]), 5)
                 for _ in range(count)]
        self.addCleanup(lambda: [one.close() for one in crowd])

        def is_open(one):
            one.setblocking(False)
            try:
                return one.recv(1) != b""
            except BlockingIOError:
                return True
            except OSError:
                return False
        time.sleep(1)
        return [one for one in crowd if is_open(one)]

    def test_the_bound_holds_when_many_have_come_and_gone(self):
        """Mosquitto 2.0.11 counts each end of a connection twice, so its own
        bound grows by one each time."""
        self.put_files()
        self.start(connections=3)
        for _ in range(30):
            socket.create_connection(
                ("127.0.0.1", self.ports["accounts"]), 5).close()
        stays = mqtt.Client(client_id="till-2")
        stays.username_pw_set("till-2", self.store.accounts.passwords["till-2"])
        stays.connect("127.0.0.1", self.ports["accounts"])
        stays.loop_start()
        self.addCleanup(stays.loop_stop)
        wait_for("till-2 is in", stays.is_connected)
        gone = []
        stays.on_disconnect = lambda *_: gone.append(1)
        for _ in range(2):
            time.sleep(1)
            crowd = self.alive("accounts", 20)
            self.assertEqual(len(crowd), 2)
            self.assertIn("guard refused why=connections", self.gateway.log())
            for one in crowd:
                one.close()
        self.assertEqual(gone, [])
        self.assertEqual(len(self.alive("six", 20, "::1")), 20)
        self.sells("beside-a-crowd")
        stays.disconnect()

    def test_a_session_without_a_user_ends(self):
        """In 14 days; here it is only seen that the broker was told."""
        self.start()
        conf = (self.store.folder / "data/broker/mosquitto.conf").read_text()
        self.assertIn("persistent_client_expiration 14d\n", conf)


class AuthorityTest(ListenersCase):
    def test_one_is_added_and_one_taken_away(self):
        """Adding cuts nobody. Whose authority is taken out of ca_file is out,
        connected or not: Mosquitto alone trusts it until its end."""
        other = Authority(self.store.folder, "other")
        self.put_files()
        self.start()
        old, new = (context_for(self.authority, authority.issue(
            "till-1", "DNS:till-1")) for authority in (self.authority, other))

        def enters(context):
            return self.enters("till-1", "certificates", host="::1",
                               tls=context)

        def set_authorities(*authorities):
            (self.files / "ca.pem").write_text("".join(
                authority.pem.read_text() for authority in authorities))
            self.gateway.process.send_signal(signal.SIGHUP)

        self.assertEqual("", enters(old))
        self.assertNotEqual("", enters(new))
        stays = mqtt.Client(client_id="till-1")
        stays.tls_set_context(old)
        gone = threading.Event()
        stays.on_disconnect = lambda *_: gone.set()
        stays.connect("::1", self.ports["certificates"])
        stays.loop_start()
        set_authorities(self.authority, other)
        pem = self.store.folder / "data/identity/current/ca.pem"
        wait_for("both are in force", lambda:
                 pem.read_text().count("BEGIN CERTIFICATE") == 2, 20)
        self.assertFalse(gone.wait(2))
        set_authorities(other)
        self.assertTrue(gone.wait(20), "who is connected is not cut")
        stays.loop_stop()
        wait_for("the new one's are let in", lambda: enters(new) == "", 30)
        self.assertNotEqual("", enters(old))
        self.gateway.wait_up()
        self.assertEqual(self.gateway.status()["broker"]["restarts"], 0)
        self.assertEqual(lines(self.gateway, "session lost"), [])
        self.sells("after")


class AwayTest(ListenersCase):
    def is_away(self, words):
        self.assertFalse(can_connect(self.ports["tls"]))
        self.assertTrue(can_connect(self.ports["accounts"]))
        reason = seen_everywhere(self.store, "tls-unusable")
        self.assertIn(words, reason["text"])
        self.sells(f"sold-{time.monotonic_ns()}")

    def comes(self):
        wait_for("it listens by TLS", lambda: can_connect(self.ports["tls"]), 30)
        self.gateway.wait_up()
        self.assertEqual("", self.enters(
            "till-2", "tls", tls=context_for(self.authority), user="till-2"))
        wait_for("the condition is gone", lambda: not any(
            reason["code"] == "tls-unusable" for reason in
            self.gateway.status()["verdict"]["reasons"]))

    def reload(self):
        self.gateway.process.send_signal(signal.SIGHUP)

    def test_files_that_come_later(self):
        self.start()
        self.is_away("server.pem")
        pid = self.gateway.status()["broker"]["restarts"]
        self.put_files()
        self.reload()
        self.comes()
        # As planned: that was no end of the broker's by itself.
        self.assertEqual(self.gateway.status()["broker"]["restarts"], pid)
        self.assertEqual(lines(self.gateway, "session lost"), [])

    def test_files_of_no_use(self):
        self.put_files()
        (self.files / "server.key").write_text("no key\n")
        self.start()
        self.is_away("key_file")
        self.put_files()
        self.reload()
        self.comes()
        # While it runs, a broken file changes nothing.
        (self.files / "server.pem").write_text("no certificate\n")
        self.reload()
        time.sleep(2)
        self.assertEqual("", self.enters(
            "till-2", "tls", tls=context_for(self.authority), user="till-2"))

    def test_a_certificate_is_renewed(self):
        """Nobody is cut, and the next handshake has the new one."""
        self.put_files()
        self.start()

        def serial():
            with socket.create_connection(
                    ("127.0.0.1", self.ports["tls"]), 5) as plain, \
                    context_for(self.authority).wrap_socket(
                        plain, server_hostname="localhost") as secure:
                return secure.getpeercert()["serialNumber"]

        client = mqtt.Client(client_id="till-2")
        client.username_pw_set("till-2", self.store.accounts.passwords["till-2"])
        client.tls_set_context(context_for(self.authority))
        gone, here = [], threading.Event()
        client.on_connect = lambda *_: here.set()
        client.on_disconnect = lambda *_: gone.append(1)
        client.connect("127.0.0.1", self.ports["tls"])
        client.loop_start()
        self.assertTrue(here.wait(10))
        first = serial()
        self.put_files()
        self.reload()
        wait_for("the new certificate is shown", lambda: serial() != first, 20)
        # Also while the accounts are damaged, which stay as they are.
        accounts = self.store.folder / "data/identity/current/accounts"
        good = accounts.read_bytes()
        bad = good.replace(b"device", b"devise", 1)
        accounts.write_bytes(bad)
        second = serial()
        self.put_files()
        self.reload()
        wait_for("the next certificate is shown", lambda: serial() != second,
                 20)
        self.assertEqual(accounts.read_bytes(), bad)
        seen_everywhere(self.store, "accounts-damaged")
        accounts.write_bytes(good)
        self.reload()
        wait_for("the accounts are read", lambda: not any(
            reason["code"] == "accounts-damaged" for reason in
            self.gateway.status()["verdict"]["reasons"]))
        self.assertEqual(gone, [])
        client.disconnect()
        client.loop_stop()


class ClockTest(AwayTest):
    test_files_that_come_later = None
    test_files_of_no_use = None
    test_a_certificate_is_renewed = None

    def setUp(self):
        self.shift = pathlib.Path(tempfile.mkstemp(prefix="edge-shift-")[1])
        self.addCleanup(self.shift.unlink)
        self.shift.write_text("0")
        self.environment = {"LD_PRELOAD": str(SHIM),
                            "EDGE_CLOCK_SHIFT": str(self.shift)}
        super().setUp()

    def test_a_clock_at_1970(self):
        self.put_files()
        self.shift.write_text(str(-int(time.time()) + 3600))
        self.start()
        self.is_away("clock")
        self.shift.write_text("0")
        self.comes()


class BigTest(ListenersCase):
    def test_one_message_too_big(self):
        """Up to the broker's bound it is told by name; beyond it is logged."""
        self.start()
        device = Device(self.store, "till-9")
        for size in (MIB, 3 * MIB, 8 * MIB - 4096):
            event = device.order(f"big-{size}")
            event["data"]["pad"] = "x" * size
            device.send(event)
        device.send(device.order("behind"))
        device.wait_accepted(["e-behind"])
        wait_for("each is refused by name", lambda: {
            item["id"] for item in device.rejected} == {
                f"e-big-{size}" for size in (MIB, 3 * MIB, 8 * MIB - 4096)})
        event = device.order("huge")
        event["data"]["pad"] = "x" * 8 * MIB
        device.send(event)
        said = wait_for("the log says so", lambda: lines(
            self.gateway, "broker oversize"), 20)
        self.assertIn(f'client="till-9-{os.getpid()}"', said[0])
        device.close()
        self.sells("after")

    def test_who_goes_first(self):
        """When memory is short Linux ends the broker, not the gateway."""
        self.start()

        def score(pid):
            return int(pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text())

        gateway = self.gateway.process.pid
        broker = subprocess.run(["pgrep", "-P", str(gateway), "mosquitto"],
                                capture_output=True, text=True, check=True)
        self.assertEqual(score(broker.stdout.split()[0]),
                         min(1000, score(gateway) + 500))

    def test_what_mosquitto_is_made_to_say(self):
        """It says a line for each PUBREC of a message that it never sent, four
        bytes: they do not fill the disk, and the store sells on."""
        self.start()
        name, password = (text.encode() for text in (
            "till-2", self.store.accounts.passwords["till-2"]))
        body = b"\0\4MQTT\4\xc2\0\0" + b"".join(
            len(text).to_bytes(2, "big") + text
            for text in (name, name, password))
        with socket.create_connection(
                ("127.0.0.1", self.ports["accounts"])) as link:
            link.sendall(bytes([0x10, len(body)]) + body)
            self.assertEqual(link.recv(4), b"\x20\2\0\0")
            at = len(self.gateway.log())
            started = time.monotonic()
            for _ in range(40):
                link.sendall(bytes([0x50, 2, 0, 9]) * 500)
                answered = 0
                while answered < 2000:
                    answered += len(link.recv(65536))
            self.sells("meanwhile")
            seconds = time.monotonic() - started
            time.sleep(1.1)
            link.sendall(bytes([0x50, 2, 0, 9]))
            wait_for("what was left out is counted", lambda:
                     "broker lines not_logged=" in self.gateway.log()[at:], 20)
        said = self.gateway.log()[at:].count("unknown packet identifier")
        self.assertGreater(said, 0)
        self.assertLessEqual(said, 50 * (seconds + 3))


class AddressAway(unittest.TestCase):
    def test_an_address_that_comes_later(self):
        """It keeps no other listener shut, and is named until it is there."""
        probe = pathlib.Path(__file__).with_name("address_probe.py")
        done = subprocess.run(
            ["unshare", "-rn", "sh", "-c",
             f"ip link set lo up && exec /usr/bin/python3 '{probe}'"],
            text=True, capture_output=True, timeout=200)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class PluginAway(unittest.TestCase):
    def test_nobody_is_let_in_without_it(self):
        with Store(cloud=False) as store:
            folder = store.folder / "bin"
            folder.mkdir()
            store.gateway.program = folder / "shopme-edge"
            shutil.copy(EDGE, store.gateway.program)
            done = subprocess.run(
                [store.gateway.program, "check", "--config", store.config_path],
                capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("no shopme-edge-broker.so in", done.stderr)
            store.gateway.start()
            reason = wait_for("the verdict says so", lambda: next(
                (reason for reason in (store.gateway.status() or {
                    "verdict": {"reasons": []}})["verdict"]["reasons"]
                 if reason["code"] == "broker-closed" and
                 "no shopme-edge-broker.so in" in reason["text"]), None))
            self.assertIn("install", reason["text"])
            self.assertFalse(can_connect(store.broker_port))
            # It comes back once it is there: the gateway waits.
            (folder / "../lib/shopme-edge").mkdir(parents=True)
            shutil.copy(EDGE.parent / "shopme-edge-broker.so",
                        folder / "../lib/shopme-edge")
            store.gateway.wait_up()


if __name__ == "__main__":
    unittest.main()

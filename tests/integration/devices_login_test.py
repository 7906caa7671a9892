# SPDX-License-Identifier: Apache-2.0
"""Goal: the simulated devices prove who they are, over TLS by certificate and by
password, with MQTT 3.1.1 and 5, and say what is wrong if they cannot. Method:
a real Mosquitto whose rights depend on the name; certificates made here."""

import contextlib
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from certificates import Authority
from edge import DEVICES, can_connect, free_port, wait_for
from fake_gateway import FakeGateway

NAMES = ("scanner-1", "terminal-1", "till-1", "till-2", "sensor-1")
FLEET = ("--tills", 2, "--scanners", 1, "--terminals", 1, "--sensors", 1)
ONE_TILL = ("--tills", 1, "--scanners", 0, "--terminals", 0, "--sensors", 0)
SHORT = (*ONE_TILL, "--rate", 1, "--seconds", 1, "--patience", 1)

CONFIG = """\
per_listener_settings true
persistence false
max_queued_messages 100000
log_dest file {folder}/broker.log
log_type all

listener {plain} 127.0.0.1
allow_anonymous true

listener {by_certificate} 127.0.0.1
cafile {folder}/ca.pem
certfile {folder}/server.pem
keyfile {folder}/server.key
require_certificate true
use_identity_as_username true
acl_file {folder}/acl

listener {elsewhere} 127.0.0.1
cafile {folder}/ca.pem
certfile {folder}/elsewhere.pem
keyfile {folder}/elsewhere.key
allow_anonymous true

listener {by_password} 127.0.0.1
cafile {folder}/ca.pem
certfile {folder}/server.pem
keyfile {folder}/server.key
password_file {folder}/passwords
acl_file {folder}/acl
"""


class Proxy:
    """Passes TCP on to the broker; cut() ends it until mend()."""

    def __init__(self, port):
        self._to = port
        self._cut = False
        self._lock = threading.Lock()
        self._open = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                with self._lock:
                    if self._cut:
                        near.close()
                        continue
                    far = socket.create_connection(("127.0.0.1", self._to))
                    self._open += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=pair,
                                     daemon=True).start()

    @staticmethod
    def _pass(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self):
        with self._lock:
            self._cut = True
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self):
        self._cut = False

    def close(self):
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for end in (self._listener, *self._open):
            end.close()


class LoginTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="devices-login-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.authority = Authority(cls.folder)
        cls.other = Authority(cls.folder, "other")
        cls.authority.issue(cls.folder, "server",
                            hosts="IP:127.0.0.1,DNS:localhost")
        cls.authority.issue(cls.folder, "elsewhere", hosts="DNS:elsewhere")
        cls.certificates = cls.folder / "certificates"
        cls.passwords = cls.folder / "by-password"
        cls.certificates.mkdir()
        cls.passwords.mkdir()
        lines = []
        for name in NAMES:
            cls.authority.issue(cls.certificates, name)
            password = secrets.token_urlsafe(16)
            cls.write_password(cls.passwords / f"{name}.password", password)
            lines.append(f"{name}:{password}\n")
        known = cls.folder / "passwords"
        known.write_text("".join(lines))
        known.chmod(0o600)
        subprocess.run(["mosquitto_passwd", "-U", known], check=True)
        (cls.folder / "acl").write_text(
            "pattern readwrite shopme/s1/%u/#\n")
        cls.broker = None
        cls.start_broker()
        cls.addClassCleanup(cls.stop_broker)

    @classmethod
    def start_broker(cls):
        cls.plain, cls.tls, cls.by_password, cls.elsewhere = (
            free_port() for _ in range(4))
        config = cls.folder / "mosquitto.conf"
        config.write_text(CONFIG.format(
            folder=cls.folder, plain=cls.plain, by_certificate=cls.tls,
            by_password=cls.by_password, elsewhere=cls.elsewhere))
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
        # (Run by root, Mosquitto would become a user who may not read these.)
        words = ["user root\n"] if os.geteuid() == 0 else []
        config.write_text("".join(words) + config.read_text())
        cls.broker = subprocess.Popen(
            [program, "-c", config], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for port in (cls.plain, cls.tls, cls.by_password):
            wait_for("the broker listens", lambda at=port: can_connect(at))

    @classmethod
    def stop_broker(cls):
        cls.broker.kill()
        cls.broker.wait()

    @staticmethod
    def write_password(path, password, mode=0o600):
        path.write_text(password + "\n")
        path.chmod(mode)

    def setUp(self):
        self.mine = pathlib.Path(tempfile.mkdtemp(prefix="devices-"))
        self.addCleanup(shutil.rmtree, self.mine)

    def gateway(self, **options):
        gateway = FakeGateway(self.plain, **options).start()
        self.addCleanup(gateway.stop)
        self.assertTrue(gateway.ready.wait(10), "the fake gateway is up")
        return gateway

    def spawn(self, port, *options):
        process = subprocess.Popen(
            [DEVICES, "--broker", f"127.0.0.1:{port}", "--store", "s1",
             "--report", self.mine / "report.json", *map(str, options)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def finish(self, process, code):
        out, self.err = process.communicate(timeout=150)
        self.assertEqual(process.returncode, code, out + self.err)
        return json.loads((self.mine / "report.json").read_text())

    def with_tls(self, folder, ca=None):
        return ("--tls", "--ca", ca or self.authority.path, "--identity",
                folder)

    def broker_log(self):
        return (self.folder / "broker.log").read_text(errors="replace")

    # Everybody comes as who they are, and their orders end.
    def test_fleet(self):
        for port, folder in ((self.tls, self.certificates),
                             (self.by_password, self.passwords)):
            for version in (3, 5):
                with self.subTest(folder=folder.name, mqtt=version):
                    begun = len(self.broker_log())
                    gateway = self.gateway(seed=version)
                    process = self.spawn(
                        port, *FLEET, *self.with_tls(folder), "--mqtt",
                        version, "--rate", 60, "--orders", 60, "--readings",
                        30)
                    while process.poll() is None:
                        gateway.ask_open()
                        time.sleep(0.2)
                    report = self.finish(process, 0)
                    gateway.stop()
                    self.assertEqual(gateway.faults, [])
                    self.assertEqual(report["placed"], 60)
                    self.assertEqual(report["reconnects"], 0)
                    self.assertEqual(report["receipts"], len(gateway.events))
                    came = self.broker_log()[begun:]
                    protocol = {3: 2, 5: 5}[version]  # as Mosquitto has it
                    for name in NAMES:
                        self.assertRegex(came, rf" as {name} "
                                         rf"\(p{protocol}, .*u'{name}'")

    # Retained status: online while it runs, offline after, and offline by the
    # last will if it is killed. One that has no name of its own leaves none.
    def test_status(self):
        gateway = self.gateway()

        def all_are(state):
            return {name: gateway.status.get(name) for name in NAMES} == (
                dict.fromkeys(NAMES, state))

        for how in (signal.SIGTERM, signal.SIGKILL):
            process = self.spawn(self.tls, *FLEET,
                                 *self.with_tls(self.certificates))
            wait_for("all are online", lambda: all_are("online"))
            process.send_signal(how)
            process.wait(30)
            wait_for("all are offline", lambda: all_are("offline"))
        gateway.status.clear()
        process = self.spawn(self.plain, *FLEET, "--terminals", 0,
                             "--orders", 3)
        self.finish(process, 0)
        self.assertEqual(gateway.status, {})

    # A flood of receipts in few TLS records: none is left unread in OpenSSL.
    def test_many_receipts_at_once(self):
        gateway = self.gateway()
        process = self.spawn(self.tls, *ONE_TILL,
                             *self.with_tls(self.certificates), "--rate",
                             5000, "--orders", 3000)
        report = self.finish(process, 0)
        self.assertEqual(gateway.faults, [])
        self.assertEqual(report["placed"], 3000)
        self.assertEqual(report["receipts"], len(gateway.events))

    def away(self, version):
        """A till is cut off; meanwhile it is told once how its order ended."""
        gateway = self.gateway(lose_notices=1.0)
        proxy = Proxy(self.tls)
        self.addCleanup(proxy.close)
        process = self.spawn(proxy.port, *ONE_TILL,
                             *self.with_tls(self.certificates), "--mqtt",
                             version, "--orders", 1, "--rate", 5,
                             "--patience", 8)
        wait_for("the order", lambda: len(gateway.orders) == 1)
        time.sleep(0.5)  # its receipt
        proxy.cut()
        wait_for("the till is away", lambda: gateway.status.get("till-1")
                 == "offline")
        order_id = next(iter(gateway.orders))
        gateway._publish("till-1", "notices", json.dumps(
            {"type": "OrderFulfiled", "subject": order_id, "id": "told",
             "data": {"orderId": order_id}}))
        time.sleep(0.5)
        proxy.mend()
        return process, gateway

    # With MQTT 5 the broker keeps what it had for a till that was away, and
    # nothing of one that said goodbye; with 3.1.1 it keeps nothing.
    def test_session(self):
        begun = len(self.broker_log())
        process, gateway = self.away(5)
        report = self.finish(process, 0)
        self.assertEqual(report["fulfiled"], 1)
        gateway.stop()
        self.assertIn("Sending CONNACK to till-1 (1, 0)",
                      self.broker_log()[begun:])
        process, gateway = self.away(3)
        report = self.finish(process, 1)
        self.assertEqual(report["open"], 1)

    def test_session_ends_with_a_goodbye(self):
        gateway = self.gateway()
        process = self.spawn(self.tls, *ONE_TILL, "--mqtt", 5,
                             *self.with_tls(self.certificates))
        wait_for("the till", lambda: gateway.status.get("till-1") == "online")
        process.send_signal(signal.SIGTERM)
        self.finish(process, process.wait(30))
        begun = len(self.broker_log())
        process = self.spawn(self.tls, *SHORT, "--mqtt", 5,
                             *self.with_tls(self.certificates))
        process.wait(30)
        came = self.broker_log()[begun:]
        self.assertIn("Sending CONNACK to till-1 (0, 0)", came)
        self.assertNotIn("Sending CONNACK to till-1 (1, 0)", came)

    def refused(self, port, *options):
        """What the devices say, at most once a second."""
        process = self.spawn(port, *SHORT, *options)
        self.finish(process, 1)
        self.assertLessEqual(len(self.err.splitlines()), 6, self.err)
        return self.err

    # A broker that refuses, or is not the right one: TLS's own words.
    def test_refused(self):
        wrong = self.mine / "wrong"
        wrong.mkdir()
        ca = self.authority.path
        cases = []

        def issue(authority, **dates):
            folder = self.mine / secrets.token_hex(4)
            folder.mkdir()
            authority.issue(folder, "till-1", **dates)
            return self.with_tls(folder)

        self.write_password(wrong / "till-1.password", "of somebody else")
        cases += [
            ("password", self.by_password, self.with_tls(wrong),
             "not authorised"),
            ("password, 5", self.by_password,
             (*self.with_tls(wrong), "--mqtt", 5), "Not authorized"),
            ("expired", self.tls, issue(self.authority, begins=-9, ends=-2),
             "till-1.pem expired on 20"),
            ("not yet", self.tls, issue(self.authority, begins=2),
             "till-1.pem is not valid before 20"),
            ("another authority", self.tls, issue(self.other),
             "the certificate"),
            ("no certificate", self.tls,
             ("--tls", "--ca", ca, "--user", "till-1", "--password-file",
              wrong / "till-1.password"), "a certificate?|the certificate"),
            ("a broker of another", self.tls,
             self.with_tls(self.certificates, self.other.path),
             "certificate verify failed: "),
            ("no TLS there", self.plain, self.with_tls(self.certificates),
             " TLS port"),
            ("the system's authorities", self.tls,
             ("--tls", "--identity", self.certificates),
             "certificate verify failed: "),
        ]
        for name, port, options, words in cases:
            with self.subTest(name):
                self.assertRegex(self.refused(port, *options), words)
        with self.subTest("plain, to a TLS port"):
            self.assertIn("not_connected", self.refused(self.tls))
        with self.subTest("by a name that its certificate has not"):
            self.assertIn("names another host", self.refused(
                self.elsewhere, *self.with_tls(self.certificates)))

    # A renewed certificate is used at the next connection.
    def test_renewed(self):
        folder = self.mine / "renewed"
        folder.mkdir()
        self.authority.issue(folder, "till-1", begins=-9, ends=-2)
        gateway = self.gateway()
        process = self.spawn(self.tls, *ONE_TILL, *self.with_tls(folder),
                             "--orders", 3)
        time.sleep(1)
        self.assertIsNone(process.poll())
        (folder / "till-1.pem").unlink()
        time.sleep(2.5)
        self.authority.issue(folder, "till-1")
        report = self.finish(process, 0)
        self.assertIn("till-1.pem: No such file", self.err)
        self.assertEqual(report["placed"], 3)
        self.assertEqual(gateway.faults, [])

    # What cannot work is said before anything is connected.
    def test_files(self):
        folder = self.mine / "files"
        folder.mkdir()
        path, key = self.authority.issue(folder, "till-1")
        other_path, other_key = self.authority.issue(self.mine, "other")
        ca = self.authority.path
        empty = self.mine / "empty"
        empty.write_text("\n")
        empty.chmod(0o600)
        readable = self.mine / "readable"
        self.write_password(readable, "of all the people", 0o644)
        tls = ("--tls", "--ca", ca)
        missing = self.mine / "missing"
        nothing = self.mine / "nothing"
        nothing.mkdir()
        encrypted = self.mine / "encrypted"
        subprocess.run(["openssl", "ec", "-aes256", "-passout", "pass:secret",
                        "-in", key, "-out", encrypted], check=True,
                       capture_output=True)
        encrypted.chmod(0o600)
        cases = [
            ((*tls, "--cert", missing, "--key", key), f"{missing}: No such"),
            ((*tls, "--cert", path, "--key", missing), f"{missing}: No such"),
            (("--tls", "--ca", missing), f"{missing}: No such"),
            (("--tls", "--ca", key), "expected a certificate in PEM"),
            ((*tls, "--cert", path, "--key", other_key),
             f"{other_key} is not the key of the certificate {path}"),
            ((*tls, "--cert", path, "--key", encrypted), "not encrypted"),
            (("--user", "till-1", "--password-file", missing),
             f"{missing}: No such"),
            (("--user", "till-1", "--password-file", empty),
             "a password of 1 to 256 bytes"),
            (("--user", "till-1", "--password-file", readable),
             f"(mode 0644): chmod 600 {readable}"),
            ((*tls, "--identity", nothing),
             f"till-1 has no identity: no file {nothing}/till-1.password, "
             f"nor {nothing}/till-1.pem"),
            (("--identity", folder), "--tls is needed"),
        ]
        for options, words in cases:
            with self.subTest(words):
                done = subprocess.run(
                    [DEVICES, "--broker", f"127.0.0.1:{self.tls}", "--store",
                     "s1", *map(str, (*ONE_TILL, *options))],
                    capture_output=True, text=True, timeout=30)
                self.assertEqual(done.returncode, 1)
                self.assertIn(words, done.stderr)
        key.chmod(0o640)
        done = subprocess.run(
            [DEVICES, "--broker", f"127.0.0.1:{self.tls}", "--store", "s1",
             *map(str, (*ONE_TILL, *tls, "--identity", folder))],
            capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{key} holds a secret and others may use it (mode "
                      f"0640): chmod 600 {key}", done.stderr)

    # A broker that accepts and says nothing costs nothing while it is waited
    # for, and is given up.
    def test_silent_broker(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        process = self.spawn(listener.getsockname()[1], *ONE_TILL,
                             *self.with_tls(self.certificates), "--seconds",
                             6, "--patience", 0, "--rate", 0.1)
        time.sleep(6)
        fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text()
        fields = fields.rpartition(")")[2].split()
        used_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        self.finish(process, process.wait(30))
        self.assertIn("no answer in time", self.err)
        self.assertLess(used_s, 1.5)

    # No password where others can read it.
    def test_no_password_in_sight(self):
        gateway = self.gateway()
        process = self.spawn(self.by_password, *ONE_TILL, "--rate", 5,
                             *self.with_tls(self.passwords))
        wait_for("the till", lambda: gateway.status.get("till-1") == "online")
        password = (self.passwords / "till-1.password").read_text().strip()
        seen = b"".join(pathlib.Path(f"/proc/{process.pid}/{name}").read_bytes()
                        for name in ("cmdline", "environ"))
        self.assertNotIn(password.encode(), seen)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        self.assertNotIn(password, out + err)


if __name__ == "__main__":
    unittest.main()

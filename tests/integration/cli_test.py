# SPDX-License-Identifier: Apache-2.0
"""Goal: each command does what its help says, and every wrong use of one gets
a message that says what to do, on standard error, with the right exit status:
0 ok, 1 failed, 2 usage, 3 not finished.

EDGE_BIN names the program whose commands are tested (default: that of
EDGE_BUILD, which also is the running gateway)."""

import contextlib
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
import unittest

from edge import EDGE, Device, Store, can_connect, free_port, wait_for

PROGRAM = os.environ.get("EDGE_BIN", str(EDGE))
EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "config/shopme-edge.yaml"


def run(*words, **more):
    return subprocess.run([PROGRAM, *map(str, words)], text=True, timeout=60,
                          capture_output=True, stdin=subprocess.DEVNULL,
                          **more)


class FakeGateway:
    """Answers on a control socket with whatever it is told."""

    def __init__(self, path):
        self.bodies = []  # one an answer; the last one stays
        self.raw = None
        self.answers = 0
        fake = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                while self.rfile.readline().strip():
                    pass
                with contextlib.suppress(OSError):
                    self.wfile.write(fake.answer())

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True
            request_queue_size = 64

        self.server = Server(str(path), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": 0.02})
        self.thread.start()

    def answer(self):
        self.answers += 1
        if self.raw is not None:
            return self.raw
        body = self.bodies.pop(0) if len(self.bodies) > 1 else self.bodies[0]
        text = json.dumps(body).encode()
        return (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text)
                + text)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def stream(name="orders", link="online", end=10, cursor=10, **more):
    return {"name": name, "link": link, "end": end, "cursor": cursor,
            "backlog": end - cursor, "oldest_age_s": None, "since": None,
            "last_error": "", "rejected": 0, "duplicates": 0,
            "refused": 0} | more


def verdict(level="ok", *reasons):
    return {"level": level, "since": "2026-11-18T11:06:40Z",
            "reasons": list(reasons)}


def reason(code="cloud-offline", level="degraded", **more):
    return {"code": code, "level": level, "text": f"text of {code}",
            "action": f"do against {code}", "restart_helps": False,
            "since": "2026-11-18T11:06:40Z"} | more


def forecast(in_=0, out=0, full=None, drained=None, flash=0):
    return {"bytes_in_per_s": in_, "bytes_out_per_s": out, "full_in_s": full,
            "drained_in_s": drained, "flash_bytes_per_day": flash}


def status(*streams, **more):
    return {"store": "s1", "version": "0.0.0", "uptime_s": 7300,
            "verdict": verdict(), "streams": list(streams),
            "broker": {"up": True, "port": 1883, "restarts": 0},
            "orders": {"placed": 3, "open": 1, "fulfiled": 2, "cancelled": 0,
                       "rejected": 0}} | more


class CommandTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="edge-cli-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.config = self.folder / "edge.yaml"
        self.config.write_text(f"store: s1\ndata: {self.folder}\n")

    def fake(self):
        fake = FakeGateway(self.folder / "control.sock")
        self.addCleanup(fake.stop)
        return fake

    def failed(self, done, code, *words):
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        self.assertEqual(done.stdout, "")
        for word in words:
            self.assertIn(word, done.stderr)


class UsageTest(CommandTest):
    def test_wrong_words(self):
        """Exit 2 with what was wrong and where the help is."""
        for words, said in (
                ([], "usage: shopme-edge COMMAND"),
                (["frobnicate"], 'no command "frobnicate"'),
                (["--wrong"], 'no command "--wrong"'),
                (["check", "--wrong"], 'no option "--wrong"'),
                (["check", "--wrong=1"], 'no option "--wrong"'),
                (["check", "file.yaml"], 'unexpected argument "file.yaml"'),
                (["check", "-c", "x"], 'unexpected argument "-c"'),
                (["check", "--config"], "--config needs a value"),
                (["check", "--config="], "--config needs a value"),
                (["check", "--config", "--print"], "--config needs a value"),
                (["check", "--describe=yes"], "--describe takes no value"),
                (["status", "--jsn"], 'no option "--jsn"'),
                (["status", "now"], 'unexpected argument "now"'),
                (["status", "--config"], "--config needs a value"),
                (["sync", "--all"], 'no option "--all"'),
                (["sync", "--cursor", "x"], "--cursor needs --data"),
                (["sync", "--timeout"], "--timeout needs a value"),
                (["sync", "--timeout", "soon"], '--timeout is "soon"'),
                (["sync", "--timeout", "-1"], '--timeout is "-1"'),
                (["sync", "--timeout", "1.5"], "give a whole number from 0"),
                (["sync", "--timeout", "99999999999999999999999"],
                 "give a whole number"),
                (["journal"], "usage: shopme-edge journal COMMAND"),
                (["journal", "eat"], 'no command "eat"'),
                (["device"], "usage: shopme-edge device COMMAND"),
                (["device", "eat"], 'no command "eat"'),
                (["pki"], "usage: shopme-edge pki COMMAND"),
                (["pki", "eat"], 'no command "eat"'),
                (["journal", "cat", "orders"], "unexpected argument"),
                (["journal", "cat", "--form", "1"], 'no option "--form"'),
                (["journal", "cat", "--from"], "--from needs a value"),
                (["journal", "cat", "--from", "x"], '--from is "x"'),
                (["journal", "cat", "--to", "18446744073709551616"],
                 "--to is"),
                (["journal", "cat", "--type"], "--type needs a value"),
                (["journal", "cat", "--config", "a", "--data", "b"],
                 "not both"),
                (["journal", "list", "--config", "a", "--data", "b"],
                 "not both"),
                (["journal", "stats", "orders"], "unexpected argument"),
                (["journal", "verify", "--all"], 'no option "--all"'),
                (["journal", "repair", "--all"], 'no option "--all"'),
                (["journal", "repair", "--config", "a", "--data", "b"],
                 "not both"),
                (["journal", "repair", "orders"], "unexpected argument"),
                (["journal", "replay", "--stream", "a"], "go with --data"),
                (["journal", "replay", "--currency", "EUR"], "go with --data"),
                (["journal", "replay", "--data", "a", "--currency", "EURO"],
                 '--currency is "EURO"'),
                (["journal", "replay", "--data", "a", "--config", "b"],
                 "give --config or --data"),
                (["journal", "replay", "--to", "all"], '--to is "all"'),
                (["run", "--wrong"], "shopme-edge run --help"),
                (["run", "now"], "unexpected argument")):
            with self.subTest(words=words):
                done = run(*words)
                self.failed(done, 2, said)
                if words and words[0] in ("check", "status", "sync"):
                    self.assertIn(f"shopme-edge {words[0]} --help",
                                  done.stderr)

    def test_help(self):
        """Each command explains itself on standard output, exit 0, also
        behind other words."""
        for words, said in (
                (["--help"], "journal"), (["run", "--help"], "SIGTERM"),
                (["check", "--help"], "--describe"),
                (["check", "--wrong", "--help"], "--describe"),
                (["status", "--help"], "--json"),
                (["sync", "--help"], "--timeout"),
                (["journal", "--help"], "cat"),
                (["device", "--help"], "passwd"),
                (["pki", "--help"], "revoke"),
                (["journal", "list", "--help"], "snapshots"),
                (["journal", "stats", "--help"], "events of each type"),
                (["journal", "verify", "--help"], "what is damaged"),
                (["journal", "repair", "--help"], "Stop the gateway first"),
                (["journal", "replay", "--help"], "each later snapshot"),
                (["journal", "cat", "--help"], "--subject")):
            with self.subTest(words=words):
                done = run(*words)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("usage: shopme-edge", done.stdout)
                self.assertIn(said, done.stdout)
                self.assertLessEqual(
                    max(map(len, done.stdout.splitlines())), 80)

    def test_version(self):
        self.assertRegex(run("--version").stdout,
                         r"^shopme-edge \d+\.\d+\.\d+\n$")

    def test_no_configuration(self):
        for words in (["check"], ["status"], ["sync"], ["journal", "cat"],
                      ["run"]):
            with self.subTest(words=words):
                done = run(*words, "--config", self.folder / "no.yaml")
                self.failed(done, 1, "no.yaml: no such file")

    def test_bad_configuration(self):
        self.config.write_text("store: s1\nstor: s1\n")
        for words in (["check"], ["status"], ["sync"], ["journal", "cat"],
                      ["run"]):
            with self.subTest(words=words):
                self.failed(run(*words, "--config", self.config), 1,
                            f"{self.config}:2:1: found the unknown key")


class CheckTest(CommandTest):
    def test_example(self):
        done = run("check", "--files-only", "--config", EXAMPLE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.splitlines()[0], f"{EXAMPLE}: ok")
        for word in ("store-7", "EventBridge bus OrderingSystemEventBus",
                     "Kinesis stream shopme-telemetry", "runs the shop",
                     "http://127.0.0.1:8080/"):
            self.assertIn(word, done.stdout)

    def test_describe(self):
        """Needs no file; names every key of the example."""
        done = run("check", "--describe")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for key in ("store:", "broker.listen:", "streams[].sink.kinesis"):
            self.assertIn(key, done.stdout)

    def test_print_is_a_fixed_point(self):
        """What --print writes is a configuration, and prints the same."""
        first = run("check", "--print", "--config", EXAMPLE)
        self.assertEqual(first.returncode, 0)
        self.config.write_text(first.stdout)
        again = run("check", "--print", "--config", self.config)
        self.assertEqual((again.returncode, again.stdout), (0, first.stdout))

    def test_external_broker(self):
        self.config.write_text("store: s\nbroker: {mode: external, address: "
                               "'mqtt.example:1883'}\nconsole: {listen: "
                               "'[::1]:8080'}\n")
        done = run("check", f"--config={self.config}")
        self.assertIn("external, mqtt.example port 1883", done.stdout)
        self.assertIn("http://[::1]:8080/", done.stdout)


class StatusTest(CommandTest):
    def test_no_gateway(self):
        """Neither without a socket nor with one that a crash left."""
        for left in (False, True):
            if left:
                FakeGateway(self.folder / "control.sock").stop()
                self.assertTrue((self.folder / "control.sock").exists())
            done = run("status", "--config", self.config)
            self.failed(done, 1, "no gateway answers on", "control.sock",
                        "shopme-edge run")
            done = run("sync", "--config", self.config)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("no stream has a sink", done.stdout)

    def test_table(self):
        fake = self.fake()
        fake.bodies = [status(
            stream(end=1234, cursor=1000, link="offline", oldest_age_s=90,
                   forecast=forecast(4096, 512, 147700, None, 1288490189)),
            stream("telemetry", "none", 5, 5, dropped=7,
                   forecast=forecast(drained=185)),
            verdict=verdict(
                "failing",
                reason("stream-full", "failing", stream="orders"),
                reason("page-away", text="no route \x1b[31m\x07\u009b" +
                       "\xe9" * 200)))]
        done = run("status", "--config", self.config)
        self.assertEqual((done.returncode, done.stderr), (4, ""))
        for line in (r"store s1, version 0\.0\.0, up 2 h",
                     r"verdict: failing since 2026-11-18T11:06:40Z",
                     r"  stream-full of orders \(failing\): text of "
                     r"stream-full\n    to do: do against stream-full",
                     r"  page-away: no route \?\[31m\?\?\?\xe9+\n"
                     r"    to do: do against page-away",
                     r"broker: up, port 1883, restarts 0",
                     r"orders: 3 placed, 1 open, 2 fulfiled, 0 cancelled.*",
                     r"orders +offline +234 +90 s +1000 +1234 +0 +0",
                     r"telemetry +none +0 +- +5 +5 +0 +0\n  7 undelivered.*",
                     r"orders +4\.0 KiB/s +512 B/s +41 h +- +1\.2 GiB/day",
                     r"telemetry +0 B/s +0 B/s +- +3 min +0 B/day"):
            self.assertRegex(done.stdout, rf"(?m)^{line}$")
        # What a far server wrote cannot steer the terminal.
        self.assertNotRegex(done.stdout, "[\x00-\x09\x0b-\x1f\x7f-\x9f]")

    def test_exit_status(self):
        """0 ok, 3 degraded, 4 failing; what cannot be read is none of them.
        Also with --json."""
        fake = self.fake()
        for given, code in ((verdict(), 0),
                            (verdict("degraded", reason()), 3),
                            (verdict("failing", reason()), 4),
                            (verdict("great"), 1), (None, 1), ("ok", 1)):
            fake.bodies = [status(stream(), verdict=given)]
            for words in ((), ("--json",)):
                with self.subTest(given=given, words=words):
                    done = run("status", *words, "--config", self.config)
                    self.assertEqual(done.returncode, code)
                    self.assertIn("store", done.stdout)
                    self.assertEqual(done.stderr != "", code == 1)

    def test_json(self):
        fake = self.fake()
        fake.bodies = [status(stream())]
        done = run("status", "--json", "--config", self.config)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(json.loads(done.stdout), fake.bodies[0])

    def test_nonsense(self):
        """An answer that is not a gateway's is never taken for one."""
        fake = self.fake()
        for raw in (b"", b"\x00" * 1000, b"HTTP/1.1 200 OK\r\n\r\n{}",
                    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}",
                    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
                    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
                    b"HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\n{}",
                    b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}",
                    b"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n{}",
                    b"HTTP/1.1 200 OK\r\nContent-Length: 0000000002\r\n\r\n{}",
                    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull",
                    b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\n{}",
                    b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\n" + b"x" * 300
                    * 1024,
                    b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" +
                    b"{" * 300 * 1024):
            fake.raw = raw
            for command in ("status", "sync"):
                with self.subTest(raw=raw[:60], command=command):
                    done = run(command, "--config", self.config)
                    self.failed(done, 1, "does not answer like a gateway")

    def test_odd_members(self):
        """A status without its members shows nothing rather than crash."""
        fake = self.fake()
        for body in ({}, {"streams": {}}, {"streams": [1, {}]},
                     {"broker": 1, "orders": [], "streams": None}):
            fake.bodies = [body]
            self.failed_after_some(run("status", "--config", self.config))

    def failed_after_some(self, done):
        self.assertEqual(done.returncode, 1)
        self.assertIn("STREAM", done.stdout)
        self.assertIn("no verdict", done.stderr)


class SyncTest(CommandTest):
    def test_waits_to_the_end(self):
        fake = self.fake()
        fake.bodies = [status(stream(end=10, cursor=c),
                              stream("telemetry", "none", 7, 7))
                       for c in (4, 6, 9, 10)]
        done = run("sync", "--config", self.config)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, "everything is in the cloud\n")
        self.assertEqual(len(fake.bodies), 1)

    def test_times_out(self):
        fake = self.fake()
        fake.bodies = [status(stream(end=10, cursor=4, link="offline"),
                              stream("telemetry", end=3, cursor=2))]
        began = time.monotonic()
        done = run("sync", "--timeout", "1", "--config", self.config)
        self.failed(done, 3, "7 events are not in the cloud", "link offline",
                    "shopme-edge status")
        self.assertGreater(time.monotonic() - began, 0.9)
        done = run("sync", "--timeout=0", "--config", self.config)
        self.failed(done, 3, "7 events")

    def test_no_sink(self):
        fake = self.fake()
        fake.bodies = [status(stream(link="none"))]
        done = run("sync", "--config", self.config)
        self.assertEqual(done.returncode, 0)
        self.assertIn("no stream has a sink", done.stdout)

    def test_gateway_ends_meanwhile(self):
        fake = FakeGateway(self.folder / "control.sock")
        fake.bodies = [status(stream(end=10, cursor=4))]
        process = subprocess.Popen(
            [PROGRAM, "sync", "--config", self.config],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for("two answers", lambda: fake.answers >= 2)
        self.assertIsNone(process.poll())
        fake.stop()
        out, err = process.communicate(timeout=20)
        self.assertEqual((process.returncode, out), (1, ""))
        # The second, if it was just being asked.
        self.assertRegex(err, "no gateway answers|does not answer as")

    def test_progress_on_a_terminal(self):
        """One line that is written over, and gone in the end."""
        fake = self.fake()
        fake.bodies = [status(stream(end=1000, cursor=c, link="online"))
                       for c in (0, 200, 400, 600, 800, 900, 950, 1000)]
        leader, follower = pty.openpty()
        done = subprocess.run([PROGRAM, "sync", "--config", self.config],
                              stdout=subprocess.PIPE, stderr=follower,
                              timeout=60)
        os.close(follower)
        shown = b""
        with contextlib.suppress(OSError):
            while part := os.read(leader, 65536):
                shown += part
        os.close(leader)
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"\r[--------------------]   0 %  1000 events left, "
                      b"orders: online", shown)
        self.assertIn(b"\r[########------------]  40 %  600 events left", shown)
        self.assertIn(b"a second, about", shown)
        self.assertTrue(shown.endswith(b"\r\033[K"), shown[-80:])


class JournalRepairTest(CommandTest):
    def test_no_journal(self):
        """Makes none."""
        done = run("journal", "repair", "--config", self.config)
        self.failed(done, 1, "holds no journal", "no gateway has run there")
        self.assertEqual(list(self.folder.iterdir()), [self.config])

    def test_no_journal_in_a_folder(self):
        """Nor among whatever else stands there."""
        (self.folder / "broker").mkdir()
        for more in ((), ("--stream", "orders"), ("--json",)):
            done = run("journal", "repair", "--data", self.folder, *more)
            self.failed(done, 1, "holds no journal")
        self.assertEqual(sorted(self.folder.rglob("*")),
                         sorted([self.config, self.folder / "broker"]))

    def test_a_store_that_nobody_knows(self):
        """A repair writes the store's name; it makes none up."""
        (self.folder / "orders").mkdir()
        segment = self.folder / "orders" / f"{0:020}.seg"
        segment.write_bytes(b"\x5a" * 8192)
        done = run("journal", "repair", "--data", self.folder)
        self.failed(done, 1, "orders: no segment's header",
                    "give --config in place of --data")
        self.assertEqual(list((self.folder / "orders").iterdir()), [segment])

    def test_a_folder_that_is_none(self):
        done = run("journal", "repair", "--data", self.folder / "no")
        self.failed(done, 1, "give a data directory")

    def test_a_folder_that_cannot_be_read(self):
        """Says which, and why. (A file in its place: root may read all.)"""
        (self.folder / "orders").write_text("")
        done = run("journal", "repair", "--config", self.config)
        self.failed(done, 1, f"cannot list {self.folder}/orders",
                    "Not a directory")


class JournalReplayTest(CommandTest):
    def test_no_journal(self):
        done = run("journal", "replay", "--config", self.config)
        self.failed(done, 1, "orders: ", "no journal")
        self.assertEqual(list(self.folder.iterdir()), [self.config])

    def test_no_shop(self):
        self.config.write_text(f"store: s1\ndata: {self.folder}\n"
                               "streams: [{name: a}]\n")
        done = run("journal", "replay", "--config", self.config)
        self.failed(done, 1, "no stream has shop: true")


class JournalCatTest(CommandTest):
    def test_no_journal(self):
        for words in (["--config", self.config], ["--data", self.folder]):
            self.failed(run("journal", "cat", *words), 1, "holds no journal")
        self.failed(run("journal", "cat", "--data", self.folder / "no"), 1,
                    f"cannot list {self.folder}/no: No such file or directory; "
                    "give a data directory")
        self.failed(run("journal", "cat", "--config", self.config,
                        "--stream", "order"), 1,
                    "no stream order; give one of: orders telemetry")
        self.failed(run("journal", "cat", "--data", self.folder,
                        "--stream", "orders"), 1, "orders: ")

    def test_gateway_that_cannot_be_asked(self):
        """Only where nobody listens is the end taken for durable unsaid."""
        words = (["--config", self.config], ["--data", self.folder])
        for word in words:
            self.assertNotIn("durable", run("journal", "cat", *word).stderr)
        fake = self.fake()
        fake.raw = b"SSH-2.0-OpenSSH\r\n"
        for word in words:
            self.failed(run("journal", "cat", *word), 1,
                        "does not answer like a gateway",
                        "may not be durable")

    def test_nonsense_for_a_journal(self):
        folder = self.folder / "orders"
        folder.mkdir()
        (folder / ("0" * 20 + ".seg")).write_bytes(b"\xff" * 65536)
        done = run("journal", "cat", "--data", self.folder)
        self.failed(done, 1, "orders: ")


class RunTest(unittest.TestCase):
    """A start that cannot be: says what to do, exit 1, and changes nothing."""

    def refused(self, store, *words):
        began = time.monotonic()
        done = run("run", "--config", store.config_path,
                   env=os.environ | store.cloud.environment)
        self.assertEqual(done.returncode, 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        return time.monotonic() - began

    def test_an_external_broker_that_grants_less(self):
        """A broker that gives the subscription without QoS 1 would lose events
        between itself and the disk: said, and tried again; not healthy."""
        port = free_port()
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder, "broker.conf")
            config.write_text(f"listener {port} 127.0.0.1\n"
                              "allow_anonymous true\nmax_qos 0\n")
            broker = subprocess.Popen(
                ["/usr/sbin/mosquitto", "-c", config],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
            try:
                wait_for("the broker listens", lambda: can_connect(port))
                with Store(cloud=False, broker_address=port) as store:
                    store.gateway.start()
                    wait_for("the reason is told", lambda: "does not grant "
                             "QoS 1 on the subscription" in store.gateway.log())
                    status = wait_for("status", store.gateway.status)
                    self.assertEqual(
                        [r["code"] for r in status["verdict"]["reasons"]][0],
                        "broker-unreachable")
                    self.assertEqual(store.gateway.stop(), 0)
            finally:
                broker.kill()
                broker.wait()

    def test_a_data_folder_that_cannot_be_made(self):
        with Store(cloud=False) as store:
            text = store.config_path.read_text().replace(
                f"{store.folder}/data", f"{store.folder}/no/such/data")
            store.config_path.write_text(text)
            self.refused(store, ":3:7: cannot create the folder "
                         f"{store.folder}/no/such/data: No such file or "
                         "directory; create its parent")
            self.assertFalse((store.folder / "no").exists())

    def test_a_cursor_that_is_a_directory(self):
        """The system's own words, not the class of the error."""
        with Store(cloud=False) as store:
            cursor = store.folder / "data/orders/cursor"
            cursor.mkdir(parents=True)
            self.refused(store, f"cannot read {cursor}: Is a directory")

    def test_a_broker_that_is_not_installed(self):
        with Store(cloud=False) as store:
            store.config_path.write_text(store.config_path.read_text().replace(
                "mode: embedded,", "mode: embedded, program: /no/mosquitto,"))
            self.refused(store, "cannot run /no/mosquitto: "
                         "No such file or directory; install mosquitto")

    def test_another_store_s_journal(self):
        with Store(cloud=False) as store:
            store.gateway.start().wait_up()
            store.gateway.stop()
            store.config_path.write_text(store.config_path.read_text().replace(
                "store: s1", "store: s2"))
            self.refused(store, "store s1", "store s2",
                         "give this one a directory other")


class SlowReaderTest(unittest.TestCase):
    def test_what_comes_meanwhile(self):
        """What comes, and is delivered, while a journal is read is not lost."""
        store = self.enterContext(Store())
        store.gateway.start().wait_up()
        where = ("--config", store.config_path, "--stream", "telemetry")
        sensor = self.enterContext(
            contextlib.closing(Device(store, "sensor-1")))

        def send(ids):
            for id_ in ids:
                sensor.send(sensor.event("Slow", id_, {"fill": "x" * 5000}),
                            "telemetry")
            sensor.wait_accepted(ids)

        send([f"s-{i}" for i in range(40)])  # more than a pipe holds
        reader = subprocess.Popen(
            [PROGRAM, "journal", "cat", *where], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        read = reader.stdout.readline()
        send(["late"])
        wait_for("the bridge has saved its cursor past that",
                 lambda: "before 41; 0 wait"
                 in run("journal", "list", *where).stdout)
        with reader.stdout, reader.stderr:
            read += reader.stdout.read()
            self.assertEqual(reader.stderr.read(), "")
        self.assertEqual(reader.wait(20), 0)
        self.assertEqual([json.loads(line)["id"]
                          for line in read.splitlines()],
                         [f"s-{i}" for i in range(40)])


class LiveTest(unittest.TestCase):
    """The commands beside a real gateway, and on what it leaves."""

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.store = cls.stack.enter_context(Store())
        cls.store.gateway.start().wait_up()
        with contextlib.closing(Device(cls.store, "till-1")) as till:
            for i in range(5):  # one at a time: a frame for each
                till.send(till.order(f"order-{i}"))
                till.wait_accepted([f"e-order-{i}"])
        with contextlib.closing(Device(cls.store, "sensor-1")) as sensor:
            text = json.dumps(sensor.event("TemperatureMeasured", "t-1",
                                           {"celsius": "?"}))
            sensor.send(text.replace('"?"', "4.50"), "telemetry")
            sensor.wait_accepted(["t-1"])

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def read(self, lost, *words):
        """What a command prints that misses these events, as it says."""
        done = run("journal", *words)
        said = (f"orders: events {lost[0]} to {lost[1]} are lost: the journal "
                "is damaged there\n" if lost else "")
        self.assertEqual((done.returncode, done.stderr), (bool(lost), said))
        return done

    def cat(self, *words, lost=None):
        done = self.read(lost, "cat", *words)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def by_config(self, *words, lost=None):
        return self.cat("--config", self.store.config_path, *words, lost=lost)

    def test_1_sync_and_status(self):
        done = run("sync", "--timeout", "60", "--config",
                   self.store.config_path)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        done = run("status", "--config", self.store.config_path)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertRegex(done.stdout, r"(?m)^orders: 5 placed, 0 open, 5 ful")
        self.assertRegex(done.stdout, r"(?m)^telemetry +online +0 +- +1 +1 ")

    def test_2_the_socket_s_path_is_taken(self):
        """A second gateway on the same data is refused in words."""
        done = run("run", "--config", self.store.config_path,
                   env=os.environ | self.store.cloud.environment)
        self.assertEqual(done.returncode, 1)
        self.assertIn("another process", done.stderr)
        self.assertEqual(self.store.gateway.process.poll(), None)

    def test_3_cat_beside_the_gateway(self):
        events = self.by_config("--stream", "orders")
        self.assertEqual([int(e["journalsequence"]) for e in events],
                         list(range(len(events))))
        end = self.store.gateway.stream()["end"]
        self.assertEqual(len(events), end)
        self.assertEqual(sum(e["type"] == "OrderFulfiled" for e in events), 5)
        for event in events:
            self.assertEqual(event["specversion"], "1.0")
            self.assertIn("recordedtime", event)

    def test_4_filters(self):
        everything = self.by_config("--stream", "orders")
        placed = self.by_config("--stream=orders", "--type=OrderPlaced")
        self.assertEqual(placed, [e for e in everything
                                  if e["type"] == "OrderPlaced"])
        self.assertEqual(len(placed), 5)
        one = self.by_config("--subject", "order-3")
        self.assertEqual(one, [e for e in everything
                               if e.get("subject") == "order-3"])
        self.assertGreaterEqual(len(one), 4)
        self.assertEqual(self.by_config("--type", "OrderPlaced", "--subject",
                                        "order-3")[0]["id"], "e-order-3")
        self.assertEqual(self.by_config("--type", "orderplaced"), [])
        self.assertEqual(self.by_config("--stream", "orders", "--from", "3",
                                        "--to", "5"), everything[3:6])
        self.assertEqual(self.by_config("--stream", "orders", "--from", "5",
                                        "--to", "4"), [])
        self.assertEqual(self.by_config("--stream", "orders", "--to",
                                        "1000000"), everything)
        self.assertEqual(self.by_config("--from", "1000000"), [])
        done = run("journal", "cat", "--config", self.store.config_path,
                   "--stream", "orders", "--from", "1000000")
        self.assertEqual(done.returncode, 1)
        self.assertIn("orders: ", done.stderr)

    def test_4_diagnostic_notation(self):
        """The records as they are, with number and time in a comment."""
        done = run("journal", "cat", "--config", self.store.config_path,
                   "--stream", "telemetry", "--diagnostic")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(
            done.stdout, r'^/ 0{20} 20\d\d-.*Z / \{"id": "t-1", "data": '
            r'"\{\\"celsius\\": ?4\.50\}", .*"specversion": "1\.0",.*\}\n$')

    def test_5_numbers_are_as_the_device_wrote_them(self):
        event = self.by_config("--stream", "telemetry")[0]
        self.assertEqual(event["data"], {"celsius": 4.5})
        text = run("journal", "cat", "--config", self.store.config_path,
                   "--stream", "telemetry", "--json").stdout
        self.assertIn('"celsius":4.50}', text)

    def test_6_a_reader_that_goes_away(self):
        reader = subprocess.Popen(
            [PROGRAM, "journal", "cat", "--config", self.store.config_path],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        reader.stdout.close()
        self.assertIn(reader.wait(20), (-signal.SIGPIPE, 0))
        self.assertEqual(reader.stderr.read(), b"")
        reader.stderr.close()
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run(
                [PROGRAM, "journal", "cat", "--config",
                 self.store.config_path], stdout=full, stderr=subprocess.PIPE,
                timeout=20, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No space left", done.stderr)

    def test_6_list_stats_and_verify(self):
        """Beside the gateway, the same as cat shows."""
        events = self.by_config("--stream", "orders")
        where = ("--config", self.store.config_path, "--stream", "orders")
        wait_for("the bridge has saved its cursor",
                 lambda: "; 0 wait" in run("journal", "list", *where).stdout)
        listed, stats, verified = (run("journal", word, *where)
                                   for word in ("list", "stats", "verify"))
        for done in (listed, stats, verified):
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f"orders: records 0 to {len(events)}, ", listed.stdout)
        self.assertRegex(listed.stdout, r"0{20}\.seg +\d+ records .* open")
        self.assertIn(f"the cloud has the records before {len(events)}; 0 wait",
                      listed.stdout)
        self.assertIn(f"orders: {len(events)} events, ", stats.stdout)
        placed = sum(e["type"] == "OrderPlaced" for e in events)
        self.assertRegex(stats.stdout, rf"OrderPlaced +{placed} events ")
        self.assertIn("no damage", verified.stdout)

    def replay(self, *words, lost=None):
        return self.read(lost, "replay", "--config", self.store.config_path,
                         *words).stdout

    def test_6_replay_beside_the_gateway(self):
        """The whole, and the state as it was before an event."""
        events = self.by_config("--stream", "orders")
        said = self.replay()
        self.assertIn(f"orders: records 0 to {len(events)} applied\n", said)
        self.assertIn("started with an empty shop", said)
        self.assertIn("orders: 5 placed, 0 open, 5 fulfiled, 0 cancelled, ",
                      said)
        third = [n for n, e in enumerate(events)
                 if e["type"] == "OrderPlaced"][2]
        self.assertIn("orders: 2 placed, 0 open, 2 fulfiled",
                      self.replay("--to", str(third - 1)))
        self.assertIn("orders: 3 placed, 1 open",
                      self.replay("--to", str(third)))

    def test_6_repair_beside_the_gateway(self):
        """It is the gateway's journal: nothing is touched."""
        folder = self.store.folder / "data" / "orders"
        before = {f.name: f.read_bytes() for f in folder.iterdir()}
        done = run("journal", "repair", "--config", self.store.config_path)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("is the gateway already running?", done.stderr)
        self.assertEqual({f.name: f.read_bytes() for f in folder.iterdir()},
                         before)

    def test_7_cat_on_a_dead_box(self):
        """Killed, without its configuration: the same events."""
        alive = self.by_config()
        self.store.gateway.stop(signal.SIGKILL)
        wait_for("the gateway is gone", lambda: run(
            "status", "--config", self.store.config_path).returncode == 1)
        data = self.store.folder / "data"
        self.assertEqual(self.cat("--data", data), alive)
        self.assertEqual(self.cat("--data", data, "--stream", "orders",
                                  "--to", "1000000"),
                         [e for e in alive
                          if e["type"] != "TemperatureMeasured"])

    def test_8_verify_on_a_dead_box(self):
        """A flipped bit is said with its place; in the middle of the open
        segment, where something follows, and not in the others."""
        data = self.store.folder / "data"
        self.assertEqual(run("journal", "verify", "--data", data).returncode, 0)
        segment = next((data / "orders").glob("*.seg"))
        with open(segment, "r+b") as file:
            file.seek(4096 + 60)
            byte = file.read(1)[0]
            file.seek(4096 + 60)
            file.write(bytes([byte ^ 4]))
        done = run("journal", "verify", "--data", data)
        self.assertEqual(done.returncode, 1)
        self.assertIn("orders: 00000000000000000000.seg: damaged at "
                      "byte 4096", done.stdout)
        self.assertRegex(done.stdout, "(?m)^orders: .*DAMAGED$")
        self.assertRegex(done.stdout, "(?m)^telemetry: .*no damage$")
        listed = run("journal", "list", "--data", data, "--stream", "orders")
        self.assertEqual(listed.returncode, 1)
        self.assertIn("damaged at byte", listed.stdout)
        replayed = run("journal", "replay", "--config", self.store.config_path)
        self.assertEqual(replayed.returncode, 1)
        lost = int(re.search(r"of which (\d+) are lost to damage",
                             replayed.stdout)[1])
        self.assertIn("records 0 to ", replayed.stdout)
        end = int(re.search(r"records 0 to (\d+) applied",
                            replayed.stdout)[1])
        self.assertGreater(end, lost)  # what lies behind it was read

    def test_8_which_all_read_alike(self):
        """Each from a copy of the damaged data, without its configuration: the
        same events are missing, said with the same words, and what lies behind
        them is read."""
        with tempfile.TemporaryDirectory() as copy:
            data = pathlib.Path(copy) / "data"
            shutil.copytree(self.store.folder / "data", data,
                            ignore=shutil.ignore_patterns("*sock*"))
            where = ("--data", data, "--stream", "orders")
            said = {word: run("journal", word, *where, "--json")
                    for word in ("list", "stats", "verify", "replay", "cat")}
        missing = {}
        for word, done in said.items():
            self.assertEqual(done.returncode, 1, word)
            self.assertRegex(done.stderr, r"\Aorders: events 0 to \d+ are lost: "
                             r"the journal is damaged there, .*\n\Z")
            self.assertEqual(done.stderr, said["cat"].stderr)
            if word != "cat":
                told, = map(json.loads, done.stdout.splitlines())
                self.assertFalse(told["whole"])
                missing[word] = told["missing"]
        shown = [json.loads(line) for line in said["cat"].stdout.splitlines()]
        gap, = missing["list"]
        self.assertEqual((gap["first"], gap["recorded"]), (0, False))
        self.assertEqual(missing, dict.fromkeys(missing, [gap]))
        read = json.loads(said["verify"].stdout)
        self.assertEqual(read["records"], len(shown))
        self.assertEqual(read["end"], len(shown) + gap["last"] + 1)
        self.assertEqual(json.loads(said["stats"].stdout)["events"], len(shown))
        self.assertEqual(json.loads(said["list"].stdout)["records"], len(shown))
        self.assertEqual(json.loads(said["replay"].stdout)["end"], read["end"])

    def test_8_a_last_file_without_its_header(self):
        """What the cursor or a snapshot knows of it is missing by number, alike
        for each command; what nobody knows of is no whole journal either."""
        for name, known in (("cursor", True), ("nothing", False)):
            with self.subTest(name), tempfile.TemporaryDirectory() as copy:
                data = pathlib.Path(copy) / "data"
                shutil.copytree(self.store.folder / "data", data,
                                ignore=shutil.ignore_patterns("*sock*"))
                segment, = (data / "telemetry").glob("*.seg")
                with open(segment, "r+b") as file:
                    file.write(b"\xff" * 4096)
                if not known:
                    (data / "telemetry/cursor").unlink()
                    for path in (data / "telemetry").glob("*.snap"):
                        path.unlink()
                for word in ("list", "stats", "verify", "cat"):
                    done = run("journal", word, "--data", data, "--stream",
                               "telemetry", *(["--json"] * (word != "cat")))
                    self.assertEqual(done.returncode, 1, word)
                    said = "telemetry: events 0 to 0 are lost: "
                    self.assertEqual(said in done.stderr, known, (word, done))
                    if word != "cat":
                        told, = map(json.loads, done.stdout.splitlines())
                        self.assertFalse(told["whole"], told)
                        self.assertEqual(told["missing"], [
                            {"first": 0, "last": 0, "recorded": False}
                            ][:known], word)

    def test_8_replay_of_a_last_file_without_its_header(self):
        """The state at the last record that can be read, and what is missing
        behind it."""
        with Store(orders="keep: 64 MiB,") as store:
            store.gateway.start().wait_up()
            with contextlib.closing(Device(store, "till-1")) as till:
                ids = [f"o-{n}" for n in range(120)]
                for id_ in ids:
                    till.send(till.order(id_, id_, note="x" * 50_000))
                till.wait_accepted(ids)
            store.gateway.wait_synced()
            self.assertEqual(store.gateway.stop(), 0)
            last = sorted((store.folder / "data/orders").glob("*.seg"))[-1]
            end = int(last.stem)
            with open(last, "r+b") as file:
                file.write(b"\xff" * 4096)
            done = run("journal", "replay", "--config", store.config_path,
                       "--json")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"cannot read event {end}: ", done.stderr)
        self.assertIn(f"events {end} to 599 are lost: ", done.stderr)
        told = json.loads(done.stdout)
        self.assertEqual((told["end"], told["whole"]), (end, False))
        self.assertEqual(told["missing"], [
            {"first": end, "last": 599, "recorded": False}])

    def test_8_x_repair_without_the_configuration(self):
        """Of two copies one is repaired by its configuration, the other one
        as a box's disk is, in another machine: they come to the same."""
        results, kept = [], []
        for by_data in (False, True):
            with tempfile.TemporaryDirectory() as copy:
                data = pathlib.Path(copy) / "data"
                shutil.copytree(self.store.folder / "data", data,
                                ignore=shutil.ignore_patterns("*sock*"))
                config = pathlib.Path(copy) / "edge.yaml"
                config.write_text(self.store.config_path.read_text().replace(
                    f"{self.store.folder}/data", f"{data}"))
                where = ("--data", data) if by_data else ("--config", config)
                before = run("journal", "verify", "--data", data, "--json")
                self.assertEqual(before.returncode, 1)
                done = run("journal", "repair", *where, "--json")
                self.assertEqual(done.returncode, 0, done.stderr)
                told = {row["stream"]: row for row in
                        map(json.loads, done.stdout.splitlines())}
                self.assertEqual(set(told), {"orders", "telemetry"})
                kept.append(sorted(p.name for p in data.glob("orders/*.rot")))
                results.append(told)
                gap, = told["orders"]["missing"]
                self.assertTrue(gap["recorded"])
                self.assertEqual(told["orders"]["to_announce"],
                                 [{"first": 0, "last": gap["last"]}])
                self.assertFalse(told["orders"]["whole"])
                self.assertTrue(told["telemetry"]["whole"])
                self.assertEqual(told["telemetry"]["to_announce"], [])
                again = run("journal", "repair", *where, "--json",
                            "--stream", "orders")
                self.assertEqual(json.loads(again.stdout), told["orders"])
                words = run("journal", "repair", *where, "--stream", "orders")
                self.assertIn(f"orders: records 0 to {gap['last']} are lost",
                              words.stdout)
                after = run("journal", "verify", "--data", data, "--stream",
                            "orders", "--json")
                self.assertEqual(json.loads(after.stdout)["damaged"], [])
                self.assertEqual(json.loads(after.stdout)["missing"], [gap])
                checked = run("journal", "replay", "--config", config)
                self.assertIn("orders: ", checked.stdout, checked.stderr)
        self.assertEqual(results[0], results[1])
        self.assertEqual(kept[0], kept[1])
        self.assertEqual(len(kept[0]), 1)

    def test_9_repair_on_a_dead_box(self):
        """Where a start with `on_rot: stop` is refused: the damage is set aside,
        kept, said, and announced by the next start, once."""
        config = self.store.config_path
        config.write_text(config.read_text().replace(
            "{name: orders,", "{name: orders, on_rot: stop,"))
        refused = run("run", "--config", config,
                      env=os.environ | self.store.cloud.environment)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("journal repair sets it aside", refused.stderr)
        done = run("journal", "repair", "--config", config)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(".rot", done.stderr)
        first, last = re.search(
            r"(?m)^orders: records (\d+) to (\d+) are lost", done.stdout).groups()
        self.assertRegex(done.stdout, "(?m)^orders: .* no damage left$")
        self.assertRegex(done.stdout, "(?m)^telemetry: .* no damage$")
        folder = self.store.folder / "data" / "orders"
        self.assertEqual(len(list(folder.glob("*.rot"))), 1)
        verified = run("journal", "verify", "--config", config)
        self.assertEqual(verified.returncode, 1)  # they are still missing
        self.assertRegex(verified.stdout, "(?m)^orders: .* are missing$")
        self.assertNotIn("recorded yet", verified.stderr)
        again = run("journal", "repair", "--config", config)
        self.assertIn(f"orders: records {first} to {last} are lost",
                      again.stdout)
        self.assertEqual(len(list(folder.glob("*.rot"))), 1)
        self.store.gateway.process = None
        self.store.gateway.start().wait_up()
        self.store.gateway.wait_synced(60)
        lost = (first, last)
        self.assertEqual(
            [e["data"] for e in self.by_config("--type", "JournalDamaged",
                                               lost=lost)],
            [{"stream": "orders", "first": int(first), "last": int(last),
              "count": int(last) - int(first) + 1}])
        self.assertIn(f"of which {int(last) - int(first) + 1} are lost",
                      self.replay(lost=lost))
        self.store.gateway.stop()
        closed = re.findall(r"closed name=orders .* hash=(\w+)",
                            self.store.gateway.log())[-1]
        self.assertIn(f"hash {closed}\n", self.replay(lost=lost))
        done = run("journal", "repair", "--config", config, "--stream", "orders")
        self.assertRegex(done.stdout, "^orders: .* no damage\n$")


if __name__ == "__main__":
    unittest.main(verbosity=2)

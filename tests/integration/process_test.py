# SPDX-License-Identifier: Apache-2.0
"""Goal: nothing around the main job stops it. A loop that hangs ends the process,
and a restart loses nothing; a hung disk, a paused machine, a taken port, a log
that nobody reads and a stray signal end nothing. A supervisor is told the truth
(a socket of our own in NOTIFY_SOCKET's place), and SIGHUP changes what the schema
says it does."""

import contextlib
import http.client
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from edge import (BUILD, EDGE, SHIM, Device, Store, can_connect, free_port,
                  wait_for)

LOOP_SHIM = BUILD / "tests/integration/loop_shim.so"
HUNG_EXIT = 5
HUNG_S = 10
LATE_S = 40  # this machine has much else to do


class Manager:
    """What systemd would hear, in order."""

    def __init__(self, folder, watchdog_us=None):
        self.path = str(folder / "notify.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.said = []
        self.environment = {"NOTIFY_SOCKET": self.path}
        if watchdog_us is not None:
            self.environment["WATCHDOG_USEC"] = str(watchdog_us)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        with contextlib.suppress(OSError):
            while True:
                for line in self.socket.recv(4096).decode().split("\n"):
                    self.said.append((time.monotonic(), line))

    def lines(self):
        return [line for _, line in list(self.said)]

    def heard(self, line, count=1, seconds=LATE_S):
        wait_for(f"{count} times {line}", lambda: sum(
            said.startswith(line) for said in self.lines()) >= count, seconds)


def health(port):
    with contextlib.closing(http.client.HTTPConnection(
            "127.0.0.1", port, timeout=10)) as link:
        link.request("GET", "/healthz")
        answer = link.getresponse()
        return answer.status, answer.read().decode()


def healthz(port):
    return health(port)[0]


def command(store, *arguments):
    return subprocess.run(
        [EDGE, *arguments, "--config", store.config_path],
        capture_output=True, text=True, timeout=30,
        env=os.environ | store.cloud.environment)


def sell(till, *ids):
    for id_ in ids:
        till.send(till.order(id_, id_))
    till.wait_accepted(ids)


def journaled(store, name="orders"):
    """The ids in the journal, by sequence number."""
    done = subprocess.run([EDGE, "journal", "cat", "--data",
                           store.folder / "data", "--stream", name],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return {int(e["journalsequence"]): e["id"]
            for e in map(json.loads, done.stdout.splitlines())}


class Watchdog(unittest.TestCase):
    def a_loop_hangs(self, loop):
        """The supervisor sees WATCHDOG=1 end, then the process, starts it
        again, and finds every receipt in the journal."""
        with Store() as store:
            stuck = store.folder / "stuck"
            manager = Manager(store.folder, watchdog_us=4_000_000)
            store.gateway.environment = manager.environment | {
                "LD_PRELOAD": str(LOOP_SHIM), "EDGE_LOOP_STUCK": str(stuck)}
            store.gateway.start().wait_up()
            manager.heard("WATCHDOG=1", 2)
            till = Device(store, "till-1")
            ids = [f"{loop}-{n}" for n in range(200)]
            sell(till, *ids[:100])
            stuck.write_text(loop)
            began = time.monotonic()
            for id_ in ids[100:]:  # the bridge's loop is none of theirs
                till.send(till.order(id_, id_))
            code = store.gateway.process.wait(LATE_S)
            took = time.monotonic() - began
            last_alive = max(at for at, line in manager.said
                             if line == "WATCHDOG=1")
            self.assertEqual(code, HUNG_EXIT, store.gateway.log())
            self.assertGreater(took, HUNG_S - 3)
            self.assertLess(last_alive - began, 4)
            self.assertIn(f"hung loop={loop}", store.gateway.log())
            self.assertIn(f"hung loop={loop}",
                          store.gateway.log().splitlines()[-1])
            stuck.unlink()
            receipts = dict(till.accepted)
            self.assertGreaterEqual(len(receipts), 100)
            if loop == "bridge":
                self.assertEqual(set(receipts), set(ids))
            till.close()
            store.gateway.start().wait_up()
            again = Device(store, "till-1")
            sell(again, *ids)
            for id_, seqs in receipts.items():
                self.assertEqual(set(seqs), set(again.accepted[id_]))
            store.gateway.wait_synced()
            again.close()
            self.assertEqual(store.gateway.stop(), 0)
            events = journaled(store)
            for id_, seqs in again.accepted.items():
                self.assertEqual({events[seq] for seq in seqs}, {id_})
            print(f"figure: the {loop}'s loop hung: ended after {took:.1f} s, "
                  f"{len(receipts)} receipts, none lost")

    def paused(self):
        """The whole process stands, as a machine that sleeps does."""
        with Store(cloud=False) as store:
            store.gateway.start().wait_up()
            process = store.gateway.process
            for _ in range(2):
                process.send_signal(signal.SIGSTOP)
                time.sleep(HUNG_S + 4)
                process.send_signal(signal.SIGCONT)
                time.sleep(1)
            self.assertIsNone(process.poll())
            self.assertNotIn("hung loop", store.gateway.log())
            self.assertEqual(store.gateway.stop(), 0)

    def test_side_by_side(self):
        problems = []

        def run(what, *arguments):
            try:
                what(*arguments)
            except BaseException as error:  # said below, by the main thread
                problems.append((what, arguments, error))

        threads = [threading.Thread(target=run, args=case) for case in (
            (self.a_loop_hangs, "gateway"), (self.a_loop_hangs, "bridge"),
            (self.paused,))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])


class Supervised(unittest.TestCase):
    def test_what_is_said(self):
        with Store() as store:
            manager = Manager(store.folder)
            store.gateway.environment = manager.environment
            store.gateway.start().wait_up()
            manager.heard("READY=1")
            self.assertIn("STATUS=Running", manager.lines())
            self.assertNotIn("WATCHDOG=1", manager.lines())  # nobody asked
            for task in pathlib.Path("/proc").glob("[0-9]*/stat"):
                with contextlib.suppress(OSError):
                    if f" {store.gateway.process.pid} " in task.read_text():
                        environment = (task.parent / "environ").read_bytes()
                        if task.parent.name != str(store.gateway.process.pid):
                            self.assertNotIn(b"NOTIFY_SOCKET", environment)
            store.gateway.process.send_signal(signal.SIGHUP)
            manager.heard("READY=1", 2)
            store.cloud.faults(offline=True)
            sell(till := Device(store, "till-1"), "o-1")
            manager.heard("STATUS=degraded: cloud-offline(orders)")
            till.close()
            self.assertEqual(store.gateway.stop(), 0)
            manager.heard("STOPPING=1")
            lines = manager.lines()
            self.assertLess(lines.index("READY=1"), lines.index("RELOADING=1"))
            self.assertLess(lines.index("RELOADING=1"),
                            lines.index("STOPPING=1"))
            at = lines.index("RELOADING=1")
            self.assertRegex(lines[at + 1], r"^MONOTONIC_USEC=\d+$")

    def test_without_a_broker(self):
        """A start is complete even if the site's broker is away."""
        with Store(cloud=False, broker_address=free_port()) as store:
            manager = Manager(store.folder)
            store.gateway.environment = manager.environment
            store.gateway.start()
            manager.heard("READY=1")
            self.assertIn("STATUS=Running, no session with the broker",
                          manager.lines())
            self.assertEqual(store.gateway.stop(), 0)

    def test_a_slow_start_and_a_stuck_stop(self):
        """While files are read and synced the start asks for time; so does a
        stop that waits for the disk."""
        with Store(cloud=False) as store:
            manager = Manager(store.folder)
            stuck = store.folder / "stuck"
            store.gateway.environment = manager.environment | {
                "LD_PRELOAD": str(SHIM), "EDGE_SYNC_DELAY_MS": "2500",
                "EDGE_SYNC_STUCK": str(stuck)}
            store.gateway.start()
            manager.heard("READY=1")
            lines = manager.lines()
            self.assertIn("EXTEND_TIMEOUT_USEC=60000000",
                          lines[:lines.index("READY=1")])
            store.gateway.wait_up()
            till = Device(store, "till-1")
            stuck.write_text("/data/orders/0")
            till.send(till.order("o-1", "o-1"))
            wait_for("the disk hangs", pathlib.Path(f"{stuck}.seen").exists)
            before = len(manager.lines())
            logged = len(store.gateway.log())
            store.gateway.process.send_signal(signal.SIGTERM)
            wait_for("time is asked for", lambda: any(
                line.startswith("EXTEND") for line in manager.lines()[before:]))
            self.assertIsNotNone(store.gateway.status())  # who looks meanwhile
            time.sleep(1.1)
            self.assertIsNotNone(store.gateway.status())
            for code in ("broker-down", "broker-closed"):
                self.assertNotIn(code, store.gateway.log()[logged:])
                self.assertNotIn(code, "".join(manager.lines()[before:]))
            stuck.unlink()
            till.close()
            self.assertEqual(store.gateway.process.wait(LATE_S), 0)


def rewrite(store, old, new):
    text = store.config_path.read_text()
    assert old in text, old
    store.config_path.write_text(text.replace(old, new, 1))


def page_away(store):
    reasons = wait_for("a status", store.gateway.status)["verdict"]["reasons"]
    return next((r for r in reasons if r["code"] == "page-away"), None)


def listeners(pid):
    """The TCP addresses on which this process itself listens."""
    inodes = set()
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(os.readlink(entry))
    return {row[1] for table in ("tcp", "tcp6")
            for row in map(str.split, pathlib.Path(
                f"/proc/{pid}/net/{table}").read_text().splitlines()[1:])
            if row[3] == "0A" and f"socket:[{row[9]}]" in inodes}


class Guest(unittest.TestCase):
    def test_the_page_s_port_is_taken(self):
        with Store(cloud=False) as store, socket.socket() as other:
            other.bind(("127.0.0.1", store.page_port))
            other.listen()
            store.gateway.start().wait_up()
            till = Device(store, "till-1")
            sell(till, "o-1")
            log = store.gateway.log()
            self.assertEqual(log.count("page_away"), 1, log)
            since = {page_away(store)["since"] for _ in range(200)}
            self.assertEqual(len(since), 1, since)  # alike at each look
            self.assertIn(f"another program uses port {store.page_port} of "
                          "127.0.0.1", log)
            other.close()
            wait_for("the page", lambda: can_connect(store.page_port))
            self.assertEqual(healthz(store.page_port), 200)
            self.assertEqual(store.gateway.log().count("page_away"), 1)
            till.close()
            self.assertEqual(store.gateway.stop(), 0)

    def sells_without_page(self, store, *words):
        sell(self.till, f"o-{time.monotonic()}")
        reason = wait_for("the verdict", lambda: page_away(store))
        for word in words:
            self.assertIn(word, reason["text"])
        status = command(store, "status")
        self.assertEqual(status.returncode, 3, status)
        self.assertIn("page-away", status.stdout)
        # Nothing of the gateway listens there, on any address.
        self.assertEqual(listeners(store.gateway.process.pid), set())

    def test_an_address_that_others_reach(self):
        """`run` says what `check` says and goes on. The verdict is degraded,
        and a right address in the file brings the page."""
        port = free_port()
        for host in ("0.0.0.0", "[::]", "shop.invalid", "300.1.2.3"):
            with Store(cloud=False) as store:
                right = f'"127.0.0.1:{store.page_port}"'
                wrong = f'"{host}:{port}"'
                rewrite(store, right, wrong)
                checked = command(store, "check")
                self.assertEqual(checked.returncode, 0, checked.stderr)
                self.assertEqual(checked.stderr.count("console.listen"), 1)
                for said in ("warning: ", wrong, "the page stays closed",
                             f"127.0.0.1:{port}"):
                    self.assertIn(said, checked.stderr)
                store.gateway.start().wait_up()
                self.till = Device(store, "till-1")
                self.addCleanup(self.till.close)
                bare = host.strip("[]")
                self.sells_without_page(store, f"console.listen is {bare}")
                rewrite(store, wrong, right)
                store.gateway.process.send_signal(signal.SIGHUP)
                wait_for("the page", lambda: can_connect(store.page_port))
                wait_for("all well", lambda: not page_away(store))
                # And back, with the gateway running.
                rewrite(store, right, wrong)
                store.gateway.process.send_signal(signal.SIGHUP)
                wait_for("no page", lambda: not can_connect(store.page_port))
                self.sells_without_page(store, f"console.listen is {bare}")
                log = store.gateway.log()
                self.assertEqual(log.count("page_away"), 2, log)
                self.assertEqual(store.gateway.stop(), 0)

    def test_a_control_socket_of_too_long_a_path(self):
        with Store(cloud=False,
                   extra=f"control_socket: /tmp/{'a' * 120}\n") as store:
            checked = command(store, "check")
            self.assertEqual(checked.returncode, 0, checked.stderr)
            self.assertIn("125 bytes; expected at most 107", checked.stderr)
            store.gateway.start()
            wait_for("the page", lambda: can_connect(store.page_port))
            wait_for("its broker", lambda: "broker-" not in health(
                store.page_port)[1])
            till = Device(store, "till-1")
            sell(till, "o-1")
            till.close()
            self.assertIn("the control socket's path is longer than 107",
                          health(store.page_port)[1])
            self.assertEqual(store.gateway.stop(), 0)

    def test_the_control_socket_cannot_be_made(self):
        with Store(cloud=False,
                   extra="control_socket: /nowhere/at/all.sock\n") as store:
            store.gateway.start()
            wait_for("the page", lambda: can_connect(store.page_port))
            wait_for("its broker", lambda: "broker-" not in health(
                store.page_port)[1])
            till = Device(store, "till-1")
            sell(till, "o-1")
            till.close()
            self.assertIn("control_socket_away", store.gateway.log())
            self.assertEqual(store.gateway.stop(), 0)

    def test_slow_pages_and_the_command_line(self):
        with Store(cloud=False) as store:
            store.gateway.start().wait_up()
            peers = []
            for _ in range(30):
                peer = socket.create_connection(
                    ("127.0.0.1", store.page_port), timeout=10)
                peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: local")
                peers.append(peer)
            for _ in range(5):
                done = command(store, "status")
                self.assertNotEqual(done.stdout, "", done.stderr)
            for peer in peers:
                peer.close()
            self.assertEqual(store.gateway.stop(), 0)


class Log(unittest.TestCase):
    def test_nobody_reads_it(self):
        """Standard error is a pipe, full, with no reader: receipts and answers
        come as before, and who reads later is told what is missing."""
        with Store() as store:
            out, into = os.pipe()
            process = subprocess.Popen(
                [EDGE, "run", "--config", store.config_path],
                stdin=subprocess.DEVNULL, stderr=into,
                env=os.environ | store.cloud.environment)
            os.close(into)
            store.gateway.process = process
            store.gateway.log_path.write_text("")
            store.gateway.wait_up()
            self.flood(store)
            till = Device(store, "till-1")
            longest = 0
            for n in range(100):
                began = time.monotonic()
                sell(till, f"o-{n}")
                self.assertEqual(healthz(store.page_port), 200)
                longest = max(longest, time.monotonic() - began)
            store.gateway.wait_synced()  # the bridge's loop
            text = []

            def read():
                with open(out, "rb") as pipe:
                    text.append(pipe.read().decode())

            reader = threading.Thread(target=read)
            reader.start()
            time.sleep(1)
            process.send_signal(signal.SIGHUP)
            time.sleep(1)
            self.assertEqual(store.gateway.stop(), 0)
            till.close()
            reader.join(LATE_S)
            dropped = [int(n) for n in
                       re.findall(r"log_dropped lines=(\d+)", text[0])]
            self.assertGreater(sum(dropped), 0)
            self.assertIn("daemon stopping signal=15", text[0])
            print(f"figure: nobody read the log: {sum(dropped)} lines dropped, "
                  f"a sale and /healthz at most {longest * 1000:.0f} ms")

    def flood(self, store):
        """More lines than pipe and buffer hold: keys that need a restart are
        named at each SIGHUP."""
        text = store.config_path.read_text()
        for key, value in (("store", "other"), ("region", "eu-west-1")):
            text = re.sub(rf"{key}: .*", f"{key}: {value}", text)
        text += ("free_floor: 1 MiB\nevent_bytes_max: 16 KiB\n"
                 "shop: {currency: SEK}\n")
        store.config_path.write_text(text)
        for _ in range(1200):
            store.gateway.process.send_signal(signal.SIGHUP)
            time.sleep(0.004)

    def test_it_does_not_hold_up_the_end(self):
        with Store(cloud=False) as store:
            out, into = os.pipe()
            os.set_blocking(into, False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(into, b"x" * 4096)
            os.set_blocking(into, True)
            process = subprocess.Popen(
                [EDGE, "run", "--config", store.config_path],
                stdin=subprocess.DEVNULL, stderr=into,
                env=os.environ | store.cloud.environment)
            os.close(into)
            store.gateway.process = process
            store.gateway.log_path.write_text("")
            store.gateway.wait_up()
            self.assertEqual(store.gateway.stop(seconds=LATE_S), 0)
            os.close(out)

    def test_no_standard_streams(self):
        """Whoever starts it has closed them: no file of the store becomes
        standard error, and no command writes its complaint into one."""
        closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
        with Store() as store:
            store.gateway.process = subprocess.Popen(
                [*closed, EDGE, "run", "--config", store.config_path],
                env=os.environ | store.cloud.environment)
            store.gateway.log_path.write_text("")
            store.gateway.wait_up()
            sell(till := Device(store, "till-1"), "o-1")
            store.gateway.wait_synced()
            till.close()
            streams = pathlib.Path(f"/proc/{store.gateway.process.pid}/fd")
            self.assertEqual({os.readlink(streams / name) for name in "012"},
                             {"/dev/null"})
            self.assertEqual(store.gateway.stop(), 0)
            for path in (store.folder / "data").rglob("*"):
                if path.is_file():
                    self.assertNotIn(b" info ", path.read_bytes(), path)
            self.assertIn("o-1", journaled(store).values())

    def run_to_the_end(self, store, *options, **environment):
        done = subprocess.run(
            [EDGE, "run", "--config", store.config_path, *options],
            capture_output=True, text=True, timeout=LATE_S,
            env=os.environ | store.cloud.environment | environment)
        return done.returncode, done.stderr.splitlines()

    def test_the_cause_of_a_failed_start_is_last(self):
        cases = [
            (lambda text: text + "stoer: 1\n", "found the unknown key"),
            (lambda text: text.replace("/data\n", "/no/such/data\n"),
             "/no/such"),
            (lambda text: text.replace("mode: embedded",
                                       "program: /bin/nothing"),
             "/bin/nothing"),
        ]
        with Store() as store:
            good = store.config_path.read_text()
            for change, expected in cases:
                store.config_path.write_text(change(good))
                code, lines = self.run_to_the_end(store)
                self.assertEqual(code, 1, lines)
                self.assertRegex(lines[-1], expected)
            # What only the daemon finds, when much has been started.
            store.config_path.write_text(good)
            cursor = store.folder / "data/telemetry/cursor"
            cursor.mkdir(parents=True)
            code, lines = self.run_to_the_end(store)
            self.assertEqual(code, 1, lines)
            self.assertRegex(lines[-1], f"cannot_start .*{cursor}")

    def test_a_healthy_start_says_little(self):
        """Where the page is, that it runs, the link, the broker."""
        with Store() as store:
            store.gateway.start().wait_up()
            sell(till := Device(store, "till-1"), "o-1")
            store.gateway.wait_synced()
            till.close()
            lines = store.gateway.log().splitlines()
            self.assertLessEqual(len(lines), 5, lines)
            self.assertFalse([line for line in lines if " warn " in line
                              or " error " in line], lines)
            self.assertEqual(store.gateway.stop(), 0)

    def test_levels_and_priorities(self):
        with Store(cloud=False) as store:
            with open(store.gateway.log_path, "ab") as log:
                where = os.fstat(log.fileno())
                store.gateway.environment = {
                    "JOURNAL_STREAM": f"{where.st_dev}:{where.st_ino}"}
                store.gateway.start().wait_up()
                self.assertEqual(store.gateway.stop(), 0)
            lines = store.gateway.log().splitlines()
            self.assertTrue(lines)
            for line in lines:
                self.assertRegex(line, r"^<6>info |^<4>warn |^<3>error ")
            store.gateway.environment = {}
            code, lines = self.run_to_the_end(store, "--log-level", "notice")
            self.assertEqual(code, 2)
            self.assertIn("expected error, warn, info or debug", lines[0])
            for level, expected in (("error", 0), ("debug", 8)):
                with open(store.gateway.log_path, "wb") as log:
                    store.gateway.process = subprocess.Popen(
                        [EDGE, "run", "--log-level", level, "--config",
                         store.config_path], stdin=subprocess.DEVNULL,
                        stdout=log, stderr=log,
                        env=os.environ | store.cloud.environment)
                store.gateway.wait_up()
                if level == "error":
                    store.gateway.process.send_signal(signal.SIGHUP)
                    time.sleep(0.5)
                    self.assertEqual(store.gateway.log(), "")
                self.assertEqual(store.gateway.stop(), 0)
                self.assertGreaterEqual(
                    len(store.gateway.log().splitlines()), expected)
            self.assertIn(" debug session up topic=", store.gateway.log())


class Hangup(unittest.TestCase):
    def reload(self, store, old, new, expected):
        """Changes the file and waits until the log says what it means."""
        text = store.config_path.read_text()
        self.assertIn(old, text)
        store.config_path.write_text(text.replace(old, new, 1))
        before = len(store.gateway.log())
        store.gateway.process.send_signal(signal.SIGHUP)
        return wait_for(expected, lambda: re.search(
            expected, store.gateway.log()[before:]), LATE_S)

    def test_the_page_moves(self):
        with Store(cloud=False) as store:
            store.gateway.start().wait_up()
            port = free_port()
            self.reload(store, f'"127.0.0.1:{store.page_port}"',
                        f'"127.0.0.1:{port}"', "reloaded file=")
            self.assertEqual(healthz(port), 200)
            self.assertFalse(can_connect(store.page_port))
            self.reload(store, "console: {", "console: {enabled: false, ",
                        "key=console.enabled was=true is=false")
            wait_for("no page", lambda: not can_connect(port))
            self.reload(store, "enabled: false", "enabled: true",
                        "reloaded file=")
            self.assertEqual(healthz(port), 200)
            self.assertEqual(store.gateway.stop(), 0)

    def test_the_log_s_level(self):
        with Store(cloud=False, extra="log_level: info\n") as store:
            store.gateway.start().wait_up()
            self.reload(store, "log_level: info", "log_level: debug",
                        "reloaded file=")
            broker = int(re.search(r"up pid=(\d+)",
                                   store.gateway.log()).group(1))
            os.kill(broker, signal.SIGKILL)
            wait_for("a debug line", lambda: " debug session up" in
                     store.gateway.log())
            self.reload(store, "log_level: debug", "log_level: error",
                        "key=log_level was=debug is=error")
            store.gateway.wait_up()
            time.sleep(0.5)
            before = store.gateway.log()
            store.gateway.process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            self.assertEqual(store.gateway.log(), before)
            self.assertEqual(store.gateway.stop(), 0)

    def test_the_command_line_overrides_the_level(self):
        with Store(cloud=False, extra="log_level: info\n") as store:
            with open(store.gateway.log_path, "wb") as log:
                store.gateway.process = subprocess.Popen(
                    [EDGE, "run", "--log-level", "info", "--config",
                     store.config_path], stdin=subprocess.DEVNULL, stdout=log,
                    stderr=log, env=os.environ | store.cloud.environment)
            store.gateway.wait_up()
            self.reload(store, "log_level: info", "log_level: error",
                        "--log-level overrides it")
            self.reload(store, "log_level: error", "log_level: warn",
                        "reloaded file=")
            self.assertEqual(store.gateway.stop(), 0)

    def test_the_commit_delay(self):
        with Store(cloud=False, telemetry="commit_delay: 0 ms,") as store:
            store.gateway.start().wait_up()
            sensor = Device(store, "sensor-1")

            def measure(id_):
                began = time.monotonic()
                sensor.send(sensor.event("Measured", id_, {"t": 1}),
                            "telemetry")
                sensor.wait_accepted([id_])
                return time.monotonic() - began

            fast = min(measure(f"a-{n}") for n in range(5))
            self.reload(store, "commit_delay: 0 ms", "commit_delay: 3 s",
                        r"key=streams\[telemetry\].commit_delay was=0 is=3 s")
            slow = measure("b")
            self.assertLess(fast, 1)
            self.assertGreater(slow, 2.5)
            sensor.close()
            self.assertEqual(store.gateway.stop(), 0)

    def test_what_is_kept(self):
        """Three segments that the cloud has stay for `keep_for`, then for
        `keep`, and go when neither holds them."""
        with Store(telemetry="keep: 0, keep_for: 1 h,") as store:
            store.gateway.start().wait_up()
            sensor = Device(store, "sensor-1")
            sent = [0]

            def measure(count):
                ids = [f"m-{n}" for n in range(sent[0], sent[0] + count)]
                sent[0] += count
                for id_ in ids:
                    sensor.send(sensor.event("Measured", id_,
                                             {"fill": "x" * 200_000}),
                                "telemetry")
                sensor.wait_accepted(ids)

            def start():
                segments = (store.folder / "data/telemetry").glob("*.seg")
                return min(int(path.stem, 16) for path in segments)

            def stays():
                for _ in range(3):
                    measure(1)
                    store.gateway.wait_synced()
                    time.sleep(1.1)
                self.assertEqual(start(), 0)

            measure(120)
            store.gateway.wait_synced()
            stays()
            self.reload(store, "keep: 0, keep_for: 1 h",
                        "keep: 500 MiB, keep_for: 0", "reloaded file=")
            stays()
            self.reload(store, "keep: 500 MiB", "keep: 0", "reloaded file=")

            def gone():
                measure(1)
                return start() > 0
            wait_for("the oldest go", gone, every=0.5)
            sensor.close()
            self.assertEqual(store.gateway.stop(), 0)

    def test_what_needs_a_restart(self):
        with Store(cloud=False) as store:
            store.gateway.start().wait_up()
            self.reload(store, "store: s1", "store: s2",
                        'key=store was="s1" is="s2"; it needs a restart')
            self.assertEqual(store.gateway.status()["store"], "s1")
            self.reload(store, "shop: true", "shop: true, capacity: 2 GiB",
                        r"key=streams\[orders\].capacity .* needs a restart")
            till = Device(store, "till-1")
            sell(till, "o-1")  # in the store s1
            till.close()
            self.assertEqual(store.gateway.stop(), 0)

    def test_a_bad_file(self):
        with Store(cloud=False) as store:
            store.gateway.start().wait_up()
            good = store.config_path.read_text()
            self.reload(store, "shop: true", "shop: perhaps",
                        f"reload_refused reason=\"{store.config_path}:6:26: "
                        "(.|\n)*nothing was changed")
            store.config_path.unlink()
            before = len(store.gateway.log())
            store.gateway.process.send_signal(signal.SIGHUP)
            wait_for("no file", lambda: "reload_refused" in
                     store.gateway.log()[before:])
            till = Device(store, "till-1")
            sell(till, "o-1")
            till.close()
            store.config_path.write_text(good)
            self.assertEqual(store.gateway.stop(), 0)


class Signals(unittest.TestCase):
    def test_strays_end_nothing(self):
        strays = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE,
                  signal.SIGXFSZ, signal.SIGHUP, signal.SIGCHLD,
                  signal.SIGWINCH, signal.SIGURG]
        with Store(cloud=False) as store:
            store.gateway.start().wait_up()
            till = Device(store, "till-1")
            for stray in strays:
                store.gateway.process.send_signal(stray)
                sell(till, stray.name)
            till.close()
            self.assertEqual(store.gateway.stop(), 0)

    def test_stops_while_it_starts_and_reloads(self):
        """A stop at any moment is in order, whatever else was asked for."""
        seed = int(os.environ.get("EDGE_SEED", time.time_ns() % 2**32))
        print(f"seed {seed}")
        dice = random.Random(seed)
        with Store(cloud=False) as store:
            good = store.config_path.read_text()
            for _ in range(12):
                store.config_path.write_text(good)
                store.gateway.start()
                wait_for("the socket", store.gateway.status)
                time.sleep(dice.random() * 0.3)
                store.config_path.write_text(
                    dice.choice([good, good + "stoer: 1\n", ""]))
                for _ in range(dice.randrange(8)):
                    store.gateway.process.send_signal(signal.SIGHUP)
                    time.sleep(dice.random() * 0.05)
                self.assertEqual(store.gateway.stop(), 0)

    def test_quit_makes_a_core(self):
        with Store(cloud=False) as store:
            store.gateway.start().wait_up()
            self.assertEqual(store.gateway.stop(signal.SIGQUIT),
                             -signal.SIGQUIT)


if __name__ == "__main__":
    unittest.main()

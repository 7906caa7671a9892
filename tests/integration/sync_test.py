# SPDX-License-Identifier: Apache-2.0
"""shopme-edge sync where no gateway runs: it sends what is journaled as one
would, or only reads a dead box's data and keeps the cursor elsewhere. Nothing is
lost or out of order; each refusal says what to do.

EDGE_BUILD names the build directory."""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from bridge_test import Bridge, start_cloud, SINKS, CALM
from edge import EDGE, Device, Store, wait_for
from filesystem_test import MIB, mounted

# The run-ahead window (forwarder.h), and what 8 requests of ten at 50 ms carry
# in the second between two saves of the cursor.
WINDOW = 4096 + 8 * 10 * 20
NOBODY = 65534


def tree(folder):
    """Every file of it, with what it holds."""
    return {str(path.relative_to(folder)): hashlib.blake2b(
        path.read_bytes()).hexdigest()
            for path in sorted(pathlib.Path(folder).rglob("*"))
            if path.is_file()}


def saved(path, at=0):
    """The cursor in a file (bridge/cursor.h)."""
    data = path.read_bytes()
    slots = [struct.unpack_from(">QQ", data, at + base + 16)
             for base in (0, 4096) if data[at + base:at + base + 8] ==
             b"SEDGECUR"]
    return max(slots)[1]


class Sync:
    """A configuration, and the command over it."""

    def __init__(self, folder, cloud, bus, stream, store="store-7", more=""):
        self.cloud = cloud
        self.config = pathlib.Path(folder) / "edge.yaml"
        self.config.write_text(f"""
store: {store}
data: {folder}/data
streams:
  - {{name: orders, {more} sink: {{eventbridge: {{bus: {bus}}}}}}}
  - {{name: telemetry, {more} sink: {{kinesis: {{stream: {stream}}}}}}}
cloud:
  region: eu-central-1
  endpoint: {cloud.endpoint}
  ca_file: {cloud.ca_path}
""")

    def command(self, *words):
        return [EDGE, "sync", "--config", self.config, *map(str, words)]

    def environment(self):
        return os.environ | {"https_proxy": ""} | self.cloud.environment

    def run(self, *words, **more):
        return subprocess.run(
            self.command(*words), env=self.environment(), timeout=120,
            capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)

    def start(self, *words):
        return subprocess.Popen(
            self.command(*words), env=self.environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL)


class SyncCase(unittest.TestCase):
    numbers = iter(range(SINKS))

    @classmethod
    def setUpClass(cls):
        cls.cloud = start_cloud(cls.addClassCleanup)

    def setUp(self):
        number = next(self.numbers)
        self.bus, self.stream = f"bus-{number}", f"stream-{number}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="edge-sync-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.data = self.folder / "data"
        self.data.mkdir()
        self.cloud.faults(**CALM)
        self.sync = Sync(self.folder, self.cloud, self.bus, self.stream)

    def box(self, orders=0, telemetry=0, sent=None, keys=50):
        """A box that dies (SIGKILL) with that much journaled: nothing of it
        sent, or about `sent` of the orders."""
        bridge = Bridge(str(self.data), self.cloud, (
            f"orders:1:eventbridge:{self.bus}",
            f"telemetry:2:kinesis:{self.stream}"))
        self.addCleanup(bridge.kill)
        if sent is None:
            bridge.do("pause")
        for name, count in (("orders", orders), ("telemetry", telemetry)):
            if count:
                bridge.append(name, count, keys)
        if sent is not None:
            bridge.wait("some are sent", lambda s: s["sent"] >= sent)
        status = bridge.do("status")["streams"]
        bridge.kill()
        os.unlink(self.data / "log")
        return status

    def held(self):
        stats = self.cloud.stats()
        return stats["buses"][self.bus], stats["streams"][self.stream]

    def assert_sent(self, orders, telemetry, duplicates=0):
        for held, count in zip(self.held(), (orders, telemetry)):
            self.assertEqual(held["unique"], count, held)
            for name in ("missing", "order_violations", "conflicts", "retaken",
                         "moved_keys", "unreadable"):
                self.assertEqual(held[name], 0, held)
            self.assertLessEqual(held["duplicates"], duplicates, held)

    def assert_refused(self, done, *words, code=1):
        self.assertEqual((done.returncode, done.stdout), (code, ""),
                         done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)


class OwnTest(SyncCase):
    def test_sends_what_is_there(self):
        # Goal: without a gateway all of both streams arrives; again: nothing.
        self.box(3000, 20000)
        done = self.sync.run()
        self.assertEqual((done.returncode, done.stdout),
                         (0, "everything is in the cloud\n"), done.stderr)
        for line in done.stderr.splitlines():  # a slow machine says how far
            self.assertRegex(line, "^[0-9]+ events left, ")
        self.assert_sent(3000, 20000)
        entries = self.held()[0]["entries"]
        self.assertEqual(self.sync.run().returncode, 0)
        self.assertEqual(self.held()[0]["entries"], entries)

    def test_a_gateway_goes_on(self):
        # Goal: a real store: killed with a backlog, drained by the command,
        # started again: nothing is sent twice, nothing is lost.
        with Store() as store:
            store.cloud.faults(offline=True)
            store.gateway.start().wait_up()
            with contextlib.closing(Device(store, "till-1")) as till:
                for n in range(30):
                    till.send(till.order(f"o-{n}"))
                till.wait_accepted([f"e-o-{n}" for n in range(30)])
            store.gateway.stop(signal.SIGKILL)
            store.cloud.faults(offline=False)
            done = subprocess.run(
                [EDGE, "sync", "--config", store.config_path],
                env=os.environ | store.cloud.environment, timeout=60,
                capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            store.gateway.start().wait_up().wait_synced()
            held = store.cloud.stats()["buses"]["OrderingSystemEventBus"]
            self.assertEqual((held["unique"], held["missing"],
                              held["order_violations"], held["duplicates"]),
                             (1 + 5 * 30, 0, 0, 0), held)

    def test_json(self):
        # Goal: an object a line, the last says that it ended.
        self.box(600, 0)
        self.cloud.faults(latency_ms=100)
        done = self.sync.run("--json")
        said = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertGreater(said[0]["left"], 0)
        self.assertFalse(said[0]["ended"])
        self.assertEqual([s["name"] for s in said[0]["streams"]],
                         ["orders", "telemetry"])
        self.assertEqual((said[-1]["left"], said[-1]["ended"]), (0, True))
        self.assertTrue(all(one["sent"] <= two["sent"]
                            for one, two in zip(said, said[1:])))

    def test_the_time_is_up(self):
        self.box(50, 0)
        self.cloud.faults(refuse="AccessDeniedException")
        done = self.sync.run("--timeout", 2)
        self.assert_refused(done, "the time is up: 50 events are not in the "
                            "cloud, link refused", "AccessDenied", code=3)

    def test_stopped(self):
        # Goal: an interrupt ends it in order; the next one goes on there.
        self.box(3000, 0)
        self.cloud.faults(latency_ms=100)
        process = self.sync.start()
        wait_for("it sends", lambda: self.held()[0]["unique"] > 300)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 3, said)
        self.assertIn("stopped: ", said)
        self.cloud.faults(**CALM)
        self.assertEqual(self.sync.run().returncode, 0)
        # In flight when it stopped: 8 requests of ten.
        self.assert_sent(3000, 0, duplicates=WINDOW)

    def test_no_credentials(self):
        self.box(1, 1)
        self.sync.cloud = type("Bare", (), {"environment": {
            "HOME": str(self.folder), "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}})
        self.assert_refused(self.sync.run(), "credentials")


class RefusalTest(SyncCase):
    def test_no_journal(self):
        for words in ((), ("--data", self.data, "--cursor",
                           self.folder / "cursor")):
            self.assert_refused(self.sync.run(*words), "holds no journal of a "
                                "stream with a sink")
        self.assertEqual(list(self.data.iterdir()), [])

    def test_a_cursor_without_data(self):
        done = self.sync.run("--cursor", self.folder / "cursor")
        self.assert_refused(done, "--cursor needs --data", code=2)

    def test_another_store_s_journal(self):
        self.box(5, 5)
        before = tree(self.data)
        self.sync = Sync(self.folder, self.cloud, self.bus, self.stream, "s2")
        for words in ((), ("--data", self.data, "--cursor",
                           self.folder / "cursor")):
            self.assert_refused(self.sync.run(*words), "belongs to store "
                                "store-7, stream orders, not to store s2")
        self.assertEqual(tree(self.data), before)
        self.assert_sent(0, 0)

    def test_another_journal_s_cursor(self):
        # Goal: by another box's cursor events would be left out.
        self.box(5, 5)
        cursor = self.folder / "cursor"
        words = ("--data", self.data, "--cursor", cursor)
        self.assertEqual(self.sync.run(*words).returncode, 0)
        shutil.rmtree(self.data)
        self.data.mkdir()
        self.box(50, 50)
        held = cursor.read_bytes()
        self.assert_refused(self.sync.run(*words), "another journal of stream "
                            "orders", "a file of its own")
        self.assertEqual(cursor.read_bytes(), held)

    def test_a_cursor_past_the_end(self):
        # Goal: an older copy of the disk with a newer cursor: refused.
        self.box(5, 5)
        older = self.folder / "older"
        shutil.copytree(self.data, older)
        self.box(50, 50)
        words = ("--cursor", self.folder / "cursor")
        self.assertEqual(
            self.sync.run("--data", self.data, *words).returncode, 0)
        self.assert_refused(self.sync.run("--data", older, *words),
                            "says that 55 events were sent")

    def test_somebody_has_it_open(self):
        # Goal: a lock that is held and nobody who answers: refused, with and
        # without a cursor of its own.
        self.box(5, 5)
        with open(self.data / "orders/lock", "rb+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for words in ((), ("--data", self.data, "--cursor",
                               self.folder / "cursor")):
                self.assert_refused(self.sync.run(*words),
                                    "another process has the journal")
        self.assert_sent(0, 0)

    def test_two_with_one_cursor(self):
        self.box(2000, 5)
        words = ("--data", self.data, "--cursor", self.folder / "cursor")
        self.cloud.faults(latency_ms=200)
        first = self.sync.start(*words)
        try:
            wait_for("it sends", lambda: self.held()[0]["unique"] > 0)
            self.assert_refused(self.sync.run(*words), "another sync works "
                                "with")
        finally:
            self.cloud.faults(**CALM)
            first.communicate(timeout=60)
        self.assertEqual(first.returncode, 0)
        self.assert_sent(2000, 5)

    def test_another_user_s_data(self):
        if os.geteuid() != 0:
            self.skipTest("SKIPPED: only root meets another user's data")
        self.box(5, 5)
        for path in (self.data, *self.data.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        before = tree(self.data)
        self.assert_refused(self.sync.run(), "belongs to another user",
                            "--cursor FILE")
        self.assertEqual(tree(self.data), before)
        done = self.sync.run("--data", self.data, "--cursor",
                             self.folder / "cursor")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(tree(self.data), before)

    def test_no_room(self):
        # Goal: a full disk: a start there needs room and is refused with the
        # way out; that sends all of it. No room for the cursor's file:
        # refused before anything is sent.
        self.box(2000, 50)
        with mounted("tmpfs", 40 * MIB) as disk:
            shutil.copytree(self.data, disk / "data")
            with open(disk / "fill", "wb") as fill, \
                    contextlib.suppress(OSError):
                while True:
                    fill.write(b"x" * MIB)
                    fill.flush()
            done = self.sync.run("--data", disk / "data")
            self.assert_refused(done, "No space left", "--cursor FILE")
            done = self.sync.run("--data", disk / "data", "--cursor",
                                 disk / "cursor")
            self.assert_refused(done, "No space left")
            self.assert_sent(0, 0)
            done = self.sync.run("--data", disk / "data", "--cursor",
                                 self.folder / "cursor")
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_sent(2000, 50)

    def test_a_gateway_is_asked(self):
        # Goal: a gateway that runs over the folder sends, not the command.
        with Store() as store:
            store.gateway.start().wait_up()
            with contextlib.closing(Device(store, "till-1")) as till:
                till.send(till.order("o-1"))
                till.wait_accepted(["e-o-1"])
            done = subprocess.run(
                [EDGE, "sync", "--config", store.config_path, "--data",
                 store.folder / "data", "--cursor", store.folder / "cursor"],
                timeout=60, capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout),
                             (0, "everything is in the cloud\n"))
            self.assertIn("a gateway runs over this data", done.stderr)
            self.assertFalse((store.folder / "cursor").exists())

    def test_a_gateway_that_starts(self):
        # Goal: the lock is held and the gateway answers a little later: it is
        # waited for.
        with Store() as store:
            store.gateway.start().wait_up()
            socket = store.folder / "data/control.sock"
            socket.rename(socket.with_suffix(".away"))
            timer = threading.Timer(2, lambda: socket.with_suffix(
                ".away").rename(socket))
            timer.start()
            done = subprocess.run(
                [EDGE, "sync", "--config", store.config_path],
                env=os.environ | store.cloud.environment,
                timeout=60, capture_output=True, text=True)
            timer.join()
            self.assertEqual(done.returncode, 0, done.stderr)


class DeadBoxTest(SyncCase):
    def words(self, data=None):
        return ("--data", data or self.data, "--cursor",
                self.folder / "cursor")

    def test_only_reads(self):
        # Goal: killed in the middle of sending; from a copy that is only read
        # all arrives in order, what is sent again is bounded, and the next run
        # sends nothing.
        self.cloud.faults(latency_ms=50)
        self.box(12000, 20000, sent=8000)
        self.cloud.faults(**CALM)
        before = tree(self.data)
        reached = self.held()[0]
        beyond = reached["unique"] - saved(self.data / "orders/cursor")
        self.assertLess(beyond, WINDOW)
        done = self.sync.run(*self.words())
        self.assertEqual((done.returncode, done.stdout),
                         (0, "everything is in the cloud\n"), done.stderr)
        self.assertEqual(tree(self.data), before)
        self.assert_sent(12000, 20000, duplicates=20000)
        held = self.held()[0]
        # Exactly what lay beyond the cursor.
        self.assertEqual(held["duplicates"], beyond, held)
        print(f"figure: {reached['unique']} of 12,000 were sent, {beyond} of "
              "them beyond the cursor, and so again", flush=True)
        entries = [held["entries"] for held in self.held()]
        self.assertEqual(self.sync.run(*self.words()).returncode, 0)
        self.assertEqual([held["entries"] for held in self.held()], entries)

    def test_a_medium_that_cannot_be_written(self):
        self.box(200, 200)
        with mounted("tmpfs", 64 * MIB) as disk:
            shutil.copytree(self.data, disk / "data")
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
            done = self.sync.run("--data", disk / "data")
            self.assert_refused(done, "Read-only file system",
                                "--cursor FILE")
            done = self.sync.run(*self.words(disk / "data"))
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_sent(200, 200)

    def test_interrupted(self):
        # Goal: killed time and again, it goes on by its file: all arrives, in
        # order, and what is sent again each time is bounded.
        self.box(4000, 0)
        self.cloud.faults(latency_ms=100)
        for kills in range(1, 4):
            process = self.sync.start(*self.words())
            wait_for("it sends", lambda kills=kills:
                     self.held()[0]["unique"] > 600 * kills)
            process.kill()
            process.communicate()
        self.cloud.faults(**CALM)
        self.assertEqual(self.sync.run(*self.words()).returncode, 0)
        self.assert_sent(4000, 0, duplicates=3 * WINDOW)

    def test_the_box_sent_more_meanwhile(self):
        # Goal: the greater of the two cursors counts.
        self.box(100, 100)
        self.assertEqual(self.sync.run(*self.words()).returncode, 0)
        self.box(100, 100)  # its own cursor is still 0
        self.assertEqual(self.sync.run().returncode, 0)
        self.box(100, 100)
        self.assertEqual(self.sync.run(*self.words()).returncode, 0)
        self.assert_sent(300, 300, duplicates=100)

    def test_damage(self):
        # Goal: what cannot be read is said, the rest arrives; `on_rot: stop`
        # sends nothing.
        self.box(3000, 0)
        self.box(3000, 0)  # so the first segment is sealed
        first = min((self.data / "orders").glob("*.seg"))
        with open(first, "rb+") as file:
            file.seek(200_000)
            file.write(b"\xff" * 64)
        before = tree(self.data)
        done = self.sync.run(*self.words())
        self.assert_refused(done, "events could not be read", "journal verify")
        self.assertEqual(tree(self.data), before)
        held = self.held()[0]
        lost = int(done.stderr.split(" events could not")[0].split()[-1])
        self.assertEqual(held["unique"], 6000 - lost, held)
        self.assertEqual(held["order_violations"], 0)
        # A gap in the middle: some are there before it and behind it.
        self.assertGreater(lost, 0)
        self.assertLess(lost, 3000)

    def test_damage_where_it_is_to_stop(self):
        self.box(300, 0)
        self.box(300, 0)
        first = min((self.data / "orders").glob("*.seg"))
        os.truncate(first, first.stat().st_size - 4096)
        self.sync = Sync(self.folder, self.cloud, self.bus, self.stream,
                         more="on_rot: stop,")
        self.assert_refused(self.sync.run(*self.words()), "is damaged",
                            "on_rot: stop")
        self.assert_sent(0, 0)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Goal: a journal that is full loses nothing that was acknowledged: it takes
nothing more and resumes by itself when there is room, or it drops the oldest
events and says which, as configured. Other streams do not notice."""

import json
import os
import random
import re
import signal
import subprocess
import time
import unittest

from edge import EDGE, STREAM, Device, Store, wait_for

EVENT_BYTES = 150_000
CAPACITY_MIB = 32
KILLS = 8
SEED = int(os.environ.get("EDGE_SEED", random.SystemRandom().getrandbits(32)))
ROT_AT = 5 << 20  # beyond the 4 MiB that the bridge reads ahead


class Sensor(Device):
    """Sends large events, the n-th under the id e-n."""

    def __init__(self, store):
        super().__init__(store, "sensor-1")
        self.sent = 0

    def send_events(self, count):
        for _ in range(count):
            self.send(self.event("Measured", f"e-{self.sent}",
                                 {"fill": "x" * EVENT_BYTES}), "telemetry")
            self.sent += 1

    def all_accepted(self):
        return len(self.accepted) == self.sent

    def send_until_full(self):
        """Until the gateway takes nothing more; what it says of it."""
        gateway = self.store.gateway

        def is_full():
            stream = gateway.stream("telemetry")
            return stream is not None and stream["full"]

        for _ in range(8):
            self.send_events(60)
            wait_for("receipts, or it is full",
                     lambda: self.all_accepted() or is_full())
            if not self.all_accepted():
                break
        status = gateway.status()
        stream = next(s for s in status["streams"] if s["name"] == "telemetry")
        return status, stream


def takes_orders(test, store, count=5):
    till = Device(store, f"till-{count}")
    test.addCleanup(till.close)
    ids = [f"order-{count}-{i}" for i in range(count)]
    for id_ in ids:
        till.send(till.order(id_, id_))
    till.wait_accepted(ids, 20)


def in_cloud(store):
    """Sequence number -> event, of the telemetry stream."""
    return {int(event["journalsequence"]): event
            for event in store.cloud.events(stream=STREAM)}


def named_as_dropped(events):
    """The numbers that the EventsDropped among them name."""
    dropped = set()
    for event in events.values():
        if event["type"] == "EventsDropped":
            data = event["data"]
            dropped |= set(range(data["first"], data["last"] + 1))
    return dropped


class FullTest(unittest.TestCase):
    def start(self, **options):
        store = self.enterContext(Store(**options))
        store.gateway.start().wait_up()
        sensor = Sensor(store)
        self.addCleanup(sensor.close)
        return store, sensor

    def test_drop_oldest(self):
        """Each event of the stream is in the cloud, or named as dropped; none
        is both unnamed and missing. The disk stays within the capacity."""
        store, sensor = self.start(
            telemetry=f"capacity: {CAPACITY_MIB} MiB, when_full: drop_oldest, "
                      "keep: 0,")
        store.cloud.faults(offline=True)
        sensor.send_events(260)
        wait_for("receipts for all", sensor.all_accepted, 120)
        stream = store.gateway.stream("telemetry")
        self.assertGreater(stream["dropped"], 0)
        self.assertEqual(stream["full"], "")
        files = store.folder / "data/telemetry"
        used = sum(f.stat().st_blocks * 512 for f in files.glob("*.s*"))
        self.assertLessEqual(used, CAPACITY_MIB << 20)
        takes_orders(self, store)

        store.cloud.faults(offline=False)
        store.gateway.wait_synced(120)
        events = in_cloud(store)
        for event in events.values():
            if event["type"] == "EventsDropped":
                data = event["data"]
                self.assertEqual(data["stream"], "telemetry")
                self.assertEqual(data["count"],
                                 data["last"] - data["first"] + 1)
        dropped = named_as_dropped(events)
        self.assertEqual(len(dropped), stream["dropped"])
        end = store.gateway.stream("telemetry")["end"]
        self.assertEqual(set(range(end)) - set(events) - dropped, set())
        self.assertEqual(store.gateway.stream("telemetry")["lost"] > 0, True)
        print(f"figure: {sensor.sent} events of {EVENT_BYTES} bytes, "
              f"{len(dropped)} dropped and named, {used >> 20} MiB of "
              f"{CAPACITY_MIB} used, unnamed and missing 0")

        # What is delivered goes, and a restart goes on from there.
        sensor.send_events(60)
        wait_for("receipts for all", sensor.all_accepted, 60)
        store.gateway.wait_synced(60)
        sensor.send_events(60)
        wait_for("receipts for all", sensor.all_accepted, 60)
        self.assertLessEqual(store.gateway.stream("telemetry")["segments"], 4)
        start = store.gateway.stream("telemetry")["start"]
        self.assertGreater(start, 0)
        for words, said in (([], ""), (["--from", "1"], "trimmed")):
            done = subprocess.run(
                [EDGE, "journal", "cat", "--config", store.config_path,
                 "--stream", "telemetry", *words],
                capture_output=True, text=True, check=True)
            self.assertIn(said, done.stderr)
            first = json.loads(done.stdout.split("\n", 1)[0])
            self.assertEqual(int(first["journalsequence"]), start)
        self.assertEqual(store.gateway.stop(), 0)
        store.gateway.start().wait_up()
        store.gateway.wait_synced(60)
        sensor.send_events(1)
        wait_for("a receipt", sensor.all_accepted)

    def test_kill_while_dropping(self):
        """Kills amid drops leave nothing without a name, nor does an event
        that named some and was itself dropped."""
        store, sensor = self.start(
            telemetry=f"capacity: {CAPACITY_MIB} MiB, when_full: drop_oldest, "
                      "keep: 0,")
        store.cloud.faults(offline=True)
        dice = random.Random(SEED)
        for _ in range(KILLS):
            sensor.send_events(90)
            time.sleep(dice.uniform(0.1, 1.5))
            store.gateway.stop(signal.SIGKILL)
            store.gateway.start().wait_up()
        # A kill may take receipts with it; the last event comes behind all.
        sensor.send_events(1)
        sensor.wait_accepted([f"e-{sensor.sent - 1}"], 120)

        store.cloud.faults(offline=False)
        store.gateway.wait_synced(120)
        events = in_cloud(store)
        dropped = named_as_dropped(events)
        end = store.gateway.stream("telemetry")["end"]
        missing = set(range(end)) - set(events)
        receipts = {seq for seqs in sensor.accepted.values() for seq in seqs}
        self.assertGreater(len(missing), 0)
        print(f"figure: seed {SEED}: {KILLS} kills amid drops, "
              f"{len(receipts)} receipts, {len(missing)} dropped, unnamed and "
              f"missing {len(missing - dropped)}")
        self.assertEqual(missing - dropped, set())
        self.assertLessEqual(receipts, set(events) | dropped)

    def test_reject(self):
        """At its capacity the stream takes nothing more, says so, and goes on
        when the cloud has what it held."""
        store, sensor = self.start(
            telemetry=f"capacity: {CAPACITY_MIB} MiB, keep: 0,")
        store.cloud.faults(offline=True)
        status, stream = sensor.send_until_full()
        self.assertIn("(capacity)", stream["full"])
        self.assertEqual(status["verdict"]["level"], "failing")
        self.assertIn(("stream-full", "telemetry"), [
            (r["code"], r.get("stream")) for r in status["verdict"]["reasons"]])
        accepted = len(sensor.accepted)
        self.assertLess(accepted, sensor.sent)
        takes_orders(self, store)
        store.cloud.faults(offline=False)
        wait_for("it resumes by itself", sensor.all_accepted, 120)
        store.gateway.wait_synced(120)
        ids = {event["id"] for event in in_cloud(store).values()}
        self.assertEqual(ids, {f"e-{n}" for n in range(sensor.sent)})
        self.assertEqual(store.gateway.stream("telemetry")["full"], "")
        self.assertNotIn("stream-full", [
            r["code"] for r in store.gateway.status()["verdict"]["reasons"]])

    def test_full_and_still_says_so(self):
        """What the gateway has to say is journaled while the stream is full."""
        store, sensor = self.start(
            telemetry=f"capacity: {CAPACITY_MIB} MiB, keep: 0,")
        store.cloud.faults(offline=True)
        for _ in range(45):  # a frame each, of which one is to rot
            sensor.send_events(1)
            wait_for("a receipt", sensor.all_accepted)
        _, stream = sensor.send_until_full()
        end = stream["end"]
        first = store.folder / "data/telemetry" / f"{0:020}.seg"
        with open(first, "r+b") as file:
            file.seek(ROT_AT)
            page = file.read(4096)
            file.seek(ROT_AT)
            file.write(bytes(byte ^ 0xff for byte in page))
        store.cloud.faults(offline=False, latency_ms=500)
        wait_for("more is in the journal",
                 lambda: store.gateway.stream("telemetry")["end"] > end, 60)
        self.assertNotEqual(store.gateway.stream("telemetry")["full"], "")
        done = subprocess.run(
            [EDGE, "journal", "cat", "--config", store.config_path,
             "--stream", "telemetry", "--from", str(end)],
            capture_output=True, text=True, check=True)
        said = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([event["type"] for event in said],
                         ["JournalDamaged"])
        store.cloud.faults(latency_ms=0)
        wait_for("it resumes by itself", sensor.all_accepted, 120)
        store.gateway.wait_synced(120)
        data = said[0]["data"]
        lost = set(range(data["first"], data["last"] + 1))
        self.assertTrue(lost)
        numbers = range(store.gateway.stream("telemetry")["end"])
        self.assertEqual(set(numbers) - set(in_cloud(store)), lost)

    def test_keep_for(self):
        """What the cloud has stays as long as it is to, beyond `keep`."""
        store, sensor = self.start(telemetry="keep: 0, keep_for: 1 d,")
        self.deliver(store, sensor, 120)
        self.deliver(store, sensor, 1)
        stream = store.gateway.stream("telemetry")
        self.assertEqual(stream["start"], 0)
        self.assertGreater(stream["segments"], 2)
        store.gateway.stop()
        config = store.config_path.read_text()
        store.config_path.write_text(config.replace("1 d,", "1 ms,"))
        store.gateway.start().wait_up()

        def trims():
            self.deliver(store, sensor, 1)
            return store.gateway.stream("telemetry")["start"] > 0
        wait_for("something is trimmed", trims)

    def test_keep_max(self):
        """What the cloud has is in no file any more after that, whatever `keep`
        says: the segment that was written to, spares, files set aside."""
        store, sensor = self.start(
            telemetry="keep: 1 GiB, keep_max: 8 s,")
        folder = store.folder / "data/telemetry"
        kept = folder / f"{0:020}-{9:020}.rot"
        kept.write_text("e-0 as it was")
        self.deliver(store, sensor, 30)

        def holds(file):
            try:
                return re.search(rb"e-[0-9]|xxxxxxxx", file.read_bytes())
            except FileNotFoundError:
                return False

        def holding():
            return [file.name for file in folder.iterdir()
                    if file.suffix != ".snap" and holds(file)]
        self.assertIn(f"{0:020}.seg", holding())
        wait_for("they are gone", lambda: not holding(), 90, 1)
        self.assertEqual(store.gateway.stream("telemetry")["start"], 30)
        self.deliver(store, sensor, 1)  # it goes on

    def deliver(self, store, sensor, count):
        sensor.send_events(count)
        wait_for("receipts for all", sensor.all_accepted)
        store.gateway.wait_synced(120)

    def test_stop_while_full(self):
        """A stop does not wait for room; what had no receipt comes again."""
        store, sensor = self.start(
            telemetry=f"capacity: {CAPACITY_MIB} MiB, keep: 0,")
        store.cloud.faults(offline=True)
        _, stream = sensor.send_until_full()
        self.assertNotEqual(stream["full"], "")
        self.assertEqual(store.gateway.stop(), 0)
        store.cloud.faults(offline=False)
        self.assertEqual(store.gateway.log().count("ERROR"), 0)

    def store_on_disk_of(self, size):
        """A store whose data has a file system of its own, and that folder."""
        store = self.enterContext(Store(extra="free_floor: 0"))
        data = store.folder / "data"
        data.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", data],
            capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            self.skipTest(f"SKIPPED: no tmpfs can be mounted here: "
                          f"{mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", data], check=True)
        return store, data

    def test_a_start_on_a_full_disk(self):
        """Says what to do; with that done it starts."""
        store, data = self.store_on_disk_of("4m")
        self.assertEqual(store.gateway.start().process.wait(30), 1)
        self.assertIn(f"or more on the disk of {data}/orders",
                      store.gateway.log())
        subprocess.run(["mount", "-o", "remount,size=64m", data], check=True)
        store.gateway.start().wait_up()
        takes_orders(self, store)

    def test_full_disk(self):
        """The same on a file system that is full, until it has room again."""
        store, data = self.store_on_disk_of("48m")
        store.gateway.start().wait_up()
        sensor = Sensor(store)
        self.addCleanup(sensor.close)
        free = os.statvfs(data)
        ballast = data / "ballast"
        ballast.write_bytes(b"x" * (free.f_bavail * free.f_frsize - 4096))
        _, stream = sensor.send_until_full()
        self.assertIn("No space left", stream["full"])
        takes_orders(self, store)
        ballast.unlink()
        wait_for("it resumes by itself", sensor.all_accepted, 60)
        store.gateway.wait_synced(60)
        ids = {event["id"] for event in in_cloud(store).values()}
        self.assertEqual(ids, {f"e-{n}" for n in range(sensor.sent)})
        store.gateway.stop()


if __name__ == "__main__":
    unittest.main(verbosity=2)

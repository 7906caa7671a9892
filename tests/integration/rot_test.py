# SPDX-License-Identifier: Apache-2.0
"""Goal: a disk that loses events stops no store. What can be read is kept,
replayed and sent, in order; what cannot is named in one JournalDamaged, once,
over any number of starts; other streams do not notice. Rot lies behind the
cursor, before it, in the tail, in a header, in a file that is gone; in either
stream; and once it comes while the gateway runs."""

import json
import re
import signal
import subprocess
import unittest

from edge import BUS, EDGE, STREAM, Device, Store, wait_for

PAGE = 4096
COUNT = 12  # events, each in a frame of its own
EVENT_BYTES = 150_000
WINDOW_EVENTS = 30  # of that size; the bridge reads 4 MiB ahead


class Sensor(Device):
    """Sends one event at a time, the n-th under the id e-n."""

    def __init__(self, store, name="sensor-1"):
        super().__init__(store, name)
        self.sent = 0

    def send_events(self, count, size=1):
        for _ in range(count):
            id_ = f"e-{self.sent}"
            self.sent += 1
            self.send(self.event("Measured", id_, {"fill": "x" * size}),
                      "telemetry")
            self.wait_accepted([id_])


def send_orders(store, till, ids):
    for id_ in ids:
        till.send(till.order(id_, id_))
        till.wait_accepted([id_], 20)


class Journal:
    """The files of a stream's journal, and what is in their pages."""

    def __init__(self, store, stream):
        self.folder = store.folder / "data" / stream

    def segments(self):
        return sorted(self.folder.glob("*.seg"))

    def frames(self):
        """(file, offset, length, first, end), by reading the format."""
        for file in self.segments():
            data = file.read_bytes()
            at = PAGE
            while data[at:at + 1] == b"\x88":
                first = int.from_bytes(data[at + 7:at + 15], "big")
                count = int.from_bytes(data[at + 16:at + 20], "big")
                length = int.from_bytes(data[at + 48:at + 52], "big")
                size = -(-(52 + length + 5) // PAGE) * PAGE
                yield file, at, size, first, first + count
                at += size

    def flip(self, file, offset):
        with open(file, "r+b") as f:
            f.seek(offset)
            byte = f.read(1)[0]
            f.seek(offset)
            f.write(bytes([byte ^ 0x40]))

    def lose_header(self, file):
        """Without its salt nothing in the file verifies."""
        for offset in range(8, 16):
            self.flip(file, offset)

    def rot_frame_of(self, seq):
        """Flips a bit in the frame that holds `seq`; its [first, end)."""
        for file, at, _, first, end in self.frames():
            if first <= seq < end:
                self.flip(file, at + 60)
                return first, end
        raise AssertionError(f"no frame holds {seq}")

    def saved(self):
        """The bridge's cursor, as it is on the disk."""
        data = (self.folder / "cursor").read_bytes()
        return max((int.from_bytes(data[at + 16:at + 24], "big"),
                    int.from_bytes(data[at + 24:at + 32], "big"))
                   for at in (0, PAGE) if len(data) >= at + 40)[1]

    def kept(self):
        return sorted(self.folder.glob("*.rot"))


class RotTest(unittest.TestCase):
    def start(self, **options):
        store = self.enterContext(Store(**options))
        store.gateway.start().wait_up()
        return store

    def start_with_devices(self):
        store = self.start()
        sensor, till = Sensor(store), Device(store, "till-1")
        self.addCleanup(sensor.close)
        self.addCleanup(till.close)
        return store, sensor, till

    def events(self, store, stream):
        """Sequence number -> event, as the cloud has it."""
        where = {"stream": STREAM} if stream == "telemetry" else {"bus": BUS}
        return {int(event["journalsequence"]): event
                for event in store.cloud.events(**where)}

    def check(self, store, lost, in_cloud=False):
        """After the start: of each stream in `lost` its [first, end) is announced
        once, and that alone is missing, unless the cloud had it; of the other
        streams nothing. Two more starts change nothing."""
        for how in (signal.SIGKILL, signal.SIGTERM, None):
            store.gateway.wait_synced(60)
            for stream in ("orders", "telemetry"):
                self.check_stream(store, stream, lost.get(stream), in_cloud)
            if how is not None:
                store.gateway.stop(how)
                store.gateway.start().wait_up()
        status = subprocess.run(
            [EDGE, "status", "--config", store.config_path],
            capture_output=True, text=True, check=False)
        said = status.stdout
        self.assertEqual(status.returncode, 3, said)
        self.assertIn("journal-damaged", said)
        for stream, (first, end) in lost.items():
            self.assertIn(f"[{first},{end - 1}]", said)
            self.check_cat(store, stream, first, end)

    def check_stream(self, store, stream, lost, in_cloud):
        events = self.events(store, stream)
        told = [event["data"] for event in events.values()
                if event["type"] == "JournalDamaged"]
        status = store.gateway.stream(stream)
        gone = set()
        if lost is None:
            self.assertEqual(told, [])
            self.assertEqual(status["damaged"], 0)
        else:
            first, end = lost
            self.assertEqual(told, [{"stream": stream, "first": first,
                                     "last": end - 1, "count": end - first}])
            self.assertEqual(status["damaged"], end - first)
            self.assertEqual(status["damage"], [[first, end - 1]])
            gone = set() if in_cloud else set(range(first, end))
        self.assertEqual(set(range(status["end"])) - set(events), gone)

    def check_cat(self, store, stream, first, end):
        done = subprocess.run(
            [EDGE, "journal", "cat", "--config", store.config_path,
             "--stream", stream], capture_output=True, text=True, check=False)
        if first > 0:  # else the journal just begins behind it
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"events {first} to {end - 1} are lost",
                          done.stderr)
        shown = {int(json.loads(line)["journalsequence"])
                 for line in done.stdout.splitlines()}
        self.assertEqual(shown, set(range(store.gateway.stream(stream)["end"]))
                         - set(range(first, end)))

    def sell(self, store):
        till = Device(store, "till-after")
        self.addCleanup(till.close)
        send_orders(store, till, [f"after-{i}" for i in range(3)])

    def test_before_the_cursor(self):
        """What the cloud has had rots, in both streams: nothing is missing
        there, and the damaged file is kept as it was."""
        store, sensor, till = self.start_with_devices()
        sensor.send_events(COUNT)
        send_orders(store, till, [f"o-{i}" for i in range(COUNT)])
        store.gateway.wait_synced(60)
        store.gateway.stop(signal.SIGTERM)
        lost, whole = {}, {}
        for stream in ("orders", "telemetry"):
            journal = Journal(store, stream)
            whole[stream] = journal.segments()[0].read_bytes()
            lost[stream] = journal.rot_frame_of(5)
        store.gateway.start().wait_up()
        self.sell(store)
        self.check(store, lost, in_cloud=True)
        for stream, before in whole.items():
            kept = Journal(store, stream).kept()
            self.assertEqual(len(kept), 1)
            differ = sum(a != b for a, b in
                         zip(before, kept[0].read_bytes(), strict=True))
            self.assertEqual(differ, 1)

    def test_behind_the_cursor(self):
        """What the cloud has not had rots: that is missing, nothing else is,
        and the other stream does not notice."""
        for stream in ("telemetry", "orders"):
            with self.subTest(stream=stream):
                store, sensor, till = self.start_with_devices()
                sensor.send_events(2)
                send_orders(store, till, ["o-x"])
                store.gateway.wait_synced(60)
                store.cloud.faults(offline=True)
                sensor.send_events(COUNT)
                send_orders(store, till, [f"o-{i}" for i in range(COUNT)])
                store.gateway.stop(signal.SIGKILL)
                journal = Journal(store, stream)
                frames = list(journal.frames())
                lost = journal.rot_frame_of(frames[len(frames) // 2][3])
                store.gateway.start().wait_up()
                self.sell(store)
                store.cloud.faults(offline=False)
                self.check(store, {stream: lost})

    def test_tail(self):
        """The last frame, which the cloud has, rots in both streams, and the
        gateway was killed: its numbers are not used again."""
        store, sensor, till = self.start_with_devices()
        sensor.send_events(COUNT)
        send_orders(store, till, [f"o-{i}" for i in range(COUNT)])
        store.gateway.wait_synced(60)
        lost = {}
        for stream in ("orders", "telemetry"):
            end = store.gateway.stream(stream)["end"]
            wait_for("the cursor is on the disk",
                     lambda: Journal(store, stream).saved() == end, 20)
            lost[stream] = (None, end)
        store.gateway.stop(signal.SIGKILL)
        for stream, (_, end) in lost.items():
            lost[stream] = Journal(store, stream).rot_frame_of(end - 1)
            self.assertEqual(lost[stream][1], end)
        store.gateway.start().wait_up()
        self.sell(store)
        sensor.send_events(2)
        self.check(store, lost, in_cloud=True)

    def test_header_and_missing_file(self):
        """A segment whose header rots, then one that is gone: each is announced
        with all that was in it."""
        store = self.start()
        sensor = Sensor(store)
        self.addCleanup(sensor.close)
        ends = []
        for _ in range(3):
            sensor.send_events(4)
            store.gateway.wait_synced(60)
            ends.append(store.gateway.stream("telemetry")["end"])
            store.gateway.stop(signal.SIGTERM)
            if len(ends) < 3:
                store.gateway.start().wait_up()
        journal = Journal(store, "telemetry")
        journal.lose_header(journal.segments()[0])
        journal.segments()[1].unlink()
        store.gateway.start().wait_up()
        self.sell(store)
        self.check(store, {"telemetry": (0, ends[1])}, in_cloud=True)

    def test_missing_file_of_a_store_that_was_never_online(self):
        """The cloud has confirmed nothing yet, and the gateway knows that."""
        store = self.enterContext(Store())
        store.cloud.faults(offline=True)
        store.gateway.start().wait_up()
        sensor = Sensor(store)
        sensor.send_events(60, EVENT_BYTES)
        sensor.close()
        store.gateway.stop(signal.SIGTERM)
        first, second, *_ = Journal(store, "telemetry").segments()
        first.unlink()
        store.gateway.start().wait_up()
        store.cloud.faults(offline=False)
        self.check(store, {"telemetry": (0, int(second.stem))})

    def test_header_of_the_shop(self):
        """The first of the shop's segments goes, and no snapshot was taken
        yet: it sells on with what it has."""
        store = self.start()
        till = Device(store, "till-1")
        self.addCleanup(till.close)
        ends = []
        for n in range(2):
            send_orders(store, till, [f"o-{n}-{i}" for i in range(3)])
            store.gateway.wait_synced(60)
            ends.append(store.gateway.stream("orders")["end"])
            store.gateway.stop(signal.SIGTERM)
            if len(ends) < 2:
                store.gateway.start().wait_up()
        journal = Journal(store, "orders")
        journal.lose_header(journal.segments()[0])
        store.gateway.start().wait_up()
        self.sell(store)
        self.check(store, {"orders": (0, ends[0])}, in_cloud=True)

    def test_a_bit_of_a_header(self):
        """It takes nothing with it: nothing is lost or announced, and the file is
        kept as it was."""
        store = self.start()
        sensor = Sensor(store)
        self.addCleanup(sensor.close)
        for _ in range(2):
            sensor.send_events(4)
            store.gateway.wait_synced(60)
            store.gateway.stop(signal.SIGTERM)
            store.gateway.start().wait_up()
        store.gateway.stop(signal.SIGTERM)
        journal = Journal(store, "telemetry")
        journal.flip(journal.segments()[0], 20)
        before = journal.segments()[0].read_bytes()
        store.gateway.start().wait_up()
        self.sell(store)
        for _ in range(2):
            store.gateway.wait_synced(60)
            for stream in ("orders", "telemetry"):
                self.check_stream(store, stream, None, True)
            store.gateway.stop(signal.SIGTERM)
            store.gateway.start().wait_up()
        self.assertEqual([kept.read_bytes() for kept in journal.kept()],
                         [before])

    def test_unread(self):
        """A start believes older segments by their ends. Rot inside one that
        it need not read, behind the cursor and a snapshot, is found afterwards
        and announced like any other."""
        store = self.start()
        sensor = Sensor(store)
        self.addCleanup(sensor.close)
        sensor.send_events(COUNT, EVENT_BYTES)
        wait_for("a snapshot", lambda: list(
            Journal(store, "telemetry").folder.glob("*.snap")))
        for _ in range(2):  # so that it is not the last segment
            store.gateway.wait_synced(60)
            store.gateway.stop(signal.SIGTERM)
            store.gateway.start().wait_up()
            sensor.send_events(1)
        store.gateway.wait_synced(60)
        store.gateway.stop(signal.SIGTERM)
        lost = Journal(store, "telemetry").rot_frame_of(2)
        store.gateway.start().wait_up()
        self.sell(store)
        wait_for("it is announced", lambda: store.cloud.events(
            stream=STREAM, type="JournalDamaged"), 60)
        self.check(store, {"telemetry": lost}, in_cloud=True)

    def test_while_running(self):
        """The bridge meets rot: it goes on behind it, the gateway says so at
        once, and later starts set the file aside without another word."""
        store = self.start()
        sensor = Sensor(store)
        self.addCleanup(sensor.close)
        store.cloud.faults(offline=True)
        sensor.send_events(WINDOW_EVENTS + 20, EVENT_BYTES)
        first, end = Journal(store, "telemetry").rot_frame_of(
            WINDOW_EVENTS + 10)
        store.cloud.faults(offline=False)
        wait_for("it is announced", lambda: store.cloud.events(
            stream=STREAM, type="JournalDamaged"), 60)
        self.assertEqual(store.gateway.stream("telemetry")["lost"],
                         end - first)
        self.assertEqual(Journal(store, "telemetry").kept(), [])
        self.sell(store)
        sensor.send_events(2)
        self.check(store, {"telemetry": (first, end)})
        self.assertEqual(len(Journal(store, "telemetry").kept()), 1)

    def test_stop(self):
        """With `on_rot: stop` the gateway does not start, says which byte, and
        changes nothing; with quarantine it goes on then."""
        store = self.start(telemetry="on_rot: stop,")
        sensor = Sensor(store)
        self.addCleanup(sensor.close)
        sensor.send_events(COUNT)
        store.gateway.wait_synced(60)
        store.gateway.stop(signal.SIGTERM)
        journal = Journal(store, "telemetry")
        first, end = journal.rot_frame_of(5)
        before = {f.name: f.read_bytes() for f in journal.folder.iterdir()}
        store.gateway.start()
        self.assertEqual(store.gateway.process.wait(20), 1)
        store.gateway.process = None
        self.assertTrue(re.search(r"is damaged at byte \d+", store.gateway.log()))
        after = {f.name: f.read_bytes() for f in journal.folder.iterdir()}
        self.assertEqual(before, after)
        config = store.config_path.read_text().replace("on_rot: stop,", "")
        store.config_path.write_text(config)
        store.gateway.start().wait_up()
        self.check(store, {"telemetry": (first, end)}, in_cloud=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)

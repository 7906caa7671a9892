# SPDX-License-Identifier: Apache-2.0
"""Dead letters through the whole gateway: what the cloud refuses for good is
kept with its reason, all the rest arrives, and it can be sent again.

EDGE_DEAD_EVENTS events (default 10,000) go to each service, 1 % of them
poison."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from edge import BUS, EDGE, STREAM, Device, Store, wait_for  # noqa: E402
from verdict_places import look  # noqa: E402

EVENTS = int(os.environ.get("EDGE_DEAD_EVENTS", "10000"))
POISON = "bitter-almond"


def dead(store, *words, code=0):
    done = subprocess.run(
        [EDGE, "dead", words[0], *words[1:], "--config", store.config_path],
        capture_output=True, text=True, timeout=120)
    assert done.returncode == code, (words, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def letters(store, *words):
    return [json.loads(line) for line in
            dead(store, "list", "--json", *words).splitlines()]


NOTES = (f"  - {{name: notes, segment: 8 MiB, "
         f"sink: {{eventbridge: {{bus: {BUS}}}}}}}\n")


class Case(unittest.TestCase):
    options = {}

    def setUp(self):
        self.store = Store(streams=NOTES, **self.options)
        self.addCleanup(self.store.__exit__, None, None, None)
        self.faults = self.store.cloud.faults
        self.gateway = self.store.gateway
        self.start()
        self.till = Device(self.store, "till-1")
        self.till.client.max_queued_messages_set(0)
        self.addCleanup(self.till.close)

    def start(self):
        self.gateway.start()
        self.gateway.wait_up()

    def reading(self, number, word="", leaf="telemetry"):
        return self.till.event(
            "ReadingTaken", f"{leaf}-{number}", {"n": number, "word": word},
            f"k{number % 97}")

    def send(self, count, every=0, leaf="telemetry", first=0):
        """Each `every`-th is poison; returns the ids of those and of all."""
        bad = []
        ids = []
        for number in range(first, first + count):
            poison = every and number % every == every - 1
            event = self.reading(number, POISON if poison else "", leaf)
            ids.append(event["id"])
            bad += [event["id"]] if poison else []
            self.till.send(event, leaf)
        return bad, ids

    def status(self):
        return self.gateway.status()

    def arrived(self, leaf="telemetry"):
        query = ({"bus": BUS} if leaf == "notes" else {"stream": STREAM})
        return [event["id"] for event in
                self.store.cloud.events(type="ReadingTaken", **query)]

    def told(self, type_, stream="telemetry"):
        """What head office was told of, in order."""
        return [event["data"] for place in ({"bus": BUS}, {"stream": STREAM})
                for event in self.store.cloud.events(type=type_, **place)
                if event["data"]["stream"] == stream]

    def drained(self, seconds=120):
        def is_drained():
            return all(s["backlog"] == 0 for s in self.status()["streams"])
        wait_for("all streams drained", is_drained, seconds)


class PoisonCase(Case):
    def poison_and_retry(self, leaf, call):
        self.faults(poison={"word": POISON, "call": call,
                            "code": "ValidationException" if call
                            else "MalformedDetail"})
        bad, ids = [], []
        patience = 300 + EVENTS // 50
        for first in range(0, EVENTS, 5000):  # what the broker's queue holds
            worse, more = self.send(min(5000, EVENTS - first), 100, leaf,
                                    first)
            bad += worse
            ids += more
            wait_for("receipts", lambda: len(self.till.accepted) >= len(ids),
                     patience, 0.1)
        self.drained(patience)
        good = set(ids) - set(bad)
        self.assertEqual(set(self.arrived(leaf)), good)
        kept = letters(self.store)
        self.assertEqual({k["event"]["id"] for k in kept}, set(bad))
        self.assertEqual(len(kept), len(bad))
        self.assertEqual({k["code"] for k in kept},
                         {"ValidationException" if call
                          else "MalformedDetail"})
        wait_for("dead-letters", lambda: all(look(
            self.store, "dead-letters").values()), 30, 0.5)
        told = wait_for("EventDeadLettered", lambda: self.store.cloud.events(
            type="EventDeadLettered",
            **({"bus": BUS} if leaf == "notes" else {"stream": STREAM})))
        self.assertLessEqual(len(told), 3)
        self.assertEqual(told[0]["data"]["stream"], leaf)
        self.faults(poison={})
        dead(self.store, "retry", "--all")
        wait_for("no letters", lambda:
                 self.status()["dead"]["letters"] == 0, patience)
        self.assertEqual(set(self.arrived(leaf)), set(ids))
        self.assertEqual(letters(self.store), [])
        order = [i for i in self.arrived(leaf) if i in set(bad)]
        by_key = {}
        for i in order:
            by_key.setdefault(int(i.split("-")[1]) % 97, []).append(
                int(i.split("-")[1]))
        for numbers in by_key.values():
            self.assertEqual(numbers, sorted(numbers))

    def test_entries_of_kinesis(self):
        # Goal: 1 % of poison by entries: all others arrive, each of those is a
        # letter, in order; with the cause mended they arrive, in order.
        self.poison_and_retry("telemetry", False)

    def test_calls_of_eventbridge(self):
        # Goal: the same where the poison refuses its whole call.
        self.poison_and_retry("notes", True)

    def test_entries_of_eventbridge(self):
        self.poison_and_retry("notes", False)


class HoldCase(Case):
    def test_all_denied(self):
        # Goal: while everything is denied nothing becomes a letter, and the
        # gateway says so in all places; then everything arrives.
        bad, ids = self.send(50)
        self.till.wait_accepted(ids)
        self.drained()
        self.faults(partial_failure={"every": 1,
                                     "code": "AccessDeniedException"})
        _, more = self.send(300, first=50)
        self.till.wait_accepted(more)
        wait_for("sink-denies-all", lambda: all(look(
            self.store, "sink-denies-all", "telemetry").values()), 60, 0.5)
        time.sleep(20)
        self.assertEqual(self.status()["dead"]["letters"], 0)
        self.assertEqual(letters(self.store), [])
        self.faults(partial_failure=0)
        self.drained(90)
        self.assertEqual(set(self.arrived()), set(ids + more))
        self.assertEqual(letters(self.store), [])
        wait_for("cured", lambda: not any(look(
            self.store, "sink-denies-all", "telemetry").values()), 30, 0.5)

    def test_a_hundred_in_a_row(self):
        # Goal: what refuses everything is held after a hundred, and goes on by
        # itself when it takes them again.
        self.faults(partial_failure={"every": 1, "code": "InvalidArgument"})
        _, ids = self.send(300)
        self.till.wait_accepted(ids)
        wait_for("sink-refuses-many", lambda: all(look(
            self.store, "sink-refuses-many", "telemetry").values()), 60, 0.5)
        kept = letters(self.store)
        self.assertEqual(len(kept), 99)
        self.faults(partial_failure=0)
        self.drained(90)
        dead(self.store, "retry", "--reason", "InvalidArgument")
        wait_for("no letters", lambda:
                 self.status()["dead"]["letters"] == 0, 60)
        self.assertEqual(set(self.arrived()), set(ids))


class HeldCase(Case):
    options = {"telemetry": "on_refused: hold,"}

    def test_on_refused_hold(self):
        # Goal: a stream that says so has no letters: its events are held.
        self.faults(poison={"word": POISON})
        bad, ids = self.send(100, 50)
        self.till.wait_accepted(ids)
        wait_for("held", lambda: self.gateway.stream("telemetry")["refused"]
                 == len(bad))
        self.assertEqual(letters(self.store), [])
        wait_for("events-held", lambda: all(look(
            self.store, "events-held", "telemetry").values()), 30, 0.5)


class CommandCase(Case):
    def make(self, count=6):
        self.faults(poison={"word": POISON})
        bad, ids = self.send(count * 3, 3)
        self.till.wait_accepted(ids)
        self.drained()
        wait_for("letters", lambda: len(letters(self.store)) == count)
        return bad

    def test_list_show_drop(self):
        # Goal: each way of choosing, of the events and of the words; drop is
        # for good; EventsDropped names what went.
        bad = self.make()
        rows = dead(self.store, "list").splitlines()
        self.assertEqual(len(rows), 7)
        self.assertIn("MalformedDetail", rows[1])
        kept = letters(self.store, "--stream", "telemetry")
        bad = [k["event"]["id"] for k in kept]
        self.assertEqual(len(set(bad)), 6)
        self.assertEqual(letters(self.store, "--type", "OrderPlaced"), [])
        self.assertEqual(len(letters(self.store, "--reason", "on request")), 6)
        first = str(kept[0]["id"])
        whole = dead(self.store, "show", first)
        self.assertIn(POISON, whole)
        self.assertIn("kinesis:" + STREAM, whole)
        self.assertIn("there is no dead letter 9999",
                      dead(self.store, "show", "9999", code=1))
        self.assertIn("no letter's id", dead(self.store, "show", "x", code=2))
        self.assertIn("say which", dead(self.store, "drop", code=2))
        self.assertIn("say which",
                      dead(self.store, "drop", "1", "--all", code=2))
        dead(self.store, "drop", f"{first},{kept[1]['id']}-{kept[2]['id']}")
        self.assertEqual([k["event"]["id"] for k in letters(self.store)],
                         bad[3:])
        self.assertEqual(
            dead(self.store, "drop", "--type", "ReadingTaken", "--json"),
            '{"drop":3}\n')
        self.assertEqual(dead(self.store, "list"), "there are no dead letters\n")
        self.assertNotIn("dead-letters", json.dumps(self.status()["verdict"]))
        seqs = [k["seq"] for k in kept]
        wait_for("EventsDropped for all", lambda:
                 sum(d["count"] for d in self.told("EventsDropped")) == 6, 90)
        told = self.told("EventsDropped")
        self.assertEqual((told[0]["first"], told[-1]["last"]),
                         (seqs[0], seqs[-1]))

    def test_refused_again(self):
        # Goal: a retry that is refused again stays a letter, with one more try.
        self.make(2)
        self.faults(poison={"word": POISON, "code": "InvalidArgument"})
        dead(self.store, "retry", "--all")
        wait_for("refused again", lambda: [
            (k["code"], k["tries"], k["state"]) for k in letters(self.store)]
            == [("InvalidArgument", 2, "letter")] * 2)

    def test_without_a_gateway(self):
        # Goal: list and show read the disk of a box that is down, retry marks,
        # and the next start sends them.
        bad = self.make()
        self.gateway.stop()
        self.assertEqual(len(letters(self.store)), 6)
        unsent = subprocess.run(
            [EDGE, "journal", "unsent", "--config", self.store.config_path],
            capture_output=True, text=True, check=False)
        self.assertEqual(unsent.returncode, 1)
        self.assertEqual(unsent.stdout.splitlines()[-1], "dead: 6")
        out = subprocess.run(
            [EDGE, "dead", "list", "--json", "--data",
             self.store.folder / "data"], capture_output=True, text=True,
            check=True).stdout
        self.assertEqual(len(out.splitlines()), 6)
        self.assertIn("next start", dead(self.store, "retry", "--all"))
        self.assertEqual({k["state"] for k in letters(self.store)}, {"retry"})
        self.faults(poison={})
        self.start()
        wait_for("sent", lambda: self.status()["dead"]["letters"] == 0)
        self.assertLessEqual(set(bad), set(self.arrived()))

    def test_a_start_knows_them(self):
        # Goal: killed anywhere around letters, each is there once, nothing is
        # lost, and none is sent again.
        self.faults(poison={"word": POISON})
        bad, ids = [], []
        for turn in range(6):
            self.faults(latency_ms=10 * turn)
            worse, more = self.send(60, 3, first=turn * 60)
            bad += worse
            ids += more
            self.till.wait_accepted(more)
            time.sleep(0.02 * turn)
            self.gateway.stop(signal.SIGKILL)
            self.till.close()
            self.start()
            self.till = Device(self.store, "till-1")
        self.drained()
        kept = [k["event"]["id"] for k in letters(self.store)]
        self.assertEqual(sorted(kept), sorted(bad))
        self.assertEqual(set(self.arrived()), set(ids) - set(bad))
        seqs = {k["seq"] for k in letters(self.store)}

        def is_told():
            return all(any(d["first"] <= seq <= d["last"]
                           for d in self.told("EventDeadLettered"))
                       for seq in seqs)
        wait_for("EventDeadLettered for each", is_told, 90, 0.5)

    def test_damage(self):
        # Goal: letters that the disk loses are said, once, and the streams go
        # on.
        self.make()
        _, ids = self.send(6, 3, first=500)  # in a frame behind those
        self.till.wait_accepted(ids)
        wait_for("letters", lambda: len(letters(self.store)) == 8)
        self.gateway.stop(signal.SIGKILL)
        folder = self.store.folder / "data/dead"
        segment = sorted(folder.glob("*.seg"))[0]
        with open(segment, "r+b") as file:
            file.seek(4096)
            first = file.read(64)
            file.seek(4096)
            file.write(bytes(byte ^ 0xFF for byte in first))
        self.start()
        _, ids = self.send(30, first=1000)
        self.till.wait_accepted(ids)
        self.drained()
        self.assertLessEqual(set(ids), set(self.arrived()))
        told = wait_for("JournalDamaged", lambda:
                        self.told("JournalDamaged", "dead"), 30)
        self.assertEqual(told[0]["first"], 0)
        self.assertLessEqual(told[0]["count"], 6)
        lost = self.status()["dead"]["lost"]
        self.assertEqual(lost, told[0]["count"])
        time.sleep(3)  # the mark follows a moment later
        self.assertEqual(self.gateway.stop(), 0)
        self.start()
        self.drained()
        time.sleep(3)
        self.assertEqual(len(self.told("JournalDamaged", "dead")), 1)
        self.assertEqual(self.status()["dead"]["lost"], lost)


if __name__ == "__main__":
    unittest.main(verbosity=2)

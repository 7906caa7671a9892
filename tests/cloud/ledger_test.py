# SPDX-License-Identifier: Apache-2.0
"""The judge's own checks must be able to fail: each is shown what it is there
to find, and what it must not mistake for it."""

import json
import os
import random
import tempfile
import unittest

from faults import Faults
from ledger import Entry, Holding, Ledger, Statuses, event_key
from services import operation_method


def event(sequence, key="a", name=None, **more):
    return {"specversion": "1.0", "type": "T", "source": "/s/d",
            "id": name or f"id-{sequence}", "subject": key,
            "journalsequence": f"{sequence:020d}"} | more


def judged(*events, partitions=None):
    holding = Holding()
    for index, one in enumerate(events):
        holding.note(one, partitions and partitions[index])
    return holding.report()


def status(number, life="a" * 16, **more):
    data = {"life": life, "number": number, "verdict": "ok"} | more
    return {"specversion": "1.0", "type": "EdgeStatus", "source": "/s/gateway",
            "id": f"{life}-{number}", "data": data}


class StatusTest(unittest.TestCase):
    def judged(self, *events):
        judge = Statuses()
        for one in events:
            judge.note(one)
        return judge.count

    def test_as_promised(self):
        # Goal: gaps and other lives are fine, a repeat is no alarm.
        self.assertEqual(
            self.judged(status(1), status(4), status(4), status(1, "b" * 16)),
            {"received": 4, "repeated": 1, "backwards": 0, "unfit": 0})

    def test_an_older_one_behind_a_newer_is_found(self):
        self.assertEqual(self.judged(status(2), status(1))["backwards"], 1)

    def test_what_is_none_is_found(self):
        bad = (status(1, verdict="fine"), status("1"),
               status(1) | {"id": "other"},
               status(1) | {"source": "/s/till-1"},
               status(1) | {"journalsequence": "1"})
        self.assertEqual(self.judged(*bad)["unfit"], len(bad))
        self.assertEqual(
            self.judged(status(1), status(1, uptime_s=1))["unfit"], 1)

    def test_it_counts_for_no_journal(self):
        # Goal: beside the events, not among them, also after a restart.
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(2):
                ledger = Ledger(folder, ["bus/b"])
                ledger.accept([Entry("bus/b", {}, json.dumps(status(1)))])
                self.assertEqual(ledger.holdings["bus/b"].report()["events"],
                                 0)
                ledger.close()
            ledger = Ledger(folder, ["bus/b"])
            self.assertEqual(ledger.statuses["bus/b"].count["received"], 2)
            ledger.close()


class OrderTest(unittest.TestCase):
    def test_in_order_is_no_violation(self):
        # Goal: what comes as promised moves no alarm.
        report = judged(event(0), event(1, "b"), event(2), event(3, "b"))
        self.assertEqual(report["unique"], 4)
        for alarm in ("order_violations", "missing", "conflicts", "retaken",
                      "duplicates", "unreadable", "moved_keys"):
            self.assertEqual(report[alarm], 0, alarm)

    def test_out_of_order_in_a_key_is_found(self):
        # Goal: two events of one key that swap places are a violation.
        report = judged(event(1), event(0), event(2))
        self.assertEqual(report["order_violations"], 1)
        self.assertEqual(report["missing"], 0)

    def test_out_of_order_between_keys_is_allowed(self):
        # Goal: lanes may run ahead of each other.
        report = judged(event(1, "b"), event(0), event(3, "b"), event(2))
        self.assertEqual(report["order_violations"], 0)

    def test_repeats_may_come_at_any_time(self):
        # Goal: a repeat of something older is a duplicate, no violation.
        report = judged(event(0), event(1), event(0), event(1), event(2))
        self.assertEqual(report["duplicates"], 2)
        self.assertEqual(report["order_violations"], 0)
        self.assertEqual(report["unique"], 3)

    def test_a_lost_event_that_comes_late_is_a_violation(self):
        # Goal: a failed entry overtaken by the next of its key is found.
        report = judged(event(0), event(2), event(1))
        self.assertEqual(report["order_violations"], 1)
        self.assertEqual(report["missing"], 0)

    def test_key_rule(self):
        # Goal: partitionkey before subject before source.
        self.assertEqual(event_key(event(0, "k", partitionkey="p")), "p")
        self.assertEqual(event_key(event(0, "k")), "k")
        self.assertEqual(event_key({"source": "/s/d", "subject": ""}), "/s/d")


class MissingTest(unittest.TestCase):
    def test_gaps_are_counted_and_named(self):
        # Goal: what never came is named by its number.
        report = judged(event(0), event(1), event(4), event(6))
        self.assertEqual(report["missing"], 3)
        self.assertEqual(report["missing_first"], [2, 3, 5])
        self.assertEqual(report["highest"], 6)

    def test_a_gap_closes(self):
        # Goal: a late event fills its gap.
        report = judged(event(0), event(2, "b"), event(1))
        self.assertEqual(report["missing"], 0)
        self.assertEqual(report["missing_first"], [])

    def test_against_a_plain_count(self):
        # Goal: the compact set agrees with counting, for any order.
        seed = random.randrange(1 << 32)
        dice = random.Random(seed)
        for _ in range(200):
            numbers = dice.sample(range(40), dice.randrange(1, 40))
            report = judged(*(event(n, str(n)) for n in numbers))
            absent = sorted(set(range(max(numbers))) - set(numbers))
            self.assertEqual(report["missing"], len(absent), f"seed {seed}")
            self.assertEqual(report["missing_first"], absent, f"seed {seed}")


class IdentityTest(unittest.TestCase):
    def test_one_identity_under_two_numbers(self):
        # Goal: a repeat must carry the same number.
        report = judged(event(0, name="x"), event(1, name="x"))
        self.assertEqual(report["conflicts"], 1)

    def test_one_number_for_two_identities(self):
        # Goal: a number is never given twice.
        report = judged(event(0, name="x"), event(0, name="y"))
        self.assertEqual(report["conflicts"], 1)

    def test_one_identity_with_two_contents(self):
        # Goal: a name is never given twice, in whatever life.
        report = judged(event(0, name="x", journallife="a"),
                        event(0, name="x", journallife="b", subject="other"))
        self.assertEqual(report["conflicts"], 1)

    def test_copies_that_went_different_ways(self):
        # Goal: a number may come again in another life, and so may what a
        # device said to both; neither is a conflict.
        report = judged(event(0, journallife="a"), event(1, journallife="a"),
                        event(1, name="x", journallife="b"),
                        event(2, name="id-0", journallife="b"),
                        event(1, name="x", journallife="b"))
        self.assertEqual(report["conflicts"], 0)
        self.assertEqual(report["unique"], 3)
        self.assertEqual((report["duplicates"], report["retaken"]), (1, 1))
        report = judged(event(0, name="x", journallife="a"),
                        event(0, name="y", journallife="a"))
        self.assertEqual(report["conflicts"], 1)

    def test_a_repeat_that_changes_its_life(self):
        # Goal: an event that is sent again is of the life it was of.
        report = judged(event(0, journallife="a"), event(0, journallife="b"))
        self.assertEqual(report["conflicts"], 1)

    def test_what_is_no_event_is_counted(self):
        # Goal: an entry that cannot be judged is not passed over.
        bare = event(0)
        del bare["journalsequence"]
        report = judged(None, {}, bare, event(0) | {"specversion": "0.3"})
        self.assertEqual(report["unreadable"], 4)
        self.assertEqual(report["unique"], 0)

    def test_a_key_that_changes_its_partition(self):
        # Goal: Kinesis keeps order only under one partition key.
        report = judged(event(0), event(1), partitions=["p", "q"])
        self.assertEqual(report["moved_keys"], 1)


class LedgerTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.directory = folder.name

    def open(self):
        return Ledger(self.directory, ["bus/b", "stream/s"])

    def test_kept_and_found_again(self):
        # Goal: what was accepted is there after a restart, verbatim.
        ledger = self.open()
        text = '{"specversion":"1.0", "n":1.10, "t":"\\ud800 \u00e4"}'
        ledger.accept([Entry("bus/b", {"Source": "x"}, text),
                       Entry("stream/s", {"PartitionKey": "k"}, b"\xff\x00")])
        ledger.close()
        again = self.open()
        self.addCleanup(again.close)
        self.assertEqual(again.serial, 2)
        (kept,) = again.entries("bus/b")
        self.assertEqual((kept.data, kept.envelope), (text, {"Source": "x"}))
        (kept,) = again.entries("stream/s")
        self.assertEqual(kept.data, b"\xff\x00")

    def test_a_torn_line_is_cut_off(self):
        # Goal: half a line was never acknowledged, and harms nothing.
        ledger = self.open()
        ledger.accept([Entry("bus/b", {}, "{}")])
        ledger.close()
        with open(os.path.join(self.directory, "events.jsonl"), "ab") as file:
            file.write(b'{"sink":"bus/b","env')
        ledger = self.open()
        ledger.accept([Entry("bus/b", {}, "[]")])
        self.addCleanup(ledger.close)
        self.assertEqual([e.data for e in ledger.entries("bus/b")],
                         ["{}", "[]"])

    def test_one_cloud_a_directory(self):
        # Goal: two clouds do not share a file.
        ledger = self.open()
        self.addCleanup(ledger.close)
        with self.assertRaisesRegex(RuntimeError, "--dir of its own"):
            self.open()


class FaultsTest(unittest.TestCase):
    def test_a_bad_setting_changes_nothing(self):
        # Goal: each mistake is refused by name.
        faults = Faults(1)
        before = dict(faults.settings)
        for settings, words in (
                ({"offlin": True}, "no fault 'offlin'"),
                ({"offline": 1}, "true or false"),
                ({"latency_ms": -1}, "0 or more"),
                ({"throttle": 2}, "0 to 1"),
                ({"refuse": True}, "error code"),
                ({"skew_s": "x"}, "seconds"),
                ({"partial_failure": {"every": 0}}, "every"),
                ({"latency_ms": 5, "throttle": True}, "0 to 1"),
                ([], "object")):
            with self.assertRaisesRegex(ValueError, words):
                faults.update(settings)
            self.assertEqual(faults.settings, before)

    def test_each_nth_entry_fails(self):
        # Goal: `every` counts entries over calls.
        faults = Faults(1)
        faults.update({"partial_failure": {"every": 3, "code": "C"}})
        codes = [faults.entry_code(["D"]) for _ in range(7)]
        self.assertEqual(codes, [None, None, "C", None, None, "C", None])

    def test_method_names(self):
        # Goal: an operation's name leads to its method.
        self.assertEqual(operation_method("DescribeEventBus"),
                         "describe_event_bus")


if __name__ == "__main__":
    unittest.main()

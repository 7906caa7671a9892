# SPDX-License-Identifier: Apache-2.0
"""Goal: tests/bench measures every batch size and says so in sound JSON and as a
table, leaves nothing behind, and tells wrong use what to do. What the figures are
is not asked: they are the machine's. Called with the build's folder."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = ROOT / "tests" / "bench"
SHORT = ("journal", "--seconds", "0.01", "--rounds", "1", "--segments", "1")


def bench(*words, build=None):
    env = dict(os.environ, EDGE_BUILD=str(build or BUILD))
    return subprocess.run([BENCH, *words], env=env, text=True,
                          capture_output=True)


class Measuring(unittest.TestCase):
    def check_row(self, row):
        for target in ("ours", "raw", "sqlite"):
            self.assertGreater(row[target], 0, row)
            one = row["details"][target]
            self.assertEqual(one["events_per_s"], row[target])
            self.assertLessEqual(one["p50_us"], one["p99_us"])
            self.assertGreater(one["cpu_us_per_event"], 0)
        self.assertGreaterEqual(row["written_per_payload"], 0)
        for key in ("to_raw", "to_sqlite"):
            self.assertGreater(row[key], 0)
            self.assertGreater(row[key + "_quiet"], 0)

    def test_json(self):
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            done = bench(*SHORT, "--json", "--dir", folder)
            self.assertEqual(os.listdir(folder), [])
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        figures = json.loads(done.stdout)
        self.assertEqual([row["batch"] for row in figures["append"]],
                         [1, 10, 100, 1000])
        for row in figures["append"]:
            self.check_row(row)
        [start] = figures["starts"]
        self.assertEqual(start["segments"], 1)
        self.assertGreater(start["events"], 20000)
        self.assertEqual(figures["recovery_s"], start["recovery_s"])
        self.assertGreater(figures["recovery_s"], 0)
        self.assertGreater(figures["replay_events_per_s"], 0)
        self.assertNotEqual(figures["machine"]["file_system"], "unknown")


class Bridge(unittest.TestCase):
    def test_json(self):
        # Goal: each case of both services has all its figures.
        few = {"EDGE_BENCH_EVENTS": "300", "EDGE_BENCH_SECONDS": "1",
               "EDGE_BENCH_EVENTBRIDGE_EVENTS": "30"}
        with tempfile.TemporaryDirectory(dir=BUILD) as folder, \
                unittest.mock.patch.dict(os.environ, few):
            done = bench("bridge", "--json", "--dir", folder)
            self.assertEqual(os.listdir(folder), [])
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        figures = json.loads(done.stdout)
        self.assertEqual(len(figures["kinesis"]), 24)
        self.assertEqual(len(figures["eventbridge"]), 6)
        for row in figures["kinesis"] + figures["eventbridge"]:
            for name in ("events", "events_per_s", "cpu_us_per_event",
                         "rss_peak_mib"):
                self.assertGreater(row[name], 0, row)
        for row in figures["kinesis"]:
            self.assertGreater(row["wire_bytes_per_event"], 300, row)
            self.assertGreater(row["put_units_per_million"], 15000, row)


class Accounts(unittest.TestCase):
    def test_json(self):
        done = bench("accounts", "--seconds", "0.2", "--rounds", "1", "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        rows = json.loads(done.stdout)["accounts"]
        self.assertEqual([row["way"] for row in rows],
                         ["anonymous", "account", "account, TLS", "certificate"])
        for row in rows:
            self.assertGreater(row["events_per_s"], 0)
            self.assertGreater(row["to_anonymous"], 0)


class WrongUse(unittest.TestCase):
    def check(self, words, *arguments, build=None):
        done = bench(*arguments, build=build)
        self.assertEqual(done.returncode, 2, done)
        self.assertIn(words, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_words(self):
        self.check("required: what")
        self.check("invalid choice: 'shop'", "shop")
        self.check("unrecognized arguments: --fast", "journal", "--fast")
        for option in ("--seconds", "--rounds", "--segments"):
            for word in ("0", "-1", "many", "", "1e9", "nan"):
                self.check("give a number above 0", "journal", option + "=" +
                           word)
        self.check("give a number above 0", "journal", "--rounds", "1.5")

    def test_places(self):
        self.check("there is no directory /nowhere: make it", "journal",
                   "--dir", "/nowhere")
        with tempfile.TemporaryDirectory() as nothing:
            self.check(f"cmake --build {nothing}", "journal", build=nothing)


if __name__ == "__main__":
    BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()

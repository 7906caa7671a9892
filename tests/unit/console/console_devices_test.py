#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: /api/v1/devices says who is there, however many they are: those that
need a look first, or all, page by page; the metrics have counts."""

import json
import os
import shutil
import tempfile
import unittest

from host import Host

PATH = "/api/v1/devices"
FIRST, PAGE, ANSWER_MAX = 50, 200, 96 * 1024


class DevicesTest(unittest.TestCase):
    def host(self, count):
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        os.environ["CONSOLE_DEVICES"] = str(count)
        try:
            host = Host(directory)
        finally:
            del os.environ["CONSOLE_DEVICES"]

        def stop():
            self.assertEqual(host.stop(), 0, host.errors)
        self.addCleanup(stop)
        return host

    def get(self, host, query="", code=200, ask=None):
        answer, body = (ask or host.ask)("GET", PATH + query)
        self.assertEqual(answer.status, code, body)
        self.assertLessEqual(len(body), ANSWER_MAX)
        return json.loads(body)

    def test_few(self):
        host = self.host(12)
        for ask in (host.ask, host.ask_unix):
            found = self.get(host, ask=ask)
            self.assertEqual(
                [found[k] for k in ("known", "registered", "online", "silent",
                                    "silent_after_s", "left_out", "next")],
                [True, 12, 11, 1, 60, 0, None])
        states = [(d["name"], d["state"]) for d in found["devices"]]
        self.assertEqual(states[:3], [("till-00002", "silent"),
                                      ("till-00010", "refused"),
                                      ("till-00004", "offline")])
        self.assertEqual([name for name, _ in states[3:]],
                         sorted(name for name, _ in states[3:]))
        self.assertEqual({state for _, state in states[3:]}, {"online"})
        devices = {d["name"]: d for d in found["devices"]}
        self.assertEqual(devices["till-00010"], {
            "name": "till-00010", "state": "refused", "password": False,
            "certificate": True, "connections": 1, "by": "certificate",
            "address": "10.0.0.7", "since": "2026-11-18T08:20:00.000000Z",
            "certificate_ends": "2027-01-15T08:00:00.000000Z",
            "last_event": "2026-11-18T11:06:40.000000Z", "events": 1,
            "rejected": 0,
            "refused": [{"reason": "other-device", "count": 3,
                         "last": "2026-11-18T11:06:40.000000Z",
                         "words": '<script>"a"</script>'}]})
        self.assertEqual(devices["till-00001"]["rejected"], 1)
        never = devices["till-00004"]
        self.assertEqual([never[k] for k in (
            "connections", "by", "address", "since", "certificate_ends",
            "last_event", "events", "refused")],
            [0, "", "", None, None, None, 0, []])
        self.assertEqual(found["refused"], [{"reason": "unknown", "count": 3}])
        self.assertEqual(found["strangers"]["refused"][0]["words"], "nobody")

    def test_many(self):
        """500: the page is told of 50, and how many are left out; all of them
        can be asked for."""
        host = self.host(500)
        found = self.get(host)
        self.assertEqual(len(found["devices"]), FIRST)
        self.assertEqual((found["registered"], found["left_out"]), (500, 450))
        self.assertEqual([d["state"] for d in found["devices"]],
                         ["silent"] + ["refused"] * 49)
        names, after, pages = [], "", 0
        while after is not None:
            found = self.get(host, f"?after={after}")
            self.assertLessEqual(len(found["devices"]), PAGE)
            names += [d["name"] for d in found["devices"]]
            self.assertEqual(found["left_out"], 500 - len(names))
            after, pages = found["next"], pages + 1
        self.assertEqual(names, [f"till-{n:05d}" for n in range(1, 501)])
        self.assertEqual(pages, 3)
        self.assertEqual(self.get(host, "?after=till-00499x")["devices"][0]
                         ["name"], "till-00500")
        self.assertEqual(self.get(host, "?after=zzz")["devices"], [])

    def test_ten_thousand(self):
        host = self.host(10000)
        found = self.get(host)
        self.assertEqual(found["left_out"], 9950)
        found = self.get(host, "?after=")
        self.assertEqual((len(found["devices"]), found["next"]),
                         (PAGE, "till-00200"))

    def test_none(self):
        host = self.host(0)
        found = self.get(host)
        self.assertEqual((found["registered"], found["devices"],
                          found["next"]), (0, [], None))
        self.assertEqual(self.get(host, "?after=")["next"], None)

    def test_bad_questions(self):
        host = self.host(3)
        for query in ("?before=x", "?after", "?after=" + "x" * 65,
                      "?limit=3&after=x", "?after=a/b"):
            found = self.get(host, query, 400 if query != "?after=a/b" else 200)
        self.assertIn("devices", found)
        self.get(host, "?after=" + "x" * 400, 414)
        answer, _ = host.ask("POST", PATH, "{}",
                             {"Content-Type": "application/json"})
        self.assertEqual(answer.status, 405)
        answer, body = host.ask("GET", "/api/v1/orders?after=till-1")
        self.assertEqual(answer.status, 200)  # ignored, as before

    def test_the_status_and_the_metrics(self):
        host = self.host(12)
        status = json.loads(host.ask("GET", "/api/v1/status")[1])
        self.assertEqual(status["devices"], {
            "known": True, "registered": 12, "online": 11, "silent": 1,
            "strangers": 0, "refused": 3})
        metrics = host.ask("GET", "/metrics")[1].decode()
        for line in ("devices_registered 12", "devices_online 11",
                     "devices_silent 1", "devices_strangers 0",
                     'devices_refused_total{reason="unknown"} 3',
                     'devices_refused_total{reason="other-device"} 0',
                     "connections_unnamed_total 9"):
            self.assertIn(f"\nshopme_edge_{line}\n", metrics)
        self.assertNotIn("till-0", metrics)

    def test_no_accounts_here(self):
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        host = Host(directory)
        self.addCleanup(host.stop)
        found = self.get(host, code=404)
        self.assertIn("no accounts", found["error"])
        status = json.loads(host.ask("GET", "/api/v1/status")[1])
        self.assertIsNone(status["devices"])
        self.assertNotIn("shopme_edge_devices_",
                         host.ask("GET", "/metrics")[1].decode())


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""EdgeStatus: what the gateway says of itself reaches the cloud in its time,
whatever waits, and says what is so.

EDGE_BUILD names the build directory."""

import contextlib
import json
import os
import subprocess
import time
import unittest

from bridge_test import Bridge
from edge import BUS, ROOT, STREAM, Device, Store, wait_for
from jsonschema import Draft202012Validator
from slow_line import SlowLine

SCHEMA = Draft202012Validator(json.loads(
    (ROOT / "config/schemas/EdgeStatus.json").read_text()))
BACKLOG = 100_000
EVERY = 3
# Of one status: the machine may be busy, and the cloud is a Python program.
LATE = 15


def configure(store, **cloud):
    part = store.folder / "conf.d/status.yaml"
    part.parent.mkdir(exist_ok=True)
    part.write_text(json.dumps({"cloud": {"status_every": f"{EVERY}s"}
                                | cloud}))


def said(store, **where):
    """All that came so far."""
    return store.cloud.events(type="EdgeStatus", **(where or {"bus": BUS}))


def wait_next(store, what=lambda data: True, seconds=LATE, **where):
    """The next one, or the next for which `what` holds, from now on."""
    seen = len(said(store, **where))

    def found():
        fits = [event for event in said(store, **where)[seen:]
                if what(event["data"])]
        return fits and fits[0]
    return wait_for("a status", found, seconds, every=0.1)


class StatusTest(unittest.TestCase):
    def assert_judged(self, store, sink=f"bus/{BUS}"):
        judged = store.cloud.stats()["statuses"][sink]
        self.assertGreater(judged["received"], 0)
        self.assertEqual((judged["backwards"], judged["unfit"]), (0, 0),
                         judged)

    def test_says_what_is_so(self):
        # Goal: by the schema, numbered, with the figures of `status`.
        with Store() as store:
            configure(store)
            store.gateway.start().wait_up()
            with contextlib.closing(Device(store, "till-1")) as till:
                till.send(till.order("o-1"))
                till.wait_accepted(["e-o-1"])
            store.gateway.wait_synced()
            event = wait_next(store, lambda data: data["verdict"] == "ok")
            SCHEMA.validate(event["data"])
            self.assertEqual((event["source"], event["id"]), (
                "/s1/gateway",
                f"{event['data']['life']}-{event['data']['number']}"))
            status = store.gateway.status()
            self.assertEqual(event["data"]["version"], status["version"])
            self.assertEqual(event["data"]["reasons"], [])
            orders = event["data"]["streams"][0]
            self.assertEqual(
                (orders["name"], orders["last"], orders["backlog"],
                 orders["link"]), ("orders", 1 + 4, 0, "online"))
            self.assertIsNone(event["data"]["streams"][1]["last"])
            envelope = json.dumps(store.cloud.events(
                bus=BUS, type="EdgeStatus", envelope=1)[0])
            self.assertIn("com.shopme.edge", envelope)
            numbers = [e["data"]["number"] for e in said(store)]
            self.assertEqual(numbers, sorted(set(numbers)))
            # It is in no journal.
            words = subprocess.run(
                [store.gateway.program, "journal", "cat", "--config",
                 store.config_path], capture_output=True, text=True,
                check=True).stdout
            self.assertNotIn("EdgeStatus", words)
            self.assert_judged(store)
            store.gateway.stop()
            store.gateway.start().wait_up()
            again = wait_next(store, seconds=30)
            self.assertNotEqual(again["data"]["life"], event["data"]["life"])
            self.assertEqual(again["data"]["number"], 1)

    def test_nothing_waits_before_it(self):
        # Goal: 100,000 events wait and a cloud takes a second for each
        # request of ten: each status comes in its time, and says so.
        with Store() as store:
            data = self.make_backlog(store)
            store.cloud.faults(latency_ms=1000)
            store.gateway.start().wait_up()
            began = time.monotonic()
            wait_next(store, seconds=EVERY + LATE)
            took = []
            for _ in range(4):
                wait_next(store, seconds=EVERY + LATE)
                took.append(time.monotonic() - began)
            event = said(store)[-1]["data"]
            SCHEMA.validate(event)
            orders = event["streams"][0]
            self.assertEqual(orders["name"], "orders")
            self.assertGreater(orders["backlog"], BACKLOG * 0.9)
            self.assertEqual(orders["last"], BACKLOG - 1)
            self.assertEqual(event["verdict"], "ok", event)
            print("figure: with 100,000 waiting the next statuses came after "
                  + ", ".join(f"{t:.1f}" for t in took) + " s", flush=True)
            self.assert_judged(store)
            self.assertTrue(data.exists())

    def test_the_line_is_full(self):
        # Goal: a line of 30 KB/s that a backlog fills: it still comes.
        with Store() as store:
            self.make_backlog(store, size=900)
            line = SlowLine(store.cloud.port, 30_000, 60)
            self.addCleanup(line.close)
            configure(store, endpoint=f"https://localhost:{line.port}")
            store.gateway.start().wait_up()
            for _ in range(3):
                event = wait_next(store, seconds=45)["data"]
            self.assertGreater(event["streams"][0]["backlog"], BACKLOG * 0.9)
            self.assert_judged(store)

    @staticmethod
    def make_backlog(store, size=100):
        """100,000 events in the stream `orders`, by another program."""
        data = store.folder / "data"
        data.mkdir()
        bridge = Bridge(str(data), store.cloud,
                        (f"orders:1:eventbridge:{BUS}",))
        bridge.do("pause")
        bridge.append("orders", BACKLOG, 1000, size)
        bridge.stop()
        os.unlink(data / "log")
        text = store.config_path.read_text()
        store.config_path.write_text(text.replace(
            "store: s1", "store: store-7").replace("shop: true,", ""))
        configure(store)
        return data

    def test_a_change_of_the_verdict(self):
        # Goal: what changes is said soon, though the next one is not due.
        with Store() as store:
            configure(store, status_every="1h")
            store.gateway.start().wait_up()
            wait_next(store, seconds=30)
            with contextlib.closing(Device(store, "till-1")) as till:
                till.send(till.order("o-1"))
                till.wait_accepted(["e-o-1"])
            store.gateway.wait_synced()
            # One stream's events are refused, the other's are not.
            store.cloud.rights(policy={"Statement": [
                {"Effect": "Allow", "Action": "events:*", "Resource": "*"}]})
            with contextlib.closing(Device(store, "sensor-1")) as sensor:
                sensor.send(sensor.event("ReadingTaken", "r-1", {"n": 1}),
                            "telemetry")
                sensor.wait_accepted(["r-1"])
            event = wait_next(store, lambda d: "cloud-refused" in d["reasons"],
                              seconds=90)["data"]
            SCHEMA.validate(event)
            self.assertNotEqual(event["verdict"], "ok")
            self.assertEqual(event["streams"][1]["link"], "refused")
            self.assert_judged(store)

    def test_after_an_outage_only_the_newest(self):
        # Goal: what could not be sent is not sent later, but the newest is.
        with Store() as store:
            configure(store)
            store.gateway.start().wait_up()
            before = wait_next(store, seconds=30)["data"]["number"]
            store.cloud.faults(offline=True)
            time.sleep(EVERY * 4)
            store.cloud.faults(offline=False)
            wait_next(store, seconds=90)
            numbers = [event["data"]["number"] for event in said(store)]
            later = [n for n in numbers if n > before]
            # (One may have been under way when the line went.)
            gaps = [after - n for n, after in zip([before, *later], later)]
            self.assertGreater(max(gaps), 2, numbers)
            self.assertLessEqual(len(later), 3, numbers)
            self.assert_judged(store)

    def test_paused_and_never(self):
        # Goal: paused nothing leaves; with 0 nothing ever does.
        with Store() as store:
            configure(store)
            store.gateway.start().wait_up()
            wait_next(store, seconds=30)
            subprocess.run(
                ["curl", "-sS", "--fail", "--unix-socket",
                 store.folder / "data/control.sock", "-H",
                 "Content-Type: application/json", "-d", '{"paused": true}', "http://x/api/v1/uplink"], check=True,
                capture_output=True)
            time.sleep(1)
            seen = len(said(store))
            time.sleep(3 * EVERY)
            self.assertEqual(len(said(store)), seen)
            store.gateway.stop()
            configure(store, status_every="0")
            store.gateway.start().wait_up()
            time.sleep(15)
            self.assertEqual(len(said(store)), seen)

    def test_without_a_bus(self):
        # Goal: a store that has Kinesis only says it there, also by CBOR.
        with Store() as store:
            text = store.config_path.read_text()
            store.config_path.write_text(text.replace(
                f"sink: {{eventbridge: {{bus: {BUS}}}}}", "").replace(
                    f"{{stream: {STREAM}}}",
                    f"{{stream: {STREAM}, wire: cbor}}"))
            configure(store)
            store.gateway.start().wait_up()
            event = wait_next(store, seconds=30, stream=STREAM)
            SCHEMA.validate(event["data"])
            self.assertEqual(event["data"]["streams"][0]["link"], "none")
            self.assert_judged(store, f"stream/{STREAM}")


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Goal: kill -9 of the gateway at random moments under load loses nothing that
has a receipt, and every order ends exactly once; kill -9 of Mosquitto and of
the local cloud stops neither the gateway nor the tills for good.

EDGE_ROUNDS is how often each is killed (20), EDGE_SEED the seed."""

import json
import os
import random
import signal
import subprocess
import time
import unittest

from edge import BUS, DEVICES, STREAM, Store, wait_for

ROUNDS = int(os.environ.get("EDGE_ROUNDS", "20"))
SEED = int(os.environ.get("EDGE_SEED", random.SystemRandom().getrandbits(32)))
ENDS = {"OrderFulfiled", "OrderCancelled", "OrderRejected"}


class Shop:
    """The simulated store: places orders for some seconds, then waits until
    every event has its receipt and every order its end."""

    def __init__(self, store, seconds, rate=30):
        self.log = store.folder / "devices.jsonl"
        self.report = store.folder / "report.json"
        self.output = open(store.folder / "devices.out", "wb")
        self.process = subprocess.Popen(
            [DEVICES, "--broker", f"127.0.0.1:{store.broker_port}", "--store",
             store.name, "--rate", str(rate), "--readings", "40",
             "--seconds", str(seconds), "--patience", "180",
             "--seed", str(SEED),
             "--quiet", "--log", self.log, "--report", self.report],
            stdin=subprocess.DEVNULL, stdout=self.output,
            stderr=subprocess.STDOUT)

    def finish(self):
        code = self.process.wait(400)
        self.output.close()
        return code, json.loads(self.report.read_text())

    def receipts(self):
        """What was confirmed: (device, id)."""
        lines = self.log.read_text().splitlines()
        return [line for line in map(json.loads, lines) if "seq" in line]


def child_of(pid, name):
    out = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(pid)],
                         capture_output=True, text=True, check=False).stdout
    return next((int(line.split()[0]) for line in out.splitlines()
                 if line.split()[1] == name), None)


class Kill(unittest.TestCase):
    def check(self, store, shop):
        """Lets all of it end and compares tills, journal and cloud."""
        code, report = shop.finish()
        self.assertEqual(code, 0, report)
        store.gateway.wait_synced(120)
        held = {}
        for where in ({"bus": BUS}, {"stream": STREAM}):
            for event in store.cloud.events(**where):
                held[(event["source"].split("/")[-1], event["id"])] = event
        receipts = shop.receipts()
        missing = [r for r in receipts
                   if (r["device"], r["id"]) not in held]
        ends = {}
        for event in held.values():
            if event["type"] in ENDS:
                ends.setdefault(event["subject"], []).append(event["type"])
        placed = {e["subject"] for e in held.values()
                  if e["type"] == "OrderCreated"}
        open_ = [o for o in placed if o not in ends]
        twice = [o for o, kinds in ends.items() if len(kinds) != 1]
        stats = store.cloud.stats()
        print(f"figure: seed {SEED}: {len(receipts)} receipts, missing in the "
              f"cloud {len(missing)}; {len(placed)} orders, open {len(open_)}, "
              f"ended twice {len(twice)}; {report['repeated']} repeats")
        self.assertEqual((missing, open_, twice), ([], [], []))
        self.assertEqual(report["open"], 0)
        self.assertEqual(report["double_ends"], 0)
        for name, held_there in [*stats["buses"].items(),
                                 *stats["streams"].items()]:
            self.assertEqual(held_there["order_violations"], 0, name)
            self.assertEqual(held_there["missing"], 0, name)
        self.assertGreater(len(receipts), ROUNDS * 5)

    def test_gateway(self):
        print(f"seed {SEED}")
        chance = random.Random(SEED)
        with Store() as store:
            store.gateway.start().wait_up()
            shop = Shop(store, ROUNDS)
            for _ in range(ROUNDS):
                time.sleep(chance.uniform(0.05, 1.2))
                store.gateway.stop(signal.SIGKILL)
                store.gateway.start()
            store.gateway.wait_up()
            self.check(store, shop)

    def test_mosquitto_and_cloud(self):
        print(f"seed {SEED}")
        chance = random.Random(SEED + 1)
        with Store() as store:
            store.gateway.start().wait_up()
            pid = store.gateway.process.pid
            shop = Shop(store, ROUNDS // 2)
            for _ in range(max(3, ROUNDS // 4)):
                time.sleep(chance.uniform(0.3, 1))
                os.kill(wait_for("mosquitto runs",
                                 lambda: child_of(pid, "mosquitto")),
                        signal.SIGKILL)
                time.sleep(chance.uniform(0.3, 1))
                store.cloud.stop(signal.SIGKILL)
                time.sleep(chance.uniform(0.1, 1))
                store.cloud.start()
            self.assertIsNone(store.gateway.process.poll())
            self.check(store, shop)

    def test_replay_gives_the_same_state(self):
        """Stopped and started again, the shop is what it was (its hash, as the
        log tells it after each replay), and stays so over another start."""
        with Store() as store:
            store.gateway.start().wait_up()
            shop = Shop(store, 3)
            code, _ = shop.finish()
            self.assertEqual(code, 0)
            self.assertEqual(store.gateway.stop(), 0)
            for _ in range(2):
                store.gateway.start().wait_up()
                self.assertEqual(store.gateway.stop(signal.SIGTERM), 0)
            hashes = [line.split("hash=")[1].split()[0]
                      for line in store.gateway.log().splitlines()
                      if "replayed name=orders" in line]
            stopped = [line.split("hash=")[1].split()[0]
                       for line in store.gateway.log().splitlines()
                       if "closed name=orders" in line]
            self.assertEqual((len(hashes), len(stopped)), (2, 3))
            self.assertEqual(len(set(hashes + stopped)), 1, (hashes, stopped))


if __name__ == "__main__":
    unittest.main(verbosity=2)

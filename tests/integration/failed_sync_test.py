# SPDX-License-Identifier: Apache-2.0
"""Goal: a sync that fails ends the gateway, with its own exit status and before
anything that it should have covered is acknowledged; the next start has all that
was acknowledged, and takes the rest. With a commit_delay likewise, and if the
gateway was about to stop. And one that hangs holds up a stop, no longer than it
hangs."""

import json
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

from edge import EDGE, SHIM, Device, Store, wait_for

EXIT_JOURNAL = 4
COUNT = 20


class FailedSync(unittest.TestCase):
    def start(self, **options):
        folder = tempfile.TemporaryDirectory(prefix="edge-fail-")
        self.addCleanup(folder.cleanup)
        self.control = pathlib.Path(folder.name) / "fail"
        self.stuck = pathlib.Path(folder.name) / "stuck"
        store = Store(environment={"LD_PRELOAD": str(SHIM),
                                   "EDGE_SYNC_FAIL": str(self.control),
                                   "EDGE_SYNC_STUCK": str(self.stuck)},
                      **options)
        store.__enter__()
        self.addCleanup(store.__exit__, None, None, None)
        store.gateway.start().wait_up()
        return store

    def sell(self, till, first, count=COUNT):
        ids = [f"o-{n}" for n in range(first, first + count)]
        for id_ in ids:
            till.send(till.order(id_, id_))
        return ids

    def ended(self, store):
        code = store.gateway.process.wait(20)
        store.gateway.process = None
        return code

    def check(self, store, till, sold):
        """After a start everything is there, in the gateway and in the cloud."""
        self.control.unlink(missing_ok=True)
        store.gateway.start().wait_up()
        till.close()
        again = Device(store, "till-1")
        self.addCleanup(again.close)
        for id_ in sold:
            again.send(again.order(id_, id_))
        again.wait_accepted(sold)
        store.gateway.wait_synced()
        placed = [e["subject"] for e in store.cloud.events(
            bus="OrderingSystemEventBus", type="OrderPlaced")]
        self.assertEqual(set(placed), set(sold))
        self.assertEqual(len(sold), sum(
            e["type"] == "OrderPlaced" for e in self.journaled(store)))

    def journaled(self, store):
        done = subprocess.run(
            [EDGE, "journal", "cat", "--json", "--config", store.config_path,
             "--stream", "orders"], check=True, capture_output=True, text=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def fails(self, **options):
        store = self.start(**options)
        till = Device(store, "till-1")
        before = self.sell(till, 0)
        till.wait_accepted(before)
        self.control.write_text("/data/orders/0")
        after = self.sell(till, COUNT)
        self.assertEqual(self.ended(store), EXIT_JOURNAL)
        early = [id_ for id_ in after if id_ in till.accepted]
        self.assertEqual(early, [], "acknowledged, and not on the disk")
        self.assertIn("journal_failed", store.gateway.log())
        self.check(store, till, before + after)

    def test_a_commit_that_fails_ends_the_gateway(self):
        self.fails()

    def test_with_a_commit_delay(self):
        self.fails(orders="commit_delay: 300 ms,")

    def test_while_stopping(self):
        """What waits for company is committed at a stop; if that fails, the
        exit status says so, and nothing was acknowledged."""
        store = self.start(orders="commit_delay: 10 s,")
        till = Device(store, "till-1")
        self.control.write_text("/data/orders/0")
        sold = self.sell(till, 0)
        wait_for("they were read", lambda: (store.gateway.stream() or {}).get(
            "received") == COUNT)
        time.sleep(0.1)
        store.gateway.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.ended(store), EXIT_JOURNAL)
        self.assertEqual(till.accepted, {})
        self.check(store, till, sold)


    def test_a_stop_while_a_sync_hangs(self):
        store = self.start()
        till = Device(store, "till-1")
        self.stuck.write_text("/data/orders/0")
        sold = self.sell(till, 0)
        wait_for("the sync hangs",
                 pathlib.Path(f"{self.stuck}.seen").exists)
        store.gateway.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        self.assertIsNone(store.gateway.process.poll())
        self.assertIsNotNone(store.gateway.status(), "it does not answer")
        self.assertEqual(till.accepted, {})
        self.stuck.unlink()
        self.assertEqual(self.ended(store), 0)
        self.check(store, till, sold)


if __name__ == "__main__":
    unittest.main()

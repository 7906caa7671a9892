# SPDX-License-Identifier: Apache-2.0
"""Goal: with snapshots the shop's journal trims what the cloud has, and the
shop that starts from one is the shop that was: its hash, its answers, and what
it does next, also over kills at random moments and damaged snapshot files. A shop
in which nothing happens any more lets go at `keep_max`."""

import os
import random
import shutil
import signal
import subprocess
import time
import unittest

from edge import BUS, EDGE, Device, Store, wait_for

SEED = int(os.environ.get("EDGE_SEED", time.time_ns() % 1_000_000))
KILLS = 6
NOTE = "x" * 60_000  # makes an order large: it is in the journal twice
CUSTOMER = "Erika Mustermann"


class SnapshotTest(unittest.TestCase):
    def start(self):
        store = self.enterContext(Store(orders="keep: 0,"))
        store.gateway.start().wait_up()
        return store, self.till(store)

    def till(self, store):
        till = Device(store, "till-1")
        self.addCleanup(till.close)
        till.placed = []
        return till

    def place(self, till, count):
        first = len(till.placed)
        ids = [f"o-{first + i}" for i in range(count)]
        till.placed += ids
        for id_ in ids:
            till.send(till.order(id_, id_, note=NOTE))
        return ids

    def fill(self, store, till):
        """Until the journal's first segment is gone."""
        while store.gateway.stream("orders")["start"] == 0:
            self.assertLess(len(till.placed), 400, "nothing was trimmed")
            till.wait_accepted(self.place(till, 20))
            store.gateway.wait_synced(120)

    def snapshots(self, store):
        return sorted((store.folder / "data/orders").glob("*.snap"))

    def said(self, store, what):
        """What each line `what name=orders` of the log has, newest last."""
        return [dict(word.split("=", 1) for word in line.split()
                     if "=" in word)
                for line in store.gateway.log().splitlines()
                if f"{what} name=orders" in line]

    def restart(self, store):
        self.assertEqual(store.gateway.stop(), 0)
        closed = self.said(store, "closed")[-1]
        said = subprocess.run(
            [EDGE, "journal", "replay", "--config", store.config_path],
            capture_output=True, text=True, check=True).stdout
        self.assertIn(f"hash {closed['hash']}\n", said)
        store.gateway.start().wait_up()
        replayed = self.said(store, "replayed")[-1]
        self.assertEqual(replayed["hash"], closed["hash"])
        return replayed

    def test_lets_go_and_goes_on(self):
        store, till = self.start()
        self.fill(store, till)
        stream = store.gateway.stream("orders")
        self.assertEqual(len(self.snapshots(store)), 2)
        replayed = self.restart(store)
        self.assertGreater(int(replayed["snapshot"]), stream["start"])
        self.assertLess(int(replayed["events"]), stream["end"] // 2)
        print(f"figure: {stream['end']} events, the journal begins at "
              f"{stream['start']}; a start replays {replayed['events']} of "
              f"them from the snapshot at {replayed['snapshot']}")

        # The first order's events are gone; its answers are not. (Two clients
        # under one name would take the connection from each other.)
        till.close()
        again = self.till(store)
        again.send(again.order("o-0", "o-0", note=NOTE))
        again.wait_accepted(["o-0"])
        self.assertEqual(again.accepted["o-0"], till.accepted["o-0"][:1])
        again.send(again.order("o-0", "another-id", note=NOTE))
        told = wait_for("how the order stands", lambda: [
            n for n in again.notices if n.get("repeated")])
        self.assertEqual((told[0]["type"], told[0]["subject"]),
                         ("OrderFulfiled", "o-0"))

    def test_kills(self):
        print(f"seed {SEED}")
        chance = random.Random(SEED)
        store, till = self.start()
        for _ in range(KILLS):
            sent = self.place(till, 20)
            time.sleep(chance.uniform(0.05, 1.5))
            store.gateway.stop(signal.SIGKILL)
            store.gateway.start().wait_up()
            till.close()
            placed, accepted = till.placed, till.accepted
            till = self.till(store)
            till.placed, till.accepted = placed, accepted
            for id_ in sent:  # what a device does with what had no receipt
                if id_ not in accepted:
                    till.send(till.order(id_, id_, note=NOTE))
            till.wait_accepted(sent)
        store.gateway.wait_synced(120)
        ends = {}
        for event in store.cloud.events(bus=BUS):
            if event["type"] == "OrderFulfiled":
                ends.setdefault(event["subject"], []).append(event["id"])
        self.assertEqual(set(ends), set(till.placed))
        self.assertEqual([o for o, e in ends.items() if len(set(e)) != 1], [])
        taken = len(self.said(store, "snapshot"))
        self.assertGreater(taken, KILLS // 2)
        self.restart(store)
        print(f"figure: {KILLS} kills, {taken} snapshots, "
              f"{len(till.placed)} orders each fulfilled once")

    def damage(self, path):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    def test_damage(self):
        """A damaged snapshot falls back to the one before it; with both gone a
        journal that begins later is refused, by words that say what to do."""
        store, till = self.start()
        self.fill(store, till)
        self.assertEqual(store.gateway.stop(), 0)
        closed = self.said(store, "closed")[-1]
        older, newer = self.snapshots(store)
        shutil.copy(newer, store.folder)
        self.damage(newer)
        store.gateway.start().wait_up()
        replayed = self.said(store, "replayed")[-1]
        self.assertEqual(replayed["snapshot"], str(int(older.stem)))
        self.assertEqual(replayed["hash"], closed["hash"])
        self.assertIn("snapshot_set_aside", store.gateway.log())
        self.assertEqual(store.gateway.stop(), 0)
        for path in self.snapshots(store):  # it may have taken another
            self.damage(path)
        store.gateway.start()
        self.assertEqual(store.gateway.process.wait(30), 1)
        store.gateway.process = None
        self.assertIn("no snapshot of what was before it can be read",
                      store.gateway.log())
        # One file left is not one that has never been: what was trimmed is
        # no damage.
        shutil.copy(store.folder / newer.name, newer)
        store.gateway.start().wait_up()
        replayed = self.said(store, "replayed")[-1]
        self.assertEqual(replayed["hash"], closed["hash"])
        self.assertEqual(store.gateway.stream("orders")["damaged"], 0)

    def test_outlives_the_tail(self):
        """The journal's end is lost, and the cursor with it: the snapshot knows
        how far it went. The shop is the one it was made of; what is lost is
        named, and its numbers are not used again."""
        store, till = self.start()
        for _ in range(4):
            till.wait_accepted(self.place(till, 20))
        wait_for("two snapshots", lambda: len(self.snapshots(store)) == 2)
        store.gateway.wait_synced(120)
        self.assertEqual(store.gateway.stop(), 0)
        end = int(self.snapshots(store)[-1].stem)  # all that is known for sure
        closed = self.said(store, "closed")[-1]
        first, *others = sorted((store.folder / "data/orders").glob("*.seg"))
        os.truncate(first, first.stat().st_size // 8192 * 4096)
        for path in others:
            path.unlink()
        (store.folder / "data/orders/cursor").unlink()
        store.gateway.start().wait_up()
        replayed = self.said(store, "replayed")[-1]
        told = wait_for("JournalDamaged", lambda: store.cloud.events(
            bus=BUS, type="JournalDamaged"))
        lost = told[0]["data"]
        self.assertGreater(lost["first"], 0)
        self.assertEqual(lost["last"], end - 1)
        self.assertGreater(store.gateway.stream("orders")["end"], end)
        self.assertEqual(replayed["snapshot"], str(end))
        if int(closed["events"]) == end:  # else what came after it is lost
            self.assertEqual(replayed["hash"], closed["hash"])

    # --- At keep_max -----------------------------------------------------

    def sell_the_last(self, store):
        """The events of one order, which the cloud has then."""
        till = self.till(store)
        till.send(till.order("o-1", "o-1",
                             shippingDetails={"name": CUSTOMER}))
        till.wait_accepted(["o-1"])
        wait_for("the order's end", lambda: [
            n for n in till.notices if n["type"] == "OrderFulfiled"])
        store.gateway.wait_synced(120)
        till.close()
        self.assertTrue(self.naming_the_customer(store))
        return till

    def naming_the_customer(self, store):
        """Files of the stream, snapshots too: the order has come to its end."""
        def names(path):
            try:
                return CUSTOMER.encode() in path.read_bytes()
            except FileNotFoundError:
                return False
        return [path.name for path in (store.folder / "data/orders").iterdir()
                if names(path)]

    def wait_forgotten(self, store):
        began = time.monotonic()
        wait_for("the customer's name is gone",
                 lambda: not self.naming_the_customer(store), 90, 1)
        stream = store.gateway.stream("orders")
        self.assertEqual(stream["start"], stream["end"])
        print(f"figure: {stream['end']} events of an idle shop gone "
              f"{time.monotonic() - began:.0f} s after the cloud had them or "
              "after the start, with a keep_max of 8 s")
        return stream["end"]

    def test_an_idle_shop_forgets(self):
        """No event comes after the last one; kills, and either of the two files
        that then hold the state damaged, leave the same shop."""
        store = self.enterContext(Store(orders="keep: 1 GiB, keep_max: 8 s,"))
        store.gateway.start().wait_up()
        till = self.sell_the_last(store)
        end = self.wait_forgotten(store)
        for words in ("list", "stats", "verify", "replay"):
            said = subprocess.run(
                [EDGE, "journal", words, "--config", store.config_path],
                capture_output=True, text=True, check=False)
            self.assertEqual(said.returncode, 0, said.stderr)
        store.gateway.stop(signal.SIGKILL)
        store.gateway.start().wait_up()
        for suffix in (".snap", ".copy"):
            self.restart(store)
            self.assertEqual(store.gateway.stop(), 0)
            path = store.folder / f"data/orders/{end:020}{suffix}"
            self.damage(path)
            store.gateway.start().wait_up()
            self.assertEqual(self.said(store, "replayed")[-1]["snapshot"],
                             str(end))
            wait_for("there are two again", path.exists)
        again = self.till(store)
        again.send(again.order("o-1", "o-1",
                               shippingDetails={"name": CUSTOMER}))
        again.wait_accepted(["o-1"])
        self.assertEqual(again.accepted["o-1"], till.accepted["o-1"][:1])
        again.wait_accepted(self.place(again, 2))
        self.assertEqual(store.gateway.stream("orders")["damaged"], 0)

    def test_a_shop_that_was_off_forgets(self):
        """What became too old while it was off goes at the next start."""
        store = self.enterContext(Store(orders="keep: 1 GiB, keep_max: 1 d,"))
        store.gateway.start().wait_up()
        self.sell_the_last(store)
        self.assertEqual(store.gateway.stop(), 0)
        config = store.config_path.read_text()
        store.config_path.write_text(config.replace("1 d,", "8 s,"))
        time.sleep(8)
        self.assertTrue(self.naming_the_customer(store))
        store.gateway.start().wait_up()
        self.wait_forgotten(store)
        self.restart(store)


if __name__ == "__main__":
    unittest.main(verbosity=2)

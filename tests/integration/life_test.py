# SPDX-License-Identifier: Apache-2.0
"""Goal: whatever is done with a copy of a box's data, no event of the cloud has
the name of another: a backup that is put back, a box that is cloned. Head
office can tell the lives apart, and has all of what each of them sold."""

import json
import os
import pathlib
import random
import shutil
import time
import unittest

from edge import BUS, Device, Gateway, Store, free_port, wait_for

SEED = int(os.environ.get("EDGE_SEED", time.time_ns() % 1_000_000))
ADDED = ("journalid", "journallife", "journalsequence", "recordedtime")
ENDS = ("OrderFulfiled", "OrderCancelled", "OrderRejected")


class Copy:
    """A second box: the same store and cloud, a copy of the data."""

    def __init__(self, store, folder):
        self.name, self.cloud, self.folder = store.name, store.cloud, folder
        self.broker_port, self.page_port = free_port(), free_port()
        self.config_path = folder / "edge.yaml"
        text = store.config_path.read_text()
        for was, now in ((store.folder, folder),
                         (store.broker_port, self.broker_port),
                         (store.page_port, self.page_port)):
            text = text.replace(str(was), str(now))
        text = text.replace(str(folder / "cloud"), str(store.folder / "cloud"))
        self.config_path.write_text(text)
        self.gateway = Gateway(self, store.gateway.program)


def content(event):
    return json.dumps({k: v for k, v in event.items() if k not in ADDED},
                      sort_keys=True)


def place(event):
    return (event["journalid"], event["journallife"],
            int(event["journalsequence"]))


class LifeTest(unittest.TestCase):
    def setUp(self):
        print("seed", SEED, flush=True)
        self.random = random.Random(SEED)
        self.store = self.enterContext(Store())
        self.sold = []  # (order id, or None if the gateway makes one)

    def device(self, store, name="till-1"):
        device = Device(store, name)
        self.addCleanup(device.close)
        return device

    def sell(self, store, word, count=10):
        """Orders of this word's own ids, some whose id the gateway makes, a
        delivery, and what is refused, so that the gateway says something."""
        till = self.device(store)
        ids = []
        for i in range(count):
            order = till.order(f"{word}-{i}", f"{word}-e{i}", items=["mug"])
            if self.random.random() < 0.3:
                del order["data"]["orderId"], order["subject"]
            till.send(order)
            ids.append(order["id"])
            self.sold.append((order["id"], order["data"].get("orderId")))
        till.send(till.event("JournalDamaged", f"{word}-forged", {}))
        till.wait_accepted(ids)
        wait_for("the refusal", lambda: any(
            item["id"] == f"{word}-forged" for item in till.rejected))
        till.close()

    def deliver(self, store, quantity):
        scanner = self.device(store, "scanner-1")
        scanner.send(scanner.event("StockReceived", f"stock-{quantity}", {
            "items": [{"sku": "mug", "quantity": quantity}]}))
        scanner.wait_accepted([f"stock-{quantity}"])
        scanner.close()

    def copy_data(self, to):
        """As a backup does it, of a box that runs: sockets stay out."""
        shutil.copytree(
            self.store.folder / "data", to, dirs_exist_ok=True, symlinks=True,
            ignore=lambda folder, names: [
                name for name in names
                if not (pathlib.Path(folder) / name).is_dir()
                and not (pathlib.Path(folder) / name).is_file()])

    def arrived(self):
        """What came, without repeats; nothing of it has another's name."""
        named, placed = {}, {}
        for event in self.store.cloud.events(bus=BUS):
            name = event["source"], event["id"]
            first = named.setdefault(name, event)
            self.assertEqual(content(first), content(event), name)
            at = placed.setdefault(place(event), event)
            self.assertEqual(content(at), content(event), place(event))
        report = self.store.cloud.stats()["buses"][BUS]
        for alarm in ("conflicts", "retaken", "missing"):
            self.assertEqual(report[alarm], 0, alarm)
        return [placed[key] for key in sorted(placed)]

    def check_lives(self, events, least):
        """Each life's numbers are without a gap, and its own events bear it."""
        lives = {}
        for event in events:
            lives.setdefault(place(event)[:2], []).append(event)
            if not event["source"].endswith(("till-1", "scanner-1")):
                self.assertEqual(event["id"].split("-")[0],
                                 event["journallife"])
        self.assertEqual(len({journal for journal, _ in lives}), 1)
        self.assertGreaterEqual(len(lives), least)
        for life, of_life in lives.items():
            numbers = [place(event)[2] for event in of_life]
            self.assertEqual(numbers, list(range(numbers[0],
                                                 numbers[0] + len(numbers))),
                             f"a gap in {life}")
        return lives

    def check_view(self, events):
        """Head office's view: each sale, made once, ended once, paid once."""
        orders = {}
        for event in events:
            if event["source"].endswith(("order", "inventory", "payment",
                                         "fulfilment")):
                key = event.get("subject"), self.branch(event)
                orders.setdefault(key, []).append(event["type"])
        placed = {event["id"]: event for event in events
                  if event["type"] == "OrderPlaced"}
        self.assertEqual(sorted(placed), sorted(id_ for id_, _ in self.sold))
        created = {event["causationid"]: event for event in events
                   if event["type"] == "OrderCreated"}
        for id_, order_id in self.sold:
            first = created[id_]
            if order_id is not None:
                self.assertEqual(first["subject"], order_id)
            said = orders[first["subject"], self.branch(first)]
            self.assertEqual(sum(type_ in ENDS for type_ in said), 1, said)
            self.assertEqual(said.count("PaymentProcessed"), 1, said)
            self.assertEqual(said.count("OrderFulfiled"), 1, said)

    @staticmethod
    def branch(event):
        """Orders end in the run that placed them here, so the life of the
        order is that of each of its events."""
        return event["journallife"]

    def test_a_backup_that_is_put_back(self):
        store = self.store
        store.gateway.start().wait_up()
        self.deliver(store, 100)
        self.sell(store, "before")
        store.gateway.wait_synced()
        backup = store.folder / "backup"
        self.copy_data(backup)
        self.sell(store, "lost")
        store.gateway.wait_synced()
        self.assertEqual(store.gateway.stop(), 0)
        shutil.rmtree(store.folder / "data")
        shutil.copytree(backup, store.folder / "data", symlinks=True)
        store.gateway.start().wait_up()
        self.sell(store, "after", 20)
        store.gateway.wait_synced()
        # And once more, in the same boot of the machine.
        self.assertEqual(store.gateway.stop(), 0)
        shutil.rmtree(store.folder / "data")
        shutil.copytree(backup, store.folder / "data", symlinks=True)
        store.gateway.start().wait_up()
        self.sell(store, "again")
        store.gateway.wait_synced()
        events = self.arrived()
        lives = self.check_lives(events, 3)
        self.assertEqual(len(lives), 3)
        self.check_view(events)

    def test_a_cloned_box(self):
        store = self.store
        store.gateway.start().wait_up()
        self.deliver(store, 100)
        self.sell(store, "common")
        store.gateway.wait_synced()
        self.assertEqual(store.gateway.stop(), 0)
        folder = store.folder / "clone"
        folder.mkdir()
        self.copy_data(folder / "data")
        clone = Copy(store, folder)
        self.addCleanup(clone.gateway.stop)
        store.gateway.start().wait_up()
        clone.gateway.start().wait_up()
        self.sell(store, "here", 15)
        self.sell(clone, "there", 15)
        store.gateway.wait_synced()
        clone.gateway.wait_synced()
        events = self.arrived()
        self.assertEqual(len(self.check_lives(events, 3)), 3)
        self.check_view(events)
        own = [event for event in events if event["type"] == "EventRejected"]
        self.assertEqual(len(own), 3)
        self.assertEqual(len({event["id"] for event in own}), 3)

    def test_another_streams_cursor(self):
        # Goal: a cursor that is not this journal's makes nothing be skipped;
        # it is set aside and said so.
        store = self.store
        store.gateway.start().wait_up()
        sensor = self.device(store, "sensor-1")
        ids = [f"r{i}" for i in range(30)]
        for id_ in ids:
            sensor.send(sensor.event("Reading", id_, {"c": 21}), "telemetry")
        sensor.wait_accepted(ids)
        sensor.close()
        store.gateway.wait_synced()
        store.cloud.stop()
        self.sell(store, "unsent")
        self.assertEqual(store.gateway.stop(), 0)
        data = store.folder / "data"
        shutil.copy(data / "telemetry/cursor", data / "orders/cursor")
        store.cloud.start()
        store.gateway.start().wait_up()
        store.gateway.wait_synced()
        self.assertIn("cursor.other", store.gateway.log())
        self.assertTrue((data / "orders/cursor.other").exists())
        self.check_view(self.arrived())
        # Its own is its own at the next start.
        self.assertEqual(store.gateway.stop(), 0)
        store.gateway.start().wait_up()
        self.sell(store, "then")
        store.gateway.wait_synced()
        self.check_view(self.arrived())
        self.assertEqual(store.gateway.log().count("cursor.other"), 1)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Goal: a store whose broker let everybody in goes on with one that does not:
what was acknowledged for the gateway arrives, and what strangers left behind
(forged retained messages, sessions that hear everything) is gone, counted, and
kept beside as a file."""

import json
import random
import shutil
import struct
import subprocess
import threading
import unittest

from broker_test import MOSQUITTO, SEED, broker_of, lines
from edge import Device, Store, can_connect, mqtt, wait_for

COUNT = 200


class Anonymous:
    """The broker as release 0.1.0 left it: without accounts, over the store's
    own folder, while no gateway runs."""

    def __init__(self, store):
        self.store = store
        self.folder = store.folder / "data/broker"
        self.conf = self.folder / "mosquitto.conf"

    def __enter__(self):
        self.conf.write_text(
            f"user root\nlistener {self.store.broker_port} 127.0.0.1\n"
            "allow_anonymous true\nmax_queued_messages 0\n"
            "max_inflight_messages 1000\npersistence true\n"
            f"persistence_location {self.folder}/\n")
        self.process = subprocess.Popen(
            [MOSQUITTO, "-c", self.conf], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("the broker listens",
                 lambda: can_connect(self.store.broker_port))
        return self

    def __exit__(self, *_):
        self.process.terminate()  # it saves
        self.process.wait(20)

    def session(self, client_id, *filters):
        """Leaves a session that hears these."""
        client = mqtt.Client(client_id=client_id, clean_session=False)
        heard = threading.Event()
        client.on_subscribe = lambda *_: heard.set()
        client.on_connect = lambda *_: client.subscribe(
            [(name, 1) for name in filters])
        client.connect("127.0.0.1", self.store.broker_port)
        client.loop_start()
        assert heard.wait(10)
        client.disconnect()
        client.loop_stop()

    def publish(self, *messages):
        client = mqtt.Client(client_id="stranger")
        client.connect("127.0.0.1", self.store.broker_port)
        client.loop_start()
        for topic, payload, retain in messages:
            client.publish(topic, payload, 1, retain).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()


def setUpModule():
    print(f"seed {SEED} (EDGE_SEED={SEED} repeats it)", flush=True)


class Upgrade(unittest.TestCase):
    def setUp(self):
        self.store = Store(cloud=False)
        self.addCleanup(self.store.__exit__, None, None, None)
        self.gateway = self.store.gateway

    def heard(self, client_id, *filters):
        """(a session was kept, topics of what came within a second)"""
        client = mqtt.Client(client_id=client_id,
                             clean_session=not client_id.startswith("keeps"))
        came, kept, ready = [], [], threading.Event()
        client.on_message = lambda _c, _s, message: came.append(message.topic)
        client.on_connect = lambda _c, _s, flags, _code: (
            kept.append(flags["session present"]),
            filters and client.subscribe([(name, 1) for name in filters]),
            ready.set())
        client.connect("127.0.0.1", self.store.broker_port)
        client.loop_start()
        self.assertTrue(ready.wait(10))
        ready.clear()
        ready.wait(1)
        client.disconnect()
        client.loop_stop()
        return bool(kept[0]), came

    def ids(self):
        """The gateway's client ids, of the rules that it writes."""
        rules = (self.store.folder / "data/broker/rules").read_text()
        return [line.split(" ", 1)[1] for line in rules.splitlines()
                if line.startswith("gateway-id ") and line.count("-") > 3]

    def age(self):
        """As if it had never had a plugin: its sessions are nobody's."""
        self.gateway.start().wait_up()
        ids = self.ids()
        self.assertEqual(self.gateway.stop(), 0)
        (self.store.folder / "data/broker/mosquitto.db").unlink()
        with Anonymous(self.store) as old:
            self.assertEqual(len(ids), 2, ids)
            for client_id in ids:
                old.session(client_id, *(
                    f"shopme/s1/+/{stream}" for stream in
                    (["orders"] if client_id == ids[0] else ["telemetry"])))
            old.session("keeps-receipts", "shopme/s1/till-2/receipts")
            old.session("keeps-all", "#")
            old.session("keeps-group", "$share/g/shopme/s1/+/orders")
            old.publish(
                ("shopme/s1/till-9/receipts", '{"accepted": []}', True),
                ("shopme/s1/till-2/receipts", '{"accepted": []}', False),
                ("shopme/s2/a/orders", "{}", True),
                ("lamp/1", "on", True),
                *(("shopme/s1/till-1/orders", self.order(n), False)
                  for n in range(COUNT)))

    def order(self, number):
        device = Device.__new__(Device)  # one that does not connect
        device.store, device.name = self.store, "till-1"
        return json.dumps(device.order(f"o-{number}"))

    def test_what_waits_arrives_and_what_strangers_left_does_not(self):
        self.age()
        self.gateway.start().wait_up()
        wait_for("all that waited is journaled", lambda:
                 self.gateway.stream()["accepted"] == COUNT)
        said = lines(self.gateway, "anonymous_era")
        self.assertEqual(len(said), 1, said)
        self.assertIn("retained=2 sessions=2", said[0])
        aside = list((self.store.folder / "data/broker").glob("*.bad-*"))
        self.assertEqual(len(aside), 1)
        self.assertIn(aside[0].name, said[0])
        self.assertEqual(broker_of(self.gateway)["set_aside"], "")
        self.assertNotIn("shopme/s1/till-9/receipts",  # (till-1's may come)
                         self.heard("fresh", "shopme/s1/+/receipts")[1])
        self.assertEqual(self.heard("keeps-receipts"),
                         (True, ["shopme/s1/till-2/receipts"]))
        self.assertEqual(self.heard("keeps-all"), (False, []))
        self.assertEqual(self.heard("keeps-group"), (False, []))
        # What is outside shopme/ stays: it is the site's.
        self.gateway.stop()
        with Anonymous(self.store):
            self.assertEqual(self.heard("reader", "lamp/#", "shopme/#"),
                             (False, ["lamp/1"]))

    def test_a_damaged_file_is_no_reason_not_to_start(self):
        self.age()
        db = self.store.folder / "data/broker/mosquitto.db"
        conf = self.store.folder / "data/broker/mosquitto.conf"
        good, old = db.read_bytes(), conf.read_bytes()
        chance = random.Random(SEED)
        for at in chance.sample(range(23, len(good)), 12):
            flipped = bytearray(good)
            flipped[at] ^= 1 << chance.randrange(8)
            db.write_bytes(flipped)
            conf.write_bytes(old)
            self.gateway.start().wait_up(40)
            device = Device(self.store, "till-5")
            device.send(device.order(f"flip-{at}"))
            device.wait_accepted([f"e-flip-{at}"])
            device.close()
            self.assertEqual(self.gateway.stop(), 0)

    def test_a_message_that_no_client_can_read(self):
        """The broker reads it, and sends it on each connection: MQTT has no
        control characters in a topic, so each ends there."""
        self.age()
        db = self.store.folder / "data/broker/mosquitto.db"
        good = db.read_bytes()
        topic = b"shopme/s1/till-1/orders"
        at = good.index(topic, len(good) // 2)
        db.write_bytes(good[:at] + topic.replace(b"-", b"\r")
                       + good[at + len(topic):])
        self.gateway.start().wait_up(40)
        self.assertIn('reason="no client can read a message of it"',
                      self.gateway.log())
        self.assertNotIn("contended", self.gateway.log())
        self.assertIn(".bad-", broker_of(self.gateway)["set_aside"])
        device = Device(self.store, "till-5")
        device.send(device.order("after"))
        device.wait_accepted(["e-after"])
        device.close()

    def test_what_a_damaged_file_loses_is_told(self):
        """Mosquitto drops what waits for a session or a message that is not in
        its file without a word. The gateway counts it, and keeps the file."""
        self.age()
        data = self.store.folder / "data"
        db = data / "broker/mosquitto.db"
        good, ids = db.read_bytes(), [i.encode() for i in self.ids()]
        orders = ids[0]
        rows = [
            ("sound", good, 0),
            ("a session", self.flip(good, 6, orders, 1), COUNT),
            ("whom one waits for", self.flip(good, 3, orders, 99), 1),
            ("its message", self.flip(good, 3, orders, 7, 8), 1),
            ("a topic", self.flip(good, 2, b"shopme/s1/till-1/orders", 150), 1),
        ]
        shutil.copytree(data, self.store.folder / "aged", symlinks=True,
                        ignore=lambda _, names: [n for n in names if
                                                 n.endswith("sock")])
        for what, bytes_, lost in rows:
            with self.subTest(what):
                shutil.rmtree(data)
                shutil.copytree(self.store.folder / "aged", data, symlinks=True)
                db.write_bytes(bytes_)
                before = len(lines(self.gateway, "broker lost "))
                try:
                    self.gateway.start().wait_up()
                    self.tells_lost(lost, before)
                finally:
                    self.gateway.stop()

    def tells_lost(self, lost, before):
        device = Device(self.store, "till-5")
        device.send(device.order("after"))
        device.wait_accepted(["e-after"])
        device.close()
        self.assertEqual(self.gateway.stream()["accepted"], COUNT - lost + 1)
        said = lines(self.gateway, "broker lost ")[before:]
        self.assertEqual(len(said), lost > 0, said)
        if lost:
            self.assertIn(f"messages={lost} ", said[0])
            self.assertIn(broker_of(self.gateway)["set_aside"], said[0])

    def flip(self, good, kind, words, number, offset=None):
        """A bit of the `number`th chunk of that kind that has these words: the
        last byte of the words, or the one at the offset."""
        at = 23
        while at < len(good):
            type_, size = struct.unpack_from(">II", good, at)
            if type_ == kind and words in good[at:at + 8 + size]:
                number -= 1
                if number == 0:
                    break
            at += 8 + size
        else:
            raise AssertionError(f"no such chunk of kind {kind}")
        at = (good.index(words, at) + len(words) - 1 if offset is None
              else at + offset)
        return good[:at] + bytes([good[at] ^ 1]) + good[at + 1:]

    def test_it_is_done_once(self):
        self.age()
        for _ in range(3):
            self.gateway.start().wait_up()
            self.gateway.stop()
        self.assertEqual(len(lines(self.gateway, "anonymous_era")), 1)
        # A way back to a release without accounts, and forward again.
        with Anonymous(self.store) as old:
            old.publish(("shopme/s1/till-9/notices", "{}", True))
        self.gateway.start().wait_up()
        self.assertEqual(len(lines(self.gateway, "anonymous_era")), 2)
        self.assertIn("retained=1 sessions=0", self.gateway.log())


if __name__ == "__main__":
    unittest.main()

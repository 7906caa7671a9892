# SPDX-License-Identifier: Apache-2.0
"""Goal: whatever a device sends, it is told what to fix, it is counted, and
the line goes on: the next good event gets its receipt, nothing bad reaches the
cloud, and a claimed length costs no memory."""

import json
import time
import unittest

from edge import BUS, Device, Store, wait_for

GOOD_AFTER = "the line goes on"


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status
                    if line.startswith("VmRSS"))


class Refusals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.store = Store().__enter__()
        cls.store.gateway.start().wait_up()
        cls.till = Device(cls.store, "till-1")

    @classmethod
    def tearDownClass(cls):
        cls.till.close()
        try:  # what a sanitizer finds at the end is in the exit status
            code = cls.store.gateway.stop()
            assert code == 0, (code, cls.store.gateway.log()[-4000:])
        finally:
            cls.store.__exit__(None, None, None)

    def setUp(self):
        self.till.rejected.clear()
        self.before = self.counters()

    def counters(self):
        return self.store.gateway.stream()

    def refused(self, count=1):
        """Waits for that many refusals; gives their reasons."""
        wait_for("the refusal", lambda: len(self.till.rejected) >= count)
        return [item["reason"] for item in self.till.rejected]

    def goes_on(self):
        id_ = f"ok-{self.id()}"
        self.till.send(self.till.order(id_, id_))
        self.till.wait_accepted([id_])
        counters = wait_for("the counter", lambda: self.counters())
        return counters["rejected"] - self.before["rejected"]

    def test_garbage(self):
        garbage = [b"", b"\x00", b"not json", b"[]", b'"text"', b"{", b"{}{}",
                   b'{"id":"a"}', b"\xff" * 100, b"[" * 1000, b'{"a":' * 500,
                   b"\xa1", b"\xbf\xff", b"\xa1\x62id", bytes(range(256))]
        for payload in garbage:
            self.till.send(payload)
        wait_for("all of them counted", lambda: self.counters()["rejected"]
                 - self.before["rejected"] == len(garbage))
        self.assertEqual(self.goes_on(), len(garbage))

    def test_the_allocation_bomb_costs_nothing(self):
        pid = self.store.gateway.process.pid
        before = rss_kib(pid)
        bombs = [bytes.fromhex("9a01ffffff"), bytes.fromhex("a16469646464"
                 "9a01ffffff"), bytes.fromhex("ba01ffffff"),
                 bytes.fromhex("bb00000001ffffffff"),
                 bytes.fromhex("a1646461746 19a01ffffff".replace(" ", ""))]
        for bomb in bombs * 20:
            self.till.send(bomb)
        wait_for("all of them counted", lambda: self.counters()["rejected"]
                 - self.before["rejected"] == len(bombs) * 20)
        grown = rss_kib(pid) - before
        print(f"figure: resident memory after {len(bombs) * 20} bombs: "
              f"{grown:+d} KiB")
        self.assertLess(grown, 8 * 1024)
        self.goes_on()

    def test_plain_json(self):
        """Told what is wrong with all of it, not with its first member."""
        self.till.send({"orderId": "o-1", "customerId": 7, "total": 12.5})
        self.assertIn("this is no CloudEvent: specversion is missing",
                      self.refused()[0])
        self.assertEqual(self.goes_on(), 1)

    def test_every_refusal_names_the_event(self):
        """Whatever the event is refused for: its id is in the receipt and in
        the EventRejected, if it can be read before the first error."""
        good = json.dumps(self.till.order("o", "named"))
        bad = {"cut": good[:-9], "followed": good + "}", "no colon":
               good.replace('"data": ', '"data" '),
               "no source": good.replace('"source"', '"sourc"'),
               "plain": '{"id": "named", "total": 5}',
               "too large": good[:-1] + ', "x": "' + "x" * 300000 + '"}',
               "a service's": good.replace("OrderPlaced", "OrderCreated")}
        for name, payload in bad.items():
            with self.subTest(name=name):
                self.till.rejected.clear()
                self.till.send(payload)
                self.refused()
                self.assertEqual(self.till.rejected[0]["id"], "named")
        self.assertEqual(self.goes_on(), len(bad))
        self.store.gateway.wait_synced()
        told = [e["data"].get("eventId") for e in
                self.store.cloud.events(bus=BUS, type="EventRejected")]
        self.assertGreaterEqual(told.count("named"), len(bad))

    def test_another_device_s_source(self):
        self.till.send(self.till.event("OrderPlaced", "forged", {},
                                       source="/s1/till-2"))
        self.assertIn("/s1/till-1", self.refused()[0])
        self.assertEqual(self.goes_on(), 1)

    def test_a_service_s_event_cannot_be_forged(self):
        self.till.send(self.till.event("PaymentProcessed", "forged-2", {}))
        self.assertIn("PaymentProcessed", self.refused()[0])
        self.goes_on()

    def test_reserved_names(self):
        """The broker takes nothing under them."""
        for name in ("gateway", "order"):
            mate = Device(self.store, name)
            mate.send(mate.order("r"), device=name)
            wait_for("the refusal", lambda n=name: [
                line for line in self.store.gateway.log().splitlines()
                if "why=other-device" in line and f"/{n}/orders" in line])
            mate.close()
            time.sleep(1.2)  # the log has a line a second for each reason
        self.assertEqual(self.goes_on(), 0)

    def test_oversize(self):
        limit = 256 * 1024
        big = self.till.order("big", customerNote="x" * limit)
        self.till.send(big)
        self.assertIn("event_bytes_max", self.refused()[0])
        # as JSON the escapes make it larger than it came
        self.till.send(self.till.order("fat", customerNote="x" * (limit - 3000)))
        self.assertIn("event_bytes_max", self.refused(2)[1])
        self.assertEqual(self.goes_on(), 2)

    def test_the_same_id_for_another_event(self):
        self.till.send(self.till.order("one", "twice"))
        self.till.wait_accepted(["twice"])
        self.till.send(self.till.order("two", "twice"))
        self.assertIn("already used", self.refused()[0])
        # The refusal is not remembered: corrected, it comes under a new id.
        self.till.send(self.till.order("two", "twice-corrected"))
        self.till.wait_accepted(["twice-corrected"])

    def test_a_repeat_gets_the_first_answer(self):
        order = self.till.order("again", "again")
        self.till.send(order)
        self.till.wait_accepted(["again"])
        self.till.send(order)
        wait_for("the second receipt",
                 lambda: len(self.till.accepted["again"]) == 2)
        self.assertEqual(len(set(self.till.accepted["again"])), 1)

    def test_a_corrected_event_may_come_under_its_id(self):
        self.till.send(self.till.order("m", "corrected", total="much"))
        self.refused()
        self.till.send(self.till.order("m", "corrected"))
        self.till.wait_accepted(["corrected"])

    def test_head_office_is_told(self):
        self.till.send(self.till.event("Nonsense", "told", {}))
        self.refused()
        self.goes_on()
        self.store.gateway.wait_synced()
        told = [e["data"] for e in
                self.store.cloud.events(bus=BUS, type="EventRejected")]
        self.assertTrue(any(d["eventId"] == "told" and
                            d["device"] == "till-1" for d in told))
        self.assertFalse(any(e["id"] in ("told", "forged", "forged-2")
                             for e in self.store.cloud.events(bus=BUS)))

    def test_cbor_is_answered_in_cbor(self):
        import cbor2
        event = self.till.order("cbor-1", "cbor-1")
        self.till.send(cbor2.dumps(event))
        wait_for("a CBOR receipt", lambda: any(
            not r.startswith(b"{") and "cbor-1" in
            [a["id"] for a in cbor2.loads(r)["accepted"]]
            for r in self.till.raw_receipts))
        wait_for("the order ends", lambda: any(
            n["type"] == "OrderFulfiled" and n["subject"] == "cbor-1"
            for n in self.till.notices))


if __name__ == "__main__":
    unittest.main(verbosity=2)

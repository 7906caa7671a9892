# SPDX-License-Identifier: Apache-2.0
"""Goal: a broker that does not acknowledge what the gateway publishes costs it no
memory and no event. Receipts and notices wait up to a bound, what is beyond is
dropped and the log says so; the store sells on, and when the broker is itself
again a device that repeats gets its receipts.

Method: a proxy before the site's own broker keeps back every PUBACK of the
broker's; the sessions, which publish nothing, do not notice."""

import socket
import time
import unittest

from edge import Device, Store, wait_for
from wire_test import Broker, Proxy, take_packet

ORDERS = 900  # of each of three tills; each leads to two notices, 4,096 may wait
PUBACK = 4


class Deaf(Proxy):
    """Keeps back what acknowledges a publication of the gateway's."""

    deaf = True

    def _pass(self, source, sink, see, waiting):
        buffer = bytearray()
        from_broker = see == self._see_broker
        try:
            while data := source.recv(65536):
                buffer += data
                while True:
                    head = bytes(buffer)
                    packet = take_packet(buffer)
                    if packet is None:
                        break
                    if not (from_broker and self.deaf
                            and packet[0] >> 4 == PUBACK):
                        sink.sendall(head[:len(head) - len(buffer)])
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Publisher(unittest.TestCase):
    def test_a_broker_that_does_not_acknowledge(self):
        broker = Broker()
        self.addCleanup(broker.stop)
        proxy = Deaf(broker.port)
        self.addCleanup(proxy.stop)
        with Store(broker_address=proxy.port) as store:
            store.gateway.start().wait_up()
            tills = [Device(store, f"till-{n}", broker.port) for n in range(3)]
            self.sell(tills)
            wait_for("all are journaled", lambda: store.gateway.stream()[
                "accepted"] == len(tills) * ORDERS)
            wait_for("receipts are dropped",
                     lambda: "dropped what=" in store.gateway.log())
            tills[0].send(tills[0].order("late", "late"))
            wait_for("one more is journaled", lambda: store.gateway.stream()[
                "accepted"] == len(tills) * ORDERS + 1)
            time.sleep(1)
            self.assertNotIn("late", tills[0].accepted, "it was not dropped")
            proxy.deaf = False
            store.gateway.wait_synced()
            self.assertEqual(store.gateway.stop(), 0)
            store.gateway.start().wait_up()
            for till, ids in zip(tills, self.sell(tills)):
                till.wait_accepted(ids)
                till.close()
            self.assertEqual(store.gateway.stream()["accepted"], 0)

    def sell(self, tills):
        """Each the same orders whenever it is asked; their ids."""
        sold = []
        for till in tills:
            sold.append([f"{till.name}-{n}" for n in range(ORDERS)])
            for id_ in sold[-1]:
                till.send(till.order(id_, id_))
        return sold


if __name__ == "__main__":
    unittest.main()

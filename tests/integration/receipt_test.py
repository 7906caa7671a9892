# SPDX-License-Identifier: Apache-2.0
"""Goal: what README says of acknowledgements is so. A PUBACK that a device gets
is the broker's, from its memory: with the gateway stopped there are 20 of 20
and nothing is in the journal. A receipt means: on disk; who keeps an event
until then and sends it again loses nothing, and nothing is taken twice."""

import json
import os
import pathlib
import signal
import subprocess
import unittest

from edge import EDGE, Device, Store, wait_for

COUNT = 20


def children(pid):
    return [int(child) for child in pathlib.Path(
        f"/proc/{pid}/task/{pid}/children").read_text().split()]


def journaled(store):
    """The ids in the orders' journal, read from the disk."""
    done = subprocess.run(
        [EDGE, "journal", "cat", "--stream", "orders", "--data",
         store.folder / "data"], capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL)
    return [json.loads(line)["id"] for line in done.stdout.splitlines()]


class Receipts(unittest.TestCase):
    def test_a_puback_promises_nothing(self):
        with Store() as store:
            store.gateway.start().wait_up()
            gateway = store.gateway.process.pid
            broker, = children(gateway)
            till = Device(store, "till-1")
            acknowledged = []
            till.client.on_publish = lambda *_: acknowledged.append(1)
            orders = [till.order(f"o-{n}") for n in range(COUNT)]
            ids = {order["id"] for order in orders}
            os.kill(gateway, signal.SIGSTOP)
            for order in orders:
                till.send(order)
            wait_for("the broker's PUBACKs",
                     lambda: len(acknowledged) == COUNT)
            self.assertEqual(till.accepted, {})
            till.close()
            os.kill(broker, signal.SIGKILL)  # the power goes
            store.gateway.stop(signal.SIGKILL)
            on_disk = ids & set(journaled(store))
            print(f"figure: {len(acknowledged)} of {COUNT} PUBACKs, "
                  f"{len(till.accepted)} receipts, {len(on_disk)} in the "
                  "journal")
            self.assertEqual(on_disk, set())

            # Kept until the receipt, and sent again.
            store.gateway.start().wait_up()
            till = Device(store, "till-1")
            for order in orders:
                till.send(order)
            till.wait_accepted(ids)
            till.close()
            self.assertEqual(store.gateway.stop(), 0)
            found = [id_ for id_ in journaled(store) if id_ in ids]
            self.assertEqual((len(found), set(found)), (COUNT, ids))


if __name__ == "__main__":
    unittest.main(verbosity=2)

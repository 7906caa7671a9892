#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: after a power cut all devices come back, over TLS and by certificate, in
under a minute, and a till's order has its receipt in under a second meanwhile.

Method: the gateway and its broker are killed and started again; EDGE_DEVICES (50,
10 of them tills) notice it at once and all try again, as they should, after 0.1 to
1.5 s. Time is from the gateway's start to the last device's SUBACK. The tills go on
with two orders a second each; a receipt's time is from when the order was sent on
the connection on which the receipt came. An order that was on its way is sent again
at once on the next one, and counts there. Devices and gateway share the machine's
processors: the devices are one thread of python with OpenSSL.

Memory a device is that of gateway and broker, with all connected and before, over
their number."""

import asyncio
import os
import pathlib
import random
import signal
import time
import unittest

from fleet import Fleet, order
from identity_store import IdentityStore

DEVICES = int(os.environ.get("EDGE_DEVICES", "50"))
TILLS = max(10, DEVICES // 25)
CUTS = int(os.environ.get("EDGE_CUTS", "2"))
SEED = int(os.environ.get("EDGE_SEED", time.time_ns() % 10**6))
COME_BACK_S, RECEIPT_S = 60, 1
AFTERWARDS_S = 2


class Storm(unittest.TestCase):
    def setUp(self):
        print(f"seed {SEED}", flush=True)
        self.names = [f"till-{i}" if i < TILLS else f"sensor-{i}"
                      for i in range(DEVICES)]
        self.store = IdentityStore(cloud=False, own_pki=True,
                                   connections=2 * DEVICES)
        self.store.__enter__()
        self.addCleanup(self.store.__exit__, None, None, None)
        self.store.add_accounts(self.names, certificate=True, password=False)
        self.store.begin_pki(*self.names)
        self.store.gateway.start().wait_up()

    def resident_kib(self):
        """Of the gateway, and of its broker."""
        pid = self.store.gateway.process.pid
        child = pathlib.Path(
            f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
        return [int(pathlib.Path(f"/proc/{one}/status").read_text()
                    .split("VmRSS:")[1].split()[0]) for one in (pid, child)]

    def open_fleet(self):
        fleet = Fleet(random.Random(SEED))
        for name in self.names:
            fleet.add(name, self.store.certs, self.store.context(name),
                      leaf="orders" if name.startswith("till") else "telemetry")
        return fleet

    async def cut(self, fleet, tills):
        """The power goes and comes; the time until all are back, and the times
        of the receipts meanwhile."""
        gateway = self.store.gateway
        for till in tills:
            till.latencies.clear()
        gateway.stop(signal.SIGKILL)
        await asyncio.gather(*(m.gone.wait() for m in fleet.members.values()))
        began = time.monotonic()
        await asyncio.to_thread(gateway.start)
        took = await fleet.all_ready(COME_BACK_S + 10)
        took = time.monotonic() - began
        await asyncio.sleep(AFTERWARDS_S)
        await fleet.all_confirmed(30, tills)
        receipts = [one for till in tills for _, one in till.latencies]
        self.assertGreater(len(receipts), 2 * len(tills))
        return took, receipts

    async def run_cuts(self):
        before = self.resident_kib()
        fleet = self.open_fleet()
        tills = [m for m in fleet.members.values() if m.leaf == "orders"]
        try:
            first = await fleet.all_ready(COME_BACK_S)
            await asyncio.sleep(1)
            after = self.resident_kib()
            orders = [asyncio.ensure_future(fleet.send_at(
                till, 2, float("inf"), order)) for till in tills]
            cuts = [await self.cut(fleet, tills) for _ in range(CUTS)]
            for task in orders:
                task.cancel()
            await asyncio.gather(*orders, return_exceptions=True)
            await fleet.all_confirmed(30)
            self.assertEqual([m.name for m in fleet.members.values()
                              if m.refusals or m.rejected], [])
        finally:
            await fleet.leave()
        self.say(first, cuts, before, after)

    def say(self, first, cuts, before, after):
        kib = [(b - a) / DEVICES for a, b in zip(before, after)]
        for took, receipts in cuts:
            print(f"figure: {DEVICES} devices with TLS were back {took:.1f} s "
                  f"after a power cut (the first time {first:.1f} s); "
                  f"{len(receipts)} receipts of {TILLS} tills meanwhile, the "
                  f"slowest after {1000 * max(receipts):.0f} ms", flush=True)
        print(f"figure: a device with TLS costs {sum(kib):.0f} KiB: "
              f"{kib[0]:.0f} of the gateway, {kib[1]:.0f} of the broker",
              flush=True)
        for took, receipts in cuts:
            self.assertLess(took, COME_BACK_S)
            self.assertLess(max(receipts), RECEIPT_S)

    def test_a_power_cut(self):
        asyncio.run(self.run_cuts())


if __name__ == "__main__":
    unittest.main()

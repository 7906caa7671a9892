#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: after a power cut all devices come back, over TLS and by certificate, in
under a minute, and a till's order has its receipt in under a second meanwhile.

Method: the gateway and its broker are killed and started again; EDGE_DEVICES (50,
10 of them tills, or one of 25) notice it at once. A till tries again after 0.1 to
0.2 s, then twice that, up to 2 s; another device after EDGE_PATIENCE (5) seconds or
up to the half of them earlier. Time is from the gateway's start to the last
device's SUBACK. The tills go on with two orders a second each; a receipt's time is
from when the order was sent on the connection on which the receipt came. An order
that was on its way is sent again at once on the next one, and counts there. Devices
and gateway share the machine's processors: the tills are one process of python with
OpenSSL, the others another.

Memory a device is that of gateway and broker, with all connected and before, over
their number."""

import asyncio
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import unittest

from fleet import Fleet, order
from identity_store import IdentityStore, context

DEVICES = int(os.environ.get("EDGE_DEVICES", "50"))
TILLS = max(10, DEVICES // 25)
PATIENCE = float(os.environ.get("EDGE_PATIENCE", "5"))
CUTS = int(os.environ.get("EDGE_CUTS", "2"))
SEED = int(os.environ.get("EDGE_SEED", time.time_ns() % 10**6))
COME_BACK_S = 60
# The promise is held with 500 of them and the machine to itself; beside other
# suites only that no till is locked out: both say their figure.
RECEIPT_S = 1 if DEVICES >= 500 else 5
AFTERWARDS_S = 2


class Others:
    """The devices that are no tills, in a process of their own, so that a till's
    time is its own: they come back by themselves. `ready` and `gone` wait until
    all are so; at `confirm` each sends an event and waits for its receipt."""

    def __init__(self, names, store):
        self.process = subprocess.Popen(
            [sys.executable, __file__, "others", str(store.certs),
             str(store.folder / "data/pki"), str(SEED + 1), *names],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, word):
        return asyncio.to_thread(self._ask, word)

    def _ask(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer == f"{word}\n", f"{word}: {answer}"

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(30)


async def be_others(port, pki, seed, *names):
    fleet = Fleet(random.Random(int(seed)))
    for name in names:
        fleet.add(name, int(port), context(pathlib.Path(pki), name),
                  patience=PATIENCE)
    members = fleet.members.values()
    while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if word == "gone":
            await asyncio.gather(*(m.gone.wait() for m in members))
        elif word == "ready":
            await fleet.all_ready(COME_BACK_S + 10)
        elif word == "confirm":
            for member in members:
                member.send()
            await fleet.all_confirmed(30)
            assert not any(m.refusals or m.rejected for m in members)
        print(word, flush=True)
    await fleet.leave()


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

    def member(self, name):
        return self.store.certs, self.store.context(name)

    async def cut(self, tills, others):
        """The power goes and comes; the time until all are back, and the times
        of the receipts meanwhile."""
        gateway = self.store.gateway
        for till in tills.members.values():
            till.latencies.clear()
        gateway.stop(signal.SIGKILL)
        await asyncio.gather(others.ask("gone"),
                             *(m.gone.wait() for m in tills.members.values()))
        began = time.monotonic()
        await asyncio.to_thread(gateway.start)
        await asyncio.gather(tills.all_ready(COME_BACK_S + 10),
                             others.ask("ready"))
        took = time.monotonic() - began
        await asyncio.sleep(AFTERWARDS_S)
        await tills.all_confirmed(30)
        receipts = [one for till in tills.members.values()
                    for _, one in till.latencies]
        self.assertGreater(len(receipts), 2 * len(tills.members))
        return took, receipts

    async def run_cuts(self):
        before = self.resident_kib()
        began = time.monotonic()
        tills = Fleet(random.Random(SEED))
        for name in self.names[:TILLS]:
            tills.add(name, *self.member(name), leaf="orders")
        others = Others(self.names[TILLS:], self.store)
        try:
            await asyncio.gather(tills.all_ready(COME_BACK_S),
                                 others.ask("ready"))
            first = time.monotonic() - began
            await asyncio.sleep(1)
            after = self.resident_kib()
            orders = [asyncio.ensure_future(tills.send_at(
                till, 2, float("inf"), order))
                for till in tills.members.values()]
            cuts = [await self.cut(tills, others) for _ in range(CUTS)]
            for task in orders:
                task.cancel()
            await asyncio.gather(*orders, return_exceptions=True)
            await asyncio.gather(tills.all_confirmed(30),
                                 others.ask("confirm"))
            self.assertEqual([m.name for m in tills.members.values()
                              if m.refusals or m.rejected], [])
        finally:
            await tills.leave()
            others.end()
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
    if sys.argv[1:2] == ["others"]:
        asyncio.run(be_others(*sys.argv[2:]))
    else:
        unittest.main()

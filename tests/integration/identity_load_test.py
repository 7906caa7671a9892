#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: while 50 devices send 1,000 events a second, by account and by
certificate, accounts are added, changed and removed, a password is changed, a
certificate revoked, the gateway's own renewed, and everything read again: no
receipt is lost, and nobody is cut but who was removed, changed or revoked.

EDGE_LOAD_SECONDS (20) says how long."""

import asyncio
import os
import pathlib
import random
import signal
import time
import unittest

from edge import wait_for
from fleet import Fleet, order
from identity_store import IdentityStore

SECONDS = float(os.environ.get("EDGE_LOAD_SECONDS", "20"))
SEED = int(os.environ.get("EDGE_SEED", time.time_ns() % 10**6))
TILLS, SENSORS = 20, 30
PER_TILL, PER_SENSOR = 2, 32  # 40 + 960 events a second
PASSWORD = "not-so-short-a-word"


class Load(unittest.TestCase):
    def setUp(self):
        print(f"seed {SEED}", flush=True)
        self.tills = [f"till-{i}" for i in range(TILLS)]
        self.sensors = [f"sensor-{i}" for i in range(SENSORS)]
        self.store = IdentityStore(cloud=False, own_pki=True)
        self.store.__enter__()
        self.addCleanup(self.store.__exit__, None, None, None)
        self.store.add_accounts(self.sensors)
        self.store.add_accounts(self.tills, certificate=True, password=False)
        self.store.begin_pki(*self.tills)
        self.store.gateway.start().wait_up()
        self.changes = 0

    def broker_pid(self):
        pid = self.store.gateway.process.pid
        return int(pathlib.Path(f"/proc/{pid}/task/{pid}/children")
                   .read_text().split()[0])

    def open_fleet(self):
        store = self.store
        fleet = Fleet(random.Random(SEED))
        for name in self.tills:
            fleet.add(name, store.certs, store.context(name), leaf="orders")
        for i, name in enumerate(self.sensors):  # half of them with TLS
            fleet.add(name, *((store.tls, store.context()) if i % 2 else
                              (store.plain, None)),
                      user=name, password=store.accounts.passwords[name])
        return fleet

    async def change(self, *words, stdin=None):
        self.changes += 1
        return await asyncio.to_thread(self.store.command, *words, stdin=stdin)

    # --- The changes ---

    async def come_and_go(self, fleet, number):
        """A device is added, works, is changed, works on, and is removed."""
        name = f"extra-{number}"
        await self.change("device", "add", name, "--password-stdin",
                          stdin=PASSWORD + "\n")
        extra = fleet.add(name, self.store.tls, self.store.context(), name,
                          PASSWORD)
        await asyncio.wait_for(extra.ready.wait(), 20)
        extra.send()
        await self.change("device", "set", name, "--topics", "kitchen/#")
        await fleet.all_confirmed(20, [extra])
        self.assertEqual(extra.drops, 0)
        await self.change("device", "remove", name)
        await self.is_out(extra)
        fleet.members.pop(name).leave()

    async def is_out(self, member):
        """Cut, and not let in again."""
        end = time.monotonic() + 20
        while not (member.drops == 1 and member.refusals > 0):
            self.assertLess(time.monotonic(), end,
                            f"{member.name} is still there")
            await asyncio.sleep(0.02)

    async def new_password(self, member):
        member.password = await self.change("device", "passwd", member.name)
        end = time.monotonic() + 20
        while not (member.drops == 1 and member.ready.is_set()):
            self.assertLess(time.monotonic(), end, "it did not come back")
            await asyncio.sleep(0.02)

    async def revoke(self, member):
        await self.change("pki", "revoke", member.name)
        await self.is_out(member)

    async def reread(self):
        self.store.gateway.process.send_signal(signal.SIGHUP)
        os.kill(self.broker_pid(), signal.SIGHUP)
        self.changes += 2
        await asyncio.sleep(0.3)

    async def change_all(self, fleet, until):
        """What may happen once, and the rest again and again."""
        once = [lambda: self.new_password(fleet.members["sensor-0"]),
                lambda: self.new_password(fleet.members["sensor-1"]),
                lambda: self.revoke(fleet.members["till-0"])]
        number = 0
        while time.monotonic() < until:
            await self.come_and_go(fleet, number)
            await self.change("pki", "server")
            if once:
                await once.pop()()
            await self.reread()
            number += 1
        self.assertEqual(once, [], "the time was too short")

    # --- The test ---

    async def run_load(self):
        fleet = self.open_fleet()
        try:
            await fleet.all_ready()
            began = time.monotonic()
            until = began + SECONDS
            sends = [fleet.send_at(m, PER_TILL, until, order)
                     if m.leaf == "orders" else
                     fleet.send_at(m, PER_SENSOR, until)
                     for m in fleet.members.values()]
            await asyncio.gather(*sends, self.change_all(fleet, until))
            stay = [m for m in fleet.members.values() if m.name != "till-0"]
            await fleet.all_confirmed(60, stay)
            self.check(stay, time.monotonic() - began)
        finally:
            await fleet.leave()

    def check(self, members, seconds):
        cut = [(m.name, m.drops) for m in members
               if m.drops > (m.name in ("sensor-0", "sensor-1"))]
        self.assertEqual(cut, [], "cut without a reason")
        self.assertEqual([m.name for m in members if m.rejected], [])
        again = sum(m.again for m in members
                    if m.name not in ("sensor-0", "sensor-1"))
        self.assertEqual(again, 0, "sent again, so a receipt was lost")
        sent = sum(m.serial for m in members)
        times = sorted(took for m in members for _, took in m.latencies)
        print(f"figure: {sent} events of {len(members)} devices, "
              f"{sent / seconds:.0f} a second, {self.changes} changes: 0 "
              f"receipts lost, nobody cut without a reason; a receipt after "
              f"{1000 * times[len(times) // 2]:.0f} ms, the slowest of 100 "
              f"after {1000 * times[len(times) * 99 // 100]:.0f} ms, of all "
              f"after {1000 * times[-1]:.0f} ms", flush=True)

    def test_changes_under_load(self):
        wait_for("the listeners are open", lambda: "closed" not in
                 self.store.gateway.log().splitlines()[-1])
        asyncio.run(self.run_load())


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Goal: the idle gateway stays under 12 MB of resident memory, after a start
and after it has worked. Method: VmRSS of /proc/PID/status of the release build
with both streams, the console and the bridge up, 3 s after the last event was
confirmed; Mosquitto is a process of its own and not counted."""

import re
import time
import unittest

from edge import BUILD, Device, Store

LIMIT_KB = 12_000_000 // 1024


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


@unittest.skipUnless("release" in str(BUILD) or "demo" in str(BUILD),
                     "SKIPPED: sanitizers take memory of their own")
class Idle(unittest.TestCase):
    def test_resident_memory(self):
        with Store() as store:
            store.gateway.start().wait_up()
            pid = store.gateway.process.pid
            time.sleep(3)
            fresh = resident_kib(pid)
            till = Device(store, "till-1")
            ids = [f"o-{n}" for n in range(500)]
            for id_ in ids:
                till.send(till.order(id_, id_))
            till.wait_accepted(ids)
            store.gateway.wait_synced()
            till.close()
            time.sleep(3)
            worked = resident_kib(pid)
            print(f"figure: resident memory idle: {fresh} KiB fresh, {worked} "
                  f"KiB after {len(ids)} orders (limit {LIMIT_KB} KiB)")
            self.assertLess(fresh, LIMIT_KB)
            self.assertLess(worked, LIMIT_KB)


if __name__ == "__main__":
    unittest.main(verbosity=2)

# SPDX-License-Identifier: Apache-2.0
"""Goal: a start costs by what there is to replay, not by what the journal
holds: with 10 GiB of backlog it comes up, and acknowledges, as soon as with
none. The backlog's inside is not on the disk: were it read, it would not verify.
"""

import pathlib
import signal
import subprocess
import time
import unittest

from edge import BUILD, Device, Store, wait_for

WRITE = BUILD / "tests/unit/journal/journal_backlog_write"
SEGMENTS = 1280  # of 8 MiB
ROUNDS = 3
EMPTY_STATE = bytes([0, 0, 0, 1, 0, 0, 0, 0])  # version 1, no device yet


class BacklogTest(unittest.TestCase):
    def start_seconds(self, segments):
        """From the start of the process to the receipt of an event, on a
        stream with so much of a backlog; the best of some."""
        times = []
        for _ in range(ROUNDS):
            store = self.enterContext(Store(
                cloud=False,
                streams="  - {name: large, shop: false}\n"))
            data = store.folder / "data"
            data.mkdir()
            if segments:
                state = pathlib.Path(store.folder / "state")
                state.write_bytes(EMPTY_STATE)
                subprocess.run([WRITE, data / "large", store.name, "large",
                                str(segments), state], check=True)
            began = time.monotonic()
            store.gateway.start().wait_up()
            sensor = Device(store, "sensor-1")
            self.addCleanup(sensor.close)
            sensor.send(sensor.event("Measured", "e-1", {"n": 1}), "large")
            wait_for("a receipt", lambda: "e-1" in sensor.accepted,
                     every=0.005)
            times.append(time.monotonic() - began)
            if segments:
                self.assertEqual(sensor.accepted["e-1"][0] // 20000, segments)
                self.assertIn(f"replayed name=large snapshot={segments * 20000} "
                              "events=0 ", store.gateway.log())
            store.gateway.stop(signal.SIGKILL)
        return min(times)

    def test_start(self):
        none = self.start_seconds(0)
        large = self.start_seconds(SEGMENTS)
        print(f"figure: start to first receipt {none:.2f} s without a backlog, "
              f"{large:.2f} s with {SEGMENTS * 8 // 1024} GiB in {SEGMENTS} "
              "segments")


if __name__ == "__main__":
    unittest.main(verbosity=2)

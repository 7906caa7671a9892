# SPDX-License-Identifier: Apache-2.0
"""The conditions of dead letters: provoked, and cured again."""

import subprocess

from edge import BUS, EDGE, Device, Store

POISON = "bitter-almond"


def make_dead_case(case):
    class DeadCase(case):
        """The cloud refuses a part of the events for good, then too many."""

        def make(self):
            return Store(extra="dead: {capacity: 16 MiB}\n", streams=(
                f"  - {{name: notes, segment: 8 MiB, on_refused: hold, "
                f"sink: {{eventbridge: {{bus: {BUS}}}}}}}\n"))

        def play(self):
            self.store.gateway.start().wait_up()
            self.till = Device(self.store, "till-1")
            self.faults(True)
            self.held()
            self.full()
            self.many()
            self.till.close()

        def faults(self, on):
            self.store.cloud.faults(poison={"word": POISON} if on else {})

        def refused(self, count, stream, size=1):
            ids = [f"{stream}-{size}-{n}" for n in range(count)]
            for id_ in ids:
                data = {"word": POISON, "fill": "x" * size}
                self.till.send(self.till.event("Measured", id_, data), stream)
            self.till.wait_accepted(ids)

        def drop(self):
            subprocess.run([EDGE, "dead", "drop", "--all", "--config",
                            self.store.config_path], check=True, timeout=60,
                           capture_output=True)

        def held(self):
            self.refused(2, "notes")
            self.provoked("events-held", "notes")
            self.faults(False)
            self.cured("events-held", "notes")
            self.faults(True)

        def full(self):
            self.refused(80, "telemetry", 250_000)
            self.provoked("dead-letters")
            self.provoked("dead-full")
            self.drop()
            self.cured("dead-full")
            self.store.gateway.wait_synced()
            self.drop()
            self.cured("dead-letters")

        def many(self):
            self.refused(150, "telemetry")
            reason = self.provoked("sink-refuses-many", "telemetry")
            assert "MalformedDetail" in reason["text"], reason
            self.faults(False)
            self.cured("sink-refuses-many", "telemetry")

    return DeadCase

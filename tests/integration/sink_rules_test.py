# SPDX-License-Identifier: Apache-2.0
"""The door knows the sink: what that is sure to refuse is rejected with a
receipt; what it may refuse, or may not, is taken.

EDGE_BUILD names the build directory."""

import contextlib
import unittest

from edge import BUS, Device, Store, wait_for

ALARMS = (f"  - {{name: alarms, sink: {{eventbridge: {{bus: {BUS}, "
          "detail: data}}}\n")


class SinkRulesTest(unittest.TestCase):
    def test_what_is_sure_and_what_is_a_guess(self):
        # Goal: a list is rejected where only objects can be sent, and taken
        # where the whole event is; a number beyond 64 bits is taken by both
        # doors, though the cloud refuses it, and keeps nobody back.
        with Store(streams=ALARMS) as store:
            store.gateway.start().wait_up()
            with contextlib.closing(Device(store, "panel-1")) as panel:
                for leaf in ("alarms", "telemetry"):
                    panel.send(panel.event("Alarm", f"list-{leaf}", [1]), leaf)
                    panel.send(panel.event("Alarm", f"good-{leaf}", {"n": 1}),
                               leaf)
                panel.send(panel.event("Alarm", "large", {"n": 1 << 70},
                                       "another key"), "alarms")
                panel.wait_accepted(["list-telemetry", "good-alarms",
                                     "good-telemetry", "large"])
                wait_for("the rejection", lambda: panel.rejected)
                self.assertEqual([r["id"] for r in panel.rejected],
                                 ["list-alarms"])
                self.assertIn("data must be a JSON object",
                              panel.rejected[0]["reason"])
                panel.send(panel.event("Alarm", "after", {"n": 2}), "alarms")
                panel.wait_accepted(["after"])
            self.assertEqual(store.gateway.stream("alarms")["rejected"], 1)

            def arrived():
                said = [e.get("n") for e in store.cloud.events(bus=BUS)]
                return 1 in said and 2 in said
            wait_for("the others", arrived)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""In a network of its own (listeners_test.py starts it there): a listener whose
address comes later, as by DHCP."""

import subprocess
import unittest

from edge import Device, Store, can_connect, free_port, wait_for
from verdict_places import agree, seen_everywhere

ADDRESS = "192.0.2.77"


def address(verb):
    subprocess.run(["ip", "address", verb, f"{ADDRESS}/32", "dev", "lo"],
                   check=True)


class AddressTest(unittest.TestCase):
    def setUp(self):
        self.store = Store(cloud=False)
        self.addCleanup(self.store.__exit__, None, None, None)
        self.port = free_port()
        plain = f'"127.0.0.1:{self.store.broker_port}"'
        text = self.store.config_path.read_text()
        self.store.config_path.write_text(text.replace(
            f"listen: {plain}",
            f"listen: [{{address: \"{ADDRESS}:{self.port}\"}}, "
            f"{{address: {plain}, anonymous: true}}]"))

    def sells(self, order):
        device = Device(self.store, "till-9")
        device.send(device.order(order))
        device.wait_accepted([f"e-{order}"])
        device.close()

    def test_it_comes_later(self):
        gateway = self.store.gateway
        gateway.start().wait_up()
        self.sells("before")
        reason = seen_everywhere(self.store, "listener-away")
        self.assertIn(f"cannot listen on {ADDRESS}:{self.port}: ",
                      reason["text"])
        self.assertEqual(gateway.log().count("listener_away"), 1)
        address("add")
        wait_for("it listens there, too",
                 lambda: can_connect(self.port, ADDRESS), 40)
        gateway.wait_up()
        self.sells("after")
        agree(self.store, "listener-away", None, False, 30)
        self.assertEqual(gateway.status()["broker"]["restarts"], 0)
        # One that goes again is a network's matter: nothing is restarted.
        pids = gateway.log().count("broker up")
        address("del")
        self.sells("without")
        self.assertEqual(gateway.log().count("broker up"), pids)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Goal: money that is owed is given back by who took it, or shown to a person, who
says so. A real gateway, the simulated terminal, and the command."""

import contextlib
import json
import subprocess
import unittest

from edge import DEVICES, EDGE, Device, Store, wait_for


class Refunds(unittest.TestCase):
    def setUp(self):
        self.store = Store(cloud=False)
        self.addCleanup(self.store.__exit__, None, None, None)
        self.store.gateway.start().wait_up()

    def payment(self, *words, code=0):
        done = subprocess.run(
            [EDGE, "payment", *words, "--config", self.store.config_path],
            capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout if code == 0 else done.stderr

    def refunds(self):
        return json.loads(self.payment("list", "--json"))["refunds"]

    def device(self, name):
        device = Device(self.store, name)
        self.addCleanup(device.close)
        return device

    def take(self, device, number, order="none", amount="3.00"):
        """The terminal says that it took money."""
        device.send(device.event(
            "PaymentAuthorized", f"a-{number}",
            {"orderId": order, "paymentTransactionId": f"t-{number}",
             "amount": amount}))
        device.wait_accepted([f"a-{number}"])

    def test_a_person_gives_it_back(self):
        self.assertEqual(self.payment("list"), "nothing is owed\n")
        terminal = self.device("terminal-1")
        self.take(terminal, 1)
        self.take(terminal, 2, amount="4.50")
        terminal.send(terminal.event("RefundFailed", "f",
                                     {"paymentTransactionId": "t-1"}))
        terminal.wait_accepted(["f"])
        rows = self.payment("list").splitlines()
        self.assertEqual(len(rows), 3, rows)
        first, second = self.refunds()
        for row, refund, words in ((rows[1], first, ["3.00", "FAILED"]),
                                   (rows[2], second, ["4.50", "no order"])):
            for word in [refund["refundId"], "EUR", "terminal-1", *words]:
                self.assertIn(word, row)
        id_ = first["refundId"]
        self.payment("resolve", id_, code=2)
        self.payment("resolve", "--how", "cash", code=2)
        self.payment("resolve", id_, "--how", "prayer", code=1)
        self.payment("resolve", id_, "--how", "cash", "--reason", "x" * 3000,
                     code=2)
        self.payment("resolve", "nobody's", "--how", "cash", code=1)
        self.assertEqual(len(self.refunds()), 2)
        self.payment("resolve", id_, "--how", "cash", "--reason",
                     'the "owner" did')
        self.assertEqual([one["refundId"] for one in self.refunds()],
                         [second["refundId"]])
        self.payment("resolve", id_, "--how", "cash", code=1)
        self.store.gateway.stop()
        self.payment("list", code=1)

    def test_the_terminal_gives_it_back(self):
        """The simulated one is told under the name that took it; while it was
        away the money stays owed."""
        with contextlib.closing(Device(self.store, "terminal-1")) as terminal:
            for number in range(3):
                self.take(terminal, number)
        self.assertEqual(len(self.refunds()), 3)
        simulated = subprocess.run(
            [DEVICES, "--broker", f"127.0.0.1:{self.store.broker_port}",
             "--store", self.store.name, "--tills", "1", "--scanners", "0",
             "--sensors", "0", "--terminals", "1", "--orders", "30", "--rate",
             "3", "--quiet"], capture_output=True, text=True, timeout=120)
        self.assertEqual(simulated.returncode, 0,
                         simulated.stdout + simulated.stderr)
        wait_for("all is given back", lambda: not self.refunds(), 30)


if __name__ == "__main__":
    unittest.main()

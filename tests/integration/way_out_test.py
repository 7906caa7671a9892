# SPDX-License-Identifier: Apache-2.0
"""The bridge's way out of a store: certificate authorities that change while
it runs.

EDGE_BUILD names the build directory (default build/release)."""

import os
import shutil
import subprocess
import unittest

from bridge_test import BridgeCase

SEEN = 30  # seconds; a change is seen after 6


def make_authority(folder, name):
    path = os.path.join(folder, name + ".pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
         "-keyout", path + ".key", "-out", path, "-days", "30"],
        check=True, capture_output=True)
    return path


class AuthoritiesTest(BridgeCase):
    def setUp(self):
        super().setUp()
        self.bundle = os.path.join(self.folder, "bundle.pem")
        self.other = make_authority(self.folder, "other")

    def replace(self, path):
        shutil.copy(path, self.bundle + ".new")
        os.rename(self.bundle + ".new", self.bundle)

    def test_an_authority_that_comes(self):
        # Goal: the service's certificate has a new root; the box gets it by
        # an update, and nobody restarts the gateway.
        self.replace(self.other)
        bridge = self.start(ca=self.bundle)
        end = bridge.append("orders", 10, 5)
        status = bridge.wait("offline", lambda s: s["link"] == "offline")
        self.assertIn("certificate is not trusted", status["last_error"])
        self.replace(self.cloud.ca_path)
        bridge.drained("orders", end, SEEN)
        self.assert_promises("orders", 10)
        self.assertIn("changed: read again", bridge.log_text())
        bridge.stop()

    def test_an_authority_that_is_taken_away(self):
        # Goal: who is no longer to be trusted is not, although a connection
        # is open and its session is known.
        self.replace(self.cloud.ca_path)
        bridge = self.start(ca=self.bundle)
        bridge.drained("orders", bridge.append("orders", 10, 5))
        self.replace(self.other)
        bridge.wait("it is read",
                    lambda s: "read again" in bridge.log_text(), seconds=SEEN)
        bridge.append("orders", 10, 5)
        status = bridge.wait("offline", lambda s: s["link"] == "offline")
        self.assertIn("certificate is not trusted", status["last_error"])
        bridge.stop()
        self.assert_promises("orders", 10)

    def test_a_broken_one_changes_nothing(self):
        # Goal: a bundle that cannot be used leaves what was, and is told.
        self.replace(self.cloud.ca_path)
        bridge = self.start(ca=self.bundle)
        bridge.drained("orders", bridge.append("orders", 10, 5))
        with open(self.bundle, "w", encoding="ascii") as file:
            file.write("no certificate\n")
        bridge.wait("it is told", lambda s: "stay in use" in
                    bridge.log_text(), seconds=SEEN)
        self.assertIn(self.bundle, bridge.log_text())
        self.cloud.faults(offline=True)  # the next connection is a new one
        self.cloud.faults(offline=False)
        bridge.drained("orders", bridge.append("orders", 10, 5))
        self.assert_promises("orders", 20)
        self.assertEqual(bridge.log_text().count("stay in use"), 1)
        bridge.stop()


if __name__ == "__main__":
    unittest.main(verbosity=2)

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the attack matrix sees an open door. Method: identity_test over a gateway
whose broker lets everybody in and allows everything. All that may pass then is
what TLS itself refuses, and what is stated to be no attack."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

from edge import BUILD

CONTROL = BUILD / "tests/integration/control_open_door/shopme-edge"
# By Mosquitto: certificates of the wrong time or authority, TLS 1.1 and none.
PASSES = re.compile(r"certificate_o(ut_of_its_time|f_another_authority|f_none)|"
                    r"tls_1_1|no_tls_|will_on_its_own|as_oneself|"
                    r"a_hundred_connections|a_device_off_loopback|"
                    r"anonymous_off_loopback|beside_an_anonymous_listener|"
                    r"anonymous_speaks|anonymous_reads_those")


class Control(unittest.TestCase):
    def test_every_attack_succeeds(self):
        done = subprocess.run(
            [sys.executable, "-m", "unittest", "-v", "identity_test"],
            cwd=pathlib.Path(__file__).parent, capture_output=True, text=True,
            env=os.environ | {"IDENTITY_PROGRAM": str(CONTROL),
                              "IDENTITY_WAIT": "0.15",
                              "IDENTITY_EVERY": os.environ.get(
                                  "IDENTITY_EVERY", "3")})
        passed, of = map(int, re.search(r"figure: (\d+) of (\d+) attacks",
                                        done.stdout).groups())
        right = re.findall(r"^(test_\S+) .*\.\.\. ok$", done.stderr, re.M)
        self.assertEqual([name for name in right if not PASSES.search(name)],
                         [])
        self.assertLess(passed, of / 4)
        print(f"\nfigure: {of - passed} of {of} rows of the attack matrix fail "
              "where the door is open", flush=True)


if __name__ == "__main__":
    unittest.main()

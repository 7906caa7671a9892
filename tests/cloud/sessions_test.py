# SPDX-License-Identifier: Apache-2.0
"""The sessions that the local cloud gives out, and when it refuses them."""

import types
import unittest

from errors import ServiceError
from sessions import Sessions


class SessionsTest(unittest.TestCase):
    def setUp(self):
        self.now = 1000.0
        fixed = types.SimpleNamespace(access_key="AKFIXED", secret_key="s",
                                      token=None)
        self.sessions = Sessions(fixed, lambda: self.now)

    def refused(self, access_key, token):
        with self.assertRaises(ServiceError) as raised:
            self.sessions.find(access_key, token)
        return raised.exception.code

    def test_until_its_end(self):
        made = self.sessions.give(3, 60000)
        self.assertEqual(len(made["token"]), 60000)
        self.assertEqual(made["expires"], "1970-01-01T00:16:43.000000Z")
        self.now = 1002.9
        found = self.sessions.find(made["access_key"], made["token"])
        self.assertEqual(found.secret_key, made["secret_key"])
        self.now = 1003.0
        self.assertEqual(self.refused(made["access_key"], made["token"]),
                         "ExpiredTokenException")
        self.assertEqual((self.sessions.given, self.sessions.expired), (1, 1))

    def test_only_with_its_token(self):
        made, other = self.sessions.give(3), self.sessions.give(3)
        for token in (None, "", other["token"]):
            self.assertEqual(self.refused(made["access_key"], token),
                             "UnrecognizedClientException")
        self.assertEqual(self.refused("AKFIXED", made["token"]),
                         "UnrecognizedClientException")
        self.assertEqual(self.refused("AKNOBODY", None),
                         "UnrecognizedClientException")

    def test_fixed_ones_have_no_end(self):
        self.now = 1e9
        self.sessions.revoke()
        self.assertEqual(self.sessions.find("AKFIXED", None).secret_key, "s")

    def test_revoked(self):
        made = self.sessions.give(3600)
        self.sessions.revoke()
        self.assertEqual(self.refused(made["access_key"], made["token"]),
                         "ExpiredTokenException")


if __name__ == "__main__":
    unittest.main()

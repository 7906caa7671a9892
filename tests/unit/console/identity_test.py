#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the accounts are changed on the control socket only, by what is
well-formed only, and whoever is refused is told what to do."""

import json
import shutil
import tempfile
import unittest

from host import Host

PATH = "/api/v1/identity"
JSON = {"Content-Type": "application/json"}
HASH = "$7$101$AAAAAAAAAAAAAAAA$" + "A" * 86 + "=="


class IdentityTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp()
        cls.host = Host(cls.directory)
        assert cls.host.port, cls.host.first

    @classmethod
    def tearDownClass(cls):
        status = cls.host.stop()
        shutil.rmtree(cls.directory)
        assert status == 0, cls.host.errors

    def post(self, body, ask=None, headers=None):
        if not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        return (ask or self.host.ask_unix)("POST", PATH, body,
                                           headers or JSON)

    def requests(self):
        return json.loads(self.host.ask_unix("GET", PATH)[1])["requests"]

    def test_a_change_gets_a_number(self):
        for change in (
                {"op": "put", "name": "till-1", "new": True,
                 "password": HASH, "certificate": True, "channel": False,
                 "topics": ["kitchen/#", "a/+/b", "caf\u00e9/\U0001f355"]},
                {"op": "put", "name": "till-1", "topics": []},
                {"op": "put", "name": "till-1", "password": ""},
                {"op": "password", "name": "till-1", "password": HASH},
                {"op": "remove", "name": "till-1"},
                {"op": "remove", "name": "gateway"},  # what should not be there
                {"op": "reload"}):
            answer, body = self.post(change)
            self.assertEqual(answer.status, 202, (change, body))
            number = json.loads(body)["request"]
            answer, body = self.post(change)
            self.assertEqual(json.loads(body)["request"], number + 1)

    def test_the_largest_change_fits(self):
        topics = [chr(97 + i) + "/" + '"' * 253 for i in range(16)]
        answer, body = self.post({"op": "put", "name": "n" * 64, "new": True,
                                  "password": HASH, "certificate": True,
                                  "channel": True, "topics": topics})
        self.assertEqual(answer.status, 202, body)

    def test_the_state_of_requests(self):
        self.post({"op": "remove", "name": "till-1"})
        answer, body = self.host.ask_unix("GET", PATH)
        self.assertEqual(answer.status, 200)
        state = json.loads(body)
        self.assertEqual((state["set"], state["loaded"], state["reason"]),
                         (12, 11, 'the broker is "away"'))
        self.assertEqual([r["request"] for r in state["requests"]],
                         list(range(64, 0, -1)))
        self.assertEqual(state["requests"][63], {
            "request": 1, "state": "waiting", "set": 0, "reason": "till-1"})
        self.assertEqual({r["state"] for r in state["requests"]},
                         {"waiting", "done", "failed"})

    def test_only_the_control_socket_changes(self):
        """Whoever can connect to the page may look, and no more."""
        before = self.requests()
        answer, body = self.post({"op": "remove", "name": "x"}, self.host.ask)
        self.assertEqual(answer.status, 403, body)
        self.assertIn("shopme-edge device", json.loads(body)["error"])
        self.assertEqual(self.requests(), before)
        self.assertEqual(self.host.ask("GET", PATH)[0].status, 200)

    def test_refusals_say_what_is_wrong(self):
        name = {"op": "put", "name": "till-1"}
        for body, words in (
                ("", "the body is empty or too long"),
                ("{", "must be a JSON object"),
                ("[]", "must be a JSON object"),
                ("\xff", "must be a JSON object"),
                ({}, "`op` is missing"),
                ({"op": "PUT", "name": "a"}, "`op` must be"),
                ({"op": 1, "name": "a"}, "`op` must be a text"),
                ({"op": "put"}, "`name` is missing"),
                ({"op": "reload", "name": "a"}, "does not go with"),
                ({"op": "remove", "name": "a", "password": HASH}, "none of"),
                ({"op": "remove", "name": "a", "new": True}, "none of"),
                ({"op": "password", "name": "a"}, "no password to set"),
                ({"op": "password", "name": "a", "password": ""},
                 "no password to set"),
                ({"op": "password", "name": "a", "password": HASH,
                  "channel": True}, "none of"),
                (name | {"password": "correct horse"}, "must come hashed"),
                (name | {"password": HASH + "x" * 200}, "at most 159"),
                (name | {"colour": 1}, "unknown member of the body: colour"),
                ('{"op":"put","op":"put","name":"a"}', "repeated member"),
                (name | {"certificate": "yes"}, "must be true or false"),
                (name | {"channel": None}, "must be true or false"),
                (name | {"new": 1}, "must be true or false"),
                (name | {"topics": "a/b"}, "must be a list"),
                (name | {"topics": [1]}, "`topics` must be a text"),
                (name | {"topics": ["a"] * 17}, "16 patterns at most"),
                (name | {"topics": ["a" * 256]}, "at most 255"),
                (name | {"topics": ["#"]}, ""),
                (name | {"topics": ["shopme/x"]}, ""),
                (name | {"topics": ["$SYS/x"]}, ""),
                (name | {"topics": ["a/#/b"]}, ""),
                (name | {"name": ""}, ""),
                (name | {"name": "till 1"}, ""),
                (name | {"name": "gateway"}, "reserved"),
                (name | {"name": "gw-1"}, "reserved"),
                (name | {"name": "a\0b"}, "`name` must be a text"),
                (name | {"name": "n" * 65}, "at most 64"),
                ({"op": "remove", "name": ""}, "no name")):
            with self.subTest(body=body):
                before = self.requests()
                answer, text = self.post(
                    body.encode("latin-1") if isinstance(body, str) else body)
                self.assertIn(answer.status, (400, 413), text)
                error = json.loads(text)["error"]
                self.assertIn(words, error)
                self.assertGreater(len(error), 10)
                self.assertEqual(self.requests(), before)

    def test_other_refusals(self):
        for change, code, words in (
                ({"op": "put", "name": "full"}, 503, "64 changes wait"),
                ({"op": "put", "name": "external"}, 409, "that broker's")):
            answer, body = self.post(change)
            self.assertEqual((answer.status, json.loads(body)["error"]),
                             (code, words) if code == 503 else
                             (code, "they are that broker's"))
        answer, body = self.post({"op": "reload"}, headers={
            "Content-Type": "text/plain"})
        self.assertEqual(answer.status, 415, body)
        answer, body = self.post(" " * 13000)
        self.assertEqual(answer.status, 413, body)
        answer, body = self.host.ask_unix("PUT", PATH, "{}", JSON)
        self.assertEqual(answer.status, 405)
        self.assertEqual(answer.getheader("allow"), "GET, HEAD, POST")


if __name__ == "__main__":
    unittest.main()

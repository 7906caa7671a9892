# SPDX-License-Identifier: Apache-2.0
"""The bridge's way out of a store: certificate authorities that change while
it runs, and proxies.

EDGE_BUILD names the build directory (default build/release)."""

import os
import shutil
import subprocess
import unittest

from bridge_test import BridgeCase, Refused
from connect_proxy import ConnectProxy

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


class ProxyTest(BridgeCase):
    def setUp(self):
        super().setUp()
        self.proxy = ConnectProxy()
        self.addCleanup(self.proxy.close)

    def begin(self, login="", **more):
        """A bridge whose environment names the proxy."""
        at = f"{login}127.0.0.1:{self.proxy.port}"
        return self.start(environment={"HTTPS_PROXY": f"http://{at}"} | more)

    def offline(self, bridge, words, seconds=30):
        """Nothing gets out, and the status says why."""
        bridge.append("orders", 5, 5)
        status = bridge.wait("offline", lambda s: s["link"] == "offline"
                             and words in s["last_error"], seconds=seconds)
        self.assertEqual(status["cursor"], 0)
        self.assertIn(f"by proxy 127.0.0.1:{self.proxy.port}: ",
                      status["last_error"])
        self.assertEqual(self.held("orders")["requests"], 0)
        return status["last_error"]

    def test_all_goes_through_it(self):
        # Goal: both services are reached by it, by their names, which the box
        # does not look up, and by nothing else.
        bridge = self.begin()
        bridge.drained("orders", bridge.append("orders", 500, 20))
        bridge.drained("telemetry", bridge.append("telemetry", 500, 20))
        self.assert_promises("orders", 500)
        self.assert_promises("telemetry", 500)
        self.assertEqual(self.proxy.opened, len(self.proxy.heads))
        self.assertGreaterEqual(self.proxy.opened, 2)
        for head in self.proxy.heads:
            self.assertTrue(head.startswith(
                f"CONNECT localhost:{self.cloud.port} HTTP/1.1\r\n"), head)
            self.assertNotIn("Authorization", head)
        bridge.stop()

    def test_a_login(self):
        # Goal: a proxy that asks for a name and password gets them, and they
        # are neither in the log nor in the status.
        self.proxy.login = "store:p@ss hush"
        bridge = self.begin("store:p%40ss%20hush@")
        bridge.drained("orders", bridge.append("orders", 50, 5))
        self.assertNotIn("hush", bridge.log_text())
        bridge.stop()

    def test_a_wrong_login(self):
        # Goal: what a 407 means is said; the proxy's own words are not.
        self.proxy.login = "store:right"
        bridge = self.begin("store:hush@")
        said = self.offline(bridge, "refuses the user name or password "
                            "(HTTP 407): check HTTPS_PROXY")
        self.proxy.login = "hush:c3RvcmU6aHVzaA=="
        self.assertNotIn("hush", said + bridge.log_text())
        self.assertNotIn("c3RvcmU6aHVzaA", said + bridge.log_text())
        bridge.stop()
        bridge = self.begin()
        said = self.offline(bridge, "asks for a user name and password")
        bridge.stop()

    def test_refusals(self):
        # Goal: a refusal is told in plain words; all goes on once it is over.
        for refusal, words in (
                (b"HTTP/1.1 403 Forbidden\r\n\r\n<html>no</html>",
                 "does not allow it (HTTP 403)"),
                (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "cannot reach"),
                (b"SSH-2.0-nonsense\r\n", "no HTTP proxy"),
                (b"HTTP/1.1 200 OK\r\n\r\nmore", "said more"),
                (b"", "the proxy closed the connection")):
            self.proxy.refusal = refusal
            bridge = self.begin()
            self.offline(bridge, words)
            bridge.stop()
        self.proxy.refusal = None
        bridge = self.begin()
        bridge.drained("orders", 25)
        self.assert_promises("orders", 25)
        bridge.stop()

    def test_one_that_hangs(self):
        # Goal: a proxy that takes a request and never answers, or never ends
        # its answer, is given up; the status and the stop do not wait for it.
        for hangs, drip in ((True, 0), (False, 0.5)):
            self.proxy.hangs, self.proxy.drip = hangs, drip
            bridge = self.begin()
            self.offline(bridge, "no answer from the proxy in time", 40)
            self.assertLess(bridge.stop(), 8)

    def test_ways_that_break(self):
        # Goal: ways that break off in the middle, every one of them, lose and
        # double nothing and keep the order.
        self.proxy.cut_after = 6000
        bridge = self.begin()
        end = bridge.append("orders", 2000, 20)
        bridge.drained("orders", end)
        self.assert_promises("orders", 2000)
        self.assertGreater(self.proxy.opened, 5)
        self.proxy.cut_after = None
        for _ in range(5):
            end = bridge.append("orders", 100, 20)
            self.proxy.cut()
        bridge.drained("orders", end)
        self.assert_promises("orders", 2500)
        bridge.stop()

    def test_none_there(self):
        # Goal: it is the proxy that cannot be reached, and not the service.
        self.proxy.close()
        bridge = self.begin()
        self.offline(bridge, "cannot connect: connection refused")
        bridge.stop()

    def test_without_it(self):
        # Goal: NO_PROXY is obeyed.
        bridge = self.begin(NO_PROXY="elsewhere.example, localhost")
        bridge.drained("orders", bridge.append("orders", 10, 5))
        self.assertEqual(self.proxy.heads, [])
        bridge.stop()

    def test_one_that_is_none(self):
        # Goal: what is not spoken is refused by name, without its password.
        for url in ("socks5://u:hush@127.0.0.1:1", "http://u:hush@127.0.0.1"):
            with self.assertRaises(Refused) as caught:
                self.start(environment={"HTTPS_PROXY": url})
            self.assertIn("HTTPS_PROXY", str(caught.exception))
            self.assertNotIn("hush", str(caught.exception))


if __name__ == "__main__":
    unittest.main(verbosity=2)

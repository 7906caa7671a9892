# SPDX-License-Identifier: Apache-2.0
"""The bridge's way out of a store: certificate authorities that change while
it runs, endpoints without a name, and proxies.

EDGE_BUILD names the build directory (default build/release)."""

import contextlib
import os
import select
import shutil
import socket
import ssl
import subprocess
import threading
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


class Relay:
    """A TLS server that passes on to the cloud what it reads."""

    def __init__(self, cloud, host, context):
        six = ":" in host
        self.cloud, self.context = cloud, context
        self.names, self.ciphers = [], []
        context.sni_callback = lambda _, name, __: self.names.append(name)
        self.listener = socket.create_server(
            (host, 0), family=socket.AF_INET6 if six else socket.AF_INET)
        self.port = self.listener.getsockname()[1]
        self.url = f"https://{f'[{host}]' if six else host}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, daemon=True,
                                 args=(self.listener.accept()[0],)).start()

    def _serve(self, connection):
        client = ssl.create_default_context(cafile=self.cloud.ca_path)
        with connection, contextlib.suppress(OSError), \
                self.context.wrap_socket(connection, server_side=True) as here, \
                socket.create_connection(
                    ("127.0.0.1", self.cloud.port)) as plain, \
                client.wrap_socket(plain,
                                   server_hostname="localhost") as there:
            self.ciphers.append(here.cipher()[0])
            pump(here, there)


def pump(one, other):
    """Passes bytes on, both ways, in one thread: a TLS socket of Python's is not
    for two."""
    one.setblocking(False)
    other.setblocking(False)
    while True:
        select.select([one, other], [], [])
        for source, sink in ((one, other), (other, one)):
            if not pass_on(source, sink):
                return


def pass_on(source, sink):
    """All that can be read now; false at the end."""
    while True:
        try:
            data = source.recv(65536)
        except ssl.SSLWantReadError:
            return True
        if not data:
            return False
        sink.setblocking(True)
        sink.sendall(data)
        sink.setblocking(False)


def make_certificate(folder, stem, also, authority):
    """STEM.pem and STEM.key for what the subjectAltName says, of an authority
    (its certificate, beside which its key is)."""
    path = os.path.join(folder, stem)
    with open(path + ".cnf", "w", encoding="ascii") as file:
        file.write(f"subjectAltName={also}\n")
    for words in (
            ["req", "-new", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=x",
             "-keyout", path + ".key", "-out", path + ".csr"],
            ["x509", "-req", "-in", path + ".csr", "-CA", authority, "-CAkey",
             authority + ".key", "-CAcreateserial", "-days", "30", "-extfile",
             path + ".cnf", "-out", path + ".pem"]):
        subprocess.run(["openssl", *words], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path + ".pem", path + ".key")
    return context


class AddressTest(BridgeCase):
    def test_endpoints_by_address(self):
        # Goal: a private endpoint that has no name is reached, its certificate
        # is held against its address, and no name is sent.
        authority = make_authority(self.folder, "authority")
        total = 0
        for host in ("127.0.0.1", "::1"):
            context = make_certificate(self.folder, "server", f"IP:{host}",
                                       authority)
            relay = Relay(self.cloud, host, context)
            self.addCleanup(relay.close)
            bridge = self.start(endpoint=relay.url, ca=authority)
            total = bridge.append("orders", 50, 5)
            bridge.drained("orders", total)
            self.assertTrue(relay.names)
            self.assertEqual(set(relay.names), {None})
            bridge.stop()
        self.assert_promises("orders", total)

    def test_another_address(self):
        # Goal: a certificate of another address, or of a name that is written
        # like this one, is no proof.
        authority = make_authority(self.folder, "authority")
        for also in ("IP:127.0.0.2", "DNS:127.0.0.1"):
            context = make_certificate(self.folder, "server", also, authority)
            relay = Relay(self.cloud, "127.0.0.1", context)
            self.addCleanup(relay.close)
            bridge = self.start(endpoint=relay.url, ca=authority)
            bridge.append("orders", 5, 5)
            status = bridge.wait("offline", lambda s: s["link"] == "offline")
            self.assertIn("certificate is not trusted", status["last_error"])
            bridge.stop()
        self.assertEqual(self.held("orders")["requests"], 0)


def make_chain(folder, length, authority):
    """A server of 127.0.0.1 with so many authorities between it and its own."""
    issuer, chain = authority, []
    for n in range(length):
        path = os.path.join(folder, f"between{n}.pem")
        with open(path + ".cnf", "w", encoding="ascii") as file:
            file.write("basicConstraints=critical,CA:TRUE\n"
                       "keyUsage=critical,keyCertSign\n")
        for words in (
                ["req", "-new", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                 f"/CN=between {n}", "-keyout", path + ".key", "-out",
                 path + ".csr"],
                ["x509", "-req", "-in", path + ".csr", "-CA", issuer, "-CAkey",
                 issuer + ".key", "-CAcreateserial", "-days", "30",
                 "-extfile", path + ".cnf", "-out", path]):
            subprocess.run(["openssl", *words], check=True,
                           capture_output=True)
        with open(path, encoding="ascii") as file:
            chain.insert(0, file.read())
        issuer = path
    make_certificate(folder, "server", "IP:127.0.0.1", issuer)
    path = os.path.join(folder, "server")
    with open(path + ".pem", "a", encoding="ascii") as file:
        file.write("".join(chain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path + ".pem", path + ".key")
    return context


class WordsTest(BridgeCase):
    """What is said of servers that end the handshake, by OpenSSL's."""

    def setUp(self):
        super().setUp()
        self.authority = make_authority(self.folder, "authority")

    def says(self, context, *words):
        relay = Relay(self.cloud, "127.0.0.1", context)
        self.addCleanup(relay.close)
        bridge = self.start(endpoint=relay.url, ca=self.authority)
        bridge.append("orders", 5, 5)
        status = bridge.wait("offline", lambda s: s["link"] == "offline")
        for word in words:
            self.assertIn(word, status["last_error"])
        bridge.stop()

    def server(self):
        return make_certificate(self.folder, "server", "IP:127.0.0.1",
                                self.authority)

    def test_only_tls_1_3(self):
        context = self.server()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.says(context, "does not speak TLS 1.2 (perhaps 1.3 only)",
                  "alert 70")

    def test_a_client_certificate(self):
        context = self.server()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.authority)
        self.says(context, "wants a client certificate")

    def test_no_cipher_in_common(self):
        context = self.server()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ARIA128-GCM-SHA256:ECDHE-ARIA256-GCM-SHA384:"
                            "ECDHE-RSA-AES128-SHA")  # and its key is EC
        self.says(context, "accepts none of the ciphers", "alert 40")

    def test_a_chain_that_is_too_long(self):
        self.says(make_chain(self.folder, 10, self.authority),
                  "chain of certificates is too long")

    def test_a_long_chain(self):
        # Goal: one that is long, but not too long, is taken.
        relay = Relay(self.cloud, "127.0.0.1",
                      make_chain(self.folder, 6, self.authority))
        self.addCleanup(relay.close)
        bridge = self.start(endpoint=relay.url, ca=self.authority)
        bridge.drained("orders", bridge.append("orders", 5, 5))
        bridge.stop()

    def test_the_first_cipher(self):
        # Goal: a server that leaves the choice to us uses ChaCha20, one that
        # prefers its own does not.
        for ours in (True, False):
            context = self.server()
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            if ours:
                context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
            else:
                context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
                context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
            relay = Relay(self.cloud, "127.0.0.1", context)
            self.addCleanup(relay.close)
            bridge = self.start(endpoint=relay.url, ca=self.authority)
            end = bridge.append("orders", 5, 5)
            bridge.drained("orders", end)
            bridge.stop()
            self.assertEqual({"CHACHA20" in name for name in relay.ciphers},
                             {ours}, relay.ciphers)


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
        # Goal: both services are reached by it, by their names, and by nothing
        # else.
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

    def test_a_name_that_only_it_knows(self):
        # Goal: the box looks up no name but the proxy's, and still holds the
        # certificate against the service's.
        authority = make_authority(self.folder, "authority")
        for also, good in (("DNS:events.cloud.invalid", True),
                           ("DNS:127.0.0.1,IP:127.0.0.1", False)):
            context = make_certificate(self.folder, "server", also, authority)
            relay = Relay(self.cloud, "127.0.0.1", context)
            self.addCleanup(relay.close)
            self.proxy.names["events.cloud.invalid"] = "127.0.0.1"
            bridge = self.start(
                endpoint=f"https://events.cloud.invalid:{relay.port}",
                ca=authority, environment={"HTTPS_PROXY": self.proxy.url})
            end = bridge.append("orders", 10, 5)
            if good:
                bridge.drained("orders", end)
                self.assertEqual(set(relay.names), {"events.cloud.invalid"})
            else:
                status = bridge.wait("offline",
                                     lambda s: s["link"] == "offline")
                self.assertIn("certificate is not trusted",
                              status["last_error"])
                self.assertEqual(status["cursor"], 10)
            bridge.stop()
        self.assert_promises("orders", 10)

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

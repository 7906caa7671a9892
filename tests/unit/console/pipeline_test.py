#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: no bytes of a local client make the console's loop spin, stand still
or answer what was not asked. Requests glued together, with bodies that nobody
reads, cut in two, or from a peer that has shut its side down."""

import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from host import WAIT, Host

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
ORDERS = b"GET /api/v1/orders HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEAD = GET.replace(b"GET", b"HEAD")
REFUSED = (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n"
           b"hello")
UPLINK_HEAD = (b"POST /api/v1/uplink HTTP/1.1\r\nHost: localhost\r\n"
               b"Content-Type: application/json\r\nContent-Length: 15\r\n")
UPLINK = UPLINK_HEAD + b"\r\n{\"paused\":true}"
ANSWER = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) .*?\r\n\r\n", re.S)
REQUEST_S = 10  # what is not whole by then is given up


def with_header(request, line):
    head, rest = request.split(b"\r\n\r\n", 1)
    return head + b"\r\n" + line + b"\r\n\r\n" + rest


def answers(data, methods=()):
    """The answers in `data`, whole, as (code, headers, body); a HEAD among
    the methods asked has no body."""
    found = []
    while data:
        head = ANSWER.match(data)
        assert head, data[:200]
        data = data[head.end():]
        headers = dict(line.split(b": ", 1) for line in
                       head[0].lower().split(b"\r\n")[1:-2])
        length = int(headers[b"content-length"])
        if methods[len(found):len(found) + 1] == ["HEAD"]:
            length = 0
        assert len(data) >= length, (head[0], data)
        found.append((int(head[1]), headers, data[:length]))
        data = data[length:]
    return found


def receive(peer, quiet_s=0.3):
    """All that comes, and whether the peer closed; `quiet_s` ends it too."""
    data = b""
    peer.settimeout(WAIT)
    try:
        while part := peer.recv(65536):
            data += part
            peer.settimeout(quiet_s)
        return data, True
    except ConnectionResetError:
        return data, True
    except socket.timeout:
        return data, False


class PipelineTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)
        self.host = Host(self.directory)
        self.addCleanup(self.end)

    def end(self):
        """Even where it hangs."""
        if self.host.process.poll() is None:
            self.host.kill()

    def stop(self):
        """It still answers, ends when asked to, and its loop was clean."""
        try:
            answer, _ = self.host.ask("GET", "/healthz")
            self.assertEqual(answer.status, 200)
            self.assertEqual(self.host.stop(), 0, self.host.errors)
        except (subprocess.TimeoutExpired, socket.timeout):
            self.fail("the console hangs")

    def connect(self, door="tcp"):
        peer = socket.socket(socket.AF_INET if door == "tcp"
                             else socket.AF_UNIX)
        self.addCleanup(peer.close)
        peer.settimeout(WAIT)
        peer.connect(("127.0.0.1", self.host.port) if door == "tcp"
                     else self.host.socket_path)
        return peer

    def exchange(self, request, half=False, door="tcp"):
        peer = self.connect(door)
        peer.sendall(request)
        if half:
            peer.shutdown(socket.SHUT_WR)
        data, closed = receive(peer)
        peer.close()
        methods = re.findall(r"([A-Z]+) /\S* HTTP/1", request.decode())
        return answers(data, methods), closed

    def uplink_calls(self):
        _, body = self.host.ask("GET", "/api/v1/status")
        return int(re.search(rb'"uptime_s":(\d+)', body)[1]) - 3600

    def expect(self, *cases):
        """(request, codes, whether the connection is closed then), on both
        doors, from a peer that goes on listening and one that shuts down."""
        for request, codes, closes in cases:
            for door in ("tcp", "unix"):
                for half in (False, True):
                    with self.subTest(request=request[:300], door=door,
                                      half=half):
                        got, closed = self.exchange(request, half, door)
                        self.assertEqual([code for code, *_ in got], codes)
                        self.assertEqual(closed, closes or half)
                        says = got[-1][1].get(b"connection") == b"close"
                        self.assertEqual(says, closes)

    def test_refused_body_behind_another_request(self):
        """It is answered, and ends the connection, not the console."""
        self.expect((GET + REFUSED, [200, 405], True))
        self.stop()

    def test_refused_body_ends_the_connection(self):
        """Whatever announces one; what follows is not answered."""
        self.expect(
            (REFUSED, [405], True),
            (REFUSED + GET, [405], True),
            (REFUSED + REFUSED, [405], True),
            (REFUSED.replace(b"POST", b"PUT") + GET, [405], True),
            (REFUSED.replace(b"/ ", b"/nothing "), [404], True),
            (with_header(UPLINK, b"Transfer-Encoding: chunked"), [411], True),
            (UPLINK_HEAD.replace(b"Content-Length: 15\r\n", b"\r\n") + GET,
             [411], True),
            (UPLINK.replace(b": 15", b": 0") + GET, [413], True),
            (UPLINK.replace(b": 15", b": 15\r\nContent-Length: 0") + GET,
             [413], True),
            (GET.replace(b"GET", b"OPTIONS") + GET, [405], True),
            (GET + GET.replace(b"GET", b"DELETE") + GET, [200, 405], True))
        self.stop()

    def test_body_of_a_get(self):
        """It is refused, wherever it stands."""
        for line in (b"Content-Length: 5", b"Content-Length: -1",
                     b"Content-Length: x", b"Content-Length: 0x5",
                     b"Content-Length: " + b"0" * 20,
                     b"Content-Length: 9999999999999999999999",
                     b"Content-Length: 0\r\nContent-Length: 5",
                     b"Transfer-Encoding: chunked"):
            for method in (b"GET", b"HEAD"):
                request = with_header(GET, line).replace(b"GET", method)
                self.expect((request + b"hello" + GET, [400], True),
                            (GET + request + b"hello", [200, 400], True))
        self.expect((with_header(GET, b"Content-Length: 0") + GET, [200, 200],
                     False))
        self.stop()

    def test_post_ends_the_connection(self):
        """A POST reaches the gateway once, whatever is glued to it."""
        for number, request in enumerate(
                (UPLINK, UPLINK + GET, UPLINK + UPLINK, UPLINK + REFUSED,
                 UPLINK + b"\x00" * 5000,
                 with_header(UPLINK, b"Expect: 100-continue"))):
            with self.subTest(request=request[:300]):
                got, closed = self.exchange(request)
                self.assertEqual([code for code, *_ in got], [200])
                self.assertTrue(closed)
                self.assertEqual(self.uplink_calls(), number + 1)
        self.stop()

    def test_post_behind_another_request(self):
        """libwebsockets takes its head for its body: it is refused, never
        obeyed in part, and its answer comes once."""
        for first in (GET, HEAD, ORDERS, GET + GET):
            for rest in (UPLINK, UPLINK + UPLINK, UPLINK + GET):
                with self.subTest(request=(first + rest)[:300]):
                    got, closed = self.exchange(first + rest)
                    self.assertEqual([code for code, *_ in got][-2:],
                                     [200, 400])
                    self.assertTrue(closed)
        self.assertEqual(self.uplink_calls(), 0)
        self.stop()

    def test_requests_without_a_body(self):
        """Each of them is answered, in order, whole."""
        self.expect((GET * 3, [200] * 3, False),
                    (GET + HEAD + GET, [200] * 3, False),
                    (HEAD * 20, [200] * 20, False),
                    (GET * 20, [200] * 20, False),
                    (ORDERS * 3, [200] * 3, False),
                    ((ORDERS + GET) * 3, [200] * 6, False))
        self.stop()

    def test_in_pieces(self):
        """A request that comes byte by byte, and one cut at each place."""
        for request in (UPLINK, REFUSED, GET):
            peer = self.connect()
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(len(request)):
                peer.sendall(request[at:at + 1])
            data, closed = receive(peer)
            self.assertEqual(len(answers(data)), 1)
            self.assertEqual(closed, request != GET)
        for at in range(1, len(UPLINK)):
            peer = self.connect("unix")
            peer.sendall(UPLINK[:at])
            time.sleep(0.001)
            peer.sendall(UPLINK[at:])
            data, _ = receive(peer)
            self.assertEqual([code for code, *_ in answers(data)], [200])
        self.assertEqual(self.uplink_calls(), 1 + len(UPLINK) - 1)
        self.stop()

    def test_refused_body_is_read_past(self):
        """Who sends a large body still gets the answer, and no reset."""
        for length, closed_clean in ((1000000, True), (2000000, False)):
            peer = self.connect()
            head = REFUSED.split(b"\r\n\r\n")[0]
            head = head.replace(b": 5", b": " + str(length).encode())
            try:
                peer.sendall(head + b"\r\n\r\n" + b"x" * length)
                peer.settimeout(WAIT)
                data = b""
                while part := peer.recv(65536):
                    data += part
                self.assertEqual(len(answers(data)), 1)
            except (ConnectionResetError, BrokenPipeError):
                self.assertFalse(closed_clean)
        self.stop()

    def test_upgrade_is_refused(self):
        """No other protocol is spoken here, HTTP/2 least of all."""
        for line in (b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
                     b"Upgrade: websocket", b"Upgrade: x", b"Upgrade: "):
            line = b"Connection: Upgrade, HTTP2-Settings\r\n" + line
            for request in (with_header(GET, line), GET + with_header(GET, line)):
                peer = self.connect()
                peer.sendall(request + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
                data, _ = receive(peer)
                self.assertNotIn(b" 101 ", data)
        self.stop()

    def processor_s(self):
        with open(f"/proc/{self.host.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def test_deaf_peer(self):
        """Who asks on and does not read is dropped: it costs no processor time
        and no memory to speak of."""
        peer = self.connect("unix")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        peer.setblocking(False)
        try:
            while True:
                peer.send(ORDERS * 100)
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            pass  # it is full, or was dropped already
        before = self.processor_s()
        time.sleep(2)
        self.assertLess(self.processor_s() - before, 0.3)
        with open(f"/proc/{self.host.process.pid}/statm") as file:
            resident = int(file.read().split()[1]) * 4096
        self.assertLess(resident, 100e6)
        peer.settimeout(WAIT)
        with self.assertRaises((BrokenPipeError, ConnectionResetError)):
            peer.sendall(ORDERS * 100)
        self.stop()

    def test_half_heads(self):
        """Peers that stop in the middle of a request hold up nobody."""
        peers = [self.connect() for _ in range(20)]
        for peer in peers:
            peer.sendall(GET[:30])
        began = time.monotonic()
        answer, _ = self.host.ask("GET", "/healthz")
        self.assertEqual(answer.status, 200)
        self.assertLess(time.monotonic() - began, REQUEST_S / 2)
        for peer in peers:
            peer.sendall(GET[30:])
            data, _ = receive(peer, 0.01)
            self.assertEqual(len(answers(data)), 1)
        self.stop()

    def test_nonsense_is_not_logged(self):
        """A peer does not write the gateway's log."""
        for _ in range(20):
            for request in (b"GET\r\n\r\n", b"\xff" * 5000, b"\r\n\r\n",
                            GET + b"\r\n" + GET, b"GET /%zz HTTP/1.1\r\n\r\n",
                            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000):
                peer = self.connect()
                peer.sendall(request)
                peer.close()
        self.stop()
        lines = self.host.errors.splitlines()
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("page=http://127.0.0.1:", lines[0])

    def test_slow_body(self):
        """A body has one time for all of it, not one for each byte."""
        peer = self.connect()
        peer.sendall(UPLINK_HEAD + b"\r\n")
        began = time.monotonic()
        with self.assertRaises((BrokenPipeError, ConnectionResetError)):
            while time.monotonic() - began < 3 * REQUEST_S:
                peer.sendall(b" ")
                time.sleep(1)
        self.assertLess(time.monotonic() - began, 2 * REQUEST_S)
        self.assertEqual(self.uplink_calls(), 0)
        self.stop()


if __name__ == "__main__":
    unittest.main()

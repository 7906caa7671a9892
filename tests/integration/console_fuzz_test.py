# SPDX-License-Identifier: Apache-2.0
"""Goal: whatever bytes local clients throw at the page's port and at the
control socket, a till beside them goes on selling: each event gets its receipt,
the page and the status answer, and SIGTERM ends the gateway in order.

EDGE_SEED (1) is the seed, EDGE_THROW_SECONDS (6) how long it takes."""

import contextlib
import http.client
import os
import random
import socket
import subprocess
import threading
import time
import unittest

from edge import EDGE, Device, Store

SEED = int(os.environ.get("EDGE_SEED", "1"))
SECONDS = float(os.environ.get("EDGE_THROW_SECONDS", "6"))
THROWERS = 4  # on each door
ANSWER_S = 10

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
REQUESTS = (
    HEALTH,
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
    b"HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /api/v1/orders HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /api/v1/devices?after=till-1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
    b"POST /api/v1/uplink HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
    b"application/json\r\nContent-Length: 16\r\n\r\n{\"paused\":false}",
    b"POST /api/v1/uplink HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
    b"application/json\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 20000,
    b"POST /api/v1/uplink HTTP/1.1\r\nHost: localhost\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)


def mutated(bytes_, chance):
    """Bytes changed, taken out, doubled or cut off."""
    out = bytearray(bytes_)
    for _ in range(chance.choice((0, 0, 0, 1, 3, 10))):
        at = chance.randrange(len(out) + 1)
        kind = chance.randrange(4)
        if kind == 0:
            out[at:at + 1] = chance.randbytes(1)
        elif kind == 1:
            del out[at:at + chance.randrange(1, 8)]
        elif kind == 2:
            out[at:at] = out[at:at + chance.randrange(1, 200)]
        else:
            del out[at:]
    return bytes(out)


def some_bytes(chance):
    if chance.randrange(8) == 0:
        return chance.randbytes(chance.randrange(1, 10000))
    return b"".join(mutated(chance.choice(REQUESTS), chance)
                    for _ in range(chance.choice((1, 2, 3, 50))))


class Thrower(threading.Thread):
    """One connection after another: sends, cuts, listens or does not, shuts
    its side down or goes away."""

    def __init__(self, address, seed, end):
        super().__init__()
        self.address, self.end, self.connections = address, end, 0
        self.chance = random.Random(seed)

    def run(self):
        while time.monotonic() < self.end:
            family = (socket.AF_INET if isinstance(self.address, tuple)
                      else socket.AF_UNIX)
            with socket.socket(family) as peer, contextlib.suppress(OSError):
                peer.settimeout(0.2)
                peer.connect(self.address)
                self.connections += 1
                self.throw(peer)

    def throw(self, peer):
        for _ in range(self.chance.randrange(1, 4)):
            data = some_bytes(self.chance)
            cut = self.chance.choice((len(data),
                                      self.chance.randrange(len(data) + 1)))
            peer.sendall(data[:cut])
            if self.chance.randrange(2):
                time.sleep(0.002)
            peer.sendall(data[cut:])
            if self.chance.randrange(3) == 0:
                peer.settimeout(0.01)
                with contextlib.suppress(socket.timeout):
                    peer.recv(65536)
        if self.chance.randrange(3) == 0:
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(65536):
                pass


class ConsoleFuzz(unittest.TestCase):
    def ask_health(self, store):
        """The throwers may have all the connections there are for a moment."""
        end = time.monotonic() + ANSWER_S
        while True:
            link = http.client.HTTPConnection("127.0.0.1", store.page_port,
                                              timeout=ANSWER_S)
            try:
                link.request("GET", "/healthz")
                return link.getresponse().status
            except (OSError, http.client.HTTPException):
                self.assertLess(time.monotonic(), end, "the page is gone")
                time.sleep(0.01)
            finally:
                link.close()

    def sell(self, store, till, end):
        """Order by order, asking the page now and then; how many."""
        count = 0
        while time.monotonic() < end:
            id_ = f"o-{count}"
            till.send(till.order(id_, id_))
            till.wait_accepted([id_], ANSWER_S)
            if count % 10 == 0:
                self.assertEqual(self.ask_health(store), 200)
            count += 1
        return count

    def test_a_till_sells_beside_it(self):
        print(f"seed {SEED}")
        with Store() as store:
            store.gateway.start().wait_up()
            till = Device(store, "till-1")
            end = time.monotonic() + SECONDS
            doors = (("127.0.0.1", store.page_port),
                     str(store.folder / "data/control.sock"))
            throwers = [Thrower(doors[i % 2], SEED * 1000 + i, end)
                        for i in range(2 * THROWERS)]
            for thrower in throwers:
                thrower.start()
            try:
                sold = self.sell(store, till, end)
            finally:
                for thrower in throwers:
                    thrower.join()
            till.close()
            thrown = sum(thrower.connections for thrower in throwers)
            print(f"figure: {sold} orders sold beside {thrown} connections")
            self.assertGreater(sold, 0)
            self.assertGreater(thrown, 10 * len(throwers))
            self.assertEqual(self.ask_health(store), 200)
            done = subprocess.run(
                [EDGE, "status", "--config", store.config_path],
                capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual(store.gateway.stop(), 0, store.gateway.log())


if __name__ == "__main__":
    unittest.main()

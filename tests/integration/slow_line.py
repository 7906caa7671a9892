# SPDX-License-Identifier: Apache-2.0
"""A line of few bytes a second to a server, which all connections share, with a
proxy that hangs up on whatever is not answered in time."""

import contextlib
import socket
import threading
import time

CHUNK = 2048


class SlowLine:
    """Listens on a port of its own; `up` counts what it carried."""

    def __init__(self, port, bytes_a_second, hang_up_s):
        self.port_to = port
        self.rate = bytes_a_second
        self.hang_up_s = hang_up_s
        self.lock = threading.Lock()
        self.free_at = time.monotonic()
        self.up = 0
        self.hung_up = 0
        self.closing = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.closing = True
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while not self.closing:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.port_to))
                pair = _Pair(self, client, server)
                for way in (pair.carry_up, pair.carry_down):
                    threading.Thread(target=way, daemon=True).start()

    def wait_for_room(self, count):
        with self.lock:
            now = time.monotonic()
            self.free_at = max(self.free_at, now) + count / self.rate
            self.up += count
            wait = self.free_at - now
        time.sleep(wait)


class _Pair:
    def __init__(self, line, client, server):
        self.line, self.client, self.server = line, client, server
        self.answered_at = time.monotonic()
        self.ended = 0  # of two ways

    def _end(self):
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self.line.lock:
            self.ended += 1
            if self.ended == 2:
                self.client.close()
                self.server.close()

    def carry_up(self):
        with contextlib.suppress(OSError):
            while data := self.client.recv(CHUNK):
                self.line.wait_for_room(len(data))
                if time.monotonic() - self.answered_at > self.line.hang_up_s:
                    self.line.hung_up += 1
                    break
                self.server.sendall(data)
        self._end()

    def carry_down(self):
        with contextlib.suppress(OSError):
            while data := self.server.recv(65536):
                self.answered_at = time.monotonic()
                self.client.sendall(data)
        self._end()

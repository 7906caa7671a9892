# SPDX-License-Identifier: Apache-2.0
"""An HTTP proxy that opens ways by CONNECT, with the moods of real ones."""

import base64
import contextlib
import socket
import threading


class ConnectProxy:
    """Listens from when it is made until close().

    login       "user:password" that must be shown, else 407
    refusal     bytes said to every request in place of a way
    hangs       takes requests and says nothing
    drip        seconds between the bytes of an answer that never ends
    names       addresses of names that only the proxy knows
    cut_after   bytes from the target after which each way breaks off
    """

    def __init__(self):
        self.login = self.refusal = self.cut_after = None
        self.hangs = False
        self.names = {}
        self.drip = 0
        self.heads = []  # of the requests, as text
        self.opened = 0
        self._sockets = set()
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def cut(self):
        """Breaks off every way that is open."""
        for one in list(self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self):
        if self._closed.is_set():
            return
        self._closed.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # ends accept(), too
        self._listener.close()
        self.cut()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,),
                                 daemon=True).start()

    def _serve(self, connection):
        self._sockets.add(connection)
        with connection, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                more = connection.recv(4096)
                if not more:
                    return
                head += more
            self.heads.append(head.decode())
            self._answer(connection, head.decode())
        self._sockets.discard(connection)

    def _answer(self, connection, head):
        method, target, _ = head.split("\r\n", 1)[0].split(" ")
        if self.hangs:
            self._closed.wait()
        while self.drip and not self._closed.wait(self.drip):
            connection.sendall(b"X")
        if self.refusal is not None:
            connection.sendall(self.refusal)
            return
        token = base64.b64encode((self.login or "").encode()).decode()
        if self.login and f"\r\nProxy-Authorization: Basic {token}\r\n" \
                not in head:
            connection.sendall(
                b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                b"Proxy-Authenticate: Basic realm=\"hush\"\r\n"
                b"Content-Length: 5\r\n\r\nhush\n")
            return
        assert method == "CONNECT", head
        host, port = target.rsplit(":", 1)
        host = self.names.get(host, host)
        try:
            there = socket.create_connection((host.strip("[]"), int(port)), 5)
        except OSError:
            connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            return
        there.settimeout(None)
        self._sockets.add(there)
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.opened += 1
        back = threading.Thread(target=self._pump, daemon=True,
                                args=(there, connection, self.cut_after))
        back.start()
        self._pump(connection, there, None)
        back.join()
        there.close()
        self._sockets.discard(there)

    @staticmethod
    def _pump(source, sink, cut_after):
        passed = 0
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(65536)
                passed += len(data)
                if not data or (cut_after and passed > cut_after):
                    break
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

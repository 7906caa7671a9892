# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 with keep-alive, as much as the cloud needs, on one loopback port.

A port can be closed (connections are refused, live ones are cut) and opened
again: a second socket is bound to it all the while and never listens, so that
nobody else can take it.
"""

import asyncio
import email.utils
import http.client
import socket
import time

HEAD_BYTES_MAX = 128 * 1024
BODY_BYTES_MAX = 16 * 1024 * 1024
BACKLOG = 128


class Request:
    """One request as received; header names in lower case."""

    def __init__(self, method, target, headers):
        self.method = method
        self.target = target
        self.headers = headers  # list of (name, value)
        self.body = b""
        self.keep_alive = True

    def header(self, name):
        """The first header of that name, or None."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


class Answer:
    """What goes back; `cut` of 0..1 sends that part of it and hangs up."""

    def __init__(self, status, body, content_type, headers=(), cut=None):
        self.status = status
        self.body = body
        self.headers = [("Content-Type", content_type), *headers]
        self.cut = cut

    def bytes(self, clock):
        reason = http.client.responses.get(self.status, "")
        head = [f"HTTP/1.1 {self.status} {reason}",
                f"Date: {email.utils.formatdate(clock, usegmt=True)}",
                f"Content-Length: {len(self.body)}"]
        head += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + self.body


class BadRequest(Exception):
    """Not HTTP/1.1 as we speak it; the connection ends."""


def _parse_head(head):
    try:
        lines = head.decode("latin-1").split("\r\n")[:-2]
        method, target, version = lines[0].split(" ")
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise ValueError(line)
            headers.append((name.lower(), value.strip(" \t")))
    except ValueError:
        raise BadRequest("the head of the request cannot be read") from None
    request = Request(method, target, headers)
    connection = (request.header("connection") or "").lower()
    request.keep_alive = version == "HTTP/1.1" and connection != "close"
    return request


def _body_length(request):
    if request.header("transfer-encoding") is not None:
        raise BadRequest("a Content-Length is required")
    length = request.header("content-length") or "0"
    if not length.isascii() or not length.isdecimal():
        raise BadRequest("Content-Length is not a number")
    if int(length) > BODY_BYTES_MAX:
        raise BadRequest("the body is too large")
    return int(length)


def _bound(port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    return sock


class Endpoint:
    """One port; `handler` is a coroutine from Request to Answer or None.

    None means: hang up without an answer.
    """

    def __init__(self, port, handler, tls=None, clock=time.time):
        self._holder = _bound(port)
        self.port = self._holder.getsockname()[1]
        self._handler = handler
        self._tls = tls
        self._clock = clock
        self._server = None
        self._writers = set()

    async def open(self):
        if self._server is not None:
            return
        sock = _bound(self.port)
        self._server = await asyncio.start_server(
            self._connection, sock=sock, ssl=self._tls, backlog=BACKLOG,
            limit=HEAD_BYTES_MAX)

    def close(self):
        """Refuses new connections and cuts those that live."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for writer in self._writers:
            writer.transport.abort()

    async def _connection(self, reader, writer):
        if self._server is None:  # its handshake outlived the closing
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError,
                asyncio.LimitOverrunError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _exchange(self, reader, writer):
        """One request and its answer; False when the connection ends."""
        head = await reader.readuntil(b"\r\n\r\n")
        try:
            request = _parse_head(head)
            length = _body_length(request)
        except BadRequest as error:
            answer = Answer(400, f"{error}\n".encode(), "text/plain",
                            [("Connection", "close")])
            writer.write(answer.bytes(self._clock()))
            await writer.drain()
            return False
        request.body = await reader.readexactly(length)
        answer = await self._handler(request)
        if writer.transport.is_closing():
            return False
        if answer is None:
            writer.transport.abort()
            return False
        data = answer.bytes(self._clock())
        if answer.cut is not None:
            writer.write(data[:int(len(data) * answer.cut)])
            await writer.drain()
            return False
        writer.write(data)
        await writer.drain()
        return request.keep_alive

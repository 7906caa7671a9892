# SPDX-License-Identifier: Apache-2.0
"""A client of MQTT 3.1.1 or 5 that does what it is told, right or wrong, and
shows what came back byte for byte: no thread, no repeat, no reconnect. An attack
is made with it, and what it saw is all that the broker gave."""

import socket
import ssl
import struct
import time

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14
V311, V5 = 4, 5
DENIED = 0x80  # a reason code from here on


def varint(value):
    out = bytearray()
    while True:
        value, byte = divmod(value, 128)
        out.append(byte | (128 if value else 0))
        if not value:
            return bytes(out)


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">H", len(data)) + data


def packet(kind, flags, body):
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


def read_varint(data, at):
    value, shift = 0, 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


class Message:
    def __init__(self, topic, payload, retain):
        self.topic, self.payload, self.retain = topic, payload, retain

    def __repr__(self):
        return f"{self.topic}{' (retained)' if self.retain else ''}: " \
               f"{self.payload[:200]!r}"


class Cut(Exception):
    """The connection ended."""


class WireClient:
    """`code` after open(): the CONNACK's, or None if none came; `tls_error` says
    what TLS said, at the handshake or after it."""

    def __init__(self, port, host="127.0.0.1", version=V311, client_id="",
                 user=None, password=None, tls=None, will=None, clean=True,
                 expiry=0, keepalive=60):
        self.port, self.host, self.version = port, host, version
        self.client_id, self.user, self.password = client_id, user, password
        self.tls, self.will, self.clean = tls, will, clean
        self.expiry, self.keepalive = expiry, keepalive
        self.link, self.code, self.tls_error = None, None, ""
        self.present = False
        self.buffer, self.messages, self.last_id = bytearray(), [], 0

    # --- Bytes ---

    def _read(self, end):
        """One packet; None when the time is over."""
        while True:
            taken = self._take()
            if taken:
                return taken
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.link.settimeout(left)
            try:
                data = self.link.recv(65536)
            except TimeoutError:
                return None
            except ssl.SSLError as error:
                self.tls_error = str(error)
                raise Cut(self.tls_error) from error
            except OSError as error:
                raise Cut(str(error)) from error
            if not data:
                raise Cut("closed")
            self.buffer += data

    def _take(self):
        try:
            size, at = read_varint(self.buffer, 1)
        except IndexError:
            return None
        if len(self.buffer) < at + size:
            return None
        first, body = self.buffer[0], bytes(self.buffer[at:at + size])
        del self.buffer[:at + size]
        return first, body

    def _note(self, first, body):
        """A PUBLISH is kept and acknowledged."""
        size = struct.unpack_from(">H", body)[0]
        topic, at = body[2:2 + size].decode(), 2 + size
        if first & 6:
            packet_id = body[at:at + 2]
            self.write(packet(PUBACK, 0, packet_id))
            at += 2
        if self.version == V5:
            width, at = read_varint(body, at)
            at += width
        self.messages.append(Message(topic, body[at:], bool(first & 1)))

    def _await(self, kind, seconds=20):
        end = time.monotonic() + seconds
        while True:
            got = self._read(end)
            if got is None:
                raise AssertionError(f"{self.client_id}: no packet of kind "
                                     f"{kind} within {seconds} s")
            if got[0] >> 4 == kind:
                return got[1]
            if got[0] >> 4 == PUBLISH:
                self._note(*got)
            elif got[0] >> 4 == DISCONNECT:
                raise Cut(f"DISCONNECT {got[1].hex()}")

    def write(self, data):
        try:
            self.link.sendall(data)
        except OSError as error:
            raise Cut(str(error)) from error

    # --- Packets ---

    def _connect_packet(self):
        five = self.version == V5
        flags = (2 if self.clean else 0)
        body = text(self.client_id)
        if self.will:
            topic, payload, retain = self.will
            flags |= 4 | 8 | (32 if retain else 0)
            body += (b"\0" if five else b"") + text(topic) + text(payload)
        if self.user is not None:
            flags |= 128
            body += text(self.user)
        if self.password is not None:
            flags |= 64
            body += text(self.password)
        properties = b""
        if five:
            properties = (b"\x11" + struct.pack(">I", self.expiry)
                          if self.expiry else b"")
            properties = varint(len(properties)) + properties
        return packet(CONNECT, 0, text("MQTT") + bytes([self.version, flags]) +
                      struct.pack(">H", self.keepalive) + properties + body)

    def open(self, seconds=20):
        self.code, self.present, self.tls_error = None, False, ""
        self.buffer, self.messages = bytearray(), []
        try:
            self.link = socket.create_connection((self.host, self.port),
                                                 seconds)
            self.link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                self.link = self.tls.wrap_socket(
                    self.link, server_hostname="localhost")
            self.write(self._connect_packet())
            answer = self._await(CONNACK, seconds)
            self.present, self.code = bool(answer[0] & 1), answer[1]
        except ssl.SSLError as error:
            self.tls_error = str(error)
        except (Cut, OSError) as error:
            self.tls_error = self.tls_error or str(error)
        if self.code != 0:
            self.drop()
        return self.code

    def must(self):
        code = self.open()
        assert code == 0, f"{self.client_id}: {code} {self.tls_error}"
        return self

    def _next_id(self):
        self.last_id += 1
        return struct.pack(">H", self.last_id)

    def subscribe(self, *filters, qos=1):
        """The granted QoS or the reason code, of each."""
        body = self._next_id() + (b"\0" if self.version == V5 else b"")
        for one in filters:
            body += text(one) + bytes([qos])
        self.write(packet(SUBSCRIBE, 2, body))
        return list(self._await(SUBACK)[-len(filters):])

    def publish(self, topic, payload, retain=False, qos=1):
        """The PUBACK's reason code; 3.1.1 and QoS 0 have none: 0."""
        body = text(topic) + (self._next_id() if qos else b"")
        body += b"\0" if self.version == V5 else b""
        self.write(packet(PUBLISH, (1 if retain else 0) | qos << 1,
                          body + payload))
        if not qos:
            return 0
        answer = self._await(PUBACK)
        return answer[2] if len(answer) > 2 else 0

    def ping(self):
        """What was published before it has come."""
        self.write(packet(PINGREQ, 0, b""))
        self._await(PINGRESP)

    def wait_message(self, wanted, seconds=20):
        """The first message for which wanted(message) is true."""
        end = time.monotonic() + seconds
        seen = 0
        while True:
            for message in self.messages[seen:]:
                if wanted(message):
                    return message
            seen = len(self.messages)
            got = self._read(end)
            if got is None:
                raise AssertionError(
                    f"{self.client_id}: not within {seconds} s; there are "
                    f"{self.messages}")
            if got[0] >> 4 == PUBLISH:
                self._note(*got)
            elif got[0] >> 4 == DISCONNECT:
                raise Cut(f"DISCONNECT {got[1].hex()}")

    def is_in(self):
        try:
            self.ping()
            return True
        except Cut:
            return False

    def wait_cut(self, seconds=20):
        """How it ended."""
        end = time.monotonic() + seconds
        try:
            while True:
                got = self._read(end)
                assert got, f"{self.client_id}: not cut within {seconds} s"
                if got[0] >> 4 == DISCONNECT:
                    return f"DISCONNECT {got[1].hex()}"
        except Cut as cut:
            return str(cut)

    def drop(self):
        """Ends without a DISCONNECT: its will is due."""
        if self.link is not None:
            self.link.close()
            self.link = None

    def close(self):
        if self.link is not None:
            try:
                self.write(packet(DISCONNECT, 0, b""))
            except Cut:
                pass
        self.drop()

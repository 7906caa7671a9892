# SPDX-License-Identifier: Apache-2.0
"""Many devices in one process, as they should be (docs/devices.md): each keeps an
event until its receipt, connects again when it is cut, and sends it again then.
One thread, asyncio and OpenSSL: 500 devices with TLS come in 2 s of a core."""

import asyncio
import json
import struct
import time

from wire_client import (CONNACK, PUBACK, PUBLISH, SUBACK, packet, read_varint,
                         text)

# Of a till, as devices/client has it: from the half to all of 0.2 s, then of twice
# as much, up to 2 s.
PATIENCE_S, PATIENCE_MAX_S = 0.2, 2


class Member(asyncio.Protocol):
    """One device. `drops`: connections that ended unasked; `refusals`: CONNACKs
    that said no; `latencies`: (when sent, how long to its receipt), in seconds,
    of what was sent on a connection and answered on the same one."""

    def __init__(self, fleet, name, port, tls=None, user=None, password=None,
                 leaf="telemetry", patience=PATIENCE_S):
        self.fleet, self.name, self.port, self.tls = fleet, name, port, tls
        self.user, self.password, self.leaf = user, password, leaf
        self.base = f"shopme/s1/{name}"
        self.outbox, self.sent_at = {}, {}
        self.drops, self.refusals, self.connects, self.again = 0, 0, 0, 0
        self.latencies, self.rejected = [], []
        self.transport, self.task = None, None
        self.ready = asyncio.Event()
        self.gone = asyncio.Event()
        self.leaves = False
        self.buffer = bytearray()
        self.serial, self.packet_id = 0, 0
        self.patience, self.tries = patience, 0

    # --- Coming and going ---

    def start(self):
        self.task = asyncio.ensure_future(self._stay())
        return self

    async def _stay(self):
        loop = asyncio.get_running_loop()
        while not self.leaves:
            self.gone.clear()
            try:
                await asyncio.wait_for(loop.create_connection(
                    lambda: self, "127.0.0.1", self.port, ssl=self.tls,
                    server_hostname="localhost" if self.tls else None), 30)
                await self.gone.wait()
            except (OSError, asyncio.TimeoutError):
                pass
            if not self.leaves:
                wait = min(self.patience * 2 ** self.tries,
                           max(self.patience, PATIENCE_MAX_S))
                self.tries = min(self.tries + 1, 10)
                await asyncio.sleep(
                    wait * (0.5 + self.fleet.random.random() / 2))

    def connection_made(self, transport):
        self.transport, self.buffer = transport, bytearray()
        flags = 2 | (128 if self.user else 0) | (64 if self.password else 0)
        body = text("MQTT") + bytes([4, flags]) + struct.pack(">H", 300)
        body += text(self.name)
        body += text(self.user) if self.user else b""
        body += text(self.password) if self.password else b""
        transport.write(packet(1, 0, body))

    def connection_lost(self, _error):
        if self.ready.is_set() and not self.leaves:
            self.drops += 1
        self.ready.clear()
        self.sent_at.clear()
        self.transport = None
        self.gone.set()

    def leave(self):
        self.leaves = True
        self.gone.set()
        if self.transport is not None:
            self.transport.write(b"\xe0\0")
            self.transport.close()

    # --- Events ---

    def send(self, data=None, type_="Reading"):
        self.serial += 1
        id_ = f"{self.name}-{self.fleet.run}-{self.serial}"
        event = {"specversion": "1.0", "type": type_, "id": id_,
                 "source": f"/s1/{self.name}",
                 "datacontenttype": "application/json",
                 "data": data or {"value": self.serial}}
        self.outbox[id_] = json.dumps(event).encode()
        if self.ready.is_set():
            self._publish(id_)
        return id_

    def _publish(self, id_):
        self.packet_id = self.packet_id % 65535 + 1
        self.sent_at[id_] = time.monotonic()
        self.transport.write(packet(
            PUBLISH, 2, text(f"{self.base}/{self.leaf}") +
            struct.pack(">H", self.packet_id) + self.outbox[id_]))

    def _receipt(self, payload):
        now = time.monotonic()
        receipt = json.loads(payload)
        for item in receipt["accepted"]:
            if self.outbox.pop(item["id"], None) is not None:
                sent = self.sent_at.pop(item["id"], None)
                if sent is not None:
                    self.latencies.append((sent, now - sent))
        for item in receipt["rejected"]:
            self.outbox.pop(item["id"], None)
            self.rejected.append(item)

    # --- Bytes ---

    def data_received(self, data):
        self.buffer += data
        while True:
            try:
                size, at = read_varint(self.buffer, 1)
            except IndexError:
                return
            if len(self.buffer) < at + size:
                return
            first, body = self.buffer[0], bytes(self.buffer[at:at + size])
            del self.buffer[:at + size]
            self._take(first, body)

    def _take(self, first, body):
        kind = first >> 4
        if kind == PUBLISH:
            size = struct.unpack_from(">H", body)[0]
            topic, at = body[2:2 + size], 2 + size
            if first & 6:
                self.transport.write(packet(PUBACK, 0, body[at:at + 2]))
                at += 2
            if topic.endswith(b"/receipts"):
                self._receipt(body[at:])
        elif kind == CONNACK:
            if body[1] != 0:
                self.refusals += 1
                self.transport.close()
                return
            self.connects += 1
            self.transport.write(packet(
                8, 2, b"\0\1" + text(f"{self.base}/receipts") + b"\1" +
                text(f"{self.base}/notices") + b"\1"))
        elif kind == SUBACK:
            self.ready.set()
            self.tries = 0
            self.again += len(self.outbox)
            for id_ in list(self.outbox):
                self._publish(id_)


class Fleet:
    def __init__(self, random, run="r"):
        self.random, self.run, self.members = random, run, {}

    def add(self, name, *words, **more):
        self.members[name] = Member(self, name, *words, **more).start()
        return self.members[name]

    async def all_ready(self, seconds=60, members=None):
        """How long it took."""
        began = time.monotonic()
        await asyncio.wait_for(asyncio.gather(
            *(m.ready.wait() for m in members or self.members.values())),
            seconds)
        return time.monotonic() - began

    async def all_confirmed(self, seconds=60, members=None):
        end = time.monotonic() + seconds
        members = list(members or self.members.values())
        while any(m.outbox for m in members):
            if time.monotonic() > end:
                left = {m.name: len(m.outbox) for m in members if m.outbox}
                raise AssertionError(f"no receipts within {seconds} s: {left}")
            await asyncio.sleep(0.05)

    async def send_at(self, member, a_second, until, make=None):
        """Evenly, from a moment of its own."""
        pause = 1 / a_second
        due = time.monotonic() + pause * self.random.random()
        while due < until:
            await asyncio.sleep(max(0, due - time.monotonic()))
            member.send(*(make(member) if make else ()))
            due += pause

    async def leave(self):
        for member in self.members.values():
            member.leave()
        await asyncio.gather(*(m.task for m in self.members.values()),
                             return_exceptions=True)


def order(member):
    """What a till sends."""
    return ({"orderId": f"o-{member.name}-{member.fleet.run}-{member.serial}",
             "customerId": 1, "items": ["a"], "total": "9.50",
             "paymentDetails": {"paymentMethod": "CASH"}}, "OrderPlaced")

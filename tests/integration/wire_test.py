# SPDX-License-Identifier: Apache-2.0
"""Goal: no PUBACK leaves the gateway before the fdatasync that covers its event
has ended, a duplicate's included. Method: a recording proxy between the gateway
and the real broker, a shim that notes (and slows) every write and sync. Two
negative controls, each the gateway with that one rule broken, must be seen."""

import json
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from edge import BUILD, SHIM, EDGE, Device, Store, can_connect, free_port, \
    wait_for

SYNC_DELAY_MS = 25
EVENTS = 400


class Broker:
    """The site's own Mosquitto."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="edge-broker-"))
        self.port = free_port()
        config = self.folder / "mosquitto.conf"
        config.write_text(f"listener {self.port} 127.0.0.1\n"
                          "allow_anonymous true\nmax_queued_messages 0\n"
                          "max_inflight_messages 1000\n")
        self.process = subprocess.Popen(
            ["/usr/sbin/mosquitto", "-c", config], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("mosquitto listens", lambda: can_connect(self.port))

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.folder)


class Proxy:
    """Passes bytes on both ways and notes PUBLISH (towards the gateway) and
    PUBACK (from it) with the time at which they came by."""

    def __init__(self, broker_port):
        self.broker_port = broker_port
        self.acknowledged = []  # (monotonic ns, event id)
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                gateway, _ = self.listener.accept()
            except OSError:
                return
            broker = socket.create_connection(("127.0.0.1", self.broker_port))
            waiting = {}  # packet id -> event id
            for source, sink, see in (
                    (gateway, broker, self._see_gateway),
                    (broker, gateway, self._see_broker)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass, daemon=True,
                                 args=(source, sink, see, waiting)).start()

    @staticmethod
    def _pass(source, sink, see, waiting):
        buffer = bytearray()
        try:
            while data := source.recv(65536):
                now = time.monotonic_ns()
                buffer += data
                while packet := take_packet(buffer):
                    see(now, packet, waiting)
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _see_broker(self, _now, packet, waiting):
        kind, body = packet
        if kind >> 4 == 3 and kind & 6:  # PUBLISH, QoS 1
            topic_len = struct.unpack_from(">H", body)[0]
            at = 2 + topic_len
            packet_id = struct.unpack_from(">H", body, at)[0]
            properties, width = varint(body, at + 2)
            payload = body[at + 2 + width + properties:]
            if body[2:at].endswith(b"/orders"):
                waiting[packet_id] = json.loads(payload)["id"]

    def _see_gateway(self, now, packet, waiting):
        kind, body = packet
        if kind >> 4 == 4:  # PUBACK
            packet_id = struct.unpack_from(">H", body)[0]
            if packet_id in waiting:
                with self.lock:
                    self.acknowledged.append((now, waiting.pop(packet_id)))

    def stop(self):
        self.listener.close()


def varint(data, at):
    value, width = 0, 0
    while True:
        byte = data[at + width]
        value |= (byte & 127) << 7 * width
        width += 1
        if byte < 128:
            return value, width


def take_packet(buffer):
    """The next whole MQTT packet, taken off the front; None if there is not."""
    if len(buffer) < 2:
        return None
    try:
        length, width = varint(buffer, 1)
    except IndexError:
        return None
    end = 1 + width + length
    if len(buffer) < end:
        return None
    packet = buffer[0], bytes(buffer[1 + width:end])
    del buffer[:end]
    return packet


def durable_times(log_path, ids):
    """When each event was first covered by a sync that had ended."""
    data = log_path.read_bytes()
    written, durable, at = {}, {}, 0
    while at < len(data):
        kind, fd, begun, ended, length = struct.unpack_from("<BiQQI", data, at)
        at += 25
        if kind == ord("W"):
            found = [i for i in ids if i.encode() in data[at:at + length]]
            written.setdefault(fd, []).extend((ended, i) for i in found)
            at += length
            continue
        for when, i in written.get(fd, []):
            if when <= begun:
                durable.setdefault(i, ended)
        written[fd] = [(w, i) for w, i in written.get(fd, []) if w > begun]
    return durable


def violations(program, **options):
    """Runs the store over `program`; (PUBACKs seen, those that left early)."""
    broker = Broker()
    proxy = Proxy(broker.port)
    log = pathlib.Path(tempfile.mkdtemp(prefix="edge-shim-")) / "log"
    environment = {"LD_PRELOAD": str(SHIM), "EDGE_SYNC_LOG": str(log),
                   "EDGE_SYNC_DELAY_MS": str(SYNC_DELAY_MS)}
    try:
        with Store(program=program, environment=environment, cloud=False,
                   broker_address=proxy.port, **options) as store:
            store.gateway.start().wait_up()
            till = Device(store, "till-1", broker.port)
            ids = [f"wire-{n:06d}-{n * 7919 % 1000003:07d}"
                   for n in range(EVENTS)]
            for n, id_ in enumerate(ids):
                till.send(till.order(f"o-{n}", id_))
                if n % 3 == 0:  # at once again: most meet their first in one
                    till.send(till.order(f"o-{n}", id_))  # batch
            expected = EVENTS + (EVENTS + 2) // 3
            # What is broken on purpose need not come to its end to be seen.
            enough = expected if program == EDGE else EVENTS // 2
            wait_for("every PUBACK",
                     lambda: len(proxy.acknowledged) >= enough, 60)
            till.close()
            durable = durable_times(log, ids)
            early = [i for when, i in proxy.acknowledged
                     if i not in durable or when < durable[i]]
            return len(proxy.acknowledged), early
    finally:
        proxy.stop()
        broker.stop()
        shutil.rmtree(log.parent)


class Wire(unittest.TestCase):
    def test_acknowledges_only_what_is_on_disk(self):
        seen, early = violations(EDGE)
        print(f"PUBACKs seen {seen}, early {len(early)}")
        self.assertEqual(early, [])

    def test_the_same_with_a_commit_delay(self):
        seen, early = violations(EDGE, orders="commit_delay: 50 ms,")
        print(f"PUBACKs seen {seen}, early {len(early)}")
        self.assertEqual(early, [])

    def test_control_acknowledge_on_receipt_is_seen(self):
        seen, early = violations(
            BUILD / "tests/integration/control_ACK_ON_RECEIPT")
        print(f"control: PUBACKs seen {seen}, early {len(early)}")
        self.assertGreater(len(early), 0)

    def test_control_acknowledge_duplicate_at_once_is_seen(self):
        seen, early = violations(
            BUILD / "tests/integration/control_ACK_DUPLICATE_AT_ONCE")
        print(f"control: PUBACKs seen {seen}, early {len(early)}")
        self.assertGreater(len(early), 0)


class CommitDelay(unittest.TestCase):
    """What comes one by one is written together, up to the bounds of a batch;
    nobody gets a receipt before."""

    COUNT = 20
    MESSAGES_MAX = 1000  # of a batch

    def setUp(self):
        self.store = self.enterContext(
            Store(cloud=False, telemetry="commit_delay: 10 s,"))
        self.store.gateway.start().wait_up()
        self.sensor = Device(self.store, "sensor-1")
        self.addCleanup(self.sensor.close)

    def commits(self, stream):
        return self.store.gateway.stream(stream)["commits"]

    def send(self, count):
        ids = [f"e-{n}" for n in range(count)]
        for id_ in ids:
            self.sensor.send(self.sensor.event("Measured", id_, {}),
                             "telemetry")
        return ids

    def journaled(self):
        """The events by the time of their batch."""
        said = subprocess.run(
            [EDGE, "journal", "cat", "--config", self.store.config_path,
             "--stream", "telemetry"], capture_output=True, check=True)
        batches = {}
        for line in said.stdout.splitlines():
            event = json.loads(line)
            batches.setdefault(event["recordedtime"], []).append(event["id"])
        return list(batches.values())

    def test_waits_for_company(self):
        """Beside a stream without a delay, where each is a commit."""
        till = Device(self.store, "till-1")
        self.addCleanup(till.close)
        before = {s: self.commits(s) for s in ("orders", "telemetry")}
        ids = []
        for n in range(self.COUNT):
            ids.append(f"t-{n}")
            self.sensor.send(self.sensor.event("Measured", ids[-1], {}),
                             "telemetry")
            till.send(till.order(f"o-{n}", f"o-{n}"))
            till.wait_accepted([f"o-{n}"])
        self.sensor.wait_accepted(ids)
        self.assertGreaterEqual(self.commits("orders") - before["orders"],
                                self.COUNT)
        self.assertLess(self.commits("telemetry") - before["telemetry"],
                        self.COUNT / 2)

    def test_cut_short_by_count(self):
        ids = self.send(2 * self.MESSAGES_MAX + self.COUNT)
        self.sensor.wait_accepted(ids)
        batches = self.journaled()
        self.assertEqual(sum(batches, []), ids)
        print(f"batches of {[len(batch) for batch in batches]}")
        self.assertLessEqual(max(map(len, batches)), self.MESSAGES_MAX)
        self.assertLess(len(batches), 10)

    def test_a_stop_does_not_wait(self):
        """What waits is written first."""
        ids = self.send(3)
        wait_for("they are read", lambda: self.store.gateway.stream(
            "telemetry")["received"] == 3)
        self.assertEqual(self.sensor.accepted, {})
        self.assertEqual(self.store.gateway.stop(), 0)
        self.assertEqual(self.journaled(), [ids])


if __name__ == "__main__":
    unittest.main(verbosity=2)

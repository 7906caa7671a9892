# SPDX-License-Identifier: Apache-2.0
"""The simulated devices against the real Mosquitto and a gateway that loses
receipts and notices and dies: everything is confirmed in the end, once, and
what cannot be is said so."""

import contextlib
import json
import os
import pathlib
import pty
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import paho.mqtt.client as mqtt

from edge import DEVICES, can_connect, free_port, wait_for
from fake_gateway import FakeGateway


PUBACK = 4  # MQTT 3.1.1, 2.2.1


class Broker:
    """A Mosquitto that keeps nothing, on a port of its own."""

    def __init__(self, folder):
        self.port = free_port()
        self.config = folder / "mosquitto.conf"
        self.config.write_text(f"listener {self.port} 127.0.0.1\n"
                               "allow_anonymous true\npersistence false\n"
                               "max_inflight_messages 1000\n"
                               "max_queued_messages 100000\n")
        self.process = None

    def start(self):
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
        self.process = subprocess.Popen(
            [program, "-c", self.config], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("the broker listens", lambda: can_connect(self.port))
        return self

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class Swallower:
    """Passes MQTT on both ways, but for the PUBACKs of the till's first
    connection, of which it keeps the first."""

    def __init__(self, broker_port):
        self.broker_port = broker_port
        self.swallowed = 0
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(
                    ("127.0.0.1", self.broker_port))
            except OSError:
                client.close()
                continue
            seen = {"pubacks": 0, "till": False,
                    "ends": threading.Semaphore(1)}
            for pass_on in (self._to_broker, self._to_client):
                threading.Thread(target=self._run, daemon=True,
                                 args=(pass_on, client, broker, seen)).start()

    @staticmethod
    def _run(pass_on, client, broker, seen):
        with contextlib.suppress(OSError):
            pass_on(client, broker, seen)
        for end in (client, broker):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        if seen["ends"].acquire(blocking=False):
            return  # the other direction closes them
        client.close()
        broker.close()

    @staticmethod
    def _to_broker(client, broker, seen):
        while data := client.recv(65536):
            seen["till"] |= b"s1-till-1" in data
            broker.sendall(data)

    def _to_client(self, client, broker, seen):
        buffer = bytearray()
        while data := broker.recv(65536):
            buffer += data
            while packet := take_packet(buffer):
                kind, whole = packet
                seen["pubacks"] += kind == PUBACK
                if (seen["till"] and kind == PUBACK and not self.swallowed
                        and seen["pubacks"] == 1):
                    self.swallowed += 1
                else:
                    client.sendall(whole)


def take_packet(buffer):
    """The next whole packet and its kind, taken off the front of `buffer`."""
    length = 0
    for at in range(1, len(buffer)):
        length |= (buffer[at] & 127) << 7 * (at - 1)
        if buffer[at] < 128:
            end = 1 + at + length
            if len(buffer) < end:
                return None
            whole = bytes(buffer[:end])
            del buffer[:end]
            return whole[0] >> 4, whole
    return None


class DevicesTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="devices-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.broker = Broker(self.folder)
        self.addCleanup(self.broker.kill)
        self.running = []
        self.addCleanup(self.end_all)

    def end_all(self):
        for process in self.running:
            if process.poll() is None:
                process.kill()
                process.wait()
            process.stdout.close()
            process.stderr.close()

    def gateway(self, **options):
        gateway = FakeGateway(self.broker.port, **options).start()
        self.addCleanup(gateway.stop)
        self.assertTrue(gateway.ready.wait(10), "the fake gateway is up")
        return gateway

    def spawn(self, *options, **named):
        process = subprocess.Popen(
            [DEVICES, "--broker", f"127.0.0.1:{self.broker.port}",
             "--store", "s1", "--report", self.folder / "report.json",
             "--log", self.folder / "log", *map(str, options)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, **named)
        self.running.append(process)
        return process

    def finish(self, process, code, seconds=150):
        out, err = process.communicate(timeout=seconds)
        self.assertEqual(process.returncode, code, out + err)
        self.out, self.err = out, err
        return json.loads((self.folder / "report.json").read_text())

    def log(self):
        lines = (self.folder / "log").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def agree(self, report, gateway):
        """What the devices were told is what the gateway has."""
        self.assertEqual(gateway.faults, [])
        ends = gateway.ends()
        self.assertEqual(report["placed"], len(gateway.orders))
        self.assertEqual(report["fulfiled"], ends["OrderFulfiled"])
        self.assertEqual(report["cancelled"], ends["OrderCancelled"])
        self.assertEqual(report["accepted"], report["placed"])
        self.assertEqual(report["open"], 0)
        self.assertEqual(report["unconfirmed"], 0)
        self.assertEqual(report["double_ends"], 0)
        self.assertEqual(report["events_sent"], len(gateway.events))
        self.assertEqual(report["receipts"], len(gateway.events))
        receipts = {(f"/s1/{line['device']}", line["id"]): line["seq"]
                    for line in self.log() if "seq" in line}
        self.assertEqual(receipts, {key: kept[1]
                                    for key, kept in gateway.events.items()})
        told = {line["order"]: line["end"] for line in self.log()
                if "order" in line}
        self.assertEqual(told, {order_id: order["end"] for order_id, order
                                in gateway.orders.items()})

    # Lost receipts are made up for by repeats under the same id, lost notices
    # by placing the order again; both sides agree on every event and order.
    def test_losses(self):
        self.broker.start()
        gateway = self.gateway(lose_receipts=0.2, lose_notices=0.1)
        process = self.spawn("--rate", 40, "--readings", 40, "--seconds", 3,
                             "--patience", 120)
        while process.poll() is None:
            gateway.ask_open()
            time.sleep(0.2)
        report = self.finish(process, 0)
        self.agree(report, gateway)
        self.assertGreater(report["placed"], 60)
        self.assertGreater(report["repeated"], 10)
        self.assertGreater(report["placed_again"], 0)
        self.assertGreater(report["cancelled"], 0)
        self.assertEqual(report["repeated"] + report["events_sent"],
                         sum(gateway.sent.values()))
        self.assertGreater(report["receipt_ms"]["p50"], 0)
        self.assertGreaterEqual(report["receipt_ms"]["max"], 750)
        self.assertIn("fulfiled", self.out)

    # A payment request that comes many times gets one answer, of one id.
    def test_terminal_answers_once(self):
        self.broker.start()
        gateway = self.gateway()
        process = self.spawn("--rate", 100, "--orders", 300, "--readings", 0)
        while process.poll() is None:
            gateway.ask_open()
            time.sleep(0.02)
        report = self.finish(process, 0)
        self.agree(report, gateway)
        answers = [order["answers"] for order in gateway.orders.values()
                   if "answers" in order]
        self.assertGreater(len(answers), 20)
        self.assertTrue(all(len(ids) == 1 for ids in answers))

    # Broker and gateway are killed in the middle, twice; nothing is lost.
    def test_broker_and_gateway_killed(self):
        self.broker.start()
        gateway = self.gateway(lose_receipts=0.05)
        process = self.spawn("--rate", 40, "--seconds", 6,
                             "--patience", 120)
        time.sleep(1)
        for _ in range(2):
            gateway.kill()
            time.sleep(0.5)
            self.broker.kill()
            time.sleep(0.7)
            self.broker.start()
            time.sleep(0.3)
            gateway.start()
            time.sleep(1)
        while process.poll() is None:
            gateway.ask_open()
            time.sleep(0.2)
        report = self.finish(process, 0)
        self.agree(report, gateway)
        self.assertGreater(report["reconnects"], 0)
        self.assertGreater(report["repeated"], 0)

    # The broker comes only after the devices.
    def test_broker_comes_late(self):
        process = self.spawn("--rate", 20, "--seconds", 2, "--readings", 5)
        time.sleep(1)
        self.broker.start()
        gateway = self.gateway()
        while process.poll() is None:
            gateway.ask_open()  # the terminal may have come after the till
            time.sleep(0.2)
        report = self.finish(process, 0)
        self.agree(report, gateway)
        self.assertEqual(report["reconnects"], 0)

    # A PUBACK that never comes: after half a minute the connection counts as
    # no good, and the event goes out again on another. The broker gives the
    # till's events to nobody yet, so only that new connection confirms them.
    def test_a_puback_is_lost(self):
        self.broker.start()
        swallow = Swallower(self.broker.port)
        self.addCleanup(swallow.close)
        process = self.spawn("--broker", f"127.0.0.1:{swallow.port}",
                             "--tills", 1, "--orders", 1, "--readings", 0,
                             "--patience", 120)
        wait_for("a PUBACK was swallowed", lambda: swallow.swallowed > 0)
        gateway = self.gateway()
        while process.poll() is None:
            gateway.ask_open()
            time.sleep(0.2)
        report = self.finish(process, 0)
        self.agree(report, gateway)
        self.assertGreater(report["reconnects"], 0)

    # CBOR and MQTT 5: receipts in CBOR are read, the content type is set.
    def test_cbor_over_mqtt_5(self):
        self.broker.start()
        gateway = self.gateway(protocol=mqtt.MQTTv5)
        process = self.spawn("--encoding", "cbor", "--mqtt", 5, "--rate", 40,
                             "--seconds", 2)
        report = self.finish(process, 0)
        self.agree(report, gateway)
        self.assertEqual(set(gateway.content_types),
                         {"application/cloudevents+cbor"})

    def run_orders(self, seed, prefix):
        gateway = self.gateway()
        process = self.spawn("--rate", 200, "--orders", 60, "--seed", seed,
                             "--id-prefix", prefix, "--readings", 0)
        self.finish(process, 0)
        gateway.stop()
        return {order_id: (order["data"], order["end"])
                for order_id, order in gateway.orders.items()}

    # The same seed and prefix give the same orders; another seed gives others.
    def test_seed(self):
        self.broker.start()
        first = self.run_orders(5, "same")
        second = self.run_orders(5, "same")
        other = self.run_orders(6, "same")
        self.assertEqual(len(first), 60)
        self.assertEqual({i: data for i, (data, _) in first.items()},
                         {i: data for i, (data, _) in second.items()})
        self.assertNotEqual(first, other)

    # Two runs never share an id unless they are told to.
    def test_ids_are_new_each_run(self):
        self.broker.start()
        gateway = self.gateway()
        for _ in range(2):
            process = self.spawn("--orders", 20, "--rate", 100)
            self.finish(process, 0)
        self.assertEqual(gateway.faults, [])
        self.assertEqual(len(gateway.orders), 40)

    # Without receipts nothing counts as confirmed, whatever the broker acks:
    # the outbox fills, its device waits, and the exit status says so.
    def test_no_receipts(self):
        self.broker.start()
        process = self.spawn("--tills", 1, "--rate", 3000, "--seconds", 1,
                             "--patience", 1, "--readings", 0)
        report = self.finish(process, 1)
        self.assertEqual(report["receipts"], 0)
        self.assertGreater(report["unconfirmed"], 990)
        self.assertLessEqual(report["placed"], 1000)
        self.assertGreater(report["waits"], 0)
        self.assertEqual(report["open"], report["placed"])

    # A rejected receipt ends the order, and the report names its reason.
    def test_rejected(self):
        self.broker.start()
        gateway = self.gateway()
        gateway.reject = lambda event: (
            "data.total: expected a decimal" if event["type"] == "OrderPlaced"
            and event["data"]["orderId"].endswith("-3") else None)
        process = self.spawn("--rate", 50, "--orders", 30, "--readings", 0)
        report = self.finish(process, 1)
        self.assertEqual(report["rejected"], 6)
        self.assertGreaterEqual(report["receipts_rejected"], 6)
        self.assertIn("data.total: expected a decimal",
                      report["first_rejection"])
        self.assertIn("data.total: expected a decimal", self.out)
        self.assertEqual(report["unconfirmed"], 0)

    # A gateway that tells an order two ends is found out.
    def test_two_ends(self):
        self.broker.start()
        gateway = self.gateway()
        gateway.tell_twice = True
        process = self.spawn("--rate", 50, "--orders", 10, "--readings", 0)
        report = self.finish(process, 1)
        self.assertGreater(report["double_ends"], 0)

    # SIGTERM ends the placing and still reports.
    def test_sigterm(self):
        self.broker.start()
        gateway = self.gateway()
        process = self.spawn("--rate", 50)
        wait_for("orders", lambda: len(gateway.orders) > 20)
        process.send_signal(signal.SIGTERM)
        report = self.finish(process, process.wait(20))
        # What a slow gateway has not taken after eight seconds is said to be
        # open.
        self.assertGreater(report["placed"], 20)
        self.assertGreaterEqual(report["placed"], len(gateway.orders))
        self.assertGreaterEqual(report["open"],
                                report["placed"] - len(gateway.orders))
        self.assertEqual(process.returncode == 0, report["open"] == 0
                         and report["unconfirmed"] == 0)

    # A broker that refuses is named with its reason, once a second at most.
    def test_refused_by_broker(self):
        self.broker.config.write_text(self.broker.config.read_text().replace(
            "allow_anonymous true", "allow_anonymous false"))
        self.broker.start()
        for version, words in ((3, "not authorised"), (5, "Not authorized")):
            process = self.spawn("--mqtt", version, "--rate", 1, "--seconds",
                                 1, "--patience", 1)
            self.finish(process, 1)
            self.assertIn(words, self.err)
            self.assertLessEqual(len(self.err.splitlines()), 4)

    # Answers that cannot be read are counted and change nothing.
    def test_unreadable_answers(self):
        self.broker.start()
        gateway = self.gateway()
        process = self.spawn("--rate", 20, "--seconds", 2, "--readings", 0)
        wait_for("orders", lambda: len(gateway.orders) > 5)
        bad = [b"", b"{", b"\xa1", b"[]", b"null", b'{"accepted":7}',
               b'{"accepted":[{"id":"x"}],"rejected":[null,3]}',
               b"\xbf\xff", b"{}" * 1000]
        for payload in bad:
            for leaf in ("receipts", "notices"):
                for device in ("till-1", "terminal-1", "sensor-1"):
                    gateway._publish(device, leaf, payload)
        report = self.finish(process, 0)
        self.agree(report, gateway)
        self.assertGreater(report["unreadable"], 10)

    # One line a second on a terminal, none with --quiet or into a file.
    def test_progress(self):
        self.broker.start()
        self.gateway()
        for quiet in (False, True):
            controller, terminal = pty.openpty()
            options = ["--quiet"] if quiet else []
            done = subprocess.run(
                [DEVICES, "--broker", f"127.0.0.1:{self.broker.port}",
                 "--store", "s1", "--seconds", "3.5", *options],
                stdin=subprocess.DEVNULL, stdout=terminal, timeout=60)
            os.close(terminal)
            shown = b""
            try:
                while chunk := os.read(controller, 65536):
                    shown += chunk
            except OSError:
                pass  # the end of a pseudo-terminal
            os.close(controller)
            self.assertEqual(done.returncode, 0)
            lines = shown.count(b" s  devices 29/29")
            self.assertEqual(lines == 0, quiet)
            self.assertIn(b"fulfiled", shown)

    # Wrong use: exit status 2 and words that say what to do.
    def test_wrong_use(self):
        for options, words in (
                ([], "--broker"),
                (["--broker", "127.0.0.1:1"], "--store"),
                (["--broker", "nowhere", "--store", "s1"], "HOST:PORT"),
                (["--bogus"], "--help")):
            done = subprocess.run([DEVICES, *options], capture_output=True,
                                  text=True)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)
        done = subprocess.run([DEVICES, "--help"], capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 0)
        self.assertIn("--id-prefix", done.stdout)
        done = subprocess.run(
            [DEVICES, "--broker", "127.0.0.1:1", "--store", "s1", "--log",
             "/nowhere/log"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nowhere/log", done.stderr)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""The bridge against a local cloud whose judges are AWS's own signer and
models: outages, partial failures, lost answers, kills, and refusals.

EDGE_BUILD names the build directory (default build/release)."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("EDGE_BUILD", ROOT / "build/release"))
DRIVER = BUILD / "tests/unit/bridge/bridge_driver"
REGION = "eu-central-1"
# Seconds; a tenth of one on a machine with nothing else to do. A stop that waits
# for a silent server takes what is left of a handshake's 10 s, at least 9.
STOP_MAX = 8
SINKS = 40  # at least as many as there are tests
CALM = {"record_bytes_max": 0, "offline": False, "captive_portal": False, "throttle": 0,
        "answer_lost": 0, "cut_body": 0, "latency_ms": 0, "skew_s": 0,
        "partial_failure": 0}

sys.path.insert(0, str(ROOT / "tests/cloud"))
from authority import server_context  # noqa: E402
from harness import LocalCloud  # noqa: E402
from slow_line import SlowLine  # noqa: E402


class Refused(Exception):
    """The bridge did not start; its words."""


class Bridge:
    """A bridge_driver as a process."""

    def __init__(self, folder, cloud, streams, **changes):
        environment = os.environ | cloud.environment
        for name in ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE",
                     "AWS_SESSION_TOKEN", "https_proxy", "HTTPS_PROXY",
                     "no_proxy", "NO_PROXY"):
            environment.pop(name, None)
        environment |= changes.pop("environment", {})
        self.log = open(os.path.join(folder, "log"), "a+", encoding="utf-8")
        self.process = subprocess.Popen(
            [DRIVER, changes.pop("data", folder), REGION,
             changes.pop("endpoint", cloud.endpoint),
             changes.pop("ca", cloud.ca_path), *streams],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            text=True, env=environment)
        assert not changes, changes
        self.said = self._read()
        if "error" in self.said:
            self.kill()
            raise Refused(self.said["error"])

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the bridge ended: " + self.log_text())
        return json.loads(line)

    def log_text(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read()

    def do(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._read()

    def append(self, stream, count, keys, size=100):
        return self.do(f"append {stream} {count} {keys} {size}")["end"]

    def status(self, stream):
        return self.do("status")["streams"][stream]

    def wait(self, what, condition, stream="orders", seconds=30):
        """Waits until the condition holds for the stream's status."""
        end = time.monotonic() + seconds
        while True:
            status = self.status(stream)
            if condition(status):
                return status
            if time.monotonic() > end:
                raise AssertionError(
                    f"not within {seconds} s: {what}: {status}\n"
                    + self.log_text())
            time.sleep(0.05)

    def drained(self, stream, end, seconds=60):
        return self.wait(f"{stream} drained to {end}",
                         lambda s: s["cursor"] == s["end"] == end, stream,
                         seconds)

    def resident_kib(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0])

    def stop(self):
        """Ends it in good order; returns the seconds until it had stopped (a
        sanitizer looks for leaks afterwards)."""
        began = time.monotonic()
        self.process.stdin.write("quit\n")
        self.process.stdin.flush()
        said = self._read()
        took = time.monotonic() - began
        code = self.process.wait(10)
        self._close()
        assert code == 0 and said["stopped"], (code, said)
        return took

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._close()

    def _close(self):
        for stream in (self.process.stdin, self.process.stdout, self.log):
            with contextlib.suppress(BrokenPipeError):
                stream.close()


def start_cloud(add_cleanup):
    """A cloud in a folder of its own, ended and removed by a cleanup."""
    folder = tempfile.TemporaryDirectory()
    add_cleanup(folder.cleanup)
    cloud = LocalCloud(folder.name, [f"bus-{n}" for n in range(SINKS)],
                       [f"stream-{n}:4" for n in range(SINKS)], REGION,
                       secret_key="asecretofthetests")
    add_cleanup(cloud.stop)
    return cloud.start()


class BridgeCase(unittest.TestCase):
    """One cloud for all tests, a bus and a stream of it for each; a class
    that stops its cloud has one for itself."""

    shared = None
    own = False
    numbers = iter(range(SINKS))

    @classmethod
    def setUpClass(cls):
        if cls.own:
            cls.cloud = start_cloud(cls.addClassCleanup)
            return
        if BridgeCase.shared is None:
            BridgeCase.shared = start_cloud(unittest.addModuleCleanup)
        cls.cloud = BridgeCase.shared

    def setUp(self):
        if self.cloud.pid is None:  # a test before this one stopped it
            self.cloud.start()
        number = next(self.numbers)
        self.bus, self.stream = f"bus-{number}", f"stream-{number}"
        self.folder = tempfile.mkdtemp(prefix="bridge-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.cloud.faults(**CALM)

    def start(self, streams=None, **changes):
        streams = streams or (f"orders:1:eventbridge:{self.bus}",
                              f"telemetry:2:kinesis:{self.stream}")
        bridge = Bridge(self.folder, self.cloud, streams, **changes)
        self.addCleanup(bridge.kill)
        return bridge

    def held(self, stream):
        stats = self.cloud.stats()
        if stream == "orders":
            return stats["buses"][self.bus]
        return stats["streams"][self.stream]

    def assert_promises(self, stream, count):
        """All of it is there, in order per key, and nothing else."""
        held = self.held(stream)
        self.assertEqual(held["unique"], count, held)
        for name in ("missing", "order_violations", "conflicts", "retaken",
                     "moved_keys",
                     "unreadable"):
            self.assertEqual(held[name], 0, held)
        return held


class CarryingTest(BridgeCase):
    def test_drains_and_goes_on_where_it_was(self):
        # Goal: both sinks drain; a restart sends nothing again; it is small
        # and stops at once.
        bridge = self.start()
        bridge.append("orders", 500, 20)
        bridge.append("telemetry", 3000, 700)
        bridge.drained("orders", 500)
        bridge.drained("telemetry", 3000)
        status = bridge.status("orders")
        self.assertEqual(status["link"], "online")
        self.assertEqual(status["sent"], 500)
        self.assertEqual(status["repeated"], 0)
        self.assertEqual(status["last_error"], "")
        if "asan" not in str(BUILD) and "tsan" not in str(BUILD):
            print(f"figure: resident after 3,500 events "
                  f"{bridge.resident_kib()} KiB")
            self.assertLess(bridge.resident_kib(), 12 * 1024)
        self.assertLess(bridge.stop(), STOP_MAX)
        bridge = self.start()
        self.assertEqual(bridge.status("orders")["cursor"], 500)
        bridge.append("orders", 10, 20)
        bridge.drained("orders", 510)
        self.assertEqual(self.assert_promises("orders", 510)["duplicates"], 0)
        held = self.assert_promises("telemetry", 3000)
        self.assertEqual(held["duplicates"], 0)
        bridge.stop()

    def test_an_entry_as_the_cloud_sees_it(self):
        # Goal: the envelope and the event in it are what was promised.
        bridge = self.start()
        bridge.append("orders", 1, 1)
        bridge.drained("orders", 1)
        envelope = self.cloud.events(bus=self.bus, envelope=1)[0]
        text = json.dumps(envelope)
        self.assertIn("com.shopme.device", text)
        self.assertIn("ReadingTaken", text)
        event = self.cloud.events(bus=self.bus)[0]
        self.assertEqual(event["id"], "e0")
        self.assertEqual(event["journalsequence"], "0" * 20)
        self.assertEqual(event["data"]["n"], 0)
        bridge.stop()

    def test_nobody_waits_for_anybody(self):
        # Goal: while orders, of a higher priority, needs 60 answers one after
        # the other, telemetry drains beside it.
        bridge = self.start()
        bridge.drained("orders", 0)
        bridge.do("pause")
        bridge.append("orders", 600, 10)
        bridge.append("telemetry", 3000, 3000)
        self.cloud.faults(latency_ms=100)
        bridge.do("resume")
        bridge.drained("telemetry", 3000)
        self.assertLess(bridge.status("orders")["sent"], 600)
        self.cloud.faults(**CALM)
        bridge.drained("orders", 600)
        self.assert_promises("orders", 600)
        bridge.stop()

    def test_many_requests_at_a_time(self):
        # Goal: 1,000 keys at 100 ms: eight requests of ten are under way at a
        # time, each key at most once.
        bridge = self.start()
        bridge.append("orders", 20, 20)
        bridge.drained("orders", 20)
        self.cloud.faults(latency_ms=100)
        began = time.monotonic()
        bridge.append("orders", 2000, 1000)
        bridge.drained("orders", 2020)
        took = time.monotonic() - began
        print(f"figure: {2000 / took:.0f} events/s at 100 ms", flush=True)
        self.cloud.faults(**CALM)
        self.assert_promises("orders", 2020)
        bridge.stop()

    def test_paused_sends_nothing(self):
        # Goal: paused, the backlog grows and no request leaves; resumed, it
        # drains.
        bridge = self.start()
        bridge.append("orders", 5, 5)
        bridge.drained("orders", 5)
        bridge.do("pause")
        bridge.wait("paused", lambda s: s["link"] == "paused")
        requests = bridge.status("orders")["requests"]
        bridge.append("orders", 50, 5)
        bridge.wait("seen", lambda s: s["end"] == 55)
        time.sleep(0.5)
        status = bridge.status("orders")
        self.assertEqual((status["cursor"], status["requests"]),
                         (5, requests))
        bridge.do("resume")
        bridge.drained("orders", 55)
        self.assertEqual(bridge.status("orders")["link"], "online")
        bridge.stop()

    def test_large_events(self):
        # Goal: events near the limit go one a request; one past the limit
        # becomes a dead letter and is named, and the stream goes on.
        bridge = self.start()
        bridge.append("orders", 4, 1000, 200_000)
        bridge.append("orders", 1, 1000, 262_000)
        bridge.append("orders", 4, 1000, 100)
        bridge.append("telemetry", 3, 1000, 1_000_000)
        status = bridge.drained("orders", 9)
        self.assertEqual((status["sent"], status["refused"]), (8, 0))
        self.assertIn("event 4 (ReadingTaken)", bridge.log_text())
        bridge.drained("telemetry", 3)
        self.assert_promises("telemetry", 3)
        bridge.stop()


class AggregateTest(BridgeCase):
    """Many events in one record: unpacked by the judge as the KCL would."""

    def start_kpl(self, wire="kinesis-kpl", **environment):
        return self.start([f"telemetry:1:{wire}:{self.stream}"],
                          environment=environment)

    def assert_unpacked(self, count):
        held = self.assert_promises("telemetry", count)
        for name in ("dropped_aggregates", "without_newline", "moved_shards"):
            self.assertEqual(held[name], 0, held)
        return held

    def test_a_backlog_on_both_wires(self):
        # Goal: everything arrives, in order, in few records that are as full
        # as what is paid for, through a restart.
        bridge = self.start_kpl()
        bridge.append("telemetry", 6000, 10, 300)
        bridge.drained("telemetry", 6000)
        bridge.stop()
        bridge = self.start_kpl("kinesis-cbor-kpl")
        bridge.append("telemetry", 6000, 1000, 300)
        bridge.drained("telemetry", 12000)
        held = self.assert_unpacked(12000)
        self.assertEqual(held["duplicates"], 0)
        self.assertGreater(held["aggregates"], 0)
        print(f"figure: {held['records']} records, {held['put_units']} PUT "
              "units for 12,000 events", flush=True)
        # One by one they are 12,000; full they would be some 300.
        self.assertLess(held["put_units"], 700)
        bridge.stop()

    def test_live_traffic_lingers(self):
        # Goal: what comes within the linger shares a record; nothing waits
        # twice as long.
        bridge = self.start_kpl(EDGE_LINGER_MS="300", EDGE_LANES="1")
        bridge.append("telemetry", 1, 1)
        bridge.drained("telemetry", 1)
        before = self.held("telemetry")["records"]
        began = time.monotonic()
        for _ in range(20):
            bridge.append("telemetry", 1, 7)
        bridge.drained("telemetry", 21)
        self.assertGreater(time.monotonic() - began, 0.25)
        records = self.assert_unpacked(21)["records"] - before
        self.assertLessEqual(records, 3)
        bridge.stop()

    def test_everything_that_can_fail(self):
        # Goal: records that fail one by one, lost and cut answers: all comes
        # in order per key, whole aggregates again.
        for wire in ("kinesis-kpl", "kinesis-cbor-kpl"):
            bridge = self.start_kpl(wire)
            end = bridge.status("telemetry")["end"] + 5000
            self.cloud.faults(partial_failure=0.3, answer_lost=0.15,
                              cut_body=0.1, throttle=0.1)
            bridge.append("telemetry", 5000, 40, 200)
            bridge.wait("some of it", lambda s: s["sent"] > 1000, "telemetry",
                        120)
            self.cloud.faults(**CALM)
            bridge.drained("telemetry", end)
            bridge.stop()
        held = self.assert_unpacked(10000)
        self.assertGreater(held["duplicates"] + held["failed_entries"], 0)

    def test_an_aggregate_that_is_refused_for_good(self):
        # Goal: it goes on in halves until each record is small enough; no
        # event is lost, and none is refused.
        bridge = self.start_kpl(EDGE_LANES="2")
        bridge.do("pause")
        bridge.append("telemetry", 3000, 20, 300)
        self.cloud.faults(record_bytes_max=30_000)
        bridge.do("resume")
        bridge.drained("telemetry", 3000)
        held = self.assert_unpacked(3000)
        self.assertGreater(held["failed_entries"], 0)
        self.assertEqual(bridge.status("telemetry")["refused"], 0)
        self.cloud.faults(**CALM)
        bridge.stop()

    def test_events_of_every_size(self):
        # Goal: events too large for company are records of their own, up to
        # the limit; one beyond it becomes a dead letter and is named.
        bridge = self.start_kpl(EDGE_LANES="4")
        for size in (10, 1_000_000, 24_000, 1_047_800, 100, 600_000, 500_000):
            bridge.append("telemetry", 3, 50, size)
        bridge.drained("telemetry", 21)
        self.assert_unpacked(21)
        bridge.append("telemetry", 1, 50, 1_048_300)
        status = bridge.drained("telemetry", 22)
        self.assertEqual((status["sent"], status["refused"]), (21, 0))
        self.assertIn("event 21 (ReadingTaken)", bridge.log_text())
        bridge.stop()

    def test_poison_in_an_aggregate(self):
        # Goal: events that are refused for good, by record or by request,
        # become letters alone; all others arrive in order.
        for number, call in enumerate((False, True)):
            bridge = self.start_kpl("kinesis-cbor-kpl", EDGE_LANES="4")
            bridge.do("pause")
            end = bridge.append("telemetry", 1000, 20, 300)
            poison = f'"n":{end - 300},'  # the data of one event
            self.cloud.faults(poison={"word": poison, "call": call,
                                      "code": "InvalidArgumentException"
                                      if not call else "ValidationException"})
            bridge.do("resume")
            status = bridge.drained("telemetry", end)
            self.assertEqual((status["sent"], status["refused"]), (999, 0))
            self.assertIn(f"dead_letter seq={end - 300} ", bridge.log_text())
            self.cloud.faults(poison={})
            bridge.stop()
            held = self.held("telemetry")
            self.assertEqual((held["unique"], held["missing"],
                              held["order_violations"]),
                             ((number + 1) * 999, number + 1, 0), held)

    def test_killed_while_sending(self):
        # Goal: killed at any moment, all arrives in order, and a key stays in
        # its shard.
        end = 0
        for round_ in range(6):
            bridge = self.start_kpl()
            self.cloud.faults(latency_ms=20)
            end = bridge.append("telemetry", 2000, 30, 200)
            time.sleep(0.02 + 0.05 * round_)
            bridge.kill()
        bridge = self.start_kpl()
        bridge.drained("telemetry", end)
        self.assert_unpacked(end)
        bridge.stop()

    def test_other_lanes(self):
        # Goal: another number of lanes serves once all is confirmed, and the
        # log says so; before that it is as it was.
        bridge = self.start_kpl(EDGE_LANES="3")
        bridge.append("telemetry", 100, 20)
        bridge.drained("telemetry", 100)
        bridge.do("pause")
        bridge.append("telemetry", 100, 20)
        bridge.stop()
        bridge = self.start_kpl(EDGE_LANES="5")
        bridge.drained("telemetry", 200)
        end = time.monotonic() + 20
        while "has 5 lanes now" not in bridge.log_text():
            self.assertLess(time.monotonic(), end, bridge.log_text())
            time.sleep(0.05)
        self.assertIn("still has 3 lanes", bridge.log_text())
        bridge.append("telemetry", 100, 20)
        bridge.drained("telemetry", 300)
        held = self.assert_promises("telemetry", 300)
        self.assertEqual(held["dropped_aggregates"], 0)
        bridge.stop()
        bridge = self.start_kpl(EDGE_LANES="5")
        bridge.drained("telemetry", 300)
        self.assertEqual(bridge.log_text().count("lanes now"), 1)
        bridge.stop()


class CborTest(BridgeCase):
    def start_cbor(self, name):
        before = self.cloud.stats()
        return self.start([f"telemetry:1:kinesis-cbor:{name}"]), before

    def test_drains(self):
        # Goal: the same events arrive as by JSON, and no request is JSON.
        bridge, before = self.start_cbor(self.stream)
        bridge.append("telemetry", 3000, 700)
        bridge.append("telemetry", 2, 700, 900_000)
        bridge.drained("telemetry", 3002)
        held = self.assert_promises("telemetry", 3002)
        self.assertEqual(held["duplicates"], 0)
        stats = self.cloud.stats()
        self.assertEqual(stats["cbor_requests"] - before["cbor_requests"],
                         stats["requests"] - before["requests"])
        self.assertEqual(stats["validation_failures"],
                         before["validation_failures"])
        bridge.stop()

    def test_everything_that_an_answer_can_say(self):
        # Goal: parts that fail, throttling, answers cut or lost: read as in
        # JSON, nothing is lost and the order per key holds.
        bridge, _ = self.start_cbor(self.stream)
        self.cloud.faults(partial_failure=0.1, throttle=0.1, answer_lost=0.05,
                          cut_body=0.05)
        bridge.append("telemetry", 3000, 300)
        bridge.drained("telemetry", 3000)
        self.assert_promises("telemetry", 3000)
        bridge.stop()

    def test_by_arn(self):
        # Goal: a stream named by its ARN; an error in CBOR is understood.
        arn = f"arn:aws:kinesis:{REGION}:123456789012:stream/"
        bridge, _ = self.start_cbor(arn + self.stream)
        bridge.append("telemetry", 50, 7)
        bridge.drained("telemetry", 50)
        self.assert_promises("telemetry", 50)
        bridge.kill()
        bridge, _ = self.start_cbor(arn + "nowhere")
        bridge.append("telemetry", 1, 1)
        status = bridge.wait("refused", lambda s: s["link"] == "refused",
                             "telemetry")
        self.assertIn(f"stream {arn}nowhere does not exist",
                      status["last_error"])
        bridge.stop()


class NetworkTest(BridgeCase):
    def test_the_line_is_the_limit(self):
        # Goal: on a line that is full the stream of higher priority goes
        # first, and the lower keeps about a tenth of it.
        port = int(self.cloud.endpoint.rsplit(":", 1)[1].strip("/"))
        line = SlowLine(port, 200_000, 60)
        self.addCleanup(line.close)
        bridge = self.start(endpoint=f"https://localhost:{line.port}")
        bridge.append("orders", 200, 200, 20_000)
        bridge.wait("orders began", lambda s: s["sent"] > 9)
        bridge.append("telemetry", 2500, 2500, 1000)
        bridge.drained("orders", 200, seconds=90)
        beside = bridge.status("telemetry")["sent"]
        bridge.drained("telemetry", 2500, seconds=90)
        print(f"figure: {beside} KB of the lower beside 4,000 of the higher",
              flush=True)
        self.assertGreater(beside, 100)
        self.assertLess(beside, 1500)
        self.assert_promises("orders", 200)
        self.assert_promises("telemetry", 2500)
        bridge.stop()

    def test_a_slow_line_that_hangs_up(self):
        # Goal: through a line that carries no more than a fifth of what is
        # there in the time that its proxy waits for an answer, everything
        # arrives, in order per key. (A line of 100 KB/s with a proxy that
        # hangs up after 10 s got nothing through; this is its third.)
        port = int(self.cloud.endpoint.rsplit(":", 1)[1].strip("/"))
        line = SlowLine(port, 300_000, 3)
        self.addCleanup(line.close)
        bridge = self.start(endpoint=f"https://localhost:{line.port}")
        began = time.monotonic()
        bridge.append("telemetry", 3000, 3000, 1000)
        bridge.drained("telemetry", 3000, seconds=90)
        took = time.monotonic() - began
        print(f"figure: {line.up / took / 1000:.0f} of 300 KB/s, "
              f"{line.up / 3000:.0f} bytes an event, "
              f"{line.hung_up} hung up, {took:.0f} s", flush=True)
        self.assert_promises("telemetry", 3000)
        bridge.stop()

    def test_an_outage(self):
        # Goal: offline it keeps trying and says so; back online the backlog
        # drains within seconds, in order.
        bridge = self.start()
        bridge.append("orders", 100, 10)
        bridge.drained("orders", 100)
        self.cloud.faults(offline=True)
        bridge.append("orders", 400, 10)
        bridge.append("telemetry", 1000, 50)
        status = bridge.wait("offline", lambda s: s["link"] == "offline")
        self.assertIn("localhost", status["last_error"])
        self.assertEqual(status["cursor"], 100)
        time.sleep(2)
        self.assertLess(bridge.status("orders")["requests"], 60)
        self.cloud.faults(offline=False)
        began = time.monotonic()
        bridge.wait("online", lambda s: s["link"] == "online", seconds=8)
        print(f"figure: online {time.monotonic() - began:.1f} s after the "
              "network was")
        bridge.drained("orders", 500)
        bridge.drained("telemetry", 1000)
        self.assert_promises("orders", 500)
        self.assert_promises("telemetry", 1000)
        self.assertIn("link=offline was=online", bridge.log_text())
        bridge.stop()

    def test_everything_at_once(self):
        # Goal: partial failures, lost answers, cut bodies and throttling
        # together: all arrive, in order per key, and nothing is invented.
        self.cloud.faults(partial_failure={"every": 3,
                                           "code": "InternalFailure"},
                          answer_lost=0.1, cut_body=0.1, throttle=0.05)
        bridge = self.start()
        bridge.append("orders", 300, 12)
        bridge.append("telemetry", 1500, 60)
        bridge.drained("orders", 300, 120)
        bridge.drained("telemetry", 1500, 120)
        held = self.assert_promises("orders", 300)
        self.assertGreater(held["duplicates"], 0)
        self.assert_promises("telemetry", 1500)
        status = bridge.status("orders")
        self.assertGreater(status["repeated"], 0)
        self.assertGreater(status["failures"], 0)
        bridge.stop()

    def test_a_captive_portal(self):
        # Goal: a 200 with a page of HTML confirms nothing.
        bridge = self.start()
        bridge.append("orders", 10, 10)
        bridge.drained("orders", 10)
        self.cloud.faults(captive_portal=True)
        bridge.append("orders", 10, 10)
        status = bridge.wait("not taken for success",
                             lambda s: s["failures"] >= 2)
        self.assertEqual((status["link"], status["cursor"]), ("offline", 10))
        self.assertIn("not an answer from the service", status["last_error"])
        self.cloud.faults(captive_portal=False)
        bridge.drained("orders", 20)
        self.assert_promises("orders", 20)
        bridge.stop()

    def test_a_bridge_that_is_killed(self):
        # Goal: killed in the middle, it goes on at a cursor that is safe: all
        # arrive, in order, and it repeats at most what it sent in its last
        # second and had in flight.
        bridge = self.start()
        end = bridge.append("orders", 1000, 30)
        for _ in range(4):
            sent = self.held("orders")["unique"]
            bridge.wait("more sent", lambda s: s["sent"] > 0
                        or s["cursor"] == s["end"])
            time.sleep(0.2)
            self.assertGreaterEqual(self.held("orders")["unique"], sent)
            bridge.kill()
            bridge = self.start()
        bridge.drained("orders", end)
        self.assert_promises("orders", 1000)
        bridge.stop()

    def test_hanging_servers(self):
        # Goal: a server that takes the connection and says nothing holds up
        # neither the status nor the stop.
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            bridge = self.start(
                endpoint=f"https://localhost:{silent.getsockname()[1]}")
            bridge.append("orders", 10, 10)
            time.sleep(0.5)
            self.assertEqual(bridge.status("orders")["cursor"], 0)
            self.assertLess(bridge.stop(), STOP_MAX)

    def test_a_server_that_is_none(self):
        # Goal: bytes that are no TLS are an error in words, not a crash.
        with socket.create_server(("127.0.0.1", 0)) as nonsense:
            def answer():
                with contextlib.suppress(OSError):
                    while True:
                        connection, _ = nonsense.accept()
                        with connection:
                            connection.sendall(b"SSH-2.0-nonsense\r\n" * 50)
            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            bridge = self.start(
                endpoint=f"https://localhost:{nonsense.getsockname()[1]}")
            bridge.append("orders", 10, 10)
            status = bridge.wait("offline", lambda s: s["link"] == "offline")
            self.assertIn("TLS", status["last_error"])
            self.assertLess(bridge.stop(), STOP_MAX)

    def test_a_certificate_nobody_vouches_for(self):
        # Goal: a peer that cannot prove its name gets no event and no secret.
        bridge = self.start(ca="/etc/ssl/certs/ca-certificates.crt")
        bridge.append("orders", 10, 10)
        status = bridge.wait("offline", lambda s: s["link"] == "offline")
        self.assertIn("certificate is not trusted", status["last_error"])
        bridge.stop()
        self.assertEqual(self.held("orders")["requests"], 0)

    def test_a_certificate_of_another_name(self):
        # Goal: the name is checked, not only the chain: a server whose
        # certificate the same authority signed, for another name, gets no
        # request.
        context = server_context(os.path.dirname(self.cloud.ca_path),
                                 "elsewhere", "elsewhere.example")
        shaken = []
        with socket.create_server(("127.0.0.1", 0)) as other:
            def answer():
                with contextlib.suppress(OSError):
                    while True:
                        connection, _ = other.accept()
                        with connection, contextlib.suppress(OSError):
                            shaken.append(context.wrap_socket(
                                connection, server_side=True).recv(1))
            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            bridge = self.start(
                endpoint=f"https://localhost:{other.getsockname()[1]}")
            bridge.append("orders", 10, 10)
            status = bridge.wait("offline", lambda s: s["link"] == "offline")
            self.assertIn("certificate is not trusted", status["last_error"])
            self.assertIn("cloud.endpoint", status["last_error"])
            self.assertEqual(status["cursor"], 0)
            bridge.stop()
        self.assertNotIn(True, map(bool, shaken))

    def test_a_clock_that_is_wrong(self):
        # Goal: an hour off either way, it learns the offset and signs by it.
        for skew in (3600, -3600):
            self.cloud.faults(skew_s=skew)
            bridge = self.start()
            end = bridge.append("orders", 20, 5)
            bridge.drained("orders", end)
            offset = bridge.do("status")["offset_ms"]
            self.assertAlmostEqual(offset, skew * 1000, delta=5000)
            bridge.stop()
        self.assert_promises("orders", 40)


class MortalCloudTest(BridgeCase):
    own = True

    def test_starts_without_a_network(self):
        # Goal: a network that is away is no error at the start.
        self.cloud.stop()
        bridge = self.start()
        bridge.append("orders", 20, 4)
        bridge.wait("offline", lambda s: s["link"] == "offline")
        self.cloud.start()
        bridge.drained("orders", 20)
        self.assert_promises("orders", 20)
        bridge.stop()

    def test_a_cloud_that_is_killed(self):
        # Goal: the cloud dies in the middle and comes back: all arrive.
        self.cloud.faults(latency_ms=50)
        bridge = self.start()
        bridge.append("orders", 300, 10)
        bridge.wait("some sent", lambda s: s["sent"] > 50)
        self.cloud.stop(signal.SIGKILL)
        bridge.wait("offline", lambda s: s["link"] == "offline")
        self.cloud.start()
        bridge.drained("orders", 300)
        self.assert_promises("orders", 300)
        bridge.stop()


class RefusalTest(BridgeCase):
    def test_a_bus_that_is_not_there(self):
        # Goal: a missing bus, which EventBridge would swallow events for, is
        # found before anything is sent.
        bridge = self.start(["orders:1:eventbridge:no-such-bus"])
        bridge.append("orders", 10, 10)
        status = bridge.wait("refused", lambda s: s["link"] == "refused")
        self.assertIn("event bus no-such-bus does not exist in region "
                      "eu-central-1: create it or fix sink.eventbridge.bus",
                      status["last_error"])
        self.assertEqual(status["cursor"], 0)
        bridge.stop()

    def test_a_stream_that_is_not_there(self):
        # Goal: the same for Kinesis.
        bridge = self.start(["telemetry:1:kinesis:no-such-stream"])
        bridge.append("telemetry", 10, 10)
        status = bridge.wait("refused", lambda s: s["link"] == "refused",
                             "telemetry")
        self.assertIn("stream no-such-stream does not exist",
                      status["last_error"])
        bridge.stop()

    def test_a_wrong_secret(self):
        # Goal: a refusal of the credentials is said as one, tried slowly, and
        # loses nothing; the secret is nowhere in the log.
        bridge = self.start(
            environment={"AWS_SECRET_ACCESS_KEY": "averywrongsecret"})
        bridge.append("orders", 10, 10)
        status = bridge.wait("refused", lambda s: s["link"] == "refused")
        self.assertIn("check the AWS credentials", status["last_error"])
        time.sleep(1)
        self.assertLessEqual(bridge.status("orders")["requests"], 2)
        self.assertNotIn("averywrongsecret", bridge.log_text())
        bridge.stop()
        bridge = self.start()
        bridge.drained("orders", 10)
        self.assert_promises("orders", 10)
        bridge.stop()

    def test_entries_that_are_refused(self):
        # Goal: an entry with a final code becomes a dead letter and is named;
        # all others go on.
        self.cloud.faults(partial_failure={"every": 5,
                                           "code": "MalformedDetail"})
        bridge = self.start()
        bridge.append("orders", 10, 10)
        status = bridge.drained("orders", 10)
        self.assertEqual((status["sent"], status["refused"]), (8, 0))
        self.assertEqual(status["link"], "online")
        self.assertIn("code=MalformedDetail", bridge.log_text())
        bridge.stop()

    def refusal(self, **changes):
        with self.assertRaises(Refused) as caught:
            self.start(**changes)
        return str(caught.exception)

    def test_starts_that_are_refused(self):
        # Goal: what cannot work is refused at the start, with words on what
        # to fix.
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            self.assertIn(name, self.refusal(environment={name: ""}))
        self.assertIn("cloud.ca_file", self.refusal(ca="/nowhere"))
        empty = os.path.join(self.folder, "empty.pem")
        pathlib.Path(empty).write_text("no certificate\n", encoding="utf-8")
        self.assertIn("cloud.ca_file", self.refusal(ca=empty))
        self.assertIn("https", self.refusal(endpoint="http://localhost:1"))

    def replaced_journal(self):
        """100 events are sent, and the journal is gone; its cursor's path."""
        bridge = self.start()
        bridge.append("orders", 100, 10)
        bridge.drained("orders", 100)
        bridge.stop()
        folder = pathlib.Path(self.folder, "orders")
        for path in folder.iterdir():
            if path.name != "cursor":
                path.unlink()
        return folder / "cursor"

    def test_another_journals_cursor(self):
        # Goal: a journal that was replaced under its cursor is sent from its
        # beginning; the cursor is set aside.
        path = self.replaced_journal()
        bridge = self.start()
        bridge.append("orders", 5, 1)
        bridge.drained("orders", 5)
        self.assertIn("cursor.other", bridge.log_text())
        self.assertTrue(path.with_name("cursor.other").exists())
        bridge.stop()

    def test_a_cursor_past_the_end(self):
        # Goal: a cursor that names no journal (release 0.1.0 wrote it) and lies
        # past the end is refused, since first events would never be sent.
        path = self.replaced_journal()
        with open(path, "r+b") as file:
            for slot in (0, 4096):
                file.seek(slot + 40)
                file.write(bytes(88))
        for _ in range(2):  # the refusal leaves the cursor as it is
            words = self.refusal()
            self.assertIn("100 events were sent", words)
            self.assertIn("remove that file", words)

    def test_a_damaged_cursor(self):
        # Goal: with both slots of the cursor damaged all is sent again, under
        # the same ids, and a line says so.
        bridge = self.start()
        bridge.append("orders", 50, 10)
        bridge.drained("orders", 50)
        bridge.stop()
        path = os.path.join(self.folder, "orders", "cursor")
        with open(path, "r+b") as file:
            for offset in (24, 4096 + 24):
                file.seek(offset)
                file.write(b"damaged!")
        bridge = self.start()
        bridge.drained("orders", 50)
        self.assertIn("is damaged", bridge.log_text())
        self.assertEqual(self.assert_promises("orders", 50)["duplicates"], 50)
        bridge.stop()

    def test_without_a_sink(self):
        # Goal: streams that go nowhere need no credentials and have no
        # backlog.
        bridge = self.start(["local:1:none:-"],
                            environment={"AWS_ACCESS_KEY_ID": ""})
        bridge.append("local", 10, 10)
        status = bridge.wait("seen", lambda s: s["end"] == 10, "local")
        self.assertEqual((status["cursor"], status["link"]), (10, "idle"))
        bridge.stop()


if __name__ == "__main__":
    unittest.main()

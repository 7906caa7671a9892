# SPDX-License-Identifier: Apache-2.0
"""Goal: what the gateway says of itself is true, and said alike everywhere. Each
condition of the verdict is provoked with real processes and seen in all five
places, and gone from them once its cause is; no other process is needed to see
it. Stores run side by side, since most of what they do is to wait."""

import collections
import concurrent.futures
import contextlib
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from broker_test import External
from edge import EDGE, SHIM, Device, Store, free_port, mqtt, wait_for
from rot_test import Journal
from verdict_places import (conditions, gone_everywhere, last_verdict,
                            seen_everywhere)
from verdict_dead import make_dead_case
from verdict_tls import make_tls_case

LATE_S = 90  # many stores share the machine
DAY_S = 24 * 60 * 60
HANGS_S = 10
WINDOW = 4096  # ids that are remembered for a device

# Provoked in broker_test.py and address_probe.py, whose parts know the facts.
ELSEWHERE = {"broker-down", "broker-file-aside", "listener-away"}


class Case:
    """One store, and what is provoked in it."""

    def __init__(self):
        self.seen = set()

    def provoked(self, code, stream=None, **more):
        reason = seen_everywhere(self.store, code, stream, LATE_S, **more)
        self.seen.add(code)
        return reason

    def cured(self, code, stream=None, **more):
        gone_everywhere(self.store, code, stream, LATE_S, **more)

    def sell(self, *ids):
        till = Device(self.store, "till-1")
        for id_ in ids:
            till.send(till.order(id_, id_))
        till.wait_accepted(ids)
        till.close()

    def measure(self, count=1, size=1, wait=True, start=0):
        sensor = Device(self.store, "sensor-1")
        ids = [f"m-{start + n}" for n in range(count)]
        for id_ in ids:
            sensor.send(sensor.event("Measured", id_, {"fill": "x" * size}),
                        "telemetry")
        if wait:
            sensor.wait_accepted(ids)
        sensor.close()

    def run(self):
        with self.make() as self.store:
            self.play()
            self.told_in_turn()
        return self

    def told_in_turn(self):
        """However much it changes, the log has a line a second of it at most,
        each with how many changes it stands for."""
        lines = re.findall(r"(?m)^(\S+Z) \w+ +verdict changes=([1-9]\d*) ",
                           self.store.gateway.log())
        assert len(lines) == self.store.gateway.log().count("verdict changes=")
        times = [datetime.datetime.fromisoformat(when.replace("Z", "+00:00"))
                 for when, _ in lines]
        for before, after in zip(times, times[1:]):
            apart = abs((after - before).total_seconds())
            assert apart > 0.95, (before, after)

    def make(self):
        return Store()

    def link(self, name="orders"):
        return self.store.gateway.stream(name)["link"]


class CloudCase(Case):
    """The line and the service behind it."""

    def play(self):
        self.store.gateway.start().wait_up()
        self.sell("first")
        self.store.gateway.wait_synced()
        faults = self.store.cloud.faults

        faults(offline=True)
        self.sell("offline")
        reason = self.provoked("cloud-offline", "orders")
        assert "wait" in reason["text"], reason
        faults(offline=False)
        self.cured("cloud-offline", "orders")

        authorities = pathlib.Path(self.store.cloud.ca_path)
        good = authorities.read_bytes()
        authorities.write_bytes(b"")
        reason = self.provoked("ca-file-unusable")
        assert str(authorities) in reason["text"], reason
        authorities.write_bytes(good)
        self.cured("ca-file-unusable")

        faults(throttle=1)
        self.sell("throttled")
        self.provoked("cloud-throttled", "orders")
        assert self.link() == "throttled"
        faults(throttle=0)
        self.cured("cloud-throttled", "orders")
        self.store.gateway.wait_synced()

        faults(refuse="ExpiredTokenException")
        self.sell("expired")
        self.provoked("credentials-expired", "orders")
        faults(refuse="UnrecognizedClientException")
        reason = self.provoked("cloud-refused", "orders")
        assert "Unrecognized" in reason["text"], reason
        faults(refuse="")
        self.cured("cloud-refused", "orders")
        self.store.gateway.wait_synced()

        faults(partial_failure={"every": 1, "code": "NotAuthorizedForSource"})
        self.sell("held")
        reason = self.provoked("sink-denies-all", "orders")
        assert "NotAuthorized" in reason["text"], reason
        faults(partial_failure=0)
        self.cured("sink-denies-all", "orders")
        assert not self.store.gateway.status()["dead"]["letters"]


class ClockCase(Case):
    """A box whose clock stood still, and one that was offline for a day."""

    def make(self):
        self.shift = pathlib.Path(tempfile.mkstemp(prefix="edge-shift-")[1])
        self.shift.write_text(str(-int(time.time()) + 3600))
        return Store(environment={"LD_PRELOAD": str(SHIM),
                                  "EDGE_CLOCK_SHIFT": str(self.shift)})

    def play(self):
        self.store.cloud.faults(offline=True)
        self.store.gateway.start().wait_up()
        reason = self.provoked("clock-unset")
        assert "before 2025" in reason["text"], reason
        self.shift.write_text("0")
        self.cured("clock-unset")
        self.shift.write_text(str(-DAY_S - 7200))
        self.sell("yesterday")
        self.shift.write_text("0")
        reason = self.provoked("backlog-old", "orders")
        assert "26 h" in reason["text"], reason
        self.store.cloud.faults(offline=False)
        self.cured("backlog-old", "orders")
        self.shift.unlink()


class BrokerCase(Case):
    """The gateway's broker does not come back; the accounts are damaged; and the
    page's port is taken."""

    def make(self):
        store = Store(cloud=False)
        self.gate = store.folder / "gate"
        program = store.folder / "broker.sh"
        program.write_text(f"#!/bin/sh\n[ ! -e {self.gate} ] || exit 3\n"
                           'exec /usr/sbin/mosquitto "$@"\n')
        program.chmod(0o755)
        store.config_path.write_text(store.config_path.read_text().replace(
            "mode: embedded,", f"mode: embedded, program: {program},"))
        return store

    def play(self):
        self.store.gateway.start().wait_up()
        self.broker_down()
        self.accounts_damaged()
        self.page_away()

    def accounts_damaged(self):
        accounts = self.store.folder / "data/identity/current/accounts"
        good = accounts.read_bytes()
        accounts.write_bytes(good[:-1] + b"?")
        self.store.gateway.process.send_signal(signal.SIGHUP)
        reason = self.provoked("accounts-damaged")
        assert "identity/current/accounts" in reason["text"], reason
        accounts.write_bytes(good)
        self.store.gateway.process.send_signal(signal.SIGHUP)
        self.cured("accounts-damaged")

    def broker_down(self):
        self.gate.write_text("")
        pid = re.findall(r"up pid=(\d+)", self.store.gateway.log())[-1]
        os.kill(int(pid), signal.SIGKILL)
        reason = self.provoked("broker-closed")
        assert not reason["restart_helps"], reason
        self.gate.unlink()
        self.cured("broker-closed")

    def page_away(self):
        self.store.gateway.stop()
        with socket.socket() as other:
            other.bind(("127.0.0.1", self.store.page_port))
            self.store.gateway.start().wait_up()
            self.provoked("page-away")
        self.cured("page-away")


class SiteCase(Case):
    """The site's broker goes away."""

    def make(self):
        self.broker = External()
        return Store(cloud=False, broker_address=self.broker.port)

    def play(self):
        with self.broker:
            self.store.gateway.start().wait_up()
            self.broker.process.kill()
            self.broker.process.wait()
            self.provoked("broker-unreachable")
            self.broker.start()
            self.cured("broker-unreachable")


class DropsCase(Case):
    """A client that is away, and more for it than the broker keeps; and a device
    of another store, which nobody hears. (A condition
    of what happened stays for ten minutes: nobody waits for its end here.)"""

    def make(self):
        return Store(cloud=False)

    def play(self):
        self.store.accounts.add("away", topics=["large/#"])
        self.store.accounts.add("loud", topics=["large/#"])
        self.store.gateway.start().wait_up()
        away = self.store.client("away", clean_session=False)
        heard = threading.Event()
        away.on_subscribe = lambda *_: heard.set()
        away.connect("127.0.0.1", self.store.broker_port)
        away.loop_start()
        away.subscribe("large/#", 1)
        assert heard.wait(LATE_S)
        away.disconnect()
        away.loop_stop()
        loud = self.store.client("loud")
        loud.connect("127.0.0.1", self.store.broker_port)
        loud.loop_start()
        for _ in range(80):
            loud.publish("large/one", b"x" * 1024 * 1024,
                         qos=1).wait_for_publish(LATE_S)
        reason = self.provoked("broker-drops")
        assert "has dropped" in reason["text"], reason
        loud.publish("shopme/another/loud/orders", "{}", qos=1)
        self.provoked("topic-unknown")
        loud.disconnect()
        loud.loop_stop()


class TwinCase(Case):
    """Two boxes of one image at the site's broker."""

    def make(self):
        self.broker = External()
        return Store(cloud=False, broker_address=self.broker.port)

    def play(self):
        with self.broker:
            self.store.gateway.start().wait_up()
            self.store.gateway.stop()
            clone = self.store.folder / "clone"
            shutil.copytree(self.store.folder / "data", clone, symlinks=True)
            config = self.store.folder / "clone.yaml"
            config.write_text(
                self.store.config_path.read_text()
                .replace(f"{self.store.folder}/data", str(clone))
                .replace(f"127.0.0.1:{self.store.page_port}",
                         f"127.0.0.1:{free_port()}"))
            twin = subprocess.Popen(
                [EDGE, "run", "--config", config], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env=os.environ | self.store.cloud.environment)
            try:
                self.store.gateway.start()
                reason = self.provoked("broker-takeover")
                assert "another gateway" in reason["text"], reason
            finally:
                twin.terminate()
                twin.wait(LATE_S)


class RoomCase(Case):
    """The cloud is away, and the journal fills, first slowly, then at once."""

    def make(self):
        return Store(telemetry="capacity: 32 MiB, keep: 0,")

    def play(self):
        self.store.gateway.start().wait_up()
        self.measure()
        self.store.gateway.wait_synced()
        self.store.cloud.faults(offline=True)
        self.feed_until_short()
        self.fill()
        self.provoked("stream-full", "telemetry")
        self.store.cloud.faults(offline=False)
        self.cured("stream-full", "telemetry")
        self.store.gateway.wait_synced(120)
        self.cured("room-short", "telemetry")

    def feed_until_short(self):
        """Some 100 KB a second fill 32 MiB in minutes."""
        over = threading.Event()

        def feed():
            count = 1
            while not over.wait(0.5):
                self.measure(1, 50_000, start=count)
                count += 1

        feeder = threading.Thread(target=feed)
        feeder.start()
        try:
            reason = self.provoked("room-short", "telemetry")
            assert "full in" in reason["text"], reason
            forecast = self.store.gateway.stream("telemetry")["forecast"]
            assert forecast["bytes_in_per_s"] > 1000, forecast
            assert 0 <= forecast["full_in_s"] < DAY_S, forecast
        finally:
            over.set()
            feeder.join()

    def fill(self):
        sensor = Device(self.store, "sensor-2")
        for n in range(260):
            sensor.send(sensor.event("Measured", f"b-{n}",
                                     {"fill": "x" * 150_000}), "telemetry")
        wait_for("it is full", lambda: self.store.gateway.stream(
            "telemetry")["full"], LATE_S)
        sensor.close()


class DiskCase(Case):
    """A commit hangs: no restart can help, so none is asked for."""

    def make(self):
        self.control = pathlib.Path(tempfile.mkdtemp(prefix="edge-stuck-"),
                                    "stuck")
        return Store(environment={"LD_PRELOAD": str(SHIM),
                                  "EDGE_SYNC_STUCK": str(self.control)})

    def play(self):
        self.store.gateway.start().wait_up()
        self.sell("first")
        process = self.store.gateway.process
        self.control.write_text("/data/orders/0")
        till = Device(self.store, "till-2")
        till.send(till.order("stuck"))
        began = time.monotonic()
        reason = self.provoked("disk-hangs", "orders")
        assert time.monotonic() - began >= HANGS_S - 1
        assert "a commit has waited" in reason["text"], reason
        self.control.unlink()
        self.cured("disk-hangs", "orders")
        till.wait_accepted(["e-stuck"])
        till.close()
        assert process.poll() is None


class DamageCase(Case):
    """The disk has lost a frame in the middle."""

    def play(self):
        self.store.gateway.start().wait_up()
        for n in range(5):
            self.sell(f"order-{n}")
        self.store.gateway.stop(signal.SIGKILL)
        Journal(self.store, "orders").rot_frame_of(2)
        self.store.gateway.start().wait_up()
        reason = self.provoked("journal-damaged", "orders")
        assert "has lost" in reason["text"], reason


class LogCase(Case):
    """Nobody reads standard error; when somebody does, it stands there, too."""

    def make(self):
        return Store(cloud=False)

    def play(self):
        out, into = os.pipe()
        self.store.gateway.log_path.write_text("")
        self.store.gateway.process = subprocess.Popen(
            [EDGE, "run", "--config", self.store.config_path],
            stdin=subprocess.DEVNULL, stderr=into,
            env=os.environ | self.store.cloud.environment)
        os.close(into)
        self.store.gateway.wait_up()
        self.flood()
        text = []

        def read():
            with os.fdopen(out, "rb") as pipe:
                for line in pipe:
                    text.append(line.decode(errors="replace"))

        threading.Thread(target=read, daemon=True).start()
        self.provoked("log-drops", log=lambda: "".join(text))
        self.store.gateway.stop()

    def flood(self):
        """More lines than pipe and buffer hold: each SIGHUP names keys that need
        a restart."""
        config = self.store.config_path
        text = config.read_text()
        for key, value in (("store", "other"), ("region", "eu-west-1")):
            text = re.sub(rf"{key}: .*", f"{key}: {value}", text)
        config.write_text(text + "free_floor: 1 MiB\nevent_bytes_max: 16 KiB\n")

        def dropped():
            for _ in range(50):
                self.store.gateway.process.send_signal(signal.SIGHUP)
                time.sleep(0.004)
            verdict = self.store.gateway.status()["verdict"]
            return any(r["code"] == "log-drops" for r in verdict["reasons"])

        wait_for("lines are dropped", dropped, LATE_S, 0)


class RepeatCase(Case):
    """A till whose window has turned over sends again what it sent first."""

    def play(self):
        self.store.gateway.start().wait_up()
        till = Device(self.store, "till-1")
        began = time.time() - 3600
        events = []
        for n in range(WINDOW + 100):
            event = till.event("OrderCancelRequested", f"c-{n}",
                               {"orderId": "none"})
            stamp = time.gmtime(began + n // 1000)
            event["time"] = (time.strftime("%Y-%m-%dT%H:%M:%S", stamp)
                             + f".{n % 1000:03d}Z")
            events.append(event)
        for event in events:
            till.send(event)
        till.wait_accepted([event["id"] for event in events], LATE_S)
        till.send(events[-1])  # is remembered
        till.send(events[0])
        wait_for("the refusal", lambda: till.rejected, LATE_S)
        assert "too old to tell" in till.rejected[0]["reason"], till.rejected
        assert len(till.rejected) == 1, till.rejected
        till.close()
        reason = self.provoked("events-too-old", "orders")
        assert reason["text"].startswith("1 event was refused"), reason


class SilentCase(Case):
    """Devices with an account that say nothing; from a reload on it matters."""

    def make(self):
        return Store(cloud=False)

    def configure(self, silent_after):
        path = self.store.config_path
        text = re.sub(r"mode: embedded,( silent_after: \w+,)?",
                      f"mode: embedded, silent_after: {silent_after},",
                      path.read_text())
        path.write_text(text)

    def play(self):
        for name in ("till-1", "till-2"):
            self.store.accounts.add(name)
        self.configure("0")
        self.store.gateway.start().wait_up()
        time.sleep(2)
        assert "device-silent" not in json.dumps(self.store.gateway.status())
        self.configure("2s")
        self.store.gateway.process.send_signal(signal.SIGHUP)
        reason = self.provoked("device-silent")
        assert ("from 2 of 2 devices: till-1, till-2" in reason["text"]
                ), reason
        with self.speaking("till-1"):
            wait_for("only till-2 is silent", lambda: any(
                "1 of 2 devices: till-2" in reason["text"] for reason in
                self.store.gateway.status()["verdict"]["reasons"]), LATE_S)
            with self.speaking("till-2"):
                self.cured("device-silent")
        self.provoked("device-silent")

    @contextlib.contextmanager
    def speaking(self, name):
        client = self.store.client(name)
        client.connect("127.0.0.1", self.store.broker_port)
        client.loop_start()
        over = threading.Event()

        def speak():
            while not over.wait(0.2):  # rejected, but it speaks
                client.publish(f"shopme/s1/{name}/orders", "{}", qos=1)

        speaker = threading.Thread(target=speak)
        speaker.start()
        try:
            yield
        finally:
            over.set()
            speaker.join()
            client.disconnect()
            client.loop_stop()


class DoorCase(Case):
    """Files of TLS that are not there, and accounts that cannot be read."""

    def make(self):
        store = Store(cloud=False)
        store.config_path.write_text(store.config_path.read_text().replace(
            f'listen: "127.0.0.1:{store.broker_port}"',
            f'listen: [{{address: "127.0.0.1:{store.broker_port}", anonymous: '
            f'true}}, {{address: "127.0.0.1:{free_port()}", tls: true}}]'))
        return store

    def play(self):
        self.store.accounts.add("till-2")
        self.store.gateway.start().wait_up()
        reason = self.provoked("tls-unusable")
        assert "server.pem" in reason["text"], reason
        pki = ("pki", "--config", self.store.config_path)
        for words in (("init",), ("server", "--dns", "localhost")):
            done = subprocess.run([EDGE, *pki[:1], *words, *pki[1:]],
                                  capture_output=True, text=True, check=False,
                                  stdin=subprocess.DEVNULL)
            assert done.returncode == 0, (words, done.stderr)
        self.store.gateway.process.send_signal(signal.SIGHUP)
        self.cured("tls-unusable")
        accounts = self.store.folder / "data/identity/current/accounts"
        good = accounts.read_text()
        accounts.write_text("damaged\n")
        self.store.gateway.process.send_signal(signal.SIGHUP)
        self.provoked("accounts-damaged")
        accounts.write_text(good)
        self.store.gateway.process.send_signal(signal.SIGHUP)
        self.cured("accounts-damaged")


CASES = [CloudCase, ClockCase, BrokerCase, SiteCase, DropsCase, TwinCase,
         RoomCase, DiskCase, DamageCase, LogCase, RepeatCase,
         SilentCase, DoorCase, make_tls_case(Case), make_dead_case(Case)]


class VerdictTest(unittest.TestCase):
    def test_each_condition_everywhere(self):
        with concurrent.futures.ThreadPoolExecutor(len(CASES)) as pool:
            runs = {case.__name__: pool.submit(case().run) for case in CASES}
            seen, problems = set(), []
            for name, run in runs.items():
                try:
                    seen |= run.result().seen
                except Exception as error:  # all of them, by name
                    problems.append(f"{name}: {error!r}")
        self.assertEqual([], problems)
        self.assertEqual(seen | ELSEWHERE, set(conditions()))
        print(f"figure: {len(seen)} of {len(conditions())} conditions provoked, "
              "each seen in and gone from the API, status, /healthz, metrics, "
              "log")

    def test_nobody_waits_after_an_outage(self):
        """After an outage the stream of lower priority drains beside the higher,
        which is slow to answer: it is never shown as waiting, nor with the words
        of the outage once it is online."""
        with Store() as store:
            gateway = store.gateway.start().wait_up()
            store.cloud.faults(offline=True)
            till = Device(store, "till-1")
            ids = [f"o-{n}" for n in range(400)]
            for id_ in ids:
                till.send(till.order(id_, id_))
            till.wait_accepted(ids)
            till.close()
            sensor = Device(store, "sensor-1")
            sensor.send(sensor.event("Measured", "m", {}), "telemetry")
            sensor.wait_accepted(["m"])
            wait_for("both are offline", lambda: all(
                s["link"] == "offline" for s in gateway.status()["streams"]))
            store.cloud.faults(offline=False, latency_ms=60)
            seen = []
            while not seen or seen[-1][1] > 0:
                orders, telemetry = gateway.status()["streams"]
                seen.append((telemetry["link"], orders["backlog"],
                             telemetry["last_error"]))
                sensor.send(sensor.event("Measured", f"m-{len(seen)}", {}),
                            "telemetry")
                time.sleep(0.05)
            sensor.close()
            links = collections.Counter(link for link, _, _ in seen)
            self.assertLessEqual(set(links), {"offline", "online"})
            self.assertEqual(
                {error for link, _, error in seen if link == "online"},
                {""} if links["online"] else set())
            gateway.wait_synced()
            wait_for("it is online", lambda: gateway.stream(
                "telemetry")["link"] == "online")
            print(f"figure: beside a drain of orders {dict(links)}")

    def test_a_start_is_no_alarm(self):
        """From the start until all is well no verdict is logged, though it is
        given to who asks."""
        with Store() as store:
            store.gateway.start().wait_up()
            self.assertEqual(last_verdict(store.gateway.log()), [])
            self.assertNotIn("verdict changes", store.gateway.log())
            done = subprocess.run(
                [EDGE, "status", "--json", "--config", store.config_path],
                capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertEqual(json.loads(done.stdout)["verdict"]["level"], "ok")


if __name__ == "__main__":
    unittest.main(verbosity=2)

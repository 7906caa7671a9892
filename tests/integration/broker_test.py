# SPDX-License-Identifier: Apache-2.0
"""The store's broker is Mosquitto, a program of somebody else's: its files, its
port, its other clients, and what it drops. Whatever is wrong with them, the
gateway goes on, says so, and no device is told that an event was taken which
nobody has. The real Mosquitto in all of them."""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from edge import (Device, Gateway, Store, can_connect, free_port, mqtt,
                  wait_for)
from verdict_places import seen_everywhere

SEED = int(os.environ.get("EDGE_SEED", random.randrange(1 << 32)))
MOSQUITTO = "/usr/sbin/mosquitto"


def setUpModule():
    print(f"seed {SEED} (EDGE_SEED={SEED} repeats it)", flush=True)


def broker_pid(gateway):
    """The newest broker's, of the log; None before the first."""
    found = re.findall(r" broker (?:up|closed) pid=(\d+)", gateway.log())
    return int(found[-1]) if found else None


def broker_of(gateway):
    return (gateway.status() or {}).get("broker")


def lines(gateway, words):
    return [line for line in gateway.log().splitlines() if words in line]


class Hammer:
    """A device that connects as soon as somebody listens, and publishes at QoS 1
    without a pause. It knows of each event when the broker acknowledged it."""

    def __init__(self, store, name="hammer"):
        self.store, self.name = store, name
        self.acked = {}  # id -> monotonic time
        self.sent = {}   # message id -> id
        self.early = {}  # message id -> time: acknowledged before it stood there
        self.count = 0
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _on_publish(self, _client, _self, mid):
        with self.lock:
            id_ = self.sent.pop(mid, None)
            if id_ is None:
                self.early[mid] = time.monotonic()
            else:
                self.acked[id_] = time.monotonic()

    def _event(self):
        self.count += 1
        id_ = f"e-{self.count}"
        return id_, json.dumps(
            {"specversion": "1.0", "type": "Reading", "id": id_,
             "source": f"/{self.store.name}/{self.name}", "data": 1})

    def _publish(self, client):
        topic = f"shopme/{self.store.name}/{self.name}/telemetry"
        while not self.stopping.is_set() and client.is_connected():
            if len(self.sent) >= 50:
                time.sleep(0.001)
                continue
            id_, payload = self._event()
            mid = client.publish(topic, payload, qos=1).mid
            with self.lock:  # (paho calls back under a lock of its own)
                if mid in self.early:
                    self.acked[id_] = self.early.pop(mid)
                else:
                    self.sent[mid] = id_
            time.sleep(0.0005)

    def _run(self):
        while not self.stopping.is_set():
            client = mqtt.Client(client_id=self.name, clean_session=True)
            client.on_publish = self._on_publish
            try:
                client.connect("127.0.0.1", self.store.broker_port)
            except OSError:
                time.sleep(0.001)
                continue
            client.loop_start()
            end = time.monotonic() + 2
            while not client.is_connected() and time.monotonic() < end:
                time.sleep(0.001)
            self._publish(client)
            time.sleep(0.1)
            client.disconnect()
            client.loop_stop()
            with self.lock:
                self.sent.clear()
                self.early.clear()

    def stop(self):
        """The ids that were acknowledged, with their times."""
        time.sleep(0.3)
        self.stopping.set()
        self.thread.join()
        return dict(self.acked)


class Sessions(unittest.TestCase):
    """No event is acknowledged by a broker that has nobody to give it to."""

    def journal_ids(self, store):
        """What a stopped gateway has of the hammer."""
        done = subprocess.run(
            [store.gateway.program, "journal", "cat", "--config",
             store.config_path, "--stream", "telemetry"],
            capture_output=True, text=True, timeout=60, check=False)
        ids = re.findall(r'"id": ?"(e-\d+)"', done.stdout)
        self.assertTrue(ids, done.stderr)
        return set(ids)

    def assert_none_lost(self, store, acked, since=0):
        lost = [id_ for id_, at in acked.items()
                if at >= since and id_ not in self.ids]
        counted = sum(at >= since for at in acked.values())
        print(f"figure: lost {len(lost)} of {counted}", flush=True)
        self.assertGreater(counted, 50)
        self.assertEqual(lost, [])

    def run_hammered(self, store, meanwhile=lambda _: None):
        """A start with a device that was there first; what was acknowledged."""
        hammer = Hammer(store)
        time.sleep(0.05)
        try:
            store.gateway.start().wait_up()
            wait_for("the device is heard", lambda: len(hammer.acked) > 100)
            meanwhile(hammer)
        finally:
            acked = hammer.stop()
        wait_for("the journal has what arrived", self.at_rest(store))
        store.gateway.stop()
        self.ids = self.journal_ids(store)
        return acked

    def at_rest(self, store):
        seen = []

        def rests():
            stream = store.gateway.stream("telemetry")
            seen.append(stream and stream["received"])
            time.sleep(0.2)
            return len(seen) > 1 and seen[-1] is not None \
                and seen[-1] == seen[-2]
        return rests

    def test_a_first_start(self):
        with Store(cloud=False) as store:
            acked = self.run_hammered(store)
            self.assert_none_lost(store, acked)
            self.assertEqual(len(lines(store.gateway, "broker closed")), 1)
            self.assertEqual(lines(store.gateway, "session lost"), [])
            # And the second start has its sessions: it opens at once.
            store.gateway.start().wait_up()
            self.assertEqual(len(lines(store.gateway, "broker closed")), 1)
            self.assertEqual(lines(store.gateway, "session lost"), [])
            self.assertEqual(broker_of(store.gateway)["restarts"], 0)

    def test_what_it_saved_is_gone_or_damaged(self):
        """Removed by hand, cut: the next start has no sessions either."""
        for damage in (lambda path: path.unlink(),
                       lambda path: path.write_bytes(b""),
                       lambda path: os.truncate(path, 100)):
            with Store(cloud=False) as store:
                store.gateway.start().wait_up()
                store.gateway.stop()
                damage(store.folder / "data/broker/mosquitto.db")
                acked = self.run_hammered(store)
                self.assert_none_lost(store, acked)
                self.assertEqual(len(lines(store.gateway, "broker closed")), 2)

    def test_a_broker_that_forgets_what_it_saved_is_noticed(self):
        """Removed between the look at its file and its start."""
        with Store(cloud=False) as store:
            store.gateway.start().wait_up()
            store.gateway.stop()
            program = store.folder / "forgetful"
            program.write_text(
                f"#!/bin/sh\nrm {store.folder}/data/broker/mosquitto.db\n"
                f'exec {MOSQUITTO} "$@"\n')
            program.chmod(0o755)
            store.config_path.write_text(store.config_path.read_text().replace(
                "broker: {", f"broker: {{program: {program}, "))
            store.gateway.start().wait_up()
            self.assertEqual(len(lines(store.gateway, "session lost topic")), 2)

    def test_a_stream_is_added(self):
        with Store(cloud=False) as store:
            before = store.config_path.read_text()
            self.assertIn("{name: telemetry", before)
            store.config_path.write_text(re.sub(
                r"  - \{name: telemetry.*\n", "", before))
            store.gateway.start().wait_up()
            store.gateway.stop()
            store.config_path.write_text(before)
            acked = self.run_hammered(store)
            self.assert_none_lost(store, acked)
            self.assertEqual(len(lines(store.gateway, "broker closed")), 2)

    def test_sessions_that_nobody_needs_are_ended(self):
        """Of the box that the data came from, and of a stream that is no more:
        the broker would keep every event for them, 64 MiB each, for a week."""
        with Store(cloud=False) as store:
            db = store.folder / "data/broker/mosquitto.db"
            saved = lambda: set(re.findall(  # noqa: E731
                rb"shopme-edge-[0-9a-f-]+", db.read_bytes()))
            store.gateway.start().wait_up()
            store.gateway.stop()
            ours = saved()
            self.assertEqual(len(ours), 2)
            # As another box has left it: a session under another suffix.
            box = store.folder / "data/box.id"
            text = box.read_text()
            box.write_text(re.sub("suffix .*", "suffix -", text))
            store.gateway.start().wait_up()
            wait_for("they are ended", lambda: len(lines(
                store.gateway, "broker ends_session client=")) >= 2)
            time.sleep(1)
            store.gateway.stop()
            theirs = saved()
            self.assertEqual(len(theirs), 2)
            self.assertEqual(ours & theirs, set())
            # A stream that is gone.
            config = store.config_path.read_text()
            store.config_path.write_text(re.sub(
                r"  - \{name: telemetry.*\n", "", config))
            store.gateway.log_path.write_text("")
            store.gateway.start().wait_up()
            time.sleep(1)
            self.assertEqual(len(lines(store.gateway, "ends_session")), 1)
            device = Device(store, "till-1")
            device.send(device.order("o-1"))
            device.wait_accepted(["e-o-1"])
            device.close()
            store.gateway.stop()
            self.assertEqual(len(saved()), 1)
            self.assertEqual(saved() & theirs, saved())

    def test_the_broker_is_killed_right_after_its_first_start(self):
        """What it had in its memory goes with it; but its sessions were saved,
        so what it acknowledges from the next start on is not lost."""
        killed = []

        def kill(hammer):
            pid = broker_pid(store.gateway)
            os.kill(pid, signal.SIGKILL)
            killed.append(time.monotonic())
            wait_for("it is another one",
                     lambda: broker_pid(store.gateway) != pid)
            wait_for("the device is heard again", lambda: sum(
                at > killed[0] for at in list(hammer.acked.values())) > 200)

        with Store(cloud=False) as store:
            acked = self.run_hammered(store, kill)
            self.assert_none_lost(store, acked, since=killed[0] + 0.005)
            self.assertEqual(len(lines(store.gateway, "broker closed")), 1)

    def test_a_full_stream_does_not_keep_it_closed(self):
        """What waits for it at the broker is not read, and so neither is the
        broker's answer. The other streams sell."""
        added = "  - {name: alerts}\n"
        with Store(cloud=False, streams=added, telemetry="capacity: 32 MiB, "
                   "when_full: reject,") as store:
            config = store.config_path.read_text()
            store.config_path.write_text(config.replace(added, ""))
            store.gateway.start().wait_up()
            device = Device(store, "till-1")
            event = {"specversion": "1.0", "type": "R", "source": "/s1/till-1",
                     "data": "x" * 250000}
            sent = 0
            while not store.gateway.stream("telemetry")["full"]:
                for _ in range(10):
                    sent += 1
                    device.send(event | {"id": f"t-{sent}"}, "telemetry")
                time.sleep(0.05)
            for number in range(100):  # more than it could still take
                device.send(event | {"id": f"w-{number}"}, "telemetry")
            device.client.publish("a/b", "", 1).wait_for_publish(30)
            device.close()
            store.gateway.stop()
            store.config_path.write_text(config)
            store.gateway.start()
            wait_for("the broker is open", lambda: can_connect(
                store.broker_port), 30)
            self.assertEqual(len(lines(store.gateway, "broker closed")), 2)
            device = Device(store, "till-1")
            device.send(device.order("o-1"))
            device.wait_accepted(["e-o-1"])
            self.assertTrue(store.gateway.stream("telemetry")["full"])
            device.close()

    def test_a_closed_broker_is_killed(self):
        """Before its sessions were saved: it starts closed again."""
        with Store(cloud=False) as store:
            hammer = Hammer(store)
            chance = random.Random(SEED)
            try:
                store.gateway.start()
                for _ in range(5):
                    before = broker_pid(store.gateway)
                    wait_for("a broker", lambda: broker_pid(store.gateway)
                             not in (None, before), every=0.001)
                    time.sleep(chance.random() * 0.02)
                    try:
                        os.kill(broker_pid(store.gateway), signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                killed = time.monotonic()
                store.gateway.wait_up()
                wait_for("the device is heard", lambda: len(hammer.acked) > 100)
                time.sleep(1)
            finally:
                acked = hammer.stop()
            wait_for("the journal has what arrived", self.at_rest(store))
            store.gateway.stop()
            self.ids = self.journal_ids(store)
            self.assert_none_lost(store, acked, since=killed + 0.005)

    def test_the_gateway_is_killed_in_its_first_start(self):
        with Store(cloud=False) as store:
            chance = random.Random(SEED)
            for _ in range(5):
                store.gateway.start()
                time.sleep(chance.random() * 0.15)
                store.gateway.stop(signal.SIGKILL)
            acked = self.run_hammered(store)
            self.assert_none_lost(store, acked)


class Files(unittest.TestCase):
    """A file of the broker's that it cannot use is set aside by name."""

    def setUp(self):
        self.store = self.enterContext(Store(cloud=False)) \
            if hasattr(self, "enterContext") else None
        if self.store is None:
            self.store = Store(cloud=False)
            self.addCleanup(self.store.__exit__, None, None, None)
        self.folder = self.store.folder / "data/broker"
        self.db = self.folder / "mosquitto.db"

    def used(self):
        """A store that was up, with something to keep: two sessions, a
        subscription of a device's, a retained message."""
        if "keeps" not in self.store.accounts.devices:
            self.store.accounts.add("keeps", topics=["a/#"])
        self.store.gateway.start().wait_up()
        device = self.store.client("keeps", clean_session=False)
        device.connect("127.0.0.1", self.store.broker_port)
        device.loop_start()
        device.subscribe("shopme/s1/keeps/receipts", 1)
        device.publish("a/b", "x" * 100, 1, True).wait_for_publish()
        device.disconnect()
        device.loop_stop()
        self.store.gateway.stop()
        return self.db.read_bytes()

    def comes_up(self):
        self.store.gateway.start().wait_up(30)
        self.assertTrue(can_connect(self.store.broker_port))
        self.assertTrue(broker_of(self.store.gateway)["up"])
        status = broker_of(self.store.gateway)
        self.store.gateway.stop()
        return status

    def aside(self):
        return sorted(p.name for p in self.folder.iterdir()
                      if ".bad-" in p.name)

    def test_cut_or_flipped_anywhere(self):
        good = self.used()
        chance = random.Random(SEED)
        broken = [good[:n] for n in chance.sample(range(1, len(good)), 8)]
        broken += [good[:5], good[:-1]]
        for at in [0, 20, 22] + chance.sample(range(len(good)), 12):
            flipped = bytearray(good)
            flipped[at] ^= 1 << chance.randrange(8)
            broken.append(bytes(flipped))
        for damaged in broken:
            self.db.write_bytes(damaged)
            status = self.comes_up()
            if status["set_aside"]:
                kept = pathlib.Path(status["set_aside"])
                self.assertEqual(kept.read_bytes(), damaged)
                self.assertRegex(kept.name, r"^mosquitto\.db\.bad-\d+$")
        self.assertIn("set_aside file=", self.store.gateway.log())
        self.assertEqual(len(self.aside()), 3)  # the newest

    def test_the_verdict_names_it(self):
        self.used()
        os.truncate(self.db, 30)
        self.store.gateway.start().wait_up()
        reason = seen_everywhere(self.store, "broker-file-aside")
        self.assertIn(f"{self.db}.bad-1", reason["text"])

    def test_only_mosquitto_can_tell(self):
        """Its frame is right, its content is not: Mosquitto does not start with
        it, which nothing but the attempt can find out."""
        good = self.used()
        # A retained message's chunk with an id of no length and no topic.
        damaged = bytearray(good)
        at = good.index(b"\x00\x00\x00\x02\x00\x00")  # a stored message
        damaged[at + 8 + 20:at + 8 + 24] = b"\x7f\xff\xff\xff"
        damaged[23 + 8:23 + 9] = b"\xee"
        damaged[39:40] = b"\x00"
        self.db.write_bytes(bytes(damaged))
        status = self.comes_up()
        self.assertIn("mosquitto.db.bad-", status["set_aside"])
        self.assertIn("the broker does not start with it",
                      self.store.gateway.log())

    def test_a_broker_that_starts_with_nothing_gets_its_file_back(self):
        """What keeps it from starting is not the file: it is not lost."""
        good = self.used()
        program = self.store.folder / "broken"
        program.write_text("#!/bin/sh\necho it is broken >&2\nexit 3\n")
        program.chmod(0o755)
        config = self.store.config_path.read_text()
        self.store.config_path.write_text(config.replace(
            "broker: {", f"broker: {{program: {program}, "))
        self.store.gateway.start()
        wait_for("it was tried and put back",
                 lambda: "put_back file=" in self.store.gateway.log())
        wait_for("status says why", lambda: "it is broken" in
                 broker_of(self.store.gateway)["reason"])
        self.assertIs(self.store.gateway.status()["healthy"], False)
        self.store.gateway.stop()
        self.assertEqual(self.db.read_bytes(), good)
        self.store.config_path.write_text(config)
        self.store.gateway.log_path.write_text("")
        self.comes_up()
        self.assertNotIn("broker closed", self.store.gateway.log())

    def test_what_it_cannot_save(self):
        """A full disk, a folder of another user's: it stays closed, and is
        tried again less and less often."""
        program = self.store.folder / "forgetful"
        program.write_text(
            f"#!/bin/sh\necho started >&2\n{MOSQUITTO} \"$@\" & pid=$!\n"
            f"trap 'kill $pid' TERM\nwait $pid; wait $pid\nrm -f {self.db}\n")
        program.chmod(0o755)
        self.store.config_path.write_text(
            self.store.config_path.read_text().replace(
                "broker: {", f"broker: {{program: {program}, "))
        self.store.gateway.start()
        wait_for("status says why", lambda: "cannot save its sessions" in
                 (broker_of(self.store.gateway) or {"reason": ""})["reason"])
        time.sleep(4)
        starts = len(lines(self.store.gateway, "mosquitto started"))
        self.assertGreaterEqual(starts, 3)
        self.assertLess(starts, 12)  # (it was 7 a second)
        self.assertEqual(len(lines(self.store.gateway,
                                   "cannot save its sessions")), 1)
        self.assertFalse(can_connect(self.store.broker_port))
        self.store.gateway.stop()

    def test_something_else_stands_there(self):
        """A file for the folder, folders for files, links that lead nowhere."""
        self.folder.parent.mkdir(exist_ok=True)
        self.folder.write_text("a file")
        self.comes_up()
        self.assertEqual((self.folder.parent / "broker.bad-1").read_text(),
                         "a file")
        for name in ("mosquitto.db", "mosquitto.db.new", "mosquitto.conf"):
            path = self.folder / name
            path.unlink(missing_ok=True)
            path.mkdir()
            (path / "within").write_text("kept")
            self.comes_up()
            self.assertEqual(
                (self.folder / f"{name}.bad-1/within").read_text(), "kept")
            self.assertTrue(self.db.is_file())
            if not path.is_dir():
                path.unlink(missing_ok=True)
            path.symlink_to(self.store.folder / "nowhere/at/all")
            self.comes_up()
            self.assertTrue((self.folder / f"{name}.bad-2").is_symlink())

    @unittest.skipUnless(os.geteuid() == 0, "only root may give files away")
    def test_another_user_s_files(self):
        """The gateway was once run as root: its database and configuration are
        not ours to read or write, but the folder is."""
        program = self.store.folder / "as-nobody"
        program.write_text("#!/bin/sh\nexec setpriv --reuid 65534 --regid 65534 "
                           f'--clear-groups {self.store.gateway.program} "$@"\n')
        program.chmod(0o755)
        os.chown(self.store.folder, 65534, 65534)
        self.store.gateway.program = program
        self.used()
        for path in (self.db, self.folder / "mosquitto.conf"):
            os.chown(path, 0, 0)
            path.chmod(0o600)
        status = self.comes_up()
        self.assertEqual(status["set_aside"], f"{self.db}.bad-1")
        self.assertIn("Permission denied", self.store.gateway.log())
        self.assertEqual(self.db.stat().st_uid, 65534)
        # And a folder that is not: said, and nothing else stands still.
        os.chown(self.folder, 0, 0)
        self.folder.chmod(0o700)
        self.store.gateway.start()
        wait_for("it says so", lambda: "Permission denied" in (
            broker_of(self.store.gateway) or {"reason": ""})["reason"])
        os.chown(self.folder, 65534, 65534)
        self.store.gateway.wait_up(15)

    def test_left_overs(self):
        """A half-saved file, and the sockets of processes that were killed."""
        self.used()
        (self.folder / "mosquitto.db.new").write_bytes(b"half")
        for number in range(20):
            (self.folder / f"{number}-1.sock").touch()
        self.comes_up()
        self.assertEqual(self.aside(), [])
        self.assertEqual(list(self.folder.glob("*.sock")), [])


class Neighbours(unittest.TestCase):
    def test_the_broker_has_none_of_the_gateway_s_secrets(self):
        secret = {"AWS_SECRET_ACCESS_KEY": "s3cr3t-of-the-cloud",
                  "AWS_SESSION_TOKEN": "t0ken-of-the-cloud",
                  "TZ": "Europe/Berlin"}
        with Store(cloud=False, environment=secret) as store:
            store.gateway.start().wait_up()
            pid = broker_pid(store.gateway)
            found = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
            names = {entry.split(b"=")[0] for entry in found.split(b"\0")
                     if entry}
            self.assertEqual(
                pathlib.Path(f"/proc/{pid}/comm").read_text(), "mosquitto\n")
            self.assertLessEqual(names, {b"PATH", b"TZ"})
            self.assertIn(b"TZ=Europe/Berlin", found)
            self.assertNotIn(b"cloud", found)

    def test_its_port_is_taken(self):
        """Debian's own broker, most likely. The gateway runs and says what to
        do, once; when the port is free it opens."""
        with Store(cloud=False) as store:
            with socket.socket() as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                other.bind(("127.0.0.1", store.broker_port))
                other.listen()
                store.gateway.start()
                status = wait_for("it says so", lambda: (
                    lambda s: s and "is taken" in s["broker"]["reason"] and s)(
                        store.gateway.status()))
                self.assertIs(status["broker"]["up"], False)
                self.assertIn("is taken", seen_everywhere(
                    store, "broker-closed")["text"])
                for words in (f"port {store.broker_port} on 127.0.0.1 is taken",
                              "sudo systemctl disable --now mosquitto",
                              "broker.listen", "broker.mode: external"):
                    self.assertIn(words, status["broker"]["reason"])
                wait_for("the log says so, later than an orphan would need",
                         lambda: lines(store.gateway, "is taken"), 20)
                time.sleep(6)  # longer than the longest wait between tries
                self.assertEqual(len(lines(store.gateway, "is taken")), 1)
            store.gateway.wait_up(15)
            self.assertEqual(broker_of(store.gateway)["reason"], "")

    def test_it_hangs(self):
        """It runs, and answers nobody: it is killed and started again, and the
        gateway goes on meanwhile."""
        with Store(cloud=False) as store:
            store.gateway.start().wait_up()
            pid = broker_pid(store.gateway)
            os.kill(pid, signal.SIGSTOP)
            try:
                wait_for("it is noticed", lambda: not broker_of(
                    store.gateway)["up"], 40)
                seen_everywhere(store, "broker-down")
                self.assertIn("the broker is silent", store.gateway.log())
                wait_for("it is another one", lambda: broker_pid(
                    store.gateway) != pid and broker_of(
                        store.gateway)["up"], 60)
            finally:
                if pathlib.Path(f"/proc/{pid}").exists():
                    os.kill(pid, signal.SIGKILL)
            self.assertEqual(len(lines(store.gateway, "broker hangs pid=")), 1)
            device = Device(store, "till-1")
            device.send(device.order("o-1"))
            device.wait_accepted(["e-o-1"])
            device.close()

    def test_an_address_that_the_machine_does_not_have(self):
        with Store(cloud=False) as store:
            store.config_path.write_text(store.config_path.read_text().replace(
                f'listen: "127.0.0.1:{store.broker_port}"',
                f'listen: [{{address: "192.0.2.1:{store.broker_port}"}}]'))
            store.gateway.start()
            wait_for("it says so", lambda: "cannot listen on 192.0.2.1" in
                     (broker_of(store.gateway) or {"reason": ""})["reason"])


class External:
    """A broker of the site's own."""

    def __init__(self, *extra):
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory()
        config = pathlib.Path(self.folder.name, "broker.conf")
        config.write_text("\n".join(
            (f"listener {self.port} 127.0.0.1", "allow_anonymous true",
             "max_queued_messages 0") + extra) + "\n")
        self.config = config
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [MOSQUITTO, "-c", self.config], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("the broker listens", lambda: can_connect(self.port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


class Dismissive:
    """A broker that takes every connection, and ends those of sessions at once
    with a reason of MQTT 5."""

    def __init__(self, reason):
        self.reason = reason
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,),
                             daemon=True).start()

    def _serve(self, connection):
        with connection:
            said = connection.recv(4096)  # a CONNECT; nothing from a probe
            connection.sendall(b"\x20\x03\x00\x00\x00")
            if said and not said[9] & 2:  # no clean start: a session
                connection.sendall(bytes((0xe0, 2, self.reason, 0)))
                connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass

    def close(self):
        self.listener.close()


class TwoBoxes(unittest.TestCase):
    def test_a_broker_that_says_why_it_hangs_up(self):
        """Is not another gateway, however often it does."""
        broker = Dismissive(0x97)
        self.addCleanup(broker.close)
        with Store(cloud=False, broker_address=broker.port) as store:
            store.gateway.start()
            wait_for("the log says why", lambda: lines(
                store.gateway, 'reason="Quota exceeded"'), 20)
            time.sleep(5)
            self.assertEqual(broker_of(store.gateway)["takeovers"], 0)
            self.assertEqual(lines(store.gateway, "contended"), [])

    def test_of_one_image(self):
        """The same journal and the same machine id at one broker: they take the
        session from each other less and less often, and both say so."""
        with External() as broker, \
                Store(cloud=False, broker_address=broker.port) as store:
            store.gateway.start().wait_up()
            device = Device(store, "till-1", broker.port)
            device.send(device.order("o-1"))
            device.wait_accepted(["e-o-1"])
            device.close()
            store.gateway.stop()
            clone = store.folder / "clone"
            shutil.copytree(store.folder / "data", clone, symlinks=True)
            config = store.folder / "clone.yaml"
            config.write_text(
                store.config_path.read_text()
                .replace(f"{store.folder}/data", str(clone))
                .replace(f"127.0.0.1:{store.page_port}",
                         f"127.0.0.1:{free_port()}"))
            other = subprocess.Popen(
                [store.gateway.program, "run", "--config", config],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=os.environ | store.cloud.environment)
            try:
                store.gateway.log_path.write_text("")
                store.gateway.start()
                wait_for("it says so", lambda: "copied" in (
                    broker_of(store.gateway) or {"reason": ""})["reason"])
                seen_everywhere(store, "broker-takeover")
                time.sleep(11)
                took = broker_of(store.gateway)["takeovers"]
                print(f"figure: {took} take-overs of two sessions", flush=True)
                self.assertGreaterEqual(took, 2)
                self.assertLess(took, 20)  # of both sessions; 220 it was
                self.assertLessEqual( # three and one for each session
                    len(lines(store.gateway, " mqtt ")), 8)
                self.assertEqual(
                    len(lines(store.gateway, "mqtt contended client")), 2)
            finally:
                other.terminate()
                other.wait(15)

    def test_of_one_store(self):
        """Two journals, one store, one broker: nobody takes a session over, and
        both sell each order. Each hears the other's receipts."""
        with External() as broker, \
                Store(cloud=False, broker_address=broker.port) as store, \
                Store(cloud=False, broker_address=broker.port) as other:
            store.gateway.start().wait_up()
            device = Device(store, "till-1", broker.port)
            ids = [f"o-{number}" for number in range(30)]
            for id_ in ids[:20]:
                device.send(device.order(id_, id_))
            device.wait_accepted(ids[:20])
            time.sleep(1.5)
            self.assertEqual(lines(store.gateway, "broker rival"), [])
            other.gateway.start().wait_up()
            for id_ in ids[20:]:
                device.send(device.order(id_, id_))
                time.sleep(0.05)
            wait_for("both say so", lambda: all(
                lines(s.gateway, "broker rival") for s in (store, other)))
            reason = seen_everywhere(other, "broker-takeover")
            self.assertIn("everything is done twice", reason["text"])
            self.assertEqual(broker_of(other.gateway)["takeovers"], 0)
            device.close()

    def test_an_older_installation_keeps_its_client_id(self):
        """Its session may hold events at the broker."""
        with Store(cloud=False) as store:
            store.gateway.start().wait_up()
            device = Device(store, "till-1")
            device.send(device.order("o-1"))
            device.wait_accepted(["e-o-1"])
            device.close()
            store.gateway.stop()
            box = store.folder / "data/box.id"
            self.assertRegex(box.read_text(), r"suffix [0-9a-f]{16}\n")
            box.unlink()
            for _ in range(2):
                store.gateway.start().wait_up()
                store.gateway.stop()
                self.assertIn("suffix -\n", box.read_text())
            # Another machine's: made anew.
            box.write_text(re.sub("machine .*", "machine " + 16 * "0",
                                  box.read_text()))
            store.gateway.start().wait_up()
            self.assertRegex(box.read_text(), r"suffix [0-9a-f]{16}\n")


class Watched(unittest.TestCase):
    def test_topics_that_no_stream_takes(self):
        with Store(cloud=False) as store:
            store.gateway.start().wait_up()
            device = Device(store, "till-1")
            for number in range(10):
                device.send(device.order(f"o-{number}"))
                for topic in ("shopme/s2/till-1/orders",
                              "shopme/s1/till-1/order",
                              'shopme/s1/till-1/orders/"x'):
                    device.client.publish(topic, "{}", qos=1)
            device.wait_accepted([f"e-o-{n}" for n in range(10)])
            wait_for("they are counted", lambda: broker_of(
                store.gateway)["foreign"] == 30)
            device.close()
            time.sleep(0.5)
            self.assertEqual(broker_of(store.gateway)["foreign"], 30)
            reason = seen_everywhere(store, "topic-unknown")
            self.assertIn("30 messages on a topic", reason["text"])
            said = lines(store.gateway, "no_stream topic=")
            self.assertEqual(len(said), 3, said)
            self.assertIn('topic="shopme/s2/+/orders"', said[0])
            self.assertIn("the store is s1", said[0])

    def test_many_kinds_of_topic_are_few_lines(self):
        with Store(cloud=False) as store:
            store.gateway.start().wait_up()
            device = Device(store, "till-1")
            for number in range(100):
                device.client.publish(f"shopme/x{number}/a/b", "{}", qos=1)
                if number % 10 == 9:  # so that each is told of by itself
                    time.sleep(1)
            wait_for("they are counted", lambda: broker_of(
                store.gateway)["foreign"] == 100)
            device.close()
            self.assertEqual(len(lines(store.gateway, "no_stream")), 32)

    def test_a_flood_is_not_watched(self):
        """The second copy of everything has a bound. (At the site's broker: our
        own refuses such topics, and says so.)"""
        with External() as broker, \
                Store(cloud=False, broker_address=broker.port) as store:
            store.gateway.start().wait_up()
            device = Device(store, "till-1", broker.port)
            for _ in range(20000):
                device.client.publish("shopme/s1/a/b", "{}", qos=0)
            wait_for("some are counted", lambda: broker_of(
                store.gateway)["foreign"] > 1000)
            time.sleep(1)
            counted = broker_of(store.gateway)["foreign"]
            print(f"figure: {counted} of 20000 seen", flush=True)
            device.close()
            # It looks again when that is over.
            time.sleep(11)
            device = Device(store, "till-1", broker.port)
            device.client.publish("shopme/s1/a/b", "{}", qos=1)
            wait_for("it looks again", lambda: broker_of(
                store.gateway)["foreign"] > counted)
            device.close()

    def test_what_the_broker_drops(self):
        """Past 64 MiB for a client that is away."""
        with Store(cloud=False) as store:
            store.accounts.add("away", topics=["large/#"])
            store.accounts.add("loud", topics=["large/#"])
            store.gateway.start().wait_up()
            away = store.client("away", clean_session=False)
            away.connect("127.0.0.1", store.broker_port)
            away.loop_start()
            heard = threading.Event()
            away.on_subscribe = lambda *_: heard.set()
            away.subscribe("large/#", 1)
            self.assertTrue(heard.wait(10))
            away.disconnect()
            away.loop_stop()
            loud = store.client("loud")
            loud.connect("127.0.0.1", store.broker_port)
            loud.loop_start()
            for _ in range(80):
                loud.publish("large/one", b"x" * 1024 * 1024,
                             qos=1).wait_for_publish(10)
            loud.disconnect()
            loud.loop_stop()
            status = wait_for("status says so", lambda: (
                lambda b: b["dropped"] > 0 and b)(broker_of(store.gateway)))
            print(f"figure: {status['dropped']} dropped of 80", flush=True)
            self.assertGreater(status["dropped_a_minute"], 0)
            self.assertEqual(len(lines(store.gateway, "broker drops")), 1)
            seen_everywhere(store, "broker-drops")


if __name__ == "__main__":
    unittest.main()

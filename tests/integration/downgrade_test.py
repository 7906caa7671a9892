# SPDX-License-Identifier: Apache-2.0
"""Goal: `downgrade` leaves data that both releases read, and nothing is lost or said
twice by it; what the older one could not read is refused by name, before anything
changes. `journal unsent` says what a box holds that the cloud does not.

(tests/package has the older release itself go on.)"""

import json
import os
import re
import signal
import subprocess
import unittest

from edge import BUS, EDGE, STREAM, Device, Store, wait_for
from rot_test import Journal, Sensor, send_orders

COUNT = 5


def run(*words):
    return subprocess.run([EDGE, *map(str, words)], text=True, timeout=60,
                          capture_output=True, stdin=subprocess.DEVNULL,
                          check=False)


class StoreTest(unittest.TestCase):
    def setUp(self):
        self.store = self.enterContext(Store())
        self.gateway = self.store.gateway

    def sell(self, prefix="o"):
        """Of both streams, each in a commit of its own."""
        self.gateway.start().wait_up()
        till, sensor = Device(self.store, "till-1"), Sensor(self.store)
        send_orders(self.store, till, [f"{prefix}-{i}" for i in range(COUNT)])
        sensor.sent = 100 * len(prefix)
        sensor.send_events(COUNT)
        till.close()  # or it would be in the way of the next of its name
        sensor.close()

    def stop(self):
        self.gateway.wait_synced()
        self.assertEqual(self.gateway.stop(), 0)

    def downgrade(self, *words):
        return run("downgrade", "--to", "0.1.0", "--config",
                   self.store.config_path, *words)

    def files(self, pattern):
        return sorted((self.store.folder / "data").rglob(pattern))

    def contents(self):
        return {path: path.read_bytes() for path in self.files("*")
                if path.is_file()}

    def told(self):
        return [event["data"] for where in ({"bus": BUS}, {"stream": STREAM})
                for event in self.store.cloud.events(**where)
                if event["type"] == "JournalDamaged"]

    def damage(self):
        return [path.read_bytes()[11] for path in self.files("damage")]


class DowngradeTest(StoreTest):
    def test_both_go_on_from_the_end(self):
        self.sell()
        self.stop()
        for _ in range(2):  # the second time there is a snapshot already
            done = self.downgrade()
            self.assertEqual((done.returncode, done.stdout), (0, ""))
            self.assertEqual(len(self.files("*.snap")), 2)  # one a stream
        for path in self.files("*.snap"):
            # What the snapshot holds begins with the version of the state.
            self.assertEqual(path.read_bytes()[42:46], b"\0\0\0\1")
        self.gateway.log_path.write_text("")
        self.sell("again")
        self.assertRegex(self.gateway.log(),
                         r"replayed name=orders snapshot=[1-9]\d* events=0 ")
        self.stop()
        placed = {event["subject"] for event in
                  self.store.cloud.events(bus=BUS, type="OrderPlaced")}
        self.assertEqual(len(placed), 2 * COUNT)

    def test_damage_is_known_and_told_once(self):
        self.sell()
        self.stop()
        Journal(self.store, "orders").rot_frame_of(3)
        self.gateway.start().wait_up()
        wait_for("it is announced", self.told)
        self.stop()
        self.assertEqual(self.damage(), [2])
        # And damage that nobody has seen yet: whoever sees it announces it.
        Journal(self.store, "telemetry").rot_frame_of(2)
        done = self.downgrade()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(1, self.damage())
        self.assertNotIn(2, self.damage())
        self.gateway.start().wait_up()
        wait_for("the other is announced", lambda: len(self.told()) == 2)
        for _ in range(2):
            self.stop()
            self.gateway.start().wait_up()
        self.stop()
        self.assertEqual(sorted(told["stream"] for told in self.told()),
                         ["orders", "telemetry"])

    def test_a_crash_before_it(self):
        self.sell()
        self.gateway.wait_synced()
        self.gateway.stop(signal.SIGKILL)
        self.assertEqual(self.downgrade().returncode, 0)
        self.sell("again")
        self.stop()

    def test_beside_a_gateway(self):
        self.sell()
        self.assertEqual(self.downgrade("--check").returncode, 0)
        done = self.downgrade()
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "orders: .*in use|another process")
        self.stop()

    def test_nothing_there_yet(self):
        self.assertEqual(self.downgrade().returncode, 0)
        self.assertEqual(self.files("*"), [])

    def test_usage(self):
        config = self.store.config_path
        done = run("downgrade", "--config", config)
        self.assertEqual(done.returncode, 2)
        self.assertIn("say which version: --to 0.1.0", done.stderr)
        done = run("downgrade", "--to", "0.0.9", "--config", config)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot go back to 0.0.9", done.stderr)
        self.assertEqual(run("downgrade", "--over").returncode, 2)
        self.assertEqual(run("downgrade", "--to", "0.1.0", "--config",
                             "/nowhere.yaml").returncode, 1)

    def assert_refused(self, why):
        before = self.contents()
        for words in (("--check",), ()):
            done = self.downgrade(*words)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, why)
        self.assertEqual(self.contents(), before)

    def test_what_the_older_one_could_not_read(self):
        self.sell()
        self.stop()
        path = self.store.config_path
        good = path.read_text()
        path.write_text(good + "log_level: info\n")
        line = good.count("\n") + 1
        self.assert_refused(rf"edge\.yaml:{line}:1: 0\.1\.0 does not know the "
                            "key log_level: remove it")
        path.write_text(good.replace("name: telemetry,",
                                     "name: telemetry, keep_max: 31 d,"))
        self.assert_refused("does not know the key streams.keep_max")
        path.write_text(re.sub(
            r"listen: \"?([^\"}]+:\d+)\"?", r'listen: [{address: "\1", '
            "anonymous: true}], tls: {crl_expired: ignore}", good, count=1))
        self.assert_refused(r"edge\.yaml:\d+:\d+: 0\.1\.0 does not know a list "
                            "of listeners: write one address")
        self.assert_refused("0.1.0 does not know the key broker.tls: remove it")
        path.write_text(good)
        folder = path.parent / "conf.d"
        folder.mkdir()
        (folder / ".hidden.yaml").write_text("store: other\n")
        (folder / "store.yaml").write_text(f"store: {self.store.name}\n")
        self.assert_refused(r"conf\.d/store\.yaml: 0\.1\.0 reads one file only")
        (folder / "store.yaml").unlink()
        cursor = self.store.folder / "data/orders/cursor"
        kept = cursor.rename(self.store.folder / "cursor")
        cursor.mkdir()
        self.assert_refused("orders: cannot read .*cursor: Is a directory")
        cursor.rmdir()
        kept.rename(cursor)
        self.assertEqual(self.downgrade().returncode, 0)


    def test_values_that_the_older_one_does_not_take(self):
        """Keys that it knows, with what only this version may have there: it
        would not start, and the store would stand still."""
        path = self.store.config_path
        good = path.read_text()
        arn = f"arn:aws:kinesis:eu-central-1:111122223333:stream/{STREAM}"
        page = f"127.0.0.1:{self.store.page_port}"
        long = "x" * 120
        for old, new, why in (
                (f"stream: {STREAM}", f'stream: "{arn}"',
                 'streams.sink.kinesis.stream "arn:.*: write its name alone'),
                ("  region:", '  source_prefix: "com.{store}"\n  region:',
                 'cloud.source_prefix "com.{store}": write one of'),
                (self.store.cloud.endpoint, "https://10.0.0.1:4443",
                 'cloud.endpoint "https://10.0.0.1:4443": write a name'),
                (self.store.cloud.endpoint, '"https://[::1]:4443"',
                 r'cloud.endpoint "https://\[::1\]:4443": write a name'),
                (page, "10.1.1.1:8080",
                 'console.listen "10.1.1.1": write a loopback'),
                ("store: s1", f"store: s1\ncontrol_socket: /tmp/{long}",
                 r'control_socket "/tmp/x+": write one of at most 107 bytes'),
                ("  region: eu-central-1\n", "",
                 "no cloud.region: 0.1.0 takes none from the environment")):
            with self.subTest(new=new):
                self.assertIn(old, good)
                path.write_text(good.replace(old, new))
                done = subprocess.run(
                    [EDGE, "downgrade", "--to", "0.1.0", "--check",
                     "--config", path], text=True, capture_output=True,
                    stdin=subprocess.DEVNULL, check=False,
                    env=os.environ | {"AWS_REGION": "eu-central-1"})
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertRegex(done.stderr, why)

    def test_all_keys_in_conf_d(self):
        path = self.store.config_path
        folder = path.parent / "conf.d"
        folder.mkdir()
        path.rename(folder / "store.yaml")
        path.write_text("# see conf.d\n")
        self.assert_refused(r"conf\.d/store\.yaml: 0\.1\.0 reads one file only")


class UnsentTest(StoreTest):
    def unsent(self, *words):
        done = run("journal", "unsent", *words)
        return done.returncode, done.stdout

    def test_what_the_cloud_has(self):
        data = ("--data", self.store.folder / "data")
        self.assertEqual(run("journal", "unsent", *data).returncode, 1)
        self.sell()
        self.stop()
        self.assertEqual(self.unsent(*data), (0, "orders: 0\ntelemetry: 0\n"))
        self.store.cloud.stop()
        self.sell("again")
        self.gateway.stop()
        code, said = self.unsent("--config", self.store.config_path)
        self.assertEqual(code, 1)
        self.assertIn(f"telemetry: {COUNT}\n", said)
        said = self.unsent(*data, "--json")[1].splitlines()
        self.assertEqual(json.loads(said[1]), {
            "stream": "telemetry", "unsent": COUNT, "damaged": False})
        # Nothing is promised of a journal that cannot be read.
        Journal(self.store, "telemetry").segments()[-1].write_bytes(b"x" * 8192)
        self.assertEqual(self.unsent(*data, "--stream", "telemetry")[0], 1)
        cursor = self.store.folder / "data/orders/cursor"
        cursor.unlink()
        cursor.mkdir()
        done = run("journal", "unsent", *data, "--stream", "orders")
        self.assertEqual(done.returncode, 1)
        self.assertIn("Is a directory", done.stderr)


if __name__ == "__main__":
    unittest.main()

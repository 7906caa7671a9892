# SPDX-License-Identifier: Apache-2.0
"""Goal: docs/devices.md's "A till in ten minutes" works as it is typed, and so
do the options of the clients that are on this machine. Method: the commands
and the configuration are taken from the page; ports, addresses and folders are
others."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge import EDGE, free_port, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = """\
store: store-7
data: {folder}/data
free_floor: 8 MiB
console: {{listen: "127.0.0.1:{page}"}}
"""


def blocks():
    """(language, text) of each block of the ten minutes."""
    text = (ROOT / "docs/devices.md").read_text()
    part = text[text.index("\n## A till in ten minutes\n"):]
    part = part[:part.index("\n## ", 1)]
    return re.findall(r"^```(\w*)\n(.*?)^```$", part, re.M | re.S)


def commands(block):
    return re.findall(r"(?:\\\n|'[^']*'|[^'\n])+", block)


class DevicesPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="edge-page-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.config = cls.folder / "shopme-edge.yaml"
        cls.config.write_text(CONFIG.format(folder=cls.folder,
                                            page=free_port()))
        cls.ports = {port: str(free_port())
                     for port in ("1883", "8883", "8884")}
        cls.till = cls.folder / "till"
        cls.till.mkdir()
        cls.gateway = None
        (_, listen), (_, server), (_, let_in), (_, cls.order) = blocks()
        (cls.folder / "conf.d").mkdir()
        (cls.folder / "conf.d/devices.yaml").write_text(cls.here(listen))
        cls.addClassCleanup(cls.stop)
        for command in commands(server) + commands(let_in):
            if command == "systemctl restart shopme-edge":
                cls.start()
            else:
                cls.password = cls.edge(command)  # the last one's stays
        issued = cls.folder / "data/pki/issued"
        for path in (issued / "till-1.pem", issued / "till-1.key",
                     issued.parent / "ca.pem"):
            shutil.copy(path, cls.till)

    @classmethod
    def here(cls, text):
        for port, other in cls.ports.items():
            text = re.sub(rf"(?<=[: ]){port}\b", other, text)
        return text.replace("10.7.0.1", "127.0.0.1").replace(
            "0.0.0.0", "127.0.0.1")

    @classmethod
    def edge(cls, command):
        words = cls.here(command).split()
        assert words[0] == "shopme-edge", command
        done = subprocess.run([EDGE, *words[1:], "--config", cls.config],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    @classmethod
    def start(cls):
        with open(cls.folder / "log", "wb") as log:
            cls.gateway = subprocess.Popen(
                [EDGE, "run", "--config", cls.config],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for("the listeners", lambda: re.search(
            r"broker up .*" + cls.ports["8883"],
            (cls.folder / "log").read_text()))

    @classmethod
    def stop(cls):
        if cls.gateway is not None:
            cls.gateway.send_signal(signal.SIGTERM)
            cls.gateway.wait(30)

    def test_as_it_is_typed(self):
        done = subprocess.run(["bash", "-c", self.here(self.order)],
                              cwd=self.till, capture_output=True, text=True,
                              timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('{"accepted":[{"id":"try-1","seq":', done.stdout)

    def test_mosquitto_pub_with_its_password_in_a_file(self):
        home = self.folder / "home"
        (home / ".config").mkdir(parents=True)
        options = home / ".config/mosquitto_rr"
        options.write_text(f"-u scale-1\n-P {self.password}\n")
        options.chmod(0o600)
        environment = {name: value for name, value in os.environ.items()
                       if name != "XDG_CONFIG_HOME"} | {"HOME": str(home)}
        done = subprocess.run(
            ["mosquitto_rr", "-h", "127.0.0.1", "-p", self.ports["8884"],
             "--cafile", "ca.pem", "-q", "1", "-W", "10",
             "-t", "shopme/store-7/scale-1/telemetry",
             "-e", "shopme/store-7/scale-1/receipts", "-m",
             '{"specversion":"1.0","id":"r-1","source":"/store-7/scale-1",'
             '"type":"Weighed","data":{"grams":420}}'],
            cwd=self.till, env=environment, capture_output=True, text=True,
            timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('{"accepted":[{"id":"r-1","seq":', done.stdout)

    def scale(self, program, version, *words, password=None):
        """What a client of mosquitto-clients says, as scale-1."""
        done = subprocess.run(
            [program, "-d", "-V", version, "-h", "127.0.0.1", "-p",
             self.ports["8884"], "--cafile", self.till / "ca.pem",
             "-u", "scale-1", "-P", password or self.password, "-q", "1",
             "-W" if program != "mosquitto_pub" else "--repeat", "1",
             *words], capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    # The table "How the device sees it".
    def test_how_the_device_sees_it(self):
        mine = "shopme/store-7/scale-1"
        for version, refused, event, topic in (
                ("mqttv311", r"CONNACK \(5\)", "RC:0", "128"),
                ("mqttv5", r"CONNACK \(135\)", "RC:135", "135")):
            with self.subTest(version):
                said = self.scale("mosquitto_sub", version, "-t", "a",
                                  password="of somebody else")
                self.assertRegex(said, refused)
                said = self.scale(
                    "mosquitto_rr", version, "-W", "10", "-t",
                    "shopme/store-7/till-1/orders", "-e", f"{mine}/receipts",
                    "-m", f'{{"id":"to-another-{version}"}}')
                self.assertRegex(said, rf"PUBACK \(Mid: \d+, {event}\)")
                self.assertIn(f'"rejected":[{{"id":"to-another-{version}",'
                              '"reason":"', said)
                said = self.scale("mosquitto_sub", version, "-t", "#")
                self.assertRegex(said, rf"(?m)Subscribed .*: {topic}$")

    def listen(self, client_id, meanwhile):
        """What scale-1 hears, connected with MQTT 5, after `meanwhile`."""
        # (Line by line: into a pipe it would come at the end.)
        with subprocess.Popen(
                ["stdbuf", "-oL", "mosquitto_sub", "-d", "-V", "mqttv5", "-h",
                 "127.0.0.1", "-p", self.ports["8884"], "--cafile",
                 self.till / "ca.pem", "-u", "scale-1", "-P", self.password,
                 "-i", client_id, "-t", "shopme/store-7/scale-1/receipts",
                 "-W", "5"], stdout=subprocess.PIPE, text=True) as client:
            for line in client.stdout:
                if line.startswith("Subscribed"):
                    break
            meanwhile()
            return client.stdout.read()

    def test_how_its_connection_ends(self):
        for mine, other, told in (("scale-1", "scale-1", False),
                                  ("scale-1", "any", True),
                                  ("any", "scale-1", True)):
            with self.subTest(mine=mine, other=other):
                said = self.listen(mine, lambda i=other: self.scale(
                    "mosquitto_sub", "mqttv5", "-i", i, "-t",
                    "shopme/store-7/scale-1/notices"))
                self.assertEqual("Received DISCONNECT (152)" in said, told)
                # (After a DISCONNECT it does not come again.)
                self.assertEqual("sending CONNECT" in said, not told)
        old = self.password

        def rotate():
            type(self).password = self.edge(
                "shopme-edge device passwd scale-1")

        said = self.listen("scale-1", rotate)
        self.assertIn("Received DISCONNECT (152)", said)
        self.assertIn("CONNACK (135)", self.scale(
            "mosquitto_sub", "mqttv5", "-t", "a", password=old))

    def test_client_ids(self):
        for words, code in ((("-i", "scale-1", "-c", "-x", "60"), 0),
                            (("-i", "any"), 0),
                            (("-i", "any", "-c", "-x", "60"), 135),
                            (("-i", "till-1"), 135)):
            with self.subTest(words):
                self.assertIn(f"CONNACK ({code})", self.scale(
                    "mosquitto_sub", "mqttv5", *words, "-t",
                    "shopme/store-7/scale-1/notices"))

    # Four connections of a till at once, 20 a minute, and none of strangers.
    def test_the_firewall(self):
        page = (ROOT / "docs/devices.md").read_text()
        rules = re.search(r"^```nft\n(.*?)^```$", page, re.M | re.S).group(1)
        self.assertIn("10.7.0.0/24", rules)
        done = subprocess.run(
            ["unshare", "-rn", "/usr/bin/python3",
             pathlib.Path(__file__).with_name("firewall_probe.py")],
            input=rules.replace("10.7.0.0/24", "127.0.0.1"), text=True,
            capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        seen = json.loads(done.stdout)
        self.assertEqual(seen["stranger"], "TimeoutError")
        self.assertEqual(seen["elsewhere"], "open")
        self.assertEqual(seen["at_once"],
                         4 * ["open"] + 2 * ["ConnectionRefusedError"])
        self.assertEqual(seen["last"], "TimeoutError")
        self.assertGreater(seen["in_turn"], 10)
        self.assertLess(seen["in_turn"], 30)

    def paho(self, **named):
        client = mqtt.Client(client_id="till-1", protocol=mqtt.MQTTv5)
        client.tls_set(ca_certs=self.till / "ca.pem",
                       certfile=self.till / "till-1.pem",
                       keyfile=self.till / "till-1.key")
        client.max_inflight_messages_set(1000)
        client.reconnect_delay_set(1, 60)
        client.present = None
        client.heard = []
        subscribed = threading.Event()

        def on_connect(client, _self, flags, code, _properties):
            self.assertEqual(code, 0)
            client.present = flags["session present"]
            client.subscribe("shopme/store-7/till-1/receipts", 1)

        client.on_connect = on_connect
        client.on_subscribe = lambda *_: subscribed.set()
        client.on_message = lambda _c, _s, message: client.heard.append(
            message.payload.decode())
        client.connect("127.0.0.1", int(self.ports["8883"]), **named)
        client.loop_start()
        self.addCleanup(client.loop_stop)
        self.assertTrue(subscribed.wait(10))
        return client

    def test_paho_keeps_its_session(self):
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        kept = {"clean_start": False, "properties": properties,
                "keepalive": 30}
        client = self.paho(**kept)
        self.assertFalse(client.present)
        client.publish("shopme/store-7/till-1/orders", "no event", 1)
        wait_for("a receipt", lambda: client.heard)
        self.assertIn('"rejected":[{', client.heard[0])
        client.disconnect()
        client.loop_stop()
        self.assertTrue(self.paho(**kept).present)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Goal: docs/devices.md's "A till in ten minutes" works as it is typed, and so do
the options of the clients that are on this machine. Method: the commands and the
configuration are taken from the page; ports, addresses and folders are others."""

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

# SPDX-License-Identifier: Apache-2.0
"""Goal: what the package installs works under a systemd as a box has it: the units
start, with all their walls around them, and stop, reload and come again; an upgrade
starts what ran, the way back prepares what the older release reads."""

import json
import re
import secrets
import tempfile
import time
import unittest

from box import Box, why_not
from package_test import new_cloud, tearDownModule  # noqa: F401
from package_test import BUS, CONFIG, STREAM, Installed
from root import (configure, free_port, previous, todays, wait_for,
                  why_not_back)

REASON = why_not() or why_not_back()


@unittest.skipIf(REASON is not None, REASON)
class BoxTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="cloud-")
        self.addCleanup(folder.cleanup)
        self.cloud = new_cloud(folder.name)
        self.addCleanup(self.cloud.stop)
        self.box = Box("box", of=Installed.get())
        self.addCleanup(self.box.remove)
        self.box.run("dpkg", "--purge", "shopme-edge")
        self.broker = configure(self.box, self.cloud)
        self.box.boot()
        self.box.install(todays()["shopme-edge"])
        self.addCleanup(self.show)

    def show(self):
        if not self._outcome.success:
            print(self.box.run("journalctl", "--no-pager", "-n", "60", "-u",
                               "shopme-edge*", check=False).stdout)

    def status(self):
        said = self.box.run("shopme-edge", "status", "--json", check=False)
        try:
            return json.loads(said.stdout)
        except ValueError:
            return None

    def wait_up(self, unit="shopme-edge"):
        wait_for("the unit is active", lambda: self.box.shown(
            "ActiveState", unit) == "active")
        wait_for("it hears devices", lambda: (self.status() or {
            "broker": {"up": False}})["broker"]["up"])

    def pid(self):
        return int(self.box.shown("MainPID"))

    def order(self, orders):
        self.box.run("shopme-devices", "--broker", f"127.0.0.1:{self.broker}",
                     "--store", "s1", "--orders", orders, "--rate", "100",
                     "--quiet", "--seed", secrets.randbelow(1000000))

    def assert_in_cloud(self, orders):
        self.box.run("shopme-edge", "sync", "--timeout", "60")
        for where in ({"bus": BUS}, {"stream": STREAM}):
            numbers = sorted({int(event["journalsequence"])
                              for event in self.cloud.events(**where)})
            self.assertEqual(numbers, list(range(len(numbers))))
        placed = {e["subject"] for e in
                  self.cloud.events(bus=BUS, type="OrderPlaced")}
        self.assertEqual(len(placed), orders)

    def test_a_life_under_systemd(self):
        box = self.box
        # A configuration was there: enabled and started by the installation.
        self.assertEqual(box.shown("UnitFileState"), "enabled")
        self.wait_up()
        self.assertEqual(box.shown("Type"), "notify")
        self.order(20)
        self.assert_in_cloud(20)
        self.reload()
        self.kill()
        self.order(20)
        self.crash_loop()
        self.order(20)
        self.assert_in_cloud(60)
        self.back_and_forth()
        self.order(20)
        self.assert_in_cloud(100)
        self.refused()
        box.run("apt-get", "remove", "-y", "shopme-edge")
        self.assertEqual(box.run("pgrep", "-x", "shopme-edge", check=False
                                 ).returncode != 0, True)
        self.assertEqual((box / "var/lib/shopme-edge/sent.list").read_text(),
                         "orders\ntelemetry\n")
        # It comes back: what ran when it went runs again. Its data may be from
        # another box, where the user has another number.
        box.run("chown", "-R", "4711:4711", "/var/lib/shopme-edge")
        box.install(todays()["shopme-edge"])
        self.wait_up()
        self.order(20)
        self.assert_in_cloud(120)

    def refused(self):
        """A way back that is refused leaves the same process running."""
        pid = self.pid()
        more = self.box / "etc/shopme-edge/conf.d/store.yaml"
        more.write_text("store: s1\n")
        self.box.install(previous()["shopme-edge"], check=False)
        more.unlink()
        self.assertEqual(self.pid(), pid)

    def reload(self):
        pid = self.pid()
        self.box.run("systemctl", "reload", "shopme-edge")
        time.sleep(1)
        self.wait_up()
        self.assertEqual(self.pid(), pid)

    def kill(self):
        pid = self.pid()
        self.box.run("systemctl", "kill", "-s", "KILL", "--kill-whom=main",
                     "shopme-edge")
        wait_for("another process", lambda: self.pid() not in (0, pid))
        self.wait_up()

    def crash_loop(self):
        """It is tried again for ever, less and less often, and a stop does not
        wait for that; once it can start, it does."""
        path = self.box / CONFIG
        good = path.read_text()
        path.write_text(good + "no_such_key: 1\n")
        self.box.run("systemctl", "restart", "shopme-edge", check=False)
        count = lambda: int(self.box.run(  # noqa: E731
            "cat", "/run/shopme-edge/failures", check=False).stdout or 0)
        wait_for("three failures", lambda: count() >= 3)
        self.assertIn(self.box.shown("SubState"),
                      ("start-pre", "auto-restart", "start"))
        path.write_text(good)
        self.wait_up()

    def back_and_forth(self):
        """By packages, while it runs: what ran runs again."""
        now = self.box.version()
        said = self.box.install(*previous().values()).stdout
        self.assertNotEqual(self.box.version(), now, said)
        self.assertEqual(self.box.shown("Type"), "exec")
        self.wait_up()
        self.order(20)
        pid = self.pid()
        self.box.install(*todays().values())
        self.assertEqual(self.box.version(), now)
        wait_for("another process", lambda: self.pid() not in (0, pid))
        self.wait_up()

    def test_two_stores_on_one_box(self):
        box = self.box
        self.wait_up()
        text = (box / CONFIG).read_text()
        text = re.sub(r"^store: .*", "store: s2\ndata: /var/lib/shopme-edge-two",
                      text, flags=re.M)
        text = re.sub(r'listen: "127.0.0.1:\d+"', lambda _:
                      f'listen: "127.0.0.1:{free_port()}"', text)
        box.write("etc/shopme-edge/two.yaml", text)
        box.write("etc/shopme-edge/two.credentials.env", (
            box / "etc/shopme-edge/credentials.env").read_text(), 0o600)
        box.run("systemctl", "enable", "--now", "shopme-edge@two")
        self.assertEqual(box.shown("ActiveState", "shopme-edge@two"), "active")
        said = json.loads(box.run("shopme-edge", "status", "--json", "--config",
                                  "/etc/shopme-edge/two.yaml").stdout)
        self.assertEqual(said["store"], "s2")
        box.install(*previous().values())
        for unit in ("shopme-edge", "shopme-edge@two"):
            self.assertEqual(box.shown("ActiveState", unit), "active")
            self.assertEqual(box.shown("Type", unit), "exec")


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Goal: the packages install in a clean Debian 12, and what is installed runs. An
upgrade and the way back to the release before lose nothing, or are refused before
anything changes. A removal keeps the data, a purge what the cloud does not have."""

import gzip
import json
import os
import pathlib
import re
import secrets
import socket
import stat
import subprocess
import tempfile
import unittest

from root import (BUILD, BUS, CONFIG, DATA, REPOSITORY, STREAM, Root,
                  RootGateway, configure, free_port, previous, run, todays,
                  wait_for, why_not, why_not_back)
from harness import LocalCloud

REASON = why_not()
NOT_HERE = REASON is not None
NOT_BACK = why_not_back()


def owner(path):
    found = path.stat()
    return f"{stat.S_IMODE(found.st_mode):04o} {found.st_uid}"


def new_cloud(folder):
    return LocalCloud(folder, [BUS], [f"{STREAM}:4"],
                      secret_key=secrets.token_urlsafe(30)).start()


class Installed:
    """A root with today's packages, made once; tests take copies of it."""

    root = None

    @classmethod
    def get(cls):
        if cls.root is None:
            cls.root = Root("installed")
            cls.said = cls.root.install(*todays().values()).stdout
        return cls.root


def tearDownModule():
    if Installed.root is not None:
        Installed.root.remove()


@unittest.skipIf(NOT_HERE, REASON)
class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = Installed.get()

    def test_a_clean_debian_installs_it_and_it_starts(self):
        version = self.root.version()
        for program in ("shopme-edge", "shopme-devices"):
            said = self.root.run(program, "--help").stdout
            self.assertIn(f"usage: {program}", said)
        self.assertEqual(self.root.run("shopme-edge", "--version").stdout,
                         f"shopme-edge {version}\n")
        self.assertEqual(self.root.run("dpkg", "--verify", "shopme-edge",
                                       "shopme-devices").stdout, "")

    def test_user_directories_and_modes(self):
        line = next(line for line in
                    (self.root / "etc/passwd").read_text().splitlines()
                    if line.startswith("shopme-edge:"))
        uid, shell = line.split(":")[2], line.split(":")[6]
        self.assertEqual(shell, "/usr/sbin/nologin")
        self.assertLess(int(uid), 1000)
        self.assertEqual(owner(self.root / DATA), f"0700 {uid}")
        self.assertEqual(owner(self.root / "etc/shopme-edge"), "0755 0")
        self.assertEqual(owner(self.root / "etc/shopme-edge/conf.d"), "0755 0")
        self.assertEqual(owner(self.root / CONFIG), "0644 0")

    def test_the_configuration_is_no_conffile_and_is_not_started(self):
        said = self.root.run("dpkg-query", "-W", "-f=${Conffiles}",
                             "shopme-edge").stdout
        self.assertEqual(said, "")
        self.assertIn("systemctl enable --now shopme-edge", Installed.said)
        self.assertFalse((self.root / "etc/systemd/system/multi-user.target."
                                      "wants/shopme-edge.service").is_symlink())
        self.root.run("env", "AWS_ACCESS_KEY_ID=key",
                      "AWS_SECRET_ACCESS_KEY=secret", "shopme-edge", "check")

    def test_a_configuration_that_is_there_is_kept_and_the_unit_enabled(self):
        with Root("kept", of=Installed.get()) as root:
            root.run("dpkg", "--purge", "shopme-edge")
            root.write(CONFIG, "store: s7 # mine\n")
            root.install(todays()["shopme-edge"])
            self.assertEqual((root / CONFIG).read_text(), "store: s7 # mine\n")
            self.assertTrue((root / "etc/systemd/system/multi-user.target."
                                    "wants/shopme-edge.service").is_symlink())

    def test_units_are_as_systemd_wants_them(self):
        for unit in ("shopme-edge.service", "shopme-edge@two.service"):
            done = self.root.run("systemd-analyze", "--man=no", "verify", unit)
            self.assertEqual(done.stdout, "")
        said = self.root.run("systemd-analyze", "security", "--offline=true",
                             "--threshold=15", "shopme-edge.service").stdout
        print("figure: systemd-analyze security:",
              said.rsplit("\n", 2)[-2].strip("→ "))

    def test_nothing_is_installed_that_no_package_owns(self):
        """Both packages hold what cmake --install installs, no less."""
        with tempfile.TemporaryDirectory() as folder:
            run("cmake", "--install", BUILD, "--prefix", "/usr",
                env=os.environ | {"DESTDIR": folder})
            top = pathlib.Path(folder)
            installed = {f"/{path.relative_to(top)}" for path in
                         top.rglob("*") if path.is_file()}
        owned = set(self.root.run("dpkg", "-L", "shopme-edge",
                                  "shopme-devices").stdout.split("\n"))
        self.assertEqual(installed - owned, set())
        self.assertIn("/usr/bin/shopme-edge", installed)


@unittest.skipIf(NOT_HERE, REASON)
class ManualTest(unittest.TestCase):
    """The pages and completions of the installed programs."""

    @classmethod
    def setUpClass(cls):
        cls.root = Installed.get()
        cls.pages = sorted((cls.root / "usr/share/man").rglob("shopme-*.gz"))

    def page(self, name):
        path = next(path for path in self.pages if path.name == name)
        return gzip.decompress(path.read_bytes()).decode()

    def test_pages_are_clean(self):
        self.assertEqual([path.name for path in self.pages],
                         ["shopme-devices.1.gz", "shopme-edge.1.gz",
                          "shopme-edge.yaml.5.gz"])
        for path in self.pages:
            text = gzip.decompress(path.read_bytes())
            done = subprocess.run(["groff", "-man", "-Tutf8", "-wall", "-z"],
                                  input=text, capture_output=True, check=True)
            self.assertEqual(done.stderr, b"")
            done = subprocess.run(
                ["man", "--warnings", "-l", "-Tutf8", path],
                capture_output=True, check=True,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8",
                     "MANPAGER": "cat", "MANWIDTH": "80"})
            self.assertEqual(done.stderr, b"")
            self.assertIn(" - ", run("lexgrog", path).stdout)

    def shown(self, name):
        """Without what is the formatter's."""
        return (self.page(name).replace("\\-", "-").replace("\\(aq", "'")
                .replace("\\fB", "").replace("\\fR", "").replace("\\fI", ""))

    def test_they_say_what_the_programs_say(self):
        edge = self.shown("shopme-edge.1.gz")
        commands = [line.split()[0] for line in
                    self.root.run("shopme-edge", "--help").stdout.splitlines()
                    if line.startswith("  ")]
        self.assertIn("run", commands)
        for command in commands:
            said = self.root.run("shopme-edge", command, "--help").stdout
            for word in re.findall(r"--[a-z][a-z-]*", said):
                self.assertTrue(word in edge, f"{word} of {command}")
        self.assertIn("\nshopme-edge check --describe\n", edge)
        keys = [line.replace(": ", "\n", 1) for line in self.root.run(
            "shopme-edge", "check", "--describe").stdout.splitlines()
            if line and not line.startswith(" ")]
        self.assertGreater(len(keys), 30)
        page = self.shown("shopme-edge.yaml.5.gz")
        self.assertEqual([key for key in keys if f"\n{key}.\n" not in page], [])

    def complete(self, program, *words):
        script = (self.root / "usr/share/bash-completion/completions"
                  / program)
        function = "_" + program.replace("-", "_")
        quoted = " ".join(f"'{word}'" for word in (program, *words))
        return run("bash", "--norc", "-c", f"source '{script}'; "
                   f"COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; "
                   f"{function}; printf '%s\\n' \"${{COMPREPLY[@]}}\""
                   ).stdout.split()

    def test_completion_knows_commands_and_options(self):
        self.assertEqual(self.complete("shopme-edge", "chec"), ["check"])
        self.assertEqual(self.complete("shopme-edge", "check", "--des"),
                         ["--describe"])
        self.assertIn("cat", self.complete("shopme-edge", "journal", ""))
        self.assertEqual(self.complete("shopme-edge", "journal", "cat", "--sub"),
                         ["--subject"])
        self.assertEqual(self.complete("shopme-devices", "--ti"), ["--tills"])
        self.assertEqual(self.complete("shopme-edge", "check", "--config",
                                       "/etc/hostn"), ["/etc/hostname"])


class StoreTest(unittest.TestCase):
    """A store in a root, with a local cloud on this machine."""

    def set_up(self, name, *packages):
        folder = tempfile.TemporaryDirectory(prefix="cloud-")
        self.addCleanup(folder.cleanup)
        self.cloud = new_cloud(folder.name)
        self.addCleanup(self.cloud.stop)
        self.root = Root(name, of=Installed.get() if not packages else None)
        self.addCleanup(self.root.remove)
        if packages:
            self.root.install(*packages)
        self.broker = configure(self.root, self.cloud)
        self.gateway = RootGateway(self.root, self.cloud)
        self.addCleanup(self.gateway.stop)

    def order(self, orders, program="shopme-devices"):
        """Places orders with the installed devices; all must end well."""
        self.root.run(program, "--broker", f"127.0.0.1:{self.broker}",
                      "--store", "s1", "--orders", orders, "--rate", "100",
                      "--tills", "3", "--quiet", "--readings", "20",
                      "--seed", secrets.randbelow(1000000))

    def in_cloud(self, **where):
        return self.cloud.events(**where or {"bus": BUS})

    def assert_whole(self):
        """Nothing of either stream is missing in the cloud, nor twice."""
        for where in ({"bus": BUS}, {"stream": STREAM}):
            events = self.in_cloud(**where)
            numbers = sorted({int(e["journalsequence"]) for e in events})
            self.assertEqual(numbers, list(range(len(numbers))))
            ids = {(e["source"], e["id"]) for e in events}
            self.assertEqual(len(ids), len(numbers))
        placed = {e["subject"] for e in self.in_cloud(bus=BUS,
                                                      type="OrderPlaced")}
        ended = {e["subject"] for e in self.in_cloud(bus=BUS,
                                                     type="OrderFulfiled")}
        ended |= {e["subject"] for kind in ("OrderCancelled", "OrderRejected")
                  for e in self.in_cloud(bus=BUS, type=kind)}
        return len(placed), placed - ended

    def unsent(self):
        done = self.root.run("shopme-edge", "journal", "unsent", check=False)
        return done.returncode, done.stdout


@unittest.skipIf(NOT_HERE, REASON)
class StartTest(StoreTest):
    def test_it_runs_and_tells_systemd(self):
        self.set_up("start")
        path = self.root / "run/notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            here = os.open(path.parent, os.O_PATH)
            self.addCleanup(os.close, here)
            notify.bind(f"/proc/self/fd/{here}/notify")
            path.chmod(0o777)
            notify.settimeout(30)
            self.gateway.environment = {"NOTIFY_SOCKET": "/run/notify",
                                        "WATCHDOG_USEC": "2000000"}
            self.gateway.start()
            said = ""
            while "READY=1" not in said.split("\n"):
                said = notify.recv(4096).decode()
            self.gateway.wait_up()
            while "WATCHDOG=1" not in said.split("\n"):
                said = notify.recv(4096).decode()
            self.order(20)
            self.gateway.wait_synced()
            self.assertEqual(self.gateway.stop(), 0)
            while "STOPPING=1" not in said.split("\n"):
                said = notify.recv(4096).decode()
        self.assertEqual(self.assert_whole(), (20, set()))
        self.assertEqual(self.unsent(), (0, "orders: 0\ntelemetry: 0\n"))


@unittest.skipIf(NOT_BACK is not None, NOT_BACK)
class WayBackTest(StoreTest):
    def turn(self, orders, version):
        self.assertEqual(self.root.version(), version)
        self.gateway.start().wait_up()
        self.order(orders)
        self.gateway.wait_synced()
        self.assertEqual(self.gateway.stop(), 0)

    def test_upgrade_and_back_and_upgrade(self):
        old, new = previous(), todays()
        self.set_up("back", *old.values())
        was = self.root.version()
        config = (self.root / CONFIG).read_text()
        self.turn(30, was)
        self.root.install(*new.values())
        now = self.root.version()
        self.turn(30, now)
        self.damage("telemetry")
        self.cloud.stop()
        self.gateway.start().wait_up()
        self.order(30)
        self.assertEqual(self.gateway.stop(), 0)
        self.assertEqual(self.unsent()[0], 1)
        self.assertEqual(self.damage_version("telemetry"), 2)
        self.root.install(*old.values())
        self.assertEqual(self.root.version(), was)
        self.assertEqual(self.damage_version("telemetry"), 1)
        self.gateway.log_path.unlink()
        self.gateway.start().wait_up()
        # From the state that the newer one left, with nothing to replay.
        self.assertRegex(self.gateway.log(),
                         r"replayed name=orders snapshot=[1-9]\d* events=0 ")
        self.order(30)
        self.cloud.start()
        self.gateway.wait_synced()
        self.assertEqual(self.gateway.stop(), 0)
        self.root.install(*new.values())
        self.turn(30, now)
        self.assertEqual((self.root / CONFIG).read_text(), config)
        placed, open_orders = self.assert_whole()
        self.assertEqual((placed, open_orders), (150, set()))
        told = [e["data"] for e in self.in_cloud(stream=STREAM)
                if e["type"] == "JournalDamaged"]
        self.assertEqual(len(told), 1, told)

    def test_an_upgrade_says_what_the_newer_one_refuses(self):
        """Else a store would stand still, and apt had said nothing of it."""
        with Root("refuses") as root:
            root.install(previous()["shopme-edge"])
            root.write(CONFIG, 'store: s1\nbroker: {listen: "0.0.0.0:1883"}\n')
            root.write("etc/shopme-edge/two.yaml", "store: s2\n")
            said = root.install(todays()["shopme-edge"]).stdout
            self.assertIn("does not start with /etc/shopme-edge/"
                          "shopme-edge.yaml", said)
            self.assertIn('listen: [{address: "0.0.0.0:1883"}]', said)
            self.assertNotIn("two.yaml", said)
            root.write(CONFIG, "store: s1\n")
            said = root.install(previous()["shopme-edge"]).stdout
            self.assertNotIn("does not start", said)

    def test_back_without_the_newer_one_s_help(self):
        """As where it cannot run at all: the older one replays the journal."""
        self.set_up("alone")
        self.turn(20, self.root.version())
        self.root.run("apt-get", "remove", "-y", "shopme-edge")
        self.root.install(*previous().values())
        self.turn(20, "0.1.0")
        self.assertEqual(self.assert_whole(), (40, set()))

    def test_back_with_a_shop_that_has_forgotten(self):
        """Its journal is empty, and its state in two files, of which the older
        one knows one kind: it passes over the other, even if that comes back
        from a backup."""
        self.set_up("idle")
        now = self.root.version()
        more = "etc/shopme-edge/conf.d/store.yaml"
        self.root.write(more, "streams: [{name: orders, keep_max: 8 s}]\n")
        self.turn(20, now)
        self.gateway.start().wait_up()
        orders = self.root / DATA / "orders"
        copies = wait_for("all its events are gone", lambda: [
            path for path in orders.glob("*.copy")
            if self.gateway.stream("orders")["start"] == int(path.stem)], 90, 1)
        self.assertEqual(self.gateway.stop(), 0)
        (self.root / more).unlink()
        copy = copies[0].read_bytes()
        self.root.install(previous()["shopme-edge"])
        self.assertEqual([path.name for path in orders.glob("*.copy")], [])
        copies[0].write_bytes(copy)
        self.gateway.log_path.unlink()
        self.turn(20, "0.1.0")
        # (The way back journals that older rules hold.)
        self.assertIn(f"replayed name=orders snapshot={int(copies[0].stem) + 1} "
                      "events=0 ", self.gateway.log())
        self.root.install(todays()["shopme-edge"])
        self.turn(20, now)
        self.assertEqual(self.assert_whole(), (60, set()))

    def damage_version(self, stream):
        return (self.root / DATA / stream / "damage").read_bytes()[11]

    def damage(self, stream):
        """A frame of the oldest segment: the cloud has its events."""
        segment = min((self.root / DATA / stream).glob("*.seg"))
        with open(segment, "r+b") as file:
            file.seek(4096 + 200)
            byte = file.read(1)
            file.seek(4096 + 200)
            file.write(bytes([byte[0] ^ 1]))

    def contents(self):
        """Every file of data and configuration, and what it holds."""
        return {path: path.read_bytes()
                for folder in (DATA, "etc/shopme-edge")
                for path in (self.root / folder).rglob("*") if path.is_file()}

    def assert_refused(self, why):
        """The older package does not come, and nothing has changed."""
        before = self.contents()
        done = self.root.install(previous()["shopme-edge"], check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stdout, why)
        self.assertIn("nothing was changed", done.stdout)
        self.assertEqual(self.root.version(), self.was)
        self.assertEqual(self.contents(), before)
        status = self.root.run("dpkg-query", "-W", "-f=${db:Status-Status}",
                               "shopme-edge").stdout
        self.assertEqual(status, "installed")

    def test_a_way_back_that_the_older_one_could_not_go_on_from_is_refused(self):
        self.set_up("refused")
        self.was = self.root.version()
        self.turn(5, self.was)
        more = "etc/shopme-edge/conf.d/store.yaml"
        self.root.write(more, "store: s1\n")
        self.assert_refused(r"conf\.d/store\.yaml: 0\.1\.0 reads one file only")
        (self.root / more).unlink()
        cursor = self.root / DATA / "orders/cursor"
        kept = cursor.rename(self.root / "tmp/cursor")
        cursor.mkdir()
        self.assert_refused("orders: cannot read .*cursor: Is a directory")
        cursor.rmdir()
        kept.rename(cursor)
        self.turn(5, self.was)
        done = self.root.run("shopme-edge", "downgrade", "--to", "0.0.9",
                             check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot go back to 0.0.9", done.stdout)


@unittest.skipIf(NOT_HERE, REASON)
class RemoveTest(StoreTest):
    def setUp(self):
        self.set_up("remove")
        self.gateway.start().wait_up()
        self.order(10)
        self.gateway.wait_synced()

    def journals(self):
        return sorted(path.name for path in (self.root / DATA).iterdir()
                      if list(path.glob("*.seg")))

    def test_a_removal_keeps_and_a_purge_takes_what_was_sent(self):
        self.assertEqual(self.gateway.stop(), 0)
        before = sorted(path for path in (self.root / DATA).rglob("*.seg"))
        config = (self.root / CONFIG).read_text()
        self.root.run("apt-get", "remove", "-y", "shopme-edge")
        self.assertEqual(sorted((self.root / DATA).rglob("*.seg")), before)
        self.assertEqual((self.root / CONFIG).read_text(), config)
        # Installed again, it goes on.
        self.root.install(todays()["shopme-edge"])
        self.assertFalse((self.root / DATA / "sent.list").exists())
        self.gateway.start().wait_up()
        self.order(10)
        self.gateway.wait_synced()
        self.assertEqual(self.gateway.stop(), 0)
        self.root.run("apt-get", "purge", "-y", "shopme-edge")
        self.assertFalse((self.root / DATA).exists())
        self.assertFalse((self.root / "etc/shopme-edge").exists())
        self.assertNotIn("shopme-edge", (self.root / "etc/passwd").read_text())
        self.assertEqual(self.assert_whole(), (20, set()))

    def test_a_purge_leaves_what_the_cloud_does_not_have(self):
        self.cloud.stop()
        self.order(10)
        self.assertEqual(self.gateway.stop(), 0)
        self.root.run("apt-get", "remove", "-y", "shopme-edge")
        said = self.root.run("apt-get", "purge", "-y", "shopme-edge").stdout
        for name in ("orders", "telemetry"):
            self.assertIn(f"/var/lib/shopme-edge/{name} stays", said)
        self.assertEqual(self.journals(), ["orders", "telemetry"])
        self.assertEqual(sorted(path.name for path in
                                (self.root / DATA).iterdir()),
                         ["orders", "telemetry"])
        self.assertFalse((self.root / "etc/shopme-edge").exists())
        # A box that gets the package again sends what was left.
        self.cloud.start()
        self.root.install(todays()["shopme-edge"])
        self.broker = configure(self.root, self.cloud)
        self.gateway.start().wait_up()
        self.gateway.wait_synced()
        self.assertEqual(self.gateway.stop(), 0)
        self.assertEqual(self.assert_whole(), (20, set()))


if __name__ == "__main__":
    unittest.main()

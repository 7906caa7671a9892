# SPDX-License-Identifier: Apache-2.0
"""Goal: the packages for arm64 are made by Debian's cross compiler, depend on arm64's
packages, and what is in them starts (under qemu, which is called by name: nothing of
this machine is changed). The compiler and the libraries are in a root of their own."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from root import (KEPT, REPOSITORY, base, free_port, run, wait_for,
                  why_not)

REASON = why_not()
# (mosquitto-dev is headers alone, of no architecture.)
TOOLS = ("crossbuild-essential-arm64 cmake mosquitto-dev ninja-build pkg-config "
         "python3 qemu-user-static").split()
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C",
               "DEBIAN_FRONTEND": "noninteractive"}


def libraries():
    """What builds the programs, of config/packages, for arm64."""
    part = (REPOSITORY / "config/packages").read_text().split("\n\n")[1]
    names = [line for line in part.split("\n") if not line.startswith("#")]
    return [f"{name}:arm64" for name in names
            if name.startswith("lib")]


class Cross:
    """The root; made once, kept."""

    def __init__(self):
        self.path = KEPT / "cross"
        if not self.path.exists():
            self.make()

    def run(self, *words, **more):
        return run("chroot", self.path, *words, env=ENVIRONMENT, **more)

    def make(self):
        self.path = KEPT / "cross.new"
        shutil.rmtree(self.path, ignore_errors=True)
        run("cp", "-a", base(), self.path)
        self.run("dpkg", "--add-architecture", "arm64")
        self.run("apt-get", "update", "-q")
        self.run("apt-get", "install", "-y", "-q", "--no-install-recommends",
                 *TOOLS, *libraries())
        self.run("apt-get", "clean")
        self.path = self.path.rename(KEPT / "cross")

    def take_source(self):
        """As it lies here, without the tests."""
        names = subprocess.run(
            ["git", "ls-files", "-z", "--", ".", ":!tests"], cwd=REPOSITORY,
            check=True, capture_output=True).stdout
        shutil.rmtree(self.path / "source", ignore_errors=True)
        (self.path / "source").mkdir()
        packed = subprocess.run(["tar", "c", "--null", "-T", "-"], input=names,
                                cwd=REPOSITORY, check=True,
                                capture_output=True).stdout
        subprocess.run(["tar", "x"], input=packed, check=True,
                       cwd=self.path / "source")


@unittest.skipIf(REASON is not None, REASON)
class Arm64Test(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cross = Cross()
        cls.cross.take_source()
        cls.cross.run(
            "cmake", "-S", "/source", "-B", "/build", "-G", "Ninja",
            "-DCMAKE_BUILD_TYPE=Release", "--toolchain",
            "/source/config/cmake/arm64.cmake")
        cls.cross.run("cmake", "--build", "/build", "-j",
                      os.environ.get("EDGE_JOBS", "2"))
        cls.cross.run("rm", "-rf", "/packages")
        cls.cross.run("cpack", "--config", "/build/CPackConfig.cmake", "-B",
                      "/packages")
        cls.packages = {path.name.split("_")[0]: path for path in
                        (cls.cross.path / "packages").glob("*.deb")}

    def field(self, package, name):
        return run("dpkg-deb", "-f", self.packages[package], name
                   ).stdout.strip()

    def test_what_the_packages_say(self):
        for package in ("shopme-edge", "shopme-devices"):
            self.assertEqual(self.field(package, "Architecture"), "arm64")
            self.assertTrue(self.packages[package].name.endswith("_arm64.deb"))
            self.assertIn("libuv1", self.field(package, "Depends"))
        self.assertIn("libwebsockets17", self.field("shopme-edge", "Depends"))

    def unpack(self):
        """Into a folder of the root, beside arm64's libraries."""
        folder = self.cross.path / "installed"
        shutil.rmtree(folder, ignore_errors=True)
        for path in self.packages.values():
            run("dpkg-deb", "-x", path, folder)
        return pathlib.Path("/installed/usr")

    def qemu(self, *words, **more):
        return self.cross.run("qemu-aarch64-static", "-L", "/", *words, **more)

    def test_the_programs_run(self):
        usr = self.unpack()
        said = run("file", "-b", self.cross.path / "installed/usr/bin/shopme-edge"
                   ).stdout
        self.assertIn("ARM aarch64", said)
        version = self.field("shopme-edge", "Version")
        self.assertEqual(self.qemu(usr / "bin/shopme-edge", "--version").stdout,
                         f"shopme-edge {version}\n")
        self.assertIn("--broker", self.qemu(usr / "bin/shopme-devices",
                                            "--help").stdout)

    def start(self, folder, *words):
        log = open(folder / "log", "a+b")
        self.addCleanup(log.close)
        started = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log, env=ENVIRONMENT)
        self.addCleanup(started.wait)
        self.addCleanup(started.kill)
        return started

    def test_a_store_sells(self):
        """With this machine's Mosquitto as the site's broker: a program that
        qemu runs by name cannot start one of its own architecture."""
        usr = self.unpack()
        folder = tempfile.TemporaryDirectory(dir=self.cross.path / "tmp")
        self.addCleanup(folder.cleanup)
        here = pathlib.Path(folder.name)
        inside = f"/tmp/{here.name}"
        broker = free_port()
        (here / "edge.yaml").write_text(
            f"store: s1\ndata: {inside}/data\n"
            f"broker: {{mode: external, address: \"127.0.0.1:{broker}\"}}\n"
            f"console: {{listen: \"127.0.0.1:{free_port()}\"}}\n")
        mosquitto = self.start(here, "mosquitto", "-p", str(broker))
        gateway = self.start(
            here, "chroot", self.cross.path, "qemu-aarch64-static", "-L", "/",
            usr / "bin/shopme-edge", "run", "--config", f"{inside}/edge.yaml")
        config = ("--config", f"{inside}/edge.yaml")

        def is_well():
            said = self.qemu(usr / "bin/shopme-edge", "status", "--json",
                             *config, check=False).stdout
            return said.startswith("{") and \
                json.loads(said)["broker"]["up"]
        wait_for("the gateway is well", is_well)
        self.qemu(usr / "bin/shopme-devices", "--broker",
                  f"127.0.0.1:{broker}", "--store", "s1", "--orders", "10",
                  "--rate", "50", "--quiet")
        gateway.terminate()
        self.assertEqual(gateway.wait(30), 0)
        mosquitto.terminate()
        mosquitto.wait(30)
        placed = self.qemu(usr / "bin/shopme-edge", "journal", "cat", *config,
                           "--type", "OrderPlaced").stdout
        self.assertEqual(len(placed.splitlines()), 10)


if __name__ == "__main__":
    unittest.main()

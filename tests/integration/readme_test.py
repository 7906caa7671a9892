# SPDX-License-Identifier: Apache-2.0
"""Goal: README's "Run it" works as it is typed, in a fresh folder and as an
ordinary user. Method: the commands are taken from README. The ports and the
data folder are other ones, since this machine may use the real ones."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from edge import BUILD, can_connect, free_port, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOBODY = 65534


def blocks():
    """The commands of "Run it", a list for each block."""
    text = (ROOT / "README.md").read_text()
    part = text[text.index("\n## Run it\n"):]
    part = part[:part.index("\n## ", 1)]
    found = re.findall(r"^```\n(.*?)^```$", part, re.M | re.S)
    return [re.findall(r"(?:[^'\n]|'[^']*')+", block) for block in found]


class RunIt(unittest.TestCase):
    def setUp(self):
        """A clone with the program built, and ports that are free here."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="edge-readme-"))
        self.addCleanup(shutil.rmtree, self.folder)
        build = self.folder / "build"
        build.mkdir()
        (build / "release").symlink_to(BUILD)
        shutil.copytree(ROOT / "config", self.folder / "config")
        self.ports = {"18850": str(free_port()), "18851": str(free_port())}
        path = self.folder / "config/try.yaml"
        text = path.read_text()
        self.assertIn("data: /var/tmp/shopme-edge-try\n", text)
        path.write_text(self.here(text).replace(
            "/var/tmp/shopme-edge-try", f"{self.folder}/data"))
        self.user = {}
        if os.geteuid() == 0:
            self.user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            os.chown(self.folder, NOBODY, NOBODY)
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith("AWS_")}

    def here(self, text):
        for port, other in self.ports.items():
            text = re.sub(rf"\b{port}\b", other, text)
        return text

    def options(self):
        return {"cwd": self.folder, "env": self.environment,
                "stdin": subprocess.DEVNULL} | self.user

    def run_it(self, command):
        done = subprocess.run(["bash", "-c", self.here(command)], text=True,
                              capture_output=True, timeout=60,
                              **self.options())
        self.assertEqual(done.returncode, 0,
                         f"{command}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, command):
        self.assertRegex(command, r"^build/release/gateway/shopme-edge run ")
        with open(self.folder / "log", "wb") as log:
            process = subprocess.Popen(command.split(), stdout=log, stderr=log,
                                       **self.options())
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_as_it_is_typed(self):
        first, second = blocks()
        self.assertEqual(first[0], "cmake --preset release && cmake --build "
                         "--preset release")
        self.assertIn("/config/try.yaml: ok", "/" + self.run_it(first[1]))
        gateway = self.start(first[2])
        self.assertEqual(len(first), 3)
        try:
            wait_for("the broker", lambda: can_connect(
                int(self.ports["18850"])))
            send, status, cat = second
            wait_for("the gateway is up", lambda: subprocess.run(
                ["bash", "-c", status], capture_output=True, timeout=60,
                **self.options()).returncode == 0)
            wait_for("the event arrives", lambda: (
                self.run_it(send), '"id":"reading-1"' in self.run_it(cat))[1])
            self.assertIn("store my-store", self.run_it(status))
            self.assertEqual(self.run_it(cat).count('"id":"reading-1"'), 1)
            self.assertTrue(can_connect(int(self.ports["18851"])))
        finally:
            gateway.send_signal(signal.SIGINT)
            code = gateway.wait(15)
        self.assertEqual(code, 0, (self.folder / "log").read_text())

    def test_the_files_are_right(self):
        """As they are: the one to try runs for anybody, the example is in
        order, and so are README's three lines of a store."""
        text = (ROOT / "README.md").read_text()
        folder = self.folder / "config/conf.d"
        folder.mkdir()
        lines = re.search(r"^```yaml\n(.*?)^```$", text, re.M | re.S).group(1)
        (folder / "store.yaml").write_text(lines)
        program = BUILD / "gateway/shopme-edge"
        for name, *words in (["shopme-edge.yaml", "--files-only"],
                             ["try.yaml"]):
            with self.subTest(name=name):
                done = subprocess.run(
                    [program, "check", "--config", f"config/{name}", *words],
                    capture_output=True, text=True, timeout=60,
                    **self.options())
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("store store-7", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)

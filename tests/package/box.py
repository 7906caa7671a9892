# SPDX-License-Identifier: Apache-2.0
"""A root that is booted with a systemd of its own (systemd-nspawn), on this
machine's network, so that it reaches the local cloud."""

import os
import pathlib
import shutil
import signal
import subprocess

from root import Root, run, wait_for, why_not as why_no_root

NAMESPACES = ("--mount", "--uts", "--ipc", "--pid")


def why_not():
    if shutil.which("systemd-nspawn") is None:
        return "not installed: systemd-nspawn"
    return why_no_root()


class Box(Root):
    process = None
    leader = None

    def boot(self):
        for name in ("usr/sbin/policy-rc.d", "etc/machine-id"):
            (self / name).unlink(missing_ok=True)
        # Debian's own broker would take this machine's port 1883.
        link = self / "etc/systemd/system/mosquitto.service"
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
        self.log = open(self.top / "console.log", "wb")
        self.process = subprocess.Popen(
            ["systemd-nspawn", "-D", self.path, "--boot", "--register=no",
             "--keep-unit", "--link-journal=no", "--console=pipe",
             "--resolv-conf=off", "--timezone=off"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_for("the box has booted", self._is_up)
        return self

    def _is_up(self):
        if self.process.poll() is not None:
            raise AssertionError("the box ended: "
                                 + pathlib.Path(self.log.name).read_text())
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
        for child in children.split():
            self.leader = child
            if self.run("systemctl", "is-system-running", check=False
                        ).stdout.strip() in ("running", "degraded"):
                return True
        return False

    def run(self, *words, **more):
        if self.process is None:
            return super().run(*words, **more)
        return run("nsenter", f"--target={self.leader}", *NAMESPACES,
                   f"--root=/proc/{self.leader}/root", "--wdns=/", *words,
                   env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                        "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
                   **more)

    def halt(self):
        """As a machine is shut down."""
        if self.process is None:
            return
        self.run("systemctl", "poweroff", check=False)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            os.kill(int(self.leader), signal.SIGKILL)
            self.process.wait(10)
        self.process = None
        self.log.close()

    def remove(self):
        self.halt()
        super().remove()

    def shown(self, what, unit="shopme-edge"):
        return self.run("systemctl", "show", "-P", what, unit,
                        check=False).stdout.strip()

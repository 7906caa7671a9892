# SPDX-License-Identifier: Apache-2.0
"""A real browser for the tests: Debian's chromium, driven by driver.mjs through
playwright-core (`npm ci` in this folder installs it)."""

import json
import pathlib
import select
import signal
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
ANSWER_S = 60
CHECKS = (HERE / "checks.js").read_text(encoding="utf-8")
AXE = HERE / "node_modules/axe-core/axe.min.js"


class Browser:
    """One chromium; use it as a context."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["node", HERE / "driver.mjs"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        self.version = self._read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Its end of input ends the driver, and that the browser."""
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
        self.process.stdout.close()

    def _read(self):
        ready, _, _ = select.select([self.process.stdout], [], [], ANSWER_S)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            raise RuntimeError("the browser's driver does not answer; has "
                               "`npm ci` been run in tests/browser?")
        said = json.loads(line)
        if "error" in said:
            raise RuntimeError(said["error"])
        return said["answer"]

    def do(self, name, **request):
        line = json.dumps({"do": name} | request) + "\n"
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()
        return self._read()

    def open(self, url, width=1280, height=900, scheme="light", reduced=False,
             scale=1):
        return Page(self, self.do("open", url=url, width=width, height=height,
                                  scheme=scheme, reduced=reduced, scale=scale))


class Page:
    """One tab of its own; use it as a context."""

    def __init__(self, browser, id_):
        self.browser, self.id = browser, id_

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.do("close")

    def do(self, name, **request):
        return self.browser.do(name, id=self.id, **request)

    def evaluate(self, script, arg=None):
        """The value of the JavaScript function `script` for `arg`."""
        return self.do("evaluate", script=script, arg=arg)

    def check(self, name, arg=None):
        """What the check of that name in checks.js finds."""
        return self.evaluate(CHECKS, [name, arg])

    def text(self, selector):
        """What a reader sees there; None if nothing is to be seen."""
        return self.check("text", selector)

    def until(self, selector, wanted, seconds=30):
        """Waits until that text holds `wanted`; how long it took."""
        began = time.monotonic()
        while True:
            text = self.text(selector)
            took = time.monotonic() - began
            if text is not None and wanted in text:
                return took
            if took > seconds:
                raise AssertionError(f"{selector} says {text!r} and not "
                                     f"{wanted!r} after {seconds} s")
            time.sleep(0.03)

    def axe(self):
        """What axe calls serious or critical, one line each."""
        if not self.check("has_axe"):
            self.evaluate("() => {" + AXE.read_text(encoding="utf-8") + "}")
        return self.check("axe")

    def said(self):
        """Errors on the console and requests elsewhere, since the last call."""
        return self.do("said")

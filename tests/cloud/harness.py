# SPDX-License-Identifier: Apache-2.0
"""Starts a local cloud as a process of its own, and talks to its controls."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cloud.py")
PYTHON = "/usr/bin/python3"
# All is on this machine, whatever proxy the environment names.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class LocalCloud:
    """One cloud in one directory; it may be killed and started again."""

    def __init__(self, directory, buses=(), streams=(), region="eu-central-1",
                 port=0, control_port=0, access_key="AKIDEXAMPLE",
                 secret_key="a secret of the tests", token=None, options=()):
        self.directory = directory
        self.region = region
        self.port = port
        self.control_port = control_port
        self.ca_path = None
        self.environment = {"AWS_ACCESS_KEY_ID": access_key,
                            "AWS_SECRET_ACCESS_KEY": secret_key}
        if token is not None:
            self.environment["AWS_SESSION_TOKEN"] = token
        self._arguments = ["--dir", directory, "--region", region, *options]
        for name in buses:
            self._arguments += ["--bus", name]
        for name in streams:  # NAME:SHARDS
            self._arguments += ["--stream", name]
        self.process = None

    def start(self):
        """Starts it, on the ports it had if it was running before."""
        self.process = subprocess.Popen(
            [PYTHON, PROGRAM, "--port", str(self.port), "--control-port",
             str(self.control_port), *self._arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            env=os.environ | self.environment)
        words = self.process.stdout.readline().split()
        if not words or words[0] != "ready":
            self.process.wait()
            raise RuntimeError("the local cloud did not start")
        said = dict(word.split("=", 1) for word in words[1:])
        self.port, self.control_port = int(said["port"]), int(said["control"])
        self.ca_path = said["ca"]
        return self

    def stop(self, how=signal.SIGTERM):
        """Ends it by its process id; SIGKILL for a crash."""
        if self.process is None:
            return
        self.process.send_signal(how)
        self.process.wait()
        self.process.stdout.close()
        self.process = None

    @property
    def endpoint(self):
        return f"https://localhost:{self.port}"

    def _control(self, path, body=None):
        url = f"http://127.0.0.1:{self.control_port}{path}"
        data = None if body is None else json.dumps(body).encode()
        try:
            with DIRECT.open(url, data, timeout=30) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(error.read().decode().strip()) from None

    def faults(self, **settings):
        return json.loads(self._control("/_faults", settings))

    def stats(self):
        return json.loads(self._control("/_stats"))

    def events(self, **query):
        path = "/_events?" + urllib.parse.urlencode(query)
        return [json.loads(line) for line in
                self._control(path).splitlines()]


if __name__ == "__main__":
    sys.exit("harness.py is used by tests; run cloud.py")

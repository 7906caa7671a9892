# SPDX-License-Identifier: Apache-2.0
"""Starts a local cloud as a process of its own, and talks to its controls."""

import atexit
import errno
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "cloud.py")
PYTHON = "/usr/bin/python3"
# All is on this machine, whatever proxy the environment names.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _ports():
    """In chance's order, none twice. None of those that the system gives out:
    while what listens there is stopped and started again, another test's
    connection could be given it. And only every eighth, so that processes side
    by side seldom choose from the same."""
    with open("/proc/sys/net/ipv4/ip_local_port_range",
              encoding="ascii") as given_out:
        lowest = int(given_out.read().split()[0])
    first, end = (10000, lowest) if lowest > 20000 else (20000, 65536)
    ports = [port for port in range(first + os.getpid() % 8, end, 8)
             if not any(base <= port < base + 20 for base in DEMOS)]
    random.shuffle(ports)
    yield from ports


DEMOS = (18830, 28830, 28930)  # where config/demo listens in the tests
_PORTS = _ports()
_PORTS_LOCK = threading.Lock()  # stores may be made side by side


def free_port():
    with _PORTS_LOCK:
        return _next_free_port()


def _next_free_port():
    for port in _PORTS:
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
    raise OSError("every port of this process was given out")


class _Nursery:
    """What starts and ends the clouds of this process; see nursery.py."""

    _process = None
    _lock = threading.Lock()

    @classmethod
    def ask(cls, **command):
        with cls._lock:
            if cls._process is None:
                cls._process = subprocess.Popen(
                    [PYTHON, os.path.join(HERE, "nursery.py")],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                atexit.register(cls._end)
            cls._process.stdin.write(json.dumps(command) + "\n")
            cls._process.stdin.flush()
            return cls._process.stdout.readline()

    @classmethod
    def _end(cls):
        with cls._process as process:
            process.stdin.close()
            process.wait()


class LocalCloud:
    """One cloud in one directory; it may be killed and started again."""

    def __init__(self, directory, buses=(), streams=(), region="eu-central-1",
                 port=0, control_port=0, access_key="AKIDEXAMPLE",
                 secret_key="a secret of the tests", token=None, options=()):
        self.directory = directory
        self.region = region
        self.port = port or free_port()
        self.control_port = control_port or free_port()
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
        self.pid = None

    def start(self):
        """Starts it, on the ports it had if it was running before."""
        words = _Nursery.ask(
            start=["--port", str(self.port), "--control-port",
                   str(self.control_port), *self._arguments],
            environment=self.environment).split()
        said = dict(word.split("=", 1) for word in words if "=" in word)
        self.pid = int(said["pid"])
        if "ready" not in words:
            self.stop(0)
            raise RuntimeError("the local cloud did not start")
        self.port, self.control_port = int(said["port"]), int(said["control"])
        self.ca_path = said["ca"]
        return self

    def stop(self, how=signal.SIGTERM):
        """Ends it by its process id; SIGKILL for a crash."""
        if self.pid is None:
            return
        _Nursery.ask(stop=self.pid, signal=how)
        self.pid = None

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

    def session(self, **wanted):
        """Credentials for life_s seconds; see cloud.py."""
        return json.loads(self._control("/_sessions", wanted))

    def rights(self, **settings):
        """Sets a policy or keys, if given; what was called; see rights.py."""
        if settings:
            self._control("/_rights", settings)
        return json.loads(self._control("/_rights"))

    def stats(self):
        return json.loads(self._control("/_stats"))

    def events(self, **query):
        path = "/_events?" + urllib.parse.urlencode(query)
        return [json.loads(line) for line in
                self._control(path).splitlines()]


if __name__ == "__main__":
    sys.exit("harness.py is used by tests; run cloud.py")

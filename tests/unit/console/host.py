# SPDX-License-Identifier: Apache-2.0
"""Runs console_host (CONSOLE_HOST) and asks it, for the tests here."""

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess

HOST = os.environ["CONSOLE_HOST"]
WAIT = 30


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("anything.example", timeout=WAIT)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(WAIT)
        self.sock.connect(self.path)


class Host:
    """One running console."""

    def __init__(self, directory, address="127.0.0.1:0", following=""):
        self.socket_path = os.path.join(directory, "control.sock")
        self.process = subprocess.Popen(
            [HOST, address, self.socket_path],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"CONSOLE_NEXT": following})
        self.first = self.process.stdout.readline().strip()
        match = re.fullmatch(r"port (\d+)", self.first)
        self.port = int(match.group(1)) if match else None

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)

    def unix(self):
        return UnixConnection(self.socket_path)

    def ask(self, *request, **more):
        """One request on a TCP connection of its own."""
        with contextlib.closing(self.connection()) as connection:
            return ask(connection, *request, **more)

    def ask_unix(self, *request, **more):
        with contextlib.closing(self.unix()) as connection:
            return ask(connection, *request, **more)

    def move(self):
        """To the address `following`; the new port."""
        self.process.send_signal(signal.SIGUSR2)
        self.port = int(self.process.stdout.readline().split()[1])

    def stop(self):
        """Ends in order; the exit status says whether the loop closed."""
        self.process.send_signal(signal.SIGTERM)
        _, self.errors = self.process.communicate(timeout=WAIT)
        return self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.communicate()


def ask(connection, method, path, body=None, headers=None):
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    return answer, answer.read()


def raw(port, request):
    """Sends bytes as they are; what comes back until the peer closes or is
    quiet."""
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as peer:
        peer.sendall(request)
        answer = b""
        try:
            while part := peer.recv(65536):
                answer += part
                peer.settimeout(0.5)  # the first may take longer
        except (socket.timeout, ConnectionResetError):
            pass
        return answer

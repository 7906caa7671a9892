# SPDX-License-Identifier: Apache-2.0
"""Starts and ends local clouds for a test program (harness.py).

To load what the cloud needs and to make its certificates takes longer than
most tests; here that is done once, and each cloud is forked off. A line of JSON
on standard input is a command, a line on standard output its answer:

  {"start": [argument, ...], "environment": {...}}   pid=N ready port=N ...
                                                     pid=N failed
  {"stop": pid, "signal": number}                    ended

It ends with its standard input, and its clouds with it.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
import traceback

import authority
import cloud
from model import Model


def _become_cloud(made, command):
    """In the forked process; does not return."""
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.update(command["environment"])
        print(f"pid={os.getpid()}", end=" ")
        _give_certificates(made, command)
        cloud.main(command["start"])
        code = 0
    except BaseException:  # whatever it is: who asked waits for an answer
        traceback.print_exc()
        print("failed", flush=True)
    finally:
        os._exit(code)


def _give_certificates(made, command):
    """A cloud's directory that has none gets the ones made here."""
    directory = command["start"][command["start"].index("--dir") + 1]
    if not os.path.exists(os.path.join(directory, "server.pem")):
        shutil.copytree(made, directory, dirs_exist_ok=True)


def _serve(made):
    authority.prepare(made)
    for service in cloud.OPERATIONS:
        Model(service.name)  # keeps what it read
    for line in sys.stdin:
        command = json.loads(line)
        if "start" in command:
            if os.fork() == 0:
                _become_cloud(made, command)
            continue
        os.kill(command["stop"], command["signal"])
        os.waitpid(command["stop"], 0)
        print("ended", flush=True)


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with tempfile.TemporaryDirectory() as made:
        _serve(made)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Run in a network namespace of its own: loads firewall rules from standard
input and prints what becomes of connections, as a JSON object."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time

PORT, ANOTHER = 8883, 9999


def connect(source, port=PORT):
    """An open socket, or the error's name."""
    end = socket.socket()
    end.settimeout(1)
    end.bind((source, 0))
    try:
        end.connect(("127.0.0.1", port))
        return end
    except OSError as error:
        end.close()
        return type(error).__name__


def serve(port):
    """Takes connections, and closes each when its client has."""
    def until_it_ends(end):
        with end, contextlib.suppress(OSError):
            end.recv(1)

    def accept(listener):
        while True:
            end, _ = listener.accept()
            threading.Thread(target=until_it_ends, args=(end,),
                             daemon=True).start()

    listener = socket.create_server(("127.0.0.1", port), backlog=200)
    threading.Thread(target=accept, args=(listener,), daemon=True).start()


def word(end):
    if isinstance(end, str):
        return end
    end.close()
    return "open"


def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["/usr/sbin/nft", "-f", "-"], input=sys.stdin.read(),
                   text=True, check=True)
    serve(PORT)
    serve(ANOTHER)
    seen = {"stranger": word(connect("127.0.0.2")),
            "elsewhere": word(connect("127.0.0.2", ANOTHER))}
    seen["at_once"] = [word(end) for end in
                       [connect("127.0.0.1") for _ in range(6)]]
    seen["in_turn"] = 0
    end = time.monotonic() + 30
    last = ""
    while last != "TimeoutError" and time.monotonic() < end:
        last = word(connect("127.0.0.1"))
        seen["in_turn"] += last == "open"
        time.sleep(0.05)
    seen["last"] = last
    print(json.dumps(seen))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Goal: what mosquitto_passwd makes is accepted here, and what is made here is
accepted by a real Mosquitto. Each with passwords at the bounds, and wrong ones
refused."""

import pathlib
import socket
import subprocess
import sys
import tempfile
import time

TOOL = sys.argv[1]
PASSWORDS = ["x", "123456789012", "with spaces and $7$101$", "s\u00e4tze d\u00fcrfen",
             "y" * 256, "quote'\"\\"]
NOT_AUTHORIZED = 5  # CONNACK of 3.1.1, section 3.2.2.3; 4 is a bad password


def matches(hashed, password):
    done = subprocess.run([TOOL, "matches", hashed, password])
    assert done.returncode in (0, 1), done
    return done.returncode == 0


def by_mosquitto(folder, password):
    file = folder / "theirs"
    file.write_text("")
    subprocess.run(["mosquitto_passwd", "-H", "sha512-pbkdf2", "-b", file,
                    "till-1", password], check=True, capture_output=True)
    name, hashed = file.read_text().strip().split(":")
    assert name == "till-1"
    return hashed


def by_us(password, iterations):
    return subprocess.run([TOOL, "hash", str(iterations), password], check=True,
                          capture_output=True, text=True).stdout.strip()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def mqtt_string(text):
    data = text.encode()
    return len(data).to_bytes(2, "big") + data


def connect(port, user, password):
    """The return code of the CONNACK."""
    body = (mqtt_string("MQTT") + bytes([4, 0xc2]) + (60).to_bytes(2, "big")
            + mqtt_string("c-" + user) + mqtt_string(user)
            + mqtt_string(password))
    left, size = len(body), b""
    while left or not size:
        left, digit = divmod(left, 128)
        size += bytes([digit | (128 if left else 0)])
    with socket.create_connection(("127.0.0.1", port), 10) as peer:
        peer.sendall(b"\x10" + size + body)
        answer = peer.recv(4)
    assert len(answer) == 4 and answer[:2] == b"\x20\x02", answer
    return answer[3]


def wait_for(port, broker):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert broker.poll() is None, "the broker ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the broker does not listen")


def real_broker_takes(folder, accounts):
    port = free_port()
    (folder / "passwords").write_text("".join(
        f"{user}:{hashed}\n" for user, (hashed, _) in accounts.items()))
    (folder / "passwords").chmod(0o644)
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\nuser root\n"
        f"password_file {folder}/passwords\n")
    with open(folder / "log", "w") as log:
        broker = subprocess.Popen(
            ["mosquitto", "-c", folder / "mosquitto.conf"], stdout=log,
            stderr=log)
    try:
        wait_for(port, broker)
        for user, (_, password) in accounts.items():
            assert connect(port, user, password) == 0, (user, password)
            refused = connect(port, user, password[:-1] + "~")
            assert refused == NOT_AUTHORIZED, (user, refused)
    finally:
        broker.terminate()
        broker.wait(30)


def main():
    with tempfile.TemporaryDirectory(prefix="password-") as name:
        folder = pathlib.Path(name)
        for password in PASSWORDS:
            hashed = by_mosquitto(folder, password)
            assert hashed.startswith("$7$"), hashed
            assert matches(hashed, password), password
            assert not matches(hashed, password + "~"), password
        accounts = {}
        for i, password in enumerate(PASSWORDS):
            for iterations in (101, 1000):
                accounts[f"till-{i}-{iterations}"] = (
                    by_us(password, iterations), password)
        real_broker_takes(folder, accounts)
        print(f"figure: {len(PASSWORDS)} hashes of mosquitto_passwd accepted, "
              f"{len(accounts)} of ours by a real broker")


main()

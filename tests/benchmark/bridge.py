# SPDX-License-Identifier: Apache-2.0
"""How fast a backlog of 300-byte events leaves for a bare sink over TLS, by
service, latency, keys, wire, and whether they are aggregated. See tests/bench.

Each case has a journal of its own, filled while the bridge is paused. Time and
processor time run from when it may send until all is confirmed, or until the
seconds are over. Memory is the most that was resident meanwhile; rss_idle_mib is
what was before."""

import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/cloud"))
import authority  # noqa: E402

LATENCIES_MS = (0, 20, 100)
KEYS = (10, 1000)
CONNECTIONS = 8
PAD = 165  # so that an event has 300 bytes in the journal
LOOK_S = 0.02


def number(name, otherwise):
    return int(os.environ.get(name) or otherwise)


class Program:
    """Answers a line of JSON for each line."""

    def __init__(self, *words, **environment):
        self.process = subprocess.Popen(
            list(map(str, words)), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=os.environ | environment)
        self.said = self._read()

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"tests/bench: {self.process.args[0]} ended")
        return json.loads(line)

    def do(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._read()

    def memory_mib(self, name):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split(f"{name}:")[1].split()[0]) / 1024

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def watch(bridge, end, seconds):
    """(seconds, events confirmed, processor seconds) of a drain."""
    before = bridge.do("status")
    began = time.monotonic()
    bridge.do("resume")
    while True:
        time.sleep(LOOK_S)
        status = bridge.do("status")
        took = time.monotonic() - began
        sent = status["streams"]["events"]["sent"]
        if sent == end or took > seconds:
            return took, sent, (status["cpu_us"] - before["cpu_us"]) / 1e6


def drain(build, folder, case, events, seconds):
    """The figures of one case."""
    ca = os.path.join(folder, "ca.pem")
    authority.prepare(folder)
    with tempfile.TemporaryDirectory(dir=folder) as empty, Program(
            build / "tests/benchmark/bare_sink", f"{folder}/server.pem",
            f"{folder}/server.key", case["latency_ms"]) as sink, Program(
                build / "tests/unit/bridge/bridge_driver", empty, "eu-central-1",
                f"https://localhost:{sink.said['port']}", ca,
                f"events:1:{case['sink']}:bare",
                EDGE_CONNECTIONS=str(CONNECTIONS), AWS_ACCESS_KEY_ID="AKIDBENCH",
                AWS_SECRET_ACCESS_KEY="bench", NO_PROXY="*") as bridge:
        bridge.do("pause")
        end = bridge.do(f"append events {events} {case['keys']} {PAD}")["end"]
        idle = bridge.memory_mib("VmRSS")
        bridge.forget_peak()
        took, sent, cpu_s = watch(bridge, end, seconds)
        came = sink.do("")
        return case | {
            "events": sent,
            "events_per_s": round(sent / took),
            "cpu_us_per_event": round(cpu_s * 1e6 / max(sent, 1), 2),
            "wire_bytes_per_event": round(came["bytes"] / max(sent, 1), 1),
            "put_units_per_million": round(
                came["put_units"] * 1e6 / max(sent, 1)),
            "rss_idle_mib": round(idle, 1),
            "rss_peak_mib": round(bridge.memory_mib("VmHWM"), 1)}


def kinesis(build, folder):
    events = number("EDGE_BENCH_EVENTS", 100_000)
    seconds = number("EDGE_BENCH_SECONDS", 1)
    for latency, keys, aggregated, wire in itertools.product(
            LATENCIES_MS, KEYS, (False, True), ("json", "cbor")):
        case = {"latency_ms": latency, "keys": keys, "aggregated": aggregated,
                "wire": wire, "sink": "kinesis" + "-cbor" * (wire == "cbor")
                + "-kpl" * aggregated}
        yield drain(build, folder, case, events, seconds)


def eventbridge(build, folder):
    events = number("EDGE_BENCH_EVENTBRIDGE_EVENTS", 20_000)
    seconds = number("EDGE_BENCH_SECONDS", 1)
    for latency, keys in itertools.product(LATENCIES_MS, KEYS):
        case = {"latency_ms": latency, "keys": keys,
                "connections": CONNECTIONS, "sink": "eventbridge"}
        figures = drain(build, folder, case, events, seconds)
        for name in ("wire_bytes_per_event", "put_units_per_million"):
            del figures[name]
        yield figures


def show(name, figures):
    words = " ".join(f"{key}={value}" for key, value in figures.items()
                     if key != "sink")
    print(f"{name} {words}", flush=True)


def main(options, build):
    all_figures = {}
    with tempfile.TemporaryDirectory(dir=options.dir or build) as folder:
        for service in (kinesis, eventbridge):
            rows = all_figures.setdefault(service.__name__, [])
            for figures in service(build, folder):
                del figures["sink"]
                rows.append(figures)
                if not options.json:
                    show(service.__name__, figures)
    if options.json:
        print(json.dumps(all_figures))

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Is this build slower than another? Measures two builds in turn, pair by pair, so
that what else the machine does meets both alike; shows the median of the pairs'
ratios, of this build to the other.

  tests/benchmark/compare.py BUILD OTHER_BUILD [--pairs N] [--events N] [--json]

journal: tests/benchmark/bench_append of each build, events/s by batch, and the
same as a share of what a plain write reached in that very turn (to_raw).
session: a broker of the site's own holds EVENTS (40,000) events of a device for a
gateway that is down; events/s from its first receipt of them to the last that is
on the disk. (What sends is so left out of the figure.)
Nothing is asserted of the figures. The builds are build folders, release."""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))
import edge  # noqa: E402
from wire_test import Broker  # noqa: E402

BATCHES = (1, 10, 100, 1000)
TURN_S, ROUNDS = 0.2, 3
POLL_S = 0.005


def journal(build):
    """{(batch, what): events/s or the share}, medians of its rounds."""
    with tempfile.TemporaryDirectory(dir=build) as folder:
        said = subprocess.run(
            [build / "tests/benchmark/bench_append", folder, str(TURN_S),
             str(ROUNDS)], check=True, capture_output=True, text=True).stdout
    rates = {}
    for line in said.splitlines():
        turn = json.loads(line)
        rates.setdefault((turn["batch"], turn["target"]), []).append(
            turn["events_per_s"])
    figures = {}
    for batch in BATCHES:
        ours, raw = rates[batch, "ours"], rates[batch, "raw"]
        figures[f"batch {batch}, events/s"] = statistics.median(ours)
        figures[f"batch {batch}, to_raw"] = statistics.median(
            a / b for a, b in zip(ours, raw))
    return figures


def publish(store, broker, count):
    """One device, one line an event."""
    lines = "".join(
        json.dumps({"specversion": "1.0", "type": "Measured", "id": f"m-{n}",
                    "source": f"/{store.name}/meter-1", "time":
                    "2026-01-01T00:00:00Z", "data": {"celsius": n % 40,
                                                     "pad": "x" * 150}}) + "\n"
        for n in range(count))
    subprocess.run(
        ["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-l", "-t",
         f"shopme/{store.name}/meter-1/telemetry"], input=lines, text=True,
        check=True)


def committed(store):
    stream = store.gateway.stream("telemetry")
    return stream["end"] if stream else 0


def session(build, count):
    broker = Broker()
    try:
        with edge.Store(program=build / "gateway/shopme-edge", cloud=False,
                        broker_address=broker.port) as store:
            store.gateway.start().wait_up()
            store.gateway.stop()
            publish(store, broker, count)
            store.gateway.start()
            edge.wait_for("the first are there", lambda: committed(store) > 0,
                          every=POLL_S)
            first, began = committed(store), time.monotonic()
            edge.wait_for("all are there", lambda: committed(store) >= count,
                          every=POLL_S)
            return (count - first) / (time.monotonic() - began)
    finally:
        broker.stop()


def once(build, events):
    return {**{f"journal, {name}": value
               for name, value in journal(build).items()},
            "session, events/s": session(build, events)}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("other", type=pathlib.Path)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--events", type=int, default=40000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pairs = []
    for n in range(options.pairs):
        builds = (options.build.resolve(), options.other.resolve())
        order = builds if n % 2 == 0 else builds[::-1]
        measured = {build: once(build, options.events) for build in order}
        pairs.append((measured[builds[0]], measured[builds[1]]))
        print(f"pair {n + 1} of {options.pairs}", file=sys.stderr)
    rows = [{"what": name,
             "this": statistics.median(a[name] for a, _ in pairs),
             "other": statistics.median(b[name] for _, b in pairs),
             "ratio": round(statistics.median(a[name] / b[name]
                                              for a, b in pairs), 3)}
            for name in pairs[0][0]]
    if options.json:
        print(json.dumps(rows))
        return
    print(f"{'':32}{'this':>12}{'other':>12}{'ratio':>8}")
    for row in rows:
        form = ">12.2f" if "to_raw" in row["what"] else ">12,.0f"
        print(f"{row['what']:32}{row['this']:{form}}{row['other']:{form}}"
              f"{row['ratio']:>8.3f}")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""A store, its gateway and its cloud on one machine: the line to the cloud is
cut while the store keeps selling, comes back, and everything arrives. Tills
come to the broker by certificate and sensors by password, all over TLS.

Started by config/demo, which builds first. Needs nothing outside of this
machine: the cloud is tests/cloud, judged by AWS's own signer and models.
Exit status 0 only if every order ended, nothing is missing in the cloud and
every key came in order.
"""

import argparse
import contextlib
import ctypes
import json
import os
import pathlib
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
import tty
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "release"
PYTHON = "/usr/bin/python3"
STORE = "demo-store"
REGION = "eu-central-1"
BUS = "OrderingSystemEventBus"
STREAM = "shopme-telemetry"
PORTS = ("broker", "page", "cloud", "cloud control", "broker by certificate",
         "broker by password")
SELLING = {"till": 6, "scanner": 2, "terminal": 1}
SENSING = {"sensor": 20}
NOBODY = dict.fromkeys(SELLING | SENSING, 0)
TICK_S = 0.2
READY_S = 60
STALL_S = 60
END_S = 15
WRITTEN_FROM = 200  # events; before that a journal's first pages count most
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
# All is on this machine, whatever proxy the environment names.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

CONFIGURATION = """\
store: {store}
data: {folder}/data
broker:
  listen:
    - {{address: "127.0.0.1:{broker}", anonymous: true}}
    - {{address: "127.0.0.1:{by_certificate}", tls: true, certificates: true}}
    - {{address: "127.0.0.1:{by_password}", tls: true}}
streams:
  - name: orders
    shop: true
    priority: 1
    sink: {{eventbridge: {{bus: {bus}}}}}
  - name: telemetry
    priority: 2
    commit_delay: 1 s
    sink: {{kinesis: {{stream: {stream}}}}}
cloud:
  region: {region}
  endpoint: https://localhost:{cloud}
  ca_file: {folder}/cloud/ca.pem
console: {{listen: "127.0.0.1:{page}"}}
"""


class DemoError(Exception):
    """The demo cannot go on; the words say what to do."""


def _end_with_parent():
    """In a child: ends it should the demo itself be killed."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """A process of ours: its output in a file, ended by its process id."""

    def __init__(self, name, command, folder, environment):
        self.name = name
        self.log = folder / f"{name}.log"
        self.began = time.monotonic()
        with open(self.log, "wb") as log:
            # A session of its own: Ctrl-C is for the demo, which ends its
            # children in order.
            self._process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=environment,
                start_new_session=True, preexec_fn=_end_with_parent)
        self.pid = self._process.pid

    def ended(self):
        """The exit status, or None while it runs."""
        return self._process.poll()

    def wait(self, seconds):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self.ended()

    def stop(self, how=signal.SIGTERM):
        if self.ended() is None:
            self._process.send_signal(how)
            if self.wait(END_S) is None:
                self._process.kill()
                self._process.wait()

    def must_run(self):
        """DemoError with the end of its output if it has ended."""
        code = self.ended()
        if code is not None:
            raise DemoError(f"the {self.name} ended with status {code}:\n"
                            + self.tail())

    def tail(self, lines=15):
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def usage(self):
        """(peak memory in MiB, processor seconds), from /proc."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        peak = next(line for line in status.splitlines()
                    if line.startswith("VmHWM:"))
        stat = pathlib.Path(f"/proc/{self.pid}/stat").read_text()
        times = stat.rpartition(")")[2].split()
        ticks = int(times[11]) + int(times[12])
        return (int(peak.split()[1]) / 1024,
                ticks / os.sysconf("SC_CLK_TCK"))


def _call(port, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    url = f"http://127.0.0.1:{port}{path}"
    with DIRECT.open(url, data, timeout=10) as answer:
        return json.load(answer)


class Gateway:
    """What the gateway's own API says."""

    def __init__(self, child, port):
        self.child = child
        self._port = port

    def streams(self):
        """name -> stream of /api/v1/status, or None while it is not up."""
        try:
            status = _call(self._port, "/api/v1/status")
        except (OSError, ValueError):
            return None
        return {stream["name"]: stream for stream in status["streams"]}


class Cloud:
    """The local cloud's controls."""

    SINKS = {"orders": ("buses", BUS), "telemetry": ("streams", STREAM)}

    def __init__(self, child, port):
        self.child = child
        self._port = port
        self.offline = False

    def up(self):
        try:
            _call(self._port, "/_stats")
        except OSError:
            return False
        return True

    def take_away(self, offline):
        _call(self._port, "/_faults", {"offline": offline})
        self.offline = offline

    def held(self):
        """name of a stream -> what the cloud holds of it."""
        stats = _call(self._port, "/_stats")
        return {name: stats[kind][sink]
                for name, (kind, sink) in self.SINKS.items()}


class Outages:
    """How long the cloud was away, and how long each backlog took."""

    def __init__(self):
        self.offline_s = 0.0
        self.drained_s = None  # of the last return
        self.drained_events = 0
        self._gone = None
        self._back = None
        self._marks = None  # stream -> its end when the cloud came back

    def went(self, now):
        self._gone = now
        self._marks = None

    def came(self, now, streams):
        self.offline_s += now - self._gone
        self._gone, self._back = None, now
        self._marks = {name: s["end"] for name, s in streams.items()}
        self.drained_events = sum(s["end"] - s["cursor"]
                                  for s in streams.values())
        self.drained_s = None

    def look(self, now, streams):
        """True once: all that waited when the cloud came back is there."""
        if self._marks is None or any(
                streams[name]["cursor"] < end
                for name, end in self._marks.items()):
            return False
        self.drained_s = now - self._back
        self._marks = None
        return True


class Keyboard:
    """Single keys from a terminal, if there is one."""

    def __init__(self):
        self._before = None

    def __enter__(self):
        if sys.stdin.isatty():
            self._before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
        return self

    def __exit__(self, *_):
        if self._before is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    @property
    def there(self):
        return self._before is not None

    def key(self, seconds):
        """The key pressed within so many seconds, or an empty text."""
        if not self.there:
            time.sleep(seconds)
            return ""
        if select.select([sys.stdin], [], [], seconds)[0]:
            return os.read(sys.stdin.fileno(), 1).decode("ascii", "replace")
        return ""


class Demo:
    """Builds the store, tells what happens, takes it apart again."""

    def __init__(self, options, folder):
        self._options = options
        self._folder = folder
        self._ports = _ports(options.port_base)
        self._children = []
        self._outages = Outages()
        self._devices = []  # the fleets
        self._gateway = self._cloud = None
        self._config = folder / "shopme-edge.yaml"
        self._passwords = folder / "passwords"
        self._began = 0.0
        self._told = -1  # the second that was last told
        keys = {"AWS_ACCESS_KEY_ID": "AKIA" + secrets.token_hex(8).upper(),
                "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(30)}
        self._environment = {
            name: value for name, value in os.environ.items()
            if not name.startswith("AWS_")} | keys

    # The parts, in the order in which they start.

    def _start(self, name, *command):
        child = Child(name, command, self._folder, self._environment)
        self._children.append(child)
        return child

    def _wait_for(self, what, child):
        """The first true answer of `what`, for a while."""
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            answer = what()
            if answer:
                return answer
            child.must_run()
            time.sleep(TICK_S)
        raise DemoError(f"the {child.name} is not ready after {READY_S} s:\n"
                        + child.tail())

    def _edge(self, *words):
        """What one of the gateway's own commands prints."""
        done = subprocess.run(
            [str(word) for word in (BUILD / "gateway" / "shopme-edge", *words,
                                    "--config", self._config)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            env=self._environment, check=False)
        if done.returncode:
            raise DemoError(f"shopme-edge {' '.join(map(str, words))}: "
                            + done.stderr.strip())
        return done.stdout.strip()

    def _let_devices_in(self):
        """An authority, the broker's certificate, and for each device an
        account: who deals with money comes by certificate, the rest by
        password."""
        self._edge("pki", "init")
        self._edge("pki", "server")
        for name in _names(SELLING):
            self._edge("device", "add", name, "--certificate")
            self._edge("pki", "issue", name, "--no-p12")
        self._passwords.mkdir(mode=0o700)
        for name in _names(SENSING):
            file = self._passwords / f"{name}.password"
            with open(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600),
                      "w") as out:
                out.write(self._edge("device", "add", name) + "\n")

    def start(self):
        self._check_ports()
        ports = self._ports
        cloud = self._start(
            "cloud", PYTHON, ROOT / "tests" / "cloud" / "cloud.py", "--dir",
            self._folder / "cloud", "--port", ports["cloud"],
            "--control-port", ports["cloud control"], "--region", REGION,
            "--bus", BUS, "--stream", f"{STREAM}:4", "--latency-ms", 20)
        self._cloud = Cloud(cloud, ports["cloud control"])
        self._wait_for(self._cloud.up, cloud)
        self._config.write_text(CONFIGURATION.format(
            store=STORE, folder=self._folder, bus=BUS, stream=STREAM,
            region=REGION, broker=ports["broker"], page=ports["page"],
            by_certificate=ports["broker by certificate"],
            by_password=ports["broker by password"], cloud=ports["cloud"]))
        self._let_devices_in()
        gateway = self._start("gateway", BUILD / "gateway" / "shopme-edge",
                              "run", "--config", self._config)
        self._gateway = Gateway(gateway, ports["page"])
        self._wait_for(self._gateway.streams, gateway)
        self._start_devices()

    def _start_devices(self):
        pki = self._folder / "data" / "pki"
        for name, fleet, port, identity in (
                ("devices", SELLING, "broker by certificate", pki / "issued"),
                ("sensors", SENSING, "broker by password", self._passwords)):
            self._devices.append(self._start_fleet(
                name, fleet, "--broker", f"127.0.0.1:{self._ports[port]}",
                "--ca", pki / "ca.pem", "--identity", identity))
        self._began = time.monotonic()

    def _start_fleet(self, name, fleet, *words):
        options = self._options
        command = ["--store", STORE, "--tls", "--mqtt", 5, *words,
                   "--rate", options.rate, "--seed", options.seed, "--quiet",
                   "--report", self._folder / f"{name}.json"]
        for kind, count in (NOBODY | fleet).items():
            command += [f"--{kind}s", count]
        if not options.stay:
            command += ["--seconds", options.seconds]
        return self._start(name, BUILD / "devices" / "shopme-devices",
                           *command)

    def _check_ports(self):
        for name, port in self._ports.items():
            try:
                with socket.socket() as sock:
                    sock.setsockopt(socket.SOL_SOCKET,
                                    socket.SO_REUSEADDR, 1)
                    sock.bind(("127.0.0.1", port))
            except OSError as error:
                raise DemoError(
                    f"port {port} (the {name}'s) is not available: "
                    f"{error.strerror}; choose others with --port-base N "
                    f"(N to N+{len(PORTS) - 1} are used)") from None

    def stop(self):
        for child in reversed(self._children):
            child.stop()

    # The story.

    def say(self, words):
        print(f"{int(self._elapsed()):5} s  {words}", flush=True)

    def _elapsed(self):
        return time.monotonic() - self._began

    def run(self, keyboard):
        """Until the devices are done, or somebody ends it."""
        self._greet(keyboard)
        schedule = self._schedule()
        while any(fleet.ended() is None for fleet in self._devices):
            key = keyboard.key(TICK_S)
            if key == "q":
                break
            if key == "c" or schedule and self._elapsed() >= schedule[0]:
                schedule = schedule if key == "c" else schedule[1:]
                self._toggle()
            for child in self._children[:2]:
                child.must_run()
            self._tell_each_second(self._look())

    def _schedule(self):
        """When the cloud goes and comes, in seconds."""
        if self._options.stay:
            return []
        return [self._options.seconds / 3, self._options.seconds * 2 / 3]

    def _greet(self, keyboard):
        print(f"The store's page: http://127.0.0.1:{self._ports['page']}/")
        if not self._options.stay:
            return
        print("An order by hand, and its answers:")
        broker = f"-h 127.0.0.1 -p {self._ports['broker']}"
        mine = f"shopme/{STORE}/my-till"
        print(f"  mosquitto_sub {broker} -v -t {mine}/receipts "
              f"-t {mine}/notices &")
        order = {"specversion": "1.0", "id": "my-event-1",
                 "source": f"/{STORE}/my-till", "type": "OrderPlaced",
                 "data": {"orderId": "my-order-1", "customerId": "me",
                          "items": [{"sku": "espresso", "quantity": 2,
                                     "unitPrice": "2.20"}],
                          "total": "4.40", "currency": "EUR",
                          "paymentDetails": {"paymentMethod": "CASH"}}}
        print(f"  mosquitto_pub {broker} -q 1 "
              f"-t {mine}/orders -m '{json.dumps(order)}'")
        print("Keys: c takes the cloud away or brings it back, q ends."
              if keyboard.there else "Ctrl-C ends.")

    def _toggle(self):
        self._cloud.take_away(not self._cloud.offline)
        now = time.monotonic()
        if self._cloud.offline:
            self._outages.went(now)
            self.say("-- the line to the cloud is cut; "
                     "the store keeps selling --")
        else:
            self._outages.came(now, self._look())
            self.say("-- the cloud is back; "
                     f"{self._outages.drained_events:,} events wait --")

    def _look(self):
        """The gateway's streams; says so when a backlog has drained."""
        streams = self._gateway.streams()
        if streams is None:
            self._gateway.child.must_run()
            raise DemoError("the gateway's page does not answer:\n"
                            + self._gateway.child.tail())
        if self._outages.look(time.monotonic(), streams):
            self.say(f"-- all {self._outages.drained_events:,} are in the "
                     f"cloud, {self._outages.drained_s:.1f} s after it came "
                     "back --")
        return streams

    def _tell_each_second(self, streams):
        if int(self._elapsed()) != self._told:
            self._told = int(self._elapsed())
            self._tell(streams)

    def _tell(self, streams):
        ends = sum(stream["end"] for stream in streams.values())
        cloud = sum(held["unique"] for held in self._cloud.held().values())
        waiting = ", ".join(
            f"{name} {stream['end'] - stream['cursor']:,}"
            for name, stream in streams.items())
        self.say(f"{'OFFLINE' if self._cloud.offline else 'online '}  "
                 f"committed {ends:>7,}   in the cloud {cloud:>7,}   "
                 f"waiting: {waiting}")

    # The end of the story.

    def finish(self):
        """Lets everything arrive; returns what came of it."""
        for fleet in self._devices:
            fleet.stop(signal.SIGINT)
        if self._cloud.offline:
            self._toggle()
        self._drain()
        run_s = time.monotonic() - self._gateway.child.began
        memory, processor = self._gateway.child.usage()
        reports = [self._report(fleet) for fleet in self._devices]
        return Outcome(reports, self._look(), self._cloud.held(),
                       self._outages, memory, 100 * processor / run_s)

    def _drain(self):
        """Waits until all is in the cloud, or nothing moves any more."""
        cursors, moved = None, time.monotonic()
        while time.monotonic() < moved + STALL_S:
            streams = self._look()
            now = [stream["cursor"] for stream in streams.values()]
            if now == [stream["end"] for stream in streams.values()]:
                break
            if now != cursors:
                cursors, moved = now, time.monotonic()
            self._tell_each_second(streams)
            time.sleep(TICK_S)
        self._tell(self._look())

    def _report(self, fleet):
        path = self._folder / f"{fleet.name}.json"
        if not path.exists():
            raise DemoError(f"the {fleet.name} left no report:\n"
                            + fleet.tail())
        return json.loads(path.read_text())


class Outcome:
    """The closing table, and whether all is as promised."""

    def __init__(self, reports, streams, held, outages, memory_mib, processor):
        self._report, self._sensors = reports
        self._streams = streams
        self._held = held
        self._outages = outages
        self._memory_mib = memory_mib
        self._processor = processor

    def missing(self, name):
        """Committed and not in the cloud."""
        return self._streams[name]["end"] - self._held[name]["unique"]

    def written_a_byte(self, name):
        """Bytes given to the disk for each byte of the stream's events."""
        stream = self._streams[name]
        return round(stream["written_bytes"] /
                     max(stream["payload_bytes"], 1), 2)

    def faults(self):
        """What is not as promised, in words."""
        report = self._report
        found = []
        if report["placed"] == 0:
            found.append("no order was placed")
        if report["open"]:
            found.append(f"{report['open']} orders did not end")
        for name, words in (("unconfirmed", "events without receipt"),
                            ("receipts_rejected", "events refused"),
                            ("double_ends", "orders that ended twice")):
            count = report.get(name, 0) + self._sensors.get(name, 0)
            if count:
                found.append(f"{count} {words}")
        written = self.written_a_byte("telemetry")
        if written >= 2 and self._streams["telemetry"]["end"] >= WRITTEN_FROM:
            found.append(f"telemetry wrote {written} bytes a byte")
        for name, held in self._held.items():
            if self.missing(name):
                found.append(f"{self.missing(name)} events of {name} are "
                             "missing in the cloud")
            for alarm in ("order_violations", "conflicts", "unreadable"):
                if held[alarm]:
                    found.append(f"{name}: {held[alarm]} "
                                 f"{alarm.replace('_', ' ')}")
        return found

    def print(self):
        report = self._report
        print("\nOrders")
        for name, word in (("placed", "placed"), ("fulfiled", "fulfilled"),
                           ("cancelled", "cancelled"),
                           ("rejected", "rejected"), ("open", "not ended")):
            print(f"  {word:<22}{report[name]:>10,}")
        names = list(self._held)
        print("\nEvents" + "".join(f"{name:>{28 if i == 0 else 12}}"
                                   for i, name in enumerate(names)))
        for word, figure in (
                ("committed", lambda name: self._streams[name]["end"]),
                ("in the cloud", lambda name: self._held[name]["unique"]),
                ("missing", self.missing),
                ("bytes written a byte", self.written_a_byte),
                ("sent twice", lambda name: self._held[name]["duplicates"]),
                ("out of order in a key",
                 lambda name: self._held[name]["order_violations"])):
            print(f"  {word:<22}" + "".join(
                f"{figure(name):>{10 if i == 0 else 12},}"
                for i, name in enumerate(names)))
        self._print_times()
        for fault in self.faults():
            print(f"NOT AS PROMISED: {fault}")

    def _print_times(self):
        outages = self._outages
        drained = ("-" if outages.drained_s is None else
                   f"{outages.drained_s:.1f} s "
                   f"({outages.drained_events:,} events)")
        print("\nTimes and costs")
        for word, text in (
                ("offline", f"{outages.offline_s:.1f} s"),
                ("drained in", drained),
                ("event to receipt", _percentiles(self._report, "receipt_ms")),
                ("reading to receipt",
                 _percentiles(self._sensors, "receipt_ms")),
                ("order to its end", _percentiles(self._report, "order_ms")),
                ("gateway's memory", f"{self._memory_mib:.1f} MiB at most"),
                ("gateway's processor", f"{self._processor:.1f} % of one")):
            print(f"  {word:<26}{text}")


def _percentiles(report, name):
    times = report.get(name, {})
    return (f"p50 {times.get('p50', 0):.1f} ms, "
            f"p99 {times.get('p99', 0):.1f} ms")


def _names(fleet):
    """What the simulated devices of a fleet are called."""
    return [f"{kind}-{number}" for kind, count in fleet.items()
            for number in range(1, count + 1)]


def _ports(base):
    return {name: base + index for index, name in enumerate(PORTS)}


def _positive(text):
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return value


def _port_base(text):
    last = 65535 - len(PORTS) + 1
    if not text.isdecimal() or not 1024 <= int(text) <= last:
        raise argparse.ArgumentTypeError(
            f"{text} is not a number from 1024 to {last}")
    return int(text)


def _options():
    parser = argparse.ArgumentParser(
        prog="config/demo", description="A store keeps selling while its "
        "line to the cloud is cut, and everything arrives afterwards.")
    parser.add_argument("--seconds", type=_positive, default=60,
                        help="how long orders are placed; the cloud is away "
                        "in the middle third (60)")
    parser.add_argument("--stay", action="store_true",
                        help="run until Ctrl-C; a key cuts the cloud off or "
                        "brings it back")
    parser.add_argument("--rate", type=_positive, default=10,
                        help="orders a second (10)")
    parser.add_argument("--seed", type=int, default=1,
                        help="the same seed gives the same orders (1)")
    parser.add_argument("--port-base", type=_port_base, default=18830,
                        metavar="N", help="N is the broker's port for who "
                        "has no name, N+1 the page's, N+2 and N+3 the "
                        "cloud's, N+4 and N+5 the broker's with TLS, by "
                        "certificate and by password (18830)")
    parser.add_argument("--keep", action="store_true",
                        help="keep the directory with journals and logs")
    return parser.parse_args()


def _interrupted(*_):
    raise KeyboardInterrupt


def _play(options, folder):
    """The exit status."""
    demo = Demo(options, folder)
    try:
        demo.start()
        with Keyboard() as keyboard:
            try:
                demo.run(keyboard)
            except KeyboardInterrupt:
                print()
                if not options.stay:
                    raise
        outcome = demo.finish()
        outcome.print()
        return 1 if outcome.faults() else 0
    finally:
        demo.stop()


def main():
    options = _options()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="shopme-"))
    try:
        return _play(options, folder)
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except (OSError, urllib.error.URLError) as error:
        print(f"demo: {error}; config/demo builds what is needed",
              file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ended", file=sys.stderr)
        return 130
    finally:
        if options.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Events a second through a whole gateway, from its devices' publish to their
receipts, by how the devices come: without a name, with an account, with an account
over TLS, with a certificate. See tests/bench."""

import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SENSORS = 50
OFFERED = 40000  # a second: more than a machine of two processors takes
WAYS = ("anonymous", "account", "account, TLS", "certificate")


def begin(store):
    """A store that knows the devices, its gateway, and their words in a folder."""
    names = [f"sensor-{i + 1}" for i in range(SENSORS)]
    store.add_accounts(names, certificate=True)
    store.begin_pki(*names)
    words, keys = store.folder / "words", store.folder / "keys"
    for folder in (words, keys):
        folder.mkdir(mode=0o700)
    for name in names:
        (words / f"{name}.password").write_text(
            store.accounts.passwords[name] + "\n")
        (words / f"{name}.password").chmod(0o600)
        for end in ("pem", "key"):
            file = store.folder / f"data/pki/issued/{name}.{end}"
            (keys / file.name).write_bytes(file.read_bytes())
            (keys / file.name).chmod(0o600)
    store.gateway.start().wait_up()
    return store


def options_of(store, way):
    ca = ["--tls", "--ca", store.folder / "data/pki/ca.pem"]
    words = ["--identity", store.folder / "words"]
    return {"account": (store.plain, words),
            "account, TLS": (store.tls, ca + words),
            "certificate": (store.certs,
                            ca + ["--identity", store.folder / "keys"])}[way]


def processor_s(store):
    """Of the gateway and its broker, so far."""
    pid = store.gateway.process.pid
    child = pathlib.Path(
        f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
    ticks = 0
    for one in (pid, child):
        fields = pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")")[1]
        ticks += sum(map(int, fields.split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(stores, devices, way, seconds, number):
    """Receipts over the time in which the gateway worked at them, which is the
    offer's seconds and how long the last receipt took; and its processor time."""
    open_store, store = stores
    gateway_of = open_store if way == "anonymous" else store
    before = processor_s(gateway_of)
    port, words = ((open_store.broker_port, []) if way == "anonymous" else
                   options_of(store, way))
    report = store.folder / "report.json"
    done = subprocess.run(
        [devices, "--broker", f"127.0.0.1:{port}", "--store", store.name,
         "--tills", "0", "--scanners", "0", "--terminals", "0", "--sensors",
         str(SENSORS), "--rate", "0", "--readings", str(OFFERED), "--seconds",
         str(seconds), "--id-prefix", f"b{number}", "--quiet", "--report",
         report, *words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"tests/bench: {way}: {done.stdout}{done.stderr}")
    told = json.loads(report.read_text())
    used = processor_s(gateway_of) - before
    return {"events_per_s": told["receipts"] /
            (seconds + told["receipt_ms"]["max"] / 1000),
            "processor_us": 1e6 * used / told["receipts"]}


def rounds(stores, devices, options):
    """They take turns, each round in another order."""
    rates = {way: [] for way in WAYS}
    for number in range(options.rounds):
        turn = number % len(WAYS)
        for i, way in enumerate(WAYS[turn:] + WAYS[:turn]):
            rates[way].append(measure(stores, devices, way, options.seconds,
                                      f"{number}-{i}"))
    return rates


def figures_of(rates):
    """Medians; those of the ratios are of each round's."""
    def median(way, what):
        return statistics.median(one[what] for one in rates[way])

    def ratio(way, what):
        return statistics.median(
            one[what] / other[what] for one, other in
            zip(rates[way], rates["anonymous"]))
    return [{"way": way,
             "events_per_s": median(way, "events_per_s"),
             "to_anonymous": ratio(way, "events_per_s"),
             "processor_us": median(way, "processor_us"),
             "processor_to_anonymous": ratio(way, "processor_us"),
             "rounds": rates[way]} for way in WAYS]


def main(options):
    sys.path.insert(0, str(ROOT / "tests/integration"))
    os.environ.setdefault("EDGE_BUILD", str(ROOT / "build/release"))
    from edge import DEVICES, Store
    from identity_store import IdentityStore
    with Store(cloud=False) as open_store, \
            IdentityStore(cloud=False, own_pki=True) as store:
        open_store.gateway.start().wait_up()
        figures = figures_of(rounds((open_store, begin(store)), DEVICES,
                                    options))
    if options.json:
        print(json.dumps({"accounts": figures}))
        return
    print(f"{'devices come':<14}{'events/s':>10}{'of anonymous':>14}"
          f"{'processor us/event':>20}{'of anonymous':>14}")
    for row in figures:
        print(f"{row['way']:<14}{row['events_per_s']:>10.0f}"
              f"{row['to_anonymous']:>14.2f}{row['processor_us']:>20.1f}"
              f"{row['processor_to_anonymous']:>14.2f}")

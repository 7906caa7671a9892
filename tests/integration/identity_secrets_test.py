#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: no key, password or hash is in a log (debug lines included), in the
command line or the environment of a process, or in a file that others can read.
Method: everything that has to do with a secret is done once beside a running
gateway, while every process of the machine is looked at again and again; then
every file is read. Each way to see one is tried on one that is there to be seen."""

import os
import pathlib
import re
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

from edge import EDGE, ROOT, UnixHTTP, wait_for
from identity_store import IdentityStore
from wire_client import V5, WireClient

CHOSEN = "correct-horse-battery-staple"
FILE_MAX = 16 << 20
PAGES = ("/", "/metrics", "/api/v1/status", "/api/v1/devices",
         "/api/v1/identity")


class Processes(threading.Thread):
    """What the command lines and environments of all processes have held."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen, self.over = {}, threading.Event()

    def run(self):
        while not self.over.is_set():
            self.look()
            time.sleep(0.002)

    def look(self):
        for entry in os.scandir("/proc"):
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            for what in ("cmdline", "environ"):
                try:
                    with open(f"/proc/{entry.name}/{what}", "rb") as file:
                        held = file.read()
                except OSError:
                    continue
                self.seen.setdefault(held, f"{what} of {entry.name}")

    def end(self):
        self.over.set()
        self.join()
        return self.seen


def private_lines(path):
    """Of a key as PEM, what no other key has."""
    body = re.search(r"-----BEGIN[A-Z ]*PRIVATE KEY-----\n(.*?)-----END",
                     path.read_text(), re.S)[1].split()
    return [line for line in body[1:] if len(line) >= 16]


def is_open(path, below):
    """Can another user read it? Each folder on the way must let him in."""
    for part in [*path.parents][:len(path.relative_to(below).parts) - 1]:
        if not part.stat().st_mode & stat.S_IXOTH:
            return False
    return bool(path.stat().st_mode & stat.S_IROTH)


def findings(secrets, where):
    """`where`: bytes -> what it is."""
    return sorted({(name, place) for held, place in where.items()
                   for name, secret in secrets.items()
                   if secret.encode() in held})


def files_below(folder):
    return [path for path in folder.rglob("*")
            if path.is_file() and not path.is_symlink() and
            path.stat().st_size < FILE_MAX]


class Secrets(unittest.TestCase):
    def setUp(self):
        self.secrets = {"a chosen password": CHOSEN}
        self.store = IdentityStore(cloud=False, own_pki=True,
                                   extra="log_level: debug\n")
        self.store.__enter__()
        self.addCleanup(self.store.__exit__, None, None, None)
        # Else nothing in it would be open to others.
        self.store.folder.chmod(0o755)

    def command(self, *words, stdin=None):
        return self.store.command(*words, stdin=stdin)

    # --- All that has to do with secrets ---

    def everything(self):
        store = self.store
        for words in (("init",), ("server",)):
            self.command("pki", *words)
        self.secrets["the password of a PKCS #12"] = self.command(
            "pki", "issue", "till-1")
        store.gateway.start().wait_up()
        self.secrets["a made password"] = self.command("device", "add", "till-2")
        self.command("device", "add", "till-1", "--certificate",
                     "--password-stdin", stdin=CHOSEN + "\n")
        file = store.folder / "word"
        file.write_text("another-chosen-word\n")
        file.chmod(0o600)
        self.secrets["a password of a file"] = "another-chosen-word"
        self.command("device", "add", "till-3", "--password-file", str(file))
        self.command("pki", "issue", "till-3")
        self.connect_all()
        self.remember("before")
        self.secrets["a second password"] = self.command("device", "passwd",
                                                         "till-2")
        self.command("pki", "server")
        self.command("pki", "renew", "till-1", "--new-key", "--no-p12")
        self.command("pki", "revoke", "till-3")
        store.gateway.process.send_signal(signal.SIGHUP)
        self.command("device", "list")
        self.command("pki", "list")
        self.command("check")
        self.connect_all()
        self.remember("after")
        store.gateway.stop()
        store.gateway.start().wait_up()
        self.remember("after a start")
        self.pages = {}
        for page in PAGES:
            self.ask(page)

    def connect_all(self):
        """Rightly and wrongly, in each way."""
        store = self.store
        word = self.secrets.get("a second password",
                                self.secrets["a made password"])
        right = WireClient(store.tls, user="till-2", password=word,
                           client_id="till-2", tls=store.context())
        wait_for("the TLS listeners are open", lambda: right.open() == 0)
        right.close()
        for version in (4, V5):
            for user, password in (("till-2", word), ("till-2", CHOSEN),
                                   ("till-1", word), (word, word),
                                   (CHOSEN, None), ("gateway", CHOSEN)):
                for port, tls in ((store.plain, None), (store.open, None),
                                  (store.tls, store.context())):
                    client = WireClient(port, version=version, user=user,
                                        password=password, tls=tls,
                                        client_id=user)
                    if client.open() == 0:
                        client.publish("shopme/s1/till-9/orders", b"{}")
                        client.close()
        client = WireClient(store.certs, client_id="till-1",
                            tls=store.context("till-1"))
        client.open()
        client.close()

    def remember(self, when):
        """What is secret in the files now."""
        data = self.store.folder / "data"
        accounts = (data / "identity/current/accounts").read_text()
        rules = (data / "broker/rules").read_text()
        for i, one in enumerate(re.findall(r"\$7\$\d+\$(\S+)", accounts)):
            for part, value in zip(("salt", "hash"), one.split("$")):
                self.secrets[f"a {part} {i} {when}"] = value
        name, one = re.search(r"gateway (\S+) \$7\$\d+\$(\S+)", rules).groups()
        self.secrets["the gateway's user name"] = name
        for part, value in zip(("salt", "hash"), one.split("$")):
            self.secrets[f"the gateway's {part} {when}"] = value
        for path in (data / "pki").rglob("*.key"):
            for i, line in enumerate(private_lines(path)):
                self.secrets[f"{path.name}, line {i} {when}"] = line

    def ask(self, page):
        link = UnixHTTP(self.store.folder / "data/control.sock")
        link.request("GET", page)
        answer = link.getresponse()
        self.pages[answer.read()] = f"{page} of the control socket"
        link.close()
        try:
            with urllib.request.urlopen(
                    f"http://127.0.0.1:{self.store.page_port}{page}",
                    timeout=10) as answer:
                self.pages[answer.read()] = page
        except urllib.error.HTTPError:
            pass  # not on the page's address

    # --- Where they may not be ---

    def test_nowhere(self):
        began = time.time()
        watch = Processes()
        watch.start()
        try:
            self.everything()
        finally:
            seen = watch.end()
        log = self.store.gateway.log()
        self.assertIn(" debug ", log)
        self.assertGreater(len(self.secrets), 20)
        # A client's own user name and id are in the log; these two are
        # passwords that were sent as one.
        named = {"a chosen password", "a made password", "a second password"}
        quiet = {name: secret for name, secret in self.secrets.items()
                 if name not in named}
        self.assertEqual(findings(quiet, {log.encode(): "the log"}), [])
        for line in log.splitlines():
            if findings({name: self.secrets[name] for name in named},
                        {line.encode(): "a line"}):
                self.assertRegex(line, r"refused why=unknown")
        self.assertEqual(findings(self.secrets, seen), [])
        self.assertEqual(findings(self.secrets, self.pages), [])
        folder = self.store.folder
        self.assertEqual(findings(self.secrets, {
            path.read_bytes(): str(path) for path in files_below(folder)
            if is_open(path, folder) and path.name != "gateway.log"}), [])
        fresh = [path for path in pathlib.Path(tempfile.gettempdir()).iterdir()
                 if path.is_file() and path.stat().st_mtime >= began and
                 path.stat().st_size < FILE_MAX]
        self.assertEqual(findings(self.secrets, {
            path.read_bytes(): str(path) for path in fresh}), [])
        self.modes(folder / "data")
        print(f"\nfigure: {len(self.secrets)} secrets, {len(seen)} command lines "
              f"and environments, {len(files_below(folder))} files, "
              f"{len(log.splitlines())} lines of the log: none is told",
              flush=True)

    def modes(self, data):
        """What holds a secret is its owner's alone, whatever is around it."""
        for path in files_below(data):
            if findings(self.secrets, {path.read_bytes(): ""}):
                self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        for name in ("identity", "identity/sets", "pki", "pki/issued"):
            self.assertEqual((data / name).stat().st_mode & 0o077, 0, name)
        text = (ROOT / "config/systemd/shopme-edge.service.in").read_text()
        self.assertIn("\nLimitCORE=0\n", text)

    # --- That they would be seen ---

    def test_they_would_be_seen(self):
        secrets = {"it": "planted-0123456789"}
        watch = Processes()
        watch.start()
        for words, more in (([secrets["it"]], {}),
                            ([], {"env": os.environ | {"A": secrets["it"]}})):
            done = subprocess.run([sys.executable, "-c",
                                   "import time; time.sleep(0.3)", *words],
                                  **more, check=True)
            self.assertEqual(done.returncode, 0)
        found = findings(secrets, watch.end())
        self.assertEqual({place.split()[0] for _, place in found},
                         {"cmdline", "environ"})
        folder = self.store.folder
        inner = folder / "data-x"
        inner.mkdir(mode=0o755)
        file = inner / "file"
        file.write_text(secrets["it"])
        for mode, above, wanted in ((0o644, 0o755, True), (0o600, 0o755, False),
                                    (0o644, 0o700, False)):
            file.chmod(mode)
            inner.chmod(above)
            self.assertEqual(is_open(file, folder), wanted)
        key = folder / "x.key"
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-out", key], check=True,
                       stderr=subprocess.DEVNULL)
        self.assertGreater(len(private_lines(key)), 1)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: `shopme-edge device` adds, changes and removes devices beside a running
gateway and without one; what it says is so; nobody else is disconnected; no two
commands undo each other; whatever is killed leaves the old accounts or the new
ones, whole; and no password is anywhere but where it was asked for."""

import json
import os
import pathlib
import pty
import random
import re
import select
import signal
import subprocess
import sys
import threading
import time
import unittest

from edge import (BUILD, EDGE, ROOT, Device, Gateway, Store, UnixHTTP, mqtt,
                  wait_for)

CHOSEN = "correct-horse-battery"


def device(store, *words, stdin=None, **more):
    """The command, to its end."""
    return subprocess.run(
        [EDGE, "device", *words, "--config", store.config_path], input=stdin,
        capture_output=True, text=True, timeout=60, **more)


def listed(store):
    done = device(store, "list", "--json")
    assert done.returncode == 0, done.stderr
    return {row["name"]: row
            for row in map(json.loads, done.stdout.splitlines())}


def api(store):
    link = UnixHTTP(store.folder / "data/control.sock")
    try:
        link.request("GET", "/api/v1/identity")
        return json.loads(link.getresponse().read())
    finally:
        link.close()


class Client:
    """A device that logs in by password; knows when it was cut."""

    def __init__(self, store, name, password, client_id=None, clean=True):
        self.codes, self.ends = [], 0
        self.receipts = []
        self.answered = threading.Event()
        self.client = mqtt.Client(client_id=client_id or name,
                                  clean_session=clean)
        self.client.username_pw_set(name, password)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_message = (
            lambda _c, _s, m: self.receipts.append(json.loads(m.payload)))
        self.client.reconnect_delay_set(1, 1)
        self.base = f"shopme/{store.name}/{name}"
        self.client.connect("127.0.0.1", store.broker_port)
        self.client.loop_start()
        if not self.answered.wait(10):
            raise AssertionError("no CONNACK")

    def _on_connect(self, client, _self, _flags, code):
        self.codes.append(code)
        if code == 0:
            client.subscribe(f"{self.base}/receipts", 1)
        self.answered.set()

    def _on_disconnect(self, *_):
        self.ends += 1

    @property
    def is_in(self):
        return self.codes == [0] and self.ends == 0

    def close(self):
        self.client.loop_stop()
        self.client.disconnect()


def may_connect(store, name, password):
    client = Client(store, name, password)
    try:
        return client.codes[0] == 0
    finally:
        client.close()


class StoreTest(unittest.TestCase):
    def store(self, start=True, **more):
        store = Store(cloud=False, **more)
        store.__enter__()
        self.addCleanup(store.__exit__, None, None, None)
        if start:
            store.gateway.start().wait_up()
        return store

    def done(self, done, out=None):
        self.assertEqual(done.returncode, 0, done.stderr)
        if out is not None:
            self.assertEqual(done.stdout, out)
        return done.stdout.strip()

    def refused(self, done, words, code=1):
        self.assertEqual(done.returncode, code, done.stdout)
        self.assertIn(words, done.stderr)
        self.assertEqual(done.stdout, "")

    def client(self, *args, **more):
        client = Client(*args, **more)
        self.addCleanup(client.close)
        return client


class BesideTest(StoreTest):
    """A gateway runs."""

    def test_a_life(self):
        """In force when the command returns, and no one else is cut."""
        store = self.store()
        password = self.done(device(store, "add", "till-1"))
        self.assertRegex(password, r"^[a-z0-9]{26}$")
        self.done(device(store, "add", "till-2", "--password-stdin",
                         stdin=CHOSEN + "\n"), "till-2: added\n")
        one = self.client(store, "till-1", password)
        two = self.client(store, "till-2", CHOSEN)
        anonymous = Device(store, "old")
        self.addCleanup(anonymous.close)
        self.assertTrue(one.is_in and two.is_in)
        self.assertFalse(may_connect(store, "till-1", CHOSEN))
        self.assertFalse(may_connect(store, "till-3", password))

        # Another's change, and rights of its own: it stays.
        self.done(device(store, "set", "till-1", "--channel", "--topics",
                         "kitchen/#"), "till-1: changed\n")
        self.assertEqual(listed(store)["till-1"]["topics"], ["kitchen/#"])
        self.assertTrue(listed(store)["till-1"]["channel"])

        second = self.done(device(store, "passwd", "till-1"))
        wait_for("the old password's connection is cut", lambda: one.ends)
        self.assertFalse(may_connect(store, "till-1", password))
        self.assertTrue(may_connect(store, "till-1", second))
        self.assertEqual(listed(store)["till-1"]["topics"], ["kitchen/#"])

        self.done(device(store, "remove", "till-1"), "till-1: removed\n")
        self.assertFalse(may_connect(store, "till-1", second))
        self.assertEqual(list(listed(store)), ["till-2"])
        self.assertTrue(two.is_in, (two.codes, two.ends))
        anonymous.send(anonymous.order("o1"))
        anonymous.wait_accepted(["e-o1"])
        state = api(store)
        self.assertEqual(state["set"], state["loaded"])
        self.assertEqual({r["state"] for r in state["requests"]}, {"done"})

    def test_refusals(self):
        store = self.store()
        self.done(device(store, "add", "till-1", "--certificate"),
                  "till-1: added\n")
        before = api(store)["set"]
        for words, said in (
                (("add", "till-1"), "there is a device till-1 already"),
                (("add", "TILL-1"), "differs by case only"),
                (("add", "gateway"), "reserved"),
                (("add", "a/b"), "name"),
                (("add", "x" * 65), "too long"),
                (("add", "b", "--topics", "shopme/#"), "shopme/"),
                (("add", "b", "--topics", "#"), "topic"),
                (("set", "nobody", "--channel"), "no device nobody"),
                (("passwd", "nobody"), "no device nobody"),
                (("remove", "Till-1"), "but there is till-1"),
                (("add", "b", "--password-file", "/nowhere"), "/nowhere")):
            with self.subTest(words):
                self.refused(device(store, *words), said)
        self.refused(device(store, "add", "b", "--password-stdin",
                            stdin="short\n"), "12")
        self.refused(device(store, "add", "b", "--password-stdin",
                            stdin=f"{CHOSEN}\n{CHOSEN}\n"), "one line")
        self.refused(device(store, "add", "b", "--password-ask",
                            start_new_session=True), "no terminal")
        for words, said in (
                (("add",), "NAME"), (("add", "a", "b"), "one NAME already"),
                (("add", "a", "--colour"), "no option"),
                (("add", "a", "--topics"), "needs a value"),
                (("add", "a", "--password-ask", "--password-stdin"), "one way"),
                (("set", "till-1"), "say what to change"),
                (("set", "till-1", "--channel", "--no-channel"), "opposite"),
                (("remove", "till-1", "--channel"), "no option"),
                (("add", "a", *["--topics", "a/b"] * 17), "16 times")):
            with self.subTest(words):
                self.refused(device(store, *words), said, 2)
        self.assertEqual(api(store)["set"], before)
        self.assertEqual(list(listed(store)), ["till-1"])

    def test_many_at_once(self):
        """None is lost, and each says what came of it."""
        store = self.store()
        began = time.monotonic()
        running = [subprocess.Popen(
            [EDGE, "device", "add", f"till-{i % 16}", "--config",
             store.config_path], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True) for i in range(20)]
        said = [process.communicate(timeout=60) for process in running]
        print(f"figure: 20 commands at once took "
              f"{time.monotonic() - began:.1f} s")
        codes = [process.returncode for process in running]
        for i, (out, err) in enumerate(said):
            if codes[i] != 0:
                self.assertIn("already", err)
            else:
                self.assertTrue(may_connect(store, f"till-{i % 16}",
                                            out.strip()))
        self.assertEqual(sorted(codes), [0] * 16 + [1] * 4)
        self.assertEqual(len(listed(store)), 16)

    def test_a_kept_session_ends_with_its_device(self):
        """What waits for a removed device is dropped: whoever is given its
        name next gets nothing of it."""
        store = self.store()
        password = self.done(device(store, "add", "till-1"))
        first = Client(store, "till-1", password, clean=False)
        first.close()
        self.done(device(store, "remove", "till-1"))
        wait_for("its session is ended",
                 lambda: "ends_session client=till-1" in store.gateway.log())
        time.sleep(0.1)
        password = self.done(device(store, "add", "till-1"))
        present = threading.Event()
        flags = {}
        client = mqtt.Client(client_id="till-1", clean_session=False)
        client.username_pw_set("till-1", password)

        def on_connect(_client, _self, given, _code):
            flags.update(given)
            present.set()
        client.on_connect = on_connect
        client.connect("127.0.0.1", store.broker_port)
        client.loop_start()
        self.addCleanup(client.loop_stop)
        self.assertTrue(present.wait(10))
        self.assertEqual(flags["session present"], 0)
        # And the gateway, which had its id for a moment, leaves it alone.
        time.sleep(2)
        again = []
        client.on_disconnect = lambda *words: again.append(words)
        time.sleep(5)
        self.assertEqual(again, [])

    def test_a_refused_publish_is_told(self):
        """On the device's receipts, and once a second in the log."""
        store = self.store()
        password = self.done(device(store, "add", "till-1"))
        one = self.client(store, "till-1", password)
        event = {"specversion": "1.0", "type": "OrderPlaced", "id": "e-1",
                 "source": "/s1/till-1", "data": {}}
        one.client.publish("shopme/s1/till-2/orders", json.dumps(event), 1)
        wait_for("the receipt", lambda: any(
            r["id"] == "e-1" for m in one.receipts for r in m["rejected"]))
        self.assertRegex(store.gateway.log(),
                         r'guard refused why=other-device device="till-1".*'
                         r'topic="shopme/s1/till-2/orders"')
        self.assertTrue(one.is_in)

    def test_the_broker_is_away(self):
        """It says what is known, and the password all the same."""
        store = self.store()
        broker = int(re.findall(r"broker up pid=(\d+)",
                                store.gateway.log())[-1])
        os.kill(broker, signal.SIGSTOP)
        try:
            done = device(store, "add", "till-1")
        finally:
            os.kill(broker, signal.SIGCONT)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"it is written \(set 2\), but the broker "
                         "has not taken it in 10 s")
        password = done.stdout.strip()
        wait_for("it is in force", lambda: api(store)["loaded"] == 2)
        self.assertTrue(may_connect(store, "till-1", password))

    def test_hangup_takes_what_a_person_changed(self):
        store = self.store()
        password = self.done(device(store, "add", "till-1"))
        accounts = store.folder / "data/identity/current/accounts"
        one = self.client(store, "till-1", password)
        text = accounts.read_text()
        accounts.write_text(text.replace("device till-1", "device till-9"))
        store.gateway.process.send_signal(signal.SIGHUP)
        wait_for("till-1 is cut", lambda: one.ends)
        self.assertTrue(may_connect(store, "till-9", password))

    def test_external(self):
        store = self.store(start=False, broker_address=1883)
        for words in (("add", "a"), ("list",), ("remove", "a"),
                      ("passwd", "a"), ("set", "a", "--channel")):
            self.refused(device(store, *words), "broker.mode is external")


class WithoutTest(StoreTest):
    """No gateway runs."""

    def test_a_life(self):
        store = self.store(start=False)
        password = self.done(device(store, "add", "till-1"))
        self.done(device(store, "add", "cook", "--certificate", "--topics",
                         "kitchen/#", "--topics", "menu"), "cook: added\n")
        self.refused(device(store, "add", "till-1"), "already")
        self.done(device(store, "set", "cook", "--no-topics", "--channel",
                         "--no-certificate"), "cook: changed\n")
        rows = listed(store)
        self.assertEqual(list(rows), ["cook", "till-1"])
        self.assertEqual(
            {key: rows["cook"][key] for key in
             ("password", "certificate", "channel", "topics")},
            {"password": False, "certificate": False, "channel": True,
             "topics": []})
        table = device(store, "list").stdout
        self.assertRegex(table, r"cook +nothing: locked +yes +\d{4}-")
        self.done(device(store, "remove", "cook"), "cook: removed\n")
        store.gateway.start().wait_up()
        self.assertTrue(may_connect(store, "till-1", password))

    def test_many_at_once(self):
        store = self.store(start=False)
        running = [subprocess.Popen(
            [EDGE, "device", "add", f"till-{i}", "--config",
             store.config_path], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True) for i in range(20)]
        for process in running:
            _, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, err)
        self.assertEqual(len(listed(store)), 20)

    def test_the_terminal(self):
        """Asked twice, and not shown."""
        store = self.store(start=False)

        def ask(*answers):
            pid, fd = pty.fork()
            if pid == 0:
                os.execv(EDGE, [str(EDGE), "device", "add", "till-1",
                                "--password-ask", "--config",
                                str(store.config_path)])
            shown = b""
            waiting = list(answers)
            while True:
                ready, _, _ = select.select([fd], [], [], 30)
                self.assertTrue(ready, shown)
                try:
                    part = os.read(fd, 4096)
                except OSError:
                    break
                if not part:
                    break
                shown += part
                if waiting and shown.endswith(
                        (b"password: ", b"again: ")):
                    answer = waiting.pop(0)
                    os.write(fd, answer)
            os.close(fd)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown

        line = CHOSEN.encode() + b"\n"
        code, shown = ask(line, b"another-horse-battery\n")
        self.assertEqual(code, 1, shown)
        self.assertIn(b"not the same", shown)
        code, shown = ask(b"\x03")
        self.assertEqual(code, -signal.SIGINT, shown)
        self.assertEqual(listed(store), {})
        code, shown = ask(line, line)
        self.assertEqual(code, 0, shown)
        self.assertNotIn(CHOSEN.encode(), shown)
        self.assertEqual(list(listed(store)), ["till-1"])

    def test_somebody_else_writes(self):
        store = self.store(start=False)
        self.done(device(store, "add", "till-1"))
        lock = store.folder / "data/identity/lock"
        holder = subprocess.Popen(["flock", lock, "sleep", "60"],
                                  start_new_session=True)
        self.addCleanup(os.killpg, holder.pid, signal.SIGKILL)
        time.sleep(0.5)
        self.refused(device(store, "add", "till-2"), "identity/lock")
        self.assertEqual(list(listed(store)), ["till-1"])

    @unittest.skipUnless(os.geteuid() == 0, "root gives files away")
    def test_the_owner_of_the_data(self):
        """What root writes is the owner's, and no link leads it elsewhere."""
        store = self.store(start=False)
        data = store.folder / "data"
        data.mkdir()
        os.chmod(store.folder, 0o755)
        os.chown(data, 1234, 1235)
        self.done(device(store, "add", "till-1"))
        for path in [data / "identity", *(data / "identity").rglob("*")]:
            st = path.lstat()
            self.assertEqual((st.st_uid, st.st_gid), (1234, 1235), path)
            if not path.is_symlink():
                self.assertEqual(st.st_mode & 0o77, 0, path)
        bait = store.folder / "bait"
        bait.write_text("root's")
        lock = data / "identity/lock"
        lock.unlink()
        lock.symlink_to(bait)
        self.assertEqual(device(store, "add", "till-2").returncode, 1)
        self.assertEqual(bait.read_text(), "root's")


KILL_SHIM = BUILD / "tests/integration/kill_files_shim.so"


class KillTest(StoreTest):
    """kill -9 in front of the first call on the files, the second, and so on
    to the last: the old accounts or the new ones, whole, and the next change
    can be made."""

    def setting(self, store):
        self.order = store.folder / "kill"
        return {"LD_PRELOAD": str(KILL_SHIM), "EDGE_KILL_AT": str(self.order)}

    def is_whole(self, store, known):
        names = set(listed(store))
        self.assertIn(names, (known, known | {"new"}))
        return "new" in names

    def test_the_command(self):
        store = self.store(start=False)
        environment = os.environ | self.setting(store)
        self.done(device(store, "add", "old"))
        seen = set()
        for at in range(1, 400):
            self.order.write_text(f"{at} /identity")
            done = device(store, "add", "new", "--certificate",
                          env=environment)
            whole = self.is_whole(store, {"old"})
            seen.add(whole)
            if done.returncode == 0:
                break
            self.assertEqual(done.returncode, -signal.SIGKILL, done.stderr)
            self.done(device(store, "remove" if whole else "add", "new",
                             *() if whole else ("--certificate",)))
            if not whole:
                self.done(device(store, "remove", "new"))
        print(f"figure: the command killed in front of each of its "
              f"{at - 1} calls on the accounts; none lost")
        self.assertGreater(at, 15)
        self.assertEqual(seen, {False, True})

    def test_the_gateway(self):
        store = self.store(start=False)
        store.gateway.environment = self.setting(store)
        self.done(device(store, "add", "old"))
        store.gateway.start().wait_up()
        seen, kills = set(), 0
        for at in range(1, 400):
            wait_for("the accounts are in force",
                     lambda: api(store)["loaded"] == api(store)["set"])
            self.order.write_text(f"{at} /identity")
            done = device(store, "add", "new", "--certificate")
            killed = store.gateway.process.poll() is not None
            self.order.unlink()
            whole = self.is_whole(store, {"old"})
            if not killed:
                self.assertEqual(done.returncode, 0, done.stderr)
                break
            kills += 1
            # Asked again, or made by the command itself; else it says so.
            if done.returncode != 0:
                self.assertIn("the gateway ended", done.stderr)
                seen.add(whole)
            store.gateway.process = None
            store.gateway.start().wait_up()
            self.assertEqual(self.is_whole(store, {"old"}), whole)
            if whole:
                self.done(device(store, "remove", "new"))
        print(f"figure: the gateway killed in front of each of its {kills} "
              "calls on the accounts; none lost")
        self.assertGreater(kills, 10)
        self.assertTrue(seen)


class SecretTest(StoreTest):
    def test_no_secret_is_anywhere(self):
        """Not in the log, the process list, an environment, or a file that
        others can read; while a command waits, too."""
        store = self.store()
        broker = int(re.findall(r"broker up pid=(\d+)",
                                store.gateway.log())[-1])
        os.kill(broker, signal.SIGSTOP)
        command = subprocess.Popen(
            [EDGE, "device", "add", "till-1", "--password-stdin", "--config",
             store.config_path], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        command.stdin.write(CHOSEN + "\n")
        command.stdin.close()
        time.sleep(1)
        public = {}
        for pid in (store.gateway.process.pid, broker, command.pid):
            for name in ("cmdline", "environ"):
                path = pathlib.Path(f"/proc/{pid}/{name}")
                public[path] = path.read_bytes()
        os.kill(broker, signal.SIGCONT)
        self.assertEqual(command.wait(30), 0, command.stderr.read())
        said = command.stdout.read() + command.stderr.read()
        command.stdout.close()
        command.stderr.close()
        made = self.done(device(store, "add", "till-2"))
        self.assertTrue(may_connect(store, "till-1", CHOSEN))
        self.assertFalse(may_connect(store, "till-1", "wrong-" + CHOSEN))
        store.gateway.stop()
        hashes = re.findall(
            r"\$7\$\S+",
            (store.folder / "data/identity/current/accounts").read_text())
        self.assertEqual(len(hashes), 2)
        public["what it said"] = said.encode()
        public["log"] = store.gateway.log().encode()
        secret = 0
        for path in store.folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                if path.stat().st_mode & 0o77:
                    public[path] = path.read_bytes()
                else:
                    secret += 1
        self.assertGreater(secret, 2)
        for place, text in public.items():
            for word in (CHOSEN, made, "$7$", *hashes):
                self.assertNotIn(word.encode(), text, place)


class DamageTest(StoreTest):
    def damage(self, store):
        accounts = store.folder / "data/identity/current/accounts"
        good = accounts.read_bytes()
        accounts.write_bytes(good.replace(b"device", b"devise", 1))
        return accounts, good

    def reasons(self, store):
        verdict = store.gateway.status()["verdict"]
        return {r["code"]: r for r in verdict["reasons"]}

    def test_while_it_runs(self):
        """The store sells on with what the broker has read."""
        store = self.store()
        self.assertNotIn("accounts-damaged", self.reasons(store))
        password = self.done(device(store, "add", "till-1"))
        one = self.client(store, "till-1", password)
        accounts, good = self.damage(store)
        store.gateway.process.send_signal(signal.SIGHUP)
        wait_for("the condition is raised",
                 lambda: "accounts-damaged" in self.reasons(store))
        reason = self.reasons(store)["accounts-damaged"]
        self.assertIn("identity/current/accounts", reason["text"])
        self.assertEqual(reason["level"], "failing")
        self.assertTrue(one.is_in)
        self.assertTrue(may_connect(store, "till-1", password))
        done = device(store, "add", "till-2")
        self.refused(done, "identity/current/accounts")
        self.refused(device(store, "list"), "identity/current/accounts")
        self.assertEqual(accounts.read_bytes()[:9], good[:9])
        accounts.write_bytes(good)
        store.gateway.process.send_signal(signal.SIGHUP)
        wait_for("the condition is over",
                 lambda: "accounts-damaged" not in self.reasons(store))
        self.done(device(store, "add", "till-2"))
        self.assertTrue(may_connect(store, "till-1", password))

    def test_at_a_start(self):
        """It starts, lets no device in, and keeps the damaged file by name;
        what needs no account goes on."""
        store = self.store()
        password = self.done(device(store, "add", "till-1"))
        store.gateway.stop()
        _, good = self.damage(store)
        store.gateway.start().wait_up()
        self.assertFalse(may_connect(store, "till-1", password))
        anonymous = Device(store, "old")
        self.addCleanup(anonymous.close)
        anonymous.send(anonymous.order("o1"))
        anonymous.wait_accepted(["e-o1"])
        wait_for("the condition is raised",
                 lambda: "accounts-damaged" in self.reasons(store))
        self.assertIn("accounts.bad",
                      self.reasons(store)["accounts-damaged"]["text"])
        second = self.done(device(store, "add", "till-1"))
        self.assertTrue(may_connect(store, "till-1", second))
        store.gateway.stop()
        store.gateway.start().wait_up()
        wait_for("the condition stays",
                 lambda: "accounts-damaged" in self.reasons(store))
        # As it advises: put right, and read again.
        current = store.folder / "data/identity/current"
        (current / "accounts").write_bytes(good)
        (current / "accounts.bad").unlink()
        store.gateway.process.send_signal(signal.SIGHUP)
        wait_for("the condition is over",
                 lambda: "accounts-damaged" not in self.reasons(store))
        wait_for("the old password is good",
                 lambda: may_connect(store, "till-1", password))

    def test_restored(self):
        """What a backup makes of the link to the set: a folder, or nothing; and
        a restore of the modes. The devices are let in all the same."""
        store = self.store()
        password = self.done(device(store, "add", "till-1"))
        identity = store.folder / "data/identity"
        current = identity / "current"
        for shell in ("cp -rL current c && rm current && mv c current",
                      "cp -rL current c && rm -r current sets && mv c current",
                      "rm current",
                      "chmod -R go=rX ."):
            with self.subTest(shell):
                store.gateway.stop()
                subprocess.run(["sh", "-ec", shell], cwd=identity, check=True)
                store.gateway.start().wait_up()
                self.assertTrue(may_connect(store, "till-1", password))
                self.assertTrue(current.is_symlink())
                self.assertIn("identity mended what=", store.gateway.log())
                self.assertNotIn("accounts-damaged", self.reasons(store))
                open_to_others = [path for path in identity.rglob("*")
                                  if not path.is_symlink() and
                                  path.stat().st_mode & 0o077]
                self.assertEqual(open_to_others, [])
        with self.subTest("a command, without a gateway"):
            store.gateway.stop()
            subprocess.run(["sh", "-ec", "rm current"], cwd=identity,
                           check=True)
            self.done(device(store, "add", "till-2"))
            store.gateway.start().wait_up()
            self.assertTrue(may_connect(store, "till-1", password))
        with self.subTest("nothing is left"):
            store.gateway.stop()
            subprocess.run(["rm", "-r", identity / "sets"], check=True)
            store.gateway.start().wait_up()
            self.assertFalse(may_connect(store, "till-1", password))
            wait_for("the condition is raised",
                     lambda: "accounts-damaged" in self.reasons(store))

    def test_a_link_to_elsewhere(self):
        """Refused in words: the broker's reason is the plugin's, and not that
        "Plugin returned 13". A start after it is put right sells again."""
        store = self.store()
        password = self.done(device(store, "add", "till-1"))
        current = store.folder / "data/identity/current"
        store.gateway.stop()
        target = os.readlink(current)
        current.unlink()
        current.symlink_to("../elsewhere")
        store.gateway.start()
        wait_for("it answers", lambda: store.gateway.status() is not None)
        words = "identity/current is not a symbolic link to one of the sets"
        wait_for("the broker's reason", lambda: words in next(
            (r["text"] for code, r in self.reasons(store).items()
             if code == "broker-closed"), ""))
        self.assertIn(words, self.reasons(store)["accounts-damaged"]["text"])
        current.unlink()
        current.symlink_to(target)
        store.gateway.wait_up()
        self.assertTrue(may_connect(store, "till-1", password))


if __name__ == "__main__":
    unittest.main()

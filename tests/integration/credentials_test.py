# SPDX-License-Identifier: Apache-2.0
"""The gateway with AWS credentials that end every few seconds, from each source:
doubles of the sources (tests/cloud/sources.py), a cloud that refuses what has
ended, and traffic all the while.

EDGE_CREDENTIAL_LIFE is a session's life (3 s), EDGE_CREDENTIAL_SECONDS how long
the traffic lasts (20 s). EDGE_BUILD names the build directory."""

import concurrent.futures
import json
import os
import pathlib
import threading
import time
import unittest

from edge import BUILD, BUS, EDGE, STREAM, Device, Store, wait_for
from sources import (ALL, Container, Imds, Iot, IotRsa, Process, Profile,
                     Source)

LIFE = float(os.environ.get("EDGE_CREDENTIAL_LIFE", "3"))
SECONDS = float(os.environ.get("EDGE_CREDENTIAL_SECONDS", "20"))
RATE = 20  # events a second
CONTROL = BUILD / "tests/integration/control_NO_RENEWAL"
NAMES = {Profile: "profile", Process: "process", Container: "container",
         Imds: "imds", Iot: "iot", IotRsa: "iot"}
# Names that a runner's own environment may have.
CLEAR = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
         "AWS_PROFILE")


class Hanging(Source):
    """A command that says nothing for ten minutes."""

    def __enter__(self):
        self.settings = {"source": "process", "command": "/bin/sleep 600.25"}
        return self


class Box:
    """A store whose gateway has its credentials from one source."""

    def __init__(self, kind, program=EDGE, **options):
        self.store = Store(program)
        self.source = kind(self.store.cloud, self.store.folder,
                           **{"life_s": LIFE} | options)
        self.sent = {"orders": set(), "telemetry": set()}

    def __enter__(self):
        self.store.__enter__()
        self.source.__enter__()
        home = {"HOME": str(self.store.folder)}
        self.store.cloud.environment = home | self.source.environment
        if self.source.settings:
            part = self.store.folder / "conf.d/credentials.yaml"
            part.parent.mkdir()
            part.write_text(json.dumps(
                {"cloud": {"credentials": self.source.settings}}))
        self.store.gateway.start().wait_up()
        return self

    def __exit__(self, *why):
        try:
            self.source.__exit__(*why)
        finally:
            self.store.__exit__(*why)

    def state(self):
        return (self.store.gateway.status() or {}).get("credentials", {})

    def send(self, seconds):
        """Orders and readings at RATE."""
        device = Device(self.store, "till-1")
        end = time.monotonic() + seconds
        number = len(self.sent["orders"])
        new = set()
        while time.monotonic() < end:
            number += 1
            device.send(device.order(f"o-{number}"))
            device.send(device.event("ReadingTaken", f"r-{number}", {"n": 1}),
                        "telemetry")
            self.sent["orders"].add(f"e-o-{number}")
            self.sent["telemetry"].add(f"r-{number}")
            new |= {f"e-o-{number}", f"r-{number}"}
            time.sleep(1 / RATE)
        device.wait_accepted(new)
        device.close()

    def lost(self):
        """What was sent and is not in the cloud."""
        cloud = self.store.cloud
        bus = {event["id"] for event in cloud.events(bus=BUS)}
        stream = {event["id"] for event in cloud.events(stream=STREAM)}
        return sorted((self.sent["orders"] - bus)
                      | (self.sent["telemetry"] - stream))

    def leaks(self):
        """Where a secret stands that should not."""
        said = {"the log": self.store.gateway.log(),
                "the status": json.dumps(self.store.gateway.status())}
        group = self.store.gateway.process.pid
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                status = (entry / "stat").read_text()
                parent = int(status.rsplit(")", 1)[1].split()[1])
                if parent != group:
                    continue
                said[f"process {status[:30]}"] = (
                    entry / "environ").read_bytes().decode("latin-1") + (
                    entry / "cmdline").read_bytes().decode("latin-1")
            except OSError:
                continue
        return [where for where, text in said.items()
                for secret in self.source.secrets() if secret in text]


class EachSource(unittest.TestCase):
    def use(self, kind):
        """What was seen of one source."""
        with Box(kind) as box:
            gateway = box.store.gateway
            pid = gateway.process.pid
            box.send(SECONDS)
            gateway.wait_synced()
            state, stats = box.state(), box.store.cloud.stats()
            self.assertEqual(pid, gateway.process.pid)
            self.assertIsNone(gateway.process.poll())
            return {"lost": box.lost(), "leaks": box.leaks(), "state": state,
                    "expired": stats["sessions_expired"],
                    "given": stats["sessions_given"],
                    "failures": stats["signature_failures"],
                    "refused": box.source.refused,
                    "names": getattr(box.source, "names", None),
                    "sent": sum(map(len, box.sent.values()))}

    def test_sessions_end_all_the_while(self):
        """Goal: whichever source it is, nothing is lost, nobody restarts, and
        no secret gets out."""
        with concurrent.futures.ThreadPoolExecutor(len(ALL)) as pool:
            seen = dict(zip(ALL, pool.map(self.use, ALL)))
        for kind, what in seen.items():
            with self.subTest(kind.__name__):
                self.assertEqual(what["lost"], [])
                self.assertEqual(what["leaks"], [])
                self.assertEqual(what["state"]["source"], NAMES[kind])
                self.assertEqual(what["state"]["error"], "")
                self.assertIn(what["state"]["state"], ("valid", "expired"))
                self.assertEqual(what["refused"], 0)
                self.assertGreaterEqual(what["state"]["renewals"],
                                        SECONDS / LIFE * 0.8)
                # Who is told the end of a session is never late for it, but
                # for what a busy machine does.
                self.assertEqual(what["failures"], what["expired"])
                if kind is not Profile:
                    self.assertIsNotNone(what["state"]["expires"])
                if kind in (Iot, IotRsa):
                    self.assertEqual(what["names"], {"localhost"})
                print(f"figure: {kind.__name__}: {what['sent']} events, 0 lost, "
                      f"{what['given']} sessions of {LIFE:g} s, "
                      f"{what['expired']} requests with an expired one")

    @unittest.skipUnless(CONTROL.exists(), "an instrumented build has none")
    def test_without_renewal_it_is_seen(self):
        """The control: a gateway that does not renew stands still, and the
        verdict says why."""
        with Box(Imds, CONTROL) as box:
            box.send(LIFE * 2)

            def stands():
                status = box.store.gateway.status()
                codes = {reason["code"]
                         for reason in status["verdict"]["reasons"]}
                return (status["streams"][0]["backlog"] > 0
                        and "credentials-expired" in codes)
            wait_for("the backlog stands", stands, 60)
            self.assertEqual(box.state()["state"], "expired")
            self.assertNotEqual(box.lost(), [])


class Trouble(unittest.TestCase):
    """What goes wrong at a source, and how it comes right again."""

    def test_revoked_in_flight(self):
        """Goal: a service that calls credentials expired long before their end
        holds the events, new ones come at once, and nothing is lost."""
        with Box(Container, life_s=3600) as box:
            box.send(1)
            box.store.gateway.wait_synced()
            box.store.cloud.session(revoke=True)
            box.send(1)
            box.store.gateway.wait_synced(20)
            self.assertEqual(box.lost(), [])
            self.assertEqual(box.state()["renewals"], 2)
            self.assertGreaterEqual(
                box.store.cloud.stats()["sessions_expired"], 1)
            self.assertIn("calls the AWS credentials of container expired",
                          box.store.gateway.log())

    def test_a_source_that_breaks(self):
        """Goal: while a source gives nothing, the old credentials serve to
        their end; then events wait, status and verdict say why; and all goes
        on by itself."""
        with Box(Imds, life_s=8) as box:
            box.send(1)
            box.store.gateway.wait_synced()
            box.source.broken = True
            wait_for("the renewal fails",
                     lambda: box.state()["state"] == "renewing", 20)
            wait_for("they are expired",
                     lambda: box.state()["state"] == "expired", 20)
            box.send(1)

            def told():
                status = box.store.gateway.status()
                return [reason["text"] for reason in
                        status["verdict"]["reasons"]
                        if reason["code"] == "credentials-expired"
                        and "HTTP status 500" in reason["text"]]
            wait_for("the verdict says it", told, 20)
            self.assertIn("HTTP status 500", box.state()["error"])
            box.source.broken = False
            wait_for("it has new ones",
                     lambda: box.state()["state"] == "valid", 90)
            box.source.life_s = 3600
            box.store.gateway.wait_synced()
            self.assertEqual(box.lost(), [])

    def test_a_command_that_fails(self):
        """Goal: what a command says is in the log, and no key that it says."""
        with Box(Process, life_s=3600) as box:
            box.send(1)
            box.store.gateway.wait_synced()
            (box.store.folder / "broken").touch()
            box.store.cloud.session(revoke=True)
            box.send(1)
            wait_for("the log has it",
                     lambda: "credential_process says" in
                     box.store.gateway.log(), 20)
            self.assertIn("it is broken", box.store.gateway.log())
            self.assertNotIn("NOTFORTHELOG", box.store.gateway.log())
            (box.store.folder / "broken").unlink()
            box.store.gateway.wait_synced(90)
            self.assertEqual(box.lost(), [])

    def test_a_certificate_is_renewed(self):
        """Goal: AWS IoT Core sees the new certificate without a restart."""
        with Box(Iot, life_s=4) as box:
            box.send(1)
            box.source.renew_certificate("box-2")
            before = box.state()["renewals"]
            wait_for("renewed with it",
                     lambda: box.state()["renewals"] >= before + 2, 30)
            box.send(1)
            box.store.gateway.wait_synced()
            self.assertEqual(box.lost(), [])

    def test_a_stop_waits_for_no_command(self):
        """Goal: a command that does not end keeps no gateway from stopping,
        and does not outlive it."""
        with Box(Hanging) as box:
            gateway = box.store.gateway
            wait_for("it is fetching",
                     lambda: box.state()["state"] == "fetching", 20)
            children = pathlib.Path(
                f"/proc/{gateway.process.pid}/task")
            command = wait_for("the command runs", lambda: [
                pid for task in children.iterdir()
                for pid in (task / "children").read_text().split()
                if "600.25" in pathlib.Path(
                    f"/proc/{pid}/cmdline").read_text()], 20)
            began = time.monotonic()
            self.assertEqual(gateway.stop(), 0)
            self.assertLess(time.monotonic() - began, 10)
            self.assertFalse(pathlib.Path(f"/proc/{command[0]}").exists())

    def test_a_long_token(self):
        """Goal: a token of 60,000 characters is sent and signed."""
        with Box(Container, life_s=3600, token_bytes=60000) as box:
            box.send(1)
            box.store.gateway.wait_synced()
            self.assertEqual(box.lost(), [])

    def test_a_file_that_comes_later(self):
        """Goal: a store sells without its credentials, and they are found when
        they are there."""
        with Box(Profile, life_s=3600) as box:
            gateway = box.store.gateway
            gateway.stop()
            away = box.source.path.with_suffix(".away")
            box.source.path.rename(away)
            box.source.broken = True
            gateway.start().wait_up()
            box.send(1)
            self.assertEqual(box.state()["state"], "missing")
            self.assertIn("profile till", gateway.stream()["last_error"])
            away.rename(box.source.path)
            gateway.wait_synced(90)
            self.assertEqual(box.lost(), [])


if __name__ == "__main__":
    for name in CLEAR:
        os.environ.pop(name, None)
    unittest.main()

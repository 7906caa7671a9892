#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the gateway knows who is there: who is connected, since when and how,
what came last from each registered device and what was refused to it; strangers
are counted together; all of it is right again after the broker was away."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import unittest

from device_test import CHOSEN, Client, StoreTest, device, listed
from edge import EDGE, Device, UnixHTTP, mqtt, wait_for
from verdict_places import gone_everywhere, seen_everywhere
from verdict_tls import pki, tls_store

REGISTERED_MAX = 10000


def ask(store, path="/api/v1/devices"):
    link = UnixHTTP(store.folder / "data/control.sock")
    try:
        link.request("GET", path)
        answer = link.getresponse()
        body = answer.read().decode()
        assert answer.status == 200, body
        return body
    finally:
        link.close()


def seen(store, name=None):
    """What the gateway says of one device, or of all."""
    found = json.loads(ask(store))
    if name is None:
        return found
    return next((d for d in found["devices"] if d["name"] == name), None)


def counts(refused):
    return {row["reason"]: row["count"] for row in refused}


def broker_pid(store):
    """The gateway's own child."""
    parent = store.gateway.process.pid
    children = pathlib.Path(f"/proc/{parent}/task/{parent}/children")
    return int(children.read_text().split()[0])


def rss_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])


def status_text(store):
    done = subprocess.run([EDGE, "status", "--config", store.config_path],
                          capture_output=True, text=True, timeout=30)
    return done.stdout


class PresenceTest(StoreTest):
    def added(self, store, *names):
        for name in names:
            self.done(device(store, "add", name, "--password-stdin",
                             stdin=CHOSEN + "\n"))

    def send(self, client, topic, id_, name):
        event = {"specversion": "1.0", "type": "OrderCancelRequested",
                 "id": id_, "source": f"/s1/{name}",
                 "datacontenttype": "application/json",
                 "data": {"orderId": "none"}}
        client.client.publish(topic, json.dumps(event), qos=1)

    def test_a_life(self):
        store = self.store()
        self.added(store, "till-1", "till-2")
        found = seen(store, "till-1")
        self.assertEqual(
            (found["state"], found["connections"], found["last_event"],
             found["password"], found["certificate"]),
            ("offline", 0, None, True, False))

        one = self.client(store, "till-1", CHOSEN)
        found = wait_for("it is online", lambda: (
            (d := seen(store, "till-1")) and d["connections"] and d))
        self.assertEqual((found["state"], found["by"], found["address"]),
                         ("online", "password", "127.0.0.1"))
        self.assertLess(abs(time.time() - _seconds(found["since"])), 30)

        self.send(one, f"{one.base}/orders", "e-1", "till-1")
        self.send(one, f"{one.base}/orders", "e-2", "another")  # is rejected
        found = wait_for("both were heard", lambda: (
            (d := seen(store, "till-1"))["events"] == 2 and d))
        self.assertEqual(found["rejected"], 1)
        self.assertLess(abs(time.time() - _seconds(found["last_event"])), 30)
        self.assertEqual(found["refused"], [])
        self.assertEqual(seen(store, "till-2")["events"], 0)

        self.assertTrue(listed(store)["till-1"]["seen"]["last_event"])
        table = self.done(device(store, "list"))
        self.assertRegex(table, r"(?m)^till-1 .* yes +20\S+T")
        self.assertRegex(table, r"(?m)^till-2 .* no +- ")

        one.client.disconnect()
        one.client.loop_stop()
        found = wait_for("it is offline", lambda: (
            (d := seen(store, "till-1"))["connections"] == 0 and d))
        self.assertEqual((found["state"], found["by"]), ("offline", ""))
        self.assertLess(abs(time.time() - _seconds(found["since"])), 30)
        self.done(device(store, "remove", "till-1"))
        self.assertIsNone(seen(store, "till-1"))
        self.assertEqual(seen(store)["registered"], 1)

    def test_refusals(self):
        """A device's own, at its connection and at a topic; a stranger's are
        counted together. The metrics have all, by reason."""
        store = self.store()
        self.added(store, "till-1", "till-2")
        one = self.client(store, "till-1", CHOSEN)
        self.send(one, f"shopme/{store.name}/till-2/orders", "e-1", "till-2")
        for name in ("till-2", "<b>nobody</b>"):
            client = Client(store, name, "wrong")
            client.close()
        found = wait_for("all are refused", lambda: (
            (f := seen(store)) and
            {"other-device", "password", "unknown"} <= set(
                counts(f["refused"])) and f))
        rows = {d["name"]: d for d in found["devices"]}
        self.assertEqual(counts(rows["till-1"]["refused"]),
                         {"other-device": 1})
        self.assertEqual(rows["till-1"]["refused"][0]["words"],
                         f"shopme/{store.name}/till-2/orders")
        self.assertEqual(list(counts(rows["till-2"]["refused"])), ["password"])
        self.assertEqual({d["state"] for d in rows.values()}, {"refused"})
        self.assertEqual(list(counts(found["strangers"]["refused"])),
                         ["unknown"])
        self.assertEqual(found["strangers"]["refused"][0]["words"],
                         "<b>nobody</b>")
        metrics = ask(store, "/metrics")
        for reason, count in counts(seen(store)["refused"]).items():
            self.assertIn(f'\nshopme_edge_devices_refused_total{{reason='
                          f'"{reason}"}} {count}\n', metrics)
        self.assertIn("\nshopme_edge_devices_registered 2\n", metrics)
        self.assertIn('reason="revoked"} 0\n', metrics)
        text = status_text(store)
        self.assertRegex(text, r"devices: 2 registered, \d online, 0 silent")
        self.assertRegex(text, r"(?m)^till-2 +refused .* password \d+$")

    def test_an_anonymous_one_is_counted_with_all_others(self):
        store = self.store()
        self.added(store, "till-1")
        strangers = [Device(store, f"old-{n}") for n in range(3)]
        for stranger in strangers:
            stranger.send(stranger.order(f"o-{stranger.name}"))
            stranger.wait_accepted([f"e-o-{stranger.name}"])
        found = seen(store)
        self.assertEqual((found["registered"], found["online"]), (1, 0))
        self.assertEqual((found["strangers"]["connections"],
                          found["strangers"]["events"]), (3, 3))
        for stranger in strangers:
            stranger.close()
        wait_for("they are gone",
                 lambda: seen(store)["strangers"]["connections"] == 0)

    def test_the_broker_was_away(self):
        """Who came back is online; who did not is offline."""
        store = self.store()
        self.added(store, "till-1", "till-2")
        stays = self.client(store, "till-1", CHOSEN)
        goes = self.client(store, "till-2", CHOSEN)
        wait_for("both are there", lambda: seen(store)["online"] == 2)
        before = _seconds(seen(store, "till-1")["since"])
        goes.client.loop_stop()  # it hears no more, and does not come back
        os.kill(broker_pid(store), signal.SIGKILL)
        wait_for("it is known not to be known",
                 lambda: not seen(store)["known"] and re.search(
                     r"till-1 .* \? ", device(store, "list").stdout))
        wait_for("it is known again", lambda: seen(store)["known"])
        wait_for("till-1 came back",
                 lambda: seen(store, "till-1")["connections"] == 1)
        self.assertGreater(_seconds(seen(store, "till-1")["since"]), before)
        self.assertEqual(seen(store, "till-2")["state"], "offline")
        self.assertEqual(len(stays.codes), 2)

    def test_a_certificate_of_a_companys_ca(self):
        """Its CA tells nothing of what it issues: what a connected device has
        shown is known, and that it ends soon."""
        with tls_store() as store:
            pki(store, "init")
            pki(store, "server")
            pki(store, "issue", "till-1", "--no-p12", "--days", 5)
            company = store.folder / "company"
            shutil.move(store.pki, company)
            store.config_path.write_text(store.config_path.read_text().replace(
                "mode: embedded,", f"""mode: embedded, tls: {{
                  ca_file: {company}/ca.pem, cert_file: {company}/server.pem,
                  key_file: {company}/server.key}},""", 1))
            store.accounts.add("till-1", certificate=True, password=False)
            store.gateway.start().wait_up()
            verdict = json.loads(ask(store, "/api/v1/status"))["verdict"]
            self.assertNotIn("certificate-expires", str(verdict))
            client = mqtt.Client(client_id="till-1")
            client.tls_set(str(company / "ca.pem"),
                           str(company / "issued/till-1.pem"),
                           str(company / "issued/till-1.key"))
            client.connect("localhost", store.tls_port)
            client.loop_start()
            self.addCleanup(client.loop_stop)
            reason = seen_everywhere(store, "certificate-expires")
            self.assertIn("device till-1 ends in 4 d", reason["text"])
            found = seen(store, "till-1")
            self.assertEqual((found["by"], found["certificate"],
                              found["password"]), ("certificate", True, False))
            left_s = _seconds(found["certificate_ends"]) - time.time()
            self.assertLess(abs(left_s - 5 * 86400), 3600)
            client.disconnect()
            gone_everywhere(store, "certificate-expires")
            self.assertIsNone(seen(store, "till-1")["certificate_ends"])

    def test_ten_thousand(self):
        """The bound of accounts: answers stay bounded, memory small."""
        sizes = {}
        for count in (1, REGISTERED_MAX):
            store = self.store(start=False)
            for n in range(1, count):
                store.accounts.devices[f"t-{n:05d}"] = [
                    f"device t-{n:05d}", " certificate",
                    " added 2026-11-29T10:00:00Z"]
            store.accounts.add("a-till")
            store.gateway.start().wait_up()
            self.assertEqual(seen(store)["registered"], count)
            sizes[count] = rss_kib(store.gateway.process.pid)
            rows = listed(store)
            self.assertEqual(len(rows), count)
            self.assertTrue(all(row["seen"] for row in rows.values()))
            began = time.monotonic()
            self.assertLess(len(ask(store)), 96 * 1024)
            took_ms = (time.monotonic() - began) * 1000
        print(f"figure: {REGISTERED_MAX} devices take "
              f"{sizes[REGISTERED_MAX] - sizes[1]} KiB of the gateway, and the "
              f"first {len(seen(store)['devices'])} are told in {took_ms:.0f} "
              "ms")
        self.assertLess(sizes[REGISTERED_MAX] - sizes[1], 24 * 1024)

    def test_external(self):
        """The accounts are that broker's."""
        store = self.store(start=False, broker_address=1)
        store.gateway.start()
        wait_for("it answers", store.gateway.status)
        self.assertIsNone(store.gateway.status()["devices"])
        self.assertNotIn("devices:", status_text(store))


def _seconds(when):
    from datetime import datetime
    return datetime.fromisoformat(when.replace("Z", "+00:00")).timestamp()


if __name__ == "__main__":
    unittest.main(verbosity=2)

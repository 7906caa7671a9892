# SPDX-License-Identifier: Apache-2.0
"""The plugin in the real Mosquitto, over each kind of listener, with clients of
3.1.1 and 5: who is let in, what each may do, who is cut when the accounts change,
and what the gateway is told. What is lost, or cut without need, fails."""

import os
import signal
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import threading
import time
import types
import unittest

import paho.mqtt.client as mqtt

from edge import BUILD, Device, Store, wait_for
from plugin_broker import (CONNECTED, DISCONNECTED, FAILED, GATEWAY,
                           GATEWAY_PASSWORD, LOADED, REFUSED, SURPLUS, Broker, Client,
                           Gateway, other_address, settle)

VERSIONS = (mqtt.MQTTv311, mqtt.MQTTv5)
PASSWORD = "a-password-of-a-device"
NOT_AUTHORIZED = {mqtt.MQTTv311: 5, mqtt.MQTTv5: 0x87}
DENIED = {mqtt.MQTTv311: 0x80, mqtt.MQTTv5: 0x87}
BENCH = BUILD / "tests/benchmark/bench_door"


def store(**options):
    """A broker with the devices that most tests use."""
    broker = Broker(**options)
    broker.add("till-1", PASSWORD, certificate=True)
    broker.add("till-2", PASSWORD, certificate=True)
    broker.add("meter", PASSWORD, topics=["kitchen/#"])
    broker.add("board", PASSWORD, channel=True)
    return broker


def handshake(broker, certificate, version=None):
    """The first byte that the broker sends on its listener for certificates;
    None if it ends the connection."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    if version:
        tls.set_ciphers("ALL:@SECLEVEL=0")
        tls.minimum_version = tls.maximum_version = ssl.TLSVersion[version]
    if certificate:
        tls.load_cert_chain(broker.folder / f"{certificate}.pem",
                            broker.folder / f"{certificate}.key")
    link = socket.create_connection(("127.0.0.1", broker.certs))
    try:
        with tls.wrap_socket(link) as wrapped:
            wrapped.sendall(b"\x10\x12\0\x04MQTT\x04\x02\0\x3c\0\x06till-1")
            return wrapped.recv(1) or None
    except OSError:  # SSLError is one
        return None
    finally:
        link.close()


class Logins(unittest.TestCase):
    def test_who_is_let_in(self):
        """Each way in and each reason not to, on each kind of listener: the
        client gets its code, the gateway the reason and who was meant."""
        with store() as broker:
            for name in ("till-1", "laptop", "gateway", "meter"):
                broker.pki.issue(name)
            broker.revoked.append(broker.pki.issue("lost", "/CN=till-1"))
            broker.pki.issue("two", "/CN=till-1/CN=till-2")
            broker.start()
            gateway = Gateway(broker).must()
            far = other_address()
            plain, tls = broker.accounts, broker.tls
            rows = [
                ("", "x", None, None, broker.open, None),
                ("", "meter", "meter", PASSWORD, broker.open, None),
                ("", "meter", "meter", PASSWORD, plain, None),
                ("", "mosq-1", "meter", PASSWORD, plain, None),
                ("", "meter", "meter", PASSWORD, tls, None),
                ("", "till-1", None, None, broker.certs, "till-1"),
                ("password", "meter", "meter", "wrong", broker.open, None),
                ("password", "meter", "meter", "wrong", tls, None),
                ("password", "meter", "meter", None, plain, None),
                ("password", "x", GATEWAY, "wrong", broker.open, None),
                ("unknown", "x", "laptop", PASSWORD, plain, None),
                ("unknown", "gateway", "gateway", PASSWORD, plain, None),
                ("unknown", "laptop", None, None, broker.certs, "laptop"),
                ("unknown", "gateway", None, None, broker.certs, "gateway"),
                ("unknown", "till-1", None, None, broker.certs, "two"),
                ("no-certificate", "meter", None, None, broker.certs, "meter"),
                ("revoked", "till-1", None, None, broker.certs, "lost"),
                ("client-id", "till-2", None, None, broker.certs, "till-1"),
                ("client-id", "till-1", "meter", PASSWORD, plain, None),
                ("client-id", "till-1", None, None, broker.open, None),
                ("client-id", "edge-orders", None, None, broker.open, None),
                ("client-id", "edge-orders", "meter", PASSWORD, tls, None),
            ]
            if far:
                rows += [("anonymous", "x", None, None, plain, far),
                         ("", "meter", "meter", PASSWORD, plain, far)]
            for version in VERSIONS:
                for reason, id_, user, password, port, shown in rows:
                    with self.subTest(version=version, reason=reason, id=id_,
                                      user=user):
                        host = far if shown == far and far else "127.0.0.1"
                        at = len(gateway.reports)
                        client = Client(
                            broker, id_, user, password, port=port,
                            version=version, host=host,
                            certificate=None if host == far else shown)
                        code = client.open()
                        if reason == "":
                            self.assertEqual(code, 0)
                            report = gateway.wait(CONNECTED, at, client_id=id_)
                            client.close()
                            gateway.wait(DISCONNECTED, at, client_id=id_,
                                         since_us=report["since_us"])
                            continue
                        self.assertEqual(code, NOT_AUTHORIZED[version])
                        report = gateway.wait(REFUSED, at, refusal=reason)
                        self.assertEqual(report["address"], host)
                        # (The gateway's own name is never said.)
                        self.assertEqual(report["client_id"], "gateway" if
                                         GATEWAY in id_ else id_)
                        self.assertNotIn(GATEWAY, report["text"])
            gateway.close()
            # No password is in the log, nor the name that is a secret.
            self.assertNotIn(PASSWORD, broker.log())

    def test_expired_list(self):
        """A list of the revoked past its end refuses if it says so."""
        with store() as broker:
            broker.pki.issue("till-1")
            broker.expires = "2020-01-01T00:00:00Z"
            broker.start()
            gateway = Gateway(broker).must()
            first = Client(broker, "till-1", port=broker.certs,
                           certificate="till-1").must()
            broker.refuse_expired = True
            gateway.reload()
            self.assertFalse(first.is_cut(0.5))
            again = Client(broker, "till-1", port=broker.certs,
                           certificate="till-1")
            self.assertEqual(again.open(), 5)
            gateway.wait(REFUSED, refusal="crl-expired")
            first.close()
            gateway.close()

    def test_another_way_to_prove_it(self):
        """MQTT 5's extended authentication is no way past the door."""
        with store() as broker:
            broker.start()
            gateway = Gateway(broker).must()
            for user in (None, "till-1", GATEWAY):
                client = Client(broker, "till-1", user, PASSWORD,
                                version=mqtt.MQTTv5)
                client.method = "SCRAM-SHA-256"
                self.assertEqual(client.open(), 0x8C)  # bad method
            self.assertEqual(gateway.hello(), [])
            gateway.close()

    def test_before_the_connect(self):
        """A handshake that fails, a certificate that is not shown or is of
        another authority, bytes that are no MQTT: told with the address."""
        with store() as broker:
            os.mkdir(broker.folder / "other")
            other = type(broker.pki)(broker.folder / "other")
            other.issue("till-1")
            broker.pki.issue("till-1")
            for suffix in ("pem", "key"):
                os.replace(broker.folder / f"other/till-1.{suffix}",
                           broker.folder / f"foreign.{suffix}")
            broker.start()
            gateway = Gateway(broker).must()
            self.assertEqual(handshake(broker, "till-1"), b"\x20")
            for certificate in (None, "foreign"):
                at = len(gateway.reports)
                self.assertIsNone(handshake(broker, certificate))
                self.told_or_logged(gateway, at, "certificate")
            at = len(gateway.reports)
            self.assertIsNone(handshake(broker, "till-1", "TLSv1_1"))
            self.told_or_logged(gateway, at, "SSL")
            for port in (broker.open, broker.accounts, broker.tls):
                at = len(gateway.reports)
                with socket.create_connection(("127.0.0.1", port)) as link:
                    link.sendall(b"GET / HTTP/1.1\r\n\r\n")
                self.told_or_logged(gateway, at, "http")
            gateway.close()

    def told_or_logged(self, gateway, since, words):
        """If all of it had come when Mosquitto (2.0.11) accepted the
        connection, only a line of its log says so."""
        size = gateway.broker.failed

        def seen():
            lines = [line for line in gateway.broker.log().splitlines()
                     if "Client connection from 127.0.0.1 failed: " in line]
            gateway.broker.failed = len(lines)
            return [r for r in gateway.reports[since:]
                    if r["kind"] == REFUSED and r["refusal"] == ""
                    and r["address"] == "127.0.0.1"] or [
                        line for line in lines[size:] if words in line]
        wait_for("a report or a line", seen, 20)

    def test_nobody_opens_the_door(self):
        """A broker that cannot read what it needs does not start, and says what
        to do."""
        def damage(broker, what):
            current = broker.folder / "identity/current"
            if what == "set":
                current.unlink()
            elif what == "rules":
                (broker.folder / "broker/rules").unlink()
            else:
                path = current / what
                path.write_bytes(path.read_bytes()[:-3])

        for what, words in (("set", "identity/current is missing"),
                            ("rules", "broker/rules"),
                            ("accounts", "accounts, line"),
                            ("revoked", "revoked, line")):
            with self.subTest(what), store() as broker:
                broker.write()
                damage(broker, what)
                broker.launch(leaks=False)
                self.assertNotEqual(broker.process.wait(20), 0)
                self.assertIn("nobody would be let in", broker.log())
                self.assertIn(words, broker.log())
        with store() as broker:
            broker.write()
            text = broker.configuration()
            broker.configuration = lambda: text.replace("/current", "/other")
            broker.launch(leaks=False)
            self.assertNotEqual(broker.process.wait(20), 0)
            self.assertIn("plugin_opt_identity must name", broker.log())


class Topics(unittest.TestCase):
    def test_publish(self):
        """What each may publish arrives; what it may not is refused, with the
        code where MQTT has one, told with the event's id, and goes nowhere."""
        own = "shopme/s1/till-1/orders"
        rows = [
            ("till-1", own, ""),
            ("till-1", "shopme/s1/till-1/status", ""),
            ("meter", "kitchen/oven", ""),
            ("till-1", "shopme/s1/till-2/orders", "other-device"),
            ("till-1", "shopme/s1/till-2/receipts", "other-device"),
            ("till-1", "shopme/s1/till-1/receipts", "no-stream"),
            ("till-1", "shopme/s1/gateway/orders", "other-device"),
            ("till-1", "shopme/s2/till-1/orders", "other-store"),
            ("till-1", "shopme/s1/events/OrderPlaced", "no-stream"),
            ("till-1", "kitchen/oven", "outside"),
            ("till-1", "$shopme/report", "system"),
            ("till-1", "$CONTROL/shopme/v1", "system"),
            ("till-1", "$CONTROL/dynamic-security/v1", "system"),
            ("", "shopme/s1/till-1/status", "no-stream"),
            ("", "elsewhere", "outside"),
        ]
        with store() as broker:
            broker.start()
            gateway = Gateway(broker).must()
            gateway.ask("#")
            for version in VERSIONS:
                clients = {
                    "": Client(broker, "x", version=version).must()}
                for name in ("till-1", "meter"):
                    clients[name] = Client(broker, name, name, PASSWORD,
                                           version=version).must()
                for number, (name, topic, reason) in enumerate(rows):
                    with self.subTest(version=version, topic=topic):
                        at, got = len(gateway.reports), len(gateway.got)
                        id_ = f"e-{version}-{number}"
                        code = clients[name].say(topic, f'{{"id":"{id_}"}}')
                        if reason == "":
                            self.assertEqual(code, 0)
                            wait_for("the message", lambda: [
                                m for m in gateway.got[got:]
                                if m.topic == topic])
                            continue
                        self.assertEqual(code, 0x87 if version == mqtt.MQTTv5
                                         else 0)
                        report = gateway.wait(REFUSED, at, event_id=id_)
                        self.assertEqual(report["refusal"], reason)
                        self.assertEqual(report["device"], name)
                        self.assertEqual(report["text"], topic)
                        self.assertTrue(report["publish"])
                        self.assertEqual(gateway.got[got:], [])
                for client in clients.values():
                    client.close()
            gateway.close()

    def test_retained(self):
        """Nothing is retained on a stream; a device's status is its own."""
        with store() as broker:
            broker.start()
            gateway = Gateway(broker).must()
            till = Client(broker, "till-1", "till-1", PASSWORD).must()
            till.say("shopme/s1/till-1/orders", '{"id":"r"}', retain=True)
            report = gateway.wait(REFUSED, refusal="retained")
            self.assertEqual(report["event_id"], "r")
            till.say("shopme/s1/till-1/status", "on", retain=True)
            gateway.ask("shopme/#")
            wait_for("the status", lambda: gateway.got)
            settle()
            self.assertEqual([m.topic for m in gateway.got],
                             ["shopme/s1/till-1/status"])
            till.close()
            gateway.close()

    def test_read(self):
        """Subscriptions: to one's own only; the secret topics to nobody."""
        may = {
            "till-1": ["shopme/s1/till-1/receipts", "shopme/s1/till-1/notices"],
            "board": ["shopme/s1/events/#"],
            "meter": ["kitchen/#", "kitchen/+/on"],
            "": ["shopme/s1/nobody/receipts", "shopme/s1/+/notices"],
        }
        never = ["#", "+", "+/#", "shopme/#", "shopme/s1/#", "shopme/+/+/orders",
                 "shopme/s1/till-2/#", "shopme/s1/till-1/#",
                 "shopme/s1/till-1/orders", "$SYS/#", "$SYS/broker/clients/#",
                 "$shopme/#", "$shopme/report", "$CONTROL/#",
                 "$share/g/shopme/s1/till-1/receipts", "$share/g/#"]
        of_devices = ["shopme/s1/till-2/receipts", "shopme/s1/+/receipts",
                      "shopme/s1/+/notices"]
        with store() as broker:
            broker.start()
            gateway = Gateway(broker).must()
            for version in VERSIONS:
                for name, topics in may.items():
                    client = Client(broker, name or "x", name or None, PASSWORD,
                                    version=version).must()
                    for topic in topics:
                        with self.subTest(version=version, topic=topic):
                            self.assertEqual(client.ask(topic), 1)
                    refused = never + (of_devices if name
                                       else ["shopme/s1/till-1/receipts"])
                    for topic in refused:
                        with self.subTest(version=version, name=name,
                                          topic=topic):
                            self.assertEqual(client.ask(topic),
                                             DENIED[version])
                    gateway.say("shopme/s1/till-1/receipts", "r")
                    gateway.say("shopme/s1/till-2/receipts", "r")
                    settle()
                    heard = {m.topic for m in client.got}
                    self.assertEqual(heard & {"shopme/s1/till-2/receipts"},
                                     set())
                    self.assertFalse({t for t in heard if t.startswith("$")})
                    client.close()
            gateway.close()

    def test_wills(self):
        """A will is a publish of its owner's, at the time it is sent."""
        rows = [("shopme/s1/till-1/orders", ""),
                ("shopme/s1/till-1/status", ""),
                ("shopme/s1/till-2/orders", "other-device"),
                ("shopme/s1/till-2/receipts", "other-device"),
                ("$CONTROL/shopme/v1", "system"),
                ("$shopme/report", "system")]
        with store() as broker:
            broker.start()
            gateway = Gateway(broker).must()
            gateway.ask("shopme/#")
            for version in VERSIONS:
                for topic, reason in rows:
                    with self.subTest(version=version, topic=topic):
                        at, got = len(gateway.reports), len(gateway.got)
                        client = Client(broker, "till-1", "till-1", PASSWORD,
                                        version=version,
                                        will=(topic, '{"id":"w"}')).must()
                        client.drop()
                        gateway.wait(DISCONNECTED, at, device="till-1")
                        if reason == "":
                            wait_for("the will", lambda: [
                                m for m in gateway.got[got:]
                                if m.topic == topic])
                            continue
                        report = gateway.wait(REFUSED, at, refusal=reason)
                        self.assertEqual(report["device"], "till-1")
                        self.assertEqual(report["event_id"], "w")
                        self.assertEqual(gateway.got[got:], [])
            # A retained one on a stream, too.
            client = Client(broker, "till-1", "till-1", PASSWORD,
                            will=("shopme/s1/till-1/orders", "w", True)).must()
            client.drop()
            gateway.wait(REFUSED, refusal="retained")
            gateway.close()

    def test_a_flood(self):
        """One device's 2,000 refusals become some reports; none is uncounted,
        and others are told of meanwhile."""
        with store() as broker:
            broker.start()
            gateway = Gateway(broker).must()
            till = Client(broker, "till-1", "till-1", PASSWORD).must()
            for _ in range(2000):
                till.publish("x", '{"id":"f"}', 0)
            till.say("x", '{"id":"last"}')
            other = Client(broker, "till-2", "till-2", PASSWORD).must()
            other.say("y", '{"id":"other"}')
            gateway.wait(REFUSED, event_id="other")

            def reports():
                return [r for r in gateway.reports if r["kind"] == REFUSED
                        and r["device"] == "till-1"]
            wait_for("all of them", lambda: sum(
                r["count"] for r in reports()) == 2001, 20)
            self.assertLess(len(reports()), 200)
            for client in (till, other, gateway):
                client.close()


class Sessions(unittest.TestCase):
    def test_takeover(self):
        """A session is taken over by its own device only; the gateway hears of
        both in their order."""
        with store() as broker:
            broker.pki.issue("till-1")
            broker.start()
            gateway = Gateway(broker).must()
            for version in VERSIONS:
                at = len(gateway.reports)
                first = Client(broker, "till-1", "till-1", PASSWORD,
                               version=version).must()
                for other in (Client(broker, "till-1", version=version),
                              Client(broker, "till-1", "till-2", PASSWORD,
                                     version=version),
                              Client(broker, "till-1", "meter", PASSWORD,
                                     port=broker.tls, version=version)):
                    self.assertEqual(other.open(), NOT_AUTHORIZED[version])
                self.assertFalse(first.is_cut(0.3))
                second = Client(broker, "till-1", port=broker.certs,
                                certificate="till-1", version=version).must()
                self.assertTrue(first.is_cut())
                second.close()
                gateway.wait(DISCONNECTED, at, by=2)
                kinds = [(r["kind"], r["by"]) for r in gateway.reports[at:]
                         if r["device"] == "till-1" and r["kind"] != REFUSED]
                self.assertEqual(kinds, [(CONNECTED, 1), (DISCONNECTED, 1),
                                         (CONNECTED, 2), (DISCONNECTED, 2)])
                self.assertEqual(gateway.hello(), [])
            gateway.close()

    def test_one_connection(self):
        """A device that connects again, whatever client id it uses, pushes out
        its other connection; nobody else's."""
        with store() as broker:
            broker.start()
            gateway = Gateway(broker).must()
            free = Client(broker, "free").must()
            other = Client(broker, "till-2", "till-2", PASSWORD).must()
            ids = ["app", "till-1", "app-2", "app"]
            before = None
            for version in VERSIONS:
                for id_ in ids:
                    at = len(gateway.reports)
                    client = Client(broker, id_, "till-1", PASSWORD,
                                    version=version).must()
                    if before is not None:
                        self.assertTrue(before.is_cut())
                        gateway.wait(DISCONNECTED, at, device="till-1")
                    # (To 5 it says that nobody has subscribed.)
                    self.assertIn(client.say("shopme/s1/till-1/orders", "{}"),
                                  (0, 16))
                    self.assertEqual(
                        {r["client_id"] for r in gateway.hello()},
                        {"free", "till-2", id_})
                    before = client
            for client in (free, other, before, gateway):
                self.assertFalse(client.ended.is_set())
                client.close()

    def test_a_session_is_its_owners(self):
        """What waits for a device that is away is not lost by anybody else's
        CONNECT under its client id, with or without a user name."""
        with store() as broker:
            broker.start()
            gateway = Gateway(broker).must()
            till = Client(broker, "till-1", "till-1", PASSWORD,
                          port=broker.accounts, clean=False).must()
            till.ask("shopme/s1/till-1/receipts")
            till.close()
            gateway.say("shopme/s1/till-1/receipts", "waits")
            for port in (broker.open, broker.accounts):
                for user in (None, "till-2", "nobody"):
                    for clean in (True, False):
                        thief = Client(broker, "till-1", user, PASSWORD,
                                       port=port, clean=clean)
                        self.assertEqual(thief.open(), 5)
            till = Client(broker, "till-1", "till-1", PASSWORD,
                          port=broker.accounts, clean=False).must()
            self.assertEqual(till.kept, 1)
            wait_for("what waits", lambda: till.got)
            till.close()
            gateway.close()

    def test_churn(self):
        """A thousand connections, good and bad, from many threads: the broker's
        memory is used again and again, and afterwards exactly who is there is
        there, with its own rights."""
        with store() as broker:
            for worker in range(25):
                broker.add(f"m{worker}", PASSWORD)
            broker.start()
            gateway = Gateway(broker).must()
            stays = Client(broker, "till-2", "till-2", PASSWORD).must()

            def connect(link_id, user, password):
                """CONNECT and what the broker says to it and a SUBSCRIBE #."""
                def text(value):
                    value = value.encode()
                    return struct.pack(">H", len(value)) + value
                flags = 2 | (0xC0 if user else 0)
                body = (text("MQTT") + bytes([4, flags, 0, 60]) + text(link_id)
                        + (text(user) + text(password) if user else b""))
                with socket.create_connection(
                        ("127.0.0.1", broker.open)) as link:
                    link.settimeout(20)
                    link.sendall(bytes([0x10, len(body)]) + body)
                    answer = link.recv(4)
                    if answer[3:] == b"\0":
                        link.sendall(b"\x82\x06\0\x01\0\x01#\x01")
                        return link.recv(5)[-1]
                    return None

            wrong = []

            def churn(worker):
                for i in range(40):
                    kind = (worker + i) % 4
                    if kind == 0:
                        got = connect(f"w{worker}", "", "")
                    elif kind == 1:
                        got = connect(f"i{worker}", f"m{worker}", PASSWORD)
                    elif kind == 2:
                        got = connect(f"i{worker}", f"m{worker}", "wrong")
                    else:
                        got = connect(f"g{worker}", GATEWAY, GATEWAY_PASSWORD)
                    want = (0x80, 0x80, None, 1)[kind]
                    if got != want:
                        wrong.append((kind, got))
            threads = [threading.Thread(target=churn, args=(n,))
                       for n in range(25)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(wrong, [])
            for _ in range(200):
                there = [(r["device"], r["client_id"])
                         for r in gateway.hello()]
                if there == [("till-2", "till-2")]:
                    break
                time.sleep(0.05)
            self.assertEqual(there, [("till-2", "till-2")])
            self.assertEqual(stays.ask("#"), 0x80)
            stays.close()
            gateway.close()


class Changes(unittest.TestCase):
    def test_reload_cuts_who_must(self):
        """Removed, another password, no password, revoked, not for certificates
        any more: cut, and refused with that reason. Everybody else goes on and
        loses nothing of a stream of messages."""
        with store() as broker:
            for name in ("loses-all", "loses-word", "loses-key"):
                broker.add(name, PASSWORD, certificate=True)
            serials = {name: broker.pki.issue(name) for name in
                       ("till-1", "till-2", "loses-key", "revoked")}
            broker.add("revoked", PASSWORD, certificate=True)
            broker.start()
            gateway = Gateway(broker).must()
            gateway.ask("shopme/s1/+/orders")
            stay = [Client(broker, "till-1", "till-1", PASSWORD,
                           version=mqtt.MQTTv5),
                    Client(broker, "till-2", port=broker.certs,
                           certificate="till-2"),
                    Client(broker, "meter", "meter", PASSWORD,
                           port=broker.tls),
                    Client(broker, "free")]
            go = {
                "unknown": Client(broker, "loses-all", "loses-all", PASSWORD),
                "password": Client(broker, "loses-word", "loses-word",
                                   PASSWORD, port=broker.tls),
                "no-certificate": Client(broker, "loses-key",
                                         port=broker.certs,
                                         certificate="loses-key"),
                "revoked": Client(broker, "revoked", port=broker.certs,
                                  certificate="revoked",
                                  version=mqtt.MQTTv5)}
            for client in [*stay, *go.values()]:
                client.must()
            running = threading.Event()
            sent = []

            def publish():
                while not running.is_set():
                    sent.append(stay[0].publish(
                        "shopme/s1/till-1/orders", str(len(sent)), 1))
                    time.sleep(0.002)
            thread = threading.Thread(target=publish)
            thread.start()
            del broker.devices["loses-all"]
            gateway.reload()
            self.assertTrue(go["unknown"].is_cut())
            broker.add("loses-word", "another-password", certificate=True)
            broker.devices["loses-key"]["certificate"] = False
            broker.revoked.append(serials["revoked"])
            gateway.reload()
            for client in go.values():
                self.assertTrue(client.is_cut())
            for _ in range(20):
                gateway.reload()
            settle()
            running.set()
            thread.join()
            wait_for("every message", lambda: len(gateway.got) == len(sent))
            for client in stay:
                self.assertFalse(client.ended.is_set())
            self.assertEqual(
                {r["client_id"] for r in gateway.hello()},
                {"till-1", "till-2", "meter", "free"})
            for reason, client in go.items():
                again = Client(broker, client._client_id.decode(),
                               client._username and client._username.decode(),
                               PASSWORD, port=client.port,
                               certificate=client._client_id.decode()
                               if client.port == broker.certs else None)
                at = len(gateway.reports)
                self.assertEqual(again.open(), 5)
                gateway.wait(REFUSED, at, refusal=reason)
            for client in [*stay, gateway]:
                client.close()

    def test_new_rights_at_once(self):
        """Who is connected has its new patterns without connecting again, and
        has not the old ones; a new device can come."""
        with store() as broker:
            broker.start()
            gateway = Gateway(broker).must()
            meter = Client(broker, "meter", "meter", PASSWORD).must()
            self.assertEqual(meter.ask("kitchen/#"), 1)
            self.assertEqual(meter.ask("yard/#"), 0x80)
            broker.devices["meter"]["topics"] = ["yard/#"]
            broker.add("new", PASSWORD)
            gateway.reload()
            self.assertEqual(meter.ask("yard/#"), 1)
            gateway.say("kitchen/oven", "1")
            gateway.say("yard/gate", "1")
            wait_for("the new", lambda: meter.got)
            self.assertEqual([m.topic for m in meter.got], ["yard/gate"])
            Client(broker, "new", "new", PASSWORD).must().close()
            meter.close()
            gateway.close()

    def test_reload_fails(self):
        """A set that cannot be read leaves the old one in force, and is told."""
        with store() as broker:
            broker.start()
            gateway = Gateway(broker).must()
            till = Client(broker, "till-1", "till-1", PASSWORD).must()
            del broker.devices["till-1"]
            broker.write()
            path = broker.folder / "identity/current/accounts"
            path.write_text(path.read_text()[:-4])
            for how in (lambda: gateway.command(2),
                        lambda: broker.process.send_signal(signal.SIGHUP)):
                at = len(gateway.reports)
                how()
                report = gateway.wait(FAILED, at)
                self.assertIn("accounts", report["text"])
                self.assertEqual(report["set"], 1)
                self.assertFalse(till.is_cut(0.3))
            Client(broker, "till-2", "till-2", PASSWORD).must().close()
            gateway.reload()
            self.assertTrue(till.is_cut())
            gateway.close()

    def test_hangup_drops_nobody(self):
        """SIGHUP: the broker asks again for everybody. The answer comes from
        memory: nobody is dropped, no password is hashed, sessions that are
        away keep what waits for them, and who was removed is cut."""
        slow = 600000  # iterations: half a second each
        with store() as broker:
            for n in range(3):
                broker.add(f"slow-{n}", PASSWORD, slow)
            broker.pki.issue("till-2")
            broker.start()
            gateway = Gateway(broker).must()
            away = {}
            for name in ("till-1", "gone", None):
                if name == "gone":
                    broker.add("gone", PASSWORD)
                    gateway.reload()
                away[name] = Client(broker, name or "away", name, PASSWORD,
                                    clean=False).must()
                away[name].ask(f"shopme/s1/{name or 'till-9'}/receipts")
                away[name].close()
            there = [Client(broker, f"slow-{n}", f"slow-{n}", PASSWORD)
                     for n in range(3)]
            there += [Client(broker, "till-2", port=broker.certs,
                             certificate="till-2"),
                      Client(broker, "x"),
                      Client(broker, "meter", "meter", PASSWORD,
                             port=broker.tls, version=mqtt.MQTTv5)]
            for client in there:
                client.must()
            gateway.say("shopme/s1/till-1/receipts", "waits")
            gateway.say("shopme/s1/till-9/receipts", "waits")
            del broker.devices["gone"]
            cut = Client(broker, "board", "board", PASSWORD).must()
            del broker.devices["board"]
            number = broker.write()
            before = broker.cpu_s()
            for _ in range(5):
                at = len(gateway.reports)
                broker.process.send_signal(signal.SIGHUP)
                gateway.wait(LOADED, at, set=number)
            self.assertTrue(cut.is_cut())
            settle()
            # (Hashed, it would be over seven seconds.)
            self.assertLess(broker.cpu_s() - before, 3)
            for client in there:
                self.assertFalse(client.ended.is_set())
            for name, client_id in (("till-1", "till-1"), (None, "away")):
                again = Client(broker, client_id, name, PASSWORD,
                               clean=False).must()
                self.assertEqual(again.kept, 1)
                wait_for("what waits", lambda: again.got)
                again.close()
            for client in [*there, gateway]:
                client.close()

    def test_a_removed_device_that_was_away(self):
        """Nothing is kept any more for one that was removed, and nobody else
        gets its session. A device added again under the name finds the session
        and what was queued up to its removal: it is the same name with the same
        rights."""
        with store() as broker:
            broker.start()
            gateway = Gateway(broker).must()
            topic = "shopme/s1/till-1/receipts"
            till = Client(broker, "till-1", "till-1", PASSWORD,
                          clean=False).must()
            till.ask(topic)
            till.close()
            gateway.say(topic, "before")
            kept = broker.devices.pop("till-1")
            gateway.reload()
            gateway.say(topic, "while removed")
            other = Client(broker, "till-1", "till-2", PASSWORD, clean=False)
            self.assertEqual(other.open(), 5)
            broker.devices["till-1"] = kept
            gateway.reload()
            gateway.say(topic, "after")
            till = Client(broker, "till-1", "till-1", PASSWORD,
                          clean=False).must()
            wait_for("the last", lambda: len(till.got) >= 2)
            self.assertEqual([m.payload for m in till.got],
                             [b"before", b"after"])
            till.close()
            # Without the account, an anonymous client may have that id; what it
            # may not read is taken out.
            meter = Client(broker, "meter", "meter", PASSWORD,
                           clean=False).must()
            meter.ask("kitchen/#")
            meter.close()
            gateway.say("kitchen/oven", "private")
            del broker.devices["meter"]
            gateway.reload()
            free = Client(broker, "meter", clean=False).must()
            gateway.say("kitchen/oven", "private")
            settle()
            self.assertEqual(free.got, [])
            free.close()
            gateway.close()

    def test_over_a_restart(self):
        """Sessions that the broker saved are asked for by their user names."""
        with store() as broker:
            broker.start()
            gateway = Gateway(broker).must()
            topic = "shopme/s1/till-1/receipts"
            till = Client(broker, "till-1", "till-1", PASSWORD,
                          clean=False).must()
            till.ask(topic)
            till.close()
            gateway.close()
            broker.stop()
            broker.log_path.unlink()
            broker.start()
            gateway = Gateway(broker).must()
            gateway.say(topic, "waits")
            broker.process.send_signal(signal.SIGHUP)
            gateway.wait(LOADED)
            till = Client(broker, "till-1", "till-1", PASSWORD,
                          clean=False).must()
            wait_for("what waits", lambda: till.got)
            till.close()
            gateway.close()


PLACES = 16


def visit(broker, id_, version, clean=False, expiry=3600, **more):
    """Subscribes and goes. (Its code, whether it had a session: then it is
    subscribed, and Mosquitto 2.0.11 would leak some bytes for it again.)"""
    client = Client(broker, id_, version=version, clean=clean, expiry=expiry,
                    **more)
    code = client.open()
    if code != 0:
        return code, None
    if not client.kept:
        client.ask("shopme/s1/till-9/receipts")
    client.close()
    return code, client.kept


class Places(unittest.TestCase):
    """What clients without a user name leave at the broker is bounded."""

    def end(self, broker, id_):
        """As the gateway does it."""
        client = Client(broker, id_, GATEWAY, GATEWAY_PASSWORD)
        client.unix = broker.socket
        client.must()
        kept = client.kept
        client.close()
        return kept

    def test_places(self):
        """As many as there are places; the next one is refused, with its code,
        and told; who has one, and who keeps none, is let in; a clean session
        frees a place, so does the end of an expiry."""
        for version in VERSIONS:
            with self.subTest(version=version), store() as broker:
                broker.start()
                gateway = Gateway(broker).must()
                for n in range(PLACES):
                    self.assertEqual(visit(broker, f"c{n}", version),
                                     (0, 0))
                for n in range(PLACES, PLACES + 5):
                    at = len(gateway.reports)
                    self.assertEqual(visit(broker, f"c{n}", version),
                                     (NOT_AUTHORIZED[version], None))
                    gateway.wait(REFUSED, at, refusal="sessions",
                                 client_id=f"c{n}", address="127.0.0.1")
                for v in VERSIONS:
                    self.assertEqual(
                        visit(broker, "clean", v, True, 0), (0, 0))
                self.assertEqual(visit(broker, "c3", version), (0, 1))
                # A device has its own, whatever there is of others.
                self.assertEqual(
                    visit(broker, "till-1", version, user="till-1",
                               password=PASSWORD)[0], 0)
                self.assertEqual(visit(broker, "c3", version, True, 0)[0],
                                 0)
                settle()
                self.assertEqual(visit(broker, "c99", version), (0, 0))
                self.assertEqual(visit(broker, "c98", version)[0],
                                 NOT_AUTHORIZED[version])
                gateway.close()

    def test_an_expiry(self):
        """One that the broker itself has ended frees its place."""
        with store() as broker:
            broker.start()
            for n in range(PLACES):
                visit(broker, f"c{n}", mqtt.MQTTv5, expiry=1)
            wait_for("they have expired", lambda: broker.log().count(
                "Expiring client c") == PLACES, 30)
            self.assertEqual(visit(broker, "c99", mqtt.MQTTv5), (0, 0))

    def test_behind_a_clean_start(self):
        """MQTT 5: its expiry is not seen at the CONNECT. What stays behind
        takes a place; without one it is told, again and again until it is
        ended, and nothing is queued for it. An account may leave none under
        another id."""
        with store() as broker:
            broker.start()
            gateway = Gateway(broker).must()
            for n in range(PLACES):
                visit(broker, f"c{n}", mqtt.MQTTv5, True)
            settle()
            self.assertEqual(
                [r for r in gateway.reports if r["kind"] == SURPLUS], [])
            self.assertEqual(visit(broker, "c0", mqtt.MQTTv5), (0, 1))
            rows = [("over", {}),
                    ("mosq-1", {"user": "meter", "password": PASSWORD})]
            for id_, more in rows:
                at = len(gateway.reports)
                self.assertEqual(visit(broker, id_, mqtt.MQTTv5, True,
                                            **more)[0], 0)
                gateway.wait(SURPLUS, at, client_id=id_)
                gateway.wait(REFUSED, at, client_id=id_, refusal="sessions")
                gateway.say("shopme/s1/till-9/receipts", "x" * 1000)
                at = len(gateway.reports)
                gateway.wait(SURPLUS, at, client_id=id_)
            for id_, _ in rows:
                self.assertEqual(self.end(broker, id_), 0)
            at = len(gateway.reports)
            time.sleep(4)
            self.assertEqual([r for r in gateway.reports[at:]
                              if r["kind"] == SURPLUS], [])
            waited = Client(broker, "c5", version=mqtt.MQTTv5, clean=False,
                            expiry=3600).must()
            wait_for("what waited", lambda: len(waited.got) == len(rows))
            waited.close()
            gateway.close()

    def test_over_a_restart(self):
        """Those that the broker has saved are counted, as the gateway says or,
        where it did not, when something is to be queued."""
        for told in (True, False):
            with self.subTest(told=told), store() as broker:
                broker.start()
                for n in range(PLACES):
                    visit(broker, f"c{n}", mqtt.MQTTv311)
                broker.stop()
                broker.log_path.unlink()
                if told:
                    end = int(time.time()) + 3600
                    broker.sessions = [(end, f"c{n}") for n in range(PLACES)]
                broker.start()
                gateway = Gateway(broker).must()
                if not told:
                    gateway.say("shopme/s1/till-9/receipts", "waits")
                    settle()
                self.assertEqual(visit(broker, "new", mqtt.MQTTv311)[0], 5)
                self.assertEqual(visit(broker, "c1", mqtt.MQTTv311),
                                 (0, 1))
                gateway.close()


class WithGateway(unittest.TestCase):
    def test_its_log(self):
        """Of what Mosquitto says of each connection nothing is in the gateway's
        log, whatever its level: there are user names in it, the gateway's own
        too, and as many lines as anybody likes. But why it ended one is."""
        with Store(cloud=False, extra="log_level: debug\n") as one:
            one.gateway.start().wait_up()
            for _ in range(3):
                Device(one, "till-9").close()
            with socket.create_connection(
                    ("127.0.0.1", one.broker_port)) as link:
                link.sendall(b"no MQTT at all")
            stranger = mqtt.Client("x", reconnect_on_failure=False)
            stranger.username_pw_set("stranger", PASSWORD)
            stranger.connect("127.0.0.1", one.broker_port)
            stranger.loop_start()
            wait_for("the refusal", lambda: "guard refused why=unknown"
                     in one.gateway.log())
            stranger.loop_stop()
            for line in one.gateway.log().splitlines():
                self.assertNotIn("gw-", line)
                self.assertNotRegex(
                    line, "mosquitto (New|Bad) |"
                    "mosquitto Client (?!.* disconnected due to )")


    def test_sessions_over_a_restart(self):
        """The gateway finds what sessions its broker has saved, and tells the
        plugin; it ends those that are too many."""
        def come(one, id_, version=mqtt.MQTTv311):
            broker = types.SimpleNamespace(open=one.broker_port, tls=-1,
                                           certs=-1)
            client = Client(broker, id_, version=version, clean=False,
                            expiry=3600)
            code = client.open()
            if code == 0:
                client.close()
            return code, client.kept
        with Store(cloud=False) as one:
            one.gateway.start().wait_up()
            for n in range(PLACES):
                self.assertEqual(come(one, f"c {n}"), (0, 0))
            rules = one.folder / "data/broker/rules"
            for _ in range(2):
                one.gateway.stop()
                one.gateway.start().wait_up()
                self.assertEqual(rules.read_text().count("\nsession "), PLACES)
                self.assertEqual(come(one, "new")[0], 5)
                self.assertEqual(come(one, "c 1"), (0, 1))
            wait_for("it is logged", lambda: "guard refused why=sessions"
                     in one.gateway.log())


class Controls(unittest.TestCase):
    """What Mosquitto 2.0.11 does with two settings that the broker's
    configuration must not have. If one of these fails, Mosquitto has changed."""

    def test_an_id_taken_from_the_name(self):
        """use_username_as_clientid: whoever connects without a user name, and
        is refused for it, has Mosquitto forget the session of the client id
        that he gave, with what waits in it."""
        with store() as broker:
            text = broker.configuration()
            mark = f"listener {broker.accounts} 0.0.0.0\n"
            self.assertIn(mark, text)
            broker.configuration = lambda: text.replace(
                mark, f"{mark}use_username_as_clientid true\n")
            broker.start()
            gateway = Gateway(broker).must()
            till = Client(broker, "till-1", "till-1", PASSWORD,
                          port=broker.accounts, clean=False).must()
            till.ask("shopme/s1/till-1/receipts")
            till.close()
            gateway.say("shopme/s1/till-1/receipts", "is lost")
            thief = Client(broker, "till-1", port=broker.accounts)
            self.assertEqual(thief.open(), 5)
            report = gateway.wait(REFUSED, refusal="anonymous")
            self.assertEqual(report["client_id"], "till-1")
            till = Client(broker, "till-1", "till-1", PASSWORD,
                          port=broker.accounts, clean=False).must()
            self.assertEqual(till.kept, 0)
            till.close()
            gateway.close()

    def test_no_bound_on_messages(self):
        """max_queued_messages 0: who publishes where it may not is cut."""
        with store() as broker:
            text = broker.configuration()
            broker.configuration = lambda: text.replace(
                "max_queued_messages 100000", "max_queued_messages 0")
            broker.start()
            for bound in (True, False):
                till = Client(broker, "till-1", "till-1", PASSWORD).must()
                till.publish("x", "{}", 0)
                self.assertEqual(till.is_cut(20 if bound else 0.5), bound)
                till.close()
                broker.stop()
                if bound:
                    broker.log_path.unlink()
                    broker.configuration = lambda: text
                    broker.start()


class Costs(unittest.TestCase):
    def test_of_a_question(self):
        """What a question of the broker's takes."""
        if not BENCH.exists():
            self.skipTest("no benchmarks in this build")
        said = subprocess.run([BENCH], capture_output=True, text=True,
                              check=True).stdout
        self.assertEqual(said.count("figure:"), 3)
        print(said, end="", file=sys.stderr)

    def test_memory(self):
        """A hundred clients leave a session each if they can, then 24 MiB come
        that all of them asked for. Without the plugin all of it stays."""
        if not BENCH.exists():
            self.skipTest("no figures of this build")
        grown = {}
        for plugin in (True, False):
            kept = 0
            with Broker(plugin=plugin) as broker:
                broker.start()
                gateway = Client(broker, "edge-orders", GATEWAY,
                                 GATEWAY_PASSWORD)
                gateway.unix = broker.socket
                gateway.must()
                before = broker.rss_kib()
                for n in range(100):
                    version = VERSIONS[n % 2]
                    kept += visit(broker, f"c{n}", version)[0] == 0
                for n in range(96):
                    gateway.say("shopme/s1/till-9/receipts",
                                f"{n:04}" + "x" * (256 * 1024))
                grown[plugin] = (broker.rss_kib() - before) / 1024
                gateway.close()
            self.assertEqual(kept, PLACES if plugin else 100)
        print(f"figure: 100 clients without a name that leave a session, and 24 "
              f"MiB for each: the broker grows by {grown[True]:.1f} MiB, by "
              f"{grown[False]:.1f} MiB without the plugin", file=sys.stderr)
        self.assertGreater(grown[False], 20)
        self.assertLess(grown[True], 10)

    def test_throughput(self):
        """Messages a second from four publishers to one reader, with the plugin
        and accounts and without either, in turns."""
        if not BENCH.exists():
            self.skipTest("no figures of this build")
        count, rounds = 40000, 8
        with store() as ours, Broker(plugin=False) as bare:
            for n in range(4):
                ours.add(f"w{n}", PASSWORD)
            ours.start()
            bare.start()
            rates = {True: [], False: []}
            used = {True: 0, False: 0}
            for _ in range(rounds):
                for broker in (bare, ours):
                    before = broker.cpu_s()
                    rates[broker.plugin].append(rate(broker, count))
                    used[broker.plugin] += broker.cpu_s() - before
            ratio = used[False] / used[True]
            fastest = max(rates[True]) / max(rates[False])
            print(f"figure: throughput with accounts {ratio:.2f} of without the "
                  f"plugin, by the broker's processor time "
                  f"({1e6 * used[True] / count / rounds:.1f} us a message); "
                  f"{fastest:.2f} of the fastest of {rounds} turns each "
                  f"({max(rates[True]):.0f} messages/s)", file=sys.stderr)
            # (What else the machine does moves either, each in its own way.)
            self.assertGreaterEqual(max(ratio, fastest), 0.9)


def rate(broker, count):
    """Raw bytes, so that the broker is what is measured."""
    def text(value):
        value = value.encode()
        return struct.pack(">H", len(value)) + value

    def connect(name, user, password):
        link = socket.create_connection(("127.0.0.1", broker.accounts))
        link.settimeout(60)
        body = (text("MQTT") + b"\x04\xc2\0\x3c" + text(name) + text(user)
                + text(password))
        link.sendall(bytes([0x10, len(body)]) + body)
        assert link.recv(4) == b"\x20\x02\0\0"
        return link

    def packet(name):
        payload = text(f"shopme/s1/{name}/orders") + b"x" * 100
        return bytes([0x30, len(payload)]) + payload

    chunk = 500
    reader = connect("edge", GATEWAY, GATEWAY_PASSWORD)
    name = text("shopme/s1/+/orders")
    reader.sendall(bytes([0x82, 3 + len(name)]) + b"\0\x01" + name + b"\0")
    assert reader.recv(5) == b"\x90\x03\0\x01\0"
    names = [f"w{n}" for n in range(4)]
    writers = [connect(name, name, PASSWORD) for name in names]
    sent = [packet(name) * chunk for name in names]
    began = time.perf_counter()
    for _ in range(count // (chunk * len(writers))):
        for link, packets in zip(writers, sent):
            link.sendall(packets)
        left = sum(len(packets) for packets in sent)
        while left:
            left -= len(reader.recv(min(left, 1 << 20)))
    took = time.perf_counter() - began
    for link in [reader, *writers]:
        link.close()
    return count / took


if __name__ == "__main__":
    unittest.main()

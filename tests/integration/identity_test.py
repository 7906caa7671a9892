#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The attack matrix: who comes as another, or does what it may not, gets nothing.
The real gateway and broker, real TLS, each row in MQTT 3.1.1 and 5.

A row attacks while till-1, the victim, works. Then it must be so: the attacker
was refused, by the code that MQTT has for it; the reason stands in the log and in
its counter, and in no other; the event that was refused came back in a receipt;
the victim is still there, heard nothing of it, and its next order is taken; the
journal has nothing of it. Some things are no attack by the rules (a will on one's
own stream is a publish): those are stated, and held to just that.

IDENTITY_PROGRAM names another gateway: over the control, whose door is open, the
rows must fail (identity_control_test.py); IDENTITY_WAIT is how many seconds are
enough to see it; IDENTITY_EVERY=N takes each Nth row."""

import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import warnings

from identity_authority import Authority
from edge import EDGE, wait_for
from identity_store import IdentityStore, other_address
from wire_client import V311, V5, Cut, WireClient

PROGRAM = pathlib.Path(os.environ.get("IDENTITY_PROGRAM", EDGE))
REFUSED = {V311: 5, V5: 0x87}  # in a CONNACK
DENIED = {V311: 0x80, V5: 0x87}  # in a SUBACK
LOG_SECONDS = 1.3  # the log has a line a second for each reason
SERVICES = ("gateway", "order")
HOME = "127.0.0.1"
WAIT = float(os.environ.get("IDENTITY_WAIT", "5"))
EVERY = int(os.environ.get("IDENTITY_EVERY", "1"))
ROWS = []


def row(reason, *arguments, closed=False):
    """A row of the matrix: `reason` is what has to be told; None: it is stated,
    and nobody is refused. More arguments: a row each. `closed`: of a store
    without an anonymous listener."""
    def note(function):
        for words in arguments or ((),):
            words = words if isinstance(words, tuple) else (words,)
            label = "_".join(str(word) for word in words)
            label = "".join(c if c.isalnum() else "_" for c in label)
            ROWS.append((f"{function.__name__}_{label}".strip("_"), reason,
                         function, words, closed))
        return function
    return note


def event(id_, device, type_="OrderPlaced", **data):
    body = {"orderId": id_, "customerId": 1, "items": ["a"], "total": "9.50",
            "paymentDetails": {"paymentMethod": "CASH"}} | data
    return json.dumps({
        "specversion": "1.0", "type": type_, "id": id_, "data": body,
        "source": f"/s1/{device}", "subject": body["orderId"],
        "datacontenttype": "application/json"}).encode()


def receipt(id_):
    return json.dumps({"accepted": [{"id": id_, "seq": 1}],
                       "rejected": []}).encode()


class Scene:
    """The store, the victim at work, and what both have seen so far."""

    def __init__(self, anonymous=True):
        self.store = IdentityStore(program=PROGRAM, cloud=False,
                                   anonymous=anonymous)
        self.serial, self.journal_at, self.log_at = 0, {}, 0
        self.logged, self.attackers = {}, []
        self.victim = None

    def begin(self):
        store, ca = self.store, self.store.authority
        add = store.accounts.add
        for name in ("till-1", "till-2"):
            add(name, certificate=True)
        add("meter")
        add("terminal-1")
        add("robot", certificate=True, password=False)
        add("till-9")
        self.passwords = store.accounts.passwords
        for name in ("till-1", "till-2", "robot", "meter", "laptop", *SERVICES):
            ca.issue(name)
        ca.issue("lost", "till-2")
        ca.issue("old", "till-2", "20200101000000Z", "20210101000000Z")
        ca.issue("early", "till-2", "20990101000000Z", "20991231000000Z")
        self.foreign = Authority(store.folder / "foreign", "store CA")
        self.foreign.issue("till-2")
        store.revoke("lost")
        store.gateway.start().wait_up()
        wait_for("the listeners with TLS are open", self.tls_is_open)
        self.victim = WireClient(store.certs, client_id="till-1",
                                 tls=ca.context("till-1"), keepalive=0)
        self.victim_returns()
        return self

    def victim_returns(self):
        """If an attack has succeeded, to the next row."""
        if self.victim.link is None or not self.victim.is_in():
            self.victim.must()
            self.victim.subscribe("shopme/s1/till-1/receipts",
                                  "shopme/s1/till-1/notices")
            self.victim.messages.clear()

    def tls_is_open(self):
        probe = WireClient(self.store.certs, client_id="till-1",
                           tls=self.store.authority.context("till-1"))
        is_in = probe.open() == 0
        probe.close()
        return is_in

    def end(self):
        for client in [*self.attackers, self.victim]:
            if client is not None:
                client.drop()
        self.store.__exit__(None, None, None)

    # --- Clients ---

    def tls(self, name=None, only=None):
        return self.store.authority.context(name, only)

    def client(self, way, version, name="till-2", password=None, **more):
        """By that way in: open, plain, tls (by account), certs, anonymous."""
        if way == "certs":
            more.setdefault("client_id", name)
            more.setdefault("tls", self.tls(name))
            client = WireClient(self.store.certs, version=version, **more)
        elif way == "anonymous":
            more.setdefault("client_id", "stranger")
            client = WireClient(self.store.open, version=version, **more)
        else:
            more.setdefault("client_id", name)
            if way == "tls":
                more.setdefault("tls", self.tls())
            client = WireClient(
                getattr(self.store, way), version=version, user=name,
                password=password or self.passwords.get(name, "x" * 26),
                **more)
        self.attackers.append(client)
        return client

    def drop_attackers(self):
        for client in self.attackers:
            client.close()
        self.attackers = []

    # --- What must be so after each row ---

    def barrier(self):
        """The victim's next order is taken. What was sent before has been dealt
        with, and what the victim has heard is of its own orders."""
        self.serial += 1
        id_ = f"ok-{self.serial}"
        self.victim.publish("shopme/s1/till-1/orders", event(id_, "till-1"))
        self.victim.wait_message(
            lambda m: m.topic.endswith("/receipts") and
            any(i["id"] == id_ for i in json.loads(m.payload)["accepted"]))
        self.victim.wait_message(
            lambda m: m.topic.endswith("/notices") and
            json.loads(m.payload)["type"] == "OrderFulfiled" and
            json.loads(m.payload)["data"]["orderId"] == id_)
        for message in self.victim.messages:
            assert not message.retain, f"the victim was told {message}"
            told = json.loads(message.payload)
            ids = ([i["id"] for i in told["accepted"] + told["rejected"]]
                   if message.topic.endswith("/receipts") else
                   [told["data"]["orderId"]])
            assert all(i.startswith("ok-") for i in ids), \
                f"the victim was told {message}"
        self.victim.messages.clear()

    def journaled(self):
        """What the journal has since the last time."""
        lines = []
        for stream in ("orders", "telemetry"):
            start = self.journal_at.get(stream, 0)
            end = self.store.gateway.stream(stream)["end"]
            if end > start:
                done = subprocess.run(
                    [EDGE, "journal", "cat", "--config", self.store.config_path,
                     "--stream", stream, "--from", str(start)], check=True,
                    capture_output=True, text=True)
                lines += map(json.loads, done.stdout.splitlines())
                self.journal_at[stream] = end
        return lines

    def take_breath(self, reason):
        """So that the log has room for a line with this reason."""
        since = self.logged.get(reason, 0)
        time.sleep(max(0, since + LOG_SECONDS - time.monotonic()))

    def told(self, reason, before, log=True):
        """The counter, and no other one, and the lines of the log; or nothing
        is asked of the log, which has only one a second."""
        def counted():
            after = self.store.refusals()
            return {name: after[name] - before[name] for name in after
                    if after[name] != before[name]}
        wait_for(f"a refusal is counted as {reason}; counted are {counted()}",
                 lambda: reason in counted(), WAIT)
        lines = log and wait_for(
            f"a line of the log says {reason}; it says "
            f"{self.store.refused(self.log_at)}",
            lambda: [text for why, text in self.store.refused(self.log_at)
                     if why == reason], WAIT)
        self.logged[reason] = time.monotonic()
        assert set(counted()) == {reason}, f"counted are {counted()}"
        return lines or []


class Rows(unittest.TestCase):
    """Where 3.1.1 goes first it has the log's line, and where 5 does."""

    refused = rows = 0
    anonymous = True

    @classmethod
    def setUpClass(cls):
        warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.1, on purpose
        cls.scene = Scene(cls.anonymous)
        cls.addClassCleanup(cls.scene.end)
        cls.scene.begin()
        cls.scene.barrier()
        cls.scene.journaled()

    def attack(self, versions, reason, function, words):
        for version in versions:
            with self.subTest(MQTT={V311: "3.1.1", V5: "5"}[version]):
                try:
                    self.attack_once(version, version == versions[0], reason,
                                     function, words)
                finally:
                    self.scene.drop_attackers()
                    self.scene.victim_returns()

    def attack_once(self, version, log, reason, function, words):
        scene = self.scene
        if reason and log:
            scene.take_breath(reason)
        scene.log_at = scene.store.log_size()
        self.before = scene.store.refusals()
        self.log, self.reason, self.is_told = log, reason, False
        function(self, scene, version, *words)
        if not reason:
            self.assertEqual(scene.store.refusals(), self.before)
        elif not self.is_told:
            self.told()
        scene.barrier()
        for record in scene.journaled():
            if record["type"] != "EventRejected":
                self.assertNotIn("attack", json.dumps(record))
        type(self).refused += 1

    def told(self, *words):
        """The reason was counted, and its line of the log has the words."""
        self.is_told = True
        lines = self.scene.told(self.reason, self.before, self.log)
        for password in self.scene.passwords.values():
            self.assertNotIn(password, "".join(lines))
        for word in words if self.log else ():
            self.assertIn(word, "".join(lines))
        return lines

    def hears_nothing(self, client):
        """The victim has had an order: none of it came here."""
        self.scene.barrier()
        client.ping()
        self.assertEqual([m for m in client.messages
                          if "/till-2/" not in m.topic], [])

    def login_refused(self, client, *said):
        self.assertEqual(client.open(), REFUSED[client.version],
                         client.tls_error)
        return self.told(*said)

    def tls_refused(self, client):
        self.assertIsNone(client.open(), "it was let in")

    def publish_refused(self, client, topic, payload, id_=None, **more):
        """And told: by a receipt, and in MQTT 5 in the PUBACK."""
        code = client.publish(topic, payload, **more)
        if more.get("qos", 1):
            self.assertEqual(code, 0x87 if client.version == V5 else 0)
        self.told(f'topic="{topic}"')
        if id_:
            told = client.wait_message(
                lambda m: m.topic == "shopme/s1/till-2/receipts" and
                any(r["id"] == id_ for r in json.loads(m.payload)["rejected"]))
            self.assertEqual(json.loads(told.payload)["accepted"], [])

    def subscribe_refused(self, client, topic):
        self.assertEqual(client.subscribe(topic), [DENIED[client.version]])
        self.told()
        self.hears_nothing(client)

    def till_2(self, version, way="tls", **more):
        client = self.scene.client(way, version, **more).must()
        self.assertEqual(client.subscribe("shopme/s1/till-2/receipts"), [1])
        return client


class Matrix(Rows):
    """A listener on loopback is anonymous, the others not."""

    refused = rows = 0


class Closed(Rows):
    """No listener is anonymous."""

    refused = rows = 0
    anonymous = False


def tearDownModule():
    refused, rows = (sum(getattr(kind, what) for kind in (Matrix, Closed))
                     for what in ("refused", "rows"))
    print(f"\nfigure: {refused} of {2 * rows} attacks refused or stated ({rows} "
          "rows, MQTT 3.1.1 and 5)", flush=True)


class Tools(unittest.TestCase):
    def test_the_client_can_speak_tls_1_1(self):
        """So it is the broker that does not want it."""
        with tempfile.TemporaryDirectory() as folder:
            ca = Authority(folder).issue("server", server=True)
            server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.set_ciphers("ALL:@SECLEVEL=0")
            server.minimum_version = ssl.TLSVersion.TLSv1_1
            server.load_cert_chain(ca.folder / "server.pem",
                                   ca.folder / "server.key")
            client = ca.context(only=ssl.TLSVersion.TLSv1_1)
            with socket.create_server((HOME, 0)) as listener:
                link = socket.create_connection(listener.getsockname())
                accepted = listener.accept()[0]
                answer = threading.Thread(
                    target=lambda: server.wrap_socket(accepted, True).close())
                answer.start()
                with client.wrap_socket(link) as wrapped:
                    self.assertEqual(wrapped.version(), "TLSv1.1")
                answer.join()


# --- Who is let in ---

@row("anonymous", "plain", "tls")
def anonymous_off_loopback(test, scene, version, way):
    address = other_address()
    test.assertTrue(address, "this machine has no other address than loopback")
    test.assertIn(scene.client("anonymous", version, host=address).open(),
                  [None])  # that listener is not there from outside
    client = WireClient(getattr(scene.store, way), host=address,
                        version=version, client_id="stranger",
                        tls=scene.tls() if way == "tls" else None)
    code = client.open()
    test.assertNotIn(code, [None, 0])
    test.told(f"address={address}")


@row(None, "plain", "tls", "certs")
def a_device_off_loopback(test, scene, version, way):
    """Stated: that is what it is for."""
    client = test.till_2(version, way, host=other_address())
    client.publish("shopme/s1/till-2/orders",
                   event(f"stated-{way}-{version}", "till-2"))
    client.wait_message(lambda m: b"stated-" in m.payload)


@row("anonymous", *((way, id_) for way in ("plain", "tls")
                    for id_ in ("stranger", "till-1")), closed=True)
def anonymous_on_loopback(test, scene, version, way, id_):
    """If no listener is anonymous. Nor is the session of that id touched."""
    client = WireClient(getattr(scene.store, way), version=version,
                        client_id=id_,
                        tls=scene.tls() if way == "tls" else None)
    test.login_refused(client)
    test.assertTrue(scene.victim.is_in())


@row(None, "plain", "tls")
def anonymous_on_loopback_beside_an_anonymous_listener(test, scene, version,
                                                       way):
    """Stated: the plugin cannot tell by which listener, so it has the rights
    that it would have on that one."""
    client = WireClient(getattr(scene.store, way), version=version,
                        client_id="stranger",
                        tls=scene.tls() if way == "tls" else None).must()
    test.assertEqual(client.subscribe("shopme/s1/till-2/orders"),
                     [DENIED[version]])
    client.close()
    wait_for("it is counted", lambda: scene.store.refusals() != test.before)
    test.before = scene.store.refusals()


@row("password", "open", "plain", "tls")
def wrong_password(test, scene, version, way):
    test.login_refused(
        scene.client(way, version, password="attack" * 5), 'name="till-2"')


@row("password", "open", "plain", "tls")
def no_password(test, scene, version, way):
    client = scene.client(way, version)
    client.password = None
    test.login_refused(client)


@row("password")
def the_password_of_another(test, scene, version):
    test.login_refused(scene.client(
        "tls", version, "till-1", password=scene.passwords["till-2"]))


@row("no-password", "open", "plain", "tls")
def a_password_for_who_comes_by_certificate(test, scene, version, way):
    test.login_refused(scene.client(way, version, "robot",
                                    password="attack" * 5))


@row("unknown", "open", "plain", "tls")
def user_name_of_no_device(test, scene, version, way):
    test.login_refused(scene.client(way, version, "nobody"), 'name="nobody"')


@row("unknown", *((way, name) for way in ("open", "tls") for name in SERVICES))
def user_name_of_a_service(test, scene, version, way, name):
    test.login_refused(scene.client(way, version, name))


@row("unknown", "laptop", *SERVICES)
def certificate_of_no_device(test, scene, version, name):
    test.login_refused(scene.client("certs", version, name), f'name="{name}"')


@row("unknown")
def user_name_of_a_device_beside_the_certificate_of_none(test, scene, version):
    test.login_refused(scene.client("certs", version, "laptop", user="till-2",
                                    password=scene.passwords["till-2"]))


@row("other-device")
def user_name_of_another_beside_ones_own_certificate(test, scene, version):
    """It is who the certificate says, whatever name it gives besides."""
    client = test.till_2(version, "certs", user="till-1",
                         password=scene.passwords["till-1"])
    test.assertEqual(client.subscribe("shopme/s1/till-1/receipts"),
                     [DENIED[version]])
    test.told('device="till-2"')
    test.hears_nothing(client)


@row("no-certificate")
def certificate_of_a_password_account(test, scene, version):
    test.login_refused(scene.client("certs", version, "meter"))


@row("revoked")
def certificate_revoked(test, scene, version):
    test.login_refused(scene.client("certs", version, tls=scene.tls("lost")))


@row("certificate", "old", "early")
def certificate_out_of_its_time(test, scene, version, name):
    test.tls_refused(scene.client("certs", version, tls=scene.tls(name)))


@row("certificate")
def certificate_of_another_authority(test, scene, version):
    test.tls_refused(scene.client(
        "certs", version, tls=scene.foreign.context(
            "till-2", trusted=scene.store.authority)))


@row("certificate")
def certificate_of_none(test, scene, version):
    test.tls_refused(scene.client("certs", version, tls=scene.tls()))


@row("client-id")
def certificate_of_another_name(test, scene, version):
    test.login_refused(scene.client("certs", version, client_id="till-1"))
    test.assertTrue(scene.victim.is_in())


@row("protocol", "tls", "certs")
def tls_1_1(test, scene, version, way):
    tls = scene.tls("till-2" if way == "certs" else None,
                    ssl.TLSVersion.TLSv1_1)
    test.tls_refused(scene.client(way, version, tls=tls))


@row("protocol", "tls", "certs")
def no_tls_where_it_is_needed(test, scene, version, way):
    test.tls_refused(scene.client(way, version, tls=None))


# --- Whose session it is ---

@row("client-id", "open", "plain", "tls")
def session_of_another_anonymous(test, scene, version, way):
    client = WireClient(getattr(scene.store, way), version=version,
                        client_id="till-1",
                        tls=scene.tls() if way == "tls" else None)
    test.login_refused(client)
    test.assertTrue(scene.victim.is_in())


@row("client-id", "open", "plain", "tls")
def session_of_another_by_account(test, scene, version, way):
    test.login_refused(scene.client(way, version, client_id="till-1"))
    test.assertTrue(scene.victim.is_in())


@row("client-id", "plain", "tls")
def session_of_another_that_is_offline(test, scene, version, way):
    """The order's notice that waits there is still for who it is for."""
    def meter(**more):
        return scene.client(way, version, "meter", clean=False, expiry=600,
                            **more)
    first = meter().must()
    first.subscribe("shopme/s1/meter/receipts")
    first.publish("shopme/s1/meter/orders", event(f"stated-m{version}{way}",
                                                  "meter"))
    first.drop()
    test.login_refused(scene.client(way, version, client_id="meter"))
    again = meter().must()
    test.assertTrue(again.present)
    again.wait_message(lambda m: b"stated-m" in m.payload)


def gateway_ids(scene):
    text = (scene.store.folder / "data/broker/rules").read_text()
    ids = [line.split()[1] for line in text.splitlines()
           if line.startswith("gateway-id ")]
    assert len(ids) >= 2, text
    return ids


@row("client-id", "anonymous", "open")
def session_of_the_gateway(test, scene, version, way):
    for id_ in gateway_ids(scene):
        code = scene.client(way, version, client_id=id_).open()
        test.assertEqual(code, REFUSED[version], id_)
    test.assertEqual(scene.store.gateway.log().count("taken over"), 0)


@row("client-id")
def session_of_the_gateway_by_certificate(test, scene, version):
    test.login_refused(scene.client("certs", version,
                                    client_id=gateway_ids(scene)[0]))


@row("password", "open", "plain", "tls")
def name_of_the_gateway(test, scene, version, way):
    name = (scene.store.folder / "data/identity/gateway-name").read_text()
    lines = test.login_refused(scene.client(way, version, name.strip()))
    test.assertNotIn(name.strip(), "".join(lines))


# --- Publishing ---

FOREIGN = ("shopme/s1/till-1/orders", "shopme/s1/gateway/orders",
           "shopme/s1/order/orders")


@row("other-device", ("certs", FOREIGN[0]),
     *(("tls", topic) for topic in FOREIGN))
def publish_as_another(test, scene, version, way, topic):
    client = test.till_2(version, way)
    test.publish_refused(client, topic, event("attack-1", "till-1"), "attack-1")


@row("other-device")
def publish_as_another_at_qos_0(test, scene, version):
    client = test.till_2(version)
    test.publish_refused(client, FOREIGN[0], event("attack-1", "till-1"),
                         "attack-1", qos=0)


@row("other-device", "receipts", "notices")
def publish_to_another(test, scene, version, leaf):
    """A forged receipt: the till would drop its event."""
    test.publish_refused(test.till_2(version), f"shopme/s1/till-1/{leaf}",
                         receipt("attack-1"))


@row("no-stream", "receipts", "notices")
def publish_to_oneself(test, scene, version, leaf):
    client = test.till_2(version)
    test.publish_refused(client, f"shopme/s1/till-2/{leaf}",
                         receipt("attack-1"))
    test.assertEqual(client.messages, [])


@row("other-device")
def retained_receipt_for_who_comes_later(test, scene, version):
    test.publish_refused(test.till_2(version), "shopme/s1/till-9/receipts",
                         receipt("attack-1"), retain=True)
    fresh = scene.client("tls", version, "till-9").must()
    fresh.subscribe("shopme/s1/till-9/receipts")
    fresh.ping()
    test.assertEqual(fresh.messages, [])


@row("other-store")
def publish_to_another_store(test, scene, version):
    test.publish_refused(test.till_2(version), "shopme/s2/till-2/orders",
                         event("attack-1", "till-2"), "attack-1")


@row("no-stream", "shopme/s1/till-2/order", "shopme/s1/events/x", "shopme/s1",
     "shopme", "shopme/s1/till-2/orders/x")
def publish_where_nothing_is(test, scene, version, topic):
    test.publish_refused(test.till_2(version), topic,
                         event("attack-1", "till-2"))


@row("system", "$CONTROL/shopme/v1", "$shopme/report",
     "$CONTROL/dynamic-security/v1")
def publish_to_the_broker(test, scene, version, topic):
    test.publish_refused(test.till_2(version), topic, b"\1\x82")


@row("outside", "kitchen/oven", "/shopme/s1/till-1/orders")
def publish_elsewhere(test, scene, version, topic):
    test.publish_refused(test.till_2(version), topic, b"attack")


@row("retained")
def retained_on_its_stream(test, scene, version):
    test.publish_refused(test.till_2(version), "shopme/s1/till-2/orders",
                         event("attack-1", "till-2"), "attack-1", retain=True)


@row("other-device", False, True)
def will_on_the_stream_of_another(test, scene, version, retain):
    will = ("shopme/s1/till-1/orders", event("attack-1", "till-1"), retain)
    test.till_2(version, will=will).drop()


@row("other-device")
def will_as_a_receipt_of_another(test, scene, version):
    will = ("shopme/s1/till-1/receipts", receipt("attack-1"), True)
    test.till_2(version, "certs", will=will).drop()


@row("retained")
def will_retained_on_its_stream(test, scene, version):
    will = ("shopme/s1/till-2/orders", event("attack-1", "till-2"), True)
    test.till_2(version, will=will).drop()


@row("system")
def will_to_the_broker(test, scene, version):
    will = ("$CONTROL/shopme/v1", b"\1\x82", False)
    test.till_2(version, will=will).drop()


@row(None)
def will_on_its_own_stream(test, scene, version):
    """Stated: it is a publish."""
    id_ = f"stated-{version}"
    will = ("shopme/s1/till-2/orders", event(id_, "till-2"), False)
    test.till_2(version, will=will).drop()
    wait_for("the will is in the journal", lambda: id_ in [
        record["id"] for record in scene.journaled()])


# --- Reading ---

WIDE = ("#", "+", "+/+/+/+", "+/#", "shopme/#")
OTHERS = ("shopme/s1/+/receipts", "shopme/s1/#", "shopme/s1/till-1/receipts",
          "shopme/s1/till-1/notices", "shopme/s1/till-1/#",
          "shopme/s1/till-1/orders", "shopme/s1/+/orders")


@row("other-device", *WIDE[:4], *OTHERS)
def subscribe(test, scene, version, topic):
    test.subscribe_refused(test.till_2(version), topic)


@row("no-stream", "shopme/s1/till-2/#", "shopme/s1/till-2/orders")
def subscribe_to_its_own(test, scene, version, topic):
    test.subscribe_refused(test.till_2(version), topic)


@row("other-store", "shopme/+/till-2/receipts", "shopme/s2/till-2/receipts",
     "shopme/#")
def subscribe_to_another_store(test, scene, version, topic):
    test.subscribe_refused(test.till_2(version), topic)


@row("channel", "shopme/s1/events/#", "shopme/s1/events/orders")
def subscribe_to_the_channel(test, scene, version, topic):
    test.subscribe_refused(test.till_2(version), topic)


@row("shared", "$share/g/shopme/s1/till-1/receipts", "$share/g/#",
     "$share/g/shopme/s1/till-2/receipts", "$share/shopme-edge/shopme/s1/#")
def subscribe_shared(test, scene, version, topic):
    test.subscribe_refused(test.till_2(version), topic)


@row("system", "$SYS/#", "$shopme/#", "$shopme/report", "$CONTROL/#")
def subscribe_to_the_broker(test, scene, version, topic):
    test.subscribe_refused(test.till_2(version), topic)


@row("outside", "kitchen/#")
def subscribe_elsewhere(test, scene, version, topic):
    test.subscribe_refused(test.till_2(version), topic)


# --- Without a name, from this machine ---

@row("other-device", "#", "+/#")
def anonymous_subscribe(test, scene, version, topic):
    test.subscribe_refused(scene.client("anonymous", version).must(), topic)


@row("system", "$SYS/#", "$shopme/#")
def anonymous_subscribe_to_the_broker(test, scene, version, topic):
    test.subscribe_refused(scene.client("anonymous", version).must(), topic)


@row("channel")
def anonymous_subscribe_to_the_channel(test, scene, version):
    test.subscribe_refused(scene.client("anonymous", version).must(),
                           "shopme/s1/events/#")


@row("shared")
def anonymous_subscribe_shared(test, scene, version):
    test.subscribe_refused(scene.client("anonymous", version).must(),
                           "$share/g/shopme/s1/till-1/receipts")


@row("no-stream", ("till-1", False), ("till-1", True), ("till-7", True))
def anonymous_forged_receipt(test, scene, version, device, retain):
    """Also for who is not registered."""
    client = scene.client("anonymous", version).must()
    test.publish_refused(client, f"shopme/s1/{device}/receipts",
                         receipt("attack-1"), retain=retain)


@row("retained")
def anonymous_retained_on_a_stream(test, scene, version):
    test.publish_refused(scene.client("anonymous", version).must(),
                         "shopme/s1/till-7/orders", event("attack-1", "till-7"),
                         retain=True)


@row("other-device")
def anonymous_publish_as_a_device(test, scene, version):
    test.publish_refused(scene.client("anonymous", version).must(),
                         "shopme/s1/till-1/orders", event("attack-1", "till-1"))


@row("other-device", "receipts", "notices")
def anonymous_listen_to_a_device(test, scene, version, leaf):
    test.subscribe_refused(scene.client("anonymous", version).must(),
                           f"shopme/s1/till-1/{leaf}")


@row("other-device")
def anonymous_publish_as_a_registered_device(test, scene, version):
    test.publish_refused(scene.client("anonymous", version).must(),
                         "shopme/s1/till-1/orders",
                         event("attack-1", "till-1"))


@row("other-device", "receipts", "notices")
def anonymous_reads_a_registered_device(test, scene, version, leaf):
    test.subscribe_refused(scene.client("anonymous", version).must(),
                           f"shopme/s1/till-1/{leaf}")


@row(None)
def anonymous_reads_those_that_are_not_registered(test, scene, version):
    """Stated: by wildcard, and then nothing of the registered ones comes."""
    client = scene.client("anonymous", version).must()
    test.assertEqual(client.subscribe("shopme/s1/+/receipts",
                                      "shopme/s1/+/notices"), [1, 1])
    test.hears_nothing(client)


@row("other-device")
def anonymous_answers_the_payment_of_another(test, scene, version):
    order = f"ok-anon-{version}"
    terminal = ask_terminal(test, scene, version, order)
    scene.journaled()
    test.publish_refused(scene.client("anonymous", version).must(),
                         "shopme/s1/terminal-1/orders",
                         answer(order, "terminal-1", "attack-pay"))
    still_open(test, scene, terminal, order)


@row(None)
def anonymous_speaks_as_who_is_not_registered(test, scene, version):
    """Stated: whoever is on this machine may, if a listener is anonymous."""
    client = scene.client("anonymous", version).must()
    client.subscribe("shopme/s1/till-7/receipts")
    client.publish("shopme/s1/till-7/orders",
                   event(f"stated-a{version}", "till-7"))
    client.wait_message(lambda m: b"stated-a" in m.payload)


@row("other-device", *SERVICES)
def anonymous_publish_as_a_service(test, scene, version, name):
    test.publish_refused(scene.client("anonymous", version).must(),
                         f"shopme/s1/{name}/orders", event("attack-1", name))


@row("other-store")
def anonymous_publish_to_another_store(test, scene, version):
    test.publish_refused(scene.client("anonymous", version).must(),
                         "shopme/s2/till-1/orders", event("attack-1", "till-1"))


# --- Another's money ---

def ask_terminal(test, scene, version, order):
    """An order of the victim's that waits for terminal-1."""
    terminal = scene.client("tls", version, "terminal-1").must()
    terminal.subscribe("shopme/s1/terminal-1/notices",
                       "shopme/s1/terminal-1/receipts")
    scene.victim.publish("shopme/s1/till-1/orders", event(
        order, "till-1", paymentDetails={"paymentMethod": "CARD",
                                  "terminal": "terminal-1"}))
    terminal.wait_message(lambda m: b"PaymentRequested" in m.payload and
                          order.encode() in m.payload)
    return terminal


def answer(order, device, id_):
    return json.dumps({
        "specversion": "1.0", "type": "PaymentAuthorized", "id": id_,
        "source": f"/s1/{device}", "datacontenttype": "application/json",
        "data": {"orderId": order, "paymentTransactionId": f"t-{device}-{order}",
                 "amount": "9.50"}}).encode()


def still_open(test, scene, terminal, order):
    """Nobody but the terminal has answered it: now it does."""
    terminal.publish("shopme/s1/terminal-1/orders",
                     answer(order, "terminal-1", f"right-{order}"))
    scene.victim.wait_message(lambda m: b"OrderFulfiled" in m.payload and
                              order.encode() in m.payload)
    paid = [record for record in scene.journaled()
            if record["type"] == "PaymentProcessed" and
            record["data"]["orderId"] == order]
    test.assertEqual(len(paid), 1)


@row("other-device")
def answer_the_payment_of_another(test, scene, version):
    order = f"ok-pay-{version}"
    terminal = ask_terminal(test, scene, version, order)
    scene.journaled()
    client = test.till_2(version)
    test.publish_refused(client, "shopme/s1/terminal-1/orders",
                         answer(order, "terminal-1", "attack-pay"),
                         "attack-pay")
    still_open(test, scene, terminal, order)


@row(None)
def answer_a_payment_as_oneself(test, scene, version):
    """Stated: it is an event of its own, and pays nothing."""
    order = f"ok-self-{version}"
    terminal = ask_terminal(test, scene, version, order)
    scene.journaled()
    client = test.till_2(version)
    client.publish("shopme/s1/till-2/orders",
                   answer(order, "till-2", f"stated-pay-{version}"))
    client.wait_message(lambda m: f"stated-pay-{version}".encode() in m.payload)
    test.assertFalse([r for r in scene.journaled()
                      if r["type"] == "PaymentProcessed" and
                      r["data"]["orderId"] == order])
    still_open(test, scene, terminal, order)


# --- Filling it up ---

def broker_kib(scene):
    children = pathlib.Path(
        f"/proc/{scene.store.gateway.process.pid}/task/"
        f"{scene.store.gateway.process.pid}/children").read_text().split()
    for pid in children:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        if "mosquitto" in status:
            return int(status.split("VmRSS:")[1].split()[0])
    raise AssertionError("no broker")


@row(None, "open", "tls")
def a_hundred_connections_of_one_device(test, scene, version, way):
    """Stated: the listener's bound is theirs; nothing of them stays."""
    before = broker_kib(scene)
    for i in range(100):
        client = scene.client(way, version, client_id=f"many-{i}").must()
        client.subscribe("shopme/s1/till-2/notices")
    scene.drop_attackers()
    for _ in range(20):
        scene.barrier()
    test.assertLess(broker_kib(scene) - before, 8 * 1024)


@row("client-id", "open", "plain", "tls")
def a_hundred_sessions_of_one_device(test, scene, version, way):
    for i in range(100):
        client = scene.client(way, version, client_id=f"attack-{i}",
                              clean=False, expiry=3600)
        test.assertEqual(client.open(), REFUSED[version])
    wait_for("all are counted", lambda: scene.store.refusals()["client-id"] ==
             test.before["client-id"] + 100)


@row("sessions", False, True)
def a_hundred_sessions_of_nobody(test, scene, version, clean):
    """Without a user name, on loopback, where that is let in: as many are kept
    as are stated, and what waits for those is bounded. With MQTT 5 a session
    may stay behind a clean start: the gateway ends those that are too many."""
    clean = clean and version == V5  # 3.1.1 has no such thing
    before = broker_kib(scene)

    def visit(i, clean, expiry=0):
        client = scene.client("anonymous", version, client_id=f"attack-{i}",
                              clean=clean, expiry=expiry)
        if client.open() == 0:
            client.subscribe("shopme/s1/+/receipts", "shopme/s1/+/notices")
        client.close()
        return client

    codes = [visit(i, clean, 3600).code for i in range(100)]
    kept = 100 if clean else 16
    # (Those of MQTT 5 that wait for their end may not be more than 64.)
    test.assertGreaterEqual(codes.count(0), 16 if clean else kept)
    if not clean:
        test.assertEqual(codes, [0] * 16 + [REFUSED[version]] * 84)
    wait_for("the others are counted", lambda: scene.store.refusals()[
        "sessions"] == test.before["sessions"] + 84)
    test.told()
    for _ in range(20):
        scene.barrier()
    test.assertLess(broker_kib(scene) - before, 8 * 1024)
    if clean:
        log = scene.store.gateway.log
        wait_for("those are ended", lambda: len(set(re.findall(
            r"ends_session client=(attack-\d+) reason=\"there are too many",
            log()))) >= codes.count(0) - 16)
    own = visit(7, False, 3600)
    test.assertEqual(own.code, 0)
    test.assertTrue(own.present)
    for i in range(16):  # their places are free again
        test.assertEqual(visit(i, True).code, 0)


# --- Each in both versions, a reason after the other ---

def add_tests():
    by_reason = {}
    for one in ROWS:
        by_reason.setdefault(one[1], []).append(one)
    number = 0
    while any(by_reason.values()):
        for rows in by_reason.values():
            if not rows:
                continue
            name, reason, function, words, closed = rows.pop(0)
            kind = Closed if closed else Matrix
            versions = (V311, V5) if number % 2 else (V5, V311)

            def test(self, versions=versions, reason=reason,
                     function=function, words=words):
                self.attack(versions, reason, function, words)
            test.__name__ = f"test_{number:03}_{name}"
            if number % EVERY == 0:
                setattr(kind, test.__name__, test)
                kind.rows += 1
            number += 1


add_tests()

if __name__ == "__main__":
    unittest.main()

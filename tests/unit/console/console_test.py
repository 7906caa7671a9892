#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the console serves what it is given, on both its doors, and refuses
whatever is not meant for it. Runs console_host with made-up figures."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest

from host import HOST, WAIT, Host, UnixConnection, ask, raw

FORECAST = {"bytes_in_per_s": 4000, "bytes_out_per_s": 0, "full_in_s": 147600,
            "drained_in_s": None, "flash_bytes_per_day": 1288490188}
IDLE_S = 9  # the console closes what says nothing for 10 seconds


class ConsoleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp()
        cls.host = Host(cls.directory)
        assert cls.host.port, cls.host.first

    @classmethod
    def tearDownClass(cls):
        status = cls.host.stop()
        shutil.rmtree(cls.directory)
        # The sanitizers' findings and open handles come out here.
        assert status == 0, cls.host.errors

    def doors(self):
        doors = (("tcp", self.host.connection()), ("unix", self.host.unix()))
        for _, connection in doors:
            self.addCleanup(connection.close)
        return doors

    def connection(self):
        connection = self.host.connection()
        self.addCleanup(connection.close)
        return connection

    def refused(self, answer, body, code):
        self.assertEqual(answer.status, code, body)
        self.assertEqual(answer.getheader("content-type"), "application/json")
        error = json.loads(body)["error"]
        self.assertGreater(len(error), 10)
        return error

    def test_payments(self):
        """What is owed, as many as fit; a person's word for one is taken on the
        control socket alone, and refused by name."""
        path = "/api/v1/payments"
        for door, connection in self.doors():
            with self.subTest(door):
                answer, body = ask(connection, "GET", path)
                self.assertEqual(answer.status, 200)
                shown = json.loads(body)
                self.assertTrue(shown["more"])
                self.assertGreater(len(shown["refunds"]), 200)
                first, second = shown["refunds"][:2]
                self.assertIsNone(first["amount"])
                self.assertTrue(first["unmatched"])
                self.assertEqual(second, {
                    "refundId": "r-5eed0123-7-1", "orderId": "<o>\"1\"",
                    "amount": "12.50", "currency": "EUR",
                    "paymentTransactionId": "tx", "device": "card-1",
                    "failed": True, "unmatched": False,
                    "since": "2026-11-18T11:06:40.000000Z", "seq": 1})
                for sent, code, words in (
                        ({"refundId": "r-1", "how": "cash"}, 202, "taken"),
                        ({"refundId": "r-2", "how": "void",
                          "reason": "w\u00e9"}, 404, "payment list"),
                        ({"refundId": "r-1", "how": "void",
                          "reason": "full"}, 503, "nothing can be journaled"),
                        ({"refundId": "r-1", "how": "gift"}, 400, "expected"),
                        ({"how": "cash"}, 400, "expected"),
                        ({"refundId": 1, "how": "cash"}, 400, "expected"),
                        ({"refundId": "r-1", "how": "cash", "x": ""}, 400,
                         "expected"),
                        ({"refundId": "r-1", "how": "cash",
                          "reason": "x" * 161}, 400, "expected"),
                        ([], 400, "expected")):
                    if door == "tcp":
                        break
                    posted = self.host.unix()
                    self.addCleanup(posted.close)
                    answer, body = ask(
                        posted, "POST", path, json.dumps(sent),
                        {"Content-Type": "application/json"})
                    self.assertEqual(answer.status, code, (sent, body))
                    self.assertIn(words, body if isinstance(body, str)
                                  else body.decode())

    def test_status(self):
        """Every figure the source gives stands in the status, as JSON."""
        for door, connection in self.doors():
            with self.subTest(door):
                answer, body = ask(connection, "GET", "/api/v1/status")
                self.assertEqual(answer.status, 200)
                status = json.loads(body)
                self.assertEqual(status["store"], "store-7")
                self.assertEqual(status["version"], "9.8.7")
                self.assertGreaterEqual(status["uptime_s"], 3600)
                self.assertEqual(status["verdict"]["level"], "ok")
                self.assertEqual(status["clock_offset_ms"], -1500)
                self.assertEqual(status["broker"],
                                 {"up": True, "port": 1883, "restarts": 2,
                                  "reason": "another gateway", "set_aside":
                                  "/data/broker/mosquitto.db.bad-1",
                                  "takeovers": 3, "dropped": 40,
                                  "dropped_a_minute": 5, "foreign": 6})
                self.assertEqual(
                    status["orders"],
                    {"placed": 60, "open": 15, "fulfiled": 15,
                     "cancelled": 15, "rejected": 15, "unfitting": 0,
                     "payments_open": 4, "answers_ignored": 2})
                self.assertEqual(
                    status["refunds"],
                    {"open": 3, "failed": 1, "unmatched": 2,
                     "amount_unknown": 1, "not_kept": 5, "strays": 6,
                     "oldest_s": 90, "sums": [
                         {"amount": "12.50", "currency": "EUR", "count": 1},
                         {"amount": "7", "currency": "JPY", "count": 1}]})
                self.assertEqual(
                    status["dead"],
                    {"letters": 0, "retried": 0, "oldest": None, "ageing": 0,
                     "sent": 0, "dropped": 0, "lost": 0, "full": "",
                     "orders_done": 0})
                self.assertEqual(len(status["streams"]), 2)
                self.assertEqual(status["streams"][0], {
                    "name": "orders", "start": 200, "end": 1234,
                    "cursor": 1000, "dropped": 21, "lost": 4,
                    "damaged": 4, "damage": [[7, 9], [40, 40]],
                    "full": "the disk has no room",
                    "backlog": 234, "link": status["streams"][0]["link"],
                    "since": "2026-11-18T11:06:40.000000Z",
                    "oldest_age_s": 90, "received": 1300, "accepted": 1234,
                    "rejected": 16, "duplicates": 50, "sent": 1000,
                    "repeated": 7, "requests": 120, "failures": 9,
                    "refused": 0, "confirmed": None,
                    "last_error": "no route to \"events\" <host>",
                    "dead_lettered": 0, "refusals": "none",
                    "refusals_waiting": 0,
                    "segments": 3, "bytes": 25165824, "commits": 77,
                    "commit_us_last": 131, "commit_us_max": 20500,
                    "payload_bytes": 1000, "written_bytes": 15000,
                    "forecast": FORECAST})
                kept = status["streams"][1]
                self.assertEqual((kept["link"], kept["backlog"]), ("none", 0))
                self.assertIsNone(kept["since"])

    def test_orders(self):
        """At most fifty orders, newest first, each with its steps."""
        _, body = self.host.ask("GET", "/api/v1/orders")
        orders = json.loads(body)["orders"]
        self.assertEqual(len(orders), 50)
        self.assertEqual(orders[0]["order_id"], "order-60")
        self.assertEqual([o["state"] for o in orders[:4]],
                         ["open", "fulfiled", "cancelled", "rejected"])
        self.assertEqual(orders[2]["reason"], "out of \"milk\"\n")
        self.assertEqual(orders[0]["total_minor"], 1099)
        self.assertEqual(orders[0]["currency"], "EUR")
        self.assertEqual(orders[0]["placed"], "2026-11-18T11:06:40.000000Z")
        self.assertIs(orders[0]["reserved"], True)
        self.assertIs(orders[1]["paid"], False)

    def test_metrics(self):
        """Prometheus text: HELP and TYPE before each metric, once; counters
        end in _total; no line that is neither."""
        answer, body = self.host.ask("GET", "/metrics")
        self.assertIn("version=0.0.4", answer.getheader("content-type"))
        types, helps, values = {}, set(), {}
        for line in body.decode().splitlines():
            if match := re.fullmatch(r"# HELP ([a-z_]+) (\S.*)", line):
                self.assertNotIn(match[1], helps)
                helps.add(match[1])
            elif match := re.fullmatch(r"# TYPE ([a-z_]+) (counter|gauge)",
                                       line):
                self.assertNotIn(match[1], types)
                types[match[1]] = match[2]
            else:
                match = re.fullmatch(
                    r'([a-z_]+)(\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})? '
                    r"(-?[0-9.]+)", line)
                self.assertIsNotNone(match, line)
                self.assertIn(match[1], types)
                self.assertIn(match[1], helps)
                values[match[1] + (match[2] or "")] = float(match[3])
        for name, kind in types.items():
            self.assertEqual(name.endswith("_total"), kind == "counter", name)
            self.assertTrue(name.startswith("shopme_edge_"), name)
        orders = '{stream="orders"}'
        for name, value in (
                ("backlog_events" + orders, 234),
                ("backlog_oldest_seconds" + orders, 90.5),
                ("events_received_total" + orders, 1300),
                ("journal_commit_last_seconds" + orders, 0.000131),
                ("journal_commit_max_seconds" + orders, 0.0205),
                ("cloud_repeated_total" + orders, 7),
                ('backlog_events{stream="telemetry"}', 0),
                ("orders_fulfiled_total", 15),
                ("clock_offset_seconds", -1.5),
                ("verdict", 0),
                ('info{store="store-7",version="9.8.7"}', 1)):
            self.assertEqual(values["shopme_edge_" + name], value, name)
        states = [v for k, v in values.items() if "cloud_link{" in k]
        self.assertEqual(sorted(states), [0, 0, 0, 0, 0, 0, 1])

    def turn_health(self, connection, how, wanted, words):
        """A signal takes its time."""
        self.host.process.send_signal(how)
        for _ in range(100):
            answer, body = ask(connection, "GET", "/healthz")
            if (answer.status, body.split(b"\n")[0]) == (wanted, words):
                return body.decode()
            time.sleep(0.02)
        self.fail(f"no {wanted} {words}: {answer.status} {body}")

    def verdict(self, connection):
        status = json.loads(ask(connection, "GET", "/api/v1/status")[1])
        metrics = ask(connection, "GET", "/metrics")[1].decode()
        level = re.search(r"^shopme_edge_verdict (\d)$", metrics, re.M)[1]
        conditions = re.findall(
            r'^shopme_edge_condition\{code="(.*)",stream="(.*)"\} 1$', metrics,
            re.M)
        return status["verdict"], int(level), conditions

    def test_health(self):
        """healthz, status and metrics say the same verdict; healthz is 503
        only where a restart helps, and names the reasons."""
        connection = self.connection()
        answer, body = ask(connection, "GET", "/healthz")
        self.assertEqual((answer.status, body), (200, b"ok\n"))
        verdict, level, conditions = self.verdict(connection)
        self.assertEqual(verdict, {"level": "ok", "reasons": [],
                                   "since": "2026-11-18T11:08:10Z"})
        self.assertEqual((level, conditions), (0, []))

        body = self.turn_health(connection, signal.SIGHUP, 200,
                                b"failing: stream-full(orders) "
                                b"cloud-offline(orders)")
        self.assertIn('stream-full(orders): no new events are accepted: no '
                      '"room"; free disk space', body)
        verdict, level, conditions = self.verdict(connection)
        self.assertEqual(
            (verdict["level"], level, conditions),
            ("failing", 2, [("stream-full", "orders"),
                            ("cloud-offline", "orders")]))
        self.assertEqual([(r["code"], r["level"], r["stream"],
                           r["restart_helps"]) for r in verdict["reasons"]],
                         [("stream-full", "failing", "orders", False),
                          ("cloud-offline", "degraded", "orders", False)])
        for reason in verdict["reasons"]:
            self.assertTrue(reason["text"] and reason["action"])
            self.assertEqual(reason["since"], "2026-11-18T11:08:10Z")

        body = self.turn_health(
            connection, signal.SIGUSR1, 503, b"failing: broker-down "
            b"stream-full(orders) cloud-offline(orders)")
        self.assertIn("broker-down: no events can arrive: there is no session",
                      body)
        reason = self.verdict(connection)[0]["reasons"][0]
        self.assertNotIn("stream", reason)
        self.assertIs(reason["restart_helps"], True)
        self.turn_health(connection, signal.SIGHUP, 503,
                         b"failing: broker-down")
        self.turn_health(connection, signal.SIGUSR1, 200, b"ok")

    def test_forecast(self):
        status = json.loads(self.host.ask("GET", "/api/v1/status")[1])
        orders, telemetry = (s["forecast"] for s in status["streams"])
        self.assertEqual(orders, FORECAST)
        self.assertEqual((telemetry["full_in_s"], telemetry["drained_in_s"]),
                         (None, 180))
        metrics = self.host.ask("GET", "/metrics")[1].decode()
        for words in ('full_seconds{stream="orders"} 147600\n',
                      'drained_seconds{stream="telemetry"} 180\n',
                      'in_bytes_per_second{stream="orders"} 4000\n',
                      'flash_bytes_per_day{stream="orders"} 1288490188\n'):
            self.assertIn("shopme_edge_forecast_" + words, metrics)
        self.assertNotIn('full_seconds{stream="telemetry"}', metrics)

    def test_page(self):
        """The page and all it names come from here, under a policy that lets
        nothing else in."""
        connection = self.connection()
        answer, body = ask(connection, "GET", "/")
        self.assertEqual(answer.status, 200)
        self.assertIn("text/html", answer.getheader("content-type"))
        policy = answer.getheader("content-security-policy")
        self.assertTrue(policy.startswith("default-src 'self';"), policy)
        self.assertEqual(answer.getheader("x-content-type-options"), "nosniff")
        page = body.decode()
        self.assertNotRegex(page, r"https?://")
        self.assertNotRegex(page, r"<style|style=|<script>|\son\w+=")
        links = re.findall(r'<a href="([^"]+)"', page)
        for name in links:
            self.assertEqual(ask(connection, "GET", name)[0].status, 200)
        names = re.findall(r'(?:src|href)="([^"#]+)"', page)
        names = [name for name in names if name not in links]
        self.assertEqual(set(names), {"/style.css", "/app.js", "/words.js",
                                      "/icon.svg"})
        kinds = {"/style.css": "text/css", "/app.js": "text/javascript",
                 "/words.js": "text/javascript", "/icon.svg": "image/svg+xml"}
        for name in names:
            answer, body = ask(connection, "GET", name)
            self.assertEqual(answer.status, 200)
            self.assertIn(kinds[name], answer.getheader("content-type"))
            self.assertGreater(len(body), 50)
            if name != "/icon.svg":
                self.assertNotIn(b"http", body)

    def test_page_is_accessible(self):
        """Language, title, table headers with a scope, captions, live regions
        for what changes, a viewport for phones."""
        page = self.host.ask("GET", "/")[1].decode()
        self.assertIn('<html lang="en">', page)
        self.assertRegex(page, r"<title>[^<]+</title>")
        self.assertIn('name="viewport"', page)
        self.assertIn("<main", page)
        for cell in re.findall(r"<th[ >][^>]*>?", page):
            self.assertIn('scope="col"', cell)
        self.assertEqual(page.count("<table"), page.count("<caption"))
        self.assertIn('aria-live="polite"', page)
        self.assertEqual(page.count("<h1"), 1)

    @unittest.skipUnless(shutil.which("node"), "node runs the page's script")
    def test_page_tells_of_held_events(self):
        """An event that the cloud refuses shows with its reason, whatever the
        link is; an error that is over does not."""
        script = self.host.ask("GET", "/words.js")[1].decode()
        ask_it = """
            const stream = (link, refused) => notes(
              {link, refused, last_error: "too large"},
              [{text: "the cloud is away"}]);
            const sent = (refused) => summary({verdict: {level: "ok"},
              streams: [{link: "online", refused, backlog: 9}]});
            const told = notes(
              {link: "offline", refused: 0, last_error: "no route"},
              [{text: "the cloud does not answer: no route"}]);
            console.log(JSON.stringify([told, stream("online", 1),
              stream("online", 0), stream("offline", 0),
              stream("offline", 2), sent(0), sent(1)]));
            """
        said = subprocess.run(["node", "--input-type=module", "-"],
                              input=script + ask_it, capture_output=True,
                              text=True, timeout=120, check=True).stdout
        self.assertEqual(json.loads(said), [
            [], ["1 event held: the cloud refuses it", "too large"], [],
            ["too large"],
            ["2 events held: the cloud refuses them", "too large"],
            "9 events being sent.",
            "9 events to send. 1 held: the cloud refuses it."])

    def test_uplink(self):
        """Pausing and resuming reaches the gateway, and shows."""
        for door, connection in self.doors():
            with self.subTest(door):
                for paused, link in ((True, "paused"), (False, "offline")):
                    answer, body = ask(
                        connection, "POST", "/api/v1/uplink",
                        json.dumps({"paused": paused}),
                        {"Content-Type": "application/json; charset=utf-8"})
                    self.assertEqual(answer.status, 200, body)
                    self.assertEqual(json.loads(body), {"paused": paused})
                    _, body = ask(connection, "GET", "/api/v1/status")
                    self.assertEqual(json.loads(body)["streams"][0]["link"],
                                     link)

    def calls(self):
        _, body = self.host.ask("GET", "/api/v1/status")
        return json.loads(body)["uptime_s"]

    def test_uplink_refuses(self):
        """A wrong body or type is refused by name and changes nothing."""
        before = self.calls()
        kind = {"Content-Type": "application/json"}
        for body, headers, code in (
                ("", kind, 413), ("{", kind, 400), ("[]", kind, 400),
                ("{}", kind, 400), ("true", kind, 400),
                ('{"paused":1}', kind, 400), ('{"paused":"true"}', kind, 400),
                ('{"paused":null}', kind, 400),
                ('{"paused":true,"x":1}', kind, 400),
                ('{"paused":true,"paused":false}', kind, 400),
                ('{"Paused":true}', kind, 400),
                ('{"paused":true} x', kind, 400),
                ('{"paused":true}' + " " * 300, kind, 413),
                ("x" * 100000, kind, 413),
                ('{"paused":true}', {"Content-Type": "text/plain"}, 415),
                ('{"paused":true}',
                 {"Content-Type": "application/jsonp"}, 415),
                ('{"paused":true}', {}, 415)):
            with self.subTest(body=body[:40], code=code):
                answer, text = self.host.ask("POST",
                                   "/api/v1/uplink", body, headers)
                self.refused(answer, text, code)
        self.assertEqual(self.calls(), before)

    def test_uplink_without_length(self):
        """A body without its length is refused, chunked or not."""
        before = self.calls()
        head = (b"POST /api/v1/uplink HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\n")
        for rest in (b"\r\n{\"paused\":true}",
                     b"Transfer-Encoding: chunked\r\n\r\n"
                     b"f\r\n{\"paused\":true}\r\n0\r\n\r\n"):
            answer = raw(self.host.port, head + rest)
            self.assertTrue(answer.startswith(b"HTTP/1.1 411"), answer[:80])
        for length in (b"-1", b"1x", b"99999999999999999999999"):
            answer = raw(self.host.port, head + b"Content-Length: " + length +
                         b"\r\n\r\n{\"paused\":true}")
            self.assertFalse(answer.startswith(b"HTTP/1.1 200"), answer[:80])
        self.assertEqual(self.calls(), before)

    def test_unread_body_is_no_request(self):
        """A refused request's body is not taken for the next request."""
        before = self.calls()
        inner = (b"POST /api/v1/uplink HTTP/1.1\r\nHost: localhost\r\n"
                 b"Content-Type: application/json\r\nContent-Length: 15\r\n"
                 b"\r\n{\"paused\":true}")
        for path in (b"/api/v1/uplink", b"/nothing", b"/api/v1/status"):
            outer = (b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\n"
                     b"Content-Type: text/plain\r\nContent-Length: " +
                     str(len(inner)).encode() + b"\r\n\r\n" + inner)
            answer = raw(self.host.port, outer)
            self.assertRegex(answer, rb"^HTTP/1.1 4(04|05|15)")
            self.assertEqual(answer.count(b"HTTP/1.1"), 1, answer)
        self.assertEqual(self.calls(), before)

    def test_unknown_path(self):
        for door, connection in self.doors():
            for path in ("/nothing", "/api/v1/statusx", "/api",
                         "/page/index.html", "/api/v1/status/"):
                with self.subTest(door=door, path=path):
                    answer, body = ask(connection, "GET", path)
                    self.refused(answer, body, 404)

    def test_query_is_ignored(self):
        answer, _ = self.host.ask("GET", "/api/v1/status?x=1")
        self.assertEqual(answer.status, 200)

    def test_wrong_method(self):
        """A known path says which method it takes."""
        for method, path, allow in (
                ("GET", "/api/v1/uplink", "POST"),
                ("DELETE", "/api/v1/uplink", "POST"),
                ("PUT", "/api/v1/status", "GET, HEAD"),
                ("DELETE", "/api/v1/orders", "GET, HEAD"),
                ("OPTIONS", "/api/v1/status", "GET, HEAD"),
                ("OPTIONS", "/api/v1/uplink", "POST"),
                ("PATCH", "/metrics", "GET, HEAD"),
                ("POST", "/healthz", "GET, HEAD"),
                ("POST", "/", "GET, HEAD")):
            with self.subTest(method=method, path=path):
                answer, body = self.host.ask(method, path)
                self.refused(answer, body, 405)
                self.assertEqual(answer.getheader("allow"), allow)

    def test_head(self):
        """HEAD gives GET's length and no body; the connection goes on."""
        connection = self.connection()
        for path in ("/", "/healthz", "/metrics"):
            full, body = ask(connection, "GET", path)
            answer, empty = ask(connection, "HEAD", path)
            self.assertEqual((answer.status, empty), (200, b""))
            self.assertEqual(int(answer.getheader("content-length")),
                             len(body))

    def test_host_header(self):
        """Only names of this machine are answered over TCP (DNS rebinding);
        the unix socket, which no browser reaches, asks for none."""
        for name, fine in (
                ("localhost", True), ("localhost:8080", True),
                ("127.0.0.1", True), ("127.0.0.1:1", True),
                ("127.1.2.3:99", True), ("[::1]", True), ("[::1]:80", True),
                ("LOCALHOST", False), ("example.com", False),
                ("example.com:80", False), ("localhost.example.com", False),
                ("127.0.0.1.example.com", False), ("[::2]", False),
                ("[::1]x", False), ("::1", False), ("0.0.0.0", False),
                ("192.168.0.1", False), ("a" * 3000, False)):
            with self.subTest(name=name[:30]):
                answer, body = self.host.ask("GET",
                                   "/api/v1/status", headers={"Host": name})
                if fine:
                    self.assertEqual(answer.status, 200)
                else:
                    self.refused(answer, body, 403)
        answer = raw(self.host.port, b"GET /healthz HTTP/1.1\r\n\r\n")
        self.assertNotIn(b"200 OK", answer)
        answer = raw(self.host.port, b"GET /healthz HTTP/1.0\r\n\r\n")
        self.assertNotIn(b"200 OK", answer)

    def test_websocket_is_refused(self):
        answer = raw(self.host.port,
                     b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: "
                     b"websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
                     b"dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13"
                     b"\r\n\r\n")
        self.assertNotIn(b"101", answer[:20])

    def test_nonsense(self):
        """Bytes that are no request end the connection, not the console."""
        for request in (b"\x00" * 100, b"\xff" * 5000, b"GET\r\n\r\n",
                        b"GET " + b"/" * 20000 + b" HTTP/1.1\r\n\r\n",
                        b"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                        b"GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
                        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
                        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"):
            with self.subTest(request=request[:30]):
                answer = raw(self.host.port, request)
                self.assertNotIn(b"200 OK", answer[:20])
        self.assertIsNone(self.host.process.poll())
        self.assertEqual(self.host.ask("GET", "/healthz")[0]
                         .status, 200)

    def test_keep_alive(self):
        """Many requests on one connection, several connections at once."""
        connections = [self.host.connection() for _ in range(6)]
        connections += [self.host.unix() for _ in range(6)]
        for _ in range(20):
            for connection in connections:
                answer, _ = ask(connection, "GET", "/api/v1/orders")
                self.assertEqual(answer.status, 200)
        for connection in connections:
            connection.close()

    def test_slow_reader(self):
        """A peer that reads nothing holds up nobody."""
        slow = socket.create_connection(("127.0.0.1", self.host.port))
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        slow.sendall(b"GET /api/v1/orders HTTP/1.1\r\nHost: localhost\r\n\r\n"
                     * 20)
        for _ in range(20):
            answer, _ = self.host.ask("GET", "/api/v1/status")
            self.assertEqual(answer.status, 200)
        slow.close()

    def test_socket_mode(self):
        mode = os.stat(self.host.socket_path).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o660)


class StartTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)

    @contextlib.contextmanager
    def away(self, address, path, free=lambda: None):
        """The console starts without a way in, says why, and has it once
        `free` made that possible."""
        host = subprocess.Popen([HOST, address, path], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            self.assertEqual(host.stdout.readline().strip(), "port 0")
            why = host.stdout.readline().strip()
            free()
            yield why.removeprefix("away ")
        finally:
            host.terminate()
            out, self.errors = host.communicate(timeout=WAIT)
        self.assertEqual(host.returncode, 0, self.errors)
        self.assertIn("loop closed", out)

    def why_away(self, address, path):
        with self.away(address, path) as why:
            return why

    def answers(self, connect):
        """Within the wait between two tries."""
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            with contextlib.suppress(OSError, http.client.HTTPException), \
                    contextlib.closing(connect()) as connection:
                return ask(connection, "GET", "/healthz")[0].status
            time.sleep(0.1)
        return None

    def test_port_taken(self):
        """The rest works, and the page comes when the port is free."""
        path = os.path.join(self.directory, "s")
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with self.away(
                    f"127.0.0.1:{port}", path, other.close) as why:
                self.assertIn(
                    f"another program uses port {port} of 127.0.0.1", why)
                self.assertIn("console.listen", why)
                self.assertEqual(self.answers(lambda: UnixConnection(path)), 200)
                self.assertEqual(self.answers(
                    lambda: http.client.HTTPConnection("127.0.0.1", port,
                                                       timeout=WAIT)), 200)
        self.assertEqual(self.errors.count("page_away"), 1, self.errors)
        self.assertIn(f"page=http://127.0.0.1:{port}/", self.errors)

    def test_other_addresses(self):
        self.assertIn("no token", self.why_away("0.0.0.0:0", "off"))

    def test_address_not_there(self):
        why = self.why_away("[fe80::1]:0", "off")
        self.assertIn("no token", why)

    def test_move(self):
        """To another address and away, while a connection stays."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        host = Host(self.directory, following=f"127.0.0.1:{port}")
        old = host.port
        with contextlib.closing(host.connection()) as kept:
            self.assertEqual(ask(kept, "GET", "/healthz")[0].status, 200)
            for _ in range(2):  # the second changes nothing
                host.move()
                self.assertEqual(host.port, port)
                self.assertEqual(host.ask("GET", "/healthz")[0].status, 200)
                with self.assertRaises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", old), timeout=WAIT)
            self.assertEqual(ask(kept, "GET", "/healthz")[0].status, 200)
        self.assertEqual(host.stop(), 0, host.errors)

    def test_move_away(self):
        host = Host(self.directory, following="off")
        old = host.port
        host.move()
        self.assertEqual(host.port, 0)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", old), timeout=WAIT)
        self.assertEqual(host.ask_unix("GET", "/healthz")[0].status, 200)
        self.assertEqual(host.stop(), 0, host.errors)

    def test_move_to_a_taken_port(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            host = Host(self.directory, following=f"127.0.0.1:{port}")
            host.move()
            self.assertEqual(host.port, 0)
        self.assertEqual(self.answers(
            lambda: http.client.HTTPConnection("127.0.0.1", port,
                                               timeout=WAIT)), 200)
        self.assertEqual(host.stop(), 0, host.errors)

    def test_slow_pages_leave_the_socket_alone(self):
        """Thirty peers that ask for the page and send no end of it, or do not
        read: the command line is answered all the while. And the other way
        round."""
        host = Host(self.directory)
        peers = []
        for n in range(30):
            peer = socket.create_connection(("127.0.0.1", host.port),
                                            timeout=WAIT)
            peer.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n"
                         + (b"\r\n" if n % 3 == 0 else b""))
            peers.append(peer)
        for _ in range(20):
            self.assertEqual(host.ask_unix("GET", "/api/v1/status")[0].status,
                             200)
        for peer in peers:
            peer.close()
        peers = []
        for _ in range(20):
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(host.socket_path)
            peers.append(peer)
        self.assertEqual(self.answers(host.connection), 200)
        for peer in peers:
            peer.close()
        self.assertEqual(self.answers(host.unix), 200)
        self.assertEqual(host.stop(), 0, host.errors)

    def test_every_loopback_address(self):
        for address in ("127.0.0.1:0", "127.0.0.2:0", "localhost:0"):
            host = Host(self.directory, address)
            self.assertIsNotNone(host.port, host.first)
            self.assertEqual(host.stop(), 0, host.errors)

    def test_ipv6(self):
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            self.skipTest("this machine has no IPv6 loopback")
        host = Host(self.directory, "[::1]:0")
        with contextlib.closing(http.client.HTTPConnection(
                "::1", host.port, timeout=WAIT)) as connection:
            self.assertEqual(ask(connection, "GET", "/healthz")[0].status, 200)
        self.assertEqual(host.stop(), 0, host.errors)
        self.assertIn(f"page=http://[::1]:{host.port}/", host.errors)

    def test_off(self):
        """Without TCP the unix socket serves alone."""
        host = Host(self.directory, "off")
        self.assertEqual(host.port, 0)
        self.assertEqual(host.ask_unix("GET", "/healthz")[0].status, 200)
        self.assertEqual(host.stop(), 0, host.errors)

    def closed_of(self, peers):
        """How many of these connections the console has closed."""
        closed = 0
        for peer in peers:
            peer.setblocking(False)
            try:
                closed += peer.recv(1) == b""
            except ConnectionResetError:
                closed += 1
            except BlockingIOError:
                pass
        return closed

    def test_connections_are_bounded(self):
        """Past the bound a connection is closed; when others end there is
        room again."""
        host = Host(self.directory)
        began = time.monotonic()
        peers = [socket.create_connection(("127.0.0.1", host.port),
                                          timeout=WAIT) for _ in range(40)]
        closed = 0
        while closed < 40 - 24 and time.monotonic() - began < IDLE_S:
            time.sleep(0.2)
            closed = self.closed_of(peers)
        time.sleep(0.2)
        closed = self.closed_of(peers)
        if time.monotonic() - began < IDLE_S:
            self.assertEqual(closed, 40 - 24)
        else:  # the idle ones among the kept may have been closed since
            self.assertGreaterEqual(closed, 40 - 24)
        for peer in peers:
            peer.close()
        answer = None
        for _ in range(50):
            with contextlib.suppress(ConnectionError,
                                     http.client.HTTPException):
                answer, _ = host.ask("GET", "/healthz")
                break
            time.sleep(0.02)
        self.assertEqual(answer.status, 200)
        self.assertEqual(host.stop(), 0, host.errors)

    def test_stop_removes_the_socket(self):
        host = Host(self.directory)
        self.assertTrue(os.path.exists(host.socket_path))
        self.assertEqual(host.stop(), 0, host.errors)
        self.assertFalse(os.path.exists(host.socket_path))

    def test_stop_with_open_connections(self):
        """Idle, half-asked and half-answered connections keep nothing back."""
        host = Host(self.directory)
        idle = socket.create_connection(("127.0.0.1", host.port))
        half = socket.create_connection(("127.0.0.1", host.port))
        half.sendall(b"POST /api/v1/uplink HTTP/1.1\r\nHost: localhost\r\n"
                     b"Content-Type: application/json\r\nContent-Length: 15"
                     b"\r\n\r\n{\"pau")
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.connect(("127.0.0.1", host.port))
        deaf.sendall(b"GET /api/v1/orders HTTP/1.1\r\nHost: localhost\r\n\r\n"
                     * 20)
        self.assertEqual(host.ask_unix("GET", "/healthz")[0].status, 200)
        self.assertEqual(host.stop(), 0, host.errors)
        for peer in (idle, half, deaf):
            peer.close()

    def test_stale_socket(self):
        """The file that a crash leaves is replaced."""
        host = Host(self.directory)
        host.kill()
        self.assertTrue(os.path.exists(host.socket_path))
        again = Host(self.directory)
        self.assertIsNotNone(again.port, again.first)
        self.assertEqual(again.ask_unix("GET", "/healthz")[0].status, 200)
        self.assertEqual(again.stop(), 0, again.errors)

    def test_socket_of_a_living_gateway(self):
        """A second gateway does not take the first one's socket away, but has
        it when that one ends."""
        host = Host(self.directory)
        with self.away("off", host.socket_path) \
                as why:
            self.assertIn("another gateway answers", why)
            self.assertEqual(host.ask_unix("GET", "/healthz")[0].status, 200)
            self.assertEqual(host.stop(), 0, host.errors)
            self.assertEqual(self.answers(host.unix), 200)
        self.assertEqual(self.errors.count("control_socket_away"), 1)
        self.assertFalse(os.path.exists(host.socket_path))

    def test_socket_path_is_a_file(self):
        path = os.path.join(self.directory, "precious")
        with open(path, "w") as file:
            file.write("data")
        self.assertIn("is not a socket", self.why_away("off", path))
        self.assertTrue(os.path.exists(path))

    def test_socket_path_cannot_be_made(self):
        path = os.path.join(self.directory, "no", "s")
        with self.away("off", path) as why:
            self.assertIn("cannot listen on", why)
            self.assertIn("No such file or directory", why)
            os.mkdir(os.path.dirname(path))
            self.assertEqual(self.answers(lambda: UnixConnection(path)), 200)
        file = os.path.join(self.directory, "file")
        with open(file, "w"):
            pass
        why = self.why_away("off", os.path.join(file, "s"))
        self.assertIn("cannot look at", why)
        self.assertIn("Not a directory", why)
        why = self.why_away("off", "/tmp/" + "a" * 120)
        self.assertIn("longer than 107 bytes", why)

    def test_umask(self):
        """The socket's mode is 0660 whatever the umask says."""
        path = os.path.join(self.directory, "s")
        host = subprocess.Popen([HOST, "off", path], stdout=subprocess.PIPE,
                                umask=0o077, text=True)
        host.stdout.readline()
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o660)
        host.terminate()
        host.communicate(timeout=WAIT)
        self.assertEqual(host.returncode, 0)


if __name__ == "__main__":
    unittest.main()

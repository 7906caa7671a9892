# SPDX-License-Identifier: Apache-2.0
"""A gateway that says what a test wants it to say: it serves the page's own
files, or a copy broken on purpose, and answers with made-up figures."""

import copy
import http.server
import json
import pathlib
import threading

PAGE = pathlib.Path(__file__).resolve().parents[2] / "gateway/console/page"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript",
         ".svg": "image/svg+xml"}
POLICY = ("default-src 'self'; base-uri 'none'; form-action 'none'; "
          "frame-ancestors 'none'")
WHEN = "2026-11-18T11:06:40.000000Z"


def stream(name="orders", **more):
    made = {
        "name": name, "start": 200, "end": 123456, "cursor": 123400,
        "backlog": 56, "link": "online", "since": WHEN, "oldest_age_s": 3,
        "received": 130000, "accepted": 123456, "rejected": 16,
        "duplicates": 50, "dropped": 0, "lost": 0, "full": "", "damaged": 0,
        "damage": [], "sent": 1000, "repeated": 7, "requests": 120,
        "failures": 9, "refused": 0, "confirmed": None, "last_error": "",
        "segments": 3, "bytes": 25165824, "commits": 77,
        "commit_us_last": 131, "commit_us_max": 20500,
        "forecast": {"bytes_in_per_s": 2400, "bytes_out_per_s": 1200,
                     "full_in_s": 147600, "drained_in_s": 190,
                     "flash_bytes_per_day": 900000000}}
    made["forecast"] |= more.pop("forecast", {})
    return made | more


def reason(code="link_offline", level="degraded", **more):
    return {"code": code, "level": level, "text": "the cloud is out of reach",
            "action": "nothing; look at the line if it lasts", "since": WHEN,
            "restart_helps": False} | more


def status(*streams, level="ok", reasons=(), **more):
    return {
        "store": "store-7", "version": "9.8.7", "uptime_s": 3600,
        "verdict": {"level": level, "since": WHEN, "reasons": list(reasons)},
        "broker": {"up": True, "port": 1883, "restarts": 0},
        "streams": list(streams) or [stream(), stream(
            "telemetry", forecast={"full_in_s": None, "drained_in_s": None})],
        "orders": {"placed": 60, "open": 15, "fulfiled": 15, "cancelled": 15,
                   "rejected": 15, "unfitting": 0},
        "devices": {"known": True, "registered": 2, "online": 1, "silent": 0,
                    "strangers": 0, "refused": 0},
        "clock_offset_ms": 0} | more


def order(order_id, state="open", **more):
    done = state == "fulfiled"
    return {"order_id": order_id, "device": "till-1", "state": state,
            "reserved": done, "paid": done, "total_minor": 7450,
            "currency": "EUR", "reason": "", "placed": WHEN,
            "changed": WHEN} | more


def orders():
    return [order("o-4"), order("o-3", "fulfiled"),
            order("o-2", "cancelled", reserved=True, reason="card declined"),
            order("o-1", "rejected", reason="total is no number")]


def refused(code="other-device", count=3, **more):
    return {"reason": code, "count": count, "last": WHEN} | more


def device(name="till-1", state="online", **more):
    there = state == "online"
    return {"name": name, "state": state, "password": True,
            "certificate": False, "connections": int(there),
            "by": "password" if there else "",
            "address": "192.168.17.4" if there else "",
            "since": WHEN, "certificate_ends": None,
            "last_event": WHEN, "events": 1234, "rejected": 0,
            "refused": []} | more


def devices(*rows, **more):
    rows = list(rows) or [device(), device("till-2", "offline")]
    return {"known": True, "registered": len(rows),
            "online": sum(row["connections"] > 0 for row in rows),
            "silent": 0, "silent_after_s": 0, "refused": [],
            "strangers": {"connections": 0, "last_event": None, "events": 0,
                          "rejected": 0, "refused": []},
            "devices": rows, "left_out": 0, "next": None} | more


def with_everywhere(value, text):
    """A copy in which each text holds `text`, but for what the page knows by
    name (levels, times)."""
    known = {"level", "since", "placed", "changed", "state", "last",
             "last_event", "certificate_ends", "next"}
    if isinstance(value, dict):
        return {key: inner if key in known else with_everywhere(inner, text)
                for key, inner in value.items()}
    if isinstance(value, list):
        return [with_everywhere(inner, text) for inner in value]
    return value + text if isinstance(value, str) else value


class FakeGateway:
    """`edits` are {file: [(old, new)]}: how its page is broken."""

    def __init__(self, edits=None):
        self.status, self.orders = status(), orders()
        self.devices = devices()
        self.turn = None  # called before each status, to change it
        self.asked = 0
        self.commands = []
        self.hung = threading.Event()
        self.hung.set()  # cleared: requests wait
        self.files = {path.name: path.read_text(encoding="utf-8")
                      for path in PAGE.iterdir()}
        for name, pairs in (edits or {}).items():
            for old, new in pairs:
                assert old in self.files[name], f"{name} has no {old!r}"
                self.files[name] = self.files[name].replace(old, new)
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def send(self, kind, body):
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.send_header("content-security-policy", POLICY)
                self.send_header("cache-control", "no-store")
                self.end_headers()
                self.wfile.write(body)

            def send_json(self, value):
                self.send("application/json", json.dumps(value).encode())

            def do_GET(self):
                name = self.path.lstrip("/") or "index.html"
                if name in fake.files:
                    kind = TYPES[pathlib.Path(name).suffix]
                    self.send(f"{kind}; charset=utf-8",
                              fake.files[name].encode())
                    return
                fake.hung.wait(20)
                if name == "api/v1/status":
                    self.send_json(fake.answer())
                elif name == "api/v1/devices":
                    self.send_json(fake.devices)
                else:
                    self.send_json({"orders": fake.orders})

            def do_POST(self):
                length = int(self.headers["content-length"])
                command = json.loads(self.rfile.read(length))
                fake.commands.append(command)
                self.send_json(command)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a page that has been closed reads no further

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": 0.05})
        self.thread.start()

    def answer(self):
        self.asked += 1
        if self.turn:
            self.turn(self)
        return copy.deepcopy(self.status)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.hung.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

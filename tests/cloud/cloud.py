# SPDX-License-Identifier: Apache-2.0
"""A local AWS endpoint: EventBridge and Kinesis for the demo and the tests.

  /usr/bin/python3 tests/cloud/cloud.py --port 0 --dir DIR \\
      --region eu-central-1 --bus NAME --stream NAME:SHARDS

HTTPS on 127.0.0.1, and on a second port, without TLS, what tests ask and
switch:

  POST /_faults   changes faults (see faults.py); GET shows them
  GET  /_stats    what came, what is held, and whether it came as promised
  POST /_sessions a new session: {"life_s": N, "token_bytes": N}; all given out
                  end now: {"revoke": true}
  GET  /_events?bus=NAME | stream=NAME [&type=T] [&subject=S] [&after=N]
                  the events held, a line each; N is a journalsequence;
                  with &envelope=1 each in its entry's envelope
  POST /_rights   an IAM policy to hold calls to, keys of streams (rights.py);
                  GET shows which actions were called on what

The judges are AWS's own: botocore recomputes every signature (signature.py)
and validates every request (model.py). The credentials accepted are those of
the environment it is started with; if there are none, random ones are made
and written to DIR/credentials. Prints one line when it listens:

  ready port=N ca=PATH control=N

It ends when the process that started it does, so that a test that is killed
leaves nothing behind.
"""

import argparse
import asyncio
import collections
import datetime
import json
import os
import secrets
import sys
import time
import types
import urllib.parse
import uuid

import authority
from endpoint import Answer, Endpoint
from errors import ServiceError
from faults import Faults
from ledger import Ledger, is_status
from model import Model
from rights import Rights
from services import EventBridge, Kinesis, operation_method
from sessions import Sessions
from signature import Signatures
from wires import JSON, WIRES

OPERATIONS = {EventBridge: ("PutEvents", "DescribeEventBus"),
              Kinesis: ("PutRecords",)}
CREDENTIAL_NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
                    "AWS_SESSION_TOKEN")
REFUSALS_KEPT = 20
PARENT_LOOK_S = 1
TEXT_MAX = 4000
PORTAL = b"<html><title>Welcome</title><body>Please sign in.</body></html>\n"


def _made_credentials(directory):
    """The credentials in DIR/credentials, made if they are not there."""
    path = os.path.join(directory, "credentials")
    if not os.path.exists(path):
        made = {"AWS_ACCESS_KEY_ID": "AKIA" + secrets.token_hex(8).upper(),
                "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(30)}
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w", encoding="ascii") as stream:
            stream.writelines(f"{k}={v}\n" for k, v in made.items())
    with open(path, encoding="ascii") as stream:
        return dict(line.rstrip("\n").split("=", 1) for line in stream)


def find_credentials(directory):
    """access_key, secret_key and token (or None) that are accepted."""
    known = {name: os.environ[name] for name in CREDENTIAL_NAMES
             if os.environ.get(name)}
    if not known.keys() >= set(CREDENTIAL_NAMES[:2]):
        known = _made_credentials(directory)
    return types.SimpleNamespace(
        access_key=known["AWS_ACCESS_KEY_ID"],
        secret_key=known["AWS_SECRET_ACCESS_KEY"],
        token=known.get("AWS_SESSION_TOKEN"))


class Cloud:
    """The services behind one endpoint, and the faults in front of them."""

    def __init__(self, options):
        self.tally = collections.Counter(
            requests=0, cbor_requests=0, signature_failures=0, validation_failures=0,
            throttled=0, answers_lost=0, swallowed=0)
        self.faults = Faults(options.seed)
        self.faults.update({"latency_ms": options.latency_ms})
        self._refusals = collections.deque(maxlen=REFUSALS_KEPT)
        self._ledger = Ledger(
            options.dir, [f"bus/{name}" for name in options.bus]
            + [f"stream/{name}" for name, _ in options.stream])
        self.sessions = Sessions(find_credentials(options.dir), self.clock)
        self.rights = Rights()
        self._signatures = Signatures(self.sessions, options.region, self._utc)
        self._events = EventBridge(options.region, options.bus, self._ledger,
                                   self.faults, self.tally)
        kinesis = Kinesis(options.region, dict(options.stream), self._ledger,
                          self.faults)
        self._operations = {}
        for service in (self._events, kinesis):
            model = Model(service.name)
            for name in OPERATIONS[type(service)]:
                self._operations[f"{model.target_prefix}.{name}"] = (
                    service, model, name)

    def clock(self):
        """The cloud's time, which may be skewed."""
        return time.time() + self.faults["skew_s"]

    def _utc(self):
        return datetime.datetime.fromtimestamp(int(self.clock()),
                                               datetime.timezone.utc)

    async def handle(self, request):
        """One call to a service."""
        pause_s = self.faults["latency_ms"] / 2000
        await asyncio.sleep(pause_s)
        if self.faults["offline"]:
            return None
        answer = self._answer(request)
        await asyncio.sleep(pause_s)
        if self.faults.strikes("answer_lost"):
            self.tally["answers_lost"] += 1
            return None
        if self.faults.strikes("cut_body"):
            self.tally["answers_lost"] += 1
            answer.cut = 0.8
        return answer

    def _answer(self, request):
        if self.faults["captive_portal"]:
            return Answer(200, PORTAL, "text/html")
        self.tally["requests"] += 1
        wire = WIRES.get(request.header("content-type"), JSON)
        self.tally["cbor_requests"] += wire.binary
        status = 200
        try:
            result = self._run(request, wire)
        except ServiceError as error:
            status = error.status
            result = {"__type": error.code,
                      "message": error.message[:TEXT_MAX]}
            self._refusals.append({
                "target": request.header("x-amz-target")} | result)
        return Answer(status, wire.write(result), wire.content_type,
                      [("x-amzn-RequestId", str(uuid.uuid4()))])

    def _run(self, request, wire):
        target = request.header("x-amz-target") or ""
        if (target not in self._operations or request.method != "POST"
                or request.header("content-type") not in
                self._operations[target][0].CONTENT_TYPES):
            self.tally["validation_failures"] += 1
            self.rights.calls.setdefault((target, "unknown"), 1)
            raise ServiceError("UnknownOperationException",
                               f"There is no operation '{target}' for this "
                               "method and content type.")
        service, model, name = self._operations[target]
        self.tally[name] += 1
        try:
            self._signatures.check(request, service.name)
        except ServiceError:
            self.tally["signature_failures"] += 1
            raise
        if self.faults["refuse"]:
            raise ServiceError(self.faults["refuse"], "Refused on request")
        if self.faults.strikes("throttle"):
            self.tally["throttled"] += 1
            raise ServiceError(service.THROTTLED, "Rate exceeded")
        try:
            parameters = model.read(name, request.body, wire)
            self._check_rights(service, name, parameters)
            return getattr(service, operation_method(name))(parameters)
        except ServiceError as error:
            self.tally["validation_failures"] += (
                error.code != "ResourceNotFoundException")
            raise

    def _check_rights(self, service, name, parameters):
        for resource, context in service.resources(parameters):
            self.rights.check(f"{service.name}:{name}", resource, context)
            self.rights.check_key(resource)

    def stats(self):
        sinks = {"bus": {}, "stream": {}}
        for sink, holding in self._ledger.holdings.items():
            kind, name = sink.split("/", 1)
            sinks[kind][name] = holding.report()
        statuses = {sink: judge.count for sink, judge in
                    self._ledger.statuses.items()}
        return dict(self.tally) | {
            "swallowed_buses": self._events.swallowed,
            "statuses": statuses,
            "buses": sinks["bus"], "streams": sinks["stream"],
            "sessions_given": self.sessions.given,
            "sessions_expired": self.sessions.expired,
            "refusals": list(self._refusals), "seed": self.faults.seed}

    def events(self, query):
        """Lines of the events that a query of /_events asks for."""
        known = {"bus", "stream", "type", "subject", "after", "envelope"}
        if set(query) - known or ("bus" in query) == ("stream" in query):
            raise ValueError("ask for bus=NAME or stream=NAME, and any of "
                             "type, subject, after, envelope")
        sink = (f"bus/{query['bus']}" if "bus" in query
                else f"stream/{query['stream']}")
        after = int(query.get("after", -1))
        for entry in self._ledger.entries(sink):
            event = entry.event() or {}
            if is_status(event) != (query.get("type") == "EdgeStatus"):
                continue  # in no journal: only who asks for them
            if ("type" in query and event.get("type") != query["type"]
                    or "subject" in query
                    and event.get("subject") != query["subject"]
                    or after >= 0
                    and int(event.get("journalsequence", -1)) <= after):
                continue
            yield entry.line() if "envelope" in query else _one_line(entry)


def _one_line(entry):
    """An entry's data: verbatim if that is one line of JSON, else parsed."""
    text = entry.data if isinstance(entry.data, str) else entry.data.decode(
        "utf-8", "replace")
    if entry.event() is None or "\n" in text or "\r" in text:
        text = json.dumps(entry.event())
    return text + "\n"


class Control:
    """The second port: faults, figures, events."""

    def __init__(self, cloud, endpoint):
        self._cloud = cloud
        self._endpoint = endpoint  # the cloud's own, to close and open

    async def handle(self, request):
        url = urllib.parse.urlsplit(request.target)
        query = dict(urllib.parse.parse_qsl(url.query))
        try:
            if (request.method, url.path) == ("POST", "/_faults"):
                await self._switch(json.loads(request.body))
                return _json(self._cloud.faults.settings)
            if (request.method, url.path) == ("POST", "/_sessions"):
                return self._session(json.loads(request.body))
            if (request.method, url.path) == ("POST", "/_rights"):
                self._cloud.rights.update(json.loads(request.body))
                return _json({})
            if request.method != "GET":
                return Answer(405, b"GET, or POST /_faults\n", "text/plain")
            if url.path == "/_faults":
                return _json(self._cloud.faults.settings)
            if url.path == "/_rights":
                return _json(self._cloud.rights.report())
            if url.path == "/_stats":
                return _json(self._cloud.stats())
            if url.path == "/_events":
                lines = "".join(self._cloud.events(query))
                return Answer(200, lines.encode(), "application/jsonl")
        except ValueError as error:
            return Answer(400, f"{error}\n".encode(), "text/plain")
        return Answer(404, b"/_faults, /_stats, /_rights, /_events\n", "text/plain")

    def _session(self, wanted):
        if wanted.get("revoke"):
            self._cloud.sessions.revoke()
            return _json({})
        return _json(self._cloud.sessions.give(**wanted))

    async def _switch(self, settings):
        self._cloud.faults.update(settings)
        if self._cloud.faults["offline"]:
            self._endpoint.close()
        else:
            await self._endpoint.open()


def _json(value):
    return Answer(200, json.dumps(value).encode() + b"\n", "application/json")


def _stream(text):
    name, _, shards = text.partition(":")
    if not name or not shards.isdecimal() or int(shards) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME:SHARDS")
    return name, int(shards)


def _options(arguments):
    parser = argparse.ArgumentParser(
        description="A local AWS endpoint: EventBridge and Kinesis.")
    parser.add_argument("--port", type=int, default=0,
                        help="HTTPS on 127.0.0.1; 0 = any free one")
    parser.add_argument("--control-port", type=int, default=0,
                        help="faults and figures on 127.0.0.1")
    parser.add_argument("--dir", required=True,
                        help="certificates, credentials, events.jsonl")
    parser.add_argument("--region", default="eu-central-1")
    parser.add_argument("--bus", action="append", default=[],
                        metavar="NAME", help="an event bus (repeatable)")
    parser.add_argument("--stream", action="append", default=[], type=_stream,
                        metavar="NAME:SHARDS", help="a stream (repeatable)")
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--seed", type=int, default=1,
                        help="of the faults' dice")
    return parser.parse_args(arguments)


async def _serve(options, parent):
    os.makedirs(options.dir, mode=0o700, exist_ok=True)
    cloud = Cloud(options)
    ca_path, tls = authority.prepare(options.dir)
    front = Endpoint(options.port, cloud.handle, tls, cloud.clock)
    control = Endpoint(options.control_port, Control(cloud, front).handle)
    await front.open()
    await control.open()
    print(f"ready port={front.port} ca={ca_path} control={control.port}",
          flush=True)
    while os.getppid() == parent:
        await asyncio.sleep(PARENT_LOOK_S)


def main(arguments):
    parent = os.getppid()
    options = _options(arguments)
    try:
        asyncio.run(_serve(options, parent))
    except KeyboardInterrupt:
        pass
    except (OSError, RuntimeError, ValueError) as error:
        sys.exit(f"cloud: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])

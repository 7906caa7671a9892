# SPDX-License-Identifier: Apache-2.0
"""Doubles of what gives a box its AWS credentials: the shared files with who
rotates them, a credential_process, a container's endpoint, IMDSv2, and AWS IoT
Core's credential provider over mutual TLS. What they give are sessions of a
local cloud, which ends them.

Each is used as a context; `environment` and `settings` (of cloud.credentials)
are what a gateway needs to find it."""

import contextlib
import http.server
import json
import os
import pathlib
import secrets
import ssl
import threading
import time

import authority
from harness import PYTHON

PROCESS = '''#!%(python)s
import json, sys, urllib.request
if %(broken)r and __import__("os").path.exists(%(broken)r):
    sys.exit("it is broken: AKIDTHISISNOTFORTHELOG0123456789")
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
got = json.loads(direct.open("http://127.0.0.1:%(port)d/_sessions",
    json.dumps({"life_s": %(life)r}).encode(), timeout=30).read())
json.dump({"Version": 1, "AccessKeyId": got["access_key"],
           "SecretAccessKey": got["secret_key"],
           "SessionToken": got["token"], "Expiration": got["expires"]},
          sys.stdout)
'''


class Source:
    """What all have: the sessions that were given, and a switch."""

    def __init__(self, cloud, folder, life_s=3, token_bytes=600):
        self.cloud, self.life_s = cloud, life_s
        self.folder = pathlib.Path(folder)
        self.token_bytes = token_bytes
        self.given = []
        self.broken = False
        self.refused = 0  # requests that were not as they must be
        self.environment, self.settings = {}, {}

    def session(self):
        made = self.cloud.session(life_s=self.life_s,
                                  token_bytes=self.token_bytes)
        self.given.append(made)
        return made

    def secrets(self):
        """Strings that may be nowhere but here and at the gateway."""
        return [text for made in self.given
                for text in (made["secret_key"], made["token"])]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Profile(Source):
    """A thread writes ~/.aws/credentials again before each session ends."""

    PATH = "aws/credentials"

    def __enter__(self):
        self.path = self.folder / self.PATH
        self.path.parent.mkdir()
        self.environment = {"AWS_SHARED_CREDENTIALS_FILE": str(self.path),
                            "AWS_PROFILE": "till"}
        self._end = threading.Event()
        self._write()
        self._thread = threading.Thread(target=self._rotate)
        self._thread.start()
        return self

    def _write(self):
        made = self.session()
        new = self.path.with_suffix(".new")
        new.write_text(f"[default]\n# not this one\naws_access_key_id = no\n"
                       f"[till]\naws_access_key_id = {made['access_key']}\n"
                       f"aws_secret_access_key = {made['secret_key']}\n"
                       f"aws_session_token = {made['token']}\n")
        new.rename(self.path)

    def _rotate(self):
        while not self._end.wait(self.life_s * 0.8):
            if not self.broken:
                self._write()

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()


class Process(Source):
    """A command of the shared config."""

    def __enter__(self):
        script = self.folder / "get credentials.py"
        script.write_text(PROCESS % {
            "python": PYTHON, "port": self.cloud.control_port,
            "life": self.life_s, "broken": str(self.folder / "broken")})
        script.chmod(0o700)
        config = self.folder / "aws-config"
        config.write_text(f'[profile till]\nregion = xx\n'
                          f'credential_process = "{script}" one "two words"\n')
        self.environment = {"AWS_CONFIG_FILE": str(config),
                            "AWS_PROFILE": "till"}
        return self


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def reply(self, status, body):
        data = body.encode() if isinstance(body, str) else json.dumps(
            body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, status, why):
        self.server.source.refused += 1
        self.reply(status, why)

    def do_GET(self):
        if self.server.source.broken:
            self.reply(500, "broken on request")
            return
        self.server.source.get(self)

    def do_PUT(self):
        self.server.source.put(self)


class Server(Source):
    """A source that is a server on loopback."""

    tls = None

    def __enter__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      _Handler)
        self.server.daemon_threads = True
        self.server.source = self
        self.port = self.server.server_address[1]
        self.prepare()
        if self.tls is not None:
            self.server.socket = self.tls.wrap_socket(self.server.socket,
                                                      server_side=True)
        self._thread = threading.Thread(target=self.server.serve_forever,
                                        args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def put(self, request):
        request.refuse(405, "no PUT here")

    def metadata(self):
        made = self.session()
        return {"Code": "Success", "Type": "AWS-HMAC",
                "AccessKeyId": made["access_key"],
                "SecretAccessKey": made["secret_key"],
                "Token": made["token"], "Expiration": made["expires"]}


class Container(Server):
    """Asks for a token, which is a new one with each answer."""

    PATH = "/2016-11-01/credentialprovider/"

    def prepare(self):
        self.tokens = []
        self.token_path = self.folder / "container-token"
        self._new_token()
        self.environment = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI":
                f"http://localhost:{self.port}{self.PATH}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(self.token_path)}

    def _new_token(self):
        """The one before it is still good: some ask twice."""
        self.token = secrets.token_urlsafe(24)
        self.tokens = [*self.tokens[-1:], self.token]
        new = self.token_path.with_suffix(".new")
        new.write_text(self.token)
        new.rename(self.token_path)

    def get(self, request):
        if (request.path != self.PATH
                or request.headers["Authorization"] not in self.tokens):
            request.refuse(401, {"code": "NotAuthorized"})
            return
        answer = self.metadata()
        self._new_token()
        request.reply(200, answer)

    def secrets(self):
        return super().secrets() + [self.token]


class ContainerTls(Container):
    """The same for any host, which TLS vouches for."""

    def prepare(self):
        super().prepare()
        keys = self.folder / "container"
        keys.mkdir(exist_ok=True)
        self.ca_path, self.tls = authority.prepare(str(keys))
        self.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = (
            f"https://localhost:{self.port}{self.PATH}")


class Imds(Server):
    """IMDSv2 only: no request without a token that a PUT gave."""

    ROLES = "/latest/meta-data/iam/security-credentials/"

    def prepare(self):
        self.tokens = set()
        self.environment = {"AWS_EC2_METADATA_SERVICE_ENDPOINT":
                            f"http://127.0.0.1:{self.port}/"}

    def put(self, request):
        ttl = request.headers["X-aws-ec2-metadata-token-ttl-seconds"] or ""
        if (request.path != "/latest/api/token" or not ttl.isdecimal()
                or not 1 <= int(ttl) <= 21600
                or request.headers["X-Forwarded-For"] is not None):
            request.refuse(400, "no token")
            return
        token = secrets.token_urlsafe(40)
        self.tokens.add(token)
        request.reply(200, token)

    def get(self, request):
        if request.headers["X-aws-ec2-metadata-token"] not in self.tokens:
            request.refuse(401, "no token")
        elif request.path == self.ROLES:
            request.reply(200, "the-role\n")
        elif request.path == self.ROLES + "the-role":
            request.reply(200, self.metadata())
        else:
            request.refuse(404, "not here")

    def secrets(self):
        return super().secrets() + sorted(self.tokens)


class Iot(Server):
    """Mutual TLS, with an authority and certificates that are made here."""

    PATH = "/role-aliases/edge-box/credentials"
    KEY = "ec"

    def prepare(self):
        self.names = set()  # the server names that clients asked for
        keys = self.folder / "iot"
        keys.mkdir(exist_ok=True)
        authority.prepare(str(keys))
        self.renew_certificate("box")
        self.tls = authority.server_context(str(keys))
        self.tls.verify_mode = ssl.CERT_REQUIRED
        self.tls.load_verify_locations(str(keys / "ca.pem"))
        self.tls.sni_callback = lambda _s, name, _c: self.names.add(name)
        self.settings = {
            "source": "iot", "iot": {
                "endpoint": f"localhost:{self.port}",
                "role_alias": "edge-box", "thing": "store-7",
                "cert_file": str(keys / "used.pem"),
                "key_file": str(keys / "used.key"),
                "ca_file": str(keys / "ca.pem")}}

    def renew_certificate(self, stem):
        keys = self.folder / "iot"
        authority.make_client(str(keys), stem, self.KEY)
        for end in ("key", "pem"):
            new = keys / f"used.{end}.new"
            new.write_bytes((keys / f"{stem}.{end}").read_bytes())
            new.chmod(0o600)
            new.rename(keys / f"used.{end}")
        self.subject = stem

    def get(self, request):
        subject = dict(part[0] for part in
                       request.connection.getpeercert()["subject"])
        if (request.path != self.PATH
                or subject["commonName"] != self.subject
                or request.headers["x-amzn-iot-thingname"] != "store-7"):
            request.refuse(403, {"message": "Access Denied"})
            return
        made = self.session()
        request.reply(200, {"credentials": {
            "accessKeyId": made["access_key"],
            "secretAccessKey": made["secret_key"],
            "sessionToken": made["token"],
            "expiration": made["expires"]}})


class IotRsa(Iot):
    KEY = "rsa"


ALL = (Profile, Process, Container, Imds, Iot, IotRsa)

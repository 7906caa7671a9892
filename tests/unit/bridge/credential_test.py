# SPDX-License-Identifier: Apache-2.0
"""What an environment and its files give must be the same here and by botocore:
random ones, and endpoints that are asked by both. And endpoints that answer
what they should not: here only.

  /usr/bin/python3 credential_test.py CREDENTIAL_LINES [SEED] [COUNT]
"""

import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types

import botocore.session


ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/cloud"))
import sources  # noqa: E402

LINES = sys.argv[1]
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 20261129
COUNT = int(sys.argv[3]) if len(sys.argv) > 3 else 300
PATH = {"PATH": os.environ["PATH"]}
NONE = ("not_found", None, None, None)


def ours(environment, source="default", *settings):
    """(err, access, secret, token), and what was said."""
    done = subprocess.run([LINES, source, *settings], capture_output=True,
                          text=True, env=PATH | environment, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"{done.returncode}: {done.stdout}{done.stderr}")
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    text = {name: bytes.fromhex(said[name]).decode() for name in
            ("why", "words", "access", "secret", "token") if name in said}
    for secret in ("S3CRET", "T0KEN"):
        assert secret not in text["why"] + done.stderr, (text, done.stderr)
    return (said["err"], text.get("access"), text.get("secret"),
            text.get("token")), types.SimpleNamespace(
                source=said["source"], expires=said.get("expires"), **text)


# What botocore may have against a random environment.
EXPECTED = ("ConfigParseError", "PartialCredentialsError", "ProfileNotFound")


def theirs(environment):
    """[method, access, secret, token], None, or the error's name."""
    os.environ.clear()
    os.environ.update(PATH | environment)
    try:
        found = botocore.session.Session().get_credentials()
        return found and [found.method, *found.get_frozen_credentials()[:3]]
    except Exception as error:
        assert type(error).__name__ in EXPECTED, (environment, error)
        return type(error).__name__


# --- random files and environments -----------------------------------------

def keys(rng, name):
    """Lines of a section: all keys, or a part of them."""
    number = rng.randint(0, 9)
    equals = rng.choice(("=", " = ", "= ", ":", " : "))
    lines = [f"aws_access_key_id{equals}AK{name}{number}",
             f"aws_secret_access_key{equals}S3CRET/{name}+={number}"]
    if rng.random() < 0.4:
        lines.append(f"{rng.choice(('aws_session_token', 'aws_security_token'))}"
                     f"{equals}T0KEN{name}==")
    if rng.random() < 0.15:
        lines.pop(rng.randrange(len(lines)))
    if rng.random() < 0.2:
        lines = [line.upper().replace("S3CRET_", "secret_") if rng.random() < 0
                 else line.replace("aws_access", "AWS_Access")
                 for line in lines]
    rng.shuffle(lines)
    return lines


# Each once in a section: of what it does not read, we do not mind a repeat.
NOISE = ("", "  ", "# aws_access_key_id = no", "; [default]", "   # no",
         "region = eu-central-1", "output: json", "\tregion2 = x", "empty =",
         "s3 =\n    max_queue = 1\n    aws_access_key_id = no")


def section(rng, header, name, script):
    lines = [header + rng.choice(("", " ", " # a", "\r"))]
    if rng.random() < 0.75:
        lines += keys(rng, name)
    if rng.random() < 0.2:
        lines.append(f"credential_process = {script} 'P {name}' \"q\\\"r\" s\\ t")
    for noise in rng.sample(NOISE, rng.randint(0, 3)):
        lines.insert(rng.randint(1, len(lines)), noise)
    return lines


def shared_file(rng, headers, script):
    text = []
    names = rng.sample(sorted(headers), rng.randint(0, len(headers)))
    for name in names:
        text += section(rng, headers[name], name, script)
    if rng.random() < 0.05:
        text.insert(rng.randint(0, len(text)), "what is this")
    return "\n".join(text) + rng.choice(("", "\n"))


def random_case(rng, folder, script):
    home = folder / "home"
    (home / ".aws").mkdir(parents=True, exist_ok=True)
    environment = {"HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true"}
    credentials = shared_file(rng, {"default": "[default]", "x": "[x]",
                                    "a b": "[a b]"}, script)
    config = shared_file(rng, {
        "default": rng.choice(("[default]", "[profile default]")),
        "x": rng.choice(("[profile x]", "[profile  x]", "[profile 'x']")),
        "a b": "[profile \"a b\"]", "other": "[x]"}, script)
    for variable, name, text in (
            ("AWS_SHARED_CREDENTIALS_FILE", "credentials", credentials),
            ("AWS_CONFIG_FILE", "config", config)):
        path = home / ".aws" / name
        path.unlink(missing_ok=True)
        if rng.random() < 0.3:
            path = home / f"{name}-elsewhere"
            environment[variable] = rng.choice((str(path),
                                                f"~/{path.name}"))
        if rng.random() < 0.9:
            path.write_text(text, newline="")
        else:
            path.unlink(missing_ok=True)
    if rng.random() < 0.6:
        environment["AWS_PROFILE"] = rng.choice(("x", "a b", "default"))
    if rng.random() < 0.15:
        environment |= {"AWS_ACCESS_KEY_ID": "AKENV",
                        "AWS_SECRET_ACCESS_KEY": "S3CRETENV"}
        if rng.random() < 0.5:
            environment["AWS_SESSION_TOKEN"] = "T0KENENV"
    return environment


def compare(environment, seen):
    mine, said = ours(environment)
    other = theirs(environment)
    why = (environment, mine, said, other,
           *(path.read_text() for path in
             sorted(pathlib.Path(environment["HOME"]).glob("**/*"))
             if path.is_file()))
    if isinstance(other, list) and any("\n" in text for text in other[1:]
                                       if text):
        # A value that goes on by mistake: no request could be sent with it.
        assert mine[0] == "config" and "line feed" in said.why, why
    elif isinstance(other, list):
        assert mine[0] == "ok", why
        assert mine[1:3] == tuple(other[1:3]), why
        assert mine[3] == (other[3] or ""), why
        seen[other[0]] = seen.get(other[0], 0) + 1
    elif "AWS_ACCESS_KEY_ID" in environment:
        # (botocore looks for the profile first, the other SDKs do not.)
        assert mine[1] == "AKENV", why
    else:
        assert mine[0] != "ok", why
        assert said.why, why
        seen[str(other)] = seen.get(str(other), 0) + 1


def script_of(folder):
    script = folder / "script"
    script.write_text(f"""#!/bin/sh
[ "$2" = 'q"r' ] && [ "$3" = "s t" ] || exit 1
printf '{{"Version": 1, "AccessKeyId": "AK%s", ' "$1"
printf '"SecretAccessKey": "S3CRETP", "SessionToken": "T0KENP"}}'
""")
    script.chmod(0o700)
    return script


def files_and_environments(folder):
    rng = random.Random(SEED)
    seen = {}
    script = script_of(folder)
    for _ in range(COUNT):
        compare(random_case(rng, folder, script), seen)
    print(f"figure: {COUNT} environments as botocore has them: {seen}")
    for kind in ("env", "shared-credentials-file", "config-file",
                 "custom-process", "None"):
        assert seen.get(kind, 0) >= max(1, COUNT // 100), (kind, seen)


# --- endpoints --------------------------------------------------------------

class Once:
    """Stands for the cloud: gives the same session to both."""

    control_port = 1

    def session(self, life_s, token_bytes):
        return {"access_key": "AKONCE", "secret_key": "S3CRETONCE",
                "token": "T0KEN" * (token_bytes // 5),
                "expires": "2099-01-01T00:00:00Z"}


def endpoints(folder):
    for kind in (sources.Container, sources.Imds):
        for bytes_ in (100, 30000):
            with kind(Once(), folder, token_bytes=bytes_) as source:
                environment = {"HOME": "/nowhere"} | source.environment
                mine, said = ours(environment)
                assert mine == ("ok", "AKONCE", "S3CRETONCE",
                                "T0KEN" * (bytes_ // 5)), (mine, said)
                assert said.expires == "4070908800000000", said
                assert source.refused == 0
                # (Debian's botocore does not know the token's file yet.)
                other = theirs(environment | {
                    "AWS_CONTAINER_AUTHORIZATION_TOKEN":
                        getattr(source, "token", "")})
                assert tuple(other[1:]) == mine[1:], other
    with sources.ContainerTls(Once(), folder) as source:
        mine, said = ours(source.environment, "container",
                          f"ca_file={source.ca_path}")
        assert mine[:3] == ("ok", "AKONCE", "S3CRETONCE"), (mine, said)
        mine, said = ours(source.environment, "container",
                          "ca_file=/etc/ssl/certs/ca-certificates.crt")
        assert mine[0] != "ok" and "not trusted" in said.why, (mine, said)
    with sources.Iot(Once(), folder) as source:
        iot = source.settings["iot"]
        settings = [f"iot.{name}={value}" for name, value in iot.items()]
        mine, said = ours({}, "iot", *settings)
        assert mine[:3] == ("ok", "AKONCE", "S3CRETONCE"), (mine, said)
        refusals(folder, iot, settings)
    print("figure: container, IMDS and IoT as they should be")


def refusals(folder, iot, settings):
    """What AWS IoT Core, or its files, may have against us."""
    other = folder / "other"
    other.mkdir()
    sources.authority.prepare(str(other))
    sources.authority.make_client(str(other), "stranger", "ec")
    opened = other / "opened.key"
    opened.write_bytes(pathlib.Path(iot["key_file"]).read_bytes())
    opened.chmod(0o644)
    locked = other / "locked.key"
    subprocess.run(["openssl", "pkey", "-in", iot["key_file"], "-aes128",
                    "-passout", "pass:x", "-out", locked], check=True)
    for change, words in (
            ({"thing": "store-8"}, "status 403: check the certificate's"),
            ({"role_alias": "other"}, "status 403"),
            ({"ca_file": f"{other}/ca.pem"}, "not trusted"),
            ({"key_file": f"{other}/stranger.key"}, "not that of the"),
            ({"key_file": str(locked)}, "has a password"),
            ({"key_file": str(opened)}, "other users can read"),
            ({"key_file": iot["cert_file"]}, "key is not PEM"),
            ({"cert_file": iot["key_file"]}, "certificate is not PEM"),
            ({"cert_file": "/nowhere"}, "/nowhere"),
            ({"cert_file": str(other)}, "no regular file"),
            ({"cert_file": f"{other}/stranger.pem",
              "key_file": f"{other}/stranger.key"}, "localhost"),
            ({"endpoint": "localhost:1"}, "cannot connect"),
            ({"endpoint": "localhost:0"}, "cannot use endpoint")):
        changed = [f"iot.{name}={value}"
                   for name, value in (iot | change).items()]
        mine, said = ours({}, "iot", *changed)
        assert mine[0] != "ok" and words in said.why, (change, mine, said)


# --- endpoints that answer what they should not ------------------------------

ANSWERS = (
    (b"", "closed"),
    (b"garbage\r\n\r\n", "not HTTP/1.1"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "no AccessKeyId"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", "closed"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", "too long"),
    (b"HTTP/1.1 200 OK\r\n\r\n<html>S3CRET</html>", "no JSON"),
    (b"HTTP/1.1 302 Found\r\nLocation: http://example.com/\r\n"
     b"Content-Length: 0\r\n\r\n", "status 302"),
    (b"HTTP/1.1 403 No\r\nContent-Length: 6\r\n\r\nS3CRET", "status 403"),
    (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "status 500"),
    (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000, "not HTTP/1.1"),
)


def serve(listener, answer):
    while True:
        try:
            link, _ = listener.accept()
        except OSError:
            return
        with link:
            link.recv(65536)
            try:
                link.sendall(answer)
            except OSError:
                pass


def hostile_answers():
    for answer, words in ANSWERS:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            thread = threading.Thread(target=serve, args=(listener, answer))
            thread.start()
            uri = f"http://127.0.0.1:{port}/"
            for environment in (
                    {"AWS_CONTAINER_CREDENTIALS_FULL_URI": uri},
                    {"AWS_EC2_METADATA_SERVICE_ENDPOINT": uri}):
                mine, said = ours({"HOME": "/nowhere"} | environment)
                assert mine[0] != "ok", (answer[:80], said)
                if "FULL_URI" in str(environment):
                    assert words in said.why, (answer[:80], said)
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
    with socket.create_server(("127.0.0.1", 0)) as listener:  # says nothing
        began = time.monotonic()
        port = listener.getsockname()[1]
        mine, said = ours({"AWS_EC2_METADATA_SERVICE_ENDPOINT":
                           f"http://127.0.0.1:{port}/", "HOME": "/nowhere"})
        assert mine[0] == "network" and "no answer in time" in said.why, said
        assert "hop limit" in said.why, said
        assert 4 < time.monotonic() - began < 30
    mine, said = ours({"AWS_CONTAINER_CREDENTIALS_FULL_URI":
                       f"http://localhost:{port}/", "HOME": "/nowhere"})
    assert "refused" in said.why, said


def words(folder):
    """What is missing is said, and where."""
    token = folder / "token"
    token.write_text("T0KEN\nX: y")
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    base = {"HOME": "/nowhere"}
    uri = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost:1/"}
    for environment, arguments, err, said in (
            ({}, ("default",), "not_found", "AWS_ACCESS_KEY_ID"),
            ({}, ("environment",), "not_found", "AWS_ACCESS_KEY_ID"),
            ({"AWS_ACCESS_KEY_ID": "A"}, ("default",), "config",
             "AWS_SECRET_ACCESS_KEY is not set"),
            ({}, ("profile",), "config", "profile default is not in"),
            ({}, ("container",), "not_found", "FULL_URI is not set"),
            ({"AWS_EC2_METADATA_DISABLED": "TRUE"}, ("imds",), "not_found",
             "METADATA_DISABLED is true"),
            ({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv5"}, ("imds",),
             "config", "neither IPv4 nor IPv6"),
            ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://10.0.0.1/"},
             ("default",), "config", "link-local"),
            ({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "@example.com/"},
             ("default",), "config", "begin with a slash"),
            (uri | {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "a\nb"},
             ("default",), "config", "AUTHORIZATION_TOKEN begins"),
            (uri | {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token)},
             ("default",), "config", "TOKEN_FILE begins"),
            (uri | {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/nowhere"},
             ("default",), "config", "cannot read /nowhere"),
            ({"AWS_SHARED_CREDENTIALS_FILE": str(fifo)}, ("default",),
             "range", "no regular file"),
            ({"AWS_SHARED_CREDENTIALS_FILE": "/dev/zero"}, ("default",),
             "range", "no regular file"),
            ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/x"}, ("default",),
             "unsupported", "AWS_WEB_IDENTITY_TOKEN_FILE"),
            ({}, ("process", "command=/bin/false"), "refused", "status 1"),
            ({}, ("iot", "iot.endpoint=localhost"), "config",
             "cert_file is not set")):
        mine, seen = ours(base | environment, *arguments)
        assert mine[0] == err and said in seen.why, (environment, mine, seen)
    with_folder = {"CREDENTIALS_DIRECTORY": str(folder), "HOME": "/nowhere"}
    (folder / "aws-credentials").write_text(
        "[default]\naws_access_key_id = AKDIR\n"
        "aws_secret_access_key = S3CRETDIR\n")
    mine, seen = ours(with_folder)
    assert mine == ("ok", "AKDIR", "S3CRETDIR", ""), (mine, seen)


def main():
    print(f"seed {SEED}")
    with tempfile.TemporaryDirectory() as name:
        files_and_environments(pathlib.Path(name))
    with tempfile.TemporaryDirectory() as name:
        endpoints(pathlib.Path(name))
    hostile_answers()
    with tempfile.TemporaryDirectory() as name:
        words(pathlib.Path(name))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Random requests signed by the bridge and by botocore must agree.

  /usr/bin/python3 sigv4_test.py SIGV4_LINES [SEED] [COUNT]
"""

import random
import subprocess
import sys
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 20261123
COUNT = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
DATES = ("20260102T030405Z", "20260102T235959Z", "20240229T120000Z")
WORDS = "abcXYZ019-._~ /+=&%$!*'()@:,;\"<>[]{}|\\^`\u00e9\u4e2d"


def text(rng, alphabet, most, least=0):
    return "".join(rng.choice(alphabet)
                   for _ in range(rng.randint(least, most)))


def random_path(rng):
    parts = [rng.choice(("", ".", "..", text(rng, WORDS, 6)))
             for _ in range(rng.randint(0, 5))]
    return quote("/" + "/".join(parts), safe="/.~")


def random_query(rng):
    """Encoded as AWS wants it, which is what botocore expects of a URL."""
    return "&".join(quote(text(rng, WORDS, 5, 1), safe="-_.~") + "=" +
                    quote(text(rng, WORDS, 5), safe="-_.~")
                    for _ in range(rng.randint(0, 5)))


def random_headers(rng):
    """Names in any case, some twice, values with runs of white space."""
    names = [rng.choice(("X-Amz-Target", "Content-Type", "x-amz-meta-a",
                         "X-AMZ-META-B", "My-Header"))
             for _ in range(rng.randint(0, 5))]
    return [(name, text(rng, "abc  XYZ \t09/+=\";", 20)) for name in names]


def random_request(rng):
    return {
        "access": text(rng, "ABCDEFGH0123", 20, 16),
        "secret": text(rng, "abcXYZ/+09", 40, 1),
        "token": rng.choice((None, text(rng, "abcXYZ/+=09", 300, 1))),
        "region": rng.choice(("eu-central-1", "us-east-1", "cn-north-1")),
        "service": rng.choice(("events", "kinesis")),
        "date": rng.choice(DATES),
        "method": rng.choice(("GET", "POST", "PUT")),
        "path": random_path(rng),
        "query": random_query(rng),
        "body": rng.randbytes(rng.randint(0, 300)),
        "headers": random_headers(rng),
    }


def by_botocore(one):
    url = f"https://events.example.com{one['path']}"
    if one["query"]:
        url += "?" + one["query"]
    request = AWSRequest(method=one["method"], url=url, data=one["body"])
    for name, value in one["headers"]:
        request.headers.add_header(name, value)
    request.context["timestamp"] = one["date"]
    signer = SigV4Auth(Credentials(one["access"], one["secret"],
                                   one["token"]),
                       one["service"], one["region"])
    signer._modify_request_before_signing(request)
    request.headers.replace_header("X-Amz-Date", one["date"])
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical),
                                 request)
    signer._inject_signature_to_request(request, signature)
    return request.headers["Authorization"]


def field(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return raw.hex() or "-"


def as_line(one):
    headers = [("Host", "events.example.com"), ("X-Amz-Date", one["date"]),
               *one["headers"]]
    if one["token"]:
        headers.append(("X-Amz-Security-Token", one["token"]))
    fields = [one[name] for name in (
        "access", "secret", "region", "service", "date", "method", "path",
        "query", "body")]
    for name, value in headers:
        fields += [name, value]
    return " ".join(field(value) for value in fields)


def main():
    print(f"seed {SEED}, {COUNT} requests")
    rng = random.Random(SEED)
    requests = [random_request(rng) for _ in range(COUNT)]
    done = subprocess.run([sys.argv[1]], check=True, capture_output=True,
                          input="\n".join(map(as_line, requests)) + "\n",
                          text=True)
    ours = done.stdout.splitlines()
    assert len(ours) == COUNT, f"{len(ours)} answers to {COUNT} requests"
    wrong = 0
    for one, signed in zip(requests, ours):
        expected = by_botocore(one)
        if signed != expected:
            wrong += 1
            print(f"{one}\n botocore {expected}\n bridge   {signed}")
    print(f"{COUNT - wrong} of {COUNT} agree")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

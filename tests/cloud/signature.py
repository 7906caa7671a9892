# SPDX-License-Identifier: Apache-2.0
"""AWS's own signer judges every signature.

The request is rebuilt from what was received and signed by botocore's
SigV4Auth. Two things differ from a client's use of it: the time is the
request's own X-Amz-Date (the steps of add_auth are called one by one, since
add_auth takes the clock's time), and exactly the headers are signed that the
request names in SignedHeaders. What the service adds of its own is around
that: which headers must be signed, the scope, the five minutes.

Texts are those that AWS's JSON services answer.
"""

import datetime
import hashlib
import hmac
import re

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders

from errors import ServiceError

WINDOW = datetime.timedelta(minutes=5)
TIME_FORM = "%Y%m%dT%H%M%SZ"
TIME_PATTERN = re.compile(r"[0-9]{8}T[0-9]{6}Z")
ALGORITHM = "AWS4-HMAC-SHA256"
PARTS = ("Credential", "SignedHeaders", "Signature")


class _Recompute(SigV4Auth):
    """botocore's signer over exactly the headers that it is given."""

    def headers_to_sign(self, request):
        return request.headers


def _invalid(message):
    return ServiceError("InvalidSignatureException", message)


def _parse_authorization(text):
    """Credential, SignedHeaders and Signature of the Authorization header."""
    algorithm, _, rest = text.partition(" ")
    if algorithm != ALGORITHM:
        raise ServiceError("IncompleteSignatureException",
                           f"Unsupported AWS 'algorithm': '{algorithm}'.")
    found = {}
    for part in rest.split(","):
        name, _, value = part.strip().partition("=")
        found[name] = value
    lacking = [name for name in PARTS if not found.get(name)]
    if lacking:
        words = " ".join(f"Authorization header requires '{name}' parameter."
                         for name in lacking)
        raise ServiceError("IncompleteSignatureException", words)
    return [found[name] for name in PARTS]


class Signatures:
    """Knows the credentials; `check` raises ServiceError on any doubt."""

    def __init__(self, sessions, region, clock):
        self._sessions = sessions
        self._region = region
        self._clock = clock  # returns the cloud's UTC time, aware

    def check(self, request, service):
        """Judges `request` (method, target, headers, body) to `service`."""
        authorization = request.header("authorization")
        if authorization is None:
            raise ServiceError("MissingAuthenticationTokenException",
                               "Missing Authentication Token")
        credential, names, signature = _parse_authorization(authorization)
        access_key, _, scope = credential.partition("/")
        stamp = self._check_date_form(request)
        credentials = self._sessions.find(
            access_key, request.header("x-amz-security-token"))
        self._check_scope(scope, stamp, service)
        self._check_window(stamp)
        headers = self._signed(request, names.split(";"))
        self._check_signature(credentials, request, headers, stamp, service,
                              signature)

    @staticmethod
    def _check_date_form(request):
        stamp = request.header("x-amz-date") or ""
        if not TIME_PATTERN.fullmatch(stamp):
            raise ServiceError(
                "IncompleteSignatureException",
                "Authorization header requires existence of either a "
                "'X-Amz-Date' or a 'Date' header.")
        return stamp

    def _check_scope(self, scope, stamp, service):
        parts = scope.split("/")
        if len(parts) != 4 or parts[3] != "aws4_request":
            raise _invalid("Credential should be scoped with a valid "
                           f"terminator: 'aws4_request', not '{scope}'.")
        if parts[0] != stamp[:8]:
            raise _invalid(
                "Date in Credential scope does not match YYYYMMDD from "
                f"ISO-8601 version of date from HTTP: '{parts[0]}' != "
                f"'{stamp[:8]}', from '{stamp}'.")
        if parts[1] != self._region:
            raise _invalid("Credential should be scoped to a valid region, "
                           f"not '{parts[1]}'.")
        if parts[2] != service:
            raise _invalid("Credential should be scoped to correct service: "
                           f"'{service}'.")

    def _check_window(self, stamp):
        now = self._clock()
        try:
            sent = datetime.datetime.strptime(stamp, TIME_FORM).replace(
                tzinfo=datetime.timezone.utc)
        except ValueError:
            raise _invalid(f"'{stamp}' is not a date.") from None
        if sent < now - WINDOW:
            raise _invalid(
                f"Signature expired: {stamp} is now earlier than "
                f"{(now - WINDOW).strftime(TIME_FORM)} "
                f"({now.strftime(TIME_FORM)} - 5 min.)")
        if sent > now + WINDOW:
            raise _invalid(
                f"Signature not yet current: {stamp} is still later than "
                f"{(now + WINDOW).strftime(TIME_FORM)} "
                f"({now.strftime(TIME_FORM)} + 5 min.)")

    @staticmethod
    def _signed(request, names):
        """The headers named in SignedHeaders, if all are that must be."""
        signed = set(names)
        for name in ("host", "x-amz-date", "x-amz-target", "content-type"):
            if name not in signed:
                raise _invalid(f"'{name}' must be a 'SignedHeader' in the "
                               "AWS Authorization.")
        headers = HTTPHeaders()
        for name, value in request.headers:
            if name in signed:
                headers[name] = value
            elif name.startswith("x-amz-"):
                raise _invalid("There were headers present in the request "
                               f"which were not signed: {name}.")
        return headers

    def _check_signature(self, credentials, request, headers, stamp, service,
                         signature):
        said = headers.get("x-amz-content-sha256")
        if (said is not None
                and said != hashlib.sha256(request.body).hexdigest()):
            raise _invalid("The value passed in as x-amz-content-sha256 does "
                           "not match the SHA-256 of the body.")
        rebuilt = AWSRequest(method=request.method, headers=headers,
                             data=request.body,
                             url=f"https://{headers['host']}{request.target}")
        rebuilt.context["timestamp"] = stamp
        signer = _Recompute(credentials, service, self._region)
        canonical = signer.canonical_request(rebuilt)
        to_sign = signer.string_to_sign(rebuilt, canonical)
        expected = signer.signature(to_sign, rebuilt)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise _invalid(
                "The request signature we calculated does not match the "
                "signature you provided. Check your AWS Secret Access Key "
                "and signing method. Consult the service documentation for "
                "details.\n\nThe Canonical String for this request should "
                f"have been\n'{canonical}'\n\nThe String-to-Sign should have "
                f"been\n'{to_sign}'\n")

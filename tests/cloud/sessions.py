# SPDX-License-Identifier: Apache-2.0
"""Short-lived credentials, as AWS STS gives them: a key pair that is accepted
only with its session token, and only until its end."""

import datetime
import secrets
import types

from errors import ServiceError

TOKEN_BYTES = 600


class Sessions:
    """Those that were given out, by access key."""

    def __init__(self, fixed, clock):
        self._fixed = fixed  # access_key, secret_key, token: without an end
        self._clock = clock  # the cloud's time, in seconds
        self._known = {}
        self.given = 0
        self.expired = 0  # requests that came with one past its end

    def give(self, life_s, token_bytes=TOKEN_BYTES):
        """A new session, as a dictionary."""
        ends = self._clock() + life_s
        session = types.SimpleNamespace(
            access_key="ASIA" + secrets.token_hex(8).upper(),
            secret_key=secrets.token_urlsafe(30),
            token=secrets.token_urlsafe(token_bytes)[:token_bytes], ends=ends)
        self._known[session.access_key] = session
        self.given += 1
        end = datetime.datetime.fromtimestamp(ends, datetime.timezone.utc)
        return vars(session) | {
            "expires": end.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}

    def revoke(self):
        """All of them end now."""
        for session in self._known.values():
            session.ends = 0

    def find(self, access_key, token):
        """What a signature is recomputed with; ServiceError on any doubt."""
        session = self._known.get(access_key, self._fixed)
        if access_key != session.access_key or token != session.token:
            raise ServiceError(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.")
        if session is not self._fixed and self._clock() >= session.ends:
            self.expired += 1
            raise ServiceError(
                "ExpiredTokenException",
                "The security token included in the request is expired")
        return session

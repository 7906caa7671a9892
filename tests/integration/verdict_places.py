# SPDX-License-Identifier: Apache-2.0
"""The five places where the gateway's verdict shows (the API that the page reads,
`status`, /healthz, the metrics, the log), asked alike."""

import contextlib
import http.client
import json
import re
import subprocess

from edge import EDGE, ROOT, UnixHTTP, wait_for

EXITS = {"ok": 0, "degraded": 3, "failing": 4}
LEVELS = {"ok": 0, "degraded": 1, "failing": 2}
TABLE = ROOT / "gateway/verdict/condition_list.h"


def conditions():
    """code -> (level, scope, restart helps, action), of the table in C."""
    text = re.sub(r"\\\n", " ", TABLE.read_text())
    rows = re.findall(
        r'X\(\w+, \w+, "([a-z-]+)",\s*(FAILING|DEGRADED),\s*(STREAM|BOX),\s*'
        r'(true|false),\s*\d+,\s*\d+,\s*"([^"]+)"\)', text)
    return {code: (level.lower(), scope, helps == "true", action)
            for code, level, scope, helps, action in rows}


def get(store, path):
    """(status, body) over TCP, as the page asks; over the control socket where
    there is no page."""
    with contextlib.suppress(OSError):
        with contextlib.closing(http.client.HTTPConnection(
                "127.0.0.1", store.page_port, timeout=10)) as link:
            link.request("GET", path)
            answer = link.getresponse()
            return answer.status, answer.read().decode()
    return get_local(store, path)


def get_local(store, path):
    with contextlib.closing(
            UnixHTTP(store.folder / "data/control.sock")) as link:
        link.request("GET", path)
        answer = link.getresponse()
        return answer.status, answer.read().decode()


def named(code, stream):
    return f"{code}({stream})" if stream else code


def last_verdict(log):
    """The names in the log's last line of a verdict."""
    lines = re.findall(r"verdict changes=\d+ (?:ok|degraded|failing)(.*)", log)
    return lines[-1].lstrip(": ").split() if lines else []


def look(store, code, stream=None, log=None):
    """place -> does it name the condition? None where a place contradicts the
    level that the API gives."""
    body = json.loads(get(store, "/api/v1/status")[1])["verdict"]
    found = [r for r in body["reasons"]
             if (r["code"], r.get("stream")) == (code, stream)]
    seen = {"api": bool(found)}
    for at in [body["since"], *(r["since"] for r in body["reasons"])]:
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", at):
            seen["api"] = None
    wants_restart = any(r["level"] == "failing" and r["restart_helps"]
                        for r in body["reasons"])

    done = subprocess.run([EDGE, "status", "--config", store.config_path],
                          capture_output=True, text=True, timeout=30)
    of = f"{code} of {stream}" if stream else code
    row = re.search(rf"(?m)^  {of}( \(failing\))?: .+\n    to do: (.+)$",
                    done.stdout)
    seen["status"] = row is not None
    if done.returncode != EXITS[body["level"]]:
        seen["status"] = None
    if row and row[2] != conditions()[code][3]:
        seen["status"] = None

    health, text = get(store, "/healthz")
    seen["healthz"] = named(code, stream) in text.split("\n")[0].split()
    if health != (503 if wants_restart else 200):
        seen["healthz"] = None

    metrics = get(store, "/metrics")[1]
    line = f'shopme_edge_condition{{code="{code}",stream="{stream or ""}"}} 1\n'
    seen["metrics"] = line in metrics
    if f"\nshopme_edge_verdict {LEVELS[body['level']]}\n" not in metrics:
        seen["metrics"] = None

    log = store.gateway.log() if log is None else log()
    seen["log"] = named(code, stream) in last_verdict(log)
    return seen


PLACES = ["api", "status", "healthz", "metrics", "log"]


def agree(store, code, stream, wanted, seconds, log=None):
    """Until all five say so; else the places that do not."""
    last = {}

    def all_five():
        last.clear()
        with contextlib.suppress(OSError, http.client.HTTPException):
            last.update(look(store, code, stream, log))
        return all(last.get(place) is wanted for place in PLACES)

    try:
        wait_for("", all_five, seconds, 0.2)
    except AssertionError:
        verb = "named" if wanted else "taken back"
        raise AssertionError(
            f"{named(code, stream)} is not {verb} everywhere in {seconds} s: "
            f"{last}") from None


def seen_everywhere(store, code, stream=None, seconds=60, log=None):
    """Waits for the condition in all five places; its reason, as the API gives
    it, which must be as the table has it."""
    agree(store, code, stream, True, seconds, log)
    verdict = json.loads(get(store, "/api/v1/status")[1])["verdict"]
    reason = next(r for r in verdict["reasons"] if r["code"] == code)
    level, scope, helps, action = conditions()[code]
    assert (reason["level"], reason["restart_helps"], reason["action"]) == (
        level, helps, action), reason
    assert ("stream" in reason) == (scope == "STREAM"), reason
    return reason


def gone_everywhere(store, code, stream=None, seconds=60, log=None):
    agree(store, code, stream, False, seconds, log)

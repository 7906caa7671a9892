# SPDX-License-Identifier: Apache-2.0
"""Goal: config/schemas and docs/events.md say what the shop really does.

Every schema is one itself; whatever a scripted run says validates; schemas and
shop_check() refuse the same data, but for what a schema cannot say; every
example of the documentation validates, those of the shop's events are what the
run said, to the byte of each value, and no event goes without one."""

import json
import pathlib
import re
import subprocess
import sys

from jsonschema import Draft202012Validator

# Reasons of refusals that JSON Schema has no words for.
BEYOND_SCHEMAS = re.compile(
    r"only once|at most 1000000 of one sku|no more decimals|^type: "
    r"|ISO 4217|quantity: expected a whole number$")
NONCHARACTER = re.compile("[\U0001fffe-\U0001ffff\U0003fffe-\U0003ffff]")
ENVELOPES = {"event", "record", "notice", "receipt"}
# Said by the gateway itself, not by the shop.
OF_THE_GATEWAY = {"EventRejected", "EventsDropped", "JournalDamaged"}


def load_schemas(folder):
    schemas = {}
    for path in sorted(folder.glob("*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(schema)
        assert schema["title"] == path.stem, path
        assert schema["$id"] == f"urn:shopme-edge:schema:{path.stem}", path
        schemas[path.stem] = Draft202012Validator(schema)
    assert ENVELOPES <= set(schemas), sorted(schemas)
    return schemas


def refusal(validator, value):
    """Why a value is refused, or None."""
    error = next(validator.iter_errors(value), None)
    return error and f"{'/'.join(map(str, error.path))}: {error.message}"


def expect_valid(schemas, name, value):
    why = refusal(schemas[name], value)
    assert why is None, f"{name} refuses {json.dumps(value)}: {why}"


def check_event(schemas, envelope, event):
    expect_valid(schemas, envelope, event)
    expect_valid(schemas, event["type"], event["data"])


def check_case(schemas, word, case):
    name, data = case[0], case[1]
    if word == "accepted":
        expect_valid(schemas, name, data)
    elif not BEYOND_SCHEMAS.search(case[2]) and not NONCHARACTER.search(
            json.dumps(data, ensure_ascii=False)):
        assert refusal(schemas[name], data), f"{name} takes {json.dumps(data)}"


def check_spoiled(schemas, envelope, event):
    """Without a required member neither envelope nor data is valid."""
    for name, value in ((envelope, event), (event["type"], event["data"])):
        for member in schemas[name].schema["required"]:
            spoiled = {k: v for k, v in value.items() if k != member}
            assert refusal(schemas[name], spoiled), f"{name} without {member}"


def check_run(schemas, lines):
    """What the shop said, by type; every event type and answer came up."""
    said = {}
    envelopes = {"input": "record", "output": "record", "notice": "notice",
                 "repeat": "notice"}
    counts = {}
    for line in lines:
        word, text = line.split(" ", 1)
        value = json.loads(text)
        counts[word] = counts.get(word, 0) + 1
        if word in envelopes:
            check_event(schemas, envelopes[word], value)
            check_spoiled(schemas, envelopes[word], value)
            assert (word == "repeat") == ("repeated" in value), line
            said.setdefault(value["type"], []).append(value)
        else:
            check_case(schemas, word, value)
    missing = set(schemas) - set(said) - ENVELOPES - OF_THE_GATEWAY
    assert not missing, f"never said: {missing}"
    assert set(counts) == {*envelopes, "accepted", "refused"}, counts
    notices = {e["type"] for line in lines if line.startswith("notice ")
               for e in [json.loads(line.split(" ", 1)[1])]}
    listed = set(schemas["notice"].schema["properties"]["type"]["enum"])
    assert notices == listed, notices ^ listed
    return said


def check_example(schemas, example, said):
    if "accepted" in example:
        expect_valid(schemas, "receipt", example)
        return "receipt"
    kind = example["type"]
    if "journalsequence" not in example:
        check_event(schemas, "event", example)
    elif kind in OF_THE_GATEWAY:
        check_event(schemas, "record", example)
    else:
        assert example in said[kind], f"the run never said: {example}"
    return kind


def check_documentation(schemas, path, said):
    text = path.read_text(encoding="utf-8")
    shown = set()
    for block in re.findall(r"^```json\n(.*?)^```$", text, re.M | re.S):
        shown.add(check_example(schemas, json.loads(block), said))
    missing = set(schemas) - shown - {"event", "record", "notice"}
    assert not missing, f"{path.name} has no example of: {sorted(missing)}"
    for name in set(schemas) - ENVELOPES:
        assert re.search(rf"^### {name}$", text, re.M), f"no part for {name}"
    return len(shown)


def main(root, program):
    root = pathlib.Path(root)
    schemas = load_schemas(root / "config" / "schemas")
    out = subprocess.run([program], check=True, capture_output=True, text=True,
                         timeout=300).stdout
    lines = out.splitlines()
    said = check_run(schemas, lines)
    shown = check_documentation(schemas, root / "docs" / "events.md", said)
    print(f"{len(schemas)} schemas, {len(lines)} lines of the run, "
          f"{shown} kinds of example")


if __name__ == "__main__":
    main(*sys.argv[1:])

# SPDX-License-Identifier: Apache-2.0
"""Goal: config/schemas and docs/events.md say what the shop really does.

Every type of the registry has a schema and a part in the documentation, under the
heading of who publishes it, and nothing else has; every schema is one itself; whatever a scripted run says validates; schemas and
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
    r"|ISO 4217|at most 3 decimals|the same one in all lines")
NONCHARACTER = re.compile("[\U0001fffe-\U0001ffff\U0003fffe-\U0003ffff]")
ENVELOPES = {"event", "record", "notice", "receipt"}
# Headings of the documentation, by who publishes.
CHAPTERS = {"device": "What devices send",
            "gateway": "What the gateway says itself"}
OF_THE_SERVICES = "What the services publish"


def read_types(lines):
    """The registry: (publisher, audience) by type."""
    types = {}
    for line in lines:
        if line.startswith("type "):
            name, publisher, audience = json.loads(line[5:])
            types[name] = (publisher, audience)
    assert types
    return types


def load_schemas(folder, types):
    schemas = {}
    for path in sorted(folder.glob("*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(schema)
        assert schema["title"] == path.stem, path
        assert schema["$id"] == f"urn:shopme-edge:schema:{path.stem}", path
        schemas[path.stem] = Draft202012Validator(schema)
    expected = ENVELOPES | set(types)
    assert set(schemas) == expected, (
        f"without a schema: {sorted(expected - set(schemas))}, "
        f"without a type: {sorted(set(schemas) - expected)}")
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


def check_run(schemas, types, lines):
    """What the shop said, by type; every event type and answer came up."""
    said = {}
    envelopes = {"input": "record", "output": "record", "notice": "notice",
                 "repeat": "notice"}
    counts = {}
    for line in lines:
        word, text = line.split(" ", 1)
        if word == "type":
            continue
        value = json.loads(text)
        counts[word] = counts.get(word, 0) + 1
        if word in envelopes:
            check_event(schemas, envelopes[word], value)
            check_spoiled(schemas, envelopes[word], value)
            assert (word == "repeat") == ("repeated" in value), line
            said.setdefault(value["type"], []).append(value)
        else:
            check_case(schemas, word, value)
    shop = {name for name, (by, _) in types.items() if by != "gateway"}
    assert set(said) == shop, f"never said: {shop ^ set(said)}"
    for name, events in said.items():
        publisher = types[name][0]
        for event in events:
            last = event["source"].rsplit("/", 1)[1]
            assert publisher in (last, "device"), f"{name} from {last}"
    assert set(counts) == {*envelopes, "accepted", "refused"}, counts
    notices = {e["type"] for line in lines if line.startswith("notice ")
               for e in [json.loads(line.split(" ", 1)[1])]}
    listed = set(schemas["notice"].schema["properties"]["type"]["enum"])
    assert notices == listed, notices ^ listed
    told = {name for name, (_, to) in types.items() if to != "nobody"}
    assert notices == told, notices ^ told
    return said


def check_example(schemas, types, example, said):
    if "accepted" in example:
        expect_valid(schemas, "receipt", example)
        return "receipt"
    kind = example["type"]
    if "journalsequence" not in example:
        check_event(schemas, "event", example)
    elif types[kind][0] == "gateway":
        check_event(schemas, "record", example)
    else:
        assert example in said[kind], f"the run never said: {example}"
    return kind


def parts(text):
    """(heading, heading of its chapter, text) of each part of the page."""
    for chapter in re.split(r"^## ", text, flags=re.M)[1:]:
        above = chapter.split("\n", 1)[0]
        for part in re.split(r"^### ", chapter, flags=re.M)[1:]:
            name, body = part.split("\n", 1)
            yield name, above, body


def check_parts(types, text):
    """Each type has one part, where it belongs; services' say who is told."""
    found = [part for part in parts(text) if part[1] in
             (*CHAPTERS.values(), OF_THE_SERVICES)]
    names = sorted(name for name, _, _ in found)
    assert names == sorted(types), (
        f"no part for {sorted(set(types) - set(names))}, "
        f"no type for {sorted(set(names) - set(types))}")
    for name, above, body in found:
        publisher, audience = types[name]
        assert above == CHAPTERS.get(publisher, OF_THE_SERVICES), name
        if publisher in CHAPTERS:
            continue
        assert body.lstrip().startswith(f"From {publisher}"), name
        assert ("*Notice" in body) == (audience != "nobody"), name
        row = re.search(rf"^\| {publisher} \|.*\|(.*)\|$", text, re.M)
        assert name in row.group(1).replace(",", " ").split(), name


def check_documentation(schemas, types, path, said):
    text = path.read_text(encoding="utf-8")
    check_parts(types, text)
    shown = set()
    for block in re.findall(r"^```json\n(.*?)^```$", text, re.M | re.S):
        shown.add(check_example(schemas, types, json.loads(block), said))
    missing = set(schemas) - shown - {"event", "record", "notice"}
    assert not missing, f"{path.name} has no example of: {sorted(missing)}"
    return len(shown)


def main(root, program):
    root = pathlib.Path(root)
    out = subprocess.run([program], check=True, capture_output=True, text=True,
                         timeout=300).stdout
    lines = out.splitlines()
    types = read_types(lines)
    schemas = load_schemas(root / "config" / "schemas", types)
    said = check_run(schemas, types, lines)
    shown = check_documentation(schemas, types, root / "docs" / "events.md",
                                said)
    print(f"{len(types)} types, {len(schemas)} schemas, {len(lines)} lines of the run, "
          f"{shown} kinds of example")


if __name__ == "__main__":
    main(*sys.argv[1:])

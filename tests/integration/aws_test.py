# SPDX-License-Identifier: Apache-2.0
"""docs/aws.md against what the gateway does: the policies in it are enforced by
the local cloud while events flow by each sink, wire and source of credentials
that makes a call. What is called and what is allowed are the same set.

EDGE_BUILD names the build directory."""

import json
import re
import unittest

from edge import BUS, ROOT, STREAM, Device, Store, wait_for
from rights import Rights
from sources import Iot

DOCUMENT = ROOT / "docs/aws.md"
PREFIX = "arn:aws:%s:eu-central-1:123456789012:"
BUS_ARN = PREFIX % "events" + f"event-bus/{BUS}"
STREAM_ARN = PREFIX % "kinesis" + f"stream/{STREAM}"
ALIAS_ARN = PREFIX % "iot" + "rolealias/edge-box"
KEY_ARN = PREFIX % "kms" + "key/1234abcd-12ab-34cd-56ef-1234567890ab"
# KMS is asked by Kinesis, the alias by the credential provider.
OTHERS = {"kms:GenerateDataKey", "iot:AssumeRoleWithCertificate"}


def policies():
    """Heading -> the policies under it."""
    found = {}
    for part in re.split(r"^##+ ", DOCUMENT.read_text(), flags=re.M)[1:]:
        blocks = re.findall(r"^```json\n(.*?)^```", part, re.M | re.S)
        if blocks:
            found[part.split("\n")[0]] = [json.loads(b) for b in blocks]
    return found


def grants(*parts):
    """The (action, resource) pairs that policies allow."""
    def each(value):
        return value if isinstance(value, list) else [value]
    return {(action, resource) for policy in parts
            for statement in policy["Statement"]
            for action in each(statement["Action"])
            for resource in each(statement["Resource"])}


def together(*parts):
    return {"Version": "2012-10-17",
            "Statement": [s for p in parts for s in p["Statement"]]}


def without(policy, action):
    kept = []
    for statement in policy["Statement"]:
        actions = statement["Action"]
        actions = [actions] if isinstance(actions, str) else actions
        kept.append(statement | {
            "Action": [each for each in actions if each != action]})
    return policy | {"Statement": kept}


ALL = policies()
PLAIN = ALL["An EventBridge bus"][0]
CONFINED = ALL["An EventBridge bus, one store's events only"][0]
KINESIS = ALL["A Kinesis stream"][0]
ENCRYPTED = ALL["A Kinesis stream with a KMS key of yours"][0]
ALIAS, TRUST = ALL["AWS IoT Core's credential provider"]


class Box:
    """A store whose cloud holds it to a policy."""

    def __init__(self, policy, keys=None, part=None, orders=""):
        self.policy, self.keys, self.part = policy, keys or {}, part
        self.store = Store(orders=orders)
        self.number = 0

    def __enter__(self):
        self.store.__enter__()
        self.store.cloud.rights(policy=self.policy, keys=self.keys)
        if self.part:
            path = self.store.folder / "conf.d/part.yaml"
            path.parent.mkdir()
            path.write_text(json.dumps(self.part))
        self.store.gateway.start().wait_up()
        self.device = Device(self.store, "till-1")
        return self

    def __exit__(self, *why):
        if hasattr(self, "device"):
            self.device.close()
        self.store.__exit__(*why)

    def send(self, count=20):
        device, ids = self.device, []
        for _ in range(count):
            self.number += 1
            device.send(device.order(f"o-{self.number}"))
            device.send(device.event("ReadingTaken", f"r-{self.number}",
                                     {"n": self.number}), "telemetry")
            ids += [f"e-o-{self.number}", f"r-{self.number}"]
        device.wait_accepted(ids)

    def calls(self, which="calls"):
        return {(row["action"], row["resource"])
                for row in self.store.cloud.rights()[which]}

    def link(self, stream):
        return self.store.gateway.stream(stream)["link"]


class PolicyTest(unittest.TestCase):
    def assert_exactly(self, box, policy):
        """All that it calls is allowed, and all that is allowed is called."""
        self.assertEqual(box.calls("denied"), set())
        self.assertEqual(box.calls(), grants(policy))

    def test_json(self):
        # Goal: the policies of both sinks are what it needs, and no more.
        policy = together(PLAIN, KINESIS)
        with Box(policy) as box:
            box.send()
            box.store.gateway.wait_synced()
            self.assert_exactly(box, policy)
            held = box.store.cloud.stats()["buses"][BUS]
            # (docs/aws.md counts five events an order; one says the rules.)
            self.assertEqual(held["unique"], 1 + 5 * box.number)

    def test_every_feature(self):
        # Goal: ARNs as names, large requests, Detail as data, CBOR, a key of
        # the stream, a Source with the store's name, credentials by AWS IoT:
        # still these calls, and the confined policy confines.
        policy = together(CONFINED, ENCRYPTED)
        streams = {
            "orders": {"eventbridge": {"bus": BUS_ARN, "request": "1MiB",
                                       "detail": "data"}},
            "telemetry": {"kinesis": {"stream": STREAM_ARN, "wire": "cbor"}}}
        with Box(policy, {STREAM_ARN: KEY_ARN}) as box:
            box.store.gateway.stop()
            with Iot(box.store.cloud, box.store.folder) as source:
                self.configure(box, streams, source)
                box.store.gateway.start().wait_up()
                box.send()
                box.store.gateway.wait_synced()
                self.assertEqual(source.refused, 0)
                self.assertTrue(source.given)
            self.assert_exactly(box, policy)
        alias = f"{ALIAS_ARN.rsplit('/', 1)[0]}/{Iot.PATH.split('/')[2]}"
        self.assertEqual(grants(ALIAS),
                         {("iot:AssumeRoleWithCertificate", alias)})

    @staticmethod
    def configure(box, streams, source):
        text = box.store.config_path.read_text()
        text = text.replace(f"eventbridge: {{bus: {BUS}}}",
                            json.dumps(streams["orders"])[1:-1])
        text = text.replace(f"kinesis: {{stream: {STREAM}}}",
                            json.dumps(streams["telemetry"])[1:-1])
        box.store.config_path.write_text(text)
        path = box.store.folder / "conf.d/part.yaml"
        path.parent.mkdir()
        path.write_text(json.dumps({"cloud": {
            "source_prefix": "com.shopme.{store}",
            "credentials": source.settings}}))
        box.store.cloud.environment = {"HOME": str(box.store.folder)}

    def test_each_action_is_needed(self):
        # Goal: without PutEvents or PutRecords the stream is refused and says
        # so, and goes on once it may; without DescribeEventBus the log warns.
        whole = together(PLAIN, KINESIS)
        with Box(without(whole, "events:DescribeEventBus")) as box:
            box.send(2)
            box.store.gateway.wait_synced()
            self.assertIn("cannot check that event bus",
                          box.store.gateway.log())
            for action, stream in (("events:PutEvents", "orders"),
                                   ("kinesis:PutRecords", "telemetry")):
                box.store.cloud.rights(policy=without(whole, action))
                box.send(2)
                wait_for(f"{stream} is refused",
                         lambda stream=stream: box.link(stream) == "refused")
                error = box.store.gateway.stream(stream)["last_error"]
                self.assertIn(action, error)
                box.store.cloud.rights(policy=whole)
                box.store.gateway.wait_synced(seconds=90)

    def test_a_key_is_needed(self):
        # Goal: an encrypted stream without the right to its key: refused,
        # nothing lost; with it all arrives.
        with Box(together(PLAIN, KINESIS), {STREAM_ARN: KEY_ARN}) as box:
            box.send(2)
            wait_for("refused", lambda: box.link("telemetry") == "refused")
            self.assertIn("KMSAccessDenied", box.store.gateway.stream(
                "telemetry")["last_error"])
            box.store.cloud.rights(policy=together(PLAIN, ENCRYPTED))
            box.store.gateway.wait_synced(seconds=90)

    def test_another_stores_events_are_refused(self):
        # Goal: with the confined policy a box that says another store's name
        # gets nothing through.
        with Box(CONFINED, part={"cloud": {"source_prefix": "com.shopme.s2"}}
                 ) as box:
            box.send(2)
            wait_for("refused", lambda: box.link("orders") == "refused")
            self.assertEqual(
                box.store.cloud.stats()["buses"][BUS]["unique"], 0)


class DocumentTest(unittest.TestCase):
    def test_every_operation_in_the_source(self):
        # Goal: whatever the bridge can send is in the table, run here or not.
        named = set()
        for path in sorted((ROOT / "bridge").glob("*.[ch]")):
            for service, call in re.findall(
                    r'"(AWSEvents|Kinesis_20131202)\.(\w+)"',
                    path.read_text()):
                prefix = "events" if service == "AWSEvents" else "kinesis"
                named.add(f"{prefix}:{call}")
        allowed = {action for policy in (PLAIN, CONFINED, KINESIS, ENCRYPTED,
                                         ALIAS)
                   for action, _ in grants(policy)}
        self.assertEqual(named, allowed - OTHERS)
        rows = re.findall(r"^\| [^|]+ \| `([a-z]+:\w+)` \|",
                          DOCUMENT.read_text(), re.M)
        self.assertEqual(set(rows), named | {"iot:AssumeRoleWithCertificate"})
        self.assertEqual(TRUST["Statement"][0]["Principal"],
                         {"Service": "credentials.iot.amazonaws.com"})

    def test_the_judge_reads_what_it_is_given(self):
        # Goal (control): a policy that allows another bus does not allow this
        # one; what the judge cannot read is an error.
        rights = Rights()
        rights.update({"policy": PLAIN})
        with self.assertRaisesRegex(Exception, "AccessDenied"):
            rights.check("events:PutEvents", BUS_ARN + "2", {})
        for bad in ({"Effect": "Deny", "Action": "*", "Resource": "*"},
                    {"Effect": "Allow", "NotAction": "*", "Resource": "*"},
                    {"Effect": "Allow", "Action": "*", "Resource": "*",
                     "Condition": {"Bool": {"a": "b"}}}):
            with self.assertRaises(ValueError):
                rights.update({"policy": {"Statement": [bad]}})

    def test_the_arithmetic(self):
        # Goal: each "a x b / c + d = e" in the document is right.
        text = re.sub(r"\s+", " ", DOCUMENT.read_text())
        sums = re.findall(r"((?:[\d.]+ [x/+] )+[\d.]+) = \$?([\d.]+\d)", text)
        self.assertGreater(len(sums), 15)
        for left, right in sums:
            places = len(right.partition(".")[2])
            value = eval(left.replace("x", "*"))  # digits and signs only
            self.assertEqual(f"{value:.{places}f}", right, left)


if __name__ == "__main__":
    unittest.main()

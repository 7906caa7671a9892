# SPDX-License-Identifier: Apache-2.0
"""AWS's own client judges that the local cloud speaks AWS."""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

import botocore.session
from botocore.config import Config
from botocore.exceptions import (BotoCoreError, ClientError,
                                 ConnectionClosedError,
                                 EndpointConnectionError)

from harness import PROGRAM, PYTHON, LocalCloud

os.environ["NO_PROXY"] = "*"  # all is on this machine
REGION = "eu-central-1"
PREFIX = f"arn:aws:kinesis:{REGION}:123456789012:stream/"
SINKS = 40  # at least as many as there are tests


def record(data, key="k", **more):
    return {"Data": data, "PartitionKey": key} | more


def start_cloud(add_cleanup, token=None):
    """A cloud in a directory of its own, ended and removed by a cleanup."""
    folder = tempfile.TemporaryDirectory()
    add_cleanup(folder.cleanup)
    cloud = LocalCloud(folder.name, [f"orders-{n}" for n in range(SINKS)],
                       [f"readings-{n}:4" for n in range(SINKS)], REGION,
                       token=token)
    add_cleanup(cloud.stop)
    return cloud.start()


class CloudTest(unittest.TestCase):
    """One cloud for all tests, a bus and a stream of it for each.

    A class that stops its cloud or needs other credentials has its own.
    """

    shared = None
    own, token = False, None
    numbers = iter(range(SINKS))

    @classmethod
    def setUpClass(cls):
        cls.session = botocore.session.Session()
        if cls.own:
            cls.cloud = start_cloud(cls.addClassCleanup, cls.token)
            return
        if CloudTest.shared is None:
            CloudTest.shared = start_cloud(unittest.addModuleCleanup)
        cls.cloud = CloudTest.shared

    def setUp(self):
        number = next(self.numbers)
        self.bus_name = f"orders-{number}"
        self.stream_name = f"readings-{number}"
        self.cloud.faults(offline=False, captive_portal=False, throttle=0,
                          answer_lost=0, cut_body=0, latency_ms=0, skew_s=0,
                          partial_failure=0)
        self.before = self.cloud.stats()

    def entry(self, number=0, key="k", **more):
        event = {"specversion": "1.0", "id": f"e{number}", "source": "/s/d",
                 "type": "T", "subject": key,
                 "journalsequence": f"{number:020d}"}
        return {"Source": "com.shopme.test", "DetailType": "T",
                "EventBusName": self.bus_name,
                "Detail": json.dumps(event)} | more

    def client(self, service, secret=None, **options):
        environment = self.cloud.environment
        options = {"retries": {"max_attempts": 0}, "read_timeout": 10,
                   "parameter_validation": False} | options
        client = self.session.create_client(
            service, REGION, endpoint_url=self.cloud.endpoint,
            verify=self.cloud.ca_path,
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=secret
            or environment["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=environment.get("AWS_SESSION_TOKEN"),
            config=Config(**options))
        self.addCleanup(client.close)
        return client

    def refused(self, code, words, call, **parameters):
        """The call fails as a whole, with that code and those words."""
        with self.assertRaises(ClientError) as caught:
            call(**parameters)
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], code, error)
        self.assertIn(words, error["Message"])

    def bus(self):
        return self.cloud.stats()["buses"][self.bus_name]

    def more(self, name):
        """How far a counter of the whole cloud moved in this test."""
        return self.cloud.stats()[name] - self.before[name]

    def stream(self):
        return self.cloud.stats()["streams"][self.stream_name]


class PutEventsTest(CloudTest):
    def test_accepted_and_held(self):
        # Goal: entries are accepted in place, held, and counted.
        events = self.client("events")
        answer = events.put_events(Entries=[
            self.entry(0),
            self.entry(1, "l", Time=1600000000, Resources=["r"])])
        self.assertEqual(answer["FailedEntryCount"], 0)
        self.assertEqual(len({e["EventId"] for e in answer["Entries"]}), 2)
        head = answer["ResponseMetadata"]["HTTPHeaders"]
        self.assertEqual(head["content-type"], "application/x-amz-json-1.1")
        self.assertIn("date", head)
        self.assertIn("x-amzn-requestid", head)
        report = self.bus()
        self.assertEqual((report["requests"], report["entries"],
                          report["events"], report["unique"]), (1, 2, 2, 2))
        found = self.cloud.events(bus=self.bus_name, subject="l", after=0,
                                  type="T")
        self.assertEqual([e["id"] for e in found], ["e1"])
        (kept,) = self.cloud.events(bus=self.bus_name, subject="l", envelope=1)
        self.assertEqual(kept["envelope"]["Time"], 1600000000)
        self.assertEqual(kept["envelope"]["Source"], "com.shopme.test")

    def test_entries_fail_one_by_one(self):
        # Goal: bad entries carry AWS's codes and words, in their places.
        deep = "[" * 100000 + "]" * 100000
        changes = ({"Source": ""}, {"DetailType": ""}, {"Detail": ""},
                   {"Detail": "{"}, {"Detail": "[1]"},
                   {"Detail": '{"n":9223372036854775808}'},
                   {"Detail": '{"a":%s}' % deep},
                   {"DetailType": "x" * 129}, {"Source": "aws.s3"})
        bad = [self.entry(**change) for change in changes]
        answer = self.client("events").put_events(
            Entries=bad + [self.entry(0)])
        self.assertEqual(answer["FailedEntryCount"], len(bad))
        codes = [e.get("ErrorCode") for e in answer["Entries"]]
        self.assertEqual(codes, ["InvalidArgument"] * 3
                         + ["MalformedDetail"] * 4
                         + ["InvalidArgument",
                            "NotAuthorizedForSourceException", None])
        self.assertEqual(
            answer["Entries"][0]["ErrorMessage"], "Parameter Source is not "
            "valid. Reason: Source is a required argument.")
        self.assertEqual(answer["Entries"][3]["ErrorMessage"],
                         "Detail is malformed.")
        self.assertEqual(self.bus()["refused_entries"], len(bad))
        self.assertEqual(self.bus()["events"], 1)

    def test_the_whole_call_is_refused(self):
        # Goal: count, size and shape are judged before anything is taken.
        put = self.client("events").put_events
        self.refused("ValidationException", "less than or equal to 10", put,
                     Entries=[self.entry(n) for n in range(11)])
        self.refused("ValidationException", "min length: 1", put, Entries=[])
        pad = {"Source": "s", "DetailType": "t"}
        text = '{"a":"%s"}'
        room = 256 * 1024 - 2 - len(text % "")
        over = self.entry(Detail=text % ("x" * room), **pad)
        self.refused("ValidationException", "Total size of the entries in "
                     "the request is over the limit.", put, Entries=[over])
        under = self.entry(Detail=text % ("x" * (room - 1)), **pad)
        self.assertEqual(put(Entries=[under])["FailedEntryCount"], 0)
        self.refused("ValidationException", "over the limit", put,
                     Entries=[under | {"Time": 1}])
        self.refused("ValidationException", "entries.1.member.eventBusName",
                     put, Entries=[self.entry(EventBusName="no/such name")])
        self.assertEqual(self.bus()["events"], 1)
        self.assertEqual(self.more("validation_failures"), 5)

    def test_an_unknown_bus_swallows(self):
        # Goal: true to AWS, an EventId is no proof that the bus exists.
        answer = self.client("events").put_events(
            Entries=[self.entry(EventBusName="nowhere")])
        self.assertEqual(answer["FailedEntryCount"], 0)
        self.assertIn("EventId", answer["Entries"][0])
        self.assertEqual(self.more("swallowed"), 1)
        self.assertEqual(self.cloud.stats()["swallowed_buses"],
                         {"nowhere": 1})
        self.assertEqual(self.bus()["events"], 0)

    def test_describe_event_bus(self):
        # Goal: a bus is found by name and by ARN, or said to be missing.
        describe = self.client("events").describe_event_bus
        arn = describe(Name=self.bus_name)["Arn"]
        self.assertEqual(describe(Name=arn)["Name"], self.bus_name)
        self.assertEqual(describe()["Name"], "default")
        self.refused("ResourceNotFoundException", "Event bus nowhere does "
                     "not exist.", describe, Name="nowhere")

    def test_shapes_that_the_model_does_not_know(self):
        # Goal: members misspelt or of another type are errors.
        events = self.client("events")
        for wrong, code, words in (
                ({"Entries": [{"detailtype": "x"}]}, "ValidationException",
                 'Unknown parameter in Entries[0]: "detailtype"'),
                ({"Entries": [{"Time": "now"}]}, "SerializationException",
                 "entries.1.member.time"),
                ({"Entries": [{"Source": 1}]}, "ValidationException",
                 "Invalid type for parameter Entries[0].Source"),
                ({"Entries": {}}, "ValidationException", "Entries"),
                ([], "ValidationException", "valid types"),
                ({}, "ValidationException", "Missing required parameter")):
            hook = self.replace_body(json.dumps(wrong).encode())
            events.meta.events.register("before-call.events.PutEvents", hook)
            self.refused(code, words, events.put_events, Entries=[])
            events.meta.events.unregister("before-call.events.PutEvents",
                                          hook)

    @staticmethod
    def replace_body(body):
        def hook(params, **_):
            params["body"] = body
        return hook


class PutRecordsTest(CloudTest):
    def put(self, *records, **more):
        return self.client("kinesis").put_records(
            **{"StreamName": self.stream_name,
               "Records": list(records)} | more)

    def test_accepted_by_shard(self):
        # Goal: the MD5 of the key picks the shard, numbers rise in a shard.
        answer = self.put(*(record(b"{}", f"key-{n}") for n in range(200)))
        self.assertEqual(answer["FailedRecordCount"], 0)
        shards = {r["ShardId"] for r in answer["Records"]}
        self.assertEqual(len(shards), 4)
        again = self.put(record(b"x" * 10, "key-7"), record(b"", "e"))
        self.assertEqual(again["Records"][0]["ShardId"],
                         answer["Records"][7]["ShardId"])
        self.assertGreater(again["Records"][0]["SequenceNumber"],
                           max(r["SequenceNumber"]
                               for r in answer["Records"]))
        last = self.put(record(b"{}", ExplicitHashKey=str(2**128 - 1)))
        self.assertEqual(last["Records"][0]["ShardId"],
                         "shardId-000000000003")
        self.assertEqual(self.stream()["events"], 203)

    def test_refused(self):
        # Goal: each limit of the call is kept, to the byte.
        mebibyte = 1024 * 1024
        self.assertEqual(
            self.put(record(b"x" * (mebibyte - 1)))["FailedRecordCount"], 0)
        for code, words, records in (
                ("ValidationException", "records.1.member.data",
                 [record(b"x" * mebibyte)]),
                ("ValidationException", "less than or equal to 500",
                 [record(b"x")] * 501),
                ("InvalidArgumentException", "5 MB",
                 [record(b"x" * (mebibyte - 1))] * 5 + [record(b"")]),
                ("ValidationException", "partitionKey",
                 [record(b"x", "k" * 257)]),
                ("ValidationException", "min length: 1", [record(b"x", "")]),
                ("ValidationException", "explicitHashKey",
                 [record(b"x", ExplicitHashKey="01")]),
                ("InvalidArgumentException", "2^128",
                 [record(b"x", ExplicitHashKey=str(2**128))])):
            with self.assertRaises(ClientError) as caught:
                self.put(*records)
            error = caught.exception.response["Error"]
            self.assertEqual(error["Code"], code)
            self.assertIn(words, error["Message"])
        self.assertEqual(self.stream()["events"], 1)

    def test_streams_by_name_and_arn(self):
        # Goal: StreamARN, which this botocore lacks, is known here.
        kinesis = self.client("kinesis")

        def hook(params, **_):
            body = json.loads(params["body"])
            body["StreamARN"] = body.pop("StreamName")
            params["body"] = json.dumps(body).encode()
        self.refused("ResourceNotFoundException", "Stream nowhere",
                     kinesis.put_records, StreamName="nowhere",
                     Records=[record(b"x")])
        kinesis.meta.events.register("before-call.kinesis.PutRecords", hook)
        arn = PREFIX + self.stream_name
        answer = kinesis.put_records(StreamName=arn, Records=[record(b"x")])
        self.assertEqual(answer["FailedRecordCount"], 0)
        self.refused("ResourceNotFoundException", "nowhere",
                     kinesis.put_records, StreamName=PREFIX + "nowhere",
                     Records=[record(b"x")])


class SignatureTest(CloudTest):
    def test_wrong_credentials(self):
        # Goal: another secret and another key are told apart.
        self.refused("InvalidSignatureException", "does not match the "
                     "signature you provided",
                     self.client("events", "another").put_events,
                     Entries=[self.entry()])
        self.addCleanup(self.cloud.environment.pop, "AWS_SESSION_TOKEN")
        self.cloud.environment["AWS_ACCESS_KEY_ID"] = "AKIDOTHER"
        self.refused("UnrecognizedClientException", "security token",
                     self.client("events").put_events, Entries=[self.entry()])
        self.cloud.environment["AWS_ACCESS_KEY_ID"] = "AKIDEXAMPLE"
        self.cloud.environment["AWS_SESSION_TOKEN"] = "uncalled for"
        self.refused("UnrecognizedClientException", "security token",
                     self.client("events").put_events, Entries=[self.entry()])
        self.assertEqual(self.more("signature_failures"), 3)
        self.assertEqual(self.bus()["events"], 0)

    def test_a_skewed_clock(self):
        # Goal: the window is five minutes, both ways, in AWS's words.
        put = self.client("events").put_events
        for skew_s in (-290, 290):
            self.cloud.faults(skew_s=skew_s)
            put(Entries=[self.entry()])
        self.cloud.faults(skew_s=310)
        self.refused("InvalidSignatureException", "Signature expired: ", put,
                     Entries=[self.entry()])
        self.cloud.faults(skew_s=-310)
        self.refused("InvalidSignatureException",
                     "Signature not yet current: ", put,
                     Entries=[self.entry()])

    def test_scope(self):
        # Goal: region and service are part of what is judged.
        client = self.session.create_client(
            "events", "us-east-1", endpoint_url=self.cloud.endpoint,
            verify=self.cloud.ca_path, aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="a secret of the tests",
            config=Config(retries={"max_attempts": 0}))
        self.addCleanup(client.close)
        self.refused("InvalidSignatureException", "valid region",
                     client.put_events, Entries=[self.entry()])

    def raw(self, headers, body=b"{}"):
        """One request by hand; its status and the error's code and text."""
        context = ssl.create_default_context(cafile=self.cloud.ca_path)
        connection = http.client.HTTPSConnection(
            "localhost", self.cloud.port, context=context, timeout=10)
        self.addCleanup(connection.close)
        connection.request("POST", "/", body, {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "AWSEvents.PutEvents"} | headers)
        answer = connection.getresponse()
        said = json.loads(answer.read())
        return answer.status, said["__type"], said["message"]

    def test_what_is_not_a_signature(self):
        # Goal: nothing unsigned or half signed is let in.
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"AKIDEXAMPLE/{now[:8]}/{REGION}/events/aws4_request"

        def header(names, credential=scope):
            return {"X-Amz-Date": now, "Authorization":
                    f"AWS4-HMAC-SHA256 Credential={credential}, "
                    f"SignedHeaders={names}, Signature=00"}
        all_names = "content-type;host;x-amz-date;x-amz-target"
        missing, half = ("MissingAuthenticationTokenException",
                         "IncompleteSignatureException")
        wrong = "InvalidSignatureException"
        for headers, code, words in (
                ({}, missing, "Missing"),
                ({"Authorization": "Basic x"}, half, "algorithm"),
                ({"Authorization": "AWS4-HMAC-SHA256 Credential=x"}, half,
                 "'Signature'"),
                (header(all_names) | {"X-Amz-Date": "today"}, half,
                 "X-Amz-Date"),
                (header("content-type;host;x-amz-date"), wrong,
                 "'x-amz-target' must be"),
                (header("content-type;x-amz-date;x-amz-target"), wrong,
                 "'host' must be"),
                (header(all_names) | {"X-Amz-More": "1"}, wrong,
                 "not signed: x-amz-more"),
                (header(all_names, scope.replace("events", "kinesis")), wrong,
                 "correct service: 'events'"),
                (header(all_names, scope.replace(now[:8], "20200101")), wrong,
                 "Date in Credential scope"),
                (header(all_names), wrong, "The Canonical String")):
            status, said, message = self.raw(headers)
            self.assertEqual((status, said), (400, code), message)
            self.assertIn(words, message)

    def test_unknown_operations(self):
        # Goal: a target or content type of another kind is refused.
        for headers in ({"X-Amz-Target": "AWSEvents.PutRule"},
                        {"Content-Type": "application/json"}):
            self.assertEqual(self.raw(headers)[1],
                             "UnknownOperationException")


class SessionTokenTest(CloudTest):
    own, token = True, "TOKEN/with+chars=="

    def test_a_session_token(self):
        # Goal: a token is required and signed if the credentials have one.
        self.client("events").put_events(Entries=[self.entry()])
        del self.cloud.environment["AWS_SESSION_TOKEN"]
        self.refused("UnrecognizedClientException", "security token",
                     self.client("events").put_events, Entries=[self.entry()])


class FaultsTest(CloudTest):
    def test_offline_and_back(self):
        # Goal: while offline nothing gets through, afterwards all does, on
        # the same port, and the controls work all the while.
        put = self.client("events", connect_timeout=2).put_events
        put(Entries=[self.entry(0)])
        live = socket.create_connection(("127.0.0.1", self.cloud.port))
        self.addCleanup(live.close)
        self.cloud.faults(offline=True)
        with self.assertRaises((EndpointConnectionError,
                                ConnectionClosedError)):
            put(Entries=[self.entry(1)])
        self.assertEqual(self.bus()["events"], 1)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.cloud.port))
        self.cloud.faults(offline=False)
        put(Entries=[self.entry(1)])
        self.assertEqual(self.bus()["events"], 2)

    def test_partial_failure(self):
        # Goal: each third entry fails, with the code asked for.
        self.cloud.faults(partial_failure={"every": 3})
        answer = self.client("events").put_events(
            Entries=[self.entry(n, str(n)) for n in range(9)])
        self.assertEqual(answer["FailedEntryCount"], 3)
        self.assertEqual(self.bus()["failed_entries"], 3)
        self.cloud.faults(partial_failure=1)
        answer = self.client("kinesis").put_records(
            StreamName=self.stream_name, Records=[record(b"{}")] * 20)
        self.assertEqual(answer["FailedRecordCount"], 20)
        self.assertEqual({r["ErrorCode"] for r in answer["Records"]},
                         {"ProvisionedThroughputExceededException",
                          "InternalFailure"})
        self.assertEqual(self.stream()["events"], 0)

    def test_whole_calls(self):
        # Goal: throttling takes nothing, a lost answer takes all.
        def put(number):  # each time on a connection of its own
            return self.client("events").put_events(
                Entries=[self.entry(number)])
        self.cloud.faults(refuse="ExpiredTokenException")
        self.refused("ExpiredTokenException", "on request", put, number=0)
        self.cloud.faults(refuse="")
        self.cloud.faults(throttle=1)
        self.refused("ThrottlingException", "Rate exceeded", put, number=0)
        self.assertEqual(self.bus()["events"], 0)
        self.cloud.faults(throttle=0, answer_lost=1)
        with self.assertRaises(BotoCoreError):
            put(0)
        self.assertEqual(self.bus()["events"], 1)
        # botocore takes half a body, and one of HTML, for an empty answer.
        self.cloud.faults(answer_lost=0, cut_body=1)
        self.assertNotIn("Entries", put(1))
        self.assertEqual(self.bus()["events"], 2)
        self.cloud.faults(cut_body=0, captive_portal=True)
        self.assertNotIn("Entries", put(2))
        self.assertEqual(self.bus()["events"], 2)

    def test_latency(self):
        # Goal: latency is felt.
        self.cloud.faults(latency_ms=200)
        before = time.monotonic()
        self.client("events").put_events(Entries=[self.entry()])
        self.assertGreater(time.monotonic() - before, 0.2)

    def test_controls_refuse(self):
        # Goal: a mistake in a fault or a query is named.
        with self.assertRaisesRegex(ValueError, "no fault 'offlin'"):
            self.cloud.faults(offlin=True)
        with self.assertRaisesRegex(ValueError, "bus=NAME or stream=NAME"):
            self.cloud.events(type="T")


class JudgementTest(CloudTest):
    """Negative controls: what is wrong must be seen through the wire too."""

    def put(self, *numbers):
        events = self.client("events")
        for number in numbers:
            events.put_events(Entries=[self.entry(number)])
        return self.bus()

    def test_order_is_judged(self):
        # Goal: the later one first is a violation, a repeat is none.
        report = self.put(0, 1, 0, 3, 2)
        self.assertEqual((report["order_violations"], report["duplicates"],
                          report["missing"]), (1, 1, 0))

    def test_missing_is_judged(self):
        # Goal: a gap is counted until it is filled.
        report = self.put(0, 3)
        self.assertEqual((report["missing"], report["missing_first"]),
                         (2, [1, 2]))
        report = self.put(1, 2)
        self.assertEqual(report["missing"], 0)
        self.assertEqual(report["order_violations"], 2)

    def test_two_of_a_key_in_one_call(self):
        # Goal: a sender that relies on order within a call is found out.
        self.client("events").put_events(
            Entries=[self.entry(0), self.entry(1)])
        self.assertEqual(self.bus()["order_violations"], 1)


class CrashTest(CloudTest):
    own = True

    def test_killed_and_started_again(self):
        # Goal: kill -9 loses nothing that was acknowledged; certificate,
        # port and sequence numbers go on.
        kinesis = self.client("kinesis")
        self.client("events").put_events(
            Entries=[self.entry(0), self.entry(1, "l")])
        first = kinesis.put_records(StreamName=self.stream_name,
                                    Records=[record(b"{}")])
        port = self.cloud.port
        self.cloud.stop(signal.SIGKILL)
        with self.assertRaises(BotoCoreError):
            kinesis.put_records(StreamName=self.stream_name,
                                Records=[record(b"x")])
        self.cloud.start()
        self.assertEqual(self.cloud.port, port)
        again = kinesis.put_records(StreamName=self.stream_name,
                                    Records=[record(b"{}")])
        self.assertGreater(again["Records"][0]["SequenceNumber"],
                           first["Records"][0]["SequenceNumber"])
        self.client("events").put_events(Entries=[self.entry(0)])
        report = self.bus()
        self.assertEqual((report["events"], report["unique"],
                          report["duplicates"]), (3, 2, 1))

    @staticmethod
    def runs(pid):
        """Whether the process is there, and is no zombie."""
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                return file.read() != b""
        except FileNotFoundError:
            return False

    def test_ends_with_whoever_started_it(self):
        # Goal: a test that is killed leaves no cloud behind.
        script = ("import subprocess, sys; p = subprocess.Popen(sys.argv[1:],"
                  " stdout=subprocess.PIPE); p.stdout.readline(); "
                  "print(p.pid)")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [PYTHON, "-c", script, PYTHON, PROGRAM, "--dir", folder],
                capture_output=True, text=True, timeout=60)
            for _ in range(100):
                if not self.runs(int(done.stdout)):
                    return
                time.sleep(0.1)
        self.fail("it goes on")

    def test_credentials_of_its_own(self):
        # Goal: without credentials in its environment it makes some, for
        # the owner's eyes only, and keeps them.
        self.cloud.stop()
        self.cloud.environment = {"AWS_ACCESS_KEY_ID": "",
                                  "AWS_SECRET_ACCESS_KEY": ""}
        path = os.path.join(self.cloud.directory, "credentials")
        self.cloud.start()
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with open(path, encoding="ascii") as file:
            made = dict(line.strip().split("=", 1) for line in file)
        self.cloud.stop()
        self.cloud.start()
        self.cloud.environment = made
        self.client("events").put_events(Entries=[self.entry(0)])
        self.assertEqual(self.bus()["events"], 1)


if __name__ == "__main__":
    unittest.main()

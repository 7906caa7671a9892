# SPDX-License-Identifier: Apache-2.0
"""A call is judged alike on both wires, and CBOR is written as AWS does."""

import base64
import json
import unittest

import cbor2

from errors import ServiceError
from model import Model
from wires import CBOR, JSON, WIRES, CBOR_TYPE


class WiresTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = Model("kinesis")

    def read(self, value, wire=CBOR):
        body = value if isinstance(value, bytes) else wire.write(value)
        return self.model.read("PutRecords", body, wire)

    def refused(self, code, words, value):
        with self.assertRaises(ServiceError) as caught:
            self.read(value)
        self.assertEqual(caught.exception.code, code)
        self.assertIn(words, caught.exception.message)

    def test_the_same_call(self):
        # Goal: base64 in JSON and bytes in CBOR are the same parameters.
        self.assertIs(WIRES[CBOR_TYPE], CBOR)
        data = bytes(range(256))
        call = {"StreamName": "s",
                "Records": [{"Data": data, "PartitionKey": "k"}]}
        text = json.loads(json.dumps(call, default=lambda value: "*"))
        text["Records"][0]["Data"] = base64.b64encode(data).decode()
        self.assertEqual(self.read(call), call)
        self.assertEqual(self.read(text, JSON), call)

    def test_refused(self):
        # Goal: what is no such call is refused with AWS's codes.
        self.refused("SerializationException", "records.1.member.data",
                     {"StreamName": "s", "Records": [
                         {"Data": "eA==", "PartitionKey": "k"}]})
        self.refused("SerializationException", "follows",
                     cbor2.dumps({"StreamName": "s", "Records": []}) + b"\0")
        self.refused("SerializationException", CBOR_TYPE,
                     b'{"StreamName":"s"}')
        self.refused("ValidationException", "partitionKey",
                     {"StreamName": "s", "Records": [
                         {"Data": b"", "PartitionKey": "k" * 257}]})

    def test_written_as_by_aws(self):
        # Goal: no length is said before the end; a long text is in chunks.
        value = {"a": ["x" * 2500, None, 3]}
        body = CBOR.write(value)
        self.assertEqual(body[:4], b"\xbf\x61a\x9f")
        self.assertEqual(body[4], 0x7f)
        self.assertTrue(body.endswith(b"\xf6\x03\xff\xff"))
        self.assertEqual(cbor2.loads(body), value)


if __name__ == "__main__":
    unittest.main()

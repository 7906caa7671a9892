# SPDX-License-Identifier: Apache-2.0
"""The judge's unpacker, against a record that npm's aws-kinesis-agg reads."""

import hashlib
import random
import unittest

from kpl import MAGIC, hash_of, unpack

# Written by hand, read by aws-kinesis-agg 4.2.8: one, two and empty.
VECTOR = bytes.fromhex(
    "f3899ac20a01610a056465762f3212063132333435361a0708001a036f6e651a0908011000"
    "1a0374776f1a0408001a00f9c6881b6cf56cee98e3183e1e227a0e")


def sealed(body):
    return MAGIC + body + hashlib.md5(body, usedforsecurity=False).digest()


class UnpackTest(unittest.TestCase):
    def test_the_vector(self):
        self.assertEqual(unpack(VECTOR), [
            ("a", None, b"one"), ("dev/2", "123456", b"two"),
            ("a", None, b"")])

    def test_what_is_no_aggregate(self):
        # Goal: each bit matters; what is damaged or cut is a plain record.
        for at in range(len(VECTOR)):
            broken = bytearray(VECTOR)
            broken[at] ^= 1
            self.assertIsNone(unpack(bytes(broken)), at)
            self.assertIsNone(unpack(VECTOR[:at]), at)
        self.assertIsNone(unpack(b"{}"))

    def test_bad_messages(self):
        # Goal: a right checksum over a wrong message is no aggregate.
        for body in (b"\x1a\x02\x08\x00",  # no data
                     b"\x1a\x04\x08\x00\x1a\x00",  # no such key
                     b"\x0a\x01a\x1a\x05\x08\x00\x1a\x09x",  # too long
                     b"\x0a\x01\xff",  # no UTF-8
                     b"\x0b\x01", b"\x80"):
            self.assertIsNone(unpack(sealed(body)), body)

    def test_random_bytes(self):
        rng = random.Random(20261129)
        for _ in range(5000):
            body = bytes(rng.choices(b"\x0a\x12\x1a\x08\x10\x00\x01\x02a",
                                     k=rng.randrange(1, 40)))
            unpack(sealed(body))  # an answer, and no exception

    def test_where_they_go(self):
        self.assertEqual(hash_of("a", "7"), 7)
        self.assertEqual(hash_of("a", None), int(
            hashlib.md5(b"a", usedforsecurity=False).hexdigest(), 16))


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Unpacks a KPL aggregated record, as a consumer with the KCL does.

The format is Amazon's (awslabs/amazon-kinesis-producer, aggregation-format.md);
the judgement is the KCL's (amazon-kinesis-client, AggregatorUtil.java): what has
no magic, or a wrong MD5, is a plain record; of an aggregate in which one record
hashes to another shard than the aggregate's, nothing is handed on. The protobuf
is read by hand, so that nothing is shared with who wrote it."""

import hashlib

MAGIC = bytes.fromhex("f3899ac2")
MD5_SIZE = 16
VARINT, DELIMITED = 0, 2


class Malformed(ValueError):
    """Not what the format allows."""


def _varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Malformed("a varint that does not end")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _fields(data):
    """(number, value) of each field of a message."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        value, at = _varint(data, at)
        if tag & 7 == DELIMITED:
            if value > len(data) - at:
                raise Malformed("a field longer than its message")
            value, at = data[at:at + value], at + value
        elif tag & 7 != VARINT:
            raise Malformed(f"a field of the kind {tag & 7}")
        yield tag >> 3, value


def _record(data, keys, hash_keys):
    fields = dict(_fields(data))
    if 1 not in fields or 3 not in fields:
        raise Malformed("a record without its key or its data")
    hashed = hash_keys[fields[2]] if 2 in fields else None
    return keys[fields[1]], hashed, bytes(fields[3])


def unpack(data):
    """[(partition key, hash key or None, data)] of an aggregate; None if it is
    a plain record."""
    body = data[len(MAGIC):-MD5_SIZE]
    if (not data.startswith(MAGIC) or len(data) <= len(MAGIC) + MD5_SIZE
            or hashlib.md5(body, usedforsecurity=False).digest()
            != data[-MD5_SIZE:]):
        return None
    tables, records = {1: [], 2: []}, []
    try:
        for number, value in _fields(body):
            if number in tables:
                tables[number].append(value.decode("utf-8"))
            elif number == 3:
                records.append(value)
        return [_record(record, tables[1], tables[2]) for record in records]
    except (ValueError, IndexError, TypeError, AttributeError):
        return None  # Malformed, no UTF-8, no such key, a number for bytes


def hash_of(partition_key, hash_key):
    """Where a record goes: its number below 2^128."""
    if hash_key is not None:
        return int(hash_key)
    return int.from_bytes(hashlib.md5(
        partition_key.encode("utf-8", "surrogatepass"),
        usedforsecurity=False).digest(), "big")

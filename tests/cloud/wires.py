# SPDX-License-Identifier: Apache-2.0
"""The two ways in which a body is written, JSON and CBOR.

CBOR is read by cbor2 and written as AWS writes it (its Java encoder, Jackson):
maps and arrays of indefinite length, and long texts in chunks.
"""

import io
import json

import cbor2

JSON_TYPE = "application/x-amz-json-1.1"
CBOR_TYPE = "application/x-amz-cbor-1.1"
CHUNK_CHARACTERS = 1000  # Jackson's, near enough


def _indefinite(value):
    if isinstance(value, dict):
        return (b"\xbf" + b"".join(_indefinite(name) + _indefinite(item)
                                   for name, item in value.items()) + b"\xff")
    if isinstance(value, list):
        return b"\x9f" + b"".join(map(_indefinite, value)) + b"\xff"
    if isinstance(value, str) and len(value) > CHUNK_CHARACTERS:
        parts = (value[at:at + CHUNK_CHARACTERS]
                 for at in range(0, len(value), CHUNK_CHARACTERS))
        return b"\x7f" + b"".join(map(cbor2.dumps, parts)) + b"\xff"
    return cbor2.dumps(value)


def _read_cbor(body):
    stream = io.BytesIO(body)
    try:
        value = cbor2.load(stream)
    except (cbor2.CBORDecodeError, RecursionError, MemoryError) as error:
        # MemoryError: a length of 2^60 is believed.
        raise ValueError(f"not CBOR: {error}") from None
    if stream.read(1):
        raise ValueError("something follows the CBOR")
    return value


class Wire:
    def __init__(self, content_type, read, write, binary):
        self.content_type = content_type
        self.read = read  # ValueError or RecursionError
        self.write = write
        self.binary = binary  # blobs are bytes, times are whole milliseconds


JSON = Wire(JSON_TYPE, json.loads, lambda value: json.dumps(value).encode(),
            False)
CBOR = Wire(CBOR_TYPE, _read_cbor, _indefinite, True)
WIRES = {wire.content_type: wire for wire in (JSON, CBOR)}

# SPDX-License-Identifier: Apache-2.0
"""Goal: a sealed segment is a CBOR sequence that any CBOR tool can read. Lets a
C program write a journal, decodes every segment with python3-cbor2 by what
journal.h says of the format, and compares record by record."""

import io
import os
import subprocess
import sys
import tempfile

import cbor2

PAGE = 4096
SEAL_MARK = b"ShopmeEdge seal\n"


def sequence(data):
    """The items of a CBOR sequence, each with the offset where it begins."""
    stream = io.BytesIO(data)
    while stream.tell() < len(data):
        at = stream.tell()
        yield at, cbor2.CBORDecoder(stream).decode()


def read_header(at, header, journal_id):
    version, salt, found_id, boot_id, first_seq, incarnation, *rest = header
    store, stream, padding, checksum = rest
    assert at == 0 and version == 1, header
    assert found_id == journal_id, "journal id"
    assert len(boot_id) == 16 and isinstance(salt, int), header
    assert (store, stream) == ("store-7", "orders"), header
    assert padding.strip(b"\0") == b"" and isinstance(checksum, int)
    return first_seq, incarnation


def read_frame(at, frame, next_seq, incarnation):
    found, first_seq, count, wall, mono, checksum, events, padding = frame
    assert at % PAGE == 0, at
    assert found == incarnation and first_seq == next_seq, frame[:2]
    assert padding.strip(b"\0") == b"" and isinstance(checksum, int)
    records = [item for _, item in sequence(events)]
    assert len(records) == count > 0, count
    return [
        (first_seq + i, incarnation, wall, mono, record)
        for i, record in enumerate(records)
    ]


def read_seal(seal, next_seq, size, at):
    assert len(seal) == size - at - 9, "the seal reaches to the file's end"
    assert seal[:16] == SEAL_MARK
    assert int.from_bytes(seal[16:24], "big") == next_seq
    return seal[24]


def read_segment(path, journal_id, next_seq):
    with open(path, "rb") as file:
        data = file.read()
    assert data[:3] == b"\xd9\xd9\xf7", "self-described"
    assert len(data) % PAGE == 0, len(data)
    items = list(sequence(data))
    first_seq, incarnation = read_header(*items[0], journal_id)
    assert os.path.basename(path) == f"{first_seq:020}.seg", path
    assert first_seq == next_seq, path
    records = []
    for at, frame in items[1:-1]:
        new = read_frame(at, frame, next_seq, incarnation)
        next_seq += len(new)
        records += new
    at, seal = items[-1]
    return records, read_seal(seal, next_seq, len(data), at)


def read_expected(text):
    lines = text.splitlines()
    records = []
    for line in lines[1:]:
        seq, incarnation, wall, mono, record = line.split(" ")
        numbers = (int(seq), int(incarnation), int(wall), int(mono))
        records.append(numbers + (bytes.fromhex(record),))
    return bytes.fromhex(lines[0]), records


def main():
    with tempfile.TemporaryDirectory() as base:
        folder = os.path.join(base, "orders")
        written = subprocess.run(
            [sys.argv[1], folder], check=True, capture_output=True, text=True
        )
        journal_id, expected = read_expected(written.stdout)
        names = sorted(n for n in os.listdir(folder) if n.endswith(".seg"))
        found = []
        flags = []
        for name in names:
            path = os.path.join(folder, name)
            records, clean_stop = read_segment(path, journal_id, len(found))
            found += records
            flags.append(clean_stop)
    assert len(names) > 5, names
    assert flags[-1] == 1 and sum(flags) == 3, flags
    assert found == expected
    print(f"{len(found)} records in {len(names)} segments are the same")


if __name__ == "__main__":
    main()

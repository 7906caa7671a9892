# SPDX-License-Identifier: Apache-2.0
"""Google's protobuf unpacks what the bridge packed, as the KCL does.

  /usr/bin/python3 aggregate_test.py AGGREGATE_LINES [SEED] [COUNT]

The steps and checks are those of the KCL (amazon-kinesis-client,
AggregatorUtil.java): magic, MD5, message, and that each record hashes to
where the aggregate went; here to the very same number.
"""

import hashlib
import random
import subprocess
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 20261129
COUNT = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
MAGIC = bytes.fromhex("f3899ac2")
OUTER_KEY = "a"


def aggregated_record():
    """The message, by the format's own description."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="kpl.proto",
                                              syntax="proto2")

    def message(name, *fields):
        one = file.message_type.add(name=name)
        for number, (label, kind, field, of) in enumerate(fields, 1):
            one.field.add(name=field, number=number, label=label, type=kind,
                          type_name=of)
    many, must, may = (kinds.LABEL_REPEATED, kinds.LABEL_REQUIRED,
                       kinds.LABEL_OPTIONAL)
    message("Tag", (must, kinds.TYPE_STRING, "key", None),
            (may, kinds.TYPE_STRING, "value", None))
    message("Record", (must, kinds.TYPE_UINT64, "partition_key_index", None),
            (may, kinds.TYPE_UINT64, "explicit_hash_key_index", None),
            (must, kinds.TYPE_BYTES, "data", None),
            (many, kinds.TYPE_MESSAGE, "tags", "Tag"))
    message("AggregatedRecord",
            (many, kinds.TYPE_STRING, "partition_key_table", None),
            (many, kinds.TYPE_STRING, "explicit_hash_key_table", None),
            (many, kinds.TYPE_MESSAGE, "records", "Record"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.MessageFactory(pool).GetPrototype(
        pool.FindMessageTypeByName("AggregatedRecord"))


MESSAGE = aggregated_record()


def unpack(data, hash_key):
    """(key, data) of each event; AssertionError as the KCL would drop it."""
    assert data[:4] == MAGIC and len(data) > 20
    body, checksum = data[4:-16], data[-16:]
    assert hashlib.md5(body, usedforsecurity=False).digest() == checksum
    message = MESSAGE()
    assert message.ParseFromString(body) == len(body)
    assert message.IsInitialized()
    # Written as protobuf's own writer would: tables first, shortest forms.
    assert message.SerializeToString() == body
    assert list(message.explicit_hash_key_table) == [hash_key]
    for record in message.records:
        assert record.HasField("explicit_hash_key_index")
        assert message.explicit_hash_key_table[
            record.explicit_hash_key_index] == hash_key
    table = message.partition_key_table
    return [(table[r.partition_key_index], r.data) for r in message.records]


def texts(rng):
    return ["".join(rng.choices("abk-01/\u00e9\u4e2d",
                                k=rng.choice((1, 3, 20, 60, 127, 128, 256))))
            for _ in range(3000)]


def case(rng, pool):
    most = rng.choices((120, 500, 5000, 25600, 51200, 256000, 1048576),
                       (40, 40, 40, 30, 20, 3, 1))[0]
    first = rng.choice((1, 2, 10, 200, 3000))
    keys = pool[:first]
    small = rng.random() < 0.7
    events, total = [], 0
    while total < 1.1 * most:
        size = (rng.randint(0, 400) if small
                else rng.choice((0, 1, 127, 128, 129, 16382, 16383, 16384)))
        events.append((rng.choice(keys), rng.randbytes(size)))
        total += size + 10
    if rng.random() < 0.4:
        del events[rng.randint(1, len(events)):]
    return {"store": f"store-{rng.randint(0, 2000)}", "stream": "telemetry",
            "lane": rng.randint(0, 15), "most": most,
            "cut": rng.random() < 0.5, "events": events}


def line(one):
    words = [one["store"], one["stream"], str(one["lane"]), str(one["most"]),
             str(int(one["cut"]))]
    for key, data in one["events"]:
        words += [key.encode().hex(), data.hex() or "-"]
    return " ".join(words) + "\n"


def check(one, said):
    hash_key, count, size, *data = said.split(" ")
    count, size, data = int(count), int(size), bytes.fromhex(data[0])
    name = f"{one['store']}/{one['stream']}/{one['lane']}".encode()
    assert hash_key == str(int.from_bytes(
        hashlib.sha256(name).digest()[:16], "big"))
    events = one["events"]
    if count == 0:
        assert not data
        return 0
    assert size == len(data) + len(OUTER_KEY) + len(hash_key) <= one["most"]
    expected = [(key, event + b"\n") for key, event in events[:count]]
    assert unpack(data, hash_key) == expected
    if count < len(events) and not one["cut"]:
        # The next one would not have fitted, so it is as full as it may be.
        key, event = events[count]
        assert size + len(event) + len(key.encode()) + 30 > one["most"]
    return count


def spread(lines):
    """The lanes of 2,000 stores hit 50 shards about alike."""
    inputs = "".join(f"store-{n // 16} t {n % 16} 100 0\n"
                     for n in range(32000))
    answers = subprocess.run([lines], input=inputs, text=True, check=True,
                             capture_output=True).stdout.split("\n")[:-1]
    shards = [0] * 50
    for answer in answers:
        shards[int(answer.split(" ")[0]) * 50 >> 128] += 1
    assert len(answers) == 32000
    assert 500 < min(shards) and max(shards) < 780, shards


def main():
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    pool = texts(rng)
    cases = [case(rng, pool) for _ in range(COUNT)]
    cut = events = 0
    for begin in range(0, COUNT, 100):
        part = cases[begin:begin + 100]
        done = subprocess.run([sys.argv[1]], input="".join(map(line, part)),
                              text=True, check=True, capture_output=True)
        answers = done.stdout.split("\n")[:-1]
        assert len(answers) == len(part)
        for one, said in zip(part, answers):
            count = check(one, said)
            events += count
            cut += one["cut"] and 0 < count < len(one["events"])
    assert cut > COUNT / 20
    print(f"{COUNT} aggregates, {events} events, {cut} cut")
    spread(sys.argv[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Random CBOR, whole and damaged, read by the bridge and by cbor2.

  /usr/bin/python3 cbor_json_test.py CBOR_JSON_LINES [SEED] [COUNT]

What the bridge takes, cbor2 takes and reads as the same; what was whole, the
bridge takes.
"""

import json
import random
import subprocess
import sys

import cbor2

SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 20261129
COUNT = int(sys.argv[3]) if len(sys.argv) > 3 else 20000
DEPTH = 4
CHARACTERS = "aZ09 \"\\\n\x00\x7f\u00e9\u4e2d\U0001f600"


def head(rng, major, value):
    """Not always the shortest form, which no reader may ask for."""
    forms = [n for n in range(5) if value < (24, 1 << 8, 1 << 16, 1 << 32,
                                             1 << 64)[n]]
    form = forms[0] if rng.random() < 0.7 else rng.choice(forms)
    if form == 0:
        return bytes([major << 5 | value])
    return (bytes([major << 5 | 23 + form])
            + value.to_bytes(1 << (form - 1), "big"))


def string(rng, major, value):
    """`value` is bytes or text; in one piece or in chunks."""
    def piece(part):
        data = part if major == 2 else part.encode()
        return head(rng, major, len(data)) + data
    if rng.random() < 0.6:
        return piece(value)
    cut = rng.randint(0, len(value))
    return (bytes([major << 5 | 31]) + piece(value[:cut]) + piece(value[cut:])
            + b"\xff")


def text(rng):
    return "".join(rng.choice(CHARACTERS) for _ in range(rng.randint(0, 30)))


def listed(rng, major, count, items):
    if rng.random() < 0.5:
        return head(rng, major, count) + b"".join(items)
    return bytes([major << 5 | 31]) + b"".join(items) + b"\xff"


def item(rng, depth=0):
    kind = rng.randint(0, 8 if depth < DEPTH else 5)
    if kind == 0:
        return head(rng, 0, rng.getrandbits(rng.choice((3, 8, 32, 64))))
    if kind == 1:
        return head(rng, 1, rng.getrandbits(rng.choice((3, 8, 32, 63))))
    if kind == 2:
        return string(rng, 2, rng.randbytes(rng.randint(0, 30)))
    if kind == 3:
        return string(rng, 3, text(rng))
    if kind == 4:
        return bytes([rng.choice((0xf4, 0xf5, 0xf6, 0xf7))])
    if kind == 5:
        return cbor2.dumps(rng.uniform(-1e9, 1e9))
    if kind == 6:
        count = rng.randint(0, 5)
        return listed(rng, 4, count, [item(rng, depth + 1)
                                      for _ in range(count)])
    if kind == 7:
        names = list({text(rng): None for _ in range(rng.randint(0, 5))})
        return listed(rng, 5, len(names),
                      [string(rng, 3, name) + item(rng, depth + 1)
                       for name in names])
    return head(rng, 6, rng.choice((40, 1000, 55799))) + item(rng, depth + 1)


def plain(value):
    """What the bridge makes of what cbor2 read."""
    if isinstance(value, cbor2.CBORTag):
        return plain(value.value)
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, (bytes, float)) or value is cbor2.undefined:
        return None
    return value


def damaged(rng, data):
    data = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data))
        if rng.random() < 0.2:
            del data[at:]
            data += b"\x01"
        else:
            data[at] = rng.randrange(256)
    return bytes(data)


def wrong_with(data, said, whole):
    """What is wrong, or None."""
    if said == "refused":
        return "refused" if whole else None
    read = json.loads(said)
    if not whole and any(0xc0 <= byte <= 0xdb for byte in data):
        return None  # cbor2 gives a meaning to tags, and refuses wrong ones
    try:
        expected = plain(cbor2.loads(data))
    except (cbor2.CBORDecodeError, MemoryError) as error:
        return f"taken, and cbor2 says {error}"
    return None if read == expected else f"{read} is not {expected}"


def main():
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    inputs = []
    for number in range(COUNT):
        data = item(rng)
        whole = number % 2 == 0
        inputs.append((data if whole else damaged(rng, data), whole))
    lines = "".join(data.hex() + "\n" for data, _ in inputs)
    done = subprocess.run([sys.argv[1]], input=lines, text=True, check=True,
                          capture_output=True, encoding="utf-8")
    answers = done.stdout.split("\n")[:-1]
    assert len(answers) == len(inputs), (len(answers), len(inputs))
    wrong, taken = 0, 0
    for (data, whole), said in zip(inputs, answers):
        taken += not whole and said != "refused"
        words = wrong_with(data, said, whole)
        if words is not None:
            wrong += 1
            if wrong < 10:
                print(f"{data.hex()} whole={whole} said={said}: {words}")
    print(f"{len(inputs)} inputs, {taken} of the damaged ones taken, "
          f"{wrong} wrong")
    assert COUNT < 1000 or 0 < taken < COUNT // 2
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""What the cloud holds, and whether it came as promised.

Every accepted entry is a line of events.jsonl, written with one write before
its acknowledgement leaves, so that a killed cloud has what it acknowledged;
a line that was torn is cut off at the next start, since nobody was told.

The judge looks at CloudEvents as the gateway renders them: `source` and `id`
name an event; `journalid`, `journallife` and `journalsequence` say where it
stands. One journal feeds one bus or stream, or copies of it that went different
ways: then a number comes again in another life. For each it counts:

  duplicates        accepted again: allowed, at least once is the promise
  order_violations  an event seen for the first time after a later one of its
                    key: never allowed
  missing           sequence numbers below the highest that never came
  conflicts         one identity with two contents, in two places of one life,
                    or with one number in two lives; or one place for two
                    identities
  retaken           one identity in two lives: each of two copies of a journal
                    got it, or one journal took it twice
  moved_keys        a key that came under more than one Kinesis partition key
  unreadable        entries that are no CloudEvent or lack journalsequence

EdgeStatus is in no journal, so it is counted apart (`statuses`) and is in none of
the above:

  received          accepted
  repeated          a number of a life again, with the same content
  backwards         a number after a higher one of its life: never allowed, only
                    the newest waits
  unfit             without what makes it one, a number in two forms, or with a
                    journalsequence

The key is the extension `partitionkey`, else `subject`, else `source`.
"""

import base64
import fcntl
import hashlib
import json
import os

MISSING_LISTED = 100
ADDED = ("journalid", "journallife", "journalsequence", "recordedtime")
KEY_ATTRIBUTES = ("partitionkey", "subject", "source")


def event_key(event):
    """What orders an event: the first of the three that it has."""
    for name in KEY_ATTRIBUTES:
        if event.get(name):
            return str(event[name])
    return ""


def event_identity(event):
    """(identity, journalsequence), or None if it is not the gateway's."""
    source, name = event.get("source"), event.get("id")
    sequence = event.get("journalsequence")
    if (event.get("specversion") != "1.0" or not event.get("type")
            or not isinstance(source, str) or not source
            or not isinstance(name, str) or not name
            or not isinstance(sequence, str) or not sequence.isdecimal()):
        return None
    return f"{source}\n{name}", int(sequence)


def event_content(event):
    """A digest of what was said, without what the journal added."""
    said = {name: value for name, value in event.items() if name not in ADDED}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def event_life(event):
    return event.get("journalid", ""), event.get("journallife", "")


class Seen:
    """A set of sequence numbers that stays small while they come in order."""

    def __init__(self):
        self.floor = 0  # all below have been seen
        self.highest = None
        self._above = set()

    def __contains__(self, number):
        return number < self.floor or number in self._above

    def add(self, number):
        if number in self:
            return
        self._above.add(number)
        while self.floor in self._above:
            self._above.remove(self.floor)
            self.floor += 1
        self.highest = max(number, -1 if self.highest is None
                           else self.highest)

    def missing(self):
        """How many numbers below the highest were not seen."""
        if self.highest is None or self.highest < self.floor:
            return 0
        return self.highest + 1 - self.floor - len(self._above)

    def first_missing(self, most):
        """The first of them, at most `most`."""
        found = []
        number = self.floor
        while self.highest is not None and number < self.highest:
            if len(found) == most:
                break
            if number not in self._above:
                found.append(number)
            number += 1
        return found


class Holding:
    """What one bus or stream holds."""

    COUNTERS = ("requests", "entries", "failed_entries", "refused_entries",
                "events", "unique", "duplicates", "order_violations",
                "conflicts", "retaken", "moved_keys", "unreadable")

    def __init__(self):
        self.count = dict.fromkeys(self.COUNTERS, 0)
        self._places = {}  # identity -> (content, {(life, sequence)})
        self._taken = set()  # (life, sequence)
        self._lives = {}  # (journalid, journallife) -> a small number
        self._latest = {}  # key -> highest journalsequence
        self._partition = {}  # key -> Kinesis partition key
        self._seen = Seen()

    def note(self, event, partition_key=None):
        """Takes one accepted event (None if it is not even JSON)."""
        self.count["events"] += 1
        named = event_identity(event) if isinstance(event, dict) else None
        if named is None:
            self.count["unreadable"] += 1
            return
        identity, sequence = named
        key = event_key(event)
        if partition_key is not None:
            first = self._partition.setdefault(key, partition_key)
            self.count["moved_keys"] += first != partition_key
        life = self._lives.setdefault(event_life(event), len(self._lives))
        place = life, sequence
        content = event_content(event)
        known, places = self._places.get(identity, (content, ()))
        if known != content:
            self.count["conflicts"] += 1
        elif place in places:
            self.count["duplicates"] += 1
        elif place in self._taken or any(
                at[0] == life or at[1] == sequence for at in places):
            self.count["conflicts"] += 1
        else:
            self._places[identity] = content, (*places, place)
            self._taken.add(place)
            if places:
                self.count["retaken"] += 1
                self._seen.add(sequence)
            else:
                self._note_first(key, sequence)

    def _note_first(self, key, sequence):
        self.count["unique"] += 1
        if sequence in self._seen:
            return  # another life's number: the copies went different ways
        self._seen.add(sequence)
        latest = self._latest.get(key, -1)
        self.count["order_violations"] += sequence < latest
        self._latest[key] = max(sequence, latest)

    def report(self):
        return self.count | {
            "highest": self._seen.highest,
            "missing": self._seen.missing(),
            "missing_first": self._seen.first_missing(MISSING_LISTED)}


class Statuses:
    """What one bus or stream holds of EdgeStatus."""

    def __init__(self):
        self.count = dict.fromkeys(
            ("received", "repeated", "backwards", "unfit"), 0)
        self._latest = {}  # life -> (number, content)

    def note(self, event):
        self.count["received"] += 1
        data = event.get("data", {})
        life, number = data.get("life"), data.get("number")
        if (not isinstance(life, str) or not isinstance(number, int)
                or event.get("id") != f"{life}-{number}"
                or not str(event.get("source")).endswith("/gateway")
                or data.get("verdict") not in ("ok", "degraded", "failing")
                or "journalsequence" in event):
            self.count["unfit"] += 1
            return
        latest, said = self._latest.get(life, (0, None))
        content = event_content(event)
        if number == latest:
            self.count["repeated" if said == content else "unfit"] += 1
        elif number < latest:
            self.count["backwards"] += 1
        else:
            self._latest[life] = number, content


def is_status(event):
    return isinstance(event, dict) and event.get("type") == "EdgeStatus"


class Entry:
    """One accepted entry: the envelope, and what was in it, verbatim."""

    def __init__(self, sink, envelope, data, event=None):
        self.sink = sink  # "bus/NAME" or "stream/NAME"
        self.envelope = envelope  # Source, DetailType, PartitionKey, ...
        self.data = data  # Detail (str) or Data (bytes)
        self._event = event  # what is in `data`, if it was read already

    def line(self):
        record = {"sink": self.sink, "envelope": self.envelope}
        try:
            record["text"] = (self.data if isinstance(self.data, str)
                              else self.data.decode("utf-8"))
        except UnicodeDecodeError:
            record["base64"] = base64.b64encode(self.data).decode("ascii")
        return json.dumps(record, separators=(",", ":")) + "\n"

    @classmethod
    def of_line(cls, line):
        record = json.loads(line)
        data = (record["text"] if "text" in record
                else base64.b64decode(record["base64"]))
        return cls(record["sink"], record["envelope"], data)

    def event(self):
        """The event in it, or None if it is not a JSON object."""
        if self._event is not None:
            return self._event
        try:
            event = json.loads(self.data)
        except (ValueError, RecursionError):
            return None
        return event if isinstance(event, dict) else None


class Ledger:
    """The file, and a Holding for each sink."""

    def __init__(self, directory, sinks):
        self.holdings = {sink: Holding() for sink in sinks}
        self.statuses = {}  # sink -> Statuses
        self.serial = 0  # entries accepted so far
        self._path = os.path.join(directory, "events.jsonl")
        self._file = os.open(self._path,
                             os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RuntimeError(f"{directory} is in use by another cloud; "
                               "give it a --dir of its own") from None
        self._reload()

    def _reload(self):
        whole = 0
        with open(self._path, "rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                self._note(Entry.of_line(line))
        os.ftruncate(self._file, whole)

    def _note(self, entry):
        self.serial += 1
        if is_status(entry.event()):
            self.statuses.setdefault(entry.sink, Statuses()).note(
                entry.event())
            return
        holding = self.holdings.setdefault(entry.sink, Holding())
        holding.note(entry.event(), entry.envelope.get("PartitionKey"))

    def accept(self, entries):
        """Writes the entries, then counts them. What is written is kept."""
        data = memoryview("".join(map(Entry.line, entries)).encode("ascii"))
        while data:
            data = data[os.write(self._file, data):]
        for entry in entries:
            self._note(entry)

    def entries(self, sink):
        """The entries of one sink, in the order of their acceptance."""
        with open(self._path, "rb") as file:
            for line in file:
                entry = Entry.of_line(line)
                if entry.sink == sink:
                    yield entry

    def close(self):
        os.close(self._file)

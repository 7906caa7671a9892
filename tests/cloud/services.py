# SPDX-License-Identifier: Apache-2.0
"""EventBridge's and Kinesis' data calls, as far as a gateway needs them.

Limits, codes and texts are those of the AWS API references
(amazon-eventbridge: PutEvents, DescribeEventBus; kinesis: PutRecords), of
"Calculating PutEvents event entry size" in the EventBridge user guide, and of
answers recorded from AWS by LocalStack (tests/aws/services/events,
test_events.snapshot.json).

The entries of one call are taken from its last to its first: neither service
promises any order within a call, and a sender that relies on one is to be
found out.
"""

import hashlib
import json
import re
import uuid

from errors import ServiceError
from ledger import Entry, Holding
from wires import CBOR_TYPE, JSON_TYPE

ACCOUNT = "123456789012"
# A user guide's rule of one time stamp's weight in an entry.
TIME_SIZE = 14
PUT_EVENTS_BYTES = 256 * 1024  # refused from here on
DETAIL_TYPE_MAX = 128
RECORD_BYTES_MAX = 1024 * 1024  # a stream's default; Data and PartitionKey
CALL_BYTES_MAX = 5 * 1024 * 1024
HASH_KEYS = 1 << 128
INT64_MAX = (1 << 63) - 1


def _short_integer(text):
    number = int(text)
    if not -INT64_MAX - 1 <= number <= INT64_MAX:
        raise ValueError("an integer of more than 64 bits")
    return number


def _no_constant(text):
    raise ValueError(f"{text} is not JSON")


def _json_object(text):
    """The object that a Detail holds, or None if EventBridge refuses it."""
    try:
        value = json.loads(text, parse_int=_short_integer,
                           parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _size(text):
    return len(text.encode("utf-8", "surrogatepass"))


def _text(data):
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else data


def _check_poison(faults, text):
    code = faults.poison_code(text, call=True)
    if code is not None:
        raise ServiceError(code, "Refused on request.")


class EventBridge:
    """The buses of one account in one region."""

    name = "events"
    CONTENT_TYPES = (JSON_TYPE,)
    THROTTLED = "ThrottlingException"
    ENTRY_CODES = ("InternalFailure", "ThrottlingException")
    ENTRY_TEXTS = {"InternalFailure": "Internal Service Failure.",
                   "ThrottlingException": "Rate exceeded."}

    def __init__(self, region, buses, ledger, faults, tally):
        self._prefix = f"arn:aws:events:{region}:{ACCOUNT}:event-bus/"
        self._buses = {"default", *buses}
        self._ledger = ledger
        self._faults = faults
        self._tally = tally
        self.swallowed = {}  # name of a bus that is not there -> entries

    def _bus(self, name):
        """The bus that `name` (a name or an ARN) stands for, or None."""
        name = name.removeprefix(self._prefix)
        return name if name in self._buses else None

    def resources(self, parameters):
        """What a call is about, for IAM: each ARN with the condition keys."""
        entries = parameters.get("Entries")
        if entries is None:
            name = parameters.get("Name", "default")
            return [(self._prefix + name.removeprefix(self._prefix), {})]
        return [(self._prefix + entry.get("EventBusName", "default")
                 .removeprefix(self._prefix),
                 {"events:source": entry.get("Source", ""),
                  "events:detail-type": entry.get("DetailType", "")})
                for entry in entries]

    def describe_event_bus(self, parameters):
        name = parameters.get("Name", "default")
        bus = self._bus(name)
        if bus is None:
            raise ServiceError("ResourceNotFoundException",
                               f"Event bus {name} does not exist.")
        return {"Name": bus, "Arn": self._prefix + bus}

    def put_events(self, parameters):
        entries = parameters["Entries"]
        if sum(map(self._entry_size, entries)) >= PUT_EVENTS_BYTES:
            raise ServiceError(
                "ValidationException",
                "Total size of the entries in the request is over the limit.")
        for entry in entries:
            _check_poison(self._faults, entry.get("Detail", ""))
        self._count_calls(entries)
        accepted = []
        results = [self._put(entry, accepted) for entry in reversed(entries)]
        results.reverse()
        self._ledger.accept(accepted)
        failed = sum("ErrorCode" in result for result in results)
        return {"FailedEntryCount": failed, "Entries": results}

    @staticmethod
    def _entry_size(entry):
        texts = [entry.get(name, "") for name in
                 ("Source", "DetailType", "Detail")]
        texts += entry.get("Resources", [])
        return sum(map(_size, texts)) + TIME_SIZE * ("Time" in entry)

    def _count_calls(self, entries):
        for name in {entry.get("EventBusName", "default")
                     for entry in entries}:
            bus = self._bus(name)
            if bus is not None:
                self._holding(bus).count["requests"] += 1

    def _holding(self, bus):
        return self._ledger.holdings.setdefault(f"bus/{bus}", Holding())

    def _put(self, entry, accepted):
        """Judges one entry; its result, and `accepted` grows if it is good."""
        name = entry.get("EventBusName", "default")
        bus = self._bus(name)
        count = self._holding(bus).count if bus is not None else None
        if count is not None:
            count["entries"] += 1
        event = _json_object(entry.get("Detail", ""))
        fault = self._entry_fault(entry, event)
        if fault is not None:
            if count is not None:
                count["refused_entries"] += 1
            return fault
        code = self._faults.poison_code(entry["Detail"])
        if code is not None:
            if count is not None:
                count["refused_entries"] += 1
            return {"ErrorCode": code, "ErrorMessage": "Refused on request."}
        code = self._faults.entry_code(self.ENTRY_CODES)
        if code is not None:
            if count is not None:
                count["failed_entries"] += 1
            return {"ErrorCode": code,
                    "ErrorMessage": self.ENTRY_TEXTS.get(code, code)}
        if bus is None:
            # So does AWS: an EventId, and the event is gone.
            self.swallowed[name] = self.swallowed.get(name, 0) + 1
            self._tally["swallowed"] += 1
        else:
            accepted.append(self._entry(bus, entry, event))
        return {"EventId": str(uuid.uuid4())}

    @staticmethod
    def _entry(bus, entry, event):
        envelope = {key: entry[key] for key in
                    ("Source", "DetailType", "Resources") if key in entry}
        if "Time" in entry:
            envelope["Time"] = entry["Time"].timestamp()
        return Entry(f"bus/{bus}", envelope, entry["Detail"], event)

    @staticmethod
    def _entry_fault(entry, event):
        for name in ("Source", "DetailType", "Detail"):
            if not entry.get(name):
                return {"ErrorCode": "InvalidArgument",
                        "ErrorMessage": f"Parameter {name} is not valid. "
                        f"Reason: {name} is a required argument."}
        if entry["Source"].startswith("aws."):
            return {"ErrorCode": "NotAuthorizedForSourceException",
                    "ErrorMessage": "Not authorized for the source."}
        if len(entry["DetailType"]) > DETAIL_TYPE_MAX:
            return {"ErrorCode": "InvalidArgument",
                    "ErrorMessage": "Parameter DetailType is not valid. "
                    "Reason: DetailType is longer than "
                    f"{DETAIL_TYPE_MAX} characters."}
        if event is None:
            return {"ErrorCode": "MalformedDetail",
                    "ErrorMessage": "Detail is malformed."}
        return None


class Kinesis:
    """The streams of one account in one region."""

    name = "kinesis"
    CONTENT_TYPES = (JSON_TYPE, CBOR_TYPE)
    THROTTLED = "ProvisionedThroughputExceededException"
    ENTRY_CODES = ("ProvisionedThroughputExceededException",
                   "InternalFailure")

    def __init__(self, region, streams, ledger, faults):
        self._prefix = f"arn:aws:kinesis:{region}:{ACCOUNT}:stream/"
        self._streams = streams  # name -> shards
        self._ledger = ledger
        self._faults = faults

    def _stream(self, parameters):
        arn, name = parameters.get("StreamARN"), parameters.get("StreamName")
        if arn is None and name is None:
            raise ServiceError("InvalidArgumentException",
                               "Either StreamName or StreamARN is required.")
        if arn is not None:
            said = arn.removeprefix(self._prefix)
            if name is not None and name != said:
                raise ServiceError(
                    "InvalidArgumentException",
                    "StreamName and StreamARN name different streams.")
            name = said
        if name not in self._streams:
            raise ServiceError(
                "ResourceNotFoundException",
                f"Stream {name} under account {ACCOUNT} not found.")
        return name

    def resources(self, parameters):
        """As for EventBridge."""
        name = parameters.get("StreamARN") or parameters.get("StreamName", "")
        return [(self._prefix + name.removeprefix(self._prefix), {})]

    def put_records(self, parameters):
        stream = self._stream(parameters)
        records = parameters["Records"]
        self._check_sizes(records)
        for record in records:
            _check_poison(self._faults, _text(record["Data"]))
        hashes = [self._hash_key(record) for record in records]
        count = self._ledger.holdings[f"stream/{stream}"].count
        count["requests"] += 1
        count["entries"] += len(records)
        accepted = []
        results = [self._put(stream, record, hash_key, accepted) for
                   record, hash_key in zip(reversed(records),
                                           reversed(hashes))]
        results.reverse()
        self._ledger.accept(accepted)
        failed = len(records) - len(accepted)
        count["failed_entries"] += failed
        return {"FailedRecordCount": failed, "Records": results,
                "EncryptionType": "NONE"}

    @staticmethod
    def _check_sizes(records):
        total = 0
        for index, record in enumerate(records, 1):
            size = len(record["Data"]) + _size(record["PartitionKey"])
            total += size
            if size > RECORD_BYTES_MAX:
                raise ServiceError(
                    "ValidationException", "1 validation error detected: "
                    f"Value at 'records.{index}.member.data' failed to "
                    "satisfy constraint: Member must have length less than "
                    f"or equal to {RECORD_BYTES_MAX}")
        if total > CALL_BYTES_MAX:
            raise ServiceError("InvalidArgumentException",
                               "Records size exceeds 5 MB limit")

    @staticmethod
    def _hash_key(record):
        explicit = record.get("ExplicitHashKey")
        if explicit is None:
            return int.from_bytes(hashlib.md5(
                record["PartitionKey"].encode("utf-8", "surrogatepass"),
                usedforsecurity=False).digest(), "big")
        if int(explicit) >= HASH_KEYS:
            raise ServiceError(
                "InvalidArgumentException", "Invalid ExplicitHashKey. "
                f"ExplicitHashKey must be in the range: [0, 2^128-1]. "
                f"Specified value was {explicit}")
        return int(explicit)

    def _put(self, stream, record, hash_key, accepted):
        shards = self._streams[stream]
        shard = f"shardId-{hash_key * shards // HASH_KEYS:012d}"
        code = self._faults.poison_code(_text(record["Data"]))
        if code is not None:
            return {"ErrorCode": code, "ErrorMessage": "Refused on request."}
        code = self._faults.entry_code(self.ENTRY_CODES)
        if code is not None:
            return {"ErrorCode": code,
                    "ErrorMessage": self._entry_text(code, shard, stream)}
        # Increasing over all shards, so in each; 56 digits, as AWS gives.
        sequence = f"49{self._ledger.serial + len(accepted):054d}"
        accepted.append(Entry(
            f"stream/{stream}",
            {"PartitionKey": record["PartitionKey"], "ShardId": shard,
             "SequenceNumber": sequence}, record["Data"]))
        return {"SequenceNumber": sequence, "ShardId": shard}

    @staticmethod
    def _entry_text(code, shard, stream):
        if code == "ProvisionedThroughputExceededException":
            return (f"Rate exceeded for shard {shard} in stream {stream} "
                    f"under account {ACCOUNT}.")
        return "Internal service failure."


def operation_method(name):
    """put_events for PutEvents."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()

# SPDX-License-Identifier: Apache-2.0
"""AWS's own service model judges every request's shape.

The models and the validator are botocore's. A service also holds a request to
the model's upper lengths and patterns, which botocore's validator leaves to
it; those are checked here, against the same model.

Stricter than AWS in one thing: an unknown member is an error, since what is
misspelt would otherwise be dropped in silence.
"""

import base64
import binascii
import datetime
import functools
import re
import sys

# botocore's HTTP client is not used here. Without pyOpenSSL, which it takes
# if it can, 76 modules fewer are loaded at each start.
sys.modules.setdefault("urllib3.contrib.pyopenssl", None)

from botocore.loaders import Loader  # noqa: E402
from botocore.model import ServiceModel  # noqa: E402
from botocore.validate import ParamValidator, ValidationErrors  # noqa: E402

from errors import ServiceError  # noqa: E402


def _newer_kinesis(model):
    """What botocore 1.29 does not know yet of kinesis/2013-12-02.

    Source: botocore 1.43.67, botocore/data/kinesis/2013-12-02/service-2.json
    (August 2026).
    """
    shapes = model["shapes"]
    # PutRecordsInput has StreamARN; StreamName is no longer required.
    shapes["PutRecordsInput"]["members"]["StreamARN"] = {"shape": "StreamARN"}
    shapes["PutRecordsInput"]["required"] = ["Records"]
    shapes.setdefault("StreamARN", {
        "type": "string", "min": 1, "max": 2048,
        "pattern": r"arn:aws.*:kinesis:.*:\d{12}:stream/\S+"})
    # Data takes up to 10 MiB, if the stream's own limit allows it.
    shapes["Data"]["max"] = 10 * 1024 * 1024


NEWER = {"kinesis": _newer_kinesis}


class _Errors(ValidationErrors):
    """botocore's list of errors, with ours in AWS's words among them."""

    def _format_error(self, error):
        kind, name, additional = error
        if kind == "constraint":
            return (f"Value at '{_service_path(name)}' failed to satisfy "
                    f"constraint: {additional['words']}")
        return super()._format_error(error)


def _service_path(name):
    """'.Entries[0].Source' in a service's words: entries.1.member.source"""
    name = re.sub(r"\[(\d+)\]", lambda m: f".{int(m[1]) + 1}.member", name)
    return ".".join(part[:1].lower() + part[1:]
                    for part in name.lstrip(".").split("."))


class _Validator(ParamValidator):
    """botocore's validator, and the constraints it leaves to the service."""

    def validate(self, params, shape):
        errors = _Errors()
        self._validate(params, shape, errors, name="")
        return errors

    def _check_special_validation_cases(self, shape):
        # None of these operations has a JSON header or a document type; to
        # look for them costs half of the time.
        return None

    def _validate_string(self, param, shape, errors, name):
        super()._validate_string(param, shape, errors, name)
        if isinstance(param, str):
            _check_length(param, shape, errors, name)
            pattern = shape.metadata.get("pattern")
            if pattern and not re.fullmatch(pattern, param, re.ASCII):
                errors.report(name, "constraint", words="Member must satisfy "
                              f"regular expression pattern: {pattern}")

    def _validate_list(self, param, shape, errors, name):
        # A list that is too long is not looked into.
        if isinstance(param, list) and _check_length(param, shape, errors,
                                                     name):
            return
        super()._validate_list(param, shape, errors, name)

    def _validate_blob(self, param, shape, errors, name):
        super()._validate_blob(param, shape, errors, name)
        _check_length(param, shape, errors, name)


def _check_length(param, shape, errors, name):
    """True, and an error in the list, if `param` is too long."""
    most = shape.metadata.get("max")
    if most is None or len(param) <= most:
        return False
    errors.report(name, "constraint", words="Member must have length less "
                  f"than or equal to {most}")
    return True


def _malformed(what):
    return ServiceError("SerializationException", what)


def _decode(value, shape, binary, name=""):
    """A wire's forms to the values they stand for (base64, epoch seconds)."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        members = shape.members
        return {key: _decode(item, members[key], binary, f"{name}.{key}")
                if key in members else item for key, item in value.items()}
    if kind == "list" and isinstance(value, list):
        return [_decode(item, shape.member, binary, f"{name}[{index}]")
                for index, item in enumerate(value)]
    if kind == "blob" and binary:
        if not isinstance(value, bytes):
            raise _malformed(f"{_service_path(name)} is no byte string.")
        return value
    if kind == "blob":
        return _decode_blob(value, name)
    if kind == "timestamp":
        return _decode_time(value, name)
    return value


def _decode_blob(value, name):
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise _malformed(f"{_service_path(name)} is not base64.") from None


def _decode_time(value, name):
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return datetime.datetime.fromtimestamp(value,
                                                   datetime.timezone.utc)
        except (OverflowError, ValueError, OSError):
            pass
    raise _malformed(f"{_service_path(name)} is not a time in epoch seconds.")


@functools.cache
def _load(service):
    raw = Loader().load_service_model(service, "service-2")
    NEWER.get(service, lambda model: None)(raw)
    return raw


class Model:
    """The operations of one service, by the target that names them."""

    def __init__(self, service):
        self._model = ServiceModel(_load(service), service)
        self._validator = _Validator()

    @property
    def target_prefix(self):
        return self._model.metadata["targetPrefix"]

    def operations(self):
        return self._model.operation_names

    def read(self, operation, body, wire):
        """The validated parameters in `body`, or ServiceError."""
        shape = self._model.operation_model(operation).input_shape
        try:
            raw = wire.read(body)
        except (ValueError, RecursionError) as error:
            raise _malformed(
                f"The body is not {wire.content_type}: {error}") from None
        parameters = _decode(raw, shape, wire.binary)
        errors = self._validator.validate(parameters, shape)
        if errors.has_errors():
            report = errors.generate_report().split("\n")
            plural = "s" if len(report) > 1 else ""
            raise ServiceError(
                "ValidationException", f"{len(report)} validation "
                f"error{plural} detected: {'; '.join(report)}")
        return parameters

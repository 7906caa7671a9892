# SPDX-License-Identifier: Apache-2.0
"""Who may do what: IAM as far as the gateway meets it.

Each call is recorded as an action and the resource it is done to, in IAM's
words. With a policy (POST /_rights) what it does not allow is refused, as AWS
does: AccessDeniedException. Read are Effect Allow, Action, Resource, and the
conditions StringEquals and StringLike; anything else is an error, so that no
policy is taken for one that it is not. Without a policy all is allowed.

A stream may have a KMS key: then whoever writes to it needs
kms:GenerateDataKey on that key, which Kinesis asks for on his behalf.
"""

import fnmatch

from errors import ServiceError

CONDITIONS = {
    "StringEquals": lambda wanted, value: wanted == value,
    "StringLike": lambda wanted, value: fnmatch.fnmatchcase(value, wanted),
}


def _list(value):
    return value if isinstance(value, list) else [value]


def _check(statement):
    """ValueError if it says what is not read here."""
    if set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition"}:
        raise ValueError(f"a statement has {sorted(statement)}")
    if statement["Effect"] != "Allow":
        raise ValueError("only Effect: Allow is read")
    for operator in statement.get("Condition", {}):
        if operator not in CONDITIONS:
            raise ValueError(f"the condition {operator} is not read")


def _holds(conditions, context):
    return all(any(CONDITIONS[operator](wanted, context.get(key, ""))
                   for wanted in _list(values))
               for operator, keys in conditions.items()
               for key, values in keys.items())


class Rights:
    def __init__(self):
        self.calls = {}  # (action, resource) -> how often
        self.denied = {}
        self._statements = None
        self._keys = {}  # stream ARN -> key ARN

    def update(self, settings):
        """{"policy": {...} or null, "keys": {stream ARN: key ARN}}"""
        if set(settings) - {"policy", "keys"}:
            raise ValueError("rights are a policy and keys")
        if "policy" in settings:
            policy = settings["policy"]
            statements = None if policy is None else policy["Statement"]
            for statement in statements or ():
                _check(statement)
            self._statements = statements
        self._keys = settings.get("keys", self._keys)

    def report(self):
        def rows(counts):
            return [{"action": action, "resource": resource, "calls": count}
                    for (action, resource), count in sorted(counts.items())]
        return {"calls": rows(self.calls), "denied": rows(self.denied)}

    def _allows(self, action, resource, context):
        return self._statements is None or any(
            any(fnmatch.fnmatchcase(action, each) for each in
                _list(statement["Action"]))
            and any(fnmatch.fnmatchcase(resource, each) for each in
                    _list(statement["Resource"]))
            and _holds(statement.get("Condition", {}), context)
            for statement in self._statements)

    def check(self, action, resource, context):
        """Records it; ServiceError if the policy does not allow it."""
        place = (action, resource)
        self.calls[place] = self.calls.get(place, 0) + 1
        if self._allows(action, resource, context):
            return
        self.denied[place] = self.denied.get(place, 0) + 1
        raise ServiceError(
            "AccessDeniedException", "User: arn:aws:iam::123456789012:user/box "
            f"is not authorized to perform: {action} on resource: {resource} "
            "because no identity-based policy allows the "
            f"{action} action")

    def check_key(self, stream_arn):
        key = self._keys.get(stream_arn)
        if key is None:
            return
        try:
            self.check("kms:GenerateDataKey", key,
                       {"kms:EncryptionContext:aws:kinesis:arn": stream_arn})
        except ServiceError as error:
            raise ServiceError("KMSAccessDeniedException",
                               error.message) from None

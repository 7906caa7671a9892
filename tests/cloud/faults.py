# SPDX-License-Identifier: Apache-2.0
"""The faults that can be switched while the cloud runs.

  offline          true: connections are refused, live ones are cut
  latency_ms       added to each request, half before and half after its work
  partial_failure  entries fail one by one: a probability, or
                   {"every": n, "code": "..."} for each n-th (code optional)
  throttle         probability that a whole call is throttled
  answer_lost      probability that a call is done and its answer lost
  cut_body         probability that an answer breaks off half-way
  captive_portal   true: each answer is a 200 with a page of HTML
  skew_s           the cloud's clock is this many seconds ahead
  poison           {"word": "...", "code": "...", "call": false}: an entry that
                   holds the word is refused with the code for good; with call
                   true the whole call is. {} for none
  refuse           each whole call is refused with this error code; "" for none
"""

import random

BOOLEANS = ("offline", "captive_portal")
PROBABILITIES = ("throttle", "answer_lost", "cut_body")
NUMBERS = ("latency_ms", "skew_s")


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_probability(value):
    return _is_number(value) and 0 <= value <= 1


def _is_partial(value):
    if not isinstance(value, dict):
        return _is_probability(value)
    every = value.get("every")
    return (set(value) <= {"every", "code"} and isinstance(every, int)
            and not isinstance(every, bool) and every >= 1
            and isinstance(value.get("code", ""), str))


def _is_poison(value):
    return (isinstance(value, dict)
            and set(value) <= {"word", "code", "call"}
            and all(isinstance(value.get(name, ""), str)
                    for name in ("word", "code"))
            and isinstance(value.get("call", False), bool))


def _complaint(name, value):
    """What is wrong with one setting, or None."""
    if name in BOOLEANS:
        good, form = isinstance(value, bool), "true or false"
    elif name in PROBABILITIES:
        good, form = _is_probability(value), "a number from 0 to 1"
    elif name == "latency_ms":
        good, form = _is_number(value) and value >= 0, "0 or more"
    elif name == "skew_s":
        good, form = _is_number(value), "a number of seconds"
    elif name == "refuse":
        good, form = isinstance(value, str), "an error code, or empty"
    elif name == "poison":
        good, form = _is_poison(value), "{word, code, call} or {}"
    elif name == "partial_failure":
        good, form = _is_partial(value), (
            "a number from 0 to 1 or {\"every\": n, \"code\": name}")
    else:
        return f"there is no fault {name!r}"
    return None if good else f"{name} must be {form}, not {value!r}"


class Faults:
    """The switches, and the dice that they are thrown with."""

    def __init__(self, seed):
        self.settings = dict.fromkeys(BOOLEANS, False)
        self.settings |= dict.fromkeys(PROBABILITIES + NUMBERS, 0)
        self.settings["partial_failure"] = 0
        self.settings["refuse"] = ""
        self.settings["poison"] = {}
        self.seed = seed
        self._random = random.Random(seed)
        self._entries = 0

    def __getitem__(self, name):
        return self.settings[name]

    def update(self, settings):
        """Changes the switches named; ValueError changes none."""
        if not isinstance(settings, dict):
            raise ValueError("faults are a JSON object")
        for name, value in settings.items():
            complaint = _complaint(name, value)
            if complaint:
                raise ValueError(complaint)
        self.settings |= settings

    def strikes(self, name):
        """Throws the dice for one of the probabilities."""
        return self._random.random() < self.settings[name]

    def poison_code(self, text, call=False):
        """The code that an entry of this text is to be refused with for good,
        by itself or (`call`) with its call; or None."""
        poison = self.settings["poison"]
        if (not poison.get("word") or poison.get("call", False) != call
                or poison["word"] not in text):
            return None
        return poison.get("code") or "MalformedDetail"

    def entry_code(self, codes):
        """The code an entry is to fail with, or None; `codes` to pick from."""
        partial = self.settings["partial_failure"]
        if not isinstance(partial, dict):
            struck = self._random.random() < partial
            return self._random.choice(codes) if struck else None
        self._entries += 1
        if self._entries % partial["every"]:
            return None
        return partial.get("code") or self._random.choice(codes)

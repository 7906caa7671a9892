# SPDX-License-Identifier: Apache-2.0
"""Goal: docs/conditions.md says of each condition what the program's table says,
in the same order."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]


def of_the_program():
    text = (ROOT / "gateway/verdict/condition_list.h").read_text()
    rows = re.findall(
        r'X\(\w+, \w+, "([a-z-]+)",\s*(FAILING|DEGRADED),\s*(STREAM|BOX),\s*'
        r'(true|false),\s*\d+,\s*(\d+),\s*"([^"]+)"\)',
        re.sub(r"\\\n", " ", text))
    return [(code, level.lower(),
             {"STREAM": "the stream", "BOX": "the box"}[scope],
             {"true": "yes", "false": "no"}[helps],
             "-" if hold == "0" else f"{hold} s", action)
            for code, level, scope, helps, hold, action in rows]


def of_the_page():
    text = (ROOT / "docs/conditions.md").read_text()
    cells = [[cell.strip() for cell in line.strip("|").split("|")]
             for line in text.splitlines() if line.startswith("| `")]
    return [(row[0].strip("`"), *row[1:5], row[6]) for row in cells
            if len(row) == 7]


class ConditionsTest(unittest.TestCase):
    def test_the_page_is_the_table(self):
        self.assertGreater(len(of_the_program()), 10)
        self.assertEqual(of_the_page(), of_the_program())


if __name__ == "__main__":
    unittest.main()

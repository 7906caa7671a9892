# SPDX-License-Identifier: Apache-2.0
"""Goal: docs/devices.md says of each refusal what the program says, in the same
order, and its firewall rules are ones that nft takes."""

import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/devices.md").read_text()
PLACES = {"At the connection": "connection", "At a topic": "topic"}


def of_the_program():
    text = (ROOT / "gateway/identity/refusal_list.h").read_text()
    place, rows = None, []
    for found in re.finditer(
            r'/\* (At [^*]*)\. \*/'
            r'|^REFUSAL\(\w+, "([a-z-]+)",\s*((?:"[^"]*"\s*)+)\)', text, re.M):
        if found.group(1):
            place = PLACES[found.group(1)]
        else:
            words = "".join(re.findall(r'"([^"]*)"', found.group(3)))
            rows.append((found.group(2), place, words))
    return rows


def of_the_page():
    part = PAGE[PAGE.index("\n## What is refused\n"):]
    part = part[:part.index("\nHow the device sees it")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")]
             for line in part.splitlines() if line.startswith("| `")]
    return [(code.strip("`"), place, words) for code, place, words in cells]


class DevicesPageTest(unittest.TestCase):
    def test_the_page_is_the_table(self):
        rows = of_the_program()
        text = (ROOT / "gateway/identity/refusal_list.h").read_text()
        self.assertEqual(len(rows), len(re.findall(r"^REFUSAL\(", text, re.M)))
        self.assertGreater(len(rows), 10)
        self.assertEqual(of_the_page(), rows)

    def test_the_firewall_rules(self):
        rules = re.search(r"^```nft\n(.*?)^```$", PAGE, re.M | re.S).group(1)
        for text, taken in ((rules, True),
                            (rules.replace("limit rate", "limit"), False)):
            # In a network namespace of its own: nft asks the kernel.
            done = subprocess.run(["unshare", "-rn", "/usr/sbin/nft", "-c",
                                   "-f", "-"],
                                  input=text, text=True, capture_output=True)
            self.assertEqual(done.returncode == 0, taken, done.stderr)


if __name__ == "__main__":
    unittest.main()

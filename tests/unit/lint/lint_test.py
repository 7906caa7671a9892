# SPDX-License-Identifier: Apache-2.0
"""Goal: the checks of tests/lint.py find what they are for, in made-up trees,
and nothing where there is nothing."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(sys.argv.pop(1)) / "tests"))
import lint  # noqa: E402


def tree(**files):
    """gateway__base__a_h="..." is gateway/base/a.h."""
    return {pathlib.Path("/".join(name.split("__"))[::-1]
                         .replace("_", ".", 1)[::-1]): text
            for name, text in files.items()}


def includes(*names):
    return "".join(f'#include "{name}"\n' for name in names)


class Circles(unittest.TestCase):
    def test_none(self):
        files = tree(
            gateway__a_c=includes("gateway/a.h", "gateway/b.h", "gateway/c.h"),
            gateway__a_h=includes("gateway/c.h"),
            gateway__b_h=includes("gateway/c.h"),
            gateway__b_c=includes("gateway/b.h"),
            gateway__c_h="#include <stdio.h>\n")
        self.assertEqual(list(lint.circles(files)), [])

    def test_headers(self):
        files = tree(gateway__a_h=includes("gateway/b.h"),
                     gateway__b_h=includes("gateway/a.h"))
        found = list(lint.circles(files))
        self.assertEqual(len(found), 1)
        self.assertIn("gateway/a -> gateway/b -> gateway/a", found[0])
        self.assertIn("gateway/b.h", found[0])

    def test_a_source_counts_with_its_header(self):
        """No header includes in a circle, so it compiles; the units do."""
        files = tree(gateway__a_h="", gateway__b_h="",
                     gateway__a_c=includes("gateway/a.h", "gateway/b.h"),
                     gateway__b_c=includes("gateway/b.h", "gateway/a.h"))
        self.assertEqual(len(list(lint.circles(files))), 1)

    def test_a_long_way_around(self):
        files = tree(bridge__a_h=includes("bridge/b.h"),
                     bridge__b_c=includes("bridge/c.h"), bridge__b_h="",
                     bridge__c_h=includes("config/d.h"),
                     config__d_c=includes("bridge/a.h"), config__d_h="")
        found = list(lint.circles(files))
        self.assertEqual(len(found), 1)
        self.assertIn("a circle of 4 units", found[0])

    def test_two_circles_are_two(self):
        files = tree(bridge__a_h=includes("bridge/b.h"),
                     bridge__b_h=includes("bridge/a.h", "bridge/c.h"),
                     bridge__c_h=includes("bridge/d.h"),
                     bridge__d_h=includes("bridge/c.h"))
        self.assertEqual(len(list(lint.circles(files))), 2)


class Sizes(unittest.TestCase):
    def check(self, name, lines):
        return list(lint.strict_sizes(pathlib.Path(name), "\n" * lines))

    def test_headers(self):
        self.assertEqual(self.check("gateway/a.h", 150), [])
        self.assertEqual(self.check("gateway/a.h", 151),
                         ["gateway/a.h: 151 lines (at most 150)"])

    def test_sources(self):
        self.assertEqual(self.check("gateway/a.c", 600), [])
        self.assertEqual(self.check("gateway/a.c", 601),
                         ["gateway/a.c: 601 lines (at most 600)"])

    def test_tests_may_be_longer(self):
        self.assertEqual(self.check("tests/unit/a_test.c", 900), [])
        self.assertEqual(self.check("tests/unit/cases.h", 900), [])

    def test_functions(self):
        for lines, count in ((70, 0), (71, 1)):
            text = "int a(void) {\n" + "    b();\n" * lines + "}\n"
            found = list(lint.sizes(pathlib.Path("gateway/a.c"), text))
            self.assertEqual(len(found), count, found)


class Assertions(unittest.TestCase):
    def test_enough(self):
        files = tree(gateway__a_c="    assert(x);\n" * 10 + "\n" * 990)
        self.assertEqual(list(lint.assertions(files)), [])

    def test_too_few(self):
        files = tree(gateway__a_c="    assert(x);\n" * 9 + "\n" * 991,
                     tests__b_c="    assert(x);\n" * 100)
        found = list(lint.assertions(files))
        self.assertEqual(len(found), 1)
        self.assertIn("9 assertions in 1000 lines", found[0])

    def test_what_counts(self):
        text = ('_Static_assert(1, "");\nassert(a);\nassert_settled(b);\n'
                '/* assert(c); */\nmy_assert(d);\n"assert(e)";\n')
        self.assertEqual(lint.assertion_counts(tree(bridge__a_c=text)),
                         {"bridge": (2, 6)})
        self.assertEqual(lint.assertion_counts(tree(bridge__a_h=text)),
                         {"bridge": (2, 0)})


class Paragraphs(unittest.TestCase):
    def check(self, lines):
        return list(lint.long_paragraphs("# A title\n\n" + "words\n" * lines +
                                         "\n* a list\n"))

    def test_ten_lines(self):
        self.assertEqual(self.check(10), [])

    def test_eleven_lines(self):
        self.assertEqual(self.check(11), [(3, 11)])


class Floors(unittest.TestCase):
    def check(self, path, *names):
        return list(lint.includes(pathlib.Path(path), includes(*names)))

    def test_down_is_allowed(self):
        self.assertEqual(self.check("devices/till.c", "devices/client/client.h",
                                    "gateway/base/log.h"), [])

    def test_up_is_not(self):
        self.assertEqual(len(self.check("devices/client/client.c",
                                        "devices/report.h")), 1)
        self.assertEqual(len(self.check("gateway/event/event.c",
                                        "gateway/shop/shop.h")), 1)

    def test_a_folder_without_a_floor(self):
        self.assertEqual(len(self.check("gateway/attic/a.c")), 1)


if __name__ == "__main__":
    unittest.main()

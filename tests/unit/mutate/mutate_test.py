# SPDX-License-Identifier: Apache-2.0
"""Goal: tests/mutate reports a mutant that lives, does not build or cannot be put
in, and a test that fails anyway, and always takes a mutant out again."""

import contextlib
import importlib.machinery
import importlib.util
import io
import pathlib
import sys
import tempfile
import time
import unittest

LOADER = importlib.machinery.SourceFileLoader(
    "mutate", str(pathlib.Path(sys.argv.pop(1)) / "tests" / "mutate"))
SPEC = importlib.util.spec_from_loader("mutate", LOADER)
mutate = importlib.util.module_from_spec(SPEC)
LOADER.exec_module(mutate)

ONE = """# a comment

one is two
file: a.c
test: a_test
-
    return 1;
+
    return 2;
.
"""


def is_running(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


class Parsing(unittest.TestCase):
    def test_fields(self):
        mutant, = mutate.parse("a.txt", ONE)
        self.assertEqual((mutant.where, mutant.name, mutant.file, mutant.test,
                          mutant.target),
                         ("a.txt:3", "one is two", "a.c", "a_test", "a_test"))
        self.assertEqual((mutant.old, mutant.new),
                         ("    return 1;\n", "    return 2;\n"))

    def test_a_target_of_its_own(self):
        text = ONE.replace("test: a_test", "test: a_test\ntarget: a_program")
        self.assertEqual(mutate.parse("a", text)[0].target, "a_program")

    def test_a_simulation(self):
        text = ONE.replace("a_test", "simulate journal --cuts 10")
        mutant, = mutate.parse("a", text)
        self.assertTrue(mutant.simulates)
        self.assertEqual(mutant.target, "simulate")

    def test_several_and_lines_to_delete(self):
        text = ONE + "\n" + ONE.replace("+\n    return 2;\n", "+\n")
        first, second = mutate.parse("a", text)
        self.assertEqual(second.new, "")

    def test_what_is_refused(self):
        for old, new in (("file: a.c\n", ""), ("test: a_test\n", ""),
                         ("file:", "fiel:"), (".\n", ""), ("file:", "file"),
                         ("    return 2;", "    return 1;"),
                         ("    return 1;\n", "")):
            with self.assertRaises(mutate.Bad, msg=new):
                mutate.parse("a", ONE.replace(old, new))


class FakeTree:
    """Its build and tests do as they are told by what stands in a.c."""

    def __init__(self, folder):
        self.source, self.log = folder, "said"
        self.path = folder / "a.c"
        self.path.write_text("    return 1;\n", encoding="utf-8")

    def configure(self):
        return True

    def compile(self, targets):
        return "broken" not in self.path.read_text(encoding="utf-8")

    def passes(self, mutant):
        text = self.path.read_text(encoding="utf-8")
        return "lives" in text or (text == "    return 1;\n"
                                   and mutant.test != "fails_anyway")


class Running(unittest.TestCase):
    def run_one(self, text):
        """(exit code, what was said), and a.c must be as it was."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "tests" / "mutants").mkdir(parents=True)
            (root / "tests" / "mutants" / "a.txt").write_text(text)
            (root / "a.c").write_text("    return 1;\n")
            trees = []

            def fake(at):
                trees.append(FakeTree(root))
                return trees[0]
            mutate.ROOT, mutate.Tree = root, fake
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                code = mutate.main([])
            self.assertEqual((root / "a.c").read_text(), "    return 1;\n")
            return code, said.getvalue()

    def test_killed(self):
        code, said = self.run_one(ONE)
        self.assertEqual(code, 0, said)
        self.assertIn("1 killed, 0 alive", said)

    def test_alive(self):
        code, said = self.run_one(ONE.replace("return 2", "lives"))
        self.assertEqual(code, 1)
        self.assertIn("0 killed, 1 alive", said)

    def test_one_alive_of_two(self):
        code, said = self.run_one(ONE + ONE.replace("return 2", "lives"))
        self.assertEqual(code, 1)
        self.assertIn("1 killed, 1 alive", said)

    def test_it_does_not_build(self):
        code, said = self.run_one(ONE.replace("return 2", "broken"))
        self.assertEqual(code, 1)
        self.assertIn("1 that do not build", said)

    def test_the_text_is_not_there(self):
        code, said = self.run_one(ONE.replace("return 1", "return 3"))
        self.assertEqual(code, 1)
        self.assertIn("in a.c 0 times, not once", said)

    def test_there_is_no_such_file(self):
        code, said = self.run_one(ONE.replace("a.c", "b.c"))
        self.assertEqual(code, 1)
        self.assertIn("there is no file b.c", said)

    def test_the_test_fails_anyway(self):
        code, said = self.run_one(ONE.replace("a_test", "fails_anyway"))
        self.assertEqual(code, 1)
        self.assertIn("fails_anyway fails without a mutant", said)


class Limits(unittest.TestCase):
    def test_a_test_that_hangs_is_stopped_with_what_it_started(self):
        tree = mutate.Tree.__new__(mutate.Tree)
        with tempfile.TemporaryDirectory() as folder:
            tree.source = pathlib.Path(folder)
            (tree.source / "CTestTestfile.cmake").write_text(
                'add_test(hangs sh -c "echo $$ >pid; sleep 1000; true")\n'
                "set_tests_properties(hangs PROPERTIES TIMEOUT 900)\n")
            began = time.monotonic()
            self.assertFalse(tree.run(["ctest", "--test-dir", folder], 2))
            self.assertLess(time.monotonic() - began, 30)
            self.assertIn("not done after 2 s", tree.log)
            pid = int((tree.source / "pid").read_text())
            deadline = time.monotonic() + 30
            while is_running(pid) and time.monotonic() < deadline:
                time.sleep(0.05)
            self.assertFalse(is_running(pid))

    def test_what_ends_in_time(self):
        tree = mutate.Tree.__new__(mutate.Tree)
        tree.source = pathlib.Path("/")
        self.assertTrue(tree.run(["echo", "said"], 60))
        self.assertEqual(tree.log, "said\n")
        self.assertFalse(tree.run(["false"], 60))


if __name__ == "__main__":
    unittest.main()

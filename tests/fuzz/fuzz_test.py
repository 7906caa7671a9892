# SPDX-License-Identifier: Apache-2.0
"""Each fuzzer for EDGE_FUZZ_SECONDS (10) from EDGE_SEED (1), over what
tests/fuzz/corpus has of it; the console's for EDGE_FUZZ_RUNS inputs if that is
set. EDGE_BUILD is a build of the preset `fuzz`."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get(
    "EDGE_BUILD", HERE.parents[1] / "build" / "fuzz"))
SECONDS = int(os.environ.get("EDGE_FUZZ_SECONDS", "10"))
RUNS = int(os.environ.get("EDGE_FUZZ_RUNS", "0"))
RUNS_A_SECOND_MIN = 100
SEED = os.environ.get("EDGE_SEED", "1")  # 0: another one each time
# The control ends at what it finds; a slow machine gets to it later.
CONTROL_SECONDS = 12 * SECONDS
# Small files and many of them: what is freed need not be kept for long.
SANITIZER = "quarantine_size_mb=4:malloc_context_size=4"
BROKEN = "a promise was broken: "


class FuzzTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fuzz-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def fuzz(self, program, corpus=None, seconds=SECONDS, runs=0):
        """Runs it; what it says, and whether it found nothing."""
        bound = f"-runs={runs}" if runs else f"-max_total_time={seconds}"
        seconds = max(seconds, runs // RUNS_A_SECOND_MIN)
        inputs = self.folder / "corpus"
        if corpus is None:
            inputs.mkdir()
        else:
            shutil.copytree(HERE / "corpus" / corpus, inputs)
            self.assertTrue(any(inputs.iterdir()), "the corpus is empty")
        done = subprocess.run(
            [BUILD / "tests" / "fuzz" / program, bound, f"-seed={SEED}",
             "-max_len=256", "-len_control=0", "-print_funcs=0", "-timeout=60", f"-artifact_prefix={self.folder}/found-",
             inputs],
            capture_output=True, text=True, errors="replace",
            timeout=seconds + 300,
            env={**os.environ, "ASAN_OPTIONS": SANITIZER})
        return done.stderr, done.returncode == 0

    def finds_nothing(self, program, corpus, runs=0):
        said, nothing = self.fuzz(program, corpus, runs=runs)
        found = [f"{path.name}: {path.read_bytes().hex()}"
                 for path in self.folder.glob("found-*")]
        self.assertTrue(nothing, "\n".join([said[-8000:], *found]))
        self.assertRegex(said, r"Done [0-9]+ runs")
        print(f"figure: {program}: "
              + re.search(r"Done [0-9]+ runs in [0-9]+ second", said)[0])

    def test_recovery_of_mutated_files(self):
        """Whatever is done to a journal's files, recovery, readers and the
        inspection end, and give no record that was not appended."""
        self.finds_nothing("fuzz_recovery", "recovery")

    def test_any_order_of_operations(self):
        """No order of commits, trimming, ends of processes and power cuts
        breaks a promise."""
        self.finds_nothing("fuzz_operations", "operations")

    def test_a_journal_that_does_not_sync_is_caught(self):
        """The control: from nothing, the fuzzer comes upon what loses a record
        of a journal whose commits are not synced."""
        said, nothing = self.fuzz("fuzz_operations_broken", None,
                                  CONTROL_SECONDS)
        self.assertFalse(nothing, said[-4000:])
        self.assertIn(BROKEN + "an acknowledged record is gone", said)

    def test_peers_of_the_console(self):
        """Whatever bytes its peers send, the console's loop comes to rest, and
        what is answered is HTTP."""
        self.finds_nothing("fuzz_console", "console", RUNS)

    def test_a_console_that_hangs_is_caught(self):
        """The control: from nothing, the fuzzer comes upon the requests that
        never let the loop rest if the end of a body does not end them."""
        said, nothing = self.fuzz("fuzz_console_broken", None, CONTROL_SECONDS)
        self.assertFalse(nothing, said[-4000:])
        self.assertIn(BROKEN + "the loop does not come", said)

    def test_readers_of_identity(self):
        """Whatever accounts, serials, rules and reports say, they are refused
        with a reason, or written again as they came."""
        self.finds_nothing("fuzz_identity", "identity")

    def test_a_reader_that_reads_over_something_is_caught(self):
        """The control: from nothing, the fuzzer comes upon a text that is
        accepted with more behind its end."""
        said, nothing = self.fuzz("fuzz_identity_broken", None, CONTROL_SECONDS)
        self.assertFalse(nothing, said[-4000:])
        self.assertIn(BROKEN + "what was accepted is not", said)

    def test_certificates_lists_and_indexes(self):
        """Whatever is damaged in certificates, keys, revocation lists, and a
        CA's index and changes, they are refused with a reason, or say what was
        signed or written."""
        self.finds_nothing("fuzz_pki", "pki")

    def test_a_reader_that_trusts_any_list_is_caught(self):
        """The control: from nothing, the fuzzer comes upon a list that says
        something else than was signed."""
        said, nothing = self.fuzz("fuzz_pki_broken", None, CONTROL_SECONDS)
        self.assertFalse(nothing, said[-4000:])
        self.assertIn(BROKEN + "a list says something else", said)

    def test_readers_of_credentials(self):
        """Whatever files, commands and endpoints give for credentials, it is
        refused without being told, or can be sent."""
        self.finds_nothing("fuzz_credentials", "credentials")

    def test_a_key_of_any_characters_is_caught(self):
        """The control: from what the corpus has (from nothing it took 5 s to
        over 2 minutes), the fuzzer comes upon a key that would break a
        header."""
        said, nothing = self.fuzz("fuzz_credentials_broken", "credentials",
                                  CONTROL_SECONDS)
        self.assertFalse(nothing, said[-4000:])
        self.assertIn(BROKEN + "a key breaks a header", said)

    def test_answers_of_services(self):
        """Whatever a service answers, in JSON or in CBOR, it is read to its
        end or refused, and what is cut confirms nothing."""
        self.finds_nothing("fuzz_answers", "answers")

    def test_a_reader_that_takes_anything_for_text_is_caught(self):
        """The control: from nothing, the fuzzer comes upon CBOR that is no
        JSON if its texts are not looked at."""
        said, nothing = self.fuzz("fuzz_answers_broken", None, CONTROL_SECONDS)
        self.assertFalse(nothing, said[-4000:])
        self.assertIn(BROKEN + "what was taken is not JSON", said)


if __name__ == "__main__":
    unittest.main()

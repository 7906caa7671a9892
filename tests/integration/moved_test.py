# SPDX-License-Identifier: Apache-2.0
"""Goal: the data directory is removed, moved away or replaced under a running
gateway: nothing that is taken from then on gets a receipt, the gateway ends with
the journal's exit status and says why, with events coming in or without; and
where the directory is put back, nothing is missing that had a receipt."""

import os
import shutil
import subprocess
import unittest

from edge import Device, Store

EXIT_JOURNAL = 4


class Moved(unittest.TestCase):
    def begin(self, prepare):
        store = Store()
        store.__enter__()
        self.addCleanup(store.__exit__, None, None, None)
        prepare(store.folder / "data")
        store.gateway.start().wait_up()
        till = Device(store, "till-1")
        self.addCleanup(till.close)
        ids = [f"before-{n}" for n in range(10)]
        for id_ in ids:
            till.send(till.order(id_, id_))
        till.wait_accepted(ids)
        return store, till

    def ended(self, store, seconds=30):
        code = store.gateway.process.wait(seconds)
        store.gateway.process = None
        return code

    def check(self, strike, back=None, idle=False, prepare=lambda data: None):
        store, till = self.begin(prepare)
        data, away = store.folder / "data", store.folder / "away"
        strike(data, away)
        after = [f"after-{n}" for n in range(10)]
        if not idle:
            for id_ in after:
                till.send(till.order(id_, id_))
        self.assertEqual(self.ended(store), EXIT_JOURNAL)
        self.assertEqual([id_ for id_ in after if id_ in till.accepted], [])
        log = store.gateway.log()
        self.assertIn("journal_failed", log)
        self.assertRegex(log, "removed or replaced|No such file")
        if back is None:
            return
        back(data, away)
        store.gateway.start().wait_up()
        self.assertGreaterEqual(store.gateway.stream()["end"], 10)

    def moved_back(self, data, away):
        shutil.rmtree(data, ignore_errors=True)
        away.rename(data)

    def test_moved(self):
        self.check(lambda data, away: data.rename(away), self.moved_back)

    def test_removed(self):
        self.check(lambda data, away: shutil.rmtree(data / "orders"))

    def test_replaced_by_a_copy(self):
        def strike(data, away):
            data.rename(away)
            shutil.copytree(away, data, symlinks=True,
                            ignore=shutil.ignore_patterns("*sock*"))
        self.check(strike, self.moved_back)

    @unittest.skipUnless(os.geteuid() == 0, "mounting needs root")
    def test_unmounted(self):
        """A disk of its own that goes while files on it are open."""
        def prepare(data):
            data.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "none", data], check=True)
            self.addCleanup(subprocess.run, ["umount", "-q", "-l", data],
                            check=False)

        def strike(data, _away):
            subprocess.run(["umount", "-l", data], check=True)
        self.check(strike, prepare=prepare)

    def test_while_nothing_happens(self):
        self.check(lambda data, away: data.rename(away), idle=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)

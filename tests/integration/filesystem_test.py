# SPDX-License-Identifier: Apache-2.0
"""Goal: on real file systems what a journal acknowledged is there after its
process was killed at any moment, in order and as it was written; and where the
file system fills up, the process says so, acknowledges nothing more, loses
nothing, and resumes by itself when there is room.

EDGE_ROUNDS says how often (tests/full: more). Each file system that cannot be
had here is skipped, and says so."""

import contextlib
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

from edge import BUILD, wait_for

WRITER = BUILD / "tests/integration/journal_writer"
ROUNDS = 2 * int(os.environ.get("EDGE_ROUNDS", "20"))
COMMITS = 4  # so that segments are trimmed on the slowest disk too
KIB, MIB = 1 << 10, 1 << 20


class Writer:
    """A process that appends; what it said, as it said it."""

    def __init__(self, how, folder):
        self.lines = []
        self.process = subprocess.Popen(
            [WRITER, how, folder], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self):
        with self.process.stdout as said:
            self.lines.extend(iter(said.readline, ""))

    def said(self, word):
        """What followed the word, each time."""
        return [line.split(" ", 1)[1].strip() for line in list(self.lines)
                if line.startswith(word + " ") and line.endswith("\n")]

    def acknowledged(self):
        return int((self.said("acknowledged") or ["0"])[-1])

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.thread.join()


def holds(folder):
    """Where the journal begins and ends; each record was checked."""
    done = subprocess.run([WRITER, "check", folder], capture_output=True,
                          text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    begins, ends = done.stdout.split()[1:]
    return int(begins), int(ends)


@contextlib.contextmanager
def scratch(where=None):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="edge-fs-", dir=where))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def mounted(kind, size):
    """A file system of this size of its own; SkipTest where it is not available."""
    with scratch() as folder:
        at, image = folder / "mnt", folder / "image"
        at.mkdir()
        if kind == "tmpfs":
            command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs",
                       at]
        else:
            if shutil.which(f"mkfs.{kind}") is None:
                raise unittest.SkipTest(f"SKIPPED: there is no mkfs.{kind}")
            with open(image, "wb") as file:
                file.truncate(size)
            subprocess.run([f"mkfs.{kind}", "-q", image], check=True,
                           capture_output=True)
            command = ["mount", "-o", "loop", image, at]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise unittest.SkipTest(
                f"SKIPPED: no {kind} can be mounted: {done.stderr.strip()}")
        try:
            yield at
        finally:
            subprocess.run(["umount", at], check=True)


class Killed(unittest.TestCase):
    """kill -9 in a loop, at moments that chance picks."""

    def loop(self, folder, where):
        seed = random.randrange(1 << 32)
        print(f"seed {seed}")
        chance = random.Random(seed)
        acknowledged, commits, begins = 0, 0, 0
        for _ in range(ROUNDS):
            writer = Writer("write", folder / "t")
            try:
                if chance.random() < 0.8:  # else also while it starts
                    wait_for("some commits",
                             lambda: len(writer.said("acknowledged")) > COMMITS
                             or writer.process.poll() is not None, every=0.002)
                time.sleep(chance.random() * 0.02)
                self.assertIsNone(writer.process.poll(), writer.lines)
            finally:
                writer.kill()
            commits += len(writer.said("acknowledged"))
            acknowledged = max(acknowledged, writer.acknowledged())
            begins, ends = holds(folder / "t") if acknowledged else (0, 0)
            self.assertGreaterEqual(ends, acknowledged)
            acknowledged = ends  # it was seen: it may not go any more
        self.assertGreater(begins, 0)  # segments were trimmed and recycled
        print(f"figure: {where}: {ROUNDS} kills, {commits} commits, "
              f"{acknowledged} records, 0 missing")

    def test_here(self):
        with scratch() as folder:
            kind = subprocess.run(["df", "--output=fstype", folder],
                                  capture_output=True, text=True).stdout
            self.loop(folder, kind.split()[-1])

    def test_tmpfs(self):
        with scratch("/dev/shm") as folder:
            self.loop(folder, "tmpfs")

    def test_ext4(self):
        with mounted("ext4", 64 * MIB) as folder:
            self.loop(folder, "ext4")

    def test_xfs(self):
        with mounted("xfs", 320 * MIB) as folder:
            self.loop(folder, "xfs")

    def test_btrfs(self):
        with mounted("btrfs", 128 * MIB) as folder:
            self.loop(folder, "btrfs")


class Full(unittest.TestCase):
    """The file system has room for one segment more each time, and for some pages
    that chance picks."""

    SEGMENT = 256 * KIB

    def sizes(self, begin, count):
        seed = random.randrange(1 << 32)
        print(f"seed {seed}")
        chance = random.Random(seed)
        size = begin
        for _ in range(count):
            yield size
            size += self.SEGMENT + chance.randrange(1, 64) * 4 * KIB

    def fill(self, folder, begin, room):
        """`room(size)` leaves the file system so much."""
        first, *more = self.sizes(begin, 20)
        room(first)  # before anything can fill it
        writer, told = Writer("fill", folder / "t"), 0
        try:
            for size in [*more, None]:
                wait_for("it is full", lambda: len(writer.said("full")) > told
                         or writer.process.poll() is not None)
                self.assertIsNone(writer.process.poll(), writer.lines[-1:])
                acknowledged = writer.acknowledged()
                self.assertIn("No space left", writer.said("full")[-1])
                begins, ends = holds(folder / "t")
                self.assertEqual((begins, ends), (0, acknowledged))
                time.sleep(0.02)
                self.assertEqual(writer.acknowledged(), acknowledged)
                told = len(writer.said("full"))
                room(size)
            wait_for("it goes on",
                     lambda: writer.acknowledged() > acknowledged)
        finally:
            writer.kill()
        self.assertGreaterEqual(holds(folder / "t")[1], writer.acknowledged())
        print(f"figure: full {len(more) + 1} times, "
              f"{len(writer.said('acknowledged'))} commits, 0 missing")

    def test_tmpfs(self):
        with mounted("tmpfs", MIB) as folder:
            def room(size):
                size = size or 64 * MIB
                subprocess.run(["mount", "-o", f"remount,size={size}", folder],
                               check=True)
            self.fill(folder, MIB, room)

    def test_ext4(self):
        with mounted("ext4", 32 * MIB) as folder:
            ballast = folder / "ballast"
            free = os.statvfs(folder)
            free = free.f_bavail * free.f_bsize

            def room(size):
                """Something else on the disk leaves so much."""
                keep = free - size if size else 0
                with open(ballast, "ab") as file:
                    if keep > os.path.getsize(ballast):
                        os.posix_fallocate(file.fileno(), 0, keep)
                    file.truncate(keep)
            self.fill(folder, MIB, room)


if __name__ == "__main__":
    unittest.main(verbosity=2)

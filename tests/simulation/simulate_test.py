# SPDX-License-Identifier: Apache-2.0
"""Goal: the simulation breaks no promise and catches every control, the same
seed repeats the same run exactly, another seed is another run, and wrong use
is told what to do. Called with the program and how many cuts by chance."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAUNCHER = ROOT / "tests" / "simulate"
FEW = "100"


def launch(build, *arguments):
    env = dict(os.environ, EDGE_BUILD=str(build))
    return subprocess.run([LAUNCHER, *arguments], env=env, text=True,
                          capture_output=True)


def expect_misused(build, words, *arguments):
    done = launch(build, *arguments)
    assert done.returncode == 2, (arguments, done)
    assert words in done.stderr, (words, done.stderr)
    assert done.stdout == "", done.stdout


def wrong_use(build):
    expect_misused(build, "say which world")
    expect_misused(build, "there is no world shop", "shop")
    expect_misused(build, "worlds:\n  journal", "--json")
    expect_misused(build, "there is no option --fast", "journal", "--fast")
    for cuts in ("0", "-1", "many", "", "1e6", "99999999999999999999"):
        expect_misused(build, "give --cuts a whole number, at least 1",
                       "journal", "--cuts", cuts)
    expect_misused(build, "give --cuts a whole number", "journal", "--cuts")
    expect_misused(build, "give --seed a whole number", "journal", "--seed",
                   "x")
    with tempfile.TemporaryDirectory() as nothing:
        expect_misused(nothing, f"cmake --build {nothing}", "journal")


def start(program, cuts, seed):
    return subprocess.Popen(
        [program, "journal", "--json", "--cuts", cuts, "--seed", seed],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(run):
    out, err = run.communicate()
    assert run.returncode == 0 and err == "", (run.returncode, out, err)
    lines = out.splitlines()
    assert len(lines) == 1, out
    print(lines[0])
    figures = json.loads(lines[0])
    assert figures.pop("cuts_per_s") > 0
    return figures


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    wrong_use(program.parents[2])
    whole = finish(start(program, sys.argv[2], "1"))
    assert whole["world"] == "journal" and whole["seed"] == 1, whole
    assert whole["cuts"] > int(sys.argv[2]), whole
    assert whole["violations"] == 0, whole
    assert whole["controls"] == whole["controls_caught"] == 9, whole
    first, again, other = (finish(start(program, FEW, seed))
                           for seed in ("7", "7", "8"))
    assert first == again, (first, again)
    assert first["cuts"] != other["cuts"], (first, other)


if __name__ == "__main__":
    main()

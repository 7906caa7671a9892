# SPDX-License-Identifier: Apache-2.0
"""Goal: in the simulation no promise is broken and every control is caught; the
same seed repeats the same run exactly, and another one does not; a broken
promise is said with what repeats it, a control that is not caught fails the
run, and wrong use is told what to do. Called with the program, and the same over
a journal that breaks a rule. (That all controls are caught is tests/run's.)"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAUNCHER = ROOT / "tests" / "simulate"
FEW = "100"
CONTROLS = 11


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
        for option in ("--cuts", "--every", "--control-cuts"):
            expect_misused(
                build, f"give a whole number, at least 1, with {option}",
                "journal", option, cuts)
    expect_misused(build, "a whole number, at least 1", "journal", "--cuts")
    expect_misused(build, "give --seed a whole number", "journal", "--seed",
                   "x")
    with tempfile.TemporaryDirectory() as nothing:
        expect_misused(nothing, f"cmake --build {nothing}", "journal")


def run(program, cuts, seed, *more):
    return subprocess.run(
        [program, "journal", "--json", "--cuts", cuts, "--seed", seed,
         *more],
        text=True, capture_output=True)


def figures_of(done):
    lines = done.stdout.splitlines()
    assert len(lines) == 1, done.stdout
    print(lines[0])
    return json.loads(lines[0])


def held(program, cuts, seed):
    done = run(program, cuts, seed, "--rows-only")
    assert done.returncode == 0 and done.stderr == "", done
    figures = figures_of(done)
    assert figures["world"] == "journal" and figures["seed"] == int(seed)
    assert figures["cuts"] > int(cuts) and figures["violations"] == 0, figures
    assert figures["controls"] == figures["controls_caught"] == 0, figures
    assert figures.pop("cuts_per_s") > 0
    return figures


def uncaught(program):
    with tempfile.TemporaryDirectory() as folder:
        done = run(shutil.copy(program, folder), FEW, "1")
    assert done.returncode == 1, done
    assert done.stderr.count("NOT CAUGHT: ") == CONTROLS, done.stderr
    assert "its program is not built" in done.stderr, done.stderr
    assert figures_of(done)["controls_caught"] == 0


def violated(broken):
    done = run(broken, FEW, "1")
    assert done.returncode == 1, done
    assert figures_of(done)["violations"] > 0
    said = re.search(
        r"^(VIOLATION in random, seed .*)\n"
        r"  to repeat it: tests/simulate journal --seed (\d+) --cuts (\d+)$",
        done.stderr, re.M)
    assert said, done.stderr
    words, seed, cuts = said.groups()
    assert cuts == "1", cuts
    assert words in run(broken, cuts, seed).stderr, words


def main():
    program, broken = (pathlib.Path(name).resolve() for name in sys.argv[1:3])
    wrong_use(program.parents[2])
    uncaught(program)
    violated(broken)
    first, again, other = (held(program, FEW, seed)
                           for seed in ("7", "7", "8"))
    assert first == again, (first, again)
    assert first["cuts"] != other["cuts"], (first, other)


if __name__ == "__main__":
    main()

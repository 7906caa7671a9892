# SPDX-License-Identifier: Apache-2.0
"""Which lines of the product the tests reach, a file: at least 80 % of each, 90 %
in stream, journal, bridge and shop. Over a build of the preset `coverage` that the
tests have run on (tests/run, step coverage); reads what gcov says of it.

    tests/coverage.py [--missed FILE]    also lists the lines of FILE not reached"""

import collections
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "coverage"
FOLDERS = ("gateway", "bridge", "devices", "config")
FLOOR = 80
FLOORS = {"gateway/stream": 90, "gateway/journal": 90, "bridge": 90,
          "gateway/shop": 90}
AT_ONCE = 40  # data files that gcov is given


def data_files():
    """(What tests compile again, a control's one broken file, lies elsewhere and
    does not count.)"""
    return [path for folder in FOLDERS
            for path in (BUILD / folder).rglob("*.gcda")]


def reached():
    """{file: {line: times}} of all that was compiled."""
    lines = collections.defaultdict(lambda: collections.Counter())
    files = data_files()
    for at in range(0, len(files), AT_ONCE):
        said = subprocess.run(
            ["gcov", "--json-format", "--stdout", *files[at:at + AT_ONCE]],
            cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for part in said.splitlines():
            for file in json.loads(part)["files"] if part.strip() else ():
                path = pathlib.Path(file["file"])
                if path.is_relative_to(ROOT):
                    path = path.relative_to(ROOT)
                for line in file["lines"]:
                    lines[str(path)][line["line_number"]] += line["count"]
    return lines


def main():
    lines = reached()
    tracked = subprocess.run(
        ["git", "ls-files", "-z", *(f"{f}/*.c" for f in FOLDERS)], cwd=ROOT,
        check=True, capture_output=True, text=True).stdout.split("\0")
    if sys.argv[1:2] == ["--missed"]:
        name = sys.argv[2]
        text = (ROOT / name).read_text().splitlines()
        for number, times in sorted(lines[name].items()):
            if times == 0:
                print(f"{number}: {text[number - 1]}")
    low = []
    shown = []
    for name in filter(None, tracked):
        folder = str(pathlib.Path(name).parent)
        counts = lines.get(name)
        if not counts:
            low.append(f"{name}: no test reaches it")
            continue
        share = 100 * sum(c > 0 for c in counts.values()) / len(counts)
        shown.append((share, name))
        floor = FLOORS.get(folder, FLOOR)
        if share < floor:
            low.append(f"{name}: {share:.0f} % of its lines (at least {floor})")
    shown.sort()
    if shown:
        print(f"figure: {len(shown)} files, of their lines the tests reach "
              f"{shown[0][0]:.0f} % ({shown[0][1]}) to {shown[-1][0]:.0f} %, "
              f"median {shown[len(shown) // 2][0]:.0f} %")
    print("\n".join(low))
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())

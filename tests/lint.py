# SPDX-License-Identifier: Apache-2.0
"""What a compiler does not check: the floors of the house, circles of includes,
sizes, formatting, licence lines, and that nothing lies about unfinished.

    tests/lint.py            what holds today
    tests/lint.py --strict   and what is being worked towards: smaller files and
                             headers, enough assertions"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 700
STRICT_FILE_LINES_MAX = 600
PARAGRAPH_LINES_MAX = 10
STRICT_HEADER_LINES_MAX = 150
ASSERTIONS_MIN = 10  # for each 1,000 lines of C
PRODUCT = ("gateway", "bridge", "devices", "config")

# Which folders a folder may include: DESIGN's table of floors.
FLOORS = {
    "gateway/base": [],
    "gateway/jobs": ["gateway/base"],
    "gateway/identity": ["gateway/base"],
    "gateway/plugin": ["gateway/base", "gateway/event", "gateway/identity"],
    "gateway/pki": ["gateway/base", "gateway/identity", "config"],
    "config": ["gateway/base"],
    "gateway/event": ["gateway/base"],
    "gateway/journal": ["gateway/base"],
    "gateway/shop": ["gateway/base", "gateway/event"],
    "bridge": ["gateway/base", "gateway/jobs", "gateway/event",
               "gateway/journal", "config"],
    "gateway/stream": ["gateway/base", "gateway/event", "gateway/journal",
                       "gateway/shop", "config"],
    "gateway/mqtt": ["gateway/base", "gateway/identity", "gateway/event",
                     "gateway/journal", "gateway/stream", "config"],
    "gateway/verdict": ["gateway/base", "config"],
    "gateway/console": ["gateway/base", "gateway/identity", "gateway/event", "gateway/journal",
                        "gateway/shop", "gateway/verdict", "bridge", "config"],
    "gateway/commands": ["gateway/base", "gateway/jobs", "gateway/identity", "gateway/pki",
                         "gateway/event", "gateway/journal",
                         "gateway/shop", "gateway/stream", "gateway/mqtt", "gateway/console",
                         "gateway/verdict", "bridge", "config"],
    "gateway": ["gateway/base", "gateway/commands"],
    "devices": ["gateway/base", "gateway/event", "devices/client"],
    "devices/client": ["gateway/base", "gateway/event"],
}
BANNED = {
    "mosquitto_loop_start": "writes when it likes: acknowledgements are held",
    "mosquitto_loop_forever": "writes when it likes: acknowledgements are held",
    "goto": "released by scope instead",
    "NDEBUG": "assertions stay on",
}


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT,
                         check=True, capture_output=True, text=True).stdout
    return [pathlib.Path(name) for name in out.split("\0") if name]


def included(text):
    return re.findall(r'^#include "([^"]+)"', text, re.M)


def includes(path, text):
    folder = str(path.parent)
    if folder.startswith("tests"):
        return
    allowed = FLOORS.get(folder)
    if allowed is None:
        yield f"{path}: the folder {folder} is on no floor (tests/lint.py)"
        return
    for name in included(text):
        owner = str(pathlib.Path(name).parent)
        if owner not in (folder, ".") and owner not in allowed:
            yield f"{path}: includes {name}, which {folder} may not"


def without_comments(text):
    return re.sub(r'/\*.*?\*/|"(\\.|[^"\\])*"', "", text, flags=re.S)


def words(path, text):
    code = without_comments(text)
    for word, why in BANNED.items():
        if re.search(rf"\b{word}\b", code):
            yield f"{path}: {word} ({why})"


def is_of_tests(path):
    return str(path).startswith("tests")


def sizes(path, text):
    lines = text.count("\n")
    if lines > FILE_LINES_MAX and not is_of_tests(path):
        yield f"{path}: {lines} lines (at most {FILE_LINES_MAX})"
    for body in re.finditer(r"^\w[^;{}]*\) \{\n(.*?)^\}", text, re.M | re.S):
        count = body.group(1).count("\n")
        if count > FUNCTION_LINES_MAX:
            line = text[:body.start()].count("\n") + 1
            yield f"{path}:{line}: a function of {count} lines"


def strict_sizes(path, text):
    if is_of_tests(path):
        return
    lines = text.count("\n")
    most = (STRICT_HEADER_LINES_MAX if path.suffix == ".h"
            else STRICT_FILE_LINES_MAX)
    if lines > most:
        yield f"{path}: {lines} lines (at most {most})"


def graph_of(files):
    """Which unit includes which, with the file that does. A .c and the .h of
    its name are one unit: what either includes, the other depends on."""
    units = {str(path.with_suffix("")) for path in files}
    graph = {unit: {} for unit in units}
    for path, text in files.items():
        unit = str(path.with_suffix(""))
        for name in included(text):
            other = str(pathlib.Path(name).with_suffix(""))
            if other in units and other != unit:
                graph[unit].setdefault(other, str(path))
    return graph


def reachable(graph, start):
    seen, waiting = set(), [start]
    while waiting:
        for other in graph[waiting.pop()]:
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen


def shortest_circle(graph, start):
    """The shortest way from a unit back to it."""
    before, waiting = {}, [start]
    for unit in waiting:
        for other in sorted(graph[unit]):
            if other == start:
                way = [unit]
                while way[0] != start:
                    way.insert(0, before[way[0]])
                return [*way, start]
            if other not in before:
                before[other] = unit
                waiting.append(other)
    raise AssertionError(f"{start} is in no circle")


def circles(files):
    """Units that include each other, however many lie between: one line for
    each such group, with a way around."""
    graph = graph_of(files)
    reach = {unit: reachable(graph, unit) for unit in graph}
    told = set()
    for unit in sorted(graph):
        if unit not in reach[unit] or unit in told:
            continue
        group = {other for other in reach[unit] if unit in reach[other]}
        told |= group
        way = shortest_circle(graph, unit)
        files_of_way = [graph[a][b] for a, b in zip(way, way[1:])]
        yield (f"a circle of {len(group)} units: {' -> '.join(way)} "
               f"(by {', '.join(files_of_way)})")


def assertion_counts(files):
    """(assertions, lines of C) by folder, over what ships. Assertions in
    headers count, lines of headers do not."""
    counts = {}
    for path, text in files.items():
        if path.parts[0] not in PRODUCT:
            continue
        found, lines = counts.get(str(path.parent), (0, 0))
        found += len(re.findall(r"\b(?:assert|_Static_assert|static_assert)\(",
                                without_comments(text)))
        lines += text.count("\n") if path.suffix == ".c" else 0
        counts[str(path.parent)] = (found, lines)
    return counts


def assertions(files):
    counts = assertion_counts(files)
    found = sum(count for count, _ in counts.values())
    lines = sum(count for _, count in counts.values())
    if found * 1000 < lines * ASSERTIONS_MIN:
        rows = ", ".join(f"{folder} {count} in {of}"
                         for folder, (count, of) in sorted(counts.items()))
        yield (f"{found} assertions in {lines} lines of C, "
               f"{found * 1000 / lines:.1f} for each 1,000 "
               f"(at least {ASSERTIONS_MIN}): {rows}")


def formatted(sources):
    done = subprocess.run(["clang-format", "--dry-run", "-Werror",
                           *map(str, sources)], cwd=ROOT, capture_output=True,
                          text=True)
    if done.returncode != 0:
        yield done.stderr[:2000]


def long_paragraphs(text):
    """(first line, lines) of what is prose and longer than the bound."""
    run = 0
    for number, line in enumerate(text.splitlines() + [""], 1):
        prose = re.match(r"(?![#|`]|\* |[0-9]+\. )\S", line)
        if not prose and run > PARAGRAPH_LINES_MAX:
            yield number - run, run
        run = run + 1 if prose else 0


def paragraphs(_files):
    """The design is read by people: no paragraph of it is a wall."""
    for line, run in long_paragraphs((ROOT / "docs/design.md").read_text()):
        yield (f"docs/design.md:{line}: a paragraph of {run} lines (at most "
               f"{PARAGRAPH_LINES_MAX})")


def licences():
    for path in tracked("*.c", "*.h", "*.py", "*.cmake", "CMakeLists.txt",
                        "*/CMakeLists.txt", "tests/run", "tests/mutate",
                        "config/demo"):
        if "SPDX-License-Identifier: Apache-2.0" not in (
                ROOT / path).read_text()[:300]:
            yield f"{path}: no licence line"


def untracked():
    out = subprocess.run(["git", "status", "--porcelain", "-uall"], cwd=ROOT,
                         check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        if line.startswith("??"):
            yield f"{line[3:]}: neither tracked nor ignored"


def main(strict):
    files = {path: (ROOT / path).read_text()
             for path in tracked("*.c", "*.h")}
    found = [*licences(), *untracked(), *formatted(files)]
    each = (includes, words, sizes) + ((strict_sizes,) if strict else ())
    for path, text in files.items():
        for check in each:
            found += check(path, text)
    for check in (circles, assertions, paragraphs) if strict else ():
        found += check(files)
    print("\n".join(found) or f"{len(files)} files, nothing to fix")
    return 1 if found else 0


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--strict"]):
        sys.exit(__doc__)
    sys.exit(main(bool(sys.argv[1:])))

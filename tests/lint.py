# SPDX-License-Identifier: Apache-2.0
"""What a compiler does not check: the floors of the house, formatting, licence
lines, and that nothing lies about unfinished."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 700

# Which folders a folder may include: DESIGN's table of floors.
FLOORS = {
    "gateway/base": [],
    "gateway/jobs": ["gateway/base"],
    "config": ["gateway/base"],
    "gateway/event": ["gateway/base"],
    "gateway/journal": ["gateway/base"],
    "gateway/shop": ["gateway/base", "gateway/event"],
    "bridge": ["gateway/base", "gateway/jobs", "gateway/event",
               "gateway/journal", "config"],
    "gateway/ingest": ["gateway/base", "gateway/event", "gateway/journal",
                       "gateway/shop", "config"],
    "gateway/console": ["gateway/base", "gateway/event", "gateway/journal",
                        "gateway/shop", "bridge", "config"],
    "gateway/commands": ["gateway/base", "gateway/jobs", "gateway/event", "gateway/journal",
                         "gateway/shop", "gateway/ingest", "gateway/console",
                         "bridge", "config"],
    "gateway": ["gateway/commands"],
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


def includes(path, text):
    folder = str(path.parent)
    if folder.startswith("tests"):
        return
    allowed = FLOORS.get(folder)
    if allowed is None:
        yield f"{path}: the folder {folder} is on no floor (tests/lint.py)"
        return
    for name in re.findall(r'^#include "([^"]+)"', text, re.M):
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


def sizes(path, text):
    lines = text.count("\n")
    if lines > FILE_LINES_MAX and not str(path).startswith("tests"):
        yield f"{path}: {lines} lines (at most {FILE_LINES_MAX})"
    for body in re.finditer(r"^\w[^;{}]*\) \{\n(.*?)^\}", text, re.M | re.S):
        count = body.group(1).count("\n")
        if count > FUNCTION_LINES_MAX:
            line = text[:body.start()].count("\n") + 1
            yield f"{path}:{line}: a function of {count} lines"


def formatted(sources):
    done = subprocess.run(["clang-format", "--dry-run", "-Werror",
                           *map(str, sources)], cwd=ROOT, capture_output=True,
                          text=True)
    if done.returncode != 0:
        yield done.stderr[:2000]


def licences():
    for path in tracked("*.c", "*.h", "*.py", "*.cmake", "CMakeLists.txt",
                        "*/CMakeLists.txt", "tests/run", "config/demo"):
        if "SPDX-License-Identifier: Apache-2.0" not in (
                ROOT / path).read_text()[:300]:
            yield f"{path}: no licence line"


def untracked():
    out = subprocess.run(["git", "status", "--porcelain", "-uall"], cwd=ROOT,
                         check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        if line.startswith("??"):
            yield f"{line[3:]}: neither tracked nor ignored"


def main():
    sources = tracked("*.c", "*.h")
    found = [*licences(), *untracked(), *formatted(sources)]
    for path in sources:
        text = (ROOT / path).read_text()
        for check in (includes, words, sizes):
            found += check(path, text)
    print("\n".join(found) or f"{len(sources)} files, nothing to mend")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the manual pages and bash's completions from what the programs say about
themselves (--help, check --describe), so that they say what the programs do.

    manual.py --edge PROGRAM --devices PROGRAM --out DIR [--runner COMMAND]

The runner is what starts a program of another machine, such as an emulator."""

import argparse
import gzip
import pathlib
import re
import shlex
import subprocess

CONFIG = "/etc/shopme-edge/shopme-edge.yaml"
FILES = [
    (CONFIG, "The configuration: shopme-edge.yaml(5)."),
    ("/etc/shopme-edge/conf.d", "What a store adds to it."),
    ("/etc/shopme-edge/credentials.env",
     "AWS credentials for the systemd unit, a NAME=value a line; mode 0600."),
    ("/var/lib/shopme-edge", "The journals, a directory for each stream."),
]
PATHS = {"FILE": "-f", "DIR": "-d"}  # compgen's option for such a value


class Command:
    """What a program's or a subcommand's --help says."""

    def __init__(self, words, text):
        self.words = words  # ["shopme-edge", "journal", "cat"]
        blocks = text.rstrip("\n").split("\n\n")
        usage = blocks.pop(0)
        # (A line of its own for each way to call it; others go on.)
        ways = re.split(rf"\n\s+(?={words[0]} )", usage.removeprefix("usage: "))
        self.synopsis = [re.sub(r"\s+", " ", way) for way in ways]
        self.body = []  # paragraphs: str, rows: list of (left, right)
        self.children = []  # (name, help)
        self.options = []  # (name, value word or None)
        for block in blocks:
            self._read(block)

    def _read(self, block):
        if not block.startswith("  "):
            # (That there are subcommands with --help is said elsewhere.)
            self.body.append(re.sub(r"\s+", " ", block))
            return
        rows = []
        for line in block.split("\n"):
            found = re.match(r"  (\S+(?: \S+)*)(?:\s{2,}(\S.*)|\s*)$", line)
            long = re.match(r"  (--\S+ \S+) (\S.*)$", line)
            if found or long:
                left, right = (found or long).groups()
                rows.append([left, right or ""])
            else:
                rows[-1][1] += " " + line.strip()
        for left, _ in rows:
            if left.startswith("--"):
                name, *value = left.split(" ")
                self.options.append((name, value[0] if value else None))
        if not rows[0][0].startswith("-"):
            self.children = [(left.split(" ")[0], right)
                             for left, right in rows]
        self.body.append(rows)

    def title(self):
        return " ".join(self.words)


def ask(program, *words):
    done = subprocess.run([*program, *words], check=True, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True)
    return done.stdout


def tree(program, name, words=()):
    """The program's Command, and those of all its subcommands."""
    command = Command([name, *words], ask(program, *words, "--help"))
    found = [command]
    for child, _ in command.children:
        found += tree(program, name, (*words, child))
    return found


# --- Pages ---

def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
    text = text.replace("'", "\\(aq").replace("^", "\\(ha").replace("~", "\\(ti")
    return "\\&" + text if text[:1] in (".", "'") else text


def option(text):
    """An option or a key in bold, the word for its value in italics."""
    name, _, value = text.partition(" ")
    bold = f"\\fB{roff(name)}\\fR"
    return f"{bold} \\fI{roff(value)}\\fR" if value else bold


def rows_of(rows):
    for left, right in rows:
        yield ".TP"
        yield option(left)
        if right:
            yield roff(right)


def body_of(command):
    for part in command.body:
        if isinstance(part, str):
            yield ".PP"
            yield roff(part)
        else:
            yield from rows_of(part)


def header(name, section, version, about):
    return [f'.\\" Made by config/manual.py from the program itself.',
            f'.TH {name.upper()} {section} "" "{version}" "Shopme Edge"',
            ".SH NAME", f"{name} \\- {roff(about)}"]


def synopses(commands):
    yield ".SH SYNOPSIS"
    yield ".nf"
    for command in commands:
        if not command.children or len(commands) == 1:
            for way in command.synopsis:
                yield f"\\fB{roff(way)}\\fR"
    yield ".fi"


def page_of_program(commands, version, about, see):
    first = commands[0]
    out = header(first.words[0], 1, version, about)
    out += synopses(commands)
    out += [".SH DESCRIPTION", *body_of(first)]
    if len(commands) > 1:
        out += [".SH COMMANDS"]
    for command in commands[1:]:
        out += [f".SS {roff(command.title())}", *body_of(command)]
    if len(commands) > 1:
        out += [".SH FILES", *rows_of(FILES)]
    return out + [".SH SEE ALSO", see]


def page_of_config(described, version):
    out = header("shopme-edge.yaml", 5, version,
                 "configuration of a Shopme Edge gateway")
    out += [
        ".SH DESCRIPTION",
        roff(f"The gateway reads {CONFIG} or the file that --config names. An "
             "unknown key is an error, and every error names file, line and "
             "column. The keys, with what they accept and their defaults "
             "(\"streams[].name\" is \"name\" in each item of the list "
             "\"streams\"):"),
        ".SH KEYS"]
    for entry in re.split(r"\n(?=\S)", described.rstrip("\n")):
        head, *rest = entry.split("\n")
        key, accepts = head.split(": ", 1)
        # (As it is: a value may be the first word.)
        out += [".TP", option(key), roff(accepts + "."),
                ".br", roff(" ".join(line.strip() for line in rest))]
    return out + [".SH FILES", *rows_of(FILES), ".SH SEE ALSO",
                  ".BR shopme\\-edge (1)"]


# --- Completion ---

def completion(commands):
    """Words by what was typed before them, and files where one is expected."""
    name = commands[0].words[0]
    cases, values = [], {}
    for command in commands:
        words = [child for child, _ in command.children]
        words += [option for option, _ in command.options] or ["--help"]
        if len(commands) > 1 and command is commands[0]:
            words.append("--version")
        cases.append(f'    "{" ".join(command.words[1:])}") '
                     f'words="{" ".join(words)}" ;;')
        for option_name, value in command.options:
            if value:
                values[option_name] = value
    files = sorted(o for o, v in values.items() if v in PATHS)
    other = sorted(set(values) - set(files))
    folders = [o for o in files if values[o] == "DIR"]
    plain = [o for o in files if values[o] == "FILE"]
    of_value = []
    if plain:
        of_value.append(f'    {"|".join(plain)}) COMPREPLY=($(compgen -f -- '
                        '"$current")); return ;;')
    if folders:
        of_value.append(f'    {"|".join(folders)}) COMPREPLY=($(compgen -d -- '
                        '"$current")); return ;;')
    if other:
        of_value.append(f'    {"|".join(other)}) return ;;')
    parents = [" ".join(c.words[1:]) for c in commands if c.children]
    function = "_" + name.replace("-", "_")
    lines = [
        "# Made by config/manual.py from the program itself.",
        f"{function}() {{",
        '    local current=${COMP_WORDS[COMP_CWORD]} before='
        '${COMP_WORDS[COMP_CWORD - 1]}',
        '    local words="" typed="" word',
        '    case "$before" in', *of_value, "    esac",
        '    for word in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do',
        '        case "$typed" in',
        *[f'        "{parent}") typed="${{typed:+$typed }}$word" ;;'
          for parent in parents],
        "        esac", "    done",
        '    case "$typed" in', *cases, "    esac",
        '    COMPREPLY=($(compgen -W "$words" -- "$current"))',
        "}", f"complete -F {function} {name}"]
    return lines


# --- All of it ---

def write(path, lines):
    data = ("\n".join(lines) + "\n").encode()
    if path.suffix == ".gz":  # without a time, so that a build can be repeated
        data = gzip.compress(data, mtime=0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edge", required=True)
    parser.add_argument("--devices", required=True)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--runner", default="")
    wanted = parser.parse_args()
    edge = [*shlex.split(wanted.runner), wanted.edge]
    devices = [*shlex.split(wanted.runner), wanted.devices]
    version = ask(edge, "--version").strip()
    gateway = tree(edge, "shopme-edge")
    simulator = tree(devices, "shopme-devices")
    man, bash = wanted.out / "man", wanted.out / "completions"
    write(man / "shopme-edge.1.gz", page_of_program(
        gateway, version, "a store's gateway from MQTT to AWS, with a durable "
        "journal", ".BR shopme\\-edge.yaml (5),\n.BR shopme\\-devices (1)"))
    write(man / "shopme-devices.1.gz", page_of_program(
        simulator, version, "simulates the devices of a store",
        ".BR shopme\\-edge (1)"))
    write(man / "shopme-edge.yaml.5.gz",
          page_of_config(ask(edge, "check", "--describe"), version))
    write(bash / "shopme-edge", completion(gateway))
    write(bash / "shopme-devices", completion(simulator))


if __name__ == "__main__":
    main()

"""What every text of the repository keeps to: blanks, a first sentence, and words that have no place in it."""

import re

from files import lines_of, report, repository_files

# Written in pieces: this file is looked at too.
WORDS = (
    (re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b"), "an unfinished thing"),
    (re.compile(r"(?<![\w.*/-])/(wo" r"rk|ro" r"ot|ho" r"me)/"), "a path of one machine"),
    (re.compile(r"\b(repo1?\.mav" r"en|deb\.debi" r"an|registry\.np" r"mjs|py" r"pi)\.(apache\.)?org", re.I), "a package registry"),
    (re.compile(r"\bissue #?\d", re.I), "a number that means nothing to readers of the code"),
)
SQL = re.compile(r'"\s*(SELECT|INSERT|UPDATE|DELETE|REPLACE)\s')
UNCHECKED = re.compile(r".*\.(png|svg|ico)|tests/fuzz/corpus/.*")


def kind(name, first):
    """The sort of text: its suffix, or "sh" for scripts and "mk" for makefiles."""
    if first.startswith("#!") and ("sh" in first.split("/")[-1]):
        return "sh"
    if name.split("/")[-1] == "Makefile":
        return "mk"
    return name.rpartition(".")[2]


def first_sentence(name, lines):
    """What is wrong with how the file begins, or None."""
    sort = kind(name, lines[0])
    if sort in ("c", "h"):
        names = (name, name.split("/")[-1], "/".join(name.split("/")[-2:]))
        if not any(lines[0].startswith(f"/* {one} - ") for one in names):
            return f"begin with \"/* {names[1]} - what it is for\""
        return None
    begin = {"sh": "# ", "mk": "# ", "sql": "-- ", "py": '"""', "cnf": "# ", "conf": "# ", "properties": "# "}.get(sort)
    text = [line for line in lines[:4] if line and not line.startswith(("#!", "# shellcheck"))]
    if begin and lines != [""] and not (text and text[0].startswith(begin)):
        return "begin with a comment that says what it is for"
    return None


def indentation(name, lines):
    """Numbers of lines in C whose code is indented with blanks; comments may."""
    comment = False
    for number, line in enumerate(lines, 1):
        if line.startswith("    ") and not comment:
            yield number
        opened, closed = line.rfind("/*"), line.rfind("*/")
        if opened != closed:
            comment = opened > closed


def check(name, lines):
    """Problems of file <name>."""
    problems = []
    if lines[-1] != "":
        problems.append(f"{name}: no newline at the end")
    wrong = first_sentence(name, lines)
    if wrong:
        problems.append(f"{name}:1: {wrong}")
    service_code = re.fullmatch(r"\w+_svc/\w+\.c", name) and not re.search(r"/store\w*\.c$", name)
    for number, line in enumerate(lines, 1):
        if line != line.rstrip() and not name.endswith((".md", ".patch")):
            problems.append(f"{name}:{number}: blanks at the end")
        problems += [f"{name}:{number}: {what}: {found.group()}" for words, what in WORDS if (found := words.search(line))]
        if service_code and SQL.search(line):
            problems.append(f"{name}:{number}: SQL belongs into store.c")
    if name.endswith((".c", ".h")):
        problems += [f"{name}:{number}: indent with tabs" for number in indentation(name, lines)]
    return problems


def main():
    problems = []
    for name in repository_files():
        lines = None if UNCHECKED.fullmatch(name) else lines_of(name)
        if lines:
            problems += check(name, lines)
    report(problems)


if __name__ == "__main__":
    main()

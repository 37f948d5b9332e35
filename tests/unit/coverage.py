"""Prints how many lines of our own sources the tests reached, from what a COVERAGE=1 build wrote."""

import json
import subprocess
import sys
from pathlib import Path


def executed(folder):
    """{source: {line: times}} of all the data files below <folder>."""
    found = {}
    for notes in sorted(Path(folder).rglob("*.gcno")):
        report = subprocess.run(["gcov", "--json-format", "--stdout", str(notes)], check=True, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        for document in report.splitlines():
            for source in json.loads(document)["files"]:
                lines = found.setdefault(source["file"], {})
                for line in source["lines"]:
                    lines[line["line_number"]] = lines.get(line["line_number"], 0) + line["count"]
    return {name: lines for name, lines in found.items() if name.endswith(".c") and not name.startswith(("/", "tests/"))}


def main():
    total = reached = 0
    for name, lines in sorted(executed(sys.argv[1]).items()):
        hit = sum(1 for times in lines.values() if times)
        total, reached = total + len(lines), reached + hit
        print(f"{100 * hit / max(1, len(lines)):6.1f} %  {hit:5}/{len(lines):<5} {name}")
    print(f"{100 * reached / max(1, total):6.1f} %  {reached:5}/{total:<5} all")


if __name__ == "__main__":
    main()

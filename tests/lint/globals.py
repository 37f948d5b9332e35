"""No mutable globals: looks for writable data in the object files given. "lint: allow-global REASON" allows one.

The words stand in a comment at the definition: on its lines, or right above without an empty line between.
"""

import re
import subprocess
import sys

from files import ROOT, lines_of, report

MARK = "lint: allow-global "
WRITABLE = re.compile(r"^[0-9a-f]+ .{7} \.(bss|data)(\.[^r]\S*)?\s+[0-9a-f]+\s+(?:\.hidden )?(\S+)$")


def writable(symbols):
    """Names of the writable variables in <symbols>, a symbol table as objdump -t prints it."""
    found = (WRITABLE.match(line) for line in symbols.split("\n"))
    return [match[3] for match in found if match and not match[3].startswith(".")]


def allowed(lines, name):
    """True when the definition of <name>, a symbol such as "x", "function.x" or "x.0", bears the mark."""
    name = [part for part in name.split(".") if not part.isdigit()][-1]
    marked = False
    for line in lines:
        marked = bool(line.strip()) and (marked or MARK in line)
        if marked and re.search(rf"\b{re.escape(name)}\b", line):
            return True
    return False


def main():
    problems = []
    for path in sys.argv[1:]:
        source = path.partition("/obj/")[2].removesuffix(".o") + ".c"
        if not (ROOT / source).exists():
            continue
        table = subprocess.run(["objdump", "-t", path], check=True, stdout=subprocess.PIPE, text=True).stdout
        problems += [f"{source}: {name} is a mutable global" for name in writable(table) if not allowed(lines_of(source), name)]
    report(problems)


if __name__ == "__main__":
    main()

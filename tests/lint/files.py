"""The files that the lint scripts look at, and how they report: shared by all of them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def repository_files(*suffixes):
    """Paths of the repository's own files (relative, as text), those not yet committed included.

    With <suffixes>, only the files whose names end so.
    """
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z"],
                            check=True, stdout=subprocess.PIPE, text=True).stdout
    return sorted(name for name in listed.split("\0")
                  if name and (ROOT / name).is_file() and (not suffixes or name.endswith(suffixes)))


def lines_of(name):
    """The lines of file <name>, or None when it is not text."""
    try:
        return (ROOT / name).read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError:
        return None


def report(problems):
    """Prints <problems>, one a line; ends the program with 1 when there are any."""
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)

"""Sums up pytest's JUnit reports as "passed failed skipped"; of a test that ran again, the later report counts.

count.py REPORT [REPORT_OF_WHAT_WAS_REPEATED]
"""
import os
import sys
import xml.etree.ElementTree as tree


def results(path):
    """Each test's result by its name; a test may stand there twice, for itself and for its teardown: the worse counts."""
    worse = ["passed", "skipped", "failed"]
    found = {}
    for case in tree.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        kinds = {child.tag for child in case}
        result = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        found[name] = max(found.get(name, result), result, key=worse.index)
    return found


def main():
    found = results(sys.argv[1])
    if len(sys.argv) > 2 and os.path.exists(sys.argv[2]):
        again = results(sys.argv[2])
        for name in again:
            print(f"REPEATED {name}: {again[name]} at the second try", file=sys.stderr)
        found.update(again)
    counts = [list(found.values()).count(result) for result in ("passed", "failed", "skipped")]
    print(*counts)


main()

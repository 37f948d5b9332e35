"""How long functions and files may be. "lint: allow-long REASON" in a comment allows more.

For a file the words stand in its first ten lines, for a function inside it or in the comment above.
"""

import sys

from files import lines_of, report, repository_files

FUNCTION_LINES = 80
FUNCTION_P90 = 40
FILE_LINES = {".c": 500, ".h": 150}
TEST_FACTOR = 2  # a test may be as long as what it tests, and its fixtures
MARK = "lint: allow-long "


def functions(lines):
    """Yields (line number, name, length, allowed) of the functions, whose braces stand in column one."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line.startswith("}") and start:
            head = start - 1  # the signature, which may take several lines, and then the comment above
            while head > 1 and lines[head - 2].strip() and not lines[head - 2].startswith(("}", "#")):
                head -= 1
            signature = [text for text in lines[head - 1:start - 1] if not text.startswith((" *", "/*"))]
            name = " ".join(signature).split("(")[0].split()[-1:] or ["?"]
            yield start, name[0].lstrip("*"), number - start - 1, any(MARK in text for text in lines[head - 1:number])
            start = None


def check(name, lines, seen):
    """Problems of file <name>; the lengths of its functions are added to <seen>."""
    problems = []
    count = len(lines) - 1 if lines[-1] == "" else len(lines)
    limit = FILE_LINES[name[-2:]] * (TEST_FACTOR if name.startswith("tests/") else 1)
    if count > limit and not any(MARK in line for line in lines[:10]):
        problems.append(f"{name}: {count} lines, at most {limit}")
    for number, function, length, allowed in functions(lines):
        seen.append((length, f"{name}:{number} {function}"))
        if length > FUNCTION_LINES and not allowed:
            problems.append(f"{name}:{number}: {function} has {length} lines, at most {FUNCTION_LINES}")
    return problems


def main():
    problems, seen, tests = [], [], []
    for name in repository_files(".c", ".h"):
        problems += check(name, lines_of(name), tests if name.startswith("tests/") else seen)
    if seen:
        seen.sort()
        p90 = seen[len(seen) * 9 // 10][0]
        print(f"functions: {len(seen)}, median {seen[len(seen) // 2][0]} lines, p90 {p90}, longest {seen[-1][0]} ({seen[-1][1]})",
              file=sys.stderr)
        if p90 > FUNCTION_P90:
            problems.append(f"one function in ten has more than {p90} lines; aim at {FUNCTION_P90}")
    report(problems)


if __name__ == "__main__":
    main()

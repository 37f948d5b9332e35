"""Who may include what: the dependency rule of the layers, and foreign headers in one place each."""

import re

from files import lines_of, report, repository_files

LAYERS = ("base", "io", "svc", "events")  # each may use itself and those before it
GATEWAY_MAY = ("base",)                   # it must never block
GATEWAY_FOREIGN = {"gateway/expr/regex.c": "pcre2"}

LIBC = re.compile(r"(arpa|linux|net|netinet|sanitizer|sys)/.+|(alloca|assert|ctype|dirent|dlfcn|endian|errno|execinfo|fcntl|float|"
                  r"getopt|grp|inttypes|limits|locale|malloc|math|netdb|poll|pthread|pwd|sched|semaphore|setjmp|signal|"
                  r"stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings|syscall|"
                  r"syslog|termios|time|ucontext|unistd|wchar)\.h")
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def library(header):
    """The library that foreign <header> belongs to: its folder, or its name."""
    first = header.split("/")[0]
    return "mariadb" if first in ("mysql.h", "mysql", "mariadb") else first.removesuffix(".h")


def may_include(home, target):
    """True when a file in folder <home> may include one in folder <target>; both as tuples of parts."""
    if target[0] == "shared":
        if home[0] == "gateway":
            return target[1] in GATEWAY_MAY
        if home[0] == "shared":
            return target[1] in LAYERS[:LAYERS.index(home[1]) + 1]
        return True
    return target[0] == home[0]


def check(name, lines, foreign):
    """Problems of file <name>; the foreign libraries it includes are added to <foreign>: {library: names}."""
    problems = []
    home = tuple(name.split("/")[:-1])
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        quote, header = found.groups()
        where = f"{name}:{number}"
        if quote == '"':
            target = tuple(header.split("/")[:-1])
            if not target:
                problems.append(f"{where}: include \"{header}\" by its path from the root of the repository")
            elif not may_include(home, target):
                problems.append(f"{where}: {'/'.join(home)} must not use {'/'.join(target)}")
        elif not LIBC.fullmatch(header):
            foreign.setdefault(library(header), set()).add(name)
            if name.endswith(".h"):
                problems.append(f"{where}: a header of ours includes <{header}>, which is foreign")
            elif home[:2] != ("shared", "io") and GATEWAY_FOREIGN.get(name) != library(header):
                problems.append(f"{where}: <{header}> is foreign; only shared/io may use it")
    return problems


def shared_out(foreign):
    """Problems with libraries that are included by more than one file."""
    return [f"{name} is included by more than one file: {', '.join(sorted(names))}"
            for name, names in sorted(foreign.items()) if len(names) > 1]


def main():
    problems, foreign = [], {}
    for name in repository_files(".c", ".h"):
        if not name.startswith("tests/"):
            problems += check(name, lines_of(name), foreign)
    report(problems + shared_out(foreign))


if __name__ == "__main__":
    main()

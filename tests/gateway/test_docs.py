"""docs/gateway.md says what the program has: its own keywords, options and settings; and its examples work."""

import os
import re
import shutil
import subprocess

import pytest

from support.launch import PROGRAM, ROOT

HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"
HAS_HAPROXY = os.access(HAPROXY, os.X_OK) and b"version 2.6." in subprocess.run([HAPROXY, "-v"], stdout=subprocess.PIPE, check=False).stdout
SECTIONS = {"global", "defaults", "frontend", "backend", "listen", "resolvers", "http-errors"}
PLACES = {
    "all sections of proxies": {"defaults", "frontend", "backend", "listen"},
    "defaults, frontend, listen": {"defaults", "frontend", "listen"},
    "defaults, backend, listen": {"defaults", "backend", "listen"},
    "wherever `http-request` may stand": {"http-request"},
}
DEFAULTS = """
defaults
    mode http
    timeout client 1s
    timeout server 1s
    timeout connect 1s
"""
# Without any listener HAProxy does not start.
AND_A_LISTENER = """
frontend other
    bind 127.0.0.1:1
"""


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


TEXT = read("docs/gateway.md")
SHOP = read("deploy/gateway.cfg")
EXAMPLES = re.findall(r"```haproxy\n(.*?)```", TEXT, re.DOTALL)


def ask(*words, program=PROGRAM, **environment):
    return subprocess.run([program, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False,
                          env={**os.environ, **environment})


def own_keywords():
    """Each with the sections where it may stand: {"timeout total": {"frontend", …}, "http-request rate-limit": {"http-request"}}."""
    found = {}
    for line in ask("-dK").stdout.splitlines():
        if line.endswith(" # own"):
            section, keyword = line[:-len(" # own")].split(" ", 1)
            name = keyword if section in SECTIONS else f"{section} {keyword}"
            found.setdefault(name, set()).add(section)
    return found


def check(program, text, folder, **environment):
    path = folder / "a.cfg"
    path.write_text(text, encoding="utf-8")
    return ask("-c", "-f", str(path), program=program, **environment)


def without_own(text):
    return "".join(line for line in text.splitlines(True) if "# own" not in line)


def test_own_keywords_are_described():
    """A heading for each, and no other; the table says where they may stand."""
    chapter = TEXT[TEXT.index("\n## Our own keywords"):TEXT.index("\n## What it does otherwise")]
    table = dict(re.findall(r"^\| \[`(.+?)`\]\(#.+?\) \| (.+?) \|$", chapter, re.MULTILINE))
    assert len(own_keywords()) >= 10
    assert set(re.findall(r"^### `(.+?)`$", chapter, re.MULTILINE)) == set(own_keywords())
    assert {name: PLACES[place] for name, place in table.items()} == own_keywords()


@pytest.mark.parametrize("name", sorted(own_keywords()))
def test_own_keywords_have_an_example(name):
    part = TEXT[TEXT.index(f"\n### `{name}`\n"):]
    part = part[:part.index("\n##", 5)]
    example = re.search(r"```haproxy\n(.*?)```", part, re.DOTALL)
    assert example and re.search(rf"^ +{name} ?.*# own$", example[1], re.MULTILINE), part
    assert f"\n`{name}" in part, "its syntax"


def test_all_is_listed():
    """-dK: the sections' keywords, the options of lines, actions, fetches and converters."""
    lines = ask("-dK").stdout.splitlines()
    assert {line.split()[0] for line in lines} >= SECTIONS | {
        "bind", "stats-socket", "server", "http-request", "http-response", "http-after-response", "tcp-request", "fetch", "converter"}
    for line in ("frontend option forwardfor", "backend balance", "server weight", "http-request set-var(…)", "fetch path", "converter lower"):
        assert line in lines


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example(number, tmp_path):
    assert check(PROGRAM, DEFAULTS + EXAMPLES[number] + AND_A_LISTENER, tmp_path).stdout == "Configuration file is valid\n"


@pytest.mark.skipif(not HAS_HAPROXY, reason="HAProxy 2.6 is not installed")
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example_in_haproxy(number, tmp_path):
    done = check(HAPROXY, DEFAULTS + without_own(EXAMPLES[number]) + AND_A_LISTENER, tmp_path)
    assert done.returncode == 0, done.stdout


def test_lines_that_are_our_own_are_marked():
    names = own_keywords()
    for number, line in enumerate(SHOP.splitlines(), 1):
        uses = any(re.match(rf" +{name}( |$)", line) for name in names)
        assert uses == ("# own" in line), f"deploy/gateway.cfg:{number}"


@pytest.mark.parametrize("second", [{}, {f"{name}_ADDR_2": "127.0.0.1:1" for name in ("ITEM", "ALARM", "USER")} |
                                    {f"{name}_ADMIN_PORT_2": "2" for name in ("ITEM", "ALARM", "USER")}], ids=["single", "double"])
def test_the_shop_in_both(second, tmp_path):
    assert check(PROGRAM, SHOP, tmp_path, **second).stdout == "Configuration file is valid\n"
    if HAS_HAPROXY:
        done = check(HAPROXY, without_own(SHOP), tmp_path, **second)
        assert done.returncode == 0 and "WARNING" not in done.stdout, done.stdout


def test_settings_are_described():
    names = {name.replace("ALARM_", "ITEM_").replace("USER_", "ITEM_") if name.endswith("_2") else name
             for name in re.findall(r'\$\{([A-Z0-9_]+)', SHOP)}
    assert [name for name in sorted(names) if f"`{name}`" not in TEXT] == []


def test_the_command_line_is_described():
    options = re.findall(r"(?:^|[ ,])(--?[A-Za-z]+)", re.sub(r"  [A-Za-z].*| {8,}.*", "", ask("-h").stdout, flags=re.MULTILINE))
    assert len(options) > 20
    table = TEXT[TEXT.index("### Command line"):TEXT.index("### Signals")]
    assert [option for option in options if not re.search(rf"[` ]{option}[` ]", table)] == []


def test_links():
    """Each place in the document itself is there."""
    places = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)}
    assert [place for place in re.findall(r"\]\(#(.+?)\)", TEXT) if place not in places] == []

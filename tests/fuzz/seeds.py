"""Writes what fuzz targets begin with and that the repository holds elsewhere: configurations, HTTP messages, words of the language.

seeds.py FOLDER    FOLDER/corpus/conf: the configurations in tests/vtc and deploy; FOLDER/corpus/llhttp: the messages of tests/gateway;
                   FOLDER/conf.dict: the words in the tables of the gateway's sources
"""

import os
import re
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
MESSAGE_MOST = 4000  # bytes: longer ones only make fuzzing slow
SCRIPTED = re.compile(r'^haproxy \w+[^\n]* -conf(?:-OK|-BAD "[^"]*")? \{\n(.*?)^\}', re.M | re.S)
LANGUAGE = ("conf", "expr", "rule", "health", "logs", "admin")


def write(folder, name, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def read(path):
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def configurations():
    """(name, text) of each configuration; varnishtest's macros become addresses."""
    vtc = os.path.join(ROOT, "tests/vtc")
    for name in sorted(os.listdir(vtc)):
        text = read(os.path.join(vtc, name)) if name.endswith(".vtc") else ""
        for number, found in enumerate(SCRIPTED.finditer(text)):
            body = re.sub(r"fd@\$\{\w+\}", "127.0.0.1:8000", found[1])
            body = re.sub(r"\$\{\w+_addr\}:\$\{\w+_port\}", "127.0.0.1:8001", body)
            body = re.sub(r"\$\{tmpdir\}", "/nowhere", body)
            yield f"{name[:-4]}-{number}", re.sub(r"^\t", "", body, flags=re.M)
    yield "deploy", read(os.path.join(ROOT, "deploy/gateway.cfg"))


def messages():
    """The requests and responses that the gateway's tests send."""
    sys.path.insert(0, os.path.join(ROOT, "tests/gateway"))
    import hostile_requests  # pylint: disable=import-outside-toplevel
    import hostile_responses  # pylint: disable=import-outside-toplevel
    for vector in hostile_requests.VECTORS:
        yield vector.data if isinstance(vector.data, bytes) else b"".join(one for one in vector.data if isinstance(one, bytes))
    for vector in hostile_responses.VECTORS:
        yield b"".join(one for one in vector.script if isinstance(one, bytes))


def words():
    """The words in quotes in the sources that understand the language."""
    found = set()
    for part in LANGUAGE:
        folder = os.path.join(ROOT, "gateway", part)
        for name in os.listdir(folder):
            if name.endswith(".c"):
                found.update(re.findall(r'"([a-z][a-z0-9_.-]{1,31})"', read(os.path.join(folder, name))))
    return sorted(found)


def main():
    folder = sys.argv[1]
    for name, text in configurations():
        write(os.path.join(folder, "corpus/conf"), name, text.encode("utf-8", "surrogateescape"))
    for number, data in enumerate(messages()):
        if len(data) <= MESSAGE_MOST:
            write(os.path.join(folder, "corpus/llhttp"), f"vector-{number}", data)
    write(folder, "conf.dict", "".join(f'"{word}"\n' for word in words()).encode())


if __name__ == "__main__":
    main()

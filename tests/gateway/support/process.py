"""Starts gateways as a user does, by their command line, and asks their runtime sockets.

    site = Site()                 a folder of its own, and free ports by name
    site.write("a.cfg", text)     {folder}, {fe} and so on are replaced
    process = site.start("-f", "a.cfg", serves="fe")
"""

import os
import signal
import socket
import subprocess
import tempfile
import time

from .launch import PROGRAM, ROOT  # noqa: F401

PATIENCE_S = 10

DEFAULTS = """
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
"""


def await_true(what, seconds=PATIENCE_S, pause=0.01):
    """Asks <what> until it is true; its value, or the last one that was not."""
    deadline = time.monotonic() + seconds
    while not (value := what()) and time.monotonic() < deadline:
        time.sleep(pause)
    return value


def free_port():
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def is_alive(pid):
    """Whether the process runs; one that has ended and that nobody has asked for its status does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


class Site:
    def __init__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="moa-life-")
        self.folder = self.temporary.name
        self.ports = {}
        self.processes = []

    def port(self, name):
        if name not in self.ports:
            self.ports[name] = free_port()
        return self.ports[name]

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, ports=("fe",)):
        values = {"folder": self.folder, **{port: self.port(port) for port in ports}}
        for key, value in values.items():
            text = text.replace("{" + key + "}", str(value))
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def start(self, *words, serves=None, program=PROGRAM, env=None):
        """Starts it in the folder. <serves>: waits until that port answers, by this process or by an older one."""
        with open(self.path("stderr"), "ab") as errors:
            process = subprocess.Popen([program, *map(str, words)], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                                       env={**os.environ, **(env or {})}, start_new_session=True)
        self.processes.append(process)
        if serves is not None:
            assert await_true(lambda: self.answers(serves) or process.poll() is not None), "nobody answers"
            assert process.poll() is None, self.said()
        return process

    def answers(self, port):
        try:
            return self.get(port=port)[0] > 0
        except (OSError, IndexError):
            return False

    def run(self, *words, program=PROGRAM):
        """Runs it to its end: status, standard output, standard error."""
        done = subprocess.run([program, *map(str, words)], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def said(self):
        with open(self.path("stderr"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def ask(self, command, name="admin.sock"):
        """What the runtime socket answers."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE_S)
            assert await_true(lambda: os.path.exists(self.path(name)))  # it comes a moment after the ports
            sock.connect(self.path(name))
            sock.sendall(command.encode() + b"\n")
            answer = b""
            while piece := sock.recv(65536):
                answer += piece
        return answer.decode()

    def get(self, path="/", port="fe", headers=()):
        """One request on a connection of its own: status, headers in lower case, body."""
        with socket.create_connection(("127.0.0.1", self.port(port)), PATIENCE_S) as sock:
            lines = [f"GET {path} HTTP/1.1", "Host: a", "Connection: close", *headers]
            sock.sendall("\r\n".join([*lines, "", ""]).encode())
            answer = b""
            while piece := sock.recv(65536):
                answer += piece
        head, _, body = answer.partition(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").split("\r\n")
        return int(first.split()[1]), dict(field.lower().split(": ", 1) for field in fields), body.decode()

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.temporary.cleanup()

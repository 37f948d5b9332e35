"""Starts a gateway (or HAProxy) with a configuration of the test's own, and catches its log lines.

MOA_GATEWAY names another program than build/gateway; HAProxy 2.6 does for what no keyword of our own is used in.
"""

import os
import queue
import re
import resource
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
PROGRAM = os.environ.get("MOA_GATEWAY", os.path.join(ROOT, "build/gateway"))
IS_HAPROXY = os.path.basename(PROGRAM).startswith("haproxy")
IS_SANITIZED = os.path.basename(os.path.dirname(PROGRAM)) in ("asan", "tsan")  # its memory is not what the gateway takes
PATIENCE_S = 8

# "127.0.0.1:40000 [date] fe be/s 0/0/0/1/1 200 78 - - ---- 1/1/0/0/0 0/0 "GET / HTTP/1.1""
LINE = re.compile(r"[0-9.]+:(?P<port>\d+) \[\d\d/.*?\] (?P<frontend>\S+) (?P<backend>[^/]+)/(?P<server>\S+) (?P<times>[-+0-9/]+) "
                  r"(?P<status>-?\d+) \+?(?P<bytes>\d+) \S+ \S+ (?P<code>\S\S)\S\S .*", re.S)


class Log:
    """A syslog server on UDP; lines are told apart by the client's port."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.lines = queue.Queue()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                data = self.socket.recv(65536)
            except OSError:
                return
            if not data:
                return
            found = LINE.search(data.decode("latin-1").rstrip("\n"))
            if found:
                self.lines.put(found)

    def of(self, port, count, seconds=PATIENCE_S):
        """The next <count> lines about the connection from <port>; fewer when they do not come."""
        found, deadline = [], time.monotonic() + seconds
        while len(found) < count:
            try:
                line = self.lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if int(line["port"]) == port:
                found.append(line)
        return found

    def close(self):
        self.socket.close()


class Gateway:
    """One process. <configuration> may say {log}, for the port of its log server, and bind "fd@${name}" for each of <names>."""

    def __init__(self, configuration, names=("fe",), program=PROGRAM):
        self.log = Log()
        self.folder = tempfile.TemporaryDirectory(prefix="moa-gateway-")
        self.ports = {}
        sockets = {name: socket.create_server(("127.0.0.1", 0), backlog=4096) for name in names}
        path = os.path.join(self.folder.name, "gateway.cfg")
        with open(path, "w", encoding="latin-1") as file:
            file.write(configuration.replace("{log}", str(self.log.port)))
        descriptors = {name: str(sock.fileno()) for name, sock in sockets.items()}
        self.errors = os.path.join(self.folder.name, "stderr")
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen([program, "-f", path], env={**os.environ, **descriptors}, stdin=subprocess.DEVNULL,
                                            stdout=errors, stderr=errors, pass_fds=[sock.fileno() for sock in sockets.values()],
                                            preexec_fn=raise_descriptors, start_new_session=True)
        for name, sock in sockets.items():
            self.ports[name] = sock.getsockname()[1]
            sock.close()
        self.port = self.ports[names[0]]
        self.wait_ready()

    def wait_ready(self):
        """Until it answers anything at all."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as sock:
            try:
                sock.sendall(b"\0\r\n\r\n")  # no request: refused at once, and nothing reaches a server
                ready = sock.recv(1) != b""
            except ConnectionResetError:
                ready = False
        assert ready and self.process.poll() is None, self.said()

    def said(self):
        with open(self.errors, encoding="latin-1") as file:
            return file.read()

    def memory(self):
        """Bytes of private memory."""
        with open(f"/proc/{self.process.pid}/smaps_rollup", encoding="ascii") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("Private_")) * 1024

    def stop(self):
        """Ends it; its exit status, or what it died of."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.log.close()
        said = self.said()
        self.folder.cleanup()
        return status, said


def raise_descriptors(wanted=40000):
    """Raises the limit of descriptors of this process to <wanted>, or to what we are allowed; which it is then."""
    hard = max(resource.getrlimit(resource.RLIMIT_NOFILE)[1], wanted)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, PermissionError):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard

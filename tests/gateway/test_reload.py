"""Reloads: another process takes over while requests go on, and not one of them fails; what the old one knew is known to the new one."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from support.load import Load
from support.process import DEFAULTS, PATIENCE_S, PROGRAM, Site, await_true, children, is_alive

HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"
HAS_HAPROXY = os.access(HAPROXY, os.X_OK) and b"version 2.6." in subprocess.run([HAPROXY, "-v"], stdout=subprocess.PIPE, check=False).stdout

ORIGIN = DEFAULTS + """
frontend origin
    bind 127.0.0.1:{origin}
    http-request return status 200 content-type text/plain hdr Consistency-Token "a50=1.1000" string "made" if { path /write }
    http-request return status 200 content-type text/plain lf-string "%[req.hdr(Consistency-Token)]" if { path /facts }
    http-request return status 200 content-type text/plain lf-string "%[path]"
"""

SERVING = """
global
    stats socket {folder}/admin.sock level admin expose-fd listeners
""" + DEFAULTS + """
frontend fe
    bind 127.0.0.1:{fe}
    bind {folder}/fe.sock
    http-response set-header x-pid %pid
    default_backend be
backend be
    server s 127.0.0.1:{origin}
"""


@pytest.fixture
def site():
    site = Site()
    site.write("origin.cfg", ORIGIN, ["origin"])
    site.write("a.cfg", SERVING, ["fe", "origin"])
    site.start("-f", "origin.cfg", serves="origin")
    yield site
    site.close()


def serving_pid(site):
    return int(site.get()[1]["x-pid"])


def reload_by_socket(site, old):
    return site.start("-f", "a.cfg", "-x", "admin.sock", "-sf", old.pid)


def reload_by_pid(site, old):
    return site.start("-f", "a.cfg", "-sf", old.pid)


@pytest.mark.parametrize("address", ["port", "file"])
@pytest.mark.parametrize("way", [reload_by_socket, reload_by_pid])
def test_no_request_fails(site, way, address):
    process = site.start("-f", "a.cfg", serves="fe")
    load = Load(site.port("fe") if address == "port" else site.path("fe.sock")).start()
    pids = {process.pid}
    for _ in range(3):
        time.sleep(0.4)
        old, process = process, way(site, process)
        pids.add(process.pid)
        assert old.wait(PATIENCE_S) == 0, site.said()
    time.sleep(0.4)
    rate = load.stop()
    assert load.failures == []
    assert load.pids == pids
    assert rate > 500, "too few requests to mean anything"


def test_no_request_fails_with_a_master(site):
    master = site.start("-W", "-f", "a.cfg", serves="fe")
    load = Load(site.port("fe")).start()
    seen = set(children(master.pid))
    for _ in range(3):
        time.sleep(0.4)
        before = serving_pid(site)
        master.send_signal(signal.SIGUSR2)
        assert await_true(lambda: serving_pid(site) != before)
        assert await_true(lambda: before not in children(master.pid)), "the old worker does not go"
        seen.add(serving_pid(site))
    rate = load.stop()
    assert load.failures == []
    assert load.pids == seen and len(seen) == 4
    assert rate > 500
    master.send_signal(signal.SIGUSR1)
    assert master.wait(PATIENCE_S) == 0


def test_one_master_after_the_other(site):
    """Not a reload but another master, as a service script that knows no SIGUSR2 does it."""
    old = site.start("-W", "-f", "a.cfg", serves="fe")
    load = Load(site.port("fe")).start()
    time.sleep(0.4)
    new = site.start("-W", "-f", "a.cfg", "-sf", old.pid)
    assert old.wait(PATIENCE_S) == 0, site.said()
    time.sleep(0.4)
    load.stop()
    assert load.failures == []
    assert children(new.pid) == [serving_pid(site)]


def test_in_the_background_too(site):
    status, _, errors = site.run("-D", "-f", "a.cfg", "-p", "pid")
    assert status == 0, errors
    load = Load(site.port("fe")).start()
    pids = []
    for _ in range(3):
        pids.append(int(open(site.path("pid"), encoding="ascii").read()))
        time.sleep(0.3)
        status, _, errors = site.run("-D", "-f", "a.cfg", "-p", "pid", "-sf", pids[-1])
        assert status == 0, errors
        assert await_true(lambda: not is_alive(pids[-1]))
    last = int(open(site.path("pid"), encoding="ascii").read())
    load.stop()
    os.kill(last, signal.SIGTERM)
    assert load.failures == []
    assert await_true(lambda: not is_alive(last))


def files_of(site):
    return {name: os.stat(site.path(name)).st_ino for name in os.listdir(site.folder) if name.endswith(".sock")}


@pytest.mark.parametrize("between", [None, pytest.param(HAPROXY, marks=pytest.mark.skipif(not HAS_HAPROXY, reason="no HAProxy 2.6"))])
def test_more_sockets_than_fit_into_a_message(site, between):
    """The old one may be HAProxy, whose protocol this is, and the next one as well."""
    binds = "".join(f"    bind {{folder}}/{number}.sock\n" for number in range(600))
    site.write("a.cfg", SERVING.replace("    http-response", binds + "    http-response", 1), ["fe", "origin"])
    old = site.start("-f", "a.cfg", serves="fe")
    before = files_of(site)
    assert len(before) == 602
    for program in (between or PROGRAM, PROGRAM):
        old, gone = site.start("-f", "a.cfg", "-x", "admin.sock", "-sf", old.pid, program=program), old
        assert gone.wait(PATIENCE_S) == 0, site.said()
        assert files_of(site) == before
    assert serving_pid(site) == old.pid


# --- what the old one knew ---

STATES = """
global
    stats socket {folder}/admin.sock level admin expose-fd listeners
""" + DEFAULTS + """
frontend fe
    bind 127.0.0.1:{fe}
    consistency-token USER-TOKEN
    default_backend be
backend be
    server good 127.0.0.1:{origin}
    server maint 127.0.0.1:{origin}
    server light 127.0.0.1:{origin} weight 10
    server ill 127.0.0.1:{origin} check inter 60s fall 1
"""


def states(site):
    """Status and weight of each server; how many checks it needs to come up may change at any time."""
    lines = [line.split(",") for line in site.ask("show stat").splitlines() if line.startswith("be,")]
    return {line[1]: (line[17].split()[0], line[18]) for line in lines if line[1] != "BACKEND"}


@pytest.mark.parametrize("way", [reload_by_socket, reload_by_pid])
def test_states_and_facts_survive(site, way):
    site.write("a.cfg", STATES, ["fe", "origin"])
    old = site.start("-f", "a.cfg", serves="fe")
    assert await_true(lambda: "L7OK" in site.ask("show stat") or "L4OK" in site.ask("show stat"))
    for command in ("disable server be/maint", "set weight be/light 3", "set server be/ill health down"):
        assert site.ask(command).strip() == ""
    assert site.get("/write", headers=["USER-TOKEN: t"])[2] == "made"
    before = states(site)
    assert before["maint"][0] == "MAINT" and before["ill"][0] == "DOWN" and before["light"][1] == "3"
    way(site, old)
    assert old.wait(PATIENCE_S) == 0
    assert states(site) == before
    assert site.get("/facts", headers=["USER-TOKEN: t"])[2] == "a50=1.1000"
    assert site.get("/facts", headers=["USER-TOKEN: other"])[2] == ""


@pytest.mark.parametrize("way", [reload_by_socket, reload_by_pid])
def test_facts_that_the_old_one_still_makes_reach_the_new_one(site, way):
    """A write that was under way when the new process took over; the read behind its answer comes to the new process."""
    with socket.create_server(("127.0.0.1", site.port("slow"))) as server:
        site.write("a.cfg", STATES + "    server slow 127.0.0.1:{slow} weight 0\n"
                   "backend slow\n    server s 127.0.0.1:{slow}\n", ["fe", "origin", "slow"])
        text = open(site.path("a.cfg"), encoding="utf-8").read()
        with open(site.path("a.cfg"), "w", encoding="utf-8") as file:
            file.write(text.replace("    default_backend be", "    use_backend slow if { path /slow }\n    default_backend be"))
        old = site.start("-f", "a.cfg", serves="fe")
        with socket.create_connection(("127.0.0.1", site.port("fe"))) as client:
            client.sendall(b"POST /slow HTTP/1.1\r\nHost: a\r\nUSER-TOKEN: t\r\nContent-Length: 0\r\n\r\n")
            connection = server.accept()[0]
            connection.recv(1000)
            new = way(site, old)
            assert await_true(lambda: "Uptime_sec" in site.ask("show info") and f"Pid: {new.pid}\n" in site.ask("show info"))
            assert site.get("/facts", headers=["USER-TOKEN: t"])[2] == ""
            connection.sendall(b"HTTP/1.1 200 OK\r\nConsistency-Token: a7=1.2000\r\nContent-Length: 0\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
            assert site.get("/facts", headers=["USER-TOKEN: t"])[2] == "a7=1.2000"
        connection.close()
        assert old.wait(PATIENCE_S) == 0


# --- when something is wrong ---

def test_a_new_one_that_cannot_start_leaves_the_old_one_alone(site):
    old = site.start("-f", "a.cfg", serves="fe")
    site.write("broken.cfg", SERVING + "    nonsense\n", ["fe", "origin"])
    site.write("taken.cfg", SERVING + "frontend other\n    bind 127.0.0.1:{taken}\n", ["fe", "origin", "taken"])
    with socket.create_server(("127.0.0.1", site.port("taken"))):
        for name in ("broken.cfg", "taken.cfg"):
            status, _, errors = site.run("-f", name, "-x", "admin.sock", "-sf", old.pid)
            assert status == 1 and "[ALERT]" in errors
    assert serving_pid(site) == old.pid
    assert site.ask("show info").startswith("Name:")
    assert [name for name in os.listdir(site.folder) if name.endswith(".tmp")] == []


def test_a_master_keeps_its_worker_when_a_reload_fails(site):
    master = site.start("-W", "-f", "a.cfg", serves="fe")
    before = serving_pid(site)
    site.write("a.cfg", SERVING + "    nonsense\n", ["fe", "origin"])
    master.send_signal(signal.SIGUSR2)
    assert await_true(lambda: "broken" in site.said())
    site.write("a.cfg", SERVING + "frontend other\n    bind 127.0.0.1:{taken}\n", ["fe", "origin", "taken"])
    with socket.create_server(("127.0.0.1", site.port("taken"))):
        master.send_signal(signal.SIGHUP)
        assert await_true(lambda: "has not come up" in site.said())
    assert serving_pid(site) == before
    site.write("a.cfg", SERVING, ["fe", "origin"])
    master.send_signal(signal.SIGUSR2)
    assert await_true(lambda: serving_pid(site) != before)
    assert await_true(lambda: children(master.pid) == [serving_pid(site)])


class Liar(threading.Thread):
    """Listens as an old process would, and answers "_getsocks" with <script>, a function of the connection."""

    def __init__(self, path, script):
        super().__init__(daemon=True)
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(path)
        self.listening.listen()
        self.script = script
        self.kept = []
        self.start()

    def run(self):
        while True:
            try:
                connection = self.listening.accept()[0]
            except OSError:
                return
            self.kept.append(connection)
            connection.settimeout(PATIENCE_S)
            connection.recv(100)
            self.script(connection)

    def close(self):
        self.listening.close()
        for connection in self.kept:
            connection.close()


def send_fd(connection, *fds):
    connection.sendmsg([b"\0" * 6 * len(fds)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))])


def hangs(_connection):
    pass


def closes(connection):
    connection.shutdown(socket.SHUT_RDWR)


def counts_absurdly(connection):
    connection.sendall(struct.pack("i", -5))


def talks(connection):
    connection.sendall(b"Unknown command\n\n")


def stops_midway(connection):
    connection.sendall(struct.pack("i", 3))
    with open("/dev/null", "rb") as file:
        send_fd(connection, file.fileno())
    connection.shutdown(socket.SHUT_RDWR)


def sends_no_sockets(connection):
    connection.sendall(struct.pack("i", 2))
    connection.sendall(b"\0" * 12)


def sends_other_descriptors(connection):
    connection.sendall(struct.pack("i", 2))
    with open("/dev/null", "rb") as file, socket.socket() as sock:
        send_fd(connection, file.fileno(), sock.fileno())
    connection.recv(100)


@pytest.mark.parametrize("script", [hangs, closes, counts_absurdly, talks, stops_midway, sends_no_sockets, sends_other_descriptors])
def test_a_peer_that_lies_does_not_break_the_start(site, script):
    liar = Liar(site.path("liar.sock"), script)
    begun = time.monotonic()
    process = site.start("-f", "a.cfg", "-x", "liar.sock", serves="fe")
    assert time.monotonic() - begun < 8
    assert serving_pid(site) == process.pid
    assert "taking over from liar.sock" in site.said()
    liar.close()


def test_nobody_to_take_over_from(site):
    process = site.start("-f", "a.cfg", "-x", "absent.sock", "-sf", 999999, serves="fe")
    assert serving_pid(site) == process.pid
    assert "absent.sock: No such file" in site.said()


# --- the end of the old one ---

def test_hard_stop_after(site):
    site.write("a.cfg", SERVING.replace("global\n", "global\n    hard-stop-after 300\n"), ["fe", "origin"])
    process = site.start("-f", "a.cfg", serves="fe")
    with socket.create_connection(("127.0.0.1", site.port("fe"))) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
        time.sleep(0.1)
        begun = time.monotonic()
        process.send_signal(signal.SIGUSR1)
        assert process.wait(PATIENCE_S) == 0
        assert 0.25 < time.monotonic() - begun < 2


def test_a_soft_stop_closes_the_sockets_at_once(site):
    process = site.start("-f", "a.cfg", serves="fe")
    with socket.create_connection(("127.0.0.1", site.port("fe"))) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
        time.sleep(0.1)
        process.send_signal(signal.SIGUSR1)

        def refused():
            try:
                socket.create_connection(("127.0.0.1", site.port("fe"))).close()
                return False
            except ConnectionRefusedError:
                return True
        assert await_true(refused)
        assert process.poll() is None
        sock.sendall(b"67890")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200")
    assert process.wait(PATIENCE_S) == 0


# --- with HAProxy on the other side ---

@pytest.mark.skipif(not HAS_HAPROXY, reason="HAProxy 2.6 is not installed")
@pytest.mark.parametrize("address", ["port", "file"])
def test_from_haproxy_and_back(site, address):
    old = site.start("-f", "a.cfg", program=HAPROXY, serves="fe")
    assert await_true(lambda: os.path.exists(site.path("fe.sock")))
    # HAProxy closes idle connections at once; a client that keeps some may meet that.
    load = Load(site.port("fe") if address == "port" else site.path("fe.sock"), kept=False).start()
    time.sleep(0.3)
    ours = site.start("-f", "a.cfg", "-x", "admin.sock", "-sf", old.pid)
    assert old.wait(PATIENCE_S) == 0, site.said()
    time.sleep(0.3)
    again = site.start("-f", "a.cfg", "-x", "admin.sock", "-sf", ours.pid, program=HAPROXY)
    assert ours.wait(PATIENCE_S) == 0, site.said()
    time.sleep(0.3)
    load.stop()
    assert load.failures == []
    assert load.pids == {old.pid, ours.pid, again.pid}

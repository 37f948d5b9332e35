"""The process as its caller sees it: exit statuses, background, pid file, signals, and the master of -W."""

import os
import re
import signal
import socket

import pytest

from support.process import DEFAULTS, PATIENCE_S, Site, await_true, children, is_alive

SERVING = DEFAULTS + """
frontend fe
    bind 127.0.0.1:{fe}
    http-request return status 200 hdr x-pid %pid
"""
MISTAKES = """
frontend fe
    bnd 127.0.0.1:1
    mode http
    http-request nonsense
backend be
    mode http
    server s
"""


@pytest.fixture
def site():
    site = Site()
    site.write("a.cfg", SERVING)
    yield site
    site.close()


def read_pid(site):
    with open(site.path("pid"), encoding="ascii") as file:
        return int(file.read())


# --- the command line ---

def test_check(site):
    assert site.run("-c", "-f", "a.cfg") == (0, "Configuration file is valid\n", "")
    assert site.run("-q", "-c", "-f", "a.cfg") == (0, "", "")
    assert site.run("-c", "--", "a.cfg")[0] == 0
    assert site.run("-c", "-f", "absent.cfg")[0] == 1


def test_nothing_to_serve(site):
    """Without a "bind" line the check says 2, as HAProxy's does, and the start fails."""
    site.write("mute.cfg", "defaults\n    mode http\n    timeout connect 1s\n    timeout server 1s\nbackend be\n    server s 127.0.0.1:1\n")
    status, said, _ = site.run("-c", "-f", "mute.cfg")
    assert status == 2 and "bind" in said
    status, _, errors = site.run("-f", "mute.cfg")
    assert status == 1 and "bind" in errors


def test_check_tells_all_mistakes(site):
    site.write("bad.cfg", MISTAKES)
    status, _, errors = site.run("-c", "-f", "bad.cfg")
    assert status == 1
    assert [line for line in (3, 5, 8) if f"bad.cfg:{line}]" not in errors] == []
    assert "did you mean 'bind'" in errors


def test_warnings(site):
    site.write("odd.cfg", "frontend fe\n    mode http\n    bind 127.0.0.1:{fe}\n")
    status, said, errors = site.run("-c", "-f", "odd.cfg")
    assert status == 0 and "Warnings were found" in said and "[WARNING]" in errors
    assert site.run("-c", "-dW", "-f", "odd.cfg")[0] == 1


@pytest.mark.parametrize("condition,status", [("1", 0), ("0", 1), ("nonsense(", 2)])
def test_condition(site, condition, status):
    assert site.run("-cc", condition)[0] == status


def test_version(site):
    status, said, _ = site.run("-v")
    assert status == 0
    assert re.match(r"\S+ version 2\.6\.\d+", said)
    assert "HAProxy version 2.6" in said
    assert "will use epoll" in site.run("-vv")[1]


@pytest.mark.parametrize("words", [
    [], ["-f"], ["--nonsense"], ["-Wx", "-f", "a.cfg"], ["-n", "x", "-f", "a.cfg"], ["-sf", "abc", "-f", "a.cfg"], ["a.cfg"], ["-x"],
    ["-S", "x", "-f", "a.cfg"], ["-C", "absent", "-f", "a.cfg"],
])
def test_nonsense(site, words):
    status, _, errors = site.run(*words)
    assert status == 1 and errors != ""


def test_accepted_for_scripts(site):
    words = ["-dM50,no-merge", "-dD", "-dr", "-dV", "-dS", "-dG", "-de", "-dp", "-L", "name", "-m", "512", "-N", "10", "-n", "20", "-V", "-db", "-sf"]
    assert site.run(*words, "-c", "-f", "a.cfg")[0] == 0


def test_folder(site):
    os.mkdir(site.path("below"))
    site.write("below/b.cfg", SERVING)
    assert site.run("-C", "below", "-c", "-f", "b.cfg")[0] == 0


def test_local_peer(site):
    site.write("peer.cfg", SERVING + '    http-response set-header x-peer "${HAPROXY_LOCALPEER}"\n')
    site.start("-f", "peer.cfg", "-L", "me", serves="fe")
    assert site.get()[1].get("x-peer", "me") == "me"


# --- alone ---

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_end_it(site, number):
    process = site.start("-f", "a.cfg", serves="fe")
    process.send_signal(number)
    assert process.wait(PATIENCE_S) == 0


def test_other_signals_do_not(site):
    process = site.start("-f", "a.cfg", serves="fe")
    for number in (signal.SIGHUP, signal.SIGUSR2, signal.SIGPIPE, signal.SIGTTOU, signal.SIGTTIN):
        process.send_signal(number)
    assert site.get()[0] == 200


def test_pid_file(site):
    process = site.start("-f", "a.cfg", "-p", "pid", serves="fe")
    assert read_pid(site) == process.pid
    status, _, errors = site.run("-f", "a.cfg", "-p", "absent/pid")
    assert status == 1 and "absent/pid" in errors


def test_background(site):
    status, _, errors = site.run("-D", "-f", "a.cfg", "-p", "pid")
    assert (status, errors) == (0, "")
    pid = read_pid(site)
    assert site.get()[1]["x-pid"] == str(pid), "it serves when the caller gets its prompt back"
    assert os.getsid(pid) != os.getsid(0)
    assert {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)} == {"/dev/null"}
    os.kill(pid, signal.SIGTERM)
    assert await_true(lambda: not is_alive(pid))


def test_background_tells_its_caller_of_failures(site):
    with socket.create_server(("127.0.0.1", site.port("fe"))):
        status, _, errors = site.run("-D", "-f", "a.cfg")
    assert status == 1 and "cannot bind" in errors and "Address already in use" in errors
    assert site.run("-D", "-W", "-f", "absent.cfg")[0] == 1


def test_debug_stays_in_the_foreground(site):
    site.write("daemon.cfg", "global\n    daemon\n" + SERVING)
    process = site.start("-d", "-f", "daemon.cfg", serves="fe")
    assert site.get()[1]["x-pid"] == str(process.pid)


# --- with a master ---

def start_master(site, *words, **others):
    master = site.start("-W", "-f", "a.cfg", *words, serves="fe", **others)
    assert await_true(lambda: "Loading success" in site.said())
    return master


@pytest.mark.parametrize("number,status", [(signal.SIGTERM, 0), (signal.SIGUSR1, 0), (signal.SIGINT, 130)])
def test_master_passes_signals_on(site, number, status):
    master = start_master(site)
    worker, = children(master.pid)
    assert site.get()[1]["x-pid"] == str(worker)
    master.send_signal(number)
    assert master.wait(PATIENCE_S) == status
    assert not is_alive(worker)


def test_master_ends_with_a_worker_that_dies(site):
    master = start_master(site)
    os.kill(children(master.pid)[0], signal.SIGKILL)
    assert master.wait(PATIENCE_S) == 128 + signal.SIGKILL


def test_worker_ends_with_its_master(site):
    master = start_master(site)
    worker, = children(master.pid)
    master.kill()
    master.wait()
    assert await_true(lambda: not is_alive(worker))


def test_master_fails_when_its_first_worker_does(site):
    with socket.create_server(("127.0.0.1", site.port("fe"))):
        status, _, errors = site.run("-W", "-f", "a.cfg")
        assert status == 1 and "cannot bind" in errors
        assert site.run("-W", "-D", "-f", "a.cfg")[0] == 1


def test_master_by_keyword_in_the_background(site):
    site.write("a.cfg", "global\n    daemon\n    master-worker\n    pidfile {folder}/pid\n" + SERVING)
    assert site.run("-f", "a.cfg")[0] == 0
    master = read_pid(site)
    before, = children(master)
    assert site.get()[1]["x-pid"] == str(before)
    os.kill(master, signal.SIGUSR2)
    assert await_true(lambda: site.get()[1]["x-pid"] != str(before))
    assert read_pid(site) == master
    os.kill(master, signal.SIGTERM)
    assert await_true(lambda: not is_alive(master))


def test_reload_during_a_reload(site):
    master = start_master(site)
    before, = children(master.pid)
    for _ in range(5):
        master.send_signal(signal.SIGUSR2)
    assert await_true(lambda: len(children(master.pid)) == 1 and children(master.pid) != [before])
    assert master.poll() is None and site.get()[0] == 200


def test_reload_from_another_folder(site):
    os.mkdir(site.path("below"))
    site.write("below/b.cfg", SERVING)
    master = site.start("-W", "-C", "below", "-f", "b.cfg", serves="fe")
    assert await_true(lambda: "Loading success" in site.said())
    before, = children(master.pid)
    master.send_signal(signal.SIGUSR2)
    assert await_true(lambda: children(master.pid) not in ([before], []) and len(children(master.pid)) == 1), site.said()
    assert site.get()[0] == 200


def test_systemd_is_told(site):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(site.path("notify"))
        systemd.settimeout(PATIENCE_S)
        master = site.start("-Ws", "-f", "a.cfg", env={"NOTIFY_SOCKET": site.path("notify")})
        said = systemd.recv(1000).decode().split("\n")
        assert "READY=1" in said and f"MAINPID={master.pid}" in said
        assert site.get()[0] == 200
        master.send_signal(signal.SIGUSR2)
        assert "RELOADING=1" in systemd.recv(1000).decode().split("\n")
        assert "READY=1" in systemd.recv(1000).decode().split("\n")
        master.send_signal(signal.SIGTERM)
        assert "STOPPING=1" in systemd.recv(1000).decode().split("\n")
        assert master.wait(PATIENCE_S) == 0

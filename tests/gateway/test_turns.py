"""Who has much to do lets the others of its loop come in between: clients with many requests, long answers, commands."""

import os
import signal
import socket
import threading

import pytest

from support.launch import Gateway
from support.raw import PATIENCE_S

CONFIGURATION = """
global
	nbthread 1
	tune.bufsize 2048
	log 127.0.0.1:{log} local0
	stats socket %s level admin
defaults
	mode http
	log global
	option httplog
	timeout connect 5s
	timeout server 5s
	timeout client 5s
frontend fe
	bind "fd@${fe}"
	http-request return status 200 if { path /own }
	default_backend be
backend be
	server s1 127.0.0.1:%d
"""
LONG = 40000  # bytes of an answer: many buffers, and less than the system takes in while the gateway stands still


class Origin:
    """Answers one connection, with <LONG> bytes or at once; sent is set when the long answer is on its way."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.asked, self.go, self.sent = threading.Event(), threading.Event(), threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            link, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link):
        while head := link.recv(65536):
            length = LONG if b"/long" in head else 0
            if length:
                self.asked.set()
                self.go.wait(PATIENCE_S)
            link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + b"x" * length)
            self.sent.set()


@pytest.fixture(name="place")
def start(tmp_path):
    origin = Origin()
    path = str(tmp_path / "admin.sock")
    gateway = Gateway(CONFIGURATION % (path, origin.port))
    gateway.runtime_path, gateway.origin = path, origin
    yield gateway
    status, said = gateway.stop()
    assert status == 0, said


def send(port, request):
    link = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    link.sendall(request)
    return link


def get(path):
    return b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path


def first_logged(gateway, *links):
    """Which of the connections has the first log line."""
    ports = [link.getsockname()[1] for link in links]
    while True:
        line = gateway.log.lines.get(timeout=PATIENCE_S)
        if int(line["port"]) in ports:
            return ports.index(int(line["port"]))


def test_many_requests_at_once_do_not_hold_up_another_client(place):
    many = 500
    os.kill(place.process.pid, signal.SIGSTOP)
    first = send(place.port, get(b"/own") * many)
    second = send(place.port, get(b"/own"))
    os.kill(place.process.pid, signal.SIGCONT)
    port, before = second.getsockname()[1], 0
    while int(place.log.lines.get(timeout=PATIENCE_S)["port"]) != port:
        before += 1
    assert before < many / 2
    answers = b""
    while answers.count(b"HTTP/1.1 200") < many:
        answers += first.recv(65536)


def test_a_long_answer_does_not_hold_up_another_client(place):
    first = send(place.port, get(b"/long"))
    assert place.origin.asked.wait(PATIENCE_S)
    os.kill(place.process.pid, signal.SIGSTOP)
    place.origin.go.set()
    assert place.origin.sent.wait(PATIENCE_S)
    second = send(place.port, get(b"/own"))
    os.kill(place.process.pid, signal.SIGCONT)
    assert first_logged(place, first, second) == 1
    answer = b""
    while len(answer) < LONG:
        answer += first.recv(65536)


def test_many_commands_do_not_hold_up_a_client(place):
    """The last of them would take the only server away."""
    with socket.socket(socket.AF_UNIX) as runtime:
        runtime.settimeout(PATIENCE_S)
        runtime.connect(place.runtime_path)
        runtime.sendall(b"prompt\n")
        assert runtime.recv(100)
        os.kill(place.process.pid, signal.SIGSTOP)
        runtime.sendall(b"show version\n" * 100 + b"disable server be/s1\nquit\n")
        client = send(place.port, get(b"/short"))
        os.kill(place.process.pid, signal.SIGCONT)
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
        while runtime.recv(65536):
            pass

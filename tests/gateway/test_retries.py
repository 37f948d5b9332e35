"""Retries where a server dies with connections to it that were kept."""

import socket
import threading

import pytest

from support.launch import Gateway
from support.raw import PATIENCE_S

CONFIGURATION = """
global
	nbthread 1
	log 127.0.0.1:{log} local0
defaults
	mode http
	log global
	option httplog
	timeout connect 5s
	timeout server 5s
	timeout client 5s
	retries 2
	retry-on conn-failure empty-response
	option redispatch 1
	http-reuse always
	balance first
frontend fe
	bind "fd@${fe}"
	default_backend be
backend be
	server dies 127.0.0.1:%d
	server lives 127.0.0.1:%d
"""
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-From: %s\r\n\r\n"
KEPT = 4  # connections that are kept when the server dies: more than there are retries


class Dying:
    """A server that answers <KEPT> requests on as many connections at once, and then no more: each further request is met by an end."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.links, self.dead = [], threading.Event()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        self.listener.settimeout(PATIENCE_S)
        for _ in range(KEPT):
            link, _ = self.listener.accept()
            link.settimeout(PATIENCE_S)
            self.links.append(link)
        self.listener.close()
        for link in self.links:
            assert link.recv(65536)
        for link in self.links:
            link.sendall(ANSWER % b"dies")
        self.dead.set()
        for link in reversed(self.links):  # the last one used is the first to be used again
            try:
                link.recv(65536)
            except OSError:
                pass
            link.close()

    def end(self):
        self.thread.join()


class Living:
    """A server that answers one connection, request by request."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        link, _ = self.listener.accept()
        while link.recv(65536):
            link.sendall(ANSWER % b"lives")


def request(port):
    link = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    link.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    return link


@pytest.mark.parametrize("times", range(3))
def test_kept_connections_of_a_dead_server_do_not_use_up_the_retries(times):
    """One kept connection that ended says that the others have: a new one is refused, and the next try goes to the other server."""
    dying, living = Dying(), Living()
    gateway = Gateway(CONFIGURATION % (dying.port, living.port))
    try:
        clients = [request(gateway.port) for _ in range(KEPT)]
        for client in clients:
            assert b"X-From: dies" in client.recv(65536)
        assert dying.dead.wait(PATIENCE_S)
        last = request(gateway.port)
        answer = last.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200") and b"X-From: lives" in answer
        for client in [*clients, last]:
            client.close()
    finally:
        status, said = gateway.stop()
        dying.end()
    assert status == 0, said

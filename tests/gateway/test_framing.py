"""Rules that change a status between those that have a body and those that have none: the client must not wait for one, nor take it for more."""

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
	timeout connect 5s
	timeout server 5s
	timeout client 5s
frontend fe
	bind "fd@${fe}"
	stats uri /stats
	http-request return status 204 if { path /own }
	http-after-response set-status 250 if { status 204 }
	http-after-response set-status 251 if { status 304 }
	http-after-response set-status 204 if { status 200 }
	default_backend be
backend be
	server s1 127.0.0.1:%d
"""
ANSWERS = {
    b"/empty": b"HTTP/1.1 204 No Content\r\n\r\n",
    b"/same": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n",
    b"/last": b"HTTP/1.1 299 Last\r\nContent-Length: 0\r\n\r\n",
}


@pytest.fixture(name="gateway")
def start():
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            link, _ = listener.accept()
            while head := link.recv(65536):
                link.sendall(ANSWERS[head.split()[1]])

    threading.Thread(target=serve, daemon=True).start()
    gateway = Gateway(CONFIGURATION % listener.getsockname()[1])
    yield gateway
    status, said = gateway.stop()
    assert status == 0, said


def ask(gateway, path):
    """The answer to one request that is followed by one that ends the connection."""
    with socket.create_connection(("127.0.0.1", gateway.port), PATIENCE_S) as link:
        link.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\nGET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path)
        got = b""
        while piece := link.recv(65536):
            got += piece
    return got


@pytest.mark.parametrize("path, status", [(b"/empty", 250), (b"/same", 251), (b"/own", 250)])
def test_a_status_that_may_have_a_body_says_that_there_is_none(gateway, path, status):
    head, _, rest = ask(gateway, path).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-length: 0\r\n" in (head + b"\r\n").lower()
    assert rest.startswith(b"HTTP/1.1 299 ")


def test_a_page_of_unknown_length_gets_no_status_without_a_body(gateway):
    assert b"<html" not in ask(gateway, b"/stats")

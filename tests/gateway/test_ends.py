"""Exchanges that one side ends at a bad moment, by a reset."""

import socket
import struct
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
frontend fe
	bind "fd@${fe}"
	default_backend be
backend be
	server s1 127.0.0.1:%d
"""
UPGRADE = b"Connection: upgrade\r\nUpgrade: x\r\n"


def reset(link):
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()


def read_to_end(link):
    got = b""
    while piece := link.recv(65536):
        got += piece
    return got


class Origin:
    """Answers the first connection with <answer>, and then resets it when <cut> is set, or waits for its end."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.cut, self.ended = threading.Event(), threading.Event()
        self.resets = False
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        link, _ = self.listener.accept()
        link.recv(65536)
        link.sendall(self.answer)
        if self.resets:
            self.cut.wait(PATIENCE_S)
            reset(link)
            return
        try:
            read_to_end(link)
        except ConnectionResetError:
            pass
        self.ended.set()


@pytest.fixture(name="exchange")
def begin():
    """Sends a request with <fields>, and reads the answer up to the end of <answer>: gateway, origin, client."""
    gateways = []

    def run(answer, fields=b"", resets=False):
        origin = Origin(answer)
        origin.resets = resets
        gateway = Gateway(CONFIGURATION % origin.port)
        gateways.append(gateway)
        client = socket.create_connection(("127.0.0.1", gateway.port), PATIENCE_S)
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n")
        got = b""
        while not (b"\r\n\r\n" in got and answer[-3:] in got):
            got += client.recv(65536)
        return gateway, origin, client

    yield run
    for gateway in gateways:
        status, said = gateway.stop()
        assert status == 0, said


def test_an_answer_up_to_the_end_that_is_cut_by_a_reset_is_not_made_whole(exchange):
    gateway, origin, client = exchange(b"HTTP/1.1 200 OK\r\n\r\nabc", resets=True)
    origin.cut.set()
    assert b"0\r\n\r\n" not in read_to_end(client)
    assert [line["code"] for line in gateway.log.of(client.getsockname()[1], 1)] == ["SD"]


@pytest.mark.parametrize("answer, fields", [
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b""),
    (b"HTTP/1.1 101 Switching Protocols\r\n" + UPGRADE + b"\r\nabc", UPGRADE),
], ids=["answer", "tunnel"])
def test_a_client_that_is_gone_ends_what_still_flows_to_it(exchange, answer, fields):
    gateway, origin, client = exchange(answer, fields)
    port = client.getsockname()[1]
    reset(client)
    assert origin.ended.wait(PATIENCE_S / 2)
    assert [line["code"] for line in gateway.log.of(port, 1)] == ["CD"]


def test_a_tunnel_whose_server_is_gone_ends(exchange):
    gateway, origin, client = exchange(b"HTTP/1.1 101 Switching Protocols\r\n" + UPGRADE + b"\r\nabc", UPGRADE, resets=True)
    origin.cut.set()
    assert read_to_end(client) == b""
    assert [line["code"] for line in gateway.log.of(client.getsockname()[1], 1)] == ["SD"]

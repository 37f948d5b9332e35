"""The breakable network: what each mode does to connections, and that it counts what it met."""

import os
import signal
import socket
import threading
import time

import pytest

from link import Links

PATIENCE_S = 10
SHORT_S = 0.2      # in which what is held must not arrive
SLOW_MS = 150


def _echo(server):
    """Sends back what arrives, to one client after the other in threads of their own."""
    def serve(client):
        with client:
            while data := _received(client):
                client.sendall(data)

    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(client,), daemon=True).start()


def _received(client):
    """What arrives next; nothing when the connection ended, in whatever way."""
    try:
        return client.recv(100)
    except ConnectionError:
        return b""


@pytest.fixture
def links():
    """Two lines, one of them with two ports, to servers that send back what they get."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    for server in servers:
        threading.Thread(target=_echo, args=(server,), daemon=True).start()
    first, second, third = (server.getsockname()[1] for server in servers)
    links = Links({"a>b": [first, second], "c": [third]})
    yield links
    links.close()
    for server in servers:
        server.close()


def _connect(links, name, number=0):
    return socket.create_connection(("127.0.0.1", links.ports[name][number]), PATIENCE_S)


def _answers(client):
    client.sendall(b"x")
    return _received(client) == b"x"


@pytest.mark.parametrize("number", [0, 1])
def test_cut(links, number):
    """Connections end, new ones too, over every port of the line and over no other; afterwards it works again."""
    with _connect(links, "a>b", number) as old, _connect(links, "c") as other:
        assert _answers(old) and _answers(other)
        assert links.set("a>b", "cut") == 0
        assert _received(old) == b"" and _answers(other)
        with _connect(links, "a>b", number) as new:
            assert _received(new) == b""
        assert links.set("a>b", "open") >= 2
        with _connect(links, "a>b", number) as new:
            assert _answers(new)


@pytest.mark.parametrize("number", [0, 1])
def test_hold(links, number):
    """Nothing gets through and nothing is lost."""
    with _connect(links, "a>b", number) as client:
        assert _answers(client)
        links.set("a>b", "hold")
        client.sendall(b"y")
        client.settimeout(SHORT_S)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(PATIENCE_S)
        assert links.set("a>b", "open") == 1
        assert _received(client) == b"y"


def test_slow(links):
    """Each piece waits, on its way there and back."""
    with _connect(links, "a>b") as client, _connect(links, "c") as other:
        assert _answers(client) and _answers(other)
        links.set("a>b", "slow", SLOW_MS)
        begin = time.monotonic()
        assert _answers(client) and time.monotonic() - begin >= 2 * SLOW_MS / 1000
        assert links.set("a>b", "open") == 2 and links.set("c", "open") == 0


def test_a_process_that_stood_still_says_so(links):
    """Once: what was told is forgotten."""
    links.late_s()
    os.kill(links.process.pid, signal.SIGSTOP)
    time.sleep(4 * SHORT_S)
    os.kill(links.process.pid, signal.SIGCONT)
    end, worst = time.monotonic() + PATIENCE_S, 0.0
    while worst < 3 * SHORT_S and time.monotonic() < end:      # the beat after it comes a moment later
        worst = max(worst, links.late_s())
    assert 3 * SHORT_S <= worst < PATIENCE_S

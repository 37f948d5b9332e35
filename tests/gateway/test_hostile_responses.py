"""Malformed responses: the client gets a well-formed answer or a clean cut, and nobody ever gets bytes of another's answer.

Each vector (hostile_responses.py) is what a server says to one request. The client's bytes are read in all ways that programs
read (support/readers.py), which must agree. The same client then asks again, and so does another: both must get their own answers.
"""

import signal
import threading

import pytest

from hostile_responses import LENGTH, NEXT, VECTORS, answer
from support.launch import Gateway
from support.raw import Raw
from support.readers import agreed, responses

CONFIGURATION = """
global
	log 127.0.0.1:{log} local0
defaults
	mode http
	log global
	option httplog
	http-reuse always
	timeout connect 5s
	timeout server 2s
	timeout client 8s
frontend fe
	bind "fd@${fe}"
	default_backend be
backend be
	server s 127.0.0.1:%d
"""


@pytest.fixture(scope="module")
def gateway(origin):
    gateway = Gateway(CONFIGURATION % origin.port)
    yield gateway
    status, said = gateway.stop()
    assert status in (0, 143, -15), said


def ask(vector, target):
    lines = [b"%s %s %s" % (vector.method, target, vector.version), b"Host: a", *vector.lines]
    if vector.version == b"HTTP/1.0":
        lines.append(b"Connection: keep-alive")
    return b"\r\n".join(lines) + b"\r\n\r\n" + vector.content


def read_one(client, method):
    """Until one whole answer is there, or the connection has ended."""
    while not client.ended:
        messages, how = responses(client.got, [method], False)
        if how == "end" and messages and messages[-1].start[0] >= 200:
            return
        client.more()


def check_answer(vector, client):
    messages, how = agreed(responses, client.got, [vector.method], client.ended)
    interim = tuple(one.start[0] for one in messages if one.start[0] < 200)
    finals = [one for one in messages if one.start[0] >= 200]
    assert interim == vector.interim
    if vector.cut:
        assert (finals, how) in (([], "incomplete"), ([], "end")), f"a cut answer looks whole: {client.got[:200]!r}"
        assert client.ended
        if vector.body is not None:
            assert client.got.startswith(b"HTTP/1.1 %d " % vector.status) and vector.body in client.got
        return
    assert ([one.start[0] for one in finals], how) == ([vector.status], "end"), client.got[:500]
    (answer,) = finals
    if vector.body is not None:
        assert answer.body == vector.body
    assert [pair for pair in vector.has if pair not in answer.fields] == []
    assert [name for name in vector.lacks if answer.values(name)] == []


def check_next(client):
    """The connection, when it goes on, gives the next request its own answer and no other byte."""
    if client.ended:
        return
    before = len(client.got)
    client.send(b"GET /after HTTP/1.1\r\nHost: n\r\nConnection: close\r\n\r\n")
    assert client.read_all()
    if len(client.got) == before:
        return  # it was being closed
    (answer,), how = agreed(responses, client.got[before:], [b"GET"], True)
    assert (answer.start, answer.body, how) == ((200,), b"GET /after @n []\n", "end")


def check_neighbours(gateway, number):
    """Other clients get their own answers."""
    for again in range(3):
        with Raw(gateway.port) as client:
            target = b"/neighbour-%d-%d" % (number, again)
            client.send(b"GET %s HTTP/1.1\r\nHost: n\r\nConnection: close\r\n\r\n" % target)
            assert client.read_all()
            (answer,), how = agreed(responses, client.got, [b"GET"], True)
            assert (answer.start, answer.body, how) == ((200,), b"GET %s @n []\n" % target, "end")


@pytest.mark.parametrize("number", range(len(VECTORS)), ids=[vector.name for vector in VECTORS])
def test_response(gateway, origin, number):
    """One vector: what the client gets, what the log says, and that the next requests get their own answers."""
    vector = VECTORS[number]
    target = b"/vector-%d" % number
    origin.scripts = {target: vector.script}
    with Raw(gateway.port) as client:
        client.send(ask(vector, target))
        if vector.cut:
            assert client.read_all(), f"the connection stays open; got {client.got!r}"
        else:
            read_one(client, vector.method)
        check_answer(vector, client)
        if vector.drops:
            connection = next(one for one in origin.connections if target in one.data)
            assert origin.wait(lambda: connection.ended), "bytes behind an answer, and the connection is kept"
        check_next(client)
    (line,) = gateway.log.of(client.port, 1)
    status = vector.status if vector.status else -1
    assert line["code"] == vector.code, line.group()
    assert vector.cut or int(line["status"]) == status, line.group()
    check_neighbours(gateway, number)


def test_bytes_that_came_first_are_no_answer(gateway, origin):
    """What a server sent before a request was made is not its answer, also when the gateway hears of the request first."""
    asked, said = threading.Event(), threading.Event()
    origin.scripts = {b"/first": [answer(LENGTH, body=b"hello"), asked.wait, NEXT, said.set]}
    with Raw(gateway.port) as client:
        client.send(b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
        read_one(client, b"GET")
        gateway.process.send_signal(signal.SIGSTOP)
        try:
            client.send(b"GET /second HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            asked.set()
            assert said.wait(8)
        finally:
            gateway.process.send_signal(signal.SIGCONT)
        assert client.read_all()
        messages, how = agreed(responses, client.got, [b"GET", b"GET"], True)
        assert ([one.body for one in messages], how) == ([b"hello", b"GET /second @a []\n"], "end")

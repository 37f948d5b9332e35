"""Malformed and ambiguous requests: none reaches the server in a form that two programs could understand differently.

Each vector (hostile_requests.py) is sent as it is, with a harmless request behind it. The server records every byte; all readers
(support/readers.py) must find the same messages in them, and those that the vector says. Then a request of another
client, which may use the same connection to the server, must get its own answer.
"""

import random
from dataclasses import replace

import pytest

from hostile_requests import VECTORS, Seen
from support.launch import IS_HAPROXY, Gateway
from support.raw import Raw
from support.readers import agreed, requests, responses
from support.recorder import echo

CONFIGURATION = """
global
	log 127.0.0.1:{log} local0
defaults
	mode http
	log global
	option httplog
	http-reuse always
	timeout connect 5s
	timeout server 8s
	timeout client 8s
	timeout http-request 8s
	timeout http-keep-alive 8s
frontend fe
	bind "fd@${fe}"
	default_backend be
frontend buffered
	bind "fd@${buffered}"
	option http-buffer-request
	default_backend be
frontend hasty
	bind "fd@${hasty}"
	timeout client 500ms
	timeout http-request 500ms
	default_backend be
frontend hasty_buffered
	bind "fd@${hasty_buffered}"
	timeout client 500ms
	timeout http-request 500ms
	option http-buffer-request
	default_backend be
%s
backend be
	server s 127.0.0.1:%d
"""
OWN = """
frontend limit
	bind "fd@${limit}"
	body-limit 1000
	default_backend be
"""
BUFFERED = {"fe": "buffered", "hasty": "hasty_buffered"}


@pytest.fixture(scope="module")
def gateway(origin):
    gateway = Gateway(CONFIGURATION % ("" if IS_HAPROXY else OWN, origin.port), ("fe", "buffered", "hasty", "hasty_buffered", "limit"))
    yield gateway
    status, said = gateway.stop()
    assert status in (0, 143, -15), said


def expected_answers(vector):
    return [200 if one.method != b"CONNECT" else 405 for one in vector.seen] + ([vector.status] if vector.status else [])


def check_answers(vector, client):
    """The client got the server's answers, each to its own request, then perhaps the gateway's."""
    methods = [one.method for one in vector.seen] + ([b"GET"] if vector.status else [])
    got, how = agreed(responses, client.got, methods, client.ended)
    got = [one for one in got if one.start[0] >= 200]
    assert ([one.start[0] for one in got], how) == (expected_answers(vector), "end"), client.got
    for seen, one in zip(vector.seen, got):
        if seen.method not in (b"HEAD", b"CONNECT"):
            assert one.body.startswith(b"%s %s @%s [" % (seen.method, seen.target, seen.host)), "another request's answer"


def check_server(vector, origin, mark):
    """The server got what the vector says, and nothing else that anybody could take for a request."""
    messages = []
    for connection, data in origin.since(mark):
        found, how = agreed(requests, data)
        messages += found
        if how == "incomplete":
            assert vector.cut, data
            assert origin.wait(lambda connection=connection: connection.ended), "half a request, and its connection is not closed"
    assert [Seen(*one.start, one.host, one.body) for one in messages] == \
           [Seen(one.method, one.target, one.host, one.body) for one in vector.seen]
    for seen, one in zip(vector.seen, messages):
        missing = [pair for pair in seen.has if pair not in one.fields]
        extra = [name for name in seen.lacks if one.values(name)]
        assert (missing, extra) == ([], []), one.fields


def check_log(vector, gateway, client):
    count = len(expected_answers(vector)) + (not vector.status and vector.code != "--")
    lines = gateway.log.of(client.port, count)
    assert len(lines) == count, f"{len(lines)} log lines instead of {count}"
    if vector.code != "--":
        assert (lines[-1]["code"], lines[-1]["status"]) == (vector.code, str(vector.status or vector.logged)), lines[-1].group()


def check_neighbour(gateway, number):
    """Another client's request is not disturbed."""
    with Raw(gateway.port) as client:
        client.send(b"GET /neighbour-%d HTTP/1.1\r\nHost: n\r\nConnection: close\r\n\r\n" % number)
        assert client.read_all()
        (answer,), how = agreed(responses, client.got, [b"GET"], True)
        assert (answer.start, answer.body, how) == ((200,), b"GET /neighbour-%d @n []\n" % number, "end")


def pieces(data, number):
    """<data> in a few pieces with pauses, cut where chance wants; the same each time."""
    chance = random.Random(number)
    cuts = sorted({0, len(data), *(chance.randrange(len(data)) for _ in range(3))})
    return [piece for start, end in zip(cuts, cuts[1:]) for piece in (data[start:end], 0.002)]


def run(gateway, origin, vector, front, data):
    """Sends <data> and checks everything."""
    if vector.own and IS_HAPROXY:
        pytest.skip("a keyword that HAProxy does not have")
    origin.forget()
    mark = origin.mark()
    with Raw(gateway.ports[front]) as client:
        client.send(data)
        if vector.ends:
            client.finish()
        if vector.closes:
            assert client.read_all(), f"the connection stays open; got {client.got!r}"
        else:
            client.read([one.method for one in vector.seen])
        check_answers(vector, client)
        check_server(vector, origin, mark)
        if not vector.closes:  # the connection goes on where it should
            before = len(client.got)
            client.send(b"GET /after HTTP/1.1\r\nHost: n\r\nConnection: close\r\n\r\n")
            assert client.read_all()
            (answer,), how = responses(client.got[before:], [b"GET"], True)
            assert (answer.body, how) == (b"GET /after @n []\n", "end")
    check_log(vector, gateway, client)
    check_neighbour(gateway, client.port)


each_vector = pytest.mark.parametrize("number", range(len(VECTORS)), ids=[vector.name for vector in VECTORS])


@each_vector
def test_request(gateway, origin, number):
    """One vector: what the client is told, what the server got, what the log says, and that others are not disturbed."""
    run(gateway, origin, VECTORS[number], VECTORS[number].front, VECTORS[number].data)


@each_vector
def test_request_in_pieces(gateway, origin, number):
    """The same, however the bytes arrive."""
    vector = VECTORS[number]
    if not isinstance(vector.data, bytes):
        pytest.skip("it comes in pieces already")
    run(gateway, origin, vector, vector.front, pieces(vector.data, number))


@each_vector
def test_request_whose_body_is_waited_for(gateway, origin, number):
    """The same with option http-buffer-request."""
    vector = VECTORS[number]
    if vector.front not in BUFFERED:
        pytest.skip("for another frontend")
    if vector.waiting:
        vector = replace(vector, status=vector.waiting[0], code=vector.waiting[1], logged=vector.waiting[2])
    run(gateway, origin, vector, BUFFERED[vector.front], vector.data)


def test_echo_is_what_the_answers_are():
    """The server's answers repeat the request: what check_answers() relies on."""
    message, _ = requests(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    assert echo(message[0]) == b"GET /x @a []\n"

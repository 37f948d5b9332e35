"""Many hostile clients and servers at once, cut off and reset at any byte, while a normal client gets all its answers."""

import random
import socket
import struct
import threading

import pytest

import hostile_requests
import hostile_responses
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
	timeout server 1s
	timeout client 300ms
	timeout http-request 300ms
	timeout http-keep-alive 8s
	retry-on all-retryable-errors
frontend fe
	bind "fd@${fe}"
	default_backend be
frontend buffered
	bind "fd@${buffered}"
	option http-buffer-request
	default_backend be
backend be
	server s 127.0.0.1:%d
"""
CLIENTS = 8
EACH = 150
ASKED = 300


@pytest.fixture
def gateway(origin):
    gateway = Gateway(CONFIGURATION % origin.port, ("fe", "buffered"))
    yield gateway
    status, said = gateway.stop()
    assert status in (0, 143, -15), said


def pieces_of(data, chance):
    """<data> cut in up to four pieces, perhaps without its end."""
    if chance.random() < 0.4:
        data = data[:chance.randrange(len(data) + 1)]
    cuts = sorted({0, len(data), *(chance.randrange(len(data) + 1) for _ in range(chance.randrange(4)))})
    return [data[start:end] for start, end in zip(cuts, cuts[1:])]


def scripts(chance):
    """Answers by target, as hostile servers send them, some cut off. Not those with bytes a moment later: the next request may be out by
    then, and nothing tells its answer from them."""
    made = {}
    for number, vector in enumerate(hostile_responses.VECTORS):
        if vector.drops and any(isinstance(step, float) for step in vector.script):
            continue
        steps = [step for step in vector.script if not (isinstance(step, bytes) and len(step) > 100000)]
        if chance.random() < 0.3:
            steps = steps[:chance.randrange(len(steps) + 1)] + ["reset" if chance.random() < 0.5 else "close"]
        made[b"/hostile-%d" % number] = steps
    return made


def misbehave(gateway, seed):
    """One hostile client, who is also the one who asks the hostile server."""
    chance = random.Random(seed)
    messages = [one.data for one in hostile_requests.VECTORS if isinstance(one.data, bytes)]
    for _ in range(EACH):
        with Raw(gateway.ports[chance.choice(["fe", "buffered"])]) as client:
            if chance.random() < 0.3:
                data = b"GET /hostile-%d HTTP/1.1\r\nHost: a\r\n\r\n" % chance.randrange(len(hostile_responses.VECTORS))
            else:
                data = chance.choice(messages)
            client.send(pieces_of(data, chance))
            how = chance.random()
            if how < 0.3:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close() resets
            elif how < 0.6:
                client.finish()
                client.read_all()


def test_crowd(gateway, origin):
    """Whatever they do, the normal client's requests get their own answers, and the gateway ends as it should."""
    origin.scripts = scripts(random.Random(1))
    threads = [threading.Thread(target=misbehave, args=(gateway, seed), daemon=True) for seed in range(CLIENTS)]
    for thread in threads:
        thread.start()
    asked = 0
    while asked < ASKED or any(thread.is_alive() for thread in threads):
        with Raw(gateway.port) as client:
            for again in range(10):
                before = len(client.got)
                client.send(b"GET /normal-%d HTTP/1.1\r\nHost: n\r\n\r\n" % asked)
                client.read([b"GET"] * (again + 1))
                (answer,), how = agreed(responses, client.got[before:], [b"GET"], False)
                assert (answer.start, answer.body, how) == ((200,), b"GET /normal-%d @n []\n" % asked, "end")
                asked += 1
    assert gateway.process.poll() is None, gateway.said()

"""What all three services share on the wire: framing, order of checks, tokens, bodies, keep-alive."""

import contextlib
import re
import time

import pytest

from support import metrics
from support.shop import assert_empty, assert_problem
from support.stack import SAMPLE_TOKEN, SERVICES
from support.wait import eventually
from support.wire import Wire, ask, chunked, message

LIMIT = 65536
PADDED = b'{"item_id":"50"' + b" " * (LIMIT - 16) + b"}"
each_service = pytest.mark.parametrize("service", SERVICES)


@each_service
def test_missing_token_is_401(shop, service):
    """401 for a missing USER-TOKEN, and for an empty one."""
    assert_problem(shop.get(service, token=None), 401)
    assert_problem(shop.get(service, token=""), 401)


@each_service
@pytest.mark.parametrize("token", ["nobody", "4a49145e-45a8-4845-af45-1af2a59bb045", SAMPLE_TOKEN[:-1], SAMPLE_TOKEN + "0", "%", "'",
                                   SAMPLE_TOKEN.upper(), "' OR 1=1 -- ", "x" * 1000, f'"{SAMPLE_TOKEN}"', "*", "10", "0"])
def test_unknown_token_is_401(shop, service, token):
    """401 for an unknown token: compared exactly, and nothing in it means anything to SQL or Redis."""
    assert_problem(shop.get(service, token=token), 401)


@each_service
@pytest.mark.parametrize("token", ["a\x01b", "\x7f", "\t", "caf\xe9", SAMPLE_TOKEN + "\x0b"])
def test_odd_bytes_in_the_token_are_refused(shop, service, token):
    """A token with control characters or raw bytes is nobody's: 401, or 400 as a bad header; the service lives on."""
    reply, _ = ask(shop.port(service), message("GET", "/", token, [("Connection", "close")]))
    assert reply and reply.status in (400, 401)
    assert shop.get(service).status_code == 200


@each_service
def test_very_long_token_does_no_harm(shop, service):
    """A header longer than any buffer is refused with a 4xx or a closed connection; the service lives on."""
    reply, _ = ask(shop.port(service), message("GET", "/", "x" * 200000, [("Connection", "close")]))
    assert reply is None or 400 <= reply.status < 500
    assert shop.get(service).status_code == 200


@each_service
def test_head_is_get_without_a_body(shop, service):
    """HEAD works where GET does: the same status and headers, no body."""
    paths = {"item_svc": ["/", "/50", "/?limit=3"], "alarm_svc": ["/"], "user_svc": ["/", "/visit"]}[service]
    with Wire(shop.port(service)) as wire:
        for path in paths:
            wire.send(message("GET", path, SAMPLE_TOKEN))
            got = wire.reply()
            wire.send(message("HEAD", path, SAMPLE_TOKEN))
            head = wire.reply(head=True)
            assert (head.status, head.headers["content-length"]) == (200, str(len(got.body)))
            assert head.headers["content-type"] == got.headers["content-type"]
        wire.send(message("HEAD", "/", None))
        assert wire.reply(head=True).status == 401
        wire.send(message("GET", paths[0], SAMPLE_TOKEN))
        assert wire.reply().status == 200, "nothing of a body was left behind"


FRAMING = {
    "CL and TE": (("Content-Length", "4"), ("Transfer-Encoding", "chunked")),
    "two equal CL": (("Content-Length", "2"), ("Content-Length", "2")),
    "two different CL": (("Content-Length", "2"), ("Content-Length", "3")),
}


@each_service
@pytest.mark.parametrize("name", FRAMING)
def test_ambiguous_length_is_400_and_closed(shop, service, name):
    """The kit refuses CL+TE and several Content-Length with 400 and closes: what follows is never a second request."""
    method = "POST" if service != "item_svc" else "GET"
    smuggled = message("GET", "/", SAMPLE_TOKEN)
    reply, closed = ask(shop.port(service), message(method, "/", SAMPLE_TOKEN, FRAMING[name], b"0\r\n\r\n" + smuggled))
    assert reply.status == 400
    assert closed


@each_service
def test_missing_host_is_400_and_closed(shop, service):
    """An HTTP/1.1 request without Host is 400, and the connection is closed."""
    reply, closed = ask(shop.port(service), message("GET", "/", SAMPLE_TOKEN, host=None))
    assert (reply.status, closed) == (400, True)


@each_service
@pytest.mark.parametrize("target", ["/%00", "/50%00", "/%00/50", "/visit%00x"])
def test_nul_in_the_path_is_400_and_closed(shop, service, target):
    """NUL in the path is 400 and closed, never a shorter path."""
    reply, closed = ask(shop.port(service), message("GET", target, SAMPLE_TOKEN))
    assert (reply.status, closed) == (400, True)


@each_service
@pytest.mark.parametrize("data", [b"GARBAGE\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50 + b"\r\n\r\n",
                                  b"GET / HTTP/9.9\r\nHost: moa\r\n\r\n"], ids=["words", "TLS", "version"])
def test_nonsense_is_refused(shop, service, data):
    """What is no HTTP gets a 4xx or 505 or a closed connection, and the service lives on."""
    with Wire(shop.port(service)) as wire:
        wire.send(data)
        wire.socket.shutdown(1)
        reply = wire.reply()
        assert reply is None or 400 <= reply.status < 600
    assert shop.get(service).status_code == 200


def test_order_of_checks(shop):
    """Framing 400, path 404, method 405, 401, 413, body 400, then the domain's 404."""
    twice = [("Content-Length", "1"), ("Content-Length", "1")]
    big = b"x" * (LIMIT + 1)
    port = shop.port("alarm_svc")
    assert ask(port, message("PUT", "/nowhere", None, twice, b"x"))[0].status == 400
    assert_problem(shop.request("PUT", "alarm_svc", "/nowhere", None, data=big), 404)
    assert_problem(shop.request("PUT", "alarm_svc", "/", None, data=big), 405)
    assert_problem(shop.post("alarm_svc", "/", None, data=big), 401)
    assert_problem(shop.post("alarm_svc", "/", "nobody", data=big), 401)
    assert_problem(shop.post("alarm_svc", data=big), 413)
    assert_problem(shop.post("alarm_svc", data=b"x"), 400)
    assert_problem(shop.post("alarm_svc", "/", "nobody", data=b"x"), 401)
    assert_problem(shop.get("alarm_svc", "/?limit=x", None), 401)
    assert_empty(shop.post("alarm_svc", json={"item_id": "999999"}), 404)
    assert_problem(shop.get("item_svc", "/50/x", None), 404)
    assert_problem(shop.request("POST", "item_svc", "/50", None), 405)
    assert_problem(shop.get("item_svc", "/50", None), 401)


def test_body_of_exactly_the_limit_is_read(shop, person):
    """A body of 64 KiB is no more than the limit."""
    assert len(PADDED) == LIMIT
    assert_empty(shop.post("alarm_svc", token=person.token, data=PADDED), 201)
    reply, _ = ask(shop.port("alarm_svc"), message("POST", "/", person.token, [("Transfer-Encoding", "chunked"),
                                                                             ("Connection", "close")], chunked(PADDED)))
    assert (reply.status, reply.body) == (201, b"{}")


@pytest.mark.parametrize("length", [LIMIT + 1, 300000, 1048576])
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_larger_bodies_are_413_after_being_read(shop, method, length):
    """413 is answered after the rest of the body was read and thrown away (up to 1 MiB), so that the client sees it."""
    assert_problem(shop.request(method, "alarm_svc", data=PADDED + b" " * (length - LIMIT)), 413)
    data = message(method, "/", SAMPLE_TOKEN, [("Transfer-Encoding", "chunked"), ("Connection", "close")],
                   chunked(PADDED + b" " * (length - LIMIT)))
    reply, _ = ask(shop.port("alarm_svc"), data)
    assert (reply.status, reply.headers["content-type"]) == (413, "application/problem+json")


def test_too_large_is_answered_even_when_announced_only(shop):
    """A client that announces too much and waits for 100 Continue is answered within the bound."""
    with Wire(shop.port("alarm_svc")) as wire:
        wire.send(message("POST", "/", SAMPLE_TOKEN, [("Content-Length", "16"), ("Expect", "100-continue")]))
        wire.send(b'{"item_id":"50"}')
        assert wire.reply().status == 201
    assert_empty(shop.delete("alarm_svc", json={"item_id": "50"}), 200)


STALLED = {
    "announced": [("Content-Length", str(LIMIT + 1))],
    "announced and begun": [("Content-Length", "1048576"), ("X-Begun", "x" * 10)],
    "chunked": [("Transfer-Encoding", "chunked")],
}
JUDGED = [("PUT", "/a/b", None, 404), ("PUT", "/", None, 405), ("POST", "/", None, 401), ("POST", "/", "nobody", 401),
          ("POST", "/", SAMPLE_TOKEN, 413)]


def _stall(wire, method, path, token, headers):
    """Sends too large a body but for its end."""
    wire.send(message(method, path, token, headers))
    if headers[0][0] == "Transfer-Encoding":
        wire.send(chunked(PADDED + b" ")[:-5])
    elif len(headers) > 1:
        wire.send(b" " * 10)


def test_a_client_that_stalls_gets_its_answer(shop):
    """413, and what is checked before it, reach a client that does not send the rest, after 5 s; then it is closed."""
    cases = [(headers, judged) for headers in STALLED.values() for judged in JUDGED]
    with contextlib.ExitStack() as stack:
        began = time.monotonic()
        wires = [stack.enter_context(Wire(shop.port("alarm_svc"))) for _ in cases]
        for wire, (headers, (method, path, token, _)) in zip(wires, cases):
            _stall(wire, method, path, token, headers)
        replies = [wire.reply() for wire in wires]
        took = time.monotonic() - began
        assert [reply and reply.status for reply in replies] == [status for _, (_, _, _, status) in cases]
        assert {(reply.headers["connection"], reply.headers["content-type"]) for reply in replies} == {("close", "application/problem+json")}
        assert all(wire.closed() for wire in wires)
        assert 4.5 <= took <= 7.5


def test_endless_chunks_are_judged(shop):
    """A chunked body without end is cut off behind a megabyte, with the answer that the request would get otherwise."""
    chunk = chunked(b"x" * 65536, 65536)[:-5]
    for method, path, token, status in JUDGED:
        with Wire(shop.port("alarm_svc")) as wire:
            wire.send(message(method, path, token, [("Transfer-Encoding", "chunked")]))
            for _ in range(15):
                wire.send(chunk)
            wire.send(chunk + b"1\r\nx")  # a byte over the megabyte, which is read: so no reset overtakes the answer
            reply = wire.reply()
            assert reply and reply.status == status
            assert wire.closed()


@each_service
def test_keep_alive_is_really_kept(shop, service):
    """1,000 requests over one connection are one accept."""
    def accepted():
        samples = metrics.parse(shop.request("GET", shop.admin(service), "/metrics").text)
        return metrics.total(samples, r"\w*(accept|connections_total|connections_accepted)\w*")

    before = accepted()
    assert before is not None, "a counter of accepted connections"
    with Wire(shop.port(service)) as wire:
        for _ in range(1000):
            wire.send(message("GET", "/?limit=1", SAMPLE_TOKEN))
            assert wire.reply().status == 200
    assert accepted() - before <= 2, "one for these requests, at most one for reading the counter"


@each_service
def test_errors_keep_the_connection(shop, service):
    """404, 405, 401 and 413 leave the connection usable."""
    with Wire(shop.port(service)) as wire:
        for data, status in [(message("GET", "/a/b", SAMPLE_TOKEN), 404), (message("PUT", "/", SAMPLE_TOKEN), 405),
                             (message("GET", "/", "nobody"), 401), (message("GET", "/", SAMPLE_TOKEN), 200)]:
            wire.send(data)
            assert wire.reply().status == status


def test_pipelined_requests_are_answered_in_order(shop):
    """Several requests sent at once on one connection are answered one after the other."""
    with Wire(shop.port("item_svc")) as wire:
        wire.send(b"".join(message("GET", f"/{number}", SAMPLE_TOKEN) for number in (1, 999999, 3)))
        assert [wire.reply().status for _ in range(3)] == [200, 404, 200]


@each_service
def test_request_id(shop, service):
    """X-Request-Id of the request is returned; a new one is made when there is none or a useless one."""
    assert shop.get(service, headers={"X-Request-Id": "my-request.7"}).headers["X-Request-Id"] == "my-request.7"
    made = {shop.get(service).headers["X-Request-Id"] for _ in range(20)}
    assert len(made) == 20 and all(re.fullmatch(r"[\x21-\x7e]{8,}", text) for text in made)
    assert shop.get(service, headers={"X-Request-Id": "x" * 4000}).headers["X-Request-Id"] != "x" * 4000
    assert shop.get(service, token=None, headers={"X-Request-Id": "refused-1"}).headers["X-Request-Id"] == "refused-1"


@each_service
def test_trace_and_request_ids_are_logged(shop, service):
    """`traceparent` and `X-Request-Id` are logged."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    shop.get(service, headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01", "X-Request-Id": "logged-77"})
    eventually(lambda: any("logged-77" in line and trace in line for line in shop.log(service).splitlines()), 5,
               "one log line has both ids")


@each_service
def test_problem_documents_say_what_is_wrong(shop, service):
    """Errors are RFC 9457 problem documents with distinct titles."""
    replies = [shop.get(service, "/a/b"), shop.request("PUT", service), shop.get(service, token="nobody"), shop.get(service, "/?limit=0")]
    assert [reply.status_code for reply in replies] == [404, 405, 401, 400]
    assert len({reply.json()["title"] for reply in replies}) == 4

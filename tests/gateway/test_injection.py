"""What rules take out of a request and write into a message cannot make two messages out of one, nor add a field."""

import pytest

from support.launch import IS_HAPROXY, Gateway
from support.raw import Raw
from support.readers import agreed, requests, responses

CONFIGURATION = """
global
	log 127.0.0.1:{log} local0
defaults
	mode http
	log global
	option httplog
	timeout connect 5s
	timeout server 8s
	timeout client 8s
frontend fe
	bind "fd@${fe}"
	http-request capture req.hdr(X-Input),url_dec len 200
	http-request set-header X-Set %%[req.hdr(X-Input),url_dec] if { path /set-header }
	http-request add-header X-Add %%[req.hdr(X-Input),url_dec] if { path /add-header }
	http-request replace-header X-Input .* %%[req.hdr(X-Input),url_dec] if { path /replace-header }
	http-request replace-value X-Input .* %%[req.hdr(X-Input),url_dec] if { path /replace-value }
	http-request set-path /%%[req.hdr(X-Input),url_dec] if { path /set-path }
	http-request set-query %%[req.hdr(X-Input),url_dec] if { path /set-query }
	http-request set-uri /%%[req.hdr(X-Input),url_dec] if { path /set-uri }
	http-request set-method %%[req.hdr(X-Input),url_dec] if { path /set-method }
	http-request set-header Host %%[req.hdr(X-Input),url_dec] if { path /set-host }
	http-request set-header Content-Length %%[req.hdr(X-Input),url_dec] if { path /set-length }
	http-request redirect location http://b/%%[req.hdr(X-Input),url_dec] if { path /redirect }
	http-request redirect prefix /%%[req.hdr(X-Input),url_dec] if { path /redirect-prefix }
	http-request return status 200 content-type text/plain hdr X-Return %%[req.hdr(X-Input),url_dec] string "ok" if { path /return }
	http-request set-var(txn.input) req.hdr(X-Input),url_dec
	http-response set-header X-Set %%[var(txn.input)] if { var(txn.input) -m found } { capture.req.uri /response }
	http-response add-header Set-Cookie %%[var(txn.input)] if { capture.req.uri /response-cookie }
	http-response replace-header Content-Length .* %%[var(txn.input)] if { capture.req.uri /response-length }
	http-after-response set-header X-After %%[var(txn.input)] if { capture.req.uri /after }
	default_backend be
backend be
	server s 127.0.0.1:%d
"""
RULES = ["set-header", "add-header", "replace-header", "replace-value", "set-path", "set-query", "set-uri", "set-method",
         "set-host", "set-length", "redirect", "redirect-prefix", "return", "response", "response-cookie", "response-length",
         "after", "log"]
INPUTS = ["a%0d%0aX-Injected:%20y", "a%0aX-Injected:%20y", "a%0dX-Injected:%20y", "a%00b",
          "%0d%0a%0d%0aGET%20/smuggled%20HTTP/1.1%0d%0aHost:%20s%0d%0a%0d%0a", "a%20b%20HTTP/1.1%0d%0aX-Injected:%20y%0d%0aZ:",
          "%0d%0aContent-Length:%205%0d%0a%0d%0ahello", "a b", "%09", "5", "+", "%7f", "%1b[31m", "%ff"]


@pytest.fixture(scope="module")
def gateway(origin):
    gateway = Gateway(CONFIGURATION % origin.port)
    yield gateway
    status, said = gateway.stop()
    assert status in (0, 143, -15), said


def harmless(messages):
    assert not [one for one in messages if one.values(b"x-injected") or one.body.startswith(b"hello")]


@pytest.mark.skipif(IS_HAPROXY, reason="it trusts what rules write")
@pytest.mark.parametrize("value", INPUTS)
@pytest.mark.parametrize("rule", RULES)
def test_injection(gateway, origin, rule, value):
    """At most one request for each reaches the server, and each answer is one."""
    mark = origin.mark()
    with Raw(gateway.port) as client:
        client.send(f"GET /{rule} HTTP/1.1\r\nHost: a\r\nX-Input: {value}\r\n\r\n".encode("latin-1"))
        client.send(b"GET /next HTTP/1.1\r\nHost: n\r\nConnection: close\r\n\r\n")
        assert client.read_all()
        answers, how = agreed(responses, client.got, [b"GET", b"GET"], True)
        assert how == "end" and len(answers) <= 2
        harmless(answers)
    seen = []
    for _, data in origin.since(mark):
        messages, how = agreed(requests, data)
        assert how == "end"
        seen += messages
    harmless(seen)
    assert len(seen) <= 2 and b"/smuggled" not in [one.start[1] for one in seen]
    assert [one.start[1] for one in seen].count(b"/next") <= 1
    for line in gateway.log.of(client.port, 1):
        assert line.group().isprintable(), line.group()

"""The responses of test_hostile_responses.py: what a server sends, and what must become of it."""

from dataclasses import dataclass, field

from support.recorder import CLOSE, RESET

NEXT = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nSMUGGLED"  # sent behind many answers: nobody may ever get it


@dataclass
class Vector:
    name: str
    script: list                  # steps of the server (support/recorder.py)
    status: int                   # that the client is told; 0: the connection is cut without a word
    body: object = b""            # what the client gets; None: the gateway's own page
    code: str = "--"              # termination state in the log
    method: bytes = b"GET"
    version: bytes = b"HTTP/1.1"  # of the request
    lines: tuple = ()             # more fields of the request
    content: bytes = b""          # the request's body
    cut: bool = False             # the answer ends early, visibly so, and the connection with it
    lacks: tuple = ()             # names of fields that the client must not get
    has: tuple = field(default_factory=tuple)
    interim: tuple = ()           # statuses that come before
    drops: bool = False           # the gateway ends its connection to the server, soon enough for the next request


VECTORS = []


def junk(name, *script, **more):
    """Not understood: 502, and the connection to the server is not used again."""
    VECTORS.append(Vector(name, list(script), 502, None, more.pop("code", "PH"), **more))


def fine(name, *script, body=b"", status=200, **more):
    VECTORS.append(Vector(name, list(script), status, body, **more))


def extra(name, *script, **more):
    """More than the answer comes, sooner or later."""
    fine(name, *script, drops=True, **more)


def cut(name, *script, body=b"hello", status=200, code="SD", **more):
    VECTORS.append(Vector(name, list(script), status, body, code, cut=True, **more))


def answer(*lines, start=b"HTTP/1.1 200 OK", body=b""):
    return b"\r\n".join([start, *lines]) + b"\r\n\r\n" + body


CHUNKED = b"Transfer-Encoding: chunked"
LENGTH = b"Content-Length: 5"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"

# --- two framings, or one in disguise -------------------------------------------------------------

junk("length and coding", answer(LENGTH, CHUNKED, body=HELLO))
junk("coding and length", answer(CHUNKED, b"Content-Length: 15", body=HELLO))
junk("two equal lengths", answer(LENGTH, LENGTH, body=b"hello"))
junk("two lengths", answer(LENGTH, b"Content-Length: 47", body=b"hello" + NEXT))
junk("a list of lengths", answer(b"Content-Length: 5, 5", body=b"hello"))
for text in [b"+5", b"-5", b"0x5", b"5.0", b"5 5", b"", b"five", b"9223372036854775808", b"18446744073709551621", b"5;", b"5\x0b",
             b"5\0"]:
    junk(f"odd length {text!r}", answer(b"Content-Length: " + text, body=b"hello"))
for text in [b"chunked, chunked", b"chunked, identity", b"gzip, chunked", b"identity", b"xchunked", b"", b"chunked;q=1",
             b"\x0bchunked", b"\"chunked\""]:
    junk(f"coding {text!r}", answer(b"Transfer-Encoding: " + text, body=HELLO))
junk("two codings", answer(CHUNKED, CHUNKED, body=HELLO))
junk("space before the colon of a coding", answer(b"Transfer-Encoding : chunked", body=HELLO))
junk("space before the colon of a length", answer(b"Content-Length : 5", body=b"hello"))
junk("a coding in HTTP/1.0", answer(CHUNKED, start=b"HTTP/1.0 200 OK", body=HELLO))
junk("a folded coding", answer(b"Transfer-Encoding:\r\n chunked", body=HELLO))
junk("a coding behind a bare LF", answer(b"X: y\nTransfer-Encoding: chunked", LENGTH, body=b"hello"))
junk("a coding behind a bare CR", answer(b"X: y\rTransfer-Encoding: chunked", LENGTH, body=b"hello"))
fine("a length with zeros in front", answer(b"Content-Length: 0005", body=b"hello"), body=b"hello",
     has=((b"content-length", b"5"),))
fine("chunks", answer(b"TRANSFER-ENCODING: Chunked", body=b"2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n"), body=b"hello",
     lacks=(b"x", b"trailer"))

# --- heads ----------------------------------------------------------------------------------------

for text in [b"HTTP/1.1 2x0 OK", b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK", b"HTTP/1.1 099 OK", b"HTTP/1.1  200 OK",
             b"HTTP/1.1\t200 OK", b"HTTP/1.1200 OK", b"HTTP/1.1 200\tOK", b"HTTP/2.0 200 OK", b"HTTP/0.9 200 OK",
             b"HTTP/1.2 200 OK", b"HTTP/1 200 OK", b"http/1.1 200 OK", b"HTTP/1.1 +20 OK", b"HTTP/1.1 200 O\x01K",
             b"HTTP/1.1 200 O\0K", b"HTTP/1.1 200 OK\r", b" HTTP/1.1 200 OK", b"\r\nHTTP/1.1 200 OK", b"ICY 200 OK", b"HTTP/1.1",
             b"", b"200 OK", b"HTTP/1.1 -20 OK", b"HTTP/1.1 0x2 OK"]:
    junk(f"status line {text!r}", answer(LENGTH, start=text, body=b"hello"), CLOSE)
for text in [b"X", b": y", b"X : y", b" X: y", b"X: y\r\n z", b"X: a\0b", b"X: a\x7fb", b"X: a\rb", b"X: a\nb", b"X\0: y",
             b"X\x80: y", b"X(: y", b"\"X\": y"]:
    junk(f"field {text!r}", answer(LENGTH, text, body=b"hello"))
junk("HTTP/0.9", b"<html>hello</html>\r\n", CLOSE)
junk("garbage", bytes(range(128, 256)) * 4, CLOSE)
junk("zeros", b"\0" * 200, CLOSE)
junk("a head of bare LF", b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello")
junk("a request for an answer", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
junk("a huge head", answer(b"X: " + b"y" * 100000, LENGTH, body=b"hello"))
junk("a head without end", b"HTTP/1.1 200 OK\r\n", *[b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 100] * 10)
junk("too many fields", answer(*[b"X: y"] * 300, LENGTH, body=b"hello"))
junk("an end inside the head", b"HTTP/1.1 200 OK\r\nContent-Le", CLOSE)
junk("an end before the head", CLOSE, code="SH")
junk("a reset before the head", RESET, code="SH")
fine("no reason", answer(LENGTH, start=b"HTTP/1.1 200", body=b"hello"), body=b"hello")
fine("no reason, with its space", answer(LENGTH, start=b"HTTP/1.1 200 ", body=b"hello"), body=b"hello")
fine("an unknown status", answer(LENGTH, start=b"HTTP/1.1 799 Odd", body=b"hello"), body=b"hello", status=799)
fine("a head in pieces", b"HTTP/1.1 200 OK\r", 0.02, b"\nContent-Length: 5\r\n\r", 0.02, b"\nhel", 0.02, b"lo", body=b"hello")
fine("hop-by-hop fields",
     answer(LENGTH, b"Connection: X-Secret, keep-alive", b"X-Secret: 1", b"Keep-Alive: timeout=1", b"Proxy-Connection: x",
            body=b"hello"), body=b"hello",
     lacks=(b"x-secret", b"keep-alive", b"proxy-connection"))

# --- bodies ---------------------------------------------------------------------------------------

cut("a body cut off", answer(b"Content-Length: 10", body=b"hello"), CLOSE)
cut("a body cut off by a reset", answer(b"Content-Length: 10", body=b"hello"), 0.1, RESET)
cut("an enormous length", answer(b"Content-Length: 9223372036854775807", body=b"hello"), CLOSE)
cut("chunks cut off", answer(CHUNKED, body=b"5\r\nhello\r\n"), CLOSE)
cut("chunks cut off inside one", answer(CHUNKED, body=b"a\r\nhello"), CLOSE)
cut("chunks cut off before the last line end", answer(CHUNKED, body=b"5\r\nhello\r\n0\r\n"), CLOSE)
for text in [b"5\nhello\r\n", b"x\r\nhello\r\n", b"\r\n", b"-1\r\nhello\r\n", b"0x5\r\nhello\r\n", b"5 \r\nhello\r\n",
             b"5;\r\nhello\r\n", b"5\r\nhelloX\r\n", b"5\r\nhello\n0\r\n\r\n", b"fffffffffffffffff\r\nhello\r\n",
             b"5;x=\"\r\n0\r\n\r\n" + NEXT, b"0\r\nX : y\r\n\r\n", b"0\r\n\n", b"0\r\nX: " + b"y" * 20000]:
    cut(f"chunks {text[:20]!r} in the middle", answer(CHUNKED, body=b"5\r\nhello\r\n"), 0.1, text + NEXT, code="PD")
    cut(f"chunks {text[:20]!r} at once", answer(CHUNKED, body=text + NEXT), body=None, code="PD")
fine("a body that ends with the connection", answer(body=b"hello"), CLOSE, body=b"hello")
fine("a body that looks like an answer", answer(b"Connection: close", body=NEXT), CLOSE, body=NEXT)
fine("an answer of HTTP/1.0", answer(start=b"HTTP/1.0 200 OK", body=b"hello"), CLOSE, body=b"hello")
fine("HTTP/1.0 with a length", answer(LENGTH, start=b"HTTP/1.0 200 OK", body=b"hello"), CLOSE, body=b"hello")
fine("chunks for a client of HTTP/1.0", answer(CHUNKED, body=HELLO), body=b"hello", version=b"HTTP/1.0",
     lacks=(b"transfer-encoding",))
fine("an empty body that ends with the connection", answer(), CLOSE)

# --- answers that have no body ----------------------------------------------------------------------

for method in (b"GET", b"POST"):
    extra(f"extra bytes behind a 204 to {method.decode()}", answer(start=b"HTTP/1.1 204 No Content", body=NEXT), status=204,
          method=method)
    extra(f"extra bytes behind a 304 to {method.decode()}", answer(LENGTH, start=b"HTTP/1.1 304 Not Modified", body=NEXT),
          status=304, method=method)
extra("a body behind the answer to HEAD", answer(LENGTH, body=b"hello" + NEXT), method=b"HEAD", has=((b"content-length", b"5"),))
extra("chunks behind the answer to HEAD", answer(CHUNKED, body=HELLO + NEXT), method=b"HEAD")
extra("a 304 with a coding", answer(CHUNKED, start=b"HTTP/1.1 304 Not Modified", body=HELLO), status=304)
junk("a 204 with a length", answer(LENGTH, start=b"HTTP/1.1 204 No Content", body=b"hello"))
junk("a 204 with a coding", answer(CHUNKED, start=b"HTTP/1.1 204 No Content", body=HELLO))
fine("a 204 with length 0", answer(b"Content-Length: 0", start=b"HTTP/1.1 204 No Content"), status=204,
     lacks=(b"content-length",))

# --- bytes behind an answer: the next request must not get them --------------------------------------

extra("an answer too many", answer(LENGTH, body=b"hello" + NEXT), body=b"hello")
extra("an answer too many, a moment later", answer(LENGTH, body=b"hello"), 0.1, NEXT, body=b"hello")
extra("an answer too many behind chunks", answer(CHUNKED, body=HELLO + NEXT), body=b"hello")
extra("a body longer than its length", answer(LENGTH, body=b"hello, world"), body=b"hello")
extra("an empty line too many", answer(LENGTH, body=b"hello\r\n"), body=b"hello")
extra("an interim answer behind the last", answer(LENGTH, body=b"helloHTTP/1.1 100 Continue\r\n\r\n"), body=b"hello")
extra("an end behind an answer", answer(LENGTH, body=b"hello"), CLOSE, body=b"hello")
extra("an end a moment later", answer(LENGTH, body=b"hello"), 0.1, CLOSE, body=b"hello")
extra("a reset a moment later", answer(LENGTH, body=b"hello"), 0.1, RESET, body=b"hello")
extra("close was said, but not done", answer(LENGTH, b"Connection: close", body=b"hello" + NEXT), body=b"hello")

# --- interim answers --------------------------------------------------------------------------------

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
INTERIMS_MOST = 64  # that the gateway passes on for one request
junk("a flood of 100", *[CONTINUE * 100] * 20, answer(LENGTH, body=b"hello"), interim=(100,) * INTERIMS_MOST)
junk("a flood of 103", *[HINTS * 100] * 20, answer(LENGTH, body=b"hello"), interim=(103,) * INTERIMS_MOST)
fine("many interim answers", HINTS * INTERIMS_MOST + answer(LENGTH, body=b"hello"), body=b"hello", interim=(103,) * INTERIMS_MOST)
fine("100 for a client of HTTP/1.0", CONTINUE + answer(LENGTH, body=b"hello"), body=b"hello", version=b"HTTP/1.0")
fine("102 and 100 and 103", b"HTTP/1.1 102 Processing\r\n\r\n" + CONTINUE + HINTS + answer(LENGTH, body=b"hello"), body=b"hello",
     interim=(102, 100, 103))
junk("100 and an end", CONTINUE, CLOSE, code="SH", interim=(100,))
junk("100 with a length", answer(LENGTH, start=b"HTTP/1.1 100 Continue", body=b"hello") + answer(LENGTH, body=b"hello"))
junk("103 with a coding", answer(CHUNKED, start=b"HTTP/1.1 103 Early Hints", body=HELLO) + answer(LENGTH, body=b"hello"))
junk("103 that is no HTTP", b"HTTP/1.1 103 Early Hints\r\nX : y\r\n\r\n" + answer(LENGTH, body=b"hello"))
junk("101 that nobody asked for", b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n" + NEXT)
junk("101 without a protocol", b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n" + NEXT,
     lines=(b"Connection: upgrade", b"Upgrade: websocket"))
junk("101 to HTTP/2", b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n" + NEXT,
     lines=(b"Connection: upgrade", b"Upgrade: websocket"))
junk("101 to a request with a body",
     b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n" + NEXT, method=b"POST",
     lines=(b"Connection: upgrade", b"Upgrade: websocket", LENGTH), content=b"hello")

# --- an answer before the request is complete ---------------------------------------------------------

fine("an answer to a request that waits to be asked on", answer(LENGTH, start=b"HTTP/1.1 403 Forbidden", body=b"hello"),
     status=403, body=b"hello")
fine("a large body in pieces", answer(b"Content-Length: 500000"), *[b"x" * 50000] * 10, body=b"x" * 500000)
fine("a pause in the middle", answer(CHUNKED, body=b"5\r\nhe"), 0.2, b"llo\r", 0.1, b"\n0\r\n\r\n", body=b"hello")

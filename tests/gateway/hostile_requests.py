"""The requests of test_hostile_requests.py: what is sent, and what must become of it."""

from dataclasses import dataclass, field

HOST = b"Host: a"
NEXT = b"GET /next HTTP/1.1\r\nHost: n\r\n\r\n"  # follows each request: an answer to it shows where that one ended
HEAD_MOST = 15360  # of the gateway: tune.bufsize - tune.maxrewrite


@dataclass
class Seen:
    """What the server must have got."""
    method: bytes
    target: bytes
    host: bytes = b"a"
    body: bytes = b""
    has: tuple = ()    # (name in lower case, value) pairs that must be there
    lacks: tuple = ()  # names that must not


@dataclass
class Vector:
    name: str
    data: object                               # bytes, or pieces and pauses
    seen: list = field(default_factory=list)   # the messages that reach the server
    status: int = 0                            # the gateway's own answer behind those; 0: none
    code: str = "--"                           # the first two letters of the termination state of the last log line
    closes: bool = True                        # the gateway ends the connection
    cut: bool = False                          # the server may have got a beginning that never became whole
    ends: bool = False                         # the client ends its sending
    waiting: tuple = ()                        # other status, code and logged while the gateway waits for the whole body
    logged: int = 0                            # the status in the log, where the client was told none
    own: str = ""                              # needs the frontend of that name, which uses keywords of our own
    front: str = "fe"


VECTORS = []


def bad(name, data, status=400, code="PR", **more):
    """Refused, and what follows is not looked at."""
    VECTORS.append(Vector(name, data + NEXT, status=status, code=code, **more))


def cut(name, data, status=400, **more):
    """A body that goes wrong: its beginning may have been sent on, its end never is."""
    VECTORS.append(Vector(name, data + NEXT, status=status, code="PD", cut=True, **more))


def good(name, data, *seen, **more):
    """Passed on in one clear form; what follows is the next request."""
    VECTORS.append(Vector(name, data + NEXT, [*seen, Seen(b"GET", b"/next", b"n")], closes=False, **more))


def last(name, data, *seen, **more):
    """Passed on; the connection ends with it, whatever follows."""
    VECTORS.append(Vector(name, data + NEXT, list(seen), **more))


def request(*lines, start=b"POST /x HTTP/1.1", host=HOST, body=b""):
    return b"\r\n".join([start, *([host] if host else []), *lines]) + b"\r\n\r\n" + body


def get(*lines, target=b"/x", host=HOST, version=b"HTTP/1.1"):
    return request(*lines, start=b"GET " + target + b" " + version, host=host)


GOT = Seen(b"GET", b"/x")
CHUNKED = b"Transfer-Encoding: chunked"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"
INNER = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
POSTED = Seen(b"POST", b"/x", body=b"hello", lacks=(b"trailer", b"te", b"keep-alive"))


def chunked(body, *lines):
    return request(CHUNKED, *lines, body=body)


# --- two framings, or one in disguise -------------------------------------------------------------

bad("length and coding", request(b"Content-Length: 15", CHUNKED, body=HELLO))
bad("coding and length", request(CHUNKED, b"Content-Length: 15", body=HELLO))
bad("CL.TE", request(b"Content-Length: 6", CHUNKED, body=b"0\r\n\r\nG"))
bad("TE.CL", request(b"Content-Length: 4", CHUNKED, body=b"%x\r\n" % len(INNER) + INNER + b"\r\n0\r\n\r\n"))
bad("length 0 and coding", request(b"Content-Length: 0", CHUNKED, body=HELLO))
bad("bad length and coding", request(b"Content-Length: x", CHUNKED, body=HELLO))
bad("length and an unknown coding", request(b"Content-Length: 5", b"Transfer-Encoding: identity", body=b"hello"), 501)
bad("two equal lengths", request(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"))
bad("two lengths", request(b"Content-Length: 5", b"Content-Length: 0", body=b"hello"))
bad("two lengths, other case", request(b"Content-Length: 5", b"content-length: 41", body=b"hello"))
bad("a list of equal lengths", request(b"Content-Length: 5, 5", body=b"hello"))
bad("a list of lengths", request(b"Content-Length: 5,41", body=b"hello"))
for number, text in enumerate([b"+5", b"-5", b"-0", b"0x5", b"5.0", b"5e0", b"5 5", b"5;", b"\"5\"", b"", b"5_0", b"five", b"0b1",
                               b"1,", b"\xef\xbc\x95", b"\xd9\xa5", b"9223372036854775808", b"18446744073709551616",
                               b"18446744073709551621", b"99999999999999999999999999999999", b"4294967301x", b"5\xa0", b"\x855"]):
    bad(f"odd length {number} {text!r}", request(b"Content-Length: " + text, body=b"hello"))
for number, byte in enumerate(b"\x00\x01\x08\x0b\x0c\x1f\x7f"):
    bad(f"control character {byte:02x} behind a length", request(b"Content-Length: 5" + bytes([byte]), body=b"hello"))
good("a length with zeros in front", request(b"Content-Length: 0005", body=b"hello"),
     Seen(b"POST", b"/x", body=b"hello", has=((b"content-length", b"5"),)))
good("blanks around a length", request(b"Content-Length:\t  5 \t", body=b"hello"),
     Seen(b"POST", b"/x", body=b"hello", has=((b"content-length", b"5"),)))
good("no blank before a length", request(b"Content-Length:5", body=b"hello"), POSTED)
good("a GET with a body", get(b"Content-Length: %d" % len(INNER)) + INNER, Seen(b"GET", b"/x", body=INNER))
good("a DELETE with chunks", request(CHUNKED, start=b"DELETE /x HTTP/1.1", body=HELLO), Seen(b"DELETE", b"/x", body=b"hello"))
good("a HEAD with a body", request(b"Content-Length: 5", start=b"HEAD /x HTTP/1.1", body=b"hello"),
     Seen(b"HEAD", b"/x", body=b"hello"))

for text in [b"chunked, chunked", b"chunked,", b",chunked", b"", b"chunked, identity", b"chunked, gzip", b"chunked;q=1",
             b"\"chunked\"", b"chunked chunked", b"chunked ; x", b"[chunked", b"chunked\xa0", b"\xc2\x85chunked",
             b"chun\xe2\x84\xaaed", b"chunked/", b"gzip chunked", b"chunked, chunked;foo=bar"]:
    bad(f"coding {text!r}", request(b"Transfer-Encoding: " + text, body=HELLO))
for text in [b"'chunked'", b"xchunked", b"chunkedx", b"identity", b"gzip", b"gzip, chunked", b"identity, chunked", b"chunk",
             b"cow", b"x-chunked", b"deflate;q=1"]:
    bad(f"coding {text!r}", request(b"Transfer-Encoding: " + text, body=HELLO), 501)
for number, byte in enumerate(b"\x00\x01\x08\x0b\x0c\x1f\x7f"):
    bad(f"control character {byte:02x} before a coding", request(b"Transfer-Encoding: " + bytes([byte]) + b"chunked", body=HELLO))
    bad(f"control character {byte:02x} in the name of the coding",
        request(b"Transfer-Encoding" + bytes([byte]) + b": chunked", body=HELLO))
bad("two codings", request(CHUNKED, CHUNKED, body=HELLO))
bad("two codings, the first unknown", request(b"Transfer-Encoding: identity", CHUNKED, body=HELLO), 501)
bad("two codings, the second unknown", request(CHUNKED, b"Transfer-Encoding: cow", body=HELLO))
bad("space before the colon of a coding", request(b"Transfer-Encoding : chunked", body=HELLO))
bad("tab before the colon of a coding", request(b"Transfer-Encoding\t: chunked", body=HELLO))
bad("space before the colon of a length", request(b"Content-Length : 5", body=b"hello"))
bad("an underscore in a coding's name", request(b"Transfer_Encoding: chunked", body=HELLO))
bad("an underscore in a length's name", request(b"Content_Length: 5", body=b"hello"))
bad("both, one with an underscore", request(b"Content-Length: 5", b"TRANSFER_ENCODING: chunked", body=b"hello"))
bad("a coding in HTTP/1.0", request(CHUNKED, start=b"POST /x HTTP/1.0", body=HELLO))
bad("a coding in HTTP/1.0, kept alive", request(CHUNKED, b"Connection: keep-alive", start=b"POST /x HTTP/1.0", body=HELLO))
bad("a folded coding", request(b"Transfer-Encoding:\r\n chunked", body=HELLO))
bad("a coding in a fold", request(b"X: y\r\n Transfer-Encoding: chunked", b"Content-Length: 5", body=b"hello"))
bad("a coding behind a tab", request(b"X: y\r\n\tTransfer-Encoding: chunked", body=HELLO))
bad("a coding behind a bare CR", request(b"X: y\rTransfer-Encoding: chunked", b"Content-Length: 5", body=b"hello"))
bad("a coding behind a bare LF", request(b"X: y\nTransfer-Encoding: chunked", b"Content-Length: 5", body=b"hello"))
bad("a length behind a bare LF", request(b"X: y\nContent-Length: 5", body=b"hello"))
bad("a coding behind NUL", request(b"X: y\0Transfer-Encoding: chunked", b"Content-Length: 5", body=b"hello"))
bad("a coding first, folded", request(b" Transfer-Encoding: chunked", host=None, body=HELLO))
bad("a coding whose name has a byte above 7f", request(b"\xa0Transfer-Encoding: chunked", b"Content-Length: 5", body=b"hello"))
bad("a coding whose name is quoted", request(b"\"Transfer-Encoding\": chunked", body=HELLO))
good("a coding in capitals", request(b"TRANSFER-ENCODING:CHUNKED", body=HELLO), POSTED)
good("blanks around a coding", request(b"Transfer-Encoding: \t chunked\t ", body=HELLO), POSTED)
good("TE means nothing for this body", request(b"TE: chunked", b"Content-Length: 5", body=b"hello"), POSTED)
good("a coding in the wrong field", request(b"Content-Encoding: chunked", b"Content-Length: 5", body=b"hello"), POSTED)
good("Connection names the length", request(b"Connection: Content-Length", b"Content-Length: %d" % len(INNER), body=INNER),
     Seen(b"POST", b"/x", body=INNER))
good("Connection names the coding", request(b"Connection: Transfer-Encoding, keep-alive", CHUNKED, body=HELLO), POSTED)

# --- chunks ---------------------------------------------------------------------------------------

for text in [b"+5", b"-5", b"0x5", b" 5", b"5 ", b"5\t", b"5h", b"g", b"", b";x", b"5,", b"5.", b"\xef\xbc\x95", b"5\0", b"5\x0b",
             b"5\r", b"\r\n5", b"00000000000000005", b"fffffffffffffffff", b"10000000000000005", b"8000000000000005",
             b"ffffffffffffffff", b"1_0", b"5 5"]:
    cut(f"chunk size {text!r}", chunked(text + b"\r\nhello\r\n0\r\n\r\n"))
for text in [b";", b";;", b"; ", b";=x", b";x=", b";x=\"", b";x=\"y", b";x=y z", b";x\0", b";x\x7f", b";x\ry", b";x=\"\x01\"",
             b";\xff", b";x;", b";x=\"\r\n0\r\n\r\n" + INNER, b";\n0\r\n\r\n" + INNER, b";x\n", b"\t;x \r", b";" + b"x" * 300,
             b";x=\"y\"z"]:
    cut(f"chunk extension {text[:20]!r}", chunked(b"5" + text + b"\r\nhello\r\n0\r\n\r\n"))
cut("a size ended by a bare LF", chunked(b"5\nhello\r\n0\r\n\r\n"))
cut("a size ended by a bare CR", chunked(b"5\rhello\r\n0\r\n\r\n"))
cut("the last size ended by a bare LF", chunked(b"5\r\nhello\r\n0\n\r\n"))
cut("data ended by a bare LF", chunked(b"5\r\nhello\n0\r\n\r\n"))
cut("data ended by a bare CR", chunked(b"5\r\nhello\r0\r\n\r\n"))
cut("data ended by other bytes", chunked(b"5\r\nhelloXX0\r\n\r\n"))
cut("data longer than its size", chunked(b"5\r\nhello, world\r\n0\r\n\r\n"))
cut("data shorter than its size", chunked(b"6\r\nhello\r\n0\r\n\r\n"))
cut("a body ended by a bare LF", chunked(b"5\r\nhello\r\n0\r\n\n"))
cut("a body ended by CR and another byte", chunked(b"5\r\nhello\r\n0\r\n\rX"))
cut("a second chunk without size", chunked(b"5\r\nhello\r\n\r\n0\r\n\r\n"))
good("extensions are dropped", chunked(b"5;x;y=z ; q=\"\\\"\"\r\nhello\r\n0;last\r\n\r\n"), POSTED)
good("a size with zeros in front", chunked(b"0000000000000005\r\nhello\r\n00\r\n\r\n"), POSTED)
good("chunks are made anew", chunked(b"1\r\nh\r\n4\r\nello\r\n0\r\n\r\n"), POSTED)
good("trailers are dropped",
     chunked(b"5\r\nhello\r\n0\r\nX: y\r\nContent-Length: 41\r\nTransfer-Encoding: cow\r\nHost: b\r\n\r\n", b"Trailer: X"),
     Seen(b"POST", b"/x", body=b"hello", lacks=(b"x", b"trailer", b"content-length")))
for text in [b"X y", b"X : y", b": y", b" X: y", b"X: y\r\n z", b"X: \0", b"X: \x7f", b"X: y\nZ: z", b"X: y\rZ: z", b"\xff: y",
             b"X"]:
    cut(f"trailer {text!r}", chunked(b"5\r\nhello\r\n0\r\n" + text + b"\r\n\r\n"))
cut("too long trailers", chunked(b"5\r\nhello\r\n0\r\n" + b"X: " + b"y" * 9000 + b"\r\n\r\n"), 431, waiting=(400, "PD", 0))
good("a chunked body that looks like requests", chunked(b"%x\r\n" % len(INNER) + INNER + b"\r\n0\r\n\r\n"),
     Seen(b"POST", b"/x", body=INNER))

# --- the request line ------------------------------------------------------------------------------

for text in [b"GET  /x HTTP/1.1", b"GET /x  HTTP/1.1", b"GET /x HTTP/1.1 ", b" GET /x HTTP/1.1", b"GET\t/x HTTP/1.1",
             b"GET /x\tHTTP/1.1", b"GET /x", b"GET", b"GET /x HTTP/1.1 HTTP/1.1", b"GET /a b HTTP/1.1", b"GET /x HTTP/1.1\r",
             b"GET /x\rHTTP/1.1", b"GET\0 /x HTTP/1.1", b"G\x80T /x HTTP/1.1", b"GE\"T /x HTTP/1.1", b"GET: /x HTTP/1.1",
             b"(GET) /x HTTP/1.1", b"GET /x\0 HTTP/1.1", b"GET /x\x7f HTTP/1.1", b"GET /x\x80 HTTP/1.1",
             b"GET /\xc3\xa4 HTTP/1.1", b"GET /x#y HTTP/1.1", b"GET /x HTTP/1.1\0", b"GET /x http/1.1", b"GET /x HTTP/1",
             b"GET /x HTTP/1.1.1", b"GET /x HTTP/11", b"GET /x HTTP/1,1", b"GET /x HTTP/+1.1", b"GET /x HTTP/1.10",
             b"GET /x HTTP/01.1", b"GET /x HTTPS/1.1", b"GET /x HTTP /1.1", b"GET /x ICAP/1.0", b"/x HTTP/1.1", b"GET x HTTP/1.1",
             b"GET ?x HTTP/1.1", b"GET * HTTP/1.1", b"\x0bGET /x HTTP/1.1", b"\xef\xbb\xbfGET /x HTTP/1.1"]:
    bad(f"line {text!r}", request(start=text))
for text in [b"HTTP/0.9", b"HTTP/1.2", b"HTTP/1.9", b"HTTP/2.0", b"HTTP/3.0", b"HTTP/9.9", b"HTTP/0.0"]:
    bad(f"version {text!r}", get(version=text), 505)
bad("a line ended by a bare LF", b"GET /x HTTP/1.1\nHost: a\r\n\r\n")
bad("a head of bare LF", b"GET /x HTTP/1.1\nHost: a\n\n")
bad("a head of bare CR", b"GET /x HTTP/1.1\rHost: a\r\r")
bad("a head ended by a bare LF", b"GET /x HTTP/1.1\r\nHost: a\r\n\n")
bad("CR CR LF", b"GET /x HTTP/1.1\r\r\nHost: a\r\r\n\r\r\n")
bad("LF CR", b"GET /x HTTP/1.1\n\rHost: a\n\r\n\r")
bad("a request of HTTP/0.9", b"GET /x\r\n\r\n")
bad("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)
bad("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50)
bad("the PROXY protocol", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + get())
bad("the PROXY protocol, version 2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + b"\1" * 12)
bad("two empty lines first", b"\r\n\r\n" + get())
bad("an empty line of LF first", b"\n" + get())
bad("a bare CR first", b"\r" + get())
good("an empty line first", b"\r\n" + get(), GOT)
good("a method of small letters is another method", request(start=b"get /x HTTP/1.1"), Seen(b"get", b"/x"))
good("an unknown method", request(b"Content-Length: 5", start=b"BREW /x HTTP/1.1", body=b"hello"),
     Seen(b"BREW", b"/x", body=b"hello"))
bad("a very long method", request(start=b"G" * 20000 + b" / HTTP/1.1"), 414)
bad("a very long target", get(target=b"/" + b"x" * 20000), 414)
bad("a target that just does not fit", get(target=b"/" + b"x" * HEAD_MOST), 414)
good("a long target that fits", get(target=b"/" + b"x" * 8000), Seen(b"GET", b"/" + b"x" * 8000))

# --- targets and hosts -----------------------------------------------------------------------------

for text in [b"/%00", b"/a%0d%0aX:%20y", b"/%2e%2e/x", b"/../x", b"//b/x", b"/./x", b"/a/..;/x", b"/a%2f..%2fx", b"/a\\..\\x",
             b"/x?y?z", b"/x?", b"/x?%", b"/%", b"/%zz", b"/x;y=z", b"/x?a=http://b/", b"/x?a=b&a=c", b"/http://b/x", b"/x|y",
             b"/\"x\"", b"/<x>"]:
    good(f"path {text!r} stays as it is", get(target=text), Seen(b"GET", text))
for text in [b"ftp://b/x", b"http:/b/x", b"http:///x", b"http://", b"http://u@b/x", b"http://u:p@b/x", b"http://b:0/",
             b"http://b:65536/", b"http://b:/", b"http://b:x/", b"http://[::1/", b"http://[x]/", b"http://b c/", b"http://b#f",
             b"http://b,c/", b"b:80", b"b/x", b"http://b\\c/", b"http://%62/", b"file:///x"]:
    bad(f"target {text!r}", get(target=text))
for text, target, host in [(b"http://b/x", b"/x", b"b"), (b"HTTP://B/x", b"/x", b"B"),
                           (b"https://b:8443/x?y", b"/x?y", b"b:8443"), (b"http://b", b"/", b"b"), (b"http://b?y", b"/?y", b"b"),
                           (b"http://[::1]:80/", b"/", b"[::1]:80"), (b"http://b//c", b"//c", b"b"),
                           (b"http://b/http://c/", b"/http://c/", b"b")]:
    good(f"target {text!r} decides over Host", get(target=text), Seen(b"GET", target, host))
good("an absolute target without Host in 1.0", request(b"Connection: keep-alive", start=b"GET http://b/x HTTP/1.0", host=None),
     Seen(b"GET", b"/x", b"b"))
bad("an absolute target without Host", get(target=b"http://b/x", host=None))
bad("an absolute target and two Host", get(HOST, target=b"http://a/x"))
bad("an absolute target and a bad Host", get(target=b"http://b/x", host=b"Host: a b"))
bad("no Host", get(host=None))
bad("two Host", get(b"Host: b"))
bad("two equal Host", get(HOST))
bad("two Host, other case", get(b"HOST: b"))
bad("two empty Host", get(b"Host:", host=b"Host:"))
for text in [b"a b", b"a,b", b"a, a", b"a/b", b"u@a", b"a:", b"a:x", b"a:0", b"a:00080", b"a:65536", b"a:80:80", b"a:-1", b"[::1",
             b"::1", b"[::1]x", b"[]", b"[::1%25eth0]", b"a?b", b"a#b", b"a\\b", b"http://a", b"%61", b"\xc3\xa4", b"a\0",
             b"a\x0b", b"\"a\"", b"a;b", b"a" * 300, b":80", b"a\tb"]:
    bad(f"Host {text[:20]!r}", get(host=b"Host: " + text))
for text in [b"", b"A.B", b"a:80", b"[::1]:8080", b"1.2.3.4", b"a_b", b"a."]:
    good(f"Host {text!r}", get(host=b"Host: " + text), Seen(b"GET", b"/x", text))
good("blanks around Host", get(host=b"Host: \t a \t"), GOT)
last("no Host in HTTP/1.0", get(host=None, version=b"HTTP/1.0"), Seen(b"GET", b"/x", b""))
bad("two Host in HTTP/1.0", get(HOST, version=b"HTTP/1.0"))
bad("space before the colon of Host", get(host=b"Host : a"))
bad("a second Host in a fold", get(b"X: y", b" Host: b"))
bad("a second Host behind a bare LF", get(b"X: y\nHost: b"))

# --- fields ----------------------------------------------------------------------------------------

for text in [b"X", b"X y", b": y", b":", b" : y", b"X : y", b"X\t: y", b"X\0: y", b"\0X: y", b"X\x7f: y", b"X\x80: y",
             b"\xffX: y", b"X(: y", b"X,Y: z", b"X/Y: z", b"X=Y: z", b"X@Y: z", b"X[: z", b"{X}: z", b"\"X\": z", b"X;Y: z",
             b"X\\Y: z", b"X?: z", b"X Y: z", b"\x01: y", b"X: a\0b", b"X: a\x01b", b"X: a\x1bb", b"X: a\x7fb", b"X: a\rb",
             b"X: a\nb", b"X: a\x0bb", b"X: a\x0cb", b"X: a\r", b"\rX: a", b"X: a\r\n b", b"X: a\r\n\tb", b"X: a\r\n \r\n b",
             b" X: a", b"\tX: a"]:
    bad(f"field {text!r}", get(text))
bad("a fold before the first field", b"GET /x HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n")
good("bytes above 7f in a value", get(b"X: caf\xc3\xa9 \xff"), Seen(b"GET", b"/x", has=((b"x", b"caf\xc3\xa9 \xff"),)))
good("a tab in a value", get(b"X: a\tb"), Seen(b"GET", b"/x", has=((b"x", b"a\tb"),)))
good("odd names that are tokens", get(b"!#$%&'*+-.^_`|~: y", b"123: 4"),
     Seen(b"GET", b"/x", has=((b"!#$%&'*+-.^_`|~", b"y"), (b"123", b"4"))))
good("an empty value", get(b"X:", b"Y: \t "), Seen(b"GET", b"/x", has=((b"x", b""), (b"y", b""))))
good("colons in a value", get(b"X: : y:z"), Seen(b"GET", b"/x", has=((b"x", b": y:z"),)))
bad("too many fields", get(*[b"X: y"] * 102), 431)
bad("far too many fields", get(*[b"X: y"] * 3000), 431)
good("many fields", get(*[b"X: y"] * 100), GOT)
bad("a very long value", get(b"X: " + b"y" * 20000), 431)
bad("a very long name", get(b"X" * 20000 + b": y"), 431)
bad("a head without end", b"GET /x HTTP/1.1\r\nHost: a\r\n" + b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 2000, 431)
good("a long value that fits", get(b"X: " + b"y" * 8000), Seen(b"GET", b"/x", has=((b"x", b"y" * 8000),)))

# --- the connection --------------------------------------------------------------------------------

good("fields of this connection go no further",
     get(b"Connection: keep-alive, X-Secret", b"X-Secret: 1", b"Keep-Alive: timeout=5", b"Proxy-Connection: keep-alive",
         b"TE: gzip"),
     Seen(b"GET", b"/x", lacks=(b"x-secret", b"keep-alive", b"proxy-connection", b"te")))
good("Connection does not reach what is for the far end",
     get(b"Connection: Host, Authorization, X-Forwarded-For, Cookie, User-Token", b"Authorization: 1", b"X-Forwarded-For: 2",
         b"Cookie: c=3", b"User-Token: 4"),
     Seen(b"GET", b"/x", has=((b"authorization", b"1"), (b"x-forwarded-for", b"2"), (b"cookie", b"c=3"),
                                  (b"user-token", b"4"))))
bad("too many elements of Connection", get(b"Connection: " + b",".join([b"x"] * 40)))
last("Connection: close", get(b"Connection: close"), GOT)
last("close wins over keep-alive", get(b"Connection: keep-alive", b"Connection: CLOSE"), GOT)
last("HTTP/1.0", get(version=b"HTTP/1.0"), GOT)
good("HTTP/1.0, kept alive", get(b"Connection: Keep-Alive", version=b"HTTP/1.0"), GOT)
good("TE: trailers", get(b"TE: trailers"), Seen(b"GET", b"/x", has=((b"te", b"trailers"),)))
bad("garbage behind a request", get() + b"GARBAGE\r\n\r\n", seen=[GOT])
bad("garbage behind a body", request(b"Content-Length: 5", body=b"helloX") + b" \r\n", seen=[POSTED])
bad("a body longer than its length", request(b"Content-Length: 5", body=b"hello, world\r\n\r\n"), seen=[POSTED])
bad("a bad request behind a good one", get() + request(b"Content-Length: 5", CHUNKED, body=HELLO), seen=[GOT])
bad("a bad request behind chunks", chunked(HELLO) + b"0\r\n\r\n", seen=[POSTED])
good("three requests at once", get() + chunked(HELLO) + get(), GOT, POSTED, GOT)
good("an empty line between requests", get() + b"\r\n" + get(), GOT, GOT)

# --- CONNECT, OPTIONS, TRACE, Expect, Upgrade -------------------------------------------------------

for text in [b"/x", b"a", b"http://a/", b"a:0", b"a:", b"*", b"a:80/x", b"u@a:80", b":80", b"a:80?x"]:
    bad(f"CONNECT {text!r}", request(start=b"CONNECT " + text + b" HTTP/1.1"))
bad("CONNECT with a length", request(b"Content-Length: 5", start=b"CONNECT a:80 HTTP/1.1", body=b"hello"))
bad("CONNECT with length 0", request(b"Content-Length: 0", start=b"CONNECT a:80 HTTP/1.1"))
bad("CONNECT with a coding", request(CHUNKED, start=b"CONNECT a:80 HTTP/1.1", body=HELLO))
good("CONNECT decides over Host", request(start=b"CONNECT b:80 HTTP/1.1"), Seen(b"CONNECT", b"b:80", b"b:80"))
good("OPTIONS *", request(start=b"OPTIONS * HTTP/1.1"), Seen(b"OPTIONS", b"*"))
good("OPTIONS of a whole server", request(start=b"OPTIONS http://b HTTP/1.1"), Seen(b"OPTIONS", b"*", b"b"))
bad("OPTIONS without target", request(start=b"OPTIONS  HTTP/1.1"))
bad("POST *", request(start=b"POST * HTTP/1.1"))
good("TRACE", request(start=b"TRACE /x HTTP/1.1"), Seen(b"TRACE", b"/x"))
for text in [b"200-ok", b"100-continue, x", b"100-continue;q=1", b"", b"100", b"x=100-continue"]:
    bad(f"Expect {text!r}", request(b"Expect: " + text, b"Content-Length: 5", body=b"hello"), 417)
bad("Expect twice", request(b"Expect: 100-continue", b"Expect: 100-continue", b"Content-Length: 5", body=b"hello"), 417)
bad("Expect of a GET", get(b"Expect: x"), 417)
good("Expect without a body", get(b"Expect: 100-continue"), Seen(b"GET", b"/x", lacks=(b"expect",)))
last("Expect in HTTP/1.0", request(b"Expect: 100-continue", b"Content-Length: 5", start=b"POST /x HTTP/1.0", body=b"hello"),
     Seen(b"POST", b"/x", body=b"hello", lacks=(b"expect",)))
for text in [b"h2c", b"h2", b"HTTP/2.0", b"TLS/1.2", b"H2C", b"websocket, h2c", b"h3", b"", b"a b", b"/1"]:
    good(f"Upgrade {text!r}",
         get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: " + text, b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
         Seen(b"GET", b"/x", lacks=(b"upgrade", b"http2-settings", b"connection")))
good("Upgrade alone", get(b"Upgrade: websocket"), Seen(b"GET", b"/x", lacks=(b"upgrade", b"connection")))
good("Upgrade of a request with a body",
     request(b"Connection: upgrade", b"Upgrade: websocket", b"Content-Length: 5", body=b"hello"),
     Seen(b"POST", b"/x", body=b"hello", lacks=(b"upgrade", b"connection")))
good("Upgrade that the server does not take", get(b"Connection: upgrade", b"Upgrade: websocket"),
     Seen(b"GET", b"/x", has=((b"upgrade", b"websocket"), (b"connection", b"upgrade"))))
last("Upgrade in HTTP/1.0", get(b"Connection: upgrade", b"Upgrade: websocket", version=b"HTTP/1.0"),
     Seen(b"GET", b"/x", lacks=(b"upgrade",)))

# --- requests that end early, or take too long -------------------------------------------------------


def early(name, data, status=0, code="CR", **more):
    VECTORS.append(Vector(name, data, status=status, code=code, ends=True, logged=400, **more))


early("the end inside the request line", b"GET /x HT")
early("the end inside a field", b"GET /x HTTP/1.1\r\nHost: a\r\nX: ")
early("the end before the empty line", b"GET /x HTTP/1.1\r\nHost: a\r\n")
early("the end inside the empty line", b"GET /x HTTP/1.1\r\nHost: a\r\n\r")
early("the end inside a body", request(b"Content-Length: 10", body=b"hello"), 400, "CD", cut=True, waiting=(0, "CR", -1))
early("the end before a body", request(b"Content-Length: 10"), 400, "CD", cut=True, waiting=(0, "CR", -1))
early("the end inside a chunk", chunked(b"a\r\nhello"), 400, "CD", cut=True, waiting=(0, "CR", -1))
early("the end inside a size", chunked(b"5\r\nhello\r\n1"), 400, "CD", cut=True, waiting=(0, "CR", -1))
early("the end behind the last chunk", chunked(b"5\r\nhello\r\n0\r\n"), 400, "CD", cut=True, waiting=(0, "CR", -1))
early("the end inside the last line end", chunked(b"5\r\nhello\r\n0\r\n\r"), 400, "CD", cut=True, waiting=(0, "CR", -1))
early("the end inside the second request", get() + b"GET /y HTTP", seen=[GOT])
VECTORS.append(Vector("a whole request, then the end of sending", get(), [GOT], ends=True))
VECTORS.append(Vector("a whole body, then the end of sending", chunked(HELLO), [POSTED], ends=True))


def slow(name, data, status=408, code="cR", **more):
    VECTORS.append(Vector(name, data, status=status, code=code, front="hasty", **more))


slow("half a request line", b"GET /x HT")
slow("half a head", b"GET /x HTTP/1.1\r\nHost: a\r\n")
slow("a head byte by byte", [piece for byte in get(b"X: " + b"y" * 60) for piece in (bytes([byte]), 0.02)])
slow("half a body", request(b"Content-Length: 10", body=b"hello"), code="cD", cut=True, waiting=(408, "cR", 0))
slow("half a chunk", chunked(b"a\r\nhello"), code="cD", cut=True, waiting=(408, "cR", 0))
slow("a body that waits to be asked for", request(b"Expect: 100-continue", b"Content-Length: 5"), code="cD", cut=True,
     waiting=(408, "cR", 0))

# --- what needs keywords of our own -------------------------------------------------------------------


def limited(name, data, code="PR", **more):
    VECTORS.append(Vector(name, data, status=413, code=code, own="limit", front="limit", **more))


limited("a body above the limit", request(b"Content-Length: 2000", body=b"x" * 2000) + NEXT)
limited("an enormous length", request(b"Content-Length: 9223372036854775807", body=b"x") + NEXT)
limited("chunks above the limit", chunked(b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n") + NEXT, code="PD", cut=True)
limited("an enormous chunk", chunked(b"7fffffffffffffff\r\n" + b"x" * 2000), code="PD", cut=True)

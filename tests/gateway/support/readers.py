"""HTTP/1 read in many ways: as the standard says, and with the liberties that real programs take.

Whatever the gateway sends must mean the same to all of them: a message that one reader takes for two is a smuggled one.
"""

import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Dialect:
    """How one program reads; the defaults are the strict way."""
    name: str
    line_end: bytes = rb"\r\n"          # a regular expression
    fold: str = "refuse"                # a line that begins with white space: refuse, join, line (a field of its own), skip
    space_colon: str = "refuse"         # white space before the colon: refuse, strip, keep (another name), skip (the line)
    both: str = "refuse"                # Content-Length and Transfer-Encoding: refuse, length, coding
    lengths: str = "refuse"             # several Content-Length: refuse, first, last
    codings: str = "exact"              # chunked is meant by: exact, last, first, anywhere
    number: str = "strict"              # a length: strict, prefix (as strtol reads), low (of it 32 bits)
    name_form: str = "exact"            # exact, underscore (the same as a hyphen), trimmed (of control characters)
    nul: str = "refuse"                 # refuse, ends (the line), part (of it)
    chunk_end: str = "crlf"             # behind a chunk's data: crlf, lf, any (two bytes, whatever they are)
    size_line_end: bytes = rb"\r\n"     # of the line with a chunk's size
    hosts: str = "refuse"               # several Host: refuse, first, last
    absolute: str = "refuse"            # Host and the target's authority differ: refuse, host, target
    get_body: bool = True               # whether a GET may have a body


STRICT = Dialect("strict")
DIALECTS = (
    STRICT,
    Dialect("bare LF", line_end=rb"\r?\n", size_line_end=rb"\r?\n", chunk_end="lf", lengths="first", both="coding"),
    Dialect("bare CR", line_end=rb"\r\n|\n|\r", size_line_end=rb"\r\n|\n|\r", chunk_end="lf", lengths="last", both="length"),
    Dialect("folds", fold="join", both="coding", lengths="last", hosts="first"),
    Dialect("unfolds to fields", line_end=rb"\r?\n", fold="line", both="length", lengths="first", hosts="last"),
    Dialect("skips folds", line_end=rb"\r?\n", fold="skip", both="coding", lengths="first"),
    Dialect("strips before the colon", space_colon="strip", both="coding", codings="last", lengths="last"),
    Dialect("another name before the colon", space_colon="keep", both="length", lengths="first"),
    Dialect("skips odd fields", space_colon="skip", fold="skip", nul="part", both="length", lengths="last"),
    Dialect("length wins", both="length", lengths="first", codings="anywhere", number="prefix"),
    Dialect("coding wins", both="coding", lengths="last", codings="anywhere", number="prefix"),
    Dialect("first coding", both="coding", codings="first", lengths="first", number="low"),
    Dialect("last coding", both="coding", codings="last", lengths="last", number="low"),
    Dialect("CGI", name_form="underscore", both="coding", lengths="last", codings="anywhere"),
    Dialect("trims names", name_form="trimmed", space_colon="strip", both="coding", codings="anywhere", lengths="last"),
    Dialect("C strings", nul="ends", both="coding", lengths="first", number="prefix", absolute="host"),
    Dialect("any end of chunks", chunk_end="any", size_line_end=rb"\n", number="prefix", both="coding", absolute="target"),
)


class Refused(Exception):
    """This reader does not take the bytes."""


class Incomplete(Exception):
    """The bytes end before the message does."""


@dataclass
class Message:
    """What a reader understood. <start> is (method, target), or the status."""
    start: tuple
    host: bytes = b""
    body: bytes = b""
    fields: list = field(default_factory=list, compare=False)  # (name in lower case, value)
    minor: int = field(default=1, compare=False)

    def values(self, name):
        return [value for key, value in self.fields if key == name]


class Reader:
    """Reads messages off <data> in one dialect."""

    def __init__(self, data, dialect=STRICT, at=0):
        self.data, self.d, self.at = data, dialect, at

    # --- lines and fields

    def line(self, end=None):
        found = re.compile(end or self.d.line_end).search(self.data, self.at)
        if not found:
            raise Incomplete
        line = self.data[self.at:found.start()]
        self.at = found.end()
        if self.d.nul == "ends":
            line = line.split(b"\0")[0]
        if self.d is STRICT and re.search(rb"[\0-\x08\x0a-\x1f\x7f]", line):
            raise Refused("a control character")
        return line

    def field_lines(self):
        lines = []
        while line := self.line():
            if line[:1] in (b" ", b"\t") and self.d.fold != "line":
                if self.d.fold == "refuse" or (not lines and self.d.fold == "join"):
                    raise Refused("folded")
                if self.d.fold == "join":
                    lines[-1] += b" " + line.strip()
                continue
            lines.append(line)
        return lines

    def name(self, text):
        if text != text.rstrip():
            if self.d.space_colon == "refuse":
                raise Refused("white space before the colon")
            if self.d.space_colon == "skip":
                return None
            if self.d.space_colon == "strip":
                text = text.rstrip()
        if self.d.fold == "line":
            text = text.lstrip()
        if self.d.name_form == "trimmed":
            text = text.strip(bytes(range(33)) + b"\x7f\xa0\x85")
        if self.d.name_form == "underscore":
            text = text.replace(b"_", b"-")
        if self.d is STRICT and not re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+", text):
            raise Refused("no token")
        return text.lower()

    def fields(self):
        fields = []
        for line in self.field_lines():
            name, colon, value = line.partition(b":")
            if not colon:
                if self.d is STRICT:
                    raise Refused("no colon")
                continue
            name = self.name(name)
            if name is not None:
                fields.append((name, value.strip(b" \t" if self.d is STRICT else b" \t\v\f\r\n\0")))
        return fields

    # --- bodies

    def number(self, text, base):
        digits = {10: rb"[0-9]+", 16: rb"[0-9A-Fa-f]+"}[base]
        if self.d.number == "prefix":
            found = re.match(rb"[ \t]*[+-]?(0[xX])?" + digits, text)
            value = found and int(found.group().replace(b"x", b"0").replace(b"X", b"0"), base)
        else:
            found = re.fullmatch(digits, text)
            value = found and int(text, base)
        if not found or value < 0:
            raise Refused("no number")
        return value & 0xFFFFFFFF if self.d.number == "low" else value

    def take(self, count):
        if len(self.data) - self.at < count:
            raise Incomplete
        self.at += count
        return self.data[self.at - count:self.at]

    def chunked(self):
        body = b""
        while True:
            size, _, extension = self.line(self.d.size_line_end).partition(b";")
            if self.d is STRICT and (size != size.strip() or b"\r" in extension or b"\n" in extension):
                raise Refused("a bad size line")
            length = self.number(size.strip(b" \t\r"), 16)
            if length == 0:
                self.fields()
                return body
            body += self.take(length)
            self.end_of_chunk()

    def end_of_chunk(self):
        if self.d.chunk_end == "lf" and self.data[self.at:self.at + 1] == b"\n":
            self.at += 1
            return
        if self.take(2) != b"\r\n" and self.d.chunk_end != "any":
            raise Refused("no end of a chunk")

    def is_chunked(self, values):
        if not values:
            return False
        codings = [one.strip(b" \t\"'").split(b";")[0].lower() for one in b",".join(values).split(b",")]
        if self.d.codings == "exact":
            if [value.lower() for value in values] != [b"chunked"]:
                raise Refused("not chunked")
            return True
        chosen = {"first": codings[:1], "last": codings[-1:], "anywhere": codings}[self.d.codings]
        return any(b"chunked" in one for one in chosen) if self.d.codings == "anywhere" else chosen == [b"chunked"]

    def length(self, values):
        if len(values) > 1 and self.d.lengths == "refuse":
            raise Refused("several lengths")
        return self.number(values[-1 if self.d.lengths == "last" else 0], 10)

    def body(self, message):
        """The body as the fields frame it; None: they do not."""
        coded, lengths = message.values(b"transfer-encoding"), message.values(b"content-length")
        chunked = self.is_chunked(coded)
        if coded and lengths:
            if self.d.both == "refuse":
                raise Refused("both framings")
            chunked = chunked and self.d.both == "coding"
        if chunked:
            return self.chunked()
        return self.take(self.length(lengths)) if lengths else None

    # --- messages

    def request(self):
        line = self.line()
        while not line and self.d is not STRICT:
            line = self.line()
        parts = line.split(b" ") if self.d is STRICT else line.split(None, 2)
        if len(parts) != 3 or not re.fullmatch(rb"HTTP/1\.[01]", parts[2]):
            raise Refused(f"no request line: {line!r}")
        message = Message((parts[0], parts[1]), fields=self.fields(), minor=int(parts[2][-1:]))
        message.host = self.host(message)
        message.body = self.body(message) or b""
        return message

    def host(self, message):
        hosts = message.values(b"host")
        if self.d is STRICT and len(hosts) != 1:
            raise Refused("not one Host")
        host = hosts[-1 if self.d.hosts == "last" else 0] if hosts else b""
        authority = re.match(rb"https?://([^/?]*)", message.start[1], re.I)
        if authority and authority[1] != host:
            if self.d.absolute == "refuse":
                raise Refused("another authority in the target")
            return authority[1] if self.d.absolute == "target" else host
        return host

    def response(self, method, ended):
        """One response to <method>; <ended>: the connection was closed behind the bytes."""
        found = re.fullmatch(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])( .*)?", self.line())
        if not found:
            raise Refused("no status line")
        message = Message((int(found[2]),), fields=self.fields(), minor=int(found[1]))
        status = message.start[0]
        if status < 200 or status in (204, 304) or method == b"HEAD" or (method == b"CONNECT" and status < 300):
            if self.d is STRICT:
                self.is_chunked(message.values(b"transfer-encoding"))
            return message
        body = self.body(message)
        if body is None:
            if not ended:
                raise Incomplete
            body, self.at = self.data[self.at:], len(self.data)
        message.body = body
        return message


def requests(data, dialect=STRICT):
    """(messages, how it ends): "end", "incomplete" or "refused …"."""
    reader, messages = Reader(data, dialect), []
    try:
        while reader.at < len(data):
            messages.append(reader.request())
    except Incomplete:
        return messages, "incomplete"
    except Refused as why:
        return messages, f"refused: {why}"
    return messages, "end"


def responses(data, methods, ended, dialect=STRICT):
    """The same for responses to requests of those methods; interim ones are among them."""
    reader, messages, methods = Reader(data, dialect), [], list(methods)
    try:
        while reader.at < len(data):
            if not methods:
                return messages, "refused: more than was asked for"
            messages.append(reader.response(methods[0], ended))
            if messages[-1].start[0] >= 200:
                methods.pop(0)
    except Incomplete:
        return messages, "incomplete"
    except Refused as why:
        return messages, f"refused: {why}"
    return messages, "end"


def agreed(read, *arguments):
    """What all dialects understand, which must be the same; read is requests or responses."""
    messages, how = read(*arguments)
    assert not how.startswith("refused"), f"{how} in {arguments[0]!r}"
    for dialect in DIALECTS[1:]:
        other = read(*arguments, dialect)
        assert other == (messages, how), f"{dialect.name} reads {other}, strict reads {(messages, how)}, in {arguments[0]!r}"
    return messages, how

"""HTTP/1.1 by hand on one socket: for requests that no client library would send, and for keep-alive."""

import socket

TIMEOUT_S = 8


class Reply:
    """One response: status, headers (names in lower case; of several the last), body as bytes."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:200]!r}"


class Wire:
    """A connection to 127.0.0.1:<port>; use it in a with statement."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        data = self.socket.recv(65536)
        self.pending += data
        return bool(data)

    def reply(self, head=False):
        """Reads one response; <head>: it answers a HEAD, so it has no body. None: closed without one."""
        while b"\r\n\r\n" not in self.pending:
            try:
                if not self._more():
                    return None
            except ConnectionResetError:
                return None
        raw, _, self.pending = self.pending.partition(b"\r\n\r\n")
        first, *lines = raw.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split()[1])
        if status == 100:
            return self.reply(head)
        length = 0 if head or status in (204, 304) else int(headers.get("content-length", 0))
        while len(self.pending) < length:
            assert self._more(), f"closed inside a body: {first}"
        body, self.pending = self.pending[:length], self.pending[length:]
        return Reply(status, headers, body)

    def closed(self):
        """Waits until the other side closes; False when it sends more or stays open."""
        if self.pending:
            return False
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False


def message(method, target, token=None, headers=(), body=b"", host="moa"):
    """The bytes of a request. <headers>: (name, value) pairs, sent as they are; Content-Length only if asked."""
    lines = [f"{method} {target} HTTP/1.1"]
    if host is not None:
        lines.append(f"Host: {host}")
    if token is not None:
        lines.append(f"USER-TOKEN: {token}")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunked(body, size=4000):
    """<body> in the chunked transfer coding, <size> bytes a chunk."""
    parts = [body[start:start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def ask(port, data):
    """Sends <data> on a new connection; returns (reply, whether the server then closed it)."""
    with Wire(port) as wire:
        wire.send(data)
        reply = wire.reply()
        return reply, wire.closed()

"""A client that sends some thousand requests a second and looks at every single answer.

Half of its connections are for one request each, half are kept (none without <kept>); a kept one may be closed by the other side only behind an answer
that said so, or between two requests that are further apart than any here.
"""

import asyncio
import re
import threading
import time

STATUS = re.compile(rb"HTTP/1\.1 (\d\d\d) ")
LENGTH = re.compile(rb"content-length: *(\d+)\r\n", re.IGNORECASE)
PID = re.compile(rb"x-pid: *(\d+)\r\n", re.IGNORECASE)
CLOSE = re.compile(rb"connection: *close\r\n", re.IGNORECASE)


class Load:
    """Runs from start() to stop(), in a thread. <address>: a port, or the path of a socket file."""

    def __init__(self, address, per_second=2000, clients=40, kept=True):
        self.address = address
        self.pause = clients / per_second
        self.clients = clients
        self.kept = kept
        self.answers = 0
        self.failures = []
        self.pids = set()
        self.ending = False
        self.thread = threading.Thread(target=lambda: asyncio.run(self.all()), daemon=True)

    def start(self):
        self.started = time.monotonic()
        self.thread.start()
        return self

    def stop(self):
        """Requests a second that were answered well."""
        self.ending = True
        self.thread.join(20)
        assert not self.thread.is_alive()
        return self.answers / (time.monotonic() - self.started)

    async def all(self):
        await asyncio.gather(*(self.client(number) for number in range(self.clients)))

    async def connect(self):
        if isinstance(self.address, int):
            return await asyncio.open_connection("127.0.0.1", self.address)
        return await asyncio.open_unix_connection(self.address)

    async def client(self, number):
        keeps = self.kept and number % 2 == 0
        streams = None
        due = time.monotonic() + number * self.pause / self.clients
        for count in range(1 << 30):
            await asyncio.sleep(max(0, due - time.monotonic()))
            due = max(due + self.pause, time.monotonic() - 1)
            if self.ending:
                break
            stage = "connect"
            try:
                streams = streams or await asyncio.wait_for(self.connect(), 5)
                stage = "exchange"
                ended = await asyncio.wait_for(self.exchange(*streams, f"{number}-{count}", keeps), 5)
                self.answers += 1
            except (OSError, EOFError, AssertionError, asyncio.TimeoutError) as error:
                self.failures.append(f"{stage} of {number}-{count}, {'kept' if keeps else 'new'} connection: {error!r}")
                ended = True
            if ended and streams:
                streams[1].close()
                streams = None
        if streams:
            streams[1].close()

    async def exchange(self, reader, writer, name, keeps):
        """One request; whether the connection is over."""
        closing = "" if keeps else "Connection: close\r\n"
        writer.write(f"GET /{name} HTTP/1.1\r\nHost: a\r\n{closing}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert STATUS.match(head)[1] == b"200", head
        body = await reader.readexactly(int(LENGTH.search(head)[1]))
        assert body.decode() == f"/{name}", (head, body)
        self.pids.add(int(PID.search(head)[1]))
        return CLOSE.search(head) is not None or not keeps

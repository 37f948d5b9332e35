"""A network that can be broken: one TCP proxy between each service and each of its stores, in a process of its own.

Run as a program: arguments NAME=PORT, the port that NAME leads to. It prints "NAME PORT" for each, the port where it listens,
then obeys lines "NAME MODE [MS]" on standard input and answers each with "ok". Modes: open, cut (every connection is reset, new ones
too), hold (nothing gets through, nothing is lost), slow (each piece waits MS).
"""

import asyncio
import subprocess
import sys

PIECE = 65536


class Link:
    """One port that leads to another."""

    def __init__(self, port):
        self.port, self.delay_s = port, 0.0
        self.cut = False
        self.flow = asyncio.Event()
        self.flow.set()
        self.writers = set()

    def set(self, mode, delay_ms=0):
        self.cut = mode == "cut"
        self.delay_s = delay_ms / 1000 if mode == "slow" else 0.0
        if mode == "hold":
            self.flow.clear()
        else:
            self.flow.set()
        if self.cut:
            for writer in list(self.writers):
                writer.transport.abort()

    async def accept(self, reader, writer):
        if self.cut:
            writer.transport.abort()
            return
        self.writers.add(writer)
        try:
            back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            self.writers.discard(writer)
            writer.transport.abort()
            return
        self.writers.add(back_writer)
        await asyncio.gather(self.pump(reader, back_writer), self.pump(back_reader, writer))
        self.writers -= {writer, back_writer}

    async def pump(self, reader, writer):
        try:
            while data := await reader.read(PIECE):
                await self.flow.wait()
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        await self.flow.wait()
        writer.close()


class Links:
    """The parent's side: the process and its commands."""

    def __init__(self, targets):
        words = [f"{name}={port}" for name, port in targets.items()]
        self.process = subprocess.Popen([sys.executable, "-B", __file__, *words], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.ports = {}
        for _ in targets:
            name, port = self.process.stdout.readline().split()
            self.ports[name] = int(port)

    def set(self, name, mode, delay_ms=0):
        self.process.stdin.write(f"{name} {mode} {delay_ms}\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != "ok\n":
            raise RuntimeError("the network's process is gone")

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


async def serve(targets):
    links = {}
    for word in targets:
        name, _, port = word.partition("=")
        links[name] = Link(int(port))
        server = await asyncio.start_server(links[name].accept, "127.0.0.1", 0)
        print(name, server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        name, mode, delay_ms = line.split()
        links[name].set(mode, int(delay_ms))
        print("ok", flush=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))

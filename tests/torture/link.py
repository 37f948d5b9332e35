"""A network that can be broken: TCP proxies between each service, its stores, Kafka and the gateway, in a process of its own.

Run as a program: arguments NAME=PORT, a port that line NAME leads to; a line may lead to several. It prints "NAME PORT" for each, the port
where it listens, then obeys lines "NAME MODE [MS]" on standard input and answers each with "ok HITS": the connections or pieces that
the mode before met. Modes: open, cut (every connection is reset, new ones too), hold (nothing gets through, nothing is lost), slow
(each piece waits MS).
"""

import asyncio
import subprocess
import sys

PIECE = 65536


class Link:
    """One port that leads to another."""

    def __init__(self, port):
        self.port, self.delay_s = port, 0.0
        self.cut, self.hits = False, 0
        self.flow = asyncio.Event()
        self.flow.set()
        self.writers = set()

    def set(self, mode, delay_ms=0):
        """Returns what the mode before met."""
        hits, self.hits = self.hits, 0
        self.cut = mode == "cut"
        self.delay_s = delay_ms / 1000 if mode == "slow" else 0.0
        if mode == "hold":
            self.flow.clear()
        else:
            self.flow.set()
        if self.cut:
            self.hits = len(self.writers)
            for writer in list(self.writers):
                writer.transport.abort()
        return hits

    async def accept(self, reader, writer):
        if self.cut:
            self.hits += 1
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
                self.hits += not self.flow.is_set() or self.delay_s > 0
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
    """The parent's side: the process and its commands. <targets>: name of a line to the ports that it leads to; <ports>, to those that lead there."""

    def __init__(self, targets):
        words = [f"{name}={port}" for name, ports in targets.items() for port in ports]
        self.process = subprocess.Popen([sys.executable, "-B", __file__, *words], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.ports = {name: [] for name in targets}
        for _ in words:
            name, port = self.process.stdout.readline().split()
            self.ports[name].append(int(port))

    def set(self, name, mode, delay_ms=0):
        """Returns how many connections or pieces the mode before met."""
        self.process.stdin.write(f"{name} {mode} {delay_ms}\n")
        self.process.stdin.flush()
        said, _, hits = self.process.stdout.readline().partition(" ")
        if said != "ok":
            raise RuntimeError("the network's process is gone")
        return int(hits)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


async def serve(targets):
    links = {}
    for word in targets:
        name, _, port = word.partition("=")
        link = Link(int(port))
        links.setdefault(name, []).append(link)
        server = await asyncio.start_server(link.accept, "127.0.0.1", 0)
        print(name, server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        name, mode, delay_ms = line.split()
        print("ok", sum(link.set(mode, int(delay_ms)) for link in links[name]), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))

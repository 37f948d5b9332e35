"""A network that can be broken: TCP proxies between each service, its stores, Kafka and the gateway, in processes of their own.

Run as a program: arguments NAME=PORT, a port that line NAME leads to; a line may lead to several. It prints "NAME PORT" for each, the port
where it listens, then obeys lines "NAME MODE [MS]" on standard input and answers each with "ok HITS": the connections or pieces that
the mode before met. Modes: open, cut (every connection is reset, new ones too), hold (nothing gets through, nothing is lost), slow
(each piece waits MS). The line "late" is answered with how many milliseconds late the process at worst was since it was asked before.
"""

import asyncio
import subprocess
import sys
import threading

PIECE = 65536
BEAT_S = 0.05


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
            self.hits = len(self.writers) // 2
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
        # In a session of its own, like every part: schedulers that are fair between sessions let it not wait for the clients in ours.
        self.process = subprocess.Popen([sys.executable, "-B", __file__, *words], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        start_new_session=True)
        self.lock = threading.Lock()
        self.ports = {name: [] for name in targets}
        for _ in words:
            name, port = self.process.stdout.readline().split()
            self.ports[name].append(int(port))

    def set(self, name, mode, delay_ms=0):
        """Returns how many connections or pieces the mode before met."""
        return self._ask(f"{name} {mode} {delay_ms}")

    def late_s(self):
        """How late the process at worst was since this was asked before: busy, or without a processor."""
        return self._ask("late") / 1000

    def _ask(self, line):
        with self.lock:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            said, _, number = self.process.stdout.readline().partition(" ")
        if said != "ok":
            raise RuntimeError("the network's process is gone")
        return int(number)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


class Pulse:
    """Notices when this process comes late."""

    def __init__(self):
        self.late_s = 0.0

    async def beat(self):
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + BEAT_S
            await asyncio.sleep(BEAT_S)
            self.late_s = max(self.late_s, loop.time() - due)

    def take_ms(self):
        late_s, self.late_s = self.late_s, 0.0
        return int(late_s * 1000)


class Network:
    """Lines in several processes, one for each group of <groups> (targets as Links has them), so that a busy line holds up few others."""

    def __init__(self, groups):
        self.links = [Links(targets) for targets in groups]
        self.ports = {name: ports for links in self.links for name, ports in links.ports.items()}

    def set(self, name, mode, delay_ms=0):
        """As Links.set."""
        return next(links for links in self.links if name in links.ports).set(name, mode, delay_ms)

    def late_s(self):
        """As Links.late_s, of the process that was late most."""
        return max(links.late_s() for links in self.links)

    def close(self):
        for links in self.links:
            links.close()


async def serve(targets):
    links = {}
    for word in targets:
        name, _, port = word.partition("=")
        link = Link(int(port))
        links.setdefault(name, []).append(link)
        server = await asyncio.start_server(link.accept, "127.0.0.1", 0)
        print(name, server.sockets[0].getsockname()[1], flush=True)
    loop, pulse = asyncio.get_running_loop(), Pulse()
    beating = loop.create_task(pulse.beat())
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        if line == "late\n":
            print("ok", pulse.take_ms(), flush=True)
            continue
        name, mode, delay_ms = line.split()
        print("ok", sum(link.set(mode, int(delay_ms)) for link in links[name]), flush=True)
    beating.cancel()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))

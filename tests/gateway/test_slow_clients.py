"""Slow and idle clients beside a normal one: they cost little, and the others do not notice them."""

import selectors
import socket
import time

import pytest

from support.launch import IS_HAPROXY, IS_SANITIZED, Gateway, raise_descriptors
from support.raw import Raw
from support.readers import responses

CONFIGURATION = """
global
	maxconn %d
	log 127.0.0.1:{log} local0
defaults
	mode http
	log global
	option httplog
	timeout connect 5s
	timeout server 600s
	timeout client 600s
	timeout http-request 600s
	timeout http-keep-alive 60s
frontend fe
	bind "fd@${fe}"
	default_backend be
backend be
	server s 127.0.0.1:%d
"""
SLOW = 300           # clients of each kind
ASKED = 400          # requests of the normal client
# Both programs want two descriptors for each connection, and some besides.
MAXCONN = min(15000, (raise_descriptors() - 200) // 2)
IDLE = min(10000, MAXCONN - 100)
IDLE_BYTES_MOST = 1024  # of the gateway's memory for one idle connection: its struct, its timer, its part of tables and pools
LARGE = 4 << 20      # bytes of an answer that slow readers do not take


@pytest.fixture
def gateway(origin):
    origin.scripts = {b"/large": [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE] + [b"x" * (LARGE // 64)] * 64}
    gateway = Gateway(CONFIGURATION % (MAXCONN, origin.port))
    yield gateway
    status, said = gateway.stop()
    assert status in (0, 143, -15), said


class Crowd:
    """Slow clients: each sends its next byte when tick() is called, and reads nothing unless it is asked to."""

    def __init__(self, port, count, message, receive_buffer=None):
        self.message, self.sent = message, 0
        self.clients = [Raw(port, receive_buffer) for _ in range(count)]

    def begin(self, count):
        for client in self.clients:
            client.socket.sendall(self.message[:count])
        self.sent = count

    def tick(self):
        if self.sent < len(self.message):
            for client in self.clients:
                client.socket.sendall(self.message[self.sent:self.sent + 1])
            self.sent += 1

    def finish(self):
        """Sends the rest and reads the answers: the statuses."""
        for client in self.clients:
            client.socket.sendall(self.message[self.sent:])
        statuses = set()
        for client in self.clients:
            client.read([b"GET"])
            statuses.add(responses(client.got, [b"GET"], False)[0][-1].start[0])
        return statuses

    def close(self):
        for client in self.clients:
            client.socket.close()


def ask(client, count, between=None):
    """Asks <count> times; how long each took, in milliseconds, in order of length."""
    times = []
    for number in range(count):
        if between and number % 20 == 0:
            between()
        begun = time.perf_counter()
        client.got = b""
        client.send(b"GET /n-%d HTTP/1.1\r\nHost: n\r\n\r\n" % number)
        client.read([b"GET"])
        (answer,), _ = responses(client.got, [b"GET"], False)
        times.append((time.perf_counter() - begun) * 1000)
        assert (answer.start, answer.body) == ((200,), b"GET /n-%d @n []\n" % number)
    return sorted(times)


def test_slow_clients_do_not_disturb(gateway, record_property):
    """Three hundred each that send heads, send bodies and read answers slowly: a normal client is served as before."""
    head = b"GET /slow HTTP/1.1\r\nHost: s\r\nX: " + b"y" * 60 + b"\r\n\r\n"
    body = b"POST /slow HTTP/1.1\r\nHost: s\r\nContent-Length: 100\r\n\r\n" + b"z" * 100
    with Raw(gateway.port) as normal:
        alone = ask(normal, ASKED)
        crowds = [Crowd(gateway.port, SLOW, head), Crowd(gateway.port, SLOW, body)]
        readers = Crowd(gateway.port, SLOW, b"GET /large HTTP/1.1\r\nHost: s\r\n\r\n", receive_buffer=4096)
        for crowd in crowds:
            crowd.begin(60)
        readers.begin(len(readers.message))
        ask(normal, ASKED)  # meanwhile the server has sent what the kernel's buffers hold
        beside = ask(normal, ASKED, between=lambda: [crowd.tick() for crowd in crowds])
        record_property("p50_ms_alone", round(alone[len(alone) // 2], 2))
        record_property("p50_ms_beside_slow_clients", round(beside[len(beside) // 2], 2))
        # Sending for the slow ones takes this process' time too, and the machine may be busy: only a real stall fails.
        assert beside[len(beside) // 2] < max(10 * alone[len(alone) // 2], 20)
        assert beside[-1] < 2000
        for crowd in crowds:
            assert crowd.finish() == {200}
            crowd.close()
        readers.close()
        ask(normal, 20)


def test_slow_reader_gets_everything(gateway):
    """A client that reads a little at a time gets every byte, and what it does not read is not heaped up in the gateway."""
    before = gateway.memory()
    with Raw(gateway.port, receive_buffer=4096) as client:
        client.send(b"GET /large HTTP/1.1\r\nHost: s\r\n\r\n")
        client.more()
        with Raw(gateway.port) as normal:
            ask(normal, 200)
        assert IS_SANITIZED or gateway.memory() - before < LARGE / 4
        chunks, got = 0, len(client.got)
        while data := client.socket.recv(1 << 20):
            got += len(data)
            chunks += 1
            if got >= LARGE + client.got.index(b"\r\n\r\n") + 4:
                break
        assert got == LARGE + client.got.index(b"\r\n\r\n") + 4


def all_connected(port, count):
    """<count> connections, made a hundred at a time."""
    sockets, selector = [], selectors.DefaultSelector()
    while len(sockets) < count:
        for _ in range(min(100, count - len(sockets))):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
            selector.register(sock, selectors.EVENT_WRITE)
            sockets.append(sock)
        while selector.get_map():
            ready = selector.select(10)
            assert ready, "connections do not come about"
            for key, _ in ready:
                assert key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
                selector.unregister(key.fileobj)
    return sockets


def settled_memory(gateway):
    """Bytes, once they no longer grow: connections are accepted a moment after they are made."""
    last, same, deadline = gateway.memory(), 0, time.monotonic() + 20
    while same < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
        now = gateway.memory()
        same = same + 1 if now <= last else 0
        last = now
    return last


@pytest.mark.slow
@pytest.mark.skipif(IS_HAPROXY, reason="a bound for our own")
def test_ten_thousand_idle_connections(gateway, record_property):
    """Ten thousand clients that say nothing, or have said something before: bytes for one, and others are served as before."""
    with Raw(gateway.port) as normal:
        ask(normal, ASKED)
        before = settled_memory(gateway)
        sockets = all_connected(gateway.port, IDLE)
        try:
            silent = (settled_memory(gateway) - before) / IDLE
            for number, sock in enumerate(sockets):
                sock.setblocking(True)
                sock.settimeout(8)
                sock.sendall(b"GET /i-%d HTTP/1.1\r\nHost: i\r\n\r\n" % number)
                assert sock.recv(4096).endswith(b"GET /i-%d @i []\n" % number)
            used = (settled_memory(gateway) - before) / IDLE
            times = ask(normal, ASKED)
            record_property("bytes_for_a_silent_connection", round(silent))
            record_property("bytes_for_an_idle_connection", round(used))
            record_property("p50_ms_beside_idle_connections", round(times[len(times) // 2], 2))
            print(f"one idle connection: {silent:.0f} bytes before its first request, {used:.0f} after it")
            assert silent < IDLE_BYTES_MOST
            assert used < IDLE_BYTES_MOST
            assert times[-1] < 1000
        finally:
            for sock in sockets:
                sock.close()

"""A server behind the gateway that keeps every byte it gets, and answers what the strict reading finds in them.

The answer to GET /x is a line of text that repeats method, target, Host and body, so that a client can tell whose answer it got.
A script may say something else for a target: a list of steps, bytes to send, seconds to pause, a function to call, CLOSE or RESET.
"""

import re
import socket
import struct
import threading
import time

from support.readers import Incomplete, Reader, Refused

CLOSE, RESET = "close", "reset"
PATIENCE_S = 8


def echo(message):
    """The body of the answer to <message>."""
    return b"%s %s @%s [%s]\n" % (*message.start, message.host, message.body)


class Connection:
    """One connection from the gateway: what came, and whether it has ended."""

    def __init__(self, origin, sock):
        self.origin, self.socket, self.data, self.ended = origin, sock, b"", False

    def run(self):
        try:
            self.serve()
        except OSError:
            pass
        finally:
            self.socket.close()
            with self.origin.changed:
                self.ended = True
                self.origin.changed.notify_all()

    def more(self):
        data = self.socket.recv(65536)
        with self.origin.changed:
            self.data += data
            self.origin.changed.notify_all()
        return bool(data)

    def serve(self):
        at = 0
        while True:
            reader = Reader(self.data, at=at)
            try:
                message = reader.request()
            except Incomplete:
                if re.search(rb"\r\nexpect: *100-continue\r\n[^\0]*\r\n\r\n$", self.data[at:], re.I):
                    self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                if not self.more():
                    return
                continue
            except Refused:
                return
            at = reader.at
            if not self.answer(message):
                return

    def answer(self, message):
        """False: nothing more goes over this connection."""
        steps = self.origin.scripts.get(message.start[1])
        if steps is None:
            body = b"" if message.start[0] == b"HEAD" else echo(message)
            status = b"405 Method Not Allowed" if message.start[0] == b"CONNECT" else b"200 OK"
            self.socket.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
            return True
        for step in steps:
            if isinstance(step, bytes):
                self.socket.sendall(step)
            elif step == CLOSE:
                return False
            elif step == RESET:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            elif callable(step):
                step()
            else:
                time.sleep(step)
        return True


class Origin:
    """The server; <scripts> by target."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.socket.getsockname()[1]
        self.changed = threading.Condition()
        self.connections = []
        self.scripts = {}
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            sock.settimeout(60)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, sock)
            with self.changed:
                self.connections.append(connection)
            threading.Thread(target=connection.run, daemon=True).start()

    def mark(self):
        """Where the recordings stand, for since()."""
        with self.changed:
            return {connection: len(connection.data) for connection in self.connections}

    def since(self, mark):
        """(connection, bytes) for each connection that got bytes after <mark>, in the order in which they were made."""
        with self.changed:
            found = [(connection, connection.data[mark.get(connection, 0):]) for connection in self.connections]
            return [(connection, data) for connection, data in found if data]

    def forget(self):
        """Drops the recordings of ended connections."""
        with self.changed:
            self.connections = [connection for connection in self.connections if not connection.ended]

    def wait(self, holds, seconds=PATIENCE_S):
        """Waits until holds() is true; whether it is."""
        with self.changed:
            return self.changed.wait_for(holds, seconds)

    def close(self):
        self.socket.close()
        with self.changed:
            for connection in self.connections:
                if not connection.ended:
                    connection.socket.close()

"""A client that sends what it is told, byte by byte, and keeps what it gets."""

import socket
import time

from support.readers import responses

PATIENCE_S = 8


class Raw:
    """A connection to the gateway; use it in a with statement."""

    def __init__(self, port, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = self.socket.getsockname()[1]
        self.got, self.ended = b"", False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """Bytes, or a list of bytes and of seconds to pause. The other side may have closed already."""
        for piece in [data] if isinstance(data, bytes) else data:
            try:
                if isinstance(piece, bytes):
                    self.socket.sendall(piece)
                else:
                    time.sleep(piece)
            except (BrokenPipeError, ConnectionResetError):
                return

    def finish(self):
        """No more will be sent; answers are still read."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def read(self, methods):
        """Reads until answers to requests of those methods are there, or the connection has ended."""
        while not self.ended:
            messages, how = responses(self.got, methods, False)
            if how == "end" and len([one for one in messages if one.start[0] >= 200]) >= len(methods):
                return
            self.more()

    def read_all(self):
        """Reads until the other side closes; whether it did in time."""
        try:
            while not self.ended:
                self.more()
        except socket.timeout:
            return False
        return True

    def more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.got += data
        self.ended = not data

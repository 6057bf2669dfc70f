#!/usr/bin/env python3
"""As much of a PostgreSQL server as psql needs for one query, in clear text behind the gateway.

postgres_upstream.py PORT
"""
import socketserver
import struct
import sys


def message(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        head = self.rfile.read(8)
        if len(head) < 8:
            return
        length, code = struct.unpack("!II", head)
        if code >> 16 != 3:  # a request for TLS has no business here
            self.wfile.write(b"?")
            return
        words = self.rfile.read(length - 8).split(b"\0")
        parameters = dict(zip(words[0::2], words[1::2]))
        self.wfile.write(message(b"R", struct.pack("!I", 0)))
        for name, value in ((b"server_version", b"15.0"), (b"client_encoding", b"UTF8")):
            self.wfile.write(message(b"S", name + b"\0" + value + b"\0"))
        self.wfile.write(message(b"Z", b"I"))
        while True:
            kind = self.rfile.read(1)
            if kind in (b"", b"X"):
                return
            (length,) = struct.unpack("!I", self.rfile.read(4))
            self.rfile.read(length - 4)
            if kind == b"Q":
                self.row(b"hello " + parameters.get(b"user", b"?"))

    def row(self, text):
        column = b"said\0" + struct.pack("!IhIhih", 0, 0, 25, -1, -1, 0)
        self.wfile.write(message(b"T", struct.pack("!h", 1) + column))
        self.wfile.write(message(b"D", struct.pack("!hi", 1, len(text)) + text))
        self.wfile.write(message(b"C", b"SELECT 1\0") + message(b"Z", b"I"))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    with Server(("127.0.0.1", int(sys.argv[1])), Handler) as server:
        server.serve_forever()

#!/usr/bin/env python3
"""An HTTP/1.1 service for http_service.sh: says what it got, takes and gives bodies, speaks a websocket.

http_upstream.py PORT
"""
import base64
import hashlib
import json
import socketserver
import sys
import time
from http.server import BaseHTTPRequestHandler

PIECE = bytes(range(256)) * 256


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: the second would wait for an acknowledgement

    def log_message(self, *_):
        pass

    def answer(self, body, status=200, content_type="text/plain"):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        """The body, by length or in chunks; yields pieces."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while True:
                size = int(self.rfile.readline().strip(), 16)
                data = self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return
                yield data
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            data = self.rfile.read(min(left, 65536))
            if not data:
                return
            left -= len(data)
            yield data

    def do_GET(self):
        if self.path == "/headers":
            lines = [[name, value] for name, value in self.headers.items()]
            head = {"line": self.requestline, "headers": lines, "port": self.client_address[1]}
            self.answer(json.dumps(head).encode() + b"\n")
        elif self.path.startswith("/download/"):
            self.download(int(self.path.split("/")[2]))
        elif self.path == "/chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for word in (b"one ", b"two ", b"three\n"):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(word), word))
            self.wfile.write(b"0\r\n\r\n")
        elif self.path == "/socket":
            self.socket()
        elif self.path == "/twice":
            self.answer(b"first\n")
            self.answer(b"second\n")
        elif self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"only this")
            self.close_connection = True
        elif self.path == "/both":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            self.close_connection = True
        elif self.path == "/gone":
            self.close_connection = True
        elif self.path == "/trickle":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            for _ in range(300):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.1)
            self.close_connection = True
        else:
            self.answer(b"hello\n")

    do_HEAD = do_GET

    def do_POST(self):
        if self.path == "/unread":  # as bad as a service can be
            self.answer(b"thanks\n")
            self.close_connection = False
            return
        digest = hashlib.sha256()
        length = 0
        for data in self.body():
            digest.update(data)
            length += len(data)
        self.answer(("%d %s\n" % (length, digest.hexdigest())).encode())

    do_PUT = do_POST

    def download(self, length):
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        while length > 0 and self.command != "HEAD":
            n = min(length, len(PIECE))
            self.wfile.write(PIECE[:n])
            length -= n

    def socket(self):
        if self.headers.get("Upgrade", "").lower() != "websocket":
            self.answer(b"a websocket is spoken here\n", 426)
            return
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.wfile.flush()
        while True:
            data = self.connection.recv(65536)
            if not data:
                break
            self.connection.sendall(b"you said: " + data)
        self.close_connection = True


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    with Server(("127.0.0.1", int(sys.argv[1])), Handler) as server:
        server.serve_forever()

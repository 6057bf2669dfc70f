#!/usr/bin/env python3
"""A web server for tests of fetching: fake_web.py PORT FOLDER. Files of the folder are served; some paths misbehave:
/hang says nothing, /slow an octet a second, /garbage no list, /big 300 MB, /endless without a length, /moved
a redirection to /users.crl, /tls one to https, /loop one to itself, /early ends before its length. Each request is a
line in FOLDER/requests."""
import http.server
import os
import socketserver
import sys
import time

PORT, FOLDER = int(sys.argv[1]), sys.argv[2]


class Handler(http.server.BaseHTTPRequestHandler):
    def head(self, status, headers):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def stream(self, n):
        try:
            while n > 0:
                n -= self.wfile.write(b"\0" * min(n, 1 << 20))
        except OSError:
            pass

    def do_GET(self):
        with open(os.path.join(FOLDER, "requests"), "a", encoding="ascii") as log:
            log.write(self.path + "\n")
        path = os.path.join(FOLDER, self.path.lstrip("/"))
        if self.path == "/hang":
            time.sleep(3600)
        elif self.path == "/slow":
            self.head(200, [])
            for _ in range(3600):
                self.wfile.write(b"0")
                self.wfile.flush()
                time.sleep(1)
        elif self.path == "/garbage":
            self.head(200, [("Content-Length", "7")])
            self.wfile.write(b"garbage")
        elif self.path == "/big":
            self.head(200, [("Content-Length", str(300 << 20))])
            self.stream(300 << 20)
        elif self.path == "/endless":
            self.head(200, [])
            self.stream(300 << 20)
        elif self.path == "/early":
            self.head(200, [("Content-Length", "1000")])
            self.wfile.write(b"0")
        elif self.path == "/moved":
            self.head(302, [("Location", "http://127.0.0.1:%d/users.crl" % PORT)])
        elif self.path == "/tls":
            self.head(302, [("Location", "https://127.0.0.1/users.crl")])
        elif self.path == "/loop":
            self.head(302, [("Location", "http://127.0.0.1:%d/loop" % PORT)])
        elif os.path.isfile(path):
            with open(path, "rb") as file:
                body = file.read()
            self.head(200, [("Content-Length", str(len(body)))])
            self.wfile.write(body)
        else:
            self.head(404, [("Content-Length", "0")])

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True


Server(("127.0.0.1", PORT), Handler).serve_forever()

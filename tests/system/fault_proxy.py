#!/usr/bin/env python3
"""A proxy in front of a server that does what networks and broken servers do.

fault_proxy.py LISTEN_PORT SERVER_PORT MODE_FILE

MODE_FILE holds one word and sometimes a number; it is read anew for each piece of data and each connection:
  pass          nothing happens
  silent        takes connections, and nothing else happens
  refuse        closes each new connection at once
  delay MS      each piece waits so long, in both directions
  drip MS       octets of the server come one by one, so long apart
  cut N         the connection is closed after N octets of the server
  garbage       instead of what the server says, octets that are no LDAP
  huge          instead of what the server says, the beginning of a message of two gigabytes
  corrupt N     one bit of the N-th octet of the server is turned
"""
import os
import selectors
import socket
import sys
import time

listen_port, server_port, mode_file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
selector = selectors.DefaultSelector()


def mode():
    try:
        with open(mode_file) as file:
            words = file.read().split()
    except OSError:
        words = []
    return (words + ["pass", "0"])[0], int(words[1]) if len(words) > 1 else 0


class Pair:
    """One connection of a client and the one to the server behind it."""

    def __init__(self, client):
        self.client, self.server = client, socket.create_connection(("127.0.0.1", server_port))
        self.later, self.said, self.free_at = [], 0, 0.0
        for side in (self.client, self.server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(side, selectors.EVENT_READ, self)

    def close(self):
        for side in (self.client, self.server):
            try:
                selector.unregister(side)
            except (KeyError, ValueError):
                pass
            side.close()
        pairs.discard(self)

    def send_at(self, when, side, data):
        self.free_at = max(self.free_at, when)
        self.later.append((self.free_at, side, data))

    def spoil(self, data):
        """What becomes of octets of the server; None: the end."""
        word, number = mode()
        before, self.said = self.said, self.said + len(data)
        if word == "garbage":
            return os.urandom(64)
        if word == "huge":
            return b"\x30\x84\x7f\xff\xff\xff" + b"\x02\x01\x01" * 8
        if word == "cut" and self.said >= number:
            return None
        if word == "corrupt" and before <= number < self.said:
            at = number - before
            return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1:]
        return data

    def readable(self, side):
        word, number = mode()
        if word == "silent":
            time.sleep(0.002)
            return
        try:
            data = side.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        now = time.monotonic()
        if side is self.server:
            data = self.spoil(data)
            if data is None:
                self.close()
                return
        other = self.client if side is self.server else self.server
        if word == "drip" and side is self.server:
            for i in range(len(data)):
                self.send_at(max(now, self.free_at + number / 1000), other, data[i:i + 1])
        else:
            self.send_at(now + (number / 1000 if word == "delay" else 0), other, data)
        self.flush()

    def flush(self):
        now = time.monotonic()
        while self.later and self.later[0][0] <= now:
            _, side, data = self.later.pop(0)
            try:
                side.sendall(data)
            except OSError:
                self.close()
                return


pairs = set()
door = socket.socket()
door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
door.bind(("127.0.0.1", listen_port))
door.listen(64)
selector.register(door, selectors.EVENT_READ, None)
while True:
    for key, _ in selector.select(0.002 if any(pair.later for pair in pairs) else 0.5):
        if key.data is not None:
            if key.data in pairs:
                key.data.readable(key.fileobj)
            continue
        client, _ = door.accept()
        if mode()[0] == "refuse":
            client.close()
            continue
        try:
            pairs.add(Pair(client))
        except OSError:
            client.close()
    for pair in list(pairs):
        pair.flush()

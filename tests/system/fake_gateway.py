#!/usr/bin/env python3
"""A stand-in for gatewayd in the tests of the modules with a real sshd.

usage: fake_gateway.py RUN_DIR DECIDE_UID FRONT_SOCKET VERDICTS LOG

Makes RUN_DIR/pam.sock as gatewayd does (bound by root, given to decide, listened to by decide), serves
FRONT_SOCKET: each connection there becomes a session, whose socket to sshd is bound to the abstract name
gatewayd/session/ID, and asks VERDICTS, a file of lines "KIND REPLY [REASON]", what to answer. LOG gets
a line for each request.
"""
import os
import secrets
import socket
import struct
import subprocess
import sys
import threading

RUN, DECIDE, FRONT, VERDICTS, LOG = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
KINDS = {1: "PING", 2: "AUTH_TUNNEL", 8: "ACCOUNT", 9: "SESSION_OPEN", 10: "SESSION_CLOSE"}
REPLIES = {"ALLOW": 128, "DENY": 129, "NONE": 130, "EXPIRED": 131, "OK": 132, "ERROR": 133}
USER, SESSION, TEXT, REASON, REAL_RHOST = 2, 10, 12, 13, 16


def fields(octets):
    at, out = 8, {}
    while at < len(octets):
        tag, length = struct.unpack(">HH", octets[at:at + 4])
        out[tag & 0x7FFF] = octets[at + 4:at + 4 + length]
        at += 4 + length
    return out


def field(tag, value):
    return struct.pack(">HH", tag, len(value)) + value


def verdict(kind, user):
    """The last line that fits wins: KIND or KIND/USER."""
    reply, reason = "ERROR", ""
    with open(VERDICTS, encoding="ascii") as lines:
        for line in lines:
            words = line.split() + [""]
            if words[0] in (kind, kind + "/" + user):
                reply, reason = words[1], words[2]
    return reply, reason


def answer(octets):
    request = fields(octets)
    kind, user = KINDS.get(octets[5], "?"), request.get(USER, b"").decode()
    reply, reason = verdict(kind, user)
    with open(LOG, "a", encoding="utf-8") as log:
        print(kind, user, request.get(SESSION, b"").hex() or "-", reply, file=log)
    out = b"GWP1" + bytes([1, REPLIES[reply], 0, 0])
    if reply == "ALLOW" and kind == "AUTH_TUNNEL":
        out += field(REAL_RHOST, b"192.0.2.7")
    if reply == "DENY":
        out += field(SESSION | 0x8000, request.get(SESSION, b"\1" * 16))
        out += field(TEXT, b"no rule allows this connection") + field(REASON, reason.encode() or b"default_deny")
    return out


def serve_pam(listener):
    while True:
        client, _ = listener.accept()
        octets = client.recv(16384)
        if octets:
            client.send(answer(octets))
        client.close()


def pump(source, sink):
    while True:
        octets = source.recv(65536)
        if not octets:
            break
        sink.sendall(octets)
    try:
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve_front(listener):
    while True:
        client, _ = listener.accept()
        upstream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        upstream.bind("\0gatewayd/session/" + secrets.token_hex(16))
        upstream.connect(RUN + "/sshd.sock")
        for pair in ((client, upstream), (upstream, client)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


def spawn_sshd(listener):
    """What gatewayd's spawn does: root, one sshd per connection, its socket as standard input and output."""
    while True:
        client, _ = listener.accept()
        subprocess.Popen(["/usr/lib/gatewayd/sshd-gw", "-i", "-f", "/etc/gatewayd/sshd_config"],
                         stdin=client, stdout=client, stderr=subprocess.DEVNULL)
        client.close()


def bound(path, kind, owner, mode):
    listener = socket.socket(socket.AF_UNIX, kind)
    if os.path.exists(path):
        os.unlink(path)
    listener.bind(path)
    os.chown(path, owner, -1)
    os.chmod(path, mode)
    return listener


def main():
    sshd = bound(RUN + "/sshd.sock", socket.SOCK_STREAM, DECIDE, 0o600)
    sshd.listen(16)
    if os.fork() == 0:
        spawn_sshd(sshd)
    sshd.close()
    pam = bound(RUN + "/pam.sock", socket.SOCK_SEQPACKET, DECIDE, 0o666)
    front = bound(FRONT, socket.SOCK_STREAM, 0, 0o666)
    os.setresuid(DECIDE, DECIDE, DECIDE)
    pam.listen(16)
    front.listen(16)
    threading.Thread(target=serve_pam, args=(pam,), daemon=True).start()
    serve_front(front)


main()

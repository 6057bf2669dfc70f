#!/usr/bin/env python3
"""Writes an NSS snapshot (docs/protocol.md) independently of the product's own writer.

usage: nss_snapshot.py FILE EXPIRES_IN_S < LINES
lines: user NAME UID GID HOME SHELL GID,GID,...    group NAME GID MEMBER,MEMBER,...
"""
import os
import struct
import sys
import time

users, groups = [], []
for line in sys.stdin:
    words = line.split()
    if words and words[0] == "user":
        users.append((words[1], int(words[2]), int(words[3]), words[4], words[5],
                      [int(gid) for gid in words[6].split(",")] if len(words) > 6 else []))
    elif words:
        groups.append((words[1], int(words[2]), words[3].split(",") if len(words) > 3 else []))
users.sort()
groups.sort()

texts = b"\0"
lists = []


def text(value):
    global texts
    if not value:
        return 0
    at = len(texts)
    texts += value.encode() + b"\0"
    return at


user_rows = b""
for name, uid, gid, home, shell, gids in users:
    user_rows += struct.pack(">8I", text(name), text(name), text(home), text(shell), uid, gid, len(lists), len(gids))
    lists += gids
group_rows = b""
for name, gid, members in groups:
    group_rows += struct.pack(">4I", text(name), gid, len(lists), len(members))
    lists += [text(member) for member in members]


def by_id(rows):
    return b"".join(struct.pack(">I", i) for i in sorted(range(len(rows)), key=lambda i: rows[i]))


body = (user_rows + by_id([user[1] for user in users]) + group_rows + by_id([group[1] for group in groups])
        + b"".join(struct.pack(">I", entry) for entry in lists) + texts)
now = int(time.time())
header = struct.pack(">8sIIQQqqIIII", b"MTLSNSS1", 1, 64, 64 + len(body), 1, now, now + int(sys.argv[2]),
                     len(users), len(groups), len(lists), len(texts))
with open(sys.argv[1] + ".new", "wb") as out:
    out.write(header + body)
os.chmod(sys.argv[1] + ".new", 0o644)
os.rename(sys.argv[1] + ".new", sys.argv[1])

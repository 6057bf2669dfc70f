#!/usr/bin/env python3
"""The walls of the house: which folder may include which, which target may link which, no cycles.

Reads the working tree from the repository root. Prints each edge that is not allowed and each
cycle, one a line; exit 1 when there is one. The tables below are the whole truth: moving a wall
means changing a row here.
"""
import os
import re
import sys

ROLES = ("parent", "spawn", "load", "edge", "key", "decide", "directory", "fetch", "audit")

# A room and what it may include besides itself. ldap is two rooms: replica (pure) and directory (libldap).
ALLOWED = {
    "common": set(),
    "policy": {"common"},
    "replica": {"common"},
    "ldap-directory": {"common", "replica"},
    "pam_mtls": {"common"},
    "nss_mtls": {"common"},
    # The daemon: shared/ is what crosses a process, the pipeline and main.c are what ties rooms together.
    "gatewayd/shared": {"common", "policy", "replica"},
    "gatewayd": {"common", "gatewayd/shared"} | {"gatewayd/" + role for role in ROLES},
    "gatewayd/parent": {"common", "gatewayd/shared"},
    "gatewayd/spawn": {"common", "gatewayd/shared"},
    "gatewayd/load": {"common", "gatewayd/shared", "policy"},
    "gatewayd/edge": {"common", "gatewayd/shared"},
    "gatewayd/key": {"common", "gatewayd/shared"},
    "gatewayd/decide": {"common", "gatewayd/shared", "policy", "replica"},
    "gatewayd/directory": {"common", "gatewayd/shared", "replica", "ldap-directory"},
    "gatewayd/fetch": {"common", "gatewayd/shared", "ldap-directory"},
    "gatewayd/audit": {"common", "gatewayd/shared"},
    # The command line runs the real thing offline: everything but the rooms that are only processes.
    "cli": {"common", "policy", "replica", "ldap-directory", "gatewayd/shared", "gatewayd/decide"},
    "tests": None,  # may look into every room
}
# Roles run rows of the pipeline, so they may include this one header of the folder above them.
EXTRA_HEADERS = {"gatewayd/pipeline.h": {"gatewayd/" + role for role in ROLES}}

# Targets and what they may link. Everything may link `house`.
LINKS = {
    "common": set(),
    "policy": {"mtls::common", "PkgConfig::LIBCONFUSE"},
    "replica": {"mtls::common"},
    "directory": {"mtls::common", "mtls::replica", "PkgConfig::LDAP"},
    "pam_mtls": {"mtls::common", "mtls::pam_mtls_parts", "${PAM_LIBRARY}"},
    "pam_mtls_parts": {"mtls::common", "${PAM_LIBRARY}"},
    "nss_mtls": {"mtls::common"},
    "mtls": {"mtls::mtls_core"},
    "mtls_core": {"mtls::common", "mtls::options", "OpenSSL::SSL", "OpenSSL::Crypto", "PkgConfig::LIBCONFUSE"},
}
# Which system headers betray a dependency that a room must not have.
FOREIGN = {
    "openssl/": {"gatewayd/shared", "gatewayd/load", "gatewayd/edge", "gatewayd/key", "gatewayd/decide",
                 "gatewayd/audit", "gatewayd/fetch", "cli", "tests"},
    "ldap.h": {"ldap-directory", "tests"},
    "lber.h": {"ldap-directory", "tests"},
    "confuse.h": {"policy", "gatewayd/shared", "cli", "tests"},
    "security/": {"pam_mtls", "tests"},
    "nss.h": {"nss_mtls", "tests"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def sources():
    for folder, folders, files in os.walk("."):
        folder = os.path.relpath(folder, ".")
        folders[:] = [f for f in folders if f not in ("build", ".git")]
        for name in files:
            if name.endswith((".c", ".h")):
                yield os.path.normpath(os.path.join(folder, name))


def directory_files():
    """Files of the target `directory`; all others in ldap/ are `replica`."""
    try:
        text = open("ldap/CMakeLists.txt", encoding="utf-8").read()
    except FileNotFoundError:
        return set()
    found = re.search(r"module\(directory\s+SOURCES\s+(.*?)(?:USES|\))", text, re.S)
    stems = {os.path.splitext(f)[0] for f in found.group(1).split()} if found else set()
    return {"ldap/%s%s" % (stem, end) for stem in stems | {"directory"} for end in (".c", ".h")}


def room_of(path, of_directory):
    parts = path.split("/")
    if parts[0] == "ldap":
        return "ldap-directory" if path in of_directory or parts[1].startswith("directory") else "replica"
    if parts[0] == "gatewayd" and len(parts) > 2:
        return "gatewayd/" + parts[1]
    return parts[0]


def resolve(path, name, files):
    """The file that an include names: from the root; a test may also name one that lies beside it."""
    beside = os.path.join(os.path.dirname(path), name)
    if name in files:
        return name
    return beside if path.startswith("tests/") and beside in files else None


def forbidden_includes(files, graph, of_directory):
    for path in sorted(files):
        room = room_of(path, of_directory)
        if room not in ALLOWED:
            yield "%s: the folder has no row in the table of tests/health/layers.py" % path
            continue
        if ALLOWED[room] is None:
            continue
        for target in graph[path]:
            other = room_of(target, of_directory)
            if other == room or other in ALLOWED[room] or room in EXTRA_HEADERS.get(target, ()):
                continue
            yield "%s: includes %s (%s may not see %s)" % (path, target, room, other)


def foreign_includes(files, texts, of_directory):
    for path in sorted(files):
        room = room_of(path, of_directory)
        for kind, name in INCLUDE.findall(texts[path]):
            if kind != "<":
                continue
            for start, rooms in FOREIGN.items():
                if name.startswith(start) and room not in rooms:
                    yield "%s: includes <%s> (%s may not)" % (path, name, room)


def cycles(graph):
    """Strongly connected components with more than one member (Tarjan)."""
    number, low, stack, found = {}, {}, [], []

    def visit(node):
        number[node] = low[node] = len(number)
        stack.append(node)
        for target in graph.get(node, ()):
            if target not in number:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], number[target])
        if low[node] == number[node]:
            part = []
            while not part or part[-1] != node:
                part.append(stack.pop())
            if len(part) > 1 or node in graph.get(node, ()):
                found.append(sorted(part))

    sys.setrecursionlimit(10000)
    for node in graph:
        if node not in number:
            visit(node)
    return found


def link_targets():
    call = re.compile(r"\b(module|program|guest)\((\w+)(.*?)\)", re.S)
    for folder in ("common", "policy", "ldap", "pam_mtls", "nss_mtls", "cli"):
        path = folder + "/CMakeLists.txt"
        if not os.path.exists(path):
            continue
        text = re.sub(r"#.*", "", open(path, encoding="utf-8").read())
        for _, name, body in call.findall(text):
            uses = body.split("USES", 1)[1].split() if "USES" in body else []
            for use in uses:
                if name in LINKS and use not in LINKS[name]:
                    yield "%s: %s may not link %s" % (path, name, use)
        if folder != "cli" and "target_link_libraries(" in text and folder not in ("pam_mtls", "nss_mtls"):
            yield "%s: links by target_link_libraries; name it after USES" % path


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    files = set(sources())
    texts = {path: open(path, encoding="utf-8").read() for path in files}
    graph = {path: [found for kind, name in INCLUDE.findall(texts[path]) if kind == '"'
                    for found in [resolve(path, name, files)] if found] for path in files}
    of_directory = directory_files()
    bad = []
    for path in sorted(files):
        for kind, name in INCLUDE.findall(texts[path]):
            if kind == '"' and not resolve(path, name, files):
                bad.append('%s: includes "%s", which is not a path from the repository root' % (path, name))
    bad += forbidden_includes(files, graph, of_directory)
    bad += foreign_includes(files, texts, of_directory)
    bad += ["include cycle: " + " ".join(part) for part in cycles(graph)]
    rooms = {}
    for path in files:
        if path.startswith("tests/") or room_of(path, of_directory) == "gatewayd":
            continue
        room = rooms.setdefault(room_of(path, of_directory), set())
        room.update(room_of(t, of_directory) for t in graph[path] if t not in EXTRA_HEADERS)
        room.discard(room_of(path, of_directory))
    bad += ["folder cycle: " + " ".join(part) for part in cycles(rooms)]
    bad += link_targets()
    print("\n".join(bad) if bad else "layers: %d files, no forbidden edge, no cycle" % len(files))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

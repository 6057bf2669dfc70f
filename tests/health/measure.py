#!/usr/bin/env python3
"""The shape of the tree as one table, with the goal beside each figure. Needs universal-ctags.

measure.py           prints the table: a mirror to look into
measure.py --limits  prints only what breaks a hard limit; exit 1 when there is something
"""
import json
import os
import re
import statistics
import subprocess
import sys

PRODUCT = ("common", "policy", "ldap", "gatewayd", "pam_mtls", "nss_mtls", "cli")
FUNCTION_MAX, TABLE_MAX, FILE_MAX, HEADER_MAX, PARAMETERS_MAX = 60, 80, 500, 200, 7


def tracked(*ends):
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                            capture_output=True, text=True, check=True).stdout.split("\n")
    return [f for f in listed if f.endswith(ends) and os.path.exists(f)]


def lines_of(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().split("\n")[:-1]


def functions(files):
    """(lines, path, name, parameters) of each function definition."""
    if not files:
        return []
    out = subprocess.run(["ctags", "-x", "--kinds-C=f", "--fields=+neS", "-f", "-", "--output-format=json", *files],
                         capture_output=True, text=True, check=True).stdout
    found = []
    for line in out.splitlines():
        tag = json.loads(line)
        if "end" not in tag:
            continue
        inside = tag.get("signature", "()")[1:-1].strip()
        n = 0 if inside in ("", "void") else len(re.sub(r"\([^()]*\)", "", inside).split(","))
        found.append((tag["end"] - tag["line"] + 1, tag["path"], tag["name"], n))
    return sorted(found, reverse=True)


def comment_share(files):
    comment = code = 0
    for path in files:
        inside = False
        for line in lines_of(path):
            at = line.strip()
            if not at:
                continue
            if inside or at.startswith(("/*", "//")):
                comment += 1
                inside = "*/" not in at
            else:
                code += 1
                comment += "/*" in at
    return 100.0 * comment / max(1, comment + code)


def commits_with_reason():
    """Share of commits that touch several C files and have a body."""
    log = subprocess.run(["git", "log", "--no-merges", "--format=%x01%b%x02", "--name-only"],
                         capture_output=True, text=True, check=True).stdout
    several = reasoned = 0
    for commit in log.split("\x01")[1:]:
        body, _, names = commit.partition("\x02")
        if sum(name.endswith((".c", ".h")) for name in names.split()) > 1:
            several += 1
            reasoned += bool(body.strip())
    return 100.0 * reasoned / max(1, several)


def quantile(values, part):
    return sorted(values)[int(len(values) * part)] if values else 0


def share(values, above):
    return sum(v > above for v in values)


def limits(found, sources, headers):
    bad = ["%s: %s has %d lines (limit %d)" % (path, name, n, FUNCTION_MAX)
           for n, path, name, _ in found if n > (TABLE_MAX if name.endswith("_table") else FUNCTION_MAX)]
    bad += ["%s: %s has %d parameters (limit %d)" % (path, name, n, PARAMETERS_MAX)
            for _, path, name, n in found if n > PARAMETERS_MAX]
    bad += ["%s: %d lines (limit %d)" % (f, len(lines_of(f)), FILE_MAX) for f in sources if len(lines_of(f)) > FILE_MAX]
    bad += ["%s: %d lines (limit %d)" % (f, len(lines_of(f)), HEADER_MAX)
            for f in headers if len(lines_of(f)) > HEADER_MAX and not re.search(r"(options|rows|fields|reasons)\.h$", f)]
    return bad


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    product = [f for f in tracked(".c", ".h") if f.split("/")[0] in PRODUCT]
    sources = [f for f in product if f.endswith(".c")]
    headers = [f for f in product if f.endswith(".h")]
    tests = [f for f in tracked(".c", ".h") if f.startswith("tests/")]
    cases = [f for f in tracked(".case") if f.startswith("tests/")]
    found = functions(sources)
    if "--limits" in sys.argv:
        bad = limits(found, sources, headers)
        print("\n".join(bad) if bad else "limits: %d functions in %d files" % (len(found), len(sources)))
        return 1 if bad else 0

    sizes = [n for n, *_ in found] or [0]
    parameters = [n for *_, n in found] or [0]
    source_lines = [len(lines_of(f)) for f in sources] or [0]
    header_lines = [len(lines_of(f)) for f in headers] or [0]
    total = sum(source_lines) + sum(header_lines)
    test_total = sum(len(lines_of(f)) for f in tests + cases)
    text = {f: "\n".join(lines_of(f)) for f in sources}
    gotos = sum(len(re.findall(r"^\s+goto \w+;", t, re.M)) for t in text.values())
    ifs = sum(len(re.findall(r"^\s*#\s*(?:if|ifdef|ifndef)\b", t, re.M)) for t in text.values())
    fuzz = len([f for f in tests if re.match(r"tests/fuzz/fuzz_", f)])
    table = [
        ("functions", str(len(found)), ""),
        ("function lines, median / p90", "%d / %d" % (statistics.median(sizes), quantile(sizes, .9)), "14 / 36"),
        ("functions > 60 / > 100 lines", "%d / %d" % (share(sizes, 60), share(sizes, 100)), "0 / 0"),
        ("longest function", "%d  %s" % (sizes[0], found[0][2] if found else ""), "60"),
        (".c lines, median / largest", "%d / %d" % (statistics.median(source_lines), max(source_lines)), "220 / 500"),
        (".h lines, median / largest", "%d / %d" % (statistics.median(header_lines), max(header_lines)), "60 / 150"),
        ("parameters, p90 / max", "%d / %d" % (quantile(parameters, .9), max(parameters)), "4 / 6"),
        ("goto per kloc", "%.2f" % (1000 * gotos / max(1, total)), "0"),
        ("#if in .c per kloc", "%.2f" % (1000 * ifs / max(1, total)), "< 1"),
        ("comment share", "%.0f%%" % comment_share(product), "15-22%"),
        ("product lines", str(total), ""),
        ("test lines : product lines", "%.2f" % (test_total / max(1, total)), ">= 1.0"),
        ("golden cases / fuzz targets", "%d / %d" % (len(cases), fuzz), ""),
        ("pipeline.c lines", str(len(lines_of("gatewayd/pipeline.c"))), "200"),
        ("commits over several C files with a reason", "%.0f%%" % commits_with_reason(), ">= 95%"),
    ]
    for name, value, goal in table:
        print("%-44s %-28s %s" % (name, value, goal))
    return 0


if __name__ == "__main__":
    sys.exit(main())

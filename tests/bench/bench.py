"""What the benchmarks share: a private stack, its tokens, programs and metrics, and tables of times."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

import requests  # noqa: E402

from support.metrics import parse  # noqa: E402
from support.stack import REDIS_PORT, SERVICES, Stack  # noqa: E402, F401
from support.wait import eventually  # noqa: E402

REALTIME_HELP = "run the stack and the benchmark with real-time priority: other programs of a busy machine take no time from them"


def be_realtime():
    """This process and all that it starts come before ordinary processes; a spinning one still leaves 5 % to the others."""
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


@contextmanager
def private_stack(**settings):
    """A whole stack of its own, healthy; removed afterwards. <settings> are those of the services, e.g. ITEM_SVC_WORKERS."""
    stack = Stack()
    stack.environ.update({"ACCESS_LOG": "off", **settings})
    try:
        stack.up()
        stack.healthy()
        yield stack
    finally:
        kept = stack.remove(keep_logs=sys.exc_info()[0] is not None)
        if kept:
            print(f"logs are in {kept}", file=sys.stderr)


def program(name):
    """The path of benchmark program <name>, which make bench builds."""
    return str(Path(os.environ.get("MOA_BUILD") or ROOT / "build") / "tests" / "bench" / name)


def tokens(stack):
    """["id=token", …] of all users."""
    return [f"{number}={token}" for number, token in stack.sql("user", "SELECT id, access_token FROM user")]


def more_users(stack, count):
    """Makes <count> users in all, and waits until alarm_svc knows them."""
    there = len(tokens(stack))
    rows = [f"('{number}', UUID())" for number in range(there, count)]
    if rows:
        stack.sql("user", "INSERT INTO user (name, access_token) VALUES " + ",".join(rows))
    found = [word.partition("=")[2] for word in tokens(stack)]
    for token in found:
        eventually(lambda: stack.get("alarm_svc", token=token).status_code == 200, 30, "alarm_svc knows a new user")


def times(words):
    """Runs a benchmark program; {name: (count, p50, p99, p99.9, max)} in microseconds, as it prints them."""
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        print(f"{words[0]} ended with status {done.returncode}: its figures are not of all that was wanted", file=sys.stderr)
    lines = [line.split() for line in done.stdout.splitlines()]
    return {line[0]: tuple(int(word) for word in line[1:]) for line in lines}


def cpu_s(pid):
    """Processor seconds that process <pid> has taken."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


UNITS_MS = {"us": 0.001, "ms": 1, "s": 1000}


def percentile_ms(text, part):
    """Line "  99%   1.23ms" of wrk's report."""
    value, unit = re.search(rf"^ +{part}% +([0-9.]+)(us|ms|s)$", text, re.M).groups()
    return float(value) * UNITS_MS[unit]


def wrk(url, connections, seconds, header):
    """(requests, requests per second, p50, p99 in ms) of one thread that keeps a request under way on each connection."""
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-H", header, url],
                          stdout=subprocess.PIPE, text=True, check=True)
    wrong = re.search(r"Non-2xx.*|Socket errors.*", done.stdout)
    assert not wrong, f"{url}: {wrong.group()}"
    return (int(re.search(r"(\d+) requests in", done.stdout).group(1)), float(re.search(r"Requests/sec: +([0-9.]+)", done.stdout).group(1)),
            percentile_ms(done.stdout, 50), percentile_ms(done.stdout, 99))


def table_head(title):
    print(f"{title:<44}{'count':>8}{'p50':>9}{'p99':>9}{'p99.9':>9}{'max':>9}  ms")


def table_row(label, row):
    """<row> as in times(); None stands for a figure that there is not."""
    cells = "".join(f"{'-' if us is None else format(us / 1000, '.2f'):>9}" for us in row[1:])
    print(f"  {label:<42}{row[0]:>8}{cells}")


def quantiles(seconds):
    """A row for table_row() from a list of seconds."""
    ordered = sorted(seconds)
    picked = [ordered[min(int(len(ordered) * part), len(ordered) - 1)] for part in (0.5, 0.99, 0.999, 1)]
    return (len(ordered), *(1e6 * value for value in picked))


def samples(admin_url):
    """The metrics of the service whose admin port is at <admin_url>."""
    reply = requests.get(admin_url + "/metrics", timeout=5)
    reply.raise_for_status()
    return parse(reply.text)


def buckets(metrics, name, **labels):
    """[(bound in seconds, count at most that)] of histogram <name>, ascending."""
    found = []
    for (sample, pairs), value in metrics.items():
        given = dict(pairs)
        if sample == name + "_bucket" and all(given.get(key) == wanted for key, wanted in labels.items()):
            found.append((float(given["le"].replace("+Inf", "inf")), value))
    return sorted(found)


def bucket_row(before, after):
    """A row for table_row() of what a histogram took in between: bounds of buckets, so rounded up."""
    counts = [(bound, late - early) for (bound, early), (_, late) in zip(before, after)]
    total = counts[-1][1]
    row = [int(total)]
    for part in (0.5, 0.99, 0.999, 1):
        bound = next((bound for bound, count in counts if count >= part * total), float("inf"))
        row.append(None if bound == float("inf") or not total else bound * 1e6)
    return row

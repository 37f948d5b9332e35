"""The audit from outside: rounds on demand, what /audit and /metrics say of them, and views changed by hand."""

import json
import re
import zlib
from collections import Counter

from . import metrics
from .stack import SERVICES
from .wait import eventually

CLASSES = ("differs", "missing", "extra")
TOPIC = {"item": "items", "alarm": "alarms", "user": "users"}
PARTITIONS = {"items": 4, "alarms": 4, "users": 1}
ROUND_S = 60


def told(stack, service):
    """The document of GET /audit. <service>: a name, or the base URL of an admin port."""
    base = service if "://" in service else stack.admin(service)
    return stack.request("GET", base, "/audit").json()


def audit(stack, domain):
    """One whole round, asked for now, and its answer of GET /audit."""
    return json.loads(stack.run("audit", domain).stdout)


def samples(stack, service):
    base = service if "://" in service else stack.admin(service)
    return metrics.parse(stack.request("GET", base, "/metrics").text)


def found(stack, service, view):
    """Divergences of a service's view so far, {class: number}."""
    return {kind: number for (seen, kind), number in found_by_view(stack, service).items() if seen == view}


def found_by_view(stack, service):
    return {(dict(labels)["view"], dict(labels)["class"]): int(number) for (name, labels), number in samples(stack, service).items()
            if name == "moa_view_divergences_total"}


def all_found(stack, services=SERVICES):
    """{(service, view, class): number} of everything that <services> found since they started."""
    return {(service, view, kind): number for service in services for (view, kind), number in found_by_view(stack, service).items()}


def since(stack, before):
    """What all_found() says now and did not say <before>; only what changed."""
    return {key: number - before[key] for key, number in all_found(stack).items() if number != before[key]}


def logged(stack, name, start=0):
    """Counter of (view, class, key, field) of the divergences in a service's log behind character <start>."""
    pattern = r'view\.divergence view=(\w+) class=(\w+) key="?([^" ]+)"? field="?([^" ]+)"? repaired=yes'
    return Counter(re.findall(pattern, stack.log(name)[start:]))


def key(view, rest, partitioned_by):
    """A key of a neighbour's view: <rest> in the partition of <partitioned_by>."""
    return f"m1:{{{view}:{zlib.crc32(str(partitioned_by).encode()) % PARTITIONS[view]}}}:{rest}"


class Entry:
    """One field of a neighbour's view, as it lies in that neighbour's Redis."""

    def __init__(self, stack, reader, view, group, field):
        self.redis, self.field = stack.redis(reader), field
        self.key = key(view, group, field if group == "all" else group)

    def get(self):
        return self.redis.hget(self.key, self.field)

    def set(self, text):
        self.redis.hset(self.key, self.field, text)

    def remove(self):
        assert self.redis.hdel(self.key, self.field) == 1

    def value(self):
        """What a reader sees of it: no version; None for none."""
        text = self.get()
        return None if text is None or text[16] == "-" else text[17:]


def visible_counts(stack, service, view):
    """[(upper bound in seconds, how many at most that)] of commit to visible; the last bound is infinite."""
    rows = [(float(dict(labels)["le"]), number) for (name, labels), number in samples(stack, service).items()
            if name == "moa_commit_to_visible_seconds_bucket" and dict(labels)["view"] == view]
    return sorted(rows)


def running(stack, service):
    """The round that runs in <service> now, or None."""
    return told(stack, service)["running"]


def completed_after(stack, service, start):
    """Waits until a round that began after <start> (as /audit tells time) is complete; returns it."""
    def last():
        done = told(stack, service)["last"]
        return done if done and done["started"] > start else None

    return eventually(last, ROUND_S, "a round is complete")

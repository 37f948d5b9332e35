"""Two instances of a service: which of them does what, and how long the other takes to do it."""

import zlib

from .metrics import parse
from .wait import eventually

# What one instance of all does: the service, and the gauge that is 1 at that one.
JOBS = {
    "relay": ("alarm_svc", ("moa_relay_leader", (("topic", "moa.alarms"),))),
    "view": ("item_svc", ("moa_view_active", (("view", "alarms"),))),
    "visits": ("user_svc", ("moa_inbox_leader", ())),
}


def instances(service):
    return service, f"{service}.2"


def doing(stack, job, names=None):
    """Names of those instances (of <names>, or both) that say that they do <job>."""
    service, gauge = JOBS[job]
    return [name for name in names or instances(service)
            if parse(stack.request("GET", stack.admin(name), "/metrics", timeout=2).text)[gauge] == 1]


def holder(stack, job):
    """(the one instance that does <job>, the other), once that is so."""
    service, _ = JOBS[job]
    first = eventually(lambda: (found := doing(stack, job)) and len(found) == 1 and found, 15, f"one {service} does {job}")[0]
    return first, next(name for name in instances(service) if name != first)


def alarm_in_redis(client, user_id, item_id):
    """(version, state: '+' set, '-' unset) of an alarm in item_svc's Redis; None when it is unknown."""
    found = client.hget(f"m1:{{alarms:{zlib.crc32(str(user_id).encode()) % 4}}}:{user_id}", item_id)
    return found and (int(found[:16]), found[16])

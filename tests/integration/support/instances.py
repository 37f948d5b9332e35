"""Two instances of a service: which of them does what, and a load through the gateway that must not notice."""

import threading
import zlib

import requests

from .metrics import parse
from .stack import SERVICES
from .wait import eventually

# What one instance of all does: the service, and the gauge that is 1 at that one.
JOBS = {
    "relay": ("alarm_svc", ("moa_relay_leader", (("topic", "moa.alarms"),))),
    "view": ("item_svc", ("moa_view_active", (("view", "alarms"),))),
    "visits": ("user_svc", ("moa_inbox_leader", ())),
}


def instances(service):
    return service, f"{service}.2"


def gauges(stack, name):
    """The metrics of instance <name>."""
    return parse(stack.request("GET", stack.admin(name), "/metrics", timeout=2).text)


def doing(stack, job):
    """Those instances that say that they do <job>."""
    service, gauge = JOBS[job]
    return [name for name in instances(service) if gauges(stack, name)[gauge] == 1]


def holder(stack, job):
    """(the one instance that does <job>, the other), once that is so."""
    first = eventually(lambda: len(found := doing(stack, job)) == 1 and found, 15, f"one instance does {job}")[0]
    return first, next(name for name in instances(JOBS[job][0]) if name != first)


def well(stack, *services):
    """Waits until both instances of <services> answer completely."""
    for name in (name for service in services for name in instances(service)):
        eventually(lambda: (reply := stack.get(name)).status_code == 200 and "Degraded" not in reply.headers, 30, f"{name} is well")


def start_second(stack):
    """Starts a second instance of each service."""
    stack.start(*(f"{service}.2" for service in SERVICES))
    well(stack, *SERVICES)


def alarm_in_redis(client, user_id, item_id):
    """(version, state: '+' set, '-' unset) of an alarm in item_svc's Redis; None when it is unknown."""
    found = client.hget(f"m1:{{alarms:{zlib.crc32(str(user_id).encode()) % 4}}}:{user_id}", item_id)
    return found and (int(found[:16]), found[16])


class Load:
    """Clients that each run through <calls> again and again: (method, path, json, status wanted). Use it in a with statement.

    What was answered otherwise, or not at all, is in failures.
    """

    def __init__(self, base, token, calls, clients=4):
        self.base, self.headers, self.calls = base, {"USER-TOKEN": token}, calls
        self.failures, self.answers, self.ending = [], 0, threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]

    def _run(self, number):
        with requests.Session() as session:
            session.trust_env = False
            while not self.ending.is_set():
                number += 1
                self._ask(session, *self.calls[number % len(self.calls)])

    def _ask(self, session, method, path, body, wanted):
        try:
            reply = session.request(method, self.base + path, headers=self.headers, json=body, timeout=10)
            if reply.status_code != wanted:
                self.failures.append(f"{method} {path}: {reply.status_code} {reply.text[:200]}")
        except requests.RequestException as error:
            self.failures.append(f"{method} {path}: {error!r}")
        self.answers += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()

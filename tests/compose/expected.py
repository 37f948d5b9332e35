"""The oracle of failures: what each call must answer while parts are dead, from the tables of the contract."""

import re

import requests

from support.calls import DOMAINS
from support.shop import degraded
from support.stack import ROOT

FRESH, STALE, NEVER = "fresh", "stale", "never loaded"
STAND_IN, GONE = "stand-in", "gone"
VIEW = {"item": "items", "alarm": "alarms", "user": "users"}
THROUGH_GATEWAY = {"item_svc": "/items", "alarm_svc": "/alarms", "user_svc": "/users"}
STALE_AFTER_S = 5
VISITED = 50      # the only item that is visited here
SET, NOT_SET = 47, 1    # items of which the sample user has, and has not, an alarm: setting and unsetting them changes nothing
NO_ANSWER_S = 2


def sample_alarms():
    """Ids of the items on which the sample user, 10, has an alarm in the sample data."""
    text = (ROOT / "alarm_svc" / "schema" / "init_database.sql").read_text()
    return {int(item) for item, user in re.findall(r"^\t\(\d+,\s*(\d+),\s*(\d+),", text, re.MULTILINE) if user == "10"}


ALARMS = sample_alarms()


class Lie(Exception):
    """A flag that is neither right nor unknown, or an item too many or too few: never allowed, whatever is dead."""


class Expected:
    """What is expected of one call: status, whether flags are known, and {domain: STALE or NEVER} of Degraded."""

    def __init__(self, service, method, path, status, flags=True, names=None, item=None):
        self.service, self.method, self.path, self.status = service, method, path, status
        self.flags, self.names, self.item = flags, names or {}, item


class World:
    """The parts that are <dead>; <loaded>: everything ran before they died."""

    def __init__(self, dead, loaded):
        self.dead, self.loaded = set(dead), loaded

    def own(self, domain):
        """Where a service has its own data from."""
        if f"{domain}_db" not in self.dead:
            return FRESH
        return STAND_IN if self.loaded and f"{domain}_redis" not in self.dead else GONE

    def view(self, reader, domain):
        """What <reader> has of a neighbour's data."""
        if f"{reader}_redis" in self.dead:
            return NEVER
        if not self.dead & {f"{domain}_svc", f"{domain}_db", "kafka"}:
            return FRESH
        return STALE if self.loaded else NEVER

    def calls(self):
        """What is expected of every call to a service that lives."""
        for domain in DOMAINS:
            if f"{domain}_svc" not in self.dead:
                yield from getattr(self, f"_{domain}")(f"{domain}_svc", self.own(domain))

    def _names(self, domain, own, *views):
        names = {VIEW[view]: self.view(domain, view) for view in views}
        names[VIEW[domain]] = STALE if own == STAND_IN else FRESH
        return {name: state for name, state in names.items() if state != FRESH}

    def _item(self, service, own):
        flags = NEVER not in (self.view("item", "alarm"), self.view("item", "user"))
        for path in ("/", f"/{VISITED}"):
            yield Expected(service, "GET", path, 503 if own == GONE else 200, flags, self._names("item", own, "alarm", "user"))

    def _alarm(self, service, own):
        users, items = self.view("alarm", "user"), self.view("alarm", "item")
        names = self._names("alarm", own, "user", "item")
        yield Expected(service, "GET", "/", 503 if own == GONE or NEVER in (users, items) else 200, names=names)
        yield Expected(service, "POST", "/", 503 if own != FRESH or NEVER in (users, items) else 201, names=names, item=SET)
        names = self._names("alarm", own, "user")
        yield Expected(service, "DELETE", "/", 503 if own != FRESH or users == NEVER else 200, names=names, item=NOT_SET)

    def _user(self, service, own):
        yield Expected(service, "GET", "/", 503 if own == GONE else 200, names=self._names("user", own))
        items = self.view("user", "item")
        yield Expected(service, "GET", "/visit", 503 if own == GONE or items == NEVER else 200,
                       self.view("user", "alarm") != NEVER, self._names("user", own, "item", "alarm"))


def _rows_of(call, document):
    payload = document["payload"]
    return payload if isinstance(payload, list) else [payload]


def _assert_content(call, reply, loaded, gateway):
    """The answer tells the truth: all items, and each flag right or, where it may be, unknown. The gateway makes what was written known."""
    rows = _rows_of(call, reply.json())
    ids = [row["id"] for row in rows]
    wanted = {"item_svc/": [list(range(50, 0, -1))], f"item_svc/{VISITED}": [[VISITED]], "alarm_svc/": [sorted(ALARMS, reverse=True)],
              "user_svc/": [list(range(10, 0, -1))], "user_svc/visit": [[VISITED]] if loaded else [[VISITED], []]}
    if ids not in wanted[call.service + call.path]:
        raise Lie(f"{call.service}{call.path}: {ids}")
    if (call.service, call.path) == ("user_svc", "/"):
        return
    wrong = [row["id"] for row in rows if row["is_alarm_set"] not in (None, row["id"] in ALARMS)]
    if wrong:
        raise Lie(f"{call.service}{call.path}: wrong flags of {wrong}")
    unknown = {row["id"] for row in rows if row["is_alarm_set"] is None}
    written = {SET, NOT_SET} if gateway else set()
    missing = set() if call.flags else set(ids) - unknown - written
    assert not missing and not (call.flags and unknown), f"{call.service}{call.path}: unknown are {unknown}"


def _assert_names(call, reply):
    where, names = f"{call.service} {call.method} {call.path}", degraded(reply)
    assert set(names) == set(call.names), f"{where}: Degraded: {reply.headers.get('Degraded')}, expected {call.names}"
    for name, age in names.items():
        if call.names[name] == NEVER:
            assert age is None, f"{where}: {name} was never loaded, and has an age"
        elif name != VIEW[call.service.removesuffix("_svc")]:
            assert age is not None and age >= STALE_AFTER_S, f"{where}: {name};age={age}"


def _assert_call(shop, call, loaded, gateway):
    service, path = ("gateway", THROUGH_GATEWAY[call.service] + call.path) if gateway else (call.service, call.path)
    more = {"json": {"item_id": str(call.item)}} if call.item else {}
    reply = shop.request(call.method, service, path, **more)
    assert reply.status_code == call.status, f"{call.method} {service}{path}: {reply.status_code} {reply.text[:300]}"
    if reply.status_code == 503:
        assert reply.headers["Content-Type"] == "application/problem+json" and "Retry-After" in reply.headers
        return
    if call.method == "GET":
        _assert_content(call, reply, loaded, gateway)
        _assert_names(call, reply)


def _assert_no_answer(shop, service):
    try:
        reply = shop.get(service, timeout=NO_ANSWER_S)
    except requests.RequestException:
        return
    raise AssertionError(f"{service} answers {reply.status_code}")


def assert_as_expected(shop, dead=(), loaded=True):
    """Every call, direct and through the gateway, answers as the contract says while the parts <dead> are so."""
    world = World(dead, loaded)
    ways = [False] if "gateway" in world.dead else [False, True]
    for call in world.calls():
        for gateway in ways:
            _assert_call(shop, call, loaded, gateway)
    for service in sorted(world.dead & {*THROUGH_GATEWAY, "gateway"}):
        _assert_no_answer(shop, service)
    if "gateway" not in world.dead:
        for service in sorted(world.dead & set(THROUGH_GATEWAY)):
            reply = shop.get("gateway", THROUGH_GATEWAY[service], timeout=10)
            assert reply.status_code == 503, f"{service} is dead; the gateway answers {reply.status_code}"

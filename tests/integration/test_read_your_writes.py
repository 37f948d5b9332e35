"""Read your own writes: what the services tell in Consistency-Token, what they make of it, and a plain client through the gateway."""

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from support import metrics
from support.shop import assert_empty, degraded, new_person, remove_person, settled
from support.stack import SAMPLE_TOKEN
from support.wait import eventually, throughout
from support.wire import Wire, message

ALARM = re.compile(r"a(\d+)=([01])\.(\d{16})")
VISIT = re.compile(r"v(\d+)=(\d{16})\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HEADER = "Consistency-Token"
PLAIN_LIFE_S = 30

slow = pytest.mark.slow


def alarm_fact(reply):
    """(item, on, version) of an answer's token."""
    item, on, version = ALARM.fullmatch(reply.headers[HEADER]).groups()
    return int(item), on == "1", int(version)


def counter(shop, service, name, **labels):
    text = requests.get(shop.admin(service) + "/metrics", timeout=5).text
    return metrics.parse(text)[(name, tuple(sorted(labels.items())))]


@pytest.fixture
def held_up(whole):
    """A person of the test's own, and Kafka frozen: no neighbour learns of anything that is written from here on."""
    person = new_person(whole)
    whole.pause("kafka")
    yield person
    whole.unpause("kafka")
    settled(whole, 60)
    remove_person(person)


# --- what answers tell ---------------------------------------------------------------------------

def test_every_write_tells_its_version(person):
    """Set, set again, taken back, taken back again, and an item that never was: each write has a higher version."""
    replies = [person.set_alarm(50), person.set_alarm(50), person.unset_alarm(50), person.unset_alarm(50), person.set_alarm(50)]
    facts = [alarm_fact(reply) for reply in replies]
    assert [fact[:2] for fact in facts] == [(50, True), (50, True), (50, False), (50, False), (50, True)]
    versions = [fact[2] for fact in facts]
    assert versions == sorted(set(versions)), "they only grow"
    assert alarm_fact(person.unset_alarm(2147483647))[:2] == (2147483647, False)
    assert abs(versions[0] / 1e6 - time.time()) < 3600


def test_a_visit_tells_its_time_and_id(person):
    """GET of an item, each time another event; nothing else makes one."""
    first, second = (person.get("item_svc", "/49").headers[HEADER] for _ in range(2))
    assert VISIT.fullmatch(first)[1] == VISIT.fullmatch(second)[1] == "49" and first != second
    assert abs(int(VISIT.fullmatch(first)[2]) / 1e6 - time.time()) < 60


def test_what_wrote_nothing_tells_nothing(person):
    """Lists, HEAD, and every answer that is an error."""
    replies = [
        person.get("item_svc"), person.get("alarm_svc"), person.get("user_svc"), person.get("user_svc", "/visit"),
        person.stack.request("HEAD", "item_svc", "/50", person.token), person.get("item_svc", "/999999"), person.get("item_svc", "/050"),
        person.set_alarm(999999), person.set_alarm("x"), person.stack.get("item_svc", "/50", "nobody"), person.stack.get("item_svc", "/50", None),
    ]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 200, 200, 404, 400, 404, 400, 401, 401]
    assert not [reply.url for reply in replies if HEADER in reply.headers]


# --- what is made of it, direct ------------------------------------------------------------------

def test_facts_are_laid_over_what_is_known(whole, held_up):
    """With Kafka frozen the neighbours show a write to the client that tells of it, in every call, and to nobody else."""
    person = held_up
    token = {HEADER: person.set_alarm(50).headers[HEADER]}
    flag = lambda **more: person.get("item_svc", "/?limit=1", **more).json()["payload"][0]["is_alarm_set"]
    assert (flag(), flag(headers=token)) == (False, True)
    before = counter(whole, "item_svc", "moa_token_facts_laid_total", domain="alarms")
    one = person.get("item_svc", "/50", headers=token)
    assert one.json()["payload"]["is_alarm_set"] is True
    assert counter(whole, "item_svc", "moa_token_facts_laid_total", domain="alarms") == before + 1
    head = whole.request("HEAD", "item_svc", "/50", person.token, headers=token)
    assert head.headers["Content-Length"] == one.headers["Content-Length"]
    assert person.visit_ids() == []
    both = {HEADER: f"{token[HEADER]}, {one.headers[HEADER]}"}
    seen = person.get("user_svc", "/visit", headers=both).json()
    assert (seen["count"], seen["payload"][0]["id"], seen["payload"][0]["is_alarm_set"]) == (1, 50, True)
    off = {HEADER: token[HEADER] + ", " + person.unset_alarm(50).headers[HEADER]}
    assert flag(headers=off) is False
    page = person.get("item_svc", "/?limit=2&before=50", headers={HEADER: f"a49=1.{time.time_ns() // 1000}"}).json()
    assert [(item["id"], item["is_alarm_set"]) for item in page["payload"]] == [(49, True), (48, False)] and page["count"] == 50


def test_visits_take_their_place(whole, held_up):
    """In the order of their times, whatever the order of the facts; successive ones of one item count once."""
    person = held_up
    facts = [person.get("item_svc", f"/{item}").headers[HEADER] for item in (1, 2, 2, 3, 1)]
    told = lambda some: [item["id"] for item in person.get("user_svc", "/visit", headers={HEADER: ", ".join(some)}).json()["payload"]]
    assert told(facts) == [1, 3, 2]
    assert told(reversed(facts)) == [1, 3, 2]
    assert told(facts[:3] + facts[:3]) == [2, 1]
    assert told([facts[3]]) == [3]
    whole.unpause("kafka")
    eventually(lambda: person.visit_ids() == [1, 3, 2], 60, "they arrive by themselves")
    assert told(facts) == [1, 3, 2], "and count once"


def test_several_fields_count_together(whole, held_up):
    """Consistency-Token is a list: fields of that name are joined."""
    now = time.time_ns() // 1000
    with Wire(whole.port("item_svc")) as wire:
        wire.send(message("GET", "/?limit=2", held_up.token, [(HEADER, f"a50=1.{now}"), ("consistency-token", f"x,a49=1.{now}")]))
        assert wire.reply().body.count(b'"is_alarm_set":true') == 2


def test_hostile_facts_change_nothing_but_their_senders_answer(whole, person):
    """Garbage is left out and counted; what could be true is believed, for that one answer to that one client."""
    person.set_alarm(50)
    eventually(lambda: person.flagged() == {50}, 10, "the neighbour knows")
    mine = lambda text: {item["id"] for item in person.get("item_svc", headers={HEADER: text}).json()["payload"] if item["is_alarm_set"]}
    before = counter(whole, "item_svc", "moa_token_facts_ignored_total", reason="malformed")
    garbage = ["a50=0.-1", "a50=0.18446744073709551616", "a50=0.99999999999999999", "a0=1.5", "a2147483648=1.5", "a050=0.5", "a50=0", "=", "a50=0.0",
               "a50=0.1e16", "a50=0." + "9" * 3000, "v50=1", "\u00e4", "a50=2.9000000000000000"]
    for text in garbage:
        assert mine(text) == {50}, text[:80]
    assert counter(whole, "item_svc", "moa_token_facts_ignored_total", reason="malformed") == before + len(garbage)
    assert mine("a50=0.5, a51=1.9000000000000000") == {50}, "older than what is known; no such item"
    assert mine("a50=0.9000000000000000, a1=1.9000000000000000") == {1}
    assert person.flagged() == {50} and person.alarm_ids() == [50]
    before = counter(whole, "item_svc", "moa_token_facts_ignored_total", reason="limit")
    many = [f"a{n}=0.9000000000000000" for n in range(50, 0, -1)] + [f"a{n}=1.9" for n in range(100, 120)]
    assert mine(", ".join(many)) == {50}, "the first six of the seventy went"
    assert counter(whole, "item_svc", "moa_token_facts_ignored_total", reason="limit") == before + 6
    tomorrow = (time.time_ns() // 1000) + 2 * 86400 * 1000000
    visit = f"v7={tomorrow}.01a20223-d9cb-7e22-a9cd-000000000001"
    assert person.get("user_svc", "/visit", headers={HEADER: visit}).json()["count"] == 0


def test_the_alarm_list_while_its_database_is_away(whole, person):
    """The stand-in may lack the last writes: facts are laid over it as well; unknown items are still left out. The table needs none."""
    person.set_alarm(50)
    far = f"a50=0.9000000000000000, a49=1.9000000000000000, a999999=1.9000000000000000, a48=1.{alarm_fact(person.unset_alarm(48))[2] - 1}"
    listed = lambda **more: person.get("alarm_svc", headers={HEADER: far}, **more)
    assert [item["id"] for item in listed().json()["payload"]] == [50]
    whole.kill("alarm_db")
    reply = eventually(lambda: listed() if "alarms" in degraded(listed()) else None, 10, "the stand-in answers")
    assert (reply.json()["count"], [item["id"] for item in reply.json()["payload"]]) == (1, [49])
    assert person.alarm_ids() == [50]
    whole.start("alarm_db")
    settled(whole, 60)


# --- a plain client through the gateway ----------------------------------------------------------

class Plain:
    """A client that knows nothing of tokens of consistency: each request on a new connection, or on its own when <kept>."""

    def __init__(self, shop, token, kept=False):
        self.base, self.token, self.session = shop.url("gateway"), token, requests.Session() if kept else None
        if kept:
            self.session.trust_env = False
        self.shop = shop

    def ask(self, method, path, status=200, **more):
        if self.session is None:
            reply = self.shop.request(method, "gateway", path, self.token, **more)
        else:
            reply = self.session.request(method, self.base + path, headers={"USER-TOKEN": self.token}, timeout=10, **more)
        assert reply.status_code == status, f"{method} {path}: {reply.status_code} {reply.text[:200]}"
        return reply

    def set(self, item):
        assert_empty(self.ask("POST", "/alarms", 201, json={"item_id": str(item)}), 201)

    def unset(self, item):
        assert_empty(self.ask("DELETE", "/alarms", json={"item_id": str(item)}), 200)

    def flagged(self):
        return {item["id"] for item in self.ask("GET", "/items").json()["payload"] if item["is_alarm_set"]}

    def visits(self):
        return [(item["id"], item["is_alarm_set"]) for item in self.ask("GET", "/users/visit").json()["payload"]]

    def look(self, item):
        return self.ask("GET", f"/items/{item}").json()["payload"]["is_alarm_set"]


@pytest.mark.parametrize("how", [pytest.param("kill", marks=slow), pytest.param("pause", marks=slow)])
def test_own_writes_are_seen_while_kafka_is_away(whole, how):
    """Longer than a fact lives by itself: Degraded keeps it. Afterwards all is known without it, and it ends."""
    person = new_person(whole)
    client = Plain(whole, person.token)
    getattr(whole, how)("kafka")
    client.set(50)
    client.set(49)
    client.unset(49)
    assert [client.look(item) for item in (50, 49, 48)] == [True, False, False]

    def seen():
        assert client.flagged() == {50}
        assert client.visits() == [(48, False), (49, False), (50, True)]
        time.sleep(0.2)

    throughout(PLAIN_LIFE_S + 8, seen)
    assert person.flagged() == set() and person.visit_ids() == [], "the services themselves know nothing of it"
    (whole.start if how == "kill" else whole.unpause)("kafka")
    throughout(2, seen)
    eventually(lambda: person.flagged() == {50} and person.visit_ids() == [48, 49, 50], 60, "all arrives")
    seen()
    remove_person(person)


@slow
def test_a_client_that_asks_for_nothing_meanwhile(whole, held_up):
    """No answer tells the gateway that alarms are degraded: its checks do."""
    client = Plain(whole, held_up.token)
    client.set(50)

    def unknown():
        assert held_up.flagged() == set(), "asked directly"
        time.sleep(0.2)

    throughout(PLAIN_LIFE_S + 8, unknown)
    assert client.flagged() == {50}


@slow
def test_visits_alone_are_kept_as_long(whole, held_up):
    """A client that asks for nothing but its visits: its answers never name visits or users, and keep them all the same."""
    client = Plain(whole, held_up.token)
    client.look(7)

    def seen():
        assert client.visits() == [(7, False)]
        time.sleep(0.2)

    throughout(2 * PLAIN_LIFE_S + 8, seen)


def test_on_any_connection_and_thread(whole, held_up):
    """Many connections at once, so that each thread of the gateway has some: all see the write."""
    client = Plain(whole, held_up.token)
    with ThreadPoolExecutor(16) as pool:
        for item in range(50, 44, -1):
            client.set(item)
            seen = list(pool.map(lambda _: client.flagged(), range(32)))
            assert all(one == set(range(item, 51)) for one in seen), seen


def test_two_devices_that_alternate(whole, held_up):
    """Two devices of one user, each on its connection: repeats and deletions of nothing are writes like others; the last one counts."""
    devices = Plain(whole, held_up.token, kept=True), Plain(whole, held_up.token, kept=True)
    steps = ["unset", "set", "set", "unset", "unset", "set", "unset", "set", "set", "set", "unset"]
    for number, step in enumerate(steps):
        getattr(devices[number % 2], step)(50)
        wanted = {50} if step == "set" else set()
        for device in devices:
            assert device.flagged() == wanted, f"after step {number}, {step}"
            assert device.look(50) == (step == "set")


def test_an_item_is_alarmed_and_looked_at_and_somebody_else_sees_nothing(whole, held_up):
    """Facts belong to their USER-TOKEN; what a client sends itself has no effect beyond its own answer."""
    mine, others = Plain(whole, held_up.token), Plain(whole, SAMPLE_TOKEN)
    before = others.flagged()
    mine.set(3)
    lie = whole.get("gateway", "/items", SAMPLE_TOKEN, headers={HEADER: "a3=1.9000000000000000"})
    assert [item["is_alarm_set"] for item in lie.json()["payload"] if item["id"] == 3] == [True]
    assert others.flagged() == before and mine.flagged() == {3}
    whole.get("gateway", "/items", held_up.token, headers={HEADER: "a3=0.9000000000000000, a3=x, ,,"})
    assert mine.flagged() == {3}


@pytest.fixture
def with_master(whole, tmp_path):
    """The gateway with a master process, so that it can be told to read its file anew."""
    ours = tmp_path / "gateway.cfg"
    text = (Path(__file__).parents[2] / "deploy/gateway.cfg").read_text(encoding="utf-8")
    ours.write_text(text.replace("\nglobal\n", "\nglobal\n    master-worker\n", 1), encoding="utf-8")
    whole.environ["GATEWAY_CFG"] = str(ours)
    whole.stop("gateway")
    whole.start("gateway")
    yield whole
    del whole.environ["GATEWAY_CFG"]
    whole.stop("gateway")
    whole.start("gateway")


def test_after_a_reload_of_the_gateway(with_master, held_up):
    """The new process knows what the old one knew; writes in between are seen as well."""
    client = Plain(with_master, held_up.token)
    kept = Plain(with_master, held_up.token, kept=True)
    eventually(lambda: client.flagged() == set(), 10, "the gateway answers")
    for item in (50, 49, 48):
        client.set(item)
        kept.look(item)
        os.kill(with_master.pid("gateway"), signal.SIGUSR2)
        wanted = set(range(item, 51))

        def seen(wanted=wanted):
            assert client.flagged() == wanted and kept.flagged() == wanted

        throughout(1, seen)
        assert client.visits() == [(seen, True) for seen in range(item, 51)]

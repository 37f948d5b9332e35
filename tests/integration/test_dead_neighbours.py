"""What happens when a neighbour or Kafka is dead or frozen: reads stay right, and say how old they are."""

import time

import pytest

from support.chaos import break_parts, mend_parts, parts_of
from support.shop import GRACE_S, NEWS_S, Truth, assert_empty, assert_problem, degraded, new_person, remove_person, settled
from support.wait import eventually, throughout

slow = pytest.mark.slow
MARK_S = 3   # a mark a second, of which one may not count, before something died; and rounding

# For a dead domain: the calls of its neighbours that use it, and the name under which they say that it is stale.
USES = {
    "item": ("items", [("alarm_svc", "/"), ("user_svc", "/visit")]),
    "alarm": ("alarms", [("item_svc", "/"), ("item_svc", "/50"), ("user_svc", "/visit")]),
    "user": ("users", [("item_svc", "/"), ("alarm_svc", "/")]),
}
SAMPLE = {("alarm", "all", "kill"), ("alarm", "svc", "pause"), ("item", "svc", "kill"), ("user", "all", "pause")}
CASES = [pytest.param(domain, which, how, marks=[] if (domain, which, how) in SAMPLE else [slow])
         for domain in USES for which in ("svc", "db", "all") for how in ("kill", "pause")]


def neighbours_of(domain):
    return tuple(f"{other}_svc" for other in USES if other != domain)


def assert_not_degraded(shop, calls):
    for service, path in calls:
        reply = shop.get(service, path)
        assert (reply.status_code, degraded(reply)) == (200, {}), f"{service}{path}"


def assert_degraded(shop, calls, name, at_most_s):
    """Each call answers 200 and names just <name>, 5 s old or more."""
    for service, path in calls:
        reply = shop.get(service, path)
        assert reply.status_code == 200
        assert list(degraded(reply)) == [name], f"{service}{path}: {reply.headers.get('Degraded')}"
        assert 5 <= degraded(reply)[name] <= at_most_s, f"{service}{path}: {reply.headers.get('Degraded')}, at most {at_most_s}"


@pytest.mark.parametrize("domain,which,how", CASES)
def test_neighbour_dead_or_frozen(whole, domain, which, how):
    """A neighbour's service, database, or all three dead: all reads right; `Degraded` after 5 s with its age, and not before."""
    shop, services = whole, neighbours_of(domain)
    name, calls = USES[domain]
    truth, names = Truth(shop), parts_of(domain, which)
    start = time.monotonic()
    break_parts(shop, how, names)
    throughout(2.5 - min(2, time.monotonic() - start), lambda: assert_not_degraded(shop, calls) or truth.assert_right(services))
    eventually(lambda: assert_degraded(shop, calls, name, time.monotonic() - start + MARK_S) is None, 10, f"Degraded names {name}")
    truth.assert_right(services)
    throughout(1.5, lambda: assert_degraded(shop, calls, name, time.monotonic() - start + MARK_S))
    unconcerned = {"item": ("item_svc", "/"), "alarm": ("user_svc", "/"), "user": ("user_svc", "/visit")}[domain]
    if unconcerned[0] in services:
        assert_not_degraded(shop, [unconcerned])
    mend_parts(shop, how, names)
    shop.healthy()
    settled(shop)


@pytest.mark.parametrize("domain,how", [("alarm", "kill"), pytest.param("item", "pause", marks=slow), pytest.param("user", "kill", marks=slow),
                                        pytest.param("alarm", "pause", marks=slow)])
def test_neighbours_redis_dead(whole, domain, how):
    """A neighbour's Redis dead: reads right, not even degraded, and its news still come (Kafka is not held up)."""
    shop, services = whole, neighbours_of(domain)
    truth, calls = Truth(shop), USES[domain][1]
    break_parts(shop, how, parts_of(domain, "redis"))
    throughout(7, lambda: assert_not_degraded(shop, calls) or truth.assert_right(services))
    changes = {"alarm": "DELETE FROM alarm WHERE item_id = 7", "item": "UPDATE item SET price = price + 1",
               "user": "UPDATE user SET name = CONCAT(name, '님'), access_token = UUID() WHERE id = 3"}
    shop.sql(domain, changes[domain])
    settled(shop, NEWS_S + GRACE_S, services)
    mend_parts(shop, how, parts_of(domain, "redis"))
    shop.healthy()
    settled(shop)


def test_news_of_a_dead_service_arrive_when_it_is_back(whole):
    """While alarm_svc is dead its table is changed; the change is seen as soon as it is back, and not lost."""
    person = new_person(whole)
    whole.kill("alarm_svc")
    whole.sql("alarm", f"INSERT INTO alarm (item_id, user_id) VALUES (50, {person.id}), (49, {person.id})")
    whole.sql("alarm", f"DELETE FROM alarm WHERE user_id = {person.id} AND item_id = 49")
    assert person.flagged() == set()
    whole.start("alarm_svc")
    eventually(lambda: person.flagged() == {50}, 10, "the change is seen")
    remove_person(person)


def test_token_not_in_a_stale_view_is_503(whole):
    """A token that is not in a stale users view counts as never loaded: null flags at item_svc, 503 at alarm_svc, never 401."""
    whole.kill("user_svc")
    eventually(lambda: "users" in degraded(whole.get("item_svc")), 10, "the users view is stale")
    reply = whole.get("item_svc", token="not-known-yet")
    assert reply.status_code == 200
    assert {item["is_alarm_set"] for item in reply.json()["payload"]} == {None}
    assert "users" in degraded(reply)
    assert whole.get("item_svc", "/50", token="not-known-yet").json()["payload"]["is_alarm_set"] is None
    assert_problem(whole.get("alarm_svc", token="not-known-yet"), 503)
    assert_problem(whole.post("alarm_svc", token="not-known-yet", json={"item_id": "50"}), 503)
    assert_problem(whole.delete("alarm_svc", token="not-known-yet", json={"item_id": "50"}), 503)
    assert_problem(whole.get("item_svc", token=None), 401)
    whole.start("user_svc")
    eventually(lambda: whole.get("item_svc", token="not-known-yet").status_code == 401, 15, "a fresh view says 401")
    eventually(lambda: whole.get("alarm_svc", token="not-known-yet").status_code == 401, 15, "a fresh view says 401")


def test_item_not_in_a_stale_view_is_503(whole):
    """An alarm POST for an item that is not in a stale items view is 503, not 404; known items can be set; DELETE works."""
    person = new_person(whole)
    whole.kill("item_svc", "item_db")
    eventually(lambda: "items" in degraded(person.get("alarm_svc")), 10, "the items view is stale")
    assert_problem(person.set_alarm(999999), 503)
    assert_empty(person.set_alarm(50), 201)
    assert person.alarm_ids() == [50]
    assert_empty(person.unset_alarm(999999), 200)
    whole.start("item_svc", "item_db")
    eventually(lambda: person.set_alarm(999999).status_code == 404, 15, "a fresh view says 404")
    remove_person(person)


@pytest.mark.parametrize("how", ["kill", pytest.param("pause", marks=slow)])
def test_kafka_dead(whole, how):
    """Kafka dead: all reads and writes work; neighbours' news and visits wait and come; `Degraded` after 5 s."""
    person, truth = new_person(whole), Truth(whole)
    truth.people = [other for other in truth.people if other.id != person.id]   # whose alarms change below
    start = time.monotonic()
    break_parts(whole, how, ["kafka"])
    assert_empty(person.set_alarm(50), 201)
    assert person.alarm_ids() == [50]
    person.visit(11, 12, 13, 13)
    throughout(1, truth.assert_right)
    stale = lambda reply, *names: reply.status_code == 200 and set(degraded(reply)) == set(names)
    eventually(lambda: stale(whole.get("item_svc"), "alarms", "users"), 12, "item_svc says what is stale")
    eventually(lambda: stale(whole.get("alarm_svc"), "items", "users"), 12, "alarm_svc says what is stale")
    eventually(lambda: stale(whole.get("user_svc", "/visit"), "alarms", "items"), 12, "user_svc says what is stale")
    assert stale(whole.get("user_svc"))
    ages = degraded(whole.get("item_svc"))
    assert all(5 <= age <= time.monotonic() - start + MARK_S for age in ages.values()), ages
    truth.assert_right()
    person.set_alarm(49)
    person.unset_alarm(50)
    assert person.alarm_ids() == [49]
    assert person.visit_ids() == [] and person.flagged() == set()
    mend_parts(whole, how, ["kafka"])
    eventually(lambda: person.flagged() == {49}, 30, "the alarms arrive")
    eventually(lambda: person.visit_ids() == [13, 12, 11], 30, "the visits arrive, in order")
    whole.healthy()
    assert whole.sql("user", f"SELECT COUNT(*) FROM visit WHERE user_id = {person.id}")[0][0] in ("3", "4")
    remove_person(person)


def test_visits_survive_the_kill_of_item_svc(whole):
    """Visits waiting in the spool survive kill -9 and arrive once, in order."""
    person = new_person(whole)
    whole.kill("kafka")
    person.visit(*range(1, 16))
    whole.kill("item_svc")
    whole.start("item_svc")
    eventually(lambda: person.get("item_svc").status_code == 200, 10, "item_svc answers again")
    person.visit(*range(16, 21))
    whole.start("kafka")
    eventually(lambda: person.visit_ids() == [20, 19, 18], 40, "the last three")
    rows = whole.sql("user", f"SELECT item_id FROM visit WHERE user_id = {person.id} ORDER BY visited_us, event_id")
    assert [int(row[0]) for row in rows] == list(range(1, 21))
    remove_person(person)


def test_everything_of_the_neighbours_dead_at_once(whole):
    """Both neighbours of item_svc and Kafka dead: its list stays right, for every user."""
    truth = Truth(whole)
    whole.kill("kafka", *parts_of("alarm", "all"), *parts_of("user", "all"))
    throughout(7, lambda: truth.assert_right(("item_svc",)))
    assert set(degraded(whole.get("item_svc"))) == {"alarms", "users"}

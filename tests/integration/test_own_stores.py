"""What happens when a service's own Redis or own MySQL is dead, frozen, emptied or rolled back."""

import time

import pytest
import redis

from support.chaos import break_parts, dump_keys, mend_parts, put_back_redis, restore_keys, save_redis
from support.shop import Truth, assert_empty, assert_problem, degraded, new_person, remove_person, settled
from support.stack import DOMAINS, REDIS_PORT
from support.wait import eventually, throughout, timed

slow = pytest.mark.slow
OWN = {"item": "items", "alarm": "alarms", "user": "users"}
DEADLINE_S = 2.6   # a request's 2 s and the way there and back


def every(sample):
    """(domain, how) for all domains and ways; only those of <sample> are not marked slow."""
    return [pytest.param(domain, how, marks=[] if (domain, how) in sample else [slow])
            for domain in DOMAINS for how in ("kill", "pause")]


def quick(call):
    """Makes a call and checks that it was answered within the deadline."""
    reply, seconds = timed(call)
    assert seconds < DEADLINE_S, f"{reply.url} took {seconds:.2f} s"
    return reply


def without_own_redis(shop, domain):
    """The answers of a service without its Redis: own data right, the neighbours' as never loaded."""
    if domain == "item":
        for path in ("/", "/50"):
            reply = quick(lambda: shop.get("item_svc", path))
            assert reply.status_code == 200
            assert degraded(reply) == {"alarms": None, "users": None}, reply.headers.get("Degraded")
        assert {item["is_alarm_set"] for item in shop.get("item_svc").json()["payload"]} == {None}
    elif domain == "alarm":
        assert_problem(quick(lambda: shop.get("alarm_svc")), 503)
        assert_problem(quick(lambda: shop.post("alarm_svc", json={"item_id": "50"})), 503)
        assert_problem(quick(lambda: shop.delete("alarm_svc", json={"item_id": "50"})), 503)
    else:
        reply = quick(lambda: shop.get("user_svc"))
        assert (reply.status_code, reply.json()["count"], degraded(reply)) == (200, 10, {})
        assert_problem(quick(lambda: shop.get("user_svc", "/visit")), 503)
        assert_problem(shop.get("user_svc", token="nobody"), 401)
    assert_problem(shop.get(f"{domain}_svc", token=None), 401)


@pytest.mark.parametrize("domain,how", every({("item", "kill"), ("alarm", "pause"), ("user", "kill")}))
def test_own_redis_dead(whole, domain, how):
    """Own Redis dead: own data from MySQL, the rest of the neighbours' as "never loaded"; never a wrong answer."""
    truth = Truth(whole)
    others = tuple(f"{other}_svc" for other in DOMAINS if other != domain)
    break_parts(whole, how, [f"{domain}_redis"])
    eventually(lambda: without_own_redis(whole, domain) is None, 5, "answers as if never loaded")
    throughout(2, lambda: truth.assert_right(unknown=True))
    without_own_redis(whole, domain)
    truth.assert_right(others)
    mend_parts(whole, how, [f"{domain}_redis"])
    whole.healthy()
    truth.assert_right()


@pytest.mark.parametrize("domain", ["item", "alarm", "user"])
def test_own_redis_emptied(whole, domain):
    """FLUSHALL: from that moment on unknown or right, never "no" for "unknown"; then rebuilt, own copy and all."""
    truth = Truth(whole)
    whole.redis(domain).flushall()
    throughout(3, lambda: truth.assert_right(unknown=True))
    whole.healthy()
    truth.assert_right()
    own_part_answers(whole, truth, domain)


def copy_in_step(whole, domain, since_us):
    """True when the own copy is complete and was marked after <since_us> (a mark lands only on the batch before it)."""
    client = whole.redis(domain)
    positions = [client.hmget(key, "loaded", "mark") for key in client.scan_iter(match=f"m1:{{{OWN[domain]}:*}}:pos")]
    if domain == "user":
        copied = client.hget("m1:{visits:0}:pos", "rev")
        if copied is None or int(copied) != int(whole.sql("user", "SELECT revision FROM visit_state")[0][0]):
            return False
    return bool(positions) and all(loaded and int(mark or 0) > since_us for loaded, mark in positions)


def own_part_answers(whole, truth, domain):
    """The copy of the own data in Redis is complete again: it stands in when MySQL dies."""
    now_us = time.time() * 1_000_000
    eventually(lambda: copy_in_step(whole, domain, now_us), 15, "the copy is complete")
    stands_in = lambda: without_own_mysql(whole, domain) is None and truth.assert_right((f"{domain}_svc",)) is None
    whole.kill(f"{domain}_db")
    eventually(stands_in, 10, "the stand-in answers")


def change_everything(shop):
    """Changes in all three domains, with deletions and a new user."""
    shop.sql("alarm", "DELETE FROM alarm WHERE user_id IN (1, 2, 3)")
    shop.sql("alarm", "INSERT IGNORE INTO alarm (item_id, user_id) VALUES (44, 4), (45, 5), (46, 10)")
    shop.sql("item", "UPDATE item SET price = price + 7 WHERE id > 25")
    shop.sql("item", "DELETE FROM item WHERE id = 2")
    new_person(shop)


@pytest.mark.parametrize("domain", ["item", pytest.param("alarm", marks=slow), pytest.param("user", marks=slow)])
def test_own_redis_rolled_back(whole, domain, tmp_path):
    """Redis started with its files of earlier: stale answers are marked, and soon all is right again."""
    save_redis(whole, domain, tmp_path / "saved")
    whole.healthy()
    change_everything(whole)
    settled(whole)
    truth = Truth(whole)
    put_back_redis(whole, domain, tmp_path / "saved")
    throughout(2, lambda: truth.assert_right((f"{domain}_svc",), marked=True))
    whole.healthy()
    eventually(lambda: truth.assert_right() is None, 15, "all is right again")
    own_part_answers(whole, truth, domain)


@pytest.mark.parametrize("domain", ["item", "user", pytest.param("alarm", marks=slow)])
def test_older_dump_under_a_running_consumer(whole, domain):
    """All keys replaced by those of earlier while the consumer runs on: it goes back to the stored position."""
    client = redis.Redis(port=REDIS_PORT[domain] + whole.offset, socket_timeout=5)
    saved = dump_keys(client)
    change_everything(whole)
    settled(whole)
    restore_keys(client, saved)
    settled(whole, 20)
    whole.sql("alarm", "INSERT IGNORE INTO alarm (item_id, user_id) VALUES (11, 1), (12, 10)")
    settled(whole, 20)
    own_part_answers(whole, Truth(whole), domain)


@slow
def test_two_redis_swapped(whole, tmp_path):
    """The data of item_redis and user_redis swapped: both services find out and end with right answers."""
    save_redis(whole, "item", tmp_path / "item")
    save_redis(whole, "user", tmp_path / "user")
    whole.healthy()
    truth = Truth(whole)
    put_back_redis(whole, "item", tmp_path / "user")
    put_back_redis(whole, "user", tmp_path / "item")
    throughout(2, lambda: truth.assert_right(marked=True))
    whole.healthy()
    settled(whole)
    whole.sql("alarm", "DELETE FROM alarm WHERE user_id = 10")
    settled(whole)
    eventually(lambda: copy_in_step(whole, "item", time.time() * 1e6 - 3e6), 15, "item's copy is complete")
    eventually(lambda: copy_in_step(whole, "user", time.time() * 1e6 - 3e6), 15, "user's copy is complete")
    throughout(6, lambda: whole.healthy(1))   # longer than marks of before the swap count
    truth = Truth(whole)
    whole.kill("item_db", "user_db")
    eventually(lambda: truth.assert_right(("item_svc", "user_svc")) is None, 10, "the stand-ins are each their own")


def without_own_mysql(shop, domain):
    """The answers of a service without its MySQL: 200 from its own Redis, naming its own domain; writes 503."""
    service, name = f"{domain}_svc", OWN[domain]
    for path in {"item": ("/", "/50"), "alarm": ("/",), "user": ("/", "/visit")}[domain]:
        reply = quick(lambda: shop.get(service, path))
        assert reply.status_code == 200, reply.text
        if path != "/visit":
            assert list(degraded(reply)) == [name], f"{path}: {reply.headers.get('Degraded')}"
    if domain == "item":
        assert_problem(quick(lambda: shop.get("item_svc", "/999999")), 503)
    elif domain == "alarm":
        for method in ("POST", "DELETE"):
            assert_problem(quick(lambda: shop.request(method, "alarm_svc", json={"item_id": "50"})), 503)
    else:
        assert_problem(quick(lambda: shop.get("user_svc", token="nobody")), 503)
    assert_problem(shop.get(service, token=None), 401)


@pytest.mark.parametrize("domain,how", every({("item", "pause"), ("alarm", "kill"), ("user", "pause")}))
def test_own_mysql_dead(whole, domain, how):
    """Own MySQL dead: all reads from own Redis, marked; writes 503, nothing half done; unknown is 503, never 401 or 404."""
    truth = Truth(whole)
    break_parts(whole, how, [f"{domain}_db"])
    eventually(lambda: without_own_mysql(whole, domain) is None, 6, "answers from own Redis")
    throughout(2, lambda: truth.assert_right() or without_own_mysql(whole, domain))
    mend_parts(whole, how, [f"{domain}_db"])
    whole.healthy()
    settled(whole)
    if how == "kill":
        assert Truth(whole).alarms == truth.alarms, "a write answered with 503 by a dead server was not done"


def test_reads_stay_right_in_the_moment_of_death(whole):
    """From before the kill of each database until after it: every answer 200 and right."""
    truth = Truth(whole)
    for domain in DOMAINS:
        whole.kill(f"{domain}_db")
        throughout(1, lambda: truth.assert_right((f"{domain}_svc",)))
    throughout(1, truth.assert_right)


def test_visits_while_own_mysql_is_dead(whole):
    """Visits made while user_db is dead wait in Kafka and are stored afterwards; the list shows the earlier ones meanwhile."""
    person = new_person(whole)
    person.visit(1, 2, 3)
    eventually(lambda: person.visit_ids() == [3, 2, 1], 5, "the first visits")
    whole.kill("user_db")
    person.visit(4, 5)
    eventually(lambda: person.get("user_svc", "/visit").status_code == 200, 5, "the list is answered from Redis")
    assert person.visit_ids() == [3, 2, 1]
    whole.start("user_db")
    eventually(lambda: person.visit_ids() == [5, 4, 3], 20, "all visits")
    remove_person(person)


def test_both_own_stores_dead(whole):
    """Own MySQL and own Redis dead: 503 for everything with a token, at once, and healthy afterwards."""
    whole.kill("alarm_db", "alarm_redis")
    for call in (lambda: whole.get("alarm_svc"), lambda: whole.post("alarm_svc", json={"item_id": "1"}),
                 lambda: whole.delete("alarm_svc", json={"item_id": "1"})):
        assert_problem(quick(call), 503)
    whole.start("alarm_db", "alarm_redis")
    whole.healthy()
    assert_empty(whole.delete("alarm_svc", json={"item_id": "50"}), 200)

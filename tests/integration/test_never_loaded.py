"""First start with something absent (what was never loaded), and any order of start."""

import random

import pytest
import requests

from support.shop import Person, assert_empty, assert_problem, degraded, sample, settled
from support.stack import DOMAINS, PARTS, SERVICES
from support.wait import eventually, throughout

STORES = [f"{domain}_{kind}" for domain in DOMAINS for kind in ("db", "redis")]


def begin(stack, *absent):
    """Starts everything of a new stack but <absent>, and waits until what runs answers."""
    stack.start(*[name for name in PARTS if name not in absent])
    for service in SERVICES:
        if service not in absent:
            eventually(lambda: stack.request("GET", stack.admin(service), "/readyz").status_code == 200, 30, f"{service} is ready")


def flags_unknown(stack, *names):
    """The item list and one item are right but for the flags, which are null; Degraded names <names>, without age."""
    for path in ("/", "/50"):
        reply = stack.get("item_svc", path)
        assert reply.status_code == 200, reply.text
        assert degraded(reply) == {name: None for name in names}, reply.headers.get("Degraded")
        payload = reply.json()["payload"]
        rows = payload if path == "/" else [payload]
        assert {row["is_alarm_set"] for row in rows} == {None}
    assert stack.get("item_svc").json()["count"] == 50


def complete(stack, *absent):
    """Starts what was absent: everything becomes healthy by itself, and every answer right."""
    stack.start(*absent)
    stack.healthy()
    settled(stack)


def test_users_never_loaded(fresh):
    """users never loaded: lists 200 with null; alarm POST, list and DELETE 503; a missing token is always 401."""
    begin(fresh, "user_svc")

    def as_documented():
        flags_unknown(fresh, "users")
        assert_problem(fresh.get("alarm_svc"), 503)
        assert_problem(fresh.post("alarm_svc", json={"item_id": "50"}), 503)
        assert_problem(fresh.delete("alarm_svc", json={"item_id": "50"}), 503)
        for service in ("item_svc", "alarm_svc"):
            assert_problem(fresh.get(service, token=None), 401)
        assert fresh.get("item_svc", token="nobody").status_code == 200

    eventually(lambda: as_documented() is None, 20, "the row of the table")
    throughout(3, as_documented)
    complete(fresh, "user_svc")


def test_items_never_loaded(fresh):
    """items never loaded: alarm POST and list 503, visits 503; alarm DELETE never asks the items view."""
    begin(fresh, "item_svc")

    def as_documented():
        assert_problem(fresh.post("alarm_svc", json={"item_id": "50"}), 503)
        assert_problem(fresh.get("alarm_svc"), 503)
        assert_problem(fresh.get("user_svc", "/visit"), 503)
        assert_empty(fresh.delete("alarm_svc", json={"item_id": "50"}), 200)
        assert fresh.get("user_svc").json()["count"] == 10
        assert_problem(fresh.get("alarm_svc", token="nobody"), 401)

    eventually(lambda: as_documented() is None, 20, "the row of the table")
    throughout(3, as_documented)
    complete(fresh, "item_svc")


@pytest.mark.slow
def test_alarms_never_loaded(fresh):
    """alarms never loaded: is_alarm_set is null in the item list and in the visits."""
    begin(fresh, "alarm_svc")
    someone = Person(fresh, 9, fresh.sql("user", "SELECT access_token FROM user WHERE id = 9")[0][0])
    eventually(lambda: flags_unknown(fresh, "alarms") is None, 20, "null flags in the item list")
    someone.visit(5, 6)

    def visits_unknown():
        reply = someone.get("user_svc", "/visit")
        assert (reply.status_code, degraded(reply)) == (200, {"alarms": None})
        assert [(item["id"], item["is_alarm_set"]) for item in reply.json()["payload"]] == [(6, None), (5, None)]

    eventually(lambda: visits_unknown() is None, 20, "null flags in the visits")
    throughout(3, lambda: flags_unknown(fresh, "alarms") or visits_unknown())
    complete(fresh, "alarm_svc")


def test_kafka_never_there(fresh):
    """First start without Kafka: nothing of the neighbours is loaded, own data works; then all comes by itself."""
    begin(fresh, "kafka")

    def as_documented():
        flags_unknown(fresh, "alarms", "users")
        assert_problem(fresh.get("alarm_svc"), 503)
        assert_problem(fresh.post("alarm_svc", json={"item_id": "50"}), 503)
        assert_problem(fresh.get("user_svc", "/visit"), 503)
        reply = fresh.get("user_svc")
        assert (reply.status_code, reply.json()["count"], degraded(reply)) == (200, 10, {})
        assert_problem(fresh.get("user_svc", token="nobody"), 401)

    eventually(lambda: as_documented() is None, 20, "the column of the table")
    throughout(3, as_documented)
    fresh.get("item_svc", "/7")
    complete(fresh, "kafka")
    eventually(lambda: sample(fresh).visit_ids()[:1] == [7], 15, "the visit made without Kafka and users arrives")


def alone_answers(stack, service):
    """A service with nothing else there: it lives, says that it is not ready, and every call with a token is 503."""
    assert stack.request("GET", stack.admin(service), "/healthz").status_code == 200
    assert stack.request("GET", stack.admin(service), "/readyz").status_code == 503
    assert_problem(stack.get(service), 503)
    assert_problem(stack.get(service, token=None), 401)
    assert_problem(stack.get(service, "/a/b"), 404)


def test_services_alone_then_everything_else(fresh):
    """First start with everything absent but the services: they live and wait; then the rest is started."""
    fresh.start(*SERVICES)
    for service in SERVICES:
        eventually(lambda: alone_answers(fresh, service) is None, 10, f"{service} alone")
    throughout(2, lambda: [alone_answers(fresh, service) for service in SERVICES])
    complete(fresh, "kafka", *STORES)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow),
                                  pytest.param(4, marks=pytest.mark.slow)])
def test_any_order_of_start(whole, seed):
    """Everything killed, then started in any order: it comes back by itself."""
    whole.kill(*PARTS)
    for service in SERVICES:
        with pytest.raises(requests.ConnectionError):
            whole.get(service)
    order = list(PARTS)
    random.Random(seed).shuffle(order)
    for name in order:
        whole.start(name)
    whole.healthy()
    settled(whole)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [5, 6])
def test_any_order_of_first_start(fresh, seed):
    """The very first start, one part after the other in any order."""
    order = list(PARTS)
    random.Random(seed).shuffle(order)
    for name in order:
        fresh.start(name)
    fresh.healthy()
    settled(fresh)

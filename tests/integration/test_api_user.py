"""user_svc's API: the list of users and the recently visited items."""

import pytest

from support.shop import NEWS_S, GRACE_S, Truth, assert_empty, assert_problem, compact, new_person, remove_person
from support.wait import eventually

SHOWN_S = NEWS_S + GRACE_S


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_list_is_byte_for_byte_as_documented(shop, method):
    """GET and POST /: 200 `{"count":10,"payload":[{"id","name","access_token"}…]}`, id descending."""
    reply = shop.request(method, "user_svc")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].split(";")[0] == "application/json"
    assert "Degraded" not in reply.headers
    assert reply.content.startswith('{"count":10,"payload":[{"id":10,"name":"박규경",'
                                    '"access_token":"4a49145e-45a8-4845-af45-1af2a59bb044"},{"id":9,'.encode())
    assert reply.content == compact({"count": 10, "payload": Truth(shop).user_list()})


def test_post_with_any_body_is_the_list(shop):
    """The original document's curl line POSTs; its body means nothing."""
    assert shop.post("user_svc", data=b"whatever").json()["count"] == 10


def test_sample_tokens_are_distinct(shop):
    """The ten users have ids 1–10 and distinct tokens, each of which works at all three services."""
    users = shop.get("user_svc").json()["payload"]
    assert [user["id"] for user in users] == list(range(10, 0, -1))
    assert len({user["access_token"] for user in users}) == 10
    for user in users:
        for service in ("item_svc", "alarm_svc", "user_svc"):
            assert shop.get(service, token=user["access_token"]).status_code == 200


def test_pages(shop):
    """`?limit=` and `?before=` work on the users too; count stays the whole list's."""
    everything = Truth(shop).user_list()
    for query, expected in {"?limit=3": everything[:3], "?before=3": everything[-2:], "?limit=2&before=8": everything[3:5]}.items():
        assert shop.get("user_svc", "/" + query).content == compact({"count": 10, "payload": expected}), query
    for query in ("limit=0", "limit=1001", "before=x", "before=0"):
        assert_problem(shop.get("user_svc", f"/?{query}"), 400)


def test_no_visits_yet(shop, person):
    """A user who visited nothing gets an empty list."""
    assert person.get("user_svc", "/visit").content == b'{"count":0,"payload":[]}'


def test_last_three_latest_first(shop, person):
    """A,B,C,D,E,E gives E,D,C; byte for byte the items with is_alarm_set."""
    person.visit(11, 12, 13, 14, 15, 15)
    eventually(lambda: person.visit_ids() == [15, 14, 13], SHOWN_S, "E, D, C")
    person.set_alarm(14)
    by_id = {item["id"]: item for item in Truth(shop).items}
    expected = [{**by_id[number], "is_alarm_set": number == 14} for number in (15, 14, 13)]
    body = compact({"count": 3, "payload": expected})
    eventually(lambda: person.get("user_svc", "/visit").content == body, SHOWN_S, "the alarm shows in the visits")


def test_same_item_later_counts_again(shop, person):
    """A,B,A gives A,B,A: only visits in a row count once."""
    person.visit(21, 22, 21)
    eventually(lambda: person.visit_ids() == [21, 22, 21], SHOWN_S, "A, B, A")


def test_a_run_counts_once(shop, person):
    """The same item visited in a row counts once, however often."""
    person.visit(31, *[32] * 30, 33)
    eventually(lambda: person.visit_ids() == [33, 32, 31], SHOWN_S, "33, 32, 31")
    assert person.get("user_svc", "/visit").json()["count"] == 3


def test_fewer_than_three(shop, person):
    """count is the number listed."""
    person.visit(41)
    eventually(lambda: person.visit_ids() == [41], SHOWN_S, "one visit")
    assert person.get("user_svc", "/visit").json()["count"] == 1


def test_what_is_no_visit(shop, person):
    """HEAD, an unknown item, a bad id and the list record no visit."""
    person.visit(1)
    assert person.get("item_svc").status_code == 200
    assert shop.request("HEAD", "item_svc", "/2", person.token).status_code == 200
    assert_empty(person.get("item_svc", "/99999"), 404)
    assert person.get("item_svc", "/03").status_code == 400
    person.visit(4)
    eventually(lambda: person.visit_ids()[:1] == [4], SHOWN_S, "the last visit arrived")
    assert person.visit_ids() == [4, 1]


def test_visits_are_each_users_own(shop, person):
    """One user's visits do not show in another's list."""
    other = new_person(shop)
    try:
        person.visit(5)
        other.visit(6)
        eventually(lambda: person.visit_ids() == [5] and other.visit_ids() == [6], SHOWN_S, "each their own")
    finally:
        remove_person(other)


def test_deleted_items_are_skipped_before_runs_are_collapsed(shop, person, items):
    """Items deleted are skipped, then runs collapsed, and the list stays full."""
    gone = items()
    person.visit(1, 2, 3, 4, gone, 4)
    eventually(lambda: person.visit_ids() == [4, gone, 4], SHOWN_S, "all arrived")
    shop.sql("item", f"DELETE FROM item WHERE id = {gone}")
    eventually(lambda: person.visit_ids() == [4, 3, 2], SHOWN_S, "4 once, and the list is full again")


def test_pages_do_not_apply_to_visits(shop, person):
    """In /visit neither limit nor before applies."""
    person.visit(7, 8, 9)
    eventually(lambda: person.visit_ids() == [9, 8, 7], SHOWN_S, "all arrived")
    document = person.get("user_svc", "/visit?limit=1&before=8").json()
    assert (document["count"], [item["id"] for item in document["payload"]]) == (3, [9, 8, 7])


def test_visits_are_stored_once(shop, person):
    """Every visit is stored exactly once, in the order in which it was made."""
    made = [number % 50 + 1 for number in range(60)]
    person.visit(*made)
    eventually(lambda: person.visit_ids() == made[-1:-4:-1], SHOWN_S, "the last three")
    stored = shop.sql("user", f"SELECT item_id FROM visit WHERE user_id = {person.id} ORDER BY visited_us, event_id")
    assert [int(row[0]) for row in stored] == made[-len(stored):]
    assert len(stored) >= 20, "the last 20 runs of each user are kept"


def test_other_methods_and_paths(shop):
    """405 with Allow; /visit/ and every other path are 404 problem documents."""
    for path, allowed in {"/": {"GET", "HEAD", "POST"}, "/visit": {"GET", "HEAD"}}.items():
        for method in ("PUT", "DELETE") + (("POST",) if path == "/visit" else ()):
            reply = shop.request(method, "user_svc", path)
            assert_problem(reply, 405)
            assert {word.strip() for word in reply.headers["Allow"].split(",")} == allowed
    for path in ("/visit/", "/visit/1", "/visits", "/x", "/1/2", "/Visit"):
        assert_problem(shop.get("user_svc", path), 404)

"""item_svc's API: the list, one item, pages and ids."""

import pytest
import requests

from support.shop import NEWS_S, GRACE_S, Truth, assert_empty, assert_problem, compact, sample
from support.stack import SAMPLE_TOKEN
from support.wait import eventually

FIRST = ('{"count":50,"payload":[{"id":50,"name":"[역대최다-13종]17WINTER 레그미인","broadcaster":"cjmall",'
         '"category":"패션·잡화","price":78900,"is_alarm_set":false},').encode()

BAD_IDS = ["050", "5.0", "+5", "%2B5", "-5", "1e2", "0", "00", "2147483648", "4294967297", "18446744073709551617",
           "12345678901234567890", "0x10", "5a", "a5", "abc", "%20", "5%20", "%205", "1,000", "٥", "５", "5;a=b", "NaN", "*"]


def test_list_is_byte_for_byte_as_documented(shop):
    """`{"count":50,"payload":[{"id","name","broadcaster","category","price","is_alarm_set"}…]}`, id descending."""
    reply = shop.get("item_svc")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].split(";")[0] == "application/json"
    assert "Degraded" not in reply.headers
    assert reply.content.startswith(FIRST)
    expected = Truth(shop).item_list(10)
    assert reply.content == compact({"count": 50, "payload": expected})
    assert [item["id"] for item in expected] == list(range(50, 0, -1))


def test_detail_is_byte_for_byte_as_documented(shop):
    """`GET /{item_id}`: 200 `{"payload":{…same fields…}}`."""
    for item in Truth(shop).item_list(10)[:7]:
        reply = shop.get("item_svc", f"/{item['id']}")
        assert (reply.status_code, reply.content) == (200, compact({"payload": item}))
        assert reply.headers["Content-Type"].split(";")[0] == "application/json"


def test_flags_are_those_of_the_asking_user(shop):
    """`is_alarm_set` says whether the asking user has an alarm on the item, for each of the ten users."""
    truth = Truth(shop)
    assert sum(len(mine) for mine in truth.alarms.values()) > 0, "the sample data holds alarms"
    assert truth.wrong(("item_svc",)) == []


def test_text_is_escaped_no_more_than_needed(shop, items):
    """Bodies are UTF-8 JSON and nothing is escaped that need not be."""
    name = 'a/b "c" \\d <e>&\' 😀 né \u2028 ¥'
    item_id = items(name=name, price=2147483647)
    reply = shop.get("item_svc", f"/{item_id}")
    expected = {"id": item_id, "name": name, "broadcaster": "testmall", "category": "시험", "price": 2147483647,
                "is_alarm_set": False}
    assert reply.content == compact({"payload": expected})


def test_control_characters_in_text_stay_valid_json(shop, items):
    """A name with line ends and control characters is still one JSON string with the same value."""
    name = "tab\tline\nreturn\rbell\x07unit\x1fdel\x7f"
    item_id = items(name=name)
    assert shop.get("item_svc", f"/{item_id}").json()["payload"]["name"] == name


def test_unknown_item_is_an_empty_404(shop):
    """`GET /{item_id}` of no item: 404 `{}`."""
    for item_id in (51, 999999, 2147483647):
        assert_empty(shop.get("item_svc", f"/{item_id}"), 404)


@pytest.mark.parametrize("text", BAD_IDS)
def test_anything_but_plain_digits_is_400(shop, text):
    """Ids are decimal digits, 1 to 2147483647, no sign, no leading zero; anything else is 400."""
    assert_problem(shop.get("item_svc", f"/{text}"), 400)


@pytest.mark.parametrize("path", ["/50/", "/50/x", "/a/b", "/visit/3", "//50", "/50//"])
def test_more_segments_are_404(shop, path):
    """More segments than one: a 404 problem document."""
    with requests.Session() as session:
        request = requests.Request("GET", shop.url("item_svc") + "/", headers={"USER-TOKEN": SAMPLE_TOKEN}).prepare()
        request.url = shop.url("item_svc") + path
        assert_problem(session.send(request, timeout=5), 404)


def test_pages(shop):
    """`?limit=` and `?before=` give a part; `count` stays the whole list's."""
    everything = Truth(shop).item_list(10)
    cases = {"?limit=1": everything[:1], "?limit=7": everything[:7], "?limit=1000": everything, "?before=50": everything[1:],
             "?before=3": everything[-2:], "?before=1": [], "?before=2147483647": everything,
             "?limit=5&before=31": everything[20:25], "?before=31&limit=5": everything[20:25], "?": everything}
    for query, expected in cases.items():
        reply = shop.get("item_svc", "/" + query)
        assert reply.content == compact({"count": 50, "payload": expected}), query


def test_walking_the_pages_gives_the_list(shop):
    """Following `before` from page to page gives every item once."""
    walked, before = [], ""
    while True:
        page = shop.get("item_svc", f"/?limit=8{before}").json()["payload"]
        if not page:
            break
        walked += page
        before = f"&before={page[-1]['id']}"
    assert walked == Truth(shop).item_list(10)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=-1", "limit=abc", "limit=", "limit=05", "limit=1.5", "limit=1e2",
                                   "before=0", "before=-1", "before=050", "before=x", "before=", "before=2147483648",
                                   "limit=99999999999999999999", "limit=5&before=a"])
def test_bad_pages_are_400(shop, query):
    """limit is 1–1000 and before an id; anything else is 400."""
    assert_problem(shop.get("item_svc", f"/?{query}"), 400)


def test_post_to_the_items_is_405_and_changes_nothing(shop):
    """item_svc's API only reads: other methods are 405 with Allow."""
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        for path in ("/", "/50"):
            reply = shop.request(method, "item_svc", path, json={"id": 1})
            assert_problem(reply, 405)
            assert {word.strip() for word in reply.headers["Allow"].split(",")} == {"GET", "HEAD"}
    assert Truth(shop).wrong(("item_svc",)) == []


def test_shared_token_means_the_lowest_user(shop, person, items):
    """The caller of a token that several users share is the lowest id."""
    item_id = items()
    shop.sql("user", f"INSERT INTO user (id, name, access_token) VALUES (900, '공유', '{person.token}')")
    try:
        shop.sql("alarm", f"INSERT INTO alarm (item_id, user_id) VALUES ({item_id}, 900)")
        eventually(lambda: person.flags()[item_id] is True, NEWS_S + GRACE_S, "user 900's alarm shows for the shared token")
    finally:
        shop.sql("alarm", "DELETE FROM alarm WHERE user_id = 900")
        shop.sql("user", "DELETE FROM user WHERE id = 900")
    eventually(lambda: person.flags()[item_id] is False, NEWS_S + GRACE_S, "the token is the person's own again")


def test_new_items_come_first_and_are_counted(shop, items):
    """The list is by id descending, whatever the order of insertion; count follows."""
    first, second = items(), items()
    document = sample(shop).get("item_svc").json()
    assert document["count"] == 52
    assert [item["id"] for item in document["payload"][:3]] == [second, first, 50]

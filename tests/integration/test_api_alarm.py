"""alarm_svc's API: setting, listing and removing alarms; what a body may be."""

import json

import pytest

from support.shop import NEWS_S, GRACE_S, Truth, assert_empty, assert_problem, compact, visible_everywhere
from support.wait import eventually

BAD_IDS = ["050", "5.0", "+5", "-5", "1e2", "0", "", " 50", "50 ", "2147483648", "12345678901234567890", "abc", "５０"]
BAD_VALUES = ['5.0', '50.5', '5e1', '-5', '0', '2147483648', '99999999999999999999', 'true', 'false', 'null', '[]', '[50]', '{}',
              '{"id":50}', '""'] + [json.dumps(text, ensure_ascii=False) for text in BAD_IDS]
BAD_BODIES = {"empty": b"", "blank": b"  ", "no JSON": b"item_id=50", "cut": b'{"item_id":"50"', "single quotes": b"{'item_id':'50'}",
              "trailing comma": b'{"item_id":"50",}', "more behind": b'{"item_id":"50"} x', "two values": b'{"item_id":"50"}{}',
              "array": b'["50"]', "string": b'"50"', "number": b"50", "null": b"null", "no member": b"{}",
              "other member": b'{"id":"50"}', "wrong case": b'{"ITEM_ID":"50"}', "comment": b'{"item_id":"50"/**/}',
              "bad UTF-8": b'{"x":"\xff\xfe","item_id":"50"}', "bad UTF-8 in id": b'{"item_id":"5\xff"}',
              "bad UTF-8 in key": b'{"\xc3(":1,"item_id":"50"}', "NUL": b'{"item_id":"50\x00"}',
              "raw line end in text": b'{"item_id":"5\n0"}', "deep": b'{"x":' + b"[" * 2000 + b"]" * 2000 + b',"item_id":"50"}',
              "only opening": b"[" * 5000, "NaN": b'{"item_id":NaN}', "hex": b'{"item_id":0x32}', "leading zero": b'{"item_id":050}'}


@pytest.mark.parametrize("given", ["50", 50], ids=["string", "number"])
def test_setting_an_alarm(shop, person, given):
    """POST `{"item_id":"50"}`: 201 `{}`; item_id is accepted as string or number; right after it the list has it."""
    assert_empty(shop.post("alarm_svc", token=person.token, json={"item_id": given}), 201)
    item = next(item for item in Truth(shop).items if item["id"] == 50)
    reply = person.get("alarm_svc")
    assert reply.content == compact({"count": 1, "payload": [{**item, "is_alarm_set": True}]})
    assert reply.headers["Content-Type"].split(";")[0] == "application/json"
    assert "Degraded" not in reply.headers


def test_the_item_list_shows_it(shop, person):
    """An alarm set by POST shows in the item list and in one item within a second; so does its removal."""
    person.set_alarm(50)
    eventually(lambda: person.flagged() == {50}, NEWS_S + GRACE_S, "the item list shows the alarm")
    assert person.get("item_svc", "/50").json()["payload"]["is_alarm_set"] is True
    assert_empty(person.unset_alarm(50), 200)
    eventually(lambda: person.flagged() == set(), NEWS_S + GRACE_S, "the item list shows the removal")


def test_again_is_still_one_alarm(shop, person):
    """A repeated POST is still 201 and still one alarm, with the time of the first."""
    query = f"SELECT COUNT(*), MIN(id), MIN(created) FROM alarm WHERE user_id = {person.id}"
    person.set_alarm(49)
    before = shop.sql("alarm", query)
    for _ in range(5):
        assert_empty(person.set_alarm(49), 201)
    assert shop.sql("alarm", query) == before
    assert before[0][0] == "1"
    assert person.alarm_ids() == [49]


def test_removing_again_is_still_200(shop, person):
    """DELETE: 200 `{}`; again, or any valid id: still 200."""
    person.set_alarm(48)
    for item_id in (48, 48, 47, 2147483647):
        assert_empty(person.unset_alarm(item_id), 200)
    assert_empty(shop.delete("alarm_svc", token=person.token, json={"item_id": 48}), 200)
    assert person.alarm_ids() == []


def test_own_writes_are_read_at_once(shop, person):
    """Right after one's own POST it is in the alarm list, right after DELETE it is not: 100 times without waiting."""
    for turn in range(50):
        item_id = turn % 50 + 1
        assert person.set_alarm(item_id).status_code == 201
        assert person.alarm_ids() == [item_id]
        assert person.unset_alarm(item_id).status_code == 200
        assert person.alarm_ids() == []


def test_list_is_by_item_id_descending(shop, person):
    """The alarm list is by item id descending, whatever the order in which alarms were set; pages keep count."""
    for item_id in (7, 31, 3, 50, 12):
        person.set_alarm(item_id)
    assert person.alarm_ids() == [50, 31, 12, 7, 3]
    for query, ids in {"?limit=2": [50, 31], "?before=31": [12, 7, 3], "?limit=1&before=12": [7], "?before=3": []}.items():
        document = person.get("alarm_svc", "/" + query).json()
        assert (document["count"], [item["id"] for item in document["payload"]]) == (5, ids), query


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "before=0", "before=07"])
def test_bad_pages_are_400(shop, query):
    """limit is 1–1000 and before an id; anything else is 400."""
    assert_problem(shop.get("alarm_svc", f"/?{query}"), 400)


def test_alarms_of_others_are_not_mine(shop):
    """The list holds the alarms of the asking user, for each of the ten sample users."""
    assert Truth(shop).wrong(("alarm_svc",)) == []


def test_unknown_item_is_an_empty_404(shop, person):
    """POST for an unknown item: 404 `{}`, and nothing is stored."""
    for item_id in (51, 999999, 2147483647):
        assert_empty(person.set_alarm(item_id), 404)
    assert shop.sql("alarm", f"SELECT * FROM alarm WHERE user_id = {person.id}") == []


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("value", BAD_VALUES)
def test_bad_ids_are_400(shop, person, method, value):
    """item_id must be digits, 1 to 2147483647, as string or number; anything else is 400."""
    body = f'{{"item_id":{value}}}'.encode()
    assert_problem(shop.request(method, "alarm_svc", token=person.token, data=body), 400)
    assert person.alarm_ids() == []


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("name", BAD_BODIES)
def test_bad_bodies_are_400(shop, person, method, name):
    """A body that is no JSON object with an item_id is 400 and changes nothing."""
    assert_problem(shop.request(method, "alarm_svc", token=person.token, data=BAD_BODIES[name]), 400)
    assert person.alarm_ids() == []


def test_duplicate_members_never_set_two_alarms(shop, person):
    """Of duplicate members one counts, or the body is refused: never two alarms, never an error of ours."""
    reply = shop.post("alarm_svc", token=person.token, data=b'{"item_id":"41","item_id":"42"}')
    assert reply.status_code in (201, 400)
    assert person.alarm_ids() == ([42] if reply.status_code == 201 else [])


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "nonsense", "application/json"])
def test_content_type_is_not_checked(shop, person, content_type):
    """A request's Content-Type is not checked: curl -d works as it is."""
    headers = {"Content-Type": content_type} if content_type else {}
    assert_empty(shop.post("alarm_svc", token=person.token, data=b' {"item_id" : "50"}\r\n', headers=headers), 201)
    assert person.alarm_ids() == [50]


def test_deleted_item_is_neither_listed_nor_counted(shop, person, items):
    """An alarm on an item that no longer exists is neither listed nor counted; when the item is back, it is again."""
    item_id = items()
    visible_everywhere(person, item_id)
    person.set_alarm(item_id)
    person.set_alarm(33)
    row = shop.sql("item", f"SELECT name, broadcaster, category, price FROM item WHERE id = {item_id}")[0]
    shop.sql("item", f"DELETE FROM item WHERE id = {item_id}")
    eventually(lambda: person.alarm_ids() == [33], NEWS_S + GRACE_S, "the alarm on the deleted item is gone")
    assert person.get("alarm_svc").json()["count"] == 1
    assert person.get("alarm_svc", "/?limit=1").json()["payload"][0]["id"] == 33
    assert_empty(person.set_alarm(item_id), 404)
    assert item_id not in person.flags()
    shop.sql("item", "INSERT INTO item (id, name, broadcaster, category, price) VALUES "
                     f"({item_id}, '{row[0]}', '{row[1]}', '{row[2]}', {row[3]})")
    eventually(lambda: person.alarm_ids() == [item_id, 33], NEWS_S + GRACE_S, "the alarm shows again")


def test_other_methods_and_paths(shop):
    """405 with Allow for methods that the list does not have; every other path is a 404 problem document."""
    for method in ("PUT", "PATCH"):
        reply = shop.request(method, "alarm_svc", json={"item_id": "50"})
        assert_problem(reply, 405)
        assert {word.strip() for word in reply.headers["Allow"].split(",")} == {"GET", "HEAD", "POST", "DELETE"}
    for path in ("/x", "/alarms", "/1/2", "/visit"):
        assert_problem(shop.get("alarm_svc", path), 404)

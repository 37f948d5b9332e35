"""A change made by hand in SQL is shared exactly like one made by a service."""

import uuid

import pytest

from support.shop import GRACE_S, NEWS_S, Person, Truth, new_person, remove_person, visible_everywhere
from support.wait import eventually

SEEN_S = NEWS_S + GRACE_S
BULK_S = 30


def seen(condition, why):
    return eventually(condition, SEEN_S, why)


def test_insert_update_delete_of_alarms(shop, person):
    """Inserted, key-changed and deleted alarms show at item_svc and user_svc."""
    person.visit(21, 22, 23)
    seen(lambda: person.visit_ids() == [23, 22, 21], "the visits arrived")
    shop.sql("alarm", f"INSERT INTO alarm (item_id, user_id) VALUES (21, {person.id}), (22, {person.id})")
    seen(lambda: person.flagged() == {21, 22} == person.flagged_visits(), "both inserted")
    shop.sql("alarm", f"UPDATE alarm SET item_id = 23 WHERE user_id = {person.id} AND item_id = 21")
    seen(lambda: person.flagged() == {22, 23} == person.flagged_visits(), "item_id changed: old flag gone, new one there")
    shop.sql("alarm", f"DELETE FROM alarm WHERE user_id = {person.id} AND item_id = 22")
    seen(lambda: person.flagged() == {23} == person.flagged_visits(), "one deleted")
    assert person.alarm_ids() == [23]


def test_alarm_handed_to_another_user(shop, person):
    """An UPDATE of an alarm's user_id takes the flag from one user and gives it to the other."""
    other = new_person(shop)
    try:
        shop.sql("alarm", f"INSERT INTO alarm (item_id, user_id) VALUES (31, {person.id})")
        seen(lambda: person.flagged() == {31}, "set")
        shop.sql("alarm", f"UPDATE alarm SET user_id = {other.id} WHERE user_id = {person.id}")
        seen(lambda: (person.flagged(), other.flagged()) == (set(), {31}), "handed over")
    finally:
        remove_person(other)


def test_replace_and_upsert(shop, person):
    """REPLACE and INSERT … ON DUPLICATE KEY UPDATE of one alarm leave one alarm that is seen."""
    for text in ("INSERT INTO alarm (item_id, user_id) VALUES (41, {0})", "REPLACE INTO alarm (item_id, user_id) VALUES (41, {0})",
                 "INSERT IGNORE INTO alarm (item_id, user_id) VALUES (41, {0}), (42, {0})",
                 "INSERT INTO alarm (item_id, user_id) VALUES (41, {0}) ON DUPLICATE KEY UPDATE created = NOW()"):
        shop.sql("alarm", text.format(person.id))
    seen(lambda: person.flagged() == {41, 42}, "both set")
    assert person.alarm_ids() == [42, 41]


def test_rolled_back_changes_are_never_seen(shop, person):
    """A transaction that is rolled back leaves nothing; what is committed after it is seen."""
    connection = shop.mysql("alarm")
    connection.begin()
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO alarm (item_id, user_id) VALUES (1, {person.id})")
        shop.sql("alarm", f"INSERT INTO alarm (item_id, user_id) VALUES (2, {person.id})")
        seen(lambda: person.flagged() == {2}, "only the committed one")
        connection.rollback()
    shop.sql("alarm", f"INSERT INTO alarm (item_id, user_id) VALUES (3, {person.id})")
    seen(lambda: person.flagged() == {2, 3}, "only committed ones")
    connection.close()


def test_late_commit_is_seen(shop, person):
    """A row whose id was handed out early and committed late is not lost."""
    connection = shop.mysql("alarm")
    connection.begin()
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO alarm (item_id, user_id) VALUES (1, {person.id})")
        for item_id in range(2, 30):
            shop.sql("alarm", f"INSERT INTO alarm (item_id, user_id) VALUES ({item_id}, {person.id})")
        seen(lambda: person.flagged() == set(range(2, 30)), "the later ones, committed first")
    connection.commit()
    connection.close()
    seen(lambda: person.flagged() == set(range(1, 30)), "the late one")


def test_items_renamed_created_and_deleted(shop, person, items):
    """A renamed item shows its new name in the alarm list and in the visits; a deleted one leaves both."""
    item_id = items(name="처음 이름")
    visible_everywhere(person, item_id)
    person.set_alarm(item_id)
    person.visit(item_id)

    def names():
        return tuple([item["name"] for item in person.payload(service, path)]
                     for service, path in (("alarm_svc", "/"), ("user_svc", "/visit")))

    seen(lambda: names() == (["처음 이름"], ["처음 이름"]), "the first name")
    shop.sql("item", f"UPDATE item SET name = '둘째 이름', price = price + 1 WHERE id = {item_id}")
    seen(lambda: names() == (["둘째 이름"], ["둘째 이름"]), "the second name")
    assert person.payload("alarm_svc")[0]["price"] == person.payload("user_svc", "/visit")[0]["price"] == 1001
    shop.sql("item", f"DELETE FROM item WHERE id = {item_id}")
    seen(lambda: names() == ([], []), "the item is gone")


def test_item_id_changed(shop, person, items):
    """An item whose id is changed leaves under the old id and comes under the new one."""
    old = items()
    new = old + 500000
    visible_everywhere(person, old)
    try:
        shop.sql("item", f"UPDATE item SET id = {new} WHERE id = {old}")
        seen(lambda: person.set_alarm(new).status_code == 201, "the new id is known")
        seen(lambda: person.set_alarm(old).status_code == 404, "the old id is unknown")
        assert person.alarm_ids() == [new]
    finally:
        shop.sql("item", f"DELETE FROM item WHERE id = {new}")


def accepted_as(shop, token, service="item_svc"):
    return shop.get(service, token=token).status_code == 200


def test_token_rotated(shop, person):
    """A rotated token: the new one works and the old one is 401, at all services."""
    old, new = person.token, str(uuid.uuid4())
    shop.sql("alarm", f"INSERT INTO alarm (item_id, user_id) VALUES (9, {person.id})")
    shop.sql("user", f"UPDATE user SET access_token = '{new}' WHERE id = {person.id}")
    for service in ("item_svc", "alarm_svc", "user_svc"):
        seen(lambda: accepted_as(shop, new, service) and shop.get(service, token=old).status_code == 401, f"rotated at {service}")
    seen(lambda: Person(shop, person.id, new).flagged() == {9}, "still the same user")


def test_tokens_swapped(shop, person):
    """Two users who swap tokens swap what they see."""
    other = new_person(shop)
    try:
        shop.sql("alarm", f"INSERT INTO alarm (item_id, user_id) VALUES (5, {person.id}), (6, {other.id})")
        seen(lambda: (person.flagged(), other.flagged()) == ({5}, {6}), "each their own")
        shop.sql("user", f"UPDATE user SET access_token = IF(id = {person.id}, '{other.token}', '{person.token}') "
                         f"WHERE id IN ({person.id}, {other.id})")
        seen(lambda: (person.flagged(), other.flagged()) == ({6}, {5}), "swapped at item_svc")
        seen(lambda: (person.alarm_ids(), other.alarm_ids()) == ([6], [5]), "swapped at alarm_svc")
    finally:
        remove_person(other)


def test_shared_token_is_the_lowest_user(shop, person):
    """Of several users with one token the caller is the lowest id; when that one goes it is the next."""
    second = new_person(shop)
    try:
        shop.sql("alarm", f"INSERT INTO alarm (item_id, user_id) VALUES (7, {person.id}), (8, {second.id})")
        shop.sql("user", f"UPDATE user SET access_token = '{second.token}' WHERE id = {person.id}")
        seen(lambda: second.flagged() == {7} and second.alarm_ids() == [7], "the lower id")
        seen(lambda: shop.get("item_svc", token=person.token).status_code == 401, "nobody has the other token")
        shop.sql("user", f"DELETE FROM user WHERE id = {person.id}")
        seen(lambda: second.flagged() == {8} and second.alarm_ids() == [8], "the next one")
    finally:
        remove_person(second)


def test_user_deleted(shop):
    """A deleted user's token is 401 everywhere."""
    gone = new_person(shop)
    remove_person(gone)
    for service in ("item_svc", "alarm_svc", "user_svc"):
        seen(lambda: shop.get(service, token=gone.token).status_code == 401, f"unknown at {service}")


def test_user_id_changed(shop, person):
    """A user whose id is changed is, under the same token, the new user."""
    new = person.id + 500000
    shop.sql("alarm", f"INSERT INTO alarm (item_id, user_id) VALUES (17, {person.id}), (18, {new})")
    shop.sql("user", f"UPDATE user SET id = {new} WHERE id = {person.id}")
    try:
        seen(lambda: person.flagged() == {18} and person.alarm_ids() == [18], "the alarms of the new id")
    finally:
        shop.sql("user", f"DELETE FROM user WHERE id = {new}")
        shop.sql("alarm", f"DELETE FROM alarm WHERE user_id = {new}")


def bulk_users(shop, count):
    """Adds <count> users in one statement; returns every fiftieth of them."""
    first = 200001
    values = ",".join(f"({number}, '대량', 'bulk-{number}')" for number in range(first, first + count))
    shop.script("user", f"INSERT INTO user (id, name, access_token) VALUES {values};")
    return [Person(shop, number, f"bulk-{number}") for number in (*range(first, first + count, 50), first + count - 1)]


BULK_ONE_STATEMENT = "INSERT INTO alarm (item_id, user_id) VALUES {};"


def bulk_text(way, count):
    """SQL that sets 50 alarms for each of <count> users, in one statement or in one transaction of many."""
    rows = [[f"({item},{user})" for item in range(1, 51)] for user in range(200001, 200001 + count)]
    if way == "statement":
        return BULK_ONE_STATEMENT.format(",".join(value for values in rows for value in values))
    return "START TRANSACTION;\n" + "\n".join(BULK_ONE_STATEMENT.format(",".join(values)) for values in rows) + "\nCOMMIT;"


@pytest.mark.parametrize("way", ["statement", pytest.param("transaction", marks=pytest.mark.slow)])
def test_bulk_load_of_100000_alarms(whole, way):
    """100,000 alarms loaded at once, and deleted at once, are seen everywhere within 30 s; others' news is not lost."""
    shop, count = whole, 2000
    bystander = new_person(shop)
    watched = bulk_users(shop, count)
    try:
        shop.script("alarm", bulk_text(way, count))
        bystander.set_alarm(50)
        every = set(range(1, 51))
        eventually(lambda: all(person.flagged() == every for person in watched), BULK_S, "all set at item_svc")
        assert all(len(person.alarm_ids()) == 50 for person in watched)
        eventually(lambda: bystander.flagged() == {50}, BULK_S, "the bystander's own alarm")
        shop.sql("alarm", "DELETE FROM alarm WHERE user_id > 200000")
        eventually(lambda: not any(person.flagged() for person in watched), BULK_S, "all removed at item_svc")
        eventually(lambda: shop.sql("alarm", "SELECT COUNT(*) FROM outbox WHERE aggregateid LIKE '2%'") == [["0"]], BULK_S * 2,
                   "delivered rows leave the outbox")
    finally:
        shop.sql("alarm", "DELETE FROM alarm WHERE user_id > 200000")
        shop.sql("user", "DELETE FROM user WHERE id > 200000")
        remove_person(bystander)
    Truth(shop).assert_right(("alarm_svc",))


def test_many_writers_end_where_the_table_ends(shop, person):
    """HTTP writes and SQL writes to the same alarms, mixed: the neighbours end with what the table holds."""
    for turn in range(60):
        item_id = turn % 4 + 1
        if turn % 3:
            person.set_alarm(item_id)
        else:
            person.unset_alarm(item_id)
        if turn % 5 == 0:
            shop.sql("alarm", f"DELETE FROM alarm WHERE user_id = {person.id} AND item_id = {item_id}")
    rows = shop.sql("alarm", f"SELECT item_id FROM alarm WHERE user_id = {person.id}")
    expected = {int(row[0]) for row in rows}
    seen(lambda: person.flagged() == expected, "the flags are the table's")

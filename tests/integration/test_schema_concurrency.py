"""Versions under concurrency: for each key the order of outbox ids is the order in which changes were committed.

The relay publishes the highest version of a key and readers keep it, so an outbox whose last row of a key
differs from the table would leave the neighbours wrong for good. The statements here are those of the services.
"""

import json
import random
import threading
import time

import pymysql
import pytest

from support.schema import DEADLOCK, DUPLICATE_KEY, LOCK_TIMEOUT, make_all, remove_all

WRITERS = 8
ROUNDS = 80
USERS, ITEMS = (1, 2, 3), (1, 2, 3, 4)
PASSING = {DEADLOCK, LOCK_TIMEOUT, DUPLICATE_KEY}

SET = ("INSERT INTO alarm (user_id, item_id, created) VALUES (%s, %s, UTC_TIMESTAMP(6))"
       " ON DUPLICATE KEY UPDATE created = created")
# Why the key: test_generated_ids_may_collide.
WRITTEN = "SELECT id FROM outbox WHERE id = @outbox_id AND aggregateid = %s"
UNSET = "DELETE FROM alarm WHERE user_id = %s AND item_id = %s"
TOMBSTONE = ("INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created)"
             " VALUES ('alarm', %s, 'deleted', NULL, UTC_TIMESTAMP(6))")
CHUNK_READ = ("SELECT id, item_id, user_id, DATE_FORMAT(created, '%%Y-%%m-%%dT%%H:%%i:%%s.%%fZ') FROM alarm"
              " WHERE id > %s ORDER BY id LIMIT 100 LOCK IN SHARE MODE")
CHUNK_WRITE = "INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created) VALUES "
CHUNK_ROW = "('alarm', %s, 'changed', %s, UTC_TIMESTAMP(6))"


@pytest.fixture(scope="module")
def schemas(stack):
    made = make_all(stack)
    yield made
    remove_all(made)


def side_by_side(schema, *tasks):
    """Runs task(session, random) of each of <tasks> in a thread of its own, all at once; returns their results."""
    sessions = [schema.connect() for _ in tasks]
    gate, results, errors = threading.Barrier(len(tasks)), [None] * len(tasks), []

    def run(number):
        session = sessions[number]
        try:
            session("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            session("SET SESSION innodb_lock_wait_timeout = 5")
            gate.wait(20)
            results[number] = tasks[number](session, random.Random(number))
        except Exception as error:    # a thread's failure is the test's failure
            errors.append(error)
            gate.abort()
            session.connection.close()    # and with it the locks that the others wait for

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(len(tasks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads), "a writer hangs"
    assert not errors, errors
    return results


def attempt(session, work):
    """Calls <work> in a transaction; after a deadlock again, a little later each time.

    Returns what <work> returned, or None when it met a duplicate key.
    """
    for number in range(100):
        session.connection.begin()
        try:
            result = work()
            session.connection.commit()
            return result
        except pymysql.MySQLError as error:
            session.connection.rollback()
            if error.args[0] not in PASSING:
                raise
            if error.args[0] == DUPLICATE_KEY:
                return None
        except Again:
            session.connection.rollback()
        time.sleep(random.uniform(0, 0.001 * min(number, 20)))    # two that meet again and again must part
    raise AssertionError("100 deadlocks in a row")


# --- the alarm service's writes ------------------------------------------------------------------

class Again(Exception):
    """The transaction wrote something else than it was meant to: roll it back and try it again."""


def set_alarm(session, user, item):
    """Returns the version, key and state that the service would report."""
    session(SET, user, item)
    written = session(WRITTEN, f"{user}:{item}")
    if not written:
        raise Again
    return written[0][0], f"{user}:{item}", "changed"


def unset_alarm(session, user, item):
    session(UNSET, user, item)
    if session.affected:
        return session.version(), f"{user}:{item}", "deleted"
    session(TOMBSTONE, f"{user}:{item}")
    return session.one("SELECT LAST_INSERT_ID()"), f"{user}:{item}", "deleted"


# --- writes of others ----------------------------------------------------------------------------

def insert_ignore(session, user, item):
    session("INSERT IGNORE INTO alarm (item_id, user_id) VALUES (%s, %s)", item, user)


def replace(session, user, item):
    session("REPLACE INTO alarm (item_id, user_id) VALUES (%s, %s)", item, user)


def move(session, user, item):
    session("UPDATE alarm SET item_id = %s WHERE user_id = %s AND item_id = %s", item % len(ITEMS) + 1, user, item)


def delete_user(session, user, _):
    session("DELETE FROM alarm WHERE user_id = %s", user)


def touch_all(session, _, __):
    session("UPDATE alarm SET created = created")


def upsert_all(session, user, _):
    session("INSERT INTO alarm (item_id, user_id) VALUES " + ",".join(f"({item},{user})" for item in ITEMS)
            + " ON DUPLICATE KEY UPDATE created = created")


def insert_select(session, user, _):
    session("INSERT IGNORE INTO alarm (item_id, user_id)"
            " SELECT item_id, %s FROM (SELECT DISTINCT item_id FROM alarm) AS items", user)


def snapshot(session):
    """One round over the table in chunks, as the relay makes it."""
    last, rows = 0, True
    while rows:
        def chunk():
            found = session(CHUNK_READ, last)
            values = [value for number, item, user, created in found for value in
                      (f"{user}:{item}", json.dumps({"id": number, "item_id": item, "user_id": user,
                                                     "created": created}))]
            if found:
                session(CHUNK_WRITE + ",".join([CHUNK_ROW] * len(found)), *values)
            return found

        rows = attempt(session, chunk)
        last = rows[-1][0] if rows else last


def assert_last_rows_are_the_table(session):
    """The newest outbox row of every key says what the table says."""
    newest = {key: (kind, payload) for _, key, kind, payload in session.since(0)}
    table = {f"{user}:{item}": (number, item, user) for number, item, user in
             session("SELECT id, item_id, user_id FROM alarm")}
    said = {key: (payload["id"], payload["item_id"], payload["user_id"])
            for key, (kind, payload) in newest.items() if kind == "changed"}
    assert said == table


OTHERS = (insert_ignore, replace, move, delete_user, touch_all, upsert_all, insert_select)


@pytest.mark.parametrize("others", [(), OTHERS], ids=["service", "service and others"])
def test_the_newest_version_of_each_key_is_its_final_state(schemas, others):
    schema = schemas["alarm"].reset()
    admin = schema.connect()
    admin("DELETE FROM alarm")
    admin("DELETE FROM outbox")
    actions = (set_alarm, unset_alarm) * (3 if others else 1) + others
    done = threading.Event()

    def writer(session, choose):
        learned = []
        for _ in range(ROUNDS):
            action, key = choose.choice(actions), (choose.choice(USERS), choose.choice(ITEMS))
            learned.append(attempt(session, lambda: action(session, *key)))
        return [entry for entry in learned if entry]

    def rounds(session, _):
        count = 0
        while not done.is_set():
            snapshot(session)
            count += 1
        return count

    left = threading.Semaphore(0)

    def counted(session, choose):
        try:
            return writer(session, choose)
        finally:
            left.release()

    def watch(_, __):
        for _ in range(WRITERS):
            left.acquire(timeout=100)
        done.set()

    *learned, snapshots, _ = side_by_side(schema, *[counted] * WRITERS, rounds, watch)
    assert_last_rows_are_the_table(admin)
    assert snapshots >= 2
    rows = {number: (key, kind) for number, key, kind, _ in admin.since(0)}
    for version, key, kind in (entry for entries in learned for entry in entries):
        assert rows[version] == (key, kind)
    assert sum(len(entries) for entries in learned) > WRITERS * ROUNDS // 4


def test_versions_of_a_key_follow_the_order_of_commits(schemas):
    """Every committed change adds one to the price, so in version order a key's prices count up without a gap."""
    schema = schemas["item"].reset()
    admin = schema.connect()
    keys = (1, 2, 3, 4, 5)
    admin("UPDATE item SET price = 0")
    admin("DELETE FROM outbox")

    def writer(session, choose):
        for _ in range(ROUNDS):
            some = choose.sample(keys, choose.randint(1, 3))
            kind = choose.random()

            def work():
                if kind < 0.2:
                    session("UPDATE item SET price = price + 1")
                for key in some:
                    session("UPDATE item SET price = price + 1 WHERE id = %s", key)
                if kind > 0.9:
                    raise pymysql.MySQLError(DUPLICATE_KEY)    # rolled back, not tried again

            attempt(session, work)

    side_by_side(schema, *[writer] * WRITERS)
    prices = {}
    for _, key, kind, payload in admin.since(0):
        assert kind == "changed"
        prices.setdefault(key, []).append(payload["price"])
    final = dict(admin("SELECT CONCAT(id), price FROM item"))
    assert prices == {key: list(range(1, price + 1)) for key, price in final.items()}
    assert sum(final.values()) > WRITERS * ROUNDS


def test_generated_ids_may_collide(schemas):
    """A new alarm may get an id that exists: the servers do that beside INSERT IGNORE … SELECT into a table whose
    triggers generate ids too. ON DUPLICATE KEY UPDATE then touches that other alarm and reports success; the
    outbox row tells.
    """
    session = schemas["alarm"].reset().connect()
    mark = session.mark()
    session.connection.begin()
    session("SET insert_id = 1")
    with pytest.raises(Again):
        set_alarm(session, 9, 9)
    session.connection.rollback()
    assert session.since(mark) == []
    session("SET insert_id = 1")
    version, _, _ = attempt(session, lambda: set_alarm(session, 9, 9))
    assert [row[:3] for row in session.since(mark)] == [(version, "9:9", "changed")]
    assert session("SELECT COUNT(*) FROM alarm WHERE user_id = 9 AND item_id = 9") == ((1,),)


def test_a_delete_of_nothing_waits_for_an_insert_that_is_not_committed(schemas):
    """Else the tombstone could get the higher version although the alarm is there in the end, or the reverse."""
    schema = schemas["alarm"].reset()
    first, second = schema.connect(), schema.connect()
    first.connection.begin()
    first(SET, 1, 8)
    inserted = first.version()
    second("SET SESSION innodb_lock_wait_timeout = 1")
    second.connection.begin()
    with pytest.raises(pymysql.MySQLError) as refused:
        second(UNSET, 1, 8)
    assert refused.value.args[0] == LOCK_TIMEOUT
    second.connection.rollback()
    first.connection.rollback()    # the insert never was: the tombstone stands alone
    second.connection.begin()
    version, _, _ = unset_alarm(second, 1, 8)
    second.connection.commit()
    assert version > inserted and second.since(0)[-1][:3] == (version, "1:8", "deleted")


def test_an_insert_waits_for_a_delete_of_nothing_that_is_not_committed(schemas):
    schema = schemas["alarm"].reset()
    first, second = schema.connect(), schema.connect()
    first("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    second("SET SESSION innodb_lock_wait_timeout = 1")
    first.connection.begin()
    tombstone, _, _ = unset_alarm(first, 1, 8)
    with pytest.raises(pymysql.MySQLError) as refused:
        second(SET, 1, 8)
    assert refused.value.args[0] == LOCK_TIMEOUT
    first.connection.commit()
    assert set_alarm(second, 1, 8)[0] > tombstone


@pytest.mark.parametrize("statement", [
    "UPDATE alarm FORCE INDEX (PRIMARY) SET created = created WHERE id BETWEEN 2 AND 11 AND SLEEP(0.2) = 0",
    "INSERT INTO alarm (item_id, user_id) SELECT id, 77 FROM ten WHERE SLEEP(0.2) = 0"])
def test_a_long_statement_does_not_make_the_service_wait(schemas, statement):
    """Its counters must not stay locked until it ends (innodb_autoinc_lock_mode 2), nor rows that it leaves alone."""
    schema = schemas["alarm"].reset()
    admin = schema.connect()
    admin("CREATE TABLE IF NOT EXISTS ten (id int PRIMARY KEY)")
    admin("REPLACE INTO ten VALUES " + ",".join(f"({number})" for number in range(1, 11)))
    ended = threading.Event()

    def bulk(session, _):
        started = time.monotonic()
        try:
            session(statement)
            return time.monotonic() - started
        finally:
            ended.set()

    def service(session, _):
        waits = []
        while not ended.is_set():
            started = time.monotonic()
            set_alarm(session, 1, 50)
            waits.append(time.monotonic() - started)
        return waits

    lasted, waits = side_by_side(schema, bulk, service)
    assert lasted > 1.5, "the statement was not long"
    assert max(waits) < lasted / 2

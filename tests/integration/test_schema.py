"""The three schemas: sample data, what the triggers write to the outbox, migrations, rights.

Each domain's files are loaded into a scratch database beside the real one, with a scratch account in place
of the service's, so that nothing here touches what the services of the stack work on.
"""

import datetime
import re
import time
import uuid

import pymysql
import pytest

from support.schema import DENIED, DUPLICATE_KEY, failure, make_all, remove_all
from support.stack import DOMAINS

ALL_EVENTS = "DELETE,INSERT,UPDATE"


@pytest.fixture(scope="module")
def schemas(stack):
    made = make_all(stack)
    yield made
    remove_all(made)


@pytest.fixture(params=DOMAINS)
def schema(request, schemas):
    """Each domain in turn, freshly made: for tests that take it apart."""
    return schemas[request.param].create()


@pytest.fixture(params=DOMAINS)
def domain(request, schemas):
    """Each domain in turn: for tests that change rows at most."""
    return schemas[request.param].reset()


@pytest.fixture
def alarm(schemas):
    return schemas["alarm"].reset().connect()


@pytest.fixture
def item(schemas):
    return schemas["item"].reset().connect()


@pytest.fixture
def user(schemas):
    return schemas["user"].reset().connect()


# --- the sample data ---------------------------------------------------------------------------

def test_tables_have_the_given_columns_only(domain):
    want = {"item": "id,name,broadcaster,category,price", "user": "id,name,access_token",
            "alarm": "id,item_id,user_id,created"}[domain.domain]
    session = domain.connect()
    assert want == session.one("SELECT GROUP_CONCAT(COLUMN_NAME ORDER BY ORDINAL_POSITION) FROM"
                               " information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s",
                               domain.domain)
    assert session("SELECT * FROM information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()"
                   " AND CONSTRAINT_TYPE = 'FOREIGN KEY'") == ()


def test_sample_data_is_loaded_byte_for_byte(domain):
    """The rows of the file, read here as text, are what the table holds, as UTF-8."""
    columns = {"item": 5, "user": 3, "alarm": 4}[domain.domain]
    cell = r"(?:'([^']*)'|(\d+))"
    rows = re.findall(r"^\t\(" + r",\s*".join([cell] * columns) + r"\)[,;]$", domain.init, re.MULTILINE)
    want = [tuple((text or number).encode().hex() for text, number in zip(row[::2], row[1::2])) for row in rows]
    names = {"item": "id,name,broadcaster,category,price", "user": "id,name,access_token",
             "alarm": "id,item_id,user_id,created"}[domain.domain].split(",")
    found = domain.connect()("SELECT " + ",".join(f"LOWER(HEX(CONCAT({name})))" for name in names)
                             + f" FROM {domain.domain} ORDER BY id")
    assert list(found) == want and len(want) >= 10


def test_sample_item_and_user(item, user):
    assert item("SELECT * FROM item WHERE id = 50") == (
        (50, "[역대최다-13종]17WINTER 레그미인", "cjmall", "패션·잡화", 78900),)
    assert item("SELECT COUNT(*), MIN(id), MAX(id), MIN(price) > 0 FROM item") == ((50, 1, 50, 1),)
    assert item.one("SELECT COUNT(DISTINCT broadcaster) FROM item") >= 5
    assert item.one("SELECT COUNT(DISTINCT category) FROM item") >= 5
    assert user("SELECT * FROM user WHERE id = 10") == ((10, "박규경", "4a49145e-45a8-4845-af45-1af2a59bb044"),)
    users = user("SELECT id, access_token FROM user ORDER BY id")
    assert [number for number, _ in users] == list(range(1, 11))
    assert len({str(uuid.UUID(token)) for _, token in users} & {token for _, token in users}) == 10


def test_sample_alarms_leave_room_for_a_newcomer(alarm):
    alarms = alarm("SELECT user_id, item_id FROM alarm")
    assert len(set(alarms)) == len(alarms)
    assert {owner for owner, _ in alarms} <= set(range(1, 11)) and len({owner for owner, _ in alarms}) >= 5
    assert {number for _, number in alarms} <= set(range(1, 51))
    mine = {number for owner, number in alarms if owner == 10}
    assert mine and not mine & {48, 49, 50}


# --- one statement, its outbox rows and the version that the session learns -----------------------

def test_item_changes(item):
    state = {"id": 7, "name": "줄무늬 셔츠", "broadcaster": "gsshop", "category": "패션·잡화", "price": 12900}
    mark = item.mark()
    item("DELETE FROM item WHERE id = 7")
    item("INSERT INTO item VALUES (7, '줄무늬 셔츠', 'gsshop', '패션·잡화', 12900)")
    item("UPDATE item SET price = 9900 WHERE id = 7")
    item("UPDATE item SET id = 107 WHERE id = 7")
    item("UPDATE IGNORE item SET id = 8 WHERE id = 107")
    rows = item.since(mark)
    assert [row[1:] for row in rows] == [
        ("7", "deleted", None), ("7", "changed", state), ("7", "changed", {**state, "price": 9900}),
        ("7", "deleted", None), ("107", "changed", {**state, "id": 107, "price": 9900})]
    assert item.version() == rows[-1][0]


def test_user_changes(user):
    state = {"id": 3, "name": "최민지", "access_token": "583f3e8d-3352-4f85-a524-2f3af8f9cc43"}
    mark = user.mark()
    user("UPDATE user SET access_token = 'new' WHERE id = 3")
    user("UPDATE user SET id = 30, name = 'Zoë' WHERE id = 3")
    user("UPDATE IGNORE user SET id = 4 WHERE id = 30")
    user("DELETE FROM user WHERE id = 30")
    user("INSERT INTO user (id, name, access_token) VALUES (11, '하나', 't')")
    assert [row[1:] for row in user.since(mark)] == [
        ("3", "changed", {**state, "access_token": "new"}), ("3", "deleted", None),
        ("30", "changed", {"id": 30, "name": "Zoë", "access_token": "new"}), ("30", "deleted", None),
        ("11", "changed", {"id": 11, "name": "하나", "access_token": "t"})]


def test_tokens_are_compared_exactly(user):
    user("UPDATE user SET access_token = 'Token' WHERE id IN (1, 2)")
    assert user("SELECT id FROM user WHERE access_token = 'Token' ORDER BY id") == ((1,), (2,))
    assert user("SELECT id FROM user WHERE access_token = 'token'") == ()


# statement: the events it must write, in order; the table holds alarms 1:50, 1:49 and 1:7 of user 1
ALARM_STATEMENTS = {
    "insert": ("INSERT INTO alarm (item_id, user_id) VALUES (8, 1)", [("1:8", "changed")]),
    "insert many": ("INSERT INTO alarm (item_id, user_id) VALUES (8, 1), (9, 1)",
                    [("1:8", "changed"), ("1:9", "changed")]),
    "insert ignore": ("INSERT IGNORE INTO alarm (item_id, user_id) VALUES (50, 1)", []),
    "insert ignore some": ("INSERT IGNORE INTO alarm (item_id, user_id) VALUES (50, 1), (8, 1), (49, 1)",
                           [("1:8", "changed")]),
    "upsert of nothing": ("INSERT INTO alarm (item_id, user_id) VALUES (8, 1)"
                          " ON DUPLICATE KEY UPDATE created = created", [("1:8", "changed")]),
    "upsert of the same": ("INSERT INTO alarm (item_id, user_id) VALUES (50, 1)"
                           " ON DUPLICATE KEY UPDATE created = created", [("1:50", "changed")]),
    "upsert of another key": ("INSERT INTO alarm (item_id, user_id) VALUES (50, 1)"
                              " ON DUPLICATE KEY UPDATE item_id = 8", [("1:50", "deleted"), ("1:8", "changed")]),
    "replace": ("REPLACE INTO alarm (item_id, user_id) VALUES (50, 1)", [("1:50", "deleted"), ("1:50", "changed")]),
    "replace of two": ("REPLACE INTO alarm (id, item_id, user_id) VALUES (2, 50, 1)",
                       [("1:49", "deleted"), ("1:50", "deleted"), ("1:50", "changed")]),
    "update of nothing": ("UPDATE alarm SET created = created WHERE id = 1", [("1:50", "changed")]),
    "update of no row": ("UPDATE alarm SET item_id = 8 WHERE id = 99999", []),
    "update of the id": ("UPDATE alarm SET id = 1001 WHERE id = 1", [("1:50", "changed")]),
    "update of the item": ("UPDATE alarm SET item_id = 8 WHERE id = 1", [("1:50", "deleted"), ("1:8", "changed")]),
    "update of the user": ("UPDATE alarm SET user_id = 9 WHERE id = 1", [("1:50", "deleted"), ("9:50", "changed")]),
    "shift of keys": ("UPDATE alarm SET item_id = item_id + 1 WHERE user_id = 1 AND item_id > 40 ORDER BY item_id DESC",
                      [("1:50", "deleted"), ("1:51", "changed"), ("1:49", "deleted"), ("1:50", "changed")]),
    "update of the item, ignored": ("UPDATE IGNORE alarm SET item_id = 49 WHERE id = 1", []),
    "update of the id, ignored": ("UPDATE IGNORE alarm SET id = 2 WHERE id = 1", []),
    "update of items, some ignored": ("UPDATE IGNORE alarm SET item_id = 8 WHERE user_id = 1 ORDER BY item_id DESC",
                                      [("1:50", "deleted"), ("1:8", "changed")]),
    "delete": ("DELETE FROM alarm WHERE user_id = 1 AND item_id = 50", [("1:50", "deleted")]),
    "delete of nothing": ("DELETE FROM alarm WHERE user_id = 1 AND item_id = 8", []),
    "delete in a join": ("DELETE alarm FROM alarm JOIN (SELECT 1 AS id) AS chosen ON chosen.id = alarm.id",
                         [("1:50", "deleted")]),
}


def test_alarm_statements(alarm):
    for name, (statement, want) in ALARM_STATEMENTS.items():
        alarm.connection.begin()
        mark = alarm.mark()
        alarm(statement)
        rows = alarm.since(mark)
        assert [row[1:3] for row in rows] == want, name
        assert alarm.version() == (rows[-1][0] if rows else None), name
        assert all((payload is None) == (kind == "deleted") for _, _, kind, payload in rows), name
        alarm.connection.rollback()


def test_alarm_payload_and_times_do_not_depend_on_the_session(alarm):
    """A session in Seoul time, with a client in another character set, writes the same."""
    alarm("SET time_zone = '+09:00', NAMES latin1")
    mark = alarm.mark()
    alarm("INSERT INTO alarm VALUES (900, 8, 10, '2017-11-22 13:14:15.000678')")
    assert alarm.since(mark)[0][3] == {"id": 900, "item_id": 8, "user_id": 10,
                                       "created": "2017-11-22T13:14:15.000678Z"}
    written = alarm.one("SELECT created FROM outbox WHERE id > %s", mark)
    assert abs(written - datetime.datetime.utcnow()) < datetime.timedelta(minutes=1)
    assert alarm.one("SELECT MAX(id) FROM alarm") == 900


@pytest.mark.parametrize("text", ["작은 '따옴표' \"큰따옴표\" \\ / 100%", "😀 𠮷野家", "한 줄\n두 줄\t끝\x01", "{\"json\": null}", ""])
def test_texts_survive_in_the_payload(item, text):
    mark = item.mark()
    item("UPDATE item SET name = %s, price = -2147483648 WHERE id = 50", text)
    payload = item.since(mark)[0][3]
    assert payload["name"] == text
    assert [type(payload[name]) for name in ("id", "name", "price")] == [int, str, int]


def test_latin1_client_writes_utf8_payload(item):
    item("SET NAMES latin1")
    mark = item.mark()
    item("UPDATE item SET name = _utf8mb4 0x43616665CC8120ED959C WHERE id = 50")
    item("SET NAMES utf8mb4")
    assert item.since(mark)[0][3]["name"] == b"Cafe\xcc\x81 \xed\x95\x9c".decode()


# --- bulk, rollback ----------------------------------------------------------------------------

def test_bulk_insert_is_captured_row_by_row(alarm):
    pairs = [(number, owner) for owner in range(100, 200) for number in range(1, 101)]
    want = sorted(f"{owner}:{number}" for number, owner in pairs)
    mark = alarm.mark()
    alarm("INSERT INTO alarm (item_id, user_id) VALUES " + ",".join(f"({number},{owner})" for number, owner in pairs))
    assert sorted(key for _, key, kind, _ in alarm.since(mark) if kind == "changed") == want
    assert alarm.version() == alarm.one("SELECT MAX(id) FROM outbox")
    mark = alarm.mark()
    alarm("INSERT INTO alarm (item_id, user_id) SELECT item_id, user_id + 1000 FROM alarm WHERE user_id >= 100")
    assert len(alarm.since(mark)) == 10000
    mark = alarm.mark()
    alarm("DELETE FROM alarm WHERE user_id >= 100")
    assert [kind for _, kind in alarm.events(mark)] == ["deleted"] * 20000


def test_load_data_is_captured_row_by_row(schemas, tmp_path):
    session = schemas["alarm"].reset().connect()
    if not session.one("SELECT @@GLOBAL.local_infile"):
        pytest.fail("the test server must allow LOAD DATA LOCAL (local_infile)")
    path, account = schemas["alarm"].stack.admin_account("alarm")
    (tmp_path / "alarms").write_text("".join(f"{number}\t{owner}\n" for owner in range(100, 200)
                                             for number in range(1, 101)))
    loader = pymysql.connect(unix_socket=path, user=account, database=schemas["alarm"].name, local_infile=True,
                             autocommit=True)
    mark = session.mark()
    with loader, loader.cursor() as cursor:
        cursor.execute(f"LOAD DATA LOCAL INFILE '{tmp_path / 'alarms'}' INTO TABLE alarm (item_id, user_id)")
        cursor.execute("SELECT @outbox_id")
        version = cursor.fetchone()[0]
    rows = session.since(mark)
    assert len({key for _, key, _, _ in rows}) == len(rows) == 10000
    assert version == rows[-1][0]


def test_what_is_rolled_back_leaves_nothing(alarm):
    mark = alarm.mark()
    alarm.connection.begin()
    alarm("INSERT INTO alarm (item_id, user_id) VALUES (8, 1)")
    alarm("DELETE FROM alarm WHERE user_id = 1")
    assert len(alarm.since(mark)) == 5
    alarm.connection.rollback()
    assert alarm.since(mark) == []
    # a statement that fails half way takes its outbox rows with it, the rest of the transaction stays
    alarm.connection.begin()
    alarm("INSERT INTO alarm (item_id, user_id) VALUES (8, 1)")
    assert failure(alarm, "INSERT INTO alarm (item_id, user_id) VALUES (9, 1), (10, 1), (50, 1)") == DUPLICATE_KEY
    alarm.connection.commit()
    assert alarm.events(mark) == [("1:8", "changed")]


def test_floor_moves_the_counter(item):
    """An inserted and deleted row lifts all later versions above it; a lower one changes nothing."""
    floor = int(time.time() * 1e6)
    for number in (floor, floor - 1000):
        item.connection.begin()
        item("INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, created)"
             " VALUES (%s, 'floor', 'floor', 'floor', NULL, UTC_TIMESTAMP(6))", number)
        item("DELETE FROM outbox WHERE id = %s", number)
        item.connection.commit()
    item("UPDATE item SET price = 1 WHERE id = 50")
    assert floor < item.version() <= floor + 2
    assert item("SELECT id FROM outbox") == ((item.version(),),)
    item("TRUNCATE outbox")
    item("UPDATE item SET price = 2 WHERE id = 50")
    assert item.version() < floor    # which is why the floor is set again


# --- migrations --------------------------------------------------------------------------------

def shape(session):
    """What a migration may create, as text: columns, indexes, triggers, routines."""
    return [session(f"SELECT {columns} FROM information_schema.{table} WHERE {owner} = DATABASE() ORDER BY {columns}")
            for table, owner, columns in (
                ("COLUMNS", "TABLE_SCHEMA", "TABLE_NAME, ORDINAL_POSITION, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE"),
                ("STATISTICS", "TABLE_SCHEMA", "TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, NON_UNIQUE"),
                ("TRIGGERS", "TRIGGER_SCHEMA", "TRIGGER_NAME, EVENT_OBJECT_TABLE, EVENT_MANIPULATION, ACTION_TIMING"),
                ("ROUTINES", "ROUTINE_SCHEMA", "ROUTINE_NAME, ROUTINE_TYPE, SECURITY_TYPE"))]


def rights(schema):
    return sorted(schema.connect()(f"SHOW GRANTS FOR '{schema.account}'@'%'"))


def cuts(text):
    """<text> up to the end of each of its statements but the last: all ways to be interrupted."""
    delimiter, found = ";", []
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        if line.startswith("DELIMITER "):
            delimiter = line.split()[1]
        elif line.rstrip().endswith(delimiter) and not line.startswith("--"):
            found.append("".join(lines[:number]))
    return found[:-1]


def test_migrations_can_be_run_again(schema):
    session = schema.connect()
    before = shape(session), rights(schema), session("CHECKSUM TABLE " + schema.domain)
    for _ in range(2):
        for text in schema.migrations:
            schema.script(text)
    assert before == (shape(session), rights(schema), session("CHECKSUM TABLE " + schema.domain))
    assert session.one("SELECT COUNT(*) FROM outbox") == 0


def test_migrations_can_be_run_after_an_interrupted_run(schema):
    """Wherever a migration stops, the next run leads to the same end, on an empty database and on a made one."""
    whole = shape(schema.connect()), rights(schema)
    schema.script(schema.init)    # the table as it was before its migrations, the rest of the database as after
    for text in schema.migrations:
        for part in cuts(text):
            schema.script(part)
        schema.script(text)
    assert whole == (shape(schema.connect()), rights(schema))
    assert schema.connect().one("SELECT captured_events()") == ALL_EVENTS


def test_captured_events_tell_which_triggers_exist(schema):
    schema.connect()
    service = schema.connect_service()
    assert service.one("SELECT captured_events()") == ALL_EVENTS
    schema.script(f"DROP TRIGGER {schema.domain}_after_insert")
    assert service.one("SELECT captured_events()") == "DELETE,UPDATE"
    schema.script(schema.init)    # dropping the table drops its triggers
    assert service.one("SELECT captured_events()") == ""
    for text in schema.migrations:
        schema.script(text)
    assert service.one("SELECT captured_events()") == ALL_EVENTS


def test_duplicates_of_a_restored_table_go_silently(schemas):
    schema = schemas["alarm"].create()
    schema.script(schema.init)
    session = schema.connect()
    session("INSERT INTO alarm (id, item_id, user_id) VALUES (500, 50, 1), (501, 8, 1), (502, 8, 1), (503, 8, 1)")
    for text in schema.migrations:
        schema.script(text)
    assert session("SELECT id FROM alarm WHERE user_id = 1 ORDER BY id") == ((1,), (2,), (3,), (501,))
    assert session.one("SELECT COUNT(*) FROM outbox") == 0
    assert failure(session, "INSERT INTO alarm (item_id, user_id) VALUES (50, 1)") == DUPLICATE_KEY


def test_lists_are_read_from_an_index(alarm, user):
    """No statement of a request sorts or scans, once the tables are larger than the sample."""
    alarm("INSERT INTO alarm (item_id, user_id) VALUES "
          + ",".join(f"({number},{owner})" for owner in range(100, 150) for number in range(1, 101)))
    alarm("ANALYZE TABLE alarm")
    for statement, key in (
            ("SELECT id, item_id, created FROM alarm WHERE user_id = 120 ORDER BY item_id DESC", "alarm_by_user"),
            ("SELECT item_id FROM alarm WHERE user_id = 120 AND item_id < 50 ORDER BY item_id DESC LIMIT 20",
             "alarm_by_user"),
            ("DELETE FROM alarm WHERE user_id = 120 AND item_id = 50", "alarm_by_user"),
            ("SELECT id FROM alarm WHERE id > 500 ORDER BY id LIMIT 100 LOCK IN SHARE MODE", "PRIMARY")):
        plan = alarm.plan(statement)
        assert plan["key"] == key and "filesort" not in (plan["Extra"] or ""), (statement, plan)
    user("INSERT INTO user (name, access_token) VALUES "
         + ",".join(f"('{number}', 'token {number}')" for number in range(1000)))
    user("ANALYZE TABLE user")
    assert user.plan("SELECT id FROM user WHERE access_token = 'token 7' ORDER BY id")["key"] == "user_by_token"


# --- rights of the service account ---------------------------------------------------------------

# what an account with too many rights could do; {0} is the domain's table
FORBIDDEN = (
    "DROP TABLE {0}", "DROP TABLE outbox", "ALTER TABLE {0} ADD COLUMN more int", "TRUNCATE TABLE {0}",
    "CREATE TABLE other (id int)", "CREATE INDEX other ON {0} (id)", "RENAME TABLE outbox TO other",
    "DROP TRIGGER {0}_after_insert", "CREATE TRIGGER other AFTER INSERT ON {0} FOR EACH ROW SET @other = 1",
    "CREATE VIEW other AS SELECT 1", "CREATE FUNCTION other() RETURNS int DETERMINISTIC RETURN 1",
    "DROP FUNCTION captured_events", "DROP DATABASE schema_test_{0}", "CREATE DATABASE schema_test_other",
    "UPDATE outbox SET type = 'changed'", "DELETE FROM relay_position", "LOCK TABLES {0} WRITE", "GRANT SELECT ON {0} TO CURRENT_USER",
    "SELECT * FROM unshared", "SELECT * FROM mysql.user", "SELECT * FROM mysql.db", "CREATE USER other",
    "SET GLOBAL max_connections = 10", "SHOW CREATE TABLE unshared")
READ_ONLY = ("INSERT INTO {0} SELECT * FROM {0} WHERE id < 0", "UPDATE {0} SET id = id", "DELETE FROM {0}")


def test_service_account_is_denied_what_it_does_not_use(domain):
    domain.script("CREATE TABLE IF NOT EXISTS unshared (id int)")
    service = domain.connect_service()
    for text in FORBIDDEN + (() if domain.domain == "alarm" else READ_ONLY):
        statement = text.format(domain.domain)
        assert failure(service, statement) in DENIED, statement
    assert service("SHOW DATABASES LIKE 'mysql'") == ()


def test_service_account_can_do_its_work(domain):
    service = domain.connect_service()
    for table in ("relay_position", "relay_state"):
        service(f"SELECT * FROM {table}")
    service("DELETE FROM relay_state WHERE name = 'n'")
    service.connection.begin()
    assert service(f"SELECT * FROM {domain.domain} WHERE id > 0 ORDER BY id LIMIT 100 LOCK IN SHARE MODE")
    service("INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created)"
            " VALUES (%s, '1', 'changed', '{}', UTC_TIMESTAMP(6))", domain.domain)
    service("DELETE FROM outbox WHERE id = LAST_INSERT_ID()")
    service("INSERT INTO relay_position (topic, partition_id) VALUES ('t', 0) ON DUPLICATE KEY UPDATE own_next = 1")
    service("INSERT INTO relay_position (topic, partition_id) VALUES ('t', 0) ON DUPLICATE KEY UPDATE own_next = 1")
    assert service("SELECT * FROM relay_position") == (("t", 0, "", -1, 1),)
    service("REPLACE INTO relay_state VALUES ('n', 'v')")
    service.connection.commit()
    assert service.one("SELECT GET_LOCK(%s, 0)", domain.name) == 1
    assert int(service("SHOW STATUS LIKE 'Uptime'")[0][1]) >= 0


def test_alarm_service_account_writes_alarms_and_learns_their_version(schemas):
    service = schemas["alarm"].reset().connect_service()
    for statement in ("INSERT INTO alarm (item_id, user_id, created) VALUES (8, 1, UTC_TIMESTAMP(6))",
                      "UPDATE alarm SET created = created WHERE user_id = 1 AND item_id = 8"):
        mark = service.mark()
        service(statement)
        assert [(service.version(), "1:8", "changed")] == [row[:3] for row in service.since(mark)]
    mark = service.mark()
    service("DELETE FROM alarm WHERE user_id = 1 AND item_id = 8")
    assert [(service.version(), "1:8", "deleted", None)] == service.since(mark)


def test_user_service_account_keeps_visits(schemas):
    service = schemas["user"].reset().connect_service()
    event = str(uuid.uuid4())
    service.connection.begin()
    for want in (1, 0):
        service("INSERT IGNORE INTO visit (event_id, user_id, item_id, visited_us) VALUES (%s, 10, 50, %s)",
                event, 1511236800000000)
        assert service.affected == want
    for offset in (1, 2):
        service("INSERT INTO visit_position (partition_id, log_uuid, next_offset) VALUES (0, %s, %s)"
                " ON DUPLICATE KEY UPDATE next_offset = VALUES(next_offset)", event, offset)
    service("UPDATE visit_state SET revision = revision + 1")
    assert service.affected == 1
    service.connection.commit()
    assert service("SELECT id, revision FROM visit_state") == ((1, 1),)
    assert service("SELECT item_id, visited_us FROM visit WHERE user_id = 10") == ((50, 1511236800000000),)
    assert service.plan("SELECT event_id FROM visit WHERE user_id = 10 ORDER BY visited_us DESC, event_id DESC"
                        " LIMIT 20")["key"] == "visit_by_user"
    service("DELETE FROM visit")
    for table in ("visit_position", "visit_state"):
        assert failure(service, f"DELETE FROM {table}") in DENIED, table

"""A scratch copy of a domain's database, made from its SQL files, and sessions that read its outbox."""

import json
import uuid

import pymysql
import pymysql.cursors

from .stack import DOMAINS, ROOT

DUPLICATE_KEY, LOCK_TIMEOUT, DEADLOCK = 1062, 1205, 1213
# Denied: database, account, table, column, global right, routine, trigger while the binary log is on.
DENIED = {1044, 1045, 1142, 1143, 1227, 1370, 1419}


class Schema:
    """One domain's database, made from its files under another name."""

    def __init__(self, stack, domain):
        self.stack, self.domain = stack, domain
        self.name = f"schema_test_{domain}"
        self.account, self.password = f"{domain}_svc_test", uuid.uuid4().hex
        self.folder = ROOT / f"{domain}_svc" / "schema"
        self.init = (self.folder / "init_database.sql").read_text()
        self.migrations = [path.read_text().replace(f"'{domain}_svc'", f"'{self.account}'")
                           for path in sorted((self.folder / "migrations").glob("*.sql"))]
        self.connections = []
        self.whole = False

    def create(self):
        """The database anew, for a test that takes it apart.

        The account holds all rights on it before the migrations, as database images grant them.
        """
        self.close()
        self.script(f"DROP DATABASE IF EXISTS {self.name}; CREATE DATABASE {self.name} CHARACTER SET utf8mb4;"
                    f"DROP USER IF EXISTS '{self.account}'@'%'; CREATE USER '{self.account}'@'%'"
                    f" IDENTIFIED BY '{self.password}'; GRANT ALL ON {self.name}.* TO '{self.account}'@'%';", use=False)
        self.script(self.init)
        for text in self.migrations:
            self.script(text)
        self.whole = False
        return self

    def reset(self):
        """The database as made, with the sample data and an empty outbox; only tables' rows may have changed."""
        if not self.whole:
            self.create()
            self.whole = True
            return self
        self.close()
        session = self.connect()
        session.connection.begin()
        session(f"DELETE FROM {self.domain}")
        session(self.init[self.init.index("INSERT INTO"):].rstrip().rstrip(";"))
        session("DELETE FROM outbox")
        session.connection.commit()
        return self

    def script(self, text, use=True):
        self.stack.script(self.domain, (f"USE {self.name};\n" if use else "") + text)

    def connect(self):
        """A session of the administrator, autocommit, closed with this object."""
        self.connections.append(self.stack.mysql(self.domain))
        self.connections[-1].select_db(self.name)
        return Session(self.connections[-1])

    def connect_service(self):
        """A session of the service's account."""
        path, _ = self.stack.admin_account(self.domain)
        self.connections.append(pymysql.connect(unix_socket=path, user=self.account, password=self.password,
                                                database=self.name, charset="utf8mb4", autocommit=True))
        return Session(self.connections[-1])

    def close(self):
        for connection in self.connections:
            if connection.open:
                connection.close()
        self.connections.clear()

    def remove(self):
        self.close()
        self.script(f"DROP DATABASE IF EXISTS {self.name}; DROP USER IF EXISTS '{self.account}'@'%';", use=False)


class Session:
    """A connection with the questions that the tests ask."""

    def __init__(self, connection):
        self.connection = connection
        self.affected = 0

    def __call__(self, text, *values):
        """Runs one statement; returns its rows."""
        with self.connection.cursor() as cursor:
            self.affected = cursor.execute(text, values or None)
            return cursor.fetchall()

    def one(self, text, *values):
        """The single value that a statement gives."""
        return self(text, *values)[0][0]

    def plan(self, text):
        """The one line of a statement's plan, as {column: value}."""
        with self.connection.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute("EXPLAIN " + text)
            rows = cursor.fetchall()
        assert len(rows) == 1
        return rows[0]

    def version(self):
        """The version that the session's last change got, as the service learns it."""
        return self.one("SELECT @outbox_id")

    def mark(self):
        """The highest version so far; also forgets the one that this session has learned."""
        self("SET @outbox_id = NULL")
        return self.one("SELECT COALESCE(MAX(id), 0) FROM outbox")

    def since(self, mark):
        """Outbox rows after <mark> as (id, aggregateid, type, payload or None); checks what they all share."""
        rows = self("SELECT id, aggregateid, type, payload, aggregatetype FROM outbox WHERE id > %s ORDER BY id", mark)
        domain = self.one("SELECT DATABASE()").rpartition("_")[2]
        assert {row[4] for row in rows} <= {domain}
        return [(row[0], row[1], row[2], row[3] and json.loads(row[3])) for row in rows]

    def events(self, mark):
        """The same without versions and payloads: (aggregateid, type)."""
        return [(key, kind) for _, key, kind, _ in self.since(mark)]


def failure(session, text, *values):
    """The error number with which the server refuses a statement; None when it does not."""
    try:
        session(text, *values)
    except pymysql.MySQLError as error:
        return error.args[0]
    return None


def make_all(stack):
    """A Schema per domain, by name; their database servers run afterwards. Not created yet."""
    stack.start(*(f"{domain}_db" for domain in DOMAINS))
    return {domain: Schema(stack, domain) for domain in DOMAINS}


def remove_all(schemas):
    for schema in schemas.values():
        schema.remove()

"""The sample data: remembered after the first start, and put back by SQL whenever a module asks for it."""

from .stack import DOMAINS

TABLE_KEY = {"item": "id", "alarm": "id", "user": "id"}


def _read(cursor, table):
    cursor.execute(f"SELECT * FROM {table} ORDER BY {TABLE_KEY[table]}")
    return [column[0] for column in cursor.description], list(cursor.fetchall())


class InitialData:
    """The rows of the three tables as they were when this object was made."""

    def __init__(self, stack):
        self.stack = stack
        self.rows = {}
        for domain in DOMAINS:
            with stack.mysql(domain) as connection, connection.cursor() as cursor:
                self.rows[domain] = _read(cursor, domain)

    def restore(self):
        """Deletes what came, brings back what went, undoes what changed; touches nothing else."""
        for domain in DOMAINS:
            with self.stack.mysql(domain) as connection, connection.cursor() as cursor:
                self._restore_table(connection, cursor, domain)

    def _restore_table(self, connection, cursor, table):
        columns, wanted = self.rows[table]
        present = set(_read(cursor, table)[1])
        extra = sorted(row[0] for row in present - set(wanted))
        missing = [row for row in wanted if row not in present]
        connection.begin()
        for start in range(0, len(extra), 1000):
            ids = ",".join(str(number) for number in extra[start:start + 1000])
            cursor.execute(f"DELETE FROM {table} WHERE {TABLE_KEY[table]} IN ({ids})")
        if missing:
            marks = ",".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})", missing)
        connection.commit()

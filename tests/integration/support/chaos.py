"""Breaking parts in the ways that the tests repeat: by name, and with a writer at work meanwhile."""

import random
import shutil
import threading

import pymysql

from .wait import eventually


def parts_of(domain, which):
    """Names of the parts of <domain>: "svc", "db", "redis" or "all"."""
    kinds = ("svc", "db", "redis") if which == "all" else (which,)
    return [f"{domain}_{kind}" for kind in kinds]


def break_parts(stack, how, names):
    """<how>: "kill" or "pause"."""
    getattr(stack, how)(*names)


def mend_parts(stack, how, names):
    if how == "kill":
        stack.start(*names)
    else:
        stack.unpause(*names)


def save_redis(stack, domain, place):
    """Copies what the domain's Redis has on disk now to <place>; it is down for a moment."""
    name = f"{domain}_redis"
    stack.stop(name)
    shutil.copytree(stack.data(name), place)
    stack.start(name)


def put_back_redis(stack, domain, place):
    """Kills the domain's Redis and starts it with the data saved in <place>."""
    name = f"{domain}_redis"
    stack.kill(name)
    shutil.rmtree(stack.data(name))
    shutil.copytree(place, stack.data(name))
    stack.start(name)


def dump_keys(client):
    """Every key of a Redis (decode_responses off) as {key: DUMP}."""
    return {key: client.dump(key) for key in client.scan_iter(count=1000)}


def restore_keys(client, dumped):
    """Replaces all of a running Redis by <dumped> in one step: no connection is lost, no server restarts."""
    pipe = client.pipeline(transaction=True)
    pipe.flushall()
    for key, value in dumped.items():
        if value is not None:
            pipe.restore(key, 0, value)
    pipe.execute()


class Writer:
    """Sets and removes random alarms of <users> by SQL, in a thread; use it in a with statement.

    It outlives its server: what fails is given up and the connection made anew.
    """

    def __init__(self, stack, users, seed, pause_s=0.003):
        self.stack = stack
        self.users, self.random, self.pause_s = users, random.Random(seed), pause_s
        self.done, self.writes, self.error = threading.Event(), 0, None
        self.thread = threading.Thread(target=self._run, name="writer")

    def __enter__(self):
        self.thread.start()
        eventually(lambda: self.writes > 10, 10, "the writer writes")
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join(30)
        assert self.error is None, f"the writer failed: {self.error}"

    def _run(self):
        try:
            while not self.done.is_set():
                self._write_until_it_fails()
        except Exception as error:    # a thread's failure is the test's failure
            self.error = error

    def _write_until_it_fails(self):
        try:
            with self.stack.mysql("alarm") as connection, connection.cursor() as cursor:
                while not self.done.wait(self.pause_s):
                    cursor.execute(self._statement())
                    self.writes += 1
        except (pymysql.OperationalError, pymysql.InterfaceError):
            self.done.wait(0.05)

    def _statement(self):
        user, item = self.random.choice(self.users), self.random.randint(1, 50)
        kind = self.random.random()
        if kind < 0.5:
            return f"INSERT INTO alarm (item_id, user_id) VALUES ({item}, {user}) ON DUPLICATE KEY UPDATE created = created"
        if kind < 0.9:
            return f"DELETE FROM alarm WHERE user_id = {user} AND item_id = {item}"
        return f"UPDATE IGNORE alarm SET item_id = {item} WHERE user_id = {user} LIMIT 1"

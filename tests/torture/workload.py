"""Those who write: customers over HTTP, and hands that change the tables by SQL, slowly committing ones among them."""

import random
import threading
import time
import uuid

import pymysql

import visits
from history import Outcome
from readers import Reader, run_readers
from scene import FLAGGED, PASSING, PRICED, item_value

OWN_ITEMS = 12           # a customer's alarms: fewer than a token can hold
SQL_TIMEOUT_S = 3
NEVER_RAN = (1040, 1045, 1205, 1213, 1226, 2002, 2003)   # too many connections, denied, lock timeout, deadlock, no server
FIRST_USER = 2001
UNLISTED = 999999        # an item that does not exist


class Customer:
    """One user's own client: sets and removes alarms, visits items, and looks at what became of it."""

    def __init__(self, scene, user_id, token, through_gateway, with_memory, seed):
        self.scene, self.user_id = scene, user_id
        self.choice = random.Random(seed)
        self.reader = Reader(scene, user_id, token, through_gateway, with_memory, writes=True)
        self.how = "gateway" if through_gateway else "direct with token" if with_memory else "direct"
        self.items = self.choice.sample(FLAGGED, OWN_ITEMS)
        scene.readers.append(self.reader)

    def run(self):
        while not self.scene.ending.is_set():
            what = self.choice.random()
            if what < 0.35:
                self._alarm()
            elif what < 0.5:
                self._visit()
            else:
                self.reader.read_something(self.choice)
            time.sleep(0.005)

    def _alarm(self):
        item = self.choice.choice(self.items)
        register = self.scene.history.get(("alarm", self.user_id, item))
        with self.scene.gate:
            if register.dirty:
                return
            wanted = not register.current if self.choice.random() < 0.8 else register.current
            write = register.invoke(wanted, self.how)
            answer = self.reader.ask("write", "POST" if wanted else "DELETE", "alarm", body={"item_id": str(item)})
            self.scene.history.ended(write, _outcome(answer))
        self._told("alarm", answer)
        if self.choice.random() < 0.5:
            self.choice.choice((self.reader.items, self.reader.alarms, self.reader.visits))()

    def _visit(self):
        item = self.choice.choice(FLAGGED)
        register = self.scene.history.get(("visits", self.user_id))
        with self.scene.gate:
            if register.dirty:
                return
            write = register.invoke(visits.after(register.current, item), self.how + ", visit")
            answer = self.reader.detail(item)
            # A failure may come after the visit was recorded.
            refused = not answer.sent or answer.status == 404
            self.scene.history.ended(write, Outcome.DONE if answer.status == 200 else Outcome.NOT_DONE if refused else Outcome.UNKNOWN)
        self._told("visits", answer)
        if self.choice.random() < 0.5:
            self.reader.visits()


    def _told(self, kind, answer):
        """The gateway keeps the header to itself: direct clients show whether services tell of what they did."""
        if "consistency-token" in answer.headers:
            self.scene.told.add(kind)


def _outcome(answer):
    if 200 <= answer.status < 300:
        return Outcome.DONE
    return Outcome.NOT_DONE if answer.not_done else Outcome.UNKNOWN


class Hand:
    """Changes one domain's table by SQL as an administrator; subclasses say what."""

    domain = "alarm"
    pause_s = 0.02

    def __init__(self, scene, seed):
        self.scene, self.choice, self.connection = scene, random.Random(seed), None

    def run(self):
        while not self.scene.ending.is_set():
            with self.scene.gate:
                writes = []
                try:
                    if self.connection is None:
                        self.connection = self._connect()
                    self.change(writes)
                    self._end(writes, Outcome.DONE)
                except pymysql.MySQLError as error:
                    self._end(writes, Outcome.NOT_DONE if error.args and error.args[0] in NEVER_RAN else Outcome.UNKNOWN)
                    self._drop()
            self.scene.ending.wait(self.pause_s)

    def begin(self, writes, key, value):
        """Notes a write of <key> about to be sent; False when nobody may write it now."""
        register = self.scene.history.get(key)
        if register.dirty:
            return False
        writes.append(register.invoke(value, f"SQL, {type(self).__name__}"))
        return True

    def execute(self, text, *arguments):
        with self.connection.cursor() as cursor:
            cursor.execute(text, arguments)

    def _connect(self):
        path, user = self.scene.stack.admin_account(self.domain)
        return pymysql.connect(unix_socket=path, user=user, database=self.domain, charset="utf8mb4", autocommit=True,
                               connect_timeout=SQL_TIMEOUT_S, read_timeout=SQL_TIMEOUT_S, write_timeout=SQL_TIMEOUT_S)

    def _end(self, writes, outcome):
        for write in writes:
            self.scene.history.ended(write, outcome)

    def _drop(self):
        if self.connection is not None:
            try:
                self.connection.close()
            except pymysql.MySQLError:
                pass
        self.connection = None


class AlarmHand(Hand):
    """Sets or removes some alarms of one user in one transaction."""

    users = ()

    def change(self, writes):
        self.execute("BEGIN")
        self.set_or_remove(writes)
        self.execute("COMMIT")

    def set_or_remove(self, writes):
        user, wanted = self.choice.choice(self.users), self.choice.random() < 0.5
        items = [item for item in self.choice.sample(FLAGGED, self.choice.choice((1, 1, 1, 3, 8)))
                 if self.begin(writes, ("alarm", user, item), wanted)]
        if items and wanted:
            rows = ",".join(f"({user},{item})" for item in items)
            self.execute(f"INSERT INTO alarm (user_id, item_id) VALUES {rows} ON DUPLICATE KEY UPDATE created = created")
            return
        for item in items:     # one by one: with IN the server may lock the whole small table
            self.execute(f"DELETE FROM alarm WHERE user_id = {user} AND item_id = {item}")


class SlowHand(AlarmHand):
    """Takes its version numbers early and commits late: below versions that others have published since."""

    def change(self, writes):
        self.execute("BEGIN")
        self.set_or_remove(writes)
        self.scene.ending.wait(self.choice.choice((0.02, 0.1, 0.4, 1.5)))
        self.execute("COMMIT")


class RareHand(Hand):
    """Changes one alarm after the other: it comes back to each only after half a minute, so what is lost of it stays lost for long."""

    pause_s = 0.25
    users = ()
    number = 0

    def change(self, writes):
        self.number += 1
        user = self.users[self.number % len(self.users)]
        item = FLAGGED[self.number // len(self.users) % len(FLAGGED)]
        wanted = not self.scene.history.get(("alarm", user, item)).current
        if not self.begin(writes, ("alarm", user, item), wanted):
            return
        if wanted:
            self.execute("INSERT INTO alarm (user_id, item_id) VALUES (%s, %s)", user, item)
        else:
            self.execute("DELETE FROM alarm WHERE user_id = %s AND item_id = %s", user, item)


class ItemHand(Hand):
    """Changes names and prices, adds items and deletes them."""

    domain, pause_s = "item", 0.02
    number = 0

    def change(self, writes):
        self.number += 1
        if self.choice.random() < 0.7:
            item = self.choice.choice(PRICED)
            value = item_value(item, self.number)
            if self.begin(writes, ("item", item), value):
                self.execute("UPDATE item SET name = %s, price = %s WHERE id = %s", *value, item)
            return
        item = self.choice.choice(PASSING)
        there = self.scene.history.get(("item", item)).current is not None
        value = None if there else item_value(item, self.number)
        if not self.begin(writes, ("item", item), value):
            return
        if there:
            self.execute("DELETE FROM item WHERE id = %s", item)
        else:
            self.execute("INSERT INTO item (id, name, broadcaster, category, price) VALUES (%s, %s, 'testmall', 'torture', %s)", item, *value)


class UserHand(Hand):
    """Renames users and gives them new tokens."""

    domain, pause_s = "user", 0.1
    users = ()
    number = 0

    def change(self, writes):
        self.number += 1
        user = self.choice.choice(self.users)
        value = (f"torture {user} v{self.number}", str(uuid.UUID(int=self.choice.getrandbits(128))))
        if self.begin(writes, ("user", user), value):
            self.execute("UPDATE user SET name = %s, access_token = %s WHERE id = %s", *value, user)


class Workload:
    """All writers and readers of a run, each in a thread of its own."""

    def __init__(self, scene, seed):
        self.scene, self.errors, self.threads = scene, [], []
        choice = random.Random(seed)
        scene.readers = []
        modes = [(True, False)] * 3 + [(False, True)] * 2 + [(False, False)]
        users = list(range(FIRST_USER, FIRST_USER + len(modes) + 13))
        customers, by_hand, rare, slow, rotated = users[:len(modes)], users[-13:-9], users[-9:-5], users[-5:-3], users[-3:]
        self._make_users(users, rotated, choice)
        self._make_registers(users)
        AlarmHand.users, RareHand.users, SlowHand.users, UserHand.users = by_hand, rare, slow, rotated
        runs = [Customer(scene, user, scene.users[user], *mode, choice.random()).run for user, mode in zip(customers, modes)]
        runs += [hand(scene, choice.random()).run for hand in (AlarmHand, RareHand, SlowHand, ItemHand, UserHand)]
        runs += [lambda seed=choice.random(): run_readers(scene, seed) for _ in range(2)]
        self.threads = [threading.Thread(target=self._guarded, args=(run,), daemon=True) for run in runs]

    def _make_users(self, users, rotated, choice):
        for user in users:
            value = (f"torture {user} v0", str(uuid.UUID(int=choice.getrandbits(128))))
            self.scene.stack.sql("user", f"INSERT INTO user (id, name, access_token) VALUES ({user}, '{value[0]}', '{value[1]}')")
            self.scene.history.add(("user", user), value)
            if user not in rotated:
                self.scene.users[user] = value[1]

    def _make_registers(self, users):
        # A row above each user's others: locks on the gaps between rows never reach from one user into the next.
        rows = ",".join(f"({user},{UNLISTED})" for user in users)
        self.scene.stack.sql("alarm", f"INSERT INTO alarm (user_id, item_id) VALUES {rows}")
        for user in users:
            self.scene.history.add(("visits", user), ())
            for item in FLAGGED:
                self.scene.history.add(("alarm", user, item), False)
        for item in PRICED:
            name, price = self.scene.stack.sql("item", f"SELECT name, price FROM item WHERE id = {item}")[0]
            self.scene.history.add(("item", item), (name, int(price)))
        for item in PASSING:
            self.scene.history.add(("item", item), None)

    def _guarded(self, run):
        try:
            run()
        except Exception as error:   # a thread's failure is the run's failure
            self.errors.append(error)
            raise

    def start(self):
        for thread in self.threads:
            thread.start()

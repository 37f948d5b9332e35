"""What was written, by whom it may be seen: one register for each key, with every write's interval and outcome.

A register has one writer, so its writes have an order. After a write whose outcome is unknown nobody writes the register
before it was pinned: read from its owner's table while nothing is under way.
"""

import enum
import threading
import time

now = time.monotonic


class Outcome(enum.Enum):
    """What became of a write."""

    PENDING = "under way"
    DONE = "acknowledged"
    NOT_DONE = "refused"
    UNKNOWN = "unknown"


class Write:
    """One write: the value it leaves, when it was sent and answered, and what became of it."""

    __slots__ = ("value", "invoked", "answered", "outcome", "how")

    def __init__(self, value, invoked, how):
        self.value, self.invoked, self.how = value, invoked, how
        self.answered, self.outcome = None, Outcome.PENDING

    def end(self, outcome, at=None):
        """Records the answer."""
        self.answered = now() if at is None else at
        self.outcome = outcome

    def __repr__(self):
        answered = "" if self.answered is None else f"{self.answered:.3f}"
        return f"[{self.invoked:.3f}–{answered}] {self.how}: {self.value!r}, {self.outcome.value}"


class Register:
    """One key's writes in order. The first entry is what was there at the beginning."""

    def __init__(self, key, initial):
        self.key = key
        self.writes = []
        self.pin(initial, 0.0)

    def invoke(self, value, how, at=None):
        """Begins a write of <value>; the caller ends it."""
        write = Write(value, now() if at is None else at, how)
        self.writes.append(write)
        return write

    def pin(self, value, at=None):
        """What the owner's table holds while no write is under way: doubts of earlier writes end here."""
        write = Write(value, now() if at is None else at, "read from the table")
        write.end(Outcome.DONE, write.invoked)
        self.writes.append(write)

    @property
    def dirty(self):
        """True when the outcome of the last write is not known (yet)."""
        return self.writes[-1].outcome in (Outcome.UNKNOWN, Outcome.PENDING)

    @property
    def current(self):
        """The value of the last write that was not refused."""
        return next(write.value for write in reversed(self.writes) if write.outcome is not Outcome.NOT_DONE)

    def possible(self, end, since=None):
        """Values that a read which ended at <end> may show. <since>: what was acknowledged until then must be visible;
        None: anything ever written may still be seen."""
        values = set()
        for write in reversed(self.writes):
            if write.invoked <= end and write.outcome is not Outcome.NOT_DONE:
                values.add(write.value)
            if since is not None and write.outcome is Outcome.DONE and write.answered <= since:
                break
        return values

    def position(self, value, low, end):
        """The first place at or behind <low> at which a read that ended at <end> may have met <value>, or None."""
        for place in range(low, len(self.writes)):
            write = self.writes[place]
            if write.value == value and write.invoked <= end and write.outcome is not Outcome.NOT_DONE:
                return place
        return None

    def excerpt(self, last=8):
        """The last writes, as lines of evidence."""
        return [repr(write) for write in self.writes[-last:]]


class History:
    """All registers, and the count of writes by how they were made and what became of them."""

    def __init__(self):
        self.registers = {}
        self.counts = {}
        self.lock = threading.Lock()

    def add(self, key, initial):
        self.registers[key] = Register(key, initial)
        return self.registers[key]

    def get(self, key):
        return self.registers.get(key)

    def ended(self, write, outcome):
        """Ends a write and counts it."""
        write.end(outcome)
        with self.lock:
            count = (write.how, outcome)
            self.counts[count] = self.counts.get(count, 0) + 1

    def writes(self, outcome=None):
        """How many writes ended, all of them or those with <outcome>."""
        with self.lock:
            return sum(count for (_, what), count in self.counts.items() if outcome in (None, what))

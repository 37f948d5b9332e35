"""The judge: compares what was read with the history of what was written, and keeps each violation with its evidence.

Pure: it knows no network and no stack. Times are those of the history's clock.
"""

import collections
import threading

from history import Outcome

LOST, PHANTOM, BACK, OWN, WRONG, REFUSED, UNCLEAN, SICK = KINDS = (
    "lost", "phantom", "back in time", "own write missed", "wrong a second after health", "non-2xx where 2xx is promised", "an unclean failure",
    "not healthy again")
EVIDENCE_MAX = 5   # of each kind; the rest is only counted


class Violations:
    """What was found, by kind."""

    def __init__(self):
        self.counts, self.evidence = collections.Counter(), collections.defaultdict(list)
        self.lock = threading.Lock()

    def add(self, kind, what, register=None):
        with self.lock:
            self.counts[kind] += 1
            if len(self.evidence[kind]) < EVIDENCE_MAX:
                self.evidence[kind].append([what, *(register.excerpt() if register else [])])

    def total(self):
        return sum(self.counts.values())


class Read:
    """One read of some registers: where, from when to when, what it may still miss, and what its answer owned up to.

    since     writes acknowledged until then must be visible; None: no such claim (something is or was just broken)
    excused   the answer is marked and comes from a store that was broken: it may be older than the one before
    own       the reader is the writer and his token covers writes acknowledged after this time; None: no token
    """

    def __init__(self, where, begin, end, since=None, excused=False, own=None):
        self.where, self.begin, self.end = where, begin, end
        self.since, self.excused, self.own = since, excused, own

    def __str__(self):
        return f"{self.where} [{self.begin:.3f}–{self.end:.3f}]"


class Watcher:
    """One client over one path: sees values of registers, each no older than the one seen before."""

    def __init__(self, violations):
        self.violations = violations
        self.low = {}
        self.seen = self.steps_back = self.own_seen = 0

    def forget(self):
        """The path itself lost its memory (the gateway died with its tokens): older values may follow."""
        self.low.clear()

    def see(self, register, value, read):
        """Judges that <read> showed <value>."""
        self.seen += 1
        if self._own_missed(register, value, read):
            self.violations.add(OWN, f"{read} shows {register.key} as {value!r}", register)
            return
        if register.dirty:
            self._never_written(register, value, read)
            return
        if read.since is not None and value not in register.possible(read.end, read.since):
            kind = WRONG if register.position(value, 0, read.end) is not None else PHANTOM
            self.violations.add(kind, f"{read} shows {register.key} as {value!r}", register)
            return
        self._follows(register, value, read)

    def _own_missed(self, register, value, read):
        last = next(write for write in reversed(register.writes) if write.outcome is not Outcome.NOT_DONE)
        if read.own is None or last.outcome is not Outcome.DONE or not read.own <= last.answered <= read.begin:
            return False
        self.own_seen += 1
        return value != last.value

    def _never_written(self, register, value, read):
        if register.position(value, 0, read.end) is None:
            self.violations.add(PHANTOM, f"{read} shows {register.key} as {value!r}", register)
            return True
        return False

    def _follows(self, register, value, read):
        low = self.low.get(register.key, 0)
        place = register.position(value, low, read.end)
        if place is None and not self._never_written(register, value, read):
            if read.excused:
                self.steps_back += 1
            else:
                self.violations.add(BACK, f"{read} shows {register.key} as {value!r}; before, {register.writes[low]!r} was seen", register)
            place = register.position(value, 0, read.end)
        if place is not None:
            self.low[register.key] = place


def judge_table(register, value, violations):
    """The owner's table while nothing is under way: it must hold a value that the history allows."""
    allowed = register.possible(float("inf"), float("inf"))
    if value in allowed:
        return True
    known = register.position(value, 0, float("inf")) is not None
    violations.add(LOST if known else PHANTOM, f"the table holds {register.key} as {value!r} instead of {sorted(map(repr, allowed))}", register)
    return False

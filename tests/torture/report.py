"""What a run tells: a line a round while it runs, and the whole at the end."""

import sys
import time

from checker import KINDS, LOST, REFUSED, UNCLEAN
from history import Outcome
from nemesis import FAULTS
from sometimes import met


def say(text):
    print(text, flush=True)


class Report:
    """Of one run on <scene>."""

    def __init__(self, scene, seed):
        self.scene, self.seed, self.start = scene, seed, time.monotonic()
        self.rounds, self.heal_s, self.agree_s = 0, [], []

    def begin(self, minutes, mutant):
        say(f"torture: seed {self.seed}, {minutes} min{f', mutant {mutant}' if mutant else ''}, bound {self.scene.health.bound_s:.1f} s; "
            f"stack in {self.scene.stack.folder}")

    def round(self, faults, heal_s, agree_s):
        self.rounds += 1
        if heal_s is not None:
            self.heal_s.append(heal_s)
        if agree_s is not None:
            self.agree_s.append(agree_s)
        healed = "NOT healthy again" if heal_s is None else f"healthy after {heal_s:.1f} s, all agree after {agree_s:.1f} s"
        say(f"[{time.monotonic() - self.start:6.1f} s] round {self.rounds}: {'; '.join(map(str, faults)) or 'nothing'} -> {healed}; "
            f"{self.scene.history.writes()} writes, {self._reads()} reads, {self.scene.violations.total()} violations")

    def _reads(self):
        return sum(reader.reads for reader in self.scene.readers)

    def caught(self, kinds):
        """Violations of one of <kinds> were found."""
        return any(self.scene.violations.counts[kind] for kind in kinds)

    def end(self, counters):
        """Prints everything; True when nothing was wrong."""
        history, violations = self.scene.history, self.scene.violations
        say(f"\ntorture: seed {self.seed}, {time.monotonic() - self.start:.0f} s, {self.rounds} rounds")
        say("writes: " + ", ".join(f"{history.writes(outcome)} {outcome.value}" for outcome in Outcome if outcome is not Outcome.PENDING))
        for (how, outcome), count in sorted(history.counts.items(), key=lambda entry: (entry[0][0], entry[0][1].value)):
            say(f"    {count:8d} {how}, {outcome.value}")
        seen = sum(watcher.seen for reader in self.scene.readers for watcher in reader.watchers.values())
        judged = sum(reader.judged_2xx for reader in self.scene.readers)
        say(f"reads: {self._reads()}, {seen} values compared; {judged} requests had to be 2xx")
        self._say_faults()
        say(f"health: back after {_spread(self.heal_s)}; all answers and tables agreed after {_spread(self.agree_s)}")
        say(f"the machine stood still for {self.scene.stalls.total_s():.1f} s; {self.scene.excused} requests excused by it; "
            f"looks at which one had waited: {', '.join(f'{part} {count}' for part, count in self.scene.stalls.who.most_common()) or 'none'}")
        self._say_met(counters)
        failed = sum(reader.failed for reader in self.scene.readers)
        self._say_violations(violations, seen, {LOST: history.writes(Outcome.DONE), REFUSED: judged, UNCLEAN: failed})
        return violations.total() == 0

    def _say_faults(self):
        say(f"faults: {sum(self.scene.faults.values())}")
        for kind in dict.fromkeys(kind for kind, _ in FAULTS):
            hit = {part: count for (what, part), count in sorted(self.scene.faults.items()) if what == kind}
            say(f"    {sum(hit.values()):4d} {kind}: {', '.join(f'{part} {count}' for part, count in hit.items()) or 'none'}")

    def _say_met(self, counters):
        say("sometimes:")
        for what, count in met(self.scene, counters):
            say(f"    {count:8d} {what}{'' if count else '   NOT MET IN THIS RUN'}")

    def _say_violations(self, violations, seen, samples):
        say(f"violations: {violations.total()}")
        for kind in KINDS:
            of = samples.get(kind, seen)
            bound = f" (0 of {of}: less than {3 / of:.1e} with 95 % confidence)" if violations.counts[kind] == 0 and of else ""
            say(f"    {violations.counts[kind]:8d} {kind}{bound}")
            for first, *rest in violations.evidence[kind]:
                say(f"        {first}")
                for line in rest:
                    say(f"            {line}")
        sys.stdout.flush()


def _spread(values):
    if not values:
        return "never"
    ordered = sorted(values)
    return f"{ordered[len(ordered) // 2]:.1f} s at the median, {ordered[-1]:.1f} s at most"

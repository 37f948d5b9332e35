"""torture - writers, readers and a nemesis on a private stack; then the checker says what was wrong.

make torture MINUTES=n [SEED=…] [MUTANT=…]. Exit status 0: no violation; 1: some; with a mutant 0 when it was caught.
"""

import argparse
import random
import sys
import time

import mutants
from nemesis import FAULTS, Nemesis
from report import Report, say
from scene import Scene
from settle import compare, heal
from sometimes import Counters
from workload import Workload

HEAL_LIMIT_S = 90
CALM_S = 1.5     # of health with the writers at work, beyond the bound


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--mutant", choices=mutants.names(), help="a broken build: the run succeeds when it is caught")
    parser.add_argument("--schedule", choices=mutants.names(), help="the faults that bring out this mutant, in place of random ones")
    parser.add_argument("--parts", default="", metavar="WORD", help="only faults of parts and lines whose name contains WORD")
    parser.add_argument("--build", default=None, help="folder of the programs (build/)")
    parser.add_argument("--grace", type=float, default=4.0, help="seconds beyond the one that answers have to be right again (%(default)s)")
    parser.add_argument("--keep-logs", action="store_true", help="keep the logs also when nothing was wrong")
    wanted = parser.parse_args()
    if not any(wanted.parts in part for _, part in FAULTS):
        parser.error(f"no part's name contains {wanted.parts}")
    return wanted


def run(scene, wanted, seed, report):
    """Everything between a healthy stack and the last comparison; false when the run itself went wrong."""
    workload = Workload(scene, seed)
    nemesis = Nemesis(scene, seed)
    scene.health.heals()
    workload.start()
    end = time.monotonic() + wanted.minutes * 60
    schedule, caught_by = mutants.SCHEDULES[wanted.schedule] if wanted.schedule else (lambda: None, ())
    compare(scene)
    while time.monotonic() < end and not workload.errors:
        faults = nemesis.round(schedule())
        heal_s, agree_s = heal(scene, HEAL_LIMIT_S), None
        if heal_s is None:
            report.round(faults, heal_s, agree_s)
            break
        scene.ending.wait(scene.health.bound_s + CALM_S)
        agree_s = compare(scene)
        nemesis.rewrite()
        report.round(faults, heal_s, agree_s)
        if wanted.mutant and report.caught(caught_by):
            break
    died = scene.stack.died()
    for problem in [*map(repr, workload.errors), *(f"{name} ended by itself" for name in died)]:
        say(f"torture: {problem}")
    return not workload.errors and not died


def main():
    wanted = options()
    if wanted.mutant:
        wanted.build, wanted.schedule = mutants.build(wanted.mutant), wanted.mutant
    seed = random.SystemRandom().randrange(1 << 32) if wanted.seed is None else wanted.seed
    scene, whole = Scene(wanted), False
    report = Report(scene, seed)
    try:
        report.begin(wanted.minutes, wanted.mutant)
        scene.stack.up()
        scene.stack.healthy()
        counters = Counters(scene)
        report.start = time.monotonic()
        sound = run(scene, wanted, seed, report)
        whole = sound and report.end(counters)
        if wanted.mutant:
            whole = sound and report.caught(mutants.SCHEDULES[wanted.mutant][1])
            say(f"torture: mutant {wanted.mutant} was {'caught' if whole else 'NOT caught'}")
    finally:
        kept = scene.close(keep_logs=not whole or wanted.keep_logs)
        if kept:
            say(f"logs of the stack: {kept}")
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())

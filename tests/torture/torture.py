"""torture - writers, readers and a nemesis on a private stack; then the checker says what was wrong.

make torture MINUTES=n [SEED=…] [MUTANT=…]. Exit status 0: no violation; 1: some; with a mutant 0 when it was caught.
"""

import argparse
import random
import sys
import time

from nemesis import Nemesis
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
    parser.add_argument("--build", default=None, help="folder of the programs (build/)")
    parser.add_argument("--grace", type=float, default=4.0, help="seconds beyond the one that answers have to be right again (%(default)s)")
    parser.add_argument("--keep-logs", action="store_true", help="keep the logs also when nothing was wrong")
    return parser.parse_args()


def run(scene, minutes, seed, report):
    """Everything between a healthy stack and the last comparison."""
    workload = Workload(scene, seed)
    nemesis = Nemesis(scene, seed)
    scene.health.heals()
    workload.start()
    end = time.monotonic() + minutes * 60
    compare(scene)
    while time.monotonic() < end and not workload.errors:
        faults = nemesis.round()
        heal_s, agree_s = heal(scene, HEAL_LIMIT_S), None
        if heal_s is None:
            report.round(faults, heal_s, agree_s)
            break
        scene.ending.wait(scene.health.bound_s + CALM_S)
        agree_s = compare(scene)
        report.round(faults, heal_s, agree_s)
    died = scene.stack.died()
    for problem in [*map(repr, workload.errors), *(f"{name} ended by itself" for name in died)]:
        say(f"torture: {problem}")
    return not workload.errors and not died


def main():
    wanted = options()
    seed = random.SystemRandom().randrange(1 << 32) if wanted.seed is None else wanted.seed
    scene, whole = Scene(wanted), False
    report = Report(scene, seed)
    try:
        report.begin(wanted.minutes, None)
        scene.stack.up()
        scene.stack.healthy()
        counters = Counters(scene)
        report.start = time.monotonic()
        whole = run(scene, wanted.minutes, seed, report)
        counters.look()
        whole = report.end(counters) and whole
    finally:
        kept = scene.close(keep_logs=not whole or wanted.keep_logs)
        if kept:
            say(f"logs of the stack: {kept}")
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())

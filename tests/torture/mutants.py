"""Deliberately broken builds: a patch each, applied to a copy of the sources under build/mutants, and what must catch it.

The copy takes the objects that are built already along, so only what the patch touches is compiled.
"""

import os
import shutil
import subprocess
from pathlib import Path

from checker import BACK, LOST, OWN, PHANTOM, WRONG
from nemesis import Fault
from support.stack import ROOT, SERVICES

PATCHES = Path(__file__).resolve().parent / "mutants"
NEIGHBOURS = {WRONG, BACK, PHANTOM, LOST}


def _batch_in_flight():
    """The relay, cut off for a moment, then takes many rows at once and sends them to a frozen Kafka; both are killed before it reads them."""
    return [Fault("hold", "alarm_db", 0.0, 0.6), Fault("freeze", "kafka", 0.05, 9.0), Fault("kill", "alarm_svc", 2.5, 2.5),
            Fault("kill", "kafka", 3.0, 1.0)]


# name: (one round of the schedule that brings it out, kinds of violations that count as caught)
SCHEDULES = {
    "version-guard": (lambda: [Fault("replay", "kafka", 0.2 * number, 0) for number in range(6)], NEIGHBOURS),
    "position-check": (lambda: [Fault("roll back", "item_redis", 0.0, 1.0), Fault("roll back", "user_redis", 0.5, 1.0)], NEIGHBOURS),
    "delete-first": (_batch_in_flight, NEIGHBOURS),
    "id-above-last": (lambda: [], NEIGHBOURS),
    "token-ignored": (lambda: [Fault("freeze", "kafka", 0.0, 5.0)], {OWN}),
}


def names():
    return sorted(patch.stem for patch in PATCHES.glob("*.patch"))


def build(name):
    """Builds the mutant <name>; the folder of its programs. Raises CalledProcessError when the patch does not fit any more."""
    copy = ROOT / "build" / "mutants" / name
    shutil.rmtree(copy, ignore_errors=True)
    (copy / "build").mkdir(parents=True)
    done = subprocess.run(["git", "ls-files", "-z", "--", "Makefile", "mk", "deploy", "shared", "gateway", *SERVICES, "tests/unit", "tests/bench", "tests/fuzz"],
                          cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True)
    for word in filter(None, done.stdout.split("\0")):
        if (ROOT / word).exists():
            (copy / word).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / word, copy / word)
    for kept in ("flags", "files", "packages.mk", "gateway",
                 *(path.name for path in (ROOT / "build").glob("lib*.a"))):
        if (ROOT / "build" / kept).exists():
            shutil.copy2(ROOT / "build" / kept, copy / "build" / kept)
    for folder in ("shared", *SERVICES):
        if (ROOT / "build" / "obj" / folder).exists():
            shutil.copytree(ROOT / "build" / "obj" / folder, copy / "build" / "obj" / folder)
    subprocess.run(["patch", "-s", "-p1", "-F3", "-i", str(PATCHES / f"{name}.patch")], cwd=copy, check=True)
    environ = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "MFLAGS"}
    subprocess.run(["make", "-s", *(f"build/{service}" for service in SERVICES)], cwd=copy, env=environ, stdout=subprocess.DEVNULL, check=True)
    return copy / "build"

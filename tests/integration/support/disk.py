"""A part's data folder on a small disk of its own (a tmpfs), which a test makes full and gives room again."""

import os
import shutil
import subprocess
from pathlib import Path

from .wait import eventually

PAGE = 4096
ROOM_MB = 64


class NoMount(Exception):
    """This system does not let us mount."""


def _mount(*words):
    done = subprocess.run(["mount", *words], check=False, capture_output=True, text=True)
    return done.returncode == 0, done.stderr.strip()


class SmallDisk:
    """The data of part <name>, moved to a disk of its own with ROOM_MB free; the part is started anew on it. put_back() undoes that."""

    def __init__(self, stack, name):
        self.stack, self.name, self.folder = stack, name, Path(stack.data(name))
        self.aside = self.folder.with_name(f".{name}-aside")
        stack.stop(name)
        self.folder.rename(self.aside)
        self.folder.mkdir()
        mounted, why = _mount("-t", "tmpfs", "-o", "size=4g", "tmpfs", str(self.folder))
        if not mounted:
            self.folder.rmdir()
            self.aside.rename(self.folder)
            stack.up()
            raise NoMount(why)
        # A database has written its files whole: they take their room. The index files of Kafka have holes.
        self._copy(self.aside, self.folder)
        self.make_room()
        stack.up()

    def _copy(self, source, target):
        sparse = "always" if self.name == "kafka" else "never"
        subprocess.run(["cp", "-a", f"--sparse={sparse}", f"{source}/.", str(target)], check=True)

    def used(self):
        """Bytes."""
        state = os.statvfs(self.folder)
        return (state.f_blocks - state.f_bfree) * state.f_frsize

    def free(self):
        """Bytes."""
        return os.statvfs(self.folder).f_bavail * PAGE

    def _resize(self, size):
        return _mount("-o", f"remount,size={size}", str(self.folder))[0]

    def fill(self):
        """From now on there is not a page left."""
        eventually(lambda: self._resize(self.used()) and self.free() == 0, 10, f"the disk of {self.name} is full")

    def make_room(self):
        assert self._resize(self.used() + (ROOM_MB << 20))

    def put_back(self):
        """The part on its old folder again, with what it holds now."""
        self.make_room()
        self.stack.stop(self.name)
        shutil.rmtree(self.aside)
        self.aside.mkdir(mode=0o755)
        self._copy(self.folder, self.aside)
        subprocess.run(["umount", "-l", str(self.folder)], check=True)
        self.folder.rmdir()
        self.aside.rename(self.folder)
        self.stack.up()

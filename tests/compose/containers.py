"""The shop in containers: one compose project with ports and volumes of its own."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from support.calls import DOMAINS, Calls
from support.stack import ROOT, SERVICE_PORT, free_offset

FILE = ROOT / "deploy" / "docker-compose.yaml"
PARTS = tuple(f"{domain}_{kind}" for domain in DOMAINS for kind in ("svc", "db", "redis")) + ("kafka", "gateway")
PORT_VARIABLE = {"item_svc": "ITEM_PORT", "alarm_svc": "ALARM_PORT", "user_svc": "USER_PORT", "gateway": "GATEWAY_PORT"}
PASSWORDS = [f"{domain.upper()}_{kind}_PASSWORD" for domain in DOMAINS for kind in ("DB", "REDIS")] + ["DB_ROOT_PASSWORD"]
UP_S, DOWN_S = 600, 120

# As an administrator, through the socket, as the official image has it.
CLIENT = ("MYSQL_PWD=$MYSQL_ROOT_PASSWORD exec mysql --no-defaults --socket=/var/run/mysqld/mysqld.sock --user=root "
          "--default-character-set=utf8mb4 --comments --batch --skip-column-names \"$MYSQL_DATABASE\"")


def compose_command():
    """The words that call compose: COMPOSE of the environment, else the plugin, else the old program."""
    if os.environ.get("COMPOSE"):
        return os.environ["COMPOSE"].split()
    plugin = subprocess.run(["docker", "compose", "version"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]


def commented_out(text, parts):
    """The compose file <text> with the blocks of <parts> commented out, as a person would do it."""
    out, within = [], False
    for line in text.split("\n"):
        block = re.match(r"  ([a-z_]+):$", line)
        if block or (line and not line.startswith(" ")):
            within = bool(block) and block.group(1) in parts
        out.append(f"#{line}" if within and line else line)
    return "\n".join(out)


class Containers(Calls):
    """A compose project. Nothing runs before up()."""

    def __init__(self):
        offset = free_offset()
        self.ports = {name: SERVICE_PORT[name] + offset for name in PORT_VARIABLE}
        self.folder = Path(tempfile.mkdtemp(prefix="moa-compose-"))
        self.command = compose_command()
        self.project = f"moa{os.getpid()}"
        self.environ = {**os.environ, "COMPOSE_PROJECT_NAME": self.project, "BIND": "127.0.0.1", "GATEWAY_RATE": "1000000"}
        # Not the defaults: what is set must reach everyone whom it concerns.
        self.environ.update({name: f"of.{name.lower()}~1" for name in PASSWORDS})
        self.environ.update({variable: str(self.ports[name]) for name, variable in PORT_VARIABLE.items()})
        self.ids = {}

    # --- compose -----------------------------------------------------------------------------

    def compose(self, *words, without=(), timeout_s=UP_S):
        """Runs compose with the blocks of <without> commented out; returns what it says on standard output."""
        file = FILE
        if without:
            file = self.folder / "docker-compose.yaml"
            file.write_text(commented_out(FILE.read_text(), without))
        return self._run([*self.command, "-f", str(file), "--project-directory", str(FILE.parent), *words], timeout_s)

    def _run(self, words, timeout_s, feed=None):
        done = subprocess.run(words, env=self.environ, input=feed if feed is not None else "", text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout_s, check=False, cwd=ROOT)
        assert done.returncode == 0, f"{' '.join(words)[:300]}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def up(self, without=()):
        """Creates and starts what is missing; our images are built, from the engine's cache when nothing changed."""
        self.compose("up", "-d", "--build", without=without)
        self.ids.clear()

    def down(self):
        """Removes containers, networks and volumes."""
        self._unpause_all()
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "0", timeout_s=DOWN_S)
        self.ids.clear()

    def stop(self, *names):
        self.compose("stop", *names)

    def kill(self, *names):
        self.compose("kill", *names)

    def start(self, *names):
        self.compose("start", *names)

    def pause(self, *names):
        self.compose("pause", *names)

    def unpause(self, *names):
        self.compose("unpause", *names)

    def container(self, name):
        """The id of part <name>'s container."""
        if name not in self.ids:
            self.ids[name] = self.compose("ps", "-q", name).strip()
        return self.ids[name]

    def inspect(self, name, template):
        return self._run(["docker", "inspect", "--format", template, self.container(name)], 30).strip()

    def execute(self, name, *words, feed=None):
        """Runs a command in the container of part <name>; returns its standard output."""
        return self._run(["docker", "exec", "-i", self.container(name), *words], 60, feed)

    def make_whole(self):
        """Every part up again, whatever a test did to it, and all healthy."""
        self._unpause_all()
        self.up()
        self.healthy()

    def _unpause_all(self):
        paused = self._run(["docker", "ps", "-q", "--filter", f"label=com.docker.compose.project={self.project}",
                            "--filter", "status=paused"], 30).split()
        if paused:
            self._run(["docker", "unpause", *paused], 60)

    def remove(self, keep_logs):
        """Ends everything. Returns where the logs are when <keep_logs>."""
        kept = None
        if keep_logs:
            kept = Path(tempfile.mkdtemp(prefix="moa-compose-failed-")) / "log"
            kept.write_text(self.compose("logs", "--no-color", "--timestamps", timeout_s=DOWN_S))
        self.down()
        shutil.rmtree(self.folder, ignore_errors=True)
        return kept

    # --- asking ------------------------------------------------------------------------------

    def url(self, service):
        return f"http://127.0.0.1:{self.ports[service]}"

    def where_logs(self):
        return f"docker logs of project {self.project}"

    def sql(self, domain, text):
        """Runs SQL as an administrator: rows as lists of str."""
        lines = self.execute(f"{domain}_db", "sh", "-c", CLIENT, feed=text).split("\n")[:-1]
        return [line.split("\t") for line in lines]

    def rows(self, domain, query):
        """The same, with numbers where a cell is one. No text of the sample data looks like a number."""
        return [[int(cell) if cell.isdigit() else cell for cell in row] for row in self.sql(domain, query)]

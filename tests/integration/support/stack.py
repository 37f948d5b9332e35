"""One private copy of the whole shop, driven through deploy/stack: own folder, own ports."""

import itertools
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pymysql
import redis
import requests

from .calls import DOMAINS, SAMPLE_TOKEN, SERVICES, Calls
from .wait import eventually

ROOT = Path(__file__).resolve().parents[3]
STACK = ROOT / "deploy" / "stack"
PARTS = ("kafka",) + tuple(f"{domain}_{kind}" for kind in ("db", "redis", "svc") for domain in DOMAINS) + ("gateway",)
SERVICE_PORT = {"item_svc": 5001, "alarm_svc": 6001, "user_svc": 7001, "gateway": 8089}
ADMIN_PORT = {"item_svc": 9501, "alarm_svc": 9601, "user_svc": 9701, "gateway": 8404}
DB_PORT = {"item": 3311, "alarm": 3312, "user": 3313}
REDIS_PORT = {"item": 6381, "alarm": 6382, "user": 6383}
KAFKA_PORTS = (9092, 9093)


class StackError(Exception):
    """deploy/stack ended with a status other than 0."""


def port_is_free(port):
    """True when nobody listens on or uses 127.0.0.1:<port>."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_offset():
    """A random port offset at which every port of a stack is free, below the ephemeral range."""
    second = [_numbered(ports, f"{service}.2") for ports in (SERVICE_PORT, ADMIN_PORT) for service in SERVICES]
    wanted = [*SERVICE_PORT.values(), *ADMIN_PORT.values(), *second, *DB_PORT.values(), *REDIS_PORT.values(), *KAFKA_PORTS]
    for _ in range(200):
        offset = random.SystemRandom().randrange(10000, 22000)
        if all(port_is_free(port + offset) for port in wanted):
            return offset
    raise StackError("no port offset with all ports free")


def _numbered(ports, name):
    """The port of <name>, which may be another instance of a service: item_svc.2."""
    service, _, number = name.partition(".")
    return ports[service] + int(number or 1) - 1


class Second:
    """A second instance of a service, started by hand beside the stack's own one, and our child."""

    def __init__(self, process, url, admin, log):
        self.process, self.url, self.admin, self.log = process, url, admin, log

    @property
    def pid(self):
        return self.process.pid

    def kill(self):
        self.process.kill()
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def unpause(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self, timeout_s=15):
        """SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        return self.process.wait(timeout_s)


class Stack(Calls):
    """A stack and the ways to reach its parts. Nothing runs before start() or up()."""

    def __init__(self, build=None):
        self.folder = Path(tempfile.mkdtemp(prefix="moa-"))
        self.offset = free_offset()
        self.build = Path(build or os.environ.get("MOA_BUILD") or ROOT / "build")
        self.cache = Path(os.environ.get("MOA_CACHE") or ROOT / "var" / "cache")
        self.environ = dict(os.environ, MOA_CACHE=str(self.cache))
        self.environ.setdefault("GATEWAY_RATE", "1000000")  # tests ask faster than any customer
        self.environ.update(MOA_VAR=str(self.folder), MOA_PORT_OFFSET=str(self.offset), MOA_BUILD=str(self.build))
        self.expected_alive = set()
        self.seconds = []
        self.numbers = itertools.count(2)
        self._admin_account = {}

    # --- parts -------------------------------------------------------------------------------

    def run(self, *words, check=True, stdin=None, timeout_s=120):
        """Runs deploy/stack <words>; returns the CompletedProcess. Raises StackError on a bad status."""
        feed = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run([str(STACK), *words], env=self.environ, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout_s, check=False, **feed)
        if check and done.returncode != 0:
            raise StackError(f"deploy/stack {' '.join(words)[:200]}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def up(self):
        """Starts all that does not run. A part that goes on trying after 30 s is given as long once more."""
        if self.run("up", check=False, timeout_s=180).returncode != 0:
            self.run("up", timeout_s=180)
        self.expected_alive = set(PARTS)

    def down(self, remove=False):
        self.expected_alive = set()
        self.run("down", *(["-v"] if remove else []))

    def start(self, *names):
        self.run("start", *names)
        self.expected_alive |= set(names)

    def stop(self, *names):
        self.expected_alive -= set(names)
        self.run("stop", *names)

    def kill(self, *names):
        self.expected_alive -= set(names)
        self.run("kill", *names)

    def pause(self, *names):
        self.run("pause", *names)

    def unpause(self, *names):
        self.run("unpause", *names)

    def pid(self, name):
        """The process of part <name> as its pid file says, or None."""
        try:
            return int((self.folder / "run" / f"{name}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def alive(self, name):
        """True when the process of part <name> runs (or is paused)."""
        pid = self.pid(name)
        if not pid:
            return False
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        return state not in "ZX"

    def died(self):
        """Parts that ended although no test ended them."""
        return sorted(name for name in self.expected_alive if not self.alive(name))

    def data(self, name):
        """The data folder of part <name>."""
        return self.folder / "data" / name

    def log(self, name):
        """What part <name> has logged so far."""
        path = self.folder / "log" / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def settings(self, name):
        """The environment with which deploy/stack starts part <name>."""
        lines = self.run("env", name).stdout.splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def program(self, name):
        return self.build / name

    def second(self, name, **settings):
        """Starts a second instance of service <name> on ports of its own and waits for its admin port."""
        port, admin = self._spare_ports(SERVICE_PORT[name], 2)
        number = next(self.numbers)   # one log and one spool each, also after end_seconds()
        environ = {**self.environ, **self.settings(name), "PORT": str(port), "ADMIN_PORT": str(admin),
                   "SPOOL_DIR": str(self.folder / "spool" / f"{name}.{number}"), **settings}
        Path(environ["SPOOL_DIR"]).mkdir(parents=True, exist_ok=True)
        log = self.folder / "log" / f"{name}.{number}.log"
        with open(log, "ab") as out:
            process = subprocess.Popen([str(self.program(name))], env=environ, stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=subprocess.STDOUT, start_new_session=True)
        second = Second(process, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}", log)
        self.seconds.append(second)
        eventually(lambda: requests.get(second.admin + "/healthz", timeout=1).ok, 10, f"second {name} answers")
        return second

    def end_seconds(self):
        for second in self.seconds:
            if second.process.poll() is None:
                second.kill()
        self.seconds.clear()

    def _spare_ports(self, base, count):
        ports = [port for port in range(base + self.offset + 10, base + self.offset + 90) if port_is_free(port)]
        return ports[:count]

    # --- data --------------------------------------------------------------------------------

    def sql(self, domain, text):
        """Runs one statement as an administrator: rows as lists of str, without the header line."""
        lines = self.run("sql", domain, text).stdout.split("\n")[1:-1]
        return [[_unescape(cell) for cell in line.split("\t")] for line in lines]

    def script(self, domain, text):
        """Runs SQL <text> (as from a file, DELIMITER and all) as an administrator."""
        self.run("sql", domain, stdin=text, timeout_s=300)

    def mysql(self, domain):
        """A connection as administrator, autocommit, to the domain's database. The caller closes it."""
        path, user = self.admin_account(domain)
        return pymysql.connect(unix_socket=path, user=user, database=domain, charset="utf8mb4", autocommit=True)

    def rows(self, domain, query):
        """The rows that <query> finds, as lists."""
        connection = self.mysql(domain)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return [list(row) for row in cursor.fetchall()]
        finally:
            connection.close()

    def admin_account(self, domain):
        """(socket path, user) of the domain's database server for the administrator."""
        if domain not in self._admin_account:
            settings = self.settings(f"{domain}_db")
            self._admin_account[domain] = (settings["MYSQL_SOCKET"], settings["MYSQL_ADMIN"])
        return self._admin_account[domain]

    def redis(self, domain):
        """A client of the domain's Redis."""
        return redis.Redis(port=REDIS_PORT[domain] + self.offset, socket_timeout=5, decode_responses=True)

    @property
    def brokers(self):
        return f"127.0.0.1:{KAFKA_PORTS[0] + self.offset}"

    # --- HTTP --------------------------------------------------------------------------------

    def port(self, service):
        return _numbered(SERVICE_PORT, service) + self.offset

    def url(self, service):
        return f"http://127.0.0.1:{self.port(service)}"

    def where_logs(self):
        return f"{self.folder}/log"

    def admin_port(self, service):
        return _numbered(ADMIN_PORT, service) + self.offset

    def admin(self, service):
        return f"http://127.0.0.1:{self.admin_port(service)}"

    def make_whole(self):
        """Brings every part up again, whatever a test did to it, and waits until all is healthy."""
        self.end_seconds()
        self.unpause(*PARTS)
        self.up()
        self.healthy()

    # --- the end -----------------------------------------------------------------------------

    def remove(self, keep_logs):
        """Ends everything and removes the folder. Returns where the logs are when <keep_logs>."""
        self.end_seconds()
        self.run("down", "-v", check=False, timeout_s=120)
        kept = None
        if keep_logs and (self.folder / "log").exists():
            kept = Path(tempfile.mkdtemp(prefix="moa-failed-")) / "log"
            shutil.copytree(self.folder / "log", kept)
        shutil.rmtree(self.folder, ignore_errors=True)
        return kept


_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\0": "\0", "\\\\": "\\"}


def _unescape(cell):
    """Undoes what the mysql client does to a cell in batch form."""
    return re.sub(r"\\[nt0\\]", lambda match: _ESCAPES[match.group()], cell)

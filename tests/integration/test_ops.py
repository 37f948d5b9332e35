"""Running the services: start and stop, admin port, settings, signals, logs."""

import json
import os
import re
import subprocess
import threading

import pytest
import requests

from support import metrics
from support.shop import Truth
from support.stack import DOMAINS, SAMPLE_TOKEN, SERVICES
from support.wait import eventually, timed
from support.wire import Wire, message

SETTINGS = ("BIND", "PORT", "ADMIN_BIND", "ADMIN_PORT", "MYSQL_URL", "REDIS_URL", "KAFKA_BROKERS", "SPOOL_DIR", "LOG_LEVEL",
            "LOG_FORMAT", "IO_THREADS", "WORKERS")
each_service = pytest.mark.parametrize("service", SERVICES)


def admin(stack, service, path, method="GET"):
    return stack.request(method, stack.admin(service), path, token=None)


def run(stack, service, *arguments, **settings):
    """Runs the program in the foreground until it ends by itself."""
    environ = {**stack.environ, **stack.settings(service), **settings}
    return subprocess.run([str(stack.program(service)), *arguments], env=environ, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=15, check=False)


@each_service
def test_healthz_and_readyz(shop, service):
    """/healthz and /readyz are 200; the latter is JSON."""
    assert admin(shop, service, "/healthz").status_code == 200
    reply = admin(shop, service, "/readyz")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].split(";")[0] == "application/json"
    assert isinstance(reply.json(), dict)
    assert admin(shop, service, "/nowhere").status_code == 404


@pytest.mark.parametrize("domain", ["alarm", pytest.param("item", marks=pytest.mark.slow), pytest.param("user", marks=pytest.mark.slow)])
def test_ready_exactly_when_mysql_or_redis_answers(whole, domain):
    """/readyz is 200 exactly when the service can answer from MySQL or Redis; Kafka and neighbours never decide."""
    service = f"{domain}_svc"
    ready = lambda: admin(whole, service, "/readyz").status_code
    whole.kill("kafka", *[f"{other}_svc" for other in DOMAINS if other != domain])
    assert ready() == 200
    whole.kill(f"{domain}_db")
    assert ready() == 200
    whole.kill(f"{domain}_redis")
    eventually(lambda: ready() == 503, 5, "not ready without both")
    assert admin(whole, service, "/healthz").status_code == 200
    whole.start(f"{domain}_db")
    eventually(lambda: ready() == 200, 10, "ready with MySQL alone")


@each_service
def test_metrics_are_valid_prometheus_text(shop, service):
    """/metrics is Prometheus text and counts requests."""
    reply = admin(shop, service, "/metrics")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].startswith("text/plain")
    before = metrics.total(metrics.parse(reply.text), r"\w*requests?_total")
    assert before is not None, "a counter of requests"
    for _ in range(5):
        shop.get(service)
    eventually(lambda: metrics.total(metrics.parse(admin(shop, service, "/metrics").text), r"\w*requests?_total") >= before + 5,
               10, "five requests are counted; each is a moment after its answer was sent")


@each_service
def test_metrics_name_what_an_operator_needs(shop, service):
    """The first /metrics: outbox depth and age, positions, view age, commit → visible, divergences, spool."""
    names = {name for name, _ in metrics.parse(admin(shop, service, "/metrics").text)}
    wanted = {"outbox depth": r"outbox.*(rows|depth)", "outbox age": r"outbox.*(age|oldest)", "view age": r"view.*age",
              "divergences": r"divergence", "commit to visible": r"visible"}
    if service == "item_svc":
        wanted["spool"] = r"spool"
    missing = [what for what, pattern in wanted.items() if not any(re.search(pattern, name) for name in names)]
    assert not missing, sorted(names)


@each_service
def test_listens_on_loopback_only(shop, service):
    """Default bind is 127.0.0.1, for the API and for the admin port."""
    inode_addresses = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in open(table).readlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                inode_addresses.add(fields[1])
    ports = {f"{shop.port(service):04X}", f"{int(shop.admin(service).rsplit(':', 1)[1]):04X}"}
    listening = {address for address in inode_addresses if address.split(":")[1] in ports}
    assert listening == {f"0100007F:{port}" for port in ports}


@each_service
def test_help_lists_every_setting(shop, service):
    """--help documents the settings from one table; --version names the version."""
    done = run(shop, service, "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert [name for name in SETTINGS if not re.search(rf"\b{name}\b", done.stdout)] == []
    done = run(shop, service, "--version")
    assert done.returncode == 0 and re.search(r"\d+\.\d+", done.stdout)


@each_service
def test_wrong_usage_is_one_clear_line(shop, service):
    """An unknown option or a bad setting: exit status 2 and one line that names it."""
    for arguments, settings, named in [(["--nonsense"], {}, "--nonsense"), (["extra"], {}, "extra"), ([], {"PORT": "abc"}, "PORT"),
                                       ([], {"PORT": "70000"}, "PORT"), ([], {"WORKERS": "-1"}, "WORKERS"), ([], {"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
                                       ([], {"MYSQL_URL": "nonsense"}, "MYSQL_URL"), ([], {"BIND": "no.such"}, "BIND")]:
        done = run(shop, service, *arguments, **settings)
        assert done.returncode == 2, f"{named}: {done.returncode} {done.stderr}"
        assert named in done.stderr and len(done.stderr.splitlines()) <= 2


@each_service
def test_taken_port_is_said(shop, service):
    """A port that is taken: an error that names it, and a status other than 0."""
    taken = shop.port(service)
    done = run(shop, service, ADMIN_PORT=str(shop._spare_ports(9801, 1)[0]), SPOOL_DIR=str(shop.folder / "spool" / "taken"))
    assert done.returncode not in (0, -6, -11)
    assert str(taken) in done.stderr + done.stdout


@each_service
def test_sigterm_ends_with_0(whole, service):
    """SIGTERM: stops accepting, drains, exits 0 in short time; kept-alive idle connections do not hold it up."""
    second = whole.second(service)
    port = int(second.url.rsplit(":", 1)[1])
    with Wire(port) as idle:
        idle.send(message("GET", "/", None))
        assert idle.reply().status == 401
        status, seconds = timed(second.stop)
        assert (status, idle.closed()) == (0, True)
    assert seconds < 10
    with pytest.raises(requests.ConnectionError):
        whole.get(second.url)


def test_sigterm_finishes_the_running_request(whole):
    """A request that runs when SIGTERM comes is answered."""
    second = whole.second("alarm_svc")
    eventually(lambda: whole.get(second.url).status_code == 200, 15, "the second instance answers")
    lock = whole.mysql("alarm")
    with lock.cursor() as cursor:
        cursor.execute("LOCK TABLES alarm WRITE, outbox WRITE")
        replies = []
        asker = threading.Thread(target=lambda: replies.append(whole.get(second.url)))
        asker.start()
        eventually(lambda: any("metadata lock" in (row[6] or "") for row in processes(whole)), 5, "the request waits for the table")
        second.process.terminate()
        cursor.execute("UNLOCK TABLES")
    asker.join(10)
    lock.close()
    assert [reply.status_code for reply in replies] == [200]
    assert second.process.wait(15) == 0


def processes(stack):
    return stack.sql("alarm", "SHOW FULL PROCESSLIST")


def test_sigterm_while_everything_is_away(fresh):
    """SIGTERM ends a service with 0 also when all that it needs is absent."""
    fresh.start("item_db")
    second = fresh.second("item_svc")
    fresh.kill("item_db")
    assert second.stop() == 0


def test_tokens_are_never_logged(whole):
    """No token in any log: not in normal use, not in errors, not at level debug."""
    tokens = [user["access_token"] for user in whole.get("user_svc").json()["payload"]]
    second = whole.second("user_svc", LOG_LEVEL="debug")
    whole.get(second.url)
    for token in tokens:
        for service in SERVICES:
            whole.get(service, token=token)
            whole.request("PUT", service, "/a/b", token)
            whole.post(service, token=token, data=b"{" + token.encode())
    whole.get("item_svc", token="unknown-but-secret-0815")
    whole.kill("user_db")
    whole.get("user_svc", token="unknown-but-secret-0815")
    second.stop()
    for path in (whole.folder / "log").glob("*_svc*.log"):
        text = path.read_text(errors="replace")
        leaked = [token for token in (*tokens, SAMPLE_TOKEN, "unknown-but-secret-0815") if token in text]
        assert text and not leaked, f"{path.name}: {leaked}"


def test_json_log_lines(whole):
    """LOG_FORMAT=json: every line is one JSON object."""
    second = whole.second("item_svc", LOG_FORMAT="json")
    whole.get(second.url)
    assert second.stop() == 0
    lines = second.log.read_text().splitlines()
    assert lines and all(isinstance(json.loads(line), dict) for line in lines)


def test_nothing_leaks_in_steady_use(shop):
    """2,000 requests open no file that stays open."""
    def open_files(service):
        return len(os.listdir(f"/proc/{shop.pid(service)}/fd"))

    truth = Truth(shop)
    truth.assert_right()
    before = {service: open_files(service) for service in SERVICES}
    for service in SERVICES:
        with Wire(shop.port(service)) as wire:
            for _ in range(650):
                wire.send(message("GET", "/?limit=1", SAMPLE_TOKEN))
                assert wire.reply().status == 200
    for service in SERVICES:
        eventually(lambda: open_files(service) <= before[service] + 4, 5, f"{service} closed what it opened")

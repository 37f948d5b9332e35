"""deploy/stack's own contract: verbs, idempotence, what it leaves to the caller, data that stays."""

import json
import os
import subprocess

import pytest

from support.stack import KAFKA_PORTS, STACK

PARTS = ("item_redis", "item_db")


@pytest.fixture
def parts(fresh):
    """A stack of its own of which a Redis and a database run."""
    fresh.start(*PARTS)
    return fresh


def state(stack, name):
    """The process state letter of a part, or None when it does not run."""
    if not stack.alive(name):
        return None
    with open(f"/proc/{stack.pid(name)}/stat", encoding="ascii", errors="replace") as stat:
        return stat.read().rpartition(")")[2].split()[0]


def test_verbs_are_idempotent(parts):
    """start of a running part makes no second copy; stop, kill and unpause of what is not so are 0 too."""
    pids = [parts.pid(name) for name in PARTS]
    parts.start(*PARTS)
    assert [parts.pid(name) for name in PARTS] == pids
    parts.unpause(*PARTS)
    for verb in (parts.kill, parts.stop):
        verb(*PARTS)
        verb(*PARTS)
        assert [state(parts, name) for name in PARTS] == [None, None]
    parts.unpause(*PARTS)
    parts.start(*PARTS)
    assert not set(pids) & {parts.pid(name) for name in PARTS}


def test_pause_unpause_and_kill_of_a_paused_part(parts):
    """pause and unpause are SIGSTOP and SIGCONT; kill works on a paused part and returns when it is gone."""
    for _ in range(2):
        parts.pause(*PARTS)
        assert [state(parts, name) for name in PARTS] == ["T", "T"]
    for _ in range(2):
        parts.unpause(*PARTS)
        assert "T" not in [state(parts, name) for name in PARTS]
    parts.pause(*PARTS)
    parts.kill(*PARTS)
    assert [state(parts, name) for name in PARTS] == [None, None]
    parts.start(*PARTS)
    assert parts.redis("item").ping()


def test_data_survive_kill_and_go_with_down_v(parts):
    """MySQL keeps its data over kill -9; down keeps them, down -v removes them."""
    parts.sql("item", "DELETE FROM item WHERE id < 50")
    parts.kill(*PARTS)
    parts.start(*PARTS)
    assert parts.sql("item", "SELECT COUNT(*) FROM item") == [["1"]]
    parts.down()
    parts.start(*PARTS)
    assert parts.sql("item", "SELECT COUNT(*) FROM item") == [["1"]]
    parts.down(remove=True)
    parts.start(*PARTS)
    assert parts.sql("item", "SELECT COUNT(*) FROM item") == [["50"]]


def test_a_callers_pipe_ends(parts):
    """A caller that reads the command's output to its end gets the end, though what was started runs on."""
    parts.kill(*PARTS)
    done = subprocess.run(f"'{STACK}' start {' '.join(PARTS)} 2>&1 | cat", shell=True, env=parts.environ, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=40, check=False)
    assert done.returncode == 0 and done.stdout
    for name in PARTS:
        pid = parts.pid(name)
        assert os.getsid(pid) != os.getsid(0)
        assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"
        assert all(os.readlink(f"/proc/{pid}/fd/{number}").startswith(str(parts.folder)) for number in (1, 2))


def test_kafka_listens_where_it_is_told_as_well(fresh):
    """KAFKA_MORE_LISTENERS: whoever asks there is told the address given for it; the others go on as before."""
    more, told = fresh._spare_ports(KAFKA_PORTS[0], 2)
    fresh.environ["KAFKA_MORE_LISTENERS"] = f"FAR=127.0.0.1:{more}/127.0.0.1:{told}"
    fresh.start("kafka")
    for asked, answer in ((f"127.0.0.1:{more}", f"127.0.0.1:{told}"), (fresh.brokers, fresh.brokers)):
        done = subprocess.run(["kcat", "-L", "-J", "-m", "10", "-b", asked], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
        assert [broker["name"] for broker in json.loads(done.stdout)["brokers"]] == [answer]


def test_a_listener_that_is_none_is_said(fresh):
    fresh.environ["KAFKA_MORE_LISTENERS"] = "FAR=127.0.0.1:1"
    done = fresh.run("start", "kafka", check=False)
    assert done.returncode == 1 and "FAR=127.0.0.1:1" in done.stderr


def test_where_the_gateway_finds_a_service_can_be_told(fresh):
    before = fresh.settings("gateway")
    fresh.environ.update(ITEM_ADDR="127.0.0.1:1001", ITEM_ADMIN_PORT="1002")
    assert fresh.settings("gateway") == {**before, "ITEM_ADDR": "127.0.0.1:1001", "ITEM_ADMIN_PORT": "1002"}


def test_sql_and_redis_clients(parts):
    """sql: one argument unchanged or standard input, header line and tabs, the client's exit status; redis likewise."""
    assert parts.run("sql", "item", "SELECT id, '한 \"a\" `b` $c' AS text FROM item WHERE id = 50").stdout == \
        'id\ttext\n50\t한 "a" `b` $c\n'
    assert parts.run("sql", "item", stdin="SELECT DATABASE();\nSELECT 2 AS two;\n").stdout == "DATABASE()\nitem\ntwo\n2\n"
    shown = "SELECT INFO FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID() /* kept */"
    assert parts.run("sql", "item", shown).stdout == f"INFO\n{shown}\n"
    assert parts.run("sql", "item", "SELECT nonsense", check=False).returncode != 0
    assert parts.run("redis", "item", "SET", "k", "a b").stdout.strip() == "OK"
    assert parts.run("redis", "item", "GET", "k").stdout.strip() == "a b"
    assert parts.run("redis", "item", "CONFIG", "GET", "maxmemory-policy").stdout.split() == ["maxmemory-policy", "noeviction"]


def test_clients_take_no_lock(parts):
    """sql and redis work while another command holds the part."""
    holder = subprocess.Popen(["flock", str(parts.folder / "run" / "item_db.lock"), "cat"], stdin=subprocess.PIPE)
    assert parts.run("sql", "item", "SELECT 1", timeout_s=10).returncode == 0
    holder.communicate(timeout=10)


def test_commands_side_by_side(parts):
    """Several starts of the same parts at once end with one copy and status 0."""
    parts.kill(*PARTS)
    running = [subprocess.Popen([str(STACK), "start", *PARTS], env=parts.environ, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(4)]
    outputs = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0] * 4, outputs
    assert [state(parts, name) is not None for name in PARTS] == [True, True]


@pytest.mark.parametrize("words", [["start", "nothing"], ["start"], ["frobnicate"], ["sql", "kafka", "SELECT 1"]])
def test_wrong_words_are_said(fresh, words):
    """An unknown verb or name is an error that says so, and nothing is started."""
    done = fresh.run(*words, check=False)
    assert done.returncode != 0 and done.stderr.strip()


def test_taken_port_is_named(fresh):
    """A port that is taken by something else: the error names the port, and the other is left alone."""
    fresh.start("item_redis")
    port, pid = fresh.redis("item").connection_pool.connection_kwargs["port"], fresh.pid("item_redis")
    (fresh.folder / "run" / "item_redis.pid").unlink()
    done = fresh.run("start", "item_redis", check=False)
    assert done.returncode != 0 and str(port) in done.stderr
    (fresh.folder / "run" / "item_redis.pid").write_text(str(pid))
    assert fresh.redis("item").ping()


def test_stale_pid_file_means_dead(fresh):
    """A pid file that names some other process is not believed, and that process is left alone."""
    fresh.start("item_redis")
    fresh.kill("item_redis")
    bystander = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    (fresh.folder / "run" / "item_redis.pid").write_text(f"{bystander.pid}\n")
    fresh.kill("item_redis")
    fresh.start("item_redis")
    assert fresh.redis("item").ping() and bystander.poll() is None
    bystander.communicate(timeout=5)

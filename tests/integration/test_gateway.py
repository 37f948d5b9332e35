"""The shop through the gateway: the same bytes, paths of nobody, dead and frozen services, two instances, limits."""

import time

import pytest
import requests

from support.instances import Load
from support.shop import assert_empty, assert_problem, sample
from support.stack import SAMPLE_TOKEN
from support.wait import eventually, throughout
from support.wire import ask, message

ROUTES = {"item_svc": "/items", "alarm_svc": "/alarms", "user_svc": "/users"}
DETECTED_S = 8  # checks come every half second; the machine is shared


@pytest.fixture
def gateway(whole):
    """The whole shop; gateway(NAME=value, …) starts the gateway anew with these settings, gone again after the test."""
    def again(**settings):
        for name in settings:
            before.setdefault(name, whole.environ.get(name))
        whole.environ.update(settings)
        whole.stop("gateway")
        whole.start("gateway")
        return whole

    before = {}
    yield again
    for name, value in before.items():
        if value is None:
            del whole.environ[name]
        else:
            whole.environ[name] = value
    whole.stop("gateway")
    whole.start("gateway")


def same(direct, through):
    """Two answers are the same to a client."""
    assert (through.status_code, through.content) == (direct.status_code, direct.content)
    for name in ("Content-Type", "Allow", "Degraded", "Retry-After"):
        assert through.headers.get(name) == direct.headers.get(name)


@pytest.mark.parametrize("prefix", ["", "/v1"])
@pytest.mark.parametrize("service, path, asked", [
    ("item_svc", "/", "/items"), ("item_svc", "/", "/items/"), ("item_svc", "/?limit=3&before=40", "/items?limit=3&before=40"),
    ("item_svc", "/?limit=3", "/items/?limit=3"), ("item_svc", "/50", "/items/50"), ("item_svc", "/999999", "/items/999999"),
    ("item_svc", "/050", "/items/050"), ("item_svc", "/5/0", "/items/5/0"), ("alarm_svc", "/", "/alarms"), ("user_svc", "/", "/users"),
    ("user_svc", "/visit", "/users/visit"), ("user_svc", "/visit/", "/users/visit/"), ("item_svc", "/?limit=0", "/items?limit=0"),
])
def test_the_same_answers(shop, prefix, service, path, asked):
    """Each path answers byte for byte as the service does, also under /v1, with GET and with HEAD."""
    same(shop.get(service, path), shop.get("gateway", prefix + asked))
    same(shop.request("HEAD", service, path), shop.request("HEAD", "gateway", prefix + asked))


@pytest.mark.parametrize("service", ROUTES)
def test_the_same_refusals(shop, service):
    """401, 405 with Allow, 400 and 413 are the service's own."""
    path = ROUTES[service]
    same(shop.get(service, token=None), shop.get("gateway", path, token=None))
    same(shop.get(service, token="nobody"), shop.get("gateway", path, token="nobody"))
    same(shop.request("PATCH", service), shop.request("PATCH", "gateway", path))
    if service == "alarm_svc":
        same(shop.post(service, data="{"), shop.post("gateway", path, data="{"))
        same(shop.post(service, data="x" * 70000), shop.post("gateway", path, data="x" * 70000))


@pytest.mark.parametrize("path", ["/", "/itemsx", "/item", "/items50", "/v1", "/v1/", "/v2/items", "/v1/v1/items", "/healthz", "/readyz", "/metrics",
                                  "/stats.json", "//items", "/ITEMS", "/%69tems"])
def test_a_path_of_nobody_is_the_gateways_404(shop, path):
    """Every other path is a problem document of the gateway itself; no service hears of it."""
    reply, _ = ask(shop.port("gateway"), message("GET", path, SAMPLE_TOKEN, [("Connection", "close")]))
    assert reply.status == 404
    assert reply.headers["content-type"] == "application/problem+json"
    assert b'"status":404' in reply.body


def test_set_see_unset(whole):
    """An alarm that is set through the gateway is listed through it, and unset again."""
    assert_empty(whole.post("gateway", "/alarms", json={"item_id": "3"}), 201)
    assert 3 in [item["id"] for item in whole.get("gateway", "/alarms").json()["payload"]]
    eventually(lambda: whole.get("gateway", "/items/3").json()["payload"]["is_alarm_set"], 5, "the flag is seen")
    assert_empty(whole.delete("gateway", "/alarms", json={"item_id": "3"}), 200)
    assert 3 not in [item["id"] for item in whole.get("gateway", "/alarms").json()["payload"]]


def test_ids_are_passed_on(shop):
    """X-Request-Id and traceparent of the client reach the service's log; without them the gateway makes them."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    shop.get("gateway", "/items/7", headers={"X-Request-Id": "from-the-client-1", "traceparent": trace})
    eventually(lambda: "from-the-client-1" in shop.log("item_svc") and trace.split("-")[1] in shop.log("item_svc"), 5, "both in the log")
    eventually(lambda: "from-the-client-1" in shop.log("gateway"), 5, "and in the gateway's")
    assert shop.get("gateway", "/items/7").headers.get("X-Request-Id"), "the service says the id that the gateway made"


@pytest.mark.parametrize("verb", ["kill", "pause"])
@pytest.mark.parametrize("service", ROUTES)
def test_a_service_that_is_away_is_503_and_the_others_are_not_disturbed(whole, service, verb):
    """Its own route says 503 with Retry-After within its deadline, as a problem document; the others go on; it comes back by itself."""
    others = [route for name, route in ROUTES.items() if name != service]
    getattr(whole, verb)(service)
    eventually(lambda: whole.get("gateway", ROUTES[service]).status_code == 503, DETECTED_S, "503")
    start = time.monotonic()
    assert_problem(whole.get("gateway", ROUTES[service]), 503)
    assert time.monotonic() - start < 1, "known to be away: answered at once"
    throughout(1, lambda: [whole.get("gateway", route).raise_for_status() for route in others])
    if verb == "kill":
        whole.start(service)
    else:
        whole.unpause(service)
    eventually(lambda: whole.get("gateway", ROUTES[service]).status_code == 200, DETECTED_S, "200 again")


def test_a_service_that_is_not_ready_is_asked_nothing(whole):
    """Health is the service's readiness: without MySQL and Redis it is 503 at once."""
    whole.kill("alarm_db", "alarm_redis")
    eventually(lambda: requests.get(whole.admin("alarm_svc") + "/readyz", timeout=2).status_code == 503, DETECTED_S, "not ready")
    eventually(lambda: "DOWN" in shop_status(whole, "alarms"), DETECTED_S, "the gateway knows")
    assert_problem(whole.get("gateway", "/alarms"), 503)
    assert whole.get("gateway", "/items").status_code == 200
    whole.start("alarm_db", "alarm_redis")
    eventually(lambda: whole.get("gateway", "/alarms").status_code == 200, 30, "ready again")


def shop_status(shop, backend):
    """The state of the servers of a backend, as /stats.json tells it."""
    rows = requests.get(shop.admin("gateway") + "/stats.json", timeout=5).json()
    states = []
    for row in rows:
        fields = {cell["field"]["name"]: cell["value"]["value"] for cell in row}
        if fields["pxname"] == backend and fields["svname"] not in ("FRONTEND", "BACKEND"):
            states.append(str(fields["status"]))
    return " ".join(states)


def clients_of(shop, path, count=4):
    """Clients that ask the gateway for <path> again and again, and want 200."""
    return Load(shop.url("gateway"), SAMPLE_TOKEN, [("GET", path, None, 200)], count)


def test_two_instances_and_one_is_killed_or_stopped(gateway, whole):
    """With two instances of item_svc no read fails while one is stopped, started again, or killed at any moment."""
    second = whole.second("item_svc")
    gateway(ITEM_ADDR_2=second.url.removeprefix("http://"), ITEM_ADMIN_PORT_2=second.admin.rpartition(":")[2])
    eventually(lambda: shop_status(whole, "items").count("UP") == 2, DETECTED_S, "both are up")
    with clients_of(whole, "/items?limit=3") as clients:
        eventually(lambda: clients.answers > 200, 20, "some answers")
        assert second.stop() == 0
        eventually(lambda: "DOWN" in shop_status(whole, "items"), DETECTED_S, "one is down")
        before = clients.answers
        eventually(lambda: clients.answers > before + 200, 20, "more answers")
    assert not clients.failures
    again = whole.second("item_svc", PORT=second.url.rpartition(":")[2], ADMIN_PORT=second.admin.rpartition(":")[2])
    eventually(lambda: shop_status(whole, "items").count("UP") == 2, DETECTED_S, "both are up again")
    with clients_of(whole, "/items?limit=3") as clients:
        eventually(lambda: clients.answers > 200, 20, "some answers")
        again.kill()
        eventually(lambda: "DOWN" in shop_status(whole, "items"), DETECTED_S, "one is down")
    assert not clients.failures


def test_a_rolling_restart_of_the_gateways_neighbour(whole):
    """A service that is stopped and started behind the gateway: nothing but 200 and 503, and 200 in the end."""
    with clients_of(whole, "/users", 2) as clients:
        eventually(lambda: clients.answers > 50, 20, "some answers")
        whole.stop("user_svc")
        whole.start("user_svc")
        eventually(lambda: whole.get("gateway", "/users").status_code == 200, DETECTED_S, "it answers again")
    assert not [failure for failure in clients.failures if ": 503 " not in failure]


def test_rate_limit_per_token(gateway, whole, person):
    """More requests than allowed are 429 with Retry-After and RateLimit-*, for that token alone."""
    gateway(GATEWAY_RATE="5")
    eventually(lambda: whole.get("gateway", "/users", token=person.token).status_code == 200, DETECTED_S, "it works")
    replies = [whole.get("gateway", "/users") for _ in range(30)]
    refused = [reply for reply in replies if reply.status_code == 429]
    assert refused and {reply.status_code for reply in replies} == {200, 429}
    assert_problem(refused[0], 429)
    assert int(refused[0].headers["Retry-After"]) >= 1
    assert refused[0].headers["RateLimit-Limit"] == "5"
    assert whole.get("gateway", "/users", token=person.token).status_code == 200


def test_a_body_that_is_too_large_is_not_passed_on(shop):
    """More than a megabyte is refused by the gateway, with a length that says so and in chunks that do not."""
    def pieces():
        for _ in range(40):
            yield b"x" * 65536

    assert_problem(shop.post("gateway", "/alarms", data=b"x" * 1100000), 413)
    try:
        assert shop.post("gateway", "/alarms", data=pieces()).status_code == 413
    except requests.ConnectionError:
        pass  # the connection was cut while the body was still being sent
    assert shop.get("gateway", "/alarms").status_code == 200


def test_the_gateway_dead_the_direct_ports_work(whole):
    """Without the gateway the services answer on their own ports; it comes back with what it knew of nobody lost."""
    whole.kill("gateway")
    assert whole.unhealthy() == []
    whole.start("gateway")
    assert whole.get("gateway", "/items").status_code == 200
    whole.pause("gateway")
    assert sample(whole).get("item_svc").status_code == 200
    whole.unpause("gateway")
    assert whole.get("gateway", "/items").status_code == 200


def test_status_and_metrics(shop):
    """The admin port has the status page, JSON and metrics; they name every backend."""
    page = requests.get(shop.admin("gateway") + "/", timeout=5)
    assert page.status_code == 200 and all(name in page.text for name in ("items", "alarms", "users"))
    metrics = requests.get(shop.admin("gateway") + "/metrics", timeout=5).text
    assert 'haproxy_backend_status{proxy="items"' in metrics
    assert shop_status(shop, "items") == "UP"

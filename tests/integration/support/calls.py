"""Asking a running shop: one request on a new connection, and whether the lists are healthy."""

import requests

from .wait import eventually

SAMPLE_TOKEN = "4a49145e-45a8-4845-af45-1af2a59bb044"
DOMAINS = ("item", "alarm", "user")
SERVICES = tuple(f"{domain}_svc" for domain in DOMAINS)
REPLY_TIMEOUT_S = 5
HEALTHY_TIMEOUT_S = 90


class Calls:
    """What every running shop can be asked; url() says where its parts are, where_logs() where they tell more."""

    def url(self, service):
        raise NotImplementedError

    def where_logs(self):
        raise NotImplementedError

    def request(self, method, service, path="/", token=SAMPLE_TOKEN, headers=None, **more):
        """One request on a new connection. <service>: a name or a base URL. <token> None: no USER-TOKEN."""
        base = service if "://" in service else self.url(service)
        sent = {**({"USER-TOKEN": token} if token is not None else {}), **(headers or {})}
        more.setdefault("timeout", REPLY_TIMEOUT_S)
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, base + path, headers=sent, **more)

    def get(self, service, path="/", token=SAMPLE_TOKEN, **more):
        return self.request("GET", service, path, token, **more)

    def post(self, service, path="/", token=SAMPLE_TOKEN, **more):
        return self.request("POST", service, path, token, **more)

    def delete(self, service, path="/", token=SAMPLE_TOKEN, **more):
        return self.request("DELETE", service, path, token, **more)

    def unhealthy(self):
        """What keeps the lists from answering 200 without Degraded; empty when nothing does."""
        found = []
        for service, path in (*((service, "/") for service in SERVICES), ("user_svc", "/visit")):
            try:
                reply = self.get(service, path, timeout=3)
            except requests.RequestException as error:
                found.append(f"{service}{path}: {type(error).__name__}")
                continue
            if reply.status_code != 200 or "Degraded" in reply.headers:
                found.append(f"{service}{path}: {reply.status_code} Degraded: {reply.headers.get('Degraded')}")
        return found

    def healthy(self, timeout_s=HEALTHY_TIMEOUT_S):
        """Waits until the lists, /visit too, answer 200 without Degraded for the sample token."""
        last = []

        def nothing_wrong():
            last[:] = self.unhealthy()
            return not last

        try:
            eventually(nothing_wrong, timeout_s, "the lists are healthy")
        except AssertionError as error:
            raise AssertionError(f"{error}; in the way: {last}; logs: {self.where_logs()}") from None

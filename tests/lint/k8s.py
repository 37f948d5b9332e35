"""What the manifests of deploy/k8s keep to: they fit together, they fit the programs, and every pod has what ours must have."""

import copy
import re

import yaml

from files import ROOT, report

FOLDER = ROOT / "deploy/k8s"
KUSTOMIZE = "kustomization.yaml"
MERGE_BY = {"containers": "name", "volumes": "name", "env": "name", "ports": "name", "volumeMounts": "mountPath"}
WORKLOADS = ("StatefulSet", "Deployment", "Job")


class Manifests:
    """Everything that deploy/k8s/local puts into the cluster, patches applied, and the problems met on the way."""

    def __init__(self):
        self.problems, self.documents, self.used, self.generated = [], [], set(), set()
        self.load(FOLDER / "local")
        for path in sorted(FOLDER.rglob("*")):
            if path.is_file() and path not in self.used:
                self.problems.append(f"{path.relative_to(ROOT)}: no {KUSTOMIZE} names it")

    def read(self, path):
        self.used.add(path)
        try:
            return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
        except (OSError, yaml.YAMLError) as error:
            self.problems.append(f"{path.relative_to(ROOT)}: {error}")
            return []

    def load(self, folder):
        """Adds what the kustomization in <folder> is made of."""
        (plan,) = self.read(folder / KUSTOMIZE) or [{}]
        mine = []
        for name in plan.get("resources", []):
            path = (folder / name).resolve()
            if path.is_dir():
                self.load(path)
            else:
                mine += self.read(path)
        for patch in plan.get("patches", []):
            (change,) = self.read(folder / patch["path"])
            matching = [one for one in mine if fits(one, patch["target"])]
            if not matching:
                self.problems.append(f"{folder.name}: {patch['path']} changes nothing")
            for one in matching:
                merge(one, {key: value for key, value in change.items() if key != "metadata"})
        for wanted in plan.get("configMapGenerator", []):
            self.generated.add(wanted["name"])
            self.problems += [f"{folder.name}: there is no {file}" for file in wanted["files"] if not (folder / file).is_file()]
        self.documents += mine


def fits(document, target):
    key, _, value = target.get("labelSelector", "").partition("=")
    labels = document["metadata"].get("labels", {})
    return document["kind"] == target["kind"] and (not key or labels.get(key) == value)


def merge(into, change):
    """A strategic merge: maps by key, some lists by a key of their elements, all else replaced."""
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        elif key in MERGE_BY and isinstance(into.get(key), list):
            by = MERGE_BY[key]
            for element in value:
                old = next((one for one in into[key] if one.get(by) == element.get(by)), None)
                if old is None:
                    into[key].append(copy.deepcopy(element))
                else:
                    merge(old, element)
        else:
            into[key] = copy.deepcopy(value)


def settings():
    """Names of settings: of the services, from the table that --help prints, and of the gateway, from its configuration."""
    table = (ROOT / "shared/svc/config.c").read_text(encoding="utf-8")
    gateway = (ROOT / "deploy/gateway.cfg").read_text(encoding="utf-8")
    of_gateway = {name for pair in re.findall(r"\$\{(\w+)|defined\((\w+)\)", gateway) for name in pair if name}
    return set(re.findall(r'\{ "([A-Z_]+)", T_', table)), of_gateway


def ports(program):
    """{name: number} of the ports that <program> has by itself."""
    if program == "gateway":
        text = (ROOT / "deploy/gateway.cfg").read_text(encoding="utf-8")
        return {"http": int(re.search(r"GATEWAY_PORT-(\d+)", text)[1]), "admin": int(re.search(r"GATEWAY_ADMIN_PORT-(\d+)", text)[1])}
    text = (ROOT / program / "main.c").read_text(encoding="utf-8")
    return {"http": int(re.search(r"\.port = (\d+)", text)[1]), "admin": int(re.search(r"\.admin_port = (\d+)", text)[1])}


def check_pod(where, spec, ours):
    """Problems of a pod that stand in it alone."""
    security = spec.get("securityContext", {})
    if not (security.get("runAsNonRoot") and security.get("runAsUser") and security.get("seccompProfile")):
        yield f"{where}: may run as root, or without a seccomp profile"
    if spec.get("automountServiceAccountToken") is not False or spec.get("enableServiceLinks") is not False:
        yield f"{where}: is told of the cluster"
    for container in spec["containers"]:
        own = container.get("securityContext", {})
        if own.get("allowPrivilegeEscalation") is not False or own.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{where}: may gain rights"
        if ours and own.get("readOnlyRootFilesystem") is not True:
            yield f"{where}: may write to its own file system"
        resources = container.get("resources", {})
        if not ({"cpu", "memory"} <= set(resources.get("requests", {})) and "memory" in resources.get("limits", {})):
            yield f"{where}: says not what it takes"


def check_probes(where, container, ours):
    named = {port["name"] for port in container.get("ports", [])}
    for probe in ("livenessProbe", "readinessProbe"):
        how = container.get(probe, {})
        asked = how.get("httpGet") or how.get("tcpSocket")
        if not asked and "exec" not in how:
            yield f"{where}: has no {probe}"
        elif asked and asked["port"] not in named:
            yield f"{where}: {probe} asks port {asked['port']}, which it has not"
    if ours:
        ready = "/healthz" if ours == "gateway" else "/readyz"
        for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", ready)):
            if container.get(probe, {}).get("httpGet", {}) != {"path": path, "port": "admin"}:
                yield f"{where}: {probe} is not {path} of the admin port"
        if {port["name"]: port["containerPort"] for port in container["ports"]} != ports(ours):
            yield f"{where}: its ports are not those of {ours}"


def given(container, by_name):
    """Names of the environment variables that a container gets from objects of ours, and objects that are not there."""
    names, lacking = {one["name"] for one in container.get("env", [])}, []
    for source in container.get("envFrom", []):
        (kind, reference), = source.items()
        found = by_name.get(("ConfigMap" if kind == "configMapRef" else "Secret", reference["name"]))
        if found is None:
            lacking.append(reference["name"])
        else:
            names |= set(found.get("data") or found.get("stringData"))
    return names, lacking


def check_workload(document, by_name, generated):
    """Problems of one workload, by itself and with the objects that it names."""
    spec, name = document["spec"], document["metadata"]["name"]
    where, pod = f"{document['kind']} {name}", spec["template"]["spec"]
    image = pod["containers"][0]["image"]
    ours = image[len("moa/"):] if image.startswith("moa/") else None
    yield from check_pod(where, pod, ours)
    labels = spec["template"].get("metadata", {}).get("labels", {})
    if document["kind"] != "Job":
        yield from check_probes(where, pod["containers"][0], ours)
        if not spec["selector"]["matchLabels"].items() <= labels.items():
            yield f"{where}: selects other pods than its own"
    if ours:
        budget = by_name.get(("PodDisruptionBudget", name), {"spec": {}})["spec"].get("selector")
        if spec["replicas"] < 2 or budget != spec["selector"]:
            yield f"{where}: nothing keeps an instance up while others are moved"
        names, lacking = given(pod["containers"][0], by_name)
        known = settings()[ours == "gateway"]
        yield from (f"{where}: there is no {one}" for one in lacking)
        yield from (f"{where}: {one} is no setting of {ours}" for one in sorted(names - known))
    volumes = {one["name"]: one for one in pod.get("volumes", [])}
    claims = {one["metadata"]["name"] for one in spec.get("volumeClaimTemplates", [])}
    for mount in pod["containers"][0].get("volumeMounts", []):
        if mount["name"] not in volumes.keys() | claims:
            yield f"{where}: there is no volume {mount['name']}"
    for volume in volumes.values():
        if "configMap" in volume and volume["configMap"]["name"] not in generated:
            yield f"{where}: there is no ConfigMap {volume['configMap']['name']}"


def check_address(where, text, by_name):
    """A host:port in a setting: a Service of ours that has the port; pods of a StatefulSet stand in front with a dot."""
    host, _, port = text.replace(".moa.svc.cluster.local:", ":").rpartition(":")
    service = by_name.get(("Service", host.rpartition(".")[2]))
    if service is None or int(port) not in [one["port"] for one in service["spec"]["ports"]]:
        yield f"{where}: nobody listens at {text}"


def check(documents, generated):
    """Problems of all <documents> together."""
    by_name = {(one["kind"], one["metadata"]["name"]): one for one in documents}
    problems = []
    if len(by_name) != len(documents):
        problems.append("two objects have one name")
    pods = [one["spec"]["template"]["metadata"]["labels"] for one in documents if one["kind"] in WORKLOADS]
    for one in documents:
        where = f"{one['kind']} {one['metadata']['name']}"
        if one["kind"] in WORKLOADS:
            problems += check_workload(one, by_name, generated)
        if one["kind"] == "Service" and not any(one["spec"]["selector"].items() <= labels.items() for labels in pods):
            problems.append(f"{where}: no pod stands behind it")
        for key, value in {**one.get("data", {}), **one.get("stringData", {})}.items():
            address = re.search(r"(?:@|^)([a-z][a-z0-9.-]*:\d+)(?:/|$)", value)
            if address and not key.endswith("PORT"):
                problems += check_address(f"{where}: {key}", address[1], by_name)
    return problems


def main():
    manifests = Manifests()
    report(manifests.problems + check(manifests.documents, manifests.generated))


if __name__ == "__main__":
    main()

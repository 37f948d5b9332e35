"""Each rule finds what it forbids and lets pass what it allows: a lint that cannot fail is none."""

import copy

import globals as mutable
import k8s
import layers
import lengths
import text

from files import report


def layer_problems(name, *lines):
    return layers.check(name, lines, {})


def length_problems(count, *inside, file_mark="", name="shared/base/x.c", filler=0):
    body = ["\tx();"] * (count - len(inside)) + list(inside)
    return lengths.check(name, [f"/* x.c - x. {file_mark} */", "static int", "long_one(void)", "{", *body, "}",
                                *[""] * filler, ""], [])


def text_problems(*lines, name="shared/base/x.c"):
    return text.check(name, ["/* x.c - x. */", *lines, ""])


MANIFESTS = k8s.Manifests()


def k8s_problems(change):
    """What is said about the manifests after <change> was made to {"Kind name": document}."""
    documents = copy.deepcopy(MANIFESTS.documents)
    change({f"{one['kind']} {one['metadata']['name']}": one for one in documents})
    return k8s.check(documents, MANIFESTS.generated)


def pod(documents, name="StatefulSet item"):
    return documents[name]["spec"]["template"]["spec"]


def container(documents, name="StatefulSet item"):
    return pod(documents, name)["containers"][0]


FIX_LATER = "TO" "DO"
BAD = {
    "a lower layer uses a higher one": layer_problems("shared/io/x.c", '#include "shared/svc/y.h"'),
    "a service uses another": layer_problems("item_svc/x.c", '#include "alarm_svc/y.h"'),
    "the kit uses a service": layer_problems("shared/svc/x.c", '#include "item_svc/y.h"'),
    "the gateway uses io": layer_problems("gateway/x.c", '#include "shared/io/y.h"'),
    "an include without path": layer_problems("item_svc/x.c", '#include "y.h"'),
    "a foreign header in a header": layer_problems("shared/io/x.h", "#include <mysql.h>"),
    "a foreign header outside of io": layer_problems("item_svc/x.c", "#include <hiredis/hiredis.h>"),
    "a foreign header twice": layers.shared_out({"mariadb": {"shared/io/a.c", "shared/io/b.c"}}),
    "a long function": length_problems(81),
    "a long file": length_problems(5, filler=500),
    "a long header": length_problems(5, filler=150, name="shared/base/x.h"),
    "an unfinished thing": text_problems(f"/* {FIX_LATER} */"),
    "a path of a machine": text_problems('f("/ho' 'me/x")'),
    "blanks at the end": text_problems("\tx(); "),
    "blanks in front": text_problems("    x();"),
    "no newline at the end": text.check("shared/base/x.c", ["/* x.c - x. */"]),
    "no first sentence": text.check("shared/base/x.c", ["#include <stdio.h>", ""]),
    "no first sentence in a script": text.check("deploy/x", ["#!/bin/bash", "set -u", ""]),
    "SQL outside of store.c": text.check("item_svc/routes.c", ["/* routes.c - x. */", '\tq("SELECT 1");', ""]),
    "a global without a reason": [] if mutable.allowed(["/* lint: allow-global why */", "int y;", "", "int x;"], "x") else ["no"],
    "a mutable global": mutable.writable("0000000000000000 l     O .bss\t0000000000000004 counter"),
    "a pod that may be root's": k8s_problems(lambda d: pod(d, "Deployment gateway")["securityContext"].pop("runAsNonRoot")),
    "a pod that may gain rights": k8s_problems(lambda d: container(d, "StatefulSet kafka")["securityContext"].pop("capabilities")),
    "a program that may write anywhere": k8s_problems(lambda d: container(d)["securityContext"].pop("readOnlyRootFilesystem")),
    "a pod without limits": k8s_problems(lambda d: container(d)["resources"].pop("limits")),
    "a pod without a probe": k8s_problems(lambda d: container(d, "StatefulSet item-redis").pop("livenessProbe")),
    "a probe that kills for the sake of a store": k8s_problems(lambda d: container(d)["livenessProbe"]["httpGet"].update(path="/readyz")),
    "another port": k8s_problems(lambda d: container(d)["ports"][0].update(containerPort=5002)),
    "a setting that is none": k8s_problems(lambda d: d["ConfigMap service-settings"]["data"].update(KAFKA="x")),
    "a setting of the gateway that is none": k8s_problems(lambda d: d["ConfigMap gateway-settings"]["data"].update(ITEM_ADDR_3="item-1.item:5001")),
    "a store that is not there": k8s_problems(lambda d: d["Secret user-stores"]["stringData"].update(REDIS_URL="redis://:moa@users-redis:6379/0")),
    "a broker at a wrong port": k8s_problems(lambda d: d["ConfigMap service-settings"]["data"].update(KAFKA_BROKERS="kafka:9093")),
    "a secret that is not there": k8s_problems(lambda d: container(d)["envFrom"][1]["secretRef"].update(name="items")),
    "a volume that is not there": k8s_problems(lambda d: d["StatefulSet item"]["spec"].pop("volumeClaimTemplates")),
    "a service without pods": k8s_problems(lambda d: d["Service gateway"]["spec"]["selector"].update({"app.kubernetes.io/name": "x"})),
    "a single instance": k8s_problems(lambda d: d["StatefulSet alarm"]["spec"].update(replicas=1)),
}
GOOD = {
    "the manifests": MANIFESTS.problems + k8s_problems(lambda d: None),
    "a higher layer uses a lower one": layer_problems("shared/svc/x.c", '#include "shared/io/y.h"', "#include <stdio.h>"),
    "io uses its library": layer_problems("shared/io/x.c", "#include <mysql.h>", "#include <sys/socket.h>"),
    "a service uses itself": layer_problems("item_svc/x.c", '#include "item_svc/y.h"', '#include "shared/svc/y.h"'),
    "a function of eighty lines": length_problems(80),
    "a long function with a reason": length_problems(81, "\t/* lint: allow-long a table in words */"),
    "a long file with a reason": length_problems(5, filler=500, file_mark="lint: allow-long tables"),
    "indented comments": text_problems("/* a", "       b */", "\tx();", "\t       y);"),
    "SQL in store.c": text.check("item_svc/store.c", ["/* store.c - x. */", '\tq("SELECT 1");', ""]),
    "a global with a reason": [] if mutable.allowed(["/* lint: allow-global why */", "static struct {", "\tint a;", "} x;"],
                                                   "f.x.0") else ["not allowed"],
    "a constant": mutable.writable("0000000000000000 l     O .rodata\t0000000000000004 limit\n"
                                   "0000000000000000 l     O .data.rel.ro.local\t0000000000000008 table"),
}


def main():
    report([f"lint does not notice: {what}" for what, found in BAD.items() if not found] +
           [f"lint complains about {what}: {found}" for what, found in GOOD.items() if found])


if __name__ == "__main__":
    main()

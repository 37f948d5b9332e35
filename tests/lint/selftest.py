"""Each rule finds what it forbids and lets pass what it allows: a lint that cannot fail is none."""

import globals as mutable
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
}
GOOD = {
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

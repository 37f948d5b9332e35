/* condition.h - conditions of .if, .elif and -cc: "defined(X) && !streq("$Y",no) || version_atleast(2.6)" (manual, 2.4). */
#ifndef MOA_GATEWAY_CONF_CONDITION_H
#define MOA_GATEWAY_CONF_CONDITION_H

#include <stdbool.h>
#include <stddef.h>
#include "shared/base/arena.h"
#include "shared/base/slice.h"

/* The version of HAProxy whose configurations we read. */
#define CONDITION_VERSION "2.6.12"
/* What feature() finds, for -vv: names between blanks. */
extern const char condition_features[];

/* Whether the condition that <count> words make holds, with 1 or 0; -1: not understood, *why (in <arena>) says what is wrong and *column, from 0,
 * where, when the words are joined by blanks. No words are false. Main thread: it reads the environment. */
int condition_holds(struct arena *arena, const struct slice *words, unsigned count, const char **why, size_t *column);

#endif

/* words.h - takes a line of configuration apart into words: quotes, escapes, comments, environment (manual, 2.2 and 2.3). */
#ifndef MOA_GATEWAY_CONF_WORDS_H
#define MOA_GATEWAY_CONF_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include "shared/base/arena.h"
#include "shared/base/slice.h"

/* What $.FILE, $.LINE and $.SECTION stand for. */
struct words_place {
	struct slice file, section;
	unsigned line;
};

struct words_error {
	const char *what; /* static: "unmatched quote" */
	size_t column;    /* of the byte that it is about, from 0 */
};

/* Words of <line>, which is without its line end, at most PARSE_WORDS_MAX: copies in <arena> with a NUL behind each. False with <error>
 * when it cannot be understood. A line continues nowhere: HAProxy 2.6 knows no backslash at the end either, and what it would make of one,
 * a word, is refused here. Main thread: it reads the environment. */
bool words_split(struct arena *arena, struct slice line, const struct words_place *place, struct slice *words, unsigned *count,
		 struct words_error *error);

#endif

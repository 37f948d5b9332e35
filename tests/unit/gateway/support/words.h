/* words.h - for tests of what reads a line of configuration: a struct parse from a text whose words are parted by single blanks.
 *
 * Header only, so that a test program stays one file plus the modules that it tests.
 */
#ifndef MOA_TESTS_UNIT_GATEWAY_SUPPORT_WORDS_H
#define MOA_TESTS_UNIT_GATEWAY_SUPPORT_WORDS_H

#include <assert.h>
#include <string.h>
#include "gateway/conf/parse.h"
#include "shared/base/buf.h"

struct words {
	struct parse p;
	struct buf messages;
};

static inline void words_setup(struct words *w)
{
	memset(w, 0, sizeof(*w));
	buf_init(&w->messages, 0);
	w->p.arena = arena_create(4096, 0);
	w->p.messages = &w->messages;
}

static inline void words_cleanup(struct words *w)
{
	arena_free(&w->p.arena);
	buf_free(&w->messages);
}

/* The next line, as t.cfg:7; messages begin anew. */
static inline struct parse *words_line(struct words *w, const char *line)
{
	struct slice rest = slice_str(line);

	buf_clear(&w->messages);
	w->p.file = SLICE_LIT("t.cfg");
	w->p.line = 7;
	w->p.count = w->p.at = w->p.errors = w->p.warnings = 0;
	while (rest.ptr != NULL && line[0] != '\0') {
		assert(w->p.count < PARSE_WORDS_MAX);
		w->p.words[w->p.count++] = arena_copy(w->p.arena, slice_cut(&rest, ' '));
	}
	w->p.words[w->p.count] = SLICE_NONE;
	return &w->p;
}

/* What was said so far, with a NUL. */
static inline const char *words_said(struct words *w)
{
	buf_add_char(&w->messages, '\0');
	w->messages.len--;
	return w->messages.ptr;
}

#endif

/* parse.h - what a function that understands one line of configuration is given, and how it complains.
 *
 * The words of the line were taken apart already: quotes, escapes and environment are resolved. Everything that is
 * made of a configuration lives in its arena, as long as the process; nothing of it is freed alone.
 * Main thread, before the loops start, and nothing here runs later.
 */
#ifndef MOA_GATEWAY_CONF_PARSE_H
#define MOA_GATEWAY_CONF_PARSE_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/slice.h"

struct config;
struct proxy;

#define PARSE_WORDS_MAX 64

struct parse {
	struct arena *arena;
	struct config *config;
	struct proxy *proxy;  /* the section: defaults, frontend, backend or listen; NULL in others */
	struct slice file;
	unsigned line;
	struct slice words[PARSE_WORDS_MAX + 1]; /* each with a NUL behind it; behind the last one SLICE_NONE */
	unsigned count;
	unsigned at;          /* the word that is looked at next */
	unsigned errors;      /* so far, in all files */
	unsigned warnings;
	struct buf *messages; /* "[ALERT] (pid) : config : parsing [file:line] : …\n"; printed by main */
};

/* The sentence behind "parsing [file:line] : " (nothing while <line> is 0), as an error or a warning. A function that meets an
 * error says so once and returns. */
void parse_error(struct parse *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
void parse_warning(struct parse *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The word at p->at, and moves on; SLICE_NONE at the end of the line. */
struct slice parse_next(struct parse *p);
struct slice parse_peek(const struct parse *p);
/* Takes the next word when it is <word>. */
bool parse_accept(struct parse *p, const char *word);
/* The argument of <keyword>: the next word; complains when there is none. */
bool parse_want(struct parse *p, const char *keyword, struct slice *out);
/* Complains when words are left over. */
bool parse_end(struct parse *p);

/* "10s", "250ms", "1d", "100" (in <unit>: 'u' µs, 'm' ms, 's' s) as milliseconds, rounded up;
 * at most 2^31-1 ms, as in HAProxy. Complains, naming <what>. */
bool parse_time_ms(struct parse *p, struct slice word, char unit, const char *what, int *ms);
/* "16384", "64k", "1m", "2g" (powers of 1024). */
bool parse_size(struct parse *p, struct slice word, const char *what, uint64_t *bytes);
bool parse_number(struct parse *p, struct slice word, const char *what, uint64_t least, uint64_t most, uint64_t *out);

/* That one of the <count> names which is nearest to <word> (at most a third of its letters differ), or NULL:
 * for "did you mean". */
const char *parse_nearest(struct slice word, const char *const *names, unsigned count);

#endif

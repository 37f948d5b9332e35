/* regex.h - regular expressions in Perl's language, compiled to machine code where that is allowed.
 *
 * Matching has a limit on backtracking: an expression that explodes on some text counts as not matching it.
 */
#ifndef MOA_GATEWAY_EXPR_REGEX_H
#define MOA_GATEWAY_EXPR_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include "shared/base/slice.h"

struct config;
struct exchange;
struct parse;
struct regex;
struct regex_space;

#define REGEX_GROUPS 10 /* \0, the whole match, to \9 */

/* Where a match and its groups lie in the text; SLICE_NONE for a group that took no part. */
struct regex_match {
	struct slice group[REGEX_GROUPS];
};

/* Compiles; NULL after complaining. <groups>: \1 to \9 will be wanted. Lives as long as the configuration. */
struct regex *regex_parse(struct parse *p, struct slice pattern, bool ignore_case, bool groups);
/* All of a configuration, which was not read whole or is not used any more. */
void regexes_free(struct config *c);
/* Whether it is found in <text> from byte <from> on; what is before that counts as context for ^ and \b. <m>: NULL, or gets the groups.
 * A worker, for its own exchange. */
bool regex_find(const struct regex *r, struct exchange *x, struct slice text, size_t from, struct regex_match *m);

/* Checks "a\1b": a backslash must stand before a digit, another backslash, or xNN. False after complaining. */
bool regex_check_replacement(struct parse *p, struct slice with);
/* <with>, its \0 to \9 replaced by the groups of <m>. SLICE_NONE when it does not fit the arena. */
struct slice regex_expand(struct exchange *x, struct slice with, const struct regex_match *m);
/* <text> with the first match (<all>: every match) replaced by <with>; <text> itself when there is none. SLICE_NONE as above. */
struct slice regex_replace(const struct regex *r, struct exchange *x, struct slice text, struct slice with, bool all);

/* Scratch memory of one worker: made with the first match, in worker.regex. */
void regex_space_free(struct regex_space **s); /* *s may be NULL */

#endif

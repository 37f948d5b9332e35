/* pattern.h - what a value is compared with: the patterns of an acl, and the keys of a map (manual, 7.1).
 *
 * Sets of exact texts with more than PATTERN_LINEAR_MAX members are hashed, addresses are kept sorted by network; all other kinds are
 * tried one after the other.
 */
#ifndef MOA_GATEWAY_EXPR_PATTERN_H
#define MOA_GATEWAY_EXPR_PATTERN_H

#include <stdbool.h>
#include <stdint.h>
#include "gateway/expr/sample.h"
#include "gateway/http/head.h"

#define PATTERN_LINEAR_MAX 16

enum match_kind {
	MATCH_FOUND, MATCH_BOOL, MATCH_INT, MATCH_IP, MATCH_BIN, MATCH_LEN, MATCH_STR, MATCH_BEG, MATCH_SUB, MATCH_REG, MATCH_END, MATCH_DIR,
	MATCH_DOM, MATCH_METHOD
};

struct regex;
struct patterns;

struct pattern {
	struct pattern *next;
	struct slice text;       /* as written; of dir and dom without the delimiters around it; of bin the bytes */
	bool ignore_case;
	int64_t least, most;     /* of int and len */
	enum http_method method;
	struct regex *regex;
	struct slice value;      /* of a map's line, else SLICE_NONE */
	struct sample *converted; /* the same as the map's output type; NULL without a map */
	unsigned line;           /* of the file that it came from */
};

/* <groups>: regular expressions keep what \1 … matched. Lives as long as the process. */
struct patterns *patterns_create(struct parse *p, enum match_kind kind, bool groups);
/* Adds one; false after complaining. <word> and <value> live on. */
bool patterns_add(struct parse *p, struct patterns *s, struct slice word, bool ignore_case, struct slice value, unsigned line);
/* Adds a range of numbers, for "lt 5". */
void patterns_add_range(struct parse *p, struct patterns *s, int64_t least, int64_t most);
/* Adds the lines of a file: <map>: "key value", else the whole line is the pattern. False after complaining. */
bool patterns_load(struct parse *p, struct patterns *s, struct slice file, bool ignore_case, bool map);
/* Behind the last one, before any search: makes the index. */
void patterns_finish(struct parse *p, struct patterns *s);
unsigned patterns_count(const struct patterns *s);
struct pattern *patterns_first(const struct patterns *s); /* in the order in which they were added, by ->next */

/* The type that values are brought to before they are compared. */
enum sample_type patterns_type(const struct patterns *s);
/* The one that fits <v> (which is of patterns_type()), the finest network and the longest prefix before others, else the first; NULL: none.
 * Neither copies nor allocates. Not for MATCH_FOUND and MATCH_BOOL, which need no pattern. */
const struct pattern *patterns_find(const struct patterns *s, struct exchange *x, const struct sample *v);

/* "beg" and its like; -1: there is no such match. */
int match_kind_of(struct slice name);
/* What a sample type is compared as without "-m"; -1: it has to be said. */
int match_kind_default(enum sample_type type);
enum sample_type match_kind_type(enum match_kind kind);

/* ---- between the files of this module ---- */

struct pattern_nets;

/* Whether <text> fits a pattern of a kind that compares texts. pattern_text.c */
bool pattern_text_fits(enum match_kind kind, const struct pattern *t, struct slice text);
/* <text> without what is_delimiter() of that kind has at its ends. */
struct slice pattern_text_word(enum match_kind kind, struct slice text);
uint64_t pattern_text_hash(struct slice text, bool ignore_case);

/* Networks. pattern_net.c */
struct pattern_nets *pattern_nets_create(struct parse *p);
bool pattern_nets_add(struct parse *p, struct pattern_nets *n, struct slice word, struct pattern *t);
void pattern_nets_sort(struct parse *p, struct pattern_nets *n);
const struct pattern *pattern_nets_find(const struct pattern_nets *n, const struct sockaddr_storage *a);

#endif

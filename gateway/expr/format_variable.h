/* format_variable.h - the %-variables of formats: one entry in a table each; for format.c alone.
 *
 * A variable writes its value into the text that is being made, as its flags say.
 */
#ifndef MOA_GATEWAY_EXPR_FORMAT_VARIABLE_H
#define MOA_GATEWAY_EXPR_FORMAT_VARIABLE_H

#include <stdbool.h>
#include "shared/base/buf.h"
#include "shared/base/slice.h"

struct exchange;
struct parse;

/* Bits, set by %{+Q} and its like. */
enum format_flag {
	FORMAT_QUOTE = 1,  /* Q: texts in double quotes */
	FORMAT_HEX = 2,    /* X: addresses, ports, process and counters in hexadecimal */
	FORMAT_ESCAPE = 4, /* E: a backslash before " \ and ] */
};

/* Which bytes of a text are written as #XX. */
enum format_code {
	CODE_NONE,
	CODE_UNPRINTABLE, /* all but 32 to 126 */
	CODE_URI,         /* those, and " and # */
	CODE_HEADER,      /* those, and {, | and } */
};

/* A text in the making. */
struct format_place {
	struct exchange *x;
	struct buf *out;
	unsigned flags;
	bool for_log;
};

struct format_variable {
	const char *name; /* without '%' */
	void (*write)(const struct format_place *at, int data);
	int data;         /* one function may serve several entries */
};

/* NULL: there is none of that name. */
const struct format_variable *format_variable_find(struct slice name);
/* The name that is nearest to a misspelt one, or NULL. */
const char *format_variable_nearest(struct slice name);
/* As the flags say; an empty text, or SLICE_NONE, is "-" in a log unless it is quoted. */
void format_write_text(const struct format_place *at, struct slice text, enum format_code code);

/* '+' when the log is written before the exchange has ended: what follows is not the last word. */
void format_write_plus(const struct format_place *at);

/* format_times.c: dates and durations; ended by an entry without a name. */
extern const struct format_variable format_times[];

#endif

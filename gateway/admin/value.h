/* value.h - one value of the statistics, and how each output format writes it (manual of the runtime socket, 9.1 and 9.2). */
#ifndef MOA_GATEWAY_ADMIN_VALUE_H
#define MOA_GATEWAY_ADMIN_VALUE_H

#include <stdint.h>
#include "shared/base/buf.h"
#include "shared/base/jsonw.h"
#include "shared/base/slice.h"

enum value_type { VALUE_NONE, VALUE_U32, VALUE_S32, VALUE_U64, VALUE_TEXT };

struct value {
	enum value_type type; /* VALUE_NONE: there is none: an empty field, or left out */
	int64_t number;
	struct slice text;
};

/* What is known of a value before it is read. */
struct value_kind {
	const char *name; /* NULL: a hole in the numbering */
	const char *tags; /* origin, nature and scope: "MCP" */
	enum value_type type;
};

static inline struct value value_number(enum value_type type, int64_t n)
{
	return (struct value){ .type = type, .number = n };
}

static inline struct value value_text(struct slice text)
{
	return (struct value){ .type = VALUE_TEXT, .text = text };
}

/* As it is. */
void value_plain(const struct value *v, struct buf *out);
/* In quotes when it holds a comma, a quote or a line end. */
void value_csv(const struct value *v, struct buf *out);
/* ":MGP:u32:0" */
void value_typed(const struct value *v, const char *tags, struct buf *out);
/* The members "field", "processNum", "tags" and "value" of the object that is open in <w>. */
void value_json(const struct value *v, unsigned position, const char *name, const char *tags, struct jsonw *w);

#endif

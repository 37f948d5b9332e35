/* blocks.c - a small stack of .if levels, and the messages of .notice, .warning, .alert and .diag. */
#include "gateway/conf/blocks.h"

#include <unistd.h>
#include "gateway/conf/condition.h"
#include "gateway/conf/parse.h"
#include "shared/base/buf.h"

bool blocks_skipping(const struct blocks *b)
{
	enum block level;

	if (b->depth == 0)
		return false;
	level = b->levels[b->depth - 1];
	return level != BLOCK_TAKEN && level != BLOCK_ELSE_TAKEN;
}

/* Whether the words behind the directive hold; false after complaining. */
static bool condition_read(struct parse *p, bool *holds)
{
	const char *why = NULL;
	size_t column = 0;
	int result = condition_holds(p->arena, p->words + p->at, p->count - p->at, &why, &column);

	if (result < 0)
		parse_error(p, "%s in '%.*s' at position %zu", why, SLICE_ARG(p->words[0]), column + 1);
	*holds = result > 0;
	return result >= 0;
}

static void block_if(struct parse *p, struct blocks *b)
{
	bool skipped = blocks_skipping(b), holds = false;

	if (b->depth == BLOCKS_MOST) {
		parse_error(p, "too many nested '.if', max is %d", BLOCKS_MOST);
		return;
	}
	if (!skipped && !condition_read(p, &holds))
		skipped = true;
	b->levels[b->depth++] = skipped ? BLOCK_PAST : holds ? BLOCK_TAKEN : BLOCK_SEARCHING;
}

static void block_elif(struct parse *p, struct blocks *b)
{
	enum block *level = &b->levels[b->depth - 1];
	bool holds = false;

	if (*level == BLOCK_ELSE_TAKEN || *level == BLOCK_ELSE_LEFT)
		parse_error(p, "'.elif' after '.else' is not permitted");
	else if (*level != BLOCK_SEARCHING)
		*level = BLOCK_PAST;
	else if (!condition_read(p, &holds))
		*level = BLOCK_PAST;
	else if (holds)
		*level = BLOCK_TAKEN;
}

static void block_else(struct parse *p, struct blocks *b)
{
	enum block *level = &b->levels[b->depth - 1];

	if (*level == BLOCK_ELSE_TAKEN || *level == BLOCK_ELSE_LEFT)
		parse_error(p, "'.else' after '.else' is not permitted");
	else
		*level = *level == BLOCK_SEARCHING ? BLOCK_ELSE_TAKEN : BLOCK_ELSE_LEFT;
	parse_end(p);
}

static void block_endif(struct parse *p, struct blocks *b)
{
	b->depth--;
	parse_end(p);
}

static void message(struct parse *p, struct slice directive)
{
	struct slice text = parse_next(p);

	if (p->at < p->count) {
		parse_error(p, "unexpected argument '%.*s' for '%.*s'. Use quotes if the message should contain spaces.", SLICE_ARG(p->words[p->at]),
			    SLICE_ARG(directive));
	} else if (slice_eq(directive, SLICE_LIT(".alert"))) {
		parse_error(p, "'%.*s'.", SLICE_ARG(text));
	} else if (slice_eq(directive, SLICE_LIT(".warning"))) {
		parse_warning(p, "'%.*s'.", SLICE_ARG(text));
	} else if (slice_eq(directive, SLICE_LIT(".notice"))) {
		buf_printf(p->messages, "%-10s (%d) : config : parsing [%.*s:%u] : '%.*s'.\n", "[NOTICE]", (int)getpid(), SLICE_ARG(p->file), p->line,
			   SLICE_ARG(text));
	}
	/* .diag: there is no diagnostic mode. */
}

void blocks_directive(struct parse *p, struct blocks *b)
{
	static const char *const names[] = { ".if", ".elif", ".else", ".endif", ".notice", ".warning", ".alert", ".diag" };
	static void (*const open[])(struct parse *p, struct blocks *b) = { block_if, block_elif, block_else, block_endif };
	struct slice word = p->words[0];
	const char *nearest;
	unsigned which = 0;

	while (which < sizeof(names) / sizeof(names[0]) && !slice_eq(word, slice_str(names[which])))
		which++;
	p->at = 1;
	if (which == sizeof(names) / sizeof(names[0])) {
		nearest = parse_nearest(word, names, sizeof(names) / sizeof(names[0]));
		if (!blocks_skipping(b))
			parse_error(p, "unknown directive '%.*s'%s%s%s", SLICE_ARG(word), nearest == NULL ? "" : "; did you mean '",
				    nearest == NULL ? "" : nearest, nearest == NULL ? "." : "' maybe ?");
	} else if (which >= sizeof(open) / sizeof(open[0])) {
		if (!blocks_skipping(b))
			message(p, word);
	} else if (which > 0 && b->depth == 0) {
		parse_error(p, "lone '%.*s' with no matching '.if'.", SLICE_ARG(word));
	} else {
		open[which](p, b);
	}
}

void blocks_end(struct parse *p, const struct blocks *b)
{
	if (b->depth > 0)
		parse_error(p, "non-terminated '.if' block.");
}

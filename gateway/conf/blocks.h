/* blocks.h - lines that begin with a dot: .if .elif .else .endif, .notice .warning .alert .diag (manual, 2.4). */
#ifndef MOA_GATEWAY_CONF_BLOCKS_H
#define MOA_GATEWAY_CONF_BLOCKS_H

#include <stdbool.h>

struct parse;

#define BLOCKS_MOST 16 /* levels of .if inside each other */

/* One level of .if. */
enum block {
	BLOCK_TAKEN,       /* its lines count */
	BLOCK_SEARCHING,   /* none of its conditions held so far */
	BLOCK_PAST,        /* one held before: nothing more counts; also inside lines that do not count */
	BLOCK_ELSE_TAKEN,
	BLOCK_ELSE_LEFT,
};

/* Zeroed at the start of each file. */
struct blocks {
	enum block levels[BLOCKS_MOST];
	unsigned depth;
};

/* Whether the lines that come now do not count. */
bool blocks_skipping(const struct blocks *b);
/* Does what a line says whose first word begins with a dot; complains when it cannot. */
void blocks_directive(struct parse *p, struct blocks *b);
/* At the end of a file: complains about a block that is still open. */
void blocks_end(struct parse *p, const struct blocks *b);

#endif

/* tokens.h - own keyword "consistency-token": the facts that answers to a USER-TOKEN have made, sent along with its next requests.
 *
 * One table for all threads; a request that carries or sets a token takes the lock of one of its shards for a moment. At most 64 facts a
 * token (20 of them visits), each kept for 30 s since its answer came, and since anything last named the fact's domain as degraded, at most
 * one hour. Names come with answers, to whomever, and with health checks; a check that fails names all. While nothing is heard, no time
 * passes. A new table has heard nothing yet: 30 s. Keys are SHA-256 of the token, which is never kept.
 * A token without facts is not held. One that gets its first fact, or its 5th, 9th, 17th or 33rd at a time, is a malloc(): answers to
 * writes only. At most about 6 KB a token; a usual one takes half a kilobyte for half a minute.
 */
#ifndef MOA_GATEWAY_TABLE_TOKENS_H
#define MOA_GATEWAY_TABLE_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shared/base/buf.h"
#include "shared/base/facts.h"
#include "shared/base/slice.h"

struct token_table;

struct token_counts {
	uint64_t users, facts;           /* held now, also those whose time is over and that were not swept yet */
	uint64_t expired, malformed;     /* facts, so far */
	uint64_t facts_dropped, users_dropped; /* because of a limit, so far */
};

/* At most <users_most> tokens; beyond, the one least recently used goes (table/shards.h says of which). Out of memory aborts. */
struct token_table *token_table_create(unsigned users_most, int64_t now_ms);
void token_table_free(struct token_table **t);

#define TOKENS_VALUE_MOST 4096 /* bytes that always suffice */

/* Merges what the client sent itself (<sent>: a Consistency-Token header, or SLICE_NONE) with what is held for <token> (SLICE_NONE:
 * nothing), and writes the joined value into <out> of <size> bytes, the newest that fit; its length, 0: there is no fact. What the client
 * sent is checked like everything else, not kept, and the first to go when it is too much. Any thread. */
size_t tokens_for_request(struct token_table *t, struct slice token, struct slice sent, int64_t now_ms, char *out, size_t size);
/* An answer came: <made> is its Consistency-Token header (or SLICE_NONE), <degraded> its Degraded header (or SLICE_NONE). To be called for
 * every answer to a request with a token. Any thread. */
void tokens_of_response(struct token_table *t, struct slice token, struct slice made, struct slice degraded, int64_t now_ms);
/* Something was heard that names what is degraded. Any thread. */
void tokens_hear(struct token_table *t, const bool named[FACT_DOMAINS], int64_t now_ms);
/* Sweeps what is over in a part of the table; to be called now and then (each second). Requests sweep a little themselves. Any thread. */
void token_table_expire(struct token_table *t, int64_t now_ms);
struct token_counts token_table_counts(const struct token_table *t);

/* For a reload: all facts as text, a line for each token, with their ages; and back, merged with what is held. Lines that are no good are
 * skipped. A part is what one lock protects; false: there is none of that number. Any thread. */
bool token_table_write_part(struct token_table *t, unsigned part, int64_t now_ms, struct buf *out);
void token_table_write(struct token_table *t, int64_t now_ms, struct buf *out);
/* Such a line about an answer that came just now: <made> is its Consistency-Token header. Its length, 0: there is no fact in it, or no room. */
size_t token_line(struct slice token, struct slice made, char *out, size_t size);
void token_table_read(struct token_table *t, struct slice text, int64_t now_ms);

#endif

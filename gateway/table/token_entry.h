/* token_entry.h - what the files of the token table share; for them alone. */
#ifndef MOA_GATEWAY_TABLE_TOKEN_ENTRY_H
#define MOA_GATEWAY_TABLE_TOKEN_ENTRY_H

#include <stdatomic.h>
#include "shared/base/facts.h"
#include "gateway/table/shards.h"
#include "gateway/table/tokens.h"
#include "shared/base/hash.h"

/* Under the lock of its shard. */
struct token {
	struct shard_node node; /* first, so that one pointer is both */
	char key[HASH_SHA256_HEX + 1];
	struct fact_list list;
	unsigned room; /* facts that list.facts has memory for */
};

struct token_table {
	struct shards shards;
	unsigned hands[SHARDS_MOST]; /* the bucket of each shard that is swept next; under its lock */
	_Atomic uint64_t facts, expired, malformed, facts_dropped, users_dropped;
	_Atomic int64_t heard_ms, named_ms[FACT_DOMAINS]; /* as in struct fact_news */
};

/* What is to be added to a token. */
struct token_facts {
	struct fact facts[FACTS_MOST];
	struct fact_list list; /* of these */
};

/* Removes the facts whose time is over; the shard is locked. */
void token_age(struct token_table *t, struct token *token, int64_t now_ms);
/* No lock is held. */
void token_add(struct token_table *t, const char key[HASH_SHA256_HEX + 1], const struct token_facts *more, int64_t now_ms);

#endif

/* item.c - the rules of the item domain. */
#include "item_svc/item.h"

#include "shared/base/hash.h"

struct visit_event item_visit(const struct request *rq, uint32_t item_id, struct slice id, int64_t now_us)
{
	struct visit_event v = { .id = id, .item_id = item_id, .visited_us = (uint64_t)now_us };
	char hash[HASH_SHA256_HEX + 1];

	if (rq->caller_known) {
		v.user_id = rq->caller_id;
		return v;
	}
	hash_sha256_hex(rq->token, hash);
	v.token = arena_copy(rq->arena, slice_str(hash));
	return v;
}

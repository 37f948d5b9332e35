/* shop_user.c - users as their neighbours see them: an id and the hash of a token, never the token. */
#include "shared/events/shop.h"

#include "shared/base/hash.h"
#include "shared/io/jdoc.h"

/* One partition: a token is looked up without knowing whose it is. */
const struct topic topic_users = { .name = "moa.users", .domain = "users", .partitions = 1, .compact = true };

enum err shop_user_place(struct slice key, struct view_entry *out)
{
	uint32_t id;

	if (!slice_to_id(key, &id))
		return ERR_CORRUPT;
	out->group = SLICE_LIT("all");
	out->field = key;
	return ERR_OK;
}

static enum err user_project(struct slice key, struct slice json, struct arena *a, struct view_entry *out)
{
	struct slice hash;
	struct jdoc *doc;
	uint32_t id, key_id;
	enum err e = ERR_CORRUPT;

	if (jdoc_parse(json, &doc) != ERR_OK)
		return ERR_CORRUPT;
	if (slice_to_id(key, &key_id) && jdoc_id(jdoc_get(doc, "id"), &id) && id == key_id &&
	    jdoc_string(jdoc_get(doc, "token_sha256"), &hash) && shop_is_hash(hash)) {
		out->term = arena_copy(a, hash);
		out->value = SLICE_LIT("");
		e = out->term.ptr != NULL ? ERR_OK : ERR_NO_MEMORY;
	}
	jdoc_free(&doc);
	return e;
}

const struct view_spec view_users = {
	.topic = &topic_users,
	.index = VIEW_INDEX_TERM,
	.term_len = HASH_SHA256_HEX,
	.group = "all",
	.place = shop_user_place,
	.project = user_project,
};

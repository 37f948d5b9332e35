/* user.c - users: what the list shows, what the topic gets, and what lies in own Redis. */
#include "user_svc/user.h"

#include <stdlib.h>

#include "shared/base/hash.h"
#include "shared/base/jsonw.h"
#include "shared/events/shop.h"
#include "shared/io/jdoc.h"

void user_json(struct buf *out, uint32_t id, struct slice name, struct slice token)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w);
	jsonw_key(&w, "id");
	jsonw_u64(&w, id);
	jsonw_key(&w, "name");
	jsonw_string(&w, name);
	jsonw_key(&w, "access_token");
	jsonw_string(&w, token);
	jsonw_object_end(&w);
}

/* An outbox payload; slices point into the document. */
struct payload {
	uint32_t id;
	struct slice name, token;
};

/* ERR_OK: *doc is the caller's to free. */
static enum err read_payload(struct slice json, struct jdoc **doc, struct payload *out)
{
	if (jdoc_parse(json, doc) != ERR_OK)
		return ERR_CORRUPT;
	if (jdoc_id(jdoc_get(*doc, "id"), &out->id) && jdoc_string(jdoc_get(*doc, "name"), &out->name) &&
	    jdoc_string(jdoc_get(*doc, "access_token"), &out->token))
		return ERR_OK;
	jdoc_free(doc);
	return ERR_CORRUPT;
}

enum err user_publish(struct slice payload, struct buf *out)
{
	char hash[HASH_SHA256_HEX + 1];
	struct payload user;
	struct jdoc *doc;
	struct jsonw w;

	if (read_payload(payload, &doc, &user) != ERR_OK)
		return ERR_CORRUPT;
	hash_sha256_hex(user.token, hash);
	jsonw_init(&w, out);
	jsonw_object(&w);
	jsonw_key(&w, "id");
	jsonw_u64(&w, user.id);
	jsonw_key(&w, "name");
	jsonw_string(&w, user.name);
	jsonw_key(&w, "token_sha256");
	jsonw_string(&w, slice_str(hash));
	jsonw_object_end(&w);
	jdoc_free(&doc);
	return buf_ok(out) ? ERR_OK : ERR_NO_MEMORY;
}

static enum err own_project(struct slice key, struct slice json, struct arena *a, struct view_entry *out)
{
	char hash[HASH_SHA256_HEX + 1];
	struct payload user;
	struct jdoc *doc;
	struct buf text;

	(void)key;
	if (read_payload(json, &doc, &user) != ERR_OK)
		return ERR_CORRUPT;
	hash_sha256_hex(user.token, hash);
	buf_init(&text, 0);
	user_json(&text, user.id, user.name, user.token);
	out->term = arena_copy(a, slice_str(hash));
	out->value = buf_ok(&text) ? arena_copy(a, buf_slice(&text)) : SLICE_NONE;
	buf_free(&text);
	jdoc_free(&doc);
	return out->term.ptr != NULL && out->value.ptr != NULL ? ERR_OK : ERR_NO_MEMORY;
}

const struct view_spec view_users_own = {
	.topic = &topic_users,
	.index = VIEW_INDEX_TERM,
	.term_len = HASH_SHA256_HEX,
	.group = "all",
	.place = shop_user_place,
	.project = own_project,
};

/* ---- the list ---- */

static int descending(const void *a, const void *b)
{
	const struct user *x = a, *y = b;

	return x->id < y->id ? 1 : x->id > y->id ? -1 : 0;
}

void user_list_cut(struct user_list *list, const struct page *page)
{
	size_t kept = 0;

	list->total = list->count;
	if (list->count > 1)
		qsort(list->users, list->count, sizeof(*list->users), descending);
	for (size_t i = 0; i < list->count; i++) {
		if (page->before != 0 && list->users[i].id >= page->before)
			continue;
		if (page->limit != 0 && kept == page->limit)
			break;
		list->users[kept++] = list->users[i];
	}
	list->count = kept;
}

void user_list_write(struct buf *out, const struct user_list *list)
{
	buf_add_str(out, "{\"count\":");
	buf_add_u64(out, list->total);
	buf_add_str(out, ",\"payload\":[");
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0)
			buf_add_char(out, ',');
		buf_add_slice(out, list->users[i].json);
	}
	buf_add_str(out, "]}");
}

/* shop.h - the shop's published language: its topics, and what lies in Redis for each of them.
 *
 * Shared by the owners and the readers of the topics. Everything here is pure and may run on any thread.
 */
#ifndef MOA_EVENTS_SHOP_H
#define MOA_EVENTS_SHOP_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/buf.h"
#include "shared/base/err.h"
#include "shared/base/slice.h"
#include "shared/svc/topic.h"
#include "shared/svc/view.h"

extern const struct topic topic_items;  /* key <id>: {"id","name","broadcaster","category","price"} */
extern const struct topic topic_users;  /* key <id>: {"id","name","token_sha256"}; one partition */
extern const struct topic topic_alarms; /* key <user_id>:<item_id>: {"id","user_id","item_id","created"} */
extern const struct topic topic_visits; /* key <user_id>, or the token's hash: see visit_event below; not compacted */

/* items: group "all", field <id>, index by ids; the value is the item's JSON object without its closing brace, in the order of
 * the API, ready for shop_item_write(). */
extern const struct view_spec view_items;
/* users: group "all", field <id>, term = SHA-256 of the token in hex, empty value. */
extern const struct view_spec view_users;
/* alarms: group <user_id>, field <item_id>, value "1". */
extern const struct view_spec view_alarms;

/* Whether <s> is a SHA-256 in lower-case hex. */
bool shop_is_hash(struct slice s);

/* The key of a user or an item, and of an alarm. From <a>. */
struct slice shop_key(struct arena *a, uint32_t id);
struct slice shop_alarm_key(struct arena *a, uint32_t user_id, uint32_t item_id);
/* <count> keys of items, and of one user's alarms on them; NULL when <a> is at its limit. */
struct slice *shop_keys(struct arena *a, const uint32_t *ids, size_t count);
struct slice *shop_alarm_keys(struct arena *a, uint32_t user_id, const uint32_t *item_ids, size_t count);

/* Where users lie; for the owner's own view of them too. */
enum err MUST_CHECK shop_user_place(struct slice key, struct view_entry *out);

enum alarm_flag { ALARM_FLAG_OFF, ALARM_FLAG_ON, ALARM_FLAG_UNKNOWN }; /* false, true, null */

struct item_row {
	struct slice id, name, broadcaster, category, price; /* as MySQL gives them: numbers as their digits */
};
/* The fragment that view_items stores, from columns of the table. */
void shop_item_fragment(struct buf *out, const struct item_row *row);
/* A whole item of an answer: the fragment, "is_alarm_set", the brace. */
void shop_item_write(struct buf *out, struct slice fragment, enum alarm_flag flag);
/* {"count":<total>,"payload":[…]} of <count> items. */
void shop_item_list_write(struct buf *out, uint64_t total, const struct slice *fragments, const enum alarm_flag *flags,
			  size_t count);

#define SHOP_EVENT_ID_LEN 36
/* Whether <s> has the form of an event id: a UUID in lower case. */
bool shop_is_event_id(struct slice s);
/* One visit on its way from item_svc to user_svc: spool record and topic value. */
struct visit_event {
	struct slice id;       /* event id, a UUID version 7 */
	uint32_t user_id;      /* 0 when the caller could not be known; then */
	struct slice token;    /* the token's SHA-256 in hex, else SLICE_NONE */
	uint32_t item_id;
	uint64_t visited_us;   /* wall clock */
};
void visit_event_write(struct buf *out, const struct visit_event *v);
/* ERR_CORRUPT when it does not decode; slices in <a>. */
enum err MUST_CHECK visit_event_read(struct slice json, struct arena *a, struct visit_event *out);
/* Its key in the topic: the user's id, or the hash. Made in <a> or pointing into <v>. */
struct slice visit_event_key(const struct visit_event *v, struct arena *a);

#endif

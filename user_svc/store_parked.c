/* store_parked.c - visits that nobody understands, in own MySQL, and how many older ones went because of the bound. */
#include "user_svc/store_parked.h"

#include "shared/base/hash.h"
#include "shared/events/shop.h"

static enum err read_number(struct sql_conn *c, struct arena *a, const char *sql, uint64_t *n)
{
	struct sql_rows rows;
	enum err e = sql_run(c, sql, NULL, 0, a, &rows);

	*n = 0; /* a row that somebody deleted */
	if (e == ERR_OK && rows.count > 0 && !slice_to_u64(sql_cell(&rows, 0, 0), UINT64_MAX, n))
		return ERR_INTERNAL;
	return e;
}

/* What is more than the bound goes, the oldest first, and is counted. */
static enum err trim(struct sql_conn *c, struct arena *a)
{
	const uint64_t bound = (uint64_t)PARKED_KEPT * (uint64_t)topic_visits.partitions;
	struct sql_rows rows;
	struct sql_arg over;
	uint64_t kept;
	enum err e = read_number(c, a, "SELECT COUNT(*) FROM visit_parked", &kept);

	if (e != ERR_OK || kept <= bound)
		return e;
	over = SQL_ARG_U64(kept - bound);
	e = sql_run(c, "DELETE FROM visit_parked ORDER BY id LIMIT ?", &over, 1, a, &rows);
	if (e != ERR_OK)
		return e;
	over = SQL_ARG_U64(rows.affected);
	return sql_run(c, "INSERT INTO visit_parked_count (id, dropped) VALUES (1, ?) ON DUPLICATE KEY UPDATE"
			  " dropped = dropped + VALUES(dropped)", &over, 1, a, NULL);
}

/* One statement each: there are few, or somebody floods us, and then the bound of a batch is what counts. */
enum err store_park(struct sql_conn *c, struct arena *a, const struct parked_entry *entries, size_t count)
{
	static const char sql[] = "INSERT INTO visit_parked (parked_us, digest, entry) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE"
				  " parked_us = visit_parked.parked_us";
	char digest[HASH_SHA256_HEX + 1];
	enum err e = ERR_OK;

	for (size_t i = 0; i < count && e == ERR_OK; i++) {
		hash_sha256_hex(entries[i].text, digest);
		const struct sql_arg args[] = { SQL_ARG_I64(entries[i].time_us), SQL_ARG_TEXT(slice_str(digest)),
						SQL_ARG_TEXT(entries[i].text) };

		e = sql_run(c, sql, args, 3, a, NULL);
	}
	return e == ERR_OK ? trim(c, a) : e;
}

static enum err clear_all(struct sql_conn *c, struct arena *a)
{
	enum err e = sql_run(c, "DELETE FROM visit_parked", NULL, 0, a, NULL);

	return e == ERR_OK ? sql_run(c, "DELETE FROM visit_parked_count", NULL, 0, a, NULL) : e;
}

enum err store_parked(struct sql_conn *c, struct arena *a, bool clear, struct inbox_parked *out)
{
	const struct sql_arg limit = SQL_ARG_U64(PARKED_SHOWN);
	struct sql_rows rows;
	enum err e = clear ? clear_all(c, a) : ERR_OK;

	*out = (struct inbox_parked){ .count = 0 };
	if (e == ERR_OK)
		e = read_number(c, a, "SELECT COUNT(*) FROM visit_parked", &out->kept);
	if (e == ERR_OK)
		e = read_number(c, a, "SELECT dropped FROM visit_parked_count WHERE id = 1", &out->dropped);
	if (e == ERR_OK)
		e = sql_run(c, "SELECT parked_us, entry FROM visit_parked ORDER BY id DESC LIMIT ?", &limit, 1, a, &rows);
	if (e != ERR_OK)
		return e;
	out->entries = arena_alloc_array(a, rows.count + 1, sizeof(*out->entries));
	if (out->entries == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < rows.count; i++) {
		struct parked_entry *entry = &out->entries[out->count];

		entry->text = sql_cell(&rows, i, 1);
		if (slice_to_i64(sql_cell(&rows, i, 0), &entry->time_us))
			out->count++;
	}
	return ERR_OK;
}

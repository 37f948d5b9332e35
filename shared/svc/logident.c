/* logident.c - the identity of a topic's log, from delivery reports and own MySQL. */
#include "shared/svc/logident.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/arena.h"
#include "shared/base/log.h"

#define ARENA_BYTES 4096
#define ARENA_LIMIT_BYTES 65536
#define NONE (-1)

struct logident {
	const struct topic *topic;
	char uuid[CLOCK_UUID_LEN + 1];
	int64_t last[TOPIC_PARTITIONS_MAX];   /* delivered; NONE before */
	int64_t stored[TOPIC_PARTITIONS_MAX]; /* what the table holds, as far as we know */
	/* A new log was noticed: <last> holds what went to it since, <uuid> still names the one before. */
	bool is_new;
};

struct logident *logident_create(const struct topic *topic)
{
	struct logident *l = calloc(1, sizeof(*l));

	assert(l != NULL && topic->partitions > 0 && topic->partitions <= TOPIC_PARTITIONS_MAX);
	l->topic = topic;
	for (int32_t p = 0; p < topic->partitions; p++)
		l->last[p] = l->stored[p] = NONE;
	return l;
}

void logident_free(struct logident **l)
{
	free(*l);
	*l = NULL;
}

const char *logident_uuid(const struct logident *l)
{
	return l->uuid;
}

int64_t logident_stored(const struct logident *l, int32_t partition)
{
	assert(partition >= 0 && partition < l->topic->partitions);
	return l->stored[partition];
}

int64_t logident_last(const struct logident *l, int32_t partition)
{
	assert(partition >= 0 && partition < l->topic->partitions);
	return l->last[partition];
}

bool logident_is_new(const struct logident *l)
{
	return l->is_new;
}

static void forget_offsets(struct logident *l)
{
	for (int32_t p = 0; p < l->topic->partitions; p++)
		l->last[p] = NONE;
}

void logident_replace(struct logident *l)
{
	forget_offsets(l);
	l->is_new = true;
}

bool logident_delivered(struct logident *l, int32_t partition, int64_t offset)
{
	assert(partition >= 0 && partition < l->topic->partitions);
	if (offset < 0)
		return false;
	if (offset <= l->last[partition]) {
		log_warn("log.new", "topic=%s partition=%d offset=%" PRId64 " after=%" PRId64, l->topic->name, (int)partition,
			 offset, l->last[partition]);
		logident_replace(l);
	}
	l->last[partition] = offset;
	return l->is_new;
}

void logident_lost(struct logident *l)
{
	bool any = false;

	for (int32_t p = 0; p < l->topic->partitions; p++)
		any |= l->last[p] != NONE;
	if (!any)
		return;
	log_warn("log.lost", "topic=%s", l->topic->name);
	logident_replace(l);
}

void logident_next_uuid(const char *old, char out[CLOCK_UUID_LEN + 1])
{
	char ms[14]; /* the first 48 bits of a version 7 UUID: "xxxxxxxx-xxxx" */
	unsigned int high, low;
	uint64_t stamp;

	clock_uuid7(out);
	if (strcmp(out, old) > 0 || sscanf(old, "%8x-%4x", &high, &low) != 2)
		return;
	stamp = ((uint64_t)high << 16 | low) + 1;
	snprintf(ms, sizeof(ms), "%08x-%04x", (unsigned int)(stamp >> 16), (unsigned int)(stamp & 0xffff));
	memcpy(out, ms, sizeof(ms) - 1);
}

/* ---- the table ---- */

static struct sql_arg topic_arg(const struct logident *l)
{
	return SQL_ARG_TEXT(slice_str(l->topic->name));
}

/* Makes the missing rows. Partition 0's row decides the UUID: its lock orders instances that start at the same time. */
static enum err insert_rows(struct logident *l, struct sql_conn *c, struct arena *a)
{
	static const char first_sql[] =
		"INSERT INTO relay_position (topic, partition_id, log_uuid) VALUES (?, 0, ?)"
		" ON DUPLICATE KEY UPDATE log_uuid = IF(log_uuid = '', VALUES(log_uuid), log_uuid)";
	static const char uuid_sql[] = "SELECT log_uuid FROM relay_position WHERE topic = ? AND partition_id = 0 FOR UPDATE";
	static const char other_sql[] = "INSERT INTO relay_position (topic, partition_id, log_uuid) VALUES (?, ?, ?)"
					" ON DUPLICATE KEY UPDATE log_uuid = VALUES(log_uuid)";
	struct sql_arg args[3] = { topic_arg(l) };
	char fresh[CLOCK_UUID_LEN + 1];
	struct sql_rows rows;
	enum err e;

	logident_next_uuid(l->uuid, fresh);
	args[1] = SQL_ARG_TEXT(slice_str(fresh));
	e = sql_run(c, first_sql, args, 2, a, NULL);
	if (e == ERR_OK)
		e = sql_run(c, uuid_sql, args, 1, a, &rows);
	if (e == ERR_OK && rows.count != 1)
		e = ERR_CONFLICT; /* deleted by hand between the two */
	if (e != ERR_OK)
		return e;
	args[2] = SQL_ARG_TEXT(sql_cell(&rows, 0, 0));
	for (int32_t p = 1; p < l->topic->partitions && e == ERR_OK; p++) {
		args[1] = SQL_ARG_I64(p);
		e = sql_run(c, other_sql, args, 3, a, NULL);
	}
	return e;
}

static enum err make_rows(struct logident *l, struct sql_conn *c, struct arena *a)
{
	enum err e = sql_begin(c);

	if (e == ERR_OK)
		e = insert_rows(l, c, a);
	if (e == ERR_OK)
		return sql_commit(c);
	sql_rollback(c);
	return e;
}

/* ERR_NOT_FOUND: not all rows are there, or without UUID. */
static enum err read_rows(struct logident *l, struct sql_conn *c, struct arena *a, struct sql_rows *rows)
{
	static const char sql[] = "SELECT partition_id, log_uuid, last_offset FROM relay_position"
				  " WHERE topic = ? AND partition_id < ? ORDER BY partition_id";
	struct sql_arg args[2] = { topic_arg(l), SQL_ARG_I64(l->topic->partitions) };
	enum err e = sql_run(c, sql, args, 2, a, rows);

	if (e != ERR_OK)
		return e;
	if (rows->count != (size_t)l->topic->partitions)
		return ERR_NOT_FOUND;
	for (size_t i = 0; i < rows->count; i++) {
		if (sql_cell(rows, i, 1).len != CLOCK_UUID_LEN)
			return ERR_NOT_FOUND;
	}
	return ERR_OK;
}

static enum err take_rows(struct logident *l, const struct sql_rows *rows)
{
	struct slice uuid = sql_cell(rows, 0, 1);
	/* Ours still count: for the same log, or when the other UUID is that of the new log we had noticed ourselves. */
	bool same = slice_eq(uuid, slice_str(l->uuid)), keep = same || l->is_new;
	int64_t offset;

	for (int32_t p = 0; p < l->topic->partitions; p++) {
		if (!slice_to_i64(sql_cell(rows, (size_t)p, 2), &offset))
			return ERR_CORRUPT;
		l->stored[p] = offset;
		if (same && l->is_new)
			continue; /* the stored ones are of the log before */
		if (!keep || offset > l->last[p])
			l->last[p] = offset;
	}
	if (!same) {
		log_info("log.uuid", "topic=%s uuid=%.*s", l->topic->name, SLICE_ARG(uuid));
		memcpy(l->uuid, uuid.ptr, CLOCK_UUID_LEN);
		l->is_new = false;
	}
	return ERR_OK;
}

enum err logident_load(struct logident *l, struct sql_conn *c)
{
	struct arena *a = arena_create(ARENA_BYTES, ARENA_LIMIT_BYTES);
	struct sql_rows rows;
	enum err e = read_rows(l, c, a, &rows);

	if (e == ERR_NOT_FOUND) {
		e = make_rows(l, c, a);
		if (e == ERR_OK)
			e = read_rows(l, c, a, &rows);
		if (e == ERR_NOT_FOUND)
			e = ERR_CONFLICT;
	}
	if (e == ERR_OK)
		e = take_rows(l, &rows);
	arena_free(&a);
	return e;
}

/* *moved: the row is not one of our log any more. */
static enum err save_partition(struct logident *l, struct sql_conn *c, struct arena *a, int32_t partition, bool *moved)
{
	static const char sql[] = "UPDATE relay_position SET last_offset = GREATEST(last_offset, ?)"
				  " WHERE topic = ? AND partition_id = ? AND log_uuid = ?";
	static const char check_sql[] = "SELECT 1 FROM relay_position WHERE topic = ? AND partition_id = ? AND log_uuid = ?";
	struct sql_arg args[4] = { SQL_ARG_I64(l->last[partition]), topic_arg(l), SQL_ARG_I64(partition),
				   SQL_ARG_TEXT(slice_str(l->uuid)) };
	struct sql_rows rows;
	enum err e = sql_run(c, sql, args, 4, a, &rows);

	if (e == ERR_OK && rows.affected == 0) { /* also when another instance has delivered behind us */
		e = sql_run(c, check_sql, args + 1, 3, a, &rows);
		*moved = e == ERR_OK && rows.count == 0;
	}
	return e;
}

static bool anything_to_save(const struct logident *l)
{
	for (int32_t p = 0; p < l->topic->partitions; p++) {
		if (l->last[p] > l->stored[p])
			return true;
	}
	return false;
}

/* One transaction, so one wait for the disk. */
static enum err save_all(struct logident *l, struct sql_conn *c, bool *moved)
{
	struct arena *a = arena_create(ARENA_BYTES, ARENA_LIMIT_BYTES);
	enum err e = sql_begin(c);

	for (int32_t p = 0; p < l->topic->partitions && e == ERR_OK && !*moved; p++) {
		if (l->last[p] > l->stored[p])
			e = save_partition(l, c, a, p, moved);
	}
	arena_free(&a);
	if (e == ERR_OK && !*moved)
		return sql_commit(c);
	sql_rollback(c);
	return e;
}

enum err logident_save(struct logident *l, struct sql_conn *c)
{
	bool moved = false;
	enum err e;

	if (l->is_new || !anything_to_save(l))
		return ERR_OK; /* what was noted since a new log began belongs to a UUID that is not there yet: renew stores it */
	e = save_all(l, c, &moved);
	if (e != ERR_OK)
		return e;
	if (moved) {
		e = logident_load(l, c);
		return e == ERR_OK ? ERR_MOVED : e;
	}
	for (int32_t p = 0; p < l->topic->partitions; p++) {
		if (l->last[p] > l->stored[p])
			l->stored[p] = l->last[p];
	}
	return ERR_OK;
}

enum err logident_verify(struct logident *l, struct sql_conn *c)
{
	struct arena *a = arena_create(ARENA_BYTES, ARENA_LIMIT_BYTES);
	struct sql_rows rows;
	enum err e = read_rows(l, c, a, &rows);

	for (int32_t p = 0; e == ERR_OK && p < l->topic->partitions; p++) {
		int64_t offset;

		if (!slice_to_i64(sql_cell(&rows, (size_t)p, 2), &offset) || offset < l->stored[p])
			e = ERR_MOVED;
		else if (!slice_eq(sql_cell(&rows, (size_t)p, 1), slice_str(l->uuid)))
			e = ERR_MOVED;
	}
	arena_free(&a);
	return e == ERR_NOT_FOUND ? ERR_MOVED : e;
}

/* One statement over all partitions: they never show two UUIDs. */
static enum err replace_uuid(struct logident *l, struct sql_conn *c, struct arena *a)
{
	static const char sql[] =
		"UPDATE relay_position SET log_uuid = ?, last_offset = -1 WHERE topic = ? AND log_uuid = ?";
	char fresh[CLOCK_UUID_LEN + 1];
	struct sql_arg args[3] = { SQL_ARG_TEXT(SLICE_NONE), topic_arg(l), SQL_ARG_TEXT(slice_str(l->uuid)) };

	logident_next_uuid(l->uuid, fresh);
	args[0] = SQL_ARG_TEXT(slice_str(fresh));
	return sql_run(c, sql, args, 3, a, NULL); /* no row changed: somebody was first */
}

enum err logident_renew(struct logident *l, struct sql_conn *c)
{
	struct arena *a;
	enum err e;

	if (!l->is_new)
		return ERR_OK;
	a = arena_create(ARENA_BYTES, ARENA_LIMIT_BYTES);
	e = replace_uuid(l, c, a);
	arena_free(&a);
	if (e == ERR_OK)
		e = logident_load(l, c);
	if (e == ERR_OK && l->is_new)
		e = ERR_CONFLICT; /* the rows went away and came back with the old UUID: try again */
	return e == ERR_OK ? logident_save(l, c) : e;
}

/* domain.c - for tests of the kit: a domain of the test's own, on the real servers of the runner. */
#include "tests/unit/support/domain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "shared/svc/view_store.h"
#include "tests/unit/support/servers.h"

#define WORDS_MAX 32
#define SECOND 1000000

/* ---- what the domain is ---- */

static enum err place(struct slice key, struct view_entry *out)
{
	struct slice rest = key;
	uint32_t id;

	out->group = slice_cut(&rest, ':');
	out->field = rest;
	return slice_to_id(out->group, &id) && slice_to_id(rest, &id) ? ERR_OK : ERR_CORRUPT;
}

/* The value is the name alone: "name" is last in the JSON, and holds no quotes. */
static enum err project(struct slice key, struct slice json, struct arena *a, struct view_entry *out)
{
	static const struct slice before = SLICE("\"name\": \"");

	(void)key;
	while (json.len > before.len && !slice_starts_with(json, before))
		json = slice_sub(json, 1, json.len);
	json = slice_sub(json, before.len, json.len);
	if (json.len == 0)
		return ERR_CORRUPT;
	out->value = arena_copy(a, slice_sub(json, 0, slice_find(json, '"')));
	return ERR_OK;
}

#define PAYLOAD(row) "JSON_OBJECT('id', " row "id, 'owner', " row "owner, 'name', " row "name)"

static const char chunk_sql[] = "SELECT id, CONCAT(owner, ':', id), " PAYLOAD("") " FROM thing WHERE id > ? ORDER BY id LIMIT ?"
				" LOCK IN SHARE MODE";
static const char row_sql[] = "SELECT " PAYLOAD("") " FROM thing WHERE owner = ? AND id = ? " SQL_LOCK_OR_FAIL;

static const char *const tables[] = {
	"DROP TABLE IF EXISTS thing, outbox, relay_position, relay_state",
	"DROP FUNCTION IF EXISTS captured_events",
	"CREATE TABLE thing (id int NOT NULL PRIMARY KEY, owner int NOT NULL, name varchar(64) NOT NULL) ENGINE=InnoDB",
	("CREATE TABLE outbox (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, aggregatetype varchar(32) NOT NULL,"
	" aggregateid varchar(64) NOT NULL, type varchar(32) NOT NULL, payload json NULL, created datetime(6) NOT NULL) ENGINE=InnoDB"
	" CHARACTER SET utf8mb4"),
	("CREATE TABLE relay_position (topic varchar(64) NOT NULL, partition_id int NOT NULL,"
	" log_uuid char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '', last_offset bigint NOT NULL DEFAULT -1,"
	" own_next bigint unsigned NOT NULL DEFAULT 0, PRIMARY KEY (topic, partition_id)) ENGINE=InnoDB"),
	"CREATE TABLE relay_state (name varchar(64) NOT NULL PRIMARY KEY, value varchar(255) NOT NULL) ENGINE=InnoDB",
	"CREATE FUNCTION captured_events() RETURNS varchar(64) DETERMINISTIC RETURN 'DELETE,INSERT,UPDATE'",
	("CREATE TRIGGER thing_insert AFTER INSERT ON thing FOR EACH ROW INSERT INTO outbox (aggregatetype, aggregateid, type, payload,"
	" created) VALUES ('thing', CONCAT(NEW.owner, ':', NEW.id), 'changed', " PAYLOAD("NEW.") ", UTC_TIMESTAMP(6))"),
	("CREATE TRIGGER thing_update AFTER UPDATE ON thing FOR EACH ROW INSERT INTO outbox (aggregatetype, aggregateid, type, payload,"
	" created) VALUES ('thing', CONCAT(NEW.owner, ':', NEW.id), 'changed', " PAYLOAD("NEW.") ", UTC_TIMESTAMP(6))"),
	("CREATE TRIGGER thing_delete AFTER DELETE ON thing FOR EACH ROW INSERT INTO outbox (aggregatetype, aggregateid, type, payload,"
	" created) VALUES ('thing', CONCAT(OLD.owner, ':', OLD.id), 'deleted', NULL, UTC_TIMESTAMP(6))"),
};

void domain_open(struct domain *d, bool table)
{
	struct sql_options o = { .url = server_url("TEST_MYSQL_URL"), .connections = 16 };
	const char *why = "";

	*d = (struct domain){ .brokers = server_url("TEST_KAFKA_BROKERS").ptr };
	(void)snprintf(d->name, sizeof(d->name), "thing%08x", (unsigned)clock_random());
	clock_uuid7(d->instance);
	d->topic = (struct topic){ .name = d->name, .domain = d->name, .partitions = DOMAIN_PARTITIONS, .compact = true };
	d->spec = (struct view_spec){ .topic = &d->topic, .place = place, .project = project };
	d->table = (struct owned_table){ .topic = &d->topic, .name = "thing", .chunk_sql = chunk_sql, .row_sql = row_sql, .key_parts = 2,
					 .own = &d->spec };
	d->arena = arena_create(1 << 16, 0);
	d->metrics = metrics_create();
	d->sql = sql_db_create(&o, &why);
	d->redis = resp_db_create(server_url("TEST_REDIS_URL"), 8, &why);
	assert_true(sql_db_wait_up(d->sql, 10000) && resp_db_wait_up(d->redis, 10000));
	d->c = domain_session(d);
	assert_int_equal(resp_open(d->redis, &d->r), ERR_OK);
	resp_set_timeout_ms(d->r, 5000);
	for (size_t i = 0; table && i < sizeof(tables) / sizeof(tables[0]); i++)
		domain_sql(d, "%s", tables[i]);
}

void domain_close(struct domain *d)
{
	if (d->c != NULL)
		sql_close(&d->c);
	if (d->r != NULL)
		resp_close(&d->r);
	sql_db_free(&d->sql);
	resp_db_free(&d->redis);
	metrics_free(&d->metrics);
	arena_free(&d->arena);
}

struct relay_options domain_relay(struct domain *d, struct view *own)
{
	return (struct relay_options){ .table = &d->table, .own = own, .sql = d->sql, .redis = d->redis, .brokers = d->brokers,
				       .instance = d->instance, .metrics = d->metrics, .snapshot_rows_per_s = 10000,
				       .audit_rows_per_s = 10000, .audit_period_s = 3600 };
}

uint64_t domain_counter(struct domain *d, const char *name)
{
	uint64_t sum = 0;
	struct buf b;
	struct slice rest;

	buf_init(&b, 0);
	metrics_print(d->metrics, &b);
	for (rest = buf_slice(&b); rest.len > 0;) {
		struct slice line = slice_cut(&rest, '\n');
		char after = line.len > strlen(name) ? line.ptr[strlen(name)] : '\0';

		if (slice_starts_with(line, slice_str(name)) && (after == '{' || after == ' '))
			sum += strtoull(arena_copy(d->arena, slice_sub(line, slice_find(line, ' ') + 1, line.len)).ptr, NULL, 10);
	}
	buf_free(&b);
	return sum;
}

/* ---- SQL ---- */

static struct sql_rows run_sql(struct domain *d, struct sql_conn *c, struct slice text)
{
	struct sql_rows rows;
	enum err e;

	sql_set_statement_ms(c, SQL_STATEMENT_MS_MAX);
	e = sql_run_text(c, text, d->arena, &rows);
	if (e != ERR_OK)
		fail_msg("%s: %.*s", err_name(e), SLICE_ARG(text));
	return rows;
}

struct sql_rows domain_sql(struct domain *d, const char *format, ...)
{
	struct slice text;
	va_list ap;

	va_start(ap, format);
	text = arena_vprintf(d->arena, format, ap);
	va_end(ap);
	return run_sql(d, d->c, text);
}

struct sql_rows domain_sql_on(struct domain *d, struct sql_conn *c, const char *format, ...)
{
	struct slice text;
	va_list ap;

	va_start(ap, format);
	text = arena_vprintf(d->arena, format, ap);
	va_end(ap);
	return run_sql(d, c, text);
}

uint64_t domain_number(struct domain *d, const char *sql)
{
	struct sql_rows rows = domain_sql(d, "%s", sql);
	uint64_t n = 0;

	assert_int_equal(rows.count, 1);
	assert_true(slice_to_u64(sql_cell(&rows, 0, 0), UINT64_MAX, &n));
	return n;
}

struct sql_conn *domain_session(struct domain *d)
{
	struct sql_conn *c = NULL;

	assert_int_equal(sql_open(d->sql, &c), ERR_OK);
	run_sql(d, c, SLICE_LIT("SET SESSION wait_timeout = 600"));
	return c;
}

/* ---- Redis ---- */

struct resp_value domain_redis(struct domain *d, const char *format, ...)
{
	struct slice words[WORDS_MAX], text;
	struct resp_value r;
	size_t n = 0;
	va_list ap;

	va_start(ap, format);
	text = arena_vprintf(d->arena, format, ap);
	va_end(ap);
	while (text.ptr != NULL && n < WORDS_MAX)
		words[n++] = slice_cut(&text, ' ');
	assert_int_equal(resp_call(d->r, d->arena, words, n, &r), ERR_OK);
	return r;
}

const char *domain_pos(struct domain *d, int32_t p, const char *field)
{
	struct resp_value r = domain_redis(d, "HGET m1:{%s:%d}:pos %s", d->name, (int)p, field);

	return r.type == RESP_STRING ? arena_copy(d->arena, r.text).ptr : "";
}

static int32_t partition_of(const struct domain *d, int owner)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", owner);
	return topic_partition(&d->topic, slice_str(text));
}

const char *domain_held(struct domain *d, int owner, int id)
{
	struct resp_value r = domain_redis(d, "HGET m1:{%s:%d}:%d %d", d->name, (int)partition_of(d, owner), owner, id);

	if (r.type != RESP_STRING || r.text.len <= EVENT_VERSION_LEN || r.text.ptr[EVENT_VERSION_LEN] != '+')
		return NULL;
	return arena_copy(d->arena, slice_sub(r.text, EVENT_VERSION_LEN + 1, r.text.len)).ptr;
}

static size_t live_entries(struct domain *d, struct slice key)
{
	struct resp_value r = domain_redis(d, "HVALS %.*s", SLICE_ARG(key));
	size_t live = 0;

	if (key.len > 4 && memcmp(key.ptr + key.len - 4, ":pos", 4) == 0)
		return 0;
	for (size_t i = 0; i < r.count; i++)
		live += r.items[i].text.len > EVENT_VERSION_LEN && r.items[i].text.ptr[EVENT_VERSION_LEN] == '+';
	return live;
}

size_t domain_held_count(struct domain *d)
{
	struct resp_value keys = domain_redis(d, "KEYS m1:{%s:*", d->name);
	size_t live = 0;

	for (size_t i = 0; i < keys.count; i++)
		live += live_entries(d, keys.items[i].text);
	return live;
}

bool domain_held_is_table(struct domain *d)
{
	struct sql_rows rows = domain_sql(d, "SELECT owner, id, name FROM thing");

	for (size_t i = 0; i < rows.count; i++) {
		uint32_t owner = 0, id = 0;
		const char *held;

		assert_true(slice_to_id(sql_cell(&rows, i, 0), &owner) && slice_to_id(sql_cell(&rows, i, 1), &id));
		held = domain_held(d, (int)owner, (int)id);
		if (held == NULL || !slice_eq(slice_str(held), sql_cell(&rows, i, 2)))
			return false;
	}
	return domain_held_count(d) == rows.count;
}

uint64_t domain_divergences(const struct view *v)
{
	uint64_t n = 0;

	for (enum view_divergence d = 0; d < VIEW_DIVERGENCES; d++)
		n += view_divergences(v, d);
	return n;
}

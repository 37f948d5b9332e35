/* domain_topic.c - for tests of the kit: what is in the topic of the test's own domain, and putting things there. */
#include "tests/unit/support/domain.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define TIMEOUT_MS 10000
#define DELETE_TOPICS 20 /* the protocol's number of this request */

static struct domain_record keep(struct domain *d, const struct broker_record *r)
{
	struct domain_record out = { .partition = r->partition, .offset = r->offset, .key = arena_copy(d->arena, r->key),
				     .value = arena_copy(d->arena, r->value) };
	struct event ev;

	if (event_decode(r, &ev) != ERR_OK)
		return out;
	out.kind = ev.kind;
	out.version = ev.version;
	out.type = arena_copy(d->arena, ev.type);
	return out;
}

/* What arrives meanwhile, behind <high>, is left to another time; of the partition read before it may come in front. */
static size_t read_partition(struct domain *d, struct broker_consumer *c, int32_t p, int64_t low, int64_t high,
			     struct domain_record *out)
{
	int64_t offsets[DOMAIN_PARTITIONS] = { BROKER_NO_OFFSET, BROKER_NO_OFFSET, BROKER_NO_OFFSET };
	int64_t next = low;
	size_t n = 0;

	offsets[p] = low;
	assert_int_equal(broker_consumer_assign(c, offsets, DOMAIN_PARTITIONS), ERR_OK);
	while (next < high) {
		struct broker_record r;
		enum broker_event event = broker_consumer_next(c, TIMEOUT_MS, &r);

		assert_true(event == BROKER_RECORD || event == BROKER_END);
		if (r.partition == p)
			next = event == BROKER_END ? high : r.offset + 1;
		if (r.partition == p && event == BROKER_RECORD)
			out[n++] = keep(d, &r);
		if (event == BROKER_RECORD)
			broker_consumer_release(c);
	}
	return n;
}

struct domain_record *domain_topic(struct domain *d, size_t *count)
{
	int64_t low[DOMAIN_PARTITIONS], high[DOMAIN_PARTITIONS];
	struct broker_consumer *c;
	struct domain_record *out;
	int64_t total = 0;

	*count = 0;
	UNTIL(TIMEOUT_MS, topic_ensure(d->brokers, &d->topic, TIMEOUT_MS) == ERR_OK); /* it may be made right now */
	c = broker_consumer_create(d->brokers, d->name);
	UNTIL(TIMEOUT_MS, broker_consumer_watermarks(c, DOMAIN_PARTITIONS, low, high, TIMEOUT_MS) == ERR_OK);
	for (int32_t p = 0; p < DOMAIN_PARTITIONS; p++)
		total += high[p] - low[p];
	out = arena_alloc_array(d->arena, (size_t)total + 1, sizeof(*out));
	for (int32_t p = 0; p < DOMAIN_PARTITIONS; p++)
		*count += read_partition(d, c, p, low[p], high[p], out + *count);
	broker_consumer_free(&c);
	return out;
}

size_t domain_topic_count(struct domain *d, enum event_kind kind)
{
	size_t count, n = 0;
	struct domain_record *r = domain_topic(d, &count);

	for (size_t i = 0; i < count; i++)
		n += r[i].kind == kind;
	return n;
}

static int by_key(const void *a, const void *b)
{
	const struct domain_record *x = a, *y = b;
	int order = slice_cmp(x->key, y->key);

	return order != 0 ? order : x->offset < y->offset ? -1 : 1;
}

bool domain_topic_is_table(struct domain *d)
{
	struct sql_rows rows = domain_sql(d, "SELECT CONCAT(owner, ':', id), CONCAT('\"name\": \"', name, '\"}') FROM thing"
					     " ORDER BY CAST(CONCAT(owner, ':', id) AS BINARY)");
	size_t count, row = 0;
	struct domain_record *r = domain_topic(d, &count);

	qsort(r, count, sizeof(*r), by_key);
	for (size_t i = 0; i < count; i++) {
		struct slice end, v = r[i].value;

		if (r[i].key.len == 0 || r[i].key.ptr[0] == '~' || v.ptr == NULL || (i + 1 < count && slice_eq(r[i].key, r[i + 1].key)))
			continue; /* no key of the table, gone, or not the last of its key */
		if (row == rows.count || !slice_eq(r[i].key, sql_cell(&rows, row, 0)))
			return false;
		end = sql_cell(&rows, row, 1);
		if (v.len < end.len || !slice_eq(slice_sub(v, v.len - end.len, v.len), end))
			return false;
		row++;
	}
	return row == rows.count;
}

/* ---- writing ---- */

static void on_report(void *ctx, void *tag, enum err e, int32_t partition, int64_t offset)
{
	(void)tag, (void)partition, (void)offset;
	*(enum err *)ctx = e;
}

void domain_produce(struct domain *d, int32_t partition, const char *key, const char *value, const char *type, uint64_t version)
{
	const struct event ev = { .key = slice_str(key), .value = slice_str(value), .version = version, .domain = "thing",
				  .type = slice_str(type), .created_us = clock_wall_us() };
	enum err result = ERR_BUSY;
	struct broker_producer *p = broker_producer_create(d->brokers, on_report, &result);
	int64_t until_us = clock_mono_us() + TIMEOUT_MS * 3000;
	struct broker_record r;

	assert_int_equal(event_encode(&ev, partition, d->arena, &r), ERR_OK);
	if (version == 0)
		r.header_count = 0;
	do { /* a second time on a slow machine: readers pass over what they have */
		assert_int_equal(broker_produce(p, d->name, &r, NULL), ERR_OK);
		while (broker_producer_pending(p) > 0)
			broker_producer_poll(p, 100);
	} while (result == ERR_TIMEOUT && clock_mono_us() < until_us);
	assert_int_equal(result, ERR_OK);
	broker_producer_free(&p);
}

void domain_marks(struct domain *d, const char *log)
{
	const char *value = arena_printf(d->arena, "{\"log\":\"%s\",\"version\":\"0000000000000001\"}", log).ptr;

	for (int32_t p = 0; p < DOMAIN_PARTITIONS; p++)
		domain_produce(d, p, EVENT_MARK, value, "mark", 1);
}

void domain_ends(struct domain *d, const char *log, uint64_t begin, uint64_t version)
{
	char text[EVENT_VERSION_LEN + 1];

	event_version_text(begin, text);
	for (int32_t p = 0; p < DOMAIN_PARTITIONS; p++)
		domain_produce(d, p, EVENT_END, arena_printf(d->arena, "{\"log\":\"%s\",\"begin\":\"%s\"}", log, text).ptr, "end", version);
}

/* ---- deleting: the one request of Kafka's protocol that the services never need ---- */

static int connect_to(const char *brokers)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	const char *colon = strrchr(brokers, ':');
	char host[64];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)snprintf(host, sizeof(host), "%.*s", (int)(colon - brokers), brokers);
	to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	assert_int_equal(inet_pton(AF_INET, host, &to.sin_addr), 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void add_number(struct buf *b, uint32_t n, size_t bytes)
{
	for (size_t i = bytes; i > 0; i--)
		buf_add_char(b, (char)(n >> (8 * (i - 1)) & 0xff));
}

void domain_topic_delete(struct domain *d)
{
	int fd = connect_to(d->brokers);
	unsigned char answer[256];
	size_t name = strlen(d->name);
	ssize_t got;
	struct buf b;

	buf_init(&b, 0);
	add_number(&b, (uint32_t)(2 + 2 + 4 + 2 + 4 + 2 + name + 4), 4);
	add_number(&b, DELETE_TOPICS, 2);
	add_number(&b, 1, 2);      /* version of the request */
	add_number(&b, 1, 4);      /* correlation id */
	add_number(&b, 0xffff, 2); /* no client id */
	add_number(&b, 1, 4);      /* one topic */
	add_number(&b, (uint32_t)name, 2);
	buf_add_str(&b, d->name);
	add_number(&b, TIMEOUT_MS, 4);
	assert_int_equal(write(fd, b.ptr, b.len), b.len);
	got = read(fd, answer, sizeof(answer));
	assert_true(got > 2);
	assert_int_equal(answer[got - 1] | answer[got - 2] << 8, 0); /* the error code comes last */
	close(fd);
	buf_free(&b);
}

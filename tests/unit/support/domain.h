/* domain.h - for tests of the kit: a domain of the test's own, with a table, an outbox, a topic and a place in Redis.
 *
 * Table thing(id, owner, name), key "<owner>:<id>", three partitions. Whatever fails in here fails the running test.
 */
#ifndef MOA_TEST_SUPPORT_DOMAIN_H
#define MOA_TEST_SUPPORT_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include "shared/base/arena.h"
#include "shared/base/clock.h"
#include "shared/io/broker.h"
#include "shared/io/resp.h"
#include "shared/io/sql.h"
#include "shared/svc/event.h"
#include "shared/svc/metrics.h"
#include "shared/svc/relay.h"
#include "shared/svc/view.h"

#define DOMAIN_PARTITIONS 3

struct domain {
	char name[32]; /* of the topic, and in Redis: random */
	char instance[CLOCK_UUID_LEN + 1];
	struct topic topic;
	struct view_spec spec;
	struct owned_table table;
	struct sql_db *sql;
	struct resp_db *redis;
	const char *brokers;
	struct metrics *metrics;
	struct arena *arena; /* of everything that the functions below return; freed at the end */
	struct sql_conn *c;  /* the test's own */
	struct resp_conn *r;
};

/* <table>: also makes the tables anew. */
void domain_open(struct domain *d, bool table);
void domain_close(struct domain *d);

/* A session of the test's own, that may be silent for long; closed with sql_close(). */
struct sql_conn *domain_session(struct domain *d);

/* Waits until <condition>, evaluated every 2 ms; fails the test after <ms>. */
#define UNTIL(ms, condition)                                                     \
	do {                                                                     \
		int64_t until_us_ = clock_mono_us() + (int64_t)(ms) * 1000;      \
		while (!(condition)) {                                           \
			if (clock_mono_us() > until_us_)                         \
				fail_msg("not within %d ms: %s", (ms), #condition); \
			nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL); \
		}                                                                \
	} while (0)

/* One statement that must succeed, on the test's own connection or on <c>. */
struct sql_rows domain_sql(struct domain *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct sql_rows domain_sql_on(struct domain *d, struct sql_conn *c, const char *format, ...) __attribute__((format(printf, 3, 4)));
uint64_t domain_number(struct domain *d, const char *sql); /* the only cell of the answer */

/* One command; words are separated by single spaces. Error replies are returned. */
struct resp_value domain_redis(struct domain *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A field of the position of partition <p>, NUL-terminated; "" when it is not there. */
const char *domain_pos(struct domain *d, int32_t p, const char *field);
/* What Redis holds of the thing, NUL-terminated; NULL when there is no live entry. */
const char *domain_held(struct domain *d, int owner, int id);
/* Live entries in Redis, counted key by key. */
size_t domain_held_count(struct domain *d);
/* Whether Redis holds the table: every row with its name, and nothing else. */
bool domain_held_is_table(struct domain *d);

struct domain_record {
	int32_t partition;
	int64_t offset;
	struct slice key, value;
	enum event_kind kind;
	uint64_t version;
	struct slice type;
};
/* The whole topic, partition by partition in the order of offsets. */
struct domain_record *domain_topic(struct domain *d, size_t *count);
/* Whether the last record of each key says what the table says (and no key of the table is missing). */
bool domain_topic_is_table(struct domain *d);
size_t domain_topic_count(struct domain *d, enum event_kind kind);
void domain_topic_delete(struct domain *d);
/* One record of the test's own making. <version> 0: an undecodable one. */
void domain_produce(struct domain *d, int32_t partition, const char *key, const char *value, const char *type, uint64_t version);
/* A mark of <log> to each partition. */
void domain_marks(struct domain *d, const char *log);
void domain_ends(struct domain *d, const char *log, uint64_t begin, uint64_t version);

struct relay_options domain_relay(struct domain *d, struct view *own);
uint64_t domain_counter(struct domain *d, const char *name); /* its value; labels ignored, sum of all */
uint64_t domain_divergences(const struct view *v);           /* of all classes */

#endif

/* relay_fixture.h - for the tests of the relay: one or two relays of a domain, with their own copy and what watches it. */
#ifndef MOA_TEST_SVC_RELAY_FIXTURE_H
#define MOA_TEST_SVC_RELAY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "shared/svc/monitor.h"
#include "shared/svc/relay.h"
#include "tests/unit/support/domain.h"

#define SOON_MS 40000 /* the test's machine may be slow */
#define DRAIN_MS 10000

struct fixture {
	struct domain d;
	struct view *own;
	struct monitor *monitor;
	struct relay *relay, *twin;
	struct metrics *twin_metrics;
	char twin_instance[CLOCK_UUID_LEN + 1];
	struct sql_conn *other; /* a second session of the test's own */
	uint64_t rounds;        /* complete ones when it had settled */
};

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	domain_open(&f->d, true);
	f->own = view_create(&f->d.spec, f->d.redis);
	f->monitor = monitor_start(f->d.redis, &f->own, 1);
	f->twin_metrics = metrics_create();
	f->other = domain_session(&f->d);
	return 0;
}

static inline void stop_relay(struct relay **r)
{
	if (*r == NULL)
		return;
	relay_stop(*r, DRAIN_MS);
	relay_free(r);
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	sql_close(&f->other); /* its locks first */
	stop_relay(&f->relay);
	stop_relay(&f->twin);
	monitor_stop(&f->monitor);
	view_free(&f->own);
	metrics_free(&f->twin_metrics);
	domain_close(&f->d);
	free(f);
	return 0;
}

static inline void start_with(struct fixture *f, const struct relay_options *o)
{
	f->relay = relay_create(o);
	relay_start(f->relay);
}

static inline void start(struct fixture *f)
{
	struct relay_options o = domain_relay(&f->d, f->own);

	start_with(f, &o);
}

/* Leads, and its first snapshot is over: nothing but what the test does happens from here on. */
static inline void start_and_settle(struct fixture *f)
{
	start(f);
	UNTIL(SOON_MS, domain_counter(&f->d, "moa_audit_rounds_total") > 0);
	UNTIL(SOON_MS, domain_number(&f->d, "SELECT COUNT(*) FROM relay_state WHERE name = 'snapshot_wanted'") == 0);
	UNTIL(SOON_MS, domain_number(&f->d, "SELECT COUNT(*) FROM outbox") == 0);
	f->rounds = domain_counter(&f->d, "moa_audit_rounds_total");
}

static inline void start_twin(struct fixture *f)
{
	struct relay_options o = domain_relay(&f->d, f->own);

	clock_uuid7(f->twin_instance);
	o.instance = f->twin_instance;
	o.metrics = f->twin_metrics;
	f->twin = relay_create(&o);
	relay_start(f->twin);
}

/* Everything that the table says is in the topic and in the own copy, and the outbox is empty. */
static inline void assert_settles(struct fixture *f)
{
	UNTIL(SOON_MS, domain_number(&f->d, "SELECT COUNT(*) FROM outbox") == 0);
	UNTIL(SOON_MS, domain_topic_is_table(&f->d));
	UNTIL(SOON_MS, domain_held_is_table(&f->d));
}


/* The last record of <key> in the topic; .key.ptr NULL: none. */
static inline struct domain_record last_of(struct fixture *f, const char *key)
{
	struct domain_record found = { .offset = -1 };
	size_t count;
	struct domain_record *r = domain_topic(&f->d, &count);

	for (size_t i = 0; i < count; i++) {
		if (slice_eq(r[i].key, slice_str(key)))
			found = r[i];
	}
	return found;
}

/* A gap that the relay has met is looked for no more: a second has passed, and then a scan that began later has ended, as its marks
 * tell. (Marks of a scan before it may still have been on their way.) */
static inline void let_gap_expire(struct fixture *f)
{
	int64_t start_us = clock_mono_us();
	size_t marks;

	UNTIL(SOON_MS, clock_mono_us() - start_us > 1000000);
	marks = domain_topic_count(&f->d, EVENT_KIND_MARK);
	UNTIL(SOON_MS, domain_topic_count(&f->d, EVENT_KIND_MARK) >= marks + 2 * DOMAIN_PARTITIONS);
}

static inline bool held_is(struct fixture *f, int owner, int id, const char *name)
{
	const char *held = domain_held(&f->d, owner, id);

	return held != NULL && strcmp(held, name) == 0;
}

#endif

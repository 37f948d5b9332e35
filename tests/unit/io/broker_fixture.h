/* broker_fixture.h - for the tests of the broker: reports that are remembered, and producing and reading in one line.
 *
 * lint: allow-long a fixture is code; each test program compiles its own copy, as libraries of tests know no layer.
 */
#ifndef MOA_TEST_BROKER_FIXTURE_H
#define MOA_TEST_BROKER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <inttypes.h>
#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/io/broker.h"

#define MS 1000
#define REPORTS_MAX 64

struct report {
	void *tag;
	enum err e;
	int32_t partition;
	int64_t offset;
};

struct reports {
	size_t count; /* all; the first REPORTS_MAX are kept */
	size_t failed;
	struct report list[REPORTS_MAX];
};

static inline void on_report(void *ctx, void *tag, enum err e, int32_t partition, int64_t offset)
{
	struct reports *all = ctx;

	if (all->count < REPORTS_MAX)
		all->list[all->count] = (struct report){ tag, e, partition, offset };
	all->count++;
	all->failed += e != ERR_OK;
}

static inline int64_t passed_ms(int64_t start_us)
{
	return (clock_mono_us() - start_us) / 1000;
}

static inline struct broker_record text_record(int32_t partition, const char *key, const char *value)
{
	return (struct broker_record){ .partition = partition, .key = slice_str(key), .value = slice_str(value) };
}

/* Polls until all reports are in. */
static inline void drain(struct broker_producer *p)
{
	int64_t start_us = clock_mono_us();

	while (broker_producer_pending(p) > 0) {
		broker_producer_poll(p, 100);
		assert_true(passed_ms(start_us) < 20000);
	}
}

/* Produces one record and waits for its report. */
static inline struct report deliver(struct broker_producer *p, struct reports *all, const char *topic,
				    const struct broker_record *r)
{
	*all = (struct reports){ 0 };
	all->list[0].e = broker_produce(p, topic, r, all);
	if (all->list[0].e != ERR_OK)
		return all->list[0];
	drain(p);
	assert_int_equal(all->count, 1);
	assert_ptr_equal(all->list[0].tag, all);
	return all->list[0];
}

/* The next event that is one; fails when none comes. */
static inline enum broker_event next_event(struct broker_consumer *c, struct broker_record *r)
{
	enum broker_event event = broker_consumer_next(c, 15000, r);

	assert_int_not_equal(event, BROKER_NOTHING);
	return event;
}

/* The next record, over ends of partitions. */
static inline struct broker_record next_record(struct broker_consumer *c)
{
	struct broker_record r;
	enum broker_event event;

	do
		event = next_event(c, &r);
	while (event == BROKER_END);
	assert_int_equal(event, BROKER_RECORD);
	return r;
}

static inline void expect_text(struct slice s, const char *text)
{
	if (!slice_eq(s, slice_str(text)))
		fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(s), text);
}

#endif

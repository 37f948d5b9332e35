/* token.c - reads, judges and makes the facts of Consistency-Token for a service. */
#include "shared/svc/token.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/io/http.h"
#include "shared/svc/metrics.h"

#define VERSION_MOST UINT64_C(9999999999999999) /* 16 digits: see event.h */
#define AHEAD_US (INT64_C(24) * 3600 * 1000000) /* no two clocks of a shop differ by that much */

struct token_stats {
	struct counter *made[FACT_DOMAINS], *laid[FACT_DOMAINS];
	struct counter *beyond_limits, *malformed;
};

struct token_stats *token_stats_create(struct metrics *m)
{
	static const char *const domains[FACT_DOMAINS] = { [FACT_ALARMS] = "domain=\"alarms\"", [FACT_VISITS] = "domain=\"visits\"" };
	static const char ignored[] = "moa_token_facts_ignored_total", why[] = "Facts of requests that were left out.";
	struct token_stats *s = calloc(1, sizeof(*s));

	assert(s != NULL);
	for (int i = 0; i < FACT_DOMAINS; i++) {
		s->made[i] = metrics_counter(m, "moa_token_facts_made_total", "Facts that answers told of.", domains[i]);
		s->laid[i] = metrics_counter(m, "moa_token_facts_laid_total", "Facts of requests that were newer than what was known here.",
					     domains[i]);
	}
	s->beyond_limits = metrics_counter(m, ignored, why, "reason=\"limit\"");
	s->malformed = metrics_counter(m, ignored, why, "reason=\"malformed\"");
	return s;
}

void token_stats_free(struct token_stats **s)
{
	free(*s);
	*s = NULL;
}

/* ---- what a request brings ---- */

void token_read_field(struct request *rq, struct slice field, int64_t now_us)
{
	const struct fact_bounds bounds = { .version = VERSION_MOST, .visit_us = (uint64_t)(now_us + AHEAD_US) };
	unsigned dropped = 0, malformed = 0;

	if (rq->facts.facts == NULL)
		rq->facts.facts = arena_alloc_array(rq->arena, FACTS_MOST, sizeof(*rq->facts.facts));
	if (rq->facts.facts == NULL)
		return;
	facts_read(&rq->facts, field, &bounds, 0, &dropped, &malformed);
	if (rq->token_stats == NULL)
		return;
	counter_add(rq->token_stats->beyond_limits, dropped);
	counter_add(rq->token_stats->malformed, malformed);
}

static void read_one(void *ctx, struct slice value)
{
	token_read_field(ctx, value, clock_wall_us());
}

void token_read(struct request *rq)
{
	if (http_header(rq->x, TOKEN_HEADER).ptr != NULL) /* most requests have none */
		http_header_each(rq->x, TOKEN_HEADER, read_one, rq);
}

void token_laid(struct request *rq, enum fact_domain domain, size_t count)
{
	if (rq->token_stats != NULL)
		counter_add(rq->token_stats->laid[domain], count);
}

/* ---- what a request made ---- */

static void made(struct request *rq, const struct fact *f)
{
	char text[FACT_TEXT_MOST];

	rq->made = arena_copy(rq->arena, slice_of(text, fact_write(f, text)));
	if (rq->token_stats != NULL)
		counter_add(rq->token_stats->made[f->domain], 1);
}

void token_alarm_made(struct request *rq, uint32_t item_id, bool on, uint64_t version)
{
	made(rq, &(struct fact){ .domain = FACT_ALARMS, .item = item_id, .on = on, .order = version });
}

void token_visit_made(struct request *rq, uint32_t item_id, uint64_t visited_us, struct slice event_id)
{
	struct fact f = { .domain = FACT_VISITS, .item = item_id, .order = visited_us, .event_len = (uint8_t)event_id.len };

	assert(event_id.len <= FACT_EVENT_MOST);
	memcpy(f.event, event_id.ptr, event_id.len);
	made(rq, &f);
}

/* page.h - for tests of the status page and the metrics: sections with servers, and an answer read piece by piece. Header only. */
#ifndef MOA_TESTS_UNIT_GATEWAY_SUPPORT_PAGE_H
#define MOA_TESTS_UNIT_GATEWAY_SUPPORT_PAGE_H

#include <stdio.h>
#include "gateway/balance/queue.h"
#include "gateway/logs/sink.h"
#include "gateway/model/own.h"
#include "shared/base/buf.h"
#include "shared/base/hist.h"
#include "tests/unit/gateway/support/rules.h"

#define PAGE_SERVERS_MOST 1000

/* The frontend "fe", which has the page, and the backend "be" with servers. */
struct page_test {
	struct rules r;
	struct stats_page page;
	struct tally servers[PAGE_SERVERS_MOST], backends[3], listeners[1];
	struct server *last;
	struct buf answer;
	size_t longest; /* piece of the last answer */
	unsigned pieces;
};

static inline void page_hist(struct tally *t, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		t[i].total = hist_create();
		t[i].response = hist_create();
	}
}

static inline void page_hist_free(struct tally *t, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		hist_free(&t[i].total);
		hist_free(&t[i].response);
	}
}

static inline void page_setup(struct page_test *t)
{
	memset(t, 0, sizeof(*t));
	rules_setup(&t->r);
	t->page = (struct stats_page){ .enabled = true, .uri = SLICE_LIT("/stats"), .realm = SLICE_LIT("HAProxy Statistics") };
	t->r.fe.stats = &t->page;
	t->r.fe.id = 2;
	t->r.be.id = 3;
	t->r.other.id = 4;
	t->r.config.proxies = &t->r.fe;
	t->r.fe.next = &t->r.be;
	t->r.be.next = NULL; /* "other" is not part of it */
	t->r.worker.backends = t->backends;
	t->r.worker.servers = t->servers;
	t->r.worker.listeners = t->listeners;
	page_hist(t->r.tallies, 3);
	page_hist(t->backends, 3);
	t->r.worker.clients = pool_create("client", 16, 0);
	t->r.worker.exchanges = pool_create("exchange", 16, 0);
	t->r.worker.buffers = pool_create("buffer", 16, 0);
	t->r.worker.upstreams = pool_create("upstream", 16, 0);
	t->r.worker.log = log_sink_create(SLICE_LIT("host"), SLICE_LIT("tag"));
	t->r.be.backend.queue = queue_create();
	buf_init(&t->answer, 0);
}

static inline void page_cleanup(struct page_test *t)
{
	page_hist_free(t->r.tallies, 3);
	page_hist_free(t->backends, 3);
	page_hist_free(t->servers, t->r.config.server_count);
	pool_free(&t->r.worker.clients);
	pool_free(&t->r.worker.exchanges);
	pool_free(&t->r.worker.buffers);
	pool_free(&t->r.worker.upstreams);
	log_sink_free(&t->r.worker.log);
	queue_free(&t->r.be.backend.queue);
	buf_free(&t->answer);
	rules_cleanup(&t->r);
}

/* A server of "be" that is up and unchecked. */
static inline struct server *page_server(struct page_test *t, const char *name)
{
	struct server *s = arena_alloc(t->r.w.p.arena, sizeof(*s));

	assert(t->r.config.server_count < PAGE_SERVERS_MOST);
	s->name = slice_str(name);
	s->id = ++t->r.be.backend.server_count;
	s->index = t->r.config.server_count++;
	s->backend = &t->r.be;
	s->state = SERVER_UP;
	s->weight = s->o.weight = 1;
	s->slow_percent = 100;
	s->o.pool_max_conn = -1;
	page_hist(&t->servers[s->index], 1);
	*(t->last == NULL ? &t->r.be.backend.servers : &t->last->next) = s;
	t->last = s;
	return s;
}

/* Reads x->reply to its end into t->answer; false when it was broken off. */
static inline bool page_read_all(struct page_test *t)
{
	struct reply *r = &t->r.x.reply;
	enum reply_more more = REPLY_LAST;

	buf_clear(&t->answer);
	t->pieces = 0;
	t->longest = 0;
	buf_add_slice(&t->answer, r->body);
	do {
		struct slice piece = SLICE_NONE;

		if (r->more == NULL)
			break;
		more = r->more(&t->r.x, r->pieces, &piece);
		buf_add_slice(&t->answer, piece);
		t->pieces++;
		if (piece.len > t->longest)
			t->longest = piece.len;
	} while (more == REPLY_MORE);
	buf_add_char(&t->answer, '\0');
	t->answer.len--;
	return more == REPLY_LAST;
}

static inline bool page_holds(const struct page_test *t, const char *text)
{
	return strstr(t->answer.ptr, text) != NULL;
}

#endif

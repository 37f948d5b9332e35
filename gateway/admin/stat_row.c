/* stat_row.c - fills one row of the statistics.
 *
 * Averages are over all exchanges since the start, where HAProxy takes the last 1,024; the longest times come from histograms and are
 * up to a sixteenth off. What HAProxy shows and we do not count is left empty: internal errors, intercepted requests, how often a whole
 * backend was down.
 */
#include <netinet/in.h>
#include <stdio.h>

#include "gateway/admin/stat.h"
#include "gateway/admin/total.h"
#include "gateway/balance/queue.h"
#include "gateway/model/proxy.h"
#include "gateway/model/server_text.h"
#include "gateway/model/state.h"
#include "gateway/session/worker.h"
#include "shared/base/clock.h"

static bool wants(const struct stat_row *row, enum stat_field field)
{
	return !row->one || row->only == field;
}

static void set_number(struct stat_row *row, enum stat_field field, uint64_t n)
{
	row->values[field] = value_number(stat_kinds[field].type, (int64_t)n);
}

/* <n> is worked out only when it is wanted: adding up the workers is what costs. */
#define SET(row, field, n) \
	do { \
		if (wants(row, field)) \
			set_number(row, field, n); \
	} while (0)

static void set_text(struct stat_row *row, enum stat_field field, const char *text)
{
	row->values[field] = value_text(slice_str(text));
}

static unsigned now_of(const _Atomic unsigned *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

/* "192.0.2.1:80", "[2001:db8::1]:80", "unix". */
static void set_address(struct stat_row *row, const struct server_address *a)
{
	char text[SERVER_ADDRESS_SIZE];
	unsigned port;

	if (a == NULL || !wants(row, STAT_ADDR))
		return;
	server_address_text(a, text, &port);
	if (a->sa.ss_family == AF_INET6)
		snprintf(row->address, sizeof(row->address), "[%s]:%u", text, port);
	else if (a->sa.ss_family == AF_INET)
		snprintf(row->address, sizeof(row->address), "%s:%u", text, port);
	else
		snprintf(row->address, sizeof(row->address), "unix");
	set_text(row, STAT_ADDR, row->address);
}

/* ---- what several kinds have in common ---- */

static void set_common(struct stat_row *row, const struct total *t)
{
	row->values[STAT_PXNAME] = value_text(row->proxy->name);
	SET(row, STAT_PID, 1);
	SET(row, STAT_IID, row->proxy->id);
	SET(row, STAT_SID, row->id);
	SET(row, STAT_TYPE, row->object);
	set_text(row, STAT_MODE, "http");
	SET(row, STAT_STOT, TOTAL(t, sessions));
	SET(row, STAT_BIN, TOTAL(t, bytes_in));
	SET(row, STAT_BOUT, TOTAL(t, bytes_out));
	SET(row, STAT_DRESP, TOTAL(t, denied_responses));
	SET(row, STAT_WREW, TOTAL(t, failed_rewrites));
}

static void set_statuses(struct stat_row *row, const struct total *t)
{
	if (wants(row, STAT_HRSP_1XX)) {
		for (unsigned i = 1; i <= 5; i++)
			set_number(row, STAT_HRSP_1XX + i - 1, TOTAL(t, status[i]));
		set_number(row, STAT_HRSP_OTHER, TOTAL(t, status[0]));
	}
	SET(row, STAT_REQ_TOT, TOTAL(t, requests));
}

/* Nothing is compressed or cached here. */
static void set_nothing_done(struct stat_row *row)
{
	static const enum stat_field fields[] = { STAT_COMP_IN, STAT_COMP_OUT, STAT_COMP_BYP, STAT_COMP_RSP, STAT_CACHE_LOOKUPS, STAT_CACHE_HITS };

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		SET(row, fields[i], 0);
}

static void set_listening(struct stat_row *row, const struct total *t)
{
	SET(row, STAT_DREQ, TOTAL(t, denied_requests));
	SET(row, STAT_EREQ, TOTAL(t, bad_requests));
	SET(row, STAT_DCON, TOTAL(t, denied_connections));
	SET(row, STAT_DSES, TOTAL(t, denied_sessions));
}

/* In milliseconds. */
static uint64_t average(uint64_t sum_us, uint64_t count)
{
	return count == 0 ? 0 : sum_us / count / 1000;
}

/* Backends and servers. */
static void set_sending(struct stat_row *row, const struct total *t)
{
	int64_t now_ms = clock_mono_us() / 1000;

	SET(row, STAT_ECON, TOTAL(t, failed_connects));
	SET(row, STAT_ERESP, TOTAL(t, bad_responses));
	SET(row, STAT_WRETR, TOTAL(t, retries));
	SET(row, STAT_WREDIS, TOTAL(t, redispatches));
	SET(row, STAT_LBTOT, TOTAL(t, chosen));
	SET(row, STAT_RATE, TOTAL_RATE(t, session_rate, now_ms));
	SET(row, STAT_RATE_MAX, TOTAL_RATE_MOST(t, session_rate));
	SET(row, STAT_CLI_ABRT, TOTAL(t, client_aborts));
	SET(row, STAT_SRV_ABRT, TOTAL(t, server_aborts));
	SET(row, STAT_CONNECT, TOTAL(t, connects));
	SET(row, STAT_REUSE, TOTAL(t, reuses));
	SET(row, STAT_LASTSESS, (uint64_t)total_idle_s(t, now_ms));
	SET(row, STAT_QTIME, average(TOTAL(t, queue_us), TOTAL(t, times_n)));
	SET(row, STAT_CTIME, average(TOTAL(t, connect_us), TOTAL(t, times_n)));
	SET(row, STAT_RTIME, average(TOTAL(t, response_us), TOTAL(t, times_n)));
	SET(row, STAT_TTIME, average(TOTAL(t, total_us), TOTAL(t, times_n)));
	SET(row, STAT_RTIME_MAX, (uint64_t)total_longest_us(t, offsetof(struct tally, response)) / 1000);
	SET(row, STAT_TTIME_MAX, (uint64_t)total_longest_us(t, offsetof(struct tally, total)) / 1000);
}

/* ---- the four kinds ---- */

static const char *frontend_status(const struct proxy *p)
{
	switch (atomic_load_explicit(&p->status, memory_order_relaxed)) {
	case PROXY_PAUSED:
		return "PAUSED";
	case PROXY_STOPPED:
		return "STOP";
	default:
		return "OPEN";
	}
}

static void fill_frontend(const struct gateway *g, struct stat_row *row)
{
	const struct proxy *p = row->proxy;
	const struct total t = { g, TOTAL_FRONTEND, p->index };
	int64_t now_ms = clock_mono_us() / 1000;

	set_common(row, &t);
	set_statuses(row, &t);
	set_listening(row, &t);
	set_nothing_done(row);
	set_text(row, STAT_SVNAME, "FRONTEND");
	set_text(row, STAT_STATUS, atomic_load(&g->stopping) ? "STOP" : frontend_status(p));
	SET(row, STAT_SCUR, now_of(&p->connections));
	SET(row, STAT_SMAX, now_of(&p->connections_most));
	SET(row, STAT_SLIM, now_of(&p->maxconn));
	SET(row, STAT_RATE, TOTAL_RATE(&t, session_rate, now_ms));
	SET(row, STAT_RATE_LIM, 0);
	SET(row, STAT_RATE_MAX, TOTAL_RATE_MOST(&t, session_rate));
	SET(row, STAT_REQ_RATE, TOTAL_RATE(&t, request_rate, now_ms));
	SET(row, STAT_REQ_RATE_MAX, TOTAL_RATE_MOST(&t, request_rate));
	SET(row, STAT_CONN_RATE, TOTAL_RATE(&t, connection_rate, now_ms));
	SET(row, STAT_CONN_RATE_MAX, TOTAL_RATE_MOST(&t, connection_rate));
	SET(row, STAT_CONN_TOT, TOTAL(&t, sessions));
}

static void fill_listener(const struct gateway *g, struct stat_row *row)
{
	const struct listener *l = row->listener;
	const struct total t = { g, TOTAL_LISTENER, l->index };
	struct server_address a = { .sa = l->sa, .len = l->sa_len };

	set_common(row, &t);
	set_listening(row, &t);
	snprintf(row->name, sizeof(row->name), "sock-%u", l->id);
	if (l->name.len > 0)
		row->values[STAT_SVNAME] = value_text(l->name);
	else
		set_text(row, STAT_SVNAME, row->name);
	SET(row, STAT_SLIM, l->maxconn);
	set_text(row, STAT_STATUS, atomic_load(&row->proxy->status) == PROXY_RUNNING && !atomic_load(&g->stopping) ? "OPEN" : "WAITING");
	set_address(row, &a);
}

/* As it counts now: a part of it while the server starts slowly, rounded up. */
static unsigned weight_of(const struct server *s)
{
	return (now_of(&s->weight) * now_of(&s->slow_percent) + 99) / 100;
}

static bool is_down(const struct server *s)
{
	return atomic_load_explicit(&s->state, memory_order_relaxed) == SERVER_DOWN || (now_of(&s->admin) & SERVER_MAINT_ANY) != 0;
}

static void set_checks(struct stat_row *row, const struct server *s, int64_t since_ms)
{
	const struct health_view *v = &row->health;
	uint64_t down_ms = tally_get(&s->down_ms);

	if (s->health == NULL || (row->one && (row->only < STAT_CHKFAIL || row->only > STAT_CHECK_HEALTH)))
		return;
	health_view(s, &row->health);
	if (!v->enabled)
		return;
	snprintf(row->check, sizeof(row->check), "%s%s", v->running ? "* " : "", v->code);
	set_text(row, STAT_CHECK_STATUS, row->check);
	SET(row, STAT_CHKFAIL, tally_get(&s->check_failures));
	SET(row, STAT_CHKDOWN, tally_get(&s->downs));
	SET(row, STAT_DOWNTIME, (down_ms + (is_down(s) ? (uint64_t)since_ms : 0)) / 1000);
	if (v->status > 0)
		SET(row, STAT_CHECK_CODE, (uint64_t)v->status);
	if (v->duration_ms >= 0)
		SET(row, STAT_CHECK_DURATION, (uint64_t)v->duration_ms);
	set_text(row, STAT_CHECK_DESC, v->text);
	set_text(row, STAT_LAST_CHK, v->info);
	SET(row, STAT_CHECK_RISE, v->rise);
	SET(row, STAT_CHECK_FALL, v->fall);
	SET(row, STAT_CHECK_HEALTH, v->health);
}

static void set_connections(struct stat_row *row, const struct server *s)
{
	unsigned idle = now_of(&s->idle), all = now_of(&s->connections), used = all > idle ? all - idle : 0;

	SET(row, STAT_SRV_ICUR, idle);
	SET(row, STAT_IDLE_CONN_CUR, 0);
	SET(row, STAT_SAFE_CONN_CUR, idle);
	SET(row, STAT_USED_CONN_CUR, used);
	SET(row, STAT_NEED_CONN_EST, used);
	if (s->o.pool_max_conn >= 0)
		SET(row, STAT_SRC_ILIM, (uint64_t)s->o.pool_max_conn);
}

static void fill_server(const struct gateway *g, struct stat_row *row)
{
	const struct server *s = row->server;
	const struct total t = { g, TOTAL_SERVER, s->index };
	int64_t since_ms = clock_mono_us() / 1000 - atomic_load_explicit(&s->changed_ms, memory_order_relaxed);
	char space[SERVER_STATUS_SIZE];

	set_common(row, &t);
	set_statuses(row, &t);
	set_sending(row, &t);
	row->values[STAT_SVNAME] = value_text(s->name);
	SET(row, STAT_QCUR, now_of(&s->queued));
	SET(row, STAT_QMAX, now_of(&s->queued_most));
	SET(row, STAT_SCUR, now_of(&s->served));
	SET(row, STAT_SMAX, now_of(&s->served_most));
	if (now_of(&s->maxconn) > 0)
		SET(row, STAT_SLIM, now_of(&s->maxconn));
	if (wants(row, STAT_STATUS)) {
		snprintf(row->status, sizeof(row->status), "%s", server_status_text(s, space));
		set_text(row, STAT_STATUS, row->status);
	}
	SET(row, STAT_WEIGHT, weight_of(s));
	SET(row, STAT_UWEIGHT, now_of(&s->weight));
	SET(row, STAT_ACT, !s->o.backup);
	SET(row, STAT_BCK, s->o.backup);
	SET(row, STAT_LASTCHG, since_ms > 0 ? (uint64_t)since_ms / 1000 : 0);
	if (s->o.maxqueue > 0)
		SET(row, STAT_QLIMIT, s->o.maxqueue);
	if (atomic_load_explicit(&s->state, memory_order_relaxed) == SERVER_STARTING && !is_down(s))
		SET(row, STAT_THROTTLE, now_of(&s->slow_percent));
	set_checks(row, s, since_ms);
	set_connections(row, s);
	set_address(row, atomic_load_explicit(&s->address, memory_order_acquire));
}

static const char *algorithm(enum balance_kind kind)
{
	static const char *const names[] = {
		[BALANCE_ROUNDROBIN] = "roundrobin", [BALANCE_STATIC_RR] = "static-rr", [BALANCE_LEASTCONN] = "leastconn",
		[BALANCE_FIRST] = "first", [BALANCE_SOURCE] = "source", [BALANCE_URI] = "uri", [BALANCE_URL_PARAM] = "url_param",
		[BALANCE_HDR] = "hdr", [BALANCE_RANDOM] = "random", [BALANCE_HASH] = "hash",
	};

	return names[kind];
}

/* What its servers make of it. */
static void sum_servers(struct stat_row *row)
{
	const struct backend *b = &row->proxy->backend;
	unsigned active = 0, backup = 0, weight = 0, user_weight = 0;

	for (const struct server *s = b->servers; s != NULL; s = s->next) {
		if (server_usable(s))
			*(s->o.backup ? &backup : &active) += 1;
	}
	/* Backups count only while nothing else is left. */
	for (const struct server *s = b->servers; s != NULL; s = s->next) {
		if (!server_usable(s) || s->o.backup != (active == 0))
			continue;
		weight += weight_of(s);
		user_weight += now_of(&s->weight);
		if (s->o.backup && !b->all_backups)
			break;
	}
	set_text(row, STAT_STATUS, b->servers == NULL || active + backup > 0 ? "UP" : "DOWN");
	SET(row, STAT_WEIGHT, weight);
	SET(row, STAT_UWEIGHT, user_weight);
	SET(row, STAT_ACT, active);
	SET(row, STAT_BCK, backup);
	SET(row, STAT_QCUR, queue_length(row->proxy));
	SET(row, STAT_QMAX, now_of(&b->queued_most));
}

static void fill_backend(const struct gateway *g, struct stat_row *row)
{
	const struct backend *b = &row->proxy->backend;
	const struct total t = { g, TOTAL_BACKEND, row->proxy->index };
	int64_t since_ms = clock_mono_us() / 1000 - atomic_load_explicit(&b->last_change_ms, memory_order_relaxed);

	set_common(row, &t);
	set_statuses(row, &t);
	set_sending(row, &t);
	set_nothing_done(row);
	sum_servers(row);
	set_text(row, STAT_SVNAME, "BACKEND");
	SET(row, STAT_SCUR, now_of(&b->served));
	SET(row, STAT_SMAX, now_of(&b->served_most));
	SET(row, STAT_SLIM, b->fullconn);
	SET(row, STAT_DREQ, TOTAL(&t, denied_requests));
	SET(row, STAT_LASTCHG, since_ms > 0 ? (uint64_t)since_ms / 1000 : 0);
	set_text(row, STAT_ALGO, algorithm(b->balance.kind));
}

void stat_fill(const struct gateway *g, struct stat_row *row)
{
	static void (*const fills[])(const struct gateway *g, struct stat_row *row) = {
		[STAT_IS_FRONTEND] = fill_frontend,
		[STAT_IS_BACKEND] = fill_backend,
		[STAT_IS_SERVER] = fill_server,
		[STAT_IS_LISTENER] = fill_listener,
	};

	fills[row->object](g, row);
}

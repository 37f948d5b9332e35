/* cmd_session.c - commands that show the exchanges under way, or cut them. Each worker looks at its own.
 *
 * An exchange is known by its number in the process, written as HAProxy writes its pointers: none is ever used twice, so that a command
 * which comes late meets nobody else's.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <time.h>

#include "gateway/admin/command.h"
#include "gateway/model/proxy.h"
#include "gateway/model/server_text.h"
#include "gateway/session/stream.h"
#include "gateway/session/worker.h"

#define ENTRY_MOST 4096 /* bytes of one exchange, surely */

/* Says what <job> is about in its pointer: the connection that asked may be gone before the last worker looks. */
#define ALL_BRIEFLY 0
#define ALL_IN_FULL UINT64_MAX

static const void *as_what(uint64_t id)
{
	return (const void *)(uintptr_t)id;
}

static uint64_t what_of(const struct gather_job *job)
{
	return (uintptr_t)job->what;
}

/* ---- words ---- */

static const char *protocol(const struct sockaddr_storage *sa)
{
	return sa->ss_family == AF_INET6 ? "tcpv6" : sa->ss_family == AF_INET ? "tcpv4" : "unix_stream";
}

static void add_address(struct buf *out, const struct sockaddr_storage *sa)
{
	struct server_address a = { .sa = *sa };
	char text[SERVER_ADDRESS_SIZE];
	unsigned port;

	server_address_text(&a, text, &port);
	if (sa->ss_family == AF_INET || sa->ss_family == AF_INET6)
		buf_printf(out, "%s:%u", text, port);
	else
		buf_add_str(out, sa->ss_family == AF_UNIX ? "unix:1" : "?");
}

/* "1m5s", as HAProxy rounds: two units at most. */
static void add_time(struct buf *out, int64_t ms)
{
	int64_t s = ms / 1000;

	if (ms < 0)
		return;
	if (s < 60)
		buf_printf(out, "%llds", (long long)s);
	else if (s < 3600)
		buf_printf(out, "%lldm%llds", (long long)(s / 60), (long long)(s % 60));
	else if (s < 86400)
		buf_printf(out, "%lldh%lldm", (long long)(s / 3600), (long long)(s / 60 % 60));
	else
		buf_printf(out, "%lldd%lldh", (long long)(s / 86400), (long long)(s / 3600 % 24));
}

static const char *stage_name(enum stage stage)
{
	static const char *const names[STAGE_COUNT] = {
		[STAGE_HEAD] = "HEAD", [STAGE_BODY] = "BODY", [STAGE_TARPIT] = "TARPIT", [STAGE_CHOOSE] = "CHOOSE", [STAGE_QUEUE] = "QUEUE",
		[STAGE_PAUSE] = "PAUSE", [STAGE_CONNECT] = "CONNECT", [STAGE_FORWARD] = "FORWARD", [STAGE_REPLY] = "REPLY", [STAGE_END] = "END",
	};

	return names[stage];
}

static int64_t age_ms(const struct stream *s)
{
	return (loop_now_us(s->x.worker->loop) - s->x.t.first_byte_us) / 1000;
}

/* Until its present stage is over; -1: nothing limits it. */
static int64_t left_ms(const struct stream *s)
{
	int64_t left = s->timer.due_ms - loop_now_ms(s->x.worker->loop);

	if (!timer_armed(&s->timer))
		return -1;
	return left < 0 ? 0 : left;
}

static size_t waiting_in(const struct buffer *b)
{
	return b->end - b->begin;
}

static struct slice name_of(const struct proxy *p)
{
	return p == NULL ? SLICE_LIT("<NONE>") : p->name;
}

/* ---- show sess ---- */

static void write_brief(struct stream *s, struct buf *out)
{
	const struct session *from = s->x.session;

	buf_printf(out, "0x%llx: proto=%s src=", (unsigned long long)exchange_number(&s->x), protocol(&from->from));
	add_address(out, &from->from);
	buf_printf(out, " fe=%.*s be=%.*s srv=%.*s ts=%02x epoch=0 age=", SLICE_ARG(from->frontend->name), SLICE_ARG(name_of(s->x.backend)),
		   SLICE_ARG(s->x.server == NULL ? SLICE_LIT("<none>") : s->x.server->name), (unsigned)s->stage);
	add_time(out, age_ms(s));
	buf_printf(out, " calls=%u rq[i=%zu,rx=,wx=] rp[i=%zu,rx=,wx=] scf=[fd=%d] scb=[fd=%d] exp=", from->requests, waiting_in(&s->client->in),
		   s->up == NULL ? 0 : waiting_in(&s->up->in), s->client->watch.fd, s->up == NULL ? -1 : s->up->watch.fd);
	add_time(out, left_ms(s));
	buf_printf(out, " rc=%u\n", s->x.retries);
}

static void write_date(struct buf *out, int64_t wall_us)
{
	time_t seconds = (time_t)(wall_us / 1000000);
	char text[32];
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S", &tm);
	buf_printf(out, "[%s.%06d]", text, (int)(wall_us % 1000000));
}

static void write_client_side(struct stream *s, struct buf *out)
{
	const struct session *from = s->x.session;
	struct slice listener = from->listener->name.len > 0 ? from->listener->name : SLICE_LIT("?");

	buf_printf(out, "0x%llx: ", (unsigned long long)exchange_number(&s->x));
	write_date(out, s->x.t.wall_us);
	buf_printf(out, " id=%llu proto=%s source=", (unsigned long long)s->x.number, protocol(&from->from));
	add_address(out, &from->from);
	buf_printf(out, "\n  state=%s, conn_retries=%u, waiting=%d, requests=%u, thread=%u\n", stage_name(s->stage), s->x.retries,
		   s->stage == STAGE_QUEUE, from->requests, s->x.worker->index + 1);
	buf_printf(out, "  frontend=%.*s (id=%u mode=http), listener=%.*s (id=%u) addr=", SLICE_ARG(from->frontend->name), from->frontend->id,
		   SLICE_ARG(listener), from->listener->id);
	add_address(out, &from->to);
}

static void write_server_side(struct stream *s, struct buf *out)
{
	const struct proxy *backend = s->x.backend;
	const struct server *server = s->x.server;

	if (backend == NULL) {
		buf_add_str(out, "\n  backend=<NONE> (id=-1 mode=-)");
	} else {
		buf_printf(out, "\n  backend=%.*s (id=%u mode=http) addr=", SLICE_ARG(backend->name), backend->id);
		add_address(out, &s->x.server_from);
	}
	if (server == NULL) {
		buf_add_str(out, "\n  server=<NONE> (id=-1)");
	} else {
		buf_printf(out, "\n  server=%.*s (id=%u) addr=", SLICE_ARG(server->name), server->id);
		add_address(out, &s->x.server_to);
	}
	buf_add_str(out, "\n  exp=");
	add_time(out, left_ms(s));
	buf_add_str(out, " age=");
	add_time(out, age_ms(s));
}

static void write_in_full(struct stream *s, struct buf *out)
{
	const struct client *c = s->client;

	write_client_side(s, out);
	write_server_side(s, out);
	buf_printf(out, "\n  scf: fd=%d readable=%d writable=%d ended=%d buffered=%zu\n", c->watch.fd, c->readable, c->writable, c->ended,
		   waiting_in(&c->in));
	if (s->up != NULL)
		buf_printf(out, "  scb: fd=%d connected=%d reused=%d readable=%d writable=%d ended=%d buffered=%zu\n", s->up->watch.fd,
			   s->up->connected, s->x.reused, s->up->readable, s->up->writable, s->up->ended, waiting_in(&s->up->in));
	buf_printf(out, "  req: head=%d sent=%d written=%llu\n  res: status=%d head=%d written=%llu\n", s->x.t.request_us != 0, s->up_done,
		   (unsigned long long)s->up_flow.written, s->x.response.status, s->responding, (unsigned long long)s->down_flow.written);
}

/* @thread: the worker's. */
static void show(struct worker *w, const struct gather_job *job, struct buf *out)
{
	uint64_t what = what_of(job);
	unsigned left_out = 0;

	for (struct client *c = w->first_client; c != NULL; c = c->next) {
		if (c->stream == NULL || (what != ALL_BRIEFLY && what != ALL_IN_FULL && exchange_number(&c->stream->x) != what))
			continue;
		if (out->len > GATHER_BYTES_MOST - 2 * ENTRY_MOST)
			left_out++;
		else if (what == ALL_BRIEFLY)
			write_brief(c->stream, out);
		else
			write_in_full(c->stream, out);
	}
	if (left_out > 0)
		buf_printf(out, "# %u more of thread %u are left out\n", left_out, w->index + 1);
}

static bool add_answers(struct cli *c, const struct gather *g)
{
	bool whole, any = false;

	for (unsigned i = 0; i < c->gateway->worker_count; i++) {
		struct slice answer = gather_answer(g, i, &whole);

		any |= answer.len > 0;
		buf_add_slice(&c->out, answer);
	}
	return any;
}

static void shown(struct gather *g, const struct gather_job *job)
{
	struct cli *c = job->owner;
	uint64_t what = what_of(job);

	if (!add_answers(c, g) && what != ALL_BRIEFLY && what != ALL_IN_FULL)
		cli_say(c, "Session not found.");
	cli_gathered(c);
}

/* "0x1a2b". False: it is none. */
static bool read_id(struct slice word, uint64_t *id)
{
	uint64_t n = 0;

	if (!slice_starts_with(word, SLICE_LIT("0x")) || word.len < 3 || word.len > 2 + 15)
		return false;
	for (size_t i = 2; i < word.len; i++) {
		char c = word.ptr[i];
		int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

		if (digit < 0)
			return false;
		n = n << 4 | (unsigned)digit;
	}
	*id = n;
	return n != 0;
}

void cmd_show_sess(struct cli *c)
{
	uint64_t what = ALL_BRIEFLY;

	if (cli_is(c, 2, "all"))
		what = ALL_IN_FULL;
	else if (c->count > 2 && !read_id(c->words[2], &what))
		cli_say(c, "Session pointer expected (use 'show sess').");
	if (c->count <= 2 || what != ALL_BRIEFLY)
		cli_gather(c, show, as_what(what), shown);
}

/* ---- shutdown ---- */

/* @thread: the worker's. */
static void kill_one(struct worker *w, const struct gather_job *job, struct buf *out)
{
	for (struct client *c = w->first_client; c != NULL; c = c->next) {
		if (c->stream != NULL && c->stream->x.number == what_of(job)) {
			stream_kill(c->stream, 'K');
			buf_add_char(out, '.');
			return;
		}
	}
}

static void killed_one(struct gather *g, const struct gather_job *job)
{
	struct cli *c = job->owner;
	bool any = false, whole;

	for (unsigned i = 0; i < c->gateway->worker_count; i++)
		any |= gather_answer(g, i, &whole).len > 0;
	if (!any)
		cli_say(c, "No such session (use 'show sess').");
	cli_gathered(c);
}

void cmd_shutdown_session(struct cli *c)
{
	uint64_t id;

	if (!read_id(cli_word(c, 2), &id))
		cli_say(c, "Session pointer expected (use 'show sess').");
	else
		cli_gather(c, kill_one, as_what(id), killed_one);
}

/* @thread: the worker's. */
static void kill_of_server(struct worker *w, const struct gather_job *job, struct buf *out)
{
	struct client *next;

	(void)out;
	for (struct client *c = w->first_client; c != NULL; c = next) {
		next = c->next;
		if (c->stream != NULL && c->stream->x.server == job->what)
			stream_kill(c->stream, 'K');
	}
}

static void killed_all(struct gather *g, const struct gather_job *job)
{
	(void)g;
	cli_gathered(job->owner);
}

void cmd_shutdown_sessions_server(struct cli *c)
{
	const struct server *s = cli_server(c, 3);

	if (s != NULL)
		cli_gather(c, kill_of_server, s, killed_all);
}

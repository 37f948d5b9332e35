/* outcome.c - what the result of a check means: counts successes and failures, changes the server's state, writes the log line.
 *
 * Health counts as HAProxy's: a failure takes one off, and below <rise> it is 0 at once; a success adds one, and from <rise> on it
 * is the best at once. So a server goes down after <fall> failures in a row and up after <rise> successes; one that begins
 * with <rise> goes down with the first failure.
 */
#include <string.h>

#include "gateway/health/check.h"
#include "gateway/logs/sink.h"
#include "gateway/model/proxy.h"
#include "gateway/model/server_text.h"
#include "gateway/model/state.h"
#include "gateway/session/worker.h"
#include "gateway/table/tokens.h"
#include "shared/base/buf.h"
#include "shared/base/clock.h"

#define LINE_MOST 1024
#define SEVERITY_NOTICE 5

enum outcome { NOTHING = 0, FAILED = 2, PASSED = 3, PASSED_STOPPING = 4 };

static const struct {
	const char *code, *text;
	enum outcome outcome;
} results[] = {
	[CHECK_UNKNOWN] = { "UNK", "Unknown", NOTHING },
	[CHECK_INI] = { "INI", "Initializing", NOTHING },
	[CHECK_HANA] = { "HANA", "Health analyze", FAILED },
	[CHECK_SOCKERR] = { "SOCKERR", "Socket error", FAILED },
	[CHECK_L4OK] = { "L4OK", "Layer4 check passed", PASSED },
	[CHECK_L4TOUT] = { "L4TOUT", "Layer4 timeout", FAILED },
	[CHECK_L4CON] = { "L4CON", "Layer4 connection problem", FAILED },
	[CHECK_L6OK] = { "L6OK", "Layer6 check passed", PASSED },
	[CHECK_L6TOUT] = { "L6TOUT", "Layer6 timeout", FAILED },
	[CHECK_L6RSP] = { "L6RSP", "Layer6 invalid response", FAILED },
	[CHECK_L7TOUT] = { "L7TOUT", "Layer7 timeout", FAILED },
	[CHECK_L7RSP] = { "L7RSP", "Layer7 invalid response", FAILED },
	[CHECK_L7OK] = { "L7OK", "Layer7 check passed", PASSED },
	[CHECK_L7OKC] = { "L7OKC", "Layer7 check conditionally passed", PASSED_STOPPING },
	[CHECK_L7STS] = { "L7STS", "Layer7 wrong status", FAILED },
};

unsigned outcome_of(enum check_result result)
{
	return results[result].outcome;
}

const char *outcome_code(enum check_result result)
{
	return results[result].code;
}

const char *outcome_text(enum check_result result)
{
	return results[result].text;
}

/* What came from the network, between the quotes of a log line. */
static void add_quoted(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~' || *text == '"' || *text == '<' || *text == '>')
			buf_printf(out, "<%02X>", (unsigned char)*text);
		else
			buf_add_char(out, *text);
	}
}

/* "reason: Layer7 wrong status, code: 503, info: "Busy", check duration: 2ms" */
static void add_reason(struct buf *out, const struct health *h, const char *info)
{
	buf_printf(out, "reason: %s", outcome_text(h->last));
	if (h->last >= CHECK_L7OK)
		buf_printf(out, ", code: %d", h->status);
	if (info[0] != '\0') {
		buf_add_str(out, ", info: \"");
		add_quoted(out, info);
		buf_add_char(out, '"');
	}
	if (h->duration_ms >= 0)
		buf_printf(out, ", check duration: %lldms", (long long)h->duration_ms);
}

/* A success of a server that is up, or a failure of one that is down, changes nothing: false. */
static bool count(struct health *h)
{
	struct server *s = h->server;
	unsigned rise = health_rise(s), best = health_best(s);

	if (outcome_of(h->last) == FAILED) {
		if (h->count == 0)
			return false;
		tally_add(&s->check_failures, 1);
		h->count--;
		if (h->count < rise)
			h->count = 0;
		return true;
	}
	atomic_store_explicit(&s->errors_in_row, 0, memory_order_relaxed);
	if (h->count >= best)
		return false;
	h->count++;
	if (h->count >= rise)
		h->count = best;
	return true;
}

static void log_result(struct gateway *g, const struct health *h, const char *info)
{
	const struct server *s = h->server;
	const struct proxy *p = s->backend;
	unsigned rise = health_rise(s), fall = health_fall(s), outcome = outcome_of(h->last);
	bool up = h->count >= rise;
	bool drained = atomic_load_explicit(&s->weight, memory_order_relaxed) == 0;
	struct log_sink *sink = worker_first(g)->log;
	char space[LINE_MOST];
	struct buf line;

	buf_init_fixed(&line, space, sizeof(space));
	buf_printf(&line, "Health check for %sserver %.*s/%.*s %s%s, ", s->o.backup ? "backup " : "", SLICE_ARG(p->name), SLICE_ARG(s->name),
		   outcome == PASSED_STOPPING ? "conditionally " : "", outcome >= PASSED ? "succeeded" : "failed");
	add_reason(&line, h, info);
	buf_printf(&line, ", status: %u/%u %s.", up ? h->count - rise + 1 : h->count, up ? fall : rise,
		   !up ? "DOWN" : drained ? "DRAIN" : "UP");
	if (p->logs_global)
		log_sink_add(sink, g->config->logs, SEVERITY_NOTICE, p->log_tag, clock_wall_us(), SLICE_NONE, buf_slice(&line));
	log_sink_add(sink, p->logs, SEVERITY_NOTICE, p->log_tag, clock_wall_us(), SLICE_NONE, buf_slice(&line));
}

/* The state that <h> says, if it is another one. A server in maintenance stays what it is until it comes back. */
static void state_follow(struct gateway *g, struct health *h, const char *info)
{
	struct server *s = h->server;
	enum server_state now = (enum server_state)atomic_load_explicit(&s->state, memory_order_relaxed), to = now;
	bool maintenance = (atomic_load_explicit(&s->admin, memory_order_relaxed) & SERVER_MAINT_ANY) != 0;
	unsigned outcome = outcome_of(h->last);
	char space[LINE_MOST];
	struct buf why;

	if (maintenance)
		return;
	if (outcome == FAILED && h->count == 0)
		to = SERVER_DOWN;
	else if (outcome == PASSED_STOPPING && h->count >= health_rise(s))
		to = SERVER_STOPPING;
	else if (outcome == PASSED && h->count >= health_rise(s) && now != SERVER_STARTING)
		to = SERVER_UP;
	if (to == now)
		return;
	buf_init_fixed(&why, space, sizeof(space));
	add_reason(&why, h, info);
	space[why.len] = '\0';
	/* where every result has a line of its own, the change's line does not repeat it */
	server_set_state(g, s, to, s->backend->log_health_checks ? NULL : space);
}

/* One writer; a reader that met it half-done looks again. */
static void note(struct health *h, const struct probe_result *r)
{
	uint64_t words[sizeof(h->info) / sizeof(h->info[0])];

	memcpy(words, r->info, sizeof(words));
	h->writes++;
	h->last = r->result;
	h->status = r->status;
	h->duration_ms = r->duration_ms;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		h->info[i] = words[i];
	h->writes++;
}

/* A server that cannot be asked may come back with anything. One that was only connected to has said nothing. */
static void tell_tokens(struct gateway *g, const struct probe_result *r)
{
	static const bool all[FACT_DOMAINS] = { [FACT_ALARMS] = true, [FACT_VISITS] = true };
	bool failed = outcome_of(r->result) == FAILED;

	if (g->tokens != NULL && (failed || r->status > 0))
		tokens_hear(g->tokens, failed ? all : r->named, clock_mono_us() / 1000);
}

void outcome_take(struct gateway *g, struct health *h, const struct probe_result *r)
{
	enum check_result before = h->last;
	bool counted;

	tell_tokens(g, r);
	note(h, r);
	counted = count(h);
	if (h->server->backend->log_health_checks && (counted || h->last != before))
		log_result(g, h, r->info);
	state_follow(g, h, r->info);
}

/* format_variable.c - the %-variables of formats, as the manual lists them (8.2.6), but for dates and timers. */
#include "gateway/expr/format_variable.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>
#include <unistd.h>
#include "gateway/conf/parse.h"
#include "gateway/expr/format.h"
#include "gateway/model/config.h"
#include "gateway/model/proxy.h"
#include "gateway/session/exchange.h"
#include "gateway/session/worker.h"

/* ---- texts and numbers ---- */

static bool is_coded(char c, enum format_code code)
{
	unsigned char u = (unsigned char)c;

	if (code == CODE_NONE)
		return false;
	if (u < 32 || u > 126)
		return true;
	if (code >= CODE_URI && (c == '"' || c == '#'))
		return true;
	return code == CODE_HEADER && (c == '{' || c == '|' || c == '}');
}

static void add_coded(struct buf *out, char c)
{
	static const char hex[] = "0123456789ABCDEF";
	unsigned char u = (unsigned char)c;
	const char text[3] = { '#', hex[u >> 4], hex[u & 15] };

	buf_add(out, text, sizeof(text));
}

/* <text> without quotes around it. */
static void write_bytes(const struct format_place *at, struct slice text, enum format_code code)
{
	bool escapes = (at->flags & FORMAT_ESCAPE) != 0;
	size_t plain = 0; /* from here on nothing is special */

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool coded = is_coded(c, code);

		if (!coded && !(escapes && (c == '"' || c == '\\' || c == ']')))
			continue;
		buf_add_slice(at->out, slice_sub(text, plain, i));
		plain = coded ? i + 1 : i;
		if (coded)
			add_coded(at->out, c);
		else
			buf_add_char(at->out, '\\');
	}
	buf_add_slice(at->out, slice_sub(text, plain, text.len));
}

static void write_quote(const struct format_place *at)
{
	if ((at->flags & FORMAT_QUOTE) != 0)
		buf_add_char(at->out, '"');
}

void format_write_text(const struct format_place *at, struct slice text, enum format_code code)
{
	write_quote(at);
	if (text.len > 0)
		write_bytes(at, text, code);
	else if (at->for_log && (at->flags & FORMAT_QUOTE) == 0)
		buf_add_char(at->out, '-');
	write_quote(at);
}

void format_write_plus(const struct format_place *at)
{
	if (at->x->log_early)
		buf_add_char(at->out, '+');
}

static void write_count(const struct format_place *at, uint64_t n)
{
	if ((at->flags & FORMAT_HEX) != 0)
		buf_printf(at->out, "%04llX", (unsigned long long)n);
	else
		buf_add_u64(at->out, n);
}

/* ---- addresses ---- */

enum { CLIENT, FRONTEND, BACKEND, SERVER };

static const struct sockaddr_storage *end_of(const struct exchange *x, int which)
{
	switch (which) {
	case CLIENT:
		return exchange_source(x);
	case FRONTEND:
		return &x->session->to;
	case BACKEND:
		return &x->server_from;
	default:
		return &x->server_to;
	}
}

static void write_address(const struct format_place *at, int which)
{
	const struct sockaddr_storage *a = end_of(at->x, which);
	const struct sockaddr_in6 *v6 = (const void *)a;
	const struct sockaddr_in *v4 = (const void *)a;
	const unsigned char *bytes = a->ss_family == AF_INET ? (const void *)&v4->sin_addr : (const void *)&v6->sin6_addr;
	bool is_inet = a->ss_family == AF_INET || a->ss_family == AF_INET6;
	char text[INET6_ADDRSTRLEN];

	if (is_inet && (at->flags & FORMAT_HEX) != 0) {
		for (int i = 0; i < (a->ss_family == AF_INET ? 4 : 16); i++)
			buf_printf(at->out, "%02X", bytes[i]);
	} else if (is_inet) {
		format_write_text(at, slice_str(inet_ntop(a->ss_family, bytes, text, sizeof(text))), CODE_NONE);
	} else {
		format_write_text(at, a->ss_family == AF_UNIX ? SLICE_LIT("unix") : SLICE_NONE, CODE_NONE);
	}
}

/* A Unix socket of a listener has the listener's number instead. */
static void write_port(const struct format_place *at, int which)
{
	const struct sockaddr_storage *a = end_of(at->x, which);

	switch (a->ss_family) {
	case AF_INET:
		write_count(at, ntohs(((const struct sockaddr_in *)(const void *)a)->sin_port));
		break;
	case AF_INET6:
		write_count(at, ntohs(((const struct sockaddr_in6 *)(const void *)a)->sin6_port));
		break;
	case AF_UNIX:
		write_count(at, which <= FRONTEND && at->x->session->listener != NULL ? at->x->session->listener->id : 0);
		break;
	default:
		format_write_text(at, SLICE_NONE, CODE_NONE);
	}
}

/* ---- names ---- */

static void write_frontend(const struct format_place *at, int data)
{
	(void)data;
	format_write_text(at, at->x->frontend->name, CODE_NONE);
}

/* Before one is chosen it is the frontend's own name. */
static void write_backend(const struct format_place *at, int data)
{
	const struct exchange *x = at->x;

	(void)data;
	format_write_text(at, x->backend != NULL ? x->backend->name : x->frontend->name, CODE_NONE);
}

static void write_server(const struct format_place *at, int data)
{
	const struct exchange *x = at->x;
	struct slice nobody = x->service.ptr != NULL ? x->service : SLICE_LIT("<NOSRV>");

	(void)data;
	format_write_text(at, x->server != NULL ? x->server->name : nobody, CODE_NONE);
}

static void write_hostname(const struct format_place *at, int data)
{
	char name[256];

	(void)data;
	if (gethostname(name, sizeof(name)) != 0)
		name[0] = '\0';
	name[sizeof(name) - 1] = '\0';
	format_write_text(at, slice_str(name), CODE_NONE);
}

static void write_unique_id(const struct format_place *at, int data)
{
	(void)data;
	format_write_text(at, format_unique_id(at->x), at->for_log ? CODE_UNPRINTABLE : CODE_NONE);
}

/* Of what this program has not: captured cookies, TLS. */
static void write_nothing(const struct format_place *at, int data)
{
	(void)data;
	format_write_text(at, SLICE_NONE, CODE_NONE);
}

/* ---- the request's line ---- */

enum { LINE, METHOD, URI, URI_PATH, PATH, QUERY, VERSION };

/* The target without what is before its path: "/a" of "http://shop/a"; nothing of "*". */
static struct slice without_authority(struct slice target)
{
	size_t i = 0;

	if (target.len == 0 || target.ptr[0] == '/')
		return target;
	for (unsigned slashes = 0; i < target.len; i++) {
		slashes += target.ptr[i] == '/';
		if (slashes == 3)
			break;
	}
	return slice_sub(target, i, target.len);
}

static struct slice part_of_line(const struct exchange *x, int part)
{
	struct slice target = x->request_line[1];

	switch (part) {
	case METHOD:
		return x->request_line[0];
	case VERSION:
		return x->request_line[2];
	case URI:
		return target;
	case QUERY:
		return slice_sub(target, slice_find(target, '?'), target.len);
	case PATH:
		target = without_authority(target);
		break;
	default:
		break;
	}
	return slice_sub(target, 0, slice_find(target, '?'));
}

static void write_line(const struct format_place *at, int part)
{
	const struct slice *line = at->x->request_line;

	if (line[0].len == 0) {
		format_write_text(at, SLICE_LIT("<BADREQ>"), CODE_NONE);
	} else if (part != LINE) {
		format_write_text(at, part_of_line(at->x, part), CODE_URI);
	} else {
		write_quote(at);
		for (int i = 0; i < 3; i++) {
			if (i > 0)
				buf_add_char(at->out, ' ');
			write_bytes(at, line[i], CODE_URI);
		}
		write_quote(at);
	}
}

/* ---- captures ---- */

enum { OF_REQUEST, OF_RESPONSE };

/* How many there are to be written; *slots may be NULL: all of them are empty. */
static unsigned captures_of(const struct exchange *x, int whose, const struct slice **slots)
{
	*slots = whose == OF_REQUEST ? x->request_captures : x->response_captures;
	if (x->request_line[0].len == 0)
		return 0; /* no request was understood */
	return whose == OF_REQUEST ? x->frontend->request_capture_count : x->frontend->response_capture_count;
}

/* "{a|b}" */
static void write_captures(const struct format_place *at, int whose)
{
	const struct slice *slots;
	unsigned count = captures_of(at->x, whose, &slots);

	if (count == 0)
		return;
	write_quote(at);
	buf_add_char(at->out, '{');
	for (unsigned i = 0; i < count; i++) {
		if (i > 0)
			buf_add_char(at->out, '|');
		if (slots != NULL)
			write_bytes(at, slots[i], CODE_HEADER);
	}
	buf_add_char(at->out, '}');
	write_quote(at);
}

/* "a b" */
static void write_capture_list(const struct format_place *at, int whose)
{
	struct format_place each = *at;
	const struct slice *slots;
	unsigned count = captures_of(at->x, whose, &slots);

	each.for_log = true; /* an empty one is "-" everywhere, so that they can be told apart */
	for (unsigned i = 0; i < count; i++) {
		if (i > 0)
			buf_add_char(at->out, ' ');
		format_write_text(&each, slots != NULL ? slots[i] : SLICE_NONE, CODE_HEADER);
	}
}

/* ---- outcome and counts ---- */

static void write_status(const struct format_place *at, int data)
{
	(void)data;
	buf_add_i64(at->out, at->x->status != 0 ? at->x->status : -1);
}

enum { TWO = 2, WITH_COOKIES = 4 };

/* Servers are not chosen by cookies here, so there is never something to be said of one. */
static void write_termination(const struct format_place *at, int letters)
{
	const char text[4] = { at->x->cause, at->x->stage, '-', '-' };

	buf_add(at->out, text, (size_t)letters);
}

enum { BYTES_IN, BYTES_OUT };

static void write_size(const struct format_place *at, int which)
{
	if (which == BYTES_OUT)
		format_write_plus(at);
	buf_add_u64(at->out, which == BYTES_OUT ? at->x->bytes_out : at->x->bytes_in);
}

static void write_actives(const struct format_place *at, int which)
{
	buf_add_u64(at->out, at->x->actives[which]);
}

static void write_retries(const struct format_place *at, int data)
{
	(void)data;
	if (at->x->redispatched)
		buf_add_char(at->out, '+');
	buf_add_u64(at->out, at->x->retries);
}

static void write_queue(const struct format_place *at, int which)
{
	buf_add_u64(at->out, which == SERVER ? at->x->queue_server : at->x->queue_backend);
}

static void write_pid(const struct format_place *at, int data)
{
	(void)data;
	write_count(at, (uint64_t)getpid());
}

static void write_request_counter(const struct format_place *at, int data)
{
	(void)data;
	write_count(at, exchange_number(at->x));
}

/* Lines of the frontend so far, by all threads. */
static void write_log_counter(const struct format_place *at, int data)
{
	const struct gateway *g = at->x->worker->gateway;
	uint64_t sum = 0;

	(void)data;
	for (unsigned i = 0; i < g->worker_count; i++)
		sum += tally_get(&g->workers[i].frontends[at->x->frontend->index].log_lines);
	write_count(at, sum);
}

/* ---- the table ---- */

static const struct format_variable variables[] = {
	{ "ci", write_address, CLIENT }, { "cp", write_port, CLIENT },
	{ "fi", write_address, FRONTEND }, { "fp", write_port, FRONTEND },
	{ "bi", write_address, BACKEND }, { "bp", write_port, BACKEND },
	{ "si", write_address, SERVER }, { "sp", write_port, SERVER },

	{ "f", write_frontend, 0 }, { "ft", write_frontend, 0 }, { "b", write_backend, 0 }, { "s", write_server, 0 },
	{ "H", write_hostname, 0 }, { "ID", write_unique_id, 0 },
	{ "CC", write_nothing, 0 }, { "CS", write_nothing, 0 }, { "sslc", write_nothing, 0 }, { "sslv", write_nothing, 0 },

	{ "r", write_line, LINE }, { "HM", write_line, METHOD }, { "HU", write_line, URI }, { "HP", write_line, URI_PATH },
	{ "HPO", write_line, PATH }, { "HQ", write_line, QUERY }, { "HV", write_line, VERSION },
	{ "hr", write_captures, OF_REQUEST }, { "hs", write_captures, OF_RESPONSE },
	{ "hrl", write_capture_list, OF_REQUEST }, { "hsl", write_capture_list, OF_RESPONSE },

	{ "ST", write_status, 0 }, { "ts", write_termination, TWO }, { "tsc", write_termination, WITH_COOKIES },
	{ "B", write_size, BYTES_OUT }, { "U", write_size, BYTES_IN },
	{ "ac", write_actives, 0 }, { "fc", write_actives, 1 }, { "bc", write_actives, 2 }, { "sc", write_actives, 3 },
	{ "rc", write_retries, 0 }, { "sq", write_queue, SERVER }, { "bq", write_queue, BACKEND },
	{ "pid", write_pid, 0 }, { "rt", write_request_counter, 0 }, { "lc", write_log_counter, 0 },
	{ .name = NULL },
};

static const struct format_variable *const tables[] = { variables, format_times };
#define NAMES_MOST 96

const struct format_variable *format_variable_find(struct slice name)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (const struct format_variable *v = tables[i]; v->name != NULL; v++) {
			if (slice_eq(slice_str(v->name), name))
				return v;
		}
	}
	return NULL;
}

const char *format_variable_nearest(struct slice name)
{
	const char *names[NAMES_MOST];
	unsigned count = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (const struct format_variable *v = tables[i]; v->name != NULL; v++) {
			assert(count < NAMES_MOST);
			names[count++] = v->name;
		}
	}
	return parse_nearest(name, names, count);
}

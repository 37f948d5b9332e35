/* malformed.c - keeps copies of refused heads, and writes them with their bytes escaped, line by line. */
#include "gateway/admin/malformed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/model/config.h"
#include "gateway/model/proxy.h"
#include "gateway/model/server_text.h"
#include "shared/base/log.h"

#define LINE_MOST 70 /* columns, then the line goes on in another */

struct kept {
	struct malformed_message message;
	struct sockaddr_storage from;
	uint64_t number;
	char *bytes; /* those of the message; NULL: there was none yet */
};

struct malformed {
	pthread_mutex_t lock; /* of what is kept */
	_Atomic uint64_t count;
	size_t most;          /* bytes of one message */
	unsigned proxies;
	struct kept *kept;    /* two for each proxy, by its index: request, response */
};

struct malformed *malformed_create(const struct config *c)
{
	struct malformed *m = calloc(1, sizeof(*m));

	if (m == NULL || (m->kept = calloc(c->proxy_count + 1, 2 * sizeof(*m->kept))) == NULL || pthread_mutex_init(&m->lock, NULL) != 0) {
		log_error("memory.exhausted", "what=%s", "malformed");
		abort();
	}
	m->most = c->bufsize;
	m->proxies = c->proxy_count;
	return m;
}

void malformed_free(struct malformed **malformed)
{
	struct malformed *m = *malformed;

	if (m == NULL)
		return;
	*malformed = NULL;
	for (unsigned i = 0; i < 2 * m->proxies; i++)
		free(m->kept[i].bytes);
	pthread_mutex_destroy(&m->lock);
	free(m->kept);
	free(m);
}

uint64_t malformed_count(const struct malformed *m)
{
	return atomic_load_explicit(&m->count, memory_order_relaxed);
}

static struct kept *place_of(const struct malformed *m, const struct proxy *p, enum malformed_kind kind)
{
	return &m->kept[2 * p->index + (kind == MALFORMED_RESPONSE)];
}

/* ---- keeping ---- */

static void keep(const struct malformed *m, struct kept *k, const struct malformed_message *message, uint64_t number)
{
	size_t len = message->bytes.len < m->most ? message->bytes.len : m->most;

	if (k->bytes == NULL && (k->bytes = malloc(m->most)) == NULL)
		return;
	memcpy(k->bytes, message->bytes.ptr, len);
	k->message = *message;
	k->message.bytes = slice_of(k->bytes, len);
	k->from = *message->from;
	k->number = number;
}

void malformed_keep(struct malformed *m, const struct malformed_message *message)
{
	uint64_t number = atomic_fetch_add_explicit(&m->count, 1, memory_order_relaxed);
	const struct proxy *p = message->kind == MALFORMED_REQUEST ? message->frontend : message->backend;

	if (pthread_mutex_trylock(&m->lock) != 0)
		return;
	keep(m, place_of(m, p, message->kind), message, number);
	pthread_mutex_unlock(&m->lock);
}

/* ---- writing ---- */

static void add_escaped(struct buf *out, unsigned char c)
{
	static const char shorts[] = "\t\n\r\033\\", letters[] = "tnre\\";
	const char *at = c == '\0' ? NULL : strchr(shorts, c);

	if (at != NULL)
		buf_printf(out, "\\%c", letters[at - shorts]);
	else if (c >= ' ' && c < 0x7f)
		buf_add_char(out, (char)c);
	else
		buf_printf(out, "\\x%02X", c);
}

/* From byte <at> to the end of its line, or of the columns; returns where the next line begins. */
static size_t write_line(struct buf *out, struct slice bytes, size_t at)
{
	bool goes_on = at > 0 && bytes.ptr[at - 1] != '\n';
	size_t begin;

	buf_printf(out, "  %05zu%c ", at, goes_on ? '+' : ' ');
	begin = out->len;
	while (at < bytes.len && out->len < begin + LINE_MOST) {
		add_escaped(out, (unsigned char)bytes.ptr[at++]);
		if (bytes.ptr[at - 1] == '\n')
			break;
	}
	buf_add_char(out, '\n');
	return at;
}

static void write_date(struct buf *out, int64_t wall_us)
{
	time_t seconds = (time_t)(wall_us / 1000000);
	char text[32];
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S", &tm);
	buf_printf(out, "[%s.%03d]", text, (int)(wall_us / 1000 % 1000));
}

static void add_proxy(struct buf *out, const char *what, const struct proxy *p)
{
	if (p == NULL)
		buf_printf(out, "%s <NONE> (#-1)", what);
	else
		buf_printf(out, "%s %.*s (#%u)", what, SLICE_ARG(p->name), p->id);
}

static void write_heading(const struct kept *k, struct buf *out)
{
	const struct malformed_message *m = &k->message;
	bool request = m->kind == MALFORMED_REQUEST;
	struct server_address from = { .sa = k->from };
	char text[SERVER_ADDRESS_SIZE];
	unsigned port;

	buf_add_str(out, " \n");
	write_date(out, m->wall_us);
	add_proxy(out, request ? " frontend" : " backend", request ? m->frontend : m->backend);
	buf_printf(out, ": invalid %s\n  ", request ? "request" : "response");
	add_proxy(out, request ? "backend" : "frontend", request ? m->backend : m->frontend);
	if (m->server == NULL)
		buf_add_str(out, ", server <NONE> (#-1)");
	else
		buf_printf(out, ", server %.*s (#%u)", SLICE_ARG(m->server->name), m->server->id);
	server_address_text(&from, text, &port);
	buf_printf(out, ", event #%llu, src %s:%u\n", (unsigned long long)k->number, text, port);
}

static void write_kept(const struct malformed *m, const struct kept *k, struct buf *out)
{
	struct slice bytes = k->message.bytes;

	write_heading(k, out);
	buf_printf(out, "  buffer starts at 0 (including 0 out), %zu free,\n  len %zu, wraps at %zu, error at position %zu\n  %s:\n  \n",
		   m->most - bytes.len, bytes.len, m->most, k->message.at, k->message.why);
	for (size_t at = 0; at < bytes.len;)
		at = write_line(out, bytes, at);
}

void malformed_write(struct malformed *m, const struct proxy *p, unsigned kinds, struct buf *out)
{
	static const enum malformed_kind all[] = { MALFORMED_REQUEST, MALFORMED_RESPONSE };

	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const struct kept *k = place_of(m, p, all[i]);

		if ((kinds & all[i]) != 0 && k->bytes != NULL)
			write_kept(m, k, out);
	}
	pthread_mutex_unlock(&m->lock);
}

/* cli.c - a connection to a runtime socket: reads lines, takes commands one after the other, writes their answers as fast as they are read.
 *
 * Nothing more is read while a command runs, and no piece of an answer is made before the last one is written: a connection costs its input
 * buffer and about CLI_PIECE bytes, but for the few commands that say so.
 */
#include "gateway/admin/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/admin/command.h"
#include "gateway/loop/container.h"
#include "gateway/session/worker.h"

#define OUT_KEPT 262144 /* a larger output buffer is given back when it is empty */
#define DRAIN_READS 16
/* So much is done in one go, a few commands or pieces of a long answer; then the clients of this loop come first. */
#define STEPS_MOST 16
#define BYTES_MOST CLI_PIECE

static struct loop *loop_of(const struct cli *c)
{
	return worker_first(c->gateway)->loop;
}

/* ---- its life ---- */

/* What the peer has sent and we do not want would make a reset of the close on TCP, and that may overtake the answer. */
static void drain(struct cli *c)
{
	for (int i = 0; i < DRAIN_READS && recv(c->watch.fd, c->input, sizeof(c->input), MSG_DONTWAIT) > 0; i++)
		;
}

void cli_close(struct cli *c)
{
	struct runtime *r = c->gateway->runtime;

	if (c->gather != NULL)
		gather_abandon(c->gather);
	loop_cancel(loop_of(c), &c->timer);
	loop_unwatch(loop_of(c), &c->watch);
	drain(c);
	close(c->watch.fd);
	*c->link = c->next;
	if (c->next != NULL)
		c->next->link = c->link;
	free(c->state);
	buf_free(&c->out);
	free(c);
	runtime_left(r);
}

static void timed_out(struct timer *t)
{
	struct cli *c = container_of(t, struct cli, timer);

	if (c->pauses)
		cli_advance(c);
	else
		cli_close(c);
}

static void ready(struct watch *w, unsigned events)
{
	struct cli *c = container_of(w, struct cli, watch);

	c->readable |= (events & (LOOP_READ | LOOP_END | LOOP_FAIL)) != 0;
	c->writable |= (events & (LOOP_WRITE | LOOP_FAIL)) != 0;
	cli_advance(c);
}

void cli_accepted(struct door *d, int fd)
{
	struct runtime *r = d->runtime;
	const struct config *config = r->gateway->config;
	struct cli *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return;
	}
	c->gateway = r->gateway;
	c->listener = d->listener;
	c->level = d->listener->level > 0 ? (enum cli_level)d->listener->level : CLI_OPERATOR;
	c->timeout_ms = config->stats_timeout_ms;
	c->readable = c->writable = true;
	c->watch = (struct watch){ .fd = fd, .ready = ready };
	buf_init(&c->out, 0);
	timer_init(&c->timer, timed_out);
	c->next = r->first;
	c->link = &r->first;
	if (c->next != NULL)
		c->next->link = &c->next;
	r->first = c;
	r->count++;
	if (loop_watch(loop_of(c), &c->watch) != ERR_OK)
		cli_close(c);
	else
		cli_advance(c);
}

/* ---- reading ---- */

/* False: nothing came, now or ever. */
static bool read_more(struct cli *c)
{
	ssize_t n;

	if (!c->readable || c->ended || c->input_len == sizeof(c->input))
		return false;
	do {
		n = recv(c->watch.fd, c->input + c->input_len, sizeof(c->input) - c->input_len, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		c->input_len += (size_t)n;
		return true;
	}
	c->readable = false;
	c->ended = n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool has_payload(struct slice line)
{
	return line.len >= 2 && memcmp(line.ptr + line.len - 2, "<<", 2) == 0 && (line.len == 2 || is_blank(line.ptr[line.len - 3]));
}

/* The payload goes to the next empty line. False: that has not come yet. */
static bool take_payload(struct cli *c, size_t begin)
{
	struct slice rest = slice_of(c->input + begin, c->input_len - begin);
	const char *end = rest.len > 0 && rest.ptr[0] == '\n' ? rest.ptr : memmem(rest.ptr, rest.len, "\n\n", 2);
	const char *newline;

	if (end != NULL) {
		bool none = end == rest.ptr;

		c->payload = slice_sub(rest, 0, none ? 0 : (size_t)(end - rest.ptr) + 1);
		c->line_len = (size_t)(end - c->input) + (none ? 1 : 2);
		return true;
	}
	if (c->told < begin)
		c->told = begin - 1;
	while (c->prompt && (newline = memchr(c->input + c->told, '\n', c->input_len - c->told)) != NULL) {
		buf_add_str(&c->out, "+ ");
		c->told = (size_t)(newline - c->input) + 1;
	}
	return false;
}

/* The next line, with its payload. False: it has not come yet. */
static bool begin_line(struct cli *c)
{
	const char *end = memchr(c->input, '\n', c->input_len);
	struct slice line;

	if (end == NULL)
		return false;
	line = slice_of(c->input, (size_t)(end - c->input));
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	line = slice_trim(line);
	c->payload = SLICE_NONE;
	c->line_len = (size_t)(end - c->input) + 1;
	if (has_payload(line)) {
		line = slice_trim(slice_sub(line, 0, line.len - 2));
		if (!take_payload(c, c->line_len)) {
			c->line_len = 0;
			return false;
		}
	}
	c->line = line;
	c->told = 0;
	return true;
}

static void end_line(struct cli *c)
{
	memmove(c->input, c->input + c->line_len, c->input_len - c->line_len);
	c->input_len -= c->line_len;
	c->line_len = 0;
	c->line = SLICE_NONE;
	if (!c->prompt && memchr(c->input, '\n', c->input_len) == NULL)
		c->end = CLI_ENDS;
}

/* ---- commands ---- */

/* Takes the words up to an unescaped ';' from c->line, in place: a backslash makes the next byte an ordinary one. */
static void split_words(struct cli *c)
{
	char *at = (char *)(uintptr_t)c->line.ptr, *end = at + c->line.len, *to;

	c->count = 0;
	for (;;) {
		while (at < end && is_blank(*at))
			at++;
		if (at == end || *at == ';')
			break;
		to = at;
		c->words[c->count].ptr = to;
		for (; at < end && !is_blank(*at) && *at != ';'; at++) {
			if (*at == '\\' && at + 1 < end)
				at++;
			*to++ = *at;
		}
		c->words[c->count].len = (size_t)(to - c->words[c->count].ptr);
		if (c->count + 1 < CLI_WORDS)
			c->count++;
	}
	for (unsigned i = c->count; i <= CLI_WORDS; i++)
		c->words[i] = SLICE_NONE;
	c->line = at < end ? slice_of(at + 1, (size_t)(end - at) - 1) : SLICE_NONE;
}

static void begin_command(struct cli *c)
{
	split_words(c);
	c->running = true;
	c->silent = false;
	command_run(c);
}

/* An answer ends with an empty line, whatever it was. */
static void end_command(struct cli *c)
{
	c->running = false;
	c->more = NULL;
	c->wants_input = false;
	free(c->state);
	c->state = NULL;
	if (!c->silent)
		buf_add_str(&c->out, c->prompt ? "\n> " : "\n");
}

/* ---- writing ---- */

/* False: the connection is broken, or there was no memory for the answer. */
static bool write_out(struct cli *c)
{
	while (c->out_at < c->out.len) {
		ssize_t n = send(c->watch.fd, c->out.ptr + c->out_at, c->out.len - c->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			c->writable = false;
			return true;
		}
		if (n < 0)
			return false;
		c->out_at += (size_t)n;
	}
	if (!buf_ok(&c->out))
		return false;
	c->out_at = 0;
	if (c->out.cap > OUT_KEPT)
		buf_free(&c->out);
	else
		buf_clear(&c->out);
	return true;
}

/* One step; false: nothing more can be done now. */
static bool step(struct cli *c)
{
	if (c->running) {
		if (c->gather != NULL || (c->wants_input && !c->readable))
			return false;
		if (c->more == NULL || c->more(c))
			end_command(c);
		return true;
	}
	if (c->line.ptr != NULL) {
		begin_command(c);
		return true;
	}
	if (c->line_len > 0) {
		end_line(c);
		return true;
	}
	if (c->end == CLI_ENDS)
		return false;
	return begin_line(c) || read_more(c);
}

void cli_advance(struct cli *c)
{
	unsigned steps = 0;
	size_t bytes = 0;
	bool goes_on;

	do {
		bytes += c->out.len - c->out_at;
		if (!write_out(c)) {
			cli_close(c);
			return;
		}
		goes_on = c->writable && step(c);
	} while (goes_on && ++steps < STEPS_MOST && bytes < BYTES_MOST);
	if (c->writable && !write_out(c)) {
		cli_close(c);
		return;
	}
	c->pauses = goes_on;
	if (goes_on) {
		loop_arm(loop_of(c), &c->timer, 0);
		return;
	}
	/* Waiting for the peer, but there is nothing to wait for. */
	if (c->writable && !c->running && (c->end == CLI_ENDS || c->ended || c->input_len == sizeof(c->input))) {
		cli_close(c);
		return;
	}
	loop_arm(loop_of(c), &c->timer, c->timeout_ms);
}

/* ---- for commands ---- */

void cli_say(struct cli *c, const char *text)
{
	buf_printf(&c->out, "%s\n", text);
}

struct slice cli_word(const struct cli *c, unsigned i)
{
	return i < c->count ? c->words[i] : SLICE_NONE;
}

bool cli_is(const struct cli *c, unsigned i, const char *text)
{
	return i < c->count && slice_eq(c->words[i], slice_str(text));
}

void cli_gather(struct cli *c, void (*visit)(struct worker *w, const struct gather_job *job, struct buf *out), const void *what,
		void (*done)(struct gather *g, const struct gather_job *job))
{
	c->gather = gather_start(c->gateway, &(struct gather_job){ .visit = visit, .done = done, .owner = c, .what = what });
	if (c->gather == NULL)
		cli_say(c, "Out of memory.");
}

void cli_gathered(struct cli *c)
{
	c->gather = NULL;
	cli_advance(c);
}

/* names_dns.c - names of servers asked of the name servers of "resolvers" sections, over UDP, in a thread with a loop of its own.
 *
 * A round asks all name servers of the section at once: the first address wins, and only when all of them have refused, or the time is
 * over, is the next step taken: the other type of address, then, "timeout retry" after the question before, the first type again, until
 * resolve_retries is used up. Then "hold" says how long the last good answer still counts.
 *
 * A section's sockets are opened anew whenever nothing is waited for, so that their ports change and follow the machine's addresses.
 * All of it belongs to the thread; its counts are read by any.
 */
#include "gateway/health/names_dns.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/health/lookup.h"
#include "gateway/loop/container.h"
#include "gateway/model/config.h"
#include "gateway/model/tally.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"

#define FIRST_PER_MS 16 /* questions at the start: more at once would not fit into a name server's buffer */

struct section;

/* One name server of a section. */
struct link {
	struct watch watch;
	struct section *section;
	const struct name_server *server;
	unsigned index;
	tally_n sent, unsent, silent, used, late, results[DNS_INVALID + 1]; /* as in struct names_dns_counts */
};

/* One name of a section. */
struct asking {
	struct asking *next;
	struct section *section;
	struct lookup *lookup;
	struct timer timer;
	enum {
		ASK_WAITING, /* until the next round is due */
		ASK_ASKED,   /* until answers come, or "timeout retry" has passed */
		ASK_RESTING, /* refused by all: until "timeout retry" has passed */
	} state;
	enum dns_type first_type, type;
	unsigned tries_left;
	uint16_t id;
	uint64_t refused;        /* bit per link: gave no address for <id> */
	enum dns_result result;  /* the last of them; DNS_STRAY: nothing came */
	int64_t good_ms;         /* when there was an address; 0: never */
	bool lost;               /* it was told that there is none */
	struct dns_addresses known;
	int64_t seen_ms[DNS_ADDRESSES_MOST];
};

struct section {
	struct section *next;
	struct names_dns *names;
	const struct resolvers *conf;
	struct asking *askings;
	unsigned asked;     /* in state ASK_ASKED or ASK_RESTING */
	unsigned link_count;
	struct link links[];
};

struct names_dns {
	struct loop *loop;
	pthread_t thread;
	bool runs;
	struct section *sections;
	unsigned asking_count;
	size_t size;
	char *space;        /* of one answer */
};

/* ---- sockets ---- */

static void link_close(struct link *l)
{
	if (l->watch.fd < 0)
		return;
	loop_unwatch(l->section->names->loop, &l->watch);
	close(l->watch.fd);
	l->watch.fd = -1;
}

/* It is connected, so that only what the name server sends is read. What fails here is a question without answer. */
static void link_open(struct link *l)
{
	const struct name_server *s = l->server;

	link_close(l);
	l->watch.fd = socket(s->sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->watch.fd < 0)
		return;
	if (connect(l->watch.fd, (const struct sockaddr *)&s->sa, s->len) == 0 && loop_watch(l->section->names->loop, &l->watch) == ERR_OK)
		return;
	close(l->watch.fd);
	l->watch.fd = -1;
}

/* ---- telling ---- */

static void wait_ms(struct asking *a, int ms)
{
	loop_arm(a->section->names->loop, &a->timer, ms > 0 ? ms : 1);
}

static int64_t now_ms(const struct asking *a)
{
	return loop_now_ms(a->section->names->loop);
}

static void round_end(struct asking *a)
{
	a->state = ASK_WAITING;
	a->section->asked--;
	wait_ms(a, a->section->conf->timeout_resolve_ms);
}

static bool has(const struct dns_addresses *all, const struct dns_address *one)
{
	for (unsigned i = 0; i < all->count; i++) {
		if (all->list[i].type == one->type && memcmp(all->list[i].bytes, one->bytes, sizeof(one->bytes)) == 0)
			return true;
	}
	return false;
}

/* What the answer no longer has stays for "hold obsolete", behind what it has. */
static void known_update(struct asking *a, const struct dns_addresses *answer)
{
	int64_t now = now_ms(a), seen_ms[DNS_ADDRESSES_MOST];
	struct dns_addresses merged = *answer;

	for (unsigned i = 0; i < answer->count; i++)
		seen_ms[i] = now;
	for (unsigned i = 0; i < a->known.count && merged.count < DNS_ADDRESSES_MOST; i++) {
		if (has(answer, &a->known.list[i]) || now - a->seen_ms[i] >= a->section->conf->hold_obsolete_ms)
			continue;
		seen_ms[merged.count] = a->seen_ms[i];
		merged.list[merged.count++] = a->known.list[i];
	}
	a->known = merged;
	memcpy(a->seen_ms, seen_ms, merged.count * sizeof(seen_ms[0]));
}

static void round_found(struct asking *a, struct link *l, const struct dns_addresses *answer)
{
	known_update(a, answer);
	a->good_ms = now_ms(a);
	a->lost = false;
	if (lookup_tell(a->lookup, &a->known))
		tally_add(&l->used, 1);
	round_end(a);
}

/* How long a good answer outlives what came now, and how that is called. */
static int hold_ms(const struct resolvers *conf, enum dns_result result, const char **why)
{
	switch (result) {
	case DNS_NX:
		*why = "nx";
		return conf->hold_nx_ms;
	case DNS_REFUSED:
		*why = "refused";
		return conf->hold_refused_ms;
	case DNS_STRAY:
		*why = "timeout";
		return conf->hold_timeout_ms;
	default:
		*why = "other";
		return conf->hold_other_ms;
	}
}

static void round_lost(struct asking *a)
{
	static const struct dns_addresses none;
	const char *why;
	int hold = hold_ms(a->section->conf, a->result, &why);

	if (!a->lost && (a->good_ms == 0 || now_ms(a) - a->good_ms >= hold) && lookup_tell(a->lookup, &none)) {
		a->lost = true;
		a->known.count = 0;
		log_warn("resolver.lost", "name=%s resolvers=%s why=%s", LOG_Q(a->lookup->host), LOG_Q(a->section->conf->name), why);
	}
	round_end(a);
}

/* ---- asking ---- */

static void question_send(struct asking *a)
{
	struct section *s = a->section;
	uint8_t question[DNS_QUESTION_MOST];
	size_t len;

	a->state = ASK_ASKED;
	a->id = (uint16_t)clock_random();
	a->refused = 0;
	a->result = DNS_STRAY;
	len = dns_question_write(question, a->id, a->lookup->host, a->type, s->conf->payload_size);
	assert(len > 0); /* the configuration refuses other names */
	for (unsigned i = 0; i < s->link_count; i++) {
		struct link *l = &s->links[i];
		bool sent = l->watch.fd >= 0 && send(l->watch.fd, question, len, MSG_NOSIGNAL) == (ssize_t)len;

		tally_add(sent ? &l->sent : &l->unsent, 1);
	}
	wait_ms(a, s->conf->timeout_ms);
}

static void round_begin(struct asking *a)
{
	struct section *s = a->section;

	if (s->asked++ == 0) {
		for (unsigned i = 0; i < s->link_count; i++)
			link_open(&s->links[i]);
	}
	a->tries_left = s->conf->retries;
	a->type = a->first_type;
	question_send(a);
}

static void count_silent(const struct asking *a)
{
	for (unsigned i = 0; i < a->section->link_count; i++) {
		if ((a->refused >> i & 1) == 0)
			tally_add(&a->section->links[i].silent, 1);
	}
}

/* <a> has got no address by this question, but other answers when <a->refused> says so. */
static void question_failed(struct asking *a, bool time_is_over)
{
	if (time_is_over)
		count_silent(a);
	if (a->refused != 0 && a->type == a->first_type) {
		a->type = a->first_type == DNS_A ? DNS_AAAA : DNS_A;
		question_send(a);
		return;
	}
	if (a->refused != 0)
		a->type = a->first_type;
	if (--a->tries_left == 0)
		round_lost(a);
	else if (time_is_over)
		question_send(a);
	else
		a->state = ASK_RESTING; /* the timer goes on */
}

static void timer_fired(struct timer *t)
{
	struct asking *a = container_of(t, struct asking, timer);

	if (a->state == ASK_WAITING)
		round_begin(a);
	else if (a->state == ASK_RESTING)
		question_send(a);
	else
		question_failed(a, true);
}

/* ---- answers ---- */

static struct asking *asking_of(struct section *s, uint16_t id)
{
	for (struct asking *a = s->askings; a != NULL; a = a->next) {
		if (a->state == ASK_ASKED && a->id == id)
			return a;
	}
	return NULL;
}

/* What is malformed, or answers another question, is as if it had not come: the right answer may follow. */
static void answer_take(struct link *l, struct slice message, bool cut)
{
	struct section *s = l->section;
	struct dns_addresses found;
	enum dns_result result;
	struct asking *a;
	uint16_t id;

	if (!dns_id(message, &id)) {
		tally_add(&l->results[DNS_INVALID], 1);
		return;
	}
	a = asking_of(s, id);
	if (a == NULL) {
		tally_add(&l->late, 1);
		return;
	}
	result = dns_answer_read(message, id, a->lookup->host, a->type, &found);
	if (cut && result == DNS_INVALID)
		result = DNS_TRUNCATED;
	tally_add(&l->results[result], 1);
	if (result == DNS_FOUND) {
		round_found(a, l, &found);
	} else if (result != DNS_STRAY && result != DNS_INVALID) {
		a->result = result;
		a->refused |= UINT64_C(1) << l->index;
		if ((unsigned)__builtin_popcountll(a->refused) == s->link_count)
			question_failed(a, false);
	}
}

static void link_ready(struct watch *w, unsigned events)
{
	struct link *l = container_of(w, struct link, watch);
	struct names_dns *n = l->section->names;
	ssize_t len;

	(void)events;
	for (;;) {
		len = recv(w->fd, n->space, n->size, MSG_TRUNC);
		if (len < 0 && (errno == EINTR || errno == ECONNREFUSED))
			continue; /* of a port that is closed no answer comes */
		if (len < 0)
			return;
		answer_take(l, slice_of(n->space, (size_t)len < n->size ? (size_t)len : n->size), (size_t)len > n->size);
	}
}

/* ---- start and stop ---- */

static void *must(void *memory)
{
	if (memory == NULL) {
		log_error("memory.exhausted", "what=%s", "names");
		abort();
	}
	return memory;
}

static struct section *section_make(struct names_dns *n, const struct resolvers *conf)
{
	struct section *s;
	unsigned count = 0;

	for (const struct name_server *server = conf->servers; server != NULL; server = server->next)
		count++;
	s = must(calloc(1, sizeof(*s) + count * sizeof(s->links[0])));
	s->names = n;
	s->conf = conf;
	for (const struct name_server *server = conf->servers; server != NULL; server = server->next) {
		struct link *l = &s->links[s->link_count];

		l->section = s;
		l->server = server;
		l->index = s->link_count++;
		l->watch = (struct watch){ .fd = -1, .ready = link_ready };
	}
	if (conf->payload_size > n->size)
		n->size = conf->payload_size;
	s->next = n->sections;
	n->sections = s;
	return s;
}

static struct section *section_of(struct names_dns *n, const struct resolvers *conf)
{
	struct section *s = n->sections;

	while (s != NULL && s->conf != conf)
		s = s->next;
	return s != NULL ? s : section_make(n, conf);
}

static void asking_make(struct names_dns *n, struct lookup *l)
{
	struct asking *a = must(calloc(1, sizeof(*a)));

	a->section = section_of(n, l->resolvers);
	a->lookup = l;
	a->first_type = l->prefer == FAMILY_4 ? DNS_A : DNS_AAAA; /* as the manual says of resolve-prefer */
	a->good_ms = l->missing ? 0 : loop_now_ms(n->loop);
	a->next = a->section->askings;
	a->section->askings = a;
	timer_init(&a->timer, timer_fired);
	wait_ms(a, (int)(n->asking_count++ / FIRST_PER_MS));
}

static void begin_later(struct task *t)
{
	struct lookup *l = container_of(t, struct lookup, begin);

	asking_make(l->names, l);
}

void names_dns_add(struct names_dns *n, struct lookup *l)
{
	l->names = n;
	l->begin.run = begin_later;
	loop_post(n->loop, &l->begin);
}

static void *thread_main(void *arg)
{
	struct names_dns *n = arg;

	loop_run(n->loop);
	return NULL;
}

struct names_dns *names_dns_start(struct lookup *list)
{
	struct names_dns *n = NULL;

	for (struct lookup *l = list; l != NULL; l = l->next) {
		if (l->resolvers == NULL)
			continue;
		if (n == NULL) {
			n = must(calloc(1, sizeof(*n)));
			n->loop = loop_create();
		}
		asking_make(n, l);
	}
	if (n == NULL)
		return NULL;
	n->space = must(malloc(n->size));
	n->runs = pthread_create(&n->thread, NULL, thread_main, n) == 0;
	if (!n->runs)
		log_error("resolver.thread", "names=%u", n->asking_count);
	return n;
}

static void section_free(struct section *s)
{
	struct asking *next;

	for (struct asking *a = s->askings; a != NULL; a = next) {
		next = a->next;
		free(a);
	}
	for (unsigned i = 0; i < s->link_count; i++)
		link_close(&s->links[i]);
	free(s);
}

void names_dns_stop(struct names_dns **names)
{
	struct names_dns *n = *names;
	struct section *next;

	if (n == NULL)
		return;
	*names = NULL;
	if (n->runs) {
		loop_stop(n->loop);
		pthread_join(n->thread, NULL);
	}
	for (struct section *s = n->sections; s != NULL; s = next) {
		next = s->next;
		section_free(s);
	}
	loop_free(&n->loop);
	free(n->space);
	free(n);
}

/* ---- counts ---- */

bool names_dns_counts(const struct names_dns *n, const struct name_server *server, struct names_dns_counts *out)
{
	for (const struct section *s = n->sections; s != NULL; s = s->next) {
		for (unsigned i = 0; i < s->link_count; i++) {
			const struct link *l = &s->links[i];

			if (l->server != server)
				continue;
			*out = (struct names_dns_counts){ tally_get(&l->sent), tally_get(&l->unsent), tally_get(&l->silent),
							  tally_get(&l->used), tally_get(&l->late), { 0 } };
			for (unsigned result = 0; result <= DNS_INVALID; result++)
				out->results[result] = tally_get(&l->results[result]);
			return true;
		}
	}
	return false;
}

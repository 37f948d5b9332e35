/* state_file.c - states of servers as text, in version 1 of HAProxy's format (manual of the runtime socket, "show servers state"), so that
 * they survive a reload.
 */
#include "gateway/model/state.h"

#include <stdio.h>
#include <string.h>

#include "gateway/balance/lineup.h"
#include "gateway/conf/address.h"
#include "gateway/health/health.h"
#include "gateway/model/life.h"
#include "gateway/model/proxy.h"
#include "gateway/model/server_text.h"
#include "gateway/session/worker.h"
#include "shared/base/clock.h"

/* Bits of srv_admin_state. */
enum {
	FILE_MAINT = 0x01,        /* an operator, or the configuration, said so */
	FILE_MAINT_TRACKED = 0x02,
	FILE_MAINT_CONFIG = 0x04, /* "disabled" in its configuration */
	FILE_DRAIN = 0x08,
	FILE_DRAIN_TRACKED = 0x10,
	FILE_MAINT_NAME = 0x20,
};

/* Values of srv_op_state. */
enum { FILE_DOWN, FILE_STARTING, FILE_UP, FILE_STOPPING };

/* Bits of srv_check_state. */
enum { FILE_CHECK_RUNNING = 1, FILE_CHECK_CONFIGURED = 2, FILE_CHECK_ENABLED = 4, FILE_CHECK_PAUSED = 8 };

static const char heading[] =
	"1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change "
	"srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port "
	"srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n";

/* Places of the fields that are read back. */
enum field {
	FIELD_BACKEND = 1,
	FIELD_SERVER = 3,
	FIELD_ADDRESS,
	FIELD_STATE,
	FIELD_ADMIN,
	FIELD_WEIGHT,
	FIELD_WEIGHT_CONFIG,
	FIELD_SINCE,
	FIELD_HEALTH = 12,
	FIELD_NAME = 17,
	FIELD_PORT,
	FIELD_COUNT,
};

static bool is_name(const struct server *s)
{
	struct sockaddr_storage sa;
	socklen_t len;

	return !address_of_host(s->host, s->port, &sa, &len);
}

/* --- writing --- */

static unsigned file_state(const struct server *s)
{
	if (atomic_load_explicit(&s->admin, memory_order_relaxed) & SERVER_MAINT_ANY)
		return FILE_DOWN;
	switch (atomic_load_explicit(&s->state, memory_order_relaxed)) {
	case SERVER_UP:
		return FILE_UP;
	case SERVER_STARTING:
		return FILE_STARTING;
	case SERVER_STOPPING:
		return FILE_STOPPING;
	default:
		return FILE_DOWN;
	}
}

static unsigned file_admin(const struct server *s)
{
	unsigned admin = atomic_load_explicit(&s->admin, memory_order_relaxed), bits = s->o.disabled ? FILE_MAINT_CONFIG : 0;

	if (admin & (SERVER_MAINT | SERVER_MAINT_CONFIG))
		bits |= FILE_MAINT;
	if (admin & SERVER_DRAIN)
		bits |= FILE_DRAIN;
	if (admin & SERVER_MAINT_TRACKED)
		bits |= FILE_MAINT_TRACKED;
	if (admin & SERVER_DRAIN_TRACKED)
		bits |= FILE_DRAIN_TRACKED;
	if (admin & SERVER_MAINT_NAME)
		bits |= FILE_MAINT_NAME;
	return bits;
}

static void write_check(const struct server *s, struct buf *out)
{
	bool paused = (atomic_load_explicit(&s->admin, memory_order_relaxed) & SERVER_MAINT_ANY) != 0;
	struct health_view v = { .last = CHECK_INI, .health = file_state(s) == FILE_DOWN ? 0 : s->o.rise };
	unsigned bits = paused ? FILE_CHECK_PAUSED : 0;

	if (s->health != NULL) {
		health_view(s, &v);
		bits |= FILE_CHECK_CONFIGURED | (v.enabled ? FILE_CHECK_ENABLED : 0) | (v.running ? FILE_CHECK_RUNNING : 0);
	}
	buf_printf(out, " %u %u %u %u", (unsigned)v.last, v.outcome, v.health, bits);
}

static void write_server(const struct server *s, int64_t now_ms, struct buf *out)
{
	const struct server_address *a = atomic_load_explicit(&s->address, memory_order_acquire);
	bool is_inet = a != NULL && a->sa.ss_family != AF_UNIX;
	char space[SERVER_ADDRESS_SIZE];
	unsigned port;

	server_address_text(a, space, &port);
	buf_printf(out, "%u %.*s %u %.*s %s %u %u %u %u %lld", s->backend->id, SLICE_ARG(s->backend->name), s->id, SLICE_ARG(s->name),
		   is_inet ? space : "-", file_state(s), file_admin(s), atomic_load_explicit(&s->weight, memory_order_relaxed), s->o.weight,
		   (long long)(now_ms - atomic_load_explicit(&s->changed_ms, memory_order_relaxed)) / 1000);
	write_check(s, out);
	buf_add_str(out, " 0 0 0 ");
	buf_add_slice(out, is_name(s) ? s->host : SLICE_LIT("-"));
	buf_printf(out, " %u - 0 %u ", is_inet ? port : s->port, s->o.check_port);
	buf_add_slice(out, s->o.check_host.len > 0 ? s->o.check_host : SLICE_LIT("-"));
	buf_add_str(out, " - 0\n");
}

void server_states_write(const struct gateway *g, const struct proxy *backend, struct buf *out)
{
	int64_t now_ms = clock_mono_us() / 1000;

	buf_add_str(out, heading);
	for (const struct proxy *p = g->config->proxies; p != NULL; p = p->next) {
		if (backend != NULL && backend != p)
			continue;
		for (const struct server *s = p->backend.servers; s != NULL; s = s->next)
			write_server(s, now_ms, out);
	}
	buf_add_char(out, '\n');
}

/* --- reading --- */

static bool wants_file(const struct proxy *p)
{
	return slice_eq(p->backend.load_state_from, SLICE_LIT("global"));
}

static struct server *find_server(struct gateway *g, struct slice backend, struct slice name, bool from_file)
{
	for (struct proxy *p = g->config->proxies; p != NULL; p = p->next) {
		if (!slice_eq(p->name, backend) || (from_file && !wants_file(p)))
			continue;
		for (struct server *s = p->backend.servers; s != NULL; s = s->next) {
			if (slice_eq(s->name, name))
				return s;
		}
	}
	return NULL;
}

/* An operator's word holds on unless "disabled" was written into the configuration, or taken out of it, since. */
static void read_admin(struct server *s, uint64_t bits)
{
	unsigned admin = atomic_load_explicit(&s->admin, memory_order_relaxed);

	if (((bits & FILE_MAINT_CONFIG) != 0) == s->o.disabled) {
		if ((bits & FILE_MAINT) == 0)
			admin &= ~(unsigned)SERVER_MAINT_CONFIG;
		else if (!s->o.disabled)
			admin |= SERVER_MAINT;
	}
	if (bits & FILE_DRAIN)
		admin |= SERVER_DRAIN;
	atomic_store_explicit(&s->admin, admin, memory_order_relaxed);
}

/* What checks said holds on, if it is still checked; in maintenance nothing was known. */
static void read_health(struct server *s, uint64_t state, uint64_t admin, uint64_t health)
{
	unsigned rise = s->o.rise > 0 ? s->o.rise : 1, best = rise + (s->o.fall > 0 ? s->o.fall : 1) - 1;

	if (!s->o.check || (admin & (FILE_MAINT | FILE_MAINT_NAME)) != 0)
		return;
	if (state == FILE_DOWN)
		atomic_store_explicit(&s->state, SERVER_DOWN, memory_order_relaxed);
	else if (state == FILE_STOPPING)
		atomic_store_explicit(&s->state, SERVER_STOPPING, memory_order_relaxed);
	if ((health >= rise) == (state != FILE_DOWN)) /* else the configuration has another rise, and the count means nothing */
		s->health_loaded = 1 + (unsigned)(health < best ? health : best);
}

/* Whether "init-addr" lets the last known address be used; it does unless it is written without "last". */
static bool wants_last_address(struct server *s)
{
	struct slice rest = s->o.init_addr;

	if (rest.len == 0)
		return true;
	while (rest.ptr != NULL) {
		if (slice_eq(slice_trim(slice_cut(&rest, ',')), SLICE_LIT("last")))
			return true;
	}
	return false;
}

static void read_address(struct gateway *g, struct server *s, const struct slice *fields)
{
	struct sockaddr_storage sa;
	socklen_t len = 0;

	if (!is_name(s) || !slice_eq(fields[FIELD_NAME], s->host) || !wants_last_address(s))
		return;
	if (slice_eq(fields[FIELD_ADDRESS], SLICE_LIT("-")) || !address_of_host(fields[FIELD_ADDRESS], s->port, &sa, &len))
		return;
	server_set_address(g, s, (struct sockaddr *)&sa, len);
}

static void read_line(struct gateway *g, struct slice line, bool from_file)
{
	struct slice fields[FIELD_COUNT];
	uint64_t state, admin, weight, weight_config, since_s, health;
	struct server *s;

	for (unsigned i = 0; i < FIELD_COUNT; i++)
		fields[i] = slice_cut(&line, ' ');
	s = find_server(g, fields[FIELD_BACKEND], fields[FIELD_SERVER], from_file);
	if (s == NULL || !slice_to_u64(fields[FIELD_STATE], FILE_STOPPING, &state) || !slice_to_u64(fields[FIELD_ADMIN], 0xFF, &admin) ||
	    !slice_to_u64(fields[FIELD_WEIGHT], SERVER_WEIGHT_MOST, &weight) || !slice_to_u64(fields[FIELD_SINCE], INT32_MAX, &since_s) ||
	    !slice_to_u64(fields[FIELD_WEIGHT_CONFIG], SERVER_WEIGHT_MOST, &weight_config) ||
	    !slice_to_u64(fields[FIELD_HEALTH], INT32_MAX, &health))
		return;
	read_address(g, s, fields);
	read_admin(s, admin);
	read_health(s, state, admin, health);
	if (weight_config == s->o.weight)
		atomic_store_explicit(&s->weight, (unsigned)weight, memory_order_relaxed);
	atomic_store_explicit(&s->changed_ms, clock_mono_us() / 1000 - (int64_t)since_s * 1000, memory_order_relaxed);
}

static void read_text(struct gateway *g, struct slice text, bool from_file)
{
	if (!slice_eq(slice_trim(slice_cut(&text, '\n')), SLICE_LIT("1")))
		return; /* a version that is not known */
	while (text.ptr != NULL) {
		struct slice line = slice_trim(slice_cut(&text, '\n'));

		if (line.len > 0 && line.ptr[0] != '#')
			read_line(g, line, from_file);
	}
	for (struct proxy *p = g->config->proxies; p != NULL; p = p->next)
		lineup_rebuild(g, p);
	servers_follow(g);
}

void server_states_read(struct gateway *g, struct slice text)
{
	read_text(g, text, false);
}

static bool read_whole(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "re");
	char piece[4096];
	size_t n;

	if (f == NULL)
		return false;
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_add(out, piece, n);
	return fclose(f) == 0 && buf_ok(out);
}

void server_states_load(struct gateway *g)
{
	const struct config *c = g->config;
	bool joined = c->server_state_base.len > 0 && !slice_starts_with(c->server_state_file, SLICE_LIT("/"));
	struct slice base = joined ? c->server_state_base : SLICE_LIT(""), path;
	struct buf text;

	if (c->server_state_file.len == 0)
		return;
	path = arena_printf(c->arena, "%.*s%s%.*s", SLICE_ARG(base), joined ? "/" : "", SLICE_ARG(c->server_state_file));
	buf_init(&text, 0);
	if (read_whole(path.ptr, &text))
		read_text(g, buf_slice(&text), true);
	buf_free(&text);
}

/* choose_test.c - which server each algorithm of "balance" chooses, while none is full. Rows that say so are what HAProxy 2.6 did
 * with the same configuration and requests.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>

#include "gateway/balance/picture.h"
#include "tests/unit/gateway/support/farm.h"

#define SERVERS_MOST 400

/* A farm with servers s1, s2, … of <weights>, up to the first 0. */
static void begin(struct farm *f, enum balance_kind kind, const unsigned *weights)
{
	static const char *const names[] = { "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8" };

	farm_setup(f, 1, kind);
	for (unsigned i = 0; weights[i] > 0; i++)
		farm_add(f, i < 8 ? names[i] : "more", weights[i]);
}

static void set_path(struct farm *f, const char *target)
{
	struct slice rest = slice_str(target);

	f->x.request.target = rest;
	f->x.request.path = slice_cut(&rest, '?');
	f->x.request.query = rest;
}

static struct server *server_number(struct farm *f, unsigned id)
{
	struct server *s = f->proxy.backend.servers;

	while (s != NULL && s->id != id)
		s = s->next;
	assert_non_null(s);
	return s;
}

static void set_state(struct server *s, enum server_state to)
{
	atomic_store(&s->state, to);
}

#define assert_picks(f, n, want) assert_string_equal(farm_picks(f, n, (char[64]){ "" }, 64), want)

/* --- turns --- */

static void turns_are_interleaved_by_weight(void **state)
{
	static const struct {
		enum balance_kind kind;
		unsigned weights[6];
		const char *want;
	} rows[] = {
		{ BALANCE_ROUNDROBIN, { 1, 1, 1 }, "12312312312312" },
		{ BALANCE_ROUNDROBIN, { 100, 100 }, "12121212121212" },
		{ BALANCE_ROUNDROBIN, { 2, 1 }, "11211211211211" },          /* HAProxy */
		{ BALANCE_ROUNDROBIN, { 3, 1 }, "11121112111211" },          /* HAProxy */
		{ BALANCE_ROUNDROBIN, { 3, 2 }, "11212112121121" },          /* HAProxy */
		{ BALANCE_ROUNDROBIN, { 5, 1, 1 }, "11121131112113" },       /* HAProxy */
		{ BALANCE_STATIC_RR, { 2, 1 }, "11211211211211" },           /* HAProxy */
		{ BALANCE_STATIC_RR, { 1, 2 }, "12212212212212" },           /* HAProxy */
		{ BALANCE_STATIC_RR, { 5, 1, 1 }, "11121131112113" },        /* HAProxy */
		{ BALANCE_STATIC_RR, { 1, 2, 3 }, "13232313232313" },        /* HAProxy */
		{ BALANCE_LEASTCONN, { 1, 1, 1 }, "12312312312312" },        /* HAProxy */
		{ BALANCE_FIRST, { 1, 5, 1 }, "11111111111111" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct farm f;

		begin(&f, rows[i].kind, rows[i].weights);
		server_states_begin(&f.gateway);
		assert_picks(&f, 14, rows[i].want);
		farm_teardown(&f);
	}
}

/* Draws <n> servers and checks that each has its part, by weight, within <percent> of it. */
static void assert_shares(struct farm *f, const unsigned *weights, unsigned n, double percent)
{
	unsigned count[SERVERS_MOST] = { 0 }, servers = f->proxy.backend.server_count;
	double sum = 0;

	for (unsigned i = 0; i < n; i++)
		count[farm_pick(f)->id - 1]++;
	for (unsigned i = 0; i < servers; i++)
		sum += weights[i];
	for (unsigned i = 0; i < servers; i++) {
		double want = n * (double)weights[i] / sum, off = count[i] - want;

		if (off > want * percent / 100 || -off > want * percent / 100)
			fail_msg("server %u of weight %u: %u, not %.0f", i + 1, weights[i], count[i], want);
	}
}

static void weights_are_kept_to_a_hundredth(void **state)
{
	static const unsigned weights[] = { 256, 255, 101, 3, 1, 0 };
	static const enum balance_kind kinds[] = { BALANCE_ROUNDROBIN, BALANCE_STATIC_RR, BALANCE_URI };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct farm f;

		begin(&f, kinds[i], weights);
		server_states_begin(&f.gateway);
		set_path(&f, ""); /* no key: by turns */
		assert_shares(&f, weights, 616 * 20, 1);
		farm_teardown(&f);
	}
}

static void many_servers_have_a_bounded_sequence(void **state)
{
	unsigned weights[SERVERS_MOST + 1] = { 0 };
	const struct lineup *l;
	struct farm f;

	(void)state;
	for (unsigned i = 0; i < SERVERS_MOST; i++)
		weights[i] = 200 + i % 57;
	begin(&f, BALANCE_ROUNDROBIN, weights);
	server_states_begin(&f.gateway);
	l = atomic_load(&f.proxy.backend.lineup);
	assert_in_range(l->sequence_len, SEQUENCE_MOST - SERVERS_MOST, SEQUENCE_MOST + SERVERS_MOST);
	assert_shares(&f, weights, l->sequence_len * 3, 2);
	farm_teardown(&f);
}

/* A server that grows has its hundredths of the weight; one of weight 1 as well. */
static void slow_start_scales_the_weight(void **state)
{
	static const unsigned weights[] = { 1, 1, 0 }, quarter[] = { 100, 25 };
	struct farm f;

	(void)state;
	begin(&f, BALANCE_ROUNDROBIN, weights);
	server_states_begin(&f.gateway);
	atomic_store(&server_number(&f, 2)->slow_percent, 25);
	lineup_rebuild(&f.gateway, &f.proxy);
	assert_shares(&f, quarter, 1000, 1);
	f.proxy.backend.balance.kind = BALANCE_STATIC_RR;
	lineup_rebuild(&f.gateway, &f.proxy);
	assert_shares(&f, weights, 1000, 1);
	farm_teardown(&f);
}

static void weights_set_later_count_unless_static(void **state)
{
	static const unsigned weights[] = { 1, 1, 0 }, set[] = { 1, 9 };
	struct farm f;

	(void)state;
	begin(&f, BALANCE_ROUNDROBIN, weights);
	server_states_begin(&f.gateway);
	server_set_weight(&f.gateway, server_number(&f, 2), 9);
	assert_shares(&f, set, 1000, 1);
	f.proxy.backend.balance.kind = BALANCE_STATIC_RR;
	lineup_rebuild(&f.gateway, &f.proxy);
	assert_shares(&f, weights, 1000, 1);
	farm_teardown(&f);
}

/* --- load --- */

static void leastconn_counts_what_is_held(void **state)
{
	static const unsigned weights[] = { 2, 1, 1, 0 };
	struct server *s[3], *out;
	struct farm f;

	(void)state;
	begin(&f, BALANCE_LEASTCONN, weights);
	server_states_begin(&f.gateway);
	for (unsigned i = 0; i < 3; i++) {
		s[i] = server_number(&f, i + 1);
		assert_true(server_enter(s[i]));
	}
	assert_int_equal(lineup_choose(&f.x, NULL, &out), CHOICE_SERVER); /* 1 of 2 is lighter than 1 of 1 */
	assert_ptr_equal(out, s[0]);
	server_leave(&f.gateway, s[2]);
	assert_int_equal(lineup_choose(&f.x, NULL, &out), CHOICE_SERVER); /* one that has nothing to do first */
	assert_ptr_equal(out, s[2]);
	for (unsigned i = 0; i < 36; i++)
		assert_int_equal(lineup_choose(&f.x, NULL, &out), CHOICE_SERVER);
	assert_in_range(atomic_load(&s[0]->served), 19, 21);
	assert_in_range(atomic_load(&s[1]->served), 9, 11);
	assert_in_range(atomic_load(&s[2]->served), 9, 11);
	farm_teardown(&f);
}

static void first_goes_by_ids(void **state)
{
	static const unsigned weights[] = { 1, 1, 1, 0 };
	struct server *a, *b, *c;
	struct farm f;

	(void)state;
	begin(&f, BALANCE_FIRST, weights);
	a = server_number(&f, 1);
	b = server_number(&f, 2);
	c = server_number(&f, 3);
	a->id = 30; /* "id 30" on its line */
	b->o.maxconn = c->o.maxconn = 1;
	server_states_begin(&f.gateway);
	assert_picks(&f, 3, "222");
	assert_true(server_enter(b));
	assert_picks(&f, 3, "333");
	assert_true(server_enter(c));
	assert_picks(&f, 3, "111");
	farm_teardown(&f);
}

static void random_keeps_weights_and_likes_the_idle(void **state)
{
	static const unsigned weights[] = { 3, 2, 1, 0 };
	unsigned of_first = 0;
	struct farm f;

	(void)state;
	begin(&f, BALANCE_RANDOM, weights);
	f.proxy.backend.balance.draws = 1;
	server_states_begin(&f.gateway);
	assert_shares(&f, weights, 200 * 1000, 3);
	for (unsigned i = 0; i < 100; i++)
		assert_true(server_enter(server_number(&f, 1)));
	f.proxy.backend.balance.draws = 2;
	for (unsigned i = 0; i < 10000; i++)
		of_first += farm_pick(&f)->id == 1;
	assert_in_range(of_first, 2200, 2800); /* only when it is drawn twice: 1/4 */
	f.proxy.backend.balance.draws = UINT32_MAX; /* bounded */
	assert_int_not_equal(farm_pick(&f)->id, 1);
	farm_teardown(&f);
}

/* --- hashes --- */

struct hash_row {
	const char *what;
	unsigned weights[4];
	struct balance balance;
	const char *want;
};

static void uris_reach_the_servers_they_reach_in_haproxy(void **state)
{
	static const struct hash_row rows[] = {
		{ "uri", { 1, 1, 1 }, { .function = HASH_SDBM }, "3123133312312312" },
		{ "depth 1", { 1, 1, 1 }, { .depth = 1 }, "3121133313312312" },
		{ "len 4", { 1, 1, 1 }, { .len = 4 }, "3123133322312312" },
		{ "whole", { 1, 1, 1 }, { .whole = true }, "3123131312312312" },
		{ "djb2", { 1, 1, 1 }, { .function = HASH_DJB2 }, "3232311122123123" },
		{ "crc32 avalanche", { 1, 1, 1 }, { .function = HASH_CRC32, .avalanche = true }, "2221133333311212" },
		{ "wt6", { 2, 1, 3 }, { .function = HASH_WT6 }, "3332211113333333" },
		{ "weights", { 2, 4, 6 }, { .function = HASH_SDBM }, "3133133312313232" },
		{ "consistent", { 1, 1, 1 }, { .consistent = true, .avalanche = true }, "2222322231332112" },
		{ "consistent wt6", { 2, 1, 3 }, { .consistent = true, .function = HASH_WT6 }, "1111122221111333" },
	};
	static const char *const uris[] = {
		"/", "/a", "/b", "/a/b", "/a/c", "/items?x=1", "/items?x=2", "/items", "/index.html", "/x/y/z", "/0", "/1", "/2", "/3", "/4", "/5",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char got[sizeof(uris) / sizeof(uris[0]) + 1] = "", one[2];
		struct farm f;

		begin(&f, BALANCE_URI, rows[i].weights);
		f.proxy.backend.balance = rows[i].balance;
		f.proxy.backend.balance.kind = BALANCE_URI;
		server_states_begin(&f.gateway);
		for (size_t n = 0; n < sizeof(uris) / sizeof(uris[0]); n++) {
			set_path(&f, uris[n]);
			got[n] = farm_picks(&f, 1, one, sizeof(one))[0];
		}
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: %s, not %s", rows[i].what, got, rows[i].want);
		farm_teardown(&f);
	}
}

static void sources_reach_the_servers_they_reach_in_haproxy(void **state)
{
	static const struct hash_row rows[] = {
		{ "source", { 1, 1, 1 }, { .function = HASH_SDBM }, "31231231231231231231" },
		{ "wt6", { 1, 1, 1 }, { .function = HASH_WT6 }, "31231231231231231231" },
		{ "avalanche", { 1, 1, 1 }, { .avalanche = true }, "21112133121122131131" },
		{ "consistent", { 1, 1, 1 }, { .consistent = true, .avalanche = true }, "21312131132333111311" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char got[21] = "", one[2];
		struct farm f;

		begin(&f, BALANCE_SOURCE, rows[i].weights);
		f.proxy.backend.balance = rows[i].balance;
		f.proxy.backend.balance.kind = BALANCE_SOURCE;
		server_states_begin(&f.gateway);
		for (unsigned n = 0; n < 20; n++) {
			*(struct sockaddr_in *)(void *)&f.session.from = (struct sockaddr_in){
				.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7F000001 + n) };
			got[n] = farm_picks(&f, 1, one, sizeof(one))[0];
		}
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: %s, not %s", rows[i].what, got, rows[i].want);
		farm_teardown(&f);
	}
}

static void a_request_without_key_takes_its_turn(void **state)
{
	static const unsigned weights[] = { 1, 1, 1, 0 };
	struct farm f;

	(void)state;
	begin(&f, BALANCE_HDR, weights);
	f.proxy.backend.balance.name = SLICE_LIT("X-Key");
	server_states_begin(&f.gateway);
	assert_picks(&f, 6, "123123");
	assert_true(http_field_add(&f.x.request, SLICE_LIT("X-Key"), SLICE_LIT("a")));
	assert_picks(&f, 6, "222222"); /* HAProxy */
	farm_teardown(&f);
}

#define KEYS 10000

/* The server of each of KEYS paths. */
static void map_keys(struct farm *f, uint16_t out[KEYS])
{
	char path[16];

	for (unsigned i = 0; i < KEYS; i++) {
		snprintf(path, sizeof(path), "/%u", i);
		set_path(f, path);
		out[i] = (uint16_t)farm_pick(f)->id;
	}
}

static void begin_ring(struct farm *f, const unsigned *weights)
{
	begin(f, BALANCE_URI, weights);
	f->proxy.backend.balance.consistent = true;
	f->proxy.backend.balance.avalanche = true;
	server_states_begin(&f->gateway);
}

static void a_server_that_goes_takes_only_its_keys(void **state)
{
	static const unsigned weights[] = { 10, 10, 10, 10, 10, 10, 10, 10, 0 };
	uint16_t before[KEYS], after[KEYS];
	unsigned moved = 0;
	struct farm f;

	(void)state;
	begin_ring(&f, weights);
	map_keys(&f, before);
	set_state(server_number(&f, 3), SERVER_DOWN);
	lineup_rebuild(&f.gateway, &f.proxy);
	map_keys(&f, after);
	for (unsigned i = 0; i < KEYS; i++) {
		assert_int_not_equal(after[i], 3);
		if (after[i] != before[i])
			assert_int_equal(before[i], 3);
		moved += after[i] != before[i];
	}
	assert_in_range(moved, KEYS / 8 * 3 / 4, KEYS / 8 * 5 / 4); /* its eighth */
	set_state(server_number(&f, 3), SERVER_UP);
	lineup_rebuild(&f.gateway, &f.proxy);
	map_keys(&f, after);
	assert_memory_equal(before, after, sizeof(before)); /* and it gets them back */
	farm_teardown(&f);
}

static void less_weight_moves_only_that_servers_keys(void **state)
{
	static const unsigned weights[] = { 20, 20, 20, 20, 0 };
	uint16_t before[KEYS], after[KEYS];
	unsigned left = 0;
	struct farm f;

	(void)state;
	begin_ring(&f, weights);
	map_keys(&f, before);
	server_set_weight(&f.gateway, server_number(&f, 2), 10);
	map_keys(&f, after);
	for (unsigned i = 0; i < KEYS; i++) {
		if (after[i] != before[i])
			assert_int_equal(before[i], 2);
		left += after[i] == 2;
	}
	assert_in_range(left, KEYS / 7 * 3 / 4, KEYS / 7 * 5 / 4);
	farm_teardown(&f);
}

/* The bound of the ring does not break what makes it consistent. */
static void many_servers_have_a_bounded_ring(void **state)
{
	unsigned weights[SERVERS_MOST + 1] = { 0 };
	uint16_t before[KEYS], after[KEYS];
	const struct lineup *l;
	struct farm f;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		weights[i] = 200;
	begin_ring(&f, weights);
	l = atomic_load(&f.proxy.backend.lineup);
	assert_in_range(l->point_count, POINTS_MOST / 2, POINTS_MOST);
	map_keys(&f, before);
	for (unsigned id = 1; id <= 60; id++) /* with so few left, all points would fit */
		set_state(server_number(&f, id), SERVER_DOWN);
	lineup_rebuild(&f.gateway, &f.proxy);
	map_keys(&f, after);
	for (unsigned i = 0; i < KEYS; i++) {
		if (before[i] > 60)
			assert_int_equal(after[i], before[i]);
	}
	farm_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_are_interleaved_by_weight),
		cmocka_unit_test(weights_are_kept_to_a_hundredth),
		cmocka_unit_test(many_servers_have_a_bounded_sequence),
		cmocka_unit_test(slow_start_scales_the_weight),
		cmocka_unit_test(weights_set_later_count_unless_static),
		cmocka_unit_test(leastconn_counts_what_is_held),
		cmocka_unit_test(first_goes_by_ids),
		cmocka_unit_test(random_keeps_weights_and_likes_the_idle),
		cmocka_unit_test(uris_reach_the_servers_they_reach_in_haproxy),
		cmocka_unit_test(sources_reach_the_servers_they_reach_in_haproxy),
		cmocka_unit_test(a_request_without_key_takes_its_turn),
		cmocka_unit_test(a_server_that_goes_takes_only_its_keys),
		cmocka_unit_test(less_weight_moves_only_that_servers_keys),
		cmocka_unit_test(many_servers_have_a_bounded_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

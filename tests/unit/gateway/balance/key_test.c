/* key_test.c - what each hashing algorithm looks at in a request, and which function it is hashed with.
 *
 * Values of expressions come from the test. link: -Wl,--wrap=expr_get
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>

#include "gateway/balance/key.h"
#include "gateway/balance/keyhash.h"
#include "gateway/expr/expr.h"
#include "shared/base/hash.h"
#include "tests/unit/gateway/support/farm.h"
#include "tests/unit/gateway/support/samples.h"

bool __wrap_expr_get(const struct expr *e, struct exchange *x, struct sample *out);

/* <e> is the test's sample; NULL: no value. */
bool __wrap_expr_get(const struct expr *e, struct exchange *x, struct sample *out)
{
	(void)x;
	if (e == NULL)
		return false;
	*out = *(const struct sample *)(const void *)e;
	return true;
}

static int setup(void **state)
{
	struct farm *f = calloc(1, sizeof(*f));

	farm_setup(f, 1, BALANCE_URI);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct farm *f = *state;

	farm_teardown(f);
	free(f);
	return 0;
}

/* Takes the target apart as the parser does; it need not be a literal. */
static void set_target(struct farm *f, const char *target)
{
	struct http_head *h = &f->x.request;
	struct slice rest = slice_str(target);

	h->target = rest;
	h->authority = h->query = SLICE_NONE;
	if (slice_starts_with(rest, SLICE_LIT("http://"))) {
		rest = slice_sub(rest, 7, rest.len);
		h->authority = slice_sub(rest, 0, slice_find(rest, '/'));
		rest = slice_sub(rest, h->authority.len, rest.len);
	}
	h->path = slice_cut(&rest, '?');
	h->query = rest;
}

static uint32_t hash(struct farm *f)
{
	uint32_t out = 0;

	assert_true(key_hash(&f->x, &out));
	return out;
}

static bool no_key(struct farm *f)
{
	uint32_t out;

	return !key_hash(&f->x, &out);
}

#define assert_key(f, text) assert_int_equal(hash(f), keyhash_sdbm(slice_str(text)))

static void uri_is_the_path(void **state)
{
	struct farm *f = *state;

	set_target(f, "/a/b?x=1");
	assert_key(f, "/a/b");
	set_target(f, "*");
	assert_key(f, "*");
	set_target(f, "http://h:80/a?x");
	assert_key(f, "http://h:80/a");
	f->proxy.backend.balance.path_only = true;
	assert_key(f, "/a");
}

static void uri_whole_has_the_query(void **state)
{
	struct farm *f = *state;

	f->proxy.backend.balance.whole = true;
	set_target(f, "/a/b?x=1");
	assert_key(f, "/a/b?x=1");
	set_target(f, "/a/b?");
	assert_key(f, "/a/b?");
	set_target(f, "/a/b");
	assert_key(f, "/a/b");
	set_target(f, "http://h/a?x");
	assert_key(f, "http://h/a?x");
}

/* A rule that changed the path left the query where it was. */
static void uri_is_what_rules_made_of_it(void **state)
{
	struct farm *f = *state;

	f->proxy.backend.balance.whole = true;
	set_target(f, "/v1/a?x=1");
	f->x.request.path = SLICE_LIT("/a");
	assert_key(f, "/a?x=1");
}

static void uri_is_cut_by_len_and_depth(void **state)
{
	struct farm *f = *state;
	struct balance *b = &f->proxy.backend.balance;

	set_target(f, "/a/b/c");
	b->depth = 1;
	assert_key(f, "/a");
	b->depth = 2;
	assert_key(f, "/a/b");
	b->depth = 3;
	assert_key(f, "/a/b/c");
	b->len = 3;
	assert_key(f, "/a/");
	b->depth = 0;
	b->len = 100;
	assert_key(f, "/a/b/c");
}

static void url_param_is_its_value(void **state)
{
	struct farm *f = *state;

	f->proxy.backend.balance.kind = BALANCE_URL_PARAM;
	f->proxy.backend.balance.name = SLICE_LIT("id");
	set_target(f, "/?xid=1&id=abc&id=2");
	assert_key(f, "abc");
	set_target(f, "/?id&id=7");
	assert_key(f, "7");
	set_target(f, "/?id=a;b=c");
	assert_key(f, "a;b=c");
	set_target(f, "/?ID=1&idx=2");
	assert_true(no_key(f));
	set_target(f, "/?id=");
	assert_true(no_key(f));
	set_target(f, "/id=1");
	assert_true(no_key(f));
}

static void header_is_its_first_value(void **state)
{
	struct farm *f = *state;

	f->proxy.backend.balance.kind = BALANCE_HDR;
	f->proxy.backend.balance.name = SLICE_LIT("X-Key");
	assert_true(no_key(f));
	assert_true(http_field_add(&f->x.request, SLICE_LIT("x-key"), SLICE_LIT("user-1, second")));
	assert_true(http_field_add(&f->x.request, SLICE_LIT("X-Key"), SLICE_LIT("third")));
	assert_key(f, "user-1");
	http_field_remove_all(&f->x.request, SLICE_LIT("X-Key"));
	assert_true(http_field_add(&f->x.request, SLICE_LIT("X-Key"), SLICE_LIT("")));
	assert_true(no_key(f));
}

static void domain_only_is_what_is_before_the_top(void **state)
{
	static const char *const hosts[][2] = {
		{ "haproxy.1wt.eu", "1wt" }, { "1wt.eu", "1wt" }, { "a.b.c.d:80", "c" }, { "localhost", "localhost" }, { ".eu", NULL },
	};
	struct farm *f = *state;

	f->proxy.backend.balance.kind = BALANCE_HDR;
	f->proxy.backend.balance.name = SLICE_LIT("Host");
	f->proxy.backend.balance.domain_only = true;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		http_field_remove_all(&f->x.request, SLICE_LIT("Host"));
		assert_true(http_field_add(&f->x.request, SLICE_LIT("Host"), slice_str(hosts[i][0])));
		if (hosts[i][1] == NULL)
			assert_true(no_key(f));
		else
			assert_key(f, hosts[i][1]);
	}
}

static void source_is_the_words_of_the_address(void **state)
{
	struct farm *f = *state;
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&f->session.from;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&f->session.from;

	f->proxy.backend.balance.kind = BALANCE_SOURCE;
	f->proxy.backend.balance.function = HASH_WT6; /* says nothing here, as in HAProxy */
	*in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = 99, .sin_addr.s_addr = htonl(0x7F000005) };
	assert_int_equal(hash(f), 0x7F000005);
	f->proxy.backend.balance.avalanche = true;
	assert_int_equal(hash(f), keyhash_avalanche(0x7F000005));
	f->proxy.backend.balance.avalanche = false;
	*in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
	assert_int_equal(inet_pton(AF_INET6, "1:2:30:40:500:600:7000:8000", &in6->sin6_addr), 1);
	assert_int_equal(hash(f), 0x00010002 ^ 0x00300040 ^ 0x05000600 ^ 0x70008000);
	f->session.from.ss_family = AF_UNIX;
	assert_true(no_key(f));
}

static void expression_is_hashed_as_bytes(void **state)
{
	struct sample text = sample_of_text("some"), none = sample_of_text(""), address = sample_of_address("127.0.0.1");
	struct farm *f = *state;
	struct balance *b = &f->proxy.backend.balance;

	b->kind = BALANCE_HASH;
	b->key = (struct expr *)(void *)&text;
	assert_key(f, "some");
	b->key = (struct expr *)(void *)&address;
	assert_int_equal(hash(f), keyhash_sdbm(slice_of("\x7F\0\0\1", 4)));
	b->key = (struct expr *)(void *)&none;
	assert_true(no_key(f));
	b->key = NULL;
	assert_true(no_key(f));
}

static void functions_are_those_of_hash_type(void **state)
{
	struct slice key = SLICE_LIT("/key");
	struct farm *f = *state;
	struct balance *b = &f->proxy.backend.balance;

	set_target(f, "/key");
	b->function = HASH_DJB2;
	assert_int_equal(hash(f), keyhash_djb2(key));
	b->function = HASH_WT6;
	assert_int_equal(hash(f), keyhash_wt6(key));
	b->function = HASH_CRC32;
	assert_int_equal(hash(f), hash_crc32(key));
	b->avalanche = true;
	assert_int_equal(hash(f), keyhash_avalanche(hash_crc32(key)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(uri_is_the_path, setup, teardown),
		cmocka_unit_test_setup_teardown(uri_whole_has_the_query, setup, teardown),
		cmocka_unit_test_setup_teardown(uri_is_what_rules_made_of_it, setup, teardown),
		cmocka_unit_test_setup_teardown(uri_is_cut_by_len_and_depth, setup, teardown),
		cmocka_unit_test_setup_teardown(url_param_is_its_value, setup, teardown),
		cmocka_unit_test_setup_teardown(header_is_its_first_value, setup, teardown),
		cmocka_unit_test_setup_teardown(domain_only_is_what_is_before_the_top, setup, teardown),
		cmocka_unit_test_setup_teardown(source_is_the_words_of_the_address, setup, teardown),
		cmocka_unit_test_setup_teardown(expression_is_hashed_as_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(functions_are_those_of_hash_type, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

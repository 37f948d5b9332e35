/* var_test.c - variables: names, scopes, all types of values, long texts, and what happens without memory. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>

#include "gateway/expr/var.h"
#include "tests/unit/gateway/support/rules.h"
#include "tests/unit/gateway/support/samples.h"

static struct rules t;

static int begin(void **state)
{
	(void)state;
	rules_setup(&t);
	rules_exchange(&t, RULES_ARENA);
	return 0;
}

static int end(void **state)
{
	(void)state;
	rules_cleanup(&t);
	return 0;
}

static struct var_ref ref(const char *name)
{
	struct var_ref r;

	if (!var_name_parse(words_line(&t.w, ""), slice_str(name), &r))
		fail_msg("%s", words_said(&t.w));
	return r;
}

static void set(const char *name, struct sample value)
{
	assert_true(var_set(&t.x, ref(name), &value));
}

/* As text; "-" when it is not set. */
static const char *value(const char *name)
{
	struct sample s;

	if (!var_get(&t.x, ref(name), &s))
		return "-";
	assert_true(sample_cast(&t.x, &s, SAMPLE_STR));
	return rules_text(&t, s.text);
}

static void names(void **state)
{
	static const char *const bad[] = { "", "a", "txn", "txn.", ".a", "TXN.a", "foo.a", "txn.a-b", "txn.a b", "txn.\xc3\xa9", "txn" };

	(void)state;
	assert_int_equal(ref("txn.a").id, ref("txn.a").id);
	assert_int_not_equal(ref("txn.a").id, ref("txn.b").id);
	assert_int_not_equal(ref("txn.a").id, ref("req.a").id);
	assert_int_equal(ref("sess.a.b_C9").scope, VAR_SESS);
	assert_int_equal(ref("res.a").scope, VAR_RES);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct var_ref r;

		if (var_name_parse(words_line(&t.w, ""), slice_str(bad[i]), &r))
			fail_msg("'%s' was taken", bad[i]);
		assert_non_null(strstr(words_said(&t.w), "invalid variable name"));
	}
}

static void every_type(void **state)
{
	struct sample s;

	(void)state;
	set("txn.v", sample_of_bool(true));
	assert_true(var_get(&t.x, ref("txn.v"), &s) && s.type == SAMPLE_BOOL && s.boolean);
	set("txn.v", sample_of_number(INT64_MIN));
	assert_true(var_get(&t.x, ref("txn.v"), &s) && s.type == SAMPLE_INT && s.integer == INT64_MIN);
	set("txn.v", sample_of_address("192.0.2.1"));
	assert_true(var_get(&t.x, ref("txn.v"), &s) && s.type == SAMPLE_ADDR && s.addr.ss_family == AF_INET);
	assert_string_equal(value("txn.v"), "192.0.2.1");
	set("txn.v", sample_of_address("2001:db8::1"));
	assert_string_equal(value("txn.v"), "2001:db8::1");
	set("txn.v", sample_of_bytes("\0\1\2", 3));
	assert_true(var_get(&t.x, ref("txn.v"), &s) && s.type == SAMPLE_BIN && slice_eq(s.text, slice_of("\0\1\2", 3)));
	set("txn.v", (struct sample){ .type = SAMPLE_METHOD, .text = SLICE("PUT") });
	assert_true(var_get(&t.x, ref("txn.v"), &s) && s.type == SAMPLE_METHOD);
	set("txn.v", sample_of_text(""));
	assert_string_equal(value("txn.v"), "");
}

static void scopes(void **state)
{
	static const char *const all[] = { "proc.a", "sess.a", "txn.a", "req.a", "res.a" };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		assert_string_equal(value(all[i]), "-");
		set(all[i], sample_of_number((int64_t)i));
	}
	for (size_t i = 0; i < 5; i++) {
		char expected[2] = { (char)('0' + i), '\0' };

		assert_string_equal(value(all[i]), expected);
	}
	vars_clear(&t.x.req, t.worker.vars);
	assert_string_equal(value("req.a"), "-");
	assert_string_equal(value("txn.a"), "2");
	vars_clear(&t.x.req, t.worker.vars); /* twice is as good */
	rules_exchange(&t, RULES_ARENA);     /* the next one of the same connection */
	assert_string_equal(value("txn.a"), "-");
	assert_string_equal(value("sess.a"), "1");
	assert_string_equal(value("proc.a"), "0");
}

static void unsetting(void **state)
{
	static const char *const all[] = { "proc.a", "sess.a", "txn.a" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		var_unset(&t.x, ref(all[i])); /* was never set */
		set(all[i], sample_of_text("x"));
		var_unset(&t.x, ref(all[i]));
		assert_string_equal(value(all[i]), "-");
		set(all[i], sample_of_text("y"));
		assert_string_equal(value(all[i]), "y");
	}
	set("txn.b", sample_of_text("b"));
	set("txn.c", sample_of_text("c"));
	var_unset(&t.x, ref("txn.b")); /* one between others */
	assert_string_equal(value("txn.a"), "y");
	assert_string_equal(value("txn.b"), "-");
	assert_string_equal(value("txn.c"), "c");
}

/* Around the size of a block, and up to the most. */
static void long_texts(void **state)
{
	static const size_t lengths[] = { 1, 207, 208, 209, 415, 416, 417, 1000, VAR_TEXT_MAX };
	static char text[VAR_TEXT_MAX + 1];
	struct sample s, more = sample_of_bytes(text, VAR_TEXT_MAX + 1);

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 23);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		set("txn.v", sample_of_bytes(text, lengths[i]));
		assert_true(var_get(&t.x, ref("txn.v"), &s));
		assert_int_equal(s.text.len, lengths[i]);
		assert_memory_equal(s.text.ptr, text, lengths[i]);
	}
	set("txn.v", sample_of_text("short"));
	set("proc.v", sample_of_text("short"));
	assert_false(var_set(&t.x, ref("txn.v"), &more));
	assert_false(var_set(&t.x, ref("proc.v"), &more));
	assert_string_equal(value("txn.v"), "short"); /* stays */
	assert_string_equal(value("proc.v"), "short");
}

/* A variable may be set to what was read from it. */
static void to_itself(void **state)
{
	static char text[600];
	struct sample s;

	(void)state;
	memset(text, 'x', sizeof(text));
	for (int i = 0; i < 2; i++) {
		const char *name = i == 0 ? "txn.v" : "proc.v";

		set(name, sample_of_bytes(text, sizeof(text)));
		assert_true(var_get(&t.x, ref(name), &s));
		set(name, s);
		assert_true(var_get(&t.x, ref(name), &s));
		assert_true(slice_eq(s.text, slice_of(text, sizeof(text))));
	}
}

static void of_the_configuration(void **state)
{
	struct sample s = sample_of_text("from the file");

	(void)state;
	assert_true(var_set_proc(words_line(&t.w, ""), ref("proc.v"), &s));
	assert_string_equal(value("proc.v"), "from the file");
	s.text.len = VAR_TEXT_MAX + 1;
	assert_false(var_set_proc(words_line(&t.w, ""), ref("proc.v"), &s));
	assert_non_null(strstr(words_said(&t.w), "has at most 4096 bytes"));
}

static void without_memory(void **state)
{
	char text[600];

	(void)state;
	memset(text, 'x', sizeof(text));
	set("txn.v", sample_of_bytes(text, sizeof(text)));
	set("proc.v", sample_of_text("abc"));
	arena_free(&t.x.arena);
	t.x.arena = arena_create(64, 64);
	rules_exhaust(&t);
	assert_string_equal(value("txn.v"), "-"); /* its parts cannot be joined */
	assert_string_equal(value("proc.v"), "-");
}

/* ---- several threads ---- */

static struct var_ref shared;

/* Two threads set two texts; each reads one of them, whole. */
static void *other_thread(void *arg)
{
	static const char *const texts[] = { "aaaaaaaaaaaaaaaa", "bbbbbbbb" };
	struct worker w = { .gateway = &t.gateway };
	struct exchange x = { .worker = &w, .arena = arena_create(4096, 0) };
	long wrong = 0;

	for (int i = 0; i < 20000; i++) {
		struct sample s = sample_of_text(texts[(i + *(int *)arg) % 2]);

		wrong += !var_set(&x, shared, &s);
		wrong += !var_get(&x, shared, &s) || (!slice_eq(s.text, slice_str(texts[0])) && !slice_eq(s.text, slice_str(texts[1])));
		arena_reset(x.arena);
	}
	arena_free(&x.arena);
	return (void *)wrong;
}

static void threads_share_proc(void **state)
{
	int which[2] = { 0, 1 };
	pthread_t threads[2];
	void *wrong;

	(void)state;
	shared = ref("proc.shared");
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, other_thread, &which[i]), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names), TEST(every_type), TEST(scopes), TEST(unsetting), TEST(long_texts), TEST(to_itself), TEST(of_the_configuration),
		TEST(without_memory), TEST(threads_share_proc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

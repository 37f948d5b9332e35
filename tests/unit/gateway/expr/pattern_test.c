/* pattern_test.c - sets of patterns: what each kind of match finds, which of several counts, files, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "gateway/expr/pattern.h"
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

static void add(struct patterns *s, const char *word, bool ignore_case, const char *value)
{
	if (!patterns_add(&t.w.p, s, slice_str(word), ignore_case, slice_str(value), patterns_count(s) + 1))
		fail_msg("%s: %s", word, words_said(&t.w));
}

/* A set of the words of a line. */
static struct patterns *set_of(enum match_kind kind, bool ignore_case, const char *line)
{
	struct parse *p = words_line(&t.w, line);
	struct patterns *s = patterns_create(p, kind, false);

	for (unsigned i = 0; i < p->count; i++)
		add(s, p->words[i].ptr, ignore_case, NULL);
	patterns_finish(p, s);
	assert_int_equal(patterns_count(s), p->count);
	return s;
}

/* The line of the pattern that was found; 0: none. */
static unsigned found(const struct patterns *s, struct sample v)
{
	const struct pattern *at = patterns_find(s, &t.x, &v);

	return at == NULL ? 0 : at->line;
}

static unsigned found_text(const struct patterns *s, const char *text)
{
	return found(s, sample_of_text(text));
}

struct text_case {
	enum match_kind kind;
	const char *pattern, *text;
	bool plain, folded; /* whether it fits, with and without regard to case */
};

static void texts(void **state)
{
	static const struct text_case cases[] = {
		{ MATCH_STR, "/a", "/a", true, true }, { MATCH_STR, "/a", "/A", false, true }, { MATCH_STR, "/a", "/ab", false, false },
		{ MATCH_STR, "/a", "/", false, false }, { MATCH_STR, "/a", "", false, false },
		{ MATCH_BEG, "/a", "/abc", true, true }, { MATCH_BEG, "/a", "/Abc", false, true }, { MATCH_BEG, "/a", "/a", true, true },
		{ MATCH_BEG, "/abc", "/ab", false, false }, { MATCH_BEG, "/a", "x/a", false, false },
		{ MATCH_END, ".gif", "/a.gif", true, true }, { MATCH_END, ".gif", "/a.GIF", false, true }, { MATCH_END, ".gif", ".gif", true, true },
		{ MATCH_END, ".gif", "/a.gifs", false, false }, { MATCH_END, ".gif", "gif", false, false },
		{ MATCH_SUB, "bc", "abcd", true, true }, { MATCH_SUB, "bc", "aBCd", false, true }, { MATCH_SUB, "bc", "bc", true, true },
		{ MATCH_SUB, "bc", "abd", false, false }, { MATCH_SUB, "bcd", "bc", false, false }, { MATCH_SUB, "bbc", "bbbc", true, true },
		{ MATCH_DIR, "b", "/a/b/c", true, true }, { MATCH_DIR, "/b/", "/a/b", true, true }, { MATCH_DIR, "b", "/a/B/c", false, true },
		{ MATCH_DIR, "b", "/ab/c", false, false }, { MATCH_DIR, "b", "/a/bc", false, false }, { MATCH_DIR, "a/b", "/a/b/c", true, true },
		{ MATCH_DIR, "b", "b", true, true }, { MATCH_DIR, "b", "/a?b", true, true }, { MATCH_DIR, "b", "/a.b", false, false },
		{ MATCH_DIR, "b", "/", false, false },
		{ MATCH_DOM, "shop", "www.shop.example", true, true }, { MATCH_DOM, "shop.example", "www.shop.example:80", true, true },
		{ MATCH_DOM, ".shop.", "SHOP:80", false, true }, { MATCH_DOM, "shop", "www.shops.example", false, false },
		{ MATCH_DOM, "shop", "ashop.example", false, false }, { MATCH_DOM, "80", "shop:80", true, true },
		{ MATCH_REG, "^/[ab]+$", "/abba", true, true }, { MATCH_REG, "^/[ab]+$", "/ABBA", false, true },
		{ MATCH_REG, "b", "abc", true, true }, { MATCH_REG, "^b", "abc", false, false }, { MATCH_REG, "^$", "", true, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct text_case *c = &cases[i];

		if ((found_text(set_of(c->kind, false, c->pattern), c->text) == 1) != c->plain)
			fail_msg("%s in %s: not %d", c->pattern, c->text, c->plain);
		if ((found_text(set_of(c->kind, true, c->pattern), c->text) == 1) != c->folded)
			fail_msg("-i %s in %s: not %d", c->pattern, c->text, c->folded);
	}
}

static void empty_patterns(void **state)
{
	static const struct {
		enum match_kind kind;
		bool fits_text, fits_nothing;
	} cases[] = {
		{ MATCH_STR, false, true }, { MATCH_BEG, true, true }, { MATCH_END, true, true }, { MATCH_SUB, true, true },
		{ MATCH_DIR, false, false }, { MATCH_DOM, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct patterns *s = patterns_create(&t.w.p, cases[i].kind, false);

		add(s, "", false, NULL);
		patterns_finish(&t.w.p, s);
		assert_int_equal(found_text(s, "a"), cases[i].fits_text);
		assert_int_equal(found_text(s, ""), cases[i].fits_nothing);
	}
	assert_int_equal(found_text(set_of(MATCH_STR, false, ""), "a"), 0); /* no pattern at all */
}

/* The longest prefix counts, of all others the first that fits. */
static void which_of_several(void **state)
{
	(void)state;
	assert_int_equal(found_text(set_of(MATCH_BEG, false, "/a /a/b /"), "/a/b/c"), 2);
	assert_int_equal(found_text(set_of(MATCH_BEG, false, "/a /a/b /"), "/x"), 3);
	assert_int_equal(found_text(set_of(MATCH_BEG, false, "/a /a"), "/a"), 1);
	assert_int_equal(found_text(set_of(MATCH_END, false, "c bc"), "abc"), 1);
	assert_int_equal(found_text(set_of(MATCH_SUB, false, "x b bc"), "abc"), 2);
	assert_int_equal(found_text(set_of(MATCH_REG, false, "x ^a a"), "a"), 2);
	assert_int_equal(found_text(set_of(MATCH_STR, false, "a b a"), "a"), 1);
}

static void numbers(void **state)
{
	struct patterns *s = set_of(MATCH_INT, false, "5 10:20 :-7 100: +3");

	(void)state;
	assert_int_equal(found(s, sample_of_number(5)), 1);
	assert_int_equal(found(s, sample_of_number(10)), 2);
	assert_int_equal(found(s, sample_of_number(20)), 2);
	assert_int_equal(found(s, sample_of_number(21)), 0);
	assert_int_equal(found(s, sample_of_number(-7)), 3);
	assert_int_equal(found(s, sample_of_number(INT64_MIN)), 3);
	assert_int_equal(found(s, sample_of_number(-6)), 0);
	assert_int_equal(found(s, sample_of_number(INT64_MAX)), 4);
	assert_int_equal(found(s, sample_of_number(99)), 0);
	assert_int_equal(found(s, sample_of_number(3)), 5);
	s = patterns_create(&t.w.p, MATCH_INT, false);
	patterns_add_range(&t.w.p, s, 3, 4);
	patterns_finish(&t.w.p, s);
	assert_int_equal(patterns_count(s), 1);
	assert_non_null(patterns_find(s, &t.x, &(struct sample){ .type = SAMPLE_INT, .integer = 4 }));
	assert_null(patterns_find(s, &t.x, &(struct sample){ .type = SAMPLE_INT, .integer = 5 }));
	s = set_of(MATCH_LEN, false, "2:3");
	assert_int_equal(found_text(s, "a"), 0);
	assert_int_equal(found_text(s, "abc"), 1);
	assert_int_equal(found_text(s, "abcd"), 0);
}

static void bytes(void **state)
{
	struct patterns *s = set_of(MATCH_BIN, true, "00ff 4142");

	(void)state;
	assert_int_equal(found(s, sample_of_bytes("\0\xff", 2)), 1);
	assert_int_equal(found(s, sample_of_bytes("AB", 2)), 2);
	assert_int_equal(found(s, sample_of_bytes("ab", 2)), 0); /* bytes have no case */
	assert_int_equal(found(s, sample_of_bytes("A", 1)), 0);
}

static void methods(void **state)
{
	struct patterns *s = set_of(MATCH_METHOD, false, "GET BREW HEAD");
	struct sample v = { .type = SAMPLE_METHOD };

	(void)state;
	v.text = SLICE_LIT("GET");
	assert_int_equal(found(s, v), 1);
	v.text = SLICE_LIT("BREW");
	assert_int_equal(found(s, v), 2);
	v.text = SLICE_LIT("brew");
	assert_int_equal(found(s, v), 0);
	v.text = SLICE_LIT("get"); /* another method: case matters */
	assert_int_equal(found(s, v), 0);
	v.text = SLICE_LIT("POST");
	assert_int_equal(found(s, v), 0);
}

/* ---- many exact texts: hashed ---- */

static void many_texts(void **state)
{
	struct patterns *s = patterns_create(&t.w.p, MATCH_STR, false);
	char word[16];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(word, sizeof(word), "Word%u", i % 500); /* each twice: the first counts */
		add(s, arena_copy(t.w.p.arena, slice_str(word)).ptr, false, NULL);
	}
	for (unsigned i = 0; i < 100; i++) {
		snprintf(word, sizeof(word), "Fold%u", i);
		add(s, arena_copy(t.w.p.arena, slice_str(word)).ptr, true, NULL);
	}
	add(s, "word7", true, NULL);
	patterns_finish(&t.w.p, s);
	for (unsigned i = 0; i < 500; i++) {
		snprintf(word, sizeof(word), "Word%u", i);
		assert_int_equal(found_text(s, word), i + 1);
		snprintf(word, sizeof(word), "wORD%u", i);
		assert_int_equal(found_text(s, word), i == 7 ? 1101 : 0);
	}
	for (unsigned i = 0; i < 100; i++) {
		snprintf(word, sizeof(word), "fOLD%u", i);
		assert_int_equal(found_text(s, word), 1001 + i);
	}
	assert_int_equal(found_text(s, "Word500"), 0);
	assert_int_equal(found_text(s, ""), 0);
}

/* One below and one above the border give the same answers. */
static void the_border_of_the_index(void **state)
{
	(void)state;
	for (unsigned size = PATTERN_LINEAR_MAX - 1; size <= PATTERN_LINEAR_MAX + 2; size++) {
		struct patterns *s = patterns_create(&t.w.p, MATCH_STR, false);
		char word[16];

		for (unsigned i = 0; i < size; i++) {
			snprintf(word, sizeof(word), "w%u", i);
			add(s, arena_copy(t.w.p.arena, slice_str(word)).ptr, false, NULL);
		}
		patterns_finish(&t.w.p, s);
		assert_int_equal(found_text(s, "w0"), 1);
		assert_int_equal(found_text(s, arena_printf(t.w.p.arena, "w%u", size - 1).ptr), size);
		assert_int_equal(found_text(s, arena_printf(t.w.p.arena, "w%u", size).ptr), 0);
	}
}

/* ---- addresses ---- */

static void addresses(void **state)
{
	struct patterns *s = set_of(MATCH_IP, false, "192.0.2.0/24 192.0.2.7 10.0.0.0/8 2001:db8::/32 2001:db8::7 127.1 0.0.0.0/0");
	static const struct {
		const char *address;
		unsigned line;
	} cases[] = {
		{ "192.0.2.1", 1 }, { "192.0.2.7", 2 }, { "10.255.0.1", 3 }, { "2001:db8:1::1", 4 }, { "2001:db8::7", 5 }, { "127.0.0.1", 6 },
		{ "198.51.100.1", 7 }, { "2001:db9::1", 0 }, { "::ffff:192.0.2.7", 2 }, { "::192.0.2.7", 2 }, { "2002:c000:207::1", 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (found(s, sample_of_address(cases[i].address)) != cases[i].line)
			fail_msg("%s: line %u, not %u", cases[i].address, found(s, sample_of_address(cases[i].address)), cases[i].line);
	}
	assert_int_equal(found(s, (struct sample){ .type = SAMPLE_ADDR, .addr.ss_family = AF_UNIX }), 0);
}

static void masks(void **state)
{
	(void)state;
	assert_int_equal(found(set_of(MATCH_IP, false, "192.0.2.99/255.255.255.0"), sample_of_address("192.0.2.1")), 1);
	assert_int_equal(found(set_of(MATCH_IP, false, "192.0.2.1/255.255.255.255"), sample_of_address("192.0.2.2")), 0);
	assert_int_equal(found(set_of(MATCH_IP, false, "192.0.2.128/25"), sample_of_address("192.0.2.127")), 0);
	assert_int_equal(found(set_of(MATCH_IP, false, "192.0.2.128/25"), sample_of_address("192.0.2.128")), 1);
	assert_int_equal(found(set_of(MATCH_IP, false, "1.2.3.4/0.0.0.0"), sample_of_address("9.9.9.9")), 1);
	assert_int_equal(found(set_of(MATCH_IP, false, "10.0.7.0/255.0.255.0"), sample_of_address("10.9.7.9")), 1); /* a hole */
	assert_int_equal(found(set_of(MATCH_IP, false, "10.0.7.0/255.0.255.0"), sample_of_address("10.9.8.9")), 0);
	assert_int_equal(found(set_of(MATCH_IP, false, "::/0"), sample_of_address("2001:db8::1")), 1);
	assert_int_equal(found(set_of(MATCH_IP, false, "2001:db8::1/127"), sample_of_address("2001:db8::")), 1);
	assert_int_equal(found(set_of(MATCH_IP, false, "2001:db8::1/127"), sample_of_address("2001:db8::2")), 0);
}

/* The same network twice: the first counts; many of one length are searched by halves. */
static void many_networks(void **state)
{
	struct patterns *s = patterns_create(&t.w.p, MATCH_IP, false);
	char word[32];

	(void)state;
	for (unsigned i = 0; i < 512; i++) {
		snprintf(word, sizeof(word), "10.%u.%u.0/24", i / 7 % 32, (i * 37) % 256);
		add(s, arena_copy(t.w.p.arena, slice_str(word)).ptr, false, NULL);
	}
	patterns_finish(&t.w.p, s);
	for (unsigned i = 0; i < 512; i++) {
		unsigned line;

		snprintf(word, sizeof(word), "10.%u.%u.9", i / 7 % 32, (i * 37) % 256);
		line = found(s, sample_of_address(word));
		assert_true(line >= 1 && line <= i + 1);
		assert_true((line - 1) / 7 % 32 == i / 7 % 32 && (line - 1) * 37 % 256 == i * 37 % 256);
	}
	assert_int_equal(found(s, sample_of_address("10.32.0.1")), 0);
}

/* ---- files ---- */

static const char *file_of(const char *text)
{
	char path[] = "/tmp/pattern_test.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return arena_copy(t.w.p.arena, slice_str(path)).ptr;
}

static bool load(struct patterns *s, const char *text, bool map)
{
	const char *path = file_of(text);
	bool good = patterns_load(words_line(&t.w, ""), s, slice_str(path), false, map);

	unlink(path);
	patterns_finish(&t.w.p, s);
	return good;
}

static void files_of_patterns(void **state)
{
	struct patterns *s = patterns_create(&t.w.p, MATCH_STR, false);

	(void)state;
	assert_true(load(s, "# a comment\n/a\n\n  \t\n  /b c \r\n#/c\nlast", false));
	assert_int_equal(patterns_count(s), 3);
	assert_int_equal(found_text(s, "/a"), 2); /* its line */
	assert_int_equal(found_text(s, "/b c "), 5);
	assert_int_equal(found_text(s, "last"), 7);
	assert_int_equal(found_text(s, "# a comment"), 0);
	assert_true(load(patterns_create(&t.w.p, MATCH_STR, false), "", false));
	assert_int_equal(t.w.p.line, 7);
}

static void files_of_maps(void **state)
{
	struct patterns *s = patterns_create(&t.w.p, MATCH_STR, false);
	const struct pattern *at;

	(void)state;
	assert_true(load(s, "/a one two \n/b\tx\n/c\n", true));
	at = patterns_first(s);
	assert_true(slice_eq(at->text, SLICE_LIT("/a")) && slice_eq(at->value, SLICE_LIT("one two")));
	assert_true(slice_eq(at->next->text, SLICE_LIT("/b")) && slice_eq(at->next->value, SLICE_LIT("x")));
	assert_true(slice_eq(at->next->next->text, SLICE_LIT("/c")) && at->next->next->value.len == 0);
	assert_null(at->next->next->next);
}

static void files_that_are_no_good(void **state)
{
	struct patterns *s = patterns_create(&t.w.p, MATCH_INT, false);

	(void)state;
	assert_false(load(s, "1\n2\nx\n4\n", false));
	assert_non_null(strstr(words_said(&t.w), ":3] : 'x' is neither a number nor a range"));
	assert_true(slice_eq(t.w.p.file, SLICE_LIT("t.cfg")));
	assert_false(patterns_load(words_line(&t.w, ""), s, SLICE_LIT("/nowhere/at/all"), false, false));
	assert_non_null(strstr(words_said(&t.w), "failed to open pattern file </nowhere/at/all>"));
	assert_false(patterns_load(words_line(&t.w, ""), s, SLICE_LIT("/tmp"), false, false)); /* a folder can be opened, but not read */
	assert_non_null(strstr(words_said(&t.w), "failed to read pattern file </tmp>"));
}

/* ---- what is refused ---- */

static void mistakes(void **state)
{
	static const struct {
		enum match_kind kind;
		const char *word, *said;
	} cases[] = {
		{ MATCH_INT, "x", "neither a number nor a range" }, { MATCH_INT, "5x", "neither" }, { MATCH_INT, "", "neither" },
		{ MATCH_INT, "-", "neither" }, { MATCH_INT, "1:2:3", "neither" }, { MATCH_INT, "9:5", "range that is empty" },
		{ MATCH_BIN, "abc", "even number of hexadecimal digits" }, { MATCH_BIN, "zz", "even number" },
		{ MATCH_IP, "shop.example", "not a valid IPv4 or IPv6 address" }, { MATCH_IP, "1.2.3.4.5", "not a valid" },
		{ MATCH_IP, "1.2.3.256", "not a valid" }, { MATCH_IP, "1.2.3.4/33", "not a valid" }, { MATCH_IP, "::1/129", "not a valid" },
		{ MATCH_IP, "::1/ffff::", "not a valid" }, { MATCH_IP, "1.2.3.4/", "not a valid" }, { MATCH_IP, "", "not a valid" },
		{ MATCH_REG, "(", "is invalid" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct parse *p = words_line(&t.w, "");
		struct patterns *s = patterns_create(p, cases[i].kind, false);

		if (patterns_add(p, s, slice_str(cases[i].word), false, SLICE_NONE, 1))
			fail_msg("'%s' was taken", cases[i].word);
		assert_non_null(strstr(words_said(&t.w), cases[i].said));
		assert_int_equal(patterns_count(s), 0);
	}
}

static void kinds(void **state)
{
	(void)state;
	assert_int_equal(match_kind_of(SLICE_LIT("beg")), MATCH_BEG);
	assert_int_equal(match_kind_of(SLICE_LIT("found")), MATCH_FOUND);
	assert_int_equal(match_kind_of(SLICE_LIT("begin")), -1);
	assert_int_equal(match_kind_of(SLICE_LIT("method")), -1); /* is implied, never written */
	assert_int_equal(match_kind_default(SAMPLE_INT), MATCH_INT);
	assert_int_equal(match_kind_default(SAMPLE_METHOD), MATCH_METHOD);
	assert_int_equal(match_kind_default(SAMPLE_BIN), -1);
	assert_int_equal(match_kind_default(SAMPLE_ANY), -1);
	assert_int_equal(patterns_type(set_of(MATCH_IP, false, "")), SAMPLE_ADDR);
	assert_int_equal(match_kind_type(MATCH_LEN), SAMPLE_STR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(texts), TEST(empty_patterns), TEST(which_of_several), TEST(numbers), TEST(bytes), TEST(methods), TEST(many_texts),
		TEST(the_border_of_the_index), TEST(addresses), TEST(masks), TEST(many_networks), TEST(files_of_patterns), TEST(files_of_maps),
		TEST(files_that_are_no_good), TEST(mistakes), TEST(kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

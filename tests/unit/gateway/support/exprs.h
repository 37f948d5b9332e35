/* exprs.h - for tests of fetches and converters: tables of expressions and what they yield on the exchange of a struct rules. Header only. */
#ifndef MOA_TESTS_UNIT_GATEWAY_SUPPORT_EXPRS_H
#define MOA_TESTS_UNIT_GATEWAY_SUPPORT_EXPRS_H

#include <stdio.h>
#include "tests/unit/gateway/support/rules.h"

struct expr_case {
	const char *expr;
	const char *yields; /* "integer 5", "string ab", "boolean 1", "address 192.0.2.1", "binary 00ff", "method GET"; "" for no value */
};

/* Setup and teardown of a test: *state is a struct rules with the request "GET /". */
static inline int exprs_begin(void **state)
{
	struct rules *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	rules_setup(t);
	rules_get(t, "/");
	*state = t;
	return 0;
}

static inline int exprs_end(void **state)
{
	rules_cleanup(*state);
	free(*state);
	return 0;
}

#define EXPRS_TEST(function) cmocka_unit_test_setup_teardown(function, exprs_begin, exprs_end)

static inline void exprs_write(const struct sample *s, struct exchange *x, struct buf *out)
{
	buf_printf(out, "%s ", sample_type_name(s->type));
	switch (s->type) {
	case SAMPLE_BOOL:
		buf_printf(out, "%d", s->boolean);
		break;
	case SAMPLE_INT:
		buf_add_i64(out, s->integer);
		break;
	case SAMPLE_ADDR:
		buf_add_slice(out, sample_addr_text(x, &s->addr));
		break;
	case SAMPLE_BIN:
		for (size_t i = 0; i < s->text.len; i++)
			buf_printf(out, "%02x", (unsigned char)s->text.ptr[i]);
		break;
	default:
		buf_add_slice(out, s->text);
	}
}

/* Reads <text> for a rule on the response, if there is one, else on the request; a complaint ends the test. */
static inline struct expr *exprs_read(struct rules *t, const char *text)
{
	unsigned when = t->x.response.status != 0 ? WHEN_IN_RESPONSE : WHEN_IN_REQUEST;
	struct expr *e = expr_parse(rules_words(t, ""), slice_str(text), when, "test");

	if (e == NULL)
		fail_msg("%s: %s", text, words_said(&t->w));
	assert_string_equal(rules_resolve(t), "");
	return e;
}

/* What <text> yields on t->x, in t->copy. */
static inline const char *exprs_get(struct rules *t, const char *text)
{
	const struct expr *e = exprs_read(t, text);
	struct sample s = { .type = SAMPLE_ANY };
	struct buf out;

	buf_init_fixed(&out, t->copy, sizeof(t->copy));
	if (expr_get(e, &t->x, &s))
		exprs_write(&s, &t->x, &out);
	buf_add_char(&out, '\0');
	assert_true(buf_ok(&out));
	return t->copy;
}

/* All its values, as a condition sees them: without their types, joined by '|'. */
static inline const char *exprs_all(struct rules *t, const char *text)
{
	const struct expr *e = exprs_read(t, text);
	struct walk w = { .begun = false };
	struct sample s = { .type = SAMPLE_ANY };
	struct buf out;

	buf_init_fixed(&out, t->copy, sizeof(t->copy));
	while (expr_next(e, &t->x, &w, &s)) {
		assert_true(sample_cast(&t->x, &s, SAMPLE_STR));
		if (out.len > 0)
			buf_add_char(&out, '|');
		buf_add_slice(&out, s.text);
	}
	buf_add_char(&out, '\0');
	assert_true(buf_ok(&out));
	return t->copy;
}

static inline void exprs_check(struct rules *t, const struct expr_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(exprs_get(t, cases[i].expr), cases[i].yields) != 0)
			fail_msg("%s yields '%s', not '%s'", cases[i].expr, t->copy, cases[i].yields);
	}
}

/* What cannot be read; <yields> is a part of what is said. */
static inline void exprs_refused(struct rules *t, const struct expr_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct expr *e = expr_parse(rules_words(t, ""), slice_str(cases[i].expr), WHEN_IN_REQUEST, "test");

		if (e != NULL)
			fail_msg("%s was taken", cases[i].expr);
		if (strstr(words_said(&t->w), cases[i].yields) == NULL)
			fail_msg("%s: '%s' lacks '%s'", cases[i].expr, words_said(&t->w), cases[i].yields);
	}
}

/* That those which need memory yield nothing, and nothing worse happens, when an exchange has no more. <lines>: its head. */
static inline void exprs_without_memory(struct rules *t, const char *lines, const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		(void)rules_request_limited(t, lines, 64);
		while (arena_alloc(t->x.arena, 16) != NULL)
			;
		if (exprs_get(t, texts[i])[0] != '\0')
			fail_msg("%s yields '%s' without memory", texts[i], t->copy);
	}
}

#define EXPRS(table) (table), sizeof(table) / sizeof((table)[0])

#endif

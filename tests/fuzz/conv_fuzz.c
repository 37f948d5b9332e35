/* conv_fuzz.c - libFuzzer target: converters of the gateway on any text: what is encoded and decoded again is the same, and what comes out can
 * be read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/hash.h"
#include "tests/unit/gateway/support/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Behind "req.body,". */
static const char *const any[] = {
	"b64dec", "ub64dec", "hex2i", "be2dec(:,3)", "be2hex(-,2,1)", "url_dec", "url_dec(1)", "json", "json(utf8s)", "json(utf8p)",
	"json(utf8ps)", "json_query($)", "json_query($.a)", "json_query($.a[1].b,int)", "json_query($[2][0])", "language(de;en,fr)", "field(2,/)",
	"field(-2,/;,2)", "word(2,/ )", "word(-2,/,0)", "bytes(3,5)", "ltrim(\" \")", "rtrim(\" \")", "cut_crlf", "lower", "upper", "host_only",
	"port_only", "regsub(\"(a|b)+\",<\\1>,g)", "crc32c", "wt6", "xxh32", "xxh64", "xxh3(5)", "sha1", "sha2(224)", "sha2(512)", "lower,add(7)",
	"lower,ipmask(20,50)",
};
enum { ANY = sizeof(any) / sizeof(any[0]) };

/* The first gives the text back. */
static const char *const round_trips[] = { "base64,b64dec", "ub64enc,ub64dec", "hex,lower,length", "url_enc,url_dec" };
enum { BASE64, BASE64_OF_URLS, HEX, PERCENT, ROUND_TRIPS };

struct compiled {
	struct rules rules;
	struct expr *any[ANY], *round_trips[ROUND_TRIPS], *escape, *query;
};

static struct expr *compile(struct rules *t, const char *converters)
{
	struct slice text = arena_printf(t->w.p.arena, "req.body,%s", converters);
	struct expr *e = expr_parse(rules_words(t, ""), text, WHEN_IN_REQUEST, "test");

	must(e != NULL);
	return e;
}

static struct compiled *compiled(void)
{
	static struct compiled *c;

	if (c != NULL)
		return c;
	c = calloc(1, sizeof(*c));
	must(c != NULL);
	rules_setup(&c->rules);
	(void)rules_get(&c->rules, "/");
	for (int i = 0; i < ANY; i++)
		c->any[i] = compile(&c->rules, any[i]);
	for (int i = 0; i < ROUND_TRIPS; i++)
		c->round_trips[i] = compile(&c->rules, round_trips[i]);
	c->escape = compile(&c->rules, "json(utf8)");
	c->query = compile(&c->rules, "json_query($)");
	return c;
}

/* All bytes of a result can be read: with sanitizers this ends the run when they cannot. */
static void touch(const struct sample *s)
{
	if (s->type >= SAMPLE_STR)
		(void)hash_fnv64(s->text);
}

/* The exchange with that body, and all its memory. */
static struct exchange *exchange(struct compiled *c, struct slice body)
{
	struct exchange *x = &c->rules.x;

	arena_reset(x->arena);
	x->body = body;
	return x;
}

static void there_and_back(struct compiled *c, struct slice text)
{
	struct slice until_nul = slice_sub(text, 0, slice_find(text, '\0')); /* a text ends there */
	struct exchange *x = exchange(c, text);
	struct sample s;

	must(expr_get(c->round_trips[BASE64], x, &s) && slice_eq(s.text, text));
	must(expr_get(c->round_trips[BASE64_OF_URLS], x, &s) && slice_eq(s.text, text));
	must(expr_get(c->round_trips[HEX], x, &s) && s.integer == 2 * (int64_t)text.len);
	must(expr_get(c->round_trips[PERCENT], x, &s) && slice_eq(s.text, until_nul));
	if (expr_get(c->escape, x, &s)) {
		struct slice quoted = arena_printf(x->arena, "\"%.*s\"", SLICE_ARG(s.text));

		must(slice_is_utf8(until_nul));
		x->body = quoted;
		must(expr_get(c->query, x, &s) && s.type == SAMPLE_STR && slice_eq(s.text, until_nul));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(size == 0 ? "" : (const char *)data, size);
	struct compiled *c = compiled();
	struct sample s;

	for (int i = 0; i < ANY; i++) {
		if (expr_get(c->any[i], exchange(c, text), &s))
			touch(&s);
	}
	there_and_back(c, text);
	return 0;
}

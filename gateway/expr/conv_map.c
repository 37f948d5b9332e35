/* conv_map.c - converters that look a value up in a file: map, map_beg, map_ip_int, … (manual, 7.3.1). */
#include "gateway/expr/tables.h"

#include "gateway/conf/parse.h"
#include "gateway/expr/arg.h"
#include "gateway/expr/pattern.h"
#include "gateway/expr/regex.h"
#include "gateway/session/exchange.h"

/* What comes out; EXPANDED: a text whose \1 to \9 are replaced by what the key's groups matched. */
enum output { TEXT, EXPANDED, NUMBER, ADDRESS, OUTPUTS };

/* args->data: how it is matched, and what comes out. */
#define DATA(match, output) ((match) * OUTPUTS + (output))

static enum match_kind match_of(const struct args *a)
{
	return (enum match_kind)(a->data / OUTPUTS);
}

static enum output output_of(const struct args *a)
{
	return (enum output)(a->data % OUTPUTS);
}

/* What check() makes of the arguments. */
struct map {
	struct patterns *patterns;
	struct sample otherwise; /* for what is not in the file */
	bool has_otherwise;
};

static bool read_value(struct parse *p, enum output output, struct slice text, struct sample *out)
{
	size_t used;

	switch (output) {
	case NUMBER:
		(void)sample_set_int(out, sample_text_number(text, &used));
		if (used > 0 && used == text.len && text.ptr[used - 1] >= '0' && text.ptr[used - 1] <= '9')
			return true;
		parse_error(p, "'%.*s' is no number", SLICE_ARG(text));
		return false;
	case ADDRESS:
		out->type = SAMPLE_ADDR;
		if (sample_text_addr(text, &out->addr))
			return true;
		parse_error(p, "'%.*s' is no address", SLICE_ARG(text));
		return false;
	default:
		return sample_set_text(out, text);
	}
}

/* Makes samples of the values of all lines. */
static bool read_values(struct parse *p, const struct args *a, const struct patterns *patterns)
{
	struct slice file = p->file;
	unsigned line = p->line;
	bool good = true;

	p->file = a->at[0].text; /* complaints name the line that is wrong */
	for (struct pattern *t = patterns_first(patterns); good && t != NULL; t = t->next) {
		t->converted = arena_alloc(p->arena, sizeof(*t->converted));
		p->line = t->line;
		good = read_value(p, output_of(a), t->value, t->converted) &&
		       (output_of(a) != EXPANDED || regex_check_replacement(p, t->value));
	}
	p->file = file;
	p->line = line;
	return good;
}

static bool check_map(struct parse *p, struct args *a)
{
	struct map *m = arena_alloc(p->arena, sizeof(*m));

	a->made = m;
	m->has_otherwise = a->at[1].given;
	if (m->has_otherwise && !read_value(p, output_of(a), a->at[1].text, &m->otherwise))
		return false;
	m->patterns = patterns_create(p, match_of(a), output_of(a) == EXPANDED);
	if (!patterns_load(p, m->patterns, a->at[0].text, false, true) || !read_values(p, a, m->patterns))
		return false;
	patterns_finish(p, m->patterns);
	return true;
}

/* The line's value, its \1 … replaced. */
static bool expand(struct exchange *x, const struct pattern *t, struct slice key, struct sample *s)
{
	struct regex_match m;

	return regex_find(t->regex, x, key, 0, &m) && sample_set_text(s, regex_expand(x, t->value, &m));
}

static bool conv_map_find(struct exchange *x, const struct args *a, struct sample *s)
{
	const struct map *m = a->made;
	const struct pattern *t = patterns_find(m->patterns, x, s);

	if (t != NULL && output_of(a) == EXPANDED)
		return expand(x, t, s->text, s);
	if (t == NULL && !m->has_otherwise)
		return false;
	*s = t != NULL ? *t->converted : m->otherwise;
	return true;
}

#define MAP(word, in, match, out, output)								\
	{ .name = "map" word, .args = "s|s", .from = in, .to = out, .data = DATA(match, output),	\
	  .convert = conv_map_find, .check = check_map }
#define MAPS(word, in, match)					\
	MAP(word, in, match, SAMPLE_STR, TEXT),			\
	MAP(word "_int", in, match, SAMPLE_INT, NUMBER),	\
	MAP(word "_ip", in, match, SAMPLE_ADDR, ADDRESS)

const struct converter conv_map[] = {
	MAP("", SAMPLE_STR, MATCH_STR, SAMPLE_STR, TEXT),
	MAPS("_str", SAMPLE_STR, MATCH_STR),
	MAPS("_beg", SAMPLE_STR, MATCH_BEG),
	MAPS("_sub", SAMPLE_STR, MATCH_SUB),
	MAPS("_dir", SAMPLE_STR, MATCH_DIR),
	MAPS("_dom", SAMPLE_STR, MATCH_DOM),
	MAPS("_end", SAMPLE_STR, MATCH_END),
	MAPS("_reg", SAMPLE_STR, MATCH_REG),
	MAP("_regm", SAMPLE_STR, MATCH_REG, SAMPLE_STR, EXPANDED),
	MAPS("_int", SAMPLE_INT, MATCH_INT),
	MAPS("_ip", SAMPLE_ADDR, MATCH_IP),
	{ .name = NULL },
};

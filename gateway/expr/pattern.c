/* pattern.c - sets of patterns: read word by word or from files, indexed once, searched for each value. */
#include "gateway/expr/pattern.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "gateway/conf/parse.h"
#include "gateway/expr/regex.h"
#include "shared/base/buf.h"

#define FILE_MAX (64 << 20) /* bytes of a pattern file */

/* Those that are compared with one regard to case, for exact texts. */
struct bag {
	unsigned count;
	unsigned slots;          /* a power of two, at least twice the count; 0: walk the list */
	const struct pattern **table;
};

struct patterns {
	enum match_kind kind;
	bool groups;
	unsigned count;
	struct pattern *first, **end;
	struct pattern_nets *nets;   /* of MATCH_IP */
	struct bag exact, folded;    /* of MATCH_STR and MATCH_BIN */
};

/* ---- kinds ---- */

static const struct {
	const char *name;
	enum sample_type type;
} kinds[] = {
	[MATCH_FOUND] = { "found", SAMPLE_ANY }, [MATCH_BOOL] = { "bool", SAMPLE_BOOL }, [MATCH_INT] = { "int", SAMPLE_INT },
	[MATCH_IP] = { "ip", SAMPLE_ADDR },      [MATCH_BIN] = { "bin", SAMPLE_BIN },    [MATCH_LEN] = { "len", SAMPLE_STR },
	[MATCH_STR] = { "str", SAMPLE_STR },     [MATCH_BEG] = { "beg", SAMPLE_STR },    [MATCH_SUB] = { "sub", SAMPLE_STR },
	[MATCH_REG] = { "reg", SAMPLE_STR },     [MATCH_END] = { "end", SAMPLE_STR },    [MATCH_DIR] = { "dir", SAMPLE_STR },
	[MATCH_DOM] = { "dom", SAMPLE_STR },     [MATCH_METHOD] = { "method", SAMPLE_METHOD },
};

int match_kind_of(struct slice name)
{
	for (int i = MATCH_FOUND; i < MATCH_METHOD; i++) {
		if (slice_eq(name, slice_str(kinds[i].name)))
			return i;
	}
	return -1;
}

int match_kind_default(enum sample_type type)
{
	switch (type) {
	case SAMPLE_BOOL:
		return MATCH_BOOL;
	case SAMPLE_INT:
		return MATCH_INT;
	case SAMPLE_ADDR:
		return MATCH_IP;
	case SAMPLE_STR:
		return MATCH_STR;
	case SAMPLE_METHOD:
		return MATCH_METHOD;
	default:
		return -1;
	}
}

enum sample_type match_kind_type(enum match_kind kind)
{
	return kinds[kind].type;
}

enum sample_type patterns_type(const struct patterns *s)
{
	return kinds[s->kind].type;
}

/* ---- reading ---- */

struct patterns *patterns_create(struct parse *p, enum match_kind kind, bool groups)
{
	struct patterns *s = arena_alloc(p->arena, sizeof(*s));

	s->kind = kind;
	s->groups = groups;
	s->end = &s->first;
	if (kind == MATCH_IP)
		s->nets = pattern_nets_create(p);
	return s;
}

unsigned patterns_count(const struct patterns *s)
{
	return s->count;
}

struct pattern *patterns_first(const struct patterns *s)
{
	return s->first;
}

static bool read_number(struct slice text, int64_t *out)
{
	size_t used;

	*out = sample_text_number(text, &used);
	return used > 0 && used == text.len && text.ptr[used - 1] >= '0' && text.ptr[used - 1] <= '9';
}

/* "5", "5:10", ":10", "5:". */
static bool read_range(struct parse *p, struct slice word, struct pattern *t)
{
	struct slice rest = word, low = slice_cut(&rest, ':');

	t->least = INT64_MIN;
	t->most = INT64_MAX;
	if (rest.ptr == NULL) {
		if (read_number(word, &t->least)) {
			t->most = t->least;
			return true;
		}
	} else if ((low.len == 0 || read_number(low, &t->least)) && (rest.len == 0 || read_number(rest, &t->most))) {
		if (t->least <= t->most)
			return true;
		parse_error(p, "'%.*s' is a range that is empty", SLICE_ARG(word));
		return false;
	}
	parse_error(p, "'%.*s' is neither a number nor a range", SLICE_ARG(word));
	return false;
}

static bool read_bytes(struct parse *p, struct slice word, struct pattern *t)
{
	char *bytes = arena_alloc(p->arena, word.len / 2 + 1);

	for (size_t i = 0; i + 1 < word.len; i += 2) {
		int high = slice_hex_digit(word.ptr[i]), low = slice_hex_digit(word.ptr[i + 1]);

		if (high < 0 || low < 0)
			break;
		bytes[i / 2] = (char)(high * 16 + low);
		t->text = slice_of(bytes, i / 2 + 1);
	}
	if (t->text.len * 2 == word.len)
		return true;
	parse_error(p, "'%.*s' must be an even number of hexadecimal digits", SLICE_ARG(word));
	return false;
}

static bool read_pattern(struct parse *p, struct patterns *s, struct slice word, struct pattern *t)
{
	switch (s->kind) {
	case MATCH_INT:
	case MATCH_LEN:
		return read_range(p, word, t);
	case MATCH_IP:
		return pattern_nets_add(p, s->nets, word, t);
	case MATCH_BIN:
		t->ignore_case = false;
		t->text = SLICE_LIT("");
		return read_bytes(p, word, t);
	case MATCH_REG:
		t->regex = regex_parse(p, word, t->ignore_case, s->groups);
		return t->regex != NULL;
	case MATCH_DIR:
	case MATCH_DOM:
		t->text = pattern_text_word(s->kind, word);
		return true;
	case MATCH_METHOD:
		t->method = http_method_of(word);
		return true;
	default:
		return true;
	}
}

bool patterns_add(struct parse *p, struct patterns *s, struct slice word, bool ignore_case, struct slice value, unsigned line)
{
	struct pattern *t = arena_alloc(p->arena, sizeof(*t));

	*t = (struct pattern){ .text = word, .ignore_case = ignore_case, .value = value, .line = line };
	if (!read_pattern(p, s, word, t))
		return false;
	*s->end = t;
	s->end = &t->next;
	s->count++;
	return true;
}

void patterns_add_range(struct parse *p, struct patterns *s, int64_t least, int64_t most)
{
	struct pattern *t = arena_alloc(p->arena, sizeof(*t));

	*t = (struct pattern){ .text = SLICE_LIT(""), .least = least, .most = most };
	*s->end = t;
	s->end = &t->next;
	s->count++;
}

/* The whole of <file> in the configuration's arena; SLICE_NONE after complaining. */
static struct slice read_file(struct parse *p, struct slice file)
{
	char chunk[16384];
	struct buf all;
	struct slice text;
	size_t n;
	FILE *f = fopen(file.ptr, "re");

	if (f == NULL) {
		parse_error(p, "failed to open pattern file <%s> : %s", file.ptr, strerror(errno));
		return SLICE_NONE;
	}
	buf_init(&all, FILE_MAX);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(&all, chunk, n);
	text = SLICE_NONE;
	if (ferror(f) || !buf_ok(&all))
		parse_error(p, "failed to read pattern file <%s>, or it is too large", file.ptr);
	else
		text = arena_copy(p->arena, buf_slice(&all));
	(void)fclose(f);
	buf_free(&all);
	return text;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* "key value" taken apart; <value> is without blanks around it. */
static struct slice cut_key(struct slice line, struct slice *value)
{
	size_t i = 0;

	while (i < line.len && !is_blank(line.ptr[i]))
		i++;
	*value = slice_trim(slice_sub(line, i, line.len));
	return slice_sub(line, 0, i);
}

bool patterns_load(struct parse *p, struct patterns *s, struct slice file, bool ignore_case, bool map)
{
	struct slice text = read_file(p, file), where = p->file;
	unsigned number = 0, line_before = p->line;
	bool good = text.ptr != NULL;

	while (good && text.ptr != NULL) {
		struct slice line = slice_cut(&text, '\n'), value = SLICE_NONE;

		number++;
		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		while (line.len > 0 && is_blank(line.ptr[0]))
			line = slice_sub(line, 1, line.len);
		if (map)
			line = cut_key(line, &value);
		if (line.len == 0)
			continue;
		p->file = file; /* complaints name the line that is wrong */
		p->line = number;
		good = patterns_add(p, s, line, ignore_case, value, number);
		p->file = where;
		p->line = line_before;
	}
	return good;
}

/* ---- the index ---- */

static void bag_make(struct parse *p, const struct patterns *s, struct bag *b, bool ignore_case)
{
	for (const struct pattern *t = s->first; t != NULL; t = t->next)
		b->count += t->ignore_case == ignore_case;
	if (b->count <= PATTERN_LINEAR_MAX)
		return;
	for (b->slots = 64; b->slots < 2 * b->count; b->slots *= 2)
		;
	b->table = arena_alloc_array(p->arena, b->slots, sizeof(*b->table));
	for (const struct pattern *t = s->first; t != NULL; t = t->next) {
		unsigned at = (unsigned)pattern_text_hash(t->text, ignore_case) & (b->slots - 1);

		if (t->ignore_case != ignore_case)
			continue;
		while (b->table[at] != NULL && !pattern_text_fits(MATCH_STR, b->table[at], t->text))
			at = (at + 1) & (b->slots - 1);
		if (b->table[at] == NULL) /* else it is there already: the first one counts */
			b->table[at] = t;
	}
}

void patterns_finish(struct parse *p, struct patterns *s)
{
	if (s->kind == MATCH_IP)
		pattern_nets_sort(p, s->nets);
	if (s->kind == MATCH_STR || s->kind == MATCH_BIN) {
		bag_make(p, s, &s->exact, false);
		bag_make(p, s, &s->folded, true);
	}
}

/* ---- searching ---- */

static const struct pattern *find_in_bag(const struct patterns *s, const struct bag *b, bool ignore_case, struct slice text)
{
	if (b->slots > 0) {
		unsigned at = (unsigned)pattern_text_hash(text, ignore_case) & (b->slots - 1);

		while (b->table[at] != NULL && !pattern_text_fits(MATCH_STR, b->table[at], text))
			at = (at + 1) & (b->slots - 1);
		return b->table[at];
	}
	if (b->count == 0)
		return NULL;
	for (const struct pattern *t = s->first; t != NULL; t = t->next) {
		if (t->ignore_case == ignore_case && pattern_text_fits(MATCH_STR, t, text))
			return t;
	}
	return NULL;
}

static const struct pattern *find_number(const struct patterns *s, int64_t n)
{
	for (const struct pattern *t = s->first; t != NULL; t = t->next) {
		if (n >= t->least && n <= t->most)
			return t;
	}
	return NULL;
}

/* Known methods are what they are; others are compared as text. */
static const struct pattern *find_method(const struct patterns *s, struct slice text)
{
	enum http_method method = http_method_of(text);

	for (const struct pattern *t = s->first; t != NULL; t = t->next) {
		if (t->method != method)
			continue;
		if (method != HTTP_OTHER || pattern_text_fits(MATCH_STR, t, text))
			return t;
	}
	return NULL;
}

static const struct pattern *find_text(const struct patterns *s, struct exchange *x, struct slice text)
{
	const struct pattern *best = NULL;

	for (const struct pattern *t = s->first; t != NULL; t = t->next) {
		if (s->kind == MATCH_REG ? !regex_find(t->regex, x, text, 0, NULL) : !pattern_text_fits(s->kind, t, text))
			continue;
		if (s->kind != MATCH_BEG)
			return t;
		if (best == NULL || t->text.len > best->text.len)
			best = t;
	}
	return best;
}

const struct pattern *patterns_find(const struct patterns *s, struct exchange *x, const struct sample *v)
{
	switch (s->kind) {
	case MATCH_INT:
		return find_number(s, v->integer);
	case MATCH_LEN:
		return find_number(s, (int64_t)v->text.len);
	case MATCH_IP:
		return pattern_nets_find(s->nets, &v->addr);
	case MATCH_METHOD:
		return find_method(s, v->text);
	case MATCH_STR:
	case MATCH_BIN: {
		const struct pattern *t = find_in_bag(s, &s->exact, false, v->text);

		return t != NULL ? t : find_in_bag(s, &s->folded, true, v->text);
	}
	case MATCH_FOUND:
	case MATCH_BOOL:
		return NULL;
	default:
		return find_text(s, x, v->text);
	}
}

/* conv_text.c - converters of texts: case, ends, joining, replacing, and what sets variables (manual, 7.3.1). */
#include "gateway/expr/tables.h"

#include <string.h>
#include "gateway/conf/parse.h"
#include "gateway/expr/arg.h"
#include "gateway/expr/regex.h"
#include "gateway/expr/var.h"
#include "gateway/model/proxy.h"
#include "gateway/session/exchange.h"

enum { LOWER, UPPER };

static bool is_of_other_case(char c, int to)
{
	return to == LOWER ? c >= 'A' && c <= 'Z' : c >= 'a' && c <= 'z';
}

/* Copies only when something changes. */
static bool to_case(struct exchange *x, struct sample *s, int to)
{
	size_t i = 0;
	char *copy;

	while (i < s->text.len && !is_of_other_case(s->text.ptr[i], to))
		i++;
	if (i == s->text.len)
		return true;
	copy = arena_alloc(x->arena, s->text.len);
	if (copy == NULL)
		return false;
	memcpy(copy, s->text.ptr, s->text.len);
	for (; i < s->text.len; i++) {
		if (is_of_other_case(copy[i], to))
			copy[i] ^= 0x20;
	}
	s->text.ptr = copy;
	return true;
}

static bool conv_case(struct exchange *x, const struct args *a, struct sample *s)
{
	return to_case(x, s, a->data);
}

static bool conv_length(struct exchange *x, const struct args *a, struct sample *s)
{
	(void)x, (void)a;
	return sample_set_int(s, (int64_t)s->text.len);
}

static bool is_among(char c, struct slice set)
{
	return slice_find(set, c) < set.len;
}

static bool conv_ltrim(struct exchange *x, const struct args *a, struct sample *s)
{
	size_t i = 0;

	(void)x;
	while (i < s->text.len && is_among(s->text.ptr[i], a->at[0].text))
		i++;
	s->text = slice_sub(s->text, i, s->text.len);
	return true;
}

static bool conv_rtrim(struct exchange *x, const struct args *a, struct sample *s)
{
	(void)x;
	while (s->text.len > 0 && is_among(s->text.ptr[s->text.len - 1], a->at[0].text))
		s->text.len--;
	return true;
}

static bool conv_cut_crlf(struct exchange *x, const struct args *a, struct sample *s)
{
	(void)x, (void)a;
	s->text.len = slice_find(s->text, '\r');
	s->text.len = slice_find(s->text, '\n');
	return true;
}

/* ---- joining ---- */

/* A variable as text; "" when it is not set. */
static struct slice var_text(struct exchange *x, const struct arg *a)
{
	struct sample s;

	return a->given && var_get(x, a->var, &s) && sample_cast(x, &s, SAMPLE_STR) ? s.text : SLICE_LIT("");
}

static bool join(struct exchange *x, struct sample *s, const struct slice parts[3])
{
	size_t len = s->text.len + parts[0].len + parts[1].len + parts[2].len, at = s->text.len;
	char *out = arena_alloc(x->arena, len + 1);

	if (out == NULL)
		return false;
	if (at > 0)
		memcpy(out, s->text.ptr, at);
	for (unsigned i = 0; i < 3; i++) {
		if (parts[i].len > 0)
			memcpy(out + at, parts[i].ptr, parts[i].len);
		at += parts[i].len;
	}
	s->text = slice_of(out, len);
	return true;
}

static bool conv_concat(struct exchange *x, const struct args *a, struct sample *s)
{
	return join(x, s, (const struct slice[3]){ a->at[0].text, var_text(x, &a->at[1]), a->at[2].text });
}

static bool conv_add_item(struct exchange *x, const struct args *a, struct sample *s)
{
	struct slice item = var_text(x, &a->at[1]), end = a->at[2].text;
	bool divided = s->text.len > 0 && item.len + end.len > 0;

	return join(x, s, (const struct slice[3]){ divided ? a->at[0].text : SLICE_LIT(""), item, end });
}

static bool check_add_item(struct parse *p, struct args *a)
{
	if (a->at[1].given || a->at[2].text.len > 0)
		return true;
	parse_error(p, "converter 'add_item' : needs a variable or a text to be added");
	return false;
}

/* ---- comparing, choosing, replacing ---- */

static bool conv_strcmp(struct exchange *x, const struct args *a, struct sample *s)
{
	struct sample other;
	size_t common;
	int order;

	if (!var_get(x, a->at[0].var, &other) || !sample_cast(x, &other, SAMPLE_STR))
		return false;
	common = s->text.len < other.text.len ? s->text.len : other.text.len;
	order = common == 0 ? 0 : memcmp(s->text.ptr, other.text.ptr, common);
	if (order == 0)
		order = s->text.len < other.text.len ? -1 : s->text.len > other.text.len;
	return sample_set_int(s, order < 0 ? -1 : order > 0);
}

static bool conv_iif(struct exchange *x, const struct args *a, struct sample *s)
{
	(void)x;
	return sample_set_text(s, s->boolean ? a->at[0].text : a->at[1].text);
}

static bool conv_regsub(struct exchange *x, const struct args *a, struct sample *s)
{
	return sample_set_text(s, regex_replace(a->made, x, s->text, a->at[1].text, a->at[2].number != 0));
}

static bool check_regsub(struct parse *p, struct args *a)
{
	struct slice flags = a->at[2].text;
	bool ignore_case = false;

	for (size_t i = 0; i < flags.len; i++) {
		if (flags.ptr[i] == 'g')
			a->at[2].number = 1;
		else if (flags.ptr[i] == 'i')
			ignore_case = true;
		else {
			parse_error(p, "converter 'regsub' : unknown flag '%c', there are 'g' and 'i'", flags.ptr[i]);
			return false;
		}
	}
	if (a->at[0].text.len == 0) {
		parse_error(p, "converter 'regsub' : its regex is empty");
		return false;
	}
	a->made = regex_parse(p, a->at[0].text, ignore_case, true);
	return a->made != NULL && regex_check_replacement(p, a->at[1].text);
}

/* ---- host and port of a Host field ---- */

/* Where the port begins, with its ':'; the whole length when there is none. A ':' inside of brackets belongs to an IPv6 address. */
static size_t port_start(struct slice host)
{
	size_t i = host.len;

	while (i > 0 && host.ptr[i - 1] != ':' && host.ptr[i - 1] != ']')
		i--;
	return i > 0 && host.ptr[i - 1] == ':' ? i - 1 : host.len;
}

static bool conv_host_only(struct exchange *x, const struct args *a, struct sample *s)
{
	(void)a;
	s->text = slice_sub(s->text, 0, port_start(s->text));
	return to_case(x, s, LOWER);
}

static bool conv_port_only(struct exchange *x, const struct args *a, struct sample *s)
{
	struct slice text = slice_sub(s->text, port_start(s->text) + 1, s->text.len);
	size_t used;
	int64_t port = sample_text_number(text, &used);

	(void)x, (void)a;
	return sample_set_int(s, used == text.len && port > 0 && port <= 65535 ? port : 0);
}

/* ---- variables and captures ---- */

/* Conditions of set-var(). "Empty" can only be what has a text. */
enum { IF_EXISTS = 1, IF_NOT_EXISTS = 2, IF_EMPTY = 4, IF_NOT_EMPTY = 8, IF_GREATER = 16, IF_LESS = 32 };

static bool conv_set_var(struct exchange *x, const struct args *a, struct sample *s)
{
	int64_t conditions = a->at[1].number;
	bool empty = s->type >= SAMPLE_STR && s->text.len == 0;
	struct sample old;
	bool exists = conditions != 0 && var_get(x, a->at[0].var, &old);
	bool numbers = exists && old.type == SAMPLE_INT && s->type == SAMPLE_INT;

	if (((conditions & IF_EXISTS) != 0 && !exists) || ((conditions & IF_NOT_EXISTS) != 0 && exists) ||
	    ((conditions & IF_EMPTY) != 0 && !empty) || ((conditions & IF_NOT_EMPTY) != 0 && empty))
		return false;
	if (numbers && (((conditions & IF_GREATER) != 0 && old.integer <= s->integer) ||
			((conditions & IF_LESS) != 0 && old.integer >= s->integer)))
		return false;
	return var_set(x, a->at[0].var, s);
}

static bool check_set_var(struct parse *p, struct args *a)
{
	static const struct {
		const char *name;
		int bit;
	} conditions[] = {
		{ "ifexists", IF_EXISTS }, { "ifnotexists", IF_NOT_EXISTS }, { "ifset", IF_EXISTS },  { "ifnotset", IF_NOT_EXISTS },
		{ "ifempty", IF_EMPTY },   { "ifnotempty", IF_NOT_EMPTY },   { "ifgt", IF_GREATER }, { "iflt", IF_LESS },
	};

	for (unsigned i = 1; i <= 4 && a->at[i].given; i++) {
		unsigned at = 0;

		while (at < sizeof(conditions) / sizeof(conditions[0]) && !slice_eq(a->at[i].text, slice_str(conditions[at].name)))
			at++;
		if (at == sizeof(conditions) / sizeof(conditions[0])) {
			parse_error(p, "converter 'set-var' : unknown condition '%s'", a->at[i].text.ptr);
			return false;
		}
		a->at[1].number |= conditions[at].bit;
	}
	return true;
}

static bool conv_unset_var(struct exchange *x, const struct args *a, struct sample *s)
{
	(void)s;
	var_unset(x, a->at[0].var);
	return true;
}

enum { OF_REQUEST, OF_RESPONSE };

/* Puts the text into the slot with that number; false when there is none. */
static bool conv_capture(struct exchange *x, const struct args *a, struct sample *s)
{
	const struct capture *c = a->data == OF_REQUEST ? x->frontend->request_captures : x->frontend->response_captures;
	unsigned count = a->data == OF_REQUEST ? x->frontend->request_capture_count : x->frontend->response_capture_count;
	struct slice **slots = a->data == OF_REQUEST ? &x->request_captures : &x->response_captures;

	while (c != NULL && c->index != a->at[0].number)
		c = c->next;
	if (c == NULL)
		return false;
	if (*slots == NULL)
		*slots = arena_alloc_array(x->arena, count, sizeof(**slots));
	if (*slots == NULL)
		return false;
	(*slots)[c->index] = arena_copy(x->arena, slice_sub(s->text, 0, c->len));
	return true;
}

#define TEXT .from = SAMPLE_STR, .to = SAMPLE_STR

const struct converter conv_text[] = {
	{ .name = "lower", TEXT, .convert = conv_case, .data = LOWER },
	{ .name = "upper", TEXT, .convert = conv_case, .data = UPPER },
	{ .name = "length", .from = SAMPLE_STR, .to = SAMPLE_INT, .convert = conv_length },
	{ .name = "ltrim", .args = "s", TEXT, .convert = conv_ltrim },
	{ .name = "rtrim", .args = "s", TEXT, .convert = conv_rtrim },
	{ .name = "cut_crlf", TEXT, .convert = conv_cut_crlf },
	{ .name = "concat", .args = "|svs", TEXT, .convert = conv_concat },
	{ .name = "add_item", .args = "s|vs", TEXT, .convert = conv_add_item, .check = check_add_item },
	{ .name = "strcmp", .args = "v", .from = SAMPLE_STR, .to = SAMPLE_INT, .convert = conv_strcmp },
	{ .name = "iif", .args = "ss", .from = SAMPLE_BOOL, .to = SAMPLE_STR, .convert = conv_iif },
	{ .name = "regsub", .args = "ss|s", TEXT, .convert = conv_regsub, .check = check_regsub },
	{ .name = "host_only", TEXT, .convert = conv_host_only },
	{ .name = "port_only", .from = SAMPLE_STR, .to = SAMPLE_INT, .convert = conv_port_only },
	{ .name = "set-var", .args = "v|ssss", .from = SAMPLE_ANY, .to = SAMPLE_ANY, .convert = conv_set_var, .check = check_set_var },
	{ .name = "unset-var", .args = "v", .from = SAMPLE_ANY, .to = SAMPLE_ANY, .convert = conv_unset_var },
	{ .name = "capture-req", .args = "i", TEXT, .convert = conv_capture, .data = OF_REQUEST },
	{ .name = "capture-res", .args = "i", TEXT, .convert = conv_capture, .data = OF_RESPONSE },
	{ .name = NULL },
};

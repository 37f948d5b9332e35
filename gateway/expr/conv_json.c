/* conv_json.c - converters to and from JSON: json, json_query (manual, 7.3.1). */
#include "gateway/expr/tables.h"

#include <string.h>
#include "gateway/conf/parse.h"
#include "gateway/expr/arg.h"
#include "gateway/session/exchange.h"

/* ---- json: escapes a text, so that it can stand between quotes ---- */

/* How the text is read: bits of args->at[0].number. */
enum { UTF8 = 1, SILENT = 2, PERMISSIVE = 4 };

enum reading { READ_GOOD, READ_OVERLONG, READ_BAD };

/* One character off <in>. */
static enum reading read_utf8(struct slice *in, uint32_t *character)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	unsigned char lead = (unsigned char)in->ptr[0];
	size_t more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3, i = 1;
	uint32_t c = more == 0 ? lead : lead & (0x3Fu >> more);

	if ((lead >= 0x80 && lead < 0xC0) || lead >= 0xF8)
		more = SIZE_MAX; /* nothing begins so */
	for (; more != SIZE_MAX && i <= more && i < in->len && ((unsigned char)in->ptr[i] & 0xC0) == 0x80; i++)
		c = c << 6 | ((unsigned char)in->ptr[i] & 0x3F);
	*in = slice_sub(*in, i, in->len);
	*character = c;
	if (more == SIZE_MAX || i <= more || (c >= 0xD800 && c <= 0xDFFF) || c > 0xFFFD)
		return READ_BAD; /* beyond FFFF: \uXXXX has no room for it */
	return c < least[more] ? READ_OVERLONG : READ_GOOD;
}

/* As "\n" or "\u001f" where JSON wants it, and always beyond ASCII. */
static void add_escaped(struct buf *out, uint32_t c)
{
	static const char from[] = "\"\\/\b\f\n\r\t", to[] = "\"\\/bfnrt";
	const char *found = c == 0 || c > 0x7E ? NULL : strchr(from, (int)c);

	if (found != NULL) {
		buf_add_char(out, '\\');
		buf_add_char(out, to[found - from]);
	} else if (c >= 0x20 && c <= 0x7E) {
		buf_add_char(out, (char)c);
	} else {
		buf_printf(out, "\\u%04x", (unsigned)c);
	}
}

#define ESCAPED_MAX 6 /* bytes that one byte becomes */

static bool conv_json_escape(struct exchange *x, const struct args *a, struct sample *s)
{
	int64_t how = a->at[0].number;
	size_t most = ESCAPED_MAX * s->text.len + 2; /* room, even for nothing */
	char *space = arena_alloc(x->arena, most);
	struct slice in = s->text;
	struct buf out;

	if (space == NULL)
		return false;
	buf_init_fixed(&out, space, most);
	while (in.len > 0) {
		uint32_t c = (unsigned char)in.ptr[0];
		enum reading reading = READ_GOOD;

		if ((how & UTF8) != 0)
			reading = read_utf8(&in, &c);
		else
			in = slice_sub(in, 1, in.len);
		if (reading == READ_OVERLONG && (how & PERMISSIVE) != 0)
			reading = READ_GOOD;
		if (reading == READ_GOOD)
			add_escaped(&out, c);
		else if ((how & SILENT) == 0)
			return false;
	}
	return buf_ok(&out) && sample_set_text(s, buf_slice(&out));
}

static bool check_json(struct parse *p, struct args *a)
{
	static const struct {
		const char *name;
		int how;
	} codes[] = {
		{ "", 0 }, { "ascii", 0 }, { "utf8", UTF8 }, { "utf8s", UTF8 | SILENT }, { "utf8p", UTF8 | PERMISSIVE },
		{ "utf8ps", UTF8 | SILENT | PERMISSIVE },
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (slice_eq(a->at[0].text, slice_str(codes[i].name))) {
			a->at[0].number = codes[i].how;
			return true;
		}
	}
	parse_error(p, "converter 'json' : there are ascii, utf8, utf8s, utf8p and utf8ps, not '%s'", a->at[0].text.ptr);
	return false;
}

/* ---- json_query: the value at "$.item.sizes[2]" ----
 *
 * The text is only walked as far as the value, what is behind it may be cut off. What is passed over is not checked, only its brackets
 * and quotes are counted: a text that is no JSON has no value or some value.
 */

struct step {
	struct step *next;
	struct slice name; /* of an object's member; SLICE_NONE: an array's element */
	uint64_t index;
};

static void skip_blanks(struct slice *s)
{
	size_t i = 0;

	while (i < s->len && (s->ptr[i] == ' ' || s->ptr[i] == '\t' || s->ptr[i] == '\n' || s->ptr[i] == '\r'))
		i++;
	*s = slice_sub(*s, i, s->len);
}

/* Takes <c> and the blanks before it off. */
static bool take(struct slice *s, char c)
{
	skip_blanks(s);
	if (s->len == 0 || s->ptr[0] != c)
		return false;
	*s = slice_sub(*s, 1, s->len);
	return true;
}

/* Takes a string off: what is between its quotes, as written. */
static bool take_string(struct slice *s, struct slice *out)
{
	struct slice rest = *s;
	size_t i = 0;

	if (!take(&rest, '"'))
		return false;
	while (i < rest.len && rest.ptr[i] != '"')
		i += rest.ptr[i] == '\\' ? 2 : 1;
	if (i >= rest.len)
		return false;
	*out = slice_sub(rest, 0, i);
	*s = slice_sub(rest, i + 1, rest.len);
	return true;
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '+' || c == '-' || c == '.';
}

/* Takes a number, true, false or null off. */
static bool take_word(struct slice *s, struct slice *out)
{
	size_t i = 0;

	skip_blanks(s);
	while (i < s->len && is_word(s->ptr[i]))
		i++;
	*out = slice_sub(*s, 0, i);
	*s = slice_sub(*s, i, s->len);
	return i > 0;
}

/* Takes a value off, with all that is in it. */
static bool skip_value(struct slice *s)
{
	struct slice ignored;
	uint64_t depth = 0;

	do {
		if (take(s, '{') || take(s, '['))
			depth++;
		else if (depth > 0 && (take(s, '}') || take(s, ']')))
			depth--;
		else if (depth > 0 && (take(s, ',') || take(s, ':')))
			continue;
		else if (!take_string(s, &ignored) && !take_word(s, &ignored))
			return false;
	} while (depth > 0);
	return true;
}

/* To the value of the first member of that name; names are compared as written. */
static bool enter_member(struct slice *s, struct slice wanted)
{
	struct slice name;

	if (!take(s, '{'))
		return false;
	do {
		if (!take_string(s, &name) || !take(s, ':'))
			return false;
		if (slice_eq(name, wanted))
			return true;
	} while (skip_value(s) && take(s, ','));
	return false;
}

static bool enter_element(struct slice *s, uint64_t index)
{
	if (!take(s, '['))
		return false;
	for (; index > 0; index--) {
		if (!skip_value(s) || !take(s, ','))
			return false;
	}
	return true;
}

/* "\u00e4" at the start of <s> as a number, taken off. */
static bool take_unit(struct slice *s, uint32_t *out)
{
	uint32_t c = 0;

	if (s->len < 6 || s->ptr[0] != '\\' || s->ptr[1] != 'u')
		return false;
	for (int i = 2; i < 6; i++) {
		int digit = slice_hex_digit(s->ptr[i]);

		if (digit < 0)
			return false;
		c = c << 4 | (unsigned)digit;
	}
	*s = slice_sub(*s, 6, s->len);
	*out = c;
	return true;
}

/* The character of such an escape; of two for what is beyond FFFF (RFC 8259, 7). */
static bool take_unicode(struct slice *s, uint32_t *out)
{
	uint32_t low;

	if (!take_unit(s, out))
		return false;
	if (*out < 0xD800 || *out > 0xDFFF)
		return true;
	if (*out > 0xDBFF || !take_unit(s, &low) || low < 0xDC00 || low > 0xDFFF)
		return false;
	*out = 0x10000 + ((*out - 0xD800) << 10) + (low - 0xDC00);
	return true;
}

static void add_utf8(struct buf *out, uint32_t c)
{
	static const struct {
		uint32_t most;
		unsigned char lead;
	} lengths[] = { { 0x7F, 0 }, { 0x7FF, 0xC0 }, { 0xFFFF, 0xE0 }, { 0x10FFFF, 0xF0 } };
	int more = 0;

	while (c > lengths[more].most)
		more++;
	buf_add_char(out, (char)(lengths[more].lead | c >> 6 * more));
	while (more-- > 0)
		buf_add_char(out, (char)(0x80 | (c >> 6 * more & 0x3F)));
}

/* A string without its escapes; false: one of them means nothing. */
static bool set_unescaped(struct exchange *x, struct sample *s, struct slice in)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char *space;
	struct buf out;

	if (slice_find(in, '\\') == in.len)
		return sample_set_text(s, in);
	space = arena_alloc(x->arena, in.len + 1); /* escapes are longer than what they mean */
	if (space == NULL)
		return false;
	buf_init_fixed(&out, space, in.len + 1);
	while (in.len > 0) {
		size_t plain = slice_find(in, '\\');
		const char *found;
		uint32_t c;

		buf_add_slice(&out, slice_sub(in, 0, plain));
		in = slice_sub(in, plain, in.len);
		if (in.len == 0)
			break;
		if (in.len > 1 && in.ptr[1] == 'u') {
			if (!take_unicode(&in, &c))
				return false;
			add_utf8(&out, c);
			continue;
		}
		found = in.len < 2 || in.ptr[1] == '\0' ? NULL : strchr(from, in.ptr[1]);
		if (found == NULL)
			return false;
		buf_add_char(&out, to[found - from]);
		in = slice_sub(in, 2, in.len);
	}
	return sample_set_text(s, buf_slice(&out));
}

/* A number stays the text that it is, so that no digit is lost (HAProxy keeps six); <as_number>: its whole part. */
static bool set_word(struct sample *s, struct slice word, bool as_number)
{
	int64_t n;

	if (slice_eq(word, SLICE_LIT("true")) || slice_eq(word, SLICE_LIT("false")))
		return sample_set_bool(s, word.ptr[0] == 't');
	if (word.ptr[0] != '-' && (word.ptr[0] < '0' || word.ptr[0] > '9'))
		return false;
	if (!as_number)
		return sample_set_text(s, word);
	for (size_t i = 1; i < word.len; i++) {
		if (word.ptr[i] < '0' || word.ptr[i] > '9')
			word.len = i;
	}
	return slice_to_i64(word, &n) && sample_set_int(s, n);
}

static bool conv_json_query(struct exchange *x, const struct args *a, struct sample *s)
{
	struct slice at = s->text, value;

	for (const struct step *step = a->made; step != NULL; step = step->next) {
		if (step->name.ptr != NULL ? !enter_member(&at, step->name) : !enter_element(&at, step->index))
			return false;
	}
	if (take_string(&at, &value))
		return set_unescaped(x, s, value);
	return take_word(&at, &value) && set_word(s, value, a->at[1].text.len > 0);
}

/* Cuts ".name" or "[2]" off; a backslash takes its meaning from the '.' or '[' behind it. */
static bool read_step(struct parse *p, struct slice *path, struct step *step)
{
	char *name = arena_alloc(p->arena, path->len);
	size_t i = 1, len = 0;

	if (path->ptr[0] == '[') {
		size_t end = slice_find(*path, ']');
		bool good = end < path->len && slice_to_u64(slice_sub(*path, 1, end), UINT32_MAX, &step->index);

		*path = slice_sub(*path, end + 1, path->len);
		return good;
	}
	for (; i < path->len && path->ptr[i] != '.' && path->ptr[i] != '['; i++) {
		i += path->ptr[i] == '\\' && i + 1 < path->len;
		name[len++] = path->ptr[i];
	}
	step->name = slice_of(name, len);
	*path = slice_sub(*path, i, path->len);
	return len > 0;
}

static bool check_json_query(struct parse *p, struct args *a)
{
	struct slice path = a->at[0].text, type = a->at[1].text;
	struct step *first = NULL, **end = &first;
	bool good = path.len > 0 && path.ptr[0] == '$';

	if (type.len > 0 && !slice_eq(type, SLICE_LIT("int"))) {
		parse_error(p, "converter 'json_query' : its result can be made an 'int', not '%s'", type.ptr);
		return false;
	}
	path = slice_sub(path, 1, path.len);
	while (good && path.len > 0) {
		struct step *step = arena_alloc(p->arena, sizeof(*step));

		good = (path.ptr[0] == '.' || path.ptr[0] == '[') && read_step(p, &path, step);
		*end = step;
		end = &step->next;
	}
	if (!good)
		parse_error(p, "converter 'json_query' : '%s' is no path such as '$.item.sizes[0]'", a->at[0].text.ptr);
	a->made = first;
	return good;
}

const struct converter conv_json[] = {
	{ .name = "json", .args = "|s", .from = SAMPLE_STR, .to = SAMPLE_STR, .convert = conv_json_escape, .check = check_json },
	{ .name = "json_query", .args = "s|s", .from = SAMPLE_STR, .to = SAMPLE_ANY, .convert = conv_json_query, .check = check_json_query },
	{ .name = NULL },
};

/* jdoc.c - reads JSON strictly, on top of json-c.
 *
 * json-c builds the tree, but takes more than RFC 8259 allows (NaN, comments, single quotes, lone
 * surrogates, a key cut at \u0000 ...), and what it takes changes from version to version. So a small
 * recogniser of the grammar reads the text first, and json-c only sees what passed. The fuzz target
 * holds the two against each other.
 *
 * A struct jdoc is a json_object by another name. json-c says null with a NULL pointer, which is our
 * "no such member"; hence a mark of our own for null.
 */
#include "shared/io/jdoc.h"

#include <json-c/json.h>
#include <limits.h>
#include <string.h>

static const char null_mark;

/* What is left of the text. All scan_ functions step over what they recognise; false: not JSON. */
struct scan {
	const char *at;
	const char *end;
};

static bool scan_value(struct scan *s, int depth);

static void scan_space(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

static bool scan_char(struct scan *s, char c)
{
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static bool scan_word(struct scan *s, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
		return false;
	s->at += len;
	return true;
}

static size_t scan_digits(struct scan *s)
{
	const char *from = s->at;

	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	return (size_t)(s->at - from);
}

static bool scan_number(struct scan *s)
{
	scan_char(s, '-');
	if (!scan_char(s, '0') && scan_digits(s) == 0)
		return false;
	if (scan_char(s, '.') && scan_digits(s) == 0)
		return false;
	if (scan_char(s, 'e') || scan_char(s, 'E')) {
		if (!scan_char(s, '+'))
			scan_char(s, '-');
		return scan_digits(s) > 0;
	}
	return true;
}

/* The four digits behind \u, as a UTF-16 unit. */
static bool scan_unit(struct scan *s, unsigned *unit)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";

	if (s->end - s->at < 4)
		return false;
	*unit = 0;
	for (int i = 0; i < 4; i++, s->at++) {
		const char *digit = memchr(digits, *s->at, sizeof(digits) - 1);

		if (digit == NULL)
			return false;
		*unit = *unit << 4 | ((unsigned)(digit - digits) & 0xf);
	}
	return true;
}

/* What follows a backslash. A key must not hold U+0000: json-c keeps keys as C strings and would take
 * {"item_id\u0000x":1} for {"item_id":1}. */
static bool scan_escape(struct scan *s, bool is_key)
{
	unsigned unit;
	unsigned low;

	if (s->at == s->end)
		return false;
	if (*s->at != 'u')
		return memchr("\"\\/bfnrt", *s->at++, 8) != NULL;
	s->at++;
	if (!scan_unit(s, &unit) || (is_key && unit == 0))
		return false;
	if (unit < 0xd800 || unit > 0xdfff)
		return true;
	return unit < 0xdc00 && scan_word(s, "\\u") && scan_unit(s, &low) && low >= 0xdc00 && low <= 0xdfff;
}

static bool scan_string(struct scan *s, bool is_key)
{
	if (!scan_char(s, '"'))
		return false;
	while (s->at < s->end) {
		unsigned char c = (unsigned char)*s->at++;

		if (c == '"')
			return true;
		if (c < 0x20 || (c == '\\' && !scan_escape(s, is_key)))
			return false;
	}
	return false;
}

static bool scan_member(struct scan *s, int depth)
{
	scan_space(s);
	if (!scan_string(s, true))
		return false;
	scan_space(s);
	return scan_char(s, ':') && scan_value(s, depth);
}

/* The inside of an object or array, behind its opening bracket. */
static bool scan_container(struct scan *s, char close, int depth)
{
	if (depth > JDOC_DEPTH_MAX)
		return false;
	scan_space(s);
	if (scan_char(s, close))
		return true;
	do {
		if (!(close == '}' ? scan_member(s, depth) : scan_value(s, depth)))
			return false;
	} while (scan_char(s, ','));
	return scan_char(s, close);
}

/* One value with the space around it. <depth>: how many containers it is in. Recursion ends at JDOC_DEPTH_MAX. */
static bool scan_value(struct scan *s, int depth)
{
	bool ok;

	scan_space(s);
	if (scan_char(s, '{'))
		ok = scan_container(s, '}', depth + 1);
	else if (scan_char(s, '['))
		ok = scan_container(s, ']', depth + 1);
	else if (s->at < s->end && *s->at == '"')
		ok = scan_string(s, false);
	else
		ok = scan_word(s, "null") || scan_word(s, "true") || scan_word(s, "false") || scan_number(s);
	scan_space(s);
	return ok;
}

static bool is_strict(struct slice text)
{
	struct scan s = { .at = text.ptr, .end = text.ptr + text.len };

	return slice_is_utf8(text) && scan_value(&s, 0) && s.at == s.end;
}

static struct jdoc *wrap(json_object *o)
{
	return o == NULL ? (struct jdoc *)(uintptr_t)&null_mark : (struct jdoc *)o;
}

/* The json-c value, NULL also for our null: for json-c's type questions the two are the same. */
static json_object *unwrap(const struct jdoc *v)
{
	return jdoc_is_null(v) ? NULL : (json_object *)(uintptr_t)v;
}

enum err jdoc_parse(struct slice text, struct jdoc **root)
{
	struct json_tokener *tokener;
	enum json_tokener_error error;
	json_object *o;

	*root = NULL;
	if (text.ptr == NULL || text.len > INT_MAX || !is_strict(text))
		return ERR_BAD_REQUEST;
	tokener = json_tokener_new_ex(JDOC_DEPTH_MAX + 2);
	if (tokener == NULL)
		return ERR_NO_MEMORY;
	/* Not JSON_TOKENER_STRICT: what it adds, the recogniser has done, but it refuses integers of more
	 * than 64 bits, which are good JSON; jdoc_i64() refuses them where they matter. */
	json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tokener, text.ptr, (int)text.len);
	/* A bare number may go on: a NUL says that it does not. */
	if (json_tokener_get_error(tokener) == json_tokener_continue)
		o = json_tokener_parse_ex(tokener, "", 1);
	error = json_tokener_get_error(tokener);
	json_tokener_free(tokener);
	if (error != json_tokener_success) /* the text is good, so this can only be */
		return ERR_NO_MEMORY;
	*root = wrap(o);
	return ERR_OK;
}

void jdoc_free(struct jdoc **root)
{
	json_object_put(unwrap(*root));
	*root = NULL;
}

const struct jdoc *jdoc_get(const struct jdoc *o, const char *key)
{
	json_object *value;

	if (!jdoc_is_object(o) || !json_object_object_get_ex(unwrap(o), key, &value))
		return NULL;
	return wrap(value);
}

bool jdoc_is_object(const struct jdoc *v)
{
	return json_object_is_type(unwrap(v), json_type_object);
}

bool jdoc_is_null(const struct jdoc *v)
{
	return (const char *)v == &null_mark;
}

bool jdoc_string(const struct jdoc *v, struct slice *out)
{
	json_object *o = unwrap(v);

	if (!json_object_is_type(o, json_type_string))
		return false;
	*out = slice_of(json_object_get_string(o), (size_t)json_object_get_string_len(o));
	return true;
}

bool jdoc_i64(const struct jdoc *v, int64_t *out)
{
	json_object *o = unwrap(v);
	int64_t n;

	if (!json_object_is_type(o, json_type_int))
		return false;
	/* json-c clamps what does not fit: upwards it can still be told, downwards not. */
	n = json_object_get_int64(o);
	if (n == INT64_MIN || (n > 0 && json_object_get_uint64(o) > INT64_MAX))
		return false;
	*out = n;
	return true;
}

bool jdoc_id(const struct jdoc *v, uint32_t *out)
{
	struct slice text;
	int64_t n;

	if (jdoc_string(v, &text))
		return slice_to_id(text, out);
	if (!jdoc_i64(v, &n) || n < 1 || n > INT32_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

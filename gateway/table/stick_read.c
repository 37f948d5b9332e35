/* stick_read.c - reads "stick-table type <type> [len <n>] size <n> [expire <time>] [nopurge] [store <data>,…]". */
#include <limits.h>
#include "gateway/conf/parse.h"
#include "gateway/table/stick_table.h"

/* What a key has when no length is given: HAProxy's 32, of which a string's NUL takes one. */
#define STRING_LEN 31
#define BINARY_LEN 32

static const char *const keywords[] = { "type", "size", "expire", "nopurge", "store" };
static const char *const types[] = {
	[STICK_IP] = "ip",
	[STICK_IPV6] = "ipv6",
	[STICK_INTEGER] = "integer",
	[STICK_STRING] = "string",
	[STICK_BINARY] = "binary",
};
#define COUNT(array) (unsigned)(sizeof(array) / sizeof((array)[0]))

static void unknown(struct parse *p, const char *what, struct slice word, const char *const *names, unsigned count)
{
	const char *nearest = parse_nearest(word, names, count);

	if (nearest == NULL)
		parse_error(p, "stick-table: unknown %s '%.*s'", what, SLICE_ARG(word));
	else
		parse_error(p, "stick-table: unknown %s '%.*s': did you mean '%s'?", what, SLICE_ARG(word), nearest);
}

static bool want(struct parse *p, const char *keyword, struct slice *out)
{
	*out = parse_next(p);
	if (out->len == 0)
		parse_error(p, "stick-table: missing argument after '%s'", keyword);
	return out->len > 0;
}

static bool read_len(struct parse *p, struct stick_options *o)
{
	struct slice word;
	uint64_t n;

	o->key_len = o->type == STICK_STRING ? STRING_LEN : o->type == STICK_BINARY ? BINARY_LEN : 0;
	if (o->key_len == 0 || !parse_accept(p, "len"))
		return true;
	if (!want(p, "len", &word) || !parse_number(p, word, "len", 1, STICK_KEY_MOST, &n))
		return false;
	o->key_len = (unsigned)n;
	return true;
}

static bool read_type(struct parse *p, struct stick_options *o, bool *typed)
{
	struct slice word;

	if (!want(p, "type", &word))
		return false;
	for (unsigned i = 0; i < COUNT(types); i++) {
		if (slice_eq(word, slice_str(types[i]))) {
			o->type = (enum stick_type)i;
			*typed = true;
			return read_len(p, o);
		}
	}
	unknown(p, "type", word, types, COUNT(types));
	return false;
}

static bool read_size(struct parse *p, struct stick_options *o)
{
	struct slice word;
	uint64_t n;

	if (!want(p, "size", &word) || !parse_size(p, word, "size", &n))
		return false;
	if (n > UINT_MAX)
		parse_error(p, "stick-table: size %.*s is more than 4294967295 entries", SLICE_ARG(word));
	o->size = (unsigned)n;
	return n <= UINT_MAX;
}

static bool unknown_store(struct parse *p, struct slice word)
{
	static const char *const arrays[] = { "gpc", "gpc_rate", "gpt", "server_key" };
	const char *names[STICK_DATA_COUNT];
	struct slice name = slice_cut(&word, '(');

	for (unsigned i = 0; i < STICK_DATA_COUNT; i++)
		names[i] = stick_data_name((enum stick_data)i);
	for (unsigned i = 0; i < COUNT(arrays); i++) {
		if (slice_eq(name, slice_str(arrays[i]))) {
			parse_error(p, "stick-table: store option '%.*s' is not supported", SLICE_ARG(name));
			return false;
		}
	}
	if (word.len > 0 && word.ptr[word.len - 1] != ')')
		parse_error(p, "stick-table: missing closing parenthesis after store option '%.*s'", SLICE_ARG(name));
	else
		unknown(p, "store option", name, names, STICK_DATA_COUNT);
	return false;
}

/* "gpc0" or "conn_rate(30s)". */
static bool read_store_one(struct parse *p, struct stick_options *o, struct slice word)
{
	struct slice period;
	int what = stick_data_of(word, &period), ms = 0;
	const char *name;
	bool rate;

	if (what < 0)
		return unknown_store(p, word);
	name = stick_data_name((enum stick_data)what);
	rate = stick_data_is_rate((enum stick_data)what);
	if (rate && period.len == 0) {
		parse_error(p, "stick-table: missing argument to store option '%s'", name);
		return false;
	}
	if (!rate && period.ptr != NULL) {
		parse_error(p, "stick-table: unexpected argument to store option '%s'", name);
		return false;
	}
	if (rate && !parse_time_ms(p, period, 'm', name, &ms))
		return false;
	if (rate && ms == 0) {
		parse_error(p, "stick-table: the period of store option '%s' is 0", name);
		return false;
	}
	if (o->stored[what])
		parse_warning(p, "stick-table: store option '%s' already enabled, ignored", name);
	else
		o->period_ms[what] = ms;
	o->stored[what] = true;
	return true;
}

static bool read_store(struct parse *p, struct stick_options *o)
{
	struct slice list;

	if (!want(p, "store", &list))
		return false;
	while (list.ptr != NULL) {
		if (!read_store_one(p, o, slice_cut(&list, ',')))
			return false;
	}
	return true;
}

static bool read_word(struct parse *p, struct stick_options *o, bool *typed)
{
	struct slice word, time;

	if (parse_accept(p, "type"))
		return read_type(p, o, typed);
	if (parse_accept(p, "size"))
		return read_size(p, o);
	if (parse_accept(p, "expire"))
		return want(p, "expire", &time) && parse_time_ms(p, time, 'm', "expire", &o->expire_ms);
	if (parse_accept(p, "store"))
		return read_store(p, o);
	if (parse_accept(p, "nopurge")) {
		o->nopurge = true;
		return true;
	}
	word = parse_next(p);
	if (slice_eq(word, SLICE_LIT("peers")) || slice_eq(word, SLICE_LIT("srvkey")) || slice_eq(word, SLICE_LIT("recv-only")) ||
	    slice_eq(word, SLICE_LIT("write-to")))
		parse_error(p, "stick-table: '%.*s' is not supported", SLICE_ARG(word));
	else
		unknown(p, "argument", word, keywords, COUNT(keywords));
	return false;
}

struct stick_table *stick_table_read(struct parse *p, struct slice name)
{
	struct stick_options o = { .name = name };
	bool typed = false;

	while (parse_peek(p).ptr != NULL) {
		if (!read_word(p, &o, &typed))
			return NULL;
	}
	if (o.size == 0)
		parse_error(p, "stick-table: missing size");
	else if (!typed)
		parse_error(p, "stick-table: missing type");
	return o.size == 0 || !typed ? NULL : stick_table_create(&o);
}

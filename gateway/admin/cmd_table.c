/* cmd_table.c - commands that show, fill and empty stick tables, all of them or what a filter or a key says. The answers are HAProxy's. */
#include <stdlib.h>

#include "gateway/admin/command.h"
#include "gateway/model/proxy.h"
#include "gateway/rule/rule.h"
#include "gateway/session/worker.h"
#include "gateway/table/stick_table.h"
#include "shared/base/clock.h"

#define FILTERS_MOST 4

enum compare { COMPARE_EQ, COMPARE_NE, COMPARE_LE, COMPARE_GE, COMPARE_LT, COMPARE_GT, COMPARE_COUNT };

/* "data.gpc0 gt 5" */
struct filter {
	enum stick_data what;
	enum compare how;
	int64_t value;
};

/* Which entries a command is about. */
struct choice {
	struct stick_table *table;
	int64_t now_ms;
	struct filter filters[FILTERS_MOST];
	unsigned count;
};

/* ---- tables ---- */

static struct stick_table *find_table(const struct config *config, struct slice name)
{
	for (struct proxy *p = config->proxies; p != NULL; p = p->next) {
		if (p->table != NULL && slice_eq(p->name, name))
			return p->table;
	}
	for (struct rate_table *t = config->rate_tables; t != NULL; t = t->next) {
		if (slice_eq(stick_table_options(t->table)->name, name))
			return t->table;
	}
	return NULL;
}

static const char *type_name(enum stick_type type)
{
	static const char *const names[] = { [STICK_IP] = "ip", [STICK_IPV6] = "ipv6", [STICK_INTEGER] = "integer",
					     [STICK_STRING] = "string", [STICK_BINARY] = "binary" };

	return names[type];
}

static void write_heading(struct stick_table *t, struct buf *out)
{
	const struct stick_options *o = stick_table_options(t);

	buf_printf(out, "# table: %.*s, type: %s, size:%u, used:%u\n", SLICE_ARG(o->name), type_name(o->type), o->size, stick_table_used(t));
}

static void list_tables(struct cli *c)
{
	const struct config *config = c->gateway->config;

	for (struct proxy *p = config->proxies; p != NULL; p = p->next) {
		if (p->table != NULL)
			write_heading(p->table, &c->out);
	}
	for (struct rate_table *t = config->rate_tables; t != NULL; t = t->next)
		write_heading(t->table, &c->out);
}

/* ---- words ---- */

/* "data.gpc0". False after saying, behind <prefix>, what is wrong. */
static bool read_data(struct cli *c, struct slice word, const struct stick_table *t, const char *prefix, enum stick_data *out)
{
	static const struct slice data = SLICE("data.");
	struct slice period;
	int what = slice_starts_with(word, data) ? stick_data_of(slice_sub(word, data.len, word.len), &period) : -1;

	if (what < 0 || period.ptr != NULL)
		buf_printf(&c->out, "%sUnknown data type\n", prefix);
	else if (!stick_table_options(t)->stored[what])
		buf_printf(&c->out, "%sData type not stored in this table\n", prefix);
	else {
		*out = (enum stick_data)what;
		return true;
	}
	return false;
}

static bool read_value(struct slice word, int64_t *out)
{
	struct slice rest;

	return cli_number(word, out, &rest) && rest.len == 0;
}

static bool read_compare(struct slice word, enum compare *out)
{
	static const char *const names[COMPARE_COUNT] = { "eq", "ne", "le", "ge", "lt", "gt" };

	for (unsigned i = 0; i < COMPARE_COUNT; i++) {
		if (slice_eq(word, slice_str(names[i]))) {
			*out = (enum compare)i;
			return true;
		}
	}
	return false;
}

/* The filters from word number 3 on. False after saying what is wrong. */
static bool read_filters(struct cli *c, struct choice *out)
{
	unsigned at = 3;
	char prefix[32];

	for (; at < c->count && out->count < FILTERS_MOST; at += 3) {
		struct filter *f = &out->filters[out->count++];
		struct buf b;

		buf_init_fixed(&b, prefix, sizeof(prefix));
		buf_printf(&b, "Filter entry #%u: ", out->count);
		prefix[b.len] = '\0';
		if (!read_data(c, c->words[at], out->table, prefix, &f->what))
			return false;
		if (!read_compare(cli_word(c, at + 1), &f->how)) {
			buf_printf(&c->out, "%sRequire and operator among \"eq\", \"ne\", \"le\", \"ge\", \"lt\", \"gt\"\n", prefix);
			return false;
		}
		if (!read_value(cli_word(c, at + 2), &f->value)) {
			buf_printf(&c->out, "%sRequire a valid integer value to compare against\n", prefix);
			return false;
		}
	}
	if (at < c->count) {
		buf_printf(&c->out, "Detected extra data in filter, %uth word of input, after '%.*s'\n", at + 1, SLICE_ARG(c->words[at - 1]));
		return false;
	}
	return true;
}

/* The key in word number 4, of the table's type. False after saying what is wrong; <doing>: "Showing". */
static bool read_key(struct cli *c, const struct stick_table *t, const char *doing, struct sample *out)
{
	enum stick_type type = stick_table_options(t)->type;
	struct slice word = cli_word(c, 4);
	uint64_t n;

	if (word.len == 0) {
		cli_say(c, "Key value expected");
		return false;
	}
	*out = (struct sample){ .type = SAMPLE_ANY };
	switch (type) {
	case STICK_BINARY:
		buf_printf(&c->out, "%s tables of type other than ip, ipv6, string and integer is not supported\n", doing);
		return false;
	case STICK_STRING:
		return sample_set_text(out, word);
	case STICK_INTEGER:
		if (slice_to_u64(word, UINT32_MAX, &n))
			return sample_set_int(out, (int64_t)n);
		break;
	case STICK_IP:
	case STICK_IPV6:
		if (sample_text_addr(word, &out->addr) && out->addr.ss_family == (type == STICK_IP ? AF_INET : AF_INET6)) {
			out->type = SAMPLE_ADDR;
			return true;
		}
		break;
	}
	cli_say(c, "Invalid key");
	return false;
}

/* ---- entries ---- */

static bool holds(const struct filter *f, int64_t value)
{
	switch (f->how) {
	case COMPARE_EQ:
		return value == f->value;
	case COMPARE_NE:
		return value != f->value;
	case COMPARE_LE:
		return value <= f->value;
	case COMPARE_GE:
		return value >= f->value;
	case COMPARE_LT:
		return value < f->value;
	default:
		return value > f->value;
	}
}

static bool chosen(void *arg, struct stick_entry *e)
{
	const struct choice *choice = arg;

	for (unsigned i = 0; i < choice->count; i++) {
		const struct filter *f = &choice->filters[i];

		if (!holds(f, (int64_t)stick_get(choice->table, e, f->what, choice->now_ms)))
			return false;
	}
	return true;
}

static int64_t now_ms(void)
{
	return clock_mono_us() / 1000;
}

/* The table of word number 2; NULL after saying that there is none. */
static struct stick_table *want_table(struct cli *c)
{
	struct stick_table *t = find_table(c->gateway->config, cli_word(c, 2));

	if (t == NULL)
		cli_say(c, "No such table");
	return t;
}

/* ---- show ---- */

struct showing {
	struct choice choice;
	unsigned place; /* in the table */
};

static bool show_more(struct cli *c)
{
	struct showing *s = c->state;

	s->place = stick_table_dump(s->choice.table, s->place, CLI_PIECE, chosen, &s->choice, s->choice.now_ms, &c->out);
	return s->place == 0;
}

static void show_entries(struct cli *c, struct stick_table *t)
{
	struct showing *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		cli_say(c, "Out of memory.");
		return;
	}
	c->state = s;
	s->choice = (struct choice){ .table = t, .now_ms = now_ms() };
	if (!read_filters(c, &s->choice))
		return;
	write_heading(t, &c->out);
	c->more = show_more;
}

static void show_key(struct cli *c, struct stick_table *t)
{
	struct sample key;
	size_t len = c->out.len;

	if (!read_key(c, t, "Showing keys from", &key))
		return;
	write_heading(t, &c->out);
	if (!stick_table_show(t, &key, now_ms(), &c->out))
		c->out.len = len; /* not even the heading, when there is no such entry */
}

void cmd_show_table(struct cli *c)
{
	struct stick_table *t;

	if (c->count < 3) {
		list_tables(c);
		return;
	}
	t = want_table(c);
	if (t == NULL)
		return;
	(void)stick_table_expire(t, now_ms());
	if (cli_is(c, 3, "key"))
		show_key(c, t);
	else if (c->count > 3 && !slice_starts_with(c->words[3], SLICE_LIT("data.")))
		cli_say(c, "Optional argument only supports \"data.<store_data_type>\" <operator> <value> and key <key>");
	else
		show_entries(c, t);
}

/* ---- clear ---- */

static void clear_key(struct cli *c, struct stick_table *t)
{
	struct stick_entry *e;
	struct sample key;

	if (!read_key(c, t, "Removing keys from", &key) || stick_table_clear(t, &key, NULL, NULL) > 0)
		return;
	e = stick_find(t, &key, now_ms());
	if (e == NULL)
		return;
	cli_say(c, "Entry currently in use, cannot remove");
	stick_release(t, &e, now_ms());
}

void cmd_clear_table(struct cli *c)
{
	static const char usage[] = "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or <table> key <key>";
	struct stick_table *t;
	struct choice choice;

	if (c->count < 3) {
		cli_say(c, usage);
		return;
	}
	t = want_table(c);
	if (t == NULL)
		return;
	choice = (struct choice){ .table = t, .now_ms = now_ms() };
	if (cli_is(c, 3, "key"))
		clear_key(c, t);
	else if (c->count > 3 && !slice_starts_with(c->words[3], SLICE_LIT("data.")))
		cli_say(c, usage);
	else if (read_filters(c, &choice))
		(void)stick_table_clear(t, NULL, chosen, &choice);
}

/* ---- set ---- */

struct setting {
	enum stick_data what;
	int64_t value;
};

/* The pairs from word number 5 on. False after saying what is wrong: nothing is changed then. */
static bool read_settings(struct cli *c, const struct stick_table *t, struct setting *out, unsigned *count)
{
	*count = 0;
	for (unsigned at = 5; at < c->count; at += 2, ++*count) {
		if (!slice_starts_with(c->words[at], SLICE_LIT("data."))) {
			cli_say(c, "\"data.<type>\" followed by a value expected");
			return false;
		}
		if (!read_data(c, c->words[at], t, "", &out[*count].what))
			return false;
		if (!read_value(cli_word(c, at + 1), &out[*count].value) || out[*count].value < 0) {
			cli_say(c, "Require a valid integer value to store");
			return false;
		}
	}
	return true;
}

static void set_entry(struct cli *c, struct stick_table *t)
{
	struct setting settings[CLI_WORDS / 2];
	struct stick_entry *e;
	struct sample key;
	unsigned count;
	int64_t now = now_ms();

	if (!read_key(c, t, "Inserting keys into", &key) || !read_settings(c, t, settings, &count))
		return;
	e = stick_track(t, &key, now);
	if (e == NULL) {
		cli_say(c, "Unable to allocate a new entry");
		return;
	}
	for (unsigned i = 0; i < count; i++)
		stick_put(t, e, settings[i].what, (uint64_t)settings[i].value, now);
	stick_release(t, &e, now);
}

void cmd_set_table(struct cli *c)
{
	static const char usage[] = "Required arguments: <table> key <key> [data.<store_data_type> <value>]*";
	struct stick_table *t;

	if (c->count < 3) {
		cli_say(c, usage);
		return;
	}
	t = want_table(c);
	if (t == NULL)
		return;
	if (cli_is(c, 3, "key"))
		set_entry(c, t);
	else if (slice_starts_with(cli_word(c, 3), SLICE_LIT("data.")))
		cli_say(c, "content-based lookup is only supported with the \"show\" and \"clear\" actions");
	else
		cli_say(c, usage);
}

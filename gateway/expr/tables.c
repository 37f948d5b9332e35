/* tables.c - all fetches and converters by name: looked up only while the configuration is read. */
#include "gateway/expr/tables.h"

#include <string.h>
#include "gateway/conf/parse.h"

static const struct fetch *const fetches[] = {
	fetch_client, fetch_request, fetch_header, fetch_cookie, fetch_message, fetch_proxy, fetch_server, fetch_table, fetch_misc,
};

static const struct converter *const converters[] = {
	conv_text, conv_split, conv_encode, conv_json, conv_number, conv_hash, conv_date, conv_map, conv_table,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *const tables_suffixes[] = { "beg", "dir", "dom", "end", "len", "reg", "sub", NULL };

const struct fetch *tables_fetch(struct slice name, unsigned when)
{
	const struct fetch *first = NULL;

	for (size_t t = 0; t < COUNT(fetches); t++) {
		for (const struct fetch *f = fetches[t]; f->name != NULL; f++) {
			if (!slice_eq(slice_str(f->name), name))
				continue;
			if ((f->when & ~when) == 0)
				return f;
			if (first == NULL)
				first = f;
		}
	}
	return first;
}

const struct converter *tables_converter(struct slice name)
{
	for (size_t t = 0; t < COUNT(converters); t++) {
		for (const struct converter *c = converters[t]; c->name != NULL; c++) {
			if (slice_eq(slice_str(c->name), name))
				return c;
		}
	}
	return NULL;
}

/* A list of names that grows while it is gathered: only after a mistake. */
struct names {
	struct parse *p;
	const char **at;
	unsigned count, room;
};

static void names_add(struct names *n, const char *name)
{
	if (n->count == n->room) {
		const char **more = arena_alloc_array(n->p->arena, n->room * 2 + 256, sizeof(*more));

		if (n->count > 0)
			memcpy(more, n->at, n->count * sizeof(*more));
		n->at = more;
		n->room = n->room * 2 + 256;
	}
	n->at[n->count++] = name;
}

const char *tables_nearest_fetch(struct parse *p, struct slice name, bool for_acl)
{
	struct names n = { .p = p };

	for (size_t t = 0; t < COUNT(fetches); t++) {
		for (const struct fetch *f = fetches[t]; f->name != NULL; f++) {
			names_add(&n, f->name);
			for (unsigned i = 0; for_acl && f->derived && tables_suffixes[i] != NULL; i++)
				names_add(&n, arena_printf(p->arena, "%s_%s", f->name, tables_suffixes[i]).ptr);
		}
	}
	return parse_nearest(name, n.at, n.count);
}

const char *tables_nearest_converter(struct parse *p, struct slice name)
{
	struct names n = { .p = p };

	for (size_t t = 0; t < COUNT(converters); t++) {
		for (const struct converter *c = converters[t]; c->name != NULL; c++)
			names_add(&n, c->name);
	}
	return parse_nearest(name, n.at, n.count);
}

void tables_list(struct buf *out)
{
	for (size_t t = 0; t < COUNT(fetches); t++) {
		for (const struct fetch *f = fetches[t]; f->name != NULL; f++)
			buf_printf(out, "fetch %s\n", f->name);
	}
	for (size_t t = 0; t < COUNT(converters); t++) {
		for (const struct converter *c = converters[t]; c->name != NULL; c++)
			buf_printf(out, "converter %s\n", c->name);
	}
}

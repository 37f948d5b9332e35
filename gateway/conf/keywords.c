/* keywords.c - looks keywords up in the tables of all modules, and says what was probably meant by one that is in none. */
#include "gateway/conf/reader.h"
#include "shared/base/buf.h"

#define CANDIDATES_MOST 512

static const struct keyword *const tables[] = {
	keywords_global, keywords_tune, keywords_proxy, keywords_timeouts, keywords_options, keywords_balance, keywords_bind, keywords_server,
	keywords_logging, keywords_rules, keywords_stats, keywords_own, keywords_sections,
};

/* The entry behind <k> over all tables; NULL: the first; NULL at the end. */
static const struct keyword *next(const struct keyword *k, unsigned *table)
{
	if (k == NULL)
		*table = 0;
	k = k == NULL ? tables[0] : k + 1;
	while (k->name == NULL) {
		if (++*table == sizeof(tables) / sizeof(tables[0]))
			return NULL;
		k = tables[*table];
	}
	return k;
}

/* Sections among which a keyword may have been looked for: proxies have a language of their own. */
static unsigned family(unsigned section)
{
	return (section & IN_ALL_PROXIES) != 0 ? IN_ALL_PROXIES : section;
}

/* Complains about words that are no keyword. <first_is_known>: the first one begins keywords of two words. */
static void unknown(struct parse *p, unsigned section, bool first_is_known)
{
	struct slice first = p->words[p->at], second = p->at + 1 < p->count ? p->words[p->at + 1] : SLICE_NONE;
	const char *names[CANDIDATES_MOST], *nearest;
	unsigned count = 0, table = 0, refused = keyword_refused(first, second, section);

	if (refused > 0 || (first_is_known && second.ptr == NULL)) {
		parse_error(p, refused > 0 ? "'%.*s%s%.*s' is not supported yet: this gateway does only a part of what HAProxy can" :
			    "'%.*s%s%.*s' expects another word", SLICE_ARG(first), refused > 1 ? " " : "", SLICE_ARG(refused > 1 ? second : SLICE_NONE));
		return;
	}
	for (const struct keyword *k = next(NULL, &table); k != NULL && count < CANDIDATES_MOST; k = next(k, &table)) {
		if ((k->sections & family(section)) != 0 && (!first_is_known || slice_eq(slice_str(k->name), first)))
			names[count++] = first_is_known ? k->second : k->name;
	}
	nearest = parse_nearest(first_is_known ? second : first, names, count);
	parse_error(p, "unknown keyword '%.*s%s%.*s' in '%s' section%s%s%s%s%s", SLICE_ARG(first), first_is_known ? " " : "",
		    SLICE_ARG(first_is_known ? second : SLICE_NONE), reader_of(p)->section_kind, nearest == NULL ? "" : "; did you mean '",
		    nearest != NULL && first_is_known ? first.ptr : "", nearest != NULL && first_is_known ? " " : "", nearest == NULL ? "" : nearest,
		    nearest == NULL ? "" : "' maybe ?");
}

const struct keyword *keyword_find(struct parse *p, unsigned section)
{
	struct slice first = p->words[p->at], second = p->at + 1 < p->count ? p->words[p->at + 1] : SLICE_NONE;
	const struct keyword *single = NULL;
	bool first_is_known = false;
	unsigned table = 0;

	for (const struct keyword *k = next(NULL, &table); k != NULL; k = next(k, &table)) {
		if ((k->sections & family(section)) == 0 || !slice_eq(first, slice_str(k->name)))
			continue;
		if (k->second == NULL) {
			single = single == NULL ? k : single;
		} else if (second.ptr != NULL && slice_eq(second, slice_str(k->second))) {
			single = k;
			break;
		} else {
			first_is_known = true;
		}
	}
	if (single == NULL)
		unknown(p, section, first_is_known);
	else
		p->at += single->second == NULL ? 1 : 2;
	return single;
}

void keywords_list(struct buf *out)
{
	static const struct { unsigned bit; const char *name; } sections[] = {
		{ IN_GLOBAL, "global" },       { IN_DEFAULTS, "defaults" },   { IN_FRONTEND, "frontend" },
		{ IN_BACKEND, "backend" },     { IN_PROXY, "listen" },        { IN_RESOLVERS, "resolvers" },
		{ IN_HTTP_ERRORS, "http-errors" },
	};

	for (unsigned i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		unsigned table = 0;

		for (const struct keyword *k = next(NULL, &table); k != NULL; k = next(k, &table)) {
			if ((k->sections & sections[i].bit) != 0)
				buf_printf(out, "%s %s%s%s%s\n", sections[i].name, k->name, k->second == NULL ? "" : " ",
					   k->second == NULL ? "" : k->second, (k->flags & KEYWORD_OWN) != 0 ? " # own" : "");
		}
	}
	bind_options_list(out);
	server_options_list(out);
}

/* reader.h - what the parts of the configuration's reader share: keyword tables, sections, and what is known of a proxy only while reading.
 *
 * A keyword is one entry in a table and one function. The table says in which sections it may stand; the reader (conf.c) finds the entry,
 * checks the place and calls the function with p->at behind the keyword.
 */
#ifndef MOA_GATEWAY_CONF_READER_H
#define MOA_GATEWAY_CONF_READER_H

#include <stdbool.h>
#include <stddef.h>
#include "gateway/conf/blocks.h"
#include "gateway/conf/parse.h"
#include "gateway/model/config.h"
#include "gateway/model/proxy.h"
#include "shared/base/buf.h"

/* Bits: sections that a keyword may stand in. "listen" is frontend and backend. */
enum section_bit {
	IN_GLOBAL = 1,
	IN_DEFAULTS = 2,
	IN_FRONTEND = 4,
	IN_BACKEND = 8,
	IN_RESOLVERS = 16,
	IN_HTTP_ERRORS = 32,
};
#define IN_PROXY (IN_FRONTEND | IN_BACKEND)
#define IN_ALL_PROXIES (IN_DEFAULTS | IN_PROXY)
#define IN_FRONTENDS (IN_DEFAULTS | IN_FRONTEND)
#define IN_BACKENDS (IN_DEFAULTS | IN_BACKEND)

/* Bits: what is special about a keyword. */
enum keyword_flag {
	KEYWORD_NO = 1,      /* may have "no" or "default" in front */
	KEYWORD_AGAIN = 2,   /* makes an object: in a defaults section its lines are kept, and read again for each section that inherits them */
	KEYWORD_RULE = 4,    /* a rule or an acl: in defaults sections with a name only, whose use is limited (manual, 4.2, http-request) */
	KEYWORD_STRICT = 8,  /* an error in the other sections of proxies, not only a warning */
	KEYWORD_OWN = 16,    /* not HAProxy's: described in docs/gateway.md */
};

struct keyword {
	const char *name, *second; /* second word, or NULL */
	unsigned sections;         /* bits of enum section_bit */
	void (*read)(struct parse *p, const struct keyword *k);
	unsigned flags;            /* bits of enum keyword_flag */
	size_t field;              /* for <read>: offset of what it sets */
};

static inline void *field_at(void *base, size_t offset)
{
	return (char *)base + offset;
}

/* Tables, each ended by an entry without name. */
extern const struct keyword keywords_global[], keywords_tune[];
extern const struct keyword keywords_proxy[], keywords_timeouts[], keywords_options[], keywords_balance[];
extern const struct keyword keywords_bind[], keywords_server[], keywords_logging[], keywords_rules[], keywords_stats[], keywords_own[];
extern const struct keyword keywords_sections[]; /* of resolvers and http-errors */

/* The entry for the words from p->at on, and moves behind it; complains when there is none. */
const struct keyword *keyword_find(struct parse *p, unsigned section);
/* refused.c: of how many words, 1 or 2, the keyword is that HAProxy has there and we do not; 0: there is none. */
unsigned keyword_refused(struct slice first, struct slice second, unsigned section);
/* Appends "section keyword" lines, one for each section that an entry names; "# own" stands behind what HAProxy does not have. */
void keywords_list(struct buf *out);

/* server_options.c: the rest of the line, into s->o; false after complaining. s->backend is NULL for "default-server". */
bool server_options_read(struct parse *p, struct server *s);
/* Append "bind option" and "server option" lines. */
void bind_options_list(struct buf *out);
void server_options_list(struct buf *out);

/* A line of a defaults section that is read again. */
struct kept_line {
	struct kept_line *next;
	const struct keyword *keyword;
	bool no;                /* "no …" */
	struct slice file;
	unsigned line;
	unsigned at, count;     /* p->at behind the keyword */
	struct slice words[];
};

/* Where something stood that is looked at again after reading. */
struct place {
	struct slice file;
	unsigned line;
};

/* What only the reader needs of a proxy: its <conf>. */
struct proxy_conf {
	struct proxy *next_defaults;
	bool has_mode, has_id;
	bool has_rules, has_connection_rules; /* a defaults section with rules */
	bool named_use, silent_use;  /* a defaults section that was used by "from", or because it was the last one */
	bool frontend_use, backend_use;
	bool stats_inherited;     /* the first own "stats" line begins anew */
	unsigned backlog;
	struct kept_line *kept, **kept_end;
	struct listener **listeners_end;
	struct server **servers_end;
	struct {
		struct place log_format, error_log_format, log_format_sd, unique_id, default_backend;
	} places;
};

enum negation { PLAIN, NEGATED, BY_DEFAULT };

struct reader {
	struct parse parse;        /* first: functions get a pointer to it */
	struct blocks blocks;
	unsigned section;          /* bits that a keyword must have one of; 0: outside */
	const char *section_kind;  /* "frontend" */
	struct slice section_name;
	bool skipping;             /* a section that we do not have: nothing is said about its lines */
	enum negation negation;
	struct proxy *defaults;    /* newest defaults section, linked by next_defaults */
	struct proxy **proxies_end;
};

static inline struct place place_of(const struct parse *p)
{
	return (struct place){ .file = p->file, .line = p->line };
}

static inline struct reader *reader_of(struct parse *p)
{
	return (struct reader *)p;
}

static inline struct proxy_conf *conf_of(const struct proxy *proxy)
{
	return proxy->conf;
}

/* section.c: begins a section when the first word of the line names one. */
bool section_begin(struct reader *r);
/* "frontend", "backend", "listen" or "defaults". */
const char *section_kind_of(const struct proxy *proxy);
/* Reads one line of a section: checks its place and calls the keyword's function. */
void section_line(struct reader *r);

/* inherit.c: <proxy> with the values of <from>; NULL: with the built-in ones. Its kept lines are read afterwards. */
void inherit_values(struct proxy *proxy, const struct proxy *from);
void inherit_lines(struct reader *r, struct proxy *proxy, const struct proxy *from);
void inherit_keep(struct reader *r, const struct keyword *k, unsigned at);

/* finish.c: after all files: names between sections, numbers, formats, warnings. */
void finish(struct reader *r);

#endif

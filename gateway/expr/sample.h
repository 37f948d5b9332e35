/* sample.h - values that rules work with, and the tables of what yields them (fetches) and changes them (converters).
 *
 * A new fetch or converter is one more entry in a table. Names, arguments and results are HAProxy's: configuration
 * manual, chapter 7.3.
 */
#ifndef MOA_GATEWAY_EXPR_SAMPLE_H
#define MOA_GATEWAY_EXPR_SAMPLE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include "shared/base/slice.h"

struct args;
struct exchange;
struct parse;

enum sample_type { SAMPLE_ANY, SAMPLE_BOOL, SAMPLE_INT, SAMPLE_ADDR, SAMPLE_STR, SAMPLE_BIN, SAMPLE_METHOD };

struct sample {
	enum sample_type type;
	bool boolean;
	int64_t integer;
	struct sockaddr_storage addr; /* AF_INET or AF_INET6; the port does not count */
	struct slice text;            /* of STR, BIN and METHOD; in the exchange's buffers or arena */
};

/* Bits: when a fetch has its value. */
enum sample_when {
	WHEN_ALWAYS = 1,        /* constants, the process, the clock, other proxies */
	WHEN_CONNECTION = 2,    /* the client's connection */
	WHEN_REQUEST = 4,       /* the request's head */
	WHEN_BODY = 8,          /* the request's body, as far as it is buffered */
	WHEN_SERVER = 16,       /* the server is chosen */
	WHEN_RESPONSE = 32,     /* the response's head */
	WHEN_LOG = 64,          /* the exchange has ended */
	WHEN_KEPT = 128,        /* what is kept of the request to the end: method, captures, id */
	WHEN_STATUS = 256,      /* what is kept of the response: status, captures */
	WHEN_BACKEND = 512,     /* the backend is chosen; a backend's own request rules have it as well (expr_parse() sees to that) */
};
/* What a rule may use, in the order of an exchange. As in HAProxy, heads are not for the log: they may have been changed. */
#define WHEN_CONFIG WHEN_ALWAYS
#define WHEN_IN_CONNECTION (WHEN_ALWAYS | WHEN_CONNECTION)
#define WHEN_IN_REQUEST (WHEN_IN_CONNECTION | WHEN_REQUEST | WHEN_BODY | WHEN_KEPT)
#define WHEN_IN_RESPONSE (WHEN_IN_CONNECTION | WHEN_KEPT | WHEN_BACKEND | WHEN_SERVER | WHEN_RESPONSE | WHEN_STATUS)
#define WHEN_IN_LOG (WHEN_IN_CONNECTION | WHEN_KEPT | WHEN_BACKEND | WHEN_SERVER | WHEN_STATUS | WHEN_LOG)
/* Not known yet: an acl is read before it is used. */
#define WHEN_ANY 0xFFFFu

#define ARGS_MAX 8

/* Where a fetch with many values stands; zeroed at the start. */
struct walk {
	bool begun;
	unsigned field;     /* of the head */
	struct slice rest;  /* of that field, or of the query */
};

struct fetch {
	const char *name;
	const char *args;   /* one letter each, optional ones after '|' (expr/arg.h); NULL: none */
	enum sample_type type;
	unsigned when;      /* bits of enum sample_when; all must be available */
	/* Its value, false when there is none. <w> NULL: the one that counts outside of conditions (the last header of that name,
	 * the first parameter); else the next one of the walk, for those with <many>. Connection and worker of <x> may be
	 * NULL for WHEN_ALWAYS. */
	bool (*get)(struct exchange *x, const struct args *a, struct walk *w, struct sample *out);
	bool many;          /* more than one value: a condition looks at all of them (hdr, cook, …) */
	bool derived;       /* has acl keywords <name>_beg, _dir, _dom, _end, _len, _reg and _sub */
	int data;           /* args->data for get(): one function may serve several entries */
	/* Further checks of the arguments at the start; NULL: none. False has complained. */
	bool (*check)(struct parse *p, struct args *a);
};

struct converter {
	const char *name;
	const char *args;
	enum sample_type from, to; /* to SAMPLE_ANY: what comes in, or not known before it runs */
	/* Changes <s> in place; false: there is no value any more. */
	bool (*convert)(struct exchange *x, const struct args *a, struct sample *s);
	int data;
	bool (*check)(struct parse *p, struct args *a);
};

/* Brings <s> to that type as HAProxy casts (7.3.1): false when it cannot be. Text lands in the exchange's arena. */
bool sample_cast(struct exchange *x, struct sample *s, enum sample_type to);
/* Whether a cast between these types exists at all. */
bool sample_castable(enum sample_type from, enum sample_type to);

/* Setters for those who make samples. */
bool sample_set_int(struct sample *s, int64_t n);
bool sample_set_bool(struct sample *s, bool b);
/* False when <text> is SLICE_NONE. */
bool sample_set_text(struct sample *s, struct slice text);
bool sample_set_binary(struct sample *s, struct slice bytes);
/* Copies; false unless it is an internet address. */
bool sample_set_addr(struct sample *s, const struct sockaddr_storage *from);

/* The number that <text> begins with, sign allowed; 0 when there is none; at the limits of int64 it stops. <used>: bytes of it, or NULL. */
int64_t sample_text_number(struct slice text, size_t *used);
/* "192.0.2.1" or "2001:db8::1", and nothing else. */
bool sample_text_addr(struct slice text, struct sockaddr_storage *out);
/* An address as text, without its port, in the arena. */
struct slice sample_addr_text(struct exchange *x, const struct sockaddr_storage *a);

/* Printable names for complaints: "string", "integer". */
const char *sample_type_name(enum sample_type t);

#endif

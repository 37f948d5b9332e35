/* expect.h - "http-check expect": one demand on the response to a health check, read from the configuration and tried. */
#ifndef MOA_GATEWAY_HEALTH_EXPECT_H
#define MOA_GATEWAY_HEALTH_EXPECT_H

#include <stdbool.h>
#include <stdint.h>
#include "gateway/health/health.h"
#include "gateway/http/head.h"
#include "shared/base/slice.h"

struct parse;
struct regex;
struct worker;

enum expect_kind { EXPECT_STATUS, EXPECT_RSTATUS, EXPECT_HDR, EXPECT_FHDR, EXPECT_STRING, EXPECT_RSTRING };

/* "-m beg", and the pattern. */
struct expect_pattern {
	enum { MATCH_STR, MATCH_BEG, MATCH_END, MATCH_SUB, MATCH_REG } how;
	struct slice text; /* SLICE_NONE: anything */
	struct regex *regex;
};

struct expect_range {
	int from, to;
};

struct expect {
	struct expect *next;
	enum expect_kind kind;
	bool inverse;                 /* "!" */
	int min_recv;                 /* bytes of body before it is tried; -1: not given */
	struct slice comment;
	enum check_result ok, error, timeout; /* ok-status and its like; CHECK_UNKNOWN: the usual ones */
	struct expect_range *ranges;  /* status */
	unsigned range_count;
	struct expect_pattern name;   /* hdr, fhdr */
	struct expect_pattern text;   /* of a value, status or body */
};

/* Reads it from behind "http-check expect"; NULL after complaining. */
struct expect *expect_read(struct parse *p);

bool expect_is_body(const struct expect *e); /* string, rstring */
/* Whether the head is as demanded, the "!" counted in. Not for those of the body. <w>: the worker whose thread this is. */
bool expect_head(const struct expect *e, struct worker *w, const struct http_head *h);

enum expect_answer {
	EXPECT_MET,
	EXPECT_FAILED,
	EXPECT_EMPTY, /* failed: there is no body */
	EXPECT_MORE,  /* depends on what follows; not when <all> is there */
};
enum expect_answer expect_body(const struct expect *e, struct worker *w, struct slice body, bool all);

#endif

/* rule.h - lists of rules: "http-request <action> … if <condition>", and their like.
 *
 * An action is one entry in a table. Running a list never waits; an action that needs time (tarpit) says so by its verdict.
 */
#ifndef MOA_GATEWAY_RULE_RULE_H
#define MOA_GATEWAY_RULE_RULE_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/slice.h"

struct buf;
struct cond;
struct config;
struct exchange;
struct parse;
struct rule;
struct stick_table;

enum rule_set {
	RULES_CONNECTION,     /* tcp-request connection */
	RULES_SESSION,        /* tcp-request session */
	RULES_CONTENT,        /* tcp-request content; here run as the first of the request rules */
	RULES_REQUEST,        /* http-request */
	RULES_RESPONSE,       /* http-response */
	RULES_AFTER_RESPONSE, /* http-after-response: also on answers that the gateway makes itself */
	RULES_COUNT
};

struct rule_list {
	struct rule *first;
	struct rule **end; /* where the next one is hung; NULL while there is none */
};

/* What an action leaves to do. REPLY, TARPIT and CLOSE have set x->cause for the log: 'P' when the request or response is refused
 * (deny, tarpit, reject, silent-drop, rate-limit), 'L' when it is answered here (return, redirect). */
enum verdict {
	VERDICT_NEXT,     /* go on with the next rule */
	VERDICT_ALLOW,    /* no further rule of this section's list */
	VERDICT_REPLY,    /* x->reply holds the answer */
	VERDICT_TARPIT,   /* the same, after timeout tarpit */
	VERDICT_CLOSE,    /* close the connection without an answer (reject; silent-drop, which sets x->silent_drop) */
	VERDICT_BODY,     /* wait-for-body: run the list again when x->wait_body_least bytes of the body are there, or all of it, or no
	                   * more fits; a request whose body takes longer than x->wait_body_ms is worth a 408 */
	VERDICT_FAIL,     /* an edit did not fit, or makes no legal message: 500, or 502 for a response */
};

/* What more() has to say of a body that is made while it is read. */
enum reply_more {
	REPLY_MORE,   /* here is a piece, and there may be others */
	REPLY_LAST,   /* there is no more */
	REPLY_BROKEN, /* it cannot go on: the connection is cut, so that nobody takes what went out for all of it */
};

/* An answer that the gateway makes itself. Slices live in the configuration or in the exchange's arena. */
struct reply {
	int status;
	struct slice reason;        /* SLICE_NONE: the usual one */
	struct slice content_type;
	struct slice body;
	/* Not NULL: instead of <body>, pieces that are made one by one as the client reads, so that an answer of any length takes little
	 * memory and holds the loop for a piece only. The memory of *piece is <pieces>' own, until the next call or the end of the exchange. */
	enum reply_more (*more)(struct exchange *x, void *pieces, struct slice *piece);
	void *pieces;
	struct slice headers[16][2];
	unsigned header_count;
	struct slice raw;           /* not SLICE_NONE: sent as it is, and nothing else: "" of an empty error file */
	bool close;                 /* close behind it */
};

struct action {
	const char *name;           /* "set-header"; one that ends in '(' is followed by arguments: "set-var(" */
	unsigned sets;              /* bits 1 << enum rule_set: where it may stand */
	/* Reads the words behind the name, up to "if", "unless" or the end; NULL after complaining. What it returns is given to
	 * run() as <arg>; an action without arguments returns a non-NULL constant. */
	const void *(*read)(struct parse *p, enum rule_set set, struct slice name);
	enum verdict (*run)(struct exchange *x, const void *arg);
	bool rewrites;              /* its VERDICT_FAIL is passed over after "strict-mode off" */
	bool own;                   /* not HAProxy's: described in docs/gateway.md */
};

/* Reads a rule from p->at, behind "http-request" and its like, and hangs it at the end of <list>. */
void rule_read(struct parse *p, enum rule_set set, struct rule_list *list);
/* Reads "redirect …", the keyword of a section, from behind it: a rule for a list of its own, run after the section's http-request
 * rules. Its texts are no formats. */
void redirect_read(struct parse *p, struct rule_list *list);
/* After all files: looks up the tables, captures and http-errors sections that rules and error pages named; complains about what there is not. */
void rules_resolve_all(struct parse *p);

/* Appends "http-request set-header" lines, one for each kind of rule that an action may be; "# own" behind what HAProxy does not have. */
void actions_list(struct buf *out);

/* Runs the list: from its start, or behind the rule <x->rule_at>, which returned VERDICT_BODY and stands there then. */
enum verdict rules_run(const struct rule_list *list, struct exchange *x);

/* A stick table that "rate-limit" made for itself; c->rate_tables lists them. */
struct rate_table {
	struct rate_table *next;
	struct stick_table *table;
};
/* Frees them, before the configuration's arena. */
void rate_tables_free(struct config *c);

/* "use_backend <name or %[…]> [if …]": behind the first word. */
struct switch_rule;
struct proxy;
void switch_rule_read(struct parse *p, struct switch_rule **list);
/* After all files: looks up names; complains about what there is not. */
void switch_rules_resolve(struct parse *p, struct switch_rule *list);
/* The backend that the rules of <frontend> choose, or its default; NULL: none (503). */
struct proxy *switch_choose(struct proxy *frontend, struct exchange *x);

#endif

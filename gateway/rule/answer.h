/* answer.h - the answers that "return", "deny", "tarpit" and "http-error" describe: status, type, body or file, headers. */
#ifndef MOA_GATEWAY_RULE_ANSWER_H
#define MOA_GATEWAY_RULE_ANSWER_H

#include <stdbool.h>
#include "gateway/rule/rule.h"

struct answer;
struct exchange;
struct parse;

struct answer_reading {
	const char *what;      /* for complaints: "http-request deny" */
	unsigned when;         /* what its formats may use, and how complaints name the place, as for format_parse() */
	const char *where;
	int status;            /* unless the line says another; 0: it must */
	bool deny_status;      /* "deny_status" may stand for "status" */
	bool pages_by_default; /* without anything but a status: the error page of that status */
	bool error_statuses;   /* only statuses that have an error page */
};

/* Reads "[status <code>] [content-type <type>] [default-errorfiles | errorfile <file> | errorfiles <section> | file <file> |
 * lf-file <file> | string <text> | lf-string <format>] [hdr <name> <format>]*". NULL after complaining. */
const struct answer *answer_read(struct parse *p, const struct answer_reading *how);
int answer_status(const struct answer *a);
/* Whether it stands for the error pages that are configured elsewhere: "default-errorfiles". */
bool answer_is_default(const struct answer *a);
/* Whether its http-errors section, looked up now, has no page of that status. */
bool answer_is_missing(const struct answer *a);

/* Makes it x->reply. False: no room in the exchange's arena. */
bool answer_fill(const struct answer *a, struct exchange *x);

#endif

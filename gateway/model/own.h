/* own.h - what the keywords say that are our own and not HAProxy's (docs/gateway.md), and small structs that several parts share. */
#ifndef MOA_GATEWAY_MODEL_OWN_H
#define MOA_GATEWAY_MODEL_OWN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "shared/base/slice.h"

struct cond;
struct rule_list;

/* "consistency-token <token header> [<fact header>]" in a frontend: facts are kept per token (table/tokens.h). */
struct consistency {
	struct slice token_header; /* USER-TOKEN */
	struct slice fact_header;  /* Consistency-Token unless given */
};

/* "retry-budget <percent>% [min <n>]" in a backend: retries may be at most that part of its requests, and <least> a second, so that retries
 * never multiply an overload. A bucket in thousandths of a retry: each request adds 10 * percent, each second adds
 * 1000 * least, each retry takes 1000; full at 10 s of the least, at least 10 retries. Shared by all threads. */
struct retry_budget {
	unsigned percent, least;
	_Atomic int64_t milli;      /* what is in the bucket */
	_Atomic int64_t filled_ms;  /* when the seconds' part was last added */
};

/* "monitor fail if …" */
struct cond_list {
	struct cond_list *next;
	struct cond *cond;
};

/* "stats enable", "stats uri /x", … in a proxy: pages of the status. */
struct stats_page {
	bool enabled, hide_version, show_legends, show_node, show_desc;
	struct slice uri;         /* "/haproxy?stats" unless given */
	int refresh_s;            /* 0: none */
	struct slice realm, node, description;
	struct stats_user {
		struct stats_user *next;
		struct slice name, password;
	} *users;                 /* NULL: anyone */
	struct stats_scope {
		struct stats_scope *next;
		struct slice name;
	} *scopes;                /* proxies that are shown; NULL: all */
	struct cond *admin;       /* "stats admin if …": may change servers there */
	bool has_admin;
	struct rule_list *rules;  /* "stats http-request" */
};

#endif

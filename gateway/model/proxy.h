/* proxy.h - a frontend, a backend or both ("listen"): what its section of the configuration said.
 *
 * Read-only once the loops run, but for what says so.
 */
#ifndef MOA_GATEWAY_MODEL_PROXY_H
#define MOA_GATEWAY_MODEL_PROXY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "gateway/model/backend.h"
#include "gateway/rule/rule.h"
#include "shared/base/slice.h"

struct acl;
struct format;
struct listener;
struct log_target;
struct stick_table;

/* Milliseconds; 0: not set, no limit. */
struct proxy_timeouts {
	int client, server, connect, queue, check, tarpit, tunnel;
	int http_request, http_keep_alive, client_fin, server_fin;
	int total; /* own: "timeout total", from the request's first byte to the response's last */
};

/* "capture request header Host len 64", "http-request capture", "declare capture". */
struct capture {
	struct capture *next;
	unsigned index;
	struct slice name; /* of the header; SLICE_NONE for a slot that a rule fills */
	unsigned len;      /* most bytes kept */
};

/* option forwardfor */
struct forwardfor {
	bool on, if_none;
	struct slice header; /* "X-Forwarded-For" unless renamed */
	bool has_except;
	uint8_t except_family_bits[17]; /* address family (4 or 6), then the network */
	unsigned except_prefix;
};

enum proxy_status { PROXY_RUNNING, PROXY_PAUSED, PROXY_STOPPED };
enum http_mode { HTTP_KEEP_ALIVE, HTTP_SERVER_CLOSE, HTTP_CLOSE };

struct proxy {
	struct slice name;
	unsigned id, index;      /* as shown, from 1 up; place in each worker's arrays */
	struct proxy *next;
	bool is_defaults, is_frontend, is_backend; /* listen: both of the last */
	bool disabled;
	struct slice file;
	unsigned line;
	struct slice description;

	struct proxy_timeouts timeout;
	enum http_mode http_mode;
	struct forwardfor forwardfor;
	bool abortonclose, buffer_request, http_no_delay;
	bool dontlognull, dontlog_normal, logasap, log_separate_errors, log_health_checks, http_ignore_probes;
	bool idle_close_on_response, redispatch, http_pretend_keepalive, socket_stats, tcpka;
	int redispatch_interval; /* after every n-th retry, -n: the last ones; option redispatch: -1 */
	bool problem_documents;  /* own: option problem-documents */
	bool trace_context;      /* own: option trace-context */
	uint64_t body_limit;     /* own: most bytes of a request body, chunked ones counted; 0: none */

	struct acl *acls;
	struct rule_list request_rules, response_rules, after_response_rules;
	struct rule_list redirect_rules; /* "redirect …": run behind request_rules, also when those said to allow */
	struct rule_list connection_rules, session_rules; /* tcp-request connection, session */
	struct rule_list content_rules;                   /* tcp-request content */
	struct switch_rule *switch_rules;                 /* use_backend */
	struct proxy *default_backend;
	struct slice default_backend_name;                /* until it is resolved, after reading */
	struct error_page *error_pages;
	struct slice monitor_uri;
	struct cond_list *monitor_fail;
	struct capture *request_captures, *response_captures;
	unsigned request_capture_count, response_capture_count;

	struct log_target *logs;
	bool logs_global;        /* "log global" */
	struct format *log_format, *error_log_format, *unique_id_format;
	struct format *log_format_sd; /* structured data of the rfc5424 layout, or NULL */
	struct slice log_format_text, error_log_format_text, log_format_sd_text, unique_id_text, unique_id_header, log_tag;
	enum { LOG_PLAIN, LOG_HTTP, LOG_HTTP_CLF, LOG_TCP, LOG_JSON, LOG_CUSTOM } log_kind;
	struct stick_table *table; /* the section's own stick-table, or NULL */

	/* frontend */
	struct listener *listeners;
	_Atomic unsigned maxconn; /* once the loops run 0 lets nobody in; before, it means the process's. Written by the first worker's thread */
	_Atomic unsigned connections, connections_most; /* now; written by all */
	_Atomic unsigned places; /* taken: by connections, and by workers that are about to accept one; what maxconn is held against */
	_Atomic int status;      /* enum proxy_status; written by the first worker's thread */
	struct consistency *consistency; /* own: consistency-token, or NULL */
	struct stats_page *stats;         /* stats uri, or NULL */

	/* backend */
	struct backend backend;

	void *conf;              /* what only the reader of the configuration needs */
};

#endif

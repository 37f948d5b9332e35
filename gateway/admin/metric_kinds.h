/* metric_kinds.h - which metrics there are: the fields of "show info" and "show stat" under the names that HAProxy's exporter gives them. */
#ifndef MOA_GATEWAY_ADMIN_METRIC_KINDS_H
#define MOA_GATEWAY_ADMIN_METRIC_KINDS_H

#include <stdbool.h>

/* How a value becomes samples. */
enum metric_shape {
	METRIC_PLAIN,
	METRIC_SECONDS,  /* it is in milliseconds */
	METRIC_STATUS,   /* one sample for each state, 1 for the present one */
	METRIC_CODES,    /* one for each class of status codes */
	METRIC_CHECK,    /* one for each result of checks, 1 for the last one */
	METRIC_SERVERS,  /* of a backend: how many servers are in each state */
	METRIC_CHECKS,   /* of a backend: how many servers' last check had each result */
	METRIC_TEXT,     /* the text is the label "version" of a 1 */
};

struct metric_kind {
	unsigned field;    /* enum info_field, enum stat_field */
	unsigned objects;  /* bits 1 << enum stat_object; 0 for the process */
	bool counter;      /* else a gauge */
	enum metric_shape shape;
	const char *name;  /* behind "haproxy_process_", "haproxy_frontend_", … */
	const char *help;
};

/* Each ends with an entry without a name. */
extern const struct metric_kind process_metrics[], object_metrics[];

#endif

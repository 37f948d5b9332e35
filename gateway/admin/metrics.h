/* metrics.h - the statistics for Prometheus ("http-request use-service prometheus-exporter"), in its text format 0.0.4.
 *
 * Names and labels of "show info" and "show stat" are those of HAProxy's exporter; what the gateway has not (TLS, compression, caches,
 * peers) has no metrics. Its own are histograms of durations, gateway_{frontend,backend,server}_request_duration_seconds, from a
 * request's first byte to its answer's last, and gateway_{backend,server}_response_duration_seconds, from the connection to the
 * server to the head of its response; and gateway_token_*, what the table of the consistency token holds and had to drop.
 *
 * The query may choose: "scope=global|frontend|listener|backend|server|*", several of them, and "no-maint" to leave out servers in
 * maintenance. The answer is made piece by piece as the client reads.
 */
#ifndef MOA_GATEWAY_ADMIN_METRICS_H
#define MOA_GATEWAY_ADMIN_METRICS_H

#include "gateway/rule/rule.h"

struct exchange;

/* Makes the answer x->reply: 200, or 400 for a query that is not understood. The exchange's worker. */
enum verdict metrics_answer(struct exchange *x);

#endif

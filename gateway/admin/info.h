/* info.h - what "show info" says about the process: its fields, their values, and the three ways to write them. */
#ifndef MOA_GATEWAY_ADMIN_INFO_H
#define MOA_GATEWAY_ADMIN_INFO_H

#include "gateway/admin/value.h"

struct gateway;

/* The name and version that the statistics tell: our own name, and behind the version of HAProxy whose language this is our own mark. */
#define INFO_NAME "moa-gateway"
#define INFO_VERSION "2.6.12-moa"
#define INFO_DATE "2023/03/28" /* of that version of the language */

/* The places are HAProxy's, holes included. */
enum info_field {
	INFO_PRODUCT, INFO_PRODUCT_VERSION, INFO_RELEASE_DATE, INFO_NBTHREAD, INFO_NBPROC, INFO_PROCESS_NUM, INFO_PID, INFO_UPTIME,
	INFO_UPTIME_SEC, INFO_MEMMAX_MB, INFO_POOL_ALLOC_MB, INFO_POOL_USED_MB, INFO_POOL_FAILED, INFO_ULIMIT_N, INFO_MAXSOCK,
	INFO_MAXCONN, INFO_HARD_MAXCONN, INFO_CURR_CONNS, INFO_CUM_CONNS, INFO_CUM_REQ, INFO_MAX_SSL_CONNS, INFO_CURR_SSL_CONNS,
	INFO_CUM_SSL_CONNS, INFO_MAXPIPES, INFO_PIPES_USED, INFO_PIPES_FREE, INFO_CONN_RATE, INFO_CONN_RATE_LIMIT, INFO_MAX_CONN_RATE,
	INFO_SESS_RATE, INFO_SESS_RATE_LIMIT, INFO_MAX_SESS_RATE, INFO_SSL_RATE, INFO_SSL_RATE_LIMIT, INFO_MAX_SSL_RATE,
	INFO_SSL_FRONTEND_KEY_RATE, INFO_SSL_FRONTEND_MAX_KEY_RATE, INFO_SSL_FRONTEND_REUSE, INFO_SSL_BACKEND_KEY_RATE,
	INFO_SSL_BACKEND_MAX_KEY_RATE, INFO_SSL_CACHE_LOOKUPS, INFO_SSL_CACHE_MISSES, INFO_COMPRESS_IN, INFO_COMPRESS_OUT,
	INFO_COMPRESS_LIMIT, INFO_ZLIB_NOW, INFO_ZLIB_MOST, INFO_TASKS, INFO_RUN_QUEUE, INFO_IDLE_PCT, INFO_NODE, INFO_DESCRIPTION,
	INFO_STOPPING, INFO_JOBS, INFO_UNSTOPPABLE_JOBS, INFO_LISTENERS, INFO_ACTIVE_PEERS, INFO_CONNECTED_PEERS, INFO_DROPPED_LOGS,
	INFO_BUSY_POLLING, INFO_FAILED_RESOLUTIONS, INFO_BYTES_OUT, INFO_SPLICED_BYTES_OUT, INFO_BYTES_OUT_RATE, INFO_DEBUG_COMMANDS,
	INFO_RECV_LOGS, INFO_BUILD, INFO_MEMMAX_BYTES, INFO_POOL_ALLOC_BYTES, INFO_POOL_USED_BYTES, INFO_START_TIME, INFO_TAINTED,
	INFO_COUNT
};

extern const struct value_kind info_kinds[INFO_COUNT];

struct info {
	struct value values[INFO_COUNT];
	char uptime[32], host[65]; /* what some of the texts are in */
};

/* Any thread. */
void info_fill(const struct gateway *g, struct info *out);

void info_write_text(const struct info *i, struct buf *out);  /* "Name: value" lines */
void info_write_typed(const struct info *i, struct buf *out);
void info_write_json(const struct info *i, struct buf *out);  /* with a line end */

#endif

/* stat.h - what "show stat" says: a row for each frontend, listener, server and backend; also what the status page and the metrics show.
 *
 * Any thread, as all of it is atomics and immutable configuration.
 */
#ifndef MOA_GATEWAY_ADMIN_STAT_H
#define MOA_GATEWAY_ADMIN_STAT_H

#include <stdbool.h>
#include "gateway/admin/value.h"
#include "gateway/health/health.h"

struct gateway;
struct listener;
struct proxy;
struct server;

/* The static fields of the manual (9.1) with its names, in its order. */
enum stat_field {
	STAT_PXNAME, STAT_SVNAME, STAT_QCUR, STAT_QMAX, STAT_SCUR, STAT_SMAX, STAT_SLIM, STAT_STOT, STAT_BIN, STAT_BOUT, STAT_DREQ,
	STAT_DRESP, STAT_EREQ, STAT_ECON, STAT_ERESP, STAT_WRETR, STAT_WREDIS, STAT_STATUS, STAT_WEIGHT, STAT_ACT, STAT_BCK,
	STAT_CHKFAIL, STAT_CHKDOWN, STAT_LASTCHG, STAT_DOWNTIME, STAT_QLIMIT, STAT_PID, STAT_IID, STAT_SID, STAT_THROTTLE,
	STAT_LBTOT, STAT_TRACKED, STAT_TYPE, STAT_RATE, STAT_RATE_LIM, STAT_RATE_MAX, STAT_CHECK_STATUS, STAT_CHECK_CODE,
	STAT_CHECK_DURATION, STAT_HRSP_1XX, STAT_HRSP_2XX, STAT_HRSP_3XX, STAT_HRSP_4XX, STAT_HRSP_5XX, STAT_HRSP_OTHER,
	STAT_HANAFAIL, STAT_REQ_RATE, STAT_REQ_RATE_MAX, STAT_REQ_TOT, STAT_CLI_ABRT, STAT_SRV_ABRT, STAT_COMP_IN, STAT_COMP_OUT,
	STAT_COMP_BYP, STAT_COMP_RSP, STAT_LASTSESS, STAT_LAST_CHK, STAT_LAST_AGT, STAT_QTIME, STAT_CTIME, STAT_RTIME, STAT_TTIME,
	STAT_AGENT_STATUS, STAT_AGENT_CODE, STAT_AGENT_DURATION, STAT_CHECK_DESC, STAT_AGENT_DESC, STAT_CHECK_RISE,
	STAT_CHECK_FALL, STAT_CHECK_HEALTH, STAT_AGENT_RISE, STAT_AGENT_FALL, STAT_AGENT_HEALTH, STAT_ADDR, STAT_COOKIE, STAT_MODE,
	STAT_ALGO, STAT_CONN_RATE, STAT_CONN_RATE_MAX, STAT_CONN_TOT, STAT_INTERCEPTED, STAT_DCON, STAT_DSES, STAT_WREW,
	STAT_CONNECT, STAT_REUSE, STAT_CACHE_LOOKUPS, STAT_CACHE_HITS, STAT_SRV_ICUR, STAT_SRC_ILIM, STAT_QTIME_MAX,
	STAT_CTIME_MAX, STAT_RTIME_MAX, STAT_TTIME_MAX, STAT_EINT, STAT_IDLE_CONN_CUR, STAT_SAFE_CONN_CUR, STAT_USED_CONN_CUR,
	STAT_NEED_CONN_EST, STAT_UWEIGHT, STAT_AGG_SERVER_STATUS, STAT_AGG_SERVER_CHECK_STATUS, STAT_AGG_CHECK_STATUS,
	STAT_COUNT
};

extern const struct value_kind stat_kinds[STAT_COUNT];

/* The numbers are those of the field "type". */
enum stat_object { STAT_IS_FRONTEND, STAT_IS_BACKEND, STAT_IS_SERVER, STAT_IS_LISTENER };

struct stat_row {
	enum stat_object object;
	struct proxy *proxy;
	struct listener *listener; /* NULL unless it is one */
	struct server *server;     /* NULL unless it is one */
	unsigned id;               /* of the listener or server, else 0 */
	bool one;                  /* only the value <only> is wanted; of the responses' classes the first stands for all */
	enum stat_field only;
	struct value values[STAT_COUNT];
	struct health_view health; /* of a server */
	char name[24], status[160], check[16], address[160]; /* what some of the texts are in */
};

/* Which rows, and how far one has come. Zeroed but for <gateway> and types it gives all. */
struct stat_walk {
	const struct gateway *gateway;
	unsigned types;          /* bits 1 << enum stat_object */
	unsigned proxy_id;       /* 0: all */
	unsigned object_id;      /* of listeners and servers, 0: all */
	bool up_only, no_maint;  /* servers that are down, or in maintenance, are left out */
	bool hide_address;
	bool (*shows)(const void *arg, const struct proxy *p); /* NULL: all proxies */
	const void *arg;

	bool begun;
	struct proxy *proxy;
	unsigned part;           /* of the proxy */
	struct listener *listener;
	struct server *server;
};
#define STAT_ALL_TYPES 15U

/* The next row; false: that was the last. */
bool stat_next(struct stat_walk *w, struct stat_row *row);
/* The same without its values. */
bool stat_step(struct stat_walk *w, struct stat_row *row);
/* Fills the values of a row whose proxy, listener, server and object are set. */
void stat_fill(const struct gateway *g, struct stat_row *row);

void stat_write_csv_head(struct buf *out);
void stat_write_csv(const struct stat_row *row, struct buf *out);
void stat_write_typed(const struct stat_row *row, struct buf *out);
/* One array of objects, without the comma in front. */
void stat_write_json(const struct stat_row *row, struct buf *out);

#endif

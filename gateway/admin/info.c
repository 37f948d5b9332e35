/* info.c - what "show info" says about the process. Names, places and tags are HAProxy's; what this gateway has not (TLS, compression,
 * pipes, peers) is 0.
 */
#include "gateway/admin/info.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway/admin/runtime.h"
#include "gateway/admin/total.h"
#include "gateway/logs/sink.h"
#include "gateway/model/proxy.h"
#include "gateway/session/worker.h"
#include "shared/base/clock.h"

#define SECOND_US 1000000
#define MIB (1024 * 1024)

const struct value_kind info_kinds[INFO_COUNT] = {
	[INFO_PRODUCT] = { "Name", "POS", VALUE_TEXT },
	[INFO_PRODUCT_VERSION] = { "Version", "POS", VALUE_TEXT },
	[INFO_RELEASE_DATE] = { "Release_date", "POS", VALUE_TEXT },
	[INFO_NBTHREAD] = { "Nbthread", "CGS", VALUE_U32 },
	[INFO_NBPROC] = { "Nbproc", "CGS", VALUE_U32 },
	[INFO_PROCESS_NUM] = { "Process_num", "KGP", VALUE_U32 },
	[INFO_PID] = { "Pid", "SGP", VALUE_U32 },
	[INFO_UPTIME] = { "Uptime", "MDP", VALUE_TEXT },
	[INFO_UPTIME_SEC] = { "Uptime_sec", "MDP", VALUE_U32 },
	[INFO_MEMMAX_MB] = { "Memmax_MB", "CLP", VALUE_U32 },
	[INFO_POOL_ALLOC_MB] = { "PoolAlloc_MB", "MGP", VALUE_U32 },
	[INFO_POOL_USED_MB] = { "PoolUsed_MB", "MGP", VALUE_U32 },
	[INFO_POOL_FAILED] = { "PoolFailed", "MCP", VALUE_U32 },
	[INFO_ULIMIT_N] = { "Ulimit-n", "CLP", VALUE_U32 },
	[INFO_MAXSOCK] = { "Maxsock", "CLP", VALUE_U32 },
	[INFO_MAXCONN] = { "Maxconn", "CLP", VALUE_U32 },
	[INFO_HARD_MAXCONN] = { "Hard_maxconn", "CLP", VALUE_U32 },
	[INFO_CURR_CONNS] = { "CurrConns", "MGP", VALUE_U32 },
	[INFO_CUM_CONNS] = { "CumConns", "MCP", VALUE_U64 },
	[INFO_CUM_REQ] = { "CumReq", "MCP", VALUE_U64 },
	[INFO_MAX_SSL_CONNS] = { "MaxSslConns", "MMP", VALUE_U32 },
	[INFO_CURR_SSL_CONNS] = { "CurrSslConns", "MGP", VALUE_U32 },
	[INFO_CUM_SSL_CONNS] = { "CumSslConns", "MCP", VALUE_U32 },
	[INFO_MAXPIPES] = { "Maxpipes", "CLP", VALUE_U32 },
	[INFO_PIPES_USED] = { "PipesUsed", "MGP", VALUE_U32 },
	[INFO_PIPES_FREE] = { "PipesFree", "MGP", VALUE_U32 },
	[INFO_CONN_RATE] = { "ConnRate", "MRP", VALUE_U32 },
	[INFO_CONN_RATE_LIMIT] = { "ConnRateLimit", "CLP", VALUE_U32 },
	[INFO_MAX_CONN_RATE] = { "MaxConnRate", "MMP", VALUE_U32 },
	[INFO_SESS_RATE] = { "SessRate", "MRP", VALUE_U32 },
	[INFO_SESS_RATE_LIMIT] = { "SessRateLimit", "CLP", VALUE_U32 },
	[INFO_MAX_SESS_RATE] = { "MaxSessRate", "MRP", VALUE_U32 },
	[INFO_SSL_RATE] = { "SslRate", "MRP", VALUE_U32 },
	[INFO_SSL_RATE_LIMIT] = { "SslRateLimit", "CLP", VALUE_U32 },
	[INFO_MAX_SSL_RATE] = { "MaxSslRate", "MMP", VALUE_U32 },
	[INFO_SSL_FRONTEND_KEY_RATE] = { "SslFrontendKeyRate", "MGP", VALUE_U32 },
	[INFO_SSL_FRONTEND_MAX_KEY_RATE] = { "SslFrontendMaxKeyRate", "MMP", VALUE_U32 },
	[INFO_SSL_FRONTEND_REUSE] = { "SslFrontendSessionReuse_pct", "MGP", VALUE_U32 },
	[INFO_SSL_BACKEND_KEY_RATE] = { "SslBackendKeyRate", "MRP", VALUE_U32 },
	[INFO_SSL_BACKEND_MAX_KEY_RATE] = { "SslBackendMaxKeyRate", "MMP", VALUE_U32 },
	[INFO_SSL_CACHE_LOOKUPS] = { "SslCacheLookups", "MCP", VALUE_U32 },
	[INFO_SSL_CACHE_MISSES] = { "SslCacheMisses", "MCP", VALUE_U32 },
	[INFO_COMPRESS_IN] = { "CompressBpsIn", "MRP", VALUE_U32 },
	[INFO_COMPRESS_OUT] = { "CompressBpsOut", "MRP", VALUE_U32 },
	[INFO_COMPRESS_LIMIT] = { "CompressBpsRateLim", "CLP", VALUE_U32 },
	[INFO_TASKS] = { "Tasks", "MGP", VALUE_U32 },
	[INFO_RUN_QUEUE] = { "Run_queue", "MGP", VALUE_U32 },
	[INFO_IDLE_PCT] = { "Idle_pct", "MaP", VALUE_U32 },
	[INFO_NODE] = { "node", "COS", VALUE_TEXT },
	[INFO_DESCRIPTION] = { "description", "COS", VALUE_TEXT },
	[INFO_STOPPING] = { "Stopping", "MGP", VALUE_U32 },
	[INFO_JOBS] = { "Jobs", "MGP", VALUE_U32 },
	[INFO_UNSTOPPABLE_JOBS] = { "Unstoppable Jobs", "MGP", VALUE_U32 },
	[INFO_LISTENERS] = { "Listeners", "MGP", VALUE_U32 },
	[INFO_ACTIVE_PEERS] = { "ActivePeers", "MGP", VALUE_U32 },
	[INFO_CONNECTED_PEERS] = { "ConnectedPeers", "MGP", VALUE_U32 },
	[INFO_DROPPED_LOGS] = { "DroppedLogs", "MGP", VALUE_U32 },
	[INFO_BUSY_POLLING] = { "BusyPolling", "MGP", VALUE_U32 },
	[INFO_FAILED_RESOLUTIONS] = { "FailedResolutions", "MGP", VALUE_U32 },
	[INFO_BYTES_OUT] = { "TotalBytesOut", "MGP", VALUE_U64 },
	[INFO_SPLICED_BYTES_OUT] = { "TotalSplicdedBytesOut", "MGP", VALUE_U64 },
	[INFO_BYTES_OUT_RATE] = { "BytesOutRate", "MRP", VALUE_U64 },
	[INFO_DEBUG_COMMANDS] = { "DebugCommandsIssued", "MGP", VALUE_U32 },
	[INFO_RECV_LOGS] = { "CumRecvLogs", "MCP", VALUE_U32 },
	[INFO_BUILD] = { "Build info", "POS", VALUE_TEXT },
	[INFO_MEMMAX_BYTES] = { "Memmax_bytes", "CLP", VALUE_U32 },
	[INFO_POOL_ALLOC_BYTES] = { "PoolAlloc_bytes", "MGP", VALUE_U64 },
	[INFO_POOL_USED_BYTES] = { "PoolUsed_bytes", "MGP", VALUE_U64 },
	[INFO_START_TIME] = { "Start_time_sec", "MDP", VALUE_U32 },
	[INFO_TAINTED] = { "Tainted", "SGP", VALUE_TEXT },
};

static void set(struct info *i, enum info_field field, uint64_t n)
{
	i->values[field] = value_number(info_kinds[field].type, (int64_t)n);
}

static void set_text(struct info *i, enum info_field field, struct slice text)
{
	i->values[field] = value_text(text);
}

static void fill_product(const struct gateway *g, struct info *i)
{
	const struct config *c = g->config;

	set_text(i, INFO_PRODUCT, SLICE_LIT(INFO_NAME));
	set_text(i, INFO_PRODUCT_VERSION, SLICE_LIT(INFO_VERSION));
	set_text(i, INFO_RELEASE_DATE, SLICE_LIT(INFO_DATE));
	set_text(i, INFO_BUILD, SLICE_LIT(INFO_VERSION));
	set_text(i, INFO_TAINTED, SLICE_LIT("0"));
	i->values[INFO_DESCRIPTION] = c->description.len > 0 ? value_text(c->description) : value_number(VALUE_NONE, 0);
	if (gethostname(i->host, sizeof(i->host) - 1) != 0)
		i->host[0] = '\0';
	set_text(i, INFO_NODE, c->node.len > 0 ? c->node : slice_str(i->host));
}

static void fill_time(const struct gateway *g, struct info *i)
{
	uint64_t s = (uint64_t)(clock_mono_us() - g->started_us) / SECOND_US;

	snprintf(i->uptime, sizeof(i->uptime), "%ud %uh%02um%02us", (unsigned)(s / 86400), (unsigned)(s / 3600 % 24), (unsigned)(s / 60 % 60),
		 (unsigned)(s % 60));
	set_text(i, INFO_UPTIME, slice_str(i->uptime));
	set(i, INFO_UPTIME_SEC, s);
	set(i, INFO_START_TIME, (uint64_t)g->started_wall_us / SECOND_US);
}

static void fill_limits(const struct gateway *g, struct info *i)
{
	struct rlimit r;

	set(i, INFO_NBTHREAD, g->worker_count);
	set(i, INFO_NBPROC, 1);
	set(i, INFO_PROCESS_NUM, 1);
	set(i, INFO_PID, (uint64_t)getpid());
	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		set(i, INFO_ULIMIT_N, r.rlim_cur);
		set(i, INFO_MAXSOCK, r.rlim_cur);
	}
	set(i, INFO_MAXCONN, g->config->maxconn);
	set(i, INFO_HARD_MAXCONN, runtime_hard_maxconn(g));
}

static void add_pool(const struct pool *p, uint64_t *allocated, uint64_t *used)
{
	struct pool_stats s = pool_stats(p);

	*allocated += s.size * (s.used + s.idle);
	*used += s.size * s.used;
}

/* Pools, and what the workers count themselves. */
static void fill_workers(const struct gateway *g, struct info *i)
{
	uint64_t allocated = 0, used = 0, connections = 0, requests = 0, dropped = 0, exchanges = 0;

	for (unsigned n = 0; n < g->worker_count; n++) {
		const struct worker *w = &g->workers[n];
		const struct pool *const pools[] = { w->clients, w->exchanges, w->buffers, w->upstreams, w->vars };

		for (size_t p = 0; p < sizeof(pools) / sizeof(pools[0]); p++)
			add_pool(pools[p], &allocated, &used);
		exchanges += pool_stats(w->exchanges).used;
		connections += tally_get(&w->connections);
		requests += tally_get(&w->requests);
		dropped += log_sink_dropped(w->log);
	}
	set(i, INFO_POOL_ALLOC_MB, allocated / MIB);
	set(i, INFO_POOL_USED_MB, used / MIB);
	set(i, INFO_POOL_ALLOC_BYTES, allocated);
	set(i, INFO_POOL_USED_BYTES, used);
	set(i, INFO_CUM_CONNS, connections);
	set(i, INFO_CUM_REQ, requests);
	set(i, INFO_DROPPED_LOGS, dropped);
	set(i, INFO_TASKS, exchanges);
}

static void fill_traffic(const struct gateway *g, struct info *i)
{
	uint64_t rate = 0, most = 0, bytes = 0, listeners = 0, now = atomic_load(&g->connections);
	int64_t now_ms = clock_mono_us() / 1000;

	for (const struct proxy *p = g->config->proxies; p != NULL; p = p->next) {
		struct total t = { g, TOTAL_FRONTEND, p->index };

		if (!p->is_frontend)
			continue;
		rate += TOTAL_RATE(&t, connection_rate, now_ms);
		most += TOTAL_RATE_MOST(&t, connection_rate);
		bytes += TOTAL(&t, bytes_out);
		for (const struct listener *l = p->listeners; l != NULL; l = l->next)
			listeners += atomic_load(&p->status) == PROXY_RUNNING && l->fd >= 0;
	}
	set(i, INFO_CURR_CONNS, now);
	set(i, INFO_CONN_RATE, rate);
	set(i, INFO_MAX_CONN_RATE, most);
	set(i, INFO_SESS_RATE, rate);
	set(i, INFO_MAX_SESS_RATE, most);
	set(i, INFO_BYTES_OUT, bytes);
	set(i, INFO_LISTENERS, listeners);
	set(i, INFO_JOBS, now + listeners);
	set(i, INFO_STOPPING, atomic_load(&g->stopping));
	set(i, INFO_IDLE_PCT, runtime_idle_percent(g));
	set(i, INFO_BYTES_OUT_RATE, runtime_bytes_rate(g));
}

void info_fill(const struct gateway *g, struct info *out)
{
	*out = (struct info){ 0 };
	for (unsigned f = 0; f < INFO_COUNT; f++) {
		if (info_kinds[f].name != NULL)
			set(out, f, 0);
	}
	fill_product(g, out);
	fill_time(g, out);
	fill_limits(g, out);
	fill_workers(g, out);
	fill_traffic(g, out);
}

void info_write_text(const struct info *i, struct buf *out)
{
	for (unsigned f = 0; f < INFO_COUNT; f++) {
		if (i->values[f].type == VALUE_NONE)
			continue;
		buf_printf(out, "%s: ", info_kinds[f].name);
		value_plain(&i->values[f], out);
		buf_add_char(out, '\n');
	}
}

void info_write_typed(const struct info *i, struct buf *out)
{
	for (unsigned f = 0; f < INFO_COUNT; f++) {
		if (i->values[f].type == VALUE_NONE)
			continue;
		buf_printf(out, "%u.%s.1", f, info_kinds[f].name);
		value_typed(&i->values[f], info_kinds[f].tags, out);
		buf_add_char(out, '\n');
	}
}

void info_write_json(const struct info *i, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_array(&w);
	for (unsigned f = 0; f < INFO_COUNT; f++) {
		if (i->values[f].type == VALUE_NONE)
			continue;
		jsonw_object(&w);
		value_json(&i->values[f], f, info_kinds[f].name, info_kinds[f].tags, &w);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	buf_add_char(out, '\n');
}

/* stat.c - walks over all objects that have statistics, and writes their rows. */
#include "gateway/admin/stat.h"

#include "gateway/model/proxy.h"
#include "gateway/model/server_text.h"
#include "gateway/session/worker.h"

const struct value_kind stat_kinds[STAT_COUNT] = {
	[STAT_PXNAME] = { "pxname", "KNS", VALUE_TEXT },
	[STAT_SVNAME] = { "svname", "KNS", VALUE_TEXT },
	[STAT_QCUR] = { "qcur", "MGP", VALUE_U32 },
	[STAT_QMAX] = { "qmax", "MMP", VALUE_U32 },
	[STAT_SCUR] = { "scur", "MGP", VALUE_U32 },
	[STAT_SMAX] = { "smax", "MMP", VALUE_U32 },
	[STAT_SLIM] = { "slim", "CLP", VALUE_U32 },
	[STAT_STOT] = { "stot", "MCP", VALUE_U64 },
	[STAT_BIN] = { "bin", "MCP", VALUE_U64 },
	[STAT_BOUT] = { "bout", "MCP", VALUE_U64 },
	[STAT_DREQ] = { "dreq", "MCP", VALUE_U64 },
	[STAT_DRESP] = { "dresp", "MCP", VALUE_U64 },
	[STAT_EREQ] = { "ereq", "MCP", VALUE_U64 },
	[STAT_ECON] = { "econ", "MCP", VALUE_U64 },
	[STAT_ERESP] = { "eresp", "MCP", VALUE_U64 },
	[STAT_WRETR] = { "wretr", "MCP", VALUE_U64 },
	[STAT_WREDIS] = { "wredis", "MCP", VALUE_U64 },
	[STAT_STATUS] = { "status", "SGP", VALUE_TEXT },
	[STAT_WEIGHT] = { "weight", "MaP", VALUE_U32 },
	[STAT_ACT] = { "act", "SGP", VALUE_U32 },
	[STAT_BCK] = { "bck", "SGP", VALUE_U32 },
	[STAT_CHKFAIL] = { "chkfail", "MCP", VALUE_U64 },
	[STAT_CHKDOWN] = { "chkdown", "MCP", VALUE_U64 },
	[STAT_LASTCHG] = { "lastchg", "MAP", VALUE_U32 },
	[STAT_DOWNTIME] = { "downtime", "MCP", VALUE_U32 },
	[STAT_QLIMIT] = { "qlimit", "CGS", VALUE_U32 },
	[STAT_PID] = { "pid", "KGP", VALUE_U32 },
	[STAT_IID] = { "iid", "KGS", VALUE_U32 },
	[STAT_SID] = { "sid", "KGS", VALUE_U32 },
	[STAT_THROTTLE] = { "throttle", "MaP", VALUE_U32 },
	[STAT_LBTOT] = { "lbtot", "MCP", VALUE_U64 },
	[STAT_TRACKED] = { "tracked", "CNS", VALUE_TEXT },
	[STAT_TYPE] = { "type", "CGS", VALUE_U32 },
	[STAT_RATE] = { "rate", "MRP", VALUE_U32 },
	[STAT_RATE_LIM] = { "rate_lim", "CLP", VALUE_U32 },
	[STAT_RATE_MAX] = { "rate_max", "MMP", VALUE_U32 },
	[STAT_CHECK_STATUS] = { "check_status", "MOP", VALUE_TEXT },
	[STAT_CHECK_CODE] = { "check_code", "MOP", VALUE_U32 },
	[STAT_CHECK_DURATION] = { "check_duration", "MDP", VALUE_U64 },
	[STAT_HRSP_1XX] = { "hrsp_1xx", "MCP", VALUE_U64 },
	[STAT_HRSP_2XX] = { "hrsp_2xx", "MCP", VALUE_U64 },
	[STAT_HRSP_3XX] = { "hrsp_3xx", "MCP", VALUE_U64 },
	[STAT_HRSP_4XX] = { "hrsp_4xx", "MCP", VALUE_U64 },
	[STAT_HRSP_5XX] = { "hrsp_5xx", "MCP", VALUE_U64 },
	[STAT_HRSP_OTHER] = { "hrsp_other", "MCP", VALUE_U64 },
	[STAT_HANAFAIL] = { "hanafail", "MCP", VALUE_U64 },
	[STAT_REQ_RATE] = { "req_rate", "MRP", VALUE_U32 },
	[STAT_REQ_RATE_MAX] = { "req_rate_max", "MMP", VALUE_U32 },
	[STAT_REQ_TOT] = { "req_tot", "MCP", VALUE_U64 },
	[STAT_CLI_ABRT] = { "cli_abrt", "MCP", VALUE_U64 },
	[STAT_SRV_ABRT] = { "srv_abrt", "MCP", VALUE_U64 },
	[STAT_COMP_IN] = { "comp_in", "MCP", VALUE_U64 },
	[STAT_COMP_OUT] = { "comp_out", "MCP", VALUE_U64 },
	[STAT_COMP_BYP] = { "comp_byp", "MCP", VALUE_U64 },
	[STAT_COMP_RSP] = { "comp_rsp", "MCP", VALUE_U64 },
	[STAT_LASTSESS] = { "lastsess", "MAP", VALUE_S32 },
	[STAT_LAST_CHK] = { "last_chk", "MOP", VALUE_TEXT },
	[STAT_LAST_AGT] = { "last_agt", "MOP", VALUE_TEXT },
	[STAT_QTIME] = { "qtime", "MaP", VALUE_U32 },
	[STAT_CTIME] = { "ctime", "MaP", VALUE_U32 },
	[STAT_RTIME] = { "rtime", "MaP", VALUE_U32 },
	[STAT_TTIME] = { "ttime", "MaP", VALUE_U32 },
	[STAT_AGENT_STATUS] = { "agent_status", "MOP", VALUE_TEXT },
	[STAT_AGENT_CODE] = { "agent_code", "MOP", VALUE_U32 },
	[STAT_AGENT_DURATION] = { "agent_duration", "MDP", VALUE_U64 },
	[STAT_CHECK_DESC] = { "check_desc", "MOP", VALUE_TEXT },
	[STAT_AGENT_DESC] = { "agent_desc", "MOP", VALUE_TEXT },
	[STAT_CHECK_RISE] = { "check_rise", "CGS", VALUE_U32 },
	[STAT_CHECK_FALL] = { "check_fall", "CGS", VALUE_U32 },
	[STAT_CHECK_HEALTH] = { "check_health", "CGS", VALUE_U32 },
	[STAT_AGENT_RISE] = { "agent_rise", "CGS", VALUE_U32 },
	[STAT_AGENT_FALL] = { "agent_fall", "CGS", VALUE_U32 },
	[STAT_AGENT_HEALTH] = { "agent_health", "CGS", VALUE_U32 },
	[STAT_ADDR] = { "addr", "CGS", VALUE_TEXT },
	[STAT_COOKIE] = { "cookie", "CNS", VALUE_TEXT },
	[STAT_MODE] = { "mode", "CGS", VALUE_TEXT },
	[STAT_ALGO] = { "algo", "CGS", VALUE_TEXT },
	[STAT_CONN_RATE] = { "conn_rate", "MRP", VALUE_U32 },
	[STAT_CONN_RATE_MAX] = { "conn_rate_max", "MMP", VALUE_U32 },
	[STAT_CONN_TOT] = { "conn_tot", "MCP", VALUE_U64 },
	[STAT_INTERCEPTED] = { "intercepted", "MCP", VALUE_U64 },
	[STAT_DCON] = { "dcon", "MCP", VALUE_U64 },
	[STAT_DSES] = { "dses", "MCP", VALUE_U64 },
	[STAT_WREW] = { "wrew", "MCP", VALUE_U64 },
	[STAT_CONNECT] = { "connect", "MCP", VALUE_U64 },
	[STAT_REUSE] = { "reuse", "MCP", VALUE_U64 },
	[STAT_CACHE_LOOKUPS] = { "cache_lookups", "MCP", VALUE_U64 },
	[STAT_CACHE_HITS] = { "cache_hits", "MCP", VALUE_U64 },
	[STAT_SRV_ICUR] = { "srv_icur", "MGP", VALUE_U32 },
	[STAT_SRC_ILIM] = { "src_ilim", "CLP", VALUE_U32 },
	[STAT_QTIME_MAX] = { "qtime_max", "MMP", VALUE_U32 },
	[STAT_CTIME_MAX] = { "ctime_max", "MMP", VALUE_U32 },
	[STAT_RTIME_MAX] = { "rtime_max", "MMP", VALUE_U32 },
	[STAT_TTIME_MAX] = { "ttime_max", "MMP", VALUE_U32 },
	[STAT_EINT] = { "eint", "MCP", VALUE_U64 },
	[STAT_IDLE_CONN_CUR] = { "idle_conn_cur", "MGP", VALUE_U32 },
	[STAT_SAFE_CONN_CUR] = { "safe_conn_cur", "MGP", VALUE_U32 },
	[STAT_USED_CONN_CUR] = { "used_conn_cur", "MGP", VALUE_U32 },
	[STAT_NEED_CONN_EST] = { "need_conn_est", "MGP", VALUE_U32 },
	[STAT_UWEIGHT] = { "uweight", "MaP", VALUE_U32 },
	[STAT_AGG_SERVER_STATUS] = { "agg_server_status", "MGP", VALUE_U32 },
	[STAT_AGG_SERVER_CHECK_STATUS] = { "agg_server_check_status", "MGP", VALUE_U32 },
	[STAT_AGG_CHECK_STATUS] = { "agg_check_status", "MGP", VALUE_U32 },
};

/* ---- walking ---- */

enum part { PART_FRONTEND, PART_LISTENERS, PART_SERVERS, PART_BACKEND, PART_END };

static bool wanted_proxy(const struct stat_walk *w, const struct proxy *p)
{
	if (p->disabled || (w->proxy_id != 0 && p->id != w->proxy_id))
		return false;
	return w->shows == NULL || w->shows(w->arg, p);
}

static void next_proxy(struct stat_walk *w)
{
	do {
		w->proxy = w->begun ? w->proxy->next : w->gateway->config->proxies;
		w->begun = true;
	} while (w->proxy != NULL && !wanted_proxy(w, w->proxy));
	w->part = PART_FRONTEND;
	if (w->proxy != NULL) {
		w->listener = w->proxy->is_frontend && w->proxy->socket_stats ? w->proxy->listeners : NULL;
		w->server = w->proxy->is_backend ? w->proxy->backend.servers : NULL;
	}
}

static bool wanted_server(const struct stat_walk *w, const struct server *s)
{
	unsigned admin = atomic_load_explicit(&s->admin, memory_order_relaxed);
	bool maint = (admin & SERVER_MAINT_ANY) != 0;

	if (w->object_id != 0 && s->id != w->object_id)
		return false;
	if ((w->up_only || w->no_maint) && maint)
		return false;
	return !w->up_only || atomic_load_explicit(&s->state, memory_order_relaxed) != SERVER_DOWN;
}

/* The next object of the present proxy; false: it has no more. */
static bool next_of_proxy(struct stat_walk *w, struct stat_row *row)
{
	struct proxy *p = w->proxy;

	*row = (struct stat_row){ .proxy = p };
	if (w->part == PART_FRONTEND) {
		w->part = PART_LISTENERS;
		row->object = STAT_IS_FRONTEND;
		if (p->is_frontend && (w->types & 1U << STAT_IS_FRONTEND))
			return true;
	}
	row->object = STAT_IS_LISTENER;
	while (w->part == PART_LISTENERS && (row->listener = w->listener) != NULL) {
		w->listener = w->listener->next;
		row->id = row->listener->id;
		if ((w->types & 1U << STAT_IS_LISTENER) && (w->object_id == 0 || w->object_id == row->id))
			return true;
	}
	row->listener = NULL;
	row->object = STAT_IS_SERVER;
	while (w->part <= PART_SERVERS && (row->server = w->server) != NULL) {
		w->part = PART_SERVERS;
		w->server = w->server->next;
		row->id = row->server->id;
		if ((w->types & 1U << STAT_IS_SERVER) && wanted_server(w, row->server))
			return true;
	}
	row->server = NULL;
	row->id = 0;
	row->object = STAT_IS_BACKEND;
	if (w->part == PART_END || !p->is_backend || !(w->types & 1U << STAT_IS_BACKEND))
		return false;
	w->part = PART_END;
	return true;
}

/* Where servers are left out, their backend says how many there are. */
static void add_share(struct stat_row *row)
{
	unsigned up = 0, all = 0;
	size_t len = row->values[STAT_STATUS].text.len;
	struct buf out;

	for (const struct server *s = row->proxy->backend.servers; s != NULL; s = s->next) {
		all++;
		up += atomic_load_explicit(&s->state, memory_order_relaxed) != SERVER_DOWN &&
		      (atomic_load_explicit(&s->admin, memory_order_relaxed) & SERVER_MAINT_ANY) == 0;
	}
	buf_init_fixed(&out, row->status, sizeof(row->status));
	buf_printf(&out, "%.*s (%u/%u)", (int)len, row->values[STAT_STATUS].text.ptr, up, all);
	row->values[STAT_STATUS] = value_text(buf_slice(&out));
}

bool stat_step(struct stat_walk *w, struct stat_row *row)
{
	if (!w->begun)
		next_proxy(w);
	while (w->proxy != NULL && !next_of_proxy(w, row))
		next_proxy(w);
	return w->proxy != NULL;
}

bool stat_next(struct stat_walk *w, struct stat_row *row)
{
	if (!stat_step(w, row))
		return false;
	stat_fill(w->gateway, row);
	if (w->hide_address)
		row->values[STAT_ADDR] = value_number(VALUE_NONE, 0);
	if ((w->up_only || w->no_maint) && row->object == STAT_IS_BACKEND)
		add_share(row);
	return true;
}

/* ---- writing ---- */

void stat_write_csv_head(struct buf *out)
{
	buf_add_str(out, "# ");
	for (unsigned f = 0; f < STAT_COUNT; f++)
		buf_printf(out, "%s,", stat_kinds[f].name);
	buf_add_str(out, "-,\n");
}

void stat_write_csv(const struct stat_row *row, struct buf *out)
{
	for (unsigned f = 0; f < STAT_COUNT; f++) {
		value_csv(&row->values[f], out);
		buf_add_char(out, ',');
	}
	buf_add_str(out, "-,\n");
}

/* Some fields of a backend are sums over its servers, and tagged so. */
static const char *tags_of(const struct stat_row *row, unsigned field)
{
	if (row->object == STAT_IS_BACKEND && (field == STAT_ACT || field == STAT_BCK || field == STAT_RATE || field == STAT_RATE_MAX))
		return "MGP";
	return stat_kinds[field].tags;
}

void stat_write_typed(const struct stat_row *row, struct buf *out)
{
	static const char letters[] = { [STAT_IS_FRONTEND] = 'F', [STAT_IS_BACKEND] = 'B', [STAT_IS_SERVER] = 'S', [STAT_IS_LISTENER] = 'L' };

	for (unsigned f = 0; f < STAT_COUNT; f++) {
		if (row->values[f].type == VALUE_NONE)
			continue;
		buf_printf(out, "%c.%u.%u.%u.%s.1", letters[row->object], row->proxy->id, row->id, f, stat_kinds[f].name);
		value_typed(&row->values[f], tags_of(row, f), out);
		buf_add_char(out, '\n');
	}
}

static void write_object(const struct stat_row *row, unsigned field, struct jsonw *w)
{
	static const char *const names[] = { [STAT_IS_FRONTEND] = "Frontend", [STAT_IS_BACKEND] = "Backend", [STAT_IS_SERVER] = "Server",
					     [STAT_IS_LISTENER] = "Listener" };

	jsonw_object(w);
	jsonw_key(w, "objType");
	jsonw_string(w, slice_str(names[row->object]));
	jsonw_key(w, "proxyId");
	jsonw_u64(w, row->proxy->id);
	jsonw_key(w, "id");
	jsonw_u64(w, row->id);
	value_json(&row->values[field], field, stat_kinds[field].name, tags_of(row, field), w);
	jsonw_object_end(w);
}

void stat_write_json(const struct stat_row *row, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_array(&w);
	for (unsigned f = 0; f < STAT_COUNT; f++) {
		if (row->values[f].type != VALUE_NONE)
			write_object(row, f, &w);
	}
	jsonw_array_end(&w);
}

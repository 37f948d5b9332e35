/* status_rows.c - the status page's rows: what is shown of a frontend, listener, server and backend, and in which colour. */
#include "gateway/admin/html.h"
#include "gateway/admin/status_view.h"
#include "gateway/admin/total.h"
#include "gateway/model/proxy.h"
#include "gateway/model/state.h"

/* ---- states ---- */

static const struct {
	const char *class, *label;
} states[STATUS_STATE_COUNT] = {
	[STATUS_IS_UP] = { "up", "up" }, [STATUS_IS_GOING] = { "going", "going up or down" }, [STATUS_IS_DRAIN] = { "drain", "draining" },
	[STATUS_IS_MAINT] = { "maint", "maintenance" }, [STATUS_IS_DOWN] = { "down", "down" }, [STATUS_IS_NONE] = { "none", "up, not checked" },
};

/* Of the words of "show stat": "UP 1/3" is up and loses checks. */
static enum status_state state_of(struct slice status)
{
	bool between = slice_find(status, '/') < status.len && slice_find(status, '(') == status.len;

	if (slice_starts_with(status, SLICE_LIT("UP")) || slice_eq(status, SLICE_LIT("OPEN")))
		return between ? STATUS_IS_GOING : STATUS_IS_UP;
	if (slice_starts_with(status, SLICE_LIT("DOWN")))
		return between ? STATUS_IS_GOING : STATUS_IS_DOWN;
	if (slice_starts_with(status, SLICE_LIT("NOLB")) || slice_starts_with(status, SLICE_LIT("DRAIN")))
		return STATUS_IS_DRAIN;
	return slice_eq(status, SLICE_LIT("no check")) ? STATUS_IS_NONE : STATUS_IS_MAINT;
}

void status_count_servers(const struct proxy *p, struct status_counts *counts)
{
	char space[SERVER_STATUS_SIZE];

	for (const struct server *s = p->backend.servers; s != NULL; s = s->next)
		counts->of[state_of(slice_str(server_status_text(s, space)))]++;
}

void status_bar_write(const struct status_counts *counts, struct buf *out)
{
	buf_add_str(out, "<div class=bar aria-hidden=true>");
	for (unsigned i = 0; i < STATUS_STATE_COUNT; i++) {
		if (counts->of[i] > 0)
			buf_printf(out, "<i class=%s style=\"flex:%u\"></i>", states[i].class, counts->of[i]);
	}
	buf_add_str(out, "</div><ul class=key>");
	for (unsigned i = 0; i < STATUS_STATE_COUNT; i++) {
		if (counts->of[i] > 0)
			buf_printf(out, "<li class=%s><span>%u %s</span></li>", states[i].class, counts->of[i], states[i].label);
	}
	buf_add_str(out, "</ul>");
}

/* ---- rows ---- */

static void open_cell(struct buf *out, const char *label)
{
	buf_printf(out, "<td data-l=\"%s\">", label);
}

static bool has(const struct stat_row *row, enum stat_field f)
{
	return row->values[f].type != VALUE_NONE;
}

static int64_t value(const struct stat_row *row, enum stat_field f)
{
	return row->values[f].number;
}

/* A number with a second one below it. */
static void cell(struct buf *out, const char *label, const struct stat_row *row, enum stat_field f, const char *what, enum stat_field second)
{
	open_cell(out, label);
	if (has(row, f))
		html_number(out, value(row, f));
	if (has(row, f) && has(row, second)) {
		buf_printf(out, "<small>%s ", what);
		html_number(out, value(row, second));
		buf_add_str(out, "</small>");
	}
	buf_add_str(out, "</td>");
}

/* Something that should not be: stands out when there is any. */
static void bad_cell(struct buf *out, const char *label, const struct stat_row *row, const enum stat_field *fields, unsigned count)
{
	int64_t sum = 0;
	bool any = false;

	for (unsigned i = 0; i < count; i++) {
		any |= has(row, fields[i]);
		sum += has(row, fields[i]) ? value(row, fields[i]) : 0;
	}
	open_cell(out, label);
	if (any && sum > 0)
		buf_add_str(out, "<b>");
	if (any)
		html_number(out, sum);
	if (any && sum > 0)
		buf_add_str(out, "</b>");
	buf_add_str(out, "</td>");
}

static void name_cell(struct buf *out, const struct status_view *v, const struct stat_row *row)
{
	static const char *const kinds[] = { [STAT_IS_FRONTEND] = "Frontend", [STAT_IS_BACKEND] = "Backend" };
	bool own = row->object == STAT_IS_SERVER || row->object == STAT_IS_LISTENER;

	buf_add_str(out, "<th scope=row>");
	if (v->may_change && row->server != NULL) {
		buf_add_str(out, "<label><input type=checkbox name=s value=\"");
		html_text(out, row->server->name);
		buf_add_str(out, "\">");
	}
	if (own)
		html_text(out, row->values[STAT_SVNAME].text);
	else
		buf_add_str(out, kinds[row->object]);
	if (v->may_change && row->server != NULL)
		buf_add_str(out, "</label>");
	if (row->server != NULL && row->server->o.backup)
		buf_add_str(out, " <small>backup</small>");
	if (has(row, STAT_ADDR)) {
		buf_add_str(out, " <small>");
		html_text(out, row->values[STAT_ADDR].text);
		buf_add_str(out, "</small>");
	}
	buf_add_str(out, "</th>");
}

static void state_cell(struct buf *out, const struct stat_row *row)
{
	struct slice status = row->values[STAT_STATUS].text;
	enum status_state state = has(row, STAT_THROTTLE) ? STATUS_IS_GOING : state_of(status);

	buf_printf(out, "<td class=\"l w\" data-l=State><span class=\"st %s\">", states[state].class);
	html_text(out, status);
	if (has(row, STAT_THROTTLE))
		buf_printf(out, " %lld%%", (long long)value(row, STAT_THROTTLE));
	buf_add_str(out, "</span><small>");
	if (has(row, STAT_LASTCHG)) {
		buf_add_str(out, "for ");
		html_duration(out, value(row, STAT_LASTCHG));
	}
	if (has(row, STAT_CHECK_STATUS)) {
		buf_add_str(out, " · ");
		html_text(out, row->values[STAT_CHECK_STATUS].text);
		if (has(row, STAT_CHECK_CODE))
			buf_printf(out, "/%lld", (long long)value(row, STAT_CHECK_CODE));
		if (has(row, STAT_CHECK_DURATION))
			buf_printf(out, " in %lldms", (long long)value(row, STAT_CHECK_DURATION));
	}
	if (has(row, STAT_LAST_CHK) && row->values[STAT_LAST_CHK].text.len > 0) {
		buf_add_str(out, " · ");
		html_text(out, row->values[STAT_LAST_CHK].text);
	}
	buf_add_str(out, "</small></td>");
}

/* Frontends: of whole exchanges; backends and servers: until the head of the response. */
static void latency_cells(struct buf *out, const struct status_view *v, const struct stat_row *row)
{
	static const double parts[] = { 0.5, 0.99 };
	static const char *const labels[] = { "p50", "p99" };
	struct total t = { v->gateway, TOTAL_FRONTEND, row->proxy->index };
	size_t field = row->object == STAT_IS_FRONTEND ? offsetof(struct tally, total) : offsetof(struct tally, response);

	if (row->object == STAT_IS_BACKEND)
		t.of = TOTAL_BACKEND;
	if (row->object == STAT_IS_SERVER)
		t = (struct total){ v->gateway, TOTAL_SERVER, row->server->index };
	for (unsigned i = 0; i < 2; i++) {
		open_cell(out, labels[i]);
		if (row->listener == NULL && total_below(&t, field, INT64_MAX) > 0)
			html_latency(out, total_quantile_us(&t, field, parts[i]));
		buf_add_str(out, "</td>");
	}
}

static void bytes_cell(struct buf *out, const struct stat_row *row)
{
	open_cell(out, "In");
	html_bytes(out, value(row, STAT_BIN));
	buf_add_str(out, "</td>");
	open_cell(out, "Out");
	html_bytes(out, value(row, STAT_BOUT));
	buf_add_str(out, "</td>");
}

static void weight_cell(struct buf *out, const struct stat_row *row)
{
	open_cell(out, "Weight");
	if (has(row, STAT_WEIGHT))
		html_number(out, value(row, STAT_WEIGHT));
	if (row->object == STAT_IS_BACKEND)
		buf_printf(out, "<small>%lld+%lld usable</small>", (long long)value(row, STAT_ACT), (long long)value(row, STAT_BCK));
	else if (has(row, STAT_CHKDOWN) && value(row, STAT_CHKDOWN) > 0)
		buf_printf(out, "<small>%lld× down</small>", (long long)value(row, STAT_CHKDOWN));
	buf_add_str(out, "</td>");
}

void status_row_write(const struct status_view *v, const struct stat_row *row, struct buf *out)
{
	static const char classes[] = { [STAT_IS_FRONTEND] = 'f', [STAT_IS_BACKEND] = 'b', [STAT_IS_SERVER] = 's', [STAT_IS_LISTENER] = 'l' };
	static const enum stat_field denied[] = { STAT_DREQ, STAT_DRESP, STAT_DCON, STAT_DSES };
	static const enum stat_field errors[] = { STAT_EREQ, STAT_ECON, STAT_ERESP };
	static const enum stat_field retries[] = { STAT_WRETR, STAT_WREDIS };
	static const enum stat_field failed[] = { STAT_HRSP_5XX };
	bool front = row->object == STAT_IS_FRONTEND;

	buf_printf(out, "<tr class=%c>", classes[row->object]);
	name_cell(out, v, row);
	state_cell(out, row);
	cell(out, "Sessions", row, STAT_SCUR, "max", STAT_SMAX);
	cell(out, "Queue", row, STAT_QCUR, "limit", STAT_QLIMIT);
	cell(out, "Rate/s", row, front ? STAT_REQ_RATE : STAT_RATE, "max", front ? STAT_REQ_RATE_MAX : STAT_RATE_MAX);
	cell(out, "Requests", row, has(row, STAT_REQ_TOT) ? STAT_REQ_TOT : STAT_STOT, "4xx", STAT_HRSP_4XX);
	bad_cell(out, "5xx", row, failed, 1);
	bytes_cell(out, row);
	latency_cells(out, v, row);
	bad_cell(out, "Denied", row, denied, 4);
	bad_cell(out, "Errors", row, errors, 3);
	bad_cell(out, "Retries", row, retries, 2);
	weight_cell(out, row);
	buf_add_str(out, "</tr>\n");
}

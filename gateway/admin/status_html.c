/* status_html.c - the status page in HTML: one file, no script. All texts are escaped; rows come from the statistics, one table a section. */
#include <stdarg.h>

#include "gateway/admin/html.h"
#include "gateway/admin/info.h"
#include "gateway/admin/status_view.h"
#include "gateway/admin/total.h"
#include "gateway/model/proxy.h"
#include "gateway/session/worker.h"
#include "shared/base/clock.h"

/* The page's address with the options of <v>, and <extra> in front of them. */
static void address(struct buf *out, const struct status_view *v, const char *extra)
{
	size_t uri = v->page->uri.len;
	char space[2048];
	struct buf whole;

	buf_init_fixed(&whole, space, sizeof(space));
	status_address(v, NULL, &whole);
	html_text(out, v->page->uri);
	buf_add_str(out, extra);
	html_text(out, slice_sub(buf_slice(&whole), uri, whole.len));
}

/* ---- sections ---- */

static void section_open(struct buf *out, const struct status_view *v, const struct proxy *p)
{
	static const char *const columns[] = {
		"Sessions", "Queue", "Rate/s", "Requests", "5xx", "In", "Out", "p50", "p99", "Denied", "Errors", "Retries", "Weight",
	};
	struct status_counts counts = { 0 };

	buf_add_str(out, "<section><header><h2 id=\"");
	html_text(out, p->name);
	buf_add_str(out, "\">");
	html_text(out, p->name);
	buf_printf(out, "</h2><small>%s", !p->is_backend ? "frontend" : p->is_frontend ? "listen" : "backend");
	if (p->description.len > 0) {
		buf_add_str(out, " · ");
		html_text(out, p->description);
	}
	buf_add_str(out, "</small></header>");
	if (p->backend.servers != NULL && p->is_backend) {
		status_count_servers(p, &counts);
		status_bar_write(&counts, out);
	}
	if (v->may_change && p->is_backend) {
		buf_add_str(out, "<form method=post action=\"");
		address(out, v, "");
		buf_add_str(out, "\"><input type=hidden name=b value=\"");
		html_text(out, p->name);
		buf_add_str(out, "\">");
	}
	buf_add_str(out, "<table><thead><tr><th scope=col class=l>Name<th scope=col class=l>State");
	for (unsigned i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		buf_printf(out, "<th scope=col>%s", columns[i]);
	buf_add_str(out, "</tr></thead><tbody>\n");
}

static void section_close(struct buf *out, const struct status_view *v, const struct proxy *p)
{
	buf_add_str(out, "</tbody></table>");
	if (v->may_change && p->is_backend) {
		buf_add_str(out, "<div class=act><label>With the chosen servers: <select name=action><option value=\"\">choose</option>");
		for (unsigned a = 0; a < STATUS_ACTION_COUNT; a++) {
			if (status_action_label((enum status_action)a) != NULL)
				buf_printf(out, "<option value=%s>%s</option>", status_action_word((enum status_action)a),
					   status_action_label((enum status_action)a));
		}
		buf_add_str(out, "</select></label><button>Apply</button></div></form>");
	}
	buf_add_str(out, "</section>\n");
}

/* ---- the page ---- */

/* What the form that was sent before has brought about. */
static void write_note(struct buf *out, const struct status_view *v)
{
	static const struct {
		const char *class, *text;
	} notes[STATUS_OUTCOME_COUNT] = {
		[STATUS_DONE] = { "up", "Done." },
		[STATUS_DENIED] = { "down", "Denied: changes are not allowed here." },
		[STATUS_ERROR] = { "down", "Nothing was changed: an action, backend or server is not known." },
		[STATUS_TOO_LONG] = { "down", "Nothing was changed: these are too many servers at once." },
		[STATUS_NOTHING] = { "none", "Nothing was changed: there was nothing to do." },
		[STATUS_PARTLY] = { "going", "Done in part: some of the servers are not known." },
	};

	if (!v->told)
		return;
	buf_printf(out, "<p class=\"note %s\" role=status>%s <a href=\"", notes[v->outcome].class, notes[v->outcome].text);
	address(out, v, "");
	buf_add_str(out, "\">Hide</a></p>");
}

static void link_to(struct buf *out, const struct status_view *v, const char *extra, const char *label)
{
	buf_add_str(out, "<a href=\"");
	address(out, v, extra);
	buf_printf(out, "\">%s</a>", label);
}

/* A form with GET replaces the query of the address it goes to: what of it belongs to the page goes along as a field. */
static void write_filter(struct buf *out, const struct status_view *v)
{
	struct slice query = v->page->uri, path = slice_cut(&query, '?');

	buf_add_str(out, "<form action=\"");
	html_text(out, path);
	buf_add_str(out, "\">");
	if (query.len > 0) {
		buf_add_str(out, "<input type=hidden name=\"");
		html_text(out, query);
		buf_add_str(out, "\">");
	}
	buf_printf(out, "<input type=search name=scope maxlength=%d aria-label=\"Part of a section's name\" placeholder=\"section\" value=\"",
		   STATUS_SCOPE_MOST);
	html_text(out, v->scope);
	buf_add_str(out, "\"><button>Filter</button></form>");
}

static void write_links(struct buf *out, const struct status_view *v)
{
	struct status_view other = *v;

	buf_add_str(out, "<nav aria-label=View>");
	link_to(out, v, "", "Refresh");
	other.hide_down = !v->hide_down;
	link_to(out, &other, "", v->hide_down ? "Show all servers" : "Hide servers that are down");
	if (v->page->refresh_s > 0) {
		other = *v;
		other.no_refresh = !v->no_refresh;
		link_to(out, &other, "", v->no_refresh ? "Refresh by itself" : "Stop refreshing");
	}
	link_to(out, v, ";csv", "CSV");
	link_to(out, v, ";json", "JSON");
	write_filter(out, v);
	buf_add_str(out, "</nav>");
}

/* What is shown of all frontends together. */
struct sums {
	uint64_t requests, rate, bytes_in, bytes_out;
	struct status_counts servers;
	bool any_server;
};

static void sum_up(const struct status_view *v, struct sums *out)
{
	const struct stat_walk walk = status_walk(v);
	int64_t now_ms = clock_mono_us() / 1000;

	for (const struct proxy *p = v->gateway->config->proxies; p != NULL; p = p->next) {
		struct total t = { v->gateway, TOTAL_FRONTEND, p->index };

		if (p->disabled || !walk.shows(walk.arg, p))
			continue;
		if (p->is_backend) {
			status_count_servers(p, &out->servers);
			out->any_server |= p->backend.servers != NULL;
		}
		if (!p->is_frontend)
			continue;
		out->requests += TOTAL(&t, requests);
		out->rate += TOTAL_RATE(&t, request_rate, now_ms);
		out->bytes_in += TOTAL(&t, bytes_in);
		out->bytes_out += TOTAL(&t, bytes_out);
	}
}

static void open_fact(struct buf *out, const char *label)
{
	buf_printf(out, "<div><dt>%s</dt><dd>", label);
}

static void close_fact(struct buf *out, const char *detail, ...) __attribute__((format(printf, 2, 3)));
static void close_fact(struct buf *out, const char *detail, ...)
{
	va_list ap;

	buf_add_str(out, "<small>");
	va_start(ap, detail);
	buf_vprintf(out, detail, ap);
	va_end(ap);
	buf_add_str(out, "</small></dd></div>");
}

static void write_facts(struct buf *out, const struct status_view *v, const struct info *i, const struct sums *sums)
{
	buf_add_str(out, "<dl>");
	open_fact(out, "Uptime");
	html_duration(out, i->values[INFO_UPTIME_SEC].number);
	close_fact(out, "process %lld, %lld threads%s", (long long)i->values[INFO_PID].number, (long long)i->values[INFO_NBTHREAD].number,
		   atomic_load(&v->gateway->stopping) ? ", stopping" : "");
	open_fact(out, "Connections");
	html_number(out, i->values[INFO_CURR_CONNS].number);
	close_fact(out, "of %lld", (long long)i->values[INFO_MAXCONN].number);
	open_fact(out, "Requests");
	html_number(out, (int64_t)sums->requests);
	close_fact(out, "%llu a second", (unsigned long long)sums->rate);
	open_fact(out, "Received");
	html_bytes(out, (int64_t)sums->bytes_in);
	close_fact(out, "from clients");
	open_fact(out, "Sent");
	html_bytes(out, (int64_t)sums->bytes_out);
	close_fact(out, "to clients");
	open_fact(out, "Idle");
	buf_printf(out, "%lld %%", (long long)i->values[INFO_IDLE_PCT].number);
	close_fact(out, "of all threads");
	buf_add_str(out, "</dl>");
}

static void write_title(struct buf *out, const struct status_view *v, const struct info *i)
{
	struct slice node = v->page->node.len > 0 ? v->page->node : i->values[INFO_NODE].text;
	struct slice description = v->page->description.len > 0 ? v->page->description : i->values[INFO_DESCRIPTION].text;

	buf_add_str(out, "<h1>Statistics");
	if (v->page->show_node) {
		buf_add_str(out, " of ");
		html_text(out, node);
	}
	buf_add_str(out, "</h1><p class=dim>" INFO_NAME);
	if (!v->page->hide_version)
		buf_add_str(out, " version " INFO_VERSION);
	if (v->page->show_desc && description.len > 0) {
		buf_add_str(out, " · ");
		html_text(out, description);
	}
	buf_add_str(out, "</p>");
}

static void write_top(struct buf *out, const struct status_view *v)
{
	struct sums sums = { 0 };
	struct info i;

	info_fill(v->gateway, &i);
	sum_up(v, &sums);
	buf_add_str(out, "<!doctype html>\n<html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width,initial-scale=1\">"
			 "<link rel=icon href=\"data:,\"><title>Statistics");
	if (v->page->show_node) {
		buf_add_str(out, " of ");
		html_text(out, v->page->node.len > 0 ? v->page->node : i.values[INFO_NODE].text);
	}
	buf_printf(out, "</title><style>%s</style>\n<body><main>", status_style);
	write_title(out, v, &i);
	write_note(out, v);
	write_facts(out, v, &i, &sums);
	if (sums.any_server)
		status_bar_write(&sums.servers, out);
	write_links(out, v);
}

bool status_html_write(struct status_html *h, const struct status_view *v, struct buf *out, size_t enough)
{
	struct stat_row row;

	if (!h->begun)
		write_top(out, v);
	h->begun = true;
	while (out->len < enough) {
		bool all = !stat_next(&h->walk, &row);

		if (h->section != NULL && (all || row.proxy != h->section))
			section_close(out, v, h->section);
		if (all) {
			if (h->section == NULL)
				buf_add_str(out, "<p>There is no such section.</p>");
			buf_add_str(out, "</main></body></html>\n");
			return true;
		}
		if (row.proxy != h->section)
			section_open(out, v, row.proxy);
		h->section = row.proxy;
		status_row_write(v, &row, out);
	}
	return false;
}

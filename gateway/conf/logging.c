/* logging.c - what is logged, where to and in which words. Formats are kept as texts and compiled when all is read (finish.c). */
#include "gateway/conf/reader.h"
#include "gateway/http/chars.h"
#include "gateway/logs/sink.h"

static void global_log_read(struct parse *p, const struct keyword *k)
{
	(void)k;
	if (slice_eq(parse_peek(p), SLICE_LIT("global")))
		parse_error(p, "log : 'global' is not supported for a global syslog server");
	else
		log_target_read(p, &p->config->logs);
}

static void log_read(struct parse *p, const struct keyword *k)
{
	(void)k;
	switch (reader_of(p)->negation) {
	case NEGATED:
		if (parse_end(p)) {
			p->proxy->logs = NULL;
			p->proxy->logs_global = false;
		}
		break;
	case BY_DEFAULT:
		parse_error(p, "'default log' is not possible: give its target, or 'no log'");
		break;
	case PLAIN:
		if (!parse_accept(p, "global"))
			log_target_read(p, &p->proxy->logs);
		else
			p->proxy->logs_global = parse_end(p);
		break;
	}
}

static void tag_read(struct parse *p, const struct keyword *k)
{
	struct slice tag;

	if (parse_want(p, k->name, &tag) && parse_end(p))
		*(p->proxy == NULL ? &p->config->log_tag : &p->proxy->log_tag) = tag;
}

/* One word that is a format. */
static bool text_read(struct parse *p, const struct keyword *k, struct slice *text, struct place *place)
{
	if (!parse_want(p, k->name, text) || !parse_end(p))
		return false;
	*place = place_of(p);
	return true;
}

static void format_read(struct parse *p, const struct keyword *k)
{
	struct slice text;

	if (!text_read(p, k, &text, &conf_of(p->proxy)->places.log_format))
		return;
	p->proxy->log_format_text = text;
	p->proxy->log_kind = LOG_CUSTOM;
}

static void format_sd_read(struct parse *p, const struct keyword *k)
{
	text_read(p, k, &p->proxy->log_format_sd_text, &conf_of(p->proxy)->places.log_format_sd);
}

static void error_format_read(struct parse *p, const struct keyword *k)
{
	text_read(p, k, &p->proxy->error_log_format_text, &conf_of(p->proxy)->places.error_log_format);
}

static void unique_id_read(struct parse *p, const struct keyword *k)
{
	text_read(p, k, &p->proxy->unique_id_text, &conf_of(p->proxy)->places.unique_id);
}

static void unique_header_read(struct parse *p, const struct keyword *k)
{
	struct slice name;

	if (!parse_want(p, k->name, &name) || !parse_end(p))
		return;
	if (http_is_token(name))
		p->proxy->unique_id_header = name;
	else
		parse_error(p, "'%.*s' is not the name of a header", SLICE_ARG(name));
}

static void httplog_read(struct parse *p, const struct keyword *k)
{
	(void)k;
	if (p->at < p->count && !slice_eq(parse_peek(p), SLICE_LIT("clf"))) {
		parse_error(p, "keyword 'httplog' only supports option 'clf'.");
		return;
	}
	p->proxy->log_kind = parse_accept(p, "clf") ? LOG_HTTP_CLF : LOG_HTTP;
	parse_end(p);
}

/* k->field: what the option is called in proxy.h. */
static void kind_read(struct parse *p, const struct keyword *k)
{
	if (!parse_end(p))
		return;
	if (k->field == LOG_TCP)
		p->proxy->log_kind = LOG_TCP;
	else
		p->proxy->log_kind = LOG_JSON;
}

const struct keyword keywords_logging[] = {
	{ "log", NULL, IN_GLOBAL, global_log_read, 0, 0 },
	{ "log", NULL, IN_ALL_PROXIES, log_read, KEYWORD_NO | KEYWORD_AGAIN, 0 },
	{ "log-tag", NULL, IN_GLOBAL | IN_ALL_PROXIES, tag_read, 0, 0 },
	{ "log-format", NULL, IN_FRONTENDS, format_read, 0, 0 },
	{ "log-format-sd", NULL, IN_FRONTENDS, format_sd_read, 0, 0 },
	{ "error-log-format", NULL, IN_FRONTENDS, error_format_read, 0, 0 },
	{ "unique-id-format", NULL, IN_FRONTENDS, unique_id_read, 0, 0 },
	{ "unique-id-header", NULL, IN_FRONTENDS, unique_header_read, 0, 0 },
	{ "option", "httplog", IN_FRONTENDS, httplog_read, 0, 0 },
	{ "option", "tcplog", IN_FRONTENDS, kind_read, 0, LOG_TCP },
	{ "option", "json-log", IN_FRONTENDS, kind_read, KEYWORD_OWN, LOG_JSON },
	{ .name = NULL },
};

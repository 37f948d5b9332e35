/* config.c - settings from environment variables, and --help, all from one table. */
#include "shared/svc/config.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/slice.h"

enum type { T_TEXT, T_ADDRESS, T_NUMBER, T_SWITCH, T_LOG_LEVEL, T_LOG_FORMAT };

struct setting {
	const char *name;
	enum type type;
	size_t at;           /* of the field in struct config */
	const char *fallback; /* the default; "=NAME": that of another setting, further up; NULL: the service's own */
	uint64_t min, max;   /* of a number */
	const char *help;
};

#define FIELD(f) offsetof(struct config, f)

static const struct setting settings[] = {
	{ "BIND", T_ADDRESS, FIELD(bind), "127.0.0.1", 0, 0, "numeric address of the API; 0.0.0.0 or :: opens it to outside" },
	{ "PORT", T_NUMBER, FIELD(port), NULL, 1, 65535, "port of the API" },
	{ "ADMIN_BIND", T_ADDRESS, FIELD(admin_bind), "127.0.0.1", 0, 0, "numeric address of /healthz, /readyz, /metrics" },
	{ "ADMIN_PORT", T_NUMBER, FIELD(admin_port), NULL, 1, 65535, "port of /healthz, /readyz, /metrics" },
	{ "MYSQL_URL", T_TEXT, FIELD(mysql_url), NULL, 0, 0, "own database: mysql://user:password@host:port/schema" },
	{ "REDIS_URL", T_TEXT, FIELD(redis_url), NULL, 0, 0, "own Redis: redis://[:password@]host:port/number" },
	{ "KAFKA_BROKERS", T_TEXT, FIELD(kafka_brokers), "127.0.0.1:9092", 0, 0, "host:port of one or more brokers, by commas" },
	{ "SPOOL_DIR", T_TEXT, FIELD(spool_dir), NULL, 0, 0, "folder for what waits on its way to Kafka" },
	{ "SPOOL_MAX_MB", T_NUMBER, FIELD(spool_max_mb), "256", 1, 1048576, "MiB it may take; beyond, the oldest part goes" },
	{ "LOG_LEVEL", T_LOG_LEVEL, FIELD(log_level), "info", 0, 0, "least level logged: debug, info, warn, error" },
	{ "LOG_FORMAT", T_LOG_FORMAT, FIELD(log_format), "text", 0, 0, "text or json" },
	{ "ACCESS_LOG", T_SWITCH, FIELD(access_log), "on", 0, 0, "on or off: a line of level info for each request" },
	{ "IO_THREADS", T_NUMBER, FIELD(io_threads), "1", 1, 64, "threads that read and write connections" },
	{ "WORKERS", T_NUMBER, FIELD(workers), "8", 1, 1024, "threads that answer requests" },
	{ "QUEUE", T_NUMBER, FIELD(queue), "256", 1, 1000000, "requests that may wait for a worker; beyond, 503" },
	{ "MYSQL_CONNECTIONS", T_NUMBER, FIELD(mysql_connections), "=WORKERS", 1, 1024, "connections to the own database" },
	{ "REDIS_CONNECTIONS", T_NUMBER, FIELD(redis_connections), "=WORKERS", 1, 1024, "connections to the own Redis" },
	{ "BODY_LIMIT", T_NUMBER, FIELD(body_limit), "65536", 1, 1048576, "bytes of a request body; beyond, 413" },
	{ "CONNECTIONS", T_NUMBER, FIELD(connections), "10000", 1, 1000000, "clients that may be connected at a time" },
	{ "LEAVE_MS", T_NUMBER, FIELD(leave_ms), "1000", 0, 60000, "ms that it still serves after SIGTERM, as not ready: a gateway takes it out" },
	{ "AUDIT_ROWS_PER_S", T_NUMBER, FIELD(audit_rows_per_s), "500", 1, 1000000, "rows a second of the audit that always runs" },
	{ "AUDIT_PERIOD_S", T_NUMBER, FIELD(audit_period_s), "600", 1, 86400, "seconds from one round of it to the next, at the least" },
	{ "SNAPSHOT_ROWS_PER_S", T_NUMBER, FIELD(snapshot_rows_per_s), "10000", 1, 1000000, "rows a second of a snapshot that is needed" },
};
#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

#define OWN_SIZE 8 /* a port and its NUL */

/* The default of <s>, written to <space> when it is a number of the service's own. */
static const char *fallback_of(const struct setting *s, const struct config_defaults *d, char space[OWN_SIZE])
{
	if (s->fallback != NULL)
		return s->fallback;
	if (s->at == FIELD(mysql_url))
		return d->mysql_url;
	if (s->at == FIELD(redis_url))
		return d->redis_url;
	if (s->at == FIELD(spool_dir))
		return d->spool_dir;
	assert(s->at == FIELD(port) || s->at == FIELD(admin_port));
	snprintf(space, OWN_SIZE, "%u", s->at == FIELD(port) ? (unsigned)d->port : (unsigned)d->admin_port);
	return space;
}

static void *field(struct config *c, const struct setting *s)
{
	return (char *)c + s->at;
}

static bool set_text(struct config *c, const struct setting *s, const char *text)
{
	*(const char **)field(c, s) = text;
	return text[0] != '\0';
}

static bool set_address(struct config *c, const struct setting *s, const char *text)
{
	struct in6_addr space;

	*(const char **)field(c, s) = text;
	return inet_pton(AF_INET, text, &space) == 1 || inet_pton(AF_INET6, text, &space) == 1;
}

static bool set_number(struct config *c, const struct setting *s, const char *text)
{
	uint64_t n;

	if (!slice_to_u64(slice_str(text), s->max, &n) || n < s->min)
		return false;
	*(uint32_t *)field(c, s) = (uint32_t)n;
	return true;
}

static bool set_switch(struct config *c, const struct setting *s, const char *text)
{
	bool on = strcmp(text, "on") == 0;

	*(bool *)field(c, s) = on;
	return on || strcmp(text, "off") == 0;
}

static bool set(struct config *c, const struct setting *s, const char *text)
{
	switch (s->type) {
	case T_TEXT:
		return set_text(c, s, text);
	case T_ADDRESS:
		return set_address(c, s, text);
	case T_NUMBER:
		return set_number(c, s, text);
	case T_SWITCH:
		return set_switch(c, s, text);
	case T_LOG_LEVEL:
		return log_level_parse(slice_str(text), field(c, s));
	case T_LOG_FORMAT:
		return log_format_parse(slice_str(text), field(c, s));
	}
	return false;
}

/* What a value of <s> must be, for the line about a wrong one. */
static void describe(const struct setting *s, struct buf *text)
{
	switch (s->type) {
	case T_TEXT:
		buf_add_str(text, "must not be empty");
		break;
	case T_ADDRESS:
		buf_add_str(text, "not a numeric IPv4 or IPv6 address");
		break;
	case T_NUMBER:
		buf_printf(text, "not a number from %llu to %llu", (unsigned long long)s->min, (unsigned long long)s->max);
		break;
	case T_SWITCH:
		buf_add_str(text, "not on or off");
		break;
	case T_LOG_LEVEL:
		buf_add_str(text, "not debug, info, warn or error");
		break;
	case T_LOG_FORMAT:
		buf_add_str(text, "not text or json");
		break;
	}
}

static const struct setting *setting_named(const char *name)
{
	for (size_t i = 0; i < SETTINGS; i++)
		if (strcmp(settings[i].name, name) == 0)
			return &settings[i];
	assert(!"a default names a setting that does not exist");
	return NULL;
}

static bool read_setting(struct config *c, const struct setting *s, const struct config_defaults *d, struct buf *text)
{
	const char *given = getenv(s->name);
	char space[OWN_SIZE];
	const char *value = given != NULL ? given : fallback_of(s, d, space);

	if (given == NULL && value[0] == '=') {
		*(uint32_t *)field(c, s) = *(uint32_t *)field(c, setting_named(value + 1));
		return true;
	}
	if (set(c, s, value))
		return true;
	/* URLs hold passwords: their values are not repeated. */
	if (s->type == T_TEXT)
		buf_printf(text, "%s: %s: ", d->program, s->name);
	else
		buf_printf(text, "%s: %s=%s: ", d->program, s->name, value);
	describe(s, text);
	buf_add_char(text, '\n');
	return false;
}

static void print_help(const struct config_defaults *d, struct buf *text)
{
	buf_printf(text, "Usage: %s [--help | --version]\n\nSettings are environment variables (default in parentheses):\n\n", d->program);
	for (size_t i = 0; i < SETTINGS; i++) {
		const struct setting *s = &settings[i];
		char space[OWN_SIZE];
		const char *fallback = fallback_of(s, d, space);

		if (fallback[0] == '=')
			fallback++;
		buf_printf(text, "  %-20s %s", s->name, s->help);
		if (s->type == T_NUMBER)
			buf_printf(text, ", %llu to %llu", (unsigned long long)s->min, (unsigned long long)s->max);
		buf_printf(text, " (%s)\n", fallback);
	}
	buf_add_str(text, "\nSIGTERM and SIGINT stop it in an orderly way. Exit status: 0 stopped, 1 it could not start, 2 a wrong setting.\n");
}

enum config_next config_read(const struct config_defaults *d, int argc, char *const *argv, struct config *c, struct buf *text)
{
	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		print_help(d, text);
		return CONFIG_SHOWN;
	}
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		buf_printf(text, "%s " MOA_VERSION "\n", d->program);
		return CONFIG_SHOWN;
	}
	if (argc > 1) {
		buf_printf(text, "%s: %s: unknown option; see --help\n", d->program, argv[1]);
		return CONFIG_WRONG;
	}
	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < SETTINGS; i++)
		if (!read_setting(c, &settings[i], d, text))
			return CONFIG_WRONG;
	return CONFIG_START;
}

int config_load(const struct config_defaults *d, int argc, char *const *argv, struct config *c)
{
	enum config_next next;
	struct buf text;

	buf_init(&text, 0);
	next = config_read(d, argc, argv, c, &text);
	if (text.len > 0)
		fprintf(next == CONFIG_SHOWN ? stdout : stderr, "%.*s", SLICE_ARG(buf_slice(&text)));
	buf_free(&text);
	if (next == CONFIG_START)
		return -1;
	return next == CONFIG_SHOWN ? 0 : 2;
}

/* config.h - settings from environment variables, and --help, all from one table.
 *
 * Strings point into the environment or to defaults: they live as long as the process leaves its environment alone.
 */
#ifndef MOA_SVC_CONFIG_H
#define MOA_SVC_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/buf.h"
#include "shared/base/log.h"

#define MOA_VERSION "0.1.0"

struct config {
	const char *bind;
	uint32_t port;
	const char *admin_bind;
	uint32_t admin_port;
	const char *mysql_url;
	const char *redis_url;
	const char *kafka_brokers;
	const char *spool_dir;
	uint32_t spool_max_mb; /* MiB */
	enum log_level log_level;
	enum log_format log_format;
	bool access_log;
	uint32_t io_threads;
	uint32_t workers;
	uint32_t queue; /* requests that may wait for a worker */
	uint32_t mysql_connections;
	uint32_t redis_connections;
	uint32_t body_limit; /* bytes */
	uint32_t connections;
	uint32_t leave_ms;     /* from SIGTERM to the end of accepting */
	uint32_t audit_rows_per_s;
	uint32_t audit_period_s;
	uint32_t snapshot_rows_per_s;
};

/* What differs from service to service. */
struct config_defaults {
	const char *program; /* "item_svc": for messages */
	uint16_t port;
	uint16_t admin_port;
	const char *mysql_url;
	const char *redis_url;
	const char *spool_dir;
};

enum config_next {
	CONFIG_START, /* go on: all settings are good */
	CONFIG_SHOWN, /* --help or --version: print the text to standard output, exit 0 */
	CONFIG_WRONG, /* one line that says what is wrong: print the text to standard error, exit 2 */
};

/* Reads the command line and the environment; nothing is printed. */
enum config_next config_read(const struct config_defaults *d, int argc, char *const *argv, struct config *c, struct buf *text);
/* The same for main(): prints, and returns the exit status, or -1 to go on. */
int config_load(const struct config_defaults *d, int argc, char *const *argv, struct config *c);

#endif

/* config.h - a whole configuration: the global section and all proxies. Read-only once the loops run. */
#ifndef MOA_GATEWAY_MODEL_CONFIG_H
#define MOA_GATEWAY_MODEL_CONFIG_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include "shared/base/arena.h"
#include "shared/base/slice.h"

struct arg_wait;
struct error_section;
struct format;
struct log_target;
struct proxy;
struct rate_table;
struct regex;
struct rule_later;
struct var_names;

/* One address of a "bind" line (a range of ports makes several), or of a "stats socket". */
struct listener {
	struct listener *next;
	struct proxy *proxy;      /* NULL for the runtime socket */
	unsigned id, index;
	struct slice name;        /* "name" of the bind line, or SLICE_NONE */
	struct slice address;     /* as written, for messages: "127.0.0.1:8089", "fd@3", "unix@/run/x.sock" */
	struct sockaddr_storage sa;
	socklen_t sa_len;
	int inherited_fd;         /* of fd@N; -1: none */
	int fd;                   /* the listening descriptor; -1 before it is open */
	unsigned maxconn, backlog;
	_Atomic unsigned connections; /* now; of all workers */
	bool v6only, v4v6, defer_accept, tfo;
	struct slice interface;
	int unix_mode, unix_uid, unix_gid; /* -1: left as they are */
	int level;                /* of a runtime socket: 1 user, 2 operator, 3 admin */
	bool expose_fd;
	bool is_shared;           /* taken from or given to another process; the first worker's to look at */
	bool is_aside;            /* its socket file is not yet where it belongs (session/listen_open.c) */
	bool is_door;             /* this process's own runtime socket, for its successor alone (admin/give.h) */
	unsigned line;
	struct slice file;
};

struct name_server {
	struct name_server *next;
	struct slice name;
	struct sockaddr_storage sa;
	socklen_t len;
};

/* A "resolvers" section. */
struct resolvers {
	struct resolvers *next;
	struct slice name;
	struct name_server *servers;
	bool parse_resolv_conf;
	unsigned retries;         /* resolve_retries, 3 */
	int timeout_ms;           /* timeout retry, 1000 */
	int timeout_resolve_ms;   /* between two questions, 1000 */
	int hold_valid_ms, hold_nx_ms, hold_other_ms, hold_refused_ms, hold_timeout_ms, hold_obsolete_ms;
	unsigned payload_size;
};

struct config {
	struct arena *arena;
	struct proxy *proxies;    /* without defaults sections, in the order of the file */
	unsigned proxy_count, server_count, listener_count; /* sizes of each worker's arrays */
	struct listener *runtime_sockets;
	struct resolvers *resolvers;
	struct arg_wait *args_waiting; /* tables, proxies and servers that expressions name, until expr_resolve_all() */
	struct regex *regexes;        /* every regular expression (expr/regex.h) */
	struct var_names *var_names;  /* every variable that the configuration names (expr/var.h) */
	struct log_target *logs;      /* of the global section */
	struct error_section *error_sections; /* http-errors */
	struct rule_later *later;     /* what rules look up after reading (rule/rule.h) */
	struct rate_table *rate_tables; /* made by "rate-limit" (rule/rule.h) */

	bool daemon, quiet, debug;    /* -D, -q, -d; also as keywords */
	bool master_worker;
	unsigned threads;             /* nbthread; 0: as many as there are processors */
	_Atomic unsigned maxconn;     /* of the process; 0: what the limit of descriptors allows. Written by the first worker's thread */
	struct slice pid_file, user, group, chroot, node, description, log_tag, log_send_hostname;
	struct slice server_state_file, server_state_base;
	int hard_stop_after_ms, grace_ms, close_spread_ms;
	int stats_timeout_ms;         /* of the runtime socket, 10 s */
	unsigned stats_maxconn;       /* 10 */
	unsigned spread_checks;       /* percent */
	int max_spread_checks_ms;
	unsigned bufsize;             /* tune.bufsize, 16384 */
	unsigned maxrewrite;          /* tune.maxrewrite, 1024 */
	unsigned max_headers;         /* tune.http.maxhdr, 101 */
	unsigned maxaccept;           /* tune.maxaccept */
	unsigned cookie_len, logurilen; /* tune.http.logurilen, 1024 */
};

#endif

/* metric_kinds.c - which metrics there are. A new one is one more entry. */
#include "gateway/admin/metric_kinds.h"

#include "gateway/admin/info.h"
#include "gateway/admin/stat.h"

#define GAUGE false
#define COUNTER true

#define PROCESS(field, type, name, help) { field, 0, type, METRIC_PLAIN, name, help }

const struct metric_kind process_metrics[] = {
	PROCESS(INFO_NBTHREAD, GAUGE, "nbthread", "Threads, each with a loop of its own"),
	PROCESS(INFO_NBPROC, GAUGE, "nbproc", "Processes, always 1"),
	PROCESS(INFO_PROCESS_NUM, GAUGE, "relative_process_id", "Number of this process, always 1"),
	PROCESS(INFO_UPTIME_SEC, GAUGE, "uptime_seconds", "Seconds since the start"),
	PROCESS(INFO_POOL_FAILED, COUNTER, "pool_failures_total", "Objects that a pool had no memory for"),
	PROCESS(INFO_ULIMIT_N, GAUGE, "max_fds", "Most open descriptors"),
	PROCESS(INFO_MAXSOCK, GAUGE, "max_sockets", "Most open sockets"),
	PROCESS(INFO_MAXCONN, GAUGE, "max_connections", "Most connections of clients"),
	PROCESS(INFO_HARD_MAXCONN, GAUGE, "hard_max_connections", "Most connections that may be set at run time"),
	PROCESS(INFO_CURR_CONNS, GAUGE, "current_connections", "Connections of clients now"),
	PROCESS(INFO_CUM_CONNS, COUNTER, "connections_total", "Connections accepted"),
	PROCESS(INFO_CUM_REQ, COUNTER, "requests_total", "Requests read"),
	PROCESS(INFO_CONN_RATE, GAUGE, "current_connection_rate", "Connections accepted in the last second"),
	PROCESS(INFO_CONN_RATE_LIMIT, GAUGE, "limit_connection_rate", "Most connections accepted in a second, 0: no limit"),
	PROCESS(INFO_MAX_CONN_RATE, GAUGE, "max_connection_rate", "Most connections that were accepted in one second"),
	PROCESS(INFO_SESS_RATE, GAUGE, "current_session_rate", "Sessions begun in the last second"),
	PROCESS(INFO_SESS_RATE_LIMIT, GAUGE, "limit_session_rate", "Most sessions begun in a second, 0: no limit"),
	PROCESS(INFO_MAX_SESS_RATE, GAUGE, "max_session_rate", "Most sessions that were begun in one second"),
	PROCESS(INFO_TASKS, GAUGE, "current_tasks", "Exchanges under way"),
	PROCESS(INFO_IDLE_PCT, GAUGE, "idle_time_percent", "Part of the last second that the threads waited, in percent"),
	PROCESS(INFO_STOPPING, GAUGE, "stopping", "1 while the process finishes what it has, and accepts nothing"),
	PROCESS(INFO_JOBS, GAUGE, "jobs", "Connections of clients and listening sockets"),
	PROCESS(INFO_LISTENERS, GAUGE, "listeners", "Listening sockets that accept"),
	PROCESS(INFO_DROPPED_LOGS, COUNTER, "dropped_logs_total", "Log lines that their server did not take"),
	PROCESS(INFO_BYTES_OUT, COUNTER, "bytes_out_total", "Bytes sent to clients"),
	PROCESS(INFO_BYTES_OUT_RATE, GAUGE, "bytes_out_rate", "Bytes sent to clients in the last second"),
	{ INFO_BUILD, 0, GAUGE, METRIC_TEXT, "build_info", "Version, as a label" },
	PROCESS(INFO_MEMMAX_BYTES, GAUGE, "max_memory_bytes", "Most memory, 0: no limit"),
	PROCESS(INFO_POOL_ALLOC_BYTES, GAUGE, "pool_allocated_bytes", "Memory in pools"),
	PROCESS(INFO_POOL_USED_BYTES, GAUGE, "pool_used_bytes", "Memory in pools that is in use"),
	PROCESS(INFO_START_TIME, GAUGE, "start_time_seconds", "When the process was started, Unix time"),
	{ .name = NULL },
};

#define F (1U << STAT_IS_FRONTEND)
#define L (1U << STAT_IS_LISTENER)
#define B (1U << STAT_IS_BACKEND)
#define S (1U << STAT_IS_SERVER)
#define ALL (F | L | B | S)

#define VALUE(field, objects, type, name, help) { field, objects, type, METRIC_PLAIN, name, help }
#define TIME(field, type, name, help) { field, B | S, type, METRIC_SECONDS, name, help }

const struct metric_kind object_metrics[] = {
	VALUE(STAT_QCUR, B | S, GAUGE, "current_queue", "Requests that wait for a server now"),
	VALUE(STAT_QMAX, B | S, GAUGE, "max_queue", "Most requests that waited at one time"),
	VALUE(STAT_SCUR, ALL, GAUGE, "current_sessions", "Sessions now: connections of a frontend, exchanges of a backend or server"),
	VALUE(STAT_SMAX, ALL, GAUGE, "max_sessions", "Most sessions at one time"),
	VALUE(STAT_SLIM, ALL, GAUGE, "limit_sessions", "Most sessions that are allowed (maxconn, fullconn)"),
	VALUE(STAT_STOT, ALL, COUNTER, "sessions_total", "Sessions begun"),
	VALUE(STAT_BIN, ALL, COUNTER, "bytes_in_total", "Bytes of requests"),
	VALUE(STAT_BOUT, ALL, COUNTER, "bytes_out_total", "Bytes of responses"),
	VALUE(STAT_DREQ, F | L | B, COUNTER, "requests_denied_total", "Requests that a rule refused"),
	VALUE(STAT_DRESP, ALL, COUNTER, "responses_denied_total", "Responses that a rule refused"),
	VALUE(STAT_EREQ, F | L, COUNTER, "request_errors_total", "Requests that were no legal HTTP or did not arrive"),
	VALUE(STAT_ECON, B | S, COUNTER, "connection_errors_total", "Connections to servers that failed"),
	VALUE(STAT_ERESP, B | S, COUNTER, "response_errors_total", "Responses that were no legal HTTP or did not arrive"),
	VALUE(STAT_WRETR, B | S, COUNTER, "retry_warnings_total", "Requests that were tried again"),
	VALUE(STAT_WREDIS, B | S, COUNTER, "redispatch_warnings_total", "Requests that were sent to another server"),
	{ STAT_STATUS, ALL, GAUGE, METRIC_STATUS, "status", "1 for the present state, 0 for the others" },
	VALUE(STAT_WEIGHT, B | S, GAUGE, "weight", "Weight that counts now; of a backend: of all usable servers"),
	VALUE(STAT_ACT, B, GAUGE, "active_servers", "Usable servers that are no backup"),
	VALUE(STAT_BCK, B, GAUGE, "backup_servers", "Usable servers that are a backup"),
	VALUE(STAT_CHKFAIL, S, COUNTER, "check_failures_total", "Health checks that failed"),
	VALUE(STAT_CHKDOWN, B | S, COUNTER, "check_up_down_total", "Changes from up to down"),
	VALUE(STAT_LASTCHG, B | S, GAUGE, "check_last_change_seconds", "Seconds since the last change of state"),
	VALUE(STAT_DOWNTIME, B | S, COUNTER, "downtime_seconds_total", "Seconds spent down"),
	VALUE(STAT_QLIMIT, S, GAUGE, "queue_limit", "Most requests that may wait (maxqueue)"),
	VALUE(STAT_THROTTLE, S, GAUGE, "current_throttle", "Part of the weight that counts while the server starts slowly, in percent"),
	VALUE(STAT_LBTOT, B | S, COUNTER, "loadbalanced_total", "Requests for which a server was chosen by balancing"),
	VALUE(STAT_RATE_LIM, F, GAUGE, "limit_session_rate", "Most sessions begun in a second, 0: no limit"),
	VALUE(STAT_RATE_MAX, F | B | S, GAUGE, "max_session_rate", "Most sessions that were begun in one second"),
	{ STAT_CHECK_STATUS, S, GAUGE, METRIC_CHECK, "check_status", "1 for the result of the last health check, 0 for the others" },
	VALUE(STAT_CHECK_CODE, S, GAUGE, "check_code", "Status code in the last health check"),
	{ STAT_CHECK_DURATION, S, GAUGE, METRIC_SECONDS, "check_duration_seconds", "Duration of the last health check" },
	{ STAT_HRSP_1XX, F | B | S, COUNTER, METRIC_CODES, "http_responses_total", "Responses, by the first digit of their status code" },
	VALUE(STAT_REQ_RATE_MAX, F, GAUGE, "http_requests_rate_max", "Most requests that were read in one second"),
	VALUE(STAT_REQ_TOT, F | B, COUNTER, "http_requests_total", "Requests"),
	VALUE(STAT_CLI_ABRT, B | S, COUNTER, "client_aborts_total", "Exchanges that the client broke off"),
	VALUE(STAT_SRV_ABRT, B | S, COUNTER, "server_aborts_total", "Exchanges that the server broke off"),
	VALUE(STAT_CONN_RATE_MAX, F, GAUGE, "connections_rate_max", "Most connections that were accepted in one second"),
	VALUE(STAT_CONN_TOT, F, COUNTER, "connections_total", "Connections accepted"),
	VALUE(STAT_LASTSESS, B | S, GAUGE, "last_session_seconds", "Seconds since the last session began, -1: there was none"),
	TIME(STAT_QTIME, GAUGE, "queue_time_average_seconds", "Average time in the queue"),
	TIME(STAT_CTIME, GAUGE, "connect_time_average_seconds", "Average time to connect"),
	TIME(STAT_RTIME, GAUGE, "response_time_average_seconds", "Average time from the connection to the response's head"),
	TIME(STAT_TTIME, GAUGE, "total_time_average_seconds", "Average time of whole exchanges"),
	VALUE(STAT_DCON, F | L, COUNTER, "denied_connections_total", "Connections that a rule for connections refused"),
	VALUE(STAT_DSES, F | L, COUNTER, "denied_sessions_total", "Sessions that a rule for sessions refused"),
	VALUE(STAT_WREW, ALL, COUNTER, "failed_header_rewriting_total", "Rewrites by rules that failed"),
	VALUE(STAT_CONNECT, B | S, COUNTER, "connection_attempts_total", "Connections to servers that were begun"),
	VALUE(STAT_REUSE, B | S, COUNTER, "connection_reuses_total", "Requests sent on a connection that was there"),
	VALUE(STAT_SRV_ICUR, S, GAUGE, "idle_connections_current", "Idle connections now"),
	VALUE(STAT_SRC_ILIM, S, GAUGE, "idle_connections_limit", "Most idle connections that are kept (pool-max-conn)"),
	TIME(STAT_RTIME_MAX, GAUGE, "max_response_time_seconds", "Longest time from the connection to the response's head"),
	TIME(STAT_TTIME_MAX, GAUGE, "max_total_time_seconds", "Longest time of a whole exchange"),
	VALUE(STAT_IDLE_CONN_CUR, S, GAUGE, "unsafe_idle_connections_current", "Idle connections that served one request only"),
	VALUE(STAT_SAFE_CONN_CUR, S, GAUGE, "safe_idle_connections_current", "Idle connections that served several requests"),
	VALUE(STAT_USED_CONN_CUR, S, GAUGE, "used_connections_current", "Connections in use now"),
	VALUE(STAT_NEED_CONN_EST, S, GAUGE, "need_connections_current", "Estimate of how many connections are needed"),
	VALUE(STAT_UWEIGHT, B | S, GAUGE, "uweight", "Weight as it was set; of a backend: of all usable servers"),
	{ STAT_AGG_SERVER_STATUS, B, GAUGE, METRIC_SERVERS, "agg_server_status", "Servers in each state" },
	{ STAT_AGG_SERVER_CHECK_STATUS, B, GAUGE, METRIC_SERVERS, "agg_server_check_status", "The same under its older name" },
	{ STAT_AGG_CHECK_STATUS, B, GAUGE, METRIC_CHECKS, "agg_check_status", "Servers whose last health check had each result" },
	{ .name = NULL },
};

/* http_bench.c - requests a second and CPU of a request: bare libmicrohttpd, our server on the loop, deferred, and routed.
 *
 * gcc -O2 -std=gnu11 -D_GNU_SOURCE -I. tests/bench/http_bench.c build/libsvc.a build/libio.a build/libbase.a \
 *     -lmicrohttpd -lhiredis -ljson-c -lrdkafka -lmariadb -lm -pthread -o http_bench
 * ./http_bench MODE [CONNECTIONS]      MODE: bare, loop, defer, router
 *
 * The server is a child process, whose CPU time is divided by the requests; the client is one epoll loop that keeps one request
 * under way on each connection for three seconds. All answers have the same body. Compare modes of one run only.
 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/io/http.h"
#include "shared/svc/metrics.h"
#include "shared/svc/router.h"

#define RUN_US 3000000
#define CONNECTIONS_MAX 1000
#define BODY_BYTES 5000

static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nUSER-TOKEN: abc\r\n\r\n";
static char body[BODY_BYTES];

struct connection {
	int fd;
	size_t got, expected; /* bytes of the answer; expected is 0 until its head was read */
};

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	exit(1);
}

/* ---- the servers ---- */

static enum MHD_Result bare(void *cls, struct MHD_Connection *c, const char *url, const char *method, const char *version,
			    const char *upload, size_t *upload_bytes, void **con_cls)
{
	struct MHD_Response *r;
	enum MHD_Result done;

	(void)cls, (void)url, (void)method, (void)version, (void)upload, (void)upload_bytes;
	if (*con_cls == NULL) { /* an answer in the first call would close the connection */
		*con_cls = body;
		return MHD_YES;
	}
	r = MHD_create_response_from_buffer(sizeof(body), body, MHD_RESPMEM_PERSISTENT);
	MHD_add_response_header(r, "Content-Type", "application/json");
	done = MHD_queue_response(c, 200, r);
	MHD_destroy_response(r);
	return done;
}

static void answer(void *ctx, struct http_exchange *x)
{
	struct buf b;

	(void)ctx;
	buf_init(&b, 0);
	buf_add(&b, body, sizeof(body));
	http_reply_header(x, "Content-Type", SLICE_LIT("application/json"));
	http_reply(x, 200, &b);
}

static void defer(void *ctx, struct http_exchange *x)
{
	if (http_defer(x) != ERR_OK)
		answer(ctx, x);
}

static enum err list(struct request *rq, struct reply *rp)
{
	(void)rq;
	buf_add(&rp->body, body, sizeof(body));
	return reply_done(rp);
}

static const struct route routes[] = { { .method = "GET", .path = "/", .run = list }, { .method = NULL } };

static uint16_t start_ours(const char *mode)
{
	struct http_options o = {
		.name = "bench", .bind = "127.0.0.1", .io_threads = 1, .workers = 4, .queue = CONNECTIONS_MAX, .body_limit = 65536,
		.connections = CONNECTIONS_MAX, .idle_timeout_s = 30, .on_request = strcmp(mode, "loop") == 0 ? answer : defer,
		.on_work = answer,
	};
	struct router_spec spec = { .routes = routes };
	struct http_server *s;

	if (strcmp(mode, "router") == 0) {
		spec.metrics = metrics_create();
		router_attach(router_create(&spec), &o);
	}
	s = http_start(&o);
	must(s != NULL, "http_start");
	return http_port(s);
}

static uint16_t start_bare(void)
{
	struct MHD_Daemon *d = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, bare, NULL, MHD_OPTION_CONNECTION_LIMIT,
						(unsigned)CONNECTIONS_MAX, MHD_OPTION_END);

	must(d != NULL, "MHD_start_daemon");
	return MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT)->port;
}

static pid_t start_server(const char *mode, uint16_t *port)
{
	int ends[2];
	pid_t pid;

	must(pipe(ends) == 0, "pipe");
	pid = fork();
	must(pid >= 0, "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		log_setup("bench", LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
		*port = strcmp(mode, "bare") == 0 ? start_bare() : start_ours(mode);
		must(write(ends[1], port, sizeof(*port)) == sizeof(*port), "write");
		for (;;)
			pause();
	}
	close(ends[1]);
	must(read(ends[0], port, sizeof(*port)) == sizeof(*port), "the server did not start");
	return pid;
}

/* ---- the client ---- */

static void send_request(const struct connection *c)
{
	must(write(c->fd, request, sizeof(request) - 1) == sizeof(request) - 1, "write");
}

static void connect_all(int ep, struct connection *all, int count, uint16_t port)
{
	const struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) } };

	for (int i = 0; i < count; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = &all[i] };
		int on = 1;

		all[i].fd = socket(AF_INET, SOCK_STREAM, 0);
		must(connect(all[i].fd, (const struct sockaddr *)&a, sizeof(a)) == 0, "connect");
		setsockopt(all[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		epoll_ctl(ep, EPOLL_CTL_ADD, all[i].fd, &e);
		send_request(&all[i]);
	}
}

/* 1 when an answer ended, and the next request was sent. */
static long take(struct connection *c)
{
	static char piece[65536];
	ssize_t n = read(c->fd, piece, sizeof(piece));

	must(n > 0, "the server closed a connection");
	if (c->expected == 0) {
		const char *end = memmem(piece, (size_t)n, "\r\n\r\n", 4);

		must(end != NULL && strncmp(piece, "HTTP/1.1 200 ", 13) == 0, "not a whole head of status 200");
		c->expected = (size_t)(end - piece) + 4 + sizeof(body);
	}
	c->got += (size_t)n;
	if (c->got < c->expected)
		return 0;
	c->got = c->expected = 0;
	send_request(c);
	return 1;
}

int main(int argc, char **argv)
{
	static struct connection all[CONNECTIONS_MAX];
	const char *mode = argc > 1 ? argv[1] : "router";
	int count = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 32;
	int ep = epoll_create1(0);
	struct rusage used;
	int64_t start, now;
	long requests = 0;
	uint16_t port;
	pid_t pid;
	double cpu;

	must(count > 0 && count <= CONNECTIONS_MAX, "1 to 1000 connections");
	memset(body, 'x', sizeof(body));
	pid = start_server(mode, &port);
	connect_all(ep, all, count, port);
	start = now = clock_mono_us();
	while (now - start < RUN_US) {
		struct epoll_event events[64];
		int n = epoll_wait(ep, events, 64, 100);

		for (int i = 0; i < n; i++)
			requests += take(events[i].data.ptr);
		now = clock_mono_us();
	}
	kill(pid, SIGKILL);
	wait4(pid, NULL, 0, &used);
	cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
	printf("%-7s %4d connections: %7.0f requests/s, %5.1f us CPU each\n", mode, count, (double)requests * 1e6 / (double)(now - start),
	       cpu / (double)requests);
	return 0;
}

/* server_text_test.c - servers in words: addresses, status, and log lines, which are HAProxy's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/un.h>

#include "gateway/health/check.h"
#include "gateway/logs/sink.h"
#include "gateway/model/server_text.h"
#include "tests/unit/gateway/support/farm.h"
#include "tests/unit/gateway/support/words.h"

struct test {
	struct farm farm;
	struct words w;
	struct server *s1, *s2;
	struct health health;
	int log_fd; /* a syslog server */
	char line[2048];
};

static int setup(void **state)
{
	struct test *t = calloc(1, sizeof(*t));
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	struct timeval wait = { .tv_sec = 10 };
	char text[64];

	farm_setup(&t->farm, 1, BALANCE_ROUNDROBIN);
	words_setup(&t->w);
	t->s1 = farm_add(&t->farm, "s1", 1);
	t->s2 = farm_add(&t->farm, "s2", 1);
	t->log_fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(t->log_fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(t->log_fd, (struct sockaddr *)&in, &len), 0);
	setsockopt(t->log_fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	snprintf(text, sizeof(text), "127.0.0.1:%u local0", ntohs(in.sin_port));
	log_target_read(words_line(&t->w, text), &t->farm.proxy.logs);
	assert_string_equal(words_said(&t->w), "");
	t->farm.workers[0].log = log_sink_create(SLICE_NONE, SLICE_NONE);
	server_states_begin(&t->farm.gateway);
	atomic_store(&t->farm.gateway.running, true);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct test *t = *state;

	log_sink_free(&t->farm.workers[0].log);
	close(t->log_fd);
	atomic_store(&t->farm.gateway.running, false);
	farm_teardown(&t->farm);
	words_cleanup(&t->w);
	free(t);
	return 0;
}

/* The next line of the log, from its severity on: "<129> Server …", without date and process. */
static const char *said(struct test *t)
{
	char line[1500];
	const char *text;
	ssize_t len;

	log_sink_flush(t->farm.workers[0].log);
	len = recv(t->log_fd, line, sizeof(line) - 1, 0);
	assert_true(len > 0);
	line[len] = '\0';
	text = strstr(line, "]: ");
	assert_non_null(text);
	snprintf(t->line, sizeof(t->line), "%.*s%s", (int)strcspn(line, ">") + 1, line, text + 2);
	t->line[strcspn(t->line, "\n")] = '\0';
	return t->line;
}

static void assert_silence(struct test *t)
{
	char line[100];

	log_sink_flush(t->farm.workers[0].log);
	assert_true(recv(t->log_fd, line, sizeof(line), MSG_DONTWAIT) < 0);
}

#define ALERT "<129> "     /* local0.alert */
#define NOTICE "<133> "
#define EMERGENCY "<128> "

/* --- addresses and status --- */

static void addresses_are_shown(void **state)
{
	struct server_address a = { .len = sizeof(struct sockaddr_in) };
	struct sockaddr_in *in = (struct sockaddr_in *)&a.sa;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a.sa;
	char space[SERVER_ADDRESS_SIZE];
	unsigned port = 1;

	(void)state;
	assert_string_equal(server_address_text(NULL, space, &port), "-");
	assert_int_equal(port, 0);
	a.sa.ss_family = AF_INET;
	in->sin_port = htons(8080);
	inet_pton(AF_INET, "192.0.2.1", &in->sin_addr);
	assert_string_equal(server_address_text(&a, space, &port), "192.0.2.1");
	assert_int_equal(port, 8080);
	memset(&a.sa, 0, sizeof(a.sa));
	a.sa.ss_family = AF_INET6;
	inet_pton(AF_INET6, "2001:db8::1", &in6->sin6_addr);
	assert_string_equal(server_address_text(&a, space, NULL), "2001:db8::1");
	a.sa.ss_family = AF_UNIX;
	assert_string_equal(server_address_text(&a, space, &port), "unix");
}

static void status_is_haproxys(void **state)
{
	static const struct {
		bool checked;
		unsigned count; /* of rise 2, fall 3: 0 to 4 */
		enum server_state server;
		unsigned admin;
		const char *want;
	} rows[] = {
		{ false, 0, SERVER_UP, 0, "no check" },
		{ false, 0, SERVER_DOWN, 0, "DOWN" },
		{ false, 0, SERVER_UP, SERVER_MAINT, "MAINT" },
		{ false, 0, SERVER_UP, SERVER_MAINT_CONFIG, "MAINT" },
		{ false, 0, SERVER_UP, SERVER_MAINT_NAME, "MAINT (resolution)" },
		{ false, 0, SERVER_UP, SERVER_MAINT_NAME | SERVER_MAINT, "MAINT" },
		{ false, 0, SERVER_UP, SERVER_DRAIN, "DRAIN" },
		{ true, 4, SERVER_UP, 0, "UP" },
		{ true, 3, SERVER_UP, 0, "UP 2/3" },
		{ true, 2, SERVER_UP, 0, "UP 1/3" },
		{ true, 0, SERVER_DOWN, 0, "DOWN" },
		{ true, 1, SERVER_DOWN, 0, "DOWN 1/2" },
		{ true, 4, SERVER_STOPPING, 0, "NOLB" },
		{ true, 3, SERVER_STOPPING, 0, "NOLB 2/3" },
		{ true, 4, SERVER_UP, SERVER_DRAIN, "DRAIN" },
		{ true, 2, SERVER_UP, SERVER_DRAIN, "DRAIN 1/3" },
		{ true, 4, SERVER_STARTING, 0, "UP" },
	};
	struct test *t = *state;
	char space[32];

	t->health = (struct health){ .server = t->s1, .enabled = true, .last = CHECK_L4OK };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		t->health.count = rows[i].count;
		t->s1->health = rows[i].checked ? &t->health : NULL;
		atomic_store(&t->s1->state, rows[i].server);
		atomic_store(&t->s1->admin, rows[i].admin);
		assert_string_equal(server_status_text(t->s1, space), rows[i].want);
	}
	t->s1->health = NULL;
}

/* --- log lines --- */

static void states_are_told_to_the_log(void **state)
{
	struct test *t = *state;
	struct gateway *g = &t->farm.gateway;

	server_set_state(g, t->s1, SERVER_DOWN, "reason: Layer4 timeout");
	assert_string_equal(said(t), ALERT "Server be/s1 is DOWN, reason: Layer4 timeout. 1 active and 0 backup servers left. 0 sessions "
				     "active, 0 requeued, 0 remaining in queue.");
	t->s2->o.backup = true;
	server_set_state(g, t->s2, SERVER_DOWN, NULL);
	assert_string_equal(said(t), ALERT "Backup Server be/s2 is DOWN. 0 active and 0 backup servers left. 0 sessions active, 0 "
				     "requeued, 0 remaining in queue.");
	assert_string_equal(said(t), EMERGENCY "proxy be has no server available!");
	server_set_state(g, t->s2, SERVER_UP, "changed from CLI");
	assert_string_equal(said(t), NOTICE "Backup Server be/s2 is UP, changed from CLI. 0 active and 1 backup servers online. Running on "
				     "backup. 0 sessions requeued, 0 total in queue.");
	server_set_state(g, t->s2, SERVER_STOPPING, NULL);
	assert_string_equal(said(t), NOTICE "Backup Server be/s2 is stopping. 0 active and 0 backup servers left. 0 sessions active, 0 "
				     "requeued, 0 remaining in queue.");
	assert_string_equal(said(t), EMERGENCY "proxy be has no server available!");
	server_set_state(g, t->s2, SERVER_DOWN, NULL);
	assert_int_equal(strncmp(said(t), NOTICE, strlen(NOTICE)), 0); /* it took nothing new before */
	assert_silence(t);
}

static void maintenance_is_told_to_the_log(void **state)
{
	struct test *t = *state;
	struct gateway *g = &t->farm.gateway;

	server_set_admin(g, t->s1, SERVER_MAINT, 0);
	assert_string_equal(said(t), ALERT "Server be/s1 is going DOWN for maintenance. 1 active and 0 backup servers left. 0 sessions "
				     "active, 0 requeued, 0 remaining in queue.");
	server_set_admin(g, t->s1, SERVER_DRAIN, 0);
	assert_silence(t); /* it does not show */
	server_set_state(g, t->s1, SERVER_DOWN, NULL);
	assert_silence(t);
	server_set_admin(g, t->s1, 0, SERVER_DRAIN | SERVER_MAINT);
	assert_string_equal(said(t), NOTICE "Server be/s1 is UP/READY (leaving forced maintenance).");
	server_set_admin(g, t->s1, SERVER_DRAIN, 0);
	assert_string_equal(said(t), NOTICE "Server be/s1 enters drain state. 1 active and 0 backup servers online. 0 sessions requeued, 0 "
				     "total in queue.");
	server_set_admin(g, t->s1, 0, SERVER_DRAIN);
	assert_string_equal(said(t), NOTICE "Server be/s1 is UP (leaving forced drain).");
	server_set_state(g, t->s1, SERVER_DOWN, NULL);
	said(t);
	server_set_admin(g, t->s1, SERVER_MAINT, 0);
	assert_string_equal(said(t), NOTICE "Server be/s1 was DOWN and now enters maintenance.");
	server_set_weight(g, t->s2, 0);
	assert_string_equal(said(t), EMERGENCY "proxy be has no server available!");
	assert_silence(t);
}

static void names_are_told_to_the_log(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(80) };
	struct test *t = *state;
	struct gateway *g = &t->farm.gateway;

	t->s1->host = SLICE_LIT("shop.test");
	inet_pton(AF_INET, "192.0.2.1", &in.sin_addr);
	server_set_address(g, t->s1, (struct sockaddr *)&in, sizeof(in));
	assert_string_equal(said(t), NOTICE "be/s1 changed its address from 127.0.0.1:8001 to 192.0.2.1:80");
	server_set_address(g, t->s1, NULL, 0);
	assert_string_equal(said(t), ALERT "Server be/s1 is going DOWN for maintenance (No IP for server). 1 active and 0 backup servers "
				     "left. 0 sessions active, 0 requeued, 0 remaining in queue.");
	server_set_address(g, t->s1, (struct sockaddr *)&in, sizeof(in));
	assert_string_equal(said(t), NOTICE "Server be/s1 ('shop.test') is UP/READY (resolves again).");
	assert_silence(t);
}

static void a_server_that_tracks_says_whom(void **state)
{
	struct test *t = *state;
	struct gateway *g = &t->farm.gateway;
	char space[SERVER_STATUS_SIZE];

	t->s2->tracks = t->s1;
	t->s1->trackers = t->s2;
	server_set_state(g, t->s1, SERVER_DOWN, "reason: Layer4 timeout");
	assert_non_null(strstr(said(t), "Server be/s1 is DOWN, reason: Layer4 timeout. "));
	assert_non_null(strstr(said(t), "Server be/s2 is DOWN via be/s1. 0 active"));
	assert_string_equal(said(t), EMERGENCY "proxy be has no server available!");
	server_set_admin(g, t->s1, SERVER_DRAIN, 0);
	assert_non_null(strstr(said(t), "Server be/s1 enters drain state. 0 active and 0 backup servers left. "));
	assert_non_null(strstr(said(t), "Server be/s2 enters drain state via be/s1. 0 active and 0 backup servers left. "));
	server_set_admin(g, t->s1, SERVER_MAINT, SERVER_DRAIN);
	assert_string_equal(said(t), NOTICE "Server be/s1 was DOWN and now enters maintenance.");
	assert_string_equal(said(t), NOTICE "Server be/s2 was DOWN and now enters maintenance via be/s1.");
	assert_string_equal(server_status_text(t->s2, space), "MAINT (via be/s1)");
	server_set_admin(g, t->s1, 0, SERVER_MAINT);
	assert_string_equal(said(t), NOTICE "Server be/s1 is UP/READY (leaving forced maintenance).");
	assert_string_equal(said(t), NOTICE "Server be/s2 is UP/READY (leaving maintenance).");
	t->health = (struct health){ .server = t->s1, .enabled = true, .last = CHECK_L4OK, .count = 3 };
	t->s1->health = &t->health;
	assert_string_equal(server_status_text(t->s2, space), "UP 2/3"); /* the checks are the other's */
	t->s1->health = NULL;
	assert_silence(t);
}

static void nothing_is_said_before_it_runs(void **state)
{
	struct test *t = *state;

	atomic_store(&t->farm.gateway.running, false);
	server_set_state(&t->farm.gateway, t->s1, SERVER_DOWN, NULL);
	server_set_admin(&t->farm.gateway, t->s2, SERVER_MAINT, 0);
	server_set_weight(&t->farm.gateway, t->s2, 0);
	assert_silence(t);
}

static void the_global_logs_may_be_meant(void **state)
{
	struct test *t = *state;

	t->farm.config.logs = t->farm.proxy.logs;
	t->farm.proxy.logs = NULL;
	server_set_state(&t->farm.gateway, t->s1, SERVER_DOWN, NULL);
	assert_silence(t);
	t->farm.proxy.logs_global = true;
	server_set_state(&t->farm.gateway, t->s1, SERVER_UP, NULL);
	assert_non_null(strstr(said(t), "Server be/s1 is UP"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_shown),
		cmocka_unit_test_setup_teardown(status_is_haproxys, setup, teardown),
		cmocka_unit_test_setup_teardown(states_are_told_to_the_log, setup, teardown),
		cmocka_unit_test_setup_teardown(maintenance_is_told_to_the_log, setup, teardown),
		cmocka_unit_test_setup_teardown(names_are_told_to_the_log, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_that_tracks_says_whom, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_said_before_it_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(the_global_logs_may_be_meant, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

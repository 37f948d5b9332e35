/* router_test.c - routing, the order of the answers to wrong requests, and every form of answer, over a real server. */
#include "tests/unit/svc/router_app.h"

#include "shared/base/clock.h"

/* ---- routing alone ---- */

static void matching(void **state)
{
	static const struct {
		const char *method, *path;
		enum err e;
		const char *pattern;
	} cases[] = {
		{ "GET", "/", ERR_OK, "/" },
		{ "HEAD", "/", ERR_OK, "/" },
		{ "DELETE", "/", ERR_OK, "/" },
		{ "PUT", "/", ERR_BAD_METHOD, "/" },
		{ "get", "/", ERR_BAD_METHOD, "/" },
		{ "GET", "/1", ERR_OK, "/{id}" },
		{ "GET", "/2147483647", ERR_OK, "/{id}" },
		{ "POST", "/1", ERR_BAD_METHOD, "/{id}" },
		{ "GET", "/outcome", ERR_OK, "/outcome" },
		{ "GET", "/outcome/", ERR_NO_ROUTE, NULL },
		{ "GET", "/1/", ERR_NO_ROUTE, NULL },
		{ "GET", "/1/2", ERR_NO_ROUTE, NULL },
		{ "GET", "//", ERR_NO_ROUTE, NULL },
		{ "GET", "/0", ERR_BAD_REQUEST, NULL },
		{ "GET", "/050", ERR_BAD_REQUEST, NULL },
		{ "GET", "/5.0", ERR_BAD_REQUEST, NULL },
		{ "GET", "/+5", ERR_BAD_REQUEST, NULL },
		{ "GET", "/1e2", ERR_BAD_REQUEST, NULL },
		{ "GET", "/2147483648", ERR_BAD_REQUEST, NULL },
		{ "GET", "/%31", ERR_BAD_REQUEST, NULL },
		{ "GET", "/{id}", ERR_BAD_REQUEST, NULL },
		{ "GET", "/Outcome", ERR_BAD_REQUEST, NULL },
		{ "POST", "/x", ERR_BAD_REQUEST, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct route *route = NULL;
		uint32_t id = 0;
		enum err e = router_match(routes, slice_str(cases[i].method), slice_str(cases[i].path), &route, &id);

		if (e != cases[i].e)
			fail_msg("%s %s: %s", cases[i].method, cases[i].path, err_name(e));
		if (cases[i].pattern != NULL)
			assert_string_equal(route->path, cases[i].pattern);
	}
}

static void matching_without_ids(void **state)
{
	static const struct route few[] = { { .method = "GET", .path = "/" }, { .method = "GET", .path = "/visit" }, { .method = NULL } };
	static const char *const unknown[] = { "/5", "/x", "/visit/", "/visits", "/{id}", "//" };
	const struct route *route;
	uint32_t id;

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_int_equal(router_match(few, SLICE_LIT("GET"), slice_str(unknown[i]), &route, &id), ERR_NO_ROUTE);
	assert_int_equal(router_match(few, SLICE_LIT("GET"), SLICE_LIT("/visit"), &route, &id), ERR_OK);
	assert_ptr_equal(route, &few[1]);
}

static void allow(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	router_allow(routes, "/", &b);
	assert_int_equal(b.len, 23);
	assert_memory_equal(b.ptr, "GET, HEAD, POST, DELETE", 23);
	buf_clear(&b);
	router_allow(routes, "/{id}", &b);
	assert_memory_equal(b.ptr, "GET, HEAD", 9);
	buf_free(&b);
}

/* ---- answers ---- */

static void good_answers(void **state)
{
	struct app *a = *state;

	expect(a, "GET /", 200, "{\"limit\":0,\"before\":0,\"caller\":7,\"known\":1}");
	expect(a, "GET /?limit=3&before=9&x", 200, "{\"limit\":3,\"before\":9,\"caller\":7,\"known\":1}");
	expect_with(a, "GET /", "user-token: unknown\r\n", "", 200, "{\"limit\":0,\"before\":0,\"caller\":0,\"known\":0}");
	expect(a, "GET /50", 200, "{\"id\":50,\"head\":0}");
	expect(a, "GET /50?limit=x", 200, "{\"id\":50,\"head\":0}");
	expect(a, "HEAD /50", 200, "");
	expect(a, "GET /404", 404, "{}");
	expect_with(a, "POST /", GOOD, "{\"item_id\":\"50\"}", 201, "{}");
	expect_with(a, "DELETE /", GOOD, "{\"item_id\":50}", 201, "{}");
	expect_with(a, "POST /", GOOD "Content-Type: text/plain\r\n", "{\"item_id\":404}", 404, "{}");
	assert_int_equal(atomic_load(&a->runs), 10);
}

static void problem_documents(void **state)
{
	struct app *a = *state;

	expect(a, "GET /a/b", 404,
	       "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"There is nothing at this path.\"}");
	expect(a, "GET /with_detail", 503,
	       "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\"detail\":\"Not now.\"}");
	expect(a, "GET /too_much", 503, NULL);
	expect(a, "HEAD /a/b", 404, "");
}

/* Each step is reached only when those before it are content. */
static void order_of_checks(void **state)
{
	static const char large[] = "{\"item_id\":\"50\",\"padding\":\"........................................................................................\"}";
	struct app *a = *state;

	expect_with(a, "PUT /a/b", "", large, 404, NULL);
	expect_with(a, "PUT /050", "", large, 400, NULL);
	expect_with(a, "PUT /", "", large, 405, NULL);
	expect_with(a, "POST /50", "", large, 405, NULL);
	expect_with(a, "POST /", "", large, 401, NULL);
	expect_with(a, "POST /", "USER-TOKEN:\r\n", large, 401, NULL);
	assert_int_equal(atomic_load(&a->auths), 0);
	expect_with(a, "POST /", "USER-TOKEN: nobody\r\n", large, 401, NULL);
	assert_int_equal(atomic_load(&a->auths), 1);
	expect_with(a, "POST /", GOOD, large, 413, NULL);
	expect_with(a, "GET /", GOOD, large, 413, NULL);
	expect_with(a, "POST /", "USER-TOKEN: down\r\n", large, 413, NULL);
	expect_with(a, "POST /", "USER-TOKEN: down\r\n", "{}", 400, NULL);
	expect_with(a, "GET /?limit=0", "USER-TOKEN: down\r\n", "", 400, NULL);
	expect_with(a, "POST /", "USER-TOKEN: down\r\n", "{\"item_id\":1}", 503, NULL);
	expect_with(a, "POST /", GOOD, "", 400, NULL);
	expect_with(a, "POST /", GOOD, "{\"item_id\":\"050\"}", 400, NULL);
	assert_int_equal(atomic_load(&a->runs), 0);
}

static void allow_header(void **state)
{
	struct app *a = *state;
	struct client_answer ans;
	char space[256];

	ask(a, "PATCH /", "", "", &ans);
	assert_int_equal(ans.status, 405);
	assert_string_equal(client_header(&ans, "Allow", space), "GET, HEAD, POST, DELETE");
	client_answer_free(&ans);
	ask(a, "DELETE /visit", "", "", &ans);
	assert_int_equal(ans.status, 400);
	client_answer_free(&ans);
	ask(a, "OPTIONS /1", "", "", &ans);
	assert_string_equal(client_header(&ans, "Allow", space), "GET, HEAD");
	client_answer_free(&ans);
}

static void every_error(void **state)
{
	struct app *a = *state;

	for (int e = ERR_OK; e < ERR_COUNT; e++) {
		struct client_answer ans;
		char space[256];

		atomic_store(&a->outcome, e);
		ask(a, "POST /outcome", GOOD, "", &ans);
		assert_int_equal(ans.status, err_status((enum err)e));
		assert_string_equal(client_header(&ans, "Degraded", space), "alarms;age=12, users");
		if (e == ERR_OK)
			assert_string_equal(ans.body, "half an answer");
		else if (e == ERR_NOT_FOUND)
			assert_string_equal(ans.body, "{}");
		else
			assert_non_null(strstr(ans.body, err_detail((enum err)e)));
		client_answer_free(&ans);
	}
}

static void request_id_and_trace(void **state)
{
	struct app *a = *state;
	struct client_answer ans;
	char first[256], space[256];

	ask(a, "GET /1", GOOD "X-Request-Id: mine-1\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n", "", &ans);
	assert_string_equal(client_header(&ans, "X-Request-Id", space), "mine-1");
	assert_non_null(client_header(&ans, "traceparent", space));
	assert_int_equal(strlen(space), 55);
	assert_memory_equal(space, "00-4bf92f3577b34da6a3ce929d0e0e4736-", 36);
	assert_memory_not_equal(space + 36, "00f067aa0ba902b7", 16);
	assert_string_equal(space + 52, "-01");
	assert_null(client_header(&ans, "Degraded", space));
	client_answer_free(&ans);
	ask(a, "GET /1", GOOD "X-Request-Id: not sane\r\ntraceparent: 00-x\r\n", "", &ans);
	assert_non_null(client_header(&ans, "X-Request-Id", first));
	assert_int_equal(strlen(first), CLOCK_UUID_LEN);
	assert_null(client_header(&ans, "traceparent", space));
	client_answer_free(&ans);
	ask(a, "GET /a/b", "", "", &ans);
	assert_non_null(client_header(&ans, "X-Request-Id", space));
	assert_string_not_equal(first, space);
	client_answer_free(&ans);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matching),
		cmocka_unit_test(matching_without_ids),
		cmocka_unit_test(allow),
		cmocka_unit_test_setup_teardown(good_answers, start, stop),
		cmocka_unit_test_setup_teardown(problem_documents, start, stop),
		cmocka_unit_test_setup_teardown(order_of_checks, start, stop),
		cmocka_unit_test_setup_teardown(allow_header, start, stop),
		cmocka_unit_test_setup_teardown(every_error, start, stop),
		cmocka_unit_test_setup_teardown(request_id_and_trace, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

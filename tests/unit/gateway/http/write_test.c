/* write_test.c - heads as they are written, what is refused at the last gate, and reading back what was written. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "gateway/http/parse.h"
#include "gateway/http/write.h"

enum { FIELDS = 16 };

struct message {
	struct http_field fields[FIELDS];
	struct http_head head;
	struct http_frame frame;
};

static void read_message(struct message *m, struct slice text, bool response, enum http_method method)
{
	struct http_parser p;
	struct http_error error;
	enum http_progress framed;
	size_t used;

	http_head_init(&m->head, m->fields, FIELDS);
	http_parser_init(&p, response, 0);
	assert_int_equal(http_parse(&p, text, false, &m->head, &used), HTTP_DONE);
	framed = response ? http_frame_response(&m->head, method, true, &m->frame, &error)
			  : http_frame_request(&m->head, &m->frame, &error);
	assert_int_equal(framed, HTTP_DONE);
}

/* How the message goes on to the next hop. */
static struct http_outgoing outgoing(const struct http_frame *f)
{
	return (struct http_outgoing){
		.kind = f->kind, .length = f->length, .has_length = f->has_length, .close = !f->keep_alive && f->kind != BODY_TUNNEL,
		.upgrade = f->upgrade, .te_trailers = f->te_trailers.ptr != NULL,
	};
}

struct pair {
	struct slice in;
	const char *out;
	enum http_method method; /* of the request, for responses */
};

static const struct pair requests[] = {
	{ SLICE("GET / HTTP/1.1\r\nhost:a\r\n\r\n"), "GET / HTTP/1.1\r\nhost: a\r\n\r\n", 0 },
	{ SLICE("GET /a?b HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n"), "GET /a?b HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n", 0 },
	{ SLICE("GET /a? HTTP/1.1\r\nHost:\r\n\r\n"), "GET /a? HTTP/1.1\r\nHost: \r\n\r\n", 0 },
	{ SLICE("GET / HTTP/1.0\r\n\r\n"), "GET / HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n", 0 },
	{ SLICE("GET / HTTP/1.0\r\nConnection: keep-alive\r\nHost: a\r\n\r\n"), "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
	{ SLICE("GET http://a:1?b HTTP/1.1\r\nHost: c\r\n\r\n"), "GET /?b HTTP/1.1\r\nHost: a:1\r\n\r\n", 0 },
	{ SLICE("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
	{ SLICE("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n"), "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
	{ SLICE("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"), "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 0 },
	{ SLICE("CONNECT a:1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 0 },
	{ SLICE("POST / HTTP/1.1\r\nContent-Length: 007\r\nHost: a\r\n\r\n"),
	  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n", 0 },
	{ SLICE("POST / HTTP/1.1\r\nContent-Length: 0\r\nHost: a\r\n\r\n"), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 0 },
	{ SLICE("POST / HTTP/1.1\r\nContent-Length: 9223372036854775807\r\nHost: a\r\n\r\n"),
	  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n", 0 },
	{ SLICE("POST / HTTP/1.1\r\nTransfer-Encoding: CHUNKED\r\nHost: a\r\nTrailer: b\r\n\r\n"),
	  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 0 },
	{ SLICE("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"),
	  "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", 0 },
	{ SLICE("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
	  "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", 0 },
	{ SLICE("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nHTTP2-Settings: b\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n"),
	  "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
	{ SLICE("GET / HTTP/1.1\r\nHost: a\r\nTE: gzip, trailers\r\nConnection: TE, close\r\n\r\n"),
	  "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close, te\r\n\r\n", 0 },
};

static const struct pair responses[] = {
	{ SLICE("HTTP/1.0 200\r\nServer:\ta\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n"),
	  "HTTP/1.1 200 \r\nServer: a\r\nContent-Length: 5\r\n\r\n", HTTP_GET },
	{ SLICE("HTTP/1.1 200 OK\r\n\r\n"), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", HTTP_GET },
	{ SLICE("HTTP/1.1 404 \xC3\xA4\r\nTransfer-Encoding: chunked\r\n\r\n"),
	  "HTTP/1.1 404 \xC3\xA4\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_GET },
	{ SLICE("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", HTTP_HEAD },
	{ SLICE("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
	  "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", HTTP_GET },
	{ SLICE("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"), "HTTP/1.1 204 No Content\r\n\r\n", HTTP_GET },
	{ SLICE("HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
	  "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", HTTP_GET },
};

/* Writes <in> anew: it must be <out>, and the same again when that is read and written. */
static void check(const struct pair *pair, bool response)
{
	struct slice text = pair->in;
	char out[2][512];

	for (int round = 0; round < 2; round++) {
		struct message m;
		struct http_outgoing how;
		size_t len;

		read_message(&m, text, response, pair->method);
		how = outgoing(&m.frame);
		len = http_write_head(&m.head, &how, out[round], sizeof(out[round]) - 1);
		out[round][len] = '\0';
		assert_string_equal(out[round], pair->out);
		text = slice_of(out[round], len);
		/* it fits exactly, or not at all */
		assert_int_equal(http_write_head(&m.head, &how, out[round], len), len);
		for (size_t less = 0; less < len; less++) {
			out[round][less] = '#';
			assert_int_equal(http_write_head(&m.head, &how, out[round], less), 0);
			assert_int_equal(out[round][less], '#'); /* nothing is written behind the end */
		}
		assert_int_equal(http_write_head(&m.head, &how, out[round], len), len);
	}
}

static void one_canonical_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		check(&requests[i], false);
	for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++)
		check(&responses[i], true);
}

static const struct http_outgoing nothing = { .kind = BODY_NONE };

static size_t written(const struct http_head *h, const struct http_outgoing *how, char out[512])
{
	size_t len = http_write_head(h, how, out, 511);

	out[len] = '\0';
	return len;
}

static void options_of_the_connection(void **state)
{
	struct http_head h;
	struct http_outgoing how = { .kind = BODY_UNTIL_CLOSE, .keep_alive_1_0 = true };
	char out[512];

	(void)state;
	http_head_init(&h, NULL, 0);
	h.is_response = true;
	h.status = 200;
	assert_true(written(&h, &how, out) > 0);
	assert_string_equal(out, "HTTP/1.1 200 \r\nConnection: keep-alive\r\n\r\n");
	how.close = true; /* which decides */
	assert_true(written(&h, &how, out) > 0);
	assert_string_equal(out, "HTTP/1.1 200 \r\nConnection: close\r\n\r\n");
}

static void fields_of_framing_that_a_rule_added_are_left_out(void **state)
{
	struct message m;
	struct http_outgoing how = { .kind = BODY_LENGTH, .length = 1 };
	char out[512];

	(void)state;
	read_message(&m, SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), false, HTTP_GET);
	http_field_add(&m.head, SLICE_LIT("content-length"), SLICE_LIT("5"));
	http_field_add(&m.head, SLICE_LIT("transfer-encoding"), SLICE_LIT("chunked"));
	http_field_add(&m.head, SLICE_LIT("connection"), SLICE_LIT("host"));
	http_field_add(&m.head, SLICE_LIT("te"), SLICE_LIT("a"));
	http_field_add(&m.head, SLICE_LIT("trailer"), SLICE_LIT("a"));
	http_field_add(&m.head, SLICE_LIT("keep-alive"), SLICE_LIT("a"));
	http_field_add(&m.head, SLICE_LIT("proxy-connection"), SLICE_LIT("a"));
	http_field_add(&m.head, SLICE_LIT("upgrade"), SLICE_LIT("h2c"));
	http_field_add(&m.head, SLICE_LIT("X"), SLICE_LIT("y"));
	assert_true(written(&m.head, &how, out) > 0);
	assert_string_equal(out, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 1\r\n\r\n");
}

static void no_edit_makes_two_messages_of_one(void **state)
{
	static const struct slice names[] = { SLICE(""), SLICE("A: b\r\nC"), SLICE("A:"), SLICE("A b"), SLICE(" A"), SLICE("A\0") };
	static const struct slice values[] = { SLICE("a\r\nB: c"), SLICE("a\nb"), SLICE("a\r"), SLICE("a\0b"), SLICE("\x7F") };
	static const struct slice paths[] = {
		SLICE(""), SLICE("a"), SLICE("*"), SLICE("/a b"), SLICE("/ HTTP/1.1\r\nA: b\r\n\r\n"), SLICE("/\xC3\xA4"),
		SLICE("/#"), SLICE("/\t"),
	};
	struct message m;
	char out[512];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		read_message(&m, SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), false, HTTP_GET);
		http_field_add(&m.head, names[i], SLICE_LIT("x"));
		assert_int_equal(written(&m.head, &nothing, out), 0);
	}
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		read_message(&m, SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), false, HTTP_GET);
		http_field_add(&m.head, SLICE_LIT("x"), values[i]);
		assert_int_equal(written(&m.head, &nothing, out), 0);
		read_message(&m, SLICE_LIT("HTTP/1.1 204 No\r\n\r\n"), true, HTTP_GET);
		m.head.reason = values[i];
		assert_int_equal(written(&m.head, &nothing, out), 0);
	}
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		read_message(&m, SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), false, HTTP_GET);
		m.head.path = paths[i];
		assert_int_equal(written(&m.head, &nothing, out), 0);
	}
}

static void nor_do_other_edits(void **state)
{
	struct message m;
	char out[512];

	(void)state;
	read_message(&m, SLICE_LIT("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), false, HTTP_GET);
	m.head.query = SLICE_LIT("a");
	assert_int_equal(written(&m.head, &nothing, out), 0);
	read_message(&m, SLICE_LIT("GET /?a HTTP/1.1\r\nHost: a\r\n\r\n"), false, HTTP_GET);
	m.head.query = SLICE_LIT("a b");
	assert_int_equal(written(&m.head, &nothing, out), 0);
	m.head.query = SLICE_NONE;
	m.head.method_text = SLICE_LIT("G T");
	assert_int_equal(written(&m.head, &nothing, out), 0);
	m.head.method_text = SLICE_LIT("CONNECT");
	m.head.method = HTTP_CONNECT; /* without an authority */
	assert_int_equal(written(&m.head, &nothing, out), 0);
	m.head.authority = SLICE_LIT("a:1 HTTP/1.1");
	assert_int_equal(written(&m.head, &nothing, out), 0);
	read_message(&m, SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), false, HTTP_GET);
	http_field_add(&m.head, SLICE_LIT("host"), SLICE_LIT("a"));
	assert_int_equal(written(&m.head, &nothing, out), 0);
	http_field_remove_all(&m.head, SLICE_LIT("host"));
	assert_true(written(&m.head, &nothing, out) > 0);
	assert_string_equal(out, "GET / HTTP/1.1\r\nHost: \r\n\r\n");
}

static void chunk_lines(void **state)
{
	static const struct {
		uint64_t length;
		const char *line;
	} all[] = {
		{ 0, "0\r\n" }, { 9, "9\r\n" }, { 10, "a\r\n" }, { 500, "1f4\r\n" }, { 4096, "1000\r\n" }, { 0xDEADBEEF, "deadbeef\r\n" },
		{ UINT64_MAX, "ffffffffffffffff\r\n" },
	};
	char out[18];

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_int_equal(http_write_chunk_line(all[i].length, out), strlen(all[i].line));
		assert_memory_equal(out, all[i].line, strlen(all[i].line));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_canonical_form),
		cmocka_unit_test(options_of_the_connection),
		cmocka_unit_test(fields_of_framing_that_a_rule_added_are_left_out),
		cmocka_unit_test(no_edit_makes_two_messages_of_one),
		cmocka_unit_test(nor_do_other_edits),
		cmocka_unit_test(chunk_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

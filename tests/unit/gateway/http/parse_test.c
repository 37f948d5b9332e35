/* parse_test.c - heads that are accepted and heads that are refused, each in one piece, byte by byte and cut in two. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "gateway/http/parse.h"

enum { FIELDS = 8 };

struct vector {
	struct slice text;
	int status; /* 0: accepted */
};

#define V(literal, status) { SLICE(literal), status }
#define LINE "GET / HTTP/1.1\r\n"
#define FIELD(literal, status) V(LINE literal "\r\n\r\n", status)
#define STATUS "HTTP/1.1 200 OK\r\n"

static const struct vector requests[] = {
	/* start line */
	V("GET / HTTP/1.1\r\n\r\n", 0),
	V("GET / HTTP/1.0\r\n\r\n", 0),
	V("\r\nGET / HTTP/1.1\r\n\r\n", 0),
	V("\r\n\r\nGET / HTTP/1.1\r\n\r\n", 400),
	V("\nGET / HTTP/1.1\r\n\r\n", 400),
	V("\rGET / HTTP/1.1\r\n\r\n", 400),
	V("\r\r\nGET / HTTP/1.1\r\n\r\n", 400),
	V(" GET / HTTP/1.1\r\n\r\n", 400),
	V(" \r\nGET / HTTP/1.1\r\n\r\n", 400),
	V("GET  / HTTP/1.1\r\n\r\n", 400),
	V("GET /  HTTP/1.1\r\n\r\n", 400),
	V("GET\t/ HTTP/1.1\r\n\r\n", 400),
	V("GET /\tHTTP/1.1\r\n\r\n", 400),
	V("GET / HTTP/1.1 \r\n\r\n", 400),
	V("GET / HTTP/1.1\t\r\n\r\n", 400),
	V("GET / HTTP/1.1 HTTP/1.1\r\n\r\n", 400),
	V("GET / a HTTP/1.1\r\n\r\n", 400),
	V("GET /\r\n\r\n", 400),
	V("GET / \r\n\r\n", 400),
	V("GET\r\n\r\n", 400),
	V("GET \r\n\r\n", 400),
	V("GET HTTP/1.1\r\n\r\n", 400),
	V("GET  HTTP/1.1\r\n\r\n", 400),
	V("/ HTTP/1.1\r\n\r\n", 400),
	V("G@T / HTTP/1.1\r\n\r\n", 400),
	V("GET: / HTTP/1.1\r\n\r\n", 400),
	V("G\0T / HTTP/1.1\r\n\r\n", 400),
	V("G\x80T / HTTP/1.1\r\n\r\n", 400),
	V("get / HTTP/1.1\r\n\r\n", 0), /* another method than GET */
	V("PROPFIND / HTTP/1.1\r\n\r\n", 0),
	V("!#$%&'*+-.^_`|~ / HTTP/1.1\r\n\r\n", 0),
	V("\x16\x03\x01\x02", 400), /* TLS, refused before any line is complete */
	V("\0", 400),
	V("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
	V("HTTP/1.1 200 OK\r\n\r\n", 400),
	/* version */
	V("GET / HTTP/1.2\r\n\r\n", 505),
	V("GET / HTTP/1.9\r\n\r\n", 505),
	V("GET / HTTP/2.0\r\n\r\n", 505),
	V("GET / HTTP/0.9\r\n\r\n", 505),
	V("GET / HTTP/9.9\r\n\r\n", 505),
	V("GET / HTTP/1.10\r\n\r\n", 400),
	V("GET / HTTP/01.1\r\n\r\n", 400),
	V("GET / HTTP/11.1\r\n\r\n", 400),
	V("GET / HTTP/1.\r\n\r\n", 400),
	V("GET / HTTP/1\r\n\r\n", 400),
	V("GET / HTTP/2\r\n\r\n", 400),
	V("GET / HTTP/.1\r\n\r\n", 400),
	V("GET / HTTP/1,1\r\n\r\n", 400),
	V("GET / HTTP/1.x\r\n\r\n", 400),
	V("GET / http/1.1\r\n\r\n", 400),
	V("GET / Http/1.1\r\n\r\n", 400),
	V("GET / HTTP 1.1\r\n\r\n", 400),
	V("GET / HTTPS/1.1\r\n\r\n", 400),
	V("GET / ICY/1.1\r\n\r\n", 400),
	V("GET / HTTP/1.1\r\r\n\r\n", 400),
	V("GET / HTTP/1.1\0\r\n\r\n", 400),
	/* target; its forms are in target_test.c */
	V("GET /a%00b?c=%zz HTTP/1.1\r\n\r\n", 0), /* escapes are not our business */
	V("GET /\"<>[]\\^`{|} HTTP/1.1\r\n\r\n", 0),
	V("GET /a#b HTTP/1.1\r\n\r\n", 400),
	V("GET /a?b#c HTTP/1.1\r\n\r\n", 400),
	V("GET # HTTP/1.1\r\n\r\n", 400),
	V("GET /\x80 HTTP/1.1\r\n\r\n", 400),
	V("GET /\xC3\xA4 HTTP/1.1\r\n\r\n", 400),
	V("GET /\xFF HTTP/1.1\r\n\r\n", 400),
	V("GET /\x7F HTTP/1.1\r\n\r\n", 400),
	V("GET /\x01 HTTP/1.1\r\n\r\n", 400),
	V("GET /\0 HTTP/1.1\r\n\r\n", 400),
	V("GET /a\rb HTTP/1.1\r\n\r\n", 400),
	V("GET /a\nb HTTP/1.1\r\n\r\n", 400),
	V("GET /\v HTTP/1.1\r\n\r\n", 400),
	V("GET /123456789012345 HTTP/1.1\r\n\r\n", 0), /* the limit of these tests is 16 */
	V("GET /1234567890123456 HTTP/1.1\r\n\r\n", 414),
	V("GET a HTTP/1.1\r\n\r\n", 400),
	V("GET * HTTP/1.1\r\n\r\n", 400),
	V("OPTIONS * HTTP/1.1\r\n\r\n", 0),
	V("CONNECT a:443 HTTP/1.1\r\n\r\n", 0),
	V("CONNECT / HTTP/1.1\r\n\r\n", 400),
	V("GET http://u@h/ HTTP/1.1\r\n\r\n", 400),
	V("GET http://h/ HTTP/1.1\r\n\r\n", 0),
	/* line ends */
	V("GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
	V("GET / HTTP/1.1\rHost: a\r\n\r\n", 400),
	V("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
	V("GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
	V("GET / HTTP/1.1\r\nHost: a\n\n", 400),
	V("GET / HTTP/1.1\r\n\n", 400),
	V("GET / HTTP/1.1\n\n", 400),
	V("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400),
	V("GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", 400),
	V("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400),
	V("GET / HTTP/1.1\r\nHost: a\n\rX: b\r\n\r\n", 400),
	/* names */
	FIELD("Host: a", 0),
	FIELD("Host:a", 0),
	FIELD("Host:\t a \t", 0),
	FIELD("a:", 0),
	FIELD("!#$%&'*+-.^_`|~09azAZ: a", 0),
	FIELD("Host : a", 400),
	FIELD("Host\t: a", 400),
	FIELD("Content-Length : 1", 400),
	FIELD("Transfer-Encoding : chunked", 400),
	FIELD(" Host: a", 400),
	FIELD("\tHost: a", 400),
	FIELD("A: b\r\n c", 400),
	FIELD("A: b\r\n\tc", 400),
	FIELD("A: b\r\n ", 400),
	FIELD("A:\r\n b", 400),
	FIELD("Transfer-Encoding:\r\n chunked", 400),
	FIELD(" ", 400),
	FIELD(": a", 400),
	FIELD(":", 400),
	FIELD("::a", 400),
	FIELD("Host", 400),
	FIELD("Host a", 400),
	FIELD("Ho st: a", 400),
	FIELD("Host\0: a", 400),
	FIELD("Ho\0st: a", 400),
	FIELD("\0Host: a", 400),
	FIELD("H\xC3\xB6st: a", 400),
	FIELD("\x80: a", 400),
	FIELD("Host\r: a", 400),
	FIELD("\rHost: a", 400),
	FIELD("Host\x7F: a", 400),
	FIELD("Host\v: a", 400),
	FIELD("(a): a", 400),
	FIELD("a,b: c", 400),
	FIELD("a/b: c", 400),
	FIELD("a=b: c", 400),
	FIELD("a;b: c", 400),
	FIELD("a@b: c", 400),
	FIELD("a[b]: c", 400),
	FIELD("{a}: c", 400),
	FIELD("\"a\": c", 400),
	FIELD("a\\b: c", 400),
	FIELD("<a>: c", 400),
	FIELD("a?: c", 400),
	FIELD("GET / HTTP/1.1", 400), /* a request line among the fields */
	/* values */
	FIELD("A: b\tc d", 0),
	FIELD("A: :", 0),
	FIELD("A: \"b, c\"; d=(e)", 0),
	FIELD("A: \x80\xA0\xFF", 0),
	FIELD("A: b\0c", 400),
	FIELD("A: \0", 400),
	FIELD("A: b\x01", 400),
	FIELD("A: \x1B[31m", 400),
	FIELD("A: \x1F", 400),
	FIELD("A: b\x7F", 400),
	FIELD("A: b\v", 400),
	FIELD("A: \f", 400),
	FIELD("A: \bchunked", 400),
	FIELD("A: b\rc", 400),
	FIELD("A: b\r", 400),
	FIELD("A: b\nc: d", 400),
	FIELD("Transfer-Encoding: \vchunked", 400),
	FIELD("Transfer-Encoding: chunked\0", 400),
	/* how many */
	FIELD("a:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\nh:", 0),
	FIELD("a:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\nh:\r\ni:", 431),
};

static const struct vector responses[] = {
	V("HTTP/1.1 200 OK\r\n\r\n", 0),
	V("HTTP/1.0 200 OK\r\n\r\n", 0),
	V("HTTP/1.1 200 \r\n\r\n", 0),
	V("HTTP/1.1 200\r\n\r\n", 0), /* many servers leave the space out with the reason */
	V("HTTP/1.1 100 Continue\r\n\r\n", 0),
	V("HTTP/1.1 999 Odd\r\n\r\n", 0),
	V("HTTP/1.1 404 Not\tFound: \xC3\xA4\r\n\r\n", 0),
	V("HTTP/1.1 200  OK\r\n\r\n", 0), /* the reason begins with a space */
	V("\r\nHTTP/1.1 200 OK\r\n\r\n", 502),
	V("HTTP/1.1  200 OK\r\n\r\n", 502),
	V("HTTP/1.1\t200 OK\r\n\r\n", 502),
	V("HTTP/1.1 200\tOK\r\n\r\n", 502),
	V("HTTP/1.1 20 OK\r\n\r\n", 502),
	V("HTTP/1.1 2000 OK\r\n\r\n", 502),
	V("HTTP/1.1 0200 OK\r\n\r\n", 502),
	V("HTTP/1.1 099 OK\r\n\r\n", 502),
	V("HTTP/1.1 000 OK\r\n\r\n", 502),
	V("HTTP/1.1 -20 OK\r\n\r\n", 502),
	V("HTTP/1.1 +20 OK\r\n\r\n", 502),
	V("HTTP/1.1 2x0 OK\r\n\r\n", 502),
	V("HTTP/1.1 20x OK\r\n\r\n", 502),
	V("HTTP/1.1 OK\r\n\r\n", 502),
	V("HTTP/1.1 \r\n\r\n", 502),
	V("HTTP/1.1\r\n\r\n", 502),
	V("HTTP/1.2 200 OK\r\n\r\n", 502),
	V("HTTP/2.0 200 OK\r\n\r\n", 502),
	V("HTTP/0.9 200 OK\r\n\r\n", 502),
	V("HTTP/1.10 200 OK\r\n\r\n", 502),
	V("http/1.1 200 OK\r\n\r\n", 502),
	V("ICY 200 OK\r\n\r\n", 502),
	V("HTTP/1.1 200 O\0K\r\n\r\n", 502),
	V("HTTP/1.1 200 O\rK\r\n\r\n", 502),
	V("HTTP/1.1 200 \x7F\r\n\r\n", 502),
	V("HTTP/1.1 200 OK\n\r\n", 502),
	V("HTTP/1.1 200 OK\r\n\n", 502),
	V("<html>hello</html>\r\n", 502),
	V("GET / HTTP/1.1\r\n\r\n", 502),
	V(STATUS "A: b\r\n\r\n", 0),
	V(STATUS "A: b\n\r\n", 502),
	V(STATUS "A : b\r\n\r\n", 502),
	V(STATUS "A: b\r\n c\r\n\r\n", 502),
	V(STATUS "A\r\n\r\n", 502),
	V(STATUS ": b\r\n\r\n", 502),
	V(STATUS "A: \0\r\n\r\n", 502),
	V(STATUS "a:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\nh:\r\ni:\r\n\r\n", 502),
};

struct outcome {
	enum http_progress progress;
	size_t used;
	struct http_error error;
};

/* Parses <text> as it comes in pieces: up to <cut>, then by <step> bytes. What has not come yet looks like the end of
 * a head, so that who reads too far is found out. */
static struct outcome parse_pieces(struct slice text, bool response, size_t cut, size_t step)
{
	char *bytes = malloc(text.len);
	struct http_field fields[FIELDS];
	struct http_head head;
	struct http_parser parser;
	struct outcome o = { .progress = HTTP_MORE };
	size_t there = 0;

	assert_non_null(bytes);
	for (size_t i = 0; i < text.len; i++)
		bytes[i] = i % 2 == 0 ? '\r' : '\n';
	http_head_init(&head, fields, FIELDS);
	http_parser_init(&parser, response, 16);
	for (size_t upto = cut; o.progress == HTTP_MORE && there < text.len; upto += step) {
		if (upto > text.len)
			upto = text.len;
		memcpy(bytes + there, text.ptr + there, upto - there);
		there = upto;
		o.progress = http_parse(&parser, slice_of(bytes, there), false, &head, &o.used);
	}
	o.error = parser.error;
	free(bytes);
	return o;
}

static void check(const struct vector *v, bool response)
{
	struct outcome whole = parse_pieces(v->text, response, v->text.len, 1);

	if (whole.progress != (v->status == 0 ? HTTP_DONE : HTTP_BAD) || (v->status != 0 && whole.error.status != v->status))
		fail_msg("\"%.*s\": status %d, expected %d", SLICE_ARG(v->text), whole.error.status, v->status);
	if (v->status == 0)
		assert_int_equal(whole.used, v->text.len);
	else
		assert_true(whole.error.why != NULL && whole.error.at <= v->text.len);
	for (size_t cut = 0; cut <= v->text.len; cut++) {
		for (int bytewise = 0; bytewise < 2; bytewise++) {
			struct outcome o = parse_pieces(v->text, response, cut, bytewise ? 1 : v->text.len);

			assert_int_equal(o.progress, whole.progress);
			assert_int_equal(o.used, whole.used);
			assert_int_equal(o.error.status, whole.error.status);
			assert_ptr_equal(o.error.why, whole.error.why);
			assert_int_equal(o.error.at, whole.error.at);
		}
	}
}

static void requests_good_and_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		check(&requests[i], false);
}

static void responses_good_and_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++)
		check(&responses[i], true);
}

static bool accepted(struct slice request)
{
	return parse_pieces(request, false, request.len, 1).progress == HTTP_DONE;
}

/* Each byte that no value may hold, in name and value, and each that no target may hold. */
static void every_byte_in_every_part(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		char field[] = LINE "a?b: c\r\n\r\n", value[] = LINE "a: b?c\r\n\r\n", target[] = "GET /a?b HTTP/1.1\r\n\r\n";
		bool control = (c < 0x20 && c != '\t') || c == 0x7F;
		/* a colon in the name ends it early, which is no error */
		bool name = c > 0x20 && c < 0x7F && strchr("(),/;<=>?@[\\]{}\"", c) == NULL;

		field[sizeof(LINE)] = (char)c;
		value[sizeof(LINE) + 3] = (char)c;
		target[6] = (char)c;
		assert_int_equal(accepted(slice_of(field, sizeof(field) - 1)), name);
		assert_int_equal(accepted(slice_of(value, sizeof(value) - 1)), !control);
		assert_int_equal(accepted(slice_of(target, sizeof(target) - 1)), c > 0x20 && c < 0x7F && c != '#');
	}
}

#define assert_slice(s, text) assert_true(slice_eq(s, slice_str(text)))

static void what_a_request_says(void **state)
{
	static const char text[] = "\r\nPOST /items/50?a=b&c HTTP/1.0\r\nHost:  shop \t\r\nX-Empty:\r\nCookie: a=b; c\r\nx: y\r\n\r\nbody";
	struct http_field fields[FIELDS];
	struct http_head h;
	struct http_parser p;
	size_t used = 0;

	(void)state;
	http_head_init(&h, fields, FIELDS);
	http_parser_init(&p, false, 0);
	assert_int_equal(http_parse(&p, slice_str(text), true, &h, &used), HTTP_DONE);
	assert_int_equal(used, sizeof(text) - 1 - 4);
	assert_false(h.is_response);
	assert_int_equal(h.minor, 0);
	assert_int_equal(h.method, HTTP_POST);
	assert_slice(h.method_text, "POST");
	assert_slice(h.target, "/items/50?a=b&c");
	assert_slice(h.path, "/items/50");
	assert_slice(h.query, "a=b&c");
	assert_null(h.authority.ptr);
	assert_int_equal(h.count, 4);
	assert_slice(h.fields[0].name, "Host");
	assert_slice(h.fields[0].value, "shop");
	assert_int_equal(h.fields[0].id, NAME_AUTHORITY_HOST);
	assert_slice(h.fields[1].name, "X-Empty");
	assert_non_null(h.fields[1].value.ptr); /* an empty value is a value */
	assert_int_equal(h.fields[1].value.len, 0);
	assert_int_equal(h.fields[2].id, NAME_COOKIE);
	assert_slice(h.fields[2].value, "a=b; c");
	assert_slice(h.fields[3].name, "x");
	assert_int_equal(h.fields[3].id, NAME_OTHER);
}

static void what_a_response_says(void **state)
{
	static const char text[] = "HTTP/1.1 404 Not Found\r\nServer: x\r\n\r\n";
	struct http_field fields[FIELDS];
	struct http_head h;
	struct http_parser p;
	size_t used = 0;

	(void)state;
	http_head_init(&h, fields, FIELDS);
	http_parser_init(&p, true, 0);
	assert_int_equal(http_parse(&p, slice_str(text), false, &h, &used), HTTP_DONE);
	assert_true(h.is_response);
	assert_int_equal(h.minor, 1);
	assert_int_equal(h.status, 404);
	assert_slice(h.reason, "Not Found");
	assert_int_equal(h.count, 1);
}

/* What the parser says to <text> when the buffer is full. */
static int status_when_full(const char *text, bool response)
{
	struct http_field fields[FIELDS];
	struct http_head h;
	struct http_parser p;
	size_t used;

	http_head_init(&h, fields, FIELDS);
	http_parser_init(&p, response, 0);
	return http_parse(&p, slice_str(text), true, &h, &used) == HTTP_BAD ? p.error.status : 0;
}

static void a_full_buffer(void **state)
{
	(void)state;
	assert_int_equal(status_when_full("GET / HTTP/1.1\r\n\r\n", false), 0);
	assert_int_equal(status_when_full("GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaa", false), 414);
	assert_int_equal(status_when_full("GET / HTTP/1.1\r", false), 414);
	assert_int_equal(status_when_full("\r\n", false), 414);
	assert_int_equal(status_when_full("GET / HTTP/1.1\r\n", false), 431);
	assert_int_equal(status_when_full("GET / HTTP/1.1\r\nA: b\r\nC: ", false), 431);
	assert_int_equal(status_when_full("GET / HTTP/1.1\r\nA: b\r\n\r", false), 431);
	assert_int_equal(status_when_full("GET / HTTP/1.1\r\nA : b\r\nC: ", false), 400); /* what is there is judged first */
	assert_int_equal(status_when_full("HTTP/1.1 200", true), 502);
	assert_int_equal(status_when_full("HTTP/1.1 200 OK\r\nA: b", true), 502);
}

static void nothing_yet(void **state)
{
	struct http_head h;
	struct http_parser p;
	size_t used;

	(void)state;
	http_head_init(&h, NULL, 0);
	http_parser_init(&p, false, 0);
	assert_int_equal(http_parse(&p, SLICE_NONE, false, &h, &used), HTTP_MORE);
	assert_int_equal(http_parse(&p, SLICE_LIT("GET / HTTP/1.1\r\n\r\n"), false, &h, &used), HTTP_DONE);
	http_parser_init(&p, false, 0);
	assert_int_equal(http_parse(&p, SLICE_LIT("GET / HTTP/1.1\r\nA: b\r\n\r\n"), false, &h, &used), HTTP_BAD);
	assert_int_equal(p.error.status, 431); /* no room for any field */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_good_and_bad),
		cmocka_unit_test(responses_good_and_bad),
		cmocka_unit_test(every_byte_in_every_part),
		cmocka_unit_test(what_a_request_says),
		cmocka_unit_test(what_a_response_says),
		cmocka_unit_test(a_full_buffer),
		cmocka_unit_test(nothing_yet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* frame_test.c - framing of requests and responses: what is refused, what is understood, what stays in the head. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "gateway/http/frame.h"

enum { FIELDS = 40 };

struct message {
	struct http_field fields[FIELDS];
	struct http_head head;
	struct http_frame frame;
	struct http_error error;
};

/* Parses <text>, which must be a good head but for its framing. */
static void parse(struct message *m, struct slice text, bool response)
{
	struct http_parser p;
	size_t used;

	http_head_init(&m->head, m->fields, FIELDS);
	http_parser_init(&p, response, 0);
	if (http_parse(&p, text, false, &m->head, &used) != HTTP_DONE || used != text.len)
		fail_msg("\"%.*s\": %s", SLICE_ARG(text), p.error.why);
}

static int request_status(struct message *m, struct slice text)
{
	parse(m, text, false);
	return http_frame_request(&m->head, &m->frame, &m->error) == HTTP_DONE ? 0 : m->error.status;
}

static int response_status(struct message *m, struct slice text, enum http_method method, bool upgrade_asked)
{
	parse(m, text, true);
	return http_frame_response(&m->head, method, upgrade_asked, &m->frame, &m->error) == HTTP_DONE ? 0 : m->error.status;
}

struct vector {
	struct slice text;
	int status; /* 0: accepted, and: */
	enum body_kind kind;
	uint64_t length;
};

#define R(start, fields, ...) { .text = SLICE(start "\r\n" fields "\r\n"), __VA_ARGS__ }
#define POST(fields, ...) R("POST / HTTP/1.1\r\nHost: a", fields, __VA_ARGS__)
#define LENGTH(value, ...) POST("Content-Length: " value "\r\n", __VA_ARGS__)
#define CODING(value, ...) POST("Transfer-Encoding: " value "\r\n", __VA_ARGS__)
#define HOST(value, status) R("GET / HTTP/1.1", "Host: " value "\r\n", status)

static const struct vector requests[] = {
	POST("", 0, BODY_NONE, 0),
	/* Content-Length */
	LENGTH("0", 0, BODY_NONE, 0),
	LENGTH("1", 0, BODY_LENGTH, 1),
	LENGTH("007", 0, BODY_LENGTH, 7), /* legal, and decimal */
	LENGTH("000", 0, BODY_NONE, 0),
	LENGTH("00000000000000000000000000000000012", 0, BODY_LENGTH, 12),
	LENGTH("9223372036854775807", 0, BODY_LENGTH, INT64_MAX),
	R("GET / HTTP/1.1\r\nHost: a", "content-LENGTH:5\r\n", 0, BODY_LENGTH, 5), /* a GET may have a body */
	R("HEAD / HTTP/1.1\r\nHost: a", "Content-Length: 5\r\n", 0, BODY_LENGTH, 5),
	R("POST / HTTP/1.0", "Content-Length: 5\r\n", 0, BODY_LENGTH, 5),
	LENGTH("9223372036854775808", 400),
	LENGTH("18446744073709551615", 400),
	LENGTH("18446744073709551616", 400),
	LENGTH("18446744073709551621", 400), /* 5 after an overflow */
	LENGTH("99999999999999999999999", 400),
	LENGTH("", 400),
	LENGTH("+5", 400),
	LENGTH("-5", 400),
	LENGTH("-0", 400),
	LENGTH("5 5", 400),
	LENGTH("5,5", 400),
	LENGTH("5, 5", 400),
	LENGTH("5,", 400),
	LENGTH(",5", 400),
	LENGTH("5;", 400),
	LENGTH("5.0", 400),
	LENGTH("5e0", 400),
	LENGTH("0x5", 400),
	LENGTH("5h", 400),
	LENGTH("\"5\"", 400),
	LENGTH("\x80", 400),
	LENGTH("5\xC2\xA0", 400),
	LENGTH("\xEF\xBC\x95", 400), /* a digit of another script */
	LENGTH("chunked", 400),
	LENGTH("5\r\nContent-Length: 5", 400),
	LENGTH("5\r\nContent-Length: 6", 400),
	LENGTH("0\r\ncontent-length: 0", 400),
	LENGTH("5\r\nX: y\r\nCONTENT-LENGTH: 5", 400),
	LENGTH("\r\nContent-Length: 5", 400),
	POST("Content_Length: 5\r\n", 400),
	POST("CONTENT_LENGTH: 5\r\n", 400),
	POST("Content-Length: 5\r\nContent_Length: 6\r\n", 400),
	POST("Transfer_Encoding: chunked\r\n", 400),
	POST("transfer_encoding: chunked\r\nContent-Length: 5\r\n", 400),
	POST("Content-Lengthy: 5\r\nX_Content-Length: 5\r\n", 0, BODY_NONE, 0), /* other fields */
	/* Transfer-Encoding */
	CODING("chunked", 0, BODY_CHUNKED, 0),
	CODING("Chunked", 0, BODY_CHUNKED, 0),
	CODING("\t CHUNKED \t", 0, BODY_CHUNKED, 0),
	R("GET / HTTP/1.1\r\nHost: a", "transfer-encoding:chunked\r\n", 0, BODY_CHUNKED, 0),
	CODING("xchunked", 501),
	CODING("chunkedx", 501),
	CODING("chunke", 501),
	CODING("identity", 501),
	CODING("gzip", 501),
	CODING("cow", 501),
	CODING("gzip, chunked", 501),
	CODING("gzip;q=1, chunked", 501),
	CODING("identity, chunked", 501),
	CODING("chunked, identity", 400),
	CODING("chunked, gzip", 400),
	CODING("chunked, chunked", 400),
	CODING("chunked,", 400),
	CODING(",chunked", 400),
	CODING(", chunked", 400),
	CODING("chunked,,", 400),
	CODING("chunked;q", 400),
	CODING("chunked;q=1", 400),
	CODING("chunked;", 400),
	CODING("chunked ;a", 400),
	CODING("gzip, chunked;a", 400),
	CODING("", 400),
	CODING(",", 400),
	CODING(";chunked", 400),
	CODING("chunked chunked", 400),
	CODING("chunked identity", 400),
	CODING("chunked\tx", 400),
	CODING("x chunked", 400),
	CODING("\"chunked\"", 400),
	CODING("'chunked'", 501), /* a token */
	CODING("[chunked]", 400),
	CODING("chunked/1", 400),
	CODING("chunked=1", 400),
	CODING("chunked\x80", 400),
	CODING("\xC2\xA0" "chunked", 400),
	CODING("\xEF\xBB\xBF" "chunked", 400),
	CODING("chun\xC4\xB8" "ed", 400),
	CODING("5", 501),
	CODING("chunked\r\nTransfer-Encoding: chunked", 400),
	CODING("chunked\r\nTransfer-Encoding: identity", 400),
	CODING("gzip\r\ntransfer-encoding: chunked", 501),
	CODING("chunked\r\nTransfer-Encoding:", 400),
	CODING("\r\nTransfer-Encoding: chunked", 400),
	CODING("chunked\r\nContent-Length: 5", 400),
	CODING("chunked\r\nContent-Length: 0", 400),
	CODING("chunked\r\nContent-Length: x", 400),
	CODING("chunked\r\nContent-Length:", 400),
	LENGTH("5\r\nTransfer-Encoding: chunked", 400),
	LENGTH("5\r\nTransfer-Encoding: CHUNKED", 400),
	LENGTH("5\r\nTransfer-Encoding: identity", 501),
	LENGTH("5\r\nX: y\r\nTransfer-Encoding:chunked", 400),
	R("POST / HTTP/1.0", "Transfer-Encoding: chunked\r\n", 400),
	R("POST / HTTP/1.0", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
	R("POST / HTTP/1.0", "Transfer-Encoding: identity\r\n", 501),
	POST("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n", 0, BODY_CHUNKED, 0),
	POST("Connection: Content-Length\r\nContent-Length: 5\r\n", 0, BODY_LENGTH, 5),
	POST("Connection: Content-Length\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
	/* CONNECT */
	R("CONNECT a:443 HTTP/1.1\r\nHost: a:443", "", 0, BODY_NONE, 0),
	R("CONNECT a:443 HTTP/1.1\r\nHost: a:443", "Content-Length: 5\r\n", 400),
	R("CONNECT a:443 HTTP/1.1\r\nHost: a:443", "Content-Length: 0\r\n", 400),
	R("CONNECT a:443 HTTP/1.1\r\nHost: a:443", "Transfer-Encoding: chunked\r\n", 400),
	/* Host; its syntax is in target_test.c */
	HOST("a", 0),
	HOST("a:80", 0),
	HOST("[::1]:80", 0),
	HOST("", 0),
	HOST("a b", 400),
	HOST("a, b", 400),
	HOST("a,b", 400),
	HOST("a/b", 400),
	HOST("a@b", 400),
	HOST("a:b", 400),
	HOST("a:99999", 400),
	HOST("a:", 400),
	HOST(":80", 400),
	HOST("http://a", 400),
	HOST("a?b", 400),
	HOST("a#b", 400),
	HOST("a\xC3\xA4", 400),
	HOST("\"a\"", 400),
	HOST("a\r\nHost: a", 400),
	HOST("a\r\nHost: b", 400),
	HOST("a\r\nX: y\r\nhost:", 400),
	HOST("\r\nHost: a", 400),
	R("GET / HTTP/1.1", "", 400),
	R("GET / HTTP/1.1", "Hosts: a\r\n", 400),
	R("GET / HTTP/1.1", "X-Host: a\r\n", 400),
	R("OPTIONS * HTTP/1.1", "", 400),
	R("GET http://a/ HTTP/1.1", "", 400),
	R("CONNECT a:443 HTTP/1.1", "", 400),
	R("GET / HTTP/1.0", "", 0),
	R("GET / HTTP/1.0", "Host: a b\r\n", 400),
	R("GET / HTTP/1.0", "Host: a\r\nHost: a\r\n", 400),
	R("GET http://a/ HTTP/1.1", "Host: a\r\nHost: a\r\n", 400),
	R("GET http://a/ HTTP/1.1", "Host: b c\r\n", 400),
	/* Expect */
	LENGTH("5\r\nExpect: 100-continue", 0, BODY_LENGTH, 5),
	LENGTH("5\r\nExpect: 100-Continue", 0, BODY_LENGTH, 5),
	LENGTH("5\r\nExpect: 200-ok", 417),
	LENGTH("5\r\nExpect:", 417),
	LENGTH("5\r\nExpect: 100-continue, x", 417),
	LENGTH("5\r\nExpect: x 100-continue", 417),
	LENGTH("5\r\nExpect: 100-continue;a", 417),
	LENGTH("5\r\nExpect: 100-continue\r\nExpect: 100-continue", 417),
	POST("Expect: x\r\n", 417),
	/* Connection */
	POST("Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p\r\nConnection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p\r\n", 0, BODY_NONE, 0),
	POST("Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p\r\nConnection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n", 400),
};

static void requests_good_and_bad(void **state)
{
	struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		const struct vector *v = &requests[i];
		int status = request_status(&m, v->text);

		if (status != v->status)
			fail_msg("\"%.*s\": status %d, expected %d", SLICE_ARG(v->text), status, v->status);
		if (status != 0) {
			assert_non_null(m.error.why);
			continue;
		}
		assert_int_equal(m.frame.kind, v->kind);
		assert_true(m.frame.length == v->length);
		for (enum http_name id = NAME_CONNECTION; id < NAME_COOKIE; id++) {
			if (id != NAME_EXPECT)
				assert_null(http_field_known(&m.head, id, 0)); /* framing takes its fields out */
		}
	}
}

struct answer {
	struct slice text;
	enum http_method method;
	int status;
	enum body_kind kind;
	uint64_t length;
	bool has_length;
};

#define OK "HTTP/1.1 200 OK"

static const struct answer responses[] = {
	R(OK, "", HTTP_GET, 0, BODY_UNTIL_CLOSE, 0, false),
	R(OK, "Content-Length: 5\r\n", HTTP_GET, 0, BODY_LENGTH, 5, true),
	R(OK, "Content-Length: 0\r\n", HTTP_GET, 0, BODY_NONE, 0, true),
	R(OK, "Content-Length: 0\r\n", HTTP_POST, 0, BODY_NONE, 0, true),
	R(OK, "Transfer-Encoding: chunked\r\n", HTTP_GET, 0, BODY_CHUNKED, 0, false),
	R(OK, "Transfer-Encoding: Chunked\r\n", HTTP_OTHER, 0, BODY_CHUNKED, 0, false),
	R(OK, "Content-Length: 5\r\nContent-Length: 5\r\n", HTTP_GET, 502),
	R(OK, "Content-Length: 5\r\nContent-Length: 6\r\n", HTTP_GET, 502),
	R(OK, "Content-Length: 5, 5\r\n", HTTP_GET, 502),
	R(OK, "Content-Length: -1\r\n", HTTP_GET, 502),
	R(OK, "Content-Length: \r\n", HTTP_GET, 502),
	R(OK, "Content-Length: 9223372036854775808\r\n", HTTP_GET, 502),
	R(OK, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", HTTP_GET, 502),
	R(OK, "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", HTTP_GET, 502),
	R(OK, "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", HTTP_HEAD, 502),
	R(OK, "Transfer-Encoding: gzip, chunked\r\n", HTTP_GET, 502),
	R(OK, "Transfer-Encoding: identity\r\n", HTTP_GET, 502),
	R(OK, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", HTTP_GET, 502),
	R(OK, "Transfer-Encoding: chunked;a\r\n", HTTP_GET, 502),
	R("HTTP/1.0 200 OK", "Transfer-Encoding: chunked\r\n", HTTP_GET, 502),
	R("HTTP/1.0 200 OK", "Content-Length: 5\r\n", HTTP_GET, 0, BODY_LENGTH, 5, true),
	R("HTTP/1.0 200 OK", "", HTTP_GET, 0, BODY_UNTIL_CLOSE, 0, false),
	R(OK, "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n", HTTP_GET, 502),
	R(OK, "Content-Length: 1\r\nContent_Length: 5\r\n", HTTP_GET, 0, BODY_LENGTH, 1, true), /* clients do not mix the two up */
	R(OK, "Content-Length: 1\r\nExpect: x\r\nHost: a b\r\n", HTTP_GET, 0, BODY_LENGTH, 1, true), /* of requests only */
	/* without body whatever the fields say */
	R(OK, "Content-Length: 5\r\n", HTTP_HEAD, 0, BODY_NONE, 5, true),
	R(OK, "Content-Length: 0\r\n", HTTP_HEAD, 0, BODY_NONE, 0, true),
	R(OK, "Transfer-Encoding: chunked\r\n", HTTP_HEAD, 0, BODY_NONE, 0, false),
	R(OK, "", HTTP_HEAD, 0, BODY_NONE, 0, false),
	R("HTTP/1.1 304 Not Modified", "Content-Length: 5\r\n", HTTP_GET, 0, BODY_NONE, 5, true),
	R("HTTP/1.1 304 Not Modified", "Transfer-Encoding: chunked\r\n", HTTP_GET, 0, BODY_NONE, 0, false),
	R("HTTP/1.1 304 Not Modified", "", HTTP_GET, 0, BODY_NONE, 0, false),
	R("HTTP/1.1 204 No Content", "", HTTP_GET, 0, BODY_NONE, 0, false),
	R("HTTP/1.1 204 No Content", "Content-Length: 0\r\n", HTTP_GET, 0, BODY_NONE, 0, false),
	R("HTTP/1.1 204 No Content", "Content-Length: 5\r\n", HTTP_GET, 502),
	R("HTTP/1.1 204 No Content", "Content-Length: 5\r\n", HTTP_HEAD, 502),
	R("HTTP/1.1 204 No Content", "Transfer-Encoding: chunked\r\n", HTTP_GET, 502),
	R("HTTP/1.1 100 Continue", "", HTTP_POST, 0, BODY_NONE, 0, false),
	R("HTTP/1.1 100 Continue", "Content-Length: 0\r\n", HTTP_POST, 0, BODY_NONE, 0, false),
	R("HTTP/1.1 100 Continue", "Content-Length: 5\r\n", HTTP_POST, 502),
	R("HTTP/1.1 103 Early Hints", "Transfer-Encoding: chunked\r\n", HTTP_GET, 502),
	R("HTTP/1.1 103 Early Hints", "Link: a\r\n", HTTP_GET, 0, BODY_NONE, 0, false),
	R("HTTP/1.1 205 Reset Content", "Content-Length: 0\r\n", HTTP_GET, 0, BODY_NONE, 0, true),
	R("HTTP/1.1 404 Not Found", "Content-Length: 2\r\n", HTTP_GET, 0, BODY_LENGTH, 2, true),
	R("HTTP/1.1 999 Odd", "Content-Length: 2\r\n", HTTP_GET, 0, BODY_LENGTH, 2, true),
	/* CONNECT */
	R(OK, "", HTTP_CONNECT, 0, BODY_TUNNEL, 0, false),
	R("HTTP/1.1 204 No Content", "", HTTP_CONNECT, 0, BODY_TUNNEL, 0, false),
	R(OK, "Content-Length: 0\r\n", HTTP_CONNECT, 0, BODY_TUNNEL, 0, false),
	R(OK, "Content-Length: 5\r\n", HTTP_CONNECT, 502),
	R(OK, "Transfer-Encoding: chunked\r\n", HTTP_CONNECT, 502),
	R("HTTP/1.1 403 Forbidden", "Content-Length: 5\r\n", HTTP_CONNECT, 0, BODY_LENGTH, 5, true),
	R("HTTP/1.1 407 No", "", HTTP_CONNECT, 0, BODY_UNTIL_CLOSE, 0, false),
};

static void responses_good_and_bad(void **state)
{
	struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++) {
		const struct answer *a = &responses[i];
		int status = response_status(&m, a->text, a->method, false);

		if (status != a->status)
			fail_msg("\"%.*s\": status %d, expected %d", SLICE_ARG(a->text), status, a->status);
		if (status != 0)
			continue;
		if (m.frame.kind != a->kind)
			fail_msg("\"%.*s\": kind %d, expected %d", SLICE_ARG(a->text), m.frame.kind, a->kind);
		assert_true(m.frame.length == a->length);
		assert_int_equal(m.frame.has_length, a->has_length);
		assert_null(http_field_known(&m.head, NAME_CONTENT_LENGTH, 0));
		assert_null(http_field_known(&m.head, NAME_TRANSFER_ENCODING, 0));
	}
}

#define ASK "GET / HTTP/1.1\r\nHost: a\r\n"
#define ASK_1_0 "GET / HTTP/1.0\r\nHost: a\r\n"

static void whether_the_connection_lives_on(void **state)
{
	static const struct {
		struct slice text;
		bool lives;
	} all[] = {
		{ SLICE(ASK "\r\n"), true },
		{ SLICE(ASK "Connection: close\r\n\r\n"), false },
		{ SLICE(ASK "Connection: Close, x\r\n\r\n"), false },
		{ SLICE(ASK "Connection: keep-alive, close\r\n\r\n"), false },
		{ SLICE(ASK "Connection: x\r\nConnection: close\r\n\r\n"), false },
		{ SLICE(ASK "Proxy-Connection: close\r\n\r\n"), true },
		{ SLICE(ASK_1_0 "\r\n"), false },
		{ SLICE(ASK_1_0 "Connection: keep-alive\r\n\r\n"), true },
		{ SLICE(ASK_1_0 "Connection: keep-alive, close\r\n\r\n"), false },
		{ SLICE(ASK_1_0 "Proxy-Connection: keep-alive\r\n\r\n"), false },
		{ SLICE(ASK_1_0 "Keep-Alive: timeout=5\r\n\r\n"), false },
	};
	struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_int_equal(request_status(&m, all[i].text), 0);
		assert_int_equal(m.frame.keep_alive, all[i].lives);
	}
}

static void whether_the_server_keeps_the_connection(void **state)
{
	static const struct {
		struct slice text;
		bool lives;
	} all[] = {
		{ SLICE("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"), true },
		{ SLICE("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n"), false },
		{ SLICE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), true },
		{ SLICE("HTTP/1.1 200 OK\r\n\r\n"), false },
		{ SLICE("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n"), false },
		{ SLICE("HTTP/1.1 204 No Content\r\n\r\n"), true },
		{ SLICE("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n"), false },
		{ SLICE("HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: Keep-Alive\r\n\r\n"), true },
		{ SLICE("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n"), false },
	};
	struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_int_equal(response_status(&m, all[i].text, HTTP_GET, false), 0);
		assert_int_equal(m.frame.keep_alive, all[i].lives);
	}
	assert_int_equal(response_status(&m, SLICE_LIT("HTTP/1.1 200 OK\r\n\r\n"), HTTP_CONNECT, false), 0);
	assert_false(m.frame.keep_alive);
}

static void which_upgrades_go_through(void **state)
{
	static const struct {
		struct slice text;
		bool upgrade;
	} all[] = {
		{ SLICE(ASK "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"), true },
		{ SLICE(ASK "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\r\n"), true },
		{ SLICE(ASK "Connection: upgrade\r\nUpgrade: foo\r\nUpgrade: bar/2\r\n\r\n"), true },
		{ SLICE(ASK "Upgrade: websocket\r\n\r\n"), false },
		{ SLICE(ASK "Connection: upgrade\r\n\r\n"), false },
		{ SLICE(ASK "Connection: close\r\nUpgrade: websocket\r\n\r\n"), false },
		{ SLICE(ASK "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAA\r\n\r\n"), false },
		{ SLICE(ASK "Connection: upgrade\r\nUpgrade: H2C\r\n\r\n"), false },
		{ SLICE(ASK "Connection: upgrade\r\nUpgrade: websocket, h2c\r\n\r\n"), false },
		{ SLICE(ASK "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n\r\n"), false },
		{ SLICE(ASK "Connection: upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n\r\n"), false },
		{ SLICE(ASK "Connection: upgrade\r\nUpgrade: TLS/1.0\r\n\r\n"), false },
		{ SLICE(ASK "Connection: upgrade\r\nUpgrade:\r\n\r\n"), false },
		{ SLICE(ASK_1_0 "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"), false },
		{ SLICE(ASK "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\n"), false },
		{ SLICE(ASK "Connection: upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n"), false },
		{ SLICE(ASK "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n"), true },
		{ SLICE("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"), false },
	};
	struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_int_equal(request_status(&m, all[i].text), 0);
		assert_int_equal(m.frame.upgrade, all[i].upgrade);
		assert_int_equal(http_field_known(&m.head, NAME_UPGRADE, 0) != NULL, all[i].upgrade);
		assert_null(http_field_known(&m.head, NAME_CONNECTION, 0));
		assert_null(http_field_find(&m.head, SLICE_LIT("http2-settings"), 0));
	}
}

#define SWITCH "HTTP/1.1 101 Switching Protocols\r\n"
#define TO_WEBSOCKET "Connection: upgrade\r\nUpgrade: websocket\r\n"

static void a_101_must_have_been_asked_for(void **state)
{
	static const struct slice bad[] = {
		SLICE(SWITCH "\r\n"),
		SLICE(SWITCH "Connection: upgrade\r\n\r\n"),
		SLICE(SWITCH "Upgrade: websocket\r\n\r\n"),
		SLICE(SWITCH "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n"),
		SLICE(SWITCH TO_WEBSOCKET "Content-Length: 5\r\n\r\n"),
		SLICE(SWITCH TO_WEBSOCKET "Transfer-Encoding: chunked\r\n\r\n"),
		SLICE("HTTP/1.0 101 Switching Protocols\r\n" TO_WEBSOCKET "\r\n"),
	};
	struct message m;

	(void)state;
	assert_int_equal(response_status(&m, SLICE_LIT(SWITCH TO_WEBSOCKET "\r\n"), HTTP_GET, true), 0);
	assert_int_equal(m.frame.kind, BODY_TUNNEL);
	assert_true(m.frame.upgrade);
	assert_false(m.frame.keep_alive);
	assert_non_null(http_field_known(&m.head, NAME_UPGRADE, 0));
	assert_int_equal(response_status(&m, SLICE_LIT(SWITCH TO_WEBSOCKET "\r\n"), HTTP_GET, false), 502);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(response_status(&m, bad[i], HTTP_GET, true), 502);
	/* what other answers offer is for this connection only */
	assert_int_equal(response_status(&m, SLICE_LIT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" TO_WEBSOCKET "\r\n"), HTTP_GET, true), 0);
	assert_false(m.frame.upgrade);
	assert_null(http_field_known(&m.head, NAME_UPGRADE, 0));
}

static void expectations(void **state)
{
	static const struct {
		struct slice text;
		bool expects;
	} all[] = {
		{ SLICE("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"), true },
		{ SLICE("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n"), true },
		{ SLICE("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n"), false },
		{ SLICE("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"), false },
		{ SLICE("PUT / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"), false },
		{ SLICE("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"), false },
	};
	struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_int_equal(request_status(&m, all[i].text), 0);
		assert_int_equal(m.frame.expects_100, all[i].expects);
		assert_int_equal(http_field_known(&m.head, NAME_EXPECT, 0) != NULL, all[i].expects);
	}
}

static void what_te_says(void **state)
{
	struct message m;

	(void)state;
	assert_int_equal(request_status(&m, SLICE_LIT(ASK "TE: gzip;q=0.5, Trailers\r\n\r\n")), 0);
	assert_true(slice_eq(m.frame.te_trailers, SLICE_LIT("trailers")));
	assert_null(http_field_known(&m.head, NAME_TE, 0));
	assert_int_equal(request_status(&m, SLICE_LIT(ASK "TE: gzip, \"trailers\", trailers;q=0\r\n\r\n")), 0);
	assert_null(m.frame.te_trailers.ptr);
	assert_int_equal(request_status(&m, SLICE_LIT(ASK "\r\n")), 0);
	assert_null(m.frame.te_trailers.ptr);
}

/* The names of the fields, with a blank behind each. */
static struct slice names_of(const struct http_head *h, char out[512])
{
	size_t len = 0;

	for (unsigned i = 0; i < h->count; i++) {
		assert_true(len + h->fields[i].name.len < 511);
		memcpy(out + len, h->fields[i].name.ptr, h->fields[i].name.len);
		len += h->fields[i].name.len;
		out[len++] = ' ';
	}
	return slice_of(out, len);
}

static void what_stays_in_the_head(void **state)
{
	static const struct slice request = SLICE("POST / HTTP/1.1\r\nA: 1\r\n"
		"Connection: x-hop, host, authorization, cookie, te, User-Token, B\r\n"
		"Host: a\r\nKeep-Alive: timeout=5\r\nCookie: c\r\nX-Hop: 1\r\nContent-Length: 5\r\nx-hop: 2\r\n"
		"Proxy-Connection: close\r\nTE: trailers\r\nTrailer: X\r\nAuthorization: d\r\nUSER-TOKEN: e\r\n"
		"Upgrade: websocket\r\nb: 3\r\nC: 4\r\nX-Hope: 5\r\n\r\n");
	static const struct slice response = SLICE("HTTP/1.1 200 OK\r\n"
		"Connection: Set-Cookie, x-hop, content-type, server\r\n"
		"Set-Cookie: a\r\nTransfer-Encoding: chunked\r\nServer: b\r\nX-Hop: c\r\nSet-Cookie: d\r\nTrailer: e\r\n"
		"Content-Type: f\r\nKeep-Alive: g\r\nTE: h\r\nUpgrade: h2c\r\n\r\n");
	struct message m;
	char out[512];

	(void)state;
	assert_int_equal(request_status(&m, request), 0);
	assert_true(slice_eq(names_of(&m.head, out), SLICE_LIT("A Host Cookie Authorization USER-TOKEN C X-Hope ")));
	assert_int_equal(response_status(&m, response, HTTP_GET, false), 0);
	assert_true(slice_eq(names_of(&m.head, out), SLICE_LIT("Set-Cookie Server Set-Cookie Content-Type ")));
}

static void a_refused_head_stays_whole(void **state)
{
	struct message m;
	char out[512];

	(void)state;
	assert_int_equal(request_status(&m, SLICE_LIT("GET http://a/ HTTP/1.1\r\nHost: b\r\nConnection: close\r\nHost: c\r\n\r\n")), 400);
	assert_true(slice_eq(names_of(&m.head, out), SLICE_LIT("Host Connection Host ")));
	assert_true(slice_eq(m.head.fields[0].value, SLICE_LIT("b")));
}

static void the_authority_of_the_target_is_the_host(void **state)
{
	struct message m;

	(void)state;
	assert_int_equal(request_status(&m, SLICE_LIT("GET http://a:80/b HTTP/1.1\r\nX: y\r\nHost: evil\r\n\r\n")), 0);
	assert_true(slice_eq(http_field_known(&m.head, NAME_AUTHORITY_HOST, 0)->value, SLICE_LIT("a:80")));
	assert_int_equal(request_status(&m, SLICE_LIT("GET http://a/b HTTP/1.1\r\nHost:\r\n\r\n")), 0);
	assert_true(slice_eq(http_field_known(&m.head, NAME_AUTHORITY_HOST, 0)->value, SLICE_LIT("a")));
	assert_int_equal(request_status(&m, SLICE_LIT("GET http://a/b HTTP/1.0\r\nX: y\r\n\r\n")), 0);
	assert_int_equal(m.head.count, 2);
	assert_true(slice_eq(http_field_known(&m.head, NAME_AUTHORITY_HOST, 0)->value, SLICE_LIT("a")));
	assert_int_equal(request_status(&m, SLICE_LIT("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n")), 0);
	assert_true(slice_eq(http_field_known(&m.head, NAME_AUTHORITY_HOST, 0)->value, SLICE_LIT("a:443")));
	assert_int_equal(request_status(&m, SLICE_LIT("GET / HTTP/1.0\r\n\r\n")), 0);
	assert_int_equal(m.head.count, 0);
}

static void no_room_for_the_host(void **state)
{
	struct message m;

	(void)state;
	parse(&m, SLICE_LIT("GET http://a/ HTTP/1.0\r\nX: y\r\n\r\n"), false);
	m.head.capacity = 1;
	assert_int_equal(http_frame_request(&m.head, &m.frame, &m.error), HTTP_BAD);
	assert_int_equal(m.error.status, 431);
	parse(&m, SLICE_LIT("GET / HTTP/1.0\r\nX: y\r\n\r\n"), false); /* none is added */
	m.head.capacity = 1;
	assert_int_equal(http_frame_request(&m.head, &m.frame, &m.error), HTTP_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_good_and_bad),
		cmocka_unit_test(responses_good_and_bad),
		cmocka_unit_test(whether_the_connection_lives_on),
		cmocka_unit_test(whether_the_server_keeps_the_connection),
		cmocka_unit_test(which_upgrades_go_through),
		cmocka_unit_test(a_101_must_have_been_asked_for),
		cmocka_unit_test(expectations),
		cmocka_unit_test(what_te_says),
		cmocka_unit_test(what_stays_in_the_head),
		cmocka_unit_test(a_refused_head_stays_whole),
		cmocka_unit_test(the_authority_of_the_target_is_the_host),
		cmocka_unit_test(no_room_for_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* body_test.c - bodies of every kind, good and broken, each in one piece, byte by byte and cut in two. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "gateway/http/body.h"
#include "gateway/http/write.h"

struct outcome {
	enum http_progress progress;
	size_t used;
	int status;
	const char *why;
	size_t len;
	char data[16384];
};

/* Decodes <text> as it comes in pieces: up to <cut>, then by <step> bytes. */
static void decode(struct slice text, const struct http_frame *frame, size_t cut, size_t step, struct outcome *o)
{
	struct http_body b;

	o->progress = HTTP_MORE;
	o->used = o->len = 0;
	http_body_init(&b, frame);
	for (size_t upto = cut;; upto += step) {
		if (upto > text.len)
			upto = text.len;
		for (size_t used = 1; used > 0 && o->progress == HTTP_MORE; o->used += used) {
			struct slice data;

			o->progress = http_body_next(&b, slice_sub(text, o->used, upto), &used, &data);
			assert_true(used <= upto - o->used && data.len <= used);
			assert_true(o->len + data.len <= sizeof(o->data));
			if (data.len > 0)
				memcpy(o->data + o->len, data.ptr, data.len);
			o->len += data.len;
		}
		if (o->progress == HTTP_MORE)
			assert_int_equal(o->used, upto); /* nothing is left lying */
		if (o->progress != HTTP_MORE || upto == text.len)
			break;
	}
	o->status = b.error.status;
	o->why = b.error.why;
	assert_int_equal(http_body_done(&b), o->progress == HTTP_DONE);
}

/* The outcome for <text> in one piece, after it was seen to be the same in all others. */
static void decode_all_ways(struct slice text, const struct http_frame *frame, struct outcome *whole)
{
	static struct outcome o;

	decode(text, frame, text.len, 1, whole);
	for (size_t cut = 0; cut <= text.len; cut++) {
		for (int bytewise = 0; bytewise < 2; bytewise++) {
			decode(text, frame, cut, bytewise ? 1 : text.len + 1, &o);
			assert_int_equal(o.progress, whole->progress);
			assert_int_equal(o.used, whole->used);
			assert_int_equal(o.len, whole->len);
			assert_memory_equal(o.data, whole->data, o.len);
			assert_int_equal(o.status, whole->status);
			assert_ptr_equal(o.why, whole->why);
		}
	}
}

struct vector {
	struct slice text;
	const char *payload; /* NULL: refused */
	size_t rest;         /* bytes behind the body's end */
};

#define GOOD(literal, payload) { SLICE(literal), payload, 0 }
#define BAD(literal) { SLICE(literal), NULL, 0 }
#define END "0\r\n\r\n"

static const struct vector chunked[] = {
	GOOD(END, ""),
	GOOD("1\r\na\r\n" END, "a"),
	GOOD("3\r\nabc\r\n2\r\nde\r\n" END, "abcde"),
	GOOD("a\r\n0123456789\r\n" END, "0123456789"),
	GOOD("A\r\n0123456789\r\n" END, "0123456789"),
	GOOD("00000000000000a\r\n0123456789\r\n" END, "0123456789"),
	GOOD("0000000000000001\r\na\r\n0000000000000000\r\n\r\n", "a"),
	GOOD("5\r\n\r\n0\r\n\r\n" END, "\r\n0\r\n"), /* data that looks like the end */
	{ SLICE("1\r\na\r\n" END "GET / HTTP/1.1\r\n\r\n"), "a", 18 },
	{ SLICE(END "\r\n"), "", 2 },
	/* the size */
	BAD("\r\n\r\n"),
	BAD("\r\na\r\n" END),
	BAD(";a\r\n"),
	BAD(" 1\r\na\r\n" END),
	BAD("\t1\r\na\r\n" END),
	BAD("\r\n1\r\na\r\n" END),
	BAD("0x1\r\na\r\n" END),
	BAD("x1\r\na\r\n" END),
	BAD("1h\r\na\r\n" END),
	BAD("g\r\n"),
	BAD("-1\r\na\r\n" END),
	BAD("+1\r\na\r\n" END),
	BAD("-0\r\n\r\n"),
	BAD("1_0\r\n"),
	BAD("1.0\r\na\r\n" END),
	BAD("1,0\r\n"),
	BAD("1 1\r\na\r\n" END),
	BAD("1 \r\na\r\n" END),
	BAD("1\t\r\na\r\n" END),
	BAD("1\v\r\na\r\n" END),
	BAD("1\0\r\na\r\n" END),
	BAD("\0" "1\r\na\r\n" END),
	BAD("1\xA0\r\na\r\n" END),
	BAD("\xEF\xBC\x91\r\na\r\n" END),
	BAD("'1'\r\na\r\n" END),
	BAD("00000000000000001\r\na\r\n" END), /* 17 digits */
	BAD("8000000000000000\r\n"),
	BAD("ffffffffffffffff\r\n"),
	BAD("10000000000000001\r\na\r\n" END), /* 1 after an overflow of 64 bits */
	BAD("fffffffffffffffff\r\n"),
	/* line ends */
	BAD("1\na\r\n" END),
	BAD("1\ra\r\n" END),
	BAD("1\r\ra\r\n" END),
	BAD("1\r\r\na\r\n" END),
	BAD("1\n\ra\r\n" END),
	BAD("1\r\na\n" END),
	BAD("1\r\na\r" END),
	BAD("1\r\na" END),
	BAD("1\r\nab\r\n" END),
	BAD("1\r\na\r\r\n" END),
	BAD("1\r\na \r\n" END),
	BAD("1\r\na\n\r\n" END),
	BAD("2\r\na\r\n" END),
	BAD("0\n\n"),
	BAD("0\n\r\n"),
	BAD("0\r\n\n"),
	BAD("0\r\n\r\r\n"),
	BAD("0\r\r\n"),
	BAD("0\r\n\rX"),
	/* extensions */
	GOOD("1;a\r\na\r\n" END, "a"),
	GOOD("1;a=b\r\na\r\n0;c\r\n\r\n", "a"),
	GOOD("1;a=b;c=d;e\r\na\r\n" END, "a"),
	GOOD("1;a=\"b c;\\\"\\\\\xC3\xA4\t\"\r\na\r\n" END, "a"),
	GOOD("1;a=\"\";b\r\na\r\n" END, "a"),
	GOOD("1 ;\ta = b ; c\r\na\r\n" END, "a"), /* blanks there are bad manners, but mean nothing else */
	GOOD("1;a=\"b\" ;c\r\na\r\n" END, "a"),
	BAD("1;\r\na\r\n" END),
	BAD("1;;a\r\na\r\n" END),
	BAD("1;=b\r\na\r\n" END),
	BAD("1;a=\r\na\r\n" END),
	BAD("1;a=;b\r\na\r\n" END),
	BAD("1;a==b\r\na\r\n" END),
	BAD("1;a \r\na\r\n" END),
	BAD("1;a b\r\na\r\n" END),
	BAD("1;a=b c\r\na\r\n" END),
	BAD("1;a=b \r\na\r\n" END),
	BAD("1;a=\"b\"c\r\na\r\n" END),
	BAD("1;a=\"b\r\na\r\n" END),
	BAD("1;a=\"b\\\r\na\r\n" END),
	BAD("1;a=\"b\r\nc\"\r\na\r\n" END),
	BAD("1;a=\"b\nc\"\r\na\r\n" END),
	BAD("1;a=\"b\rc\"\r\na\r\n" END),
	BAD("1;a=\"\\\n\"\r\na\r\n" END),
	BAD("1;a=\"\\\x01\"\r\na\r\n" END),
	BAD("1;a=\"\\\0\"\r\na\r\n" END),
	BAD("1;a=\"\x7F\"\r\na\r\n" END),
	BAD("1;a=\"\0\"\r\na\r\n" END),
	BAD("1;a\n\r\na\r\n" END),
	BAD("1;a\na\r\n" END),
	BAD("1;\na\r\n" END),
	BAD("1;a\rb\r\na\r\n" END),
	BAD("1;a=b\rc\r\na\r\n" END),
	BAD("1;\xC3\xA4\r\na\r\n" END),
	BAD("1;a=b,c\r\na\r\n" END),
	BAD("1;\"a\"\r\na\r\n" END),
	BAD("1;a\v\r\na\r\n" END),
	BAD("1,a\r\na\r\n" END),
	/* trailers */
	GOOD("0\r\nA: b\r\n\r\n", ""),
	GOOD("0\r\nA:\r\nB: \"c\\d\" ; \xC3\xA4 =:\t\r\n\r\n", ""),
	GOOD("1\r\na\r\n0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "a"), /* dropped like any other */
	BAD("0\r\nA : b\r\n\r\n"),
	BAD("0\r\n A: b\r\n\r\n"),
	BAD("0\r\nA: b\r\n c\r\n\r\n"),
	BAD("0\r\nA: b\r\n\tc\r\n\r\n"),
	BAD("0\r\n: b\r\n\r\n"),
	BAD("0\r\nA\r\n\r\n"),
	BAD("0\r\nA b\r\n\r\n"),
	BAD("0\r\nA: b\n\r\n"),
	BAD("0\r\nA: b\r\r\n"),
	BAD("0\r\nA: b\rc\r\n\r\n"),
	BAD("0\r\nA: b\0\r\n\r\n"),
	BAD("0\r\nA: \x7F\r\n\r\n"),
	BAD("0\r\nA: \v\r\n\r\n"),
	BAD("0\r\n\xC3\xA4: b\r\n\r\n"),
	BAD("0\r\nA(: b\r\n\r\n"),
	BAD("0\r\n\0: b\r\n\r\n"),
	BAD("0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	BAD("0\r\nA: b\r\n\n"),
};

static const struct http_frame chunks = { .kind = BODY_CHUNKED };

static void chunks_good_and_bad(void **state)
{
	static struct outcome o;

	(void)state;
	for (size_t i = 0; i < sizeof(chunked) / sizeof(chunked[0]); i++) {
		const struct vector *v = &chunked[i];

		decode_all_ways(v->text, &chunks, &o);
		if (o.progress != (v->payload == NULL ? HTTP_BAD : HTTP_DONE))
			fail_msg("\"%.*s\": progress %d", SLICE_ARG(v->text), o.progress);
		if (v->payload == NULL) {
			assert_int_equal(o.status, 400);
			assert_non_null(o.why);
			continue;
		}
		assert_int_equal(o.used, v->text.len - v->rest);
		assert_int_equal(o.len, strlen(v->payload));
		assert_memory_equal(o.data, v->payload, o.len);
	}
}

static void every_byte_where_the_grammar_wants_another(void **state)
{
	/* where the byte '?' stands, these, and these alone, may */
	static const struct {
		const char *text;
		const char *may;
	} all[] = {
		{ "?\r\n", "0123456789abcdefABCDEF" },
		{ "1?", "0123456789abcdefABCDEF \t;\r" },
		{ "1\r?", "\n" },
		{ "1\r\na?", "\r" },
		{ "1\r\na\r?", "\n" },
		{ "1\r\na\r\n?", "0123456789abcdefABCDEF" },
		{ "1 ?", " \t;" },
		{ "0\r\n\r?", "\n" },
		{ "0\r\nA: b\r?", "\n" },
	};
	static struct outcome o;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (int c = 0; c < 256; c++) {
			struct slice text = slice_str(all[i].text);
			char bytes[16];

			memcpy(bytes, text.ptr, text.len);
			bytes[slice_find(text, '?')] = (char)c;
			decode(slice_of(bytes, slice_find(text, '?') + 1), &chunks, 16, 1, &o);
			assert_int_equal(o.progress != HTTP_BAD, c != 0 && strchr(all[i].may, c) != NULL);
		}
	}
}

/* A chunk's size line, or a trailer field, with <filling> bytes in it. */
static void long_line(const char *before, size_t filling, const char *after, struct outcome *o)
{
	static char bytes[16384];
	size_t len = strlen(before);

	assert_true(len + filling + strlen(after) <= sizeof(bytes));
	memcpy(bytes, before, len);
	memset(bytes + len, 'a', filling);
	memcpy(bytes + len + filling, after, strlen(after));
	decode(slice_of(bytes, len + filling + strlen(after)), &chunks, sizeof(bytes), 1, o);
}

static void long_lines(void **state)
{
	static struct outcome o;

	(void)state;
	/* "1;", the filling and CR count */
	long_line("1;", HTTP_CHUNK_LINE_MAX - 3, "\r\na\r\n" END, &o);
	assert_int_equal(o.progress, HTTP_DONE);
	long_line("1;", HTTP_CHUNK_LINE_MAX - 2, "\r\na\r\n" END, &o);
	assert_int_equal(o.progress, HTTP_BAD);
	assert_int_equal(o.status, 400);
	long_line("1;", HTTP_CHUNK_LINE_MAX, "", &o); /* found before the line ends */
	assert_int_equal(o.progress, HTTP_BAD);
	/* the limit is for each line */
	long_line("1;a=bcdef\r\na\r\n1;", HTTP_CHUNK_LINE_MAX - 3, "\r\na\r\n" END, &o);
	assert_int_equal(o.progress, HTTP_DONE);
	/* all of the trailer section counts, with its line ends */
	long_line("0\r\nA: b\r\nC: ", HTTP_TRAILERS_MAX - 13, "\r\n\r\n", &o);
	assert_int_equal(o.progress, HTTP_DONE);
	long_line("0\r\nA: b\r\nC: ", HTTP_TRAILERS_MAX - 12, "\r\n\r\n", &o);
	assert_int_equal(o.progress, HTTP_BAD);
	assert_int_equal(o.status, 431);
}

static void a_large_chunk(void **state)
{
	struct slice data;
	struct http_body b;
	size_t used;

	(void)state;
	http_body_init(&b, &chunks);
	assert_int_equal(http_body_next(&b, SLICE_LIT("7fffffffffffffff\r\nabc"), &used, &data), HTTP_MORE);
	assert_int_equal(used, 21);
	assert_int_equal(data.len, 3);
	assert_true(b.left == INT64_MAX - UINT64_C(3));
}

static void payload_is_a_slice_of_the_input(void **state)
{
	static const char text[] = "3\r\nabc\r\n2\r\nde\r\n" END "rest";
	struct slice in = slice_str(text), data;
	struct http_body b;
	size_t used;

	(void)state;
	http_body_init(&b, &chunks);
	assert_int_equal(http_body_next(&b, in, &used, &data), HTTP_MORE);
	assert_ptr_equal(data.ptr, text + 3);
	assert_int_equal(data.len, 3);
	assert_int_equal(used, 11); /* with the next size line */
	in = slice_sub(in, used, in.len);
	assert_int_equal(http_body_next(&b, in, &used, &data), HTTP_DONE); /* the last payload and the end in one call */
	assert_ptr_equal(data.ptr, text + 11);
	assert_int_equal(data.len, 2);
	assert_int_equal(in.len - used, 4);
	assert_int_equal(http_body_next(&b, SLICE_LIT("rest"), &used, &data), HTTP_DONE);
	assert_int_equal(used, 0);
	assert_int_equal(data.len, 0);
}

static void lengths(void **state)
{
	static struct outcome o;
	struct http_frame frame = { .kind = BODY_LENGTH, .length = 5, .has_length = true };

	(void)state;
	decode_all_ways(SLICE_LIT("hello"), &frame, &o);
	assert_int_equal(o.progress, HTTP_DONE);
	decode_all_ways(SLICE_LIT("helloGET / HTTP/1.1\r\n\r\n"), &frame, &o);
	assert_int_equal(o.progress, HTTP_DONE);
	assert_int_equal(o.used, 5);
	assert_int_equal(o.len, 5);
	assert_memory_equal(o.data, "hello", 5);
	decode_all_ways(SLICE_LIT("hell"), &frame, &o);
	assert_int_equal(o.progress, HTTP_MORE);
	frame.length = 0;
	decode_all_ways(SLICE_LIT("hello"), &frame, &o);
	assert_int_equal(o.progress, HTTP_DONE);
	assert_int_equal(o.used, 0);
	frame.kind = BODY_NONE;
	frame.length = 5; /* of an answer to HEAD */
	decode_all_ways(SLICE_LIT("hello"), &frame, &o);
	assert_int_equal(o.progress, HTTP_DONE);
	assert_int_equal(o.used, 0);
}

static void until_the_end(void **state)
{
	static const enum body_kind kinds[] = { BODY_UNTIL_CLOSE, BODY_TUNNEL };
	static struct outcome o;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct http_frame frame = { .kind = kinds[i] };
		struct http_body b;

		decode_all_ways(SLICE_LIT("0\r\n\r\nhello"), &frame, &o);
		assert_int_equal(o.progress, HTTP_MORE);
		assert_int_equal(o.len, 10);
		http_body_init(&b, &frame);
		assert_int_equal(http_body_end(&b), HTTP_DONE);
		assert_true(http_body_done(&b));
	}
}

static void cut_off(void **state)
{
	static const struct slice parts[] = {
		SLICE(""), SLICE("3"), SLICE("3\r\n"), SLICE("3\r\nab"), SLICE("3\r\nabc"), SLICE("3\r\nabc\r\n"),
		SLICE("0\r\n"), SLICE("0\r\n\r"), SLICE("0\r\nA: b"),
	};
	struct http_frame frame = { .kind = BODY_LENGTH, .length = 5 };
	struct http_body b;
	struct slice data;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		http_body_init(&b, &chunks);
		assert_int_equal(http_body_next(&b, parts[i], &used, &data), HTTP_MORE);
		assert_int_equal(http_body_end(&b), HTTP_BAD);
		assert_int_equal(b.error.status, 400);
		assert_false(http_body_done(&b));
		assert_int_equal(http_body_end(&b), HTTP_BAD);
		assert_int_equal(http_body_next(&b, SLICE_LIT(END), &used, &data), HTTP_BAD); /* nor does it go on */
		assert_int_equal(http_body_next(&b, SLICE_NONE, &used, &data), HTTP_BAD);
	}
	http_body_init(&b, &frame);
	assert_int_equal(http_body_next(&b, SLICE_LIT("hell"), &used, &data), HTTP_MORE);
	assert_int_equal(http_body_end(&b), HTTP_BAD);
	assert_int_equal(http_body_next(&b, SLICE_LIT("o"), &used, &data), HTTP_BAD);
	http_body_init(&b, &frame);
	assert_int_equal(http_body_next(&b, SLICE_LIT("hello"), &used, &data), HTTP_DONE);
	assert_int_equal(http_body_end(&b), HTTP_DONE);
}

static void what_is_written_is_read(void **state)
{
	static struct outcome o;
	char text[64];

	(void)state;
	for (uint64_t n = 1; n <= 20; n++) {
		size_t len = http_write_chunk_line(n, text);

		memset(text + len, 'x', n);
		memcpy(text + len + n, "\r\n", 2);
		len += n + 2;
		len += http_write_chunk_line(0, text + len);
		memcpy(text + len, "\r\n", 2);
		decode_all_ways(slice_of(text, len + 2), &chunks, &o);
		assert_int_equal(o.progress, HTTP_DONE);
		assert_int_equal(o.len, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_good_and_bad),
		cmocka_unit_test(every_byte_where_the_grammar_wants_another),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(a_large_chunk),
		cmocka_unit_test(payload_is_a_slice_of_the_input),
		cmocka_unit_test(lengths),
		cmocka_unit_test(until_the_end),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(what_is_written_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

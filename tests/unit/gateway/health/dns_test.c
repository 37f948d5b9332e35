/* dns_test.c - questions byte by byte, answers of all kinds, and what a malicious name server might send. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/health/dns.h"
#include "tests/unit/gateway/support/answers.h"

#define ID 0xBEEF
#define ANSWER 0x8180
#define NAME "shop.test"

static enum dns_result read_as(const struct answer *a, const char *name, enum dns_type type, struct dns_addresses *out)
{
	/* of its own, so that the sanitizer sees a read behind its end */
	char *copy = malloc(a->len);
	enum dns_result result;

	assert_non_null(copy);
	memcpy(copy, a->bytes, a->len);
	result = dns_answer_read(slice_of(copy, a->len), ID, slice_str(name), type, out);
	free(copy);
	return result;
}

static enum dns_result read_a(const struct answer *a, struct dns_addresses *out)
{
	return read_as(a, NAME, DNS_A, out);
}

static void assert_address(const struct dns_addresses *all, unsigned i, const char *want)
{
	char text[INET6_ADDRSTRLEN];

	assert_true(i < all->count);
	inet_ntop(all->list[i].type == DNS_A ? AF_INET : AF_INET6, all->list[i].bytes, text, sizeof(text));
	assert_string_equal(text, want);
}

/* --- questions --- */

static void a_question_is_written(void **state)
{
	static const char want[] = "\xBE\xEF\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\4shop\4test\0\x00\x1C\x00\x01";
	uint8_t out[DNS_QUESTION_MOST];

	(void)state;
	assert_int_equal(dns_question_write(out, ID, SLICE_LIT("Shop.TEST"), DNS_AAAA, 512), sizeof(want) - 1);
	assert_memory_equal(out, want, sizeof(want) - 1);
	assert_int_equal(dns_question_write(out, ID, SLICE_LIT("shop.test."), DNS_AAAA, 512), sizeof(want) - 1);
	assert_memory_equal(out, want, sizeof(want) - 1);
}

static void more_payload_is_announced(void **state)
{
	static const char opt[] = "\0\x00\x29\x10\x00\0\0\0\0\0\0";
	uint8_t out[DNS_QUESTION_MOST];
	size_t plain = dns_question_write(out, ID, SLICE_LIT(NAME), DNS_A, 512), len;

	(void)state;
	len = dns_question_write(out, ID, SLICE_LIT(NAME), DNS_A, 4096);
	assert_int_equal(len, plain + sizeof(opt) - 1);
	assert_int_equal(out[11], 1);
	assert_memory_equal(out + plain, opt, sizeof(opt) - 1);
}

static void a_name_has_labels(void **state)
{
	static const char label[] = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"; /* 63 bytes */
	uint8_t out[DNS_QUESTION_MOST];
	char name[300];

	(void)state;
	assert_true(dns_name_valid(SLICE_LIT("a")));
	assert_true(dns_name_valid(SLICE_LIT("a.b.")));
	assert_false(dns_name_valid(SLICE_LIT("")));
	assert_false(dns_name_valid(SLICE_NONE));
	assert_false(dns_name_valid(SLICE_LIT(".")));
	assert_false(dns_name_valid(SLICE_LIT("a..b")));
	assert_false(dns_name_valid(SLICE_LIT(".a")));
	assert_true(dns_name_valid(slice_str(label)));
	snprintf(name, sizeof(name), "%sx", label);
	assert_false(dns_name_valid(slice_str(name)));
	/* 3 * 64 + 1 + 61 + 1 = 255 bytes in a message */
	snprintf(name, sizeof(name), "%s.%s.%s.%.61s", label, label, label, label);
	assert_true(dns_name_valid(slice_str(name)));
	assert_true(dns_question_write(out, ID, slice_str(name), DNS_A, 4096) <= sizeof(out));
	snprintf(name, sizeof(name), "%s.%s.%s.%.62s", label, label, label, label);
	assert_false(dns_name_valid(slice_str(name)));
	assert_int_equal(dns_question_write(out, ID, slice_str(name), DNS_A, 4096), 0);
}

/* --- answers --- */

static void addresses_are_found_in_order_each_once(void **state)
{
	struct dns_addresses found;
	struct answer a;

	(void)state;
	answer_begin(&a, ID, ANSWER, "SHOP.test", DNS_A);
	answer_address(&a, "@12", "192.0.2.2");
	answer_address(&a, "shop.TEST", "192.0.2.1");
	answer_address(&a, "@12", "192.0.2.2");
	answer_address(&a, "@12", "2001:db8::1"); /* of another type */
	answer_address(&a, "other.test", "192.0.2.9");
	assert_int_equal(read_a(&a, &found), DNS_FOUND);
	assert_int_equal(found.count, 2);
	assert_address(&found, 0, "192.0.2.2");
	assert_address(&found, 1, "192.0.2.1");
}

static void addresses_of_both_kinds(void **state)
{
	struct dns_addresses found;
	struct answer a;

	(void)state;
	answer_begin(&a, ID, ANSWER, NAME, DNS_AAAA);
	answer_address(&a, "@12", "2001:db8::1");
	assert_int_equal(read_as(&a, NAME, DNS_AAAA, &found), DNS_FOUND);
	assert_address(&found, 0, "2001:db8::1");
}

static void no_more_than_fit_are_taken(void **state)
{
	struct dns_addresses found;
	struct answer a;
	char address[32];

	(void)state;
	answer_begin(&a, ID, ANSWER, NAME, DNS_A);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(address, sizeof(address), "192.0.2.%u", i);
		answer_address(&a, "@12", address);
	}
	assert_int_equal(read_a(&a, &found), DNS_FOUND);
	assert_int_equal(found.count, DNS_ADDRESSES_MOST);
	assert_address(&found, DNS_ADDRESSES_MOST - 1, "192.0.2.63");
}

static void aliases_are_followed_in_any_order(void **state)
{
	struct dns_addresses found;
	struct answer a;

	(void)state;
	answer_begin(&a, ID, ANSWER, NAME, DNS_A);
	answer_address(&a, "c.test", "192.0.2.3");
	answer_alias(&a, "B.test", "c@17"); /* "test" stands at 17 */
	answer_alias(&a, "@12", "b.TEST");
	answer_address(&a, "@12", "192.0.2.9"); /* not of the name that it is an alias of */
	assert_int_equal(read_a(&a, &found), DNS_FOUND);
	assert_int_equal(found.count, 1);
	assert_address(&found, 0, "192.0.2.3");
}

static void an_alias_of_nothing_has_no_address(void **state)
{
	struct dns_addresses found;
	struct answer a;

	(void)state;
	answer_begin(&a, ID, ANSWER, NAME, DNS_A);
	answer_alias(&a, "@12", "b.test");
	assert_int_equal(read_a(&a, &found), DNS_EMPTY);
	assert_int_equal(found.count, 0);
}

static void a_chain_of_aliases_ends(void **state)
{
	struct dns_addresses found;
	struct answer a;
	char from[16], to[16];

	(void)state;
	answer_begin(&a, ID, ANSWER, "n0.test", DNS_A);
	for (unsigned i = 0; i < 20; i++) {
		if (i == 16) {
			answer_address(&a, "n16.test", "192.0.2.1");
			assert_int_equal(read_as(&a, "n0.test", DNS_A, &found), DNS_FOUND);
		}
		snprintf(from, sizeof(from), "n%u.test", i);
		snprintf(to, sizeof(to), "n%u.test", i + 1);
		answer_alias(&a, from, to);
	}
	answer_address(&a, "n20.test", "192.0.2.1");
	assert_int_equal(read_as(&a, "n0.test", DNS_A, &found), DNS_INVALID);
	assert_int_equal(found.count, 0);
	answer_begin(&a, ID, ANSWER, NAME, DNS_A);
	answer_alias(&a, NAME, "b.test");
	answer_alias(&a, "b.test", NAME);
	assert_int_equal(read_a(&a, &found), DNS_INVALID);
	answer_begin(&a, ID, ANSWER, NAME, DNS_A);
	answer_alias(&a, NAME, NAME);
	assert_int_equal(read_a(&a, &found), DNS_INVALID);
}

static void refusals_have_names(void **state)
{
	static const struct {
		unsigned flags;
		enum dns_result want;
	} rows[] = {
		{ 0x8180, DNS_EMPTY }, { 0x8181, DNS_FAILED }, { 0x8182, DNS_FAILED }, { 0x8183, DNS_NX }, { 0x8184, DNS_FAILED },
		{ 0x8185, DNS_REFUSED }, { 0x8380, DNS_TRUNCATED }, { 0x8383, DNS_NX },
		{ 0x0180, DNS_STRAY },  /* a question */
		{ 0x9180, DNS_STRAY },  /* another operation */
	};
	struct dns_addresses found;
	struct answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		answer_begin(&a, ID, rows[i].flags, NAME, DNS_A);
		assert_int_equal(read_a(&a, &found), rows[i].want);
		assert_int_equal(found.count, 0);
	}
	answer_begin(&a, ID, 0x8380, NAME, DNS_A);
	answer_address(&a, "@12", "192.0.2.1"); /* a part is not enough */
	assert_int_equal(read_a(&a, &found), DNS_TRUNCATED);
	assert_int_equal(found.count, 0);
}

static void other_questions_are_strays(void **state)
{
	struct dns_addresses found;
	struct answer a;

	(void)state;
	answer_begin(&a, ID + 1, ANSWER, NAME, DNS_A);
	assert_int_equal(read_a(&a, &found), DNS_STRAY);
	answer_begin(&a, ID, ANSWER, "shop.tesT.", DNS_AAAA);
	assert_int_equal(read_a(&a, &found), DNS_STRAY);
	answer_begin(&a, ID, ANSWER, "shop.tes", DNS_A);
	assert_int_equal(read_a(&a, &found), DNS_STRAY);
	answer_begin(&a, ID, ANSWER, NAME ".x", DNS_A);
	assert_int_equal(read_a(&a, &found), DNS_STRAY);
	answer_begin(&a, ID, ANSWER, NAME, DNS_A);
	a.bytes[a.len - 1] = 3; /* another class */
	assert_int_equal(read_a(&a, &found), DNS_STRAY);
	answer_begin(&a, ID, ANSWER, NAME, DNS_A);
	a.bytes[5] = 0; /* no question */
	assert_int_equal(read_a(&a, &found), DNS_STRAY);
	a.bytes[5] = 2;
	assert_int_equal(read_a(&a, &found), DNS_STRAY);
}

static void records_of_other_classes_are_passed_over(void **state)
{
	struct dns_addresses found;
	struct answer a;
	size_t at;

	(void)state;
	answer_begin(&a, ID, ANSWER, NAME, DNS_A);
	at = a.len;
	answer_address(&a, "@12", "192.0.2.1");
	a.bytes[at + 5] = 3;
	assert_int_equal(read_a(&a, &found), DNS_EMPTY);
}

/* --- malice --- */

static void every_cut_is_noticed(void **state)
{
	struct dns_addresses found;
	struct answer a, cut;

	(void)state;
	answer_begin(&a, ID, ANSWER, NAME, DNS_A);
	answer_alias(&a, "@12", "b@17");
	answer_address(&a, "b@17", "192.0.2.1");
	assert_int_equal(read_a(&a, &found), DNS_FOUND);
	cut = a;
	for (cut.len = a.len - 1; cut.len > 0; cut.len--) {
		assert_int_equal(read_a(&cut, &found), DNS_INVALID);
		assert_int_equal(found.count, 0);
	}
	assert_int_equal(dns_answer_read(SLICE_NONE, ID, SLICE_LIT(NAME), DNS_A, &found), DNS_INVALID);
}

/* Nor do they lead into the header. */
static void pointers_only_go_back(void **state)
{
	static const char *const names[] = { "@27", "@28", "@29", "@200", "@16383", "a@27", "a@31", "@0", "@11", "a@1" };
	struct dns_addresses found;
	struct answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		answer_begin(&a, ID, ANSWER, NAME, DNS_A);
		assert_int_equal(a.len, 27); /* where the record begins */
		answer_address(&a, names[i], "192.0.2.1");
		assert_int_equal(read_a(&a, &found), DNS_INVALID);
	}
	/* two that lead to each other: the second one goes forward */
	answer_begin(&a, ID, ANSWER, "@14", DNS_A);
	assert_int_equal(read_a(&a, &found), DNS_INVALID);
}

/* Label by label back to the front again and again: it ends because names have a longest length. */
static void a_name_is_not_longer_than_names_are(void **state)
{
	struct dns_addresses found;
	struct answer a;
	uint8_t labels[64 * 5];

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		labels[i * 64] = 63;
		memset(labels + i * 64 + 1, 'x', 63);
	}
	answer_begin(&a, ID, ANSWER, NAME, DNS_A);
	a.bytes[7] = 1;
	answer_raw(&a, labels, sizeof(labels));
	answer_8(&a, 0);
	answer_raw(&a, "\0\1\0\1\0\0\0\0\0\4\1\2\3\4", 14);
	assert_int_equal(read_a(&a, &found), DNS_INVALID);
}

static void labels_have_two_forms(void **state)
{
	struct dns_addresses found;
	struct answer a;

	(void)state;
	for (unsigned form = 0x40; form < 0xC0; form += 0x20) {
		answer_begin(&a, ID, ANSWER, NAME, DNS_A);
		a.bytes[7] = 1;
		answer_8(&a, form);
		answer_raw(&a, "\0\0\1\0\1\0\0\0\0\0\4\1\2\3\4", 15);
		assert_int_equal(read_a(&a, &found), DNS_INVALID);
	}
}

static void addresses_have_their_length(void **state)
{
	struct dns_addresses found;
	struct answer a;

	(void)state;
	for (size_t len = 0; len <= 17; len++) {
		answer_begin(&a, ID, ANSWER, NAME, DNS_A);
		answer_record(&a, "@12", DNS_A, "0123456789abcdef!", len);
		assert_int_equal(read_a(&a, &found), len == 4 ? DNS_FOUND : DNS_INVALID);
		answer_begin(&a, ID, ANSWER, NAME, DNS_AAAA);
		answer_record(&a, "@12", DNS_AAAA, "0123456789abcdef!", len);
		assert_int_equal(read_as(&a, NAME, DNS_AAAA, &found), len == 16 ? DNS_FOUND : DNS_INVALID);
	}
}

static void an_alias_fills_its_record(void **state)
{
	struct dns_addresses found;
	struct answer a;

	(void)state;
	answer_begin(&a, ID, ANSWER, NAME, DNS_A);
	answer_record(&a, "@12", DNS_CNAME, "\1b\0x", 4);
	assert_int_equal(read_a(&a, &found), DNS_INVALID);
	answer_begin(&a, ID, ANSWER, NAME, DNS_A);
	answer_record(&a, "@12", DNS_CNAME, "\1b\0", 2); /* its name ends behind it */
	answer_8(&a, 0);
	assert_int_equal(read_a(&a, &found), DNS_INVALID);
}

static void ids_are_read(void **state)
{
	uint16_t id;

	(void)state;
	assert_true(dns_id(SLICE_LIT("\x12\x34..........\0"), &id));
	assert_int_equal(id, 0x1234);
	assert_false(dns_id(SLICE_LIT("\x12\x34........."), &id));
	assert_false(dns_id(SLICE_NONE, &id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_is_written),
		cmocka_unit_test(more_payload_is_announced),
		cmocka_unit_test(a_name_has_labels),
		cmocka_unit_test(addresses_are_found_in_order_each_once),
		cmocka_unit_test(addresses_of_both_kinds),
		cmocka_unit_test(no_more_than_fit_are_taken),
		cmocka_unit_test(aliases_are_followed_in_any_order),
		cmocka_unit_test(an_alias_of_nothing_has_no_address),
		cmocka_unit_test(a_chain_of_aliases_ends),
		cmocka_unit_test(refusals_have_names),
		cmocka_unit_test(other_questions_are_strays),
		cmocka_unit_test(records_of_other_classes_are_passed_over),
		cmocka_unit_test(every_cut_is_noticed),
		cmocka_unit_test(pointers_only_go_back),
		cmocka_unit_test(a_name_is_not_longer_than_names_are),
		cmocka_unit_test(labels_have_two_forms),
		cmocka_unit_test(addresses_have_their_length),
		cmocka_unit_test(an_alias_fills_its_record),
		cmocka_unit_test(ids_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* dns_fuzz.c - libFuzzer target: what is understood of an answer is what libc's dn_expand() makes of its names, read once more in a
 * plainer way. The first byte of the input chooses the type that was asked for, the rest is the message.
 */
#include <resolv.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/health/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ASKED "shop.test"

enum {
	HEADER_BYTES = 12,
	TEXT_MOST = 1100, /* a name, with each byte as \ddd */
	ALIASES_MOST = 16,
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

struct message {
	const uint8_t *data, *end;
};

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* Reads the name at <at>; what follows it, or NULL. */
static const uint8_t *name_at(const struct message *m, const uint8_t *at, char text[TEXT_MOST])
{
	int len = at < m->end ? dn_expand(m->data, m->end, at, text, TEXT_MOST) : -1;

	return len < 0 ? NULL : at + len;
}

struct record {
	char owner[TEXT_MOST];
	unsigned type, class, len;
	const uint8_t *data;
};

/* What was read before has been understood, so this must be, too. */
static const uint8_t *record_at(const struct message *m, const uint8_t *at, struct record *r)
{
	at = name_at(m, at, r->owner);
	must(at != NULL && m->end - at >= 10);
	r->type = get16(at);
	r->class = get16(at + 2);
	r->len = get16(at + 8);
	r->data = at + 10;
	must(m->end - r->data >= (ptrdiff_t)r->len);
	return r->data + r->len;
}

static const uint8_t *answers_of(const struct message *m)
{
	char text[TEXT_MOST];
	const uint8_t *at = name_at(m, m->data + HEADER_BYTES, text);

	must(at != NULL && m->end - at >= 4 && strcasecmp(text, ASKED) == 0);
	return at + 4;
}

static void follow_aliases(const struct message *m, char name[TEXT_MOST])
{
	unsigned count = get16(m->data + 6), hops = 0;
	struct record r;
	bool more = true;

	while (more) {
		const uint8_t *at = answers_of(m);

		more = false;
		for (unsigned i = 0; i < count && !more; i++) {
			at = record_at(m, at, &r);
			more = r.type == DNS_CNAME && r.class == 1 && strcasecmp(r.owner, name) == 0;
		}
		if (more)
			must(name_at(m, r.data, name) == r.data + r.len && ++hops <= ALIASES_MOST);
	}
}

/* Each address of <found> is in the message, and all of the message's are in <found> unless it is full. */
static void same_addresses(const struct message *m, enum dns_type type, const struct dns_addresses *found)
{
	unsigned count = get16(m->data + 6), len = type == DNS_A ? 4 : 16, next = 0;
	const uint8_t *at = answers_of(m);
	char name[TEXT_MOST] = ASKED;
	struct record r;

	follow_aliases(m, name);
	for (unsigned i = 0; i < count; i++) {
		bool known = false;

		at = record_at(m, at, &r);
		if (r.type != (unsigned)type || r.class != 1 || strcasecmp(r.owner, name) != 0)
			continue;
		must(r.len == len);
		for (unsigned n = 0; n < next && !known; n++)
			known = memcmp(found->list[n].bytes, r.data, len) == 0;
		if (known || next == DNS_ADDRESSES_MOST)
			continue;
		must(next < found->count && found->list[next].type == type && memcmp(found->list[next].bytes, r.data, len) == 0);
		next++;
	}
	must(next == found->count);
}

/* A name that is valid can be asked for, and the question, sent back, has no address. */
static void there_and_back(struct slice name, enum dns_type type)
{
	uint8_t question[DNS_QUESTION_MOST];
	size_t len = dns_question_write(question, 7, name, type, 512);
	struct dns_addresses found;

	must((len > 0) == dns_name_valid(name) && len <= sizeof(question));
	if (len == 0)
		return;
	question[2] |= 0x80;
	must(dns_answer_read(slice_of((const char *)question, len), 7, name, type, &found) == DNS_EMPTY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum dns_type type = size > 0 && data[0] % 2 == 1 ? DNS_AAAA : DNS_A;
	struct slice text = size < 1 ? SLICE_LIT("") : slice_of((const char *)data + 1, size - 1);
	const struct message m = { (const uint8_t *)text.ptr, (const uint8_t *)text.ptr + text.len };
	struct dns_addresses found;
	enum dns_result result;
	uint16_t id = 0;

	must(dns_id(text, &id) == (text.len >= HEADER_BYTES));
	result = dns_answer_read(text, id, SLICE_LIT(ASKED), type, &found);
	must((result == DNS_FOUND) == (found.count > 0));
	if (result == DNS_FOUND || result == DNS_EMPTY)
		same_addresses(&m, type, &found);
	there_and_back(text, type);
	return 0;
}

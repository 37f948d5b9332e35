/* dns.c - messages of the domain name system (RFC 1035), as far as asking for the addresses of a name needs them.
 *
 * Names are compared in one form: as in a message without compression, in lower case. A byte of a length is never a letter, so
 * that the whole can be turned to lower case.
 */
#include "gateway/health/dns.h"

#include <string.h>

#define HEADER_BYTES 12
#define LABEL_MOST 63
#define NAME_MOST 255 /* with the lengths, and the 0 at its end */
#define CLASS_IN 1
#define ALIASES_MOST 16 /* in a row */
#define TAIL_BYTES 4    /* type and class of a question */
#define OPT_BYTES 11

enum flags {
	FLAG_RESPONSE = 0x8000,
	FLAGS_OPCODE = 0x7800,
	FLAG_TRUNCATED = 0x0200,
	FLAG_RECURSE = 0x0100,
	FLAGS_CODE = 0x000F,
};

enum code { CODE_OK = 0, CODE_NX = 3, CODE_REFUSED = 5 };

struct name {
	size_t len;
	uint8_t bytes[NAME_MOST];
};

/* ---- writing ---- */

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool name_make(struct slice text, struct name *out)
{
	if (text.len > 0 && text.ptr[text.len - 1] == '.')
		text.len--;
	out->len = 0;
	while (text.ptr != NULL) {
		struct slice label = slice_cut(&text, '.');

		if (label.len == 0 || label.len > LABEL_MOST || out->len + 1 + label.len + 1 > NAME_MOST)
			return false;
		out->bytes[out->len++] = (uint8_t)label.len;
		for (size_t i = 0; i < label.len; i++)
			out->bytes[out->len++] = lower((uint8_t)label.ptr[i]);
	}
	if (out->len == 0)
		return false;
	out->bytes[out->len++] = 0;
	return true;
}

bool dns_name_valid(struct slice name)
{
	struct name made;

	return name_make(name, &made);
}

static size_t put16(uint8_t *out, size_t at, unsigned n)
{
	out[at] = (uint8_t)(n >> 8);
	out[at + 1] = (uint8_t)n;
	return at + 2;
}

size_t dns_question_write(uint8_t out[DNS_QUESTION_MOST], uint16_t id, struct slice name, enum dns_type type, unsigned payload)
{
	bool extended = payload > DNS_PAYLOAD_LEAST;
	struct name made;
	size_t at = 0;

	_Static_assert(HEADER_BYTES + NAME_MOST + TAIL_BYTES + OPT_BYTES <= DNS_QUESTION_MOST, "a question fits");
	if (!name_make(name, &made))
		return 0;
	at = put16(out, at, id);
	at = put16(out, at, FLAG_RECURSE);
	at = put16(out, at, 1); /* questions */
	at = put16(out, at, 0);
	at = put16(out, at, 0);
	at = put16(out, at, extended); /* additional records */
	memcpy(out + at, made.bytes, made.len);
	at = put16(out, at + made.len, type);
	at = put16(out, at, CLASS_IN);
	if (!extended)
		return at;
	out[at++] = 0; /* of the root */
	at = put16(out, at, DNS_OPT);
	at = put16(out, at, payload);
	memset(out + at, 0, 6); /* version and flags, no options */
	return at + 6;
}

/* ---- reading ---- */

/* Reads on until something is missing or wrong; then everything reads as 0. */
struct cursor {
	const uint8_t *data;
	size_t len, at;
	bool bad;
};

static unsigned get8(struct cursor *c)
{
	if (c->bad || c->at >= c->len) {
		c->bad = true;
		return 0;
	}
	return c->data[c->at++];
}

static unsigned get16(struct cursor *c)
{
	unsigned high = get8(c);

	return high << 8 | get8(c);
}

static void skip(struct cursor *c, size_t bytes)
{
	if (c->bad || bytes > c->len - c->at)
		c->bad = true;
	else
		c->at += bytes;
}

/* A pointer must lead to before the place where its part of the name began, so they end, and not into the header, where no name is. */
static void name_read(struct cursor *c, struct name *out)
{
	struct cursor part = *c;
	size_t began = part.at;
	bool jumped = false;

	out->len = 0;
	for (;;) {
		unsigned length = get8(&part);

		if (!part.bad && length >= 0xC0) {
			size_t to = (length & 0x3F) << 8 | get8(&part);

			if (!jumped)
				c->at = part.at;
			jumped = true;
			part.bad |= to >= began || to < HEADER_BYTES;
			part.at = began = to;
			continue;
		}
		if (part.bad || length > LABEL_MOST || length > part.len - part.at || out->len + 1 + length + (length > 0) > NAME_MOST)
			break;
		out->bytes[out->len++] = (uint8_t)length;
		for (unsigned i = 0; i < length; i++)
			out->bytes[out->len++] = lower(part.data[part.at++]);
		if (length == 0) {
			if (!jumped)
				c->at = part.at;
			return;
		}
	}
	c->bad = true;
	out->len = 0;
}

static bool name_eq(const struct name *a, const struct name *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

struct record {
	struct name owner;
	unsigned type, class;
	size_t data, data_len; /* where in the message */
};

static bool record_read(struct cursor *c, struct record *r)
{
	name_read(c, &r->owner);
	r->type = get16(c);
	r->class = get16(c);
	skip(c, 4); /* how long it may be kept: "hold" says that here */
	r->data_len = get16(c);
	r->data = c->at;
	skip(c, r->data_len);
	return !c->bad;
}

static bool alias_read(const struct cursor *c, const struct record *r, struct name *to)
{
	struct cursor data = *c;

	data.at = r->data;
	name_read(&data, to);
	return !data.bad && data.at == r->data + r->data_len;
}

/* Replaces <name> by what it is an alias of, until it is none. False: malformed, or a circle. */
static bool aliases_follow(struct cursor answers, unsigned count, struct name *name)
{
	struct record r;

	for (unsigned hops = 0; hops <= ALIASES_MOST; hops++) {
		struct cursor c = answers;
		bool found = false;

		for (unsigned i = 0; i < count && !found; i++) {
			if (!record_read(&c, &r))
				return false;
			found = r.type == DNS_CNAME && r.class == CLASS_IN && name_eq(&r.owner, name);
		}
		if (!found)
			return true;
		if (!alias_read(&c, &r, name))
			return false;
	}
	return false;
}

static void address_add(struct dns_addresses *out, enum dns_type type, const uint8_t *bytes, size_t len)
{
	struct dns_address a = { .type = type };

	memcpy(a.bytes, bytes, len);
	for (unsigned i = 0; i < out->count; i++) {
		if (out->list[i].type == type && memcmp(out->list[i].bytes, a.bytes, sizeof(a.bytes)) == 0)
			return;
	}
	if (out->count < DNS_ADDRESSES_MOST)
		out->list[out->count++] = a;
}

static enum dns_result addresses_read(struct cursor answers, unsigned count, struct name *name, enum dns_type type,
				      struct dns_addresses *out)
{
	size_t len = type == DNS_A ? 4 : 16;
	struct record r;

	if (!aliases_follow(answers, count, name))
		return DNS_INVALID;
	for (unsigned i = 0; i < count; i++) {
		if (!record_read(&answers, &r))
			return DNS_INVALID;
		if (r.type != (unsigned)type || r.class != CLASS_IN || !name_eq(&r.owner, name))
			continue;
		if (r.data_len != len)
			return DNS_INVALID;
		address_add(out, type, answers.data + r.data, len);
	}
	return out->count > 0 ? DNS_FOUND : DNS_EMPTY;
}

bool dns_id(struct slice message, uint16_t *id)
{
	struct cursor c = { .data = (const uint8_t *)message.ptr, .len = message.len };

	*id = (uint16_t)get16(&c);
	return message.len >= HEADER_BYTES;
}

enum dns_result dns_answer_read(struct slice message, uint16_t id, struct slice name, enum dns_type type, struct dns_addresses *out)
{
	struct cursor c = { .data = (const uint8_t *)message.ptr, .len = message.len };
	unsigned got_id = get16(&c), flags = get16(&c), questions = get16(&c), answers = get16(&c);
	unsigned got_type, class;
	struct name wanted, asked;
	enum dns_result result;

	out->count = 0;
	skip(&c, 4); /* of the other two sections nothing is wanted */
	if (c.bad)
		return DNS_INVALID;
	if (got_id != id || (flags & FLAG_RESPONSE) == 0 || (flags & FLAGS_OPCODE) != 0 || questions != 1 || !name_make(name, &wanted))
		return DNS_STRAY;
	name_read(&c, &asked);
	got_type = get16(&c);
	class = get16(&c);
	if (c.bad)
		return DNS_INVALID;
	if (got_type != (unsigned)type || class != CLASS_IN || !name_eq(&asked, &wanted))
		return DNS_STRAY;
	if ((flags & FLAGS_CODE) == CODE_NX)
		return DNS_NX;
	if ((flags & FLAGS_CODE) == CODE_REFUSED)
		return DNS_REFUSED;
	if ((flags & FLAGS_CODE) != CODE_OK)
		return DNS_FAILED;
	if (flags & FLAG_TRUNCATED)
		return DNS_TRUNCATED;
	result = addresses_read(c, answers, &wanted, type, out);
	if (result != DNS_FOUND)
		out->count = 0;
	return result;
}

/* stick_key.c - keys of stick tables: made of samples, and printed.
 *
 * What sample_cast() makes of numbers and addresses needs no memory, so it is asked without an exchange; texts are made here,
 * because keys come from the runtime socket too. A binary key is held without the zeros at its end: padded ones are then the same.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "gateway/table/stick_entry.h"

static const unsigned char v4_mapped[12] = { [10] = 0xff, [11] = 0xff };

static void key_take(struct stick_key *out, const void *bytes, size_t len)
{
	memcpy(out->space, bytes, len);
	out->bytes = slice_of(out->space, len);
}

static bool make_ip(const struct sample *from, struct stick_key *out)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&from->addr;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&from->addr;

	if (from->addr.ss_family == AF_INET)
		key_take(out, &in->sin_addr, sizeof(in->sin_addr));
	else if (from->addr.ss_family == AF_INET6 && memcmp(&in6->sin6_addr, v4_mapped, sizeof(v4_mapped)) == 0)
		key_take(out, (const char *)&in6->sin6_addr + sizeof(v4_mapped), 4);
	else
		return false;
	return true;
}

static bool make_ipv6(const struct sample *from, struct stick_key *out)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&from->addr;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&from->addr;
	char mapped[16];

	if (from->addr.ss_family == AF_INET6) {
		key_take(out, &in6->sin6_addr, sizeof(in6->sin6_addr));
		return true;
	}
	if (from->addr.ss_family != AF_INET)
		return false;
	memcpy(mapped, v4_mapped, sizeof(v4_mapped));
	memcpy(mapped + sizeof(v4_mapped), &in->sin_addr, 4);
	key_take(out, mapped, sizeof(mapped));
	return true;
}

/* 32 bits, as HAProxy keeps them. */
static bool make_integer(const struct sample *from, struct stick_key *out)
{
	uint32_t n = (uint32_t)from->integer;

	key_take(out, &n, sizeof(n));
	return true;
}

static bool take_address_text(const struct sample *from, struct stick_key *out)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&from->addr;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&from->addr;
	const void *address = from->addr.ss_family == AF_INET ? (const void *)&in->sin_addr : (const void *)&in6->sin6_addr;

	if (inet_ntop(from->addr.ss_family, address, out->space, sizeof(out->space)) == NULL)
		return false;
	out->bytes = slice_str(out->space);
	return true;
}

static bool make_string(const struct sample *from, struct stick_key *out)
{
	int64_t n = from->type == SAMPLE_BOOL ? from->boolean : from->integer;

	switch (from->type) {
	case SAMPLE_STR:
	case SAMPLE_METHOD:
		out->bytes = from->text;
		return true;
	case SAMPLE_BIN: /* up to a NUL, as sample_cast() makes it */
		out->bytes = slice_sub(from->text, 0, slice_find(from->text, '\0'));
		return true;
	case SAMPLE_ADDR:
		return take_address_text(from, out);
	case SAMPLE_BOOL:
	case SAMPLE_INT:
		out->bytes = slice_of(out->space, (size_t)snprintf(out->space, sizeof(out->space), "%" PRId64, n));
		return true;
	case SAMPLE_ANY:
		break;
	}
	return false;
}

/* A number is its eight bytes, the highest first. */
static void take_number(int64_t n, struct stick_key *out)
{
	for (int i = 0; i < 8; i++)
		out->space[i] = (char)((uint64_t)n >> (56 - 8 * i) & 0xff);
	out->bytes = slice_of(out->space, 8);
}

static bool make_binary(const struct sample *from, struct stick_key *out)
{
	switch (from->type) {
	case SAMPLE_STR:
	case SAMPLE_METHOD:
	case SAMPLE_BIN:
		out->bytes = from->text;
		return true;
	case SAMPLE_ADDR:
		return from->addr.ss_family == AF_INET ? make_ip(from, out) : make_ipv6(from, out);
	case SAMPLE_BOOL:
		take_number(from->boolean, out);
		return true;
	case SAMPLE_INT:
		take_number(from->integer, out);
		return true;
	case SAMPLE_ANY:
		break;
	}
	return false;
}

/* The address that a sample is. Addresses are mapped between the families, but a text must be one of the table's own. */
static bool address_of(const struct sample *from, sa_family_t family, struct sample *out)
{
	*out = *from;
	return sample_cast(NULL, out, SAMPLE_ADDR) && (from->type != SAMPLE_STR || out->addr.ss_family == family);
}

bool stick_key_make(const struct stick_options *o, const struct sample *from, struct stick_key *out)
{
	struct sample s;

	switch (o->type) {
	case STICK_IP:
		return address_of(from, AF_INET, &s) && make_ip(&s, out);
	case STICK_IPV6:
		return address_of(from, AF_INET6, &s) && make_ipv6(&s, out);
	case STICK_INTEGER:
		s = *from;
		return sample_cast(NULL, &s, SAMPLE_INT) && make_integer(&s, out);
	case STICK_STRING:
		if (!make_string(from, out))
			return false;
		out->bytes = slice_sub(out->bytes, 0, o->key_len);
		return true;
	case STICK_BINARY:
		if (!make_binary(from, out))
			return false;
		out->bytes = slice_sub(out->bytes, 0, o->key_len);
		while (out->bytes.len > 0 && out->bytes.ptr[out->bytes.len - 1] == '\0')
			out->bytes.len--;
		return true;
	}
	return false;
}

/* What could end the key in the line is escaped: spaces, '=', backslashes and whatever is not printable ASCII. */
static void print_text(struct slice text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		const char *short_form = c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : c == '\033' ? "\\e" : NULL;

		if (short_form != NULL)
			buf_add_str(out, short_form);
		else if (c == ' ' || c == '\\' || c == '=')
			buf_printf(out, "\\%c", c);
		else if (c > ' ' && c < 0x7f)
			buf_add_char(out, (char)c);
		else
			buf_printf(out, "\\x%02X", c);
	}
}

void stick_key_print(const struct stick_options *o, struct slice key, struct buf *out)
{
	char text[INET6_ADDRSTRLEN];
	uint32_t n;

	switch (o->type) {
	case STICK_IP:
		buf_add_str(out, inet_ntop(AF_INET, key.ptr, text, sizeof(text)));
		break;
	case STICK_IPV6:
		buf_add_str(out, inet_ntop(AF_INET6, key.ptr, text, sizeof(text)));
		break;
	case STICK_INTEGER:
		memcpy(&n, key.ptr, sizeof(n));
		buf_add_u64(out, n);
		break;
	case STICK_STRING:
		print_text(key, out);
		break;
	case STICK_BINARY:
		for (size_t i = 0; i < o->key_len; i++)
			buf_printf(out, "%02X", i < key.len ? (unsigned char)key.ptr[i] : 0);
		break;
	}
}

void stick_entry_key(const struct stick_table *t, const struct stick_entry *e, struct sample *out)
{
	struct slice key = stick_key_of(t, e);
	struct sockaddr_storage a = { .ss_family = t->options.type == STICK_IP ? AF_INET : AF_INET6 };
	uint32_t n;

	switch (t->options.type) {
	case STICK_IP:
		memcpy(&((struct sockaddr_in *)(void *)&a)->sin_addr, key.ptr, 4);
		(void)sample_set_addr(out, &a);
		break;
	case STICK_IPV6:
		memcpy(&((struct sockaddr_in6 *)(void *)&a)->sin6_addr, key.ptr, 16);
		(void)sample_set_addr(out, &a);
		break;
	case STICK_INTEGER:
		memcpy(&n, key.ptr, sizeof(n));
		(void)sample_set_int(out, n);
		break;
	case STICK_STRING:
		(void)sample_set_text(out, key);
		break;
	case STICK_BINARY:
		(void)sample_set_binary(out, key);
		break;
	}
}

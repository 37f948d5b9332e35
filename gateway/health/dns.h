/* dns.h - messages of the domain name system (RFC 1035), as far as asking for the addresses of a name needs them.
 *
 * What is read comes from the network: every length is checked, pointers in names only go backwards, and nothing is allocated. Pure.
 */
#ifndef MOA_GATEWAY_HEALTH_DNS_H
#define MOA_GATEWAY_HEALTH_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shared/base/slice.h"

#define DNS_PAYLOAD_LEAST 512     /* bytes that every answer may have; more is announced with EDNS (RFC 6891) */
#define DNS_QUESTION_MOST 288     /* header, name, type and class, EDNS record */
#define DNS_ADDRESSES_MOST 64     /* of one name; more are left out */

enum dns_type { DNS_A = 1, DNS_CNAME = 5, DNS_AAAA = 28, DNS_OPT = 41 };

struct dns_address {
	enum dns_type type; /* DNS_A: the first four bytes; DNS_AAAA: all */
	uint8_t bytes[16];
};

struct dns_addresses {
	unsigned count;
	struct dns_address list[DNS_ADDRESSES_MOST]; /* in the order of the answer, each once */
};

enum dns_result {
	DNS_FOUND,     /* at least one address */
	DNS_EMPTY,     /* the name exists, but no address of that type */
	DNS_NX,        /* no such name */
	DNS_REFUSED,
	DNS_TRUNCATED, /* does not fit into a datagram */
	DNS_FAILED,    /* the name server says that it cannot: SERVFAIL, FORMERR, NOTIMP, … */
	DNS_STRAY,     /* well-formed, but no answer to this question */
	DNS_INVALID,   /* malformed */
};

/* Whether a name can be asked for: labels of 1 to 63 bytes, 255 in all; a '.' at its end is allowed. */
bool dns_name_valid(struct slice name);
/* Writes a question into <out>; its length, or 0 when the name is not valid. <payload>: bytes that the answer may have. */
size_t dns_question_write(uint8_t out[DNS_QUESTION_MOST], uint16_t id, struct slice name, enum dns_type type, unsigned payload);

/* The id of a message; false when it is too short to be one. */
bool dns_id(struct slice message, uint16_t *id);
/* Reads the answer to that question; aliases (CNAME) are followed within it. <out> is filled for DNS_FOUND, else empty. */
enum dns_result dns_answer_read(struct slice message, uint16_t id, struct slice name, enum dns_type type, struct dns_addresses *out);

#endif

/* pattern_net.c - sets of addresses and networks: sorted, the finest first, searched by halves for each length of prefix there is.
 *
 * All are kept as IPv6, IPv4 as ::ffff:a.b.c.d, so that either kind of address meets either kind of network (manual, 7.1.6). There are at
 * most 129 lengths; a list has one to a few. IPv4 masks with holes ("255.0.255.0") stand in a list of their own, which is walked.
 */
#include "gateway/expr/pattern.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include "gateway/conf/parse.h"

#define MAPPED 96 /* bits in front of an IPv4 address */

struct net {
	uint8_t addr[16]; /* masked */
	uint8_t mask[16];
	unsigned bits;
	unsigned order;   /* in which they were added */
	bool four;        /* was written as IPv4 */
	struct net *next;
	struct pattern *pattern;
};

/* The nets of one length of prefix. */
struct group {
	unsigned bits;
	const struct net *first;
	unsigned count;
};

struct pattern_nets {
	struct net *added, *holed;
	unsigned count;
	struct group *groups;
	unsigned group_count;
};

struct pattern_nets *pattern_nets_create(struct parse *p)
{
	return arena_alloc(p->arena, sizeof(struct pattern_nets));
}

static void map_four(uint8_t out[16], const uint8_t four[4])
{
	memset(out, 0, 10);
	out[10] = out[11] = 0xFF;
	memcpy(out + 12, four, 4);
}

/* "192.168.0.1", or with zeros left out before the last number: "192.168.1", "127.1". */
static bool read_four(struct slice text, uint8_t out[4])
{
	unsigned n = 0;

	memset(out, 0, 4);
	while (text.ptr != NULL) {
		struct slice part = slice_cut(&text, '.');
		uint64_t value;

		if (n == 4 || !slice_to_u64(part, 255, &value))
			return false;
		if (text.ptr == NULL)
			n = 3; /* the last number is the last byte */
		out[n++] = (uint8_t)value;
	}
	return true;
}

static void mask_of_bits(uint8_t mask[16], unsigned bits)
{
	for (unsigned i = 0; i < 16; i++)
		mask[i] = bits >= 8 * (i + 1) ? 0xFF : bits <= 8 * i ? 0 : (uint8_t)(0xFF00 >> (bits - 8 * i));
}

/* The part behind '/': a number of bits, for IPv4 also a mask. */
static bool read_mask(struct slice text, struct net *n)
{
	unsigned most = n->four ? 32 : 128;
	uint8_t four[4], whole[16];
	uint64_t bits;

	if (slice_to_u64(text, most, &bits)) {
		n->bits = (unsigned)bits + 128 - most;
		mask_of_bits(n->mask, n->bits);
		return true;
	}
	if (!n->four || slice_find(text, '.') == text.len || !read_four(text, four)) /* "33" is no mask */
		return false;
	mask_of_bits(n->mask, MAPPED);
	memcpy(n->mask + 12, four, 4);
	for (n->bits = 128; n->bits > MAPPED; n->bits--) {
		mask_of_bits(whole, n->bits);
		if (memcmp(whole, n->mask, 16) == 0)
			return true;
	}
	mask_of_bits(whole, MAPPED);
	n->bits = memcmp(whole, n->mask, 16) == 0 ? MAPPED : UINT32_MAX; /* with holes */
	return true;
}

static bool read_net(struct slice word, struct net *n)
{
	struct slice rest = word, host = slice_cut(&rest, '/');
	uint8_t four[4];

	n->four = slice_find(host, ':') == host.len;
	if (n->four) {
		if (!read_four(host, four))
			return false;
		map_four(n->addr, four);
	} else {
		struct sockaddr_storage a;

		if (!sample_text_addr(host, &a))
			return false;
		memcpy(n->addr, &((struct sockaddr_in6 *)(void *)&a)->sin6_addr, 16);
	}
	if (!read_mask(rest.ptr == NULL ? n->four ? SLICE_LIT("32") : SLICE_LIT("128") : rest, n))
		return false;
	for (unsigned i = 0; i < 16; i++)
		n->addr[i] &= n->mask[i];
	return true;
}

bool pattern_nets_add(struct parse *p, struct pattern_nets *s, struct slice word, struct pattern *t)
{
	struct net *n = arena_alloc(p->arena, sizeof(*n));
	struct net **list;

	if (!read_net(word, n)) {
		parse_error(p, "'%.*s' is not a valid IPv4 or IPv6 address (names are not looked up here)", SLICE_ARG(word));
		return false;
	}
	n->pattern = t;
	n->order = s->count++;
	list = n->bits == UINT32_MAX ? &s->holed : &s->added;
	n->next = *list;
	*list = n;
	return true;
}

static int compare_nets(const void *left, const void *right)
{
	const struct net *a = left, *b = right;
	int by_addr;

	if (a->bits != b->bits)
		return a->bits > b->bits ? -1 : 1;
	by_addr = memcmp(a->addr, b->addr, 16);
	return by_addr != 0 ? by_addr : a->order < b->order ? -1 : 1;
}

void pattern_nets_sort(struct parse *p, struct pattern_nets *s)
{
	struct net *all = arena_alloc_array(p->arena, s->count + 1, sizeof(*all));
	unsigned n = 0, kept = 0;

	for (const struct net *at = s->added; at != NULL; at = at->next)
		all[n++] = *at;
	qsort(all, n, sizeof(*all), compare_nets);
	for (unsigned i = 0; i < n; i++) { /* of two that are the same the first one counts */
		if (kept == 0 || all[kept - 1].bits != all[i].bits || memcmp(all[kept - 1].addr, all[i].addr, 16) != 0)
			all[kept++] = all[i];
	}
	s->groups = arena_alloc_array(p->arena, 129, sizeof(*s->groups));
	for (unsigned i = 0; i < kept; i++) {
		if (s->group_count == 0 || s->groups[s->group_count - 1].bits != all[i].bits)
			s->groups[s->group_count++] = (struct group){ .bits = all[i].bits, .first = &all[i] };
		s->groups[s->group_count - 1].count++;
	}
}

static const struct net *find_in_group(const struct group *g, const uint8_t addr[16])
{
	unsigned low = 0, high = g->count;
	uint8_t mask[16], wanted[16];

	mask_of_bits(mask, g->bits);
	for (unsigned i = 0; i < 16; i++)
		wanted[i] = addr[i] & mask[i];
	while (low < high) {
		unsigned middle = (low + high) / 2;
		int order = memcmp(wanted, g->first[middle].addr, 16);

		if (order == 0)
			return &g->first[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static const struct pattern *find(const struct pattern_nets *s, const uint8_t addr[16], bool only_four)
{
	for (unsigned i = 0; i < s->group_count; i++) {
		const struct net *n = find_in_group(&s->groups[i], addr);

		if (n != NULL && (n->four || !only_four))
			return n->pattern;
	}
	for (const struct net *n = s->holed; n != NULL; n = n->next) {
		bool fits = true;

		for (unsigned i = 0; i < 16 && fits; i++)
			fits = (addr[i] & n->mask[i]) == n->addr[i];
		if (fits)
			return n->pattern;
	}
	return NULL;
}

const struct pattern *pattern_nets_find(const struct pattern_nets *s, const struct sockaddr_storage *a)
{
	static const uint8_t zeros[12];
	const struct pattern *found;
	uint8_t mapped[16];
	const uint8_t *six;

	if (a->ss_family == AF_INET) {
		map_four(mapped, (const uint8_t *)&((const struct sockaddr_in *)(const void *)a)->sin_addr);
		return find(s, mapped, false);
	}
	if (a->ss_family != AF_INET6)
		return NULL;
	six = ((const struct sockaddr_in6 *)(const void *)a)->sin6_addr.s6_addr;
	found = find(s, six, false);
	if (found != NULL)
		return found;
	/* an IPv4 address inside: ::a.b.c.d, or 2002:a.b:c.d:: of 6to4 */
	if (memcmp(six, zeros, 12) == 0)
		map_four(mapped, six + 12);
	else if (six[0] == 0x20 && six[1] == 0x02)
		map_four(mapped, six + 2);
	else
		return NULL;
	return find(s, mapped, true);
}

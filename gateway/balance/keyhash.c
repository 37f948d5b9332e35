/* keyhash.c - the hash functions of "hash-type". crc32 is shared/base/hash.h's. All arithmetic is modulo 2^32. */
#include "gateway/balance/keyhash.h"

/* Yigit's, of the data base library sdbm: h * 65599 + c. */
uint32_t keyhash_sdbm(struct slice key)
{
	uint32_t h = 0;

	for (size_t i = 0; i < key.len; i++)
		h = h * 65599 + (unsigned char)key.ptr[i];
	return h;
}

/* Bernstein's: h * 33 + c. */
uint32_t keyhash_djb2(struct slice key)
{
	uint32_t h = 5381;

	for (size_t i = 0; i < key.len; i++)
		h = h * 33 + (unsigned char)key.ptr[i];
	return h;
}

static uint32_t rotate_left(uint32_t n, unsigned by)
{
	return n << (by & 31) | n >> (-by & 31);
}

uint32_t keyhash_wt6(struct slice key)
{
	uint32_t a = 0xa53c965a, b = 0x5ca6953a, left;
	unsigned turn_a = 18, turn_b = 6;

	for (size_t i = 0; i < key.len; i++) {
		unsigned char c = (unsigned char)key.ptr[i];

		left = rotate_left(~(b + c), turn_b);
		b = rotate_left(~(a ^ c), turn_a);
		a = left;
		turn_b = (a >> 16 ^ b) & 31;
		turn_a = (a >> 16 ^ b) >> 11 & 31;
	}
	return a ^ b;
}

/* One of Jenkins' integer hashes (burtleburtle.net/bob/hash/integer.html); then times 3 * 2^30 + 1, which spreads small results over the
 * whole ring. */
uint32_t keyhash_avalanche(uint32_t n)
{
	n += 0x7ed55d16 + (n << 12);
	n ^= 0xc761c23c ^ n >> 19;
	n += 0x165667b1 + (n << 5);
	n = (n + 0xd3a2646c) ^ n << 9;
	n += 0xfd7046c5 + (n << 3);
	n ^= 0xb55a4f09 ^ n >> 16;
	return n * 0xc0000001;
}

/* sha.c - SHA-1, SHA-384 and SHA-512, written from FIPS 180-4. Words are named as there: h, w, k; its a to h are v[0] to v[7]. */
#include "gateway/expr/sha.h"

#include <stdint.h>
#include <string.h>

#define BLOCK_MAX 128 /* bytes of SHA-512's; SHA-1's are half as long */

/* Feeds <s> to <one_block>, and behind it 0x80, zeros and its length in bits, which fill the last block or two. */
static void feed(struct slice s, size_t block, void *h, void (*one_block)(void *h, const unsigned char *p))
{
	size_t whole = s.len - s.len % block, rest = s.len - whole, length_bytes = block / 8;
	size_t tail_len = rest + 1 + length_bytes <= block ? block : 2 * block;
	unsigned char tail[2 * BLOCK_MAX] = { 0 };

	for (size_t at = 0; at < whole; at += block)
		one_block(h, (const unsigned char *)s.ptr + at);
	if (rest > 0)
		memcpy(tail, s.ptr + whole, rest);
	tail[rest] = 0x80;
	for (unsigned i = 0; i < 8; i++)
		tail[tail_len - 1 - i] = (unsigned char)((uint64_t)s.len * 8 >> 8 * i);
	for (size_t at = 0; at < tail_len; at += block)
		one_block(h, tail + at);
}

/* ---- SHA-1 ---- */

static uint32_t turn_left(uint32_t x, int n)
{
	return x << n | x >> (32 - n);
}

/* f and K of round <t>. */
static uint32_t sha1_mix(int t, uint32_t b, uint32_t c, uint32_t d)
{
	if (t < 20)
		return ((b & c) ^ (~b & d)) + 0x5a827999;
	if (t < 40)
		return (b ^ c ^ d) + 0x6ed9eba1;
	if (t < 60)
		return ((b & c) ^ (b & d) ^ (c & d)) + 0x8f1bbcdc;
	return (b ^ c ^ d) + 0xca62c1d6;
}

static void sha1_block(void *state, const unsigned char *p)
{
	uint32_t *h = state, v[5], w[80];

	for (int t = 0; t < 16; t++)
		w[t] = (uint32_t)p[4 * t] << 24 | (uint32_t)p[4 * t + 1] << 16 | (uint32_t)p[4 * t + 2] << 8 | p[4 * t + 3];
	for (int t = 16; t < 80; t++)
		w[t] = turn_left(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
	memcpy(v, h, sizeof(v));
	for (int t = 0; t < 80; t++) {
		uint32_t next = turn_left(v[0], 5) + sha1_mix(t, v[1], v[2], v[3]) + v[4] + w[t];

		memmove(v + 1, v, 4 * sizeof(v[0]));
		v[0] = next;
		v[2] = turn_left(v[2], 30);
	}
	for (int i = 0; i < 5; i++)
		h[i] += v[i];
}

void sha_1(struct slice s, unsigned char out[SHA1_BYTES])
{
	uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };

	feed(s, BLOCK_MAX / 2, h, sha1_block);
	for (int i = 0; i < SHA1_BYTES; i++)
		out[i] = (unsigned char)(h[i / 4] >> (24 - 8 * (i % 4)));
}

/* ---- SHA-384 and SHA-512 ---- */

static const uint64_t k[80] = {
	0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538,
	0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe,
	0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235,
	0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
	0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5, 0x983e5152ee66dfab,
	0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725,
	0x06ca6351e003826f, 0x142929670a0e6e70, 0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed,
	0x53380d139d95b3df, 0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
	0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218,
	0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8, 0x19a4c116b8d2d0c8, 0x1e376c085141ab53,
	0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373,
	0x682e6ff3d6b2b8a3, 0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
	0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b, 0xca273eceea26619c,
	0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6,
	0x113f9804bef90dae, 0x1b710b35131c471b, 0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc,
	0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

static uint64_t turn_right(uint64_t x, int n)
{
	return x >> n | x << (64 - n);
}

static void sha512_schedule(const unsigned char *p, uint64_t w[80])
{
	for (int t = 0; t < 16; t++) {
		w[t] = 0;
		for (int i = 0; i < 8; i++)
			w[t] = w[t] << 8 | p[8 * t + i];
	}
	for (int t = 16; t < 80; t++) {
		uint64_t s0 = turn_right(w[t - 15], 1) ^ turn_right(w[t - 15], 8) ^ w[t - 15] >> 7;
		uint64_t s1 = turn_right(w[t - 2], 19) ^ turn_right(w[t - 2], 61) ^ w[t - 2] >> 6;

		w[t] = w[t - 16] + s0 + w[t - 7] + s1;
	}
}

static void sha512_block(void *state, const unsigned char *p)
{
	uint64_t *h = state, v[8], w[80];

	sha512_schedule(p, w);
	memcpy(v, h, sizeof(v));
	for (int t = 0; t < 80; t++) {
		uint64_t s1 = turn_right(v[4], 14) ^ turn_right(v[4], 18) ^ turn_right(v[4], 41);
		uint64_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
		uint64_t t1 = v[7] + s1 + choice + k[t] + w[t];
		uint64_t s0 = turn_right(v[0], 28) ^ turn_right(v[0], 34) ^ turn_right(v[0], 39);
		uint64_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);

		memmove(v + 1, v, 7 * sizeof(v[0]));
		v[4] += t1;
		v[0] = t1 + s0 + majority;
	}
	for (int i = 0; i < 8; i++)
		h[i] += v[i];
}

static void sha512_finish(struct slice s, uint64_t h[8], unsigned char *out, int bytes)
{
	feed(s, BLOCK_MAX, h, sha512_block);
	for (int i = 0; i < bytes; i++)
		out[i] = (unsigned char)(h[i / 8] >> (56 - 8 * (i % 8)));
}

void sha_384(struct slice s, unsigned char out[SHA384_BYTES])
{
	uint64_t h[8] = {
		0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939,
		0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4,
	};

	sha512_finish(s, h, out, SHA384_BYTES);
}

void sha_512(struct slice s, unsigned char out[SHA512_BYTES])
{
	uint64_t h[8] = {
		0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
		0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
	};

	sha512_finish(s, h, out, SHA512_BYTES);
}

/* conv_hash.c - converters that hash, and the comparison of secrets (manual, 7.3.1). */
#include "gateway/expr/tables.h"

#include "gateway/balance/keyhash.h"
#include "gateway/conf/parse.h"
#include "gateway/expr/arg.h"
#include "gateway/expr/sha.h"
#include "gateway/expr/var.h"
#include "gateway/expr/xxhash.h"
#include "gateway/session/exchange.h"
#include "shared/base/hash.h"

/* ---- short hashes: for keys of tables and for balancing ---- */

/* The polynomial of Castagnoli, 0x82F63B78 (RFC 4960, appendix B); half a byte a step, as hash_crc32(). */
static uint32_t crc32c(struct slice s)
{
	static const uint32_t table[16] = {
		0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
		0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9, 0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
	};
	uint32_t crc = 0xFFFFFFFF;

	for (size_t i = 0; i < s.len; i++) {
		crc ^= (unsigned char)s.ptr[i];
		crc = table[crc & 15] ^ (crc >> 4);
		crc = table[crc & 15] ^ (crc >> 4);
	}
	return ~crc;
}

enum { CRC32, CRC32C, DJB2, SDBM, WT6 };

static uint32_t hash(int which, struct slice s)
{
	switch (which) {
	case CRC32:
		return hash_crc32(s);
	case CRC32C:
		return crc32c(s);
	case DJB2:
		return keyhash_djb2(s);
	case SDBM:
		return keyhash_sdbm(s);
	default:
		return keyhash_wt6(s);
	}
}

static bool conv_hash_32(struct exchange *x, const struct args *a, struct sample *s)
{
	uint32_t h = hash(a->data, s->text);

	(void)x;
	return sample_set_int(s, a->at[0].number != 0 ? keyhash_avalanche(h) : h);
}

enum { XXH32, XXH64, XXH3 };

static bool conv_xxhash(struct exchange *x, const struct args *a, struct sample *s)
{
	uint64_t seed = (uint64_t)a->at[0].number;

	(void)x;
	if (a->data == XXH32)
		return sample_set_int(s, xxhash_32(s->text, (uint32_t)seed));
	return sample_set_int(s, (int64_t)(a->data == XXH64 ? xxhash_64(s->text, seed) : xxhash_3(s->text, seed)));
}

/* ---- digests ---- */

static bool set_digest(struct exchange *x, struct sample *s, const unsigned char *digest, size_t bytes)
{
	return sample_set_binary(s, arena_copy(x->arena, slice_of((const char *)digest, bytes)));
}

static bool conv_sha1(struct exchange *x, const struct args *a, struct sample *s)
{
	unsigned char digest[SHA1_BYTES];

	(void)a;
	sha_1(s->text, digest);
	return set_digest(x, s, digest, sizeof(digest));
}

static bool conv_sha2(struct exchange *x, const struct args *a, struct sample *s)
{
	unsigned char digest[SHA512_BYTES];

	switch (a->at[0].number) {
	case 224:
		hash_sha224(s->text, digest);
		break;
	case 256:
		hash_sha256(s->text, digest);
		break;
	case 384:
		sha_384(s->text, digest);
		break;
	default:
		sha_512(s->text, digest);
	}
	return set_digest(x, s, digest, (size_t)a->at[0].number / 8);
}

static bool check_sha2(struct parse *p, struct args *a)
{
	struct arg *bits = &a->at[0];

	if (!bits->given)
		bits->number = 256;
	if (bits->number == 224 || bits->number == 256 || bits->number == 384 || bits->number == 512)
		return true;
	parse_error(p, "converter 'sha2' : there are 224, 256, 384 and 512 bits, not '%s'", bits->text.ptr);
	return false;
}

/* Takes the same time whether they differ at the first byte or at the last; their lengths are no secret. */
static bool conv_secure_memcmp(struct exchange *x, const struct args *a, struct sample *s)
{
	struct sample other;
	unsigned char differs = 0;

	if (!var_get(x, a->at[0].var, &other) || !sample_cast(x, &other, SAMPLE_BIN))
		return false;
	if (other.text.len != s->text.len)
		return sample_set_bool(s, false);
	for (size_t i = 0; i < s->text.len; i++)
		differs |= (unsigned char)(s->text.ptr[i] ^ other.text.ptr[i]);
	return sample_set_bool(s, differs == 0);
}

#define HASH .args = "|i", .from = SAMPLE_BIN, .to = SAMPLE_INT

const struct converter conv_hash[] = {
	{ .name = "crc32", HASH, .convert = conv_hash_32, .data = CRC32 },
	{ .name = "crc32c", HASH, .convert = conv_hash_32, .data = CRC32C },
	{ .name = "djb2", HASH, .convert = conv_hash_32, .data = DJB2 },
	{ .name = "sdbm", HASH, .convert = conv_hash_32, .data = SDBM },
	{ .name = "wt6", HASH, .convert = conv_hash_32, .data = WT6 },
	{ .name = "xxh32", HASH, .convert = conv_xxhash, .data = XXH32 },
	{ .name = "xxh64", HASH, .convert = conv_xxhash, .data = XXH64 },
	{ .name = "xxh3", HASH, .convert = conv_xxhash, .data = XXH3 },
	{ .name = "sha1", .from = SAMPLE_BIN, .to = SAMPLE_BIN, .convert = conv_sha1 },
	{ .name = "sha2", .args = "|i", .from = SAMPLE_BIN, .to = SAMPLE_BIN, .convert = conv_sha2, .check = check_sha2 },
	{ .name = "secure_memcmp", .args = "v", .from = SAMPLE_BIN, .to = SAMPLE_BOOL, .convert = conv_secure_memcmp },
	{ .name = NULL },
};

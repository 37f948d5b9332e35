/* sha.h - SHA-1, SHA-384 and SHA-512 (FIPS 180-4); SHA-224 and SHA-256 are shared/base/hash.h's. */
#ifndef MOA_GATEWAY_EXPR_SHA_H
#define MOA_GATEWAY_EXPR_SHA_H

#include "shared/base/slice.h"

#define SHA1_BYTES 20
#define SHA384_BYTES 48
#define SHA512_BYTES 64

void sha_1(struct slice s, unsigned char out[SHA1_BYTES]);
void sha_384(struct slice s, unsigned char out[SHA384_BYTES]);
void sha_512(struct slice s, unsigned char out[SHA512_BYTES]);

#endif

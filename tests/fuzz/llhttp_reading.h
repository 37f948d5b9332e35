/* llhttp_reading.h - a message as llhttp reads it: for comparing; apart, because its names are ours as well. */
#ifndef MOA_TESTS_FUZZ_LLHTTP_READING_H
#define MOA_TESTS_FUZZ_LLHTTP_READING_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/slice.h"

#define LLHTTP_FIELDS 64

/* Bytes that came in pieces. */
struct gathered {
	char *ptr;
	size_t len;
};

enum llhttp_outcome {
	LLHTTP_ENDED,   /* a whole message: <used> says where it ends */
	LLHTTP_UNENDED, /* more bytes are needed */
	LLHTTP_REFUSED,
};

struct llhttp_reading {
	enum llhttp_outcome outcome;
	const char *reason; /* why it is refused; else "" */
	size_t used;
	bool head_complete;
	bool ended_at_close; /* it was unended, and the end of the connection ends it */
	struct gathered target, body;
	struct gathered names[LLHTTP_FIELDS], values[LLHTTP_FIELDS]; /* without trailer fields */
	unsigned count;
	int status;
	const char *method;
	unsigned minor;
};

void gather(struct gathered *g, const char *at, size_t len);
struct slice gathered(const struct gathered *g);

/* Reads one message; to be ended by llhttp_reading_end(). */
void llhttp_read(struct llhttp_reading *r, struct slice in, bool response);
void llhttp_reading_end(struct llhttp_reading *r);
/* Whether it is one of the methods that llhttp knows. */
bool llhttp_knows_method(struct slice method);

#endif

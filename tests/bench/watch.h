/* watch.h - sees changes in a Redis with the least delay: client tracking tells which key changed, and a read shows its fields.
 *
 * A problem with the connection ends the program: a benchmark without its watcher measures nothing. One thread.
 */
#ifndef MOA_BENCH_WATCH_H
#define MOA_BENCH_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/slice.h"

#define WATCH_FIELDS_MAX 64
#define WATCH_READS_MAX 4096

/* Called inside watch_receive(). */
struct watch_calls {
	void *ctx;
	void (*changed)(void *ctx, struct slice key);                        /* of the view, or of the probe */
	void (*value)(void *ctx, size_t tag, uint32_t field, bool live); /* one for each field of a read */
};

struct watch_read {
	size_t tag;
	size_t count;
	uint32_t fields[WATCH_FIELDS_MAX];
};

struct watch {
	int fd;
	int probe_fd;            /* a second connection, that makes changes to be seen */
	bool probed;             /* the change was told of */
	struct watch_calls calls;
	struct watch_read reads[WATCH_READS_MAX]; /* asked and not answered: a ring */
	size_t first, waiting;
	size_t got;
	char bytes[1 << 18];
};

/* A connection to 127.0.0.1:<port> with Nagle's algorithm off. */
int watch_connect(uint16_t port);
/* Watches the keys of view <domain>, all partitions. */
void watch_open(struct watch *w, uint16_t port, const char *domain, struct watch_calls calls);
/* Asks for fields of the hash <key>; <tag> comes back with each value. */
void watch_read(struct watch *w, size_t tag, struct slice key, const uint32_t *fields, size_t count);
bool watch_reading(const struct watch *w);
/* Reads what has arrived, waiting for at least something. */
void watch_receive(struct watch *w);
/* Makes a change and waits until it was told of and read; in microseconds. Nothing else may be awaited. */
int64_t watch_probe(struct watch *w);

#endif

/* spool.h - a local append-only queue of records in segment files, that survives kill -9 and a full disk.
 *
 * Directory <dir>: files named by a rising number. Each record is one write(): length, CRC-32, payload. A torn or damaged record ends
 * its segment (counted). The reader's position is not stored: whole segments are deleted after
 * delivery, so records may be delivered twice (they carry an id) and are never lost, except that, when the spool is full
 * (<max_bytes>), its oldest segment goes, counted. Segments of an earlier process are read first. A directory
 * is used by one process at a time (flock). No fsync: kill -9 of the process is survived, a crash of the machine may lose the last second.
 */
#ifndef MOA_IO_SPOOL_H
#define MOA_IO_SPOOL_H

#include <stddef.h>
#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/err.h"
#include "shared/base/slice.h"

struct spool;

struct spool_options {
	const char *dir;        /* made if it is not there (parents too) */
	uint64_t segment_bytes; /* a new file from here on */
	uint64_t max_bytes;     /* of all segments */
};

struct spool_stats {
	uint64_t bytes;         /* on disk */
	uint64_t records;       /* appended and not yet acknowledged */
	uint64_t dropped;       /* records lost with the oldest segment, since start */
	bool overflowing;       /* it was at <max_bytes> and dropped records; until all that is left is delivered */
	uint64_t damaged;       /* torn or damaged places met, since start */
	uint64_t append_errors; /* ENOSPC and the like, since start */
	int last_errno;         /* of the last failed append; 0 when the last one succeeded */
};

/* ERR_CONFLICT: another process has it. ERR_FULL / ERR_INTERNAL: errno is logged. */
enum err MUST_CHECK spool_open(const struct spool_options *o, struct spool **s);
void spool_close(struct spool **s);
/* Appends one record (at most 64 KiB: ERR_TOO_LARGE). Any thread. ERR_FULL: the disk is full; ERR_INTERNAL: another error of the file
 * system. Nothing of the record stays then, and the next call tries anew. */
enum err MUST_CHECK spool_append(struct spool *s, struct slice record);

/* The reader (one thread): copies up to <max> records that follow the ones read before into <arena>; *count 0: nothing new.
 * Waits up to <timeout_ms> for a first one. */
enum err MUST_CHECK spool_read(struct spool *s, struct arena *arena, struct slice *records, size_t max, size_t *count, int timeout_ms);
/* Everything read so far was delivered: finished segments are deleted. */
void spool_ack(struct spool *s);
/* Nothing since the last ack was delivered: read it again. */
void spool_rewind(struct spool *s);
void spool_stats_get(const struct spool *s, struct spool_stats *out);

#endif

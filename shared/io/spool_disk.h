/* spool_disk.h - how a spool lies on disk: records, segment files, directory and lock. Used by spool.c only; no state.
 *
 * A record: u32 length, u32 CRC-32 of the payload XOR a magic number (little-endian), payload. The magic
 * number keeps a run of zeros, as some file systems leave after a crash, from being a run of empty records.
 */
#ifndef MOA_IO_SPOOL_DISK_H
#define MOA_IO_SPOOL_DISK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "shared/base/err.h"
#include "shared/base/slice.h"

#define SPOOL_RECORD_MAX 65536 /* payload */
#define SPOOL_HEADER_BYTES 8
#define SPOOL_CHUNK_BYTES (2 * (SPOOL_RECORD_MAX + SPOOL_HEADER_BYTES)) /* read at once: any record fits */

/* ERR_FULL for an errno that speaks of room, else ERR_INTERNAL. */
enum err spool_disk_err(int error);

/* "<dir>/<number in 16 digits>". False: too long. */
bool spool_disk_path(const char *dir, uint64_t number, char path[PATH_MAX]);
/* Numbers of the segment files in <dir>, rising; freed with free(). Returns how many, -1: errno. */
ssize_t spool_disk_list(const char *dir, uint64_t **numbers);

/* Makes <dir> and its parents and locks it: *lock_fd (-1 or an earlier lock) is replaced. Returns 0 or errno;
 * EWOULDBLOCK: another process has it. */
int spool_disk_take(const char *dir, int *lock_fd);
/* Whether the file behind <fd> has no name any more. */
bool spool_disk_is_unlinked(int fd);

/* Makes segment file <number> for appending. When the directory was deleted or moved away it is made, and locked, again.
 * Returns 0 or errno. */
int spool_disk_create(const char *dir, uint64_t number, int *lock_fd, int *fd);
/* Appends one record with one system call. Returns 0 or errno; *written: bytes that went out all the same. */
int spool_disk_write(int fd, struct slice record, size_t *written);
/* Reads <len> bytes at <offset>, less only at the end of the file. -1: errno. */
ssize_t spool_disk_read(int fd, char *to, size_t len, uint64_t offset);
/* The record at <bytes>, borrowed. False: what is there is no whole, sound record. */
bool spool_disk_record(const char *bytes, size_t available, struct slice *payload);

struct spool_scan {
	uint64_t size;    /* of the file */
	uint64_t end;     /* of its sound records; less than size when the rest is torn or damaged */
	uint64_t records; /* up to there */
};
/* Reads a whole segment; <chunk> has SPOOL_CHUNK_BYTES. Returns 0 or errno. */
int spool_disk_scan(const char *path, char *chunk, struct spool_scan *out);

#endif

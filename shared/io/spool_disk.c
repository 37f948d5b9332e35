/* spool_disk.c - how a spool lies on disk: records, segment files, directory and lock. */
#include "shared/io/spool_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include "shared/base/hash.h"

#define MAGIC 0x6d6f6131u /* "moa1" */
#define NAME_DIGITS 16

static void put_u32(unsigned char *at, uint32_t n)
{
	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(n >> 8 * i);
}

static uint32_t get_u32(const char *at)
{
	uint32_t n = 0;

	for (int i = 3; i >= 0; i--)
		n = n << 8 | (unsigned char)at[i];
	return n;
}

enum err spool_disk_err(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG ? ERR_FULL : ERR_INTERNAL;
}

bool spool_disk_path(const char *dir, uint64_t number, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/%0*" PRIu64, dir, NAME_DIGITS, number);

	return n > 0 && n < PATH_MAX;
}

static int is_segment(const struct dirent *entry)
{
	return strlen(entry->d_name) == NAME_DIGITS && strspn(entry->d_name, "0123456789") == NAME_DIGITS;
}

ssize_t spool_disk_list(const char *dir, uint64_t **numbers)
{
	struct dirent **names;
	int count = scandir(dir, &names, is_segment, alphasort);

	*numbers = NULL;
	if (count < 0)
		return -1;
	*numbers = calloc((size_t)count + 1, sizeof(**numbers));
	for (int i = 0; i < count; i++) {
		if (*numbers != NULL)
			(*numbers)[i] = strtoull(names[i]->d_name, NULL, 10);
		free(names[i]);
	}
	free(names);
	return *numbers == NULL ? -1 : count;
}

/* mkdir -p. Returns 0 or errno. */
static int make_dirs(const char *dir)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s", dir);

	if (n <= 0)
		return EINVAL;
	if (n >= PATH_MAX)
		return ENAMETOOLONG;
	for (char *at = path + 1;; at++) {
		bool last = *at == '\0';

		if (*at != '/' && !last)
			continue;
		*at = '\0';
		if (mkdir(path, 0750) != 0 && errno != EEXIST)
			return errno;
		if (last)
			return 0;
		*at = '/';
	}
}

int spool_disk_take(const char *dir, int *lock_fd)
{
	char path[PATH_MAX];
	int error = make_dirs(dir);
	int n = snprintf(path, sizeof(path), "%s/lock", dir);
	int fd;

	if (error != 0)
		return error;
	if (n >= PATH_MAX)
		return ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return errno;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		error = errno;
		close(fd);
		return error;
	}
	if (*lock_fd >= 0)
		close(*lock_fd);
	*lock_fd = fd;
	return 0;
}

bool spool_disk_is_unlinked(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

int spool_disk_create(const char *dir, uint64_t number, int *lock_fd, int *fd)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC;
	int error = spool_disk_is_unlinked(*lock_fd) ? spool_disk_take(dir, lock_fd) : 0;
	char path[PATH_MAX];

	*fd = -1;
	if (error == 0 && !spool_disk_path(dir, number, path))
		error = ENAMETOOLONG;
	if (error == 0)
		*fd = open(path, flags, 0640);
	if (error == 0 && *fd < 0)
		error = errno;
	if (error != ENOENT)
		return error;
	error = spool_disk_take(dir, lock_fd); /* moved away: its lock file still has a name */
	if (error == 0)
		*fd = open(path, flags, 0640);
	return error == 0 && *fd < 0 ? errno : error;
}

int spool_disk_write(int fd, struct slice record, size_t *written)
{
	unsigned char header[SPOOL_HEADER_BYTES];
	struct iovec parts[2] = { { header, sizeof(header) }, { (void *)(uintptr_t)record.ptr, record.len } };
	ssize_t n;

	put_u32(header, (uint32_t)record.len);
	put_u32(header + 4, hash_crc32(record) ^ MAGIC);
	do
		n = writev(fd, parts, 2);
	while (n < 0 && errno == EINTR);
	*written = n < 0 ? 0 : (size_t)n;
	if (n < 0)
		return errno;
	/* A file that takes a part of a record only does so for lack of room. */
	return *written == sizeof(header) + record.len ? 0 : ENOSPC;
}

ssize_t spool_disk_read(int fd, char *to, size_t len, uint64_t offset)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, to + got, len - got, (off_t)(offset + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

bool spool_disk_record(const char *bytes, size_t available, struct slice *payload)
{
	uint32_t len;

	if (available < SPOOL_HEADER_BYTES)
		return false;
	len = get_u32(bytes);
	if (len > SPOOL_RECORD_MAX || len > available - SPOOL_HEADER_BYTES)
		return false;
	*payload = slice_of(bytes + SPOOL_HEADER_BYTES, len);
	return (hash_crc32(*payload) ^ MAGIC) == get_u32(bytes + 4);
}

int spool_disk_scan(const char *path, char *chunk, struct spool_scan *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct slice payload;
	struct stat st;
	int error = 0;
	ssize_t got;

	*out = (struct spool_scan){ 0 };
	if (fd < 0)
		return errno;
	while ((got = spool_disk_read(fd, chunk, SPOOL_CHUNK_BYTES, out->end)) > 0) {
		size_t at = 0;

		while (spool_disk_record(chunk + at, (size_t)got - at, &payload)) {
			at += SPOOL_HEADER_BYTES + payload.len;
			out->records++;
		}
		out->end += at;
		if (at == 0)
			break;
	}
	if (got < 0 || fstat(fd, &st) != 0)
		error = errno;
	else
		out->size = (uint64_t)st.st_size;
	close(fd);
	return error;
}

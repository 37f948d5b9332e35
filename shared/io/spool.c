/* spool.c - a local append-only queue of records in segment files, that survives kill -9 and a full disk.
 *
 * Each segment knows how many of its records were read and acknowledged. A record is in one of these states:
 * unread, in flight (read, not acknowledged), gone. The segment of one in flight may be dropped: it is an orphan then,
 * and only a rewind makes it a loss.
 *
 * One lock guards all but the reader's file and buffer, which belong to the reading thread: it reads without
 * the lock, then takes the lock and looks whether the segment is still there.
 */
#include "shared/io/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "shared/base/clock.h"
#include "shared/base/cond.h"
#include "shared/base/log.h"
#include "shared/io/spool_disk.h"

#define LOG_PERIOD_MS 10000

struct segment {
	struct segment *next;
	uint64_t number;
	uint64_t size;    /* of the file */
	uint64_t end;     /* of what is sound in it, at most size */
	uint64_t records; /* up to end */
	uint64_t read;    /* of these, and the offset behind them */
	uint64_t read_end;
	uint64_t acked;
	uint64_t acked_end;
};

struct spool {
	struct spool_options options;
	char *dir;
	int lock_fd;

	pthread_mutex_t lock;
	pthread_cond_t more; /* unread grew */
	struct segment *head; /* oldest */
	struct segment *tail;
	int write_fd; /* of tail, or -1: the next append begins a segment */
	uint64_t next_number;
	uint64_t unread;
	uint64_t in_flight;
	uint64_t orphans; /* those in flight whose segment is gone */
	struct spool_stats stats;
	int64_t logged_us;

	int reader_fd; /* the reading thread's own */
	uint64_t reader_number;
	char *chunk;
};

/* ---- segments (under the lock) ---- */

static struct segment *segment_add(struct spool *s, uint64_t number)
{
	struct segment *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->number = number;
	if (s->tail == NULL)
		s->head = g;
	else
		s->tail->next = g;
	s->tail = g;
	return g;
}

static void stop_writing(struct spool *s)
{
	if (s->write_fd >= 0)
		close(s->write_fd);
	s->write_fd = -1;
}

/* Takes <g> out of the list, and its file away. Counters are the caller's. */
static void segment_remove(struct spool *s, struct segment *g)
{
	struct segment **link = &s->head;
	struct segment *before = NULL;
	char path[PATH_MAX];

	for (; *link != g; link = &before->next)
		before = *link;
	*link = g->next;
	if (g == s->tail) {
		stop_writing(s);
		s->tail = before;
	}
	if (spool_disk_path(s->dir, g->number, path) && unlink(path) != 0 && errno != ENOENT)
		log_error("spool.unlink", "path=%s errno=%d", path, errno);
	s->stats.bytes -= g->size;
	free(g);
}

/* The records of <g> are lost: the spool is full, or somebody deleted the file. */
static void segment_drop(struct spool *s, struct segment *g, const char *why)
{
	uint64_t lost = g->records - g->read;

	s->stats.dropped += lost;
	s->unread -= lost;
	s->orphans += g->read - g->acked;
	log_warn("spool.dropped", "dir=%s segment=%" PRIu64 " records=%" PRIu64 " why=%s", s->dir, g->number, lost, why);
	segment_remove(s, g);
}

static void overflow(struct spool *s)
{
	s->stats.overflowing = true;
	segment_drop(s, s->head, "full");
}

/* What follows the records read so far in <g> does not decode. */
static void segment_cut(struct spool *s, struct segment *g)
{
	s->stats.damaged++;
	log_warn("spool.damaged", "dir=%s segment=%" PRIu64 " offset=%" PRIu64 " records=%" PRIu64, s->dir, g->number,
		 g->read_end, g->records - g->read);
	s->unread -= g->records - g->read;
	g->records = g->read;
	g->end = g->read_end;
	if (g == s->tail)
		stop_writing(s);
}

static enum err begin_segment(struct spool *s)
{
	char path[PATH_MAX];
	int error;
	int fd;

	stop_writing(s);
	while ((error = spool_disk_create(s->dir, s->next_number, &s->lock_fd, &fd)) == EEXIST)
		s->next_number++; /* somebody put a file there; it is read after the next start */
	if (error != 0) {
		s->stats.last_errno = error;
		return spool_disk_err(error);
	}
	if (segment_add(s, s->next_number) == NULL) {
		close(fd);
		if (spool_disk_path(s->dir, s->next_number, path))
			unlink(path);
		return ERR_NO_MEMORY;
	}
	s->next_number++;
	s->write_fd = fd;
	return ERR_OK;
}

/* ---- open and close ---- */

/* A segment that an earlier process left. */
static enum err load_segment(struct spool *s, uint64_t number)
{
	struct segment *g = segment_add(s, number);
	struct spool_scan scan;
	char path[PATH_MAX];
	int error;

	if (g == NULL)
		return ERR_NO_MEMORY;
	error = spool_disk_path(s->dir, number, path) ? spool_disk_scan(path, s->chunk, &scan) : ENAMETOOLONG;
	if (error != 0) {
		log_error("spool.load", "path=%s errno=%d", path, error);
		return ERR_INTERNAL;
	}
	g->size = scan.size;
	g->end = scan.end;
	g->records = scan.records;
	s->unread += scan.records;
	s->stats.bytes += scan.size;
	s->next_number = number + 1;
	if (scan.end < scan.size) {
		s->stats.damaged++;
		log_warn("spool.damaged", "path=%s offset=%" PRIu64 " size=%" PRIu64, path, scan.end, scan.size);
	}
	if (scan.records == 0)
		segment_remove(s, g);
	return ERR_OK;
}

static enum err load_segments(struct spool *s)
{
	uint64_t *numbers;
	ssize_t count = spool_disk_list(s->dir, &numbers);
	enum err e = count < 0 ? ERR_INTERNAL : ERR_OK;

	for (ssize_t i = 0; i < count && e == ERR_OK; i++)
		e = load_segment(s, numbers[i]);
	free(numbers);
	return e;
}

static void init_sync(struct spool *s)
{
	pthread_mutex_init(&s->lock, NULL);
	cond_create(&s->more);
}

static void destroy(struct spool *s)
{
	while (s->head != NULL) {
		struct segment *g = s->head;

		s->head = g->next;
		free(g);
	}
	stop_writing(s);
	if (s->reader_fd >= 0)
		close(s->reader_fd);
	if (s->lock_fd >= 0)
		close(s->lock_fd); /* gives the lock back */
	pthread_cond_destroy(&s->more);
	pthread_mutex_destroy(&s->lock);
	free(s->chunk);
	free(s->dir);
	free(s);
}

enum err spool_open(const struct spool_options *o, struct spool **out)
{
	struct spool *s = calloc(1, sizeof(*s));
	enum err e = ERR_OK;
	int error;

	*out = NULL;
	if (s == NULL)
		return ERR_NO_MEMORY;
	s->options = *o;
	/* Dropping the oldest segment must leave the newer half. */
	if (s->options.segment_bytes > o->max_bytes / 2)
		s->options.segment_bytes = o->max_bytes / 2;
	s->dir = strdup(o->dir);
	s->chunk = malloc(SPOOL_CHUNK_BYTES);
	s->lock_fd = s->write_fd = s->reader_fd = -1;
	s->next_number = 1;
	init_sync(s);
	if (s->dir == NULL || s->chunk == NULL) {
		destroy(s);
		return ERR_NO_MEMORY;
	}
	error = spool_disk_take(s->dir, &s->lock_fd);
	if (error != 0) {
		log_error("spool.open", "dir=%s errno=%d", o->dir, error);
		e = error == EWOULDBLOCK ? ERR_CONFLICT : spool_disk_err(error);
	} else {
		e = load_segments(s);
	}
	if (e != ERR_OK) {
		destroy(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

void spool_close(struct spool **sp)
{
	struct spool *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	/* The last segment is delivered too: the next process need not deliver it again. */
	if (s->tail != NULL && s->tail->acked == s->tail->records)
		segment_remove(s, s->tail);
	destroy(s);
}

/* ---- append ---- */

/* Returns 0 or errno; a part of a record that went out is taken back. */
static int write_record(struct spool *s, struct slice record)
{
	struct segment *g = s->tail;
	size_t written;
	int error = spool_disk_write(s->write_fd, record, &written);

	if (error == 0) {
		g->size = g->end += written;
		g->records++;
		s->unread++;
		s->stats.bytes += written;
	} else if (written > 0 && ftruncate(s->write_fd, (off_t)g->end) != 0) {
		/* It ends the segment then: a later process meets it as damage. */
		stop_writing(s);
	}
	return error;
}

static enum err append_locked(struct spool *s, struct slice record)
{
	uint64_t need = SPOOL_HEADER_BYTES + record.len;
	enum err e = ERR_OK;

	if (s->write_fd >= 0 && spool_disk_is_unlinked(s->write_fd)) /* writing would succeed, into nowhere */
		segment_drop(s, s->tail, "deleted");
	while (s->head != NULL && s->stats.bytes + need > s->options.max_bytes)
		overflow(s);
	if (s->write_fd < 0 || s->tail->end >= s->options.segment_bytes)
		e = begin_segment(s);
	if (e != ERR_OK)
		return e;
	s->stats.last_errno = write_record(s, record);
	return s->stats.last_errno == 0 ? ERR_OK : spool_disk_err(s->stats.last_errno);
}

enum err spool_append(struct spool *s, struct slice record)
{
	enum err e;

	if (record.len > SPOOL_RECORD_MAX || SPOOL_HEADER_BYTES + record.len > s->options.max_bytes)
		return ERR_TOO_LARGE;
	pthread_mutex_lock(&s->lock);
	e = append_locked(s, record);
	if (e == ERR_OK) {
		pthread_cond_signal(&s->more);
	} else {
		s->stats.append_errors++;
		if (log_every(&s->logged_us, LOG_PERIOD_MS))
			log_error("spool.append", "dir=%s err=%s errno=%d errors=%" PRIu64, s->dir, err_name(e),
				  s->stats.last_errno, s->stats.append_errors);
	}
	pthread_mutex_unlock(&s->lock);
	return e;
}

/* ---- read ---- */

static struct segment *first_unread(const struct spool *s)
{
	struct segment *g = s->head;

	while (g != NULL && g->read == g->records)
		g = g->next;
	return g;
}

static struct segment *find_segment(const struct spool *s, uint64_t number)
{
	struct segment *g = s->head;

	while (g != NULL && g->number != number)
		g = g->next;
	return g;
}

static void wait_unread(struct spool *s, int timeout_ms)
{
	int64_t deadline_us = clock_mono_us() + (int64_t)timeout_ms * 1000;

	while (s->unread == 0 && cond_wait_until(&s->more, &s->lock, deadline_us))
		;
}

/* What one look into a segment gave. */
struct look {
	size_t count;
	uint64_t bytes; /* of these records in the file */
	bool damaged;   /* behind them */
	bool deleted;
	bool no_memory; /* the arena is full */
};

/* Without the lock. Reads records of <g>, a copy, into <records>. */
static enum err look_into(struct spool *s, const struct segment *g, struct arena *arena, struct slice *records, size_t max,
			  struct look *look)
{
	uint64_t want = g->end - g->read_end < SPOOL_CHUNK_BYTES ? g->end - g->read_end : SPOOL_CHUNK_BYTES;
	char path[PATH_MAX];
	struct slice payload;
	ssize_t got;

	*look = (struct look){ 0 };
	if (s->reader_fd < 0 || s->reader_number != g->number) {
		if (s->reader_fd >= 0)
			close(s->reader_fd);
		s->reader_number = g->number;
		s->reader_fd = spool_disk_path(s->dir, g->number, path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		look->deleted = s->reader_fd < 0 && errno == ENOENT;
		if (s->reader_fd < 0)
			return look->deleted ? ERR_OK : ERR_INTERNAL;
	}
	got = spool_disk_read(s->reader_fd, s->chunk, want, g->read_end);
	if (got < 0)
		return ERR_INTERNAL;
	while (look->count < max && spool_disk_record(s->chunk + look->bytes, (size_t)got - look->bytes, &payload)) {
		records[look->count] = arena_copy(arena, payload);
		look->no_memory = records[look->count].ptr == NULL;
		if (look->no_memory)
			break;
		look->count++;
		look->bytes += SPOOL_HEADER_BYTES + payload.len;
	}
	look->damaged = look->count == 0 && !look->no_memory;
	return ERR_OK;
}

/* Takes what was seen into the books, unless the segment is gone by now: then it counts as lost already. */
static void commit_look(struct spool *s, uint64_t number, struct look *look)
{
	struct segment *g = find_segment(s, number);

	if (g == NULL) {
		look->count = 0;
		return;
	}
	g->read += look->count;
	g->read_end += look->bytes;
	s->unread -= look->count;
	s->in_flight += look->count;
	if (look->deleted)
		segment_drop(s, g, "deleted");
	else if (look->damaged)
		segment_cut(s, g);
}

enum err spool_read(struct spool *s, struct arena *arena, struct slice *records, size_t max, size_t *count, int timeout_ms)
{
	struct look look = { 0 };
	struct segment *g;
	enum err e = ERR_OK;

	*count = 0;
	pthread_mutex_lock(&s->lock);
	wait_unread(s, timeout_ms);
	while (e == ERR_OK && !look.no_memory && *count < max && (g = first_unread(s)) != NULL) {
		struct segment copy = *g;

		pthread_mutex_unlock(&s->lock);
		e = look_into(s, &copy, arena, records + *count, max - *count, &look);
		pthread_mutex_lock(&s->lock);
		if (e == ERR_OK)
			commit_look(s, copy.number, &look);
		*count += look.count;
	}
	pthread_mutex_unlock(&s->lock);
	if (*count > 0)
		return ERR_OK; /* an error, if it stays, comes with the next call */
	return e == ERR_OK && look.no_memory ? ERR_NO_MEMORY : e;
}

void spool_ack(struct spool *s)
{
	struct segment *next;

	pthread_mutex_lock(&s->lock);
	for (struct segment *g = s->head; g != NULL; g = next) {
		next = g->next;
		g->acked = g->read;
		g->acked_end = g->read_end;
		if (g->acked == g->records && (g != s->tail || s->write_fd < 0))
			segment_remove(s, g);
	}
	s->in_flight = 0;
	s->orphans = 0;
	s->stats.overflowing = s->stats.overflowing && s->unread > 0;
	if (s->reader_fd >= 0 && find_segment(s, s->reader_number) == NULL) { /* a deleted file takes room as long as it is open */
		close(s->reader_fd);
		s->reader_fd = -1;
	}
	pthread_mutex_unlock(&s->lock);
}

void spool_rewind(struct spool *s)
{
	pthread_mutex_lock(&s->lock);
	for (struct segment *g = s->head; g != NULL; g = g->next) {
		g->read = g->acked;
		g->read_end = g->acked_end;
	}
	s->unread += s->in_flight - s->orphans;
	s->stats.dropped += s->orphans;
	s->in_flight = 0;
	s->orphans = 0;
	pthread_mutex_unlock(&s->lock);
}

void spool_stats_get(const struct spool *cs, struct spool_stats *out)
{
	struct spool *s = (struct spool *)(uintptr_t)cs; /* the lock is no part of what it says */

	pthread_mutex_lock(&s->lock);
	*out = s->stats;
	out->records = s->unread + s->in_flight;
	pthread_mutex_unlock(&s->lock);
}

/* clock.h - the two clocks, and identifiers made from them. Any thread. */
#ifndef MOA_BASE_CLOCK_H
#define MOA_BASE_CLOCK_H

#include <stdint.h>

/* Monotonic, for deadlines and durations: microseconds since some start. */
int64_t clock_mono_us(void);
/* Wall clock: microseconds since 1970-01-01 UTC. */
int64_t clock_wall_us(void);
/* Milliseconds left until <deadline_us> (monotonic), at least 0. */
int clock_left_ms(int64_t deadline_us);

#define CLOCK_UUID_LEN 36
/* A UUID version 7 (RFC 9562): 36 characters and a NUL; later ones sort after earlier ones (by millisecond). */
void clock_uuid7(char out[CLOCK_UUID_LEN + 1]);

#define CLOCK_ISO_LEN 27
/* "2026-01-31T23:59:59.123456Z" and a NUL. */
void clock_iso(int64_t wall_us, char out[CLOCK_ISO_LEN + 1]);

/* Random 64 bits of the process's own generator (getrandom); for jitter and ids. */
uint64_t clock_random(void);

/* Sleep that follows failed attempt number <attempt> (from 0): doubles from 50 ms up to
 * <max_ms>, then takes a random part between a half and all of it. In milliseconds. */
int clock_backoff_ms(unsigned attempt, int max_ms);

#endif

/* relay_steps.h - what the files of the relay do for each other. All on the relay's thread, but for the snapshotter.
 *
 * Results: ERR_NOT_LEADER and errors of the session end the term; ERR_TIMEOUT: stopping.
 */
#ifndef MOA_SVC_RELAY_STEPS_H
#define MOA_SVC_RELAY_STEPS_H

#include "shared/svc/relay_parts.h"

/* ---- relay.c ---- */
/* Keeps the session alive (a query a second). ERR_NOT_LEADER when it is lost. */
enum err MUST_CHECK relay_keep_session(struct relay *r);
/* Waits up to <ms> for a wake-up or the stop. */
void relay_wait(struct relay *r, int ms);
/* Asks for a snapshot, durably, as leader. */
enum err MUST_CHECK relay_want_snapshot(struct relay *r, const char *reason);
bool relay_stopping(struct relay *r);

/* ---- relay_term.c: what a new leader does before it publishes ---- */
enum err MUST_CHECK relay_begin_term(struct relay *r);

/* ---- relay_publish.c ---- */
/* Publishes records in order and waits until all are acknowledged, trying again as long as the session lives.
 * Returns ERR_OK, ERR_NOT_LEADER, or ERR_TIMEOUT when stopping. */
enum err MUST_CHECK relay_publish(struct relay *r, struct outgoing *out, size_t count);
/* Rows to topic and own copy, then noted as done. Rows of ~end are held back. */
enum err MUST_CHECK relay_publish_rows(struct relay *r, struct outbox_row *rows, size_t count);
/* Notes a row as published: it may be deleted. */
void relay_note_done(struct relay *r, const struct outbox_row *row);
enum err MUST_CHECK relay_publish_end(struct relay *r, const struct outbox_row *end);
enum err MUST_CHECK relay_publish_marks(struct relay *r);
/* Gives a log that was noticed to be new its UUID, and asks for a snapshot. */
enum err MUST_CHECK relay_settle_log(struct relay *r);
void relay_reported(void *ctx, void *tag, enum err e, int32_t partition, int64_t offset);

/* ---- relay_scan.c ---- */
/* Reads and publishes what is new; *more: there is probably more. */
enum err MUST_CHECK relay_read(struct relay *r, bool *more);
/* A table that was made anew holds what no trigger told: asks for a snapshot. Within a dump that is restored it may come after all
 * else that a term looks at, and after its first snapshot. */
enum err MUST_CHECK relay_check_table(struct relay *r);
/* The full scan, once a second: late rows, ends, marks. */
enum err MUST_CHECK relay_scan(struct relay *r);
/* Writes the keys of rows anew. Rows whose keys somebody holds locked stay as they are, are moved to the front and added to
 * *left: a transaction that stays open must not stop the topic. ERR_NOT_LEADER; without a session, after the term, only ERR_OK. */
enum err MUST_CHECK relay_rewrite(struct relay *r, struct outbox_row *rows, size_t count, size_t *left);
/* Deletes what was published. */
enum err MUST_CHECK relay_delete(struct relay *r);
void relay_forget_term(struct relay *r);

/* ---- relay_own.c ---- */
/* At election: whether the own copy holds all that was deleted from the outbox. */
enum err MUST_CHECK relay_own_begin(struct relay *r);
/* Applies rows; a failure marks the copy broken and is not reported. */
void relay_own_apply(struct relay *r, const struct outbox_row *rows, size_t count);
void relay_own_end(struct relay *r, uint64_t begin, int64_t created_us);
void relay_own_mark(struct relay *r);
/* Tries to make a broken copy usable again (it asks for a snapshot). */
enum err MUST_CHECK relay_own_repair(struct relay *r);
/* Stores the numbers of the next batches; before the rows are deleted, in the same transaction. */
enum err MUST_CHECK relay_own_save(struct relay *r);
/* That transaction was committed. */
void relay_own_saved(struct relay *r);

/* ---- relay_snapshot.c ---- */
void *relay_snapshotter(void *arg);

#endif

/* leader.h - which of several instances does a job: the one whose session of own MySQL holds a named lock.
 *
 * The server gives the lock back when the process dies, and cuts off a session that said nothing for LEADER_IDLE_S, so a
 * frozen holder loses it too. Blocking; a session belongs to the caller's thread.
 */
#ifndef MOA_SVC_LEADER_H
#define MOA_SVC_LEADER_H

#include "shared/base/arena.h"
#include "shared/base/err.h"
#include "shared/io/sql.h"

#define LEADER_IDLE_S 3 /* a holder asks something each second */

/* A session that never reconnects by itself; closed with sql_close(). */
enum err MUST_CHECK leader_open(struct sql_db *db, struct sql_conn **session);
/* Runs <ask_sql>, SELECT GET_LOCK(CONCAT('moa.<job>.', DATABASE()), 1): waits up to a second. ERR_OK: the lock is ours;
 * ERR_NOT_LEADER: another session has it. */
enum err MUST_CHECK leader_ask(struct sql_conn *session, const char *ask_sql, struct arena *a);
/* Asks something on the session unless *used_us (monotonic) is less than a second ago, and moves it. ERR_NOT_LEADER: it is
 * lost, and the lock with it. */
enum err MUST_CHECK leader_keep(struct sql_conn *session, int64_t *used_us);

#endif

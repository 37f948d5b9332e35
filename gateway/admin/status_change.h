/* status_change.h - what the form of the status page changes: carried out by the first worker, which alone may, and told to the asker.
 *
 * A message goes to the first worker and comes back. Its asker may leave meanwhile: the change is made all the same.
 */
#ifndef MOA_GATEWAY_ADMIN_STATUS_CHANGE_H
#define MOA_GATEWAY_ADMIN_STATUS_CHANGE_H

#include <stdbool.h>
#include "shared/base/slice.h"

struct server;
struct worker;

/* The form's actions, with the manual's names: ready, drain, maint; dhlth, ehlth (checks off and on); hrunn, hnolb, hdown (checks say so);
 * shutdown (of sessions); and the older enable, disable, start, stop. */
enum status_action {
	STATUS_READY, STATUS_DRAIN, STATUS_MAINT, STATUS_CHECKS_OFF, STATUS_CHECKS_ON, STATUS_CHECKS_UP, STATUS_CHECKS_STOPPING,
	STATUS_CHECKS_DOWN, STATUS_SHUTDOWN, STATUS_ENABLE, STATUS_DISABLE, STATUS_START, STATUS_STOP,
	STATUS_ACTION_COUNT
};
/* The word in the form; and what a person reads there, NULL for the older ones, which are not offered. Static. */
const char *status_action_word(enum status_action a);
const char *status_action_label(enum status_action a);
/* False: there is none of that name. */
bool status_action_of(struct slice word, enum status_action *out);

/* How it went; the words in the address of the answer are HAProxy's. */
enum status_outcome {
	STATUS_DONE,     /* DONE */
	STATUS_DENIED,   /* DENY */
	STATUS_ERROR,    /* ERRP: a word that is not understood, or no such server */
	STATUS_TOO_LONG, /* EXCD */
	STATUS_NOTHING,  /* NONE: there was nothing to change */
	STATUS_PARTLY,   /* PART: some of the servers do not exist */
	STATUS_OUTCOME_COUNT
};

/* What is to be done; in the memory of the asker, which keeps it until it was told or has abandoned it. */
struct status_order {
	enum status_action action;
	struct server *const *servers;
	unsigned count;
	unsigned unknown;    /* servers that were named and do not exist */
	const void *of;      /* for the asker */
};

struct status_change;

/* On the thread of <w>; done() is called there, after this returns. NULL: no memory. */
struct status_change *status_change_start(struct worker *w, struct status_order *order,
					  void (*done)(void *owner, struct status_order *order, enum status_outcome outcome), void *owner);
/* The asker leaves: done() is not called. Sets *c to NULL, which it may be. The same thread. */
void status_change_abandon(struct status_change **c);

#endif

/* facts.h - the facts of a Consistency-Token header: reading, merging, ageing, writing them. Pure: no table, no lock, no clock.
 *
 * "a50=1.<version>", "a49=0.<version>": the alarm on that item is set or not, since that version (up to 20 digits).
 * "v33=<µs>.<event id>": that item was visited then. An event id is 1 to 64 of [0-9A-Za-z-].
 * What is anything else, or has a number that is 0, does not fit, or has a sign or a leading zero, is no fact.
 */
#ifndef MOA_BASE_FACTS_H
#define MOA_BASE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shared/base/slice.h"

#define FACTS_MOST 64                  /* of a token */
#define FACT_VISITS_MOST 20            /* of these */
#define FACT_LIFE_MS 30000             /* since it was made, and since its domain was last named as degraded */
#define FACT_LIFE_MOST_MS 3600000      /* since it was made, whatever is named */
#define FACT_EVENT_MOST 64
#define FACT_TEXT_MOST (1 + 10 + 1 + 20 + 1 + FACT_EVENT_MOST)
#define FACTS_LOOKED_AT_MOST 256       /* elements of a header; further ones count as malformed */

enum fact_domain { FACT_ALARMS, FACT_VISITS, FACT_DOMAINS };

struct fact {
	int64_t made_ms;  /* when the answer with it came */
	uint64_t order;   /* the alarm's version, or the visit's time in µs */
	uint32_t item;
	uint8_t domain;   /* enum fact_domain */
	bool on;          /* the alarm */
	uint8_t event_len;
	char event[FACT_EVENT_MOST]; /* of the visit */
};

/* In the order in which they were made, oldest first. The owner has room for one more whenever there are less than FACTS_MOST. */
struct fact_list {
	struct fact *facts;
	unsigned count;
};

/* Everything but made_ms; false: it is no fact. */
bool fact_read(struct slice text, struct fact *out);
/* Without a NUL; its length. */
size_t fact_write(const struct fact *f, char out[FACT_TEXT_MOST]);

/* Merges: of the facts about one alarm the one with the highest version stays (as old as it is), a visit is added once. Returns how many
 * were dropped because of a limit, the new one perhaps: the visit that was earliest, or the fact that was made first. */
unsigned facts_add(struct fact_list *list, const struct fact *f);
/* What cannot be: a fact beyond it is none. */
struct fact_bounds {
	uint64_t version;  /* the highest of an alarm */
	uint64_t visit_us; /* the latest time of a visit */
};
/* Adds the facts of a header, elements of a list with commas; counts what was dropped and what was no fact. <bounds>: NULL, there are none. */
void facts_read(struct fact_list *list, struct slice header, const struct fact_bounds *bounds, int64_t made_ms, unsigned *dropped,
		unsigned *malformed);
/* What the list says about the alarm on that item; NULL: nothing. */
const struct fact *facts_alarm(const struct fact_list *list, uint32_t item);
/* What tells how long facts are needed. Milliseconds of one clock. */
struct fact_news {
	int64_t heard_ms;               /* when something was last heard that would have named what is degraded */
	int64_t named_ms[FACT_DOMAINS]; /* when a domain was last named */
};
/* Removes those whose time is over. It passes only as far as something was heard: from silence nothing follows. How many. */
unsigned facts_expire(struct fact_list *list, const struct fact_news *news, int64_t now_ms);
/* As the value of a header; the newest that fit into <size>. Its length, without a NUL. */
size_t facts_write(const struct fact_list *list, char *out, size_t size);

/* Which domains a Degraded header names ("alarms;age=12, users"). Visits have no name there, as no mark tells how far they are. But when
 * they are held up some other domain is as well: any name stands for them. */
void facts_degraded(struct slice header, bool named[FACT_DOMAINS]);

#endif

/* event.h - one change event: the form it has in a topic (key, value, CloudEvents headers) and in memory.
 *
 * Control records share the topic: '~mark', '~begin' and '~end' are keys that no domain key can be.
 */
#ifndef MOA_SVC_EVENT_H
#define MOA_SVC_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/err.h"
#include "shared/base/slice.h"
#include "shared/io/broker.h"

#define EVENT_VERSION_LEN 16 /* decimal digits with leading zeros: versions sort as text */
#define EVENT_MARK "~mark"
#define EVENT_BEGIN "~begin"
#define EVENT_END "~end"

enum event_kind { EVENT_KIND_CHANGE, EVENT_KIND_SNAPSHOT, EVENT_KIND_MARK, EVENT_KIND_BEGIN, EVENT_KIND_END };

struct event {
	enum event_kind kind;
	struct slice key;
	struct slice value;   /* JSON; ptr NULL: a deletion */
	uint64_t version;     /* the outbox id; 0 where there is none (visits) */
	const char *domain;   /* when made: "alarm", for ce_type and ce_source */
	struct slice type;    /* "changed", "deleted", "snapshot", "rewritten", … (the outbox row's type) */
	struct slice id;      /* ce_id */
	int64_t created_us;   /* wall clock, when the change was made; 0 when not known */
	struct slice log;     /* of visits: the UUID of their log */
	struct slice traceparent;
	const char *fault;    /* after ERR_CORRUPT: why, in a few words; static */
};

#define EVENT_VERSION_END UINT64_C(4102444800000000) /* versions are about the time in µs; from the year 2100 on they are absurd */

/* <version> as 16 digits and a NUL. */
void event_version_text(uint64_t version, char out[EVENT_VERSION_LEN + 1]);
/* False unless <s> is exactly 16 digits. */
bool event_version_parse(struct slice s, uint64_t *out);

/* Fills <r> (headers live in <a>) for partition <partition>. */
enum err MUST_CHECK event_encode(const struct event *e, int32_t partition, struct arena *a, struct broker_record *r);
/* Whether <s> can be the UUID of a log: version 7, and not made after 2100 (a later one outranks all that follow). */
bool event_is_log(struct slice s);
/* Reads a consumed record. ERR_CORRUPT: headers missing, malformed or absurd; <e> says why. Slices point into the record. */
enum err MUST_CHECK event_decode(const struct broker_record *r, struct event *e);

#endif

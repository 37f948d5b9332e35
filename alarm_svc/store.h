/* store.h - every SQL statement of alarm_svc. On a worker; the errors are those of own_read() and own_write(). */
#ifndef ALARM_SVC_STORE_H
#define ALARM_SVC_STORE_H

#include <stdint.h>
#include "alarm_svc/alarm.h"
#include "shared/svc/relay.h"
#include "shared/svc/request.h"

/* Table alarm becomes topic moa.alarms. */
extern const struct owned_table alarm_outbox;

/* Sets or takes back the alarm of <user_id> on <item_id>; doing it again is no error. *version is the version of this write,
 * which every write has, also one that changed nothing. */
enum err MUST_CHECK store_alarm_set(struct request *rq, uint32_t user_id, uint32_t item_id, uint64_t *version);
enum err MUST_CHECK store_alarm_unset(struct request *rq, uint32_t user_id, uint32_t item_id, uint64_t *version);

/* Items that the user set an alarm on: fills <count> and <item_ids>. */
enum err MUST_CHECK store_alarm_items(struct request *rq, uint32_t user_id, struct alarm_list *out);

#endif

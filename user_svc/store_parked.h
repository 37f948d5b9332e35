/* store_parked.h - SQL of user_svc for visits that nobody understands: table visit_parked, for inbox_spec. */
#ifndef USER_SVC_STORE_PARKED_H
#define USER_SVC_STORE_PARKED_H

#include "shared/svc/inbox.h"

/* As park and parked of struct inbox_spec. At most PARKED_KEPT times the number of partitions are kept. */
enum err MUST_CHECK store_park(struct sql_conn *c, struct arena *a, const struct parked_entry *entries, size_t count);
enum err MUST_CHECK store_parked(struct sql_conn *c, struct arena *a, bool clear, struct inbox_parked *out);

#endif

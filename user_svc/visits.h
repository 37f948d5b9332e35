/* visits.h - takes visits from moa.visits into table visit, and keeps its copy in own Redis; one thread. */
#ifndef USER_SVC_VISITS_H
#define USER_SVC_VISITS_H

struct service;
struct visits;
struct parked;

struct visits *visits_start(struct service *s);
void visits_stop(struct visits **v); /* within about 3 s */
struct parked *visits_parked(const struct visits *v); /* visits that nobody understands */

#endif

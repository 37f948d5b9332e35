/* fakes.h - stands in for the modules that the configuration's reader calls: they note what they were given and take the rest of the line. */
#ifndef MOA_TESTS_GATEWAY_CONF_FAKES_H
#define MOA_TESTS_GATEWAY_CONF_FAKES_H

#include "gateway/model/config.h"
#include "gateway/model/proxy.h"

/* Forgets what was noted. */
void fakes_begin(void);
/* Lines "<module> <section's name>: <words>", in the order of the calls. */
const char *fakes_noted(void);

/* Read <text> as the file "a.cfg"; NULL when there is a mistake. Messages are kept until the next call, process ids left out. */
struct config *fakes_load(const char *text);
const char *fakes_messages(void);
void fakes_end(struct config **c);

struct proxy *fakes_proxy(struct config *c, const char *name);

#endif

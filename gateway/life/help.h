/* help.h - what -h, -v and -vv print. */
#ifndef MOA_GATEWAY_LIFE_HELP_H
#define MOA_GATEWAY_LIFE_HELP_H

#include <stdbool.h>
#include <stdio.h>

void help_usage(FILE *out);
/* One line that scripts read as HAProxy's: the third word is the version. <all>: also how it was built and what it has. */
void help_version(FILE *out, bool all);

#endif

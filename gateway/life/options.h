/* options.h - the command line, which is HAProxy's (its management guide, section 3). */
#ifndef MOA_GATEWAY_LIFE_OPTIONS_H
#define MOA_GATEWAY_LIFE_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>
#include "gateway/model/config.h"

#define OPTIONS_FILES_MOST 64
#define OPTIONS_OLD_MOST 64

struct options {
	const char *files[OPTIONS_FILES_MOST]; /* -f, -- */
	unsigned file_count;
	const char *folder;        /* -C */
	const char *condition;     /* -cc */
	const char *pid_file;      /* -p */
	const char *local_peer;    /* -L */
	const char *take_from;     /* -x */
	pid_t old[OPTIONS_OLD_MOST]; /* -sf, -st: processes to replace */
	unsigned old_count;
	int old_signal;
	bool check;                /* -c */
	bool debug, foreground;    /* -d, -db */
	bool daemon;               /* -D */
	bool master, notify;       /* -W; -Ws: and tells systemd */
	bool quiet, verbose;       /* -q, -V */
	bool strict;               /* -dW: warnings are errors */
	bool keywords;             /* -dK */
	unsigned maxconn, proxy_maxconn; /* -n, -N; 0: not given */
	unsigned memory_mb;        /* -m; 0: not given */
};

enum options_read {
	OPTIONS_GO,   /* there is something to do */
	OPTIONS_DONE, /* all was said already: exit with 0 */
	OPTIONS_BAD,  /* it was not understood, and was complained about: exit with 1 */
};

/* Texts stay where they are, in <argv>. Prints what -v, -vv and -h ask for. */
enum options_read options_read(struct options *o, int argc, char *const *argv);
/* The command line has precedence over what the configuration says. */
void options_apply(const struct options *o, struct config *c);

#endif

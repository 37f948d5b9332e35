/* target.h - a "log" line, as the files of this folder see it. */
#ifndef MOA_GATEWAY_LOGS_TARGET_H
#define MOA_GATEWAY_LOGS_TARGET_H

#include <stdatomic.h>
#include <sys/socket.h>
#include "gateway/logs/sink.h"

#define LOG_LEN_LEAST 80
#define LOG_LEN_MOST 65535
#define LOG_LEN_USUAL 1024

/* "sample 1,3-4:10": of each ten lines the first, the third and the fourth. */
struct log_sample {
	_Atomic uint64_t seen; /* by all threads */
	unsigned size, count;
	struct log_range {
		unsigned low, high; /* from 1 */
	} ranges[];
};

/* Read-only once it is read, but for the count in its sample. */
struct log_target {
	struct log_target *next;
	struct slice name;
	bool is_descriptor;
	int descriptor;             /* 1 of stdout, 2 of stderr, N of fd@N */
	struct sockaddr_storage sa; /* else: AF_INET, AF_INET6 or AF_UNIX */
	socklen_t sa_len;
	unsigned len;               /* most bytes of a line; the one that ends it counts for descriptors only, as in HAProxy */
	enum log_layout layout;
	bool layout_given;          /* else LAYOUT_LOCAL, or LAYOUT_RFC3164 when the sink has a host */
	unsigned facility;
	int level, level_least;     /* nothing less important than the one; what is more important than the other goes as that */
	struct log_sample *sample;  /* NULL: all lines */
};

/* Whether a line of that severity goes there; counts it for the sample. Any thread. */
bool log_target_takes(const struct log_target *t, int severity);

#endif

/* cli.h - a connection to a runtime socket, and what commands are given; between the files of admin/. First worker's thread. */
#ifndef MOA_GATEWAY_ADMIN_CLI_H
#define MOA_GATEWAY_ADMIN_CLI_H

#include <stdatomic.h>
#include "gateway/admin/gather.h"
#include "gateway/loop/loop.h"
#include "gateway/model/config.h"
#include "shared/base/buf.h"
#include "shared/base/slice.h"

struct proxy;
struct server;

#define CLI_INPUT_MOST 16384 /* of a line and its payload; HAProxy's is tune.bufsize */
#define CLI_WORDS 64
#define CLI_PIECE 65536      /* about as much of an answer is made at once */

enum cli_level { CLI_USER = 1, CLI_OPERATOR, CLI_ADMIN };

/* A listening runtime socket. */
struct door {
	struct watch watch;
	struct listener *listener;
	struct runtime *runtime;
	bool watched;
};

struct runtime {
	struct gateway *gateway;
	struct door *doors;
	unsigned door_count;
	bool started, paused;
	struct cli *first;       /* all connections */
	unsigned count;
	struct gather *gathers;  /* gather.c */
	unsigned hard_maxconn;
	struct timer second;     /* takes a sample of what follows */
	int64_t sampled_us, busy_us;
	uint64_t bytes_out;
	_Atomic unsigned idle_percent;
	_Atomic uint64_t bytes_rate;
};

enum cli_end {
	CLI_GOES_ON,  /* there may be another line */
	CLI_ENDS,     /* closes when all is written and done */
};

struct cli {
	struct gateway *gateway;
	struct cli *next, **link;
	const struct listener *listener;
	struct watch watch;
	struct timer timer;
	int timeout_ms;
	enum cli_level level;
	enum cli_end end;
	bool readable, writable, ended;
	bool pauses;             /* goes on when the timer fires, at once */
	bool prompt;             /* interactive: asks for the next line instead of closing */
	bool silent;             /* the command that runs writes no end of its answer */
	char input[CLI_INPUT_MOST];
	size_t input_len;
	size_t line_len;         /* of input: the line that is under way, its payload and line ends; 0: none */
	size_t told;             /* of input: payload lines that were answered by a prompt */
	struct slice line;       /* what is left of it: commands that have not run yet; ptr NULL: none */
	struct slice words[CLI_WORDS + 1]; /* of the command that runs; behind the last one SLICE_NONE */
	unsigned count;
	struct slice payload;    /* behind "<<", without its end; SLICE_NONE: none */
	struct buf out;
	size_t out_at;           /* sent up to here */
	bool running;            /* a command has not ended */
	/* Set by a command that is not done when it returns: adds the next piece; true: that was all. Called when the last piece is written. */
	bool (*more)(struct cli *c);
	void *state;             /* of a command: malloc'ed, freed at its end */
	bool wants_input;        /* the command goes on when there is something to read, which it reads itself */
	struct gather *gather;   /* the command goes on when all workers have answered */
};

/* A connection came in through <d>; takes <fd> over. */
void cli_accepted(struct door *d, int fd);
void cli_close(struct cli *c);
/* Goes on as far as it can. May free <c>. */
void cli_advance(struct cli *c);
/* A place among the connections is free again. */
void runtime_left(struct runtime *r);

/* ---- for commands ---- */

/* Ends the line of an answer: "No such server." */
void cli_say(struct cli *c, const char *text);
/* The word number <i>, SLICE_NONE behind the last; and whether it is <text>. */
struct slice cli_word(const struct cli *c, unsigned i);
bool cli_is(const struct cli *c, unsigned i, const char *text);
/* The decimal number that <word> begins with, a sign allowed, stopping at the limits of int64; <rest>: what follows it. False: there is none. */
bool cli_number(struct slice word, int64_t *n, struct slice *rest);
/* Asks all workers; <done> gets <c> as the job's owner and has to call cli_gathered(). Says so when there is no memory. */
void cli_gather(struct cli *c, void (*visit)(struct worker *w, const struct gather_job *job, struct buf *out), const void *what,
		void (*done)(struct gather *g, const struct gather_job *job));
void cli_gathered(struct cli *c);

/* "name" or "#id", in the words of commands. NULL: none. */
struct proxy *cli_frontend(const struct cli *c, struct slice name);
struct proxy *cli_backend(const struct cli *c, struct slice name);
/* The server of "backend/server" in word number <i>; NULL after saying what is wrong. */
struct server *cli_server(struct cli *c, unsigned i);
/* The frontend of word number <i>; NULL after saying what is wrong. */
struct proxy *cli_want_frontend(struct cli *c, unsigned i);

#endif

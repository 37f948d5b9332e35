/* stream.h - an exchange under way: the public part (exchange.h), and what only the engine needs.
 *
 * stream_run() is the state machine: one function per stage, each in the file of its name. Its worker's thread.
 */
#ifndef MOA_GATEWAY_SESSION_STREAM_H
#define MOA_GATEWAY_SESSION_STREAM_H

#include "gateway/balance/queue.h"
#include "gateway/http/parse.h"
#include "gateway/http/write.h"
#include "gateway/session/client.h"
#include "gateway/session/exchange.h"
#include "gateway/session/flow.h"
#include "gateway/session/upstream.h"

#define EXTRA_FIELDS 20 /* room for fields that rules and options add, above tune.http.maxhdr */

enum stage {
	STAGE_HEAD,     /* the request's head is being read */
	STAGE_BODY,     /* rules or "option http-buffer-request" want the body in the buffer before they go on */
	STAGE_TARPIT,   /* the answer is held back */
	STAGE_CHANGE,   /* the first worker changes servers, as the form of the status page says */
	STAGE_CHOOSE,   /* a server is to be chosen: at first, and for each retry */
	STAGE_QUEUE,    /* waits for a place at a server */
	STAGE_PAUSE,    /* a second before the same server is tried again */
	STAGE_CONNECT,  /* the connection to the server is being made */
	STAGE_FORWARD,  /* both directions flow; the response's head is awaited, then passed on */
	STAGE_REPLY,    /* an answer of our own is being written */
	STAGE_END,      /* to be logged and freed */
	STAGE_COUNT
};

struct status_change;
struct status_order;

struct stream {
	struct exchange x;
	struct client *client;
	struct upstream *up;      /* NULL while there is none */
	enum stage stage;
	struct timer timer;       /* the earliest of what limits this stage */
	struct waiter waiter;     /* in the backend's queue */
	struct server *failed;    /* the server that failed last: avoided */
	struct server *place;     /* the server at which a place is held */
	struct http_parser parser; /* of the head that is being read */
	struct flow up_flow;      /* the request's body, to the server */
	struct flow down_flow;    /* the response's body, to the client */
	struct buffer reply_body; /* the body of an answer of our own, or a piece of it */
	bool reply_made;          /* its last piece was made */
	bool pauses;              /* it did enough in one go: the others of this loop come first, until the timer fires */
	struct status_change *change; /* that STAGE_CHANGE waits for, or NULL */
	struct slice up_head;     /* the request's head as the server gets it; SLICE_NONE until it is written */
	bool up_done;             /* the request is wholly sent */
	bool up_broken;           /* the server takes no more of it; its answer may still come */
	bool responding;          /* the response's head is there: down_flow is in use */
	bool down_done;
	bool keep_client;         /* the client's connection goes on after this exchange */
	bool keep_server;         /* and the server's */
	unsigned answer_step;     /* how many of the response's rule lists have run, see stream_reply.c */
	bool awaits_body;         /* a rule on the response wants its body first */
	int64_t waits_since_us;   /* since when a body is waited for */
	unsigned rules_step;      /* how many of the request's rule lists have run, see stream_rules.c */
	bool backend_entered;     /* counted at the backend */
	unsigned interims;        /* answers before the answer so far */
	bool continue_sent;       /* we told the client to send its body */
	bool tunnel;
	bool same_server;         /* the retry goes to the server that failed */
	bool fresh;               /* and on a new connection: where one that was kept had ended, others will have */
	bool wants_input;         /* up_flow waits for the client's bytes */
	bool wants_answer;        /* the server's bytes are awaited */
	int64_t client_us;        /* last byte from or to the client: what timeout client counts from */
	int64_t server_us;        /* last byte from or to the server: timeout server */
	struct http_field fields[]; /* of the request, then as many of the response */
};

/* A new exchange on <c>, whose buffer holds its first bytes. NULL: no memory. */
struct stream *stream_create(struct client *c);
/* Goes on until it has to wait: false; or until it has ended, which frees it: true. *gone: so is the client. */
bool stream_run(struct stream *s, bool *gone);
/* Cuts it: both connections are closed and freed with it, and it is logged as killed (K); one that was just given a place ends in the loop's
 * next round. Not while it runs. */
void stream_abort(struct stream *s);
/* Ends it from outside: the client is told, 502 or 503, when nothing of an answer is out yet, and its connection ends. <cause>: K by an
 * operator, D and U by a server's state. Not while it runs. */
void stream_kill(struct stream *s, char cause);
/* Runs the rules for a new connection; false: they refused it, and <c> is gone. */
bool session_begins(struct client *c);

/* ---- between the files of the engine ---- */

/* Each returns true when the stage has changed and the next one is to go on. */
bool stage_head(struct stream *s);    /* stream_request.c */
bool stage_body(struct stream *s);    /* stream_rules.c */
bool stage_choose(struct stream *s);  /* stream_connect.c */
bool stage_connect(struct stream *s);
bool stage_forward(struct stream *s); /* stream_forward.c */
bool stage_reply(struct stream *s);   /* stream_reply.c */
/* Writes its log line, once. stream_end.c */
void stream_log(struct stream *s);
/* Keeps a head that was refused, for "show errors". stream_request.c */
void stream_malformed(struct stream *s, bool response, const struct buffer *in, const struct http_error *e);
/* Log line, counts, and frees it; false: so is the client. stream_end.c */
bool stream_end(struct stream *s);

/* The request is there: runs the rules from s->rules_step on. True: another stage was chosen. stream_rules.c */
bool stream_run_rules(struct stream *s);

/* Ends the exchange with an answer of our own for <status>; <cause> and <stage> are the log's termination state. When an answer is under
 * way already the connection is cut instead. <status> 0: no answer, just closes. */
void stream_fail(struct stream *s, int status, char cause, char stage, const char *detail);
/* The client's connection broke: ends the exchange without an answer. */
void stream_client_left(struct stream *s);
/* Stops waiting for a place. False: one is on its way, and its arrival goes on from there. */
bool stream_leave_queue(struct stream *s);
/* The second letter of the termination state for the present stage. */
char stream_stage_letter(const struct stream *s);
/* Sends x.reply. */
void stream_reply(struct stream *s);
/* Has the first worker carry out what the form of the status page says, and answers then. */
void stream_change_servers(struct stream *s, struct status_order *order);
/* Runs the http-response rules on the head in s->x.response, writes it and prepares down_flow; or sets s->awaits_body: to be called again
 * when the body is there. False: another stage was chosen. */
bool stream_pass_response(struct stream *s);
void stream_capture_response(struct stream *s);
/* Whether a failure of that kind (one bit of enum retry_on, 0: none) may be met with another try. */
bool stream_may_retry(struct stream *s, unsigned reason);
/* Frees <s> without a trace: it was made for rules only. */
void stream_discard(struct stream *s);
/* The server's side failed before anything of a response was passed on: tries again if retry-on and the budget allow, else answers <status>. */
void stream_retry(struct stream *s, unsigned reason, int status, char cause, char stage);
/* Lets go of the server's connection and of the place. */
void stream_leave_server(struct stream *s, bool keep);
/* What limits the present stage, from now on. */
void stream_arm(struct stream *s);
void stream_timed_out(struct timer *t);
/* A buffer of tune.bufsize; NULL: no memory. */
char *stream_buffer(struct worker *w);
/* Reads on in the head that <in> begins with; it may have as many bytes as a buffer without tune.maxrewrite. */
enum http_progress stream_parse(struct stream *s, const struct buffer *in, struct http_head *h, size_t *used);
/* The head as <how> says, in the exchange's arena; SLICE_NONE: it does not fit, or holds what no head may hold. */
struct slice stream_head(struct stream *s, const struct http_head *h, const struct http_outgoing *how);

#endif

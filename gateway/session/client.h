/* client.h - the connection of a client: its bytes, and the exchanges on it, one after the other.
 *
 * Idle it holds only this struct and its timer. Its worker's thread.
 */
#ifndef MOA_GATEWAY_SESSION_CLIENT_H
#define MOA_GATEWAY_SESSION_CLIENT_H

#include "gateway/loop/loop.h"
#include "gateway/session/exchange.h"
#include "gateway/session/flow.h"

struct stream;
struct upstream;

enum client_state {
	CLIENT_IDLE,    /* between two requests, or before the first: no buffer is held */
	CLIENT_BUSY,    /* an exchange is under way */
	CLIENT_LINGERS, /* we have ended our sending; what still arrives is thrown away, so that the last answer is not lost to a reset */
};

struct client {
	struct session session;
	struct watch watch;
	struct timer timer;      /* while idle or lingering; an exchange has its own */
	struct client *next, **link; /* all of the worker */
	enum client_state state;
	bool readable, writable; /* as last known: cleared when a call says EAGAIN */
	bool hung_up;            /* its end, or an error, was announced: the end of reading has to be met */
	bool ended;              /* the client sends nothing more */
	bool broken;             /* the connection failed */
	bool pauses;             /* idle, and its next request waits until the others of the loop have had their turn */
	bool stepping;           /* client_step() is running: it must not be entered again */
	struct buffer in;
	struct stream *stream;
	struct upstream *own;    /* http-reuse never: the server connection that only this client uses */
	struct tracked tracked[TRACKED_MAX]; /* by rules on its connection: session.tracked */
	int64_t idle_since_us;   /* for Ti */
	uint64_t id;
};

/* Takes over <fd>, accepted from <listener>. */
void client_accepted(struct worker *w, struct listener *listener, int fd, const struct sockaddr_storage *from);
/* Goes on as far as it can: after an event, a timer, or news of the server's side. May free <c>. */
void client_step(struct client *c);
/* Reads once into c->in. The bytes read; 0: nothing now, no room, ended or broken (see the flags). */
size_t client_read(struct client *c);
/* Closes the connection and frees <c>. No exchange may be under way. */
void client_close(struct client *c);
/* set-tos, set-mark: for the packets to the client from now on. */
void client_mark(struct client *c, int tos, int mark);
/* silent-drop: the close that follows is not noticed by the client, as far as the system allows. */
void client_vanish(struct client *c);
/* The exchange has ended: on to the next, or to the end of the connection (<keep> false). False: <c> is gone. */
bool client_exchange_done(struct client *c, bool keep);
/* Gives the buffer back when it holds nothing. */
void client_release_buffer(struct client *c);

/* Soft stop: every connection ends after its next answer, and idle ones in a second. <at_once>: all of them now, but for an exchange
 * that was just given a place: it ends in the next round. */
void clients_stop(struct worker *w, bool at_once);

#endif

/* resp_conn.h - one connection of resp.h as its pool sees it; private to resp.c and resp_db.c.
 *
 * resp.c holds what needs the client library (connecting, commands, replies), resp_db.c the rest (URL, pool).
 */
#ifndef MOA_IO_RESP_CONN_H
#define MOA_IO_RESP_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/io/host.h"
#include "shared/io/resp.h"

/* Where to connect to. All of it is borrowed and outlives the connection. */
struct resp_address {
	struct slice name; /* of the host, NUL-terminated */
	struct host *host;
	uint16_t port;
	struct slice user, password; /* ptr NULL: none */
	struct slice number;         /* of the database; ptr NULL: 0 */
};

#define RESP_REFUSAL_BYTES 160

/* A connection that answered PING (a server that still loads its data does not), or NULL and a sentence in <why>.
 * Bounded to 200 ms. <db> and <pooled> are kept for the caller. */
struct resp_conn *resp_conn_open(const struct resp_address *a, struct resp_db *db, bool pooled,
				 char why[RESP_REFUSAL_BYTES]);
void resp_conn_close(struct resp_conn **c);
bool resp_conn_ping(struct resp_conn *c);
/* Whether it looks alive without asking the server: not closed by the peer, nothing unread. */
bool resp_conn_is_quiet(const struct resp_conn *c);
/* Whether the next user may have it; takes back the last one's settings. */
bool resp_conn_reset(struct resp_conn *c);
struct resp_db *resp_conn_db(const struct resp_conn *c);
bool resp_conn_is_pooled(const struct resp_conn *c);

#endif

/* hop.h - what a head says about this connection only: Connection, the fields it names, Upgrade (RFC 9110, 7.6.1, 7.8). */
#ifndef MOA_GATEWAY_HTTP_HOP_H
#define MOA_GATEWAY_HTTP_HOP_H

#include <stdbool.h>
#include "gateway/http/head.h"

/* Most elements of all Connection fields together; each costs a look-up per field of the head. */
#define HTTP_HOP_MAX 32

struct http_hop {
	bool close;
	bool keep_alive;
	bool upgrade;
	unsigned elements; /* of the lists read so far */
	unsigned count;
	struct slice names[HTTP_HOP_MAX]; /* fields to be removed; those that the program knows itself are not among them */
};

void http_hop_init(struct http_hop *hop);
/* Reads the value of one Connection field; false when the lists have too many elements. Elements that are no tokens name
 * nothing. Nor do names of fields that are for the far end (Authorization, Content-Type, X-Forwarded-For, …): a
 * sender must not list them, and who does wants to have removed what somebody in front of us put there. */
bool http_hop_read(struct http_hop *hop, struct slice value);
/* Whether Connection asks for the removal of the fields of that name. */
bool http_hop_names(const struct http_hop *hop, struct slice name);

/* Whether all protocols in the value of an Upgrade field are of a kind that may go through: not HTTP in another version,
 * cleartext HTTP/2 above all, and not TLS: in such a tunnel requests would pass that no rule has seen. */
bool http_upgrade_allowed(struct slice value);

#endif

/* target.h - takes a request's target apart by its form (RFC 9112, 3.2). */
#ifndef MOA_GATEWAY_HTTP_TARGET_H
#define MOA_GATEWAY_HTTP_TARGET_H

#include <stdbool.h>
#include "gateway/http/head.h"

/* Sets authority, path and query from h->target, whose bytes are HTTP_CHAR_TARGET, not empty; NULL, or why it is refused
 * (static). The form must fit the method:
 *   origin-form    /path?query           all but CONNECT
 *   absolute-form  http://host/path?query  all but CONNECT; http or https, no user information. An empty path is "/",
 *                                        for OPTIONS without query "*"
 *   authority-form host:port             CONNECT only
 *   asterisk-form  *                     OPTIONS only
 */
const char *http_target_split(struct http_head *h);

/* Whether <authority> is host [":" port]: a name of letters, digits, '-', '.' and '_' (the other characters and escapes
 * that RFC 3986 allows name no real host), an IPv4 address, or an IPv6 address in brackets; the port, when there
 * is a colon, 1 to 65535 without leading zero. <port_needed>: it must be there. Never true for the empty string. */
bool http_authority_valid(struct slice authority, bool port_needed);

#endif

/* give.h - what this process hands over to the one that replaces it: its listening sockets, the states of its servers, the facts of tokens.
 *
 * Two commands of the runtime socket do it, "_getsocks" (HAProxy's protocol, so that HAProxy can take over from us and we from it) and
 * "show handover" (ours), both only where a socket says "expose-fd listeners". Besides, each process has a door of its own, an
 * abstract unix socket with its number in the name, for processes of root and of its own user: so that "-sf <pid>" alone finds them.
 */
#ifndef MOA_GATEWAY_ADMIN_GIVE_H
#define MOA_GATEWAY_ADMIN_GIVE_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

struct config;

#define GIVE_FDS_MOST 252 /* in one message; the kernel takes 253 */

/* What stands in front of each descriptor's message: lengths and names of namespace and interface, each with a byte of length,
 * and the options, which mean nothing here. */
#define GIVE_ABOUT_MOST (1 + 255 + 1 + 255 + (int)sizeof(int))

/* The address of the door of process <pid>; its length. */
socklen_t give_door_address(pid_t pid, struct sockaddr_un *out);
/* Opens this process's door and adds it to the runtime sockets of <c>. Without it (the name is taken, out of descriptors) all else works
 * as before. Main, before runtime_open(), in the process that will serve. */
void give_door_open(struct config *c);
/* Whether whoever is at the other end of <fd> may use the door. */
bool give_may_enter(int fd);

#endif

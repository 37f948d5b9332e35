/* notify.h - tells systemd how the service is (sd_notify(3)), by hand: one datagram. */
#ifndef MOA_GATEWAY_LIFE_NOTIFY_H
#define MOA_GATEWAY_LIFE_NOTIFY_H

#include <stdbool.h>

/* <state>: lines such as "READY=1". False when there is nobody to tell ($NOTIFY_SOCKET) or it did not arrive. */
bool notify(const char *state);

#endif

/* container.h - from a part of a struct to the struct: how handlers of watches, timers and tasks find their owner. */
#ifndef MOA_GATEWAY_LOOP_CONTAINER_H
#define MOA_GATEWAY_LOOP_CONTAINER_H

#include <stddef.h>

#define container_of(part, type, member) ((type *)(void *)((char *)(part) - offsetof(type, member)))

#endif

/* life.h - what a call of the program does: checks, answers a question, or serves. */
#ifndef MOA_GATEWAY_LIFE_LIFE_H
#define MOA_GATEWAY_LIFE_LIFE_H

#include "gateway/life/options.h"

/* Returns the exit status. <argv>: to execute itself again. Main thread, before any other. */
int life(const struct options *o, char *const *argv);

#endif

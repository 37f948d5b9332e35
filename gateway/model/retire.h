/* retire.h - frees memory that other threads may still be reading, once none can be.
 *
 * Rule: a pointer read from an atomic that may be replaced is not kept beyond the round of the loop that read it. So
 * memory is free to go when every loop has finished the round it was in: a task is posted to each.
 */
#ifndef MOA_GATEWAY_MODEL_RETIRE_H
#define MOA_GATEWAY_MODEL_RETIRE_H

struct gateway;

/* Calls free_it(<memory>) on some loop's thread after every loop of <g> has begun another round; at once when the loops do
 * not run yet. The first worker's thread, or main before the loops start. */
void retire(struct gateway *g, void *memory, void (*free_it)(void *memory));

#endif

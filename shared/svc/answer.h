/* answer.h - turns the outcome of a request into the bytes that the client gets. */
#ifndef MOA_SVC_ANSWER_H
#define MOA_SVC_ANSWER_H

#include "shared/base/err.h"
#include "shared/svc/request.h"

/* Answers once: <rp> when <e> is ERR_OK, else {} with 404 for ERR_NOT_FOUND, else a problem document. Takes the bytes of
 * rp->body. On the loop or on a worker, whoever owns the request. */
void answer_send(struct request *rq, enum err e, struct reply *rp);

#endif

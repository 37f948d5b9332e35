/* answer.c - turns the outcome of a request into the bytes that the client gets.
 *
 * Every answer carries X-Request-Id, the traceparent if there was one, Consistency-Token when the request wrote something (also when
 * telling of it then failed), and Degraded when a domain was noted.
 */
#include "shared/svc/answer.h"

#include <assert.h>

#include "shared/io/http.h"
#include "shared/svc/token.h"

#define JSON "application/json"
#define PROBLEM "application/problem+json"

static void common_headers(struct request *rq)
{
	http_reply_header(rq->x, "X-Request-Id", rq->request_id);
	if (rq->made.ptr != NULL)
		http_reply_header(rq->x, TOKEN_HEADER, rq->made);
	if (rq->traceparent.ptr != NULL)
		http_reply_header(rq->x, "traceparent", rq->traceparent);
	degraded_header(&rq->degraded, rq->x);
}

/* What RFC 9110 asks of single statuses. */
static void status_headers(struct request *rq, int status)
{
	if (status == 503)
		http_reply_header(rq->x, "Retry-After", SLICE_LIT("1"));
	else if (status == 405)
		http_reply_header(rq->x, "Allow", slice_str(rq->allow));
	else if (status == 401)
		http_reply_header(rq->x, "WWW-Authenticate", SLICE_LIT("USER-TOKEN"));
}

static void fill_failure(const struct request *rq, enum err e, struct reply *rp)
{
	buf_free(&rp->body);
	rp->status = err_status(e);
	if (e == ERR_NOT_FOUND)
		buf_add_str(&rp->body, "{}");
	else
		http_problem(&rp->body, rp->status, err_title(e), rq->detail != NULL ? rq->detail : err_detail(e));
}

void answer_send(struct request *rq, enum err e, struct reply *rp)
{
	assert(!rq->answered);
	rq->answered = true;
	if (e == ERR_OK && !buf_ok(&rp->body))
		e = ERR_NO_MEMORY;
	rq->failed = e;
	if (e != ERR_OK)
		fill_failure(rq, e, rp);
	common_headers(rq);
	status_headers(rq, rp->status);
	http_reply_header(rq->x, "Content-Type", e == ERR_OK || e == ERR_NOT_FOUND ? SLICE_LIT(JSON) : SLICE_LIT(PROBLEM));
	http_reply(rq->x, rp->status, &rp->body);
}

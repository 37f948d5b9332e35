/* stream_status.c - an exchange that waits for the first worker, which alone may change servers: the form of the status page was sent. */
#include "gateway/admin/status_change.h"
#include "gateway/admin/status_page.h"
#include "gateway/session/stream.h"
#include "gateway/session/worker.h"

static void answer(struct stream *s, struct status_order *order, enum status_outcome outcome)
{
	status_page_changed(&s->x, order, outcome);
	s->x.stage = 'R';
	stream_reply(s);
}

static void changed(void *owner, struct status_order *order, enum status_outcome outcome)
{
	struct stream *s = owner;

	s->change = NULL;
	if (s->stage != STAGE_CHANGE)
		return; /* it had to give up waiting */
	answer(s, order, outcome);
	client_step(s->client);
}

void stream_change_servers(struct stream *s, struct status_order *order)
{
	s->change = status_change_start(s->x.worker, order, changed, s);
	if (s->change != NULL)
		s->stage = STAGE_CHANGE;
	else
		answer(s, order, STATUS_ERROR);
}

/* degraded.c - the set of domains that an answer leans on and that are stale or were never loaded. */
#include "shared/svc/degraded.h"

#include <assert.h>
#include <string.h>

#include "shared/io/http.h"

void degraded_add(struct degraded *d, const char *domain, int64_t age_s)
{
	size_t at = 0;

	while (at < d->count && strcmp(d->list[at].domain, domain) < 0)
		at++;
	if (at < d->count && strcmp(d->list[at].domain, domain) == 0) {
		int64_t had = d->list[at].age_s;

		if (had >= 0 && (age_s < 0 || age_s > had))
			d->list[at].age_s = age_s;
		return;
	}
	assert(d->count < DEGRADED_MAX);
	memmove(&d->list[at + 1], &d->list[at], (d->count - at) * sizeof(d->list[0]));
	d->list[at].domain = domain;
	d->list[at].age_s = age_s;
	d->count++;
}

bool degraded_any(const struct degraded *d)
{
	return d->count > 0;
}

void degraded_print(const struct degraded *d, struct buf *out)
{
	for (size_t i = 0; i < d->count; i++) {
		if (i > 0)
			buf_add_str(out, ", ");
		buf_add_str(out, d->list[i].domain);
		if (d->list[i].age_s < 0)
			continue;
		buf_add_str(out, ";age=");
		buf_add_i64(out, d->list[i].age_s);
	}
}

void degraded_header(const struct degraded *d, struct http_exchange *x)
{
	struct buf value;

	if (!degraded_any(d))
		return;
	buf_init(&value, 0);
	degraded_print(d, &value);
	http_reply_header(x, "Degraded", buf_slice(&value));
	buf_free(&value);
}

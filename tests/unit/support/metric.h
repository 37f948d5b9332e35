/* metric.h - for tests that look at what /metrics tells. Header only, after cmocka.h. */
#ifndef MOA_TESTS_UNIT_SUPPORT_METRIC_H
#define MOA_TESTS_UNIT_SUPPORT_METRIC_H

#include <stdlib.h>
#include <string.h>
#include "shared/base/buf.h"
#include "shared/svc/metrics.h"

/* The value of <series>, a name with its labels if it has some; a test that asks for one that is not there fails. */
static inline unsigned long long metric_value(struct metrics *m, const char *series)
{
	unsigned long long value;
	struct buf text;
	const char *at;

	buf_init(&text, 0);
	metrics_print(m, &text);
	buf_add_char(&text, '\0');
	at = text.ptr;
	while ((at = strstr(at, series)) != NULL && (at == text.ptr || at[-1] != '\n' || at[strlen(series)] != ' '))
		at++;
	if (at == NULL)
		fail_msg("there is no metric %s", series);
	value = strtoull(at + strlen(series), NULL, 10);
	buf_free(&text);
	return value;
}

#endif

/* html.c - texts and numbers as the status page shows them to people. */
#include "gateway/admin/html.h"

#include <string.h>

void html_text(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (strchr("&<>\"'", c) != NULL || c < ' ')
			buf_printf(out, "&#%u;", c < ' ' ? ' ' : c);
		else
			buf_add_char(out, s.ptr[i]);
	}
}

void html_number(struct buf *out, int64_t n)
{
	static const char units[] = "kMGTPE";
	unsigned unit = 0;

	if (n < 100000) {
		buf_add_i64(out, n);
		return;
	}
	while (n >= 1000000 && unit < sizeof(units) - 2) {
		n /= 1000;
		unit++;
	}
	buf_printf(out, "%lld.%lld%c", (long long)(n / 1000), (long long)(n % 1000 / 100), units[unit]);
}

void html_bytes(struct buf *out, int64_t n)
{
	static const char units[] = "KMGTPE";
	unsigned unit = 0;

	if (n < 1024) {
		buf_printf(out, "%lld B", (long long)n);
		return;
	}
	while (n >= 1024 * 1024 && unit < sizeof(units) - 2) {
		n /= 1024;
		unit++;
	}
	buf_printf(out, "%lld.%lld %ciB", (long long)(n / 1024), (long long)(n % 1024 * 10 / 1024), units[unit]);
}

void html_duration(struct buf *out, int64_t s)
{
	if (s >= 86400)
		buf_printf(out, "%lldd %lldh", (long long)(s / 86400), (long long)(s / 3600 % 24));
	else if (s >= 3600)
		buf_printf(out, "%lldh %lldm", (long long)(s / 3600), (long long)(s / 60 % 60));
	else if (s >= 60)
		buf_printf(out, "%lldm %llds", (long long)(s / 60), (long long)(s % 60));
	else
		buf_printf(out, "%llds", (long long)s);
}

void html_latency(struct buf *out, int64_t us)
{
	if (us < 1000)
		buf_printf(out, "%lldµs", (long long)us);
	else if (us < 1000000)
		buf_printf(out, "%lld.%lldms", (long long)(us / 1000), (long long)(us % 1000 / 100));
	else
		buf_printf(out, "%lld.%llds", (long long)(us / 1000000), (long long)(us % 1000000 / 100000));
}

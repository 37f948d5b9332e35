/* stat_list.c - rows of the statistics as CSV, typed lines or JSON, written piece by piece. */
#include "gateway/admin/stat_list.h"

static void write_row(struct stat_list *l, const struct stat_row *row, struct buf *out)
{
	switch (l->format) {
	case STAT_CSV:
		stat_write_csv(row, out);
		break;
	case STAT_TYPED:
		stat_write_typed(row, out);
		break;
	case STAT_JSON:
		if (l->any)
			buf_add_char(out, ',');
		stat_write_json(row, out);
		break;
	}
	l->any = true;
}

bool stat_list_write(struct stat_list *l, struct buf *out, size_t enough)
{
	struct stat_row row;

	if (!l->open && l->format == STAT_CSV)
		stat_write_csv_head(out);
	if (!l->open && l->format == STAT_JSON)
		buf_add_char(out, '[');
	l->open = true;
	while (out->len < enough) {
		if (!stat_next(&l->walk, &row)) {
			if (l->format == STAT_JSON)
				buf_add_str(out, "]\n");
			return true;
		}
		write_row(l, &row, out);
	}
	return false;
}

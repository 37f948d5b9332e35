/* conv_split.c - converters that take a part of what comes in: field, word, bytes, language (manual, 7.3.1). */
#include "gateway/expr/tables.h"

#include "gateway/conf/parse.h"
#include "gateway/expr/arg.h"

static bool is_among(char c, struct slice set)
{
	return slice_find(set, c) < set.len;
}

/* The end of the part that begins at <i>. */
static size_t part_end(struct slice s, size_t i, struct slice delimiters)
{
	while (i < s.len && !is_among(s.ptr[i], delimiters))
		i++;
	return i;
}

/* The start of the part that ends at <i>. */
static size_t part_start(struct slice s, size_t i, struct slice delimiters)
{
	while (i > 0 && !is_among(s.ptr[i - 1], delimiters))
		i--;
	return i;
}

/* Each delimiter ends a field, so there are empty ones. Counted from the front (<index> from 1), <count> of them, 0: all that follow. */
static bool fields_from_front(struct slice *s, int64_t index, int64_t count, struct slice delimiters)
{
	size_t start = 0, end = part_end(*s, 0, delimiters);

	for (; index > 1; index--) {
		if (end == s->len)
			return false;
		start = end + 1;
		end = part_end(*s, start, delimiters);
	}
	for (; count != 1 && end < s->len; count--)
		end = part_end(*s, end + 1, delimiters);
	*s = slice_sub(*s, start, end);
	return true;
}

static bool fields_from_end(struct slice *s, int64_t index, int64_t count, struct slice delimiters)
{
	size_t end = s->len, start = part_start(*s, end, delimiters);

	for (; index > 1; index--) {
		if (start == 0)
			return false;
		end = start - 1;
		start = part_start(*s, end, delimiters);
	}
	for (; count != 1 && start > 0; count--)
		start = part_start(*s, start - 1, delimiters);
	*s = slice_sub(*s, start, end);
	return true;
}

static bool conv_field(struct exchange *x, const struct args *a, struct sample *s)
{
	int64_t index = a->at[0].number, count = a->at[2].given ? a->at[2].number : 1;

	(void)x;
	if (s->text.ptr == NULL)
		return false;
	return index > 0 ? fields_from_front(&s->text, index, count, a->at[1].text) : fields_from_end(&s->text, -index, count, a->at[1].text);
}

/* Words are what stands between any number of delimiters. False: there are not so many. */
static bool words_from_front(struct slice *s, int64_t index, int64_t count, struct slice delimiters)
{
	size_t start = 0, end = 0;

	for (; index > 0; index--) {
		start = end;
		while (start < s->len && is_among(s->ptr[start], delimiters))
			start++;
		if (start == s->len)
			return false;
		end = part_end(*s, start, delimiters);
	}
	if (count == 0)
		end = s->len;
	for (; count > 1; count--) {
		size_t next = end;

		while (next < s->len && is_among(s->ptr[next], delimiters))
			next++;
		if (next == s->len)
			break;
		end = part_end(*s, next, delimiters);
	}
	*s = slice_sub(*s, start, end);
	return true;
}

static bool words_from_end(struct slice *s, int64_t index, int64_t count, struct slice delimiters)
{
	size_t start = s->len, end = s->len;

	for (; index > 0; index--) {
		end = start;
		while (end > 0 && is_among(s->ptr[end - 1], delimiters))
			end--;
		if (end == 0)
			return false;
		start = part_start(*s, end, delimiters);
	}
	if (count == 0)
		start = 0;
	for (; count > 1; count--) {
		size_t next = start;

		while (next > 0 && is_among(s->ptr[next - 1], delimiters))
			next--;
		if (next == 0)
			break;
		start = part_start(*s, next, delimiters);
	}
	*s = slice_sub(*s, start, end);
	return true;
}

static bool conv_word(struct exchange *x, const struct args *a, struct sample *s)
{
	int64_t index = a->at[0].number, count = a->at[2].given ? a->at[2].number : 1;

	(void)x;
	if (s->text.ptr == NULL)
		return false;
	if (index > 0 ? !words_from_front(&s->text, index, count, a->at[1].text) : !words_from_end(&s->text, -index, count, a->at[1].text))
		s->text = SLICE_LIT(""); /* as in HAProxy: there, but empty */
	return true;
}

static bool check_index(struct parse *p, struct args *a)
{
	if (a->at[0].number == 0)
		parse_error(p, "converter '%s' : the index counts from 1, or from -1 at the end, and is not 0", a->keyword);
	else if (a->at[2].number < 0)
		parse_error(p, "converter '%s' : the count is not negative", a->keyword);
	else
		return true;
	return false;
}

static bool conv_bytes(struct exchange *x, const struct args *a, struct sample *s)
{
	int64_t from = a->at[0].number, len = a->at[1].given ? a->at[1].number : INT64_MAX;

	(void)x;
	if (from < 0 || (uint64_t)from > s->text.len)
		s->text.len = 0;
	else
		s->text = slice_sub(s->text, (size_t)from, (uint64_t)len > s->text.len - (size_t)from ? s->text.len : (size_t)(from + len));
	return true;
}

/* ---- language ---- */

/* The quality of "de;q=0.8" in thousandths, <range> what is before it; 1000 when it has none. */
static int quality(struct slice element, struct slice *range)
{
	int q = 0, scale = 100;

	*range = slice_trim(slice_cut(&element, ';'));
	element = slice_trim(element);
	if (element.len < 3 || (element.ptr[0] | 0x20) != 'q' || element.ptr[1] != '=' || element.ptr[2] != '0')
		return 1000;
	for (size_t i = 4; i < element.len && element.ptr[i] >= '0' && element.ptr[i] <= '9'; i++, scale /= 10)
		q += (element.ptr[i] - '0') * scale;
	return q;
}

/* Whether <wanted> is in "fr;en". */
static bool offers(struct slice list, struct slice wanted, struct slice *found)
{
	while (list.ptr != NULL) {
		*found = slice_cut(&list, ';');
		if (slice_eq(*found, wanted))
			return true;
	}
	return false;
}

static bool conv_language(struct exchange *x, const struct args *a, struct sample *s)
{
	struct slice rest = s->text, best = SLICE_NONE;
	int best_quality = 0;

	(void)x;
	while (rest.ptr != NULL) {
		struct slice range, base, found;
		int q = quality(slice_cut(&rest, ','), &range);

		base = slice_sub(range, 0, slice_find(range, '-'));
		if (q > best_quality && range.len > 0 && (offers(a->at[0].text, range, &found) || offers(a->at[0].text, base, &found))) {
			best = found;
			best_quality = q;
		}
	}
	if (best.ptr == NULL && a->at[1].given)
		best = a->at[1].text;
	return sample_set_text(s, best);
}

const struct converter conv_split[] = {
	{ .name = "field", .args = "is|i", .from = SAMPLE_STR, .to = SAMPLE_STR, .convert = conv_field, .check = check_index },
	{ .name = "word", .args = "is|i", .from = SAMPLE_STR, .to = SAMPLE_STR, .convert = conv_word, .check = check_index },
	{ .name = "bytes", .args = "i|i", .from = SAMPLE_BIN, .to = SAMPLE_BIN, .convert = conv_bytes },
	{ .name = "language", .args = "s|s", .from = SAMPLE_STR, .to = SAMPLE_STR, .convert = conv_language },
	{ .name = NULL },
};

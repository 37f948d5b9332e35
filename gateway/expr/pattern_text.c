/* pattern_text.c - compares texts with patterns: whole, beginning, end, part, word. Without regard to case is by ASCII. */
#include "gateway/expr/pattern.h"

#include <string.h>

static inline char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool same(struct slice a, struct slice b, bool ignore_case)
{
	return ignore_case ? slice_eq_nocase(a, b) : slice_eq(a, b);
}

static bool contains(struct slice text, struct slice part, bool ignore_case)
{
	if (part.len > text.len)
		return false;
	if (part.len == 0)
		return true;
	if (!ignore_case)
		return memmem(text.ptr, text.len, part.ptr, part.len) != NULL;
	for (size_t i = 0; i <= text.len - part.len; i++) {
		if (lower(text.ptr[i]) == lower(part.ptr[0]) && slice_eq_nocase(slice_sub(text, i, i + part.len), part))
			return true;
	}
	return false;
}

/* What separates words for "dir" and for "dom". */
static bool is_delimiter(enum match_kind kind, char c)
{
	return c == '/' || c == '?' || (kind == MATCH_DOM && (c == '.' || c == ':'));
}

struct slice pattern_text_word(enum match_kind kind, struct slice text)
{
	while (text.len > 0 && is_delimiter(kind, text.ptr[0]))
		text = slice_sub(text, 1, text.len);
	while (text.len > 0 && is_delimiter(kind, text.ptr[text.len - 1]))
		text.len--;
	return text;
}

/* Whether <word> stands in <text> between delimiters or its ends; it may hold delimiters itself. */
static bool contains_word(enum match_kind kind, struct slice text, struct slice word, bool ignore_case)
{
	bool at_start = true;

	if (word.len == 0 || word.len > text.len)
		return false;
	for (size_t i = 0; i <= text.len - word.len; i++) {
		if (is_delimiter(kind, text.ptr[i])) {
			at_start = true;
			continue;
		}
		if (at_start && same(slice_sub(text, i, i + word.len), word, ignore_case) &&
		    (i + word.len == text.len || is_delimiter(kind, text.ptr[i + word.len])))
			return true;
		at_start = false;
	}
	return false;
}

bool pattern_text_fits(enum match_kind kind, const struct pattern *t, struct slice text)
{
	switch (kind) {
	case MATCH_STR:
	case MATCH_BIN:
		return same(text, t->text, t->ignore_case);
	case MATCH_BEG:
		return text.len >= t->text.len && same(slice_sub(text, 0, t->text.len), t->text, t->ignore_case);
	case MATCH_END:
		return text.len >= t->text.len && same(slice_sub(text, text.len - t->text.len, text.len), t->text, t->ignore_case);
	case MATCH_SUB:
		return contains(text, t->text, t->ignore_case);
	case MATCH_DIR:
	case MATCH_DOM:
		return contains_word(kind, text, t->text, t->ignore_case);
	default:
		return false;
	}
}

/* FNV-1a, as hash_fnv64(), over what the letters are without regard to case. */
uint64_t pattern_text_hash(struct slice text, bool ignore_case)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < text.len; i++) {
		h ^= (uint8_t)(ignore_case ? lower(text.ptr[i]) : text.ptr[i]);
		h *= UINT64_C(0x100000001b3);
	}
	return h;
}

/* words.c - the scanner behind words_split(): one pass over the bytes of a line, with the quote that is open as its only state. */
#include "gateway/conf/words.h"

#include <stdlib.h>
#include <string.h>
#include "gateway/conf/parse.h"
#include "shared/base/buf.h"

#define NAME_MOST 255 /* bytes of a variable's name */

struct scan {
	struct arena *arena;
	const struct words_place *place;
	struct slice line;
	size_t at;
	char quote;           /* that is open, or 0 */
	size_t quote_at;
	bool in_word;         /* a word has begun: also by "" */
	struct buf word;
	struct slice *words;
	unsigned count;
	struct words_error *error;
};

static bool fail(struct scan *s, const char *what, size_t column)
{
	s->error->what = what;
	s->error->column = column;
	return false;
}

/* The byte at <at>, '\0' behind the end. */
static char byte(const struct scan *s, size_t at)
{
	return at < s->line.len ? s->line.ptr[at] : '\0';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\v' || c == '\f';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void emit(struct scan *s, char c)
{
	s->in_word = true;
	buf_add_char(&s->word, c);
}

static bool word_end(struct scan *s)
{
	if (!s->in_word)
		return true;
	if (s->count == PARSE_WORDS_MAX)
		return fail(s, "too many words", s->at);
	s->words[s->count++] = arena_copy(s->arena, buf_slice(&s->word));
	buf_clear(&s->word);
	s->in_word = false;
	return true;
}

/* At a backslash outside single quotes. What is no escape stays as it is, backslash included: "\1", "\." of regular expressions.
 * Where HAProxy does other than its manual says, its deeds count: outside quotes "\$" keeps its backslash, and a
 * backslash does not keep a tab from parting words. The latter is refused. */
static bool escape(struct scan *s)
{
	char c = byte(s, s->at + 1);
	int high, low;

	if (s->at + 1 == s->line.len)
		return fail(s, "a backslash does not continue a line", s->at);
	if (c == '\t' && s->quote == 0)
		return fail(s, "a backslash does not keep a tab: use \\t or quotes", s->at);
	switch (c == '$' && s->quote == 0 ? '\0' : c) {
	case ' ': case '\\': case '#': case '\'': case '"': case '$':
		emit(s, c);
		break;
	case 't': emit(s, '\t'); break;
	case 'n': emit(s, '\n'); break;
	case 'r': emit(s, '\r'); break;
	case 'x':
		high = slice_hex_digit(byte(s, s->at + 2));
		low = slice_hex_digit(byte(s, s->at + 3));
		if (high < 0 || low < 0)
			return fail(s, "truncated or invalid hexadecimal sequence", s->at);
		if (high + low == 0)
			return fail(s, "character \\x00 is not possible", s->at);
		emit(s, (char)(high * 16 + low));
		s->at += 2;
		break;
	default:
		emit(s, '\\');
		s->at--;
		break;
	}
	s->at += 2;
	return true;
}

/* What the variable is worth, or SLICE_NONE. */
static struct slice variable(struct scan *s, struct slice name)
{
	char text[NAME_MOST + 1];

	if (slice_eq(name, SLICE_LIT(".FILE")))
		return s->place->file;
	if (slice_eq(name, SLICE_LIT(".LINE")))
		return arena_printf(s->arena, "%u", s->place->line);
	if (slice_eq(name, SLICE_LIT(".SECTION")))
		return s->place->section;
	if (name.len > NAME_MOST)
		return SLICE_NONE;
	memcpy(text, name.ptr, name.len);
	text[name.len] = '\0';
	return slice_str(getenv(text));
}

/* <apart>: blanks in <value> part words. */
static bool value_add(struct scan *s, struct slice value, bool apart)
{
	for (size_t i = 0; i < value.len; i++) {
		if (!apart || !(is_blank(value.ptr[i]) || value.ptr[i] == '\n' || value.ptr[i] == '\r'))
			emit(s, value.ptr[i]);
		else if (!word_end(s))
			return false;
	}
	return true;
}

/* At a dollar inside double quotes: $NAME, ${NAME}, ${NAME-default}, ${NAME[*]}. */
static bool expand(struct scan *s)
{
	size_t brace = s->at + 1, from;
	bool braced = byte(s, brace) == '{', apart = false;
	struct slice value;

	s->at += braced ? 2 : 1;
	from = s->at;
	if (!is_letter(byte(s, from)) && byte(s, from) != '_' && byte(s, from) != '.')
		return fail(s, "forbidden first char in environment variable name", from);
	do
		s->at++;
	while (is_letter(byte(s, s->at)) || (byte(s, s->at) >= '0' && byte(s, s->at) <= '9') || byte(s, s->at) == '_');
	value = variable(s, slice_sub(s->line, from, s->at));
	if (byte(s, from) == '.' && value.ptr == NULL)
		return fail(s, "unknown pseudo-variable, not .FILE, .LINE or .SECTION", from);
	if (braced && byte(s, s->at) == '[') {
		if (byte(s, s->at + 1) != '*' || byte(s, s->at + 2) != ']')
			return fail(s, "truncated or invalid word expansion sequence", s->at);
		apart = true;
		s->at += 3;
	}
	if (braced) {
		size_t end = s->at;

		while (!apart && byte(s, s->at) == '-' && end < s->line.len && s->line.ptr[end] != '}')
			end++;
		if (byte(s, end) != '}')
			return fail(s, "unmatched brace in environment variable name", brace);
		if (value.ptr == NULL && end > s->at)
			value = slice_sub(s->line, s->at + 1, end);
		s->at = end + 1;
	}
	return value_add(s, value, apart);
}

/* One step forward; *done at the end of the line or at a comment. */
static bool step(struct scan *s, bool *done)
{
	char c = byte(s, s->at);

	*done = s->at == s->line.len || (c == '#' && s->quote == 0);
	if (*done)
		return true;
	if (c == '\0' || (c == '\r' && s->quote == 0))
		return fail(s, c == '\0' ? "NUL character" : "carriage return inside the line", s->at);
	if ((c == '"' || c == '\'') && (s->quote == 0 || s->quote == c)) {
		s->quote = s->quote == 0 ? c : '\0';
		s->quote_at = s->at++;
		s->in_word = true;
		return true;
	}
	if (c == '\\' && s->quote != '\'')
		return escape(s);
	if (c == '$' && s->quote == '"')
		return expand(s);
	s->at++;
	if (is_blank(c) && s->quote == 0)
		return word_end(s);
	emit(s, c);
	return true;
}

bool words_split(struct arena *arena, struct slice line, const struct words_place *place, struct slice *words, unsigned *count,
		 struct words_error *error)
{
	struct scan s = { .arena = arena, .place = place, .line = line, .words = words, .error = error };
	bool ok = true, done = false;

	buf_init(&s.word, 0);
	while (ok && !done)
		ok = step(&s, &done);
	if (ok && s.quote != 0)
		ok = fail(&s, "unmatched quote", s.quote_at);
	ok = ok && word_end(&s);
	if (ok && !buf_ok(&s.word))
		ok = fail(&s, "out of memory", s.at);
	buf_free(&s.word);
	*count = s.count;
	return ok;
}

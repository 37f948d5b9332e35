/* body.c - reads the body of a message as it was framed.
 *
 * Everything of a chunked body but the data goes through one table: state and class of the byte give the next state, and
 * what has no entry is refused. So CR and LF stand only where the grammar has them (RFC 9112, 7.1): a line that ends
 * with a bare LF, or a line end inside an extension, is what chunked bodies are smuggled with.
 */
#include "gateway/http/body.h"

/* What the next byte is. */
enum state {
	REFUSED, /* nothing: the body is broken, or cut off */
	SIZE_START,     /* first digit of a chunk's size */
	SIZE,           /* another digit, or what follows them */
	EXT_BLANK,      /* between an extension and the next ';' */
	EXT_NAME_START, /* behind ';' */
	EXT_NAME,
	EXT_NAME_BLANK, /* between an extension's name and '=' or ';' */
	EXT_VALUE_START,
	EXT_VALUE,
	EXT_QUOTED,
	EXT_ESCAPED, /* behind a backslash in quotes */
	EXT_QUOTED_END,
	SIZE_LF,
	DATA, /* payload */
	DATA_CR,
	DATA_LF,
	TRAILER_START, /* first byte of a trailer field, or the CR of the last line */
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	END_LF,
	DONE, /* nothing: the body is complete */
	STATES
};

enum class {
	CONTROL, /* never right */
	CR,
	LF,
	BLANK, /* space and tab */
	HEX,
	TOKEN, /* token characters that are no hex digits */
	SEMICOLON,
	EQUALS,
	QUOTE,
	BACKSLASH,
	COLON,
	TEXT, /* the rest of visible ASCII, and everything from 0x80 */
	CLASSES
};

static const uint8_t class_of[256] = {
	['\r'] = CR, ['\n'] = LF, [' '] = BLANK, ['\t'] = BLANK,
	['0' ... '9'] = HEX, ['A' ... 'F'] = HEX, ['a' ... 'f'] = HEX,
	['G' ... 'Z'] = TOKEN, ['g' ... 'z'] = TOKEN, ['!'] = TOKEN, ['#' ... '\''] = TOKEN, ['*'] = TOKEN, ['+'] = TOKEN,
	['-'] = TOKEN, ['.'] = TOKEN, ['^' ... '`'] = TOKEN, ['|'] = TOKEN, ['~'] = TOKEN,
	[';'] = SEMICOLON, ['='] = EQUALS, ['"'] = QUOTE, ['\\'] = BACKSLASH, [':'] = COLON,
	['('] = TEXT, [')'] = TEXT, [','] = TEXT, ['/'] = TEXT, ['<'] = TEXT, ['>' ... '@'] = TEXT, ['['] = TEXT,
	[']'] = TEXT, ['{'] = TEXT, ['}'] = TEXT, [0x80 ... 0xFF] = TEXT,
};

#define EACH_TOKEN(state) [HEX] = (state), [TOKEN] = (state)
/* All that is visible, but quote and backslash; and blanks. */
#define EACH_TEXT(state)                                                                                               \
	EACH_TOKEN(state), [BLANK] = (state), [SEMICOLON] = (state), [EQUALS] = (state), [COLON] = (state), [TEXT] = (state)

static const uint8_t next_state[STATES][CLASSES] = {
	[SIZE_START] = { [HEX] = SIZE },
	[SIZE] = { [HEX] = SIZE, [BLANK] = EXT_BLANK, [SEMICOLON] = EXT_NAME_START, [CR] = SIZE_LF },
	[EXT_BLANK] = { [BLANK] = EXT_BLANK, [SEMICOLON] = EXT_NAME_START },
	[EXT_NAME_START] = { [BLANK] = EXT_NAME_START, EACH_TOKEN(EXT_NAME) },
	[EXT_NAME] = { EACH_TOKEN(EXT_NAME), [BLANK] = EXT_NAME_BLANK, [EQUALS] = EXT_VALUE_START,
		       [SEMICOLON] = EXT_NAME_START, [CR] = SIZE_LF },
	[EXT_NAME_BLANK] = { [BLANK] = EXT_NAME_BLANK, [EQUALS] = EXT_VALUE_START, [SEMICOLON] = EXT_NAME_START },
	[EXT_VALUE_START] = { [BLANK] = EXT_VALUE_START, EACH_TOKEN(EXT_VALUE), [QUOTE] = EXT_QUOTED },
	[EXT_VALUE] = { EACH_TOKEN(EXT_VALUE), [BLANK] = EXT_BLANK, [SEMICOLON] = EXT_NAME_START, [CR] = SIZE_LF },
	[EXT_QUOTED] = { EACH_TEXT(EXT_QUOTED), [BACKSLASH] = EXT_ESCAPED, [QUOTE] = EXT_QUOTED_END },
	[EXT_ESCAPED] = { EACH_TEXT(EXT_QUOTED), [BACKSLASH] = EXT_QUOTED, [QUOTE] = EXT_QUOTED },
	[EXT_QUOTED_END] = { [BLANK] = EXT_BLANK, [SEMICOLON] = EXT_NAME_START, [CR] = SIZE_LF },
	[SIZE_LF] = { [LF] = DATA }, /* TRAILER_START when the size is 0 */
	[DATA_CR] = { [CR] = DATA_LF },
	[DATA_LF] = { [LF] = SIZE_START },
	[TRAILER_START] = { EACH_TOKEN(TRAILER_NAME), [CR] = END_LF },
	[TRAILER_NAME] = { EACH_TOKEN(TRAILER_NAME), [COLON] = TRAILER_VALUE },
	[TRAILER_VALUE] = { EACH_TEXT(TRAILER_VALUE), [QUOTE] = TRAILER_VALUE, [BACKSLASH] = TRAILER_VALUE, [CR] = TRAILER_LF },
	[TRAILER_LF] = { [LF] = TRAILER_START },
	[END_LF] = { [LF] = DONE },
};

static const char *const why_refused[STATES] = {
	[SIZE_START] = "a chunk without size",
	[SIZE] = "a bad chunk size",
	[EXT_BLANK] = "a bad chunk extension",
	[EXT_NAME_START] = "a bad chunk extension",
	[EXT_NAME] = "a bad chunk extension",
	[EXT_NAME_BLANK] = "a bad chunk extension",
	[EXT_VALUE_START] = "a bad chunk extension",
	[EXT_VALUE] = "a bad chunk extension",
	[EXT_QUOTED] = "a bad chunk extension",
	[EXT_ESCAPED] = "a bad chunk extension",
	[EXT_QUOTED_END] = "a bad chunk extension",
	[SIZE_LF] = "a chunk's size line ends without LF",
	[DATA_CR] = "a chunk is longer than its size",
	[DATA_LF] = "a chunk ends without LF",
	[TRAILER_START] = "a bad trailer field",
	[TRAILER_NAME] = "a bad trailer field",
	[TRAILER_VALUE] = "a bad trailer field",
	[TRAILER_LF] = "a trailer field ends without LF",
	[END_LF] = "a body ends without LF",
};

void http_body_init(struct http_body *b, const struct http_frame *f)
{
	*b = (struct http_body){ .kind = f->kind, .state = DATA };
	if (f->kind == BODY_LENGTH)
		b->left = f->length;
	if (f->kind == BODY_CHUNKED)
		b->state = SIZE_START;
	if (f->kind == BODY_NONE || (f->kind == BODY_LENGTH && f->length == 0))
		b->state = DONE;
}

static enum http_progress refuse(struct http_body *b, int status, const char *why, size_t at)
{
	b->error = (struct http_error){ .status = status, .why = why, .at = at };
	b->state = REFUSED;
	return HTTP_BAD;
}

static unsigned hex_value(unsigned char c)
{
	return c <= '9' ? (unsigned)c - '0' : (c | 0x20U) - 'a' + 10;
}

/* Counts one byte of a size line, and takes it in when it is a digit; HTTP_MORE or HTTP_BAD. */
static enum http_progress size_byte(struct http_body *b, unsigned char c, size_t at)
{
	if (++b->line > HTTP_CHUNK_LINE_MAX)
		return refuse(b, 400, "the size line of a chunk is too long", at);
	if (b->state != SIZE)
		return HTTP_MORE;
	/* every byte of the line was a digit so far */
	if (b->line > HTTP_CHUNK_DIGITS_MAX)
		return refuse(b, 400, "the size of a chunk has too many digits", at);
	b->left = b->left * 16 + hex_value(c);
	return b->left <= INT64_MAX ? HTTP_MORE : refuse(b, 400, "the size of a chunk is too large", at);
}

/* Reads size lines and trailers from <at> on: HTTP_MORE when payload begins at <at>, or nothing is left. */
static enum http_progress read_lines(struct http_body *b, struct slice in, size_t *at)
{
	while (*at < in.len && b->state != DATA && b->state != DONE) {
		unsigned char c = (unsigned char)in.ptr[*at];
		uint8_t before = b->state;

		b->state = next_state[before][class_of[c]];
		if (b->state == REFUSED)
			return refuse(b, 400, why_refused[before], *at);
		if (b->state >= SIZE && b->state <= SIZE_LF && size_byte(b, c, *at) == HTTP_BAD)
			return HTTP_BAD;
		if (before >= TRAILER_START && ++b->fields > HTTP_TRAILERS_MAX)
			return refuse(b, 431, "the trailer fields are too long", *at);
		if (b->state == DATA) {
			b->line = 0;
			if (b->left == 0)
				b->state = TRAILER_START;
		}
		(*at)++;
	}
	return b->state == DONE ? HTTP_DONE : HTTP_MORE;
}

/* Takes payload from <at> on, at most what is left of it. */
static struct slice take(struct http_body *b, struct slice in, size_t *at)
{
	uint64_t there = in.len - *at;
	size_t len = (size_t)(there < b->left ? there : b->left);
	struct slice data = slice_sub(in, *at, *at + len);

	*at += len;
	b->left -= len;
	return data;
}

static enum http_progress next_chunked(struct http_body *b, struct slice in, size_t *used, struct slice *data)
{
	enum http_progress progress = read_lines(b, in, used);

	if (b->state != DATA)
		return progress;
	*data = take(b, in, used);
	if (b->left > 0)
		return HTTP_MORE;
	/* on to the next payload: so a body that is all there takes one call */
	b->state = DATA_CR;
	return read_lines(b, in, used);
}

enum http_progress http_body_next(struct http_body *b, struct slice in, size_t *used, struct slice *data)
{
	*used = 0;
	*data = slice_sub(in, 0, 0);
	if (b->state == DONE)
		return HTTP_DONE;
	if (b->state == REFUSED)
		return HTTP_BAD;
	switch (b->kind) {
	case BODY_CHUNKED:
		return next_chunked(b, in, used, data);
	case BODY_LENGTH:
		*data = take(b, in, used);
		if (b->left == 0)
			b->state = DONE;
		return b->left == 0 ? HTTP_DONE : HTTP_MORE;
	default:
		*used = in.len;
		*data = in;
		return HTTP_MORE;
	}
}

enum http_progress http_body_end(struct http_body *b)
{
	if (b->state == DONE)
		return HTTP_DONE;
	if (b->state == REFUSED)
		return HTTP_BAD;
	if (b->kind != BODY_UNTIL_CLOSE && b->kind != BODY_TUNNEL)
		return refuse(b, 400, "the body is cut off", 0);
	b->state = DONE;
	return HTTP_DONE;
}

bool http_body_done(const struct http_body *b)
{
	return b->state == DONE;
}

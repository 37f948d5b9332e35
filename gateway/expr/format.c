/* format.c - texts with %-variables and %[expressions]: compiled once into pieces, written piece by piece for each exchange. */
#include "gateway/expr/format.h"

#include <assert.h>
#include <string.h>
#include "gateway/conf/parse.h"
#include "gateway/expr/expr.h"
#include "gateway/expr/format_variable.h"
#include "gateway/model/proxy.h"
#include "gateway/session/exchange.h"

const char format_httplog[] = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r";
const char format_tcplog[] = "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq";
const char format_clf[] = "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq %bq "
			  "%CC %CS %hrl %hsl";
const char format_plain[] = "Connect from %ci:%cp to %fi:%fp (%f/HTTP)";

/* One of these three. */
struct piece {
	struct piece *next;
	struct slice text;
	const struct format_variable *variable;
	const struct expr *expr;
	unsigned flags;
};

struct format {
	struct piece *first;
	bool merges; /* blanks that follow each other, also because what was between them is empty */
};

/* ---- compiling ---- */

struct compiler {
	struct parse *p;
	struct format *f;
	struct piece **end;
	unsigned flags;    /* of variables that say none: set by %{…}o */
	char *text;        /* that has been read since the last variable: as much as the whole format at most */
	size_t len;
	unsigned when;
	const char *where;
};

static struct piece *add_piece(struct compiler *c)
{
	struct piece *piece = arena_alloc(c->p->arena, sizeof(*piece));

	*c->end = piece;
	c->end = &piece->next;
	return piece;
}

static void add_char(struct compiler *c, char ch)
{
	if (!c->f->merges || ch != ' ' || c->len == 0 || c->text[c->len - 1] != ' ')
		c->text[c->len++] = ch;
}

static void end_text(struct compiler *c)
{
	if (c->len > 0)
		add_piece(c)->text = arena_copy(c->p->arena, slice_of(c->text, c->len));
	c->len = 0;
}

static unsigned flag_of(struct slice name)
{
	return slice_eq(name, SLICE_LIT("Q")) ? FORMAT_QUOTE : slice_eq(name, SLICE_LIT("X")) ? FORMAT_HEX :
	       slice_eq(name, SLICE_LIT("E")) ? FORMAT_ESCAPE : 0;
}

/* "+Q,-X". What HAProxy passes over in silence gets a warning. */
static unsigned read_flags(struct compiler *c, struct slice list)
{
	unsigned flags = c->flags;

	while (list.len > 0) {
		struct slice word = slice_trim(slice_cut(&list, ','));
		unsigned bit = flag_of(slice_sub(word, 1, word.len));

		if (bit != 0 && word.ptr[0] == '+')
			flags |= bit;
		else if (bit != 0 && word.ptr[0] == '-')
			flags &= ~bit;
		else
			parse_warning(c->p, "%s : flag '%.*s' is ignored: there are Q, X and E, with '+' or '-' in front", c->where,
				      SLICE_ARG(word));
	}
	return flags;
}

/* Where the expression that <s> begins with ends: at the first ']' that is not inside of parentheses; or s.len. */
static size_t expression_end(struct slice s)
{
	bool inside = false;
	char quote = '\0';
	size_t i;

	for (i = 0; i < s.len; i++) {
		char ch = s.ptr[i];

		if (!inside) {
			if (ch == ']')
				break;
			inside = ch == '(';
		} else if (ch == '\\' && quote != '\'') {
			i++;
		} else if (quote != '\0') {
			quote = ch == quote ? '\0' : quote;
		} else if (ch == '"' || ch == '\'') {
			quote = ch;
		} else {
			inside = ch != ')';
		}
	}
	return i < s.len ? i : s.len;
}

/* <rest> is behind "%[". */
static bool read_expression(struct compiler *c, struct slice *rest, unsigned flags)
{
	size_t end = expression_end(*rest);
	struct expr *e;
	struct piece *piece;

	if (end == rest->len) {
		parse_error(c->p, "%s : missing ']' after '%.*s'", c->where, SLICE_ARG(*rest));
		return false;
	}
	e = expr_parse(c->p, slice_sub(*rest, 0, end), c->when, c->where);
	if (e == NULL)
		return false;
	*rest = slice_sub(*rest, end + 1, rest->len);
	piece = add_piece(c);
	piece->expr = e;
	piece->flags = flags;
	return true;
}

static bool is_name_char(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
}

static bool read_name(struct compiler *c, struct slice *rest, unsigned flags)
{
	size_t len = 0;
	const struct format_variable *v;
	struct slice name;

	while (len < rest->len && is_name_char(rest->ptr[len]))
		len++;
	name = slice_sub(*rest, 0, len);
	*rest = slice_sub(*rest, len, rest->len);
	if (slice_eq(name, SLICE_LIT("o"))) {
		c->flags = flags;
		return true;
	}
	v = format_variable_find(name);
	if (v == NULL) {
		const char *near = format_variable_nearest(name);

		parse_error(c->p, "%s : no such format variable '%.*s'%s%s%s. If you wanted to emit the '%%' character verbatim, you need to "
			    "use '%%%%'.", c->where, SLICE_ARG(name), near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
			    near != NULL ? "'" : "");
		return false;
	}
	*add_piece(c) = (struct piece){ .variable = v, .flags = flags };
	return true;
}

/* Takes "{+Q}" off <rest>; its inside, SLICE_NONE when there is none. False after complaining. */
static bool cut_braces(struct compiler *c, struct slice *rest, struct slice *inside)
{
	struct slice all = *rest;

	*inside = SLICE_NONE;
	if (all.ptr[0] != '{')
		return true;
	*rest = slice_sub(all, 1, all.len);
	*inside = slice_cut(rest, '}');
	if (rest->ptr == NULL)
		parse_error(c->p, "%s : truncated line after '%.*s'", c->where, SLICE_ARG(all));
	else if (rest->len == 0 || (rest->ptr[0] != '[' && !is_name_char(rest->ptr[0])))
		parse_error(c->p, "%s : argument modifier without variable name near '%%{%.*s}'", c->where, SLICE_ARG(*inside));
	else
		return true;
	return false;
}

/* <rest> is behind '%'. */
static bool read_variable(struct compiler *c, struct slice *rest)
{
	struct slice inside;
	unsigned flags;

	if (rest->len == 0) {
		parse_error(c->p, "%s : truncated line after '%%'", c->where);
		return false;
	}
	if (rest->ptr[0] == '%') {
		add_char(c, '%');
		*rest = slice_sub(*rest, 1, rest->len);
		return true;
	}
	if (!cut_braces(c, rest, &inside))
		return false;
	end_text(c);
	flags = read_flags(c, inside);
	if (rest->ptr[0] == '[') {
		*rest = slice_sub(*rest, 1, rest->len);
		return read_expression(c, rest, flags);
	}
	if (is_name_char(rest->ptr[0]))
		return read_name(c, rest, flags);
	parse_error(c->p, "%s : unexpected variable name near '%c' in '%%%.*s'. To write a single '%%', use '%%%%'.", c->where, rest->ptr[0],
		    SLICE_ARG(*rest));
	return false;
}

struct format *format_parse(struct parse *p, struct slice text, unsigned when, const char *where)
{
	struct format *f = arena_alloc(p->arena, sizeof(*f));
	struct compiler c = { .p = p, .f = f, .end = &f->first, .text = arena_alloc(p->arena, text.len + 1), .when = when, .where = where };

	f->merges = (when & WHEN_LOG) != 0;
	while (text.len > 0) {
		char ch = text.ptr[0];

		text = slice_sub(text, 1, text.len);
		if (ch != '%')
			add_char(&c, ch);
		else if (!read_variable(&c, &text))
			return NULL;
	}
	end_text(&c);
	return f;
}

struct slice format_constant(const struct format *f)
{
	if (f->first == NULL)
		return SLICE_LIT("");
	return f->first->next == NULL ? f->first->text : SLICE_NONE; /* SLICE_NONE unless it is a text */
}

/* ---- writing ---- */

void format_write(const struct format *f, struct exchange *x, bool for_log, struct buf *out)
{
	struct format_place at = { .x = x, .out = out, .for_log = for_log };
	bool blank = f->merges; /* the last thing written was one, of the format's own */

	for (const struct piece *piece = f->first; piece != NULL; piece = piece->next) {
		struct slice text = piece->text;
		size_t before = out->len;

		if (text.ptr != NULL) {
			if (f->merges && blank && text.ptr[0] == ' ')
				text = slice_sub(text, 1, text.len);
			buf_add_slice(out, text);
			blank = text.len == 0 ? blank : text.ptr[text.len - 1] == ' ';
			continue;
		}
		at.flags = piece->flags;
		if (piece->variable != NULL)
			piece->variable->write(&at, piece->variable->data);
		else
			format_write_text(&at, expr_text(piece->expr, x), for_log ? CODE_UNPRINTABLE : CODE_NONE);
		blank = blank && out->len == before;
	}
}

struct slice format_text(const struct format *f, struct exchange *x)
{
	struct slice constant = format_constant(f);
	char space[FORMAT_TEXT_MOST + 1]; /* on the stack: loops have a thread's, of which this touches what it needs */
	struct buf out;

	if (constant.ptr != NULL)
		return constant;
	buf_init_fixed(&out, space, sizeof(space));
	format_write(f, x, false, &out);
	return buf_ok(&out) ? arena_copy(x->arena, buf_slice(&out)) : SLICE_NONE;
}

struct slice format_unique_id(struct exchange *x)
{
	const struct format *f = x->frontend->unique_id_format;

	if (f != NULL && x->unique_id.ptr == NULL) {
		x->unique_id = SLICE_LIT(""); /* what a format that names the id itself finds there */
		x->unique_id = format_text(f, x);
	}
	return x->unique_id;
}

/* arg.c - the arguments of fetches and converters: taken apart while the file is read, names looked up after it. */
#include "gateway/expr/arg.h"

#include <arpa/inet.h>
#include <string.h>
#include "gateway/conf/parse.h"
#include "gateway/expr/sample.h"
#include "gateway/model/config.h"
#include "gateway/model/proxy.h"

/* A name that is looked up once all files are read. */
struct arg_wait {
	struct arg_wait *next;
	struct arg *arg;
	char letter;
	const char *kind, *keyword;
	struct proxy *proxy;  /* where the expression stands */
	struct slice file;
	unsigned line;
};

/* ---- taking "(a,'b,c')" apart ---- */

/* What a backslash makes of <c>: '\0' when both stay as they are. */
static char escaped(char c)
{
	switch (c) {
	case '\\': case '\'': case '"': case ' ':
		return c;
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return '\0';
	}
}

/* Cuts one argument off <rest>, quotes and escapes resolved into <out> (as long as <rest>, and a NUL): the character that ended it, ',' or
 * ')'; 0 when the text ended before. */
static char cut_argument(struct slice *rest, char *out, size_t *len)
{
	char quote = '\0';
	size_t i, n = 0;

	for (i = 0; i < rest->len; i++) {
		char c = rest->ptr[i];

		if (quote == '\0' && (c == ',' || c == ')'))
			break;
		if ((c == '"' || c == '\'') && (quote == '\0' || quote == c)) {
			quote = quote == '\0' ? c : '\0';
			continue;
		}
		if (c == '\\' && quote != '\'' && i + 1 < rest->len && escaped(rest->ptr[i + 1]) != '\0')
			c = escaped(rest->ptr[++i]);
		out[n++] = c;
	}
	out[n] = '\0';
	*len = n;
	if (i == rest->len)
		return '\0';
	quote = rest->ptr[i];
	*rest = slice_sub(*rest, i + 1, rest->len);
	return quote;
}

/* ---- what an argument means ---- */

static bool read_number(struct parse *p, const char *kind, const char *keyword, unsigned index, struct arg *a)
{
	size_t used;

	a->number = sample_text_number(a->text, &used);
	if (used == a->text.len && a->text.ptr[used - 1] >= '0' && a->text.ptr[used - 1] <= '9')
		return true;
	parse_error(p, "%s '%s' : argument %u must be a number, not '%s'", kind, keyword, index + 1, a->text.ptr);
	return false;
}

/* A number of bits, or a mask written like an address. */
static bool read_mask(struct parse *p, const char *kind, const char *keyword, unsigned index, char letter, struct arg *a)
{
	int most = letter == '4' ? 32 : 128;
	size_t used;
	int64_t bits = sample_text_number(a->text, &used);

	if (used == a->text.len && bits >= 0 && bits <= most) {
		for (int i = 0; i < bits; i++)
			a->mask[i / 8] |= (uint8_t)(0x80 >> (i % 8));
		return true;
	}
	if (inet_pton(letter == '4' ? AF_INET : AF_INET6, a->text.ptr, a->mask) == 1)
		return true;
	parse_error(p, "%s '%s' : argument %u must be an %s mask, not '%s'", kind, keyword, index + 1, letter == '4' ? "IPv4" : "IPv6",
		    a->text.ptr);
	return false;
}

static bool read_argument(struct parse *p, const char *kind, const char *keyword, unsigned index, char letter, struct arg *a)
{
	switch (letter) {
	case 'i':
		return read_number(p, kind, keyword, index, a);
	case 'n': {
		char c = a->text.ptr[0];

		if ((c >= '0' && c <= '9') || c == '-' || c == '+')
			return read_number(p, kind, keyword, index, a);
		a->is_var = true;
		return var_name_parse(p, a->text, &a->var);
	}
	case 'v':
		a->is_var = true;
		return var_name_parse(p, a->text, &a->var);
	case '4': case '6':
		return read_mask(p, kind, keyword, index, letter, a);
	default:
		return true;
	}
}

static void wait_for_name(struct parse *p, const char *kind, const char *keyword, char letter, struct arg *a)
{
	struct arg_wait *w = arena_alloc(p->arena, sizeof(*w));

	*w = (struct arg_wait){ .next = p->config->args_waiting, .arg = a, .letter = letter, .kind = kind, .keyword = keyword,
				.proxy = p->proxy, .file = p->file, .line = p->line };
	p->config->args_waiting = w;
}

/* Letter number <index> of <letters>, '|' not counted; '\0' behind the last. */
static char letter_at(const char *letters, unsigned index, bool *optional)
{
	*optional = false;
	for (; letters != NULL && *letters != '\0'; letters++) {
		if (*letters == '|')
			*optional = true;
		else if (index-- == 0)
			return *letters;
	}
	return '\0';
}

static const char *letter_name(char letter)
{
	switch (letter) {
	case 'i':
		return "a number";
	case 'n':
		return "a number or a variable";
	case 'v':
		return "a variable";
	case '4':
		return "an IPv4 mask";
	case '6':
		return "an IPv6 mask";
	case 't': case 'T':
		return "a stick table";
	case 'b':
		return "a backend";
	case 'f':
		return "a frontend";
	case 'r':
		return "a server";
	default:
		return "a text";
	}
}

/* Reads the text between the parentheses into out->at. */
static bool read_list(struct parse *p, const char *kind, const char *keyword, const char *letters, struct slice *rest, struct args *out)
{
	char *space = arena_alloc(p->arena, rest->len + 1);
	char end = ',';

	for (unsigned i = 0; end == ','; i++) {
		bool optional;
		char letter = letter_at(letters, i, &optional);
		size_t len;

		end = cut_argument(rest, space, &len);
		if (end == '\0') {
			parse_error(p, "%s '%s' : its arguments lack the closing ')'", kind, keyword);
			return false;
		}
		if (letter == '\0') {
			if (len == 0 && i == 0 && end == ')')
				return true; /* "path()" */
			parse_error(p, "%s '%s' : expects %u argument%s, but got '%s'", kind, keyword, i, i == 1 ? "" : "s", space);
			return false;
		}
		out->at[i].text = arena_copy(p->arena, slice_of(space, len));
		out->at[i].given = len > 0 || letter == 's';
		if (out->at[i].given)
			out->count = i + 1;
		if (len > 0 && !read_argument(p, kind, keyword, i, letter, &out->at[i]))
			return false;
	}
	return true;
}

bool args_parse(struct parse *p, const char *kind, const char *keyword, const char *letters, struct slice *rest, struct args *out)
{
	unsigned most = 0;
	bool optional;
	char letter;

	while (letter_at(letters, most, &optional) != '\0')
		most++;
	*out = (struct args){ .keyword = keyword, .at = arena_alloc_array(p->arena, most + 1, sizeof(struct arg)) };
	for (unsigned i = 0; i < most; i++)
		out->at[i].text = SLICE_LIT("");
	if (rest->len > 0 && rest->ptr[0] == '(') {
		*rest = slice_sub(*rest, 1, rest->len);
		if (!read_list(p, kind, keyword, letters, rest, out))
			return false;
	}
	for (unsigned i = 0; (letter = letter_at(letters, i, &optional)) != '\0'; i++) {
		if (!out->at[i].given && !optional) {
			parse_error(p, "%s '%s' : argument %u is missing: %s", kind, keyword, i + 1, letter_name(letter));
			return false;
		}
		if (strchr("bfrt", letter) != NULL || (letter == 'T' && out->at[i].given))
			wait_for_name(p, kind, keyword, letter, &out->at[i]);
	}
	return true;
}

/* ---- looking names up ---- */

static struct proxy *find_proxy(const struct config *c, struct slice name, char letter)
{
	for (struct proxy *px = c->proxies; px != NULL; px = px->next) {
		bool fits = letter == 'f' ? px->is_frontend : letter == 't' ? px->table != NULL : px->is_backend;

		if (fits && slice_eq(px->name, name))
			return px;
	}
	return NULL;
}

static void resolve_server(struct parse *p, const struct arg_wait *w)
{
	struct slice server = w->arg->text, backend = SLICE_NONE;
	struct proxy *px = w->proxy;

	if (slice_find(server, '/') < server.len) {
		backend = slice_cut(&server, '/');
		px = find_proxy(p->config, backend, 'b');
	}
	if (px == NULL) {
		parse_error(p, "%s '%s' : there is no backend '%.*s'", w->kind, w->keyword, SLICE_ARG(backend));
		return;
	}
	for (struct server *s = px->backend.servers; s != NULL; s = s->next) {
		if (slice_eq(s->name, server))
			w->arg->server = s;
	}
	if (w->arg->server == NULL)
		parse_error(p, "%s '%s' : there is no server '%.*s' in proxy '%.*s'", w->kind, w->keyword, SLICE_ARG(server), SLICE_ARG(px->name));
}

static void resolve_table(struct parse *p, const struct arg_wait *w)
{
	struct proxy *px = w->arg->given ? find_proxy(p->config, w->arg->text, 't') : w->proxy;

	if (px != NULL && px->table != NULL)
		w->arg->table = px->table;
	else if (w->arg->given)
		parse_error(p, "%s '%s' : there is no stick-table '%s'", w->kind, w->keyword, w->arg->text.ptr);
	else if (px == NULL || !px->is_defaults)
		parse_error(p, "%s '%s' : this proxy has no stick-table of its own, so one has to be named", w->kind, w->keyword);
}

static void resolve_proxy(struct parse *p, const struct arg_wait *w)
{
	const char *what = w->letter == 'f' ? "frontend" : "backend";

	if (w->arg->given) {
		w->arg->proxy = find_proxy(p->config, w->arg->text, w->letter);
		if (w->arg->proxy == NULL)
			parse_error(p, "%s '%s' : there is no %s '%s'", w->kind, w->keyword, what, w->arg->text.ptr);
	} else if (w->proxy == NULL || !w->proxy->is_defaults) {
		w->arg->proxy = w->proxy;
		if (w->proxy == NULL || !(w->letter == 'f' ? w->proxy->is_frontend : w->proxy->is_backend))
			parse_error(p, "%s '%s' : this proxy is no %s, so one has to be named", w->kind, w->keyword, what);
	}
}

void args_resolve(struct parse *p)
{
	struct arg_wait *in_order = NULL;

	while (p->config->args_waiting != NULL) {
		struct arg_wait *w = p->config->args_waiting;

		p->config->args_waiting = w->next;
		w->next = in_order;
		in_order = w;
	}
	for (const struct arg_wait *w = in_order; w != NULL; w = w->next) {
		p->file = w->file;
		p->line = w->line;
		if (w->letter == 'r')
			resolve_server(p, w);
		else if (w->letter == 't' || w->letter == 'T')
			resolve_table(p, w);
		else
			resolve_proxy(p, w);
	}
}

bool arg_number(struct exchange *x, const struct arg *a, int64_t *out)
{
	struct sample s;

	if (!a->is_var) {
		*out = a->number;
		return true;
	}
	if (!var_get(x, a->var, &s) || !sample_cast(x, &s, SAMPLE_INT))
		return false;
	*out = s.integer;
	return true;
}

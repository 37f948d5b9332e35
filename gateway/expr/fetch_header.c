/* fetch_header.c - samples of header fields: req.hdr, res.fhdr and their like (manual, 7.3.6). */
#include "gateway/expr/tables.h"

#include <stdio.h>
#include <string.h>
#include "gateway/conf/parse.h"
#include "gateway/expr/arg.h"
#include "gateway/expr/fetch_http.h"
#include "gateway/session/exchange.h"

/* Bits of an entry's data. */
enum { RESPONSE = 1, WHOLE = 2 /* not divided at commas */ };

/* ---- walking over fields ---- */

void field_walk_begin(struct field_walk *f, struct exchange *x, bool response, unsigned at)
{
	f->x = x;
	f->response = response;
	f->at = at;
}

/* What framing took out, made up again: number <i> of them; false when it does not apply. */
static bool made_up(struct field_walk *f, unsigned i)
{
	const struct http_frame *frame = f->response ? &f->x->response_frame : &f->x->request_frame;
	unsigned minor = f->response ? f->x->response.minor : f->x->request.minor;

	switch (i) {
	case 0:
		f->name = SLICE_LIT("content-length");
		if (!frame->has_length && frame->kind != BODY_LENGTH)
			return false;
		f->value = slice_of(f->number, (size_t)snprintf(f->number, sizeof(f->number), "%llu", (unsigned long long)frame->length));
		return true;
	case 1:
		f->name = SLICE_LIT("transfer-encoding");
		f->value = SLICE_LIT("chunked");
		return frame->kind == BODY_CHUNKED;
	default:
		f->name = SLICE_LIT("connection");
		f->value = frame->upgrade ? SLICE_LIT("upgrade") : frame->keep_alive ? SLICE_LIT("keep-alive") : SLICE_LIT("close");
		return frame->upgrade || frame->keep_alive != (minor > 0); /* else it said nothing, or nothing new */
	}
}

bool field_walk_next(struct field_walk *f, struct slice name)
{
	const struct http_head *h = f->response ? &f->x->response : &f->x->request;

	for (; f->at < h->count + 3; f->at++) {
		if (f->at < h->count) {
			f->name = h->fields[f->at].name;
			f->value = h->fields[f->at].value;
		} else if (!made_up(f, f->at - h->count)) {
			continue;
		}
		if (name.len == 0 || (name.len == f->name.len && slice_eq_nocase(name, f->name))) {
			f->at++;
			return true;
		}
	}
	return false;
}

/* The next value of the fields of that name: whole ones, or the elements of their lists. <rest>: what is left of the last field. */
static bool next_value(struct field_walk *f, const struct args *a, struct slice *rest, struct slice *value)
{
	if ((a->data & WHOLE) == 0 && http_list_next(rest, value))
		return true;
	if (!field_walk_next(f, a->at[0].text))
		return false;
	if ((a->data & WHOLE) != 0) {
		*value = f->value;
		return true;
	}
	*rest = f->value.ptr == NULL ? SLICE_LIT("") : f->value;
	return http_list_next(rest, value);
}

/* The value that argument 2 asks for: from 1 the first ones, from -1 the last ones; 0: the last. */
static bool value_at(struct exchange *x, const struct args *a, int64_t wanted, struct field_walk *f, struct slice *value)
{
	struct slice rest = SLICE_NONE, v;
	int64_t count = 0;

	if (wanted < 0) { /* from the end: counted first */
		field_walk_begin(f, x, (a->data & RESPONSE) != 0, 0);
		while (next_value(f, a, &rest, &v))
			count++;
		wanted += count + 1;
		if (wanted <= 0)
			return false;
		count = 0;
		rest = SLICE_NONE;
	}
	field_walk_begin(f, x, (a->data & RESPONSE) != 0, 0);
	while (next_value(f, a, &rest, &v)) {
		*value = v;
		if (++count == wanted)
			return true;
	}
	return wanted == 0 && count > 0;
}

/* The value for one call of get(): inside a walk without argument 2 the next one. <f> holds a made up number. */
static bool pick(struct exchange *x, const struct args *a, struct walk *w, struct field_walk *f, struct slice *value)
{
	if (w == NULL)
		return value_at(x, a, a->at[1].number, f, value);
	if (a->at[1].number != 0) {
		if (w->begun)
			return false;
		w->begun = true;
		return value_at(x, a, a->at[1].number, f, value);
	}
	field_walk_begin(f, x, (a->data & RESPONSE) != 0, w->field);
	if (!next_value(f, a, &w->rest, value))
		return false;
	w->field = f->at;
	return true;
}

/* Texts outlive the walk: a number that was made up for it is copied. */
static struct slice kept(struct exchange *x, const struct field_walk *f, struct slice value)
{
	return value.ptr == f->number ? arena_copy(x->arena, value) : value.ptr == NULL ? SLICE_LIT("") : value;
}

static bool get_header(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	struct field_walk f;
	struct slice value;

	return pick(x, a, w, &f, &value) && sample_set_text(out, kept(x, &f, value));
}

static bool get_value(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	struct field_walk f;
	struct slice value;

	return pick(x, a, w, &f, &value) && sample_set_int(out, sample_text_number(value, NULL));
}

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1" or "[2001:db8::1]". */
static bool read_addr(struct slice text, struct sockaddr_storage *out)
{
	struct slice port = text, addr = slice_cut(&port, ':');
	uint64_t n;

	if (text.len > 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']')
		return sample_text_addr(slice_sub(text, 1, text.len - 1), out) && out->ss_family == AF_INET6;
	if (port.ptr != NULL && slice_to_u64(port, 65535, &n))
		return sample_text_addr(addr, out) && out->ss_family == AF_INET;
	return sample_text_addr(text, out);
}

static bool get_ip(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	struct field_walk f;
	struct slice value;

	while (pick(x, a, w, &f, &value)) {
		if (read_addr(value, &out->addr)) {
			out->type = SAMPLE_ADDR;
			return true;
		}
		if (w == NULL)
			return false;
	}
	return false;
}

static bool get_count(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	struct slice rest = SLICE_NONE, value;
	struct field_walk f;
	int64_t count = 0;

	(void)w;
	field_walk_begin(&f, x, (a->data & RESPONSE) != 0, 0);
	while (next_value(&f, a, &rest, &value))
		count++;
	return sample_set_int(out, count);
}

/* ---- all of them ---- */

static size_t put(char *out, size_t at, struct slice s, bool lower)
{
	for (size_t i = 0; i < s.len && out != NULL; i++) {
		char c = s.ptr[i];

		out[at + i] = lower && c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	return at + s.len;
}

/* Writes the names with <delimiter> between them, or (0) the whole head; only counts when <out> is NULL. Names in lower case, as
 * HAProxy has them. */
static size_t write_fields(struct exchange *x, bool response, char delimiter, char *out)
{
	struct field_walk f;
	size_t n = 0;

	field_walk_begin(&f, x, response, 0);
	while (field_walk_next(&f, SLICE_LIT(""))) {
		if (delimiter != '\0') {
			n = put(out, n, slice_of(&delimiter, n > 0 ? 1 : 0), false);
			n = put(out, n, f.name, true);
		} else {
			n = put(out, n, f.name, true);
			n = put(out, n, SLICE_LIT(": "), false);
			n = put(out, n, f.value, false);
			n = put(out, n, SLICE_LIT("\r\n"), false);
		}
	}
	return delimiter == '\0' ? put(out, n, SLICE_LIT("\r\n"), false) : n;
}

static bool get_fields(struct exchange *x, const struct args *a, char delimiter, struct sample *out)
{
	bool response = (a->data & RESPONSE) != 0;
	char *text = arena_alloc(x->arena, write_fields(x, response, delimiter, NULL) + 1);

	return text != NULL && sample_set_text(out, slice_of(text, write_fields(x, response, delimiter, text)));
}

static bool get_names(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)w;
	return get_fields(x, a, a->at[0].text.len > 0 ? a->at[0].text.ptr[0] : ',', out);
}

static bool get_all(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)w;
	return get_fields(x, a, '\0', out);
}

static bool check_name(struct parse *p, struct args *a)
{
	if (a->at[0].text.len > 0)
		return true;
	parse_error(p, "sample fetch '%s' : the name of a header is missing", a->keyword);
	return false;
}

#define REQ .when = WHEN_REQUEST
#define RES .when = WHEN_RESPONSE
#define HDR .type = SAMPLE_STR, .args = "s|i", .get = get_header, .many = true, .check = check_name
#define VAL .type = SAMPLE_INT, .args = "s|i", .get = get_value, .many = true, .check = check_name
#define IP .type = SAMPLE_ADDR, .args = "s|i", .get = get_ip, .many = true, .check = check_name
#define CNT .type = SAMPLE_INT, .args = "|s", .get = get_count

const struct fetch fetch_header[] = {
	{ .name = "req.hdr", REQ, HDR, .derived = true },
	{ .name = "hdr", REQ, HDR, .derived = true },
	{ .name = "hdr", RES, HDR, .data = RESPONSE },
	{ .name = "res.hdr", RES, HDR, .derived = true, .data = RESPONSE },
	{ .name = "shdr", RES, HDR, .derived = true, .data = RESPONSE },
	{ .name = "req.fhdr", REQ, HDR, .data = WHOLE },
	{ .name = "res.fhdr", RES, HDR, .data = RESPONSE | WHOLE },
	{ .name = "req.hdr_val", REQ, VAL },
	{ .name = "hdr_val", REQ, VAL },
	{ .name = "res.hdr_val", RES, VAL, .data = RESPONSE },
	{ .name = "shdr_val", RES, VAL, .data = RESPONSE },
	{ .name = "req.hdr_ip", REQ, IP },
	{ .name = "hdr_ip", REQ, IP },
	{ .name = "res.hdr_ip", RES, IP, .data = RESPONSE },
	{ .name = "shdr_ip", RES, IP, .data = RESPONSE },
	{ .name = "req.hdr_cnt", REQ, CNT },
	{ .name = "hdr_cnt", REQ, CNT },
	{ .name = "req.fhdr_cnt", REQ, CNT, .data = WHOLE },
	{ .name = "res.hdr_cnt", RES, CNT, .data = RESPONSE },
	{ .name = "shdr_cnt", RES, CNT, .data = RESPONSE },
	{ .name = "res.fhdr_cnt", RES, CNT, .data = RESPONSE | WHOLE },
	{ .name = "req.hdr_names", REQ, .type = SAMPLE_STR, .args = "|s", .get = get_names },
	{ .name = "res.hdr_names", RES, .type = SAMPLE_STR, .args = "|s", .get = get_names, .data = RESPONSE },
	{ .name = "req.hdrs", REQ, .type = SAMPLE_STR, .get = get_all },
	{ .name = "res.hdrs", RES, .type = SAMPLE_STR, .get = get_all, .data = RESPONSE },
	{ .name = NULL },
};

/* fetch_cookie.c - samples of cookies: those of a request's Cookie fields, and what a response's Set-Cookie fields set (manual, 7.3.6). */
#include "gateway/expr/tables.h"

#include "gateway/expr/arg.h"
#include "gateway/session/exchange.h"

enum { RESPONSE = 1 };

static bool ends_cookie(char c)
{
	return c == ';' || c == ',';
}

/* Cuts one "name=value" off <rest>, which ends at ';' or ',' outside of quotes. */
static struct slice cut_cookie(struct slice *rest)
{
	struct slice cookie;
	bool quoted = false;
	size_t i = 0;

	for (; i < rest->len && (quoted || !ends_cookie(rest->ptr[i])); i++) {
		if (rest->ptr[i] == '"')
			quoted = !quoted;
	}
	cookie = slice_sub(*rest, 0, i);
	*rest = i == rest->len ? SLICE_NONE : slice_sub(*rest, i + 1, rest->len);
	return cookie;
}

/* The next cookie of that name, in the field that <w> stands in and those behind it. */
static bool next_cookie(struct exchange *x, const struct args *a, struct walk *w, struct slice *value)
{
	const struct http_head *h = a->data == RESPONSE ? &x->response : &x->request;
	enum http_name id = a->data == RESPONSE ? NAME_SET_COOKIE : NAME_COOKIE;
	struct slice name = a->at[0].text;

	for (;;) {
		struct slice cookie, key;

		if (w->rest.ptr == NULL) {
			const struct http_field *f = http_field_known(h, id, w->field);

			if (f == NULL)
				return false;
			w->field = (unsigned)(f - h->fields) + 1;
			w->rest = f->value;
		}
		cookie = cut_cookie(&w->rest);
		if (a->data == RESPONSE)
			w->rest = SLICE_NONE; /* attributes follow, not cookies */
		key = slice_trim(slice_cut(&cookie, '='));
		if (cookie.ptr != NULL && (name.len == 0 || slice_eq(key, name))) {
			*value = slice_trim(cookie);
			return true;
		}
	}
}

/* Outside of a walk: the last one of that name, the first one of all. */
static bool pick(struct exchange *x, const struct args *a, struct walk *w, struct slice *value)
{
	struct walk own = { .begun = false };
	bool found;

	if (w != NULL)
		return next_cookie(x, a, w, value);
	found = next_cookie(x, a, &own, value);
	while (found && a->at[0].text.len > 0 && next_cookie(x, a, &own, value))
		;
	return found;
}

static bool get_cookie(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	struct slice value;

	return pick(x, a, w, &value) && sample_set_text(out, value);
}

static bool get_value(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	struct slice value;

	return pick(x, a, w, &value) && sample_set_int(out, sample_text_number(value, NULL));
}

static bool get_count(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	struct walk own = { .begun = false };
	struct slice value;
	int64_t count = 0;

	(void)w;
	while (next_cookie(x, a, &own, &value))
		count++;
	return sample_set_int(out, count);
}

#define REQ .args = "|s", .when = WHEN_REQUEST
#define RES .args = "|s", .when = WHEN_RESPONSE, .data = RESPONSE
#define TEXT .type = SAMPLE_STR, .get = get_cookie, .many = true
#define VAL .type = SAMPLE_INT, .get = get_value, .many = true
#define CNT .type = SAMPLE_INT, .get = get_count

const struct fetch fetch_cookie[] = {
	{ .name = "req.cook", REQ, TEXT, .derived = true },
	{ .name = "cook", REQ, TEXT, .derived = true },
	{ .name = "cookie", REQ, TEXT },
	{ .name = "cookie", RES, TEXT },
	{ .name = "res.cook", RES, TEXT, .derived = true },
	{ .name = "scook", RES, TEXT, .derived = true },
	{ .name = "set-cookie", RES, TEXT },
	{ .name = "req.cook_val", REQ, VAL },
	{ .name = "cook_val", REQ, VAL },
	{ .name = "res.cook_val", RES, VAL },
	{ .name = "scook_val", RES, VAL },
	{ .name = "req.cook_cnt", REQ, CNT },
	{ .name = "cook_cnt", REQ, CNT },
	{ .name = "res.cook_cnt", RES, CNT },
	{ .name = "scook_cnt", RES, CNT },
	{ .name = NULL },
};

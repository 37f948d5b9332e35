/* auth.c - names and passwords of clients: HTTP's Basic authentication. */
#include "gateway/rule/auth.h"

#include "gateway/http/head.h"
#include "gateway/rule/error_page.h"
#include "gateway/session/exchange.h"
#include "shared/base/base64.h"

bool auth_basic(struct exchange *x, struct slice *name, struct slice *password)
{
	const struct http_field *f = http_field_find(&x->request, SLICE_LIT("Authorization"), 0);
	struct slice rest, scheme, text;

	if (f == NULL)
		return false;
	rest = f->value;
	scheme = slice_cut(&rest, ' ');
	if (!slice_eq_nocase(scheme, SLICE_LIT("Basic")) || rest.ptr == NULL)
		return false;
	text = base64_decode(x->arena, slice_trim(rest), BASE64_USUAL);
	if (text.ptr == NULL)
		return false;
	*name = slice_cut(&text, ':');
	*password = text;
	return text.ptr != NULL;
}

bool auth_same(struct slice a, struct slice b)
{
	unsigned different = a.len != b.len;

	for (size_t i = 0; i < a.len; i++)
		different |= (unsigned char)(a.ptr[i] ^ (b.len > 0 ? b.ptr[i % b.len] : 0));
	return different == 0;
}

/* A quoted string, as RFC 9110 (5.6.4) wants it. */
static struct slice quoted(struct arena *a, struct slice text)
{
	char *out = arena_alloc(a, 2 * text.len + 1);
	size_t len = 0;

	if (out == NULL)
		return SLICE_NONE;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"' || text.ptr[i] == '\\')
			out[len++] = '\\';
		out[len++] = text.ptr[i];
	}
	return slice_of(out, len);
}

enum verdict auth_demand(struct exchange *x, struct slice realm)
{
	struct slice inside = quoted(x->arena, realm), challenge;
	struct reply *r = &x->reply;

	challenge = inside.ptr == NULL ? SLICE_NONE : arena_printf(x->arena, "Basic realm=\"%.*s\"", SLICE_ARG(inside));
	if (challenge.ptr == NULL)
		return VERDICT_FAIL;
	x->cause = 'L';
	*r = (struct reply){ 0 };
	error_page_fill(x, 401, "A name and a password are needed.", 0);
	if (r->header_count < sizeof(r->headers) / sizeof(r->headers[0])) {
		r->headers[r->header_count][0] = SLICE_LIT("WWW-Authenticate");
		r->headers[r->header_count++][1] = challenge;
	}
	return VERDICT_REPLY;
}

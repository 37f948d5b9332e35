/* jdoc_fuzz.c - libFuzzer target: jdoc takes no text that json-c refuses behind it, and its answers hold together. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/io/jdoc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Puts <before> and <after> around the text; the result must be <expected>, or bad when that is too deep. */
static void parse_around(struct slice text, const char *before, const char *after, enum err expected, bool deeper)
{
	size_t len = strlen(before) + text.len + strlen(after);
	char *whole = malloc(len + 1);
	struct jdoc *root;
	enum err e;

	memcpy(whole, before, strlen(before));
	if (text.len > 0)
		memcpy(whole + strlen(before), text.ptr, text.len);
	memcpy(whole + strlen(before) + text.len, after, strlen(after));
	e = jdoc_parse(slice_of(whole, len), &root);
	must(e == expected || (deeper && e == ERR_BAD_REQUEST));
	must((e == ERR_OK) == (root != NULL));
	jdoc_free(&root);
	free(whole);
}

static void look_at(const struct jdoc *v)
{
	struct slice text = SLICE_NONE;
	uint32_t id = 0;
	int64_t n = 0;
	bool is_text = jdoc_string(v, &text);
	bool is_integer = jdoc_i64(v, &n);

	must(is_text + is_integer + jdoc_is_object(v) + jdoc_is_null(v) <= 1);
	must(!is_text || (text.ptr != NULL && slice_is_utf8(text)));
	if (jdoc_id(v, &id)) {
		must(id >= 1 && id <= INT32_MAX);
		must((is_integer && n == (int64_t)id) || (is_text && slice_to_id(text, &id)));
	}
	must(jdoc_is_object(v) || jdoc_get(v, "item_id") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	struct jdoc *root;
	enum err e = jdoc_parse(text, &root);

	/* ERR_NO_MEMORY is what is said when json-c disagrees. */
	must(e == ERR_OK || e == ERR_BAD_REQUEST);
	must((e == ERR_OK) == (root != NULL));
	parse_around(text, " ", "\n", e, false);
	if (e != ERR_OK)
		return 0;
	look_at(root);
	look_at(jdoc_get(root, "item_id"));
	look_at(jdoc_get(root, "a"));
	jdoc_free(&root);
	must(root == NULL);
	parse_around(text, "[", "]", ERR_OK, true);
	parse_around(text, "{\"a\":", "}", ERR_OK, true);
	parse_around(text, "", ",", ERR_BAD_REQUEST, false);
	parse_around(text, "", "}", ERR_BAD_REQUEST, false);
	return 0;
}

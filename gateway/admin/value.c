/* value.c - one value of the statistics in each output format. */
#include "gateway/admin/value.h"

#include <assert.h>
#include <string.h>

static const char *type_name(enum value_type type)
{
	static const char *const names[] = { [VALUE_NONE] = "", [VALUE_U32] = "u32", [VALUE_S32] = "s32", [VALUE_U64] = "u64",
					     [VALUE_TEXT] = "str" };

	return names[type];
}

void value_plain(const struct value *v, struct buf *out)
{
	if (v->type == VALUE_TEXT)
		buf_add_slice(out, v->text);
	else if (v->type != VALUE_NONE)
		buf_add_i64(out, v->number);
}

static bool needs_quotes(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (strchr("\",\r\n", s.ptr[i]) != NULL)
			return true;
	}
	return false;
}

void value_csv(const struct value *v, struct buf *out)
{
	if (v->type != VALUE_TEXT || !needs_quotes(v->text)) {
		value_plain(v, out);
		return;
	}
	buf_add_char(out, '"');
	for (size_t i = 0; i < v->text.len; i++) {
		if (v->text.ptr[i] == '"')
			buf_add_char(out, '"');
		buf_add_char(out, v->text.ptr[i]);
	}
	buf_add_char(out, '"');
}

void value_typed(const struct value *v, const char *tags, struct buf *out)
{
	buf_printf(out, ":%s:%s:", tags, type_name(v->type));
	value_plain(v, out);
}

/* What a letter of the tags stands for. */
static const char *tag_word(const char *words, char letter)
{
	for (const char *w = words; *w != '\0'; w += strlen(w) + 1) {
		if (*w == letter)
			return w + 1;
	}
	assert(false);
	return "";
}

/* Lists of letter and word, each ended by a NUL. */
static const char origins[] = "MMetric\0SStatus\0KKey\0CConfig\0PProduct\0";
static const char natures[] = "AAge\0aAvg\0CCounter\0DDuration\0GGauge\0LLimit\0MMax\0mMin\0NName\0OOutput\0RRate\0TTime\0";
static const char scopes[] = "CCluster\0PProcess\0SService\0sSystem\0";

static void add_text(struct jsonw *w, const char *key, const char *text)
{
	jsonw_key(w, key);
	jsonw_string(w, slice_str(text));
}

void value_json(const struct value *v, unsigned position, const char *name, const char *tags, struct jsonw *w)
{
	jsonw_key(w, "field");
	jsonw_object(w);
	jsonw_key(w, "pos");
	jsonw_u64(w, position);
	add_text(w, "name", name);
	jsonw_object_end(w);
	jsonw_key(w, "processNum");
	jsonw_u64(w, 1);
	jsonw_key(w, "tags");
	jsonw_object(w);
	add_text(w, "origin", tag_word(origins, tags[0]));
	add_text(w, "nature", tag_word(natures, tags[1]));
	add_text(w, "scope", tag_word(scopes, tags[2]));
	jsonw_object_end(w);
	jsonw_key(w, "value");
	jsonw_object(w);
	add_text(w, "type", type_name(v->type));
	jsonw_key(w, "value");
	if (v->type == VALUE_TEXT)
		jsonw_string(w, v->text.ptr == NULL ? SLICE_LIT("") : v->text);
	else
		jsonw_i64(w, v->number);
	jsonw_object_end(w);
}

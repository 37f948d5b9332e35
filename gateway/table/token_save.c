/* token_save.c - the token table as text, for the process that takes over.
 *
 * A line: "<SHA-256 of the token> <age in ms> <fact> <age> <fact> …". Oldest use first, so that the order survives. What was heard does not
 * go along: the new process asks all servers itself, and keeps everything meanwhile.
 */
#include <inttypes.h>
#include <string.h>
#include "gateway/table/token_entry.h"

static void token_write(const struct token *token, int64_t now_ms, struct buf *out)
{
	buf_add_str(out, token->key);
	for (unsigned i = 0; i < token->list.count; i++) {
		char text[FACT_TEXT_MOST];
		size_t len = fact_write(&token->list.facts[i], text);

		buf_printf(out, " %" PRId64 " %.*s", now_ms - token->list.facts[i].made_ms, (int)len, text);
	}
	buf_add_char(out, '\n');
}

bool token_table_write_part(struct token_table *t, unsigned part, int64_t now_ms, struct buf *out)
{
	struct shard *shard;

	if (part >= t->shards.count)
		return false;
	shard = &t->shards.at[part];
	pthread_mutex_lock(&shard->lock);
	for (struct shard_node *n = shard->oldest; n != NULL; n = n->newer) {
		struct token *token = (struct token *)n;

		token_age(t, token, now_ms);
		if (token->list.count > 0)
			token_write(token, now_ms, out);
	}
	pthread_mutex_unlock(&shard->lock);
	return true;
}

void token_table_write(struct token_table *t, int64_t now_ms, struct buf *out)
{
	for (unsigned i = 0; token_table_write_part(t, i, now_ms, out); i++)
		;
}

size_t token_line(struct slice token, struct slice made, char *out, size_t size)
{
	char key[HASH_SHA256_HEX + 1], text[FACT_TEXT_MOST];
	struct fact facts[FACTS_MOST];
	struct fact_list list = { .facts = facts };
	unsigned dropped = 0, malformed = 0;
	struct buf line;

	facts_read(&list, made, NULL, 0, &dropped, &malformed);
	if (list.count == 0 || size == 0)
		return 0;
	hash_sha256_hex(token, key);
	buf_init_fixed(&line, out, size);
	buf_add_str(&line, key);
	for (unsigned i = 0; i < list.count; i++)
		buf_printf(&line, " 0 %.*s", (int)fact_write(&facts[i], text), text);
	return buf_ok(&line) ? line.len : 0;
}

static bool key_read(struct slice text, char key[HASH_SHA256_HEX + 1])
{
	if (text.len != HASH_SHA256_HEX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!((text.ptr[i] >= '0' && text.ptr[i] <= '9') || (text.ptr[i] >= 'a' && text.ptr[i] <= 'f')))
			return false;
	}
	memcpy(key, text.ptr, text.len);
	key[HASH_SHA256_HEX] = '\0';
	return true;
}

static bool line_read(struct slice line, int64_t now_ms, char key[HASH_SHA256_HEX + 1], struct token_facts *out)
{
	if (!key_read(slice_cut(&line, ' '), key))
		return false;
	out->list = (struct fact_list){ .facts = out->facts };
	while (line.ptr != NULL) {
		struct fact f;
		uint64_t age;

		if (!slice_to_u64(slice_cut(&line, ' '), FACT_LIFE_MOST_MS, &age) || !fact_read(slice_cut(&line, ' '), &f))
			return false;
		f.made_ms = now_ms - (int64_t)age;
		facts_add(&out->list, &f);
	}
	return out->list.count > 0;
}

void token_table_read(struct token_table *t, struct slice text, int64_t now_ms)
{
	char key[HASH_SHA256_HEX + 1];
	struct token_facts more;

	while (text.ptr != NULL) {
		if (line_read(slice_cut(&text, '\n'), now_ms, key, &more))
			token_add(t, key, &more, now_ms);
	}
}

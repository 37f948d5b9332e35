/* token_save.c - the token table as text, for the process that takes over.
 *
 * A line: "<SHA-256 of the token> <alarms> <visits> <age in ms> <fact> <age> <fact> …". What answers said of the two domains is "-" (not
 * named), "+" (named by the last) or since how many ms they came without. Oldest use first, so that the order survives.
 */
#include <inttypes.h>
#include <string.h>
#include "gateway/table/token_entry.h"

static void domain_write(const struct token_domain *d, int64_t now_ms, struct buf *out)
{
	if (!d->degraded)
		buf_add_str(out, " -");
	else if (d->quiet_ms == NOT_QUIET)
		buf_add_str(out, " +");
	else
		buf_printf(out, " %" PRId64, now_ms - d->quiet_ms);
}

static void token_write(const struct token *token, int64_t now_ms, struct buf *out)
{
	buf_add_str(out, token->key);
	for (int i = 0; i < FACT_DOMAINS; i++)
		domain_write(&token->domains[i], now_ms, out);
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
	buf_printf(&line, "%s - -", key);
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

static bool domain_read(struct slice text, int64_t now_ms, struct token_domain *out)
{
	uint64_t ago;

	*out = (struct token_domain){ .quiet_ms = NOT_QUIET };
	if (slice_eq(text, SLICE_LIT("-")))
		return true;
	out->degraded = true;
	if (slice_eq(text, SLICE_LIT("+")))
		return true;
	if (!slice_to_u64(text, FACT_LIFE_DEGRADED_MS, &ago))
		return false;
	out->quiet_ms = now_ms - (int64_t)ago;
	return true;
}

static bool line_read(struct slice line, int64_t now_ms, char key[HASH_SHA256_HEX + 1], struct token_news *news)
{
	if (!key_read(slice_cut(&line, ' '), key))
		return false;
	for (int i = 0; i < FACT_DOMAINS; i++) {
		if (!domain_read(slice_cut(&line, ' '), now_ms, &news->domains[i]))
			return false;
	}
	news->list = (struct fact_list){ .facts = news->facts };
	while (line.ptr != NULL) {
		struct fact f;
		uint64_t age;

		if (!slice_to_u64(slice_cut(&line, ' '), FACT_LIFE_DEGRADED_MS, &age) || !fact_read(slice_cut(&line, ' '), &f))
			return false;
		f.made_ms = now_ms - (int64_t)age;
		facts_add(&news->list, &f);
	}
	return news->list.count > 0;
}

void token_table_read(struct token_table *t, struct slice text, int64_t now_ms)
{
	char key[HASH_SHA256_HEX + 1];
	struct token_news news;

	while (text.ptr != NULL) {
		if (line_read(slice_cut(&text, '\n'), now_ms, key, &news))
			token_add(t, key, &news, now_ms);
	}
}

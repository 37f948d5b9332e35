/* conf_fuzz.c - libFuzzer target: any text as a configuration is read or refused, with a message that says where, and the same each time. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/conf/conf.h"
#include "gateway/model/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NAME "fuzz.cfg"
#define MESSAGES_MOST (1u << 20)

static bool holds(struct slice text, const char *what)
{
	return memmem(text.ptr, text.len, what, strlen(what)) != NULL;
}

/* Lines begin with their weight, or show a line of the configuration; no byte of it does anything to a terminal. */
static void look_at_messages(struct slice text, bool accepted)
{
	static const struct slice begins[] = { SLICE("[ALERT]"), SLICE("[WARNING]"), SLICE("[NOTICE]"), SLICE("  ") };

	assert(accepted || text.len > 0);
	assert(text.len == 0 || text.ptr[text.len - 1] == '\n');
	assert(accepted == !holds(text, "[ALERT]"));
	assert(accepted || holds(text, "[" NAME ":"));
	while (text.len > 0) {
		struct slice line = slice_cut(&text, '\n');
		bool known = false;

		for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
			known |= slice_starts_with(line, begins[i]);
		assert(known);
		for (size_t i = 0; i < line.len; i++)
			assert((unsigned char)line.ptr[i] >= ' ' && line.ptr[i] != 0x7f);
	}
}

/* What is read must hang together. */
static void look_at_config(const struct config *c)
{
	unsigned proxies = 0, servers = 0;

	for (const struct proxy *p = c->proxies; p != NULL; p = p->next) {
		assert(p->name.len > 0 && p->index < c->proxy_count);
		assert(p->default_backend == NULL || p->default_backend->is_backend);
		for (const struct server *s = p->backend.servers; s != NULL; s = s->next) {
			assert(s->backend == p && s->index < c->server_count);
			servers++;
		}
		proxies++;
	}
	assert(proxies == c->proxy_count && servers == c->server_count);
}

static void read_once(struct slice text, struct buf *messages)
{
	struct config *c;

	/* what an earlier text has set */
	clearenv();
	setenv("HOME", "/nowhere", 1);
	buf_init(messages, MESSAGES_MOST);
	c = conf_load_text(SLICE_LIT(NAME), text, messages);
	look_at_messages(buf_slice(messages), c != NULL);
	if (c != NULL)
		look_at_config(c);
	conf_free(&c);
	assert(c == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* of exactly this size: reading beyond it is then seen */
	char *copy = malloc(size + (size == 0));
	struct slice text = slice_of(copy, size);
	struct buf first, again;

	assert(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	read_once(text, &first);
	read_once(text, &again);
	assert(slice_eq(buf_slice(&first), buf_slice(&again)));
	buf_free(&first);
	buf_free(&again);
	free(copy);
	return 0;
}

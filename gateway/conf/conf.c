/* conf.c - reads configuration files line by line: words, blocks, sections; then has everything finished.
 *
 * Reading goes on after a mistake, so that all of them are told at once, up to ERRORS_MOST.
 */
#include "gateway/conf/conf.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "gateway/balance/queue.h"
#include "gateway/conf/condition.h"
#include "gateway/conf/reader.h"
#include "gateway/conf/words.h"
#include "gateway/expr/regex.h"
#include "gateway/expr/tables.h"
#include "gateway/expr/var.h"
#include "gateway/rule/rule.h"
#include "gateway/table/stick_table.h"

#define ERRORS_MOST 50
#define FILE_MOST (64u << 20) /* bytes */
#define SHOWN_MOST 80         /* bytes of a line that are shown with a complaint about one of them */

/* --- one text ------------------------------------------------------------------------------------ */

/* "unmatched quote at position 10", the line, and a mark below the byte. */
static void complain_words(struct parse *p, struct slice line, const struct words_error *error)
{
	size_t from = error->column > SHOWN_MOST / 2 ? error->column - SHOWN_MOST / 2 : 0;
	struct slice part = slice_sub(line, from, from + SHOWN_MOST);
	struct slice shown = arena_copy(p->arena, part);

	for (size_t i = 0; i < shown.len; i++) {
		if ((unsigned char)shown.ptr[i] < ' ' || shown.ptr[i] == 0x7f)
			((char *)shown.ptr)[i] = shown.ptr[i] == '\t' ? ' ' : '?';
	}
	parse_error(p, "%s at position %zu:", error->what, error->column + 1);
	buf_printf(p->messages, "  %.*s\n  %*s\n", SLICE_ARG(shown), (int)(error->column - from) + 1, "^");
}

/* HAProxy takes an empty word for the end of the line: those at its end are left out, and words behind one would be lost there. */
static bool empty_words_check(struct parse *p)
{
	for (unsigned i = 0; i < p->count; i++) {
		if (p->words[i].len > 0)
			continue;
		parse_error(p, "word %u is empty and ends the line: '%.*s' behind it would not count", i + 1, SLICE_ARG(p->words[i + 1]));
		return false;
	}
	return true;
}

static void read_line(struct reader *r, struct slice line)
{
	struct parse *p = &r->parse;
	struct words_place place = { .file = p->file, .line = p->line, .section = r->section_name };
	struct words_error error;

	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	p->at = 0;
	if (!words_split(p->arena, line, &place, p->words, &p->count, &error)) {
		complain_words(p, line, &error);
		return;
	}
	while (p->count > 0 && p->words[p->count - 1].len == 0)
		p->count--;
	p->words[p->count] = SLICE_NONE;
	if (p->count > 0 && p->words[0].len > 0 && p->words[0].ptr[0] == '.') {
		blocks_directive(p, &r->blocks);
		return;
	}
	if (blocks_skipping(&r->blocks) || !empty_words_check(p) || p->count == 0)
		return;
	if (!section_begin(r))
		section_line(r);
}

static void read_text(struct reader *r, struct slice name, struct slice text)
{
	struct parse *p = &r->parse;
	bool complete = text.len == 0 || text.ptr[text.len - 1] == '\n';

	p->file = arena_copy(p->arena, name);
	p->line = 0;
	r->blocks = (struct blocks){ 0 };
	r->section = 0;
	r->section_name = SLICE_LIT("");
	r->skipping = false;
	p->proxy = NULL;
	if (complete && text.len > 0)
		text.len--;
	while (text.len > 0 && p->errors < ERRORS_MOST) {
		struct slice line = slice_cut(&text, '\n');

		p->line++;
		read_line(r, line);
	}
	if (p->errors >= ERRORS_MOST) {
		p->line = 0;
		parse_error(p, "too many errors (%u), stopping now", p->errors);
		return;
	}
	if (!complete)
		parse_error(p, "missing LF on last line, file might have been truncated");
	blocks_end(p, &r->blocks);
}

/* --- files --------------------------------------------------------------------------------------- */

static bool read_all(int fd, struct buf *text)
{
	ssize_t n;

	do {
		if (!buf_reserve(text, 65536)) {
			errno = EFBIG;
			return false;
		}
		n = read(fd, text->ptr + text->len, 65536);
		text->len += n > 0 ? (size_t)n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n == 0;
}

static void read_file(struct reader *r, const char *path)
{
	struct buf text;
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	bool ok;

	buf_init(&text, FILE_MOST);
	ok = fd >= 0 && read_all(fd, &text);
	if (ok) {
		read_text(r, slice_str(path), buf_slice(&text));
	} else {
		r->parse.line = 0;
		parse_error(&r->parse, "Could not open configuration file %s : %s", path, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	buf_free(&text);
}

static int is_configuration(const struct dirent *e)
{
	struct slice name = slice_str(e->d_name);

	return name.len > 4 && name.ptr[0] != '.' && slice_eq(slice_sub(name, name.len - 4, name.len), SLICE_LIT(".cfg"));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_folder(struct reader *r, const char *path)
{
	struct parse *p = &r->parse;
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, is_configuration, by_name);

	if (count < 0) {
		p->line = 0;
		parse_error(p, "Could not open configuration folder %s : %s", path, strerror(errno));
	}
	for (int i = 0; i < count; i++) {
		read_file(r, arena_printf(p->arena, "%s/%s", path, entries[i]->d_name).ptr);
		free(entries[i]);
	}
	free(entries);
}

/* The variables that HAProxy defines for its configuration (manual, 2.3). */
static void define_environment(const char *const *files, unsigned count)
{
	char host[256] = "";
	struct buf list;

	buf_init(&list, 0);
	for (unsigned i = 0; i < count; i++) {
		buf_add_str(&list, i > 0 ? ";" : "");
		buf_add_str(&list, files[i]);
	}
	buf_add_char(&list, '\0');
	if (buf_ok(&list))
		setenv("HAPROXY_CFGFILES", list.ptr, 1);
	buf_free(&list);
	if (gethostname(host, sizeof(host) - 1) == 0) /* -L may have said it */
		setenv("HAPROXY_LOCALPEER", host, 0);
}

/* --- the whole ----------------------------------------------------------------------------------- */

static struct reader *reader_create(struct buf *messages)
{
	struct arena *arena = arena_create(64 * 1024, 0);
	struct reader *r = arena_alloc(arena, sizeof(*r));
	struct config *c = arena_alloc(arena, sizeof(*c));

	*c = (struct config){
		.arena = arena, .stats_timeout_ms = 10000, .stats_maxconn = 10, .bufsize = 16384, .maxrewrite = 1024, .max_headers = 101,
		.maxaccept = 4, .cookie_len = 63, .logurilen = 1024,
	};
	c->var_names = var_names_create();
	r->parse = (struct parse){ .arena = arena, .config = c, .messages = messages };
	r->section_kind = "";
	r->proxies_end = &c->proxies;
	return r;
}

/* What was read, or NULL when there was a mistake. */
static struct config *reader_finish(struct reader *r)
{
	struct config *c = r->parse.config;

	if (r->parse.errors == 0)
		finish(r);
	if (r->parse.errors > 0)
		conf_free(&c);
	return c;
}

struct config *conf_load(const char *const *files, unsigned count, struct buf *messages)
{
	struct reader *r = reader_create(messages);
	struct stat st;

	define_environment(files, count);
	for (unsigned i = 0; i < count && r->parse.errors < ERRORS_MOST; i++) {
		if (stat(files[i], &st) == 0 && S_ISDIR(st.st_mode))
			read_folder(r, files[i]);
		else
			read_file(r, files[i]);
	}
	return reader_finish(r);
}

struct config *conf_load_text(struct slice name, struct slice text, struct buf *messages)
{
	struct reader *r = reader_create(messages);

	read_text(r, name, text);
	return reader_finish(r);
}

void conf_free(struct config **c)
{
	struct arena *arena;

	if (*c == NULL)
		return;
	for (struct proxy *p = (*c)->proxies; p != NULL; p = p->next) {
		stick_table_free(&p->table);
		queue_free(&p->backend.queue);
	}
	rate_tables_free(*c);
	var_names_free(&(*c)->var_names);
	regexes_free(*c);
	arena = (*c)->arena;
	*c = NULL;
	arena_free(&arena);
}

int conf_condition(struct slice text, struct buf *messages)
{
	struct arena *arena = arena_create(4096, 0);
	struct parse p = { .arena = arena, .messages = messages };
	struct words_place place = { .file = SLICE("-cc"), .section = SLICE("") };
	struct words_error error = { 0 };
	const char *why = NULL;
	size_t column = 0;
	int holds = -1;

	if (!words_split(arena, text, &place, p.words, &p.count, &error)) {
		complain_words(&p, text, &error);
	} else {
		holds = condition_holds(arena, p.words, p.count, &why, &column);
		if (holds < 0)
			parse_error(&p, "Failed to evaluate condition: %s", why);
	}
	arena_free(&arena);
	return holds;
}

void conf_keywords(struct buf *out)
{
	keywords_list(out);
	actions_list(out);
	tables_list(out);
}

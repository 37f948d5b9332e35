/* conf_test.c - texts and files line by line: sections and their names, words in the wrong place, what was meant, environment, limits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/gateway/support/reading.h"

#define LINES(before, rows) reading_lines(before, rows, READING_COUNT(rows))

static void nothing_is_a_configuration(void **state)
{
	(void)state;
	reading_text("", NULL);
	reading_text("\n\n  \n# a\n\t# b\n", NULL);
	reading_text("global\r\n maxconn 1\r\n", NULL);
	reading_text("global", "alert 1: missing LF on last line, file might have been truncated\n");
	reading_text("global\n maxconn 1", "alert 2: missing LF on last line, file might have been truncated\n");
}

static void first_lines_of_sections(void **state)
{
	static const struct reading_row rows[] = {
		{ "global", NULL },
		{ "global x", "'global' cannot handle unexpected argument 'x'" },
		{ "defaults", NULL },
		{ "defaults a", NULL },
		{ "defaults a b", "'defaults' cannot handle unexpected argument 'b'" },
		{ "defaults from a", "defaults section 'a' not found for defaults ''." },
		{ "defaults a from", "'from' expects an argument" },
		{ "frontend", "'frontend' expects an <id> argument" },
		{ "listen", "'listen' expects an <id> argument" },
		{ "backend", "'backend' expects an <id> argument" },
		{ "frontend a b", "'frontend' cannot handle unexpected argument 'b'" },
		{ "frontend a/b", "character '/' is not permitted in 'frontend' name 'a/b'." },
		{ "backend 'a b'", "character ' ' is not permitted in 'backend' name 'a b'." },
		{ "backend a from b", "defaults section 'b' not found for backend 'a'." },
		{ "resolvers r", NULL },
		{ "resolvers", "'resolvers' expects an argument" },
		{ "resolvers r s", "'resolvers' cannot handle unexpected argument 's'" },
		{ "resolvers r,s", "character ',' is not permitted in 'resolvers' name 'r,s'." },
		{ "http-errors e", NULL },
		{ "http-errors", "'http-errors' expects an argument" },
		{ "http-errors e f", "'http-errors' cannot handle unexpected argument 'f'" },
		{ "http-errors e*", "character '*' is not permitted in 'http-errors' name 'e*'." },
		{ "userlist u", "'userlist' sections are not supported yet" },
		{ "peers p", "'peers' sections are not supported yet" },
		{ "program p", "'program' sections are not supported yet" },
		{ "maxconn 1", "unknown keyword 'maxconn' out of section." },
		{ "fronted f", "unknown keyword 'fronted' out of section; did you mean 'frontend' maybe ?" },
		{ "no frontend f", "unknown keyword 'no' out of section." },
	};

	(void)state;
	LINES("", rows);
}

static void lines_of_a_section_without_a_name_are_read(void **state)
{
	(void)state;
	reading_text("resolvers\n nameserver a 127.0.0.1:53\n hold valid x\n",
		     "alert 1: 'resolvers' expects an argument\nalert 3: 'hold valid' expects a number, not 'x'\n");
	reading_text("http-errors\n errorfile 999 /dev/null\n", "alert 1: 'http-errors' expects an argument\nalert 2: 'errorfile': status code '999' has no error page\n");
	reading_text("backend\n mode http\n server\n",
		     "alert 1: 'backend' expects an <id> argument\nalert 3: 'server' expects <name> and <addr>[:<port>] as arguments.\n");
}

static void a_section_that_we_have_not_is_passed_over(void **state)
{
	(void)state;
	reading_text("peers p\n peer a 127.0.0.1:1\nglobal\n maxcon 1\n",
		     "alert 1: 'peers' sections are not supported yet\n"
		     "alert 4: unknown keyword 'maxcon' in 'global' section; did you mean 'maxconn' maybe ?\n");
}

static void names_are_taken_once(void **state)
{
	static const struct reading_row rows[] = {
		{ "frontend a", "frontend 'a' has the same name as frontend 'a' declared at t.cfg:1." },
		{ "listen a", "listen 'a' has the same name as frontend 'a' declared at t.cfg:1." },
		{ "backend b", "backend 'b' has the same name as backend 'b' declared at t.cfg:5." },
		{ "listen b", "listen 'b' has the same name as backend 'b' declared at t.cfg:5." },
		{ "resolvers r", "resolvers 'r' has the same name as another section" },
		{ "backend a\nmode http", NULL }, /* a frontend and a backend may share one */
		{ "http-errors a", NULL },
	};

	(void)state;
	LINES("frontend a\nmode http\nbind :1\ntimeout client 1\nbackend b\nmode http\nresolvers r\n", rows);
}

static void words_in_the_wrong_section(void **state)
{
	static const struct reading_row in_frontend[] = {
		{ "server a 127.0.0.1:1", "'server' not allowed because frontend 'f' has no backend capability." },
		{ "balance first", "warning: 'balance' ignored because frontend 'f' has no backend capability." },
		{ "timeout server 1s", "warning: 'timeout server' ignored because frontend 'f' has no backend capability." },
		{ "nbthread 1", "unknown keyword 'nbthread' in 'frontend' section" },
		{ "nameserver a 127.0.0.1:1", "unknown keyword 'nameserver' in 'frontend' section" },
	};
	static const struct reading_row in_backend[] = {
		{ "bind :1", "warning: 'bind' ignored because backend 'b' has no frontend capability." },
		{ "use_backend b", "warning: 'use_backend' ignored because backend 'b' has no frontend capability." },
		{ "timeout client 1s", "warning: 'timeout client' ignored because backend 'b' has no frontend capability." },
		{ "option dontlognull", "warning: 'option dontlognull' ignored because backend 'b' has no frontend capability." },
	};
	static const struct reading_row in_defaults[] = {
		{ "bind :1", "'bind' not allowed in 'defaults' section." },
		{ "server a 127.0.0.1:1", "'server' not allowed in 'defaults' section." },
		{ "acl a always_true", "'acl' not allowed in anonymous 'defaults' section." },
		{ "http-request deny", "'http-request' not allowed in anonymous 'defaults' section." },
		{ "tcp-request session accept", "'tcp-request session' not allowed in anonymous 'defaults' section." },
		{ "use_backend b", "'use_backend' not allowed in 'defaults' section." },
		{ "stats admin if TRUE", "'stats admin' not allowed in 'defaults' section." },
	};

	(void)state;
	LINES(READING_FRONTEND, in_frontend);
	LINES(READING_BACKEND, in_backend);
	LINES("defaults\n", in_defaults);
}

static void words_that_nobody_knows(void **state)
{
	static const struct reading_row in_backend[] = {
		{ "balanec first", "unknown keyword 'balanec' in 'backend' section; did you mean 'balance' maybe ?" },
		{ "xyzzy", "unknown keyword 'xyzzy' in 'backend' section" },
		{ "timeout", "'timeout' expects another word" },
		{ "timeout conect 1s", "unknown keyword 'timeout conect' in 'backend' section; did you mean 'timeout connect' maybe ?" },
		{ "timeout xyzzy 1s", "unknown keyword 'timeout xyzzy' in 'backend' section" },
		{ "option", "'option' expects another word" },
		{ "option redispach", "unknown keyword 'option redispach' in 'backend' section; did you mean 'option redispatch' maybe ?" },
		{ "no", "unknown keyword 'no' in 'backend' section" },
		{ "no xyzzy", "unknown keyword 'xyzzy' in 'backend' section" },
		{ "BALANCE first", "unknown keyword 'BALANCE' in 'backend' section" },
	};
	static const struct reading_row in_others[] = {
		{ "global\n nbthreads 1", "=alert 2: unknown keyword 'nbthreads' in 'global' section; did you mean 'nbthread' maybe ?\n" },
		{ "global\n balance first", "=alert 2: unknown keyword 'balance' in 'global' section\n" },
		{ "resolvers r\n nameservers a", "=alert 2: unknown keyword 'nameservers' in 'resolvers' section; did you mean 'nameserver' maybe ?\n" },
		{ "http-errors e\n errorfil 403 x", "=alert 2: unknown keyword 'errorfil' in 'http-errors' section; did you mean 'errorfile' maybe ?\n" },
	};

	(void)state;
	LINES(READING_BACKEND, in_backend);
	LINES("", in_others);
}

#define REFUSED "is not supported yet: this gateway does only a part of what HAProxy can"

static void words_that_only_haproxy_has(void **state)
{
	static const struct reading_row in_proxies[] = {
		{ "cookie SRV insert", "'cookie' " REFUSED },
		{ "option tcp-check", "'option tcp-check' " REFUSED },
		{ "stick on src", "'stick on' " REFUSED },
		{ "stick", "'stick' " REFUSED },
		{ "compression algo gzip", "'compression algo' " REFUSED },
		{ "use-server a if TRUE", "'use-server' " REFUSED },
		{ "tcp-request inspect-delay 1s", "'tcp-request inspect-delay' " REFUSED },
		{ "no option splice-auto", "'option splice-auto' " REFUSED },
	};
	static const struct reading_row in_global[] = {
		{ "ssl-default-bind-ciphers x", "'ssl-default-bind-ciphers' " REFUSED },
		{ "lua-load x", "'lua-load' " REFUSED },
		{ "tune.ssl.cachesize 1", "'tune.ssl.cachesize' " REFUSED },
		{ "ulimit-n 1", "'ulimit-n' " REFUSED },
		{ "stats bind-process 1", "'stats bind-process' " REFUSED },
	};

	(void)state;
	LINES(READING_BACKEND, in_proxies);
	LINES("global\n", in_global);
}

static void no_and_default_stand_in_front_of_some(void **state)
{
	static const struct reading_row rows[] = {
		{ "no balance first", "negation/default is not supported for 'balance'" },
		{ "no timeout connect 1s", "negation/default is not supported for 'timeout connect'" },
		{ "default option httpchk", "negation/default is not supported for 'option httpchk'" },
		{ "no option forwardfor", "negation/default is not supported for 'option forwardfor'" },
		{ "no option abortonclose", NULL },
		{ "default option abortonclose", NULL },
		{ "no log", NULL },
		{ "no log x", "'no' cannot handle unexpected argument 'x'" },
		{ "default log", "'default log' is not possible: give its target, or 'no log'" },
		{ "no option abortonclose x", "'no' cannot handle unexpected argument 'x'" },
	};

	(void)state;
	LINES(READING_BACKEND, rows);
}

static void empty_words_end_the_line(void **state)
{
	static const struct reading_row rows[] = {
		{ "balance first ''", NULL },
		{ "balance first '' \"\" ", NULL },
		{ "balance '' first", "word 2 is empty and ends the line: 'first' behind it would not count" },
		{ "'' balance first", "word 1 is empty and ends the line: 'balance' behind it would not count" },
		{ "''", NULL },
	};

	(void)state;
	LINES(READING_BACKEND, rows);
}

static void lines_that_cannot_be_split_are_shown(void **state)
{
	static const struct reading_row rows[] = {
		{ "server 'a", "=alert 2: unmatched quote at position 8:\n  server 'a\n         ^\n" },
		{ "server\t\x01 'a", "=alert 2: unmatched quote at position 10:\n  server ? 'a\n           ^\n" },
		{ "server \"${\" b", "=alert 2: forbidden first char in environment variable name at position 11:\n"
				     "  server \"${\" b\n            ^\n" },
	};

	(void)state;
	LINES("backend b\n", rows);
}

static void a_long_line_is_shown_around_the_mistake(void **state)
{
	char line[200], want[200];
	struct reading_row row = { line, want };

	(void)state;
	memset(line, 'a', sizeof(line));
	memcpy(line + 100, "\\xzz", 4);
	line[sizeof(line) - 1] = '\0';
	snprintf(want, sizeof(want), "=alert 1: truncated or invalid hexadecimal sequence at position 101:\n  %.80s\n  %41s\n", line + 60, "^");
	reading_line("", &row);
}

static void too_many_mistakes_end_it(void **state)
{
	struct reading r;
	struct buf text;

	(void)state;
	buf_init(&text, 0);
	for (int i = 0; i < 60; i++)
		buf_add_str(&text, "xyzzy\n");
	reading_of(&r, buf_slice(&text));
	assert_null(r.c);
	assert_non_null(strstr(r.said.ptr, "alert 50: unknown keyword 'xyzzy' out of section.\nalert: too many errors (50), stopping now\n"));
	assert_null(strstr(r.said.ptr, "alert 51:"));
	reading_free(&r);
	buf_free(&text);
}

static void text_knows_its_place(void **state)
{
	struct reading r;

	(void)state;
	reading_of(&r, SLICE_LIT(READING_FRONTEND "description \"$.FILE:${.LINE}:$.SECTION\"\n"));
	assert_string_equal(r.said.ptr, "");
	assert_string_equal(r.c->proxies->description.ptr, "t.cfg:5:f");
	reading_free(&r);
}

/* ---- files ---- */

struct folder {
	char path[40], files[4][80];
};

static int folder_setup(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	snprintf(f->path, sizeof(f->path), "%s", "/tmp/conf_test.XXXXXX");
	assert_non_null(mkdtemp(f->path));
	*state = f;
	return 0;
}

static int folder_teardown(void **state)
{
	struct folder *f = *state;

	for (int i = 0; i < 4; i++) {
		if (f->files[i][0] != '\0')
			assert_int_equal(remove(f->files[i]), 0);
	}
	assert_int_equal(rmdir(f->path), 0);
	free(f);
	return 0;
}

static void file_write(struct folder *f, int which, const char *name, const char *text)
{
	char path[sizeof(f->path)];
	FILE *out;

	memcpy(path, f->path, sizeof(path));
	snprintf(f->files[which], sizeof(f->files[which]), "%s/%s", path, name);
	out = fopen(f->files[which], "w");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

static void files_are_read_in_their_order(void **state)
{
	struct folder *f = *state;
	const char *files[] = { f->files[1], f->files[0] };
	struct reading r;
	struct buf list;

	file_write(f, 0, "a", "frontend a\n timeout client 1s\n bind :1\n");
	file_write(f, 1, "b", "defaults\n mode http\n timeout client 1s\n");
	reading_files(&r, files, 2);
	assert_string_equal(r.said.ptr, "");
	assert_string_equal(r.c->proxies->name.ptr, "a");
	buf_init(&list, 0);
	buf_printf(&list, "%s;%s%c", files[0], files[1], 0);
	assert_string_equal(getenv("HAPROXY_CFGFILES"), list.ptr);
	assert_non_null(getenv("HAPROXY_LOCALPEER"));
	buf_free(&list);
	reading_free(&r);
}

/* Each file begins outside of sections, and closes its own blocks. */
static void a_file_ends_sections_and_blocks(void **state)
{
	struct folder *f = *state;
	const char *files[] = { f->files[0], f->files[1] };
	struct reading r;
	struct buf want;

	file_write(f, 0, "a", "global\n.if 1\n");
	file_write(f, 1, "b", " maxconn 1\n.endif\n");
	reading_files(&r, files, 2);
	assert_null(r.c);
	buf_init(&want, 0);
	buf_printf(&want, "alert %s:2: non-terminated '.if' block.\nalert %s:1: unknown keyword 'maxconn' out of section.\n"
			  "alert %s:2: lone '.endif' with no matching '.if'.\n%c", files[0], files[1], files[1], 0);
	assert_string_equal(r.said.ptr, want.ptr);
	buf_free(&want);
	reading_free(&r);
}

static void of_a_folder_its_cfg_files_are_read_by_name(void **state)
{
	struct folder *f = *state;
	const char *files[] = { f->path };
	struct reading r;

	file_write(f, 0, "2.cfg", "frontend a\n bind :1\n");
	file_write(f, 1, "1.cfg", "defaults\n mode http\n timeout client 1s\n");
	file_write(f, 2, "3.txt", "xyzzy\n");
	file_write(f, 3, ".4.cfg", "xyzzy\n");
	reading_files(&r, files, 1);
	assert_string_equal(r.said.ptr, "");
	assert_int_equal(r.c->proxy_count, 1);
	reading_free(&r);
}

static void files_that_are_not_there(void **state)
{
	struct folder *f = *state;
	char path[sizeof(f->path) + 4];
	const char *files[] = { path };
	struct reading r;
	struct buf want;

	snprintf(path, sizeof(path), "%s/no", f->path);
	reading_files(&r, files, 1);
	assert_null(r.c);
	buf_init(&want, 0);
	buf_printf(&want, "alert: Could not open configuration file %s : No such file or directory\n%c", path, 0);
	assert_string_equal(r.said.ptr, want.ptr);
	buf_free(&want);
	reading_free(&r);
	files[0] = "/proc/self/mem"; /* opens, but cannot be read */
	reading_files(&r, files, 1);
	assert_null(r.c);
	assert_string_equal(r.said.ptr, "alert: Could not open configuration file /proc/self/mem : Input/output error\n");
	reading_free(&r);
}

static void standard_input_is_a_file_too(void **state)
{
	struct folder *f = *state;
	const char *files[] = { "-" };
	int before = dup(STDIN_FILENO), fd;
	struct reading r;

	file_write(f, 0, "a", "global\n maxconn 7\n");
	assert_non_null(freopen(f->files[0], "r", stdin));
	reading_files(&r, files, 1);
	assert_string_equal(r.said.ptr, "");
	assert_int_equal(r.c->maxconn, 7);
	reading_free(&r);
	fd = dup2(before, STDIN_FILENO);
	assert_int_equal(fd, STDIN_FILENO);
	close(before);
}

static void all_that_is_understood_is_told(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	conf_keywords(&out);
	buf_add_char(&out, '\0');
	assert_non_null(strstr(out.ptr, "\nglobal stats socket\n"));
	assert_non_null(strstr(out.ptr, "\nbackend retry-budget # own\n"));
	assert_non_null(strstr(out.ptr, "\nlisten bind\n"));
	assert_non_null(strstr(out.ptr, "\nbind v6only\n"));
	assert_non_null(strstr(out.ptr, "\nstats-socket level\n"));
	assert_non_null(strstr(out.ptr, "\nserver weight\n"));
	assert_null(strstr(out.ptr, "\nfrontend server\n"));
	buf_free(&out);
}

#define IN_FOLDER(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_a_configuration), cmocka_unit_test(first_lines_of_sections),
		cmocka_unit_test(lines_of_a_section_without_a_name_are_read), cmocka_unit_test(a_section_that_we_have_not_is_passed_over),
		cmocka_unit_test(names_are_taken_once), cmocka_unit_test(words_in_the_wrong_section), cmocka_unit_test(words_that_nobody_knows),
		cmocka_unit_test(words_that_only_haproxy_has), cmocka_unit_test(no_and_default_stand_in_front_of_some),
		cmocka_unit_test(empty_words_end_the_line), cmocka_unit_test(lines_that_cannot_be_split_are_shown),
		cmocka_unit_test(a_long_line_is_shown_around_the_mistake), cmocka_unit_test(too_many_mistakes_end_it),
		cmocka_unit_test(text_knows_its_place), IN_FOLDER(files_are_read_in_their_order), IN_FOLDER(a_file_ends_sections_and_blocks),
		IN_FOLDER(of_a_folder_its_cfg_files_are_read_by_name), IN_FOLDER(files_that_are_not_there),
		IN_FOLDER(standard_input_is_a_file_too), cmocka_unit_test(all_that_is_understood_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

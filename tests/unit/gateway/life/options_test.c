/* options_test.c - the command line: what each option sets, what is refused, and what it changes in a configuration. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "gateway/conf/conf.h"
#include "gateway/life/options.h"
#include "gateway/model/proxy.h"

#define WORDS_MOST 200

static char space[4096]; /* where the words are that options point to */

/* Reads the words of <line>, which '|' parts. */
static enum options_read read_line(struct options *o, const char *line)
{
	char *words[WORDS_MOST] = { space };
	int count = 1;

	assert_true(strlen(line) < sizeof(space));
	memcpy(space, line, strlen(line) + 1);
	for (char *at = space; (at = strchr(at, '|')) != NULL; at++) {
		*at = '\0';
		assert_true(count < WORDS_MOST);
		words[count++] = at + 1;
	}
	return options_read(o, count, words);
}

static void files(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(read_line(&o, "gateway|-f|a|-f|b|--|c|-d"), OPTIONS_GO);
	assert_int_equal(o.file_count, 4);
	assert_string_equal(o.files[0], "a");
	assert_string_equal(o.files[2], "c");
	assert_string_equal(o.files[3], "-d");
	assert_false(o.debug);
}

static void too_many_files(void **state)
{
	char line[4096] = "gateway|--";
	struct options o;

	(void)state;
	for (int i = 0; i < OPTIONS_FILES_MOST; i++)
		memcpy(line + strlen(line), "|a", 3);
	assert_int_equal(read_line(&o, line), OPTIONS_GO);
	assert_int_equal(o.file_count, OPTIONS_FILES_MOST);
	memcpy(line + strlen(line), "|a", 3);
	assert_int_equal(read_line(&o, line), OPTIONS_BAD);
}

static void values(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(read_line(&o, "gateway|-f|a|-C|dir|-p|pid|-n|10|-N|5|-m|100|-L|me|-x|sock"), OPTIONS_GO);
	assert_string_equal(o.folder, "dir");
	assert_string_equal(o.pid_file, "pid");
	assert_string_equal(o.local_peer, "me");
	assert_string_equal(o.take_from, "sock");
	assert_int_equal(o.maxconn, 10);
	assert_int_equal(o.proxy_maxconn, 5);
	assert_int_equal(o.memory_mb, 100);
}

static void flags(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(read_line(&o, "gateway|-f|a|-c|-d|-db|-D|-W|-q|-V|-dW"), OPTIONS_GO);
	assert_true(o.check && o.debug && o.foreground && o.daemon && o.master && o.quiet && o.verbose && o.strict);
	assert_false(o.notify);
	assert_int_equal(read_line(&o, "gateway|-f|a|-Ws"), OPTIONS_GO);
	assert_true(o.master && o.notify);
	assert_int_equal(read_line(&o, "gateway|-dKall"), OPTIONS_GO);
	assert_true(o.keywords);
	assert_int_equal(read_line(&o, "gateway|-cc|1"), OPTIONS_GO);
	assert_string_equal(o.condition, "1");
}

static void old_processes(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(read_line(&o, "gateway|-sf|12|13|-f|a"), OPTIONS_GO);
	assert_int_equal(o.old_count, 2);
	assert_int_equal(o.old[1], 13);
	assert_int_equal(o.old_signal, SIGUSR1);
	assert_int_equal(read_line(&o, "gateway|-f|a|-st|12 14 "), OPTIONS_GO);
	assert_int_equal(o.old_count, 2);
	assert_int_equal(o.old[1], 14);
	assert_int_equal(o.old_signal, SIGTERM);
	assert_int_equal(read_line(&o, "gateway|-f|a|-sf"), OPTIONS_GO);
	assert_int_equal(o.old_count, 0);
	assert_int_equal(read_line(&o, "gateway|-f|a|-sf|"), OPTIONS_GO);
	assert_int_equal(o.old_count, 0);
}

static void refused(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(read_line(&o, "gateway|a.cfg"), OPTIONS_BAD);
	assert_int_equal(read_line(&o, "gateway|-f"), OPTIONS_BAD);
	assert_int_equal(read_line(&o, "gateway|-f|a|-x"), OPTIONS_BAD);
	assert_int_equal(read_line(&o, "gateway|-f|a|-n|-1"), OPTIONS_BAD);
	assert_int_equal(read_line(&o, "gateway|-f|a|-n"), OPTIONS_BAD);
	assert_int_equal(read_line(&o, "gateway|-f|a|-sf|1x"), OPTIONS_BAD);
	assert_int_equal(read_line(&o, "gateway|-f|a|-sf|0"), OPTIONS_BAD); /* kill() would mean the whole group */
	assert_int_equal(read_line(&o, "gateway|-f|a|-S|x"), OPTIONS_BAD);
	assert_int_equal(read_line(&o, "gateway|-f|a|-Dx"), OPTIONS_BAD);
	assert_int_equal(read_line(&o, "gateway|-f|a|-d0"), OPTIONS_BAD);
	assert_int_equal(read_line(&o, "gateway"), OPTIONS_BAD);
	assert_int_equal(options_read(&o, 0, NULL), OPTIONS_BAD);
}

static void questions(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(read_line(&o, "gateway|-v"), OPTIONS_DONE);
	assert_int_equal(read_line(&o, "gateway|-vv"), OPTIONS_DONE);
	assert_int_equal(read_line(&o, "gateway|-h"), OPTIONS_DONE);
}

static struct config *load(const char *text)
{
	struct buf messages;
	struct config *c;

	buf_init(&messages, 0);
	c = conf_load_text(SLICE_LIT("test"), slice_str(text), &messages);
	assert_non_null(c);
	buf_free(&messages);
	return c;
}

static void precedence(void **state)
{
	struct config *c = load("global\n daemon\n quiet\n maxconn 7\n pidfile x\n"
				"frontend a\n mode http\n bind 127.0.0.1:1\n maxconn 3\nfrontend b\n mode http\n bind 127.0.0.1:1\n");
	struct options o;

	(void)state;
	assert_int_equal(read_line(&o, "gateway|-f|a"), OPTIONS_GO);
	options_apply(&o, c);
	assert_true(c->daemon && c->quiet && !c->master_worker && !c->debug);
	assert_int_equal(c->maxconn, 7);
	assert_int_equal(read_line(&o, "gateway|-f|a|-db|-V|-n|8|-N|5|-p|y|-W"), OPTIONS_GO);
	options_apply(&o, c);
	assert_true(!c->daemon && !c->quiet && c->master_worker);
	assert_int_equal(c->maxconn, 8);
	assert_int_equal(c->proxies->maxconn, 3);
	assert_int_equal(c->proxies->next->maxconn, 5);
	assert_string_equal(c->pid_file.ptr, "y");
	conf_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files), cmocka_unit_test(too_many_files), cmocka_unit_test(values), cmocka_unit_test(flags),
		cmocka_unit_test(old_processes), cmocka_unit_test(refused), cmocka_unit_test(questions), cmocka_unit_test(precedence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

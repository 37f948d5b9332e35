/* messages_test.c - what is said of a configuration: whatever stands in it, a message is one line that says where. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "gateway/conf/conf.h"

/* Reads it; what was said, with a NUL. It must be refused. */
static const char *refused(const char *text, struct buf *said)
{
	struct config *c;

	buf_init(said, 0);
	c = conf_load_text(SLICE_LIT("t.cfg"), slice_str(text), said);
	if (c != NULL)
		fail_msg("accepted: %s", text);
	buf_add_char(said, '\0');
	return said->ptr;
}

static void control_characters_do_not_break_lines(void **state)
{
	struct buf said;
	const char *text = refused("frontend fe\n\tbind 127.0.0.1:1\nwrong\\n[ALERT]\\r\033[31m\x7f word\n", &said);

	(void)state;
	assert_non_null(strstr(text, "parsing [t.cfg:3] : unknown keyword 'wrong?[ALERT]??[31m?'"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	for (const char *c = text; c[1] != '\0'; c++)
		assert_true((unsigned char)*c >= ' ' && *c != 0x7f);
	buf_free(&said);
}

static void bytes_above_ascii_stay(void **state)
{
	struct buf said;

	(void)state;
	assert_non_null(strstr(refused("frontend fe\nfalsch\xc3\xb6\n", &said), "'falsch\xc3\xb6'"));
	buf_free(&said);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_characters_do_not_break_lines),
		cmocka_unit_test(bytes_above_ascii_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

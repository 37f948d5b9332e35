/* fetch_misc.c - samples that need no message: constants, variables, the process, clock and chance (manual, 7.3.2). */
#include "gateway/expr/tables.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "gateway/conf/parse.h"
#include "gateway/expr/arg.h"
#include "gateway/expr/var.h"
#include "gateway/session/exchange.h"
#include "gateway/session/worker.h"
#include "shared/base/clock.h"

/* ---- constants: checked and made once ---- */

static bool get_text(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)x, (void)w;
	return sample_set_text(out, a->at[0].text);
}

static bool get_int(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)x, (void)w;
	return sample_set_int(out, a->at[0].number);
}

static bool get_bool(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)x, (void)w;
	return sample_set_bool(out, a->data >= 0 ? a->data != 0 : a->at[0].number != 0);
}

static bool check_bool(struct parse *p, struct args *a)
{
	struct slice s = a->at[0].text;

	a->at[0].number = slice_eq_nocase(s, SLICE_LIT("true")) || slice_eq(s, SLICE_LIT("1"));
	if (a->at[0].number != 0 || slice_eq_nocase(s, SLICE_LIT("false")) || slice_eq(s, SLICE_LIT("0")))
		return true;
	parse_error(p, "sample fetch 'bool' : expects 'true', 'false', '0' or '1', not '%s'", s.ptr);
	return false;
}

static bool get_made(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)x, (void)w;
	*out = *(const struct sample *)a->made;
	return true;
}

static struct sample *make(struct parse *p, struct args *a)
{
	a->made = arena_alloc(p->arena, sizeof(struct sample));
	return a->made;
}

static bool check_addr(struct parse *p, struct args *a)
{
	struct sample *s = make(p, a);
	int family = a->data;

	s->type = SAMPLE_ADDR;
	if (sample_text_addr(a->at[0].text, &s->addr) && s->addr.ss_family == family)
		return true;
	parse_error(p, "sample fetch '%s' : '%s' is no such address", a->keyword, a->at[0].text.ptr);
	return false;
}

static bool check_bin(struct parse *p, struct args *a)
{
	struct slice hex = a->at[0].text;
	char *bytes = arena_alloc(p->arena, hex.len / 2 + 1);
	bool good = hex.len % 2 == 0;

	for (size_t i = 0; good && i < hex.len; i += 2) {
		good = slice_hex_digit(hex.ptr[i]) >= 0 && slice_hex_digit(hex.ptr[i + 1]) >= 0;
		if (good)
			bytes[i / 2] = (char)(slice_hex_digit(hex.ptr[i]) * 16 + slice_hex_digit(hex.ptr[i + 1]));
	}
	if (!good)
		parse_error(p, "sample fetch 'bin' : expects an even number of hexadecimal digits, not '%s'", hex.ptr);
	return good && sample_set_binary(make(p, a), slice_of(bytes, hex.len / 2));
}

static bool get_meth(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)x, (void)w;
	out->type = SAMPLE_METHOD;
	out->text = a->at[0].text;
	return true;
}

/* As it was when the process started. */
static bool check_env(struct parse *p, struct args *a)
{
	const char *value = getenv(a->at[0].text.ptr);

	a->at[0].given = value != NULL;
	if (value != NULL)
		a->at[0].text = arena_copy(p->arena, slice_str(value));
	return true;
}

static bool get_env(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	return a->at[0].given && get_text(x, a, w, out);
}

static bool check_hostname(struct parse *p, struct args *a)
{
	char name[256];

	if (gethostname(name, sizeof(name)) != 0)
		name[0] = '\0';
	name[sizeof(name) - 1] = '\0';
	return sample_set_text(make(p, a), arena_copy(p->arena, slice_str(name)));
}

/* ---- variables ---- */

static bool get_var(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)w;
	return var_get(x, a->at[0].var, out) || (a->at[1].given && sample_set_text(out, a->at[1].text));
}

/* ---- clock and chance ---- */

static bool check_date(struct parse *p, struct args *a)
{
	struct slice unit = a->at[1].text;

	a->at[1].number = unit.len == 0 || slice_eq(unit, SLICE_LIT("s")) ? 1000000 :
			  slice_eq(unit, SLICE_LIT("ms")) ? 1000 : slice_eq(unit, SLICE_LIT("us")) ? 1 : 0;
	if (a->at[1].number != 0)
		return true;
	parse_error(p, "sample fetch 'date' : expects 's', 'ms' or 'us', not '%s'", unit.ptr);
	return false;
}

static bool get_date(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)x, (void)w;
	return sample_set_int(out, clock_wall_us() / a->at[1].number + a->at[0].number);
}

static bool get_date_us(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)x, (void)a, (void)w;
	return sample_set_int(out, clock_wall_us() % 1000000);
}

/* While the configuration is read there is no worker yet, whose generator is the cheap one. */
static uint64_t chance(struct exchange *x)
{
	return x->worker->random != 0 ? worker_random(x->worker) : clock_random();
}

static bool get_rand(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	uint64_t n = chance(x) >> 32;

	(void)w;
	return sample_set_int(out, (int64_t)(a->at[0].given ? n * (uint64_t)a->at[0].number >> 32 : n));
}

static bool check_rand(struct parse *p, struct args *a)
{
	if (a->at[0].number >= 0 && a->at[0].number <= UINT32_MAX)
		return true;
	parse_error(p, "sample fetch 'rand' : the range is 0 to 4294967295");
	return false;
}

static bool check_uuid(struct parse *p, struct args *a)
{
	if (!a->at[0].given || a->at[0].number == 4)
		return true;
	parse_error(p, "sample fetch 'uuid' : there is version 4 only");
	return false;
}

static bool get_uuid(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	uint64_t high = chance(x), low = chance(x);
	char text[36], *at;

	(void)a, (void)w;
	high = (high & ~UINT64_C(0xF000)) | 0x4000;             /* the version */
	low = (low & ~(UINT64_C(3) << 62)) | UINT64_C(2) << 62; /* the variant of RFC 9562 */
	memset(text, '-', sizeof(text));
	at = slice_put_hex(text, high >> 32, 8) + 1;
	at = slice_put_hex(at, high >> 16, 4) + 1;
	at = slice_put_hex(at, high, 4) + 1;
	at = slice_put_hex(at, low >> 48, 4) + 1;
	slice_put_hex(at, low, 12);
	return sample_set_text(out, arena_copy(x->arena, slice_of(text, sizeof(text))));
}

/* ---- the process ---- */

static bool get_stopping(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	return sample_set_bool(out, atomic_load_explicit(&x->worker->gateway->stopping, memory_order_relaxed));
}

static bool get_thread(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	return sample_set_int(out, x->worker->index);
}

static bool get_one(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)x, (void)a, (void)w;
	return sample_set_int(out, 1);
}

#define ALWAYS .when = WHEN_ALWAYS

const struct fetch fetch_misc[] = {
	{ .name = "always_true", ALWAYS, .type = SAMPLE_BOOL, .get = get_bool, .data = 1 },
	{ .name = "always_false", ALWAYS, .type = SAMPLE_BOOL, .get = get_bool, .data = 0 },
	{ .name = "bool", .args = "s", ALWAYS, .type = SAMPLE_BOOL, .get = get_bool, .check = check_bool, .data = -1 },
	{ .name = "str", .args = "|s", ALWAYS, .type = SAMPLE_STR, .get = get_text },
	{ .name = "int", .args = "i", ALWAYS, .type = SAMPLE_INT, .get = get_int },
	{ .name = "bin", .args = "s", ALWAYS, .type = SAMPLE_BIN, .get = get_made, .check = check_bin },
	{ .name = "ipv4", .args = "s", ALWAYS, .type = SAMPLE_ADDR, .get = get_made, .check = check_addr, .data = AF_INET },
	{ .name = "ipv6", .args = "s", ALWAYS, .type = SAMPLE_ADDR, .get = get_made, .check = check_addr, .data = AF_INET6 },
	{ .name = "meth", .args = "s", ALWAYS, .type = SAMPLE_METHOD, .get = get_meth },
	{ .name = "env", .args = "s", ALWAYS, .type = SAMPLE_STR, .get = get_env, .check = check_env },
	{ .name = "hostname", ALWAYS, .type = SAMPLE_STR, .get = get_made, .check = check_hostname },
	{ .name = "var", .args = "v|s", ALWAYS, .type = SAMPLE_ANY, .get = get_var },
	{ .name = "date", .args = "|is", ALWAYS, .type = SAMPLE_INT, .get = get_date, .check = check_date },
	{ .name = "date_us", ALWAYS, .type = SAMPLE_INT, .get = get_date_us },
	{ .name = "rand", .args = "|i", ALWAYS, .type = SAMPLE_INT, .get = get_rand, .check = check_rand },
	{ .name = "uuid", .args = "|i", ALWAYS, .type = SAMPLE_STR, .get = get_uuid, .check = check_uuid },
	{ .name = "stopping", ALWAYS, .type = SAMPLE_BOOL, .get = get_stopping },
	{ .name = "thread", ALWAYS, .type = SAMPLE_INT, .get = get_thread },
	{ .name = "proc", ALWAYS, .type = SAMPLE_INT, .get = get_one },
	{ .name = NULL },
};

/* conv_number.c - converters of numbers and of addresses: arithmetic, bits, truth, masks (manual, 7.3.1). */
#include "gateway/expr/tables.h"

#include "gateway/expr/arg.h"

/* ---- arithmetic: stops at the limits of int64 instead of wrapping ---- */

static int64_t limit(bool negative)
{
	return negative ? INT64_MIN : INT64_MAX;
}

static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? limit(a < 0) : sum;
}

static int64_t subtract(int64_t a, int64_t b)
{
	int64_t difference;

	return __builtin_sub_overflow(a, b, &difference) ? limit(a < 0) : difference;
}

static int64_t multiply(int64_t a, int64_t b)
{
	int64_t product;

	return __builtin_mul_overflow(a, b, &product) ? limit((a < 0) != (b < 0)) : product;
}

/* By 0: the largest number, as the manual says. By -1 apart: the least number has no opposite. */
static int64_t divide(int64_t a, int64_t b)
{
	if (b == 0)
		return INT64_MAX;
	return b == -1 ? subtract(0, a) : a / b;
}

static int64_t remain(int64_t a, int64_t b)
{
	return b == 0 || b == -1 ? 0 : a % b;
}

enum operation { ADD, SUBTRACT, MULTIPLY, DIVIDE, REMAIN, AND, OR, XOR };

static int64_t operate(enum operation operation, int64_t a, int64_t b)
{
	switch (operation) {
	case ADD:
		return add(a, b);
	case SUBTRACT:
		return subtract(a, b);
	case MULTIPLY:
		return multiply(a, b);
	case DIVIDE:
		return divide(a, b);
	case REMAIN:
		return remain(a, b);
	case AND:
		return a & b;
	case OR:
		return a | b;
	default:
		return a ^ b;
	}
}

static bool conv_operate(struct exchange *x, const struct args *a, struct sample *s)
{
	int64_t other;

	return arg_number(x, &a->at[0], &other) && sample_set_int(s, operate((enum operation)a->data, s->integer, other));
}

static bool conv_neg(struct exchange *x, const struct args *a, struct sample *s)
{
	(void)x, (void)a;
	return sample_set_int(s, subtract(0, s->integer));
}

static bool conv_cpl(struct exchange *x, const struct args *a, struct sample *s)
{
	(void)x, (void)a;
	return sample_set_int(s, ~s->integer);
}

/* ---- truth ---- */

static bool conv_bool(struct exchange *x, const struct args *a, struct sample *s)
{
	(void)x, (void)a;
	return sample_set_bool(s, s->integer != 0);
}

static bool conv_not(struct exchange *x, const struct args *a, struct sample *s)
{
	(void)x, (void)a;
	return sample_set_bool(s, s->integer == 0);
}

static bool conv_odd(struct exchange *x, const struct args *a, struct sample *s)
{
	(void)x, (void)a;
	return sample_set_bool(s, (s->integer & 1) != 0);
}

static bool conv_even(struct exchange *x, const struct args *a, struct sample *s)
{
	(void)x, (void)a;
	return sample_set_bool(s, (s->integer & 1) == 0);
}

/* ---- addresses ---- */

/* Without a mask for IPv6 such an address has no value any more. */
static bool conv_ipmask(struct exchange *x, const struct args *a, struct sample *s)
{
	bool four = s->addr.ss_family == AF_INET;
	const struct arg *mask = &a->at[four ? 0 : 1];
	struct sockaddr_in6 *v6 = (void *)&s->addr;
	struct sockaddr_in *v4 = (void *)&s->addr;
	uint8_t *bytes = four ? (uint8_t *)&v4->sin_addr : v6->sin6_addr.s6_addr;

	(void)x;
	if (!mask->given)
		return false;
	for (int i = 0; i < (four ? 4 : 16); i++)
		bytes[i] &= mask->mask[i];
	return true;
}

#define OPERATION(word, which) \
	{ .name = word, .args = "n", .from = SAMPLE_INT, .to = SAMPLE_INT, .convert = conv_operate, .data = which }
#define NUMBER .from = SAMPLE_INT, .to = SAMPLE_INT
#define TRUTH .from = SAMPLE_INT, .to = SAMPLE_BOOL

const struct converter conv_number[] = {
	OPERATION("add", ADD),
	OPERATION("sub", SUBTRACT),
	OPERATION("mul", MULTIPLY),
	OPERATION("div", DIVIDE),
	OPERATION("mod", REMAIN),
	OPERATION("and", AND),
	OPERATION("or", OR),
	OPERATION("xor", XOR),
	{ .name = "neg", NUMBER, .convert = conv_neg },
	{ .name = "cpl", NUMBER, .convert = conv_cpl },
	{ .name = "bool", TRUTH, .convert = conv_bool },
	{ .name = "not", TRUTH, .convert = conv_not },
	{ .name = "odd", TRUTH, .convert = conv_odd },
	{ .name = "even", TRUTH, .convert = conv_even },
	{ .name = "ipmask", .args = "4|6", .from = SAMPLE_ADDR, .to = SAMPLE_ADDR, .convert = conv_ipmask },
	{ .name = NULL },
};

/* action_final.c - rules that end a list: allow, deny, tarpit, return, auth, reject, silent-drop. */
#include "gateway/rule/actions.h"
#include "gateway/model/proxy.h"
#include "gateway/rule/answer.h"
#include "gateway/rule/auth.h"

/* ---- without arguments ---- */

static const void *read_nothing(struct parse *p, enum rule_set set, struct slice name)
{
	static const char nothing;

	(void)p, (void)set, (void)name;
	return &nothing;
}

static enum verdict run_allow(struct exchange *x, const void *arg)
{
	(void)x, (void)arg;
	return VERDICT_ALLOW;
}

static enum verdict run_reject(struct exchange *x, const void *arg)
{
	(void)arg;
	x->cause = 'P';
	return VERDICT_CLOSE;
}

static enum verdict run_silent_drop(struct exchange *x, const void *arg)
{
	x->silent_drop = true;
	return run_reject(x, arg);
}

/* ---- deny, tarpit, return ---- */

/* What a rule of that name answers without being told: the status, and whether the proxy's error page or nothing. */
static struct answer_reading usual(struct parse *p, enum rule_set set, struct slice name)
{
	struct slice what = arena_printf(p->arena, "%s %.*s", rule_keyword(set), SLICE_ARG(name));
	bool is_return = slice_eq(name, SLICE_LIT("return"));
	struct answer_reading how = { .what = what.ptr, .when = rule_when(set), .where = rule_where(set) };

	if (is_return)
		how.status = 200;
	else if (slice_eq(name, SLICE_LIT("tarpit")))
		how.status = 500;
	else
		how.status = rule_on_response(set) ? 502 : 403;
	how.deny_status = how.pages_by_default = !is_return;
	return how;
}

static const void *read_answer(struct parse *p, enum rule_set set, struct slice name)
{
	struct answer_reading how = usual(p, set, name);

	return answer_read(p, &how);
}

static enum verdict answer(struct exchange *x, const void *arg, enum verdict v, char cause)
{
	x->cause = cause;
	return answer_fill(arg, x) ? v : VERDICT_FAIL;
}

static enum verdict run_deny(struct exchange *x, const void *arg)
{
	return answer(x, arg, VERDICT_REPLY, 'P');
}

static enum verdict run_tarpit(struct exchange *x, const void *arg)
{
	return answer(x, arg, VERDICT_TARPIT, 'P');
}

static enum verdict run_return(struct exchange *x, const void *arg)
{
	return answer(x, arg, VERDICT_REPLY, 'L');
}

/* ---- auth [realm <realm>] ---- */

/* Unless it is given: in "stats http-request" that of the statistics, else the section's name. */
static const void *read_auth(struct parse *p, enum rule_set set, struct slice name)
{
	struct slice *realm = rule_memory(p, sizeof(*realm));

	(void)set, (void)name;
	*realm = slice_eq(p->words[0], SLICE_LIT("stats")) ? SLICE_LIT("HAProxy Statistics") : p->proxy->name;
	if (parse_accept(p, "realm") && !parse_want(p, "realm", realm))
		return NULL;
	return realm;
}

static enum verdict run_auth(struct exchange *x, const void *arg)
{
	return auth_demand(x, *(const struct slice *)arg);
}

#define ON_BOTH (ON(RULES_REQUEST) | ON(RULES_RESPONSE))

const struct action actions_final[] = {
	{ .name = "accept", .sets = ON_TCP, .read = read_nothing, .run = run_allow },
	{ .name = "allow", .sets = ON_HTTP, .read = read_nothing, .run = run_allow },
	{ .name = "deny", .sets = ON_BOTH, .read = read_answer, .run = run_deny },
	{ .name = "tarpit", .sets = ON(RULES_REQUEST), .read = read_answer, .run = run_tarpit },
	{ .name = "return", .sets = ON_BOTH, .read = read_answer, .run = run_return },
	{ .name = "auth", .sets = ON(RULES_REQUEST), .read = read_auth, .run = run_auth },
	{ .name = "reject", .sets = ON_TCP | ON(RULES_REQUEST), .read = read_nothing, .run = run_reject },
	{ .name = "silent-drop", .sets = ON_TCP | ON_BOTH, .read = read_nothing, .run = run_silent_drop },
	{ .name = NULL },
};

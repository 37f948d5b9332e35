/* var.c - variables of rules: names are numbered while the file is read, values are lists of small blocks.
 *
 * A value is one block of a worker's pool, with room for a short text; a longer text goes on in further blocks. Scopes hold a handful of
 * values, so they are looked up by walking the list.
 */
#include "gateway/expr/var.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "gateway/conf/parse.h"
#include "gateway/model/config.h"
#include "gateway/session/exchange.h"
#include "gateway/session/worker.h"

#define PART 208 /* bytes of text in one block: most values need no second one, and the whole is 256 bytes */

struct var {
	struct var *next;
	struct var *more;       /* the text goes on there, in <more> of that one, and so on */
	unsigned id;
	uint8_t type;           /* enum sample_type */
	bool boolean;
	sa_family_t family;
	union {
		int64_t integer;
		struct in_addr v4;
		struct in6_addr v6;
	};
	size_t len;             /* of the whole text */
	char text[PART];
};

/* A value of the scope proc: there as long as its name, set or not. */
struct proc_value {
	bool set;
	struct sample value;
	char text[VAR_TEXT_MAX];
};

struct var_name {
	struct var_name *next;
	struct slice name;
	struct var_ref ref;
	struct proc_value *proc; /* of that scope only */
};

struct var_names {
	struct arena *arena;
	struct var_name *first;
	unsigned count;
	pthread_mutex_t lock;    /* guards what the proc_values hold */
};

/* ---- names ---- */

struct var_names *var_names_create(void)
{
	struct arena *a = arena_create(1024, 0);
	struct var_names *n = arena_alloc(a, sizeof(*n));

	n->arena = a;
	if (pthread_mutex_init(&n->lock, NULL) != 0)
		abort();
	return n;
}

void var_names_free(struct var_names **n)
{
	struct arena *a;

	if (*n == NULL)
		return;
	pthread_mutex_destroy(&(*n)->lock);
	a = (*n)->arena;
	arena_free(&a);
	*n = NULL;
}

static bool read_scope(struct parse *p, struct slice text, enum var_scope *scope)
{
	static const char *const names[] = { [VAR_PROC] = "proc.", [VAR_SESS] = "sess.", [VAR_TXN] = "txn.", [VAR_REQ] = "req.",
					     [VAR_RES] = "res." };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (slice_starts_with(text, slice_str(names[i])) && text.len > slice_str(names[i]).len) {
			*scope = (enum var_scope)i;
			return true;
		}
	}
	parse_error(p, "invalid variable name '%.*s' : it must begin with its scope, one of proc, sess, txn, req and res, and a '.'",
		    SLICE_ARG(text));
	return false;
}

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
}

bool var_name_parse(struct parse *p, struct slice text, struct var_ref *out)
{
	struct var_names *n;
	struct var_name *v;
	enum var_scope scope;

	if (!read_scope(p, text, &scope))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!name_char(text.ptr[i])) {
			parse_error(p, "invalid variable name '%.*s' : only letters, digits, '.' and '_' may stand in it", SLICE_ARG(text));
			return false;
		}
	}
	if (p->config->var_names == NULL)
		p->config->var_names = var_names_create();
	n = p->config->var_names;
	for (v = n->first; v != NULL && !slice_eq(v->name, text); v = v->next)
		;
	if (v == NULL) {
		v = arena_alloc(n->arena, sizeof(*v));
		*v = (struct var_name){ .next = n->first, .name = arena_copy(n->arena, text), .ref = { .scope = scope, .id = n->count++ } };
		if (scope == VAR_PROC)
			v->proc = arena_alloc(n->arena, sizeof(*v->proc));
		n->first = v;
	}
	*out = v->ref;
	return true;
}

/* ---- the scope proc ---- */

static struct proc_value *proc_find(const struct var_names *n, struct var_ref ref)
{
	const struct var_name *v = n->first;

	while (v->ref.id != ref.id)
		v = v->next; /* it is there: var_name_parse() made the reference */
	return v->proc;
}

static struct var_names *names_of(const struct exchange *x)
{
	return x->worker->gateway->config->var_names;
}

static bool proc_set(struct var_names *n, struct var_ref ref, const struct sample *value)
{
	struct proc_value *v = proc_find(n, ref);

	pthread_mutex_lock(&n->lock);
	v->value = *value;
	v->set = true;
	if (value->type >= SAMPLE_STR) {
		memmove(v->text, value->text.len == 0 ? "" : value->text.ptr, value->text.len);
		v->value.text = slice_of(v->text, value->text.len);
	}
	pthread_mutex_unlock(&n->lock);
	return true;
}

static bool proc_get(struct exchange *x, struct var_ref ref, struct sample *out)
{
	struct var_names *n = names_of(x);
	struct proc_value *v = proc_find(n, ref);
	bool there;

	pthread_mutex_lock(&n->lock);
	there = v->set;
	if (there) {
		*out = v->value;
		if (out->type >= SAMPLE_STR) /* another thread may set it at any time */
			out->text = arena_copy(x->arena, v->value.text);
	}
	pthread_mutex_unlock(&n->lock);
	return there && (out->type < SAMPLE_STR || out->text.ptr != NULL);
}

bool var_set_proc(struct parse *p, struct var_ref ref, const struct sample *value)
{
	assert(ref.scope == VAR_PROC && value->type != SAMPLE_ANY);
	if (value->type >= SAMPLE_STR && value->text.len > VAR_TEXT_MAX) {
		parse_error(p, "the value of a variable has at most %d bytes", VAR_TEXT_MAX);
		return false;
	}
	return proc_set(p->config->var_names, ref, value);
}

/* ---- the other scopes ---- */

static struct vars *scope_of(struct exchange *x, enum var_scope scope)
{
	switch (scope) {
	case VAR_SESS:
		return x->session == NULL ? NULL : &x->session->vars;
	case VAR_TXN:
		return &x->txn;
	case VAR_REQ:
		return &x->req;
	default:
		return &x->res;
	}
}

static void give_back(struct var *v, struct pool *pool)
{
	while (v != NULL) {
		struct var *more = v->more;

		pool_give(pool, v);
		v = more;
	}
}

/* A text, in as many blocks as it needs, of which <v> is the first. */
static bool write_text(struct var *v, struct slice text, struct pool *pool)
{
	v->len = text.len;
	for (;;) {
		size_t part = text.len < PART ? text.len : PART;

		if (part > 0)
			memcpy(v->text, text.ptr, part);
		text = slice_sub(text, part, text.len);
		if (text.len == 0)
			return true;
		v->more = pool_take(pool);
		if (v->more == NULL)
			return false;
		v = v->more;
		v->more = NULL;
	}
}

static struct var *var_make(struct var_ref ref, const struct sample *value, struct pool *pool)
{
	struct var *v = pool_take(pool);

	if (v == NULL)
		return NULL;
	v->next = v->more = NULL;
	v->id = ref.id;
	v->type = (uint8_t)value->type;
	switch (value->type) {
	case SAMPLE_BOOL:
		v->boolean = value->boolean;
		break;
	case SAMPLE_INT:
		v->integer = value->integer;
		break;
	case SAMPLE_ADDR:
		v->family = value->addr.ss_family;
		if (v->family == AF_INET)
			v->v4 = ((const struct sockaddr_in *)(const void *)&value->addr)->sin_addr;
		else
			v->v6 = ((const struct sockaddr_in6 *)(const void *)&value->addr)->sin6_addr;
		break;
	default:
		if (!write_text(v, value->text, pool)) {
			give_back(v, pool);
			return NULL;
		}
	}
	return v;
}

bool var_set(struct exchange *x, struct var_ref ref, const struct sample *value)
{
	struct vars *vars = scope_of(x, ref.scope);
	struct var *v;

	assert(value->type != SAMPLE_ANY);
	if (value->type >= SAMPLE_STR && value->text.len > VAR_TEXT_MAX)
		return false;
	if (ref.scope == VAR_PROC)
		return proc_set(names_of(x), ref, value);
	if (vars == NULL || x->worker->vars == NULL) /* no pool: the configuration is being read */
		return false;
	v = var_make(ref, value, x->worker->vars); /* first: <value> may lie in the old one */
	if (v == NULL)
		return false;
	var_unset(x, ref);
	v->next = vars->first;
	vars->first = v;
	return true;
}

void var_unset(struct exchange *x, struct var_ref ref)
{
	struct vars *vars = scope_of(x, ref.scope);

	if (ref.scope == VAR_PROC) {
		struct var_names *n = names_of(x);

		pthread_mutex_lock(&n->lock);
		proc_find(n, ref)->set = false;
		pthread_mutex_unlock(&n->lock);
		return;
	}
	if (vars == NULL)
		return;
	for (struct var **link = &vars->first; *link != NULL; link = &(*link)->next) {
		if ((*link)->id == ref.id) {
			struct var *old = *link;

			*link = old->next;
			give_back(old, x->worker->vars);
			return;
		}
	}
}

/* The text of <v> in one piece. */
static struct slice read_text(struct exchange *x, const struct var *v)
{
	size_t len = v->len;
	char *whole;

	if (len <= PART)
		return slice_of(v->text, len);
	whole = arena_alloc(x->arena, len);
	if (whole == NULL)
		return SLICE_NONE;
	for (size_t at = 0; at < len; at += PART, v = v->more)
		memcpy(whole + at, v->text, len - at < PART ? len - at : PART);
	return slice_of(whole, len);
}

static bool read_value(struct exchange *x, const struct var *v, struct sample *out)
{
	out->type = (enum sample_type)v->type;
	switch (out->type) {
	case SAMPLE_BOOL:
		out->boolean = v->boolean;
		return true;
	case SAMPLE_INT:
		out->integer = v->integer;
		return true;
	case SAMPLE_ADDR:
		memset(&out->addr, 0, sizeof(struct sockaddr_in6));
		out->addr.ss_family = v->family;
		if (v->family == AF_INET)
			((struct sockaddr_in *)(void *)&out->addr)->sin_addr = v->v4;
		else
			((struct sockaddr_in6 *)(void *)&out->addr)->sin6_addr = v->v6;
		return true;
	default:
		out->text = read_text(x, v);
		return out->text.ptr != NULL;
	}
}

bool var_get(struct exchange *x, struct var_ref ref, struct sample *out)
{
	struct vars *vars;

	if (ref.scope == VAR_PROC)
		return proc_get(x, ref, out);
	vars = scope_of(x, ref.scope);
	if (vars == NULL)
		return false;
	for (const struct var *v = vars->first; v != NULL; v = v->next) {
		if (v->id == ref.id)
			return read_value(x, v, out);
	}
	return false;
}

/* ---- a worker's pool ---- */

struct pool *var_pool_create(void)
{
	return pool_create("variable", sizeof(struct var), 0);
}

void vars_clear(struct vars *v, struct pool *pool)
{
	while (v->first != NULL) {
		struct var *next = v->first->next;

		give_back(v->first, pool);
		v->first = next;
	}
}

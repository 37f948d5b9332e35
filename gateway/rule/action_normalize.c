/* action_normalize.c - "normalize-uri <normalizer>": brings the request's path or query into one of its equivalent forms.
 *
 * Each normalizer writes into memory that its result surely fits in; none makes the target longer.
 */
#include <assert.h>
#include <string.h>

#include "gateway/rule/actions.h"
#include "gateway/rule/error_page.h"

struct normalizer {
	const char *name;
	const char *option; /* "full", "strict" or NULL */
	bool query;         /* works on path and query each, else on the path */
	/* Writes the form of <in> to <out>, of in.len + 1 bytes; the length, or -1: refused because of <option>. */
	int (*write)(struct slice in, bool option, char *out);
};

struct normalize {
	const struct normalizer *how;
	bool option;
};

/* ---- paths ---- */

static int merge_slashes(struct slice in, bool option, char *out)
{
	int len = 0;

	(void)option;
	for (size_t i = 0; i < in.len; i++) {
		if (in.ptr[i] != '/' || len == 0 || out[len - 1] != '/')
			out[len++] = in.ptr[i];
	}
	return len;
}

/* The next segment of a path: what follows a '/' up to the next one. False at the end. */
static bool next_segment(struct slice *rest, struct slice *segment)
{
	if (rest->ptr == NULL)
		return false;
	*segment = slice_cut(rest, '/');
	return true;
}

static int append(char *out, int len, struct slice segment)
{
	out[len++] = '/';
	if (segment.len > 0)
		memcpy(out + len, segment.ptr, segment.len);
	return len + (int)segment.len;
}

static int strip_dot(struct slice in, bool option, char *out)
{
	struct slice rest = slice_sub(in, 1, in.len), segment;
	bool dropped = false;
	int len = 0;

	(void)option;
	while (next_segment(&rest, &segment)) {
		dropped = slice_eq(segment, SLICE_LIT("."));
		if (!dropped)
			len = append(out, len, segment);
	}
	return dropped ? append(out, len, SLICE_NONE) : len; /* "/a/." names the folder "/a/" */
}

static int strip_dotdot(struct slice in, bool full, char *out)
{
	struct slice rest = slice_sub(in, 1, in.len), segment;
	bool dropped = false;
	int len = 0, depth = 0; /* how many segments may be taken back */

	while (next_segment(&rest, &segment)) {
		bool up = slice_eq(segment, SLICE_LIT(".."));

		dropped = up && (depth > 0 || full);
		if (!dropped) {
			len = append(out, len, segment);
			depth += up ? 0 : 1;
		} else if (depth > 0) {
			while (out[--len] != '/')
				;
			depth--;
		}
	}
	return dropped ? append(out, len, SLICE_NONE) : len;
}

/* ---- percent encoding ---- */

/* The byte that the escape at the start of <s> stands for, or -1. */
static int escaped(struct slice s)
{
	if (s.len < 3 || s.ptr[0] != '%' || slice_hex_digit(s.ptr[1]) < 0 || slice_hex_digit(s.ptr[2]) < 0)
		return -1;
	return slice_hex_digit(s.ptr[1]) * 16 + slice_hex_digit(s.ptr[2]);
}

static bool is_unreserved(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
}

static int write_escapes(struct slice in, bool strict, bool decode, char *out)
{
	int len = 0;

	for (size_t i = 0; i < in.len; i++) {
		int byte = escaped(slice_sub(in, i, in.len));

		if (in.ptr[i] == '%' && byte < 0 && strict)
			return -1;
		if (byte >= 0 && decode && is_unreserved(byte)) {
			out[len++] = (char)byte;
			i += 2;
		} else if (byte >= 0) {
			out[len++] = '%';
			for (int digit = 1; digit <= 2; digit++)
				out[len++] = decode ? in.ptr[i + (size_t)digit] : "0123456789ABCDEF"[slice_hex_digit(in.ptr[i + (size_t)digit])];
			i += 2;
		} else {
			out[len++] = in.ptr[i];
		}
	}
	return len;
}

static int decode_unreserved(struct slice in, bool strict, char *out)
{
	return write_escapes(in, strict, true, out);
}

static int to_uppercase(struct slice in, bool strict, char *out)
{
	return write_escapes(in, strict, false, out);
}

/* ---- the table ---- */

static const struct normalizer normalizers[] = {
	{ "fragment-encode", NULL, false, NULL }, /* a target with a fragment was refused long before */
	{ "fragment-strip", NULL, false, NULL },
	{ "path-merge-slashes", NULL, false, merge_slashes },
	{ "path-strip-dot", NULL, false, strip_dot },
	{ "path-strip-dotdot", "full", false, strip_dotdot },
	{ "percent-decode-unreserved", "strict", true, decode_unreserved },
	{ "percent-to-uppercase", "strict", true, to_uppercase },
	{ "query-sort-by-name", NULL, false, NULL },
};
#define COUNT (sizeof(normalizers) / sizeof(normalizers[0]))
#define SORT (&normalizers[COUNT - 1])

static const void *read_normalize(struct parse *p, enum rule_set set, struct slice name)
{
	struct normalize *n = rule_memory(p, sizeof(*n));
	const char *names[COUNT], *near;
	struct slice word;

	if (!rule_words(p, set, name, "a normalizer", 1, &word))
		return NULL;
	for (size_t i = 0; i < COUNT; i++) {
		names[i] = normalizers[i].name;
		if (slice_eq(word, slice_str(names[i])))
			n->how = &normalizers[i];
	}
	if (n->how == NULL) {
		near = parse_nearest(word, names, COUNT);
		parse_error(p, "'%s %.*s' has no normalizer '%.*s'%s%s%s", rule_keyword(set), SLICE_ARG(name), SLICE_ARG(word),
			    near != NULL ? "; did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "");
		return NULL;
	}
	n->option = n->how->option != NULL && parse_accept(p, n->how->option);
	return n;
}

/* ---- query-sort-by-name ---- */

static struct slice parameter_name(struct slice parameter)
{
	return slice_sub(parameter, 0, slice_find(parameter, '='));
}

/* Merges the sorted from[a..b) and from[b..c) to to[a..c); of equal names the left ones come first. */
static void merge(const struct slice *from, struct slice *to, size_t a, size_t b, size_t c)
{
	size_t left = a, right = b;

	for (size_t i = a; i < c; i++) {
		bool take_left = right >= c || (left < b && slice_cmp(parameter_name(from[left]), parameter_name(from[right])) <= 0);

		to[i] = take_left ? from[left++] : from[right++];
	}
}

/* Bottom-up merge sort between the two arrays; returns the one that holds the result. */
static struct slice *sorted(struct slice *now, struct slice *other, size_t count)
{
	for (size_t width = 1; width < count; width *= 2) {
		struct slice *swap = now;

		for (size_t a = 0; a < count; a += 2 * width) {
			size_t b = a + width < count ? a + width : count;
			size_t c = b + width < count ? b + width : count;

			merge(now, other, a, b, c);
		}
		now = other;
		other = swap;
	}
	return now;
}

static enum verdict sort_query(struct exchange *x)
{
	struct slice rest = x->request.query;
	size_t count = 1, at = 0, len = 0;
	struct slice *list;
	char *out;

	for (size_t i = 0; i < rest.len; i++)
		count += rest.ptr[i] == '&';
	if (count == 1)
		return VERDICT_NEXT;
	list = arena_alloc_array(x->arena, 2 * count, sizeof(*list));
	out = arena_alloc(x->arena, rest.len + 1);
	if (list == NULL || out == NULL)
		return VERDICT_FAIL;
	while (rest.ptr != NULL)
		list[at++] = slice_cut(&rest, '&');
	list = sorted(list, list + count, count);
	for (size_t i = 0; i < count; i++) {
		memcpy(out + len, list[i].ptr, list[i].len);
		len += list[i].len;
		out[len++] = '&';
	}
	x->request.query = slice_of(out, len - 1);
	return VERDICT_NEXT;
}

/* ---- running ---- */

static enum verdict normalized(struct exchange *x, const struct normalize *n, struct slice *part)
{
	char *out;
	int len;

	if (part->len == 0)
		return VERDICT_NEXT;
	out = arena_alloc(x->arena, part->len + 1);
	if (out == NULL)
		return VERDICT_FAIL;
	len = n->how->write(*part, n->option, out);
	if (len < 0) {
		error_page_fill(x, 400, "The target holds a '%' that begins no escape.", 0);
		x->cause = 'P';
		return VERDICT_REPLY;
	}
	assert((size_t)len <= part->len);
	*part = slice_of(out, (size_t)len);
	return VERDICT_NEXT;
}

static enum verdict run_normalize(struct exchange *x, const void *arg)
{
	const struct normalize *n = arg;
	enum verdict v;

	if (n->how == SORT)
		return sort_query(x);
	if (n->how->write == NULL || x->request.path.len == 0 || x->request.path.ptr[0] != '/')
		return VERDICT_NEXT; /* "*" and the target of CONNECT have one form only */
	v = normalized(x, n, &x->request.path);
	return v == VERDICT_NEXT && n->how->query ? normalized(x, n, &x->request.query) : v;
}

const struct action actions_normalize[] = {
	{ .name = "normalize-uri", .sets = ON(RULES_REQUEST), .read = read_normalize, .run = run_normalize, .rewrites = true },
	{ .name = NULL },
};

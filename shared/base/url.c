/* url.c - takes the URL of a server apart (the parts of RFC 3986 that a server's address needs). */
#include "shared/base/url.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>

/* What url_parse() passes down. <why> is set by the first failure. */
struct url_job {
	struct arena *arena;
	struct url *out;
	const char **why;
};

static enum err fail(const struct url_job *job, const char *why)
{
	*job->why = why;
	return ERR_BAD_REQUEST;
}

static enum err no_memory(const struct url_job *job)
{
	*job->why = "The URL is longer than the memory that it may use.";
	return ERR_NO_MEMORY;
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static enum err copy(const struct url_job *job, struct slice from, struct slice *to)
{
	*to = arena_copy(job->arena, from);
	return to->ptr == NULL ? no_memory(job) : ERR_OK;
}

/* Copies <from>, with each %XX as the byte that it stands for. */
static enum err decode(const struct url_job *job, struct slice from, struct slice *to)
{
	char *p = arena_alloc(job->arena, from.len + 1); /* zeroed, and decoding only shortens */
	size_t len = 0;

	if (p == NULL)
		return no_memory(job);
	for (size_t i = 0; i < from.len; i++) {
		int high, low;

		if (from.ptr[i] != '%') {
			p[len++] = from.ptr[i];
			continue;
		}
		high = i + 2 < from.len ? slice_hex_digit(from.ptr[i + 1]) : -1;
		low = i + 2 < from.len ? slice_hex_digit(from.ptr[i + 2]) : -1;
		if (high < 0 || low < 0)
			return fail(job, "A '%' in the URL is not followed by two hexadecimal digits (write '%' itself as %25).");
		if (high == 0 && low == 0)
			return fail(job, "The URL holds %00, which cannot be part of a name.");
		p[len++] = (char)(high << 4 | low);
		i += 2;
	}
	*to = slice_of(p, len);
	return ERR_OK;
}

static enum err parse_scheme(const struct url_job *job, struct slice scheme)
{
	enum err e;
	char *p;

	if (scheme.len == 0 || !is_alpha(scheme.ptr[0]))
		return fail(job, "The URL does not start with a scheme and '://'.");
	e = copy(job, scheme, &job->out->scheme);
	if (e != ERR_OK)
		return e;
	p = (char *)job->out->scheme.ptr; /* our own copy */
	for (size_t i = 0; i < scheme.len; i++) {
		if (!is_alpha(p[i]) && !is_digit(p[i]) && p[i] != '+' && p[i] != '-' && p[i] != '.')
			return fail(job, "The URL's scheme holds a character that no scheme has.");
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] - 'A' + 'a');
	}
	return ERR_OK;
}

static enum err parse_login(const struct url_job *job, struct slice login)
{
	struct slice user = slice_cut(&login, ':');
	enum err e = ERR_OK;

	if (user.len == 0 && login.ptr == NULL)
		return fail(job, "The URL has an '@' but no user name in front of it.");
	if (user.len > 0)
		e = decode(job, user, &job->out->user);
	if (e == ERR_OK && login.ptr != NULL)
		e = decode(job, login, &job->out->password);
	return e;
}

static enum err parse_port(const struct url_job *job, struct slice port)
{
	uint64_t n;

	if (!slice_to_u64(port, UINT16_MAX, &n) || n == 0)
		return fail(job, "The URL's port is not a number from 1 to 65535 (an IPv6 address needs brackets).");
	job->out->port = (uint16_t)n;
	return ERR_OK;
}

/* "[address]" or "[address]:port"; <host> starts with the bracket. */
static enum err parse_ipv6(const struct url_job *job, struct slice host)
{
	struct slice address = slice_cut(&host, ']');
	struct in6_addr ignored;
	enum err e;

	if (host.ptr == NULL)
		return fail(job, "The URL has a '[' without a ']'.");
	if (host.len > 0 && host.ptr[0] != ':')
		return fail(job, "After the ']' the URL may only go on with ':' and a port, or with '/'.");
	e = copy(job, slice_sub(address, 1, address.len), &job->out->host);
	if (e != ERR_OK)
		return e;
	if (inet_pton(AF_INET6, job->out->host.ptr, &ignored) != 1)
		return fail(job, "What stands in brackets in the URL is not an IPv6 address.");
	return host.len == 0 ? ERR_OK : parse_port(job, slice_sub(host, 1, host.len));
}

static enum err parse_host(const struct url_job *job, struct slice host)
{
	struct slice port = host, name;
	enum err e;

	if (host.len > 0 && host.ptr[0] == '[')
		return parse_ipv6(job, host);
	name = slice_cut(&port, ':');
	if (name.len == 0)
		return fail(job, "The URL names no host.");
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!is_alpha(c) && !is_digit(c) && c != '.' && c != '-' && c != '_')
			return fail(job, "The URL's host holds a character that no host name has.");
	}
	e = copy(job, name, &job->out->host);
	if (e == ERR_OK && port.ptr != NULL)
		e = parse_port(job, port);
	return e;
}

/* [[user][:password]@]host[:port] */
static enum err parse_authority(const struct url_job *job, struct slice authority)
{
	struct slice host = authority;
	struct slice login = slice_cut(&host, '@');
	enum err e;

	if (host.ptr == NULL)
		return parse_host(job, authority);
	if (slice_find(host, '@') < host.len)
		return fail(job, "The URL has more than one '@' (write one in a password as %40).");
	e = parse_login(job, login);
	return e == ERR_OK ? parse_host(job, host) : e;
}

static enum err check_characters(const struct url_job *job, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c <= 0x20 || c == 0x7F)
			return fail(job, "The URL holds a space or a control character (write it as %20 or the like).");
		if (c == '?' || c == '#')
			return fail(job, "The URL holds a '?' or '#', which has no meaning here (write it as %3F or %23).");
	}
	return ERR_OK;
}

/* Where the first "://" is, or the length. */
static size_t find_separator(struct slice text)
{
	size_t at = slice_find(text, ':');

	return slice_starts_with(slice_sub(text, at, text.len), SLICE_LIT("://")) ? at : text.len;
}

static enum err parse_all(const struct url_job *job, struct slice text)
{
	size_t at = find_separator(text);
	struct slice rest = slice_sub(text, at + 3, text.len);
	struct slice authority = slice_cut(&rest, '/');
	enum err e = check_characters(job, text);

	if (e == ERR_OK && at == text.len)
		e = fail(job, "The URL does not start with a scheme and '://'.");
	if (e == ERR_OK)
		e = parse_scheme(job, slice_sub(text, 0, at));
	if (e == ERR_OK)
		e = parse_authority(job, authority);
	if (e == ERR_OK && rest.ptr != NULL)
		e = decode(job, rest, &job->out->path);
	return e;
}

enum err url_parse(struct arena *a, struct slice text, struct url *out, const char **why)
{
	struct url_job job = { .arena = a, .out = out, .why = why };
	enum err e;

	*out = (struct url){ 0 };
	*why = NULL;
	e = parse_all(&job, text);
	if (e != ERR_OK)
		*out = (struct url){ 0 };
	return e;
}

/* err.c - the table that maps each way of failing to its HTTP status, names and sentence. */
#include "shared/base/err.h"

#include <assert.h>

struct err_row {
	int status;
	const char *title;
	const char *name;
	const char *detail;
};

/* The internal ones are turned into something else by whoever asked for the work. One that gets
 * as far as a client is answered as 503 where trying again helps, otherwise as 500. */
static const struct err_row err_rows[ERR_COUNT] = {
	[ERR_OK] = { 200, "OK", "ok", "The request was carried out." },
	[ERR_BAD_REQUEST] = { 400, "Bad Request", "bad_request", "The request could not be understood." },
	[ERR_UNAUTHORIZED] = { 401, "Unauthorized", "unauthorized",
			       "The USER-TOKEN header is missing or names no user." },
	[ERR_NOT_FOUND] = { 404, "Not Found", "not_found", "There is no such thing." },
	[ERR_NO_ROUTE] = { 404, "Not Found", "no_route", "There is nothing at this path." },
	[ERR_BAD_METHOD] = { 405, "Method Not Allowed", "bad_method",
			     "The path does not support this method; see the Allow header." },
	[ERR_TOO_LARGE] = { 413, "Content Too Large", "too_large", "The request body is too large." },
	[ERR_BUSY] = { 503, "Service Unavailable", "busy",
		       "Too many requests are waiting. Nothing was done; try again soon." },
	[ERR_UNAVAILABLE] = { 503, "Service Unavailable", "unavailable",
			      "A part that this request needs is away. Nothing was done; try again soon." },
	[ERR_NOT_LOADED] = { 503, "Service Unavailable", "not_loaded",
			     "Data that this request needs was not loaded yet. Nothing was done; try again soon." },
	[ERR_UNKNOWN_OUTCOME] = { 503, "Service Unavailable", "unknown_outcome",
				  "The change was sent but not confirmed: it may or may not have been made." },
	[ERR_TIMEOUT] = { 503, "Service Unavailable", "timeout",
			  "The time for this request ran out before it was started. Nothing was done." },
	[ERR_GONE] = { 499, "Client Closed Request", "gone", "The client closed the connection." },
	[ERR_CONFLICT] = { 503, "Service Unavailable", "conflict",
			   "Other changes were in the way. Nothing was done; try again soon." },
	[ERR_DUPLICATE] = { 500, "Internal Server Error", "duplicate", "Something went wrong on our side." },
	[ERR_MOVED] = { 503, "Service Unavailable", "moved",
			"Stored data changed meanwhile. Nothing was done; try again soon." },
	[ERR_NOT_LEADER] = { 503, "Service Unavailable", "not_leader",
			     "Another instance does this work. Nothing was done; try again soon." },
	[ERR_FULL] = { 503, "Service Unavailable", "full",
		       "There is no room to store this. Nothing was done; try again later." },
	[ERR_READ_ONLY] = { 503, "Service Unavailable", "read_only",
			    "This cannot be stored at present. Nothing was done; try again later." },
	[ERR_CORRUPT] = { 500, "Internal Server Error", "corrupt", "Something went wrong on our side." },
	[ERR_NO_MEMORY] = { 503, "Service Unavailable", "no_memory",
			    "This request needs more memory than it may use. Nothing was done." },
	[ERR_INTERNAL] = { 500, "Internal Server Error", "internal", "Something went wrong on our side." },
};

static const struct err_row *err_row(enum err e)
{
	assert((unsigned)e < ERR_COUNT);
	return &err_rows[e];
}

int err_status(enum err e)
{
	return err_row(e)->status;
}

const char *err_title(enum err e)
{
	return err_row(e)->title;
}

const char *err_name(enum err e)
{
	return err_row(e)->name;
}

const char *err_detail(enum err e)
{
	return err_row(e)->detail;
}

/* refused.c - what HAProxy 2.6 has and this gateway has not: named, so that the complaint does not guess at another word.
 *
 * "stick *" stands for all second words, "ssl-*" for all that begin so.
 */
#include "gateway/conf/reader.h"

static const char *const in_global[] = {
	"51degrees-*", "anonkey", "busy-polling", "ca-base", "close-spread-time", "cluster-secret", "cpu-map", "crt-base", "debug",
	"default-path", "deviceatlas-*", "expose-experimental-directives", "external-check", "fd-hard-limit", "gid", "h1-*", "h2-*",
	"httpclient.*", "insecure-fork-wanted", "insecure-setuid-wanted", "issuers-chain-path", "localpeer", "lua-*", "maxcompcpuusage",
	"maxcomprate", "maxconnrate", "maxpipes", "maxsessrate", "maxsslconn", "maxsslrate", "maxzlibmem", "mworker-max-reloads",
	"nbproc", "no-memory-trimming", "noepoll", "noevports", "nogetaddrinfo", "nokqueue", "nopoll", "noreuseport", "nosplice",
	"numa-cpu-mapping", "pp2-never-send-local", "profiling.memory", "profiling.tasks", "set-dumpable", "set-var-fmt", "ssl-*",
	"strict-limits", "thread-group", "thread-groups", "tune.buffers.limit", "tune.buffers.reserve", "tune.comp.maxlevel",
	"tune.fail-alloc", "tune.fd.edge-triggered", "tune.h2.*", "tune.http.cookielen", "tune.idle-pool.shared", "tune.idletimer",
	"tune.listener.multi-queue", "tune.lua.*", "tune.maxpollevents", "tune.pattern.cache-size", "tune.peers.max-updates-at-once",
	"tune.pipesize", "tune.pool-high-fd-ratio", "tune.pool-low-fd-ratio", "tune.quic.*", "tune.rcvbuf.client", "tune.rcvbuf.server",
	"tune.recv_enough", "tune.runqueue-depth", "tune.sched.low-latency", "tune.sndbuf.client", "tune.sndbuf.server", "tune.ssl.*",
	"tune.vars.*", "tune.zlib.*", "uid", "ulimit-n", "unix-bind", "wurfl-*", "zero-warning", "stats bind-process",
};

static const char *const in_proxies[] = {
	"bind-process", "block", "capture cookie", "clitcpka-cnt", "clitcpka-idle", "clitcpka-intvl", "compression *", "cookie",
	"dispatch", "email-alert *", "external-check *", "filter", "force-persist", "http-send-name-header", "ignore-persist",
	"max-keep-alive-queue", "option accept-invalid-http-request", "option accept-invalid-http-response", "option checkcache", "option clitcpka", "option contstats", "option disable-h2-upgrade",
	"option external-check", "option h1-case-adjust-bogus-client", "option h1-case-adjust-bogus-server",
	"option http-restrict-req-hdr-names", "option http-use-htx", "option http-use-proxy-header", "option httpslog",
	"option independent-streams", "option ldap-check", "option mysql-check", "option nolinger", "option originalto",
	"option persist", "option pgsql-check", "option prefer-last-server", "option redis-check", "option smtpchk",
	"option splice-auto", "option splice-request", "option splice-response", "option spop-check", "option srvtcpka",
	"option ssl-hello-chk", "option tcp-check", "option tcp-smart-accept", "option tcp-smart-connect", "option transparent",
	"persist rdp-cookie", "rate-limit sessions", "server-state-file-name", "source", "srvtcpka-cnt", "srvtcpka-idle",
	"srvtcpka-intvl", "stats show-modules", "stick *", "tcp-check *", "tcp-request inspect-delay", "tcp-response *", "transparent",
	"use-fcgi-app", "use-server",
};

/* How many words match: 0, 1 or 2. */
static unsigned matches(const char *entry, struct slice first, struct slice second)
{
	struct slice rest = slice_str(entry), name = slice_cut(&rest, ' ');

	if (name.ptr[name.len - 1] == '*')
		return slice_starts_with(first, slice_sub(name, 0, name.len - 1)) ? 1 : 0;
	if (!slice_eq(first, name))
		return 0;
	if (rest.ptr == NULL)
		return 1;
	if (slice_eq(rest, SLICE_LIT("*")))
		return second.ptr == NULL ? 1 : 2;
	return slice_eq(rest, second) ? 2 : 0;
}

unsigned keyword_refused(struct slice first, struct slice second, unsigned section)
{
	const char *const *list = section == IN_GLOBAL ? in_global : in_proxies;
	unsigned count = section == IN_GLOBAL ? sizeof(in_global) / sizeof(in_global[0]) : sizeof(in_proxies) / sizeof(in_proxies[0]);

	for (unsigned i = 0; (section & (IN_GLOBAL | IN_ALL_PROXIES)) != 0 && i < count; i++) {
		unsigned words = matches(list[i], first, second);

		if (words > 0)
			return words;
	}
	return 0;
}

/* help.c - what -h, -v and -vv print. */
#include "gateway/life/help.h"

#include <sys/utsname.h>

#include "gateway/admin/info.h"

void help_usage(FILE *out)
{
	fputs("gateway - an HTTP proxy that speaks HAProxy's configuration language\n\n"
	      "gateway -f <file or folder> [-f …] [options] [-- <file>…]\n\n"
	      "  -f FILE      reads that configuration; a folder means its *.cfg files\n"
	      "  -- FILE…     reads all that follow\n"
	      "  -C DIR       changes to that folder first\n"
	      "  -c           checks the configuration and exits: 0 when it is valid\n"
	      "  -cc COND     evaluates a condition and exits: 0 true, 1 false, 2 not understood\n"
	      "  -D           goes to the background, once it serves\n"
	      "  -W, -Ws      a master that watches over a worker; SIGUSR2 reloads; -Ws tells systemd\n"
	      "  -p FILE      writes its process id there\n"
	      "  -sf PID…     once it serves, tells those processes to finish softly (SIGUSR1), and\n"
	      "               takes their sockets, servers' states and consistency tokens\n"
	      "  -st PID…     the same, but they are to end at once (SIGTERM)\n"
	      "  -x SOCKET    takes those from the process behind that runtime socket\n"
	      "  -n N, -N N   most connections of the process, and of a frontend that does not say\n"
	      "  -m MB        most memory\n"
	      "  -L NAME      name of this host, for the configuration\n"
	      "  -q, -V       says nothing but errors; says all\n"
	      "  -d, -db      stays in the foreground, which is the default; -d also says more\n"
	      "  -dW          takes no configuration that gives warnings\n"
	      "  -dK          lists what the language has, \"# own\" behind what HAProxy lacks, and exits\n"
	      "  -dM -dD -dG -dL -dS -dV -de -dp -dr   for HAProxy's scripts; they change nothing here\n"
	      "  -v, -vv      version, and what it was built with\n",
	      out);
}

void help_version(FILE *out, bool all)
{
	struct utsname u;

	fprintf(out, "%s version %s - for configurations of HAProxy version 2.6\n", INFO_NAME, INFO_VERSION);
	if (!all)
		return;
	if (uname(&u) == 0)
		fprintf(out, "Running on: %s %s %s %s\n", u.sysname, u.release, u.version, u.machine);
	fprintf(out,
		"\nDefault settings :\n"
		"  bufsize = 16384, maxrewrite = 1024, maxpollevents = 256\n\n"
		"Built with compiler version : %s\n"
		"Built with PCRE2\n"
		"Built with multi-threading support, one thread for each processor unless nbthread says otherwise.\n"
		"Without SSL, Lua, compression, HTTP/2, caches, peers and filters.\n\n"
		"Available polling systems :\n"
		"      epoll : pref=300,  test result OK\n"
		"Total: 1 (1 usable), will use epoll.\n\n"
		"Available multiplexer protocols :\n"
		"         h1 : mode=HTTP  side=FE|BE  mux=H1\n\n"
		"Available services : statistics page, prometheus metrics\n"
		"Available filters : none\n",
		__VERSION__);
}

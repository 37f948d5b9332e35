/* main.c - wiring only: the command line, and what it asks for. */
#include "gateway/life/life.h"
#include "gateway/life/options.h"
#include "shared/base/log.h"

int main(int argc, char **argv)
{
	struct options o;

	log_setup("gateway", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	switch (options_read(&o, argc, argv)) {
	case OPTIONS_DONE: return 0;
	case OPTIONS_BAD: return 1;
	case OPTIONS_GO: break;
	}
	return life(&o, argv);
}

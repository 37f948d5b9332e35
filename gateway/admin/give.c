/* give.c - hands sockets and states over to a new process. */
#include "gateway/admin/command.h"

void cmd_getsocks(struct cli *c)
{
	(void)c;
}

void cmd_show_handover(struct cli *c)
{
	(void)c;
}

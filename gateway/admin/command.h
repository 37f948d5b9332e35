/* command.h - the table of the runtime socket's commands, and the functions that carry them out. First worker's thread.
 *
 * A new command is one more entry. Each function finds its words in <c>, writes its answer as whole lines with cli_say() and its like, or
 * sets c->more or calls cli_gather(). The empty line behind an answer is not its business.
 */
#ifndef MOA_GATEWAY_ADMIN_COMMAND_H
#define MOA_GATEWAY_ADMIN_COMMAND_H

#include "gateway/admin/cli.h"

/* Runs the command whose words are in <c>. */
void command_run(struct cli *c);

/* cmd_show.c */
void cmd_show_activity(struct cli *c);
void cmd_show_backend(struct cli *c);
void cmd_show_cli_level(struct cli *c);
void cmd_show_cli_sockets(struct cli *c);
void cmd_show_env(struct cli *c);
void cmd_show_errors(struct cli *c);
void cmd_show_info(struct cli *c);
void cmd_show_pools(struct cli *c);
void cmd_show_resolvers(struct cli *c);
void cmd_show_servers_conn(struct cli *c);
void cmd_show_servers_state(struct cli *c);
void cmd_show_tokens(struct cli *c);
void cmd_show_version(struct cli *c);

/* cmd_stat.c */
void cmd_show_stat(struct cli *c);
void cmd_clear_counters(struct cli *c);
void cmd_clear_counters_all(struct cli *c);

/* cmd_server.c */
void cmd_disable_health(struct cli *c);
void cmd_disable_server(struct cli *c);
void cmd_enable_health(struct cli *c);
void cmd_enable_server(struct cli *c);
void cmd_get_weight(struct cli *c);
void cmd_set_maxconn_server(struct cli *c);
void cmd_set_server(struct cli *c);
void cmd_set_weight(struct cli *c);

/* cmd_frontend.c */
void cmd_disable_frontend(struct cli *c);
void cmd_enable_frontend(struct cli *c);
void cmd_set_maxconn_frontend(struct cli *c);
void cmd_set_maxconn_global(struct cli *c);
void cmd_shutdown_frontend(struct cli *c);

/* cmd_table.c */
void cmd_clear_table(struct cli *c);
void cmd_set_table(struct cli *c);
void cmd_show_table(struct cli *c);

/* cmd_session.c */
void cmd_show_sess(struct cli *c);
void cmd_shutdown_session(struct cli *c);
void cmd_shutdown_sessions_server(struct cli *c);

/* give.c */
void cmd_getsocks(struct cli *c);
void cmd_show_handover(struct cli *c);

#endif

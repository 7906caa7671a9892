/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands of shopme-edge, one file each. Each takes its own name and
 * what follows it, and returns the process's exit status. */
#ifndef GATEWAY_COMMANDS_COMMANDS_H
#define GATEWAY_COMMANDS_COMMANDS_H

#define COMMANDS_CONFIG_DEFAULT "/etc/shopme-edge/shopme-edge.yaml"

enum {
    COMMANDS_EXIT_USAGE = 2,      /* wrong arguments on the command line */
    COMMANDS_EXIT_UNFINISHED = 3, /* the time was up before all was done */
    COMMANDS_EXIT_DEGRADED = 3,   /* of `status`: the verdict */
    COMMANDS_EXIT_FAILING = 4,
};

int command_run(int argc, char **argv);
int command_check(int argc, char **argv);
int command_status(int argc, char **argv);
int command_sync(int argc, char **argv);
int command_downgrade(int argc, char **argv);
int command_dead(int argc, char **argv);    /* reads the next word */
int command_device(int argc, char **argv);  /* reads the next word */
int command_journal(int argc, char **argv); /* so does this, */
int command_pki(int argc, char **argv);     /* and this */
/* After "device". */
int command_device_add(int argc, char **argv);
int command_device_list(int argc, char **argv);
int command_device_passwd(int argc, char **argv);
int command_device_remove(int argc, char **argv);
int command_device_set(int argc, char **argv);
/* After "journal". */
int command_journal_cat(int argc, char **argv);
int command_journal_list(int argc, char **argv);
int command_journal_verify(int argc, char **argv);
int command_journal_repair(int argc, char **argv);
int command_journal_replay(int argc, char **argv);
int command_journal_stats(int argc, char **argv);
int command_journal_unsent(int argc, char **argv);
/* After "pki". */
int command_pki_init(int argc, char **argv);
int command_pki_issue(int argc, char **argv);
int command_pki_list(int argc, char **argv);
int command_pki_renew(int argc, char **argv);
int command_pki_revoke(int argc, char **argv);
int command_pki_server(int argc, char **argv);

#endif

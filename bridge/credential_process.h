/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a credential_process: a command, without a shell, that prints
 * credentials as JSON. It gets our environment but for what is secret in it,
 * nothing on its standard input, and no file of ours; what it says on standard
 * error is logged in lines, of which a key shows at most its first letters. */
#ifndef BRIDGE_CREDENTIAL_PROCESS_H
#define BRIDGE_CREDENTIAL_PROCESS_H

#include "bridge/credentials.h"

enum {
    PROCESS_OUTPUT_MAX = 128 * 1024,
    PROCESS_TIMEOUT_MS = 60 * 1000, /* as the AWS command line's own */
};

struct credential_process {
    const char *command; /* in words as credential_split.h has it */
    int64_t timeout_ms;
    int cancel_fd; /* readable: give up at once; -1: none */
};

/* Waits for its end, so never call it on a loop. The command and all that it
 * started in its process group are killed when it is late, prints too much, or
 * is cancelled (ERR_AGAIN). ERR_PARSE, ERR_CONFIG, ERR_NOT_FOUND, ERR_RANGE,
 * ERR_REFUSED (it ended with another status than 0). */
err_t credential_process_run(const struct credential_process *process,
                             struct credentials *ret,
                             struct reason *reason) MUST_USE;

#endif

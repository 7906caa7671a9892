/* SPDX-License-Identifier: Apache-2.0 */
/* Mosquitto's process: started through setpriv(1), so that it is told to stop
 * when the gateway dies in any way; what it says on standard error becomes log
 * lines. Of the gateway's environment, which may hold the keys to the cloud, it
 * gets PATH and TZ. */
#ifndef GATEWAY_MQTT_BROKER_CHILD_H
#define GATEWAY_MQTT_BROKER_CHILD_H

#include <uv.h>

#include "gateway/base/base.h"

enum { BROKER_LINE_MAX = 512, BROKER_LINES_A_SECOND = 50 };

/* How much of what it says is logged. */
struct broker_lines {
    uint64_t since_ms; /* of the loop: when this second began */
    uint32_t logged;   /* in it */
    uint64_t skipped;  /* since the last that was logged */
};

struct broker_child {
    void *self;
    /* It has ended, and nothing of it is left: it may be started again, or its
     * memory freed. */
    void (*ended)(void *self, int64_t status, int signal_number);

    /* What it says, a line; true: somebody else logs it. NULL = nobody asks. */
    bool (*said)(void *self, const char *line);
    bool quiet; /* what it says is not logged */
    bool running;
    int64_t status; /* how it ended */
    int signal_number;
    uv_process_t process;
    uv_pipe_t output;
    int handles_open;
    char line[BROKER_LINE_MAX + 1];
    size_t line_len;
    char last[BROKER_LINE_MAX + 1]; /* the last thing it said */
    struct log_limit oversize;      /* packets larger than it takes */
    struct broker_lines lines;
};

/* `self`, `ended`, `said` and `quiet` are set. 0, or libuv's error: then
 * `ended` is called as well, with the status -1. */
int broker_child_start(struct broker_child *child, uv_loop_t *loop,
                       const char *program, const char *config_path) MUST_USE;
/* Does nothing if it does not run. */
void broker_child_signal(struct broker_child *child, int number);

#endif

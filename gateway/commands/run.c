/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge run: the daemon in the foreground, as systemd and the demo start
 * it. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/daemon.h"
#include "gateway/commands/preflight.h"

static const char usage[] =
    "usage: shopme-edge run [--config FILE]\n"
    "\n"
    "Runs the gateway until SIGTERM or SIGINT. AWS credentials are read from\n"
    "the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,\n"
    "AWS_SESSION_TOKEN. Exit status: 0 stopped, 1 could not start, 2 usage,\n"
    "4 the journal failed (an I/O error): nothing unsafe was acknowledged,\n"
    "and a restart recovers.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --help\n";

/* Reads the configuration and looks at what a start needs. All that is wrong is
 * said at once; a warning is a line of the log. */
static bool look(const char *path, struct config *ret) {
    static struct config_sources sources;
    static struct config_findings findings;
    err_t err = config_read(path, ret, &sources, &findings);
    if (err == ERR_MEMORY) {
        fputs("not enough memory\n", stderr);
        return false;
    }
    if (sources.complete) {
        preflight(ret, &sources, PREFLIGHT_START, &findings);
    }
    if (findings.errors > 0) {
        preflight_print(&findings, stderr);
        return false;
    }
    for (uint32_t i = 0; i < findings.count; i++) {
        log_line(LOG_WARN, "config", "%s", findings.items[i].what.text);
    }
    return true;
}

int command_run(int argc, char **argv) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *path = COMMANDS_CONFIG_DEFAULT;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        }
        if (c != 'c') {
            fputs("Try: shopme-edge run --help\n", stderr);
            return COMMANDS_EXIT_USAGE;
        }
        path = optarg;
    }
    if (optind < argc) {
        fprintf(stderr,
                "shopme-edge run: unexpected argument \"%s\": only options "
                "are accepted\nTry: shopme-edge run --help\n",
                argv[optind]);
        return COMMANDS_EXIT_USAGE;
    }
    static struct config config;
    if (!look(path, &config)) {
        return EXIT_FAILURE;
    }
    return daemon_run(&config);
}

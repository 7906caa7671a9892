/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge run: the daemon in the foreground, as systemd and the demo start
 * it. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/daemon.h"
#include "gateway/commands/preflight.h"

static const char usage[] =
    "usage: shopme-edge run [--config FILE] [--log-level LEVEL]\n"
    "\n"
    "Runs the gateway until SIGTERM or SIGINT. SIGHUP reads the configuration\n"
    "again (what `check --describe` calls reloadable takes effect), the\n"
    "accounts of the devices, and the files of broker.tls. AWS\n"
    "credentials come from where cloud.credentials.source says: by default\n"
    "the environment, the shared files, a container or an EC2 instance.\n"
    "\n"
    "Exit status: 0 stopped; 1 could not start, and the last line says why;\n"
    "2 usage; 4 the journal failed (an I/O error): nothing unsafe was\n"
    "acknowledged, and a restart recovers; 5 the watchdog ended it, since a\n"
    "loop did not turn for 10 s: a restart recovers, too.\n"
    "\n"
    "  --config FILE      default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --log-level LEVEL  error, warn, info or debug, in place of log_level\n"
    "  --help\n";

struct run_options {
    const char *path;
    bool has_level;
    enum log_level level;
};

/* Reads the configuration and looks at what a start needs. All that is wrong is
 * said at once; a warning is a line of the log. */
static bool look(const struct run_options *options, struct config *ret) {
    static struct config_sources sources;
    static struct config_findings findings;
    err_t err = config_read(options->path, ret, &sources, &findings);
    if (err == ERR_MEMORY) {
        fprintf(stderr, "%snot enough memory\n", log_prefix(LOG_ERROR));
        return false;
    }
    if (sources.complete) {
        preflight(ret, &sources, PREFLIGHT_START, &findings);
    }
    if (findings.errors > 0) {
        preflight_print(&findings, stderr);
        return false;
    }
    if (!options->has_level) {
        log_set_level((enum log_level)ret->log_level);
    }
    for (uint32_t i = 0; i < findings.count; i++) {
        log_line(LOG_WARN, "config", "%s", findings.items[i].what.text);
    }
    return true;
}

/* False if the process is to end with `*ret_exit`. */
static bool read_options(int argc, char **argv, struct run_options *ret,
                         int *ret_exit) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"log-level", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    *ret = (struct run_options){.path = COMMANDS_CONFIG_DEFAULT};
    *ret_exit = COMMANDS_EXIT_USAGE;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(usage, stdout);
            *ret_exit = EXIT_SUCCESS;
            return false;
        }
        if (c == 'l' && log_level_read(optarg, &ret->level) != ERR_OK) {
            fprintf(stderr,
                    "shopme-edge run: --log-level %s: expected error, warn, "
                    "info or debug\nTry: shopme-edge run --help\n",
                    optarg);
            return false;
        }
        if (c != 'c' && c != 'l') {
            fputs("Try: shopme-edge run --help\n", stderr);
            return false;
        }
        ret->has_level |= c == 'l';
        ret->path = c == 'c' ? optarg : ret->path;
    }
    if (optind < argc) {
        fprintf(stderr,
                "shopme-edge run: unexpected argument \"%s\": only options "
                "are accepted\nTry: shopme-edge run --help\n",
                argv[optind]);
        return false;
    }
    return true;
}

int command_run(int argc, char **argv) {
    struct run_options options;
    int exit_code;
    if (!read_options(argc, argv, &options, &exit_code)) {
        return exit_code;
    }
    /* Until the daemon handles it: its default is to end the process. */
    signal(SIGHUP, SIG_IGN);
    if (options.has_level) {
        log_set_level(options.level);
    }
    static struct config config;
    if (!look(&options, &config)) {
        return EXIT_FAILURE;
    }
    const struct daemon_options daemon = {
        .config = &config,
        .config_path = options.path,
        .level_fixed = options.has_level,
    };
    return daemon_run(&daemon);
}

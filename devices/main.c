/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-devices: the devices of one store, simulated. */
#include <stdio.h>

#include "devices/fleet.h"
#include "gateway/base/streams.h"

enum { EXIT_DONE = 0, EXIT_NOT_DONE = 1, EXIT_USAGE = 2 };

static int failed(const struct reason *reason) {
    fprintf(stderr, "shopme-devices: %s\n", reason->text);
    return EXIT_NOT_DONE;
}

int main(int argc, char **argv) {
    struct options options;
    struct report report;
    struct reason reason = {""};
    if (!standard_streams_open()) {
        return EXIT_NOT_DONE;
    }
    if (options_parse(argc, argv, &options, &reason) != ERR_OK) {
        fprintf(stderr, "shopme-devices: %s\n", reason.text);
        return EXIT_USAGE;
    }
    if (options.help) {
        options_help(stdout);
        return EXIT_DONE;
    }
    if (fleet_run(&options, &report, &reason) != ERR_OK) {
        return failed(&reason);
    }
    report_print(&report, stdout);
    if (options.report != NULL &&
        report_write_json(&report, options.report, &reason) != ERR_OK) {
        return failed(&reason);
    }
    return report_is_good(&report) ? EXIT_DONE : EXIT_NOT_DONE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge check: can the gateway start with this configuration? */
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "gateway/commands/arguments.h"
#include "gateway/commands/commands.h"

enum { TEXT_MAX = 64 * 1024 };

static const char usage[] =
    "usage: shopme-edge check [--config FILE] [--describe | --print]\n"
    "\n"
    "Reads the configuration and says whether the gateway can use it. Exit\n"
    "status: 0 it can, 1 it cannot (the error names file, line and column),\n"
    "2 usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --describe     print every key with its type, default and meaning\n"
    "  --print        print the configuration with all defaults filled in\n"
    "  --help\n";

static int print_all(const struct config *config) {
    static char text[TEXT_MAX];
    struct writer writer = writer_over(text, sizeof text);
    if (config == NULL) {
        config_describe(&writer);
    } else {
        config_print(config, &writer);
    }
    fwrite(writer.data, 1, writer.len, stdout);
    return writer.full ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void print_stream(const struct config_stream *stream) {
    static const char *const sinks[] = {
        [CONFIG_SINK_NONE] = "stays in the store",
        [CONFIG_SINK_EVENTBRIDGE] = "to EventBridge bus ",
        [CONFIG_SINK_KINESIS] = "to Kinesis stream ",
    };
    printf("  stream %s: %s%s%s\n", stream->name, sinks[stream->sink],
           stream->sink_name, stream->shop ? ", runs the shop" : "");
}

static void print_summary(const struct config *config) {
    const struct config_broker *broker = &config->broker;
    bool external = broker->mode == CONFIG_BROKER_EXTERNAL;
    const struct config_address *address =
        external ? &broker->address : &broker->listen;
    printf("  store %s, data in %s\n", config->store, config->data);
    printf("  broker: %s, %s port %u\n", external ? "external" : "embedded",
           address->host, address->port);
    for (uint32_t i = 0; i < config->stream_count; i++) {
        print_stream(&config->streams[i]);
    }
    if (config->console_enabled) {
        printf("  page: http://%s%s%s:%u/\n",
               strchr(config->console.host, ':') != NULL ? "[" : "",
               config->console.host,
               strchr(config->console.host, ':') != NULL ? "]" : "",
               config->console.port);
    }
}

int command_check(int argc, char **argv) {
    const char *path = COMMANDS_CONFIG_DEFAULT;
    bool describe = false;
    bool print = false;
    const struct argument table[] = {
        {"config", &path, NULL},
        {"describe", NULL, &describe},
        {"print", NULL, &print},
    };
    const struct arguments arguments = {"check", usage, table, 3};
    int exit_code;
    if (!arguments_read(&arguments, argc, argv, &exit_code)) {
        return exit_code;
    }
    if (describe) {
        return print_all(NULL);
    }
    struct config config;
    struct reason reason;
    if (config_load(path, &config, &reason) != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        return EXIT_FAILURE;
    }
    if (print) {
        return print_all(&config);
    }
    printf("%s: ok\n", path);
    print_summary(&config);
    return EXIT_SUCCESS;
}

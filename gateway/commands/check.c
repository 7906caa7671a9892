/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge check: can the gateway start with this configuration? */
#include <stdio.h>
#include <stdlib.h>

#include "bridge/bridge.h"
#include "bridge/way.h"
#include "gateway/commands/arguments.h"
#include "gateway/commands/commands.h"
#include "gateway/commands/preflight.h"

enum { TEXT_MAX = 64 * 1024 };

static const char usage[] =
    "usage: shopme-edge check [--config FILE] [--files-only] [--print]\n"
    "       shopme-edge check --describe\n"
    "\n"
    "Says whether the gateway can start with this configuration on this\n"
    "machine, as this user: reads FILE and the files conf.d/*.yaml beside it,\n"
    "and looks at the folders, programs, certificates, credentials and ports\n"
    "they name. Every error is listed, with file, line and column. Exit\n"
    "status: 0 it can (there may be warnings), 1 it cannot, 2 usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --files-only   look at the files, not at this machine\n"
    "  --print        print the configuration, merged and with all defaults;\n"
    "                 implies --files-only\n"
    "  --describe     print every key with its type, default and meaning\n"
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

/* Who gets in there, and how. */
static const char *doors(const struct config_listener *listener) {
    if (listener->certificates) {
        return ", by certificate";
    }
    if (listener->tls) {
        return ", TLS, by password";
    }
    return listener->anonymous ? ", anonymous" : ", by password";
}

static void print_broker(const struct config_broker *broker) {
    if (broker->mode == CONFIG_BROKER_EXTERNAL) {
        printf("  broker: external, %s port %u%s\n", broker->address.host,
               broker->address.port,
               broker->client_tls.ca_file[0] != '\0' ? ", TLS" : "");
        return;
    }
    for (uint32_t i = 0; i < broker->listener_count; i++) {
        const struct config_listener *listener = &broker->listeners[i];
        printf("  broker: embedded, %s port %u%s\n", listener->address.host,
               listener->address.port, doors(listener));
    }
}

/* Which source a gateway with this environment would take. */
static void print_credentials(const struct config *config) {
    const struct platform platform = platform_real();
    const struct credential_plan_options options =
        bridge_credential_options(&config->cloud, &platform);
    struct reason why;
    struct credential_plan *plan = credential_plan_new();
    if (plan != NULL && preflight_has_sink(config) &&
        credential_plan_make(&options, plan, &why) == ERR_OK) {
        printf("  AWS credentials: %s, %s\n",
               credential_source_name(plan->source), plan->words);
    }
    credential_plan_free(plan);
}

/* As this machine's environment says, too. */
static void print_ways(const struct config *config) {
    for (uint32_t i = 0; i < config->stream_count; i++) {
        char text[WAY_TEXT_MAX];
        struct reason reason;
        if (config->streams[i].sink != CONFIG_SINK_NONE &&
            way_describe(&config->cloud, &config->streams[i], text, &reason) ==
                ERR_OK) {
            printf("  stream %s: by way of %s\n", config->streams[i].name,
                   text);
        }
    }
}

static void print_summary(const struct config *config, bool looked) {
    printf("  store %s, data in %s\n", config->store, config->data);
    print_broker(&config->broker);
    for (uint32_t i = 0; i < config->stream_count; i++) {
        print_stream(&config->streams[i]);
    }
    if (looked) {
        print_ways(config);
        print_credentials(config);
    }
    if (config->console_enabled &&
        config_host_is_loopback(config->console.host)) {
        printf("  page: http://%s%s%s:%u/\n",
               strchr(config->console.host, ':') != NULL ? "[" : "",
               config->console.host,
               strchr(config->console.host, ':') != NULL ? "]" : "",
               config->console.port);
    }
}

/* With conf.d it matters which files were read, and in which order. */
static void print_files(const struct config_sources *sources, FILE *out) {
    for (uint32_t i = 0; sources->file_count > 1 && i < sources->file_count;
         i++) {
        fprintf(out, "  read %s\n", sources->files[i]);
    }
}

struct check {
    struct config config;
    struct config_sources sources;
    struct config_findings findings;
};

/* Adds all that can be found. Much would be wrong of what a file that cannot be
 * read hides, so then the machine is not looked at. */
static bool look(struct check *check, const char *path, bool files_only) {
    err_t err =
        config_read(path, &check->config, &check->sources, &check->findings);
    if (err == ERR_MEMORY) {
        fputs("not enough memory\n", stderr);
        return false;
    }
    if (check->sources.complete && !files_only) {
        preflight(&check->config, &check->sources, PREFLIGHT_CHECK,
                  &check->findings);
    } else if (check->sources.complete) {
        preflight_region(&check->config, &check->sources, &check->findings);
    }
    preflight_print(&check->findings, stderr);
    return check->findings.errors == 0;
}

int command_check(int argc, char **argv) {
    const char *path = COMMANDS_CONFIG_DEFAULT;
    bool describe = false;
    bool print = false;
    bool files_only = false;
    const struct argument table[] = {
        {"config", &path, NULL},
        {"describe", NULL, &describe},
        {"files-only", NULL, &files_only},
        {"print", NULL, &print},
    };
    const struct arguments arguments = {"check", usage, table, 4};
    int exit_code;
    if (!arguments_read(&arguments, argc, argv, &exit_code)) {
        return exit_code;
    }
    if (describe) {
        return print_all(NULL);
    }
    static struct check check;
    if (!look(&check, path, files_only || print)) {
        print_files(&check.sources, stderr);
        return EXIT_FAILURE;
    }
    if (print) {
        return print_all(&check.config);
    }
    printf("%s: ok\n", path);
    print_files(&check.sources, stdout);
    print_summary(&check.config, !files_only);
    return EXIT_SUCCESS;
}

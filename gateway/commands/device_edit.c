/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge device add, set, passwd, remove. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/arguments.h"
#include "gateway/commands/commands.h"
#include "gateway/commands/device_change.h"
#include "gateway/commands/device_password.h"

static_assert((int)ARGUMENTS_LIST_MAX <= (int)ACCOUNT_TOPICS_MAX,
              "as many as may be given");

#define EXITS                                                              \
    "Exit status: 0 done and in force, 1 not done, or not known to be in " \
    "force,\n"                                                             \
    "and standard error says why, 2 usage.\n"

#define PASSWORD_OPTIONS                                              \
    "  --password-ask        ask on the terminal, without echo\n"     \
    "  --password-stdin      read it from standard input, one line\n" \
    "  --password-file FILE  read it from FILE, one line\n"

#define CONFIG_OPTION                                               \
    "  --config FILE         default " COMMANDS_CONFIG_DEFAULT "\n" \
    "  --help\n"

static const char usage_add[] =
    "usage: shopme-edge device add NAME [--certificate] [--topics PATTERN]...\n"
    "           [--channel] [--password-ask | --password-stdin |\n"
    "           --password-file FILE] [--config FILE]\n"
    "\n"
    "Registers the device NAME: 1 to 64 of A-Z a-z 0-9 . _ and -. Without\n"
    "--certificate and without a password it gets a new one of 128 random\n"
    "bits, which is printed on standard output, once: it is kept hashed. One\n"
    "that is chosen has 12 characters at least. A name that is there, or that\n"
    "differs from one by case only, is refused.\n" EXITS "\n"
    "  --certificate         it may come by a certificate of this name\n"
    "  --topics PATTERN      it may also publish and read there, outside of\n"
    "                        shopme/; may be given up to 16 times\n"
    "  --channel             it may read the store's events, in which there\n"
    "                        are customers' data; none are published "
    "yet\n" PASSWORD_OPTIONS CONFIG_OPTION;

static const char usage_set[] =
    "usage: shopme-edge device set NAME [--certificate | --no-certificate]\n"
    "           [--topics PATTERN]... [--no-topics] [--channel | "
    "--no-channel]\n"
    "           [--no-password] [--config FILE]\n"
    "\n"
    "Changes what the registered device NAME may do. What is not named stays\n"
    "as it is; --topics replaces all patterns that it had.\n" EXITS "\n"
    "  --certificate         it may come by a certificate of this name\n"
    "  --no-certificate      not any more; such a connection is cut\n"
    "  --topics PATTERN      it may also publish and read there, outside of\n"
    "                        shopme/; may be given up to 16 times\n"
    "  --no-topics           nowhere outside of shopme/\n"
    "  --channel             it may read the store's events, in which there\n"
    "                        are customers' data; none are published yet\n"
    "  --no-channel          not any more\n"
    "  --no-password         it may not come by password any more\n" //
    CONFIG_OPTION;

static const char usage_passwd[] =
    "usage: shopme-edge device passwd NAME [--password-ask |\n"
    "           --password-stdin | --password-file FILE] [--config FILE]\n"
    "\n"
    "Gives the registered device NAME a new password; a connection that was\n"
    "made with the old one is cut. Without an option it has 128 random bits,\n"
    "and is printed on standard output, once: it is kept hashed. One that is\n"
    "chosen has 12 characters at least.\n" EXITS
    "\n" PASSWORD_OPTIONS CONFIG_OPTION;

static const char usage_remove[] =
    "usage: shopme-edge device remove NAME [--config FILE]\n"
    "\n"
    "The device NAME may not connect any more; a connection it has is cut, "
    "and\n"
    "what waits for it in the broker is dropped.\n" EXITS "\n" CONFIG_OPTION;

/* --- What all of them do -------------------------------------------------- */

/* The options of all four. */
struct edit {
    const char *config_path;
    const char *name;
    struct device_password_source password;
    bool certificate, no_certificate;
    bool channel, no_channel;
    bool no_topics, no_password;
    struct argument_list topics;
    struct config config;
    struct identity_change change;
    struct device_password made;
    struct reason reason;
};

static void wipe(struct edit *edit) {
    explicit_bzero(edit->made.made, sizeof edit->made.made);
    explicit_bzero(edit->made.hash, sizeof edit->made.hash);
    explicit_bzero(edit->change.password, sizeof edit->change.password);
}

static int fail(const struct edit *edit) {
    fprintf(stderr, "%s\n", edit->reason.text);
    return EXIT_FAILURE;
}

/* Of a command line that is wrong. */
static bool misused(const char *command, const char *what, int *ret_exit) {
    fprintf(stderr, "shopme-edge %s: %s\nTry: shopme-edge %s --help\n", command,
            what, command);
    *ret_exit = COMMANDS_EXIT_USAGE;
    return false;
}

static bool check_options(const struct edit *edit, const char *command,
                          int *ret_exit) {
    const struct device_password_source *from = &edit->password;
    if (edit->name == NULL) {
        return misused(command, "give the device's NAME", ret_exit);
    }
    if (from->ask + from->from_stdin + (from->file != NULL) > 1) {
        return misused(command, "give one way to the password only", ret_exit);
    }
    if ((edit->certificate && edit->no_certificate) ||
        (edit->channel && edit->no_channel) ||
        (edit->topics.count > 0 && edit->no_topics)) {
        return misused(command, "an option and its opposite were given",
                       ret_exit);
    }
    return true;
}

/* Reads the arguments, and what they name. */
static bool begin(struct edit *edit, const struct arguments *arguments,
                  int argc, char **argv, int *ret_exit) {
    struct arguments_more more = {
        .word_name = "NAME", .lists = &edit->topics, .list_count = 1};
    if (edit->topics.name == NULL) {
        more.list_count = 0;
    }
    if (!arguments_read_more(arguments, &more, argc, argv, ret_exit)) {
        return false;
    }
    edit->name = more.word;
    if (!check_options(edit, arguments->command, ret_exit)) {
        return false;
    }
    *ret_exit = EXIT_FAILURE;
    if (config_load(edit->config_path, &edit->config, &edit->reason) !=
        ERR_OK) {
        (void)fail(edit);
        return false;
    }
    if (edit->config.broker.mode == CONFIG_BROKER_EXTERNAL) {
        fputs("broker.mode is external: the accounts are that broker's; make "
              "them there\n",
              stderr);
        return false;
    }
    return true;
}

static err_t name_change(struct edit *edit) {
    if (slice_to_str(slice_from_str(edit->name), edit->change.name,
                     sizeof edit->change.name) != ERR_OK) {
        return reason_set(&edit->reason, ERR_RANGE,
                          "the name %.80s is too long: it has 1 to %d of "
                          "A-Z a-z 0-9 . _ and -",
                          edit->name, ACCOUNT_NAME_MAX - 1);
    }
    return ERR_OK;
}

static err_t add_topics(struct edit *edit) {
    struct identity_change *change = &edit->change;
    for (size_t i = 0; i < edit->topics.count; i++) {
        struct slice topic = slice_from_str(edit->topics.values[i]);
        if (slice_to_str(topic, change->topics[i], ACCOUNT_TOPIC_MAX) !=
            ERR_OK) {
            return reason_set(&edit->reason, ERR_RANGE,
                              "the pattern %.80s... is longer than %d bytes",
                              edit->topics.values[i], ACCOUNT_TOPIC_MAX - 1);
        }
        change->topic_count++;
    }
    change->has_topics = edit->topics.count > 0 || edit->no_topics;
    return ERR_OK;
}

static err_t take_password(struct edit *edit) {
    TRY(device_password(&edit->password, &edit->made, &edit->reason));
    edit->change.has_password = true;
    memcpy(edit->change.password, edit->made.hash,
           sizeof edit->change.password);
    return ERR_OK;
}

/* A password that was made is shown unless it is known to be good for nothing.
 * Alone on standard output, so that a script can take it. */
static int finish(struct edit *edit, const char *done) {
    enum device_changed changed =
        device_change(&edit->config, &edit->change, &edit->reason);
    bool is_done = changed == DEVICE_CHANGED;
    if (!is_done) {
        (void)fail(edit);
    }
    if (edit->made.made[0] != '\0' && changed != DEVICE_UNCHANGED) {
        fprintf(stderr, "%s: %s; the password, which is shown only now:\n",
                edit->name, is_done ? done : "not known to be in force");
        puts(edit->made.made);
    } else if (is_done) {
        printf("%s: %s\n", edit->name, done);
    }
    wipe(edit);
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- The commands --------------------------------------------------------- */

static bool has_password(const struct edit *edit) {
    return edit->password.ask || edit->password.from_stdin ||
           edit->password.file != NULL;
}

static err_t prepare_add(struct edit *edit) {
    struct identity_change *change = &edit->change;
    change->op = IDENTITY_PUT;
    change->fresh = true;
    change->has_certificate = edit->certificate;
    change->certificate = edit->certificate;
    change->has_channel = edit->channel;
    change->channel = edit->channel;
    TRY(name_change(edit));
    TRY(add_topics(edit));
    TRY(identity_change_check(change, &edit->reason));
    return edit->certificate && !has_password(edit) ? ERR_OK
                                                    : take_password(edit);
}

int command_device_add(int argc, char **argv) {
    struct edit edit = {.config_path = COMMANDS_CONFIG_DEFAULT,
                        .topics = {.name = "topics"}};
    const struct argument table[] = {
        {"config", &edit.config_path, NULL},
        {"password-file", &edit.password.file, NULL},
        {"password-ask", NULL, &edit.password.ask},
        {"password-stdin", NULL, &edit.password.from_stdin},
        {"certificate", NULL, &edit.certificate},
        {"channel", NULL, &edit.channel},
    };
    const struct arguments arguments = {"device add", usage_add, table, 6};
    int exit_code;
    if (!begin(&edit, &arguments, argc, argv, &exit_code)) {
        return exit_code;
    }
    return prepare_add(&edit) != ERR_OK ? fail(&edit) : finish(&edit, "added");
}

static err_t prepare_set(struct edit *edit) {
    struct identity_change *change = &edit->change;
    change->op = IDENTITY_PUT;
    change->has_certificate = edit->certificate || edit->no_certificate;
    change->certificate = edit->certificate;
    change->has_channel = edit->channel || edit->no_channel;
    change->channel = edit->channel;
    change->has_password = edit->no_password;
    TRY(name_change(edit));
    TRY(add_topics(edit));
    return identity_change_check(change, &edit->reason);
}

int command_device_set(int argc, char **argv) {
    struct edit edit = {.config_path = COMMANDS_CONFIG_DEFAULT,
                        .topics = {.name = "topics"}};
    const struct argument table[] = {
        {"config", &edit.config_path, NULL},
        {"certificate", NULL, &edit.certificate},
        {"no-certificate", NULL, &edit.no_certificate},
        {"channel", NULL, &edit.channel},
        {"no-channel", NULL, &edit.no_channel},
        {"no-topics", NULL, &edit.no_topics},
        {"no-password", NULL, &edit.no_password},
    };
    const struct arguments arguments = {"device set", usage_set, table, 7};
    int exit_code;
    if (!begin(&edit, &arguments, argc, argv, &exit_code)) {
        return exit_code;
    }
    if (prepare_set(&edit) != ERR_OK) {
        return fail(&edit);
    }
    const struct identity_change *change = &edit.change;
    if (!change->has_certificate && !change->has_channel &&
        !change->has_topics && !change->has_password) {
        (void)misused("device set", "say what to change", &exit_code);
        return exit_code;
    }
    return finish(&edit, "changed");
}

int command_device_passwd(int argc, char **argv) {
    struct edit edit = {.config_path = COMMANDS_CONFIG_DEFAULT};
    const struct argument table[] = {
        {"config", &edit.config_path, NULL},
        {"password-file", &edit.password.file, NULL},
        {"password-ask", NULL, &edit.password.ask},
        {"password-stdin", NULL, &edit.password.from_stdin},
    };
    const struct arguments arguments = {"device passwd", usage_passwd, table,
                                        4};
    int exit_code;
    if (!begin(&edit, &arguments, argc, argv, &exit_code)) {
        return exit_code;
    }
    edit.change.op = IDENTITY_PASSWORD;
    if (name_change(&edit) != ERR_OK || take_password(&edit) != ERR_OK ||
        identity_change_check(&edit.change, &edit.reason) != ERR_OK) {
        return fail(&edit);
    }
    return finish(&edit, "has a new password");
}

int command_device_remove(int argc, char **argv) {
    struct edit edit = {.config_path = COMMANDS_CONFIG_DEFAULT};
    const struct argument table[] = {{"config", &edit.config_path, NULL}};
    const struct arguments arguments = {"device remove", usage_remove, table,
                                        1};
    int exit_code;
    if (!begin(&edit, &arguments, argc, argv, &exit_code)) {
        return exit_code;
    }
    edit.change.op = IDENTITY_REMOVE;
    return name_change(&edit) != ERR_OK ? fail(&edit)
                                        : finish(&edit, "removed");
}

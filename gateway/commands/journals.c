/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/journals.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/cursor.h"
#include "bridge/dead_store.h"
#include "gateway/commands/arguments.h"
#include "gateway/commands/commands.h"
#include "gateway/event/json.h"
#include "gateway/journal/identity.h"

uint64_t journals_durable_end(const struct journals *journals,
                              const char *name) {
    struct slice streams;
    struct slice stream;
    size_t at = 0;
    if (!journals->running ||
        json_get(journals->answer.body, "streams", &streams) != ERR_OK ||
        json_kind(streams) != JSON_ARRAY) {
        return UINT64_MAX;
    }
    while (json_element(streams, &at, &stream) == ERR_OK) {
        char found[CONFIG_NAME_MAX];
        if (json_kind(stream) == JSON_OBJECT) {
            client_text(stream, "name", found, sizeof found);
            if (strcmp(found, name) == 0) {
                return client_uint(stream, "end");
            }
        }
    }
    return UINT64_MAX;
}

static void add_name(void *context, const char *name) {
    struct journals *journals = context;
    if (journals->count == JOURNALS_MAX || strchr(name, '.') != NULL) {
        return;
    }
    struct slice text = slice_from_str(name);
    if (slice_to_str(text, journals->names[journals->count], CONFIG_NAME_MAX) ==
        ERR_OK) {
        journals->count++;
    }
}

/* The dead letters are the bridge's: `shopme-edge dead` reads them. */
static void add_folder(void *context, const char *name) {
    if (strcmp(name, DEAD_FOLDER) != 0) {
        add_name(context, name);
    }
}

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

/* Every folder in the data directory that holds a journal. */
static err_t find_streams(struct journals *journals) {
    err_t err = journals->disk.list(journals->disk.self, journals->data,
                                    add_folder, journals);
    if (err != ERR_OK) {
        struct reason why;
        (void)disk_failed(&why, err, "list", journals->data);
        fprintf(stderr,
                "%s; give a data directory, such as /var/lib/shopme-edge\n",
                why.text);
        return ERR_NOT_FOUND;
    }
    qsort(journals->names, journals->count, sizeof *journals->names, by_name);
    return ERR_OK;
}

static err_t use_config(struct journals *journals, const char *path,
                        const char *stream) {
    struct config *config = &journals->config;
    struct reason reason;
    if (config_load(path, config, &reason) != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        return ERR_CONFIG;
    }
    memcpy(journals->data, config->data, sizeof config->data);
    memcpy(journals->socket, config->control_socket,
           sizeof config->control_socket);
    for (uint32_t i = 0; i < config->stream_count; i++) {
        if (stream == NULL || strcmp(stream, config->streams[i].name) == 0) {
            add_name(journals, config->streams[i].name);
        }
    }
    if (journals->count == 0) {
        fprintf(stderr, "%s has no stream %s; give one of:", path, stream);
        for (uint32_t i = 0; i < config->stream_count; i++) {
            fprintf(stderr, " %s", config->streams[i].name);
        }
        fputs("\n", stderr);
        return ERR_NOT_FOUND;
    }
    return ERR_OK;
}

static err_t use_data(struct journals *journals, const char *data,
                      const char *stream) {
    if (slice_to_str(slice_from_str(data), journals->data,
                     sizeof journals->data) != ERR_OK) {
        fprintf(stderr, "%s: the path is too long\n", data);
        return ERR_RANGE;
    }
    snprintf(journals->socket, sizeof journals->socket, "%s/control.sock",
             journals->data);
    if (stream == NULL) {
        return find_streams(journals);
    }
    add_name(journals, stream);
    return ERR_OK;
}

void journals_ask(struct journals *journals) {
    struct reason reason;
    err_t err = client_status(journals->socket, &journals->answer, &reason);
    journals->running = err == ERR_OK;
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        fprintf(stderr,
                "%s\nThe last events printed may not be durable yet: a crash "
                "could still lose them.\n",
                reason.text);
    }
}

bool journals_choose(struct journals *journals, const char *command,
                     const char *config, const char *data, const char *stream,
                     int *ret_exit) {
    if (config != NULL && data != NULL) {
        fprintf(stderr,
                "shopme-edge %s: give --config or --data, not both\nTry: "
                "shopme-edge %s --help\n",
                command, command);
        *ret_exit = COMMANDS_EXIT_USAGE;
        return false;
    }
    journals->disk = platform_real().disk;
    journals->chosen = stream != NULL;
    *ret_exit = EXIT_FAILURE;
    if (data != NULL) {
        return use_data(journals, data, stream) == ERR_OK;
    }
    return use_config(journals,
                      config != NULL ? config : COMMANDS_CONFIG_DEFAULT,
                      stream) == ERR_OK;
}

void journals_dir(const struct journals *journals, uint32_t n,
                  char ret[JOURNALS_DIR_MAX]) {
    snprintf(ret, JOURNALS_DIR_MAX, "%s/%s", journals->data,
             journals->names[n]);
}

err_t journals_cursor(const struct disk *disk, const char *dir,
                      const char *stream, struct journals_cursor *ret,
                      struct reason *reason) {
    uint8_t id[JOURNAL_ID_SIZE];
    struct cursor_owner owner = {id, stream};
    struct reason unknown; /* no journal, or a start will say what is wrong */
    if (journal_identity(disk, dir, id, &unknown) != ERR_OK) {
        owner.journal_id = NULL;
    }
    return cursor_file_peek(disk, dir, &owner, &ret->seq, &ret->known, reason);
}

err_t journals_cursor_of(const struct disk *disk, const struct config *config,
                         const struct config_stream *stream,
                         struct journals_cursor *ret, struct reason *reason) {
    *ret = (struct journals_cursor){0, false};
    if (stream->sink == CONFIG_SINK_NONE) {
        return ERR_OK;
    }
    char dir[JOURNALS_DIR_MAX];
    snprintf(dir, sizeof dir, "%s/%s", config->data, stream->name);
    return journals_cursor(disk, dir, stream->name, ret, reason);
}

void journals_none(const struct journals *journals) {
    fprintf(stderr,
            "%s holds no journal: no gateway has run there yet, or this is "
            "not its data directory\n",
            journals->data);
}

int journals_run(const char *command, const char *usage, int argc, char **argv,
                 err_t (*one)(const struct journals *journals, uint32_t n,
                              bool *ret_good)) {
    const char *path = NULL;
    const char *data = NULL;
    const char *stream = NULL;
    struct journals journals = {.count = 0};
    const struct argument table[] = {
        {"config", &path, NULL},
        {"data", &data, NULL},
        {"stream", &stream, NULL},
        {"json", NULL, &journals.json},
    };
    const struct arguments arguments = {command, usage, table, 4};
    int exit_code;
    if (!arguments_read(&arguments, argc, argv, &exit_code) ||
        !journals_choose(&journals, command, path, data, stream, &exit_code)) {
        return exit_code;
    }
    journals_ask(&journals);
    bool all_good = true;
    uint32_t found = 0;
    for (uint32_t i = 0; i < journals.count; i++) {
        bool good = false;
        if (one(&journals, i, &good) != ERR_NOT_FOUND) {
            found++;
            all_good = all_good && good;
        }
    }
    if (found == 0) {
        journals_none(&journals);
        return EXIT_FAILURE;
    }
    return all_good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge journal cat: what the journals hold, one JSON event a line.
 *
 * Reads files only, so it works on a dead box's disk. Beside a running gateway
 * it asks how far each journal is durable and reads no further: what a crash
 * could still take away is not shown. If there is one that cannot be asked, it
 * says that this does not hold, and reads on. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "gateway/commands/arguments.h"
#include "gateway/commands/client.h"
#include "gateway/commands/commands.h"
#include "gateway/event/event.h"
#include "gateway/event/json.h"
#include "gateway/journal/journal.h"

enum {
    /* A rendered event: its data may grow sixfold where JSON escapes it. */
    LINE_MAX_BYTES = 8 * EVENT_BYTES_MAX,
    NAMES_MAX = 64, /* entries of a data directory that are looked at */
};

static const char usage[] =
    "usage: shopme-edge journal cat [--config FILE | --data DIR]\n"
    "           [--stream NAME] [--from SEQ] [--to SEQ] [--type T]\n"
    "           [--subject S]\n"
    "\n"
    "Prints the journaled events, one structured JSON event a line, beside a\n"
    "running gateway or from the disk of a box that is down. Exit status: 0\n"
    "printed, 1 a journal could not be read or printed whole, 2 usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --data DIR     a data directory, without its configuration: of a box\n"
    "                 that is down, or with control.sock in it\n"
    "  --stream NAME  this stream only; default all, one after another\n"
    "  --from SEQ     the first sequence number, default the oldest kept\n"
    "  --to SEQ       the last one, default all there are\n"
    "  --type T       events of this type only\n"
    "  --subject S    events with this subject only\n"
    "  --json         what it does anyway\n"
    "  --help\n";

struct cat {
    struct disk disk;
    char data[CONFIG_PATH_MAX];
    char socket[CONFIG_PATH_MAX + 16];
    char names[NAMES_MAX][CONFIG_NAME_MAX];
    uint32_t count;
    uint32_t opened; /* of them, journals that there are */
    bool chosen;     /* by --stream */
    uint64_t from;
    uint64_t to;
    struct slice type;    /* empty = any */
    struct slice subject; /* empty = any */
    uint8_t *line;        /* LINE_MAX_BYTES */
    bool running;         /* a gateway answered; then: */
    struct client_answer answer;
};

/* How far a stream is durable; UINT64_MAX if no gateway is there to ask. */
static uint64_t durable_end(const struct cat *cat, const char *name) {
    struct slice streams;
    struct slice stream;
    size_t at = 0;
    if (!cat->running ||
        json_get(cat->answer.body, "streams", &streams) != ERR_OK ||
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

static bool wanted(const struct cat *cat, const struct event *event) {
    return (cat->type.len == 0 || slice_eq(cat->type, event->type)) &&
           (cat->subject.len == 0 || slice_eq(cat->subject, event->subject));
}

static err_t print_record(const struct cat *cat,
                          const struct journal_record *record) {
    struct event event;
    TRY(event_load(record->bytes, &event));
    if (!wanted(cat, &event)) {
        return ERR_OK;
    }
    struct event_record stamp = {record->seq, record->wall_us};
    struct writer writer = writer_over(cat->line, LINE_MAX_BYTES);
    TRY(event_render_json(&event, &stamp, &writer));
    writer_str(&writer, "\n");
    ENSURE(!writer.full, ERR_FULL);
    ENSURE(fwrite(writer.data, 1, writer.len, stdout) == writer.len, ERR_IO);
    return ERR_OK;
}

/* One record that cannot be shown does not hide the rest. */
static bool print_records(const struct cat *cat, const char *name,
                          struct journal_reader *reader, uint64_t from) {
    uint64_t end = durable_end(cat, name);
    uint64_t next = from;
    bool good = true;
    while (next <= cat->to && next < end) {
        struct journal_record record;
        err_t err = journal_reader_next(reader, end, &record);
        if (err == ERR_END) {
            return good;
        }
        if (err == ERR_NOT_FOUND) {
            fprintf(stderr,
                    "%s: events from %" PRIu64
                    " on were let go of meanwhile: ask again\n",
                    name, next);
            return false;
        }
        if (err != ERR_OK) {
            fprintf(stderr, "%s: cannot be read on from %" PRIu64 ": %s\n",
                    name, next, err_name(err));
            return false;
        }
        err = print_record(cat, &record);
        if (err == ERR_IO) {
            perror("standard output");
            return false;
        }
        if (err != ERR_OK) {
            fprintf(stderr, "%s: event %" PRIu64 " cannot be shown: %s\n", name,
                    record.seq, err_name(err));
            good = false;
        }
        if (record.seq == UINT64_MAX) {
            return good;
        }
        next = record.seq + 1;
    }
    return good;
}

/* What was asked for and let go of is worth a word; what was not asked for is
 * simply not there. */
static err_t open_reader(const struct cat *cat, const char *dir,
                         const char *name, uint64_t *from,
                         struct journal_reader **ret, struct reason *reason) {
    uint64_t begins;
    TRY(journal_begins(&cat->disk, dir, &begins, reason));
    if (*from < begins) {
        if (*from > 0) {
            fprintf(stderr,
                    "%s: begins at %" PRIu64
                    ": what was before was let go of\n",
                    name, begins);
        }
        *from = begins;
    }
    return journal_reader_open(&cat->disk, dir, *from, ret, reason);
}

/* A range that begins past the end holds nothing, and what holds no journal has
 * had no event: worth a word only if the stream was named. */
static bool cat_stream(struct cat *cat, const char *name) {
    char dir[CONFIG_PATH_MAX + CONFIG_NAME_MAX + 1];
    snprintf(dir, sizeof dir, "%s/%s", cat->data, name);
    struct journal_reader *reader;
    struct reason reason;
    uint64_t from = cat->from;
    err_t err = open_reader(cat, dir, name, &from, &reader, &reason);
    cat->opened += err == ERR_NOT_FOUND ? 0 : 1;
    if ((err == ERR_RANGE || err == ERR_NOT_FOUND) && !cat->chosen) {
        return true;
    }
    if (err != ERR_OK) {
        fprintf(stderr, "%s: %s\n", name, reason.text);
        return false;
    }
    bool good = print_records(cat, name, reader, from);
    journal_reader_close(reader);
    return good;
}

static void add_name(void *context, const char *name) {
    struct cat *cat = context;
    if (cat->count == NAMES_MAX || strchr(name, '.') != NULL) {
        return;
    }
    struct slice text = slice_from_str(name);
    if (slice_to_str(text, cat->names[cat->count], CONFIG_NAME_MAX) == ERR_OK) {
        cat->count++;
    }
}

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

/* Every folder in the data directory that holds a journal. */
static err_t find_streams(struct cat *cat) {
    if (cat->disk.list(cat->disk.self, cat->data, add_name, cat) != ERR_OK) {
        fprintf(stderr,
                "%s: %s; give a data directory, such as "
                "/var/lib/shopme-edge\n",
                cat->data, strerror(errno));
        return ERR_NOT_FOUND;
    }
    qsort(cat->names, cat->count, sizeof *cat->names, by_name);
    return ERR_OK;
}

static err_t use_config(struct cat *cat, const char *path, const char *stream) {
    struct config config;
    struct reason reason;
    if (config_load(path, &config, &reason) != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        return ERR_CONFIG;
    }
    memcpy(cat->data, config.data, sizeof config.data);
    memcpy(cat->socket, config.control_socket, sizeof config.control_socket);
    for (uint32_t i = 0; i < config.stream_count; i++) {
        if (stream == NULL || strcmp(stream, config.streams[i].name) == 0) {
            add_name(cat, config.streams[i].name);
        }
    }
    if (cat->count == 0) {
        fprintf(stderr, "%s names no stream %s; give one of:", path, stream);
        for (uint32_t i = 0; i < config.stream_count; i++) {
            fprintf(stderr, " %s", config.streams[i].name);
        }
        fputs("\n", stderr);
        return ERR_NOT_FOUND;
    }
    return ERR_OK;
}

static err_t use_data(struct cat *cat, const char *data, const char *stream) {
    if (slice_to_str(slice_from_str(data), cat->data, sizeof cat->data) !=
        ERR_OK) {
        fprintf(stderr, "%s: the path is too long\n", data);
        return ERR_RANGE;
    }
    snprintf(cat->socket, sizeof cat->socket, "%s/control.sock", cat->data);
    if (stream == NULL) {
        return find_streams(cat);
    }
    add_name(cat, stream);
    return ERR_OK;
}

static void ask_gateway(struct cat *cat) {
    struct reason reason;
    err_t err = client_status(cat->socket, &cat->answer, &reason);
    cat->running = err == ERR_OK;
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        fprintf(stderr,
                "%s\nThe end of what is printed may not be durable: a crash "
                "could still take it away.\n",
                reason.text);
    }
}

static int cat_all(struct cat *cat) {
    ask_gateway(cat);
    bool good = true;
    for (uint32_t i = 0; i < cat->count; i++) {
        good = cat_stream(cat, cat->names[i]) && good;
    }
    if (good && cat->opened == 0) {
        fprintf(stderr,
                "%s holds no journal: no gateway has run there yet, or the "
                "data directory is another one\n",
                cat->data);
        return EXIT_FAILURE;
    }
    if (fflush(stdout) != 0) {
        perror("standard output");
        good = false;
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void free_line(uint8_t **line) {
    free(*line);
}

int command_journal_cat(int argc, char **argv) {
    const char *path = NULL;
    const char *data = NULL;
    const char *stream = NULL;
    const char *from = "0";
    const char *to = "18446744073709551615";
    const char *type = NULL;
    const char *subject = NULL;
    bool json = true;
    const struct argument table[] = {
        {"config", &path, NULL},     {"data", &data, NULL},
        {"stream", &stream, NULL},   {"from", &from, NULL},
        {"to", &to, NULL},           {"type", &type, NULL},
        {"subject", &subject, NULL}, {"json", NULL, &json},
    };
    const struct arguments arguments = {"journal cat", usage, table, 8};
    struct cat cat = {.count = 0};
    int exit_code;
    if (!arguments_read(&arguments, argc, argv, &exit_code) ||
        !arguments_number(&arguments, "from", from, 0, UINT64_MAX, &cat.from,
                          &exit_code) ||
        !arguments_number(&arguments, "to", to, 0, UINT64_MAX, &cat.to,
                          &exit_code)) {
        return exit_code;
    }
    if (path != NULL && data != NULL) {
        fputs("shopme-edge journal cat: --config and --data exclude each "
              "other\nTry: shopme-edge journal cat --help\n",
              stderr);
        return COMMANDS_EXIT_USAGE;
    }
    cat.disk = platform_real().disk;
    cat.chosen = stream != NULL;
    cat.type = slice_from_str(type);
    cat.subject = slice_from_str(subject);
    CLEANUP(free_line) uint8_t *line = malloc(LINE_MAX_BYTES);
    cat.line = line;
    if (line == NULL) {
        fputs("not enough memory\n", stderr);
        return EXIT_FAILURE;
    }
    err_t err =
        data != NULL
            ? use_data(&cat, data, stream)
            : use_config(&cat, path != NULL ? path : COMMANDS_CONFIG_DEFAULT,
                         stream);
    return err == ERR_OK ? cat_all(&cat) : EXIT_FAILURE;
}

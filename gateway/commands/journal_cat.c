/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge journal cat: the events in the journals, one a line.
 *
 * Only reads files, so it works on the disk of a box that is down. While a
 * gateway runs, it asks how far each journal is durable and reads no further,
 * so it shows nothing that a crash could still lose. If the gateway does not
 * answer, it says that this does not hold, and reads on. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/arguments.h"
#include "gateway/commands/commands.h"
#include "gateway/commands/reading.h"
#include "gateway/event/event.h"
#include "gateway/journal/identity.h"

enum {
    /* A rendered event: its data may grow sixfold where JSON escapes it. */
    LINE_MAX_BYTES = 8 * EVENT_BYTES_MAX,
};

static const char usage[] =
    "usage: shopme-edge journal cat [--config FILE | --data DIR]\n"
    "           [--stream NAME] [--from SEQ] [--to SEQ] [--type T]\n"
    "           [--subject S] [--json | --diagnostic]\n"
    "\n"
    "Prints the journaled events, one structured JSON event a line. Works\n"
    "while the gateway runs, and on the disk of a box that is down. Exit\n"
    "status: 0 printed, 1 events are missing or could not be printed, 2 "
    "usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --data DIR     a data directory, without its configuration: that of a\n"
    "                 box that is down, or one with control.sock in it\n"
    "  --stream NAME  this stream only; default all, one after another\n"
    "  --from SEQ     the first sequence number, default the oldest kept\n"
    "  --to SEQ       the last one, default the newest\n"
    "  --type T       events of this type only\n"
    "  --subject S    events with this subject only\n"
    "  --json         the default\n"
    "  --diagnostic   the records as they are on disk, in the diagnostic "
    "notation\n"
    "                 of CBOR (RFC 8949, section 8) behind number and time\n"
    "  --help\n";

struct cat {
    struct journals journals;
    uint32_t opened;              /* of them, those that there are */
    const char *name;             /* of the one that is read */
    bool unshown;                 /* an event could not be shown */
    struct event_life journal_id; /* of it */
    uint64_t from;
    uint64_t to;
    struct slice type;    /* empty = any */
    struct slice subject; /* empty = any */
    bool diagnostic;
    uint8_t *line; /* LINE_MAX_BYTES */
};

static bool wanted(const struct cat *cat, const struct event *event) {
    return (cat->type.len == 0 || slice_eq(cat->type, event->type)) &&
           (cat->subject.len == 0 || slice_eq(cat->subject, event->subject));
}

/* The frame's part of it is a comment in CBOR's diagnostic notation. */
static err_t render_diagnostic(const struct journal_record *record,
                               struct writer *writer) {
    char time[EVENT_TIME_SIZE];
    struct reason reason;
    event_time_format(record->wall_us, time);
    writer_printf(writer, "/ %020" PRIu64 " %s / ", record->seq, time);
    return event_render_diagnostic(record->bytes, writer, &reason);
}

static err_t print_record(const struct cat *cat,
                          const struct journal_record *record) {
    struct event event;
    TRY(event_load(record->bytes, &event));
    if (!wanted(cat, &event)) {
        return ERR_OK;
    }
    const struct event_record stamp = {record->seq, record->wall_us,
                                       cat->journal_id,
                                       event_life_of(record->life)};
    struct writer writer = writer_over(cat->line, LINE_MAX_BYTES);
    TRY(cat->diagnostic ? render_diagnostic(record, &writer)
                        : event_render_json(&event, &stamp, &writer));
    writer_str(&writer, "\n");
    ENSURE(!writer.full, ERR_FULL);
    ENSURE(fwrite(writer.data, 1, writer.len, stdout) == writer.len, ERR_IO);
    return ERR_OK;
}

/* One record that cannot be shown does not hide the rest. */
static err_t on_record(void *self, const struct journal_record *record) {
    struct cat *cat = self;
    err_t err = print_record(cat, record);
    if (err == ERR_IO) {
        perror("standard output");
        return err;
    }
    if (err != ERR_OK) {
        fprintf(stderr, "%s: cannot show event %" PRIu64 ": %s\n", cat->name,
                record->seq, err_name(err));
        cat->unshown = true;
    }
    return ERR_OK;
}

static void take_identity(struct cat *cat, const char *dir) {
    uint8_t id[JOURNAL_ID_SIZE];
    struct reason unknown; /* the reading will say what is wrong */
    if (journal_identity(&cat->journals.disk, dir, id, &unknown) == ERR_OK) {
        cat->journal_id = event_life_of(id);
    }
}

/* A range that begins past the end is empty, and a stream without a journal has
 * had no event: reported only if the user named the stream. */
static bool cat_stream(struct cat *cat, uint32_t n) {
    CLEANUP(reading_free) struct reading reading;
    struct reason reason;
    reading_init(&reading, &cat->journals, n);
    reading.from = cat->from;
    reading.to = cat->to;
    reading.record = on_record;
    reading.self = cat;
    cat->name = reading.name;
    take_identity(cat, reading.dir);
    err_t err = reading_run(&reading, &reason);
    cat->opened += err == ERR_NOT_FOUND ? 0 : 1;
    if ((err == ERR_RANGE || err == ERR_NOT_FOUND) && !cat->journals.chosen) {
        return true;
    }
    if (cat->from > 0 && cat->from < reading.begins) {
        fprintf(stderr,
                "%s: begins at %" PRIu64 ": older events were trimmed\n",
                reading.name, reading.begins);
    }
    reading_say(&reading, &reason);
    return err == ERR_OK && reading_is_whole(&reading);
}

static int cat_all(struct cat *cat) {
    journals_ask(&cat->journals);
    bool good = true;
    for (uint32_t i = 0; i < cat->journals.count; i++) {
        good = cat_stream(cat, i) && good;
    }
    good = good && !cat->unshown;
    if (good && cat->opened == 0) {
        journals_none(&cat->journals);
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
    struct cat cat = {.opened = 0};
    const char *path = NULL;
    const char *data = NULL;
    const char *stream = NULL;
    const char *from = "0";
    const char *to = "18446744073709551615";
    const char *type = NULL;
    const char *subject = NULL;
    bool json = false;
    const struct argument table[] = {
        {"config", &path, NULL},
        {"data", &data, NULL},
        {"stream", &stream, NULL},
        {"from", &from, NULL},
        {"to", &to, NULL},
        {"type", &type, NULL},
        {"subject", &subject, NULL},
        {"json", NULL, &json},
        {"diagnostic", NULL, &cat.diagnostic},
    };
    const struct arguments arguments = {"journal cat", usage, table, 9};
    int exit_code;
    if (!arguments_read(&arguments, argc, argv, &exit_code) ||
        !arguments_number(&arguments, "from", from, 0, UINT64_MAX, &cat.from,
                          &exit_code) ||
        !arguments_number(&arguments, "to", to, 0, UINT64_MAX, &cat.to,
                          &exit_code) ||
        !journals_choose(&cat.journals, "journal cat", path, data, stream,
                         &exit_code)) {
        return exit_code;
    }
    cat.type = slice_from_str(type);
    cat.subject = slice_from_str(subject);
    CLEANUP(free_line) uint8_t *line = malloc(LINE_MAX_BYTES);
    cat.line = line;
    if (line == NULL) {
        fputs("out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    return cat_all(&cat);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge dead list, show: reads the letters from the files. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/arguments.h"
#include "gateway/commands/commands.h"
#include "gateway/commands/dead_letters.h"
#include "gateway/commands/reading.h"
#include "gateway/event/event.h"
#include "gateway/event/json.h"

enum {
    /* A rendered event: its data may grow sixfold where JSON escapes it. */
    LINE_MAX_BYTES = 8 * EVENT_BYTES_MAX + 16 * 1024,
};

static const char list_usage[] =
    "usage: shopme-edge dead list [--config FILE | --data DIR]\n"
    "           [--stream NAME] [--type T] [--reason R] [--json]\n"
    "\n"
    "Lists the dead letters: events that the cloud refused for good, oldest\n"
    "first. Exit status: 0 listed, 1 the disk has lost some or they could not\n"
    "be read, 2 usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --data DIR     a data directory, without its configuration\n"
    "  --stream NAME  of this stream only\n"
    "  --type T       events of this type only\n"
    "  --reason R     refused with this code, or with this in the words\n"
    "  --json         an object a line, with the event\n"
    "  --help\n";

static const char show_usage[] =
    "usage: shopme-edge dead show ID [--config FILE | --data DIR] [--json]\n"
    "\n"
    "Shows one dead letter whole: who refused it, when, why, and the event,\n"
    "which may hold a customer's data. Exit status: 0 shown, 1 there is no\n"
    "such letter or it could not be read, 2 usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --data DIR     a data directory, without its configuration\n"
    "  --json         as one object\n"
    "  --help\n";

struct printing {
    bool json;
    bool whole; /* show */
    uint64_t count;
    uint8_t *line; /* LINE_MAX_BYTES */
};

static const struct dead_record *refusal_of(const struct dead_shown *shown) {
    return shown->last != NULL ? shown->last : shown->letter;
}

/* The event as it goes to the cloud; null if it has no such form. */
static void write_event(const struct dead_record *letter,
                        struct writer *writer) {
    struct event event;
    const struct event_record record = {letter->seq, letter->wall_us,
                                        letter->journal_id, letter->life};
    size_t before = writer->len;
    if (event_load(letter->event, &event) != ERR_OK ||
        event_render_json(&event, &record, writer) != ERR_OK) {
        writer->len = before;
        writer_str(writer, "null");
    }
}

static void member(struct writer *writer, const char *name, const char *text) {
    writer_printf(writer, ",\"%s\":", name);
    json_write_string(writer, slice_from_str(text));
}

static void write_json(const struct dead_shown *shown, struct writer *writer) {
    const struct dead_record *letter = shown->letter;
    char when[EVENT_TIME_SIZE];
    char last[EVENT_TIME_SIZE];
    char type[EVENT_TYPE_MAX * 4 + 1] = "";
    event_time_format(letter->when_us, when);
    event_time_format(refusal_of(shown)->when_us, last);
    if (slice_to_str(shown->type, type, sizeof type) != ERR_OK) {
        type[0] = '\0';
    }
    writer_printf(writer, "{\"id\":%" PRIu64, shown->id);
    member(writer, "stream", letter->stream);
    writer_printf(writer, ",\"seq\":%" PRIu64, letter->seq);
    member(writer, "type", type);
    member(writer, "sink", letter->sink);
    member(writer, "code", refusal_of(shown)->code);
    member(writer, "words", refusal_of(shown)->words);
    writer_printf(writer, ",\"tries\":%" PRIu32, refusal_of(shown)->tries);
    member(writer, "when", when);
    member(writer, "refused", last);
    member(writer, "state", shown->retried ? "retry" : "letter");
    writer_str(writer, ",\"event\":");
    write_event(letter, writer);
    writer_str(writer, "}\n");
}

static void print_row(const struct printing *printing,
                      const struct dead_shown *shown) {
    char when[EVENT_TIME_SIZE];
    event_time_format(shown->letter->when_us, when);
    if (printing->count == 1) {
        printf("%8s %-12s %10s %-20s %5s %-7s %-24s %s\n", "ID", "STREAM",
               "SEQ", "SINCE", "TRIES", "STATE", "CODE", "TYPE");
    }
    printf("%8" PRIu64 " %-12s %10" PRIu64 " %.19sZ %5" PRIu32
           " %-7s %-24s %.*s\n",
           shown->id, shown->letter->stream, shown->letter->seq, when,
           refusal_of(shown)->tries, shown->retried ? "retry" : "letter",
           refusal_of(shown)->code[0] != '\0' ? refusal_of(shown)->code : "-",
           SLICE_ARG(shown->type));
}

static void print_whole(const struct printing *printing,
                        const struct dead_shown *shown) {
    const struct dead_record *letter = shown->letter;
    char when[EVENT_TIME_SIZE];
    char last[EVENT_TIME_SIZE];
    event_time_format(letter->when_us, when);
    event_time_format(refusal_of(shown)->when_us, last);
    struct writer writer = writer_over(printing->line, LINE_MAX_BYTES);
    write_event(letter, &writer);
    printf("letter %" PRIu64 "%s\nevent %" PRIu64 " of stream %s, type %.*s\n"
           "refused by %s, sent %" PRIu32 " times\nfirst refused %s, last %s\n"
           "code: %s\nwords: %s\n%.*s\n",
           shown->id, shown->retried ? ", to be sent again" : "", letter->seq,
           letter->stream, SLICE_ARG(shown->type), letter->sink,
           refusal_of(shown)->tries, when, last, refusal_of(shown)->code,
           refusal_of(shown)->words, (int)writer.len, (char *)writer.data);
}

static void on_letter(void *context, const struct dead_shown *shown) {
    struct printing *printing = context;
    printing->count++;
    if (printing->json) {
        struct writer writer = writer_over(printing->line, LINE_MAX_BYTES);
        write_json(shown, &writer);
        fwrite(writer.data, 1, writer.len, stdout);
    } else if (printing->whole) {
        print_whole(printing, shown);
    } else {
        print_row(printing, shown);
    }
}

/* ERR_CONFIG: it was said. */
static err_t find_place(const char *config_path, const char *data,
                        const struct disk *disk, struct dead_place *ret) {
    static struct config config;
    struct reason reason;
    ret->disk = disk;
    if (data == NULL) {
        if (config_load(config_path, &config, &reason) != ERR_OK) {
            fprintf(stderr, "%s\n", reason.text);
            return ERR_CONFIG;
        }
        data = config.data;
    }
    int len = snprintf(ret->dir, sizeof ret->dir, "%s/%s", data, DEAD_FOLDER);
    return len > 0 && (size_t)len < sizeof ret->dir ? ERR_OK : ERR_RANGE;
}

static int print(const struct dead_place *place,
                 const struct dead_choice *choice, struct printing *printing) {
    struct reason reason = {""};
    uint64_t lost;
    err_t err = dead_choice_check(choice, &reason);
    if (err != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        return COMMANDS_EXIT_USAGE;
    }
    printing->line = malloc(LINE_MAX_BYTES);
    err = printing->line == NULL
              ? reason_set(&reason, ERR_MEMORY, "out of memory")
              : dead_letters_each(place, choice, on_letter, printing, &lost,
                                  &reason);
    free(printing->line);
    if (err != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        return EXIT_FAILURE;
    }
    if (lost > 0) {
        fprintf(stderr, "%s: %" PRIu64 " records are lost: it is damaged\n",
                place->dir, lost);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

int command_dead_list(int argc, char **argv) {
    const char *path = COMMANDS_CONFIG_DEFAULT;
    const char *data = NULL;
    struct dead_choice choice = {.ids = NULL};
    struct printing printing = {.json = false};
    const struct argument table[] = {
        {"config", &path, NULL},          {"data", &data, NULL},
        {"stream", &choice.stream, NULL}, {"type", &choice.type, NULL},
        {"reason", &choice.reason, NULL}, {"json", NULL, &printing.json},
    };
    const struct arguments arguments = {"dead list", list_usage, table, 6};
    int exit_code;
    if (!arguments_read(&arguments, argc, argv, &exit_code)) {
        return exit_code;
    }
    const struct platform platform = platform_real();
    struct dead_place place;
    if (find_place(path, data, &platform.disk, &place) != ERR_OK) {
        return EXIT_FAILURE;
    }
    exit_code = print(&place, &choice, &printing);
    if (printing.count == 0 && exit_code == EXIT_SUCCESS && !printing.json) {
        puts("there are no dead letters");
    }
    return exit_code;
}

int command_dead_show(int argc, char **argv) {
    const char *path = COMMANDS_CONFIG_DEFAULT;
    const char *data = NULL;
    struct printing printing = {.whole = true};
    const struct argument table[] = {
        {"config", &path, NULL},
        {"data", &data, NULL},
        {"json", NULL, &printing.json},
    };
    const struct arguments arguments = {"dead show", show_usage, table, 3};
    struct arguments_more more = {.word_name = "ID"};
    int exit_code;
    if (!arguments_read_more(&arguments, &more, argc, argv, &exit_code)) {
        return exit_code;
    }
    if (more.word == NULL) {
        fputs(show_usage, stderr);
        return COMMANDS_EXIT_USAGE;
    }
    const struct platform platform = platform_real();
    const struct dead_choice choice = {.ids = more.word};
    struct dead_place place;
    if (find_place(path, data, &platform.disk, &place) != ERR_OK) {
        return EXIT_FAILURE;
    }
    exit_code = print(&place, &choice, &printing);
    if (printing.count == 0 && exit_code == EXIT_SUCCESS) {
        fprintf(stderr,
                "there is no dead letter %s: `shopme-edge dead list` lists "
                "them\n",
                more.word);
        return EXIT_FAILURE;
    }
    return exit_code;
}

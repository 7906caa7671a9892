/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge journal verify: reads every frame of every journal. */
#include <inttypes.h>
#include <stdio.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/reading.h"
#include "gateway/journal/inspect.h"

static const char usage[] =
    "usage: shopme-edge journal verify [--config FILE | --data DIR]\n"
    "           [--stream NAME] [--json]\n"
    "\n"
    "Reads everything in the journals and reports what is damaged. Changes\n"
    "nothing: the gateway sets damage aside when it starts. Exit status: 0 no\n"
    "damage, 1 something is damaged or missing or cannot be read, 2 usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --data DIR     a data directory, without its configuration\n"
    "  --stream NAME  this stream only; default all\n"
    "  --json         an object a line for each stream\n"
    "  --help\n";

struct verify {
    const char *name;
    const struct journals *journals;
    uint64_t segments;
    uint64_t frames;
    bool open_end;    /* the last segment has no seal */
    uint64_t damaged; /* files */
};

static void on_segment(void *self, const struct inspected *segment) {
    struct verify *verify = self;
    verify->segments++;
    verify->frames += segment->frames;
    verify->open_end = !segment->sealed;
    if (segment->damage.text[0] == '\0') {
        return;
    }
    if (verify->journals->json) {
        printf("%s{\"segment\":\"%020" PRIu64 ".seg\",\"damage\":",
               verify->damaged > 0 ? "," : "", segment->first_seq);
        reading_print_string(segment->damage.text);
        printf("}");
    } else {
        printf("%s: %020" PRIu64 ".seg: %s\n", verify->name, segment->first_seq,
               segment->damage.text);
    }
    verify->damaged++;
}

static void print_end(const struct verify *verify,
                      const struct reading *reading) {
    char missing[64] = "no damage";
    if (reading->missing > 0) {
        snprintf(missing, sizeof missing, "%" PRIu64 " records are missing",
                 reading->missing);
    }
    printf("%s: records %" PRIu64 " to %" PRIu64 ", %" PRIu64
           " frames in %" PRIu64 " segments%s: %s\n",
           verify->name, reading->begins, reading->end, verify->frames,
           verify->segments,
           verify->open_end ? ", the last without a seal (the gateway is "
                              "running, or ended without closing it)"
                            : "",
           verify->damaged > 0 ? "DAMAGED" : missing);
}

static void print_end_json(const struct verify *verify,
                           const struct reading *reading) {
    printf("],\"first\":%" PRIu64 ",\"end\":%" PRIu64 ",\"records\":%" PRIu64
           ",\"frames\":%" PRIu64 ",\"segments\":%" PRIu64 ",\"sealed\":%s",
           reading->begins, reading->end, reading->records, verify->frames,
           verify->segments, verify->open_end ? "false" : "true");
    reading_print_missing(reading);
    printf("}\n");
}

/* The records as every command reads them, and the files. */
static err_t verify_files(struct verify *verify, const struct reading *reading,
                          struct reason *reason) {
    const struct inspection inspection = {verify, on_segment, NULL};
    if (verify->journals->json) {
        printf("{\"stream\":");
        reading_print_string(verify->name);
        printf(",\"damaged\":[");
    }
    err_t err = journal_inspect(&verify->journals->disk, reading->dir, true,
                                &inspection, reason);
    if (verify->journals->json) {
        print_end_json(verify, reading);
    } else if (err == ERR_OK) {
        print_end(verify, reading);
    }
    return err;
}

/* ERR_NOT_FOUND: there is no journal. */
static err_t verify_one(const struct journals *journals, uint32_t n,
                        bool *ret_good) {
    CLEANUP(reading_free) struct reading reading;
    struct reason reason;
    reading_init(&reading, journals, n);
    err_t err = reading_run(&reading, &reason);
    ENSURE(err != ERR_NOT_FOUND, err);
    reading_say(&reading, &reason);
    struct verify verify = {.name = reading.name, .journals = journals};
    reason = (struct reason){""};
    err_t files = verify_files(&verify, &reading, &reason);
    if (files != ERR_OK) {
        reading_say(&reading, &reason);
    }
    *ret_good = err == ERR_OK && files == ERR_OK && verify.damaged == 0 &&
                reading_is_whole(&reading);
    return ERR_OK;
}

int command_journal_verify(int argc, char **argv) {
    return journals_run("journal verify", usage, argc, argv, verify_one);
}

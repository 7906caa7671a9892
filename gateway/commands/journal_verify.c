/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge journal verify: reads every frame of every journal. */
#include <inttypes.h>
#include <stdio.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/journals.h"
#include "gateway/journal/inspect.h"

static const char usage[] =
    "usage: shopme-edge journal verify [--config FILE | --data DIR]\n"
    "           [--stream NAME]\n"
    "\n"
    "Reads everything in the journals and reports what is damaged. Changes\n"
    "nothing: the gateway sets damage aside when it starts. Exit status: 0 no\n"
    "damage, 1 something is damaged or cannot be read, 2 usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --data DIR     a data directory, without its configuration\n"
    "  --stream NAME  this stream only; default all\n"
    "  --help\n";

struct verify {
    const char *name;
    uint64_t segments;
    uint64_t frames;
    uint64_t first;
    uint64_t end;
    bool open_end; /* the last segment has no seal */
    bool damaged;
    uint64_t gaps;
};

static void on_segment(void *self, const struct inspected *segment) {
    struct verify *verify = self;
    if (verify->segments++ == 0) {
        verify->first = segment->first_seq;
    }
    verify->frames += segment->frames;
    verify->end = segment->end_seq;
    verify->open_end = !segment->sealed;
    if (segment->damage.text[0] != '\0') {
        verify->damaged = true;
        printf("%s: %020" PRIu64 ".seg: %s\n", verify->name, segment->first_seq,
               segment->damage.text);
    }
}

static void on_gap(void *self, const struct journal_gap *gap) {
    struct verify *verify = self;
    verify->gaps++;
    printf("%s: records %" PRIu64 " to %" PRIu64
           " are lost: they were damaged and set aside earlier\n",
           verify->name, gap->first, gap->end - 1);
}

/* ERR_NOT_FOUND: there is no journal. */
static err_t verify_one(const struct journals *journals, uint32_t n,
                        bool *ret_good) {
    char dir[JOURNALS_DIR_MAX];
    journals_dir(journals, n, dir);
    struct verify verify = {.name = journals->names[n]};
    const struct inspection inspection = {&verify, on_segment, on_gap};
    struct reason reason;
    err_t err =
        journal_inspect(&journals->disk, dir, true, &inspection, &reason);
    *ret_good = err == ERR_OK && !verify.damaged;
    if (err == ERR_NOT_FOUND) {
        return err;
    }
    if (err != ERR_OK) {
        fprintf(stderr, "%s: %s\n", verify.name, reason.text);
        return err;
    }
    printf("%s: records %" PRIu64 " to %" PRIu64 ", %" PRIu64
           " frames in %" PRIu64 " segments%s: %s\n",
           verify.name, verify.first, verify.end, verify.frames,
           verify.segments,
           verify.open_end ? ", the last without a seal (the gateway is "
                             "running, or ended without closing it)"
                           : "",
           verify.damaged ? "DAMAGED" : "no damage");
    return ERR_OK;
}

int command_journal_verify(int argc, char **argv) {
    return journals_run("journal verify", usage, argc, argv, verify_one);
}

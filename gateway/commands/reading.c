/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/reading.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/event/json.h"
#include "gateway/journal/damage.h"
#include "gateway/journal/identity.h"
#include "gateway/journal/snapshot.h"

enum { STRING_MAX = 1024 };

void reading_init(struct reading *reading, const struct journals *journals,
                  uint32_t n) {
    *reading = (struct reading){
        .journals = journals, .name = journals->names[n], .to = UINT64_MAX};
    journals_dir(journals, n, reading->dir);
}

void reading_free(struct reading *reading) {
    free(reading->gaps);
    reading->gaps = NULL;
    reading->gap_count = 0;
}

void reading_say(const struct reading *reading, const struct reason *reason) {
    if (reason->text[0] != '\0') {
        fprintf(stderr, "%s: %s\n", reading->name, reason->text);
    }
}

bool reading_is_whole(const struct reading *reading) {
    return reading->missing == 0 && !reading->cut;
}

static const struct disk *disk_of(const struct reading *reading) {
    return &reading->journals->disk;
}

/* --- What is missing ------------------------------------------------------ */

/* Without memory it is only said and counted. */
static void keep_gap(struct reading *reading, struct reading_gap gap) {
    struct reading_gap *more = realloc(
        reading->gaps, (reading->gap_count + 1) * sizeof *reading->gaps);
    if (more != NULL) {
        reading->gaps = more;
        reading->gaps[reading->gap_count++] = gap;
    }
}

void reading_miss(struct reading *reading, uint64_t first, uint64_t end,
                  bool known) {
    uint64_t last = end - 1 < reading->to ? end - 1 : reading->to;
    if (first >= end || first > last) {
        return;
    }
    fprintf(stderr,
            "%s: events %" PRIu64 " to %" PRIu64 " are lost: the journal is "
            "damaged there%s\n",
            reading->name, first, last,
            known ? "" : ", which the gateway has not recorded yet");
    reading->missing += last - first + 1;
    keep_gap(reading, (struct reading_gap){first, last + 1, known});
}

static bool is_there(const struct reading *reading, const char *name) {
    char path[JOURNALS_DIR_MAX + 16];
    const struct disk *disk = disk_of(reading);
    int fd;
    snprintf(path, sizeof path, "%s/%s", reading->dir, name);
    if (disk->open(disk->self, path, DISK_READ, &fd) != ERR_OK) {
        return false;
    }
    disk->close(disk->self, fd);
    return true;
}

/* How far the cloud has it. */
static struct journals_cursor cursor_of(const struct reading *reading) {
    struct reason ignored;
    struct journals_cursor cursor;
    if (journals_cursor(disk_of(reading), reading->dir, reading->name, &cursor,
                        &ignored) != ERR_OK) {
        cursor = (struct journals_cursor){0, false};
    }
    return cursor;
}

err_t reading_front(struct reading *reading, struct reason *reason) {
    CLEANUP(damage_free) struct damage damage = {0};
    uint64_t first = reading->begins;
    TRY(damage_load(disk_of(reading), reading->dir, &damage, reason));
    for (size_t i = damage.count; i > 0; i--) {
        const struct journal_gap *gap = &damage.gaps[i - 1];
        first = gap->first < first && gap->end >= first ? gap->first : first;
    }
    bool known = first < reading->begins;
    struct journals_cursor cursor = cursor_of(reading);
    if (cursor.known && cursor.seq < first && !is_there(reading, "dropped")) {
        first = cursor.seq;
        known = false;
    }
    reading_miss(reading, first, reading->begins, known);
    return ERR_OK;
}

err_t reading_behind(struct reading *reading, struct reason *reason) {
    uint8_t id[JOURNAL_ID_SIZE];
    uint64_t known_end;
    if (journals_durable_end(reading->journals, reading->name) < UINT64_MAX) {
        return ERR_OK;
    }
    bool has_id =
        journal_identity(disk_of(reading), reading->dir, id, NULL) == ERR_OK;
    err_t err = snapshot_known_end(disk_of(reading), reading->dir,
                                   has_id ? id : NULL, &known_end);
    if (err != ERR_OK) {
        return disk_failed(reason, err, "list", reading->dir);
    }
    uint64_t cursor = cursor_of(reading).seq;
    known_end = cursor > known_end ? cursor : known_end;
    if (known_end > reading->end) {
        reading_miss(reading, reading->end, known_end, false);
        reading->end = known_end;
    }
    return ERR_OK;
}

void reading_cut(struct reading *reading, err_t err) {
    reading->cut = err != ERR_OK;
    if (reading->cut) {
        fprintf(stderr, "%s: cannot read event %" PRIu64 ": %s\n",
                reading->name, reading->end, disk_cause(err));
    }
}

/* --- Reading -------------------------------------------------------------- */

/* Goes on behind damage. False if there is nothing behind it. */
static bool pass(struct reading *reading, struct journal_reader *reader,
                 uint64_t end) {
    struct journal_gap gap;
    bool known;
    if (journal_reader_pass(reader, end, &gap, &known) != ERR_OK ||
        gap.first == gap.end) {
        return false;
    }
    reading_miss(reading, gap.first, gap.end, known);
    reading->end = gap.end;
    return true;
}

static err_t say_stopped(struct reading *reading, err_t err) {
    if (err == ERR_NOT_FOUND) {
        fprintf(stderr,
                "%s: events from %" PRIu64
                " on were trimmed while they were read: run it again\n",
                reading->name, reading->end);
        return ERR_AGAIN;
    }
    reading_cut(reading, err);
    return err;
}

/* ERR_END when there is no more. If it is not known how far the journal goes,
 * its end may be damage with more records after it. */
static err_t step(struct reading *reading, struct journal_reader *reader,
                  uint64_t end) {
    struct journal_record record;
    ENSURE(reading->end <= reading->to && reading->end < end, ERR_END);
    err_t err = journal_reader_next(reader, end, &record);
    bool damaged = err == ERR_CORRUPT || (err == ERR_END && end == UINT64_MAX);
    if (damaged && pass(reading, reader, end)) {
        return ERR_OK;
    }
    if (err != ERR_OK) {
        return err == ERR_END ? err : say_stopped(reading, err);
    }
    reading->end = record.seq + 1;
    reading->records++;
    return reading->record == NULL ? ERR_OK
                                   : reading->record(reading->self, &record);
}

static err_t read_records(struct reading *reading, struct reason *reason) {
    uint64_t end = journals_durable_end(reading->journals, reading->name);
    struct journal_reader *reader;
    TRY(journal_reader_open(disk_of(reading), reading->dir, reading->end,
                            &reader, reason));
    err_t err = ERR_OK;
    while (err == ERR_OK) {
        err = step(reading, reader, end);
    }
    journal_reader_close(reader);
    return err;
}

/* Of damage with nothing behind it the files do not say how far they went. */
static err_t read_all(struct reading *reading, struct reason *reason) {
    err_t err = read_records(reading, reason);
    reading->cut = err != ERR_END;
    if (reading->to == UINT64_MAX && (err == ERR_END || err == ERR_CORRUPT)) {
        TRY(reading_behind(reading, reason));
    }
    return err == ERR_END ? ERR_OK : err;
}

err_t reading_run(struct reading *reading, struct reason *reason) {
    *reason = (struct reason){""};
    TRY(journal_begins(disk_of(reading), reading->dir, &reading->begins,
                       reason));
    reading->end = reading->from;
    if (reading->from < reading->begins) {
        TRY(reading_front(reading, reason));
        reading->end = reading->begins;
    }
    return read_all(reading, reason);
}

/* --- JSON ----------------------------------------------------------------- */

void reading_print_missing(const struct reading *reading) {
    printf(",\"whole\":%s,\"missing\":[",
           reading_is_whole(reading) ? "true" : "false");
    for (size_t i = 0; i < reading->gap_count; i++) {
        const struct reading_gap *gap = &reading->gaps[i];
        printf("%s{\"first\":%" PRIu64 ",\"last\":%" PRIu64 ",\"recorded\":%s}",
               i > 0 ? "," : "", gap->first, gap->end - 1,
               gap->known ? "true" : "false");
    }
    printf("]");
}

void reading_print_string(const char *text) {
    uint8_t bytes[STRING_MAX];
    struct writer writer = writer_over(bytes, sizeof bytes);
    struct slice slice = slice_from_str(text);
    json_write_string(&writer, slice_is_utf8(slice) ? slice : SLICE("?"));
    if (writer.full) {
        fputs("\"?\"", stdout);
        return;
    }
    fwrite(writer.data, 1, writer.len, stdout);
}

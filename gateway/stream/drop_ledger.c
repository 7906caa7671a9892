/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/drop_ledger.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "config/config.h"
#include "gateway/stream/gaps.h"

enum {
    PATH_SIZE = CONFIG_PATH_MAX + CONFIG_NAME_MAX + 16,
    SLOT_SIZE = 4096,
    SLOT_VERSION = 1,
    SLOT_SUMMED = SLOT_SIZE - 8,
    ENTRIES_MAX = 126,
    /* Beside them: what is offered, unnamed, and about to be trimmed. */
    NAMED_MAX = ENTRIES_MAX - 3,
};

static const char SLOT_MAGIC[] = "SEDGEDRP";

#define NO_NAME UINT64_MAX

struct entry {
    struct drop_range range;
    uint64_t named_at; /* or NO_NAME */
};

struct slot {
    uint64_t generation;
    uint8_t journal_id[JOURNAL_ID_SIZE];
    struct entry entries[ENTRIES_MAX];
    uint32_t count;
};

/* What there is to know. */
struct drops {
    struct entry named[NAMED_MAX]; /* by ascending name */
    uint32_t named_count;
    struct drop_range offered; /* an event that says so may be on its way */
    struct drop_range unnamed; /* the rest */
};

struct drop_ledger {
    struct drop_ledger_options options;
    char path[PATH_SIZE];
    int fd; /* -1: there is no file */
    uint64_t generation;
    bool made_anew; /* there was no file that says anything */
    struct drops drops;
};

/* --- Ranges and names ----------------------------------------------------- */

static void range_add(struct drop_range *to, struct drop_range more) {
    if (to->count == 0 || more.count == 0) {
        *to = to->count == 0 ? more : *to;
        return;
    }
    to->first = more.first < to->first ? more.first : to->first;
    to->end = more.end > to->end ? more.end : to->end;
    to->count += more.count;
    /* Damage within what was dropped may be added again with its name. */
    if (to->count > to->end - to->first) {
        to->count = to->end - to->first;
    }
}

/* If there are too many, the two oldest share the name that is lost first: what
 * the other names may be named twice, and is never without a name. */
static void push_named(struct drops *drops, struct drop_range range,
                       uint64_t named_at) {
    struct entry *named = drops->named;
    assert(range.count > 0 && named_at != NO_NAME);
    assert(drops->named_count == 0 ||
           named[drops->named_count - 1].named_at < named_at);
    if (drops->named_count == NAMED_MAX) {
        range_add(&named[0].range, named[1].range);
        drops->named_count--;
        memmove(named + 1, named + 2, (drops->named_count - 1) * sizeof *named);
    }
    named[drops->named_count++] = (struct entry){range, named_at};
}

/* What records [first, end) name has no name any more. */
static void lose_names(struct drops *drops, uint64_t first, uint64_t end) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < drops->named_count; i++) {
        const struct entry entry = drops->named[i];
        if (entry.named_at >= first && entry.named_at < end) {
            range_add(&drops->unnamed, entry.range);
        } else {
            drops->named[kept++] = entry;
        }
    }
    drops->named_count = kept;
}

/* What records before `seq` name is known to the cloud. */
static void forget_names(struct drops *drops, uint64_t seq) {
    uint32_t gone = 0;
    while (gone < drops->named_count && drops->named[gone].named_at < seq) {
        gone++;
    }
    drops->named_count -= gone;
    memmove(drops->named, drops->named + gone,
            drops->named_count * sizeof *drops->named);
}

/* Damage before `first` that only records [first, end) tell of: to the cloud it
 * is as good as dropped. */
static void lose_told(const struct drop_ledger *ledger, struct drops *drops,
                      uint64_t first, uint64_t end) {
    size_t count;
    const struct journal_gap *gaps =
        journal_gaps(ledger->options.journal, &count);
    for (size_t i = 0; i < count; i++) {
        uint64_t gap_end = gaps[i].end < first ? gaps[i].end : first;
        if (gaps[i].told_at >= first && gaps[i].told_at < end &&
            gaps[i].first < gap_end) {
            range_add(&drops->unnamed,
                      (struct drop_range){gaps[i].first, gap_end,
                                          gap_end - gaps[i].first});
        }
    }
}

/* --- A slot --------------------------------------------------------------- */

static void slot_add(struct slot *slot, struct drop_range range,
                     uint64_t named_at) {
    if (range.count > 0) {
        assert(slot->count < ENTRIES_MAX);
        slot->entries[slot->count++] = (struct entry){range, named_at};
    }
}

static void slot_write(const struct slot *slot, uint8_t ret[SLOT_SIZE]) {
    memset(ret, 0, SLOT_SIZE);
    struct writer writer = writer_over(ret, SLOT_SUMMED);
    writer_str(&writer, SLOT_MAGIC);
    writer_u32(&writer, SLOT_VERSION);
    writer_u32(&writer, slot->count);
    writer_u64(&writer, slot->generation);
    writer_slice_add(&writer, slice_of(slot->journal_id, JOURNAL_ID_SIZE));
    for (uint32_t i = 0; i < slot->count; i++) {
        writer_u64(&writer, slot->entries[i].range.first);
        writer_u64(&writer, slot->entries[i].range.end);
        writer_u64(&writer, slot->entries[i].range.count);
        writer_u64(&writer, slot->entries[i].named_at);
    }
    assert(!writer.full);
    struct writer sum = writer_over(ret + SLOT_SUMMED, SLOT_SIZE - SLOT_SUMMED);
    writer_u64(&sum, XXH3_64bits(ret, SLOT_SUMMED));
}

static err_t entry_read(struct cursor *cursor, struct entry *ret) {
    struct drop_range *range = &ret->range;
    TRY(cursor_u64(cursor, &range->first));
    TRY(cursor_u64(cursor, &range->end));
    TRY(cursor_u64(cursor, &range->count));
    TRY(cursor_u64(cursor, &ret->named_at));
    ENSURE(range->first < range->end && range->end <= JOURNAL_SEQ_MAX &&
               range->count > 0 && range->count <= range->end - range->first,
           ERR_CORRUPT);
    return ERR_OK;
}

/* ERR_PARSE, ERR_CORRUPT if it does not verify; ERR_UNSUPPORTED if it does, and
 * is of a later version. */
static err_t slot_read(struct slice page, struct slot *ret) {
    struct cursor cursor = cursor_over(page);
    struct slice magic;
    struct slice id;
    uint32_t version;
    uint64_t sum;
    ENSURE(page.len == SLOT_SIZE, ERR_PARSE);
    struct cursor end =
        cursor_over(slice_part(page, SLOT_SUMMED, SLOT_SIZE - SLOT_SUMMED));
    TRY(cursor_u64(&end, &sum));
    ENSURE(sum == XXH3_64bits(page.data, SLOT_SUMMED), ERR_CORRUPT);
    TRY(cursor_take(&cursor, sizeof SLOT_MAGIC - 1, &magic));
    TRY(cursor_u32(&cursor, &version));
    TRY(cursor_u32(&cursor, &ret->count));
    TRY(cursor_u64(&cursor, &ret->generation));
    TRY(cursor_take(&cursor, JOURNAL_ID_SIZE, &id));
    ENSURE(slice_eq_str(magic, SLOT_MAGIC), ERR_CORRUPT);
    ENSURE(version == SLOT_VERSION, ERR_UNSUPPORTED);
    ENSURE(ret->count <= ENTRIES_MAX, ERR_CORRUPT);
    memcpy(ret->journal_id, id.data, JOURNAL_ID_SIZE);
    for (uint32_t i = 0; i < ret->count; i++) {
        struct entry *entry = &ret->entries[i];
        TRY(entry_read(&cursor, entry));
        ENSURE(i == 0 || entry->named_at == NO_NAME ||
                   entry[-1].named_at < entry->named_at,
               ERR_CORRUPT);
    }
    return ERR_OK;
}

/* --- The file ------------------------------------------------------------- */

/* Whole under its name, so that a file that is there holds a slot. */
static err_t make(struct drop_ledger *ledger, struct reason *reason) {
    const struct disk *disk = ledger->options.disk;
    char making[PATH_SIZE + 4];
    uint8_t pages[2 * SLOT_SIZE] = {0};
    struct slot slot = {.generation = ledger->generation};
    memcpy(slot.journal_id, journal_id(ledger->options.journal),
           JOURNAL_ID_SIZE);
    slot_write(&slot, pages + slot.generation % 2 * SLOT_SIZE);
    snprintf(making, sizeof making, "%s.new", ledger->path);
    const struct slice whole = slice_of(pages, sizeof pages);
    err_t err = disk_replace(disk, ledger->options.dir, making, ledger->path,
                             &whole, 1);
    if (err != ERR_OK) {
        return disk_failed(reason, err, "make", ledger->path);
    }
    err = disk->open(disk->self, ledger->path, DISK_WRITE, &ledger->fd);
    if (err != ERR_OK) {
        ledger->fd = -1;
        return disk_failed(reason, err, "open", ledger->path);
    }
    return ERR_OK;
}

static err_t write_slot(struct drop_ledger *ledger, const struct slot *slot,
                        struct reason *reason) {
    const struct disk *disk = ledger->options.disk;
    uint8_t page[SLOT_SIZE];
    slot_write(slot, page);
    err_t err =
        disk->write(disk->self, ledger->fd, slot->generation % 2 * SLOT_SIZE,
                    slice_of(page, sizeof page));
    if (err == ERR_OK) {
        err = disk->sync(disk->self, ledger->fd);
    }
    if (err != ERR_OK) {
        return disk_failed(reason, err, "write", ledger->path);
    }
    return disk_check_place(disk, ledger->path, ledger->fd, reason);
}

/* Puts `next` in the place of what the ledger holds, on the disk first, beside
 * what is about to be trimmed. A range that is in the file untrimmed stands
 * there by itself, so that an opening can tell it from the rest. */
static err_t replace(struct drop_ledger *ledger, const struct drops *next,
                     struct drop_range trimming, struct reason *reason) {
    if (ledger->fd < 0) {
        TRY(make(ledger, reason));
    }
    struct slot slot = {.generation = ledger->generation + 1};
    memcpy(slot.journal_id, journal_id(ledger->options.journal),
           JOURNAL_ID_SIZE);
    for (uint32_t i = 0; i < next->named_count; i++) {
        slot_add(&slot, next->named[i].range, next->named[i].named_at);
    }
    slot_add(&slot, next->offered, NO_NAME);
    slot_add(&slot, next->unnamed, NO_NAME);
    slot_add(&slot, trimming, NO_NAME);
    TRY(write_slot(ledger, &slot, reason));
    ledger->generation = slot.generation;
    ledger->drops = *next;
    range_add(&ledger->drops.unnamed, trimming);
    return ERR_OK;
}

/* --- Opening -------------------------------------------------------------- */

/* The newer of the two slots that verify; ERR_CORRUPT if none does. */
static err_t read_slots(struct drop_ledger *ledger, struct slot *ret) {
    const struct disk *disk = ledger->options.disk;
    err_t found = ERR_CORRUPT;
    for (uint64_t i = 0; i < 2; i++) {
        uint8_t page[SLOT_SIZE];
        struct slot slot = {0};
        size_t len = 0;
        TRY(disk->read(disk->self, ledger->fd, i * SLOT_SIZE, page, sizeof page,
                       &len));
        err_t err = slot_read(slice_of(page, len), &slot);
        ENSURE(err != ERR_UNSUPPORTED, err);
        if (err == ERR_OK &&
            (found != ERR_OK || slot.generation > ret->generation)) {
            found = ERR_OK;
            *ret = slot;
        }
    }
    return found;
}

/* What is not trimmed yet is not dropped: a crash came between. */
static struct drop_range without_untrimmed(struct drop_range range,
                                           uint64_t start) {
    if (range.first >= start) {
        return (struct drop_range){0, 0, 0};
    }
    range.end = range.end < start ? range.end : start;
    if (range.count > range.end - range.first) {
        range.count = range.end - range.first;
    }
    return range;
}

/* What of an entry holds yet. Returns whether the file must say otherwise,
 * before records are appended or trimmed. */
static bool take_entry(struct drop_ledger *ledger, const struct entry *entry) {
    const struct journal *journal = ledger->options.journal;
    struct drops *drops = &ledger->drops;
    uint64_t start = atomic_load(&journal_position(journal)->start);
    uint64_t named_at = entry->named_at;
    size_t count;
    const struct journal_gap *gaps = journal_gaps(journal, &count);
    if (named_at == NO_NAME) {
        struct drop_range range = without_untrimmed(entry->range, start);
        range_add(&drops->unnamed, range);
        return range.end != entry->range.end;
    }
    if (named_at < ledger->options.delivered) {
        return false;
    }
    if (named_at >= journal_next_seq(journal)) {
        range_add(&drops->unnamed, entry->range); /* it was never committed */
        return true;
    }
    if (gaps_hold(gaps, count, named_at, named_at + 1)) {
        range_add(&drops->unnamed, entry->range);
    } else if (named_at >= start) {
        push_named(drops, entry->range, named_at);
    } /* else it was delivered: a drop would have taken the name away */
    return false;
}

static err_t load_failed(const struct drop_ledger *ledger, err_t err,
                         struct reason *reason) {
    return err == ERR_UNSUPPORTED
               ? reason_set(reason, err,
                            "%s was written by a later version of this "
                            "program: run the newer program",
                            ledger->path)
               : disk_failed(reason, err, "read", ledger->path);
}

static err_t load(struct drop_ledger *ledger, struct reason *reason) {
    struct slot slot = {0};
    bool changed = false;
    err_t err = read_slots(ledger, &slot);
    if (err != ERR_OK && err != ERR_CORRUPT) {
        return load_failed(ledger, err, reason);
    }
    ledger->generation = slot.generation;
    if (err == ERR_CORRUPT) {
        changed = true;
        ledger->made_anew = true;
        log_line(LOG_ERROR, "stream",
                 "dropped=unreadable path=%s; what is missing behind the "
                 "cloud's cursor is named anew",
                 ledger->path);
    } else if (memcmp(slot.journal_id, journal_id(ledger->options.journal),
                      JOURNAL_ID_SIZE) != 0) {
        changed = true;
        ledger->made_anew = true;
        log_line(LOG_WARN, "stream",
                 "dropped=ignored path=%s; it is another journal's",
                 ledger->path);
    } else {
        for (uint32_t i = 0; i < slot.count; i++) {
            changed |= take_entry(ledger, &slot.entries[i]);
        }
    }
    const struct drops drops = ledger->drops;
    const struct drop_range none = {0, 0, 0};
    return changed ? replace(ledger, &drops, none, reason) : ERR_OK;
}

static err_t open_file(struct drop_ledger *ledger, struct reason *reason) {
    const struct disk *disk = ledger->options.disk;
    err_t err = disk->open(disk->self, ledger->path, DISK_WRITE, &ledger->fd);
    if (err == ERR_OK) {
        return load(ledger, reason);
    }
    ledger->fd = -1;
    ledger->made_anew = true;
    if (err != ERR_NOT_FOUND) {
        return disk_failed(reason, err, "open", ledger->path);
    }
    if (!ledger->options.drops) {
        return ERR_OK;
    }
    struct reason why = {""};
    err = make(ledger, &why);
    if (err == ERR_FULL) {
        log_line(LOG_WARN, "stream", "%s; nothing is dropped before it is made",
                 why.text);
        return ERR_OK;
    }
    return err == ERR_OK ? ERR_OK : reason_set(reason, err, "%s", why.text);
}

err_t drop_ledger_open(const struct drop_ledger_options *options,
                       struct drop_ledger **ret, struct reason *reason) {
    assert(options->disk != NULL && options->journal != NULL);
    struct drop_ledger *ledger = calloc(1, sizeof *ledger);
    if (ledger == NULL) {
        return reason_set(reason, ERR_MEMORY, "no memory for %s/dropped",
                          options->dir);
    }
    ledger->options = *options;
    ledger->fd = -1;
    int len =
        snprintf(ledger->path, sizeof ledger->path, "%s/dropped", options->dir);
    assert(len > 0 && len < PATH_SIZE);
    err_t err = open_file(ledger, reason);
    if (err != ERR_OK) {
        drop_ledger_close(ledger);
        return err;
    }
    *ret = ledger;
    return ERR_OK;
}

void drop_ledger_close(struct drop_ledger *ledger) {
    if (ledger == NULL) {
        return;
    }
    if (ledger->fd >= 0) {
        ledger->options.disk->close(ledger->options.disk->self, ledger->fd);
    }
    free(ledger);
}

/* --- Dropping and naming -------------------------------------------------- */

err_t drop_ledger_add(struct drop_ledger *ledger, uint64_t first, uint64_t end,
                      struct reason *reason) {
    assert(first < end);
    struct drops next = ledger->drops;
    forget_names(&next, first);
    lose_names(&next, first, end);
    lose_told(ledger, &next, first, end);
    const struct drop_range trimming = {first, end, end - first};
    return replace(ledger, &next, trimming, reason);
}

void drop_ledger_lose_names(struct drop_ledger *ledger, uint64_t first,
                            uint64_t end) {
    lose_names(&ledger->drops, first, end);
}

bool drop_ledger_was_lost(const struct drop_ledger *ledger) {
    return ledger->made_anew;
}

static void nearer(struct drop_range *best, struct drop_range range,
                   uint64_t seq) {
    if (range.count > 0 && range.end > seq &&
        (best->count == 0 || range.first < best->first)) {
        *best = range;
    }
}

struct drop_range drop_ledger_next(const struct drop_ledger *ledger,
                                   uint64_t seq) {
    const struct drops *drops = &ledger->drops;
    struct drop_range best = {0, 0, 0};
    for (uint32_t i = 0; i < drops->named_count; i++) {
        nearer(&best, drops->named[i].range, seq);
    }
    nearer(&best, drops->offered, seq);
    nearer(&best, drops->unnamed, seq);
    return best;
}

err_t drop_ledger_add_missing(struct drop_ledger *ledger, uint64_t first,
                              uint64_t end, struct reason *reason) {
    assert(first < end);
    const struct drops next = ledger->drops;
    const struct drop_range missing = {first, end, end - first};
    return replace(ledger, &next, missing, reason);
}

struct drop_range drop_ledger_offer(struct drop_ledger *ledger) {
    struct drops *drops = &ledger->drops;
    range_add(&drops->offered, drops->unnamed);
    drops->unnamed = (struct drop_range){0, 0, 0};
    return drops->offered;
}

err_t drop_ledger_name(struct drop_ledger *ledger, uint64_t named_at,
                       struct reason *reason) {
    assert(named_at >=
           atomic_load(&journal_position(ledger->options.journal)->end));
    assert(ledger->drops.offered.count > 0);
    struct drops next = ledger->drops;
    push_named(&next, next.offered, named_at);
    next.offered = (struct drop_range){0, 0, 0};
    const struct drop_range none = {0, 0, 0};
    return replace(ledger, &next, none, reason);
}

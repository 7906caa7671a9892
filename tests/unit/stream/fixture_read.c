/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/stream/fixture_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/stream/batch.h"
#include "gateway/stream/replay.h"

static void copy_text(char *ret, size_t size, struct slice text) {
    snprintf(ret, size, "%.*s", SLICE_ARG(text));
}

struct journal *fixture_journal(struct fixture *f) {
    const struct journal_options options = {
        .platform = &f->platform,
        .dir = FIXTURE_DIR,
        .store = "s",
        .stream = "orders",
        .segment_bytes = f->settings->segment_bytes,
        .capacity = f->settings->capacity,
        .batch_events_max = BATCH_EVENTS_MAX,
        .batch_bytes_max = BATCH_BYTES_MIN,
        .reserve = 128 * 1024,
        .free_floor = f->config.free_floor,
    };
    return support_open(&options);
}

struct drop_ledger *fixture_ledger(struct fixture *f, struct journal *journal) {
    const struct drop_ledger_options options = {
        .disk = &f->disk,
        .dir = FIXTURE_DIR,
        .journal = journal,
        .delivered = f->known_end,
        .drops = f->settings->when_full == CONFIG_FULL_DROP_OLDEST,
    };
    struct drop_ledger *ledger = NULL;
    struct reason reason = {""};
    if (drop_ledger_open(&options, &ledger, &reason) != ERR_OK) {
        fail_msg("%s", reason.text);
    }
    return ledger;
}

static void take_record(struct fixture *f,
                        const struct journal_record *record) {
    struct event event;
    assert_int_equal(event_load(record->bytes, &event), ERR_OK);
    assert_true(f->record_count < FIXTURE_LIST_MAX);
    struct fixture_record *to = &f->records[f->record_count++];
    *to =
        (struct fixture_record){.seq = record->seq, .wall_us = record->wall_us};
    copy_text(to->type, sizeof to->type, event.type);
    copy_text(to->id, sizeof to->id, event.id);
    copy_text(to->data, sizeof to->data, event.data);
}

void fixture_read(struct fixture *f) {
    fixture_read_from(f, fixture_start(f));
}

void fixture_read_from(struct fixture *f, uint64_t from) {
    uint64_t end = fixture_end(f);
    struct journal_reader *reader = support_reader(&f->disk, FIXTURE_DIR, from);
    f->record_count = 0;
    struct journal_record record;
    err_t err = ERR_OK;
    while (err != ERR_END) {
        err = journal_reader_next(reader, end, &record);
        if (err == ERR_CORRUPT) {
            struct journal_gap gap;
            bool known;
            assert_int_equal(journal_reader_pass(reader, end, &gap, &known),
                             ERR_OK);
        } else if (err == ERR_OK) {
            take_record(f, &record);
        } else {
            assert_int_equal(err, ERR_END);
        }
    }
    journal_reader_close(reader);
}

const struct fixture_record *fixture_find(const struct fixture *f,
                                          const char *type, size_t nth) {
    for (size_t i = 0; i < f->record_count; i++) {
        if (strcmp(f->records[i].type, type) == 0 && nth-- == 0) {
            return &f->records[i];
        }
    }
    return NULL;
}

size_t fixture_count(const struct fixture *f, const char *type) {
    size_t count = 0;
    while (fixture_find(f, type, count) != NULL) {
        count++;
    }
    return count;
}

bool fixture_has_accepted(const struct fixture *f, const char *id) {
    for (uint32_t i = 0; i < f->seen.accepted_count; i++) {
        if (strcmp(f->seen.accepted[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

struct damaged {
    struct fixture *f;
    uint64_t seq;
    int count;
};

/* The frame's head is laid out in gateway/journal/journal.h. */
static bool frame_holds(const uint8_t *page, uint64_t seq) {
    struct cursor cursor = cursor_over(slice_of(page + 7, 8));
    uint64_t first;
    uint32_t count;
    if (page[0] != 0x88 || page[6] != 0x1b || page[15] != 0x1a ||
        cursor_u64(&cursor, &first) != ERR_OK) {
        return false;
    }
    cursor = cursor_over(slice_of(page + 16, 4));
    return cursor_u32(&cursor, &count) == ERR_OK && first <= seq &&
           seq < first + count;
}

static void damage_in(void *context, const char *name) {
    struct damaged *damaged = context;
    char path[64];
    uint64_t size;
    if (strstr(name, ".seg") == NULL) {
        return;
    }
    snprintf(path, sizeof path, FIXTURE_DIR "/%.32s", name);
    const uint8_t *bytes = fake_disk_bytes(damaged->f->fake, path, &size);
    for (uint64_t at = JOURNAL_PAGE; at + JOURNAL_PAGE < size;
         at += JOURNAL_PAGE) {
        if (frame_holds(bytes + at, damaged->seq)) {
            fake_disk_flip(damaged->f->fake, path, (at + 60) * 8);
            damaged->count++;
        }
    }
}

void fixture_damage(struct fixture *f, uint64_t seq) {
    struct damaged damaged = {f, seq, 0};
    assert_int_equal(
        f->disk.list(f->disk.self, FIXTURE_DIR, damage_in, &damaged), ERR_OK);
    assert_int_equal(damaged.count, 1);
}

void fixture_note(struct fixture *f, uint64_t first, uint64_t end) {
    const struct journal_gap gap = {first, end, JOURNAL_UNTOLD};
    stream_note_damage(f->stream, &gap, 1);
}

size_t fixture_damaged_count(struct fixture *f) {
    fixture_read(f);
    return fixture_count(f, "JournalDamaged");
}

static uint64_t number_behind(const char *data, const char *name) {
    const char *at = strstr(data, name);
    assert_non_null(at);
    return strtoull(at + strlen(name), NULL, 10);
}

uint64_t fixture_check_named(struct fixture *f) {
    static bool named[2000];
    fixture_read(f);
    uint64_t missing = fixture_start(f);
    assert_true(missing < 2000);
    assert_int_equal(f->record_count, fixture_end(f) - missing);
    for (size_t i = 0; i < f->record_count; i++) {
        assert_int_equal(f->records[i].seq, missing + i);
    }
    memset(named, 0, sizeof named);
    uint64_t total = 0;
    for (size_t i = 0; i < fixture_count(f, "EventsDropped"); i++) {
        const char *data = fixture_find(f, "EventsDropped", i)->data;
        uint64_t first = number_behind(data, "\"first\":");
        uint64_t last = number_behind(data, "\"last\":");
        uint64_t count = number_behind(data, "\"count\":");
        assert_true(first <= last && last < missing);
        assert_true(count > 0 && count <= last + 1 - first);
        memset(named + first, true, last + 1 - first);
        total += count;
    }
    for (uint64_t seq = 0; seq < missing; seq++) {
        assert_true(named[seq]);
    }
    return total;
}

bool fixture_has_file(struct fixture *f, const char *name) {
    char path[64];
    int fd;
    snprintf(path, sizeof path, FIXTURE_DIR "/%s", name);
    if (f->disk.open(f->disk.self, path, DISK_READ, &fd) != ERR_OK) {
        return false;
    }
    f->disk.close(f->disk.self, fd);
    return true;
}

static struct replay replayed(struct fixture *f) {
    const struct replay_options options = {
        .disk = &f->disk,
        .dir = FIXTURE_DIR,
        .config = &f->config,
        .end = fixture_end(f),
        .before = UINT64_MAX,
    };
    struct replay replay;
    struct reason reason = {""};
    if (replay_run(&options, &replay, &reason) != ERR_OK) {
        fail_msg("replay: %s", reason.text);
    }
    return replay;
}

uint64_t fixture_replayed_hash(struct fixture *f, uint64_t *ret_snapshots) {
    struct replay replay = replayed(f);
    uint64_t hash = state_hash(replay.state);
    if (ret_snapshots != NULL) {
        *ret_snapshots = replay.snapshots;
    }
    state_free(replay.state);
    return hash;
}

uint64_t fixture_replayed_ids_hash(struct fixture *f) {
    struct replay replay = replayed(f);
    uint64_t hash = state_ids_hash(replay.state);
    state_free(replay.state);
    return hash;
}

uint64_t fixture_hash(const struct fixture *f) {
    return shop_hash(stream_shop(f->stream));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/backlog_age.h"

#include <assert.h>

#include "gateway/journal/reader.h"

static void work(void *self) {
    struct backlog_age *age = self;
    struct journal_reader *reader;
    struct journal_record record;
    age->found_us = 0;
    if (journal_reader_open(age->disk, age->dir, age->asked, &reader, NULL) !=
        ERR_OK) {
        return;
    }
    if (journal_reader_next(reader, age->asked_end, &record) == ERR_OK) {
        age->found_us = record.wall_us;
    }
    journal_reader_close(reader);
}

static void done(void *self) {
    struct backlog_age *age = self;
    age->running = false;
    if (age->found_us != 0) {
        age->cursor = age->asked;
        age->us = age->found_us;
    }
}

void backlog_age_init(struct backlog_age *age, const struct disk *disk,
                      const char *dir, struct executor executor) {
    *age = (struct backlog_age){.disk = disk, .dir = dir, .executor = executor};
    age->job = (struct job){.self = age, .work = work, .done = done};
}

/* While the bridge sends, the cursor moves on between two looks: what is known
 * of an earlier record is told until the next is read. The age is then too
 * great, by at most what lies between two looks. */
int64_t backlog_age_us(struct backlog_age *age, uint64_t cursor, uint64_t end) {
    if (cursor >= end) { /* what waits next is another record */
        age->us = 0;
        return 0;
    }
    bool known = age->us != 0 && age->cursor <= cursor;
    if (known && age->cursor == cursor) {
        return age->us;
    }
    if (!age->running) {
        age->running = true;
        age->asked = cursor;
        age->asked_end = end;
        age->executor.submit(age->executor.self, &age->job);
    }
    return known ? age->us : 0;
}

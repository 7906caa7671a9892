/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/cursor_saver.h"

#include <assert.h>

static void work(void *self) {
    struct cursor_saver *saver = self;
    saver->err = cursor_file_save(saver->file, saver->saving, &saver->reason);
}

static void done(void *self) {
    struct cursor_saver *saver = self;
    assert(saver->busy);
    saver->busy = false;
    if (saver->err == ERR_OK) {
        assert(saver->file->saved == saver->saving);
        saver->saved = saver->saving;
        saver->lanes_saved = saver->lanes_saving;
        saver->saves++;
    }
    saver->ended(saver->context);
}

int64_t cursor_saver_every_us(uint32_t commit_delay_ms) {
    int64_t delays_us = (int64_t)commit_delay_ms * 1000 * CURSOR_DELAYS;
    if (delays_us > CURSOR_SAVE_MAX_US) {
        return CURSOR_SAVE_MAX_US;
    }
    return delays_us > CURSOR_SAVE_US ? delays_us : CURSOR_SAVE_US;
}

void cursor_saver_init(struct cursor_saver *saver, struct cursor_file *file,
                       struct executor executor, int64_t every_us,
                       void (*ended)(void *context), void *context) {
    assert(file->fd >= 0);
    *saver = (struct cursor_saver){
        .file = file,
        .executor = executor,
        .every_us = every_us,
        .job = {.self = saver, .work = work, .done = done},
        .saved = file->saved,
        .lanes = file->lanes,
        .lanes_saved = file->lanes,
        .begun_us = INT64_MIN,
        .ended = ended,
        .context = context,
    };
}

int64_t cursor_saver_due_us(const struct cursor_saver *saver, uint64_t cursor) {
    if (saver->busy ||
        (saver->saved == cursor && saver->lanes_saved == saver->lanes)) {
        return INT64_MAX;
    }
    return saver->begun_us == INT64_MIN ? 0 /* at once */
                                        : saver->begun_us + saver->every_us;
}

void cursor_saver_work(struct cursor_saver *saver, uint64_t cursor,
                       int64_t now_us) {
    assert(cursor >= saver->saved);
    if (cursor_saver_due_us(saver, cursor) > now_us) {
        return;
    }
    saver->busy = true;
    saver->saving = cursor;
    saver->lanes_saving = saver->lanes;
    saver->file->lanes = saver->lanes;
    saver->begun_us = now_us;
    saver->executor.submit(saver->executor.self, &saver->job);
}

err_t cursor_saver_finish(struct cursor_saver *saver, uint64_t cursor,
                          struct reason *reason) {
    assert(!saver->busy);
    assert(cursor >= saver->saved);
    if (saver->saved == cursor) {
        return ERR_OK;
    }
    TRY(cursor_file_save(saver->file, cursor, reason));
    saver->saved = cursor;
    return ERR_OK;
}

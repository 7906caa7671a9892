/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/options.h"

#include <assert.h>
#include <inttypes.h>

#include "gateway/journal/frame.h"
#include "gateway/journal/segment.h"

enum {
    SEGMENT_BYTES_DEFAULT = 16 * 1024 * 1024,
    SEGMENT_BYTES_MIN = 3 * JOURNAL_PAGE, /* header, a frame, seal */
    BATCH_EVENTS_DEFAULT = 1024,
    BATCH_BYTES_DEFAULT = 4 * 1024 * 1024,
};

static err_t check_name(const char *what, const char *name,
                        struct reason *reason) {
    size_t len = strlen(name);
    if (len > 0 && len <= JOURNAL_NAME_MAX &&
        slice_is_utf8(slice_from_str(name))) {
        return ERR_OK;
    }
    return reason_set(reason, ERR_RANGE,
                      "the name of a %s must be 1 to %d bytes of UTF-8, not "
                      "'%s'",
                      what, JOURNAL_NAME_MAX, name);
}

static err_t check(const struct journal_options *options,
                   struct reason *reason) {
    TRY(check_name("store", options->store, reason));
    TRY(check_name("stream", options->stream, reason));
    size_t dir_len = strlen(options->dir);
    if (dir_len == 0 || dir_len > SEGMENT_DIR_MAX) {
        return reason_set(reason, ERR_RANGE,
                          "a journal's directory name must have 1 to %d bytes",
                          SEGMENT_DIR_MAX);
    }
    if (options->known_end > JOURNAL_END_MAX) {
        return reason_set(reason, ERR_RANGE,
                          "no journal reaches record %" PRIu64
                          ", which that in "
                          "%s is said to have had: is its file cursor damaged?",
                          options->known_end, options->dir);
    }
    uint64_t heads = (uint64_t)options->batch_events_max * FRAME_ITEM_HEAD_SIZE;
    if (heads + options->batch_bytes_max > UINT32_MAX) {
        return reason_set(reason, ERR_RANGE,
                          "a batch of %" PRIu32 " events and %" PRIu32
                          " bytes is too large: the limit is 4 GiB in all",
                          options->batch_events_max, options->batch_bytes_max);
    }
    return ERR_OK;
}

static uint64_t segment_bytes_of(uint64_t bytes) {
    if (bytes == 0) {
        return SEGMENT_BYTES_DEFAULT;
    }
    if (bytes < SEGMENT_BYTES_MIN) {
        return SEGMENT_BYTES_MIN;
    }
    return bytes / JOURNAL_PAGE * JOURNAL_PAGE;
}

err_t journal_options_complete(const struct journal_options *options,
                               struct journal_options *ret,
                               struct reason *reason) {
    assert(options->platform != NULL);
    TRY(check(options, reason));
    struct journal_options complete = *options;
    complete.segment_bytes = segment_bytes_of(options->segment_bytes);
    if (complete.batch_events_max == 0) {
        complete.batch_events_max = BATCH_EVENTS_DEFAULT;
    }
    if (complete.batch_bytes_max == 0) {
        complete.batch_bytes_max = BATCH_BYTES_DEFAULT;
    }
    *ret = complete;
    return ERR_OK;
}

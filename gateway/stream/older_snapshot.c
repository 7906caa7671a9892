/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/older_snapshot.h"

#include <stdlib.h>

#include "gateway/journal/snapshot.h"
#include "gateway/shop/judge.h"
#include "gateway/shop/refund_view.h"
#include "gateway/stream/own_event.h"

/* The caller frees `*ret_bytes`. */
static err_t save(const struct state *state, uint8_t **ret_bytes,
                  size_t *ret_len) {
    for (size_t cap = 256 * 1024;; cap *= 2) {
        uint8_t *bytes = malloc(cap);
        ENSURE(bytes != NULL, ERR_MEMORY);
        struct writer to = writer_over(bytes, cap);
        state_save_older(state, &to);
        if (!to.full) {
            *ret_bytes = bytes;
            *ret_len = to.len;
            return ERR_OK;
        }
        free(bytes);
    }
}

static err_t append(const struct opened *opened, const struct event *event) {
    uint8_t bytes[2048];
    struct writer out = writer_over(bytes, sizeof bytes);
    event_store(event, &out);
    ENSURE(!out.full, ERR_FULL);
    uint64_t seq;
    TRY(journal_append(opened->journal, writer_slice(&out), &seq));
    const struct journal_record record = {
        .seq = seq,
        .wall_us = journal_batch_stamp(opened->journal).wall_us,
        .bytes = writer_slice(&out),
    };
    return state_apply(opened->state, &record);
}

/* The records that the older release adds are made under its rules, whichever
 * release reads them later. */
static err_t go_back(const struct opening_options *options,
                     const struct opened *opened, struct reason *reason) {
    const struct shop *shop = state_shop(opened->state);
    if (shop == NULL) {
        return ERR_OK;
    }
    TRY(shop_check_older(shop, reason));
    if (shop_rules(shop) == SHOP_RULES_FIRST) {
        return ERR_OK;
    }
    if (shop_refunds(shop)->open > 0) {
        return reason_set(reason, ERR_REFUSED,
                          "%llu refunds are open, of which that release knows "
                          "nothing: see to them first (shopme-edge payment "
                          "list, resolve)",
                          (unsigned long long)shop_refunds(shop)->open);
    }
    char text[1024];
    struct writer data = writer_over(text, sizeof text);
    shop_config(shop, SHOP_RULES_FIRST, &data);
    const struct own_event own = {
        .store = options->config->store,
        .stream = options->stream->name,
        .life = journal_life(opened->journal),
    };
    journal_begin(opened->journal);
    const struct shop_stamp at = {journal_next_seq(opened->journal),
                                  journal_batch_stamp(opened->journal).wall_us};
    struct own_event_made made;
    own_event_make(&own, EVENT_TYPE_CONFIG_CHANGED, 'c', writer_slice(&data),
                   at, &made);
    TRY(append(opened, &made.event));
    return journal_commit_reserved(opened->journal, reason);
}

err_t older_snapshot_write(const struct opening_options *options,
                           const struct opened *opened, struct reason *reason) {
    const struct disk *disk = &options->platform->disk;
    const char *dir = options->dir;
    if (journal_next_seq(opened->journal) == 0) {
        return ERR_OK;
    }
    TRY(go_back(options, opened, reason));
    uint64_t end = journal_next_seq(opened->journal);
    uint8_t *bytes;
    size_t len;
    TRY(save(opened->state, &bytes, &len));
    const struct snapshot_about about = {journal_id(opened->journal), end};
    err_t err =
        snapshot_write(disk, dir, &about, end, slice_of(bytes, len), reason);
    free(bytes);
    TRY(err);
    return snapshot_remove_others(disk, dir, end, reason);
}

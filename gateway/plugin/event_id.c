/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/plugin/event_id.h"

#include <assert.h>

#include "gateway/event/event.h"

enum { ARENA = 4096 }; /* an id with escapes is decoded there */

void event_id_find(struct slice payload, char ret[static REPORT_ID_MAX]) {
    _Alignas(16) uint8_t memory[ARENA];
    struct arena arena = arena_over(memory, sizeof memory);
    struct slice id;
    ret[0] = '\0';
    if (payload.len > EVENT_ID_SCAN_MAX) {
        payload = slice_part(payload, 0, EVENT_ID_SCAN_MAX);
    }
    if (payload.len == 0 || event_find_id(event_encoding_guess(payload),
                                          payload, &arena, &id) != ERR_OK) {
        return;
    }
    assert(id.len > 0 && id.len <= EVENT_ID_MAX);
    char copy[REPORT_ID_MAX];
    if (slice_to_str(id, copy, sizeof copy) == ERR_OK) {
        memcpy(ret, copy, sizeof copy);
    }
}

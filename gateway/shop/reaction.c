/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/reaction.h"

#include <assert.h>

#include "gateway/event/json.h"

struct writer reaction_begin(struct reaction *reaction) {
    void *room = arena_alloc(reaction->arena, 0);
    if (room == NULL) {
        return writer_over(NULL, 0);
    }
    return writer_over(room, reaction->arena->cap - reaction->arena->len);
}

err_t reaction_add(struct reaction *reaction, enum event_type type,
                   struct slice subject, const struct writer *data) {
    assert(reaction->count < SHOP_OUTPUTS_MAX);
    ENSURE(!data->full, ERR_FULL);
    void *taken = arena_alloc(reaction->arena, data->len);
    assert(taken == data->data);
    struct reaction_output output = {.type = type, .data = writer_slice(data)};
    TRY(arena_copy(reaction->arena, subject, &output.subject));
    reaction->outputs[reaction->count++] = output;
    return ERR_OK;
}

err_t reaction_tell(struct reaction *reaction, struct slice device) {
    assert(reaction->count > 0);
    return arena_copy(reaction->arena, device,
                      &reaction->outputs[reaction->count - 1].told);
}

void reaction_text(struct writer *writer, const char *name, struct slice text) {
    writer_printf(writer, "%s\"%s\":", writer->len <= 1 ? "" : ",", name);
    json_write_string(writer, text);
}

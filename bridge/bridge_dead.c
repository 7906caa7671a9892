/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "bridge/bridge.h"
#include "bridge/bridge_state.h"

static void settle(void *self, uint32_t stream, uint64_t seq, enum settle how) {
    struct bridge *bridge = self;
    sender_settle(bridge->senders[stream], seq, how);
}

void bridge_take_letter(void *self, const struct dead_letter *letter) {
    struct bridge *bridge = self;
    for (uint32_t i = 0; i < bridge->options.stream_count; i++) {
        if (strcmp(bridge->options.streams[i].config->name, letter->stream) ==
            0) {
            dead_take(bridge->dead, i, letter,
                      sender_look(bridge->senders[i])->sent);
        }
    }
}

/* Behind the streams' turns: what became of their answers. */
int64_t bridge_turn_dead(struct bridge *bridge) {
    bool signs =
        bridge->keeper == NULL || credential_keeper_is_ready(bridge->keeper);
    for (uint32_t i = 0; i < bridge->options.stream_count; i++) {
        const struct bridge_stream_status *status =
            sender_look(bridge->senders[i]);
        const struct dead_facts facts = {
            status->sent, status->cursor, status->saved,
            !signs || status->link == BRIDGE_LINK_PAUSED};
        dead_look(bridge->dead, i, &facts);
    }
    dead_work(bridge->dead, bridge->clock_offset_us);
    return dead_due_us(bridge->dead);
}

void bridge_take_order(struct bridge *bridge) {
    pthread_mutex_lock(&bridge->mutex);
    struct order order = bridge->order;
    bridge->order.count = 0;
    uint64_t told[DEAD_TOLD_DAMAGE + 1];
    memcpy(told, bridge->dead_told, sizeof told);
    pthread_mutex_unlock(&bridge->mutex);
    for (uint32_t i = 0; i <= DEAD_TOLD_DAMAGE; i++) {
        if (i < bridge->options.stream_count || i == DEAD_TOLD_DAMAGE) {
            dead_told(bridge->dead, i, told[i]);
        }
    }
    if (order.count > 0 && dead_order(bridge->dead, order.ask, order.ids,
                                      order.count, order.number) != ERR_OK) {
        log_line(LOG_ERROR, "bridge", "dead letters: no memory for an order");
    }
}

err_t bridge_set_up_dead(struct bridge *bridge, void (*turn)(void *self)) {
    struct dead_options options = {
        .context = &bridge->context,
        .stream_count = bridge->options.stream_count,
        .only_read = bridge->options.only_read,
        .offset_us = &bridge->clock_offset_us,
        .settle = settle,
        .turn = turn,
        .self = bridge,
    };
    for (uint32_t i = 0; i < options.stream_count; i++) {
        const struct bridge_stream_options *stream =
            &bridge->options.streams[i];
        options.streams[i] = (struct dead_stream_options){
            stream->config, stream->dir, stream->journal_id};
    }
    return dead_new(&options, &bridge->dead);
}

err_t bridge_dead_order(struct bridge *bridge, enum dead_ask ask,
                        const uint64_t *ids, uint32_t count,
                        uint64_t *ret_number) {
    assert(count > 0 && count <= DEAD_ASK_MAX);
    pthread_mutex_lock(&bridge->mutex);
    bool waits = bridge->order.count > 0;
    if (!waits) {
        bridge->order.ask = ask;
        bridge->order.count = count;
        bridge->order.number = ++bridge->orders;
        memcpy(bridge->order.ids, ids, count * sizeof *ids);
        *ret_number = bridge->order.number;
    }
    pthread_mutex_unlock(&bridge->mutex);
    ENSURE(!waits, ERR_BUSY);
    uv_async_send(&bridge->woken);
    return ERR_OK;
}

void bridge_dead_told(struct bridge *bridge, uint32_t stream, uint64_t end) {
    assert(stream <= DEAD_TOLD_DAMAGE);
    pthread_mutex_lock(&bridge->mutex);
    bridge->dead_told[stream] = end;
    pthread_mutex_unlock(&bridge->mutex);
    uv_async_send(&bridge->woken);
}

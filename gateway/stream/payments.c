/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/payments.h"

#include <assert.h>

#include "gateway/shop/refund_view.h"
#include "gateway/stream/shop_events.h"

enum {
    SAID_A_CALL = 256,     /* requests, and refunds, that are said again */
    TIMED_OUT_A_TICK = 64, /* so no burst of them holds up a batch */
    LEFT_AT_START_US = 30 * 1000 * 1000,
};

struct beginning {
    struct payments_watch *watch;
    int64_t wall_us;
    int64_t mono_us;
};

static void mark_one(void *context, const struct event *event,
                     struct shop_stamp stamp, struct slice terminal) {
    const struct beginning *begin = context;
    int64_t most_us = begin->watch->deadline_us - LEFT_AT_START_US;
    int64_t waited_us = begin->wall_us - stamp.wall_us;
    (void)event;
    (void)terminal;
    waited_us = waited_us > most_us ? most_us : waited_us;
    waited_us = waited_us < 0 ? 0 : waited_us;
    deadlines_mark(&begin->watch->asked, stamp.seq + 1,
                   begin->mono_us - waited_us);
}

void payments_begin(struct payments_watch *watch, int64_t wall_us,
                    int64_t mono_us) {
    struct beginning begin = {watch, wall_us, mono_us};
    assert(state_shop(watch->state) != NULL && watch->deadline_us >= 0);
    const struct shop *shop = state_shop(watch->state);
    uint64_t from = 0;
    do {
        from = shop_open_payments(shop, from, SAID_A_CALL, mark_one, &begin);
    } while (from != 0);
}

/* --- Again ---------------------------------------------------------------- */

static void say(struct payments_watch *watch, const struct event *event,
                struct shop_stamp stamp, struct slice device) {
    struct slice json;
    if (device.len > 0 && stamp.seq < watch->durable &&
        batch_render(watch->batch, event, stamp, &json) == ERR_OK) {
        watch->sink->notice(watch->sink->self, device, json);
    }
}

static void say_request(void *context, const struct event *event,
                        struct shop_stamp stamp, struct slice terminal) {
    say(context, event, stamp, terminal);
}

/* What failed is a person's. */
static void say_refund(void *context, const struct shop_refund_view *view,
                       const struct event *event, struct shop_stamp stamp) {
    if (!view->failed) {
        say(context, event, stamp, view->device);
    }
}

void payments_say_again(struct payments_watch *watch, uint64_t durable_end) {
    const struct shop *shop = state_shop(watch->state);
    watch->durable = durable_end;
    watch->payments_from = shop_open_payments(shop, watch->payments_from,
                                              SAID_A_CALL, say_request, watch);
    watch->refunds_from = shop_open_refunds(shop, watch->refunds_from,
                                            SAID_A_CALL, say_refund, watch);
}

/* --- Too long ------------------------------------------------------------- */

struct oldest {
    uint64_t seq;
    size_t order_len;
    uint8_t order[SHOP_ORDER_ID_MAX];
};

static void take_oldest(void *context, const struct event *event,
                        struct shop_stamp stamp, struct slice terminal) {
    struct oldest *oldest = context;
    (void)terminal;
    assert(event->subject.len > 0 && event->subject.len <= SHOP_ORDER_ID_MAX);
    oldest->seq = stamp.seq;
    oldest->order_len = event->subject.len;
    memcpy(oldest->order, event->subject.data, event->subject.len);
}

err_t payments_tick(struct payments_watch *watch, int64_t mono_us,
                    bool *ret_any) {
    *ret_any = false;
    if (watch->deadline_us == 0) {
        return ERR_OK;
    }
    deadlines_mark(&watch->asked, batch_end(watch->batch), mono_us);
    uint64_t due = deadlines_due(&watch->asked, mono_us, watch->deadline_us);
    for (int i = 0; i < TIMED_OUT_A_TICK; i++) {
        struct oldest oldest = {.seq = UINT64_MAX};
        uint64_t next = shop_open_payments(state_shop(watch->state), 0, 1,
                                           take_oldest, &oldest);
        assert(next == 0 || next > oldest.seq);
        if (oldest.order_len == 0 || oldest.seq >= due ||
            !batch_takes_message(watch->batch)) {
            break;
        }
        TRY(shop_events_timed_out(watch->own, watch->state,
                                  slice_of(oldest.order, oldest.order_len),
                                  &watch->bus));
        *ret_any = true;
    }
    return ERR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the events that the Inventory service publishes: each function adds
 * what there is to say, which may be nothing. ERR_FULL if the run's memory is
 * too small. */
#ifndef GATEWAY_SHOP_INVENTORY_OUTPUTS_H
#define GATEWAY_SHOP_INVENTORY_OUTPUTS_H

#include "gateway/shop/goods.h"
#include "gateway/shop/inventory_state.h"
#include "gateway/shop/reaction.h"

/* Why a line of an order is not simply taken from what is available. */
enum inventory_lack {
    INVENTORY_LACKS_NOTHING,
    INVENTORY_UNMANAGED, /* reserved: nobody keeps its stock */
    INVENTORY_SHORT,     /* reserved, although more than is available */
    INVENTORY_MISSING,   /* rejected: not so much is available */
    INVENTORY_UNKNOWN,   /* rejected: nobody keeps its stock */
};

enum inventory_lack inventory_lack_of(const struct inventory *inventory,
                                      const struct goods_line *line);

err_t inventory_publish_reserved(const struct inventory *inventory,
                                 const struct shop_event *event,
                                 const struct goods *goods,
                                 struct reaction *reaction) MUST_USE;
err_t inventory_publish_rejected(const struct inventory *inventory,
                                 const struct shop_event *event,
                                 const struct goods *goods,
                                 struct reaction *reaction) MUST_USE;
err_t inventory_publish_released(const struct holding *holding,
                                 const struct shop_event *event,
                                 struct reaction *reaction) MUST_USE;
/* `counted_us` is the moment of a count. */
err_t inventory_publish_changed(const struct inventory *inventory,
                                const struct shop_event *event,
                                const struct goods *goods, int64_t counted_us,
                                struct reaction *reaction) MUST_USE;
/* Of an InventoryReserved or a StockChanged that is not yet applied: one
 * StockLow for all skus that it takes to their reorder level or under, not
 * again while they are there; and one InventoryShort for all of which it leaves
 * less than nothing. */
err_t inventory_publish_levels(const struct inventory *inventory,
                               const struct shop_event *event,
                               struct reaction *reaction) MUST_USE;

#endif

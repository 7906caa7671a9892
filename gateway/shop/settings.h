/* SPDX-License-Identifier: Apache-2.0 */
/* What a store decides about its stock. Decisions are made live and journaled
 * as what followed from them, so replay depends on none of these and each may
 * change at any start. Zeroed are the defaults. */
#ifndef GATEWAY_SHOP_SETTINGS_H
#define GATEWAY_SHOP_SETTINGS_H

#include <stdbool.h>

#include "gateway/shop/sku.h"

struct shop_settings {
    enum sku_case sku_case;
    /* An order of a sku whose stock is not kept is rejected; else reserved. */
    bool reject_unknown;
    /* An order of more than is available is reserved, and InventoryShort says
     * so: the customer may hold the goods. Else it is rejected. */
    bool flag_oversell;
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* One sku, however it is typed: Unicode's normal form C, no blanks at either
 * end, and upper or lower case where the shop wants it.
 *
 * The form depends on a setting and on the library's version of Unicode, so it
 * is made live only, and what it gives is journaled: replay never asks. */
#ifndef GATEWAY_SHOP_SKU_H
#define GATEWAY_SHOP_SKU_H

#include "gateway/base/base.h"
#include "gateway/shop/limits.h"

enum sku_case {
    SKU_CASE_KEEP,
    SKU_CASE_UPPER,
    SKU_CASE_LOWER,
};

/* `sku` is UTF-8 of at most SHOP_SKU_MAX bytes; so is what is returned. It
 * borrows from `sku` where the form is a part of that, else from `arena`.
 * ERR_NOT_FOUND if nothing but blanks is there, ERR_RANGE if its form has more
 * bytes than SHOP_SKU_MAX, ERR_FULL. */
err_t sku_normal(struct slice sku, enum sku_case wanted, struct arena *arena,
                 struct slice *ret) MUST_USE;

#endif

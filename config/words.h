/* SPDX-License-Identifier: Apache-2.0 */
/* Words that a key's value is one of: of the shop. */
#ifndef CONFIG_WORDS_H
#define CONFIG_WORDS_H

/* shop.sku_case: in which case a sku is kept, whatever is typed. */
enum config_sku_case {
    CONFIG_SKU_CASE_KEEP,
    CONFIG_SKU_CASE_UPPER,
    CONFIG_SKU_CASE_LOWER,
};

/* shop.unknown_sku: an order of a sku whose stock is not kept. */
enum config_unknown_sku {
    CONFIG_UNKNOWN_SKU_ACCEPT,
    CONFIG_UNKNOWN_SKU_REJECT,
};

/* shop.oversell: an order of more than is available. */
enum config_oversell {
    CONFIG_OVERSELL_REJECT,
    CONFIG_OVERSELL_FLAG,
};

#endif

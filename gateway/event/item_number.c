/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR numbers in decimal digits. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/event/item.h"

void event_item_write_integer(const struct item *item, struct writer *writer) {
    if (item->kind == ITEM_UNSIGNED) {
        writer_printf(writer, "%llu", (unsigned long long)item->value);
    } else if (item->value == UINT64_MAX) {
        writer_str(writer, "-18446744073709551616");
    } else {
        writer_printf(writer, "-%llu", (unsigned long long)item->value + 1);
    }
}

void event_item_write_number(const struct item *item, struct writer *writer) {
    char text[40] = "0";
    bool is_double = item->kind == ITEM_DOUBLE;
    int most = is_double ? 17 : 9;
    for (int digits = is_double ? 15 : 6; digits <= most; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, item->number);
        double back =
            is_double ? strtod(text, NULL) : (double)strtof(text, NULL);
        if (back == item->number) {
            break;
        }
    }
    writer_str(writer, text);
}

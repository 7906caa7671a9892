/* SPDX-License-Identifier: Apache-2.0 */
#include "config/nearest.h"

#include <assert.h>

size_t nearest_distance(const char *a, struct slice b) {
    size_t row[NEAREST_WORD_MAX + 1];
    assert(b.len <= NEAREST_WORD_MAX);
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.len; j++) {
            size_t replaced = corner + ((uint8_t)a[i] != b.data[j] ? 1 : 0);
            size_t shorter = row[j] < row[j + 1] ? row[j] : row[j + 1];
            corner = row[j + 1];
            row[j + 1] = replaced < shorter + 1 ? replaced : shorter + 1;
        }
    }
    return row[b.len];
}

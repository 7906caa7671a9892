/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/benchmark/target.h"

#include <stdio.h>
#include <stdlib.h>

void target_must(bool good, const char *what, const char *words) {
    if (!good) {
        fprintf(stderr, "%s: %s\n", what, words);
        exit(1);
    }
}

void target_event_init(uint8_t *event) {
    for (size_t i = 0; i < EVENT_BYTES; i++) {
        event[i] = (uint8_t)(33 + i * 7 % 90);
    }
}

struct slice target_event(uint8_t *event, uint64_t number) {
    memcpy(event, &number, sizeof number);
    return slice_of(event, EVENT_BYTES);
}

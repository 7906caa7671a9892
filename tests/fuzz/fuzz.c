/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

uint8_t fuzz_u8(struct cursor *input) {
    uint8_t value = 0;
    return cursor_u8(input, &value) == ERR_OK ? value : 0;
}

uint64_t fuzz_u64(struct cursor *input) {
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value = value << 8 | fuzz_u8(input);
    }
    return value;
}

void fuzz_must(bool held, const char *what) {
    if (!held) {
        fprintf(stderr, "a promise was broken: %s\n", what);
        abort();
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzzers share: an input that never ends, and the way to say that it
 * broke something. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "gateway/base/base.h"

/* What libFuzzer calls with each input; always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next byte or eight (big-endian) of it; zeros behind its end. */
uint8_t fuzz_u8(struct cursor *input);
uint64_t fuzz_u64(struct cursor *input);
/* Ends the program, with the words, unless `held`. */
void fuzz_must(bool held, const char *what);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Are these bytes HTTP answers, one whole after the other? */
#ifndef TESTS_FUZZ_HTTP_ANSWERS_H
#define TESTS_FUZZ_HTTP_ANSWERS_H

#include "gateway/base/base.h"

/* How many there are. Ends the program, as fuzz_must(), where one is not well
 * formed or its body is not as long as it says; `bodiless` allows no body at
 * all, as HEAD is answered. */
size_t http_answers_count(struct slice bytes, bool bodiless);

#endif

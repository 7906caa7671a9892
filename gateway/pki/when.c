/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pki/when.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#include <openssl/asn1.h>

/* 9999-12-31T23:59:59Z */
#define LAST_S ((int64_t)253402300799)

static_assert((int)WHEN_SIZE == (int)LINES_TIME_SIZE, "the same text");

void when_text(int64_t us, char ret[static WHEN_SIZE]) {
    if (us == WHEN_NEVER) {
        snprintf(ret, WHEN_SIZE, "never");
        return;
    }
    lines_time_write(us, ret);
}

err_t when_read(struct slice text, int64_t *ret_us) {
    if (slice_eq_str(text, "never")) {
        *ret_us = WHEN_NEVER;
        return ERR_OK;
    }
    return lines_time_read(text, ret_us);
}

err_t when_of_asn1(const ASN1_TIME *time, int64_t *ret_us) {
    struct tm tm;
    ENSURE(time != NULL && ASN1_TIME_to_tm(time, &tm) == 1, ERR_PARSE);
    int64_t seconds = timegm(&tm);
    *ret_us = seconds >= LAST_S ? WHEN_NEVER : seconds * WHEN_S_US;
    return ERR_OK;
}

err_t when_to_asn1(int64_t us, ASN1_TIME *ret) {
    time_t seconds = us == WHEN_NEVER ? LAST_S : us / WHEN_S_US;
    ENSURE(ASN1_TIME_adj(ret, seconds, 0, 0) != NULL, ERR_MEMORY);
    return ERR_OK;
}

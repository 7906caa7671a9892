/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/event/event_life.h"

bool event_life_is_known(struct event_life life) {
    static const struct event_life unknown;
    return memcmp(&life, &unknown, sizeof life) != 0;
}

struct event_life event_life_of(const uint8_t *id) {
    struct event_life life;
    memcpy(life.bytes, id, sizeof life.bytes);
    return life;
}

void event_life_write(struct writer *writer, struct event_life life) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof life.bytes; i++) {
        writer_u8(writer, (uint8_t)digits[life.bytes[i] >> 4]);
        writer_u8(writer, (uint8_t)digits[life.bytes[i] & 15]);
    }
}

/* Lower case only: it is read as it is written. */
static err_t digit(uint8_t c, uint8_t *ret) {
    if (c >= '0' && c <= '9') {
        *ret = (uint8_t)(c - '0');
        return ERR_OK;
    }
    ENSURE(c >= 'a' && c <= 'f', ERR_NOT_FOUND);
    *ret = (uint8_t)(c - 'a' + 10);
    return ERR_OK;
}

err_t event_life_of_own_id(struct slice id, struct event_life *ret) {
    struct event_life life;
    ENSURE(id.len > EVENT_LIFE_DIGITS && id.data[EVENT_LIFE_DIGITS] == '-',
           ERR_NOT_FOUND);
    for (size_t i = 0; i < sizeof life.bytes; i++) {
        uint8_t high, low;
        TRY(digit(id.data[2 * i], &high));
        TRY(digit(id.data[2 * i + 1], &low));
        life.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *ret = life;
    return ERR_OK;
}

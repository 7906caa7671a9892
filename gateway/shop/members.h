/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the members of an event's JSON data. Each reader refuses with
 * ERR_RANGE and a reason that names the member by its path
 * ("data.items[3].sku") and says what was expected. Slices handed out borrow
 * from the data, or from the arena where a string had escapes. */
#ifndef GATEWAY_SHOP_MEMBERS_H
#define GATEWAY_SHOP_MEMBERS_H

#include "gateway/base/base.h"
#include "gateway/event/json.h"

/* Where in the data an object or a value stands. */
struct place {
    const char *list;   /* "items"; NULL: not in a list */
    const char *object; /* "paymentDetails"; NULL: data itself */
    uint32_t index;     /* in the list */
    struct reason *reason;
};

enum presence {
    MEMBER_REQUIRED,
    MEMBER_OPTIONAL,
    MEMBER_NULLABLE, /* optional, and null counts as absent */
};

struct member {
    const char *name;
    enum presence presence;
    struct slice *ret; /* the value's text; empty if absent */
};

/* ERR_RANGE: "<path of member>: expected <expected>". `member` NULL means the
 * place itself. */
err_t members_refuse(const struct place *place, const char *member,
                     const char *expected);

/* Finds the named members of an object, others are ignored. A named member must
 * not appear twice: readers differ in which one they use.
 */
err_t members_read(struct slice object, const struct place *place,
                   const struct member *members, size_t count) MUST_USE;

/* A name: 1 to `bytes_max` bytes without control characters, so that it can be
 * a CloudEvents attribute. */
err_t members_name(struct slice value, const struct place *place,
                   const char *member, size_t bytes_max, struct arena *arena,
                   struct slice *ret) MUST_USE;
/* Words: at most `bytes_max` bytes of anything. */
err_t members_words(struct slice value, const struct place *place,
                    const char *member, size_t bytes_max, struct arena *arena,
                    struct slice *ret) MUST_USE;
/* A decimal in a string, as money_is_decimal(). */
err_t members_decimal(struct slice value, const struct place *place,
                      const char *member, struct arena *arena,
                      struct slice *ret) MUST_USE;
/* A quantity in [min, max], all in thousandths, as quantity_parse(). */
err_t members_quantity(struct slice value, const struct place *place,
                       const char *member, int64_t min, int64_t max,
                       int64_t *ret) MUST_USE;
/* A whole number in [min, max]. */
err_t members_whole(struct slice value, const struct place *place,
                    const char *member, int64_t min, int64_t max,
                    int64_t *ret) MUST_USE;

#endif

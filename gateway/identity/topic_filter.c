/* SPDX-License-Identifier: Apache-2.0 */
/* Level by level. Both sides are MQTT filters; a topic is one without
 * wildcards. As in MQTT 5, 4.7: `+` is one level, `#` this one's parent and all
 * below it, and a wildcard at the first level covers nothing that begins with
 * `$`. */
#include "gateway/identity/rules.h"

#include <assert.h>

static size_t level_len(const char *level) {
    return strcspn(level, "/");
}

static bool level_is(const char *level, char wildcard) {
    return level[0] == wildcard && level_len(level) == 1;
}

/* The next level, NULL after the last. */
static const char *level_next(const char *level) {
    const char *end = level + level_len(level);
    return *end == '/' ? end + 1 : NULL;
}

static bool level_covers(const char *filter, const char *other) {
    if (level_is(filter, '+')) {
        return !level_is(other, '#');
    }
    size_t len = level_len(filter);
    return len == level_len(other) && memcmp(filter, other, len) == 0;
}

/* No topic is empty: so these have no parent, only what is below it. */
static const char *without_parent(const char *filter) {
    if (strcmp(filter, "#") == 0) {
        return "+/#";
    }
    return strcmp(filter, "/#") == 0 ? "/+/#" : filter;
}

bool topic_filter_covers(const char *filter, const char *other) {
    assert(filter != NULL && other != NULL);
    bool wild = level_is(filter, '#') || level_is(filter, '+');
    if (wild && other[0] == '$') {
        return false;
    }
    const char *left = without_parent(other);
    while (filter != NULL && left != NULL) {
        if (level_is(filter, '#')) {
            return true;
        }
        if (!level_covers(filter, left)) {
            return false;
        }
        filter = level_next(filter);
        left = level_next(left);
    }
    return left == NULL && (filter == NULL || level_is(filter, '#'));
}

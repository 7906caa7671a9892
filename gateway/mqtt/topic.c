/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/topic.h"

#include <assert.h>
#include <stdio.h>

err_t topic_device(struct slice topic, const char *store, const char *leaf,
                   struct slice *ret_device) {
    char prefix[128];
    char suffix[128];
    int prefix_len = snprintf(prefix, sizeof prefix, "shopme/%s/", store);
    int suffix_len = snprintf(suffix, sizeof suffix, "/%s", leaf);
    size_t fixed = (size_t)prefix_len + (size_t)suffix_len;
    ENSURE(topic.len > fixed, ERR_PARSE);
    ENSURE(slice_starts_with(topic, prefix), ERR_PARSE);
    struct slice end =
        slice_part(topic, topic.len - (size_t)suffix_len, (size_t)suffix_len);
    ENSURE(slice_eq_str(end, suffix), ERR_PARSE);
    *ret_device = slice_part(topic, (size_t)prefix_len, topic.len - fixed);
    return ERR_OK;
}

void topic_of_stream(const char *store, const char *leaf, char *ret,
                     size_t ret_size) {
    int len = snprintf(ret, ret_size, "shopme/%s/+/%s", store, leaf);
    assert(len > 0 && (size_t)len < ret_size);
}

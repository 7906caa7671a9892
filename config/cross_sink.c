/* SPDX-License-Identifier: Apache-2.0 */
/* What a sink's name may be: a name, or an ARN (Amazon resource name), which is
 * "arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME". */
#include "config/loader.h"

enum { KINESIS_NAME_MAX = 128, ARN_FIELDS = 6 };

struct arn {
    struct slice fields[ARN_FIELDS];
};

static bool read_arn(struct slice text, struct arn *ret) {
    size_t start = 0;
    for (size_t i = 0; i < ARN_FIELDS; i++) {
        size_t end = start;
        while (end < text.len && text.data[end] != ':') {
            end++;
        }
        ret->fields[i] = slice_part(text, start, end - start);
        bool last = i + 1 == ARN_FIELDS;
        if (end == start || last != (end == text.len)) {
            return false;
        }
        start = end + 1;
    }
    return slice_eq_str(ret->fields[0], "arn");
}

static bool is_plain(struct slice name) {
    return name.len > 0 && name.len <= KINESIS_NAME_MAX &&
           memchr(name.data, ':', name.len) == NULL &&
           memchr(name.data, '/', name.len) == NULL;
}

static bool is_stream_arn(const struct arn *arn) {
    static const char lead[] = "stream/";
    struct slice resource = arn->fields[5];
    size_t len = strlen(lead);
    return slice_eq_str(arn->fields[2], "kinesis") &&
           slice_starts_with(resource, lead) &&
           is_plain(slice_part(resource, len, resource.len - len));
}

void cross_check_kinesis(struct loader *loader, uint32_t index) {
    const struct config_stream *stream = &loader->config.streams[index];
    struct spot spot =
        loader_spot(&loader->streams[index], "streams[].sink.kinesis.stream");
    struct slice name = slice_from_str(stream->sink_name);
    struct slice region = slice_from_str(loader->config.cloud.region);
    struct arn arn;
    if (spot.node == NULL || name.len == 0 || is_plain(name)) {
        return;
    }
    if (!read_arn(name, &arn) || !is_stream_arn(&arn)) {
        loader_fault(loader, spot,
                     "found \"%s\"; expected a stream's name of 1 to %d "
                     "characters, or its ARN "
                     "(arn:aws:kinesis:REGION:ACCOUNT:stream/NAME)",
                     stream->sink_name, KINESIS_NAME_MAX);
    } else if (region.len > 0 && !slice_eq(arn.fields[3], region)) {
        loader_fault(loader, spot,
                     "found a stream in the region %.*s and cloud.region %s; "
                     "expected the same: requests go to cloud.region",
                     SLICE_ARG(arn.fields[3]), loader->config.cloud.region);
    }
}

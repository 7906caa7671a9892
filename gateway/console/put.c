/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/console/put.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "gateway/event/event.h"
#include "gateway/event/json.h"

enum { US_PER_S = 1000000 };

void put_name(struct writer *writer, const char *name) {
    bool first = writer->len > 0 && (writer->data[writer->len - 1] == '{');
    writer_str(writer, first ? "\"" : ",\"");
    writer_str(writer, name);
    writer_str(writer, "\":");
}

void put_slice(struct writer *writer, const char *name, struct slice text) {
    put_name(writer, name);
    json_write_string(writer, text);
}

void put_str(struct writer *writer, const char *name, const char *text) {
    put_slice(writer, name, slice_from_str(text));
}

void put_uint(struct writer *writer, const char *name, uint64_t value) {
    put_name(writer, name);
    writer_printf(writer, "%" PRIu64, value);
}

void put_int(struct writer *writer, const char *name, int64_t value) {
    put_name(writer, name);
    writer_printf(writer, "%" PRId64, value);
}

void put_bool(struct writer *writer, const char *name, bool value) {
    put_name(writer, name);
    writer_str(writer, value ? "true" : "false");
}

void put_time(struct writer *writer, const char *name, int64_t wall_us) {
    put_name(writer, name);
    if (wall_us <= 0) {
        writer_str(writer, "null");
        return;
    }
    char text[EVENT_TIME_SIZE];
    event_time_format(wall_us, text);
    json_write_string(writer, slice_from_str(text));
}

void put_second(struct writer *writer, const char *name, int64_t wall_us) {
    put_name(writer, name);
    if (wall_us <= 0) {
        writer_str(writer, "null");
        return;
    }
    char text[EVENT_TIME_SIZE];
    event_time_format(wall_us, text);
    char *fraction = strchr(text, '.');
    assert(fraction != NULL);
    strcpy(fraction, "Z");
    json_write_string(writer, slice_from_str(text));
}

void put_age(struct writer *writer, const char *name, int64_t now_us,
             int64_t then_us) {
    put_name(writer, name);
    if (then_us <= 0) {
        writer_str(writer, "null");
        return;
    }
    int64_t age = now_us > then_us ? (now_us - then_us) / US_PER_S : 0;
    writer_printf(writer, "%" PRId64, age);
}

void put_span(struct writer *writer, const char *name, int64_t seconds) {
    put_name(writer, name);
    if (seconds < 0) {
        writer_str(writer, "null");
        return;
    }
    writer_printf(writer, "%" PRId64, seconds);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* An event as the cloud gets it: the JSON event format, on one line. */
#include <assert.h>

#include "gateway/event/base64.h"
#include "gateway/event/fields.h"
#include "gateway/event/item.h"
#include "gateway/event/json.h"

static void write_name(struct writer *writer, struct slice name) {
    writer_str(writer, ",\"");
    writer_slice_add(writer, name);
    writer_str(writer, "\":");
}

static void write_text(struct writer *writer, const char *name,
                       struct slice value) {
    if (value.len > 0) {
        write_name(writer, slice_from_str(name));
        json_write_string(writer, value);
    }
}

static void write_extension(struct writer *writer,
                            const struct event_extension *extension) {
    write_name(writer, extension->name);
    switch (extension->kind) {
    case EVENT_VALUE_TEXT:
        json_write_string(writer, extension->text);
        return;
    case EVENT_VALUE_INTEGER:
        writer_printf(writer, "%d", (int)extension->integer);
        return;
    case EVENT_VALUE_BOOLEAN:
        writer_str(writer, extension->integer != 0 ? "true" : "false");
        return;
    }
}

static void write_record(struct writer *writer,
                         const struct event_record *record) {
    char time[EVENT_TIME_SIZE];
    event_time_format(record->wall_us, time);
    writer_str(writer, ",\"journalid\":\"");
    event_life_write(writer, record->journal_id);
    if (event_life_is_known(record->life)) {
        writer_str(writer, "\",\"journallife\":\"");
        event_life_write(writer, record->life);
    }
    writer_printf(writer,
                  "\",\"journalsequence\":\"%020llu\",\"recordedtime\":\"%s\"",
                  (unsigned long long)record->seq, time);
}

static void write_base64(struct writer *writer, struct slice bytes) {
    writer_u8(writer, '"');
    event_base64_write(writer, bytes);
    writer_u8(writer, '"');
}

/* The value of `data` if it is not binary. */
static err_t write_data(struct writer *writer, const struct event *event,
                        struct reason *reason) {
    if (event->data_kind == EVENT_DATA_CBOR) {
        return event_item_write_json(event->data, writer, reason);
    }
    json_write_compact(writer, event->data);
    return ERR_OK;
}

static err_t write_payload(struct writer *writer, const struct event *event) {
    struct slice content_type = event->datacontenttype;
    if (event->data_kind == EVENT_DATA_CBOR &&
        event_field_is_cbor(content_type)) {
        content_type = SLICE("application/json");
    }
    write_text(writer, "datacontenttype", content_type);
    switch (event->data_kind) {
    case EVENT_DATA_NONE:
        break;
    case EVENT_DATA_BINARY:
        write_name(writer, SLICE("data_base64"));
        write_base64(writer, event->data);
        break;
    case EVENT_DATA_JSON:
    case EVENT_DATA_CBOR:
        write_name(writer, SLICE("data"));
        return write_data(writer, event, NULL);
    }
    return ERR_OK;
}

err_t event_render_json(const struct event *event,
                        const struct event_record *record,
                        struct writer *writer) {
    size_t start = writer->len;
    assert(event->extension_count <= EVENT_EXTENSIONS_MAX);
    writer_str(writer, "{\"" FIELD_VERSION_NAME "\":\"" FIELD_VERSION "\"");
    write_text(writer, "id", event->id);
    write_text(writer, "source", event->source);
    write_text(writer, "type", event->type);
    write_text(writer, "subject", event->subject);
    write_text(writer, "time", event->time);
    write_text(writer, "dataschema", event->dataschema);
    for (uint32_t i = 0; i < event->extension_count; i++) {
        /* Older programs let a device say these names. */
        if (record == NULL ||
            !event_field_is_added(event->extensions[i].name)) {
            write_extension(writer, &event->extensions[i]);
        }
    }
    if (record != NULL) {
        write_record(writer, record);
    }
    err_t err = write_payload(writer, event);
    writer_u8(writer, '}');
    if (err != ERR_OK) {
        writer->len = start;
        return ERR_UNSUPPORTED;
    }
    return writer->full ? ERR_FULL : ERR_OK;
}

err_t event_data_json(const struct event *event, struct arena *arena,
                      struct slice *ret, struct reason *reason) {
    if (event->data_kind == EVENT_DATA_NONE) {
        *ret = SLICE("null");
        return ERR_OK;
    }
    if (event->data_kind == EVENT_DATA_JSON) {
        *ret = event->data;
        return ERR_OK;
    }
    /* Takes the rest of the arena and returns what was not needed. */
    size_t mark = arena->len;
    void *room = arena_alloc(arena, 0);
    ENSURE(room != NULL, ERR_FULL);
    size_t start = arena->len;
    struct writer writer = writer_over(room, arena->cap - start);
    err_t err = ERR_OK;
    if (event->data_kind == EVENT_DATA_CBOR) {
        err = event_item_write_json(event->data, &writer, reason);
    } else {
        write_base64(&writer, event->data);
    }
    if (err != ERR_OK || writer.full) {
        arena->len = mark;
        return err != ERR_OK ? ERR_UNSUPPORTED : ERR_FULL;
    }
    arena->len = start + writer.len;
    *ret = writer_slice(&writer);
    return ERR_OK;
}

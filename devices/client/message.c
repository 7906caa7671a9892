/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/client/message.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "devices/client/cbor.h"

enum { TIME_SIZE = 32 };

const char *message_content_type(enum message_encoding encoding) {
    return encoding == MESSAGE_CBOR ? "application/cloudevents+cbor"
                                    : "application/cloudevents+json";
}

/* RFC 3339, UTC, microseconds. */
static void time_format(int64_t wall_us, char ret[TIME_SIZE]) {
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t len = strftime(ret, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(ret + len, TIME_SIZE - len, ".%06dZ", (int)(wall_us % 1000000));
}

static void tree_free(cJSON **tree) {
    cJSON_Delete(*tree);
}

static void text_free(char **text) {
    cJSON_free(*text);
}

static cJSON *event_tree(const struct message_event *event) {
    char time_text[TIME_SIZE];
    time_format(event->wall_us, time_text);
    cJSON *tree = cJSON_CreateObject();
    cJSON_AddStringToObject(tree, "specversion", "1.0");
    cJSON_AddStringToObject(tree, "id", event->id);
    cJSON_AddStringToObject(tree, "source", event->source);
    cJSON_AddStringToObject(tree, "type", event->type);
    if (event->subject != NULL) {
        cJSON_AddStringToObject(tree, "subject", event->subject);
    }
    cJSON_AddStringToObject(tree, "time", time_text);
    return tree;
}

err_t message_write(const struct message_event *event,
                    enum message_encoding encoding, struct writer *writer) {
    assert(event->id[0] != '\0' && event->source[0] != '\0');
    cJSON *tree CLEANUP(tree_free) = event_tree(event);
    ENSURE(tree != NULL, ERR_MEMORY);
    const char *data_type =
        encoding == MESSAGE_CBOR ? "application/cbor" : "application/json";
    cJSON_AddStringToObject(tree, "datacontenttype", data_type);
    cJSON *data = cJSON_Duplicate(event->data, true);
    ENSURE(cJSON_AddItemToObject(tree, "data", data), ERR_MEMORY);

    if (encoding == MESSAGE_CBOR) {
        cbor_write(tree, writer);
    } else {
        char *text CLEANUP(text_free) = cJSON_PrintUnformatted(tree);
        ENSURE(text != NULL, ERR_MEMORY);
        writer_str(writer, text);
    }
    return writer->full ? ERR_FULL : ERR_OK;
}

/* A CBOR map begins with a0..bf, or with tag 55799 (d9): RFC 8949, 3.4.6. */
static bool is_cbor(struct slice payload) {
    return payload.len > 0 &&
           (payload.data[0] == 0xd9 || (payload.data[0] & 0xe0) == 0xa0);
}

err_t message_read(struct slice payload, cJSON **ret) {
    if (is_cbor(payload)) {
        return cbor_read(payload, MESSAGE_DEPTH_MAX, ret);
    }
    cJSON *tree =
        cJSON_ParseWithLength((const char *)payload.data, payload.len);
    ENSURE(tree != NULL, ERR_PARSE);
    *ret = tree;
    return ERR_OK;
}

const char *message_text(const cJSON *object, const char *name) {
    const char *text =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text == NULL ? "" : text;
}

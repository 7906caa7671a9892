/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/dead_record.h"

#include <assert.h>

#include "gateway/event/event.h"
#include "gateway/event/event_type.h"

bool dead_record_is_own(const struct dead_record *record) {
    struct event event;
    return event_load(record->event, &event) == ERR_OK &&
           slice_eq_str(event.type,
                        event_type_name(EVENT_TYPE_EVENT_DEAD_LETTERED));
}

void dead_text(char *ret, size_t size, const char *text) {
    assert(size > 0);
    size_t len = strlen(text);
    len = len < size ? len : size - 1;
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): below */
    memmove(ret, text, len);
    ret[len] = '\0';
    str_mend_utf8(ret);
}

static void write_text(struct writer *writer, const char *text) {
    struct slice slice = slice_from_str(text);
    writer_u16(writer, (uint16_t)slice.len);
    writer_slice_add(writer, slice);
}

static void write_life(struct writer *writer, struct event_life life) {
    writer_slice_add(writer, slice_of(life.bytes, sizeof life.bytes));
}

static void write_letter(const struct dead_record *record,
                         struct writer *writer) {
    writer_u64(writer, record->seq);
    writer_u64(writer, (uint64_t)record->wall_us);
    write_life(writer, record->life);
    write_life(writer, record->journal_id);
    writer_u32(writer, record->tries);
    writer_u8(writer, (uint8_t)record->refusal);
    write_text(writer, record->stream);
    write_text(writer, record->sink);
    write_text(writer, record->code);
    write_text(writer, record->words);
    writer_u32(writer, (uint32_t)record->event.len);
    writer_slice_add(writer, record->event);
}

void dead_record_write(const struct dead_record *record,
                       struct writer *writer) {
    writer_u8(writer, DEAD_VERSION);
    writer_u8(writer, (uint8_t)record->kind);
    writer_u64(writer, (uint64_t)record->when_us);
    if (record->kind == DEAD_LETTER) {
        write_letter(record, writer);
        return;
    }
    writer_u64(writer, record->letter);
    if (record->kind == DEAD_REFUSED) {
        writer_u32(writer, record->tries);
        write_text(writer, record->code);
        write_text(writer, record->words);
    } else if (record->kind == DEAD_DROPPED) {
        writer_u8(writer, record->by_age ? 1 : 0);
    } else if (record->kind == DEAD_TOLD) {
        write_text(writer, record->stream);
    }
}

static err_t read_text(struct cursor *in, char *ret, size_t size) {
    uint16_t len;
    struct slice text;
    TRY(cursor_u16(in, &len));
    TRY(cursor_take(in, len, &text));
    return slice_to_str(text, ret, size);
}

static err_t read_life(struct cursor *in, struct event_life *ret) {
    struct slice bytes;
    TRY(cursor_take(in, sizeof ret->bytes, &bytes));
    memcpy(ret->bytes, bytes.data, sizeof ret->bytes);
    return ERR_OK;
}

static err_t read_time(struct cursor *in, int64_t *ret) {
    uint64_t value;
    TRY(cursor_u64(in, &value));
    *ret = (int64_t)value;
    return ERR_OK;
}

static err_t read_letter(struct cursor *in, struct dead_record *ret) {
    uint8_t refusal;
    uint32_t len;
    TRY(cursor_u64(in, &ret->seq));
    TRY(read_time(in, &ret->wall_us));
    TRY(read_life(in, &ret->life));
    TRY(read_life(in, &ret->journal_id));
    TRY(cursor_u32(in, &ret->tries));
    TRY(cursor_u8(in, &refusal));
    ENSURE(refusal <= LETTER_UNSENDABLE, ERR_PARSE);
    ret->refusal = (enum letter_kind)refusal;
    TRY(read_text(in, ret->stream, sizeof ret->stream));
    TRY(read_text(in, ret->sink, sizeof ret->sink));
    TRY(read_text(in, ret->code, sizeof ret->code));
    TRY(read_text(in, ret->words, sizeof ret->words));
    TRY(cursor_u32(in, &len));
    return cursor_take(in, len, &ret->event);
}

static err_t read_rest(struct cursor *in, struct dead_record *ret) {
    uint8_t by_age = 0;
    switch (ret->kind) {
    case DEAD_LETTER:
        return read_letter(in, ret);
    case DEAD_REFUSED:
        TRY(cursor_u64(in, &ret->letter));
        TRY(cursor_u32(in, &ret->tries));
        TRY(read_text(in, ret->code, sizeof ret->code));
        return read_text(in, ret->words, sizeof ret->words);
    case DEAD_RETRY:
    case DEAD_SENT:
        return cursor_u64(in, &ret->letter);
    case DEAD_DROPPED:
        TRY(cursor_u64(in, &ret->letter));
        TRY(cursor_u8(in, &by_age));
        ret->by_age = by_age != 0;
        return ERR_OK;
    case DEAD_TOLD:
        TRY(cursor_u64(in, &ret->letter));
        return read_text(in, ret->stream, sizeof ret->stream);
    }
    return ERR_PARSE;
}

err_t dead_record_read(struct slice bytes, struct dead_record *ret) {
    struct cursor in = cursor_over(bytes);
    uint8_t version;
    uint8_t kind;
    struct dead_record record = {.kind = DEAD_LETTER};
    ENSURE(cursor_u8(&in, &version) == ERR_OK, ERR_CORRUPT);
    ENSURE(version == DEAD_VERSION, ERR_UNSUPPORTED);
    ENSURE(cursor_u8(&in, &kind) == ERR_OK, ERR_CORRUPT);
    record.kind = (enum dead_kind)kind;
    ENSURE(read_time(&in, &record.when_us) == ERR_OK, ERR_CORRUPT);
    ENSURE(read_rest(&in, &record) == ERR_OK, ERR_CORRUPT);
    ENSURE(cursor_left(&in) == 0, ERR_CORRUPT);
    *ret = record;
    return ERR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/event/json.h"

void json_write_string(struct writer *writer, struct slice text) {
    writer_u8(writer, '"');
    size_t plain = 0; /* where the part not yet written begins */
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        writer_slice_add(writer, slice_part(text, plain, i - plain));
        plain = i + 1;
        if (c == '"' || c == '\\') {
            writer_u8(writer, '\\');
            writer_u8(writer, c);
        } else {
            writer_printf(writer, "\\u%04x", c);
        }
    }
    writer_slice_add(writer, slice_part(text, plain, text.len - plain));
    writer_u8(writer, '"');
}

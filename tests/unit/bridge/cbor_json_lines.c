/* SPDX-License-Identifier: Apache-2.0 */
/* Turns CBOR into JSON for cbor_json_test.py: a line in hexadecimal in, a line
 * of JSON out, or "refused". Six times the bytes must do. */
#include <stdio.h>
#include <stdlib.h>

#include "bridge/cbor_json.h"

enum { LINE_LEN_MAX = 256 * 1024 };

static unsigned digit(char c) {
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

int main(void) {
    static char line[LINE_LEN_MAX];
    static char json[3 * LINE_LEN_MAX];
    while (fgets(line, sizeof line, stdin) != NULL) {
        size_t len = strcspn(line, "\n") / 2;
        for (size_t i = 0; i < len; i++) {
            line[i] = (char)(digit(line[2 * i]) << 4 | digit(line[2 * i + 1]));
        }
        struct writer writer = writer_over(json, 6 * len);
        err_t err = cbor_to_json(slice_of(line, len), &writer);
        if (err == ERR_OK) {
            printf("%.*s\n", (int)writer.len, json);
        } else {
            printf("%s\n", err == ERR_PARSE ? "refused" : "no room");
        }
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Signs requests from standard input for sigv4_test.py: on each line fields in
 * hexadecimal, separated by spaces ("-" if empty): access key, secret, region,
 * service, date, method, path, query, body, then name and value of each header.
 * Answers each with the Authorization header. */
#include <stdio.h>
#include <stdlib.h>

#include "bridge/sigv4.h"

enum { LINE_LEN_MAX = 64 * 1024, FIELDS_FIXED = 9 };

static unsigned digit(char c) {
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

/* Decodes one field in place. */
static struct slice decode(char *text) {
    if (strcmp(text, "-") == 0) {
        return SLICE_EMPTY;
    }
    size_t len = strlen(text) / 2;
    for (size_t i = 0; i < len; i++) {
        text[i] = (char)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
    }
    return slice_of(text, len);
}

static size_t split(char *line, struct slice *fields, size_t max) {
    size_t count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, " \n", &rest); word != NULL && count < max;
         word = strtok_r(NULL, " \n", &rest)) {
        fields[count++] = decode(word);
    }
    return count;
}

static void sign(const struct slice *fields, size_t count,
                 struct sigv4_key *key) {
    struct sigv4_header headers[SIGV4_HEADERS_MAX];
    size_t header_count = (count - FIELDS_FIXED) / 2;
    for (size_t i = 0; i < header_count; i++) {
        headers[i] = (struct sigv4_header){fields[FIELDS_FIXED + 2 * i],
                                           fields[FIELDS_FIXED + 2 * i + 1]};
    }
    struct sigv4_identity identity = {fields[0], fields[1], fields[2],
                                      fields[3]};
    struct sigv4_request request = {.method = fields[5],
                                    .path = fields[6],
                                    .query = fields[7],
                                    .headers = headers,
                                    .header_count = header_count,
                                    .body = fields[8],
                                    .normalize = true};
    char date[SIGV4_DATE_SIZE];
    char memory[4096];
    struct writer writer = writer_over(memory, sizeof memory);
    if (slice_to_str(fields[4], date, sizeof date) != ERR_OK ||
        sigv4_sign(&request, &identity, date, key, &writer) != ERR_OK) {
        printf("refused\n");
        return;
    }
    printf("%.*s\n", SLICE_ARG(writer_slice(&writer)));
}

int main(void) {
    static char line[LINE_LEN_MAX];
    struct sigv4_key key = {0};
    while (fgets(line, sizeof line, stdin) != NULL) {
        struct slice fields[FIELDS_FIXED + 2 * SIGV4_HEADERS_MAX];
        size_t count = split(line, fields, sizeof fields / sizeof fields[0]);
        if (count < FIELDS_FIXED) {
            return 1;
        }
        sign(fields, count, &key);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Makes aggregates for aggregate_test.py. A line holds, separated by spaces:
 * the store, the stream and the lane, the largest size, 1 for a cut, then key
 * and data of each event in hexadecimal ("-" if empty). The answer: the hash
 * key, how many events are in it, its size as counted, and its Data. */
#include <stdio.h>
#include <stdlib.h>

#include "bridge/aggregate.h"

enum { LINE_LEN_MAX = 8 * 1024 * 1024, ROOM = 1024 * 1024 };

static unsigned digit(char c) {
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

static struct slice decode(char *text) {
    size_t len = strcmp(text, "-") == 0 ? 0 : strlen(text) / 2;
    for (size_t i = 0; i < len; i++) {
        text[i] = (char)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
    }
    return slice_of(text, len);
}

static void answer(char *line) {
    static uint8_t keys[ROOM];
    static uint8_t records[ROOM];
    static uint8_t data[ROOM];
    static struct aggregate aggregate;
    char *rest = NULL;
    char *store = strtok_r(line, " \n", &rest);
    char *stream = strtok_r(NULL, " \n", &rest);
    uint32_t lane = (uint32_t)atoi(strtok_r(NULL, " \n", &rest));
    size_t most = (size_t)atol(strtok_r(NULL, " \n", &rest));
    bool cut = atoi(strtok_r(NULL, " \n", &rest)) == 1;
    char hash_key[AGGREGATE_HASH_KEY_SIZE];
    aggregate_hash_key(store, stream, lane, hash_key);
    aggregate_begin(&aggregate, hash_key, keys, records, most);
    for (char *word = strtok_r(NULL, " \n", &rest); word != NULL;
         word = strtok_r(NULL, " \n", &rest)) {
        struct slice key = decode(word);
        struct slice event = decode(strtok_r(NULL, " \n", &rest));
        size_t before = aggregate_size(&aggregate);
        if (aggregate_add(&aggregate, key, event, most) != ERR_OK) {
            break;
        }
        size_t cost = aggregate_size(&aggregate) - before;
        if (cost > aggregate_cost(key.len, event.len)) {
            printf("an event cost more than it may\n");
            return;
        }
    }
    if (cut) {
        aggregate_cut(&aggregate);
    }
    printf("%s %u %zu ", hash_key, aggregate.count, aggregate_size(&aggregate));
    if (aggregate.count > 0) {
        struct writer writer =
            writer_over(data, aggregate_data_len(&aggregate));
        aggregate_write(&aggregate, &writer);
        if (writer.full || writer.len != writer.cap) {
            printf("its length was not as said\n");
            return;
        }
        for (size_t i = 0; i < writer.len; i++) {
            printf("%02x", data[i]);
        }
    }
    printf("\n");
}

int main(void) {
    char *line = malloc(LINE_LEN_MAX);
    while (fgets(line, LINE_LEN_MAX, stdin) != NULL) {
        answer(line);
    }
    free(line);
    return 0;
}

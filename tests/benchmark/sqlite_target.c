/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing is ever deleted from the table, which spares SQLite the work that
 * trimming is for the journal. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/benchmark/target.h"

enum { WARM_UP_BATCHES = 20 }; /* past the log's first checkpoints */

struct table {
    sqlite3 *db;
    sqlite3_stmt *insert;
    int64_t seq;
    uint8_t event[EVENT_BYTES];
};

static void run(struct table *table, const char *sql) {
    char *words = NULL;
    int status = sqlite3_exec(table->db, sql, NULL, NULL, &words);
    target_must(status == SQLITE_OK, sql, words != NULL ? words : "");
}

static void commit(void *self, uint32_t batch) {
    struct table *table = self;
    run(table, "BEGIN");
    for (uint32_t i = 0; i < batch; i++) {
        struct slice event = target_event(table->event, (uint64_t)table->seq);
        sqlite3_bind_int64(table->insert, 1, table->seq++);
        sqlite3_bind_blob(table->insert, 2, event.data, (int)event.len,
                          SQLITE_STATIC);
        target_must(sqlite3_step(table->insert) == SQLITE_DONE, "INSERT",
                    sqlite3_errmsg(table->db));
        sqlite3_reset(table->insert);
    }
    run(table, "COMMIT");
}

static void *open_table(const char *dir) {
    struct table *table = calloc(1, sizeof *table);
    target_must(table != NULL, "calloc", "no memory");
    target_event_init(table->event);
    char path[900];
    snprintf(path, sizeof path, "%s/table.sqlite", dir);
    target_must(sqlite3_open(path, &table->db) == SQLITE_OK, path,
                sqlite3_errmsg(table->db));
    run(table, "PRAGMA journal_mode=WAL");
    run(table, "PRAGMA synchronous=FULL");
    run(table, "CREATE TABLE events (seq INTEGER PRIMARY KEY, body BLOB)");
    int status =
        sqlite3_prepare_v2(table->db, "INSERT INTO events VALUES (?, ?)", -1,
                           &table->insert, NULL);
    target_must(status == SQLITE_OK, "prepare", sqlite3_errmsg(table->db));
    for (int i = 0; i < WARM_UP_BATCHES; i++) {
        commit(table, BATCH_MAX);
    }
    return table;
}

static void close_table(void *self) {
    struct table *table = self;
    sqlite3_finalize(table->insert);
    sqlite3_close(table->db);
    free(table);
}

const struct target target_sqlite = {
    .name = "sqlite",
    .open = open_table,
    .commit = commit,
    .close = close_table,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge with its thread, loop and pool, over a disk that hangs on command
 * and a network of the test's own: whatever hangs under one stream, the other
 * one goes on, and the bridge answers. */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "bridge/bridge.h"
#include "bridge/cursor.h"
#include "bridge/dead_store.h"
#include "gateway/event/event.h"
#include "gateway/jobs/jobs.h"
#include "tests/simulation/support.h"
#include "tests/unit/bridge/fake_network.h"
#include "tests/unit/bridge/tls_peer.h"

/* Letters that are sent again have a connection of their own. */
enum {
    STREAMS = 2,
    NETWORKS = STREAMS + 1,
    FDS_MAX = 1024,
    WAIT_MS = 20 * 1000
};

static const char *const names[STREAMS] = {"stuck", "free"};

/* A disk that can hang for what lies in the folder "stuck". */
struct gate {
    struct disk inner;
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    bool stuck_fds[FDS_MAX];
    bool reads_hang;
    bool syncs_hang;
    uint32_t hanging;
};

struct bench {
    struct gate gate;
    struct platform platform;
    struct platform gated; /* the bridge's; the real disk knows no `self` */
    struct config config;
    char data[64];
    char dirs[STREAMS][96];
    struct journal *journals[STREAMS];
    struct fake_network networks[NETWORKS];
    uint32_t opened; /* of them */
    struct connector connector;
    struct bridge *bridge;
    _Atomic uint32_t changes;
};

/* --- the disk ----------------------------------------------------------- */

static err_t gate_open(void *self, const char *path, enum disk_open how,
                       int *ret_fd) {
    struct gate *gate = self;
    TRY(gate->inner.open(gate->inner.self, path, how, ret_fd));
    assert(*ret_fd < FDS_MAX);
    pthread_mutex_lock(&gate->mutex);
    gate->stuck_fds[*ret_fd] = strstr(path, "/stuck/") != NULL;
    pthread_mutex_unlock(&gate->mutex);
    return ERR_OK;
}

static void wait_while(struct gate *gate, int fd, const bool *hangs) {
    pthread_mutex_lock(&gate->mutex);
    gate->hanging++;
    while (gate->stuck_fds[fd] && *hangs) {
        pthread_cond_wait(&gate->moved, &gate->mutex);
    }
    gate->hanging--;
    pthread_mutex_unlock(&gate->mutex);
}

static err_t gate_read(void *self, int fd, uint64_t offset, void *buf,
                       size_t len, size_t *ret_len) {
    struct gate *gate = self;
    wait_while(gate, fd, &gate->reads_hang);
    return gate->inner.read(gate->inner.self, fd, offset, buf, len, ret_len);
}

static err_t gate_sync(void *self, int fd) {
    struct gate *gate = self;
    wait_while(gate, fd, &gate->syncs_hang);
    return gate->inner.sync(gate->inner.self, fd);
}

static void hang(struct gate *gate, bool reads, bool syncs) {
    pthread_mutex_lock(&gate->mutex);
    gate->reads_hang = reads;
    gate->syncs_hang = syncs;
    pthread_cond_broadcast(&gate->moved);
    pthread_mutex_unlock(&gate->mutex);
}

static bool is_hanging(struct gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    bool hanging = gate->hanging > 0;
    pthread_mutex_unlock(&gate->mutex);
    return hanging;
}

/* --- a bridge ----------------------------------------------------------- */

static err_t open_next(void *self, const struct endpoint *where,
                       transport_done done, void *context,
                       struct transport *ret) {
    struct bench *bench = self;
    assert(bench->opened < NETWORKS);
    struct connector next =
        fake_network_connector(&bench->networks[bench->opened++]);
    return next.open(next.self, where, done, context, ret);
}

static void on_changed(void *context) {
    struct bench *bench = context;
    bench->changes++;
}

static void fill_config(struct bench *bench) {
    struct config *config = &bench->config;
    strcpy(config->store, "store-7");
    strcpy(config->cloud.region, "eu-central-1");
    strcpy(config->cloud.source_prefix, "com.shopme");
    strcpy(config->cloud.endpoint, "https://localhost:1");
    config->dead_capacity = (uint64_t)64 << 20;
    config->stream_count = STREAMS;
    for (uint32_t i = 0; i < STREAMS; i++) {
        struct config_stream *stream = &config->streams[i];
        strcpy(stream->name, names[i]);
        strcpy(stream->sink_name, "a-stream");
        stream->sink = CONFIG_SINK_KINESIS;
        stream->priority = STREAMS - i;
    }
}

static int set_up(void **state) {
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    unsetenv("AWS_SESSION_TOKEN");
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    bench->platform = platform_real();
    bench->gate.inner = bench->platform.disk;
    pthread_mutex_init(&bench->gate.mutex, NULL);
    pthread_cond_init(&bench->gate.moved, NULL);
    fill_config(bench);
    support_dir_make(bench->data, sizeof bench->data);
    snprintf(bench->config.data, sizeof bench->config.data, "%s", bench->data);
    for (uint32_t i = 0; i < STREAMS; i++) {
        snprintf(bench->dirs[i], sizeof bench->dirs[i], "%s/%s", bench->data,
                 names[i]);
        struct journal_options options = {
            .platform = &bench->platform,
            .dir = bench->dirs[i],
            .store = "store-7",
            .stream = names[i],
            .segment_bytes = 1024 * 1024,
        };
        bench->journals[i] = support_open(&options);
    }
    for (uint32_t i = 0; i < NETWORKS; i++) {
        fake_network_init(&bench->networks[i]);
        bench->networks[i].at_once = true;
    }
    bench->connector = (struct connector){bench, open_next};
    *state = bench;
    return 0;
}

/* The journals write around the gate. */
static err_t try_start(struct bench *bench, const struct connector *connector,
                       struct reason *reason) {
    bench->gated = bench->platform;
    bench->gated.disk.self = &bench->gate;
    bench->gated.disk.open = gate_open;
    bench->gated.disk.read = gate_read;
    bench->gated.disk.sync = gate_sync;
    struct bridge_options options = {
        .platform = &bench->gated,
        .config = &bench->config,
        .stream_count = STREAMS,
        .connector = connector,
        .changed = on_changed,
        .context = bench,
    };
    for (uint32_t i = 0; i < STREAMS; i++) {
        options.streams[i] = (struct bridge_stream_options){
            .config = &bench->config.streams[i],
            .dir = bench->dirs[i],
            .journal_id = journal_id(bench->journals[i]),
            .position = journal_position(bench->journals[i]),
        };
    }
    return bridge_start(&options, &bench->bridge, reason);
}

static void start(struct bench *bench) {
    struct reason reason = {""};
    assert_int_equal(try_start(bench, &bench->connector, &reason), ERR_OK);
}

static void stop(struct bench *bench) {
    bridge_stop(bench->bridge);
    bench->bridge = NULL;
}

static int tear_down(void **state) {
    struct bench *bench = *state;
    hang(&bench->gate, false, false);
    bridge_stop(bench->bridge);
    for (uint32_t i = 0; i < STREAMS; i++) {
        journal_close(bench->journals[i]);
    }
    for (uint32_t i = 0; i < NETWORKS; i++) {
        fake_network_free(&bench->networks[i]);
    }
    support_dir_remove(bench->data);
    pthread_cond_destroy(&bench->gate.moved);
    pthread_mutex_destroy(&bench->gate.mutex);
    free(bench);
    return 0;
}

static struct slice make_event(uint32_t number, uint8_t memory[1024]) {
    char subject[16];
    snprintf(subject, sizeof subject, "k%u", number);
    struct event event = {
        .id = SLICE("e"),
        .source = SLICE("/store-7/sensor"),
        .type = SLICE("ReadingTaken"),
        .subject = slice_from_str(subject),
        .data_kind = EVENT_DATA_JSON,
        .data = SLICE("{}"),
    };
    struct writer writer = writer_over(memory, 1024);
    event_store(&event, &writer);
    assert_false(writer.full);
    return writer_slice(&writer);
}

static void append(struct bench *bench, uint32_t stream, uint32_t count) {
    journal_begin(bench->journals[stream]);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t memory[1024];
        support_append(bench->journals[stream], make_event(i, memory));
    }
    support_commit(bench->journals[stream]);
    if (bench->bridge != NULL) {
        bridge_wake(bench->bridge);
    }
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct bridge_stream_status look(struct bench *bench, uint32_t stream) {
    struct bridge_status status;
    bridge_status(bench->bridge, &status);
    const struct bridge_stream_status *found =
        bridge_status_find(&status, names[stream]);
    assert_non_null(found);
    return *found;
}

enum wanted { WANT_CURSOR, WANT_SAVED, WANT_LINK };

static uint64_t value_of(const struct bridge_stream_status *status,
                         enum wanted wanted) {
    return wanted == WANT_CURSOR  ? status->cursor
           : wanted == WANT_SAVED ? status->saved
                                  : (uint64_t)status->link;
}

static void wait_for(struct bench *bench, uint32_t stream, enum wanted wanted,
                     uint64_t value) {
    int64_t end_ms = now_ms() + WAIT_MS;
    struct bridge_stream_status status = look(bench, stream);
    while (value_of(&status, wanted) != value && now_ms() < end_ms) {
        usleep(5000);
        status = look(bench, stream);
    }
    assert_int_equal(value_of(&status, wanted), value);
}

static void wait_until_hanging(struct bench *bench) {
    int64_t end_ms = now_ms() + WAIT_MS;
    while (!is_hanging(&bench->gate) && now_ms() < end_ms) {
        usleep(1000);
    }
    assert_true(is_hanging(&bench->gate));
}

static uint64_t cursor_on_disk(struct bench *bench, uint32_t stream) {
    uint64_t cursor;
    bool known;
    const struct cursor_owner owner = {journal_id(bench->journals[stream]),
                                       bench->config.streams[stream].name};
    assert_int_equal(cursor_file_peek(&bench->platform.disk,
                                      bench->dirs[stream], &owner, &cursor,
                                      &known, NULL),
                     ERR_OK);
    return cursor;
}

/* --- tests -------------------------------------------------------------- */

/* Goal: what is there drains, what comes too; changes are told; the end saves
 * the cursors, also without a second to wait for. */
static void test_drains_and_saves(void **state) {
    struct bench *bench = *state;
    append(bench, 0, 700);
    start(bench);
    append(bench, 1, 30);
    wait_for(bench, 0, WANT_CURSOR, 700);
    wait_for(bench, 1, WANT_CURSOR, 30);
    append(bench, 1, 30);
    wait_for(bench, 1, WANT_CURSOR, 60);
    assert_int_equal(look(bench, 1).link, BRIDGE_LINK_ONLINE);
    assert_true(bench->changes > 0);
    stop(bench);
    assert_int_equal(cursor_on_disk(bench, 0), 700);
    assert_int_equal(cursor_on_disk(bench, 1), 60);
}

/* Goal: a read that hangs under one stream: the other one drains, and the
 * bridge pauses, goes on and tells its status. */
static void test_a_read_that_hangs(void **state) {
    struct bench *bench = *state;
    start(bench);
    hang(&bench->gate, true, false);
    append(bench, 0, 10);
    wait_until_hanging(bench);
    append(bench, 1, 500);
    wait_for(bench, 1, WANT_CURSOR, 500);
    wait_for(bench, 1, WANT_SAVED, 500);
    assert_int_equal(look(bench, 0).cursor, 0);
    bridge_pause(bench->bridge, true);
    wait_for(bench, 0, WANT_LINK, BRIDGE_LINK_PAUSED);
    wait_for(bench, 1, WANT_LINK, BRIDGE_LINK_PAUSED);
    bridge_pause(bench->bridge, false);
    append(bench, 1, 10);
    wait_for(bench, 1, WANT_CURSOR, 510);
    assert_true(is_hanging(&bench->gate));
    hang(&bench->gate, false, false);
    wait_for(bench, 0, WANT_CURSOR, 10);
}

/* Goal: while their endpoint takes no connection, one of two streams probes it,
 * at least once a second and not as a storm; the other is quiet. Once it takes
 * them again both send. */
static void test_one_stream_probes(void **state) {
    struct bench *bench = *state;
    bench->networks[0].refuses = true;
    bench->networks[1].refuses = true;
    start(bench);
    append(bench, 0, 10);
    append(bench, 1, 10);
    wait_for(bench, 0, WANT_LINK, BRIDGE_LINK_OFFLINE);
    wait_for(bench, 1, WANT_LINK, BRIDGE_LINK_OFFLINE);
    sleep(1);
    uint64_t spared = look(bench, 0).requests; /* of the lower priority */
    uint64_t probes = look(bench, 1).requests;
    sleep(3);
    assert_int_equal(look(bench, 0).requests, spared);
    assert_in_range(look(bench, 1).requests, probes + 2, probes + 8);
    bench->networks[0].refuses = false;
    bench->networks[1].refuses = false;
    wait_for(bench, 1, WANT_CURSOR, 10);
    wait_for(bench, 0, WANT_CURSOR, 10);
}

static void *release_later(void *context) {
    struct bench *bench = context;
    usleep(500 * 1000);
    hang(&bench->gate, false, false);
    return NULL;
}

/* Goal: a sync of one cursor that hangs: both streams drain and the other one
 * saves; the stop waits for it and then saves what was confirmed since. */
static void test_a_sync_that_hangs(void **state) {
    struct bench *bench = *state;
    start(bench);
    hang(&bench->gate, false, true);
    append(bench, 0, 10);
    wait_for(bench, 0, WANT_CURSOR, 10);
    wait_until_hanging(bench);
    append(bench, 0, 500);
    append(bench, 1, 500);
    wait_for(bench, 0, WANT_CURSOR, 510);
    wait_for(bench, 1, WANT_SAVED, 500);
    assert_int_equal(look(bench, 0).saved, 0);
    pthread_t thread;
    int64_t began_ms = now_ms();
    assert_int_equal(pthread_create(&thread, NULL, release_later, bench), 0);
    stop(bench);
    assert_true(now_ms() - began_ms >= 450);
    pthread_join(thread, NULL);
    assert_int_equal(cursor_on_disk(bench, 0), 510);
    assert_int_equal(cursor_on_disk(bench, 1), 500);
}

/* Goal: a stop gives a request in flight its moment, and no more. */
static void test_a_stop_with_a_request_in_flight(void **state) {
    struct bench *bench = *state;
    bench->networks[0].at_once = false;
    append(bench, 0, 3);
    start(bench);
    int64_t end_ms = now_ms() + WAIT_MS;
    while (look(bench, 0).requests == 0 && now_ms() < end_ms) {
        usleep(1000);
    }
    int64_t began_ms = now_ms();
    stop(bench);
    int64_t took_ms = now_ms() - began_ms;
    assert_true(took_ms >= 250 && took_ms < 10000);
    assert_int_equal(cursor_on_disk(bench, 0), 0);
    assert_int_equal(bench->networks[0].requests, 1);
}

/* A letter of the second stream that is to be sent again. */
static void make_letter(struct bench *bench) {
    static struct dead_store store;
    uint8_t memory[1024];
    struct reason reason = {""};
    struct dead_record letter = {.kind = DEAD_LETTER,
                                 .event = make_event(0, memory)};
    struct dead_record retry = {.kind = DEAD_RETRY};
    strcpy(letter.stream, names[1]);
    dead_store_init(&store, &bench->platform, &bench->config);
    assert_int_equal(dead_store_open(&store, &reason), ERR_OK);
    assert_int_equal(dead_store_append(&store, &letter, &reason), ERR_OK);
    assert_int_equal(dead_store_append(&store, &retry, &reason), ERR_OK);
    assert_int_equal(dead_store_commit(&store, &reason), ERR_OK);
    dead_store_close(&store);
}

/* Goal: a letter is not sent again before there is something to sign with, and
 * the loop does not turn for it. */
static void test_a_letter_waits_for_credentials(void **state) {
    struct bench *bench = *state;
    struct config_credentials *from = &bench->config.cloud.credentials;
    struct bridge_status status;
    make_letter(bench);
    from->source = CONFIG_CREDENTIALS_PROCESS;
    strcpy(from->command, "/bin/false");
    start(bench);
    usleep(1500 * 1000);
    bridge_status(bench->bridge, &status);
    assert_int_equal(status.dead.retried, 1);
    assert_int_equal(bench->networks[2].requests, 0);
    stop(bench);
    from->source = CONFIG_CREDENTIALS_ENVIRONMENT;
    bench->opened = 0;
    start(bench);
    int64_t end_ms = now_ms() + WAIT_MS;
    do {
        usleep(5000);
        bridge_status(bench->bridge, &status);
    } while (status.dead.letters > 0 && now_ms() < end_ms);
    assert_int_equal(status.dead.letters, 0);
}

/* Goal: starts that cannot work are refused with words: no credentials, no CA
 * file, a cursor past its journal's end. */
static void test_starts_that_are_refused(void **state) {
    struct bench *bench = *state;
    struct reason reason = {""};
    setenv("AWS_CA_BUNDLE", "/nonexistent/bundle", 1);
    assert_int_equal(try_start(bench, NULL, &reason), ERR_CONFIG);
    assert_non_null(strstr(reason.text, "/nonexistent/bundle"));
    strcpy(bench->config.cloud.ca_file, "/nonexistent/ca");
    assert_int_equal(try_start(bench, NULL, &reason), ERR_CONFIG);
    assert_non_null(strstr(reason.text, "/nonexistent/ca"));
    unsetenv("AWS_CA_BUNDLE");
    unsetenv("AWS_ACCESS_KEY_ID");
    assert_int_equal(try_start(bench, &bench->connector, &reason), ERR_CONFIG);
    assert_non_null(strstr(reason.text, "AWS_ACCESS_KEY_ID"));
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    struct cursor_file file;
    enum cursor_found found;
    const struct cursor_owner owner = {journal_id(bench->journals[1]),
                                       bench->config.streams[1].name};
    assert_int_equal(cursor_file_open(&file, &bench->platform.disk,
                                      bench->dirs[1], &owner, &found, NULL),
                     ERR_OK);
    assert_int_equal(cursor_file_save(&file, 1, NULL), ERR_OK);
    cursor_file_close(&file);
    assert_int_equal(try_start(bench, &bench->connector, &reason), ERR_CORRUPT);
    assert_null(bench->bridge);
}

/* Goal: without sinks no credentials are wanted and nothing is opened. */
static void test_without_a_sink(void **state) {
    struct bench *bench = *state;
    unsetenv("AWS_ACCESS_KEY_ID");
    bench->config.streams[0].sink = CONFIG_SINK_NONE;
    bench->config.streams[1].sink = CONFIG_SINK_NONE;
    start(bench);
    append(bench, 0, 5);
    wait_for(bench, 0, WANT_CURSOR, 5);
    assert_int_equal(bench->opened, 0);
}

/* Goal: over HTTPS, to a port where nobody listens: offline, with the cursor
 * where it is, and a stop does not wait. */
static void test_nobody_listens(void **state) {
    struct bench *bench = *state;
    char ca_file[96];
    snprintf(ca_file, sizeof ca_file, "%s/ca.pem", bench->data);
    struct tls_peer_identity *identity =
        tls_peer_identity_new("localhost", "20991231235959");
    tls_peer_identity_write(identity, ca_file);
    tls_peer_identity_free(identity);
    strcpy(bench->config.cloud.ca_file, ca_file);
    append(bench, 0, 3);
    struct reason reason = {""};
    assert_int_equal(try_start(bench, NULL, &reason), ERR_OK);
    wait_for(bench, 0, WANT_LINK, BRIDGE_LINK_OFFLINE);
    assert_int_equal(look(bench, 0).cursor, 0);
    assert_true(look(bench, 0).last_error[0] != '\0');
    stop(bench);
    unlink(ca_file);
}

int main(void) {
#define BRIDGE_TEST(name) \
    cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        BRIDGE_TEST(test_drains_and_saves),
        BRIDGE_TEST(test_a_read_that_hangs),
        BRIDGE_TEST(test_one_stream_probes),
        BRIDGE_TEST(test_a_sync_that_hangs),
        BRIDGE_TEST(test_a_stop_with_a_request_in_flight),
        BRIDGE_TEST(test_a_letter_waits_for_credentials),
        BRIDGE_TEST(test_starts_that_are_refused),
        BRIDGE_TEST(test_without_a_sink),
        BRIDGE_TEST(test_nobody_listens),
    };
    job_pool_size();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The CA file that changes under a running gateway: what is taken from it, and
 * when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <unistd.h>

#include "bridge/bundle.h"
#include "gateway/base/platform.h"
#include "tls_peer.h"

static const char never[] = "20991231235959";

struct room {
    char folder[32];
    char path[64];
    char next[64];
    struct platform platform;
    struct tls_peer_identity *first;
    struct tls_peer_identity *second;
    struct bundle bundle;
    struct tls_context *context;
    struct tls_memory *memory;
    struct tls *before; /* a connection of the first reading */
    struct job *job;    /* given away and not yet run */
};

static void submit(void *self, struct job *job) {
    struct room *room = self;
    assert_null(room->job);
    room->job = job;
}

static int set_up(void **state) {
    struct room *room = calloc(1, sizeof *room);
    strcpy(room->folder, "/tmp/bundle-XXXXXX");
    assert_non_null(mkdtemp(room->folder));
    snprintf(room->path, sizeof room->path, "%s/ca.pem", room->folder);
    snprintf(room->next, sizeof room->next, "%s/next.pem", room->folder);
    room->platform = platform_real();
    room->first = tls_peer_identity_new("localhost", never);
    room->second = tls_peer_identity_new("localhost", never);
    tls_peer_identity_write(room->first, room->path);
    struct bundle_options options = {
        .ca_file = room->path,
        .entropy = &room->platform.entropy,
        .executor = {room, submit},
    };
    struct reason reason;
    assert_int_equal(
        bundle_open(&room->bundle, &options, &room->context, &reason), ERR_OK);
    assert_int_equal(tls_memory_new(&room->memory), ERR_OK);
    assert_int_equal(tls_new(room->context, room->memory, "localhost",
                             &room->before, &reason),
                     ERR_OK);
    *state = room;
    return 0;
}

static int tear_down(void **state) {
    struct room *room = *state;
    assert_null(room->job);
    tls_free(room->before);
    tls_memory_free(room->memory);
    tls_context_free(room->context);
    tls_peer_identity_free(room->first);
    tls_peer_identity_free(room->second);
    unlink(room->path);
    assert_int_equal(rmdir(room->folder), 0);
    free(room);
    return 0;
}

/* One look at the file; later the bundle is told. */
static void look(struct room *room) {
    for (int i = 0; i < BUNDLE_BEATS; i++) {
        assert_null(room->job);
        bundle_beat(&room->bundle);
    }
    struct job *job = room->job;
    assert_non_null(job);
    for (int i = 0; i < 2 * BUNDLE_BEATS; i++) {
        bundle_beat(&room->bundle); /* the disk is slow: no second job */
    }
    job->work(job->self);
    room->job = NULL;
    job->done(job->self);
}

static void write_text(struct room *room, const char *text) {
    FILE *file = fopen(room->path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* As a tool that renews it does: whole, under its name. */
static void replace(struct room *room, struct tls_peer_identity *by) {
    tls_peer_identity_write(by, room->next);
    assert_int_equal(rename(room->next, room->path), 0);
}

/* Is a server that is `shown` believed now? */
static bool believes(struct room *room, struct tls_peer_identity *shown) {
    struct tls *tls;
    struct reason reason;
    assert_int_equal(
        tls_new(room->context, room->memory, "localhost", &tls, &reason),
        ERR_OK);
    struct tls_peer *peer = tls_peer_new(shown);
    err_t err = tls_handshake(tls, &reason);
    while (err == ERR_AGAIN) {
        tls_peer_feed(peer, tls_output(tls));
        tls_output_taken(tls);
        (void)tls_peer_handshake(peer);
        tls_feed(tls, tls_peer_output(peer));
        err = tls_handshake(tls, &reason);
        tls_peer_output_taken(peer);
    }
    tls_peer_free(peer);
    tls_free(tls);
    return err == ERR_OK;
}

/* Goal: what has not changed is not read again. */
static void stays_without_a_change(void **state) {
    struct room *room = *state;
    for (int i = 0; i < 5; i++) {
        look(room);
    }
    assert_false(tls_is_stale(room->before));
    assert_true(believes(room, room->first));
    assert_false(believes(room, room->second));
}

/* Goal: a new authority is believed and an old one is not any more, once the
 * file has been the same for two looks: it may be half written at the first. */
static void takes_what_is_new(void **state) {
    struct room *room = *state;
    replace(room, room->second);
    look(room);
    assert_false(tls_is_stale(room->before));
    look(room);
    assert_true(tls_is_stale(room->before));
    assert_true(believes(room, room->second));
    assert_false(believes(room, room->first));
}

/* Goal: a file that is broken, empty or gone changes nothing; and a good one
 * after it is taken. */
static void keeps_the_old_one(void **state) {
    struct room *room = *state;
    static const char *const broken[] = {
        "", "no certificate\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        write_text(room, broken[i]);
        look(room);
        look(room);
        look(room);
        assert_false(tls_is_stale(room->before));
        assert_true(believes(room, room->first));
        assert_non_null(strstr(room->bundle.trouble, "cloud.ca_file"));
    }
    assert_int_equal(unlink(room->path), 0);
    look(room);
    look(room);
    assert_false(tls_is_stale(room->before));
    replace(room, room->second);
    look(room);
    look(room);
    assert_true(tls_is_stale(room->before));
    assert_true(believes(room, room->second));
    assert_string_equal(room->bundle.trouble, "");
}

/* Goal: a file that is written for long is read once, at its end. */
static void waits_until_it_is_written(void **state) {
    struct room *room = *state;
    for (int i = 0; i < 5; i++) {
        write_text(room, &"half\n\n\n\n\n"[i]);
        look(room);
        assert_int_equal(room->bundle.err, ERR_OK);
    }
    replace(room, room->second);
    look(room);
    look(room);
    assert_true(believes(room, room->second));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stays_without_a_change, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(takes_what_is_new, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_the_old_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(waits_until_it_is_written, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what the broker has not acknowledged is bounded, in number and in
 * bytes; what is beyond is dropped; a connection that ends forgets what it was
 * owed. The link, and libmosquitto's publish call, are the test's. */
#include "gateway/mqtt/publisher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/mqtt/link.h"

enum { LARGE = 1024 * 1024 };

struct mqtt_link {
    struct mqtt_link_options options;
    bool up;
    bool breaks; /* the next write finds it gone */
    bool refuses;
    int last_id;
    int published;
    char topic[512];
};

static struct mqtt_link the_link;

err_t mqtt_link_new(const struct mqtt_link_options *options,
                    struct mqtt_link **ret) {
    the_link = (struct mqtt_link){.options = *options};
    *ret = &the_link;
    return ERR_OK;
}

void mqtt_link_free(struct mqtt_link *link) {
    link->up = false;
}

void mqtt_link_target(struct mqtt_link *link, const char *host, uint16_t port) {
    (void)host;
    (void)port;
    link->up = true;
    link->options.up(link->options.self, NULL);
}

void mqtt_link_untarget(struct mqtt_link *link) {
    link->up = false;
    link->options.down(link->options.self);
}

bool mqtt_link_is_up_since(const struct mqtt_link *link, uint64_t since_ms) {
    (void)since_ms;
    return link->up;
}

bool mqtt_link_is_up(const struct mqtt_link *link) {
    return link->up;
}

struct mosquitto *mqtt_link_client(struct mqtt_link *link) {
    (void)link;
    return NULL;
}

void mqtt_link_release(struct mqtt_link *link) {
    if (link->breaks) {
        link->breaks = false;
        link->up = false;
        link->options.down(link->options.self);
    }
}

int mosquitto_publish_v5(struct mosquitto *mosq, int *mid, const char *topic,
                         int payloadlen, const void *payload, int qos,
                         bool retain, const mosquitto_property *properties) {
    (void)mosq;
    (void)payload;
    (void)payloadlen;
    (void)properties;
    assert_int_equal(qos, 1);
    assert_false(retain);
    if (the_link.refuses) {
        return MOSQ_ERR_PAYLOAD_SIZE;
    }
    snprintf(the_link.topic, sizeof the_link.topic, "%s", topic);
    the_link.published++;
    *mid = ++the_link.last_id;
    return MOSQ_ERR_SUCCESS;
}

struct world {
    struct publisher *publisher;
    int ups;
};

static void on_up(void *self) {
    ((struct world *)self)->ups++;
}

static int setup(void **state) {
    static struct world w;
    w = (struct world){.ups = 0};
    const struct publisher_options options = {
        .store = "s", .client_id = "c", .self = &w, .up = on_up};
    assert_int_equal(publisher_new(&options, &w.publisher), ERR_OK);
    *state = &w;
    return 0;
}

static int teardown(void **state) {
    publisher_free(((struct world *)*state)->publisher);
    return 0;
}

static void publish(struct world *w, struct slice payload) {
    publisher_to_device(w->publisher, SLICE("till-1"), "notices", payload);
}

static void acknowledge(int id) {
    the_link.options.published(the_link.options.self, id);
}

static void test_topic(void **state) {
    struct world *w = *state;
    publisher_target(w->publisher, "broker", 1883);
    assert_int_equal(w->ups, 1);
    publish(w, SLICE("{}"));
    assert_string_equal(the_link.topic, "shopme/s/till-1/notices");
}

static void test_nothing_leaves_without_a_connection(void **state) {
    struct world *w = *state;
    publish(w, SLICE("{}"));
    assert_int_equal(the_link.published, 0);
    publisher_target(w->publisher, "broker", 1883);
    publisher_untarget(w->publisher);
    publish(w, SLICE("{}"));
    assert_int_equal(the_link.published, 0);
}

static void test_bounded_in_number(void **state) {
    struct world *w = *state;
    publisher_target(w->publisher, "broker", 1883);
    for (int i = 0; i < PUBLISHER_MESSAGES_MAX + 10; i++) {
        publish(w, SLICE("{}"));
    }
    assert_int_equal(the_link.published, PUBLISHER_MESSAGES_MAX);
    acknowledge(1);
    acknowledge(1); /* twice is once */
    publish(w, SLICE("{}"));
    publish(w, SLICE("{}"));
    assert_int_equal(the_link.published, PUBLISHER_MESSAGES_MAX + 1);
}

static void test_bounded_in_bytes(void **state) {
    struct world *w = *state;
    uint8_t *large = calloc(1, LARGE);
    assert_non_null(large);
    publisher_target(w->publisher, "broker", 1883);
    for (int i = 0; i < PUBLISHER_BYTES_MAX / LARGE + 1; i++) {
        publish(w, slice_of(large, LARGE));
    }
    assert_int_equal(the_link.published, PUBLISHER_BYTES_MAX / LARGE);
    acknowledge(1);
    publish(w, slice_of(large, LARGE));
    assert_int_equal(the_link.published, PUBLISHER_BYTES_MAX / LARGE + 1);
    free(large);
}

/* A new connection owes nothing of the old one's. */
static void test_a_connection_that_ends(void **state) {
    struct world *w = *state;
    publisher_target(w->publisher, "broker", 1883);
    for (int i = 0; i < PUBLISHER_MESSAGES_MAX; i++) {
        publish(w, SLICE("{}"));
    }
    publisher_untarget(w->publisher);
    publisher_target(w->publisher, "broker", 1883);
    publish(w, SLICE("{}"));
    assert_int_equal(the_link.published, PUBLISHER_MESSAGES_MAX + 1);
}

/* The write finds the connection broken: the message is not waited for. */
static void test_a_write_that_breaks(void **state) {
    struct world *w = *state;
    publisher_target(w->publisher, "broker", 1883);
    the_link.breaks = true;
    publish(w, SLICE("{}"));
    publisher_target(w->publisher, "broker", 1883);
    for (int i = 0; i < PUBLISHER_MESSAGES_MAX + 1; i++) {
        publish(w, SLICE("{}"));
    }
    assert_int_equal(the_link.published, 1 + PUBLISHER_MESSAGES_MAX);
}

static void test_what_cannot_be_published(void **state) {
    struct world *w = *state;
    char long_name[600];
    memset(long_name, 'd', sizeof long_name);
    publisher_target(w->publisher, "broker", 1883);
    publisher_to_device(w->publisher, slice_of(long_name, sizeof long_name),
                        "receipts", SLICE("{}"));
    the_link.refuses = true;
    publish(w, SLICE("{}"));
    the_link.refuses = false;
    assert_int_equal(the_link.published, 0);
    for (int i = 0; i < PUBLISHER_MESSAGES_MAX; i++) {
        publish(w, SLICE("{}"));
    }
    assert_int_equal(the_link.published, PUBLISHER_MESSAGES_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_topic, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_nothing_leaves_without_a_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bounded_in_number, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_bounded_in_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_connection_that_ends, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_write_that_breaks, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_published, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the files of conf.d change the named file as config/read.h says, each
 * finding names the file it is about, and everything that is wrong is found at
 * once. */
#include "config/read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/nearest.h"
#include "config/region.h"

enum { FILES_MAX = 40, TEXT_MAX = 64 * 1024 };

struct fixture {
    char dir[64];
    char conf_d[80];
    char main[80];
    char paths[FILES_MAX][128];
    uint32_t path_count;
    struct config config;
    struct config_sources sources;
    struct config_findings findings;
};

static int setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    strcpy(fixture->dir, "/tmp/merge_test.XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    snprintf(fixture->conf_d, sizeof fixture->conf_d, "%s/conf.d",
             fixture->dir);
    snprintf(fixture->main, sizeof fixture->main, "%s/edge.yaml", fixture->dir);
    *state = fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    unlink(fixture->main);
    for (uint32_t i = 0; i < fixture->path_count; i++) {
        unlink(fixture->paths[i]);
    }
    unlink(fixture->conf_d);
    rmdir(fixture->conf_d);
    rmdir(fixture->dir);
    free(fixture);
    return 0;
}

static void put(const char *path, const char *text) {
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(text, 1, strlen(text), stream), strlen(text));
    assert_int_equal(fclose(stream), 0);
}

static void put_main(const struct fixture *fixture, const char *text) {
    put(fixture->main, text);
}

static const char *add_file(struct fixture *fixture, const char *name,
                            const char *text) {
    assert_true(fixture->path_count < FILES_MAX);
    (void)mkdir(fixture->conf_d, 0700);
    char *path = fixture->paths[fixture->path_count++];
    snprintf(path, sizeof fixture->paths[0], "%s/%s", fixture->conf_d, name);
    put(path, text);
    return path;
}

static err_t read_files(struct fixture *fixture) {
    memset(&fixture->findings, 0, sizeof fixture->findings);
    return config_read(fixture->main, &fixture->config, &fixture->sources,
                       &fixture->findings);
}

static void read_well(struct fixture *fixture) {
    err_t err = read_files(fixture);
    if (err != ERR_OK || fixture->findings.count > 0) {
        fail_msg("%s: %s", err_name(err), fixture->findings.items[0].what.text);
    }
}

/* One finding is this: its level, its place after the file's name, and a part
 * of its text. */
static void has_finding(const struct fixture *fixture, enum config_level level,
                        const char *file, const char *place,
                        const char *words) {
    char head[200];
    snprintf(head, sizeof head, "%s%s", file, place);
    for (uint32_t i = 0; i < fixture->findings.count; i++) {
        const struct config_finding *finding = &fixture->findings.items[i];
        if (finding->level == level &&
            strncmp(finding->what.text, head, strlen(head)) == 0 &&
            strstr(finding->what.text, words) != NULL) {
            return;
        }
    }
    for (uint32_t i = 0; i < fixture->findings.count; i++) {
        print_error("found: %s\n", fixture->findings.items[i].what.text);
    }
    fail_msg("nothing at %s says \"%s\"", head, words);
}

/* --- Merging ---------------------------------------------------------------
 */

static const char fleet[] =
    "store: unnamed\n"
    "cloud: {region: eu-central-1}\n"
    "streams:\n"
    "  - {name: orders, shop: true, sink: {eventbridge: {bus: b}}}\n"
    "  - {name: telemetry, capacity: 256 MiB, when_full: drop_oldest,\n"
    "     sink: {kinesis: {stream: s}}}\n";

/* Goal: a fleet ships one file, and a store adds three lines. */
static void test_a_store_adds_three_lines(void **state) {
    struct fixture *fixture = *state;
    put_main(fixture, fleet);
    const char *own = add_file(fixture, "50-store.yaml",
                               "store: store-7\n"
                               "streams: [{name: telemetry, keep: 1 GiB}]\n"
                               "shop: {currency: JPY}\n");
    read_well(fixture);
    const struct config *config = &fixture->config;
    assert_string_equal(config->store, "store-7");
    assert_string_equal(config->currency, "JPY");
    assert_string_equal(config->cloud.region, "eu-central-1");
    assert_int_equal(config->stream_count, 2);
    assert_string_equal(config->streams[0].name, "orders");
    assert_string_equal(config->streams[1].name, "telemetry");
    assert_true(config->streams[1].keep == (uint64_t)1 << 30);
    assert_true(config->streams[1].capacity == (uint64_t)256 << 20);
    assert_int_equal(config->streams[1].when_full, CONFIG_FULL_DROP_OLDEST);
    assert_string_equal(config->streams[1].sink_name, "s");

    const struct config_sources *sources = &fixture->sources;
    assert_true(sources->complete);
    assert_int_equal(sources->file_count, 2);
    assert_string_equal(sources->files[0], fixture->main);
    assert_string_equal(sources->files[1], own);
    assert_int_equal(sources->keys[0].file, 1); /* store */
    assert_int_equal(sources->keys[0].line, 1);
    assert_int_equal(sources->keys[0].column, 8);
}

/* Goal: the last by name has the last word, whatever order the folder has. */
static void test_by_name(void **state) {
    struct fixture *fixture = *state;
    put_main(fixture, "store: main\n");
    add_file(fixture, "b.yaml", "store: b\n");
    add_file(fixture, "c.yaml", "# nothing\n");
    add_file(fixture, "a.yaml", "store: a\ndata: /a\n");
    read_well(fixture);
    assert_string_equal(fixture->config.store, "b");
    assert_string_equal(fixture->config.data, "/a");
    assert_string_equal(fixture->config.control_socket, "/a/control.sock");
    assert_int_equal(fixture->sources.file_count, 4);
}

/* Goal: an empty main file is enough if conf.d has the rest. */
static void test_main_may_be_empty(void **state) {
    struct fixture *fixture = *state;
    put_main(fixture, "# see conf.d\n");
    add_file(fixture, "a.yaml", "store: s\n");
    read_well(fixture);
    assert_string_equal(fixture->config.store, "s");
}

/* Goal: a new stream is added behind the others, and gets its priority there.
 */
static void test_a_stream_is_added(void **state) {
    struct fixture *fixture = *state;
    put_main(fixture, fleet);
    add_file(fixture, "a.yaml", "streams: [{name: video}]\n");
    read_well(fixture);
    assert_int_equal(fixture->config.stream_count, 3);
    assert_string_equal(fixture->config.streams[2].name, "video");
    assert_int_equal(fixture->config.streams[2].priority, 3);
    assert_int_equal(fixture->config.streams[2].sink, CONFIG_SINK_NONE);
}

/* Goal: where the first file lists no streams, a line of a store for one of the
 * default ones takes none of the others away. */
static void test_the_default_streams_are_merged(void **state) {
    struct fixture *fixture = *state;
    const struct config *config = &fixture->config;
    put_main(fixture, "store: s\n");
    add_file(fixture, "a.yaml",
             "streams: [{name: telemetry, keep: 1 GiB}, {name: video}]\n");
    read_well(fixture);
    assert_int_equal(config->stream_count, 3);
    assert_string_equal(config->streams[0].name, "orders");
    assert_true(config->streams[0].shop);
    assert_int_equal(config->streams[0].when_full, CONFIG_FULL_REJECT);
    assert_string_equal(config->streams[1].name, "telemetry");
    assert_int_equal(config->streams[1].keep, 1 << 30);
    assert_int_equal(config->streams[1].when_full, CONFIG_FULL_DROP_OLDEST);
    assert_string_equal(config->streams[2].name, "video");
    add_file(fixture, "b.yaml",
             "streams: [{name: orders, shop: false}, "
             "{name: telemetry, when_full: reject}]\n");
    read_well(fixture);
    assert_false(config->streams[0].shop);
    assert_int_equal(config->streams[1].when_full, CONFIG_FULL_REJECT);
}

/* Goal: a later sink replaces the earlier one; merged, they would be two. */
static void test_a_sink_is_replaced(void **state) {
    struct fixture *fixture = *state;
    put_main(fixture, fleet);
    add_file(fixture, "a.yaml",
             "streams: [{name: orders, sink: {kinesis: {stream: o}}}]\n");
    read_well(fixture);
    assert_int_equal(fixture->config.streams[0].sink, CONFIG_SINK_KINESIS);
    assert_string_equal(fixture->config.streams[0].sink_name, "o");
    assert_true(fixture->config.streams[0].shop);
}

/* Goal: a store may have its own broker though the fleet's file embeds one; in
 * one file the contradiction stays an error. */
static void test_the_broker_s_mode_changes(void **state) {
    struct fixture *fixture = *state;
    put_main(fixture, "store: s\nbroker: {mode: embedded, listen: \"a:1\"}\n");
    const char *own = add_file(fixture, "a.yaml",
                               "broker: {mode: external, address: \"b:2\"}\n");
    read_well(fixture);
    assert_int_equal(fixture->config.broker.mode, CONFIG_BROKER_EXTERNAL);
    assert_string_equal(fixture->config.broker.address.host, "b");

    put(own, "broker: {mode: external, address: \"b:2\", program: /p}\n");
    assert_int_equal(read_files(fixture), ERR_CONFIG);
    has_finding(fixture, CONFIG_ERROR, own,
                ":1:51: ", "broker.program with broker.mode external");
    assert_int_equal(fixture->findings.errors, 1);
}

/* Goal: a later file's `listen` is the whole of it, in either form, so that one
 * file says who gets in; the other keys of `broker` are merged as ever. */
static void test_listeners_are_replaced(void **state) {
    struct fixture *fixture = *state;
    const struct config_broker *broker = &fixture->config.broker;
    put_main(fixture,
             "store: s\nbroker:\n  tls: {cert_file: /c, key_file: /k}\n"
             "  listen: [{address: \"a:1\"}, {address: \"a:2\", tls: true}]\n");
    const char *own = add_file(
        fixture, "a.yaml",
        "broker: {tls: {key_file: /own}, listen: [{address: \"a:2\"}]}\n");
    read_well(fixture);
    assert_int_equal(broker->listener_count, 1);
    assert_int_equal(broker->listeners[0].address.port, 2);
    assert_false(broker->listeners[0].tls);
    assert_string_equal(broker->tls.cert_file, "/c");
    assert_string_equal(broker->tls.key_file, "/own");

    put(own, "broker: {listen: \"127.0.0.1:3\"}\n");
    read_well(fixture);
    assert_int_equal(broker->listener_count, 1);
    assert_true(broker->listeners[0].anonymous);

    put_main(fixture, "store: s\nbroker: {listen: \"127.0.0.1:3\"}\n");
    put(own, "broker: {listen: [{address: \"a:4\"}, {address: \"b:4\"}]}\n");
    read_well(fixture);
    assert_int_equal(broker->listener_count, 2);
    assert_false(broker->listeners[0].anonymous);

    put(own, "broker: {listen: [{address: \"a:4\", anonymous: true}]}\n");
    assert_int_equal(read_files(fixture), ERR_CONFIG);
    has_finding(fixture, CONFIG_ERROR, own, ":1:47: ", "anonymous: true on a");
}

/* Goal: the place of a listener's key is known, for what is found later. */
static void test_a_finding_about_a_listener(void **state) {
    struct fixture *fixture = *state;
    put_main(fixture, "store: s\nbroker:\n  listen:\n    - {address: \"a:1\"}\n"
                      "    - {address: \"a:2\", connections: 7}\n");
    read_well(fixture);
    config_find(&fixture->sources, &fixture->findings, CONFIG_WARNING,
                "broker.listen[].address", 1, "found %s", "it");
    config_find(&fixture->sources, &fixture->findings, CONFIG_WARNING,
                "broker.listen[].tls", 1, "found %s", "it");
    has_finding(fixture, CONFIG_WARNING, fixture->main, ":5:17: ", "found it");
    has_finding(fixture, CONFIG_WARNING, "broker.listen[].tls", ": ",
                "found it");
}

/* Goal: what is merged prints as one file, which reads to the same. */
static void test_print_merged(void **state) {
    struct fixture *fixture = *state;
    static char text[TEXT_MAX];
    put_main(fixture, fleet);
    add_file(fixture, "a.yaml", "streams: [{name: orders, keep: 0}]\n");
    read_well(fixture);
    struct config merged = fixture->config;
    struct writer writer = writer_over(text, sizeof text - 1);
    config_print(&merged, &writer);
    text[writer.len] = '\0';
    unlink(fixture->paths[0]);
    put_main(fixture, text);
    read_well(fixture);
    assert_int_equal(fixture->sources.file_count, 1);
    assert_memory_equal(&merged, &fixture->config, sizeof merged);
}

/* --- What is wrong ----------------------------------------------------------
 */

/* Goal: an error names the file it is in, also one that needs two files. */
static void test_errors_name_their_file(void **state) {
    static const struct {
        const char *text;
        const char *place;
        const char *words;
    } bads[] = {
        {"stor: s\n", ":1:1: ", "unknown key \"stor\""},
        {"- store\n", ":1:1: ", "found a list; expected keys"},
        {"store: [\n", ":2:1: ", "expected YAML"},
        {"store: a\nstore: b\n", ":2:1: ", "\"store\" again"},
        {"data: relative\n", ":1:7: ", "a file name that begins with /"},
        {"control_socket: c.sock\n",
         ":1:17: ", "a file name that begins with /"},
        {"broker: {program: mosquitto}\n", ":1:19: ", "begins with /"},
        {"cloud: {ca_file: ca.pem}\n", ":1:18: ", "begins with /"},
        {"streams: [{name: orders}, {name: orders}]\n",
         ":1:34: ", "a second stream called orders"},
        {"streams: [{keep: 0}]\n", ":1:11: ", "no key name"},
        {"streams: [{name: x, shop: true}]\n",
         ":1:27: ", "a second stream with shop: true"},
        {"streams: [{name: telemetry, capacity: 32 MiB}]\n",
         ":1:39: ", "a capacity of 32 MiB and segments of 16 MiB"},
        {"streams: [{name: orders, when_full: drop_oldest}]\n",
         ":1:37: ", "expected reject"},
        {"event_bytes_max: 1 MiB\n", ":1:18: ", "at most 256 KiB"},
        {"streams: [{name: orders, sink: {}}]\n", ":1:32: ", "no sink"},
        {"streams: [{name: orders, sink: 7}]\n", ":1:32: ", "a mapping"},
        {"streams: [{name: orders, sink: {eventbridge: b}}]\n",
         ":1:46: ", "a mapping"},
        {"console: {listen: \"127.0.0.1:1883\"}\n",
         ":1:19: ", "two different ports"},
    };
    struct fixture *fixture = *state;
    put_main(fixture, fleet);
    const char *own = add_file(fixture, "a.yaml", "");
    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
        put(own, bads[i].text);
        assert_int_equal(read_files(fixture), ERR_CONFIG);
        has_finding(fixture, CONFIG_ERROR, own, bads[i].place, bads[i].words);
        if (fixture->findings.errors != 1) {
            fail_msg("%s%u errors", bads[i].text, fixture->findings.errors);
        }
    }
}

/* Goal: everything at once, each at its place, and nothing that only follows
 * from another error. */
static void test_all_errors_at_once(void **state) {
    struct fixture *fixture = *state;
    put_main(fixture,
             "stor: s\n"
             "data: relative\n"
             "broker: {mode: own, address: \"a:1\"}\n"
             "streams:\n"
             "  - {name: A, sink: {}}\n"
             "  - {name: b, capacity: 1 MiB, segment: 1 GiB, keep: x}\n"
             "cloud: {region: EU}\n"
             "console: {listen: \"0.0.0.0:80\"}\n");
    const char *own = add_file(fixture, "a.yaml", "shop: {currency: euro}\n");
    assert_int_equal(read_files(fixture), ERR_CONFIG);
    const char *main = fixture->main;
    has_finding(fixture, CONFIG_ERROR, main, ":1:1: ", "unknown key \"stor\"");
    has_finding(fixture, CONFIG_ERROR, main, ":1:1: ", "no key store");
    has_finding(fixture, CONFIG_ERROR, main, ":2:7: ", "begins with /");
    has_finding(fixture, CONFIG_ERROR, main, ":3:16: ", "embedded or external");
    has_finding(fixture, CONFIG_ERROR, main, ":5:12: ", "\"A\"");
    has_finding(fixture, CONFIG_ERROR, main, ":5:21: ", "no sink");
    has_finding(fixture, CONFIG_ERROR, main, ":6:25: ", "capacity: a size");
    has_finding(fixture, CONFIG_ERROR, main, ":6:54: ", "keep: a size");
    has_finding(fixture, CONFIG_ERROR, main, ":7:17: ", "cloud.region");
    has_finding(fixture, CONFIG_WARNING, main, ":8:19: ", "no token");
    has_finding(fixture, CONFIG_ERROR, own, ":1:18: ", "3 characters");
    assert_int_equal(fixture->findings.errors, 10);
    assert_int_equal(fixture->findings.count, 11);
}

/* Goal: a file that cannot be read is the only thing said: what it would have
 * given is not missing. */
static void test_an_unreadable_file_hides_nothing_else(void **state) {
    struct fixture *fixture = *state;
    put_main(fixture, "data: /x\n");
    const char *own = add_file(fixture, "a.yaml", "store: s\n: [\n");
    assert_int_equal(read_files(fixture), ERR_CONFIG);
    has_finding(fixture, CONFIG_ERROR, own, ":2:", "expected YAML");
    assert_int_equal(fixture->findings.errors, 1);
    assert_false(fixture->sources.complete);

    /* A folder in a file's place. */
    unlink(own);
    assert_int_equal(mkdir(own, 0700), 0);
    assert_int_equal(read_files(fixture), ERR_CONFIG);
    has_finding(fixture, CONFIG_ERROR, "cannot read ", "", "Is a directory");
    rmdir(own);
}

/* Goal: more errors than are kept are counted, and a long file of them costs no
 * more than its length. */
static void test_more_errors_than_are_kept(void **state) {
    struct fixture *fixture = *state;
    static char text[TEXT_MAX];
    size_t len = (size_t)snprintf(text, sizeof text, "store: s\n");
    for (int i = 0; i < 1000; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "zz%d: 1\n", i);
    }
    put_main(fixture, text);
    assert_int_equal(read_files(fixture), ERR_CONFIG);
    assert_int_equal(fixture->findings.count, CONFIG_FINDINGS_MAX);
    assert_int_equal(fixture->findings.errors, 1000);
    assert_int_equal(fixture->findings.left_off, 1000 - CONFIG_FINDINGS_MAX);
}

/* Goal: what is in conf.d and is not read is said if it looks as if it should
 * be, and is not if an editor or a package left it there. */
static void test_other_names_in_conf_d(void **state) {
    struct fixture *fixture = *state;
    put_main(fixture, "store: s\n");
    add_file(fixture, "a.yml", "store: t\n");
    add_file(fixture, ".b.yaml", "store: t\n");
    add_file(fixture, "c.yaml.dpkg-old", "store: t\n");
    add_file(fixture, "d.yaml~", "store: t\n");
    add_file(fixture, "README", "x\n");
    assert_int_equal(read_files(fixture), ERR_OK);
    assert_string_equal(fixture->config.store, "s");
    assert_int_equal(fixture->findings.count, 1);
    has_finding(fixture, CONFIG_WARNING, fixture->conf_d, ": ",
                "found a.yml, which is not read");
}

/* Goal: at most 32 files, and the error names the folder. */
static void test_too_many_files(void **state) {
    struct fixture *fixture = *state;
    put_main(fixture, "store: s\n");
    for (int i = 0; i < 32; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d.yaml", i);
        add_file(fixture, name, "shop: {}\n");
    }
    read_well(fixture);
    assert_int_equal(fixture->sources.file_count, CONFIG_FILES_MAX);
    add_file(fixture, "33.yaml", "shop: {}\n");
    assert_int_equal(read_files(fixture), ERR_CONFIG);
    has_finding(fixture, CONFIG_ERROR, fixture->conf_d, ": ",
                "more than 32 files");
}

/* Goal: a conf.d that is no folder is an error, not an empty one. */
static void test_conf_d_is_a_file(void **state) {
    struct fixture *fixture = *state;
    put_main(fixture, "store: s\n");
    put(fixture->conf_d, "");
    assert_int_equal(read_files(fixture), ERR_CONFIG);
    has_finding(fixture, CONFIG_ERROR, "cannot read the folder ",
                fixture->conf_d, "Not a directory");
}

/* Goal: what is no file there is an error at once: to open a FIFO could wait
 * for ever. */
static void test_conf_d_has_a_fifo(void **state) {
    struct fixture *fixture = *state;
    put_main(fixture, "store: s\n");
    add_file(fixture, "a.yaml", "");
    char path[sizeof fixture->conf_d + 16];
    snprintf(path, sizeof path, "%s/a.yaml", fixture->conf_d);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(read_files(fixture), ERR_CONFIG);
    has_finding(fixture, CONFIG_ERROR, fixture->conf_d, ": ",
                "found a.yaml, which is no file");
}

/* Goal: a file named without a folder has its conf.d in the working one. */
static void test_a_name_without_a_folder(void **state) {
    struct fixture *fixture = *state;
    char before[1024];
    put_main(fixture, "store: s\n");
    add_file(fixture, "a.yaml", "store: t\n");
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(fixture->dir), 0);
    struct config config;
    struct reason reason;
    assert_int_equal(config_load("edge.yaml", &config, &reason), ERR_OK);
    assert_string_equal(config.store, "t");
    assert_int_equal(chdir(before), 0);
}

/* Goal: config_load() gives the first error, not a warning before it. */
static void test_load_gives_the_first_error(void **state) {
    struct fixture *fixture = *state;
    put_main(fixture, "store: s\nx: 1\ny: 1\n");
    add_file(fixture, "a.yml", "");
    struct config config;
    struct reason reason;
    assert_int_equal(config_load(fixture->main, &config, &reason), ERR_CONFIG);
    assert_non_null(strstr(reason.text, "edge.yaml:2:1: found the unknown"));
}

/* --- Warnings ----------------------------------------------------------------
 */

/* Goal: a region that is not known is a warning that names the nearest; with an
 * endpoint of its own it is only a word. */
static void test_unknown_region(void **state) {
    struct fixture *fixture = *state;
    put_main(fixture, "store: s\ncloud: {region: eu-centrl-1}\n");
    assert_int_equal(read_files(fixture), ERR_OK);
    assert_int_equal(fixture->findings.count, 1);
    has_finding(fixture, CONFIG_WARNING, fixture->main,
                ":2:17: ", "expected one such as eu-central-1");
    put_main(fixture, "store: s\ncloud: {region: us-gov-east-1}\n");
    read_well(fixture);
    put_main(fixture, "store: s\ncloud: {region: lab-1, endpoint: "
                      "\"https://lab:4443\"}\n");
    read_well(fixture);
}

#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A96 A32 A32 A32

/* Goal: what the store sells without is no reason to refuse a start: the page's
 * address and the control socket's path give warnings, at their places. */
static void test_guests_are_not_refused(void **state) {
    static const struct {
        const char *text;
        const char *place;
        const char *words;
    } warnings[] = {
        {"console: {listen: \"0.0.0.0:8080\"}\n",
         ":2:19: ", "found \"0.0.0.0:8080\"; the page stays closed"},
        {"console: {listen: \"shop.example:1\"}\n",
         ":2:19: ", "write 127.0.0.1:1"},
        {"console: {listen: \"[::]:80\"}\n", ":2:19: ", "no token"},
        {"console: {listen: \"300.1.2.3:80\"}\n",
         ":2:19: ", "write 127.0.0.1:80"},
        {"control_socket: /" A96 "aaaaaaaaaaaaaaaa\n",
         ":2:17: ", "113 bytes; expected at most 107"},
        {"data: /" A96 "\n", ":2:7: ", "110 bytes; expected at most 107"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof warnings / sizeof *warnings; i++) {
        char text[256];
        snprintf(text, sizeof text, "store: s\n%s", warnings[i].text);
        put_main(fixture, text);
        assert_int_equal(read_files(fixture), ERR_OK);
        assert_int_equal(fixture->findings.count, 1);
        has_finding(fixture, CONFIG_WARNING, fixture->main, warnings[i].place,
                    warnings[i].words);
    }
    put_main(fixture, "store: s\n"
                      "console: {enabled: false, listen: \"0.0.0.0:80\"}\n");
    read_well(fixture);
}

static void test_nearest(void **state) {
    (void)state;
    assert_int_equal(nearest_distance("store", SLICE("store")), 0);
    assert_int_equal(nearest_distance("store", SLICE("stor")), 1);
    assert_int_equal(nearest_distance("store", SLICE("")), 5);
    assert_int_equal(nearest_distance("", SLICE("abc")), 3);
    assert_int_equal(nearest_distance("kitten", SLICE("sitting")), 3);
    assert_string_equal(region_nearest("us-east1"), "us-east-1");
    assert_true(region_is_known("sa-east-1"));
    assert_false(region_is_known("sa-east"));
}

/* --- Files that cost more than their length ---------------------------------
 */

/* Goal: nesting is refused where it gets deep, before libyaml, which costs the
 * square of the depth, has read on: 256 KiB of it take as long as 1 KiB. An
 * alias is refused before anything is expanded. */
static void test_deep_and_large(void **state) {
    static const struct {
        const char *unit;
        const char *place;
        const char *words;
    } shapes[] = {
        {"[", ":1:17: ", "nested more than 16 deep"},
        {"{", ":1:17: ", "nested more than 16 deep"},
        {"[a,", ":1:49: ", "nested more than 16 deep"},
        {"- ", ":1:33: ", "nested more than 16 deep"},
        {"? ", ":1:33: ", "nested more than 16 deep"},
        {"- &a [*a, *a]\n", ":1:3: ", "an anchor (&)"},
    };
    struct fixture *fixture = *state;
    static char text[256 * 1024];
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t unit = strlen(shapes[i].unit);
        size_t len = 0;
        for (; len + unit < sizeof text; len += unit) {
            memcpy(text + len, shapes[i].unit, unit);
        }
        text[len] = '\0';
        put_main(fixture, text);
        clock_t began = clock();
        assert_int_equal(read_files(fixture), ERR_CONFIG);
        double took = (double)(clock() - began) / CLOCKS_PER_SEC;
        has_finding(fixture, CONFIG_ERROR, fixture->main, shapes[i].place,
                    shapes[i].words);
        assert_int_equal(fixture->findings.errors, 1);
        /* 0.01 s; as the square of the depth it was 15 s and more. */
        assert_true(took < 2.0);
    }
}

/* Goal: 16 deep is still read, and is then refused for what it says. */
static void test_sixteen_deep(void **state) {
    struct fixture *fixture = *state;
    put_main(fixture, "store: [[[[[[[[[[[[[[[s]]]]]]]]]]]]]]]\n");
    assert_int_equal(read_files(fixture), ERR_CONFIG);
    has_finding(fixture, CONFIG_ERROR, fixture->main,
                ":1:8: ", "found a list; expected store");
}

/* --- Chance ------------------------------------------------------------------
 */

static size_t read_example(char *text, size_t size) {
    FILE *stream = fopen(CONFIG_EXAMPLE, "rb");
    assert_non_null(stream);
    size_t len = fread(text, 1, size - 1, stream);
    fclose(stream);
    text[len] = '\0';
    return len;
}

static void put_bytes(const char *path, const char *bytes, size_t len) {
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, len, stream), len);
    assert_int_equal(fclose(stream), 0);
}

/* Changes a few bytes, or repeats a part elsewhere, or cuts the rest. */
static size_t mutate(char *text, size_t len) {
    static const char signs[] = "\n:-{}[]&*!|>'\"%@`#, ?";
    for (long edits = 1 + random() % 4; edits > 0; edits--) {
        size_t at = (size_t)random() % len;
        size_t from = (size_t)random() % len;
        switch (random() % 3) {
        case 0:
            text[at] = signs[(size_t)random() % (sizeof signs - 1)];
            break;
        case 1:
            len = random() % 8 == 0 && at > 0 ? at : len;
            break;
        default:
            memmove(text + at, text + from, len - (at > from ? at : from));
        }
    }
    return len;
}

/* Goal: whatever the second file holds, reading ends in a configuration or
 * in errors that each name a place. */
static void test_mutations(void **state) {
    struct fixture *fixture = *state;
    static char example[TEXT_MAX];
    static char text[TEXT_MAX];
    size_t example_len = read_example(example, sizeof example);
    const char *given = getenv("EDGE_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10)
                                  : (unsigned)time(NULL);
    print_message("seed %u (repeat with EDGE_SEED=%u)\n", seed, seed);
    srandom(seed);
    put_bytes(fixture->main, example, example_len);
    const char *own = add_file(fixture, "a.yaml", "");
    unsigned good = 0;
    for (int round = 0; round < 1000; round++) {
        memcpy(text, example, example_len);
        put_bytes(own, text, mutate(text, example_len));
        if (read_files(fixture) == ERR_OK) {
            good++;
            assert_int_equal(fixture->findings.errors, 0);
            continue;
        }
        assert_true(fixture->findings.errors > 0);
        for (uint32_t i = 0; i < fixture->findings.count; i++) {
            unsigned line = 0;
            unsigned column = 0;
            const char *what = fixture->findings.items[i].what.text;
            const char *place = strstr(what, ".yaml:");
            if (place == NULL ||
                sscanf(place, ".yaml:%u:%u: found", &line, &column) != 2 ||
                line == 0 || column == 0) {
                fail_msg("round %d: %s", round, what);
            }
        }
    }
    print_message("%u of 1000 mutated files loaded\n", good);
    assert_in_range(good, 1, 999);
}

#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FILES(test_a_store_adds_three_lines),
        WITH_FILES(test_by_name),
        WITH_FILES(test_main_may_be_empty),
        WITH_FILES(test_a_stream_is_added),
        WITH_FILES(test_the_default_streams_are_merged),
        WITH_FILES(test_a_sink_is_replaced),
        WITH_FILES(test_the_broker_s_mode_changes),
        WITH_FILES(test_listeners_are_replaced),
        WITH_FILES(test_a_finding_about_a_listener),
        WITH_FILES(test_print_merged),
        WITH_FILES(test_errors_name_their_file),
        WITH_FILES(test_all_errors_at_once),
        WITH_FILES(test_an_unreadable_file_hides_nothing_else),
        WITH_FILES(test_more_errors_than_are_kept),
        WITH_FILES(test_other_names_in_conf_d),
        WITH_FILES(test_conf_d_has_a_fifo),
        WITH_FILES(test_too_many_files),
        WITH_FILES(test_conf_d_is_a_file),
        WITH_FILES(test_a_name_without_a_folder),
        WITH_FILES(test_load_gives_the_first_error),
        WITH_FILES(test_unknown_region),
        WITH_FILES(test_guests_are_not_refused),
        cmocka_unit_test(test_nearest),
        WITH_FILES(test_deep_and_large),
        WITH_FILES(test_sixteen_deep),
        WITH_FILES(test_mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

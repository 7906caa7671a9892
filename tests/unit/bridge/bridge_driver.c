/* SPDX-License-Identifier: Apache-2.0 */
/* A bridge without a gateway: journals events when told to and carries them,
 * for tests that stand on the other side of the wire.
 *
 *   bridge_driver DIR REGION ENDPOINT CA-FILE STREAM...
 *   STREAM is name:priority:eventbridge|kinesis|none:target
 *
 * Commands come on standard input, one a line; each is answered by one line of
 * JSON: append STREAM COUNT KEYS BYTES, pause, resume, status, quit. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "bridge/bridge.h"
#include "gateway/event/event.h"
#include "gateway/jobs/jobs.h"

enum { LINE_MAX_LEN = 4096, EVENT_ROOM = 2 * 1024 * 1024 };

struct driver {
    struct platform platform;
    struct config config;
    char *dirs[CONFIG_STREAMS_MAX];
    struct journal *journals[CONFIG_STREAMS_MAX];
    struct bridge *bridge;
    uint64_t changes; /* counted on the bridge's thread, read after it ended */
};

/* As a JSON string's inside, near enough for a test to read. */
static const char *plain(const char *text, char *ret, size_t ret_size) {
    snprintf(ret, ret_size, "%s", text);
    for (char *c = ret; *c != '\0'; c++) {
        *c = *c == '"' || *c == '\\' ? '\'' : *c;
    }
    return ret;
}

static void fail(const char *what, const char *why) {
    char words[512];
    printf("{\"error\": \"%s: %s\"}\n", what, plain(why, words, sizeof words));
    fflush(stdout);
    exit(1);
}

static void on_changed(void *context) {
    struct driver *driver = context;
    driver->changes++;
}

/* --- setting up --------------------------------------------------------- */

static enum config_sink sink_named(const char *name) {
    if (strcmp(name, "eventbridge") == 0) {
        return CONFIG_SINK_EVENTBRIDGE;
    }
    return strncmp(name, "kinesis", 7) == 0 ? CONFIG_SINK_KINESIS
                                            : CONFIG_SINK_NONE;
}

static uint32_t number_of(const char *variable, uint32_t otherwise) {
    const char *text = getenv(variable);
    return text != NULL ? (uint32_t)strtoul(text, NULL, 10) : otherwise;
}

static void add_stream(struct driver *driver, const char *text) {
    struct config_stream *stream =
        &driver->config.streams[driver->config.stream_count++];
    char sink[32];
    if (sscanf(text, "%63[^:]:%u:%31[^:]:%255s", stream->name,
               &stream->priority, sink, stream->sink_name) != 4) {
        fail("stream", "name:priority:sink:target");
    }
    stream->sink = sink_named(sink);
    stream->wire =
        strstr(sink, "-cbor") != NULL ? CONFIG_WIRE_CBOR : CONFIG_WIRE_JSON;
    stream->aggregate = strstr(sink, "-kpl") != NULL;
    stream->linger_ms = number_of("EDGE_LINGER_MS", 20);
}

static void read_arguments(struct driver *driver, int argc, char **argv) {
    if (argc < 6 || argc - 5 > CONFIG_STREAMS_MAX) {
        fail("usage", "DIR REGION ENDPOINT CA-FILE STREAM...");
    }
    struct config *config = &driver->config;
    snprintf(config->store, sizeof config->store, "store-7");
    snprintf(config->data, sizeof config->data, "%s", argv[1]);
    snprintf(config->cloud.region, sizeof config->cloud.region, "%s", argv[2]);
    snprintf(config->cloud.endpoint, sizeof config->cloud.endpoint, "%s",
             argv[3]);
    snprintf(config->cloud.ca_file, sizeof config->cloud.ca_file, "%s",
             argv[4]);
    config->cloud.connections = number_of("EDGE_CONNECTIONS", 8);
    config->cloud.lanes = number_of("EDGE_LANES", 16);
    snprintf(config->cloud.source_prefix, sizeof config->cloud.source_prefix,
             "com.shopme");
    for (int i = 5; i < argc; i++) {
        add_stream(driver, argv[i]);
    }
}

static void open_journals(struct driver *driver, const char *data) {
    for (uint32_t i = 0; i < driver->config.stream_count; i++) {
        const char *name = driver->config.streams[i].name;
        if (asprintf(&driver->dirs[i], "%s/%s", data, name) < 0) {
            fail("directory", "no memory");
        }
        struct journal_options options = {
            .platform = &driver->platform,
            .dir = driver->dirs[i],
            .store = driver->config.store,
            .stream = name,
        };
        struct reason reason = {""};
        if (journal_open(&options, &driver->journals[i], &reason) != ERR_OK) {
            fail("journal", reason.text);
        }
    }
}

static void start_bridge(struct driver *driver) {
    struct bridge_options options = {
        .platform = &driver->platform,
        .config = &driver->config,
        .stream_count = driver->config.stream_count,
        .changed = on_changed,
        .context = driver,
    };
    for (uint32_t i = 0; i < options.stream_count; i++) {
        options.streams[i] = (struct bridge_stream_options){
            .config = &driver->config.streams[i],
            .dir = driver->dirs[i],
            .journal_id = journal_id(driver->journals[i]),
            .position = journal_position(driver->journals[i]),
        };
    }
    struct reason reason = {""};
    err_t err = bridge_start(&options, &driver->bridge, &reason);
    if (err != ERR_OK) {
        fail(err_name(err), reason.text);
    }
}

/* --- commands ----------------------------------------------------------- */

static uint32_t stream_named(const struct driver *driver, const char *name) {
    for (uint32_t i = 0; i < driver->config.stream_count; i++) {
        if (strcmp(driver->config.streams[i].name, name) == 0) {
            return i;
        }
    }
    fail("no such stream", name);
    return 0;
}

/* An event whose id and data name its place in the journal. */
static struct slice make_event(uint64_t number, uint64_t keys, size_t bytes,
                               uint8_t *memory) {
    char id[32];
    char subject[32];
    char *data = (char *)memory + EVENT_ROOM / 2;
    snprintf(id, sizeof id, "e%" PRIu64, number);
    snprintf(subject, sizeof subject, "k%" PRIu64, number % keys);
    int head = snprintf(data, 64, "{\"n\":%" PRIu64 ",\"pad\":\"", number);
    memset(data + head, 'x', bytes);
    memcpy(data + head + bytes, "\"}", 2);
    struct event event = {
        .id = slice_from_str(id),
        .source = SLICE("/store-7/sensor"),
        .type = SLICE("ReadingTaken"),
        .subject = slice_from_str(subject),
        .datacontenttype = SLICE("application/json"),
        .data_kind = EVENT_DATA_JSON,
        .data = slice_of(data, (size_t)head + bytes + 2),
    };
    struct writer writer = writer_over(memory, EVENT_ROOM / 2);
    event_store(&event, &writer);
    if (writer.full) {
        fail("event", "too large");
    }
    return writer_slice(&writer);
}

static void commit(struct driver *driver, struct journal *journal) {
    struct reason reason = {""};
    if (journal_commit(journal, &reason) != ERR_OK) {
        fail("commit", reason.text);
    }
    bridge_wake(driver->bridge);
}

static void append(struct driver *driver, const char *line) {
    char name[CONFIG_NAME_MAX];
    uint64_t count;
    uint64_t keys;
    size_t bytes;
    if (sscanf(line, "append %63s %" SCNu64 " %" SCNu64 " %zu", name, &count,
               &keys, &bytes) != 4 ||
        keys == 0 || bytes > EVENT_ROOM / 2 - 128) {
        fail("append", "STREAM COUNT KEYS BYTES");
    }
    struct journal *journal = driver->journals[stream_named(driver, name)];
    uint8_t *memory = malloc(EVENT_ROOM);
    if (memory == NULL) {
        fail("append", "no memory");
    }
    journal_begin(journal);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t seq = journal_next_seq(journal);
        struct slice stored = make_event(seq, keys, bytes, memory);
        err_t err = journal_append(journal, stored, &seq);
        if (err == ERR_FULL) {
            commit(driver, journal);
            journal_begin(journal);
            err = journal_append(journal, stored, &seq);
        }
        if (err != ERR_OK) {
            fail("append", err_name(err));
        }
    }
    commit(driver, journal);
    free(memory);
    printf("{\"end\": %" PRIu64 "}\n", journal_next_seq(journal));
}

static void print_stream(const char *name,
                         const struct bridge_stream_status *status) {
    char words[sizeof status->last_error];
    printf("\"%s\": {\"link\": \"%s\", \"cursor\": %" PRIu64
           ", \"end\": %" PRIu64 ", \"sent\": %" PRIu64
           ", \"repeated\": %" PRIu64 ", \"requests\": %" PRIu64
           ", \"failures\": %" PRIu64 ", \"refused\": %" PRIu64
           ", \"confirmed_us\": %" PRId64 ", \"last_error\": \"%s\"}",
           name, bridge_link_name(status->link), status->cursor, status->end,
           status->sent, status->repeated, status->requests, status->failures,
           status->refused, status->confirmed_us,
           plain(status->last_error, words, sizeof words));
}

static int64_t time_us(const struct timeval *time) {
    return (int64_t)time->tv_sec * 1000000 + time->tv_usec;
}

static void print_status(struct driver *driver) {
    struct bridge_status status;
    struct rusage usage;
    bridge_status(driver->bridge, &status);
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"offset_ms\": %" PRId64
           ", \"rss_max_kib\": %ld, \"cpu_us\": %" PRId64 ", \"streams\": {",
           status.clock_offset_ms, usage.ru_maxrss,
           time_us(&usage.ru_utime) + time_us(&usage.ru_stime));
    for (uint32_t i = 0; i < status.stream_count; i++) {
        printf("%s", i > 0 ? ", " : "");
        print_stream(driver->config.streams[i].name, &status.streams[i]);
    }
    printf("}}\n");
}

static void obey(struct driver *driver, const char *line) {
    if (strncmp(line, "append ", 7) == 0) {
        append(driver, line);
    } else if (strcmp(line, "pause") == 0 || strcmp(line, "resume") == 0) {
        bridge_pause(driver->bridge, line[0] == 'p');
        printf("{}\n");
    } else if (strcmp(line, "status") == 0) {
        print_status(driver);
    } else {
        fail("no such command", line);
    }
    fflush(stdout);
}

int main(int argc, char **argv) {
    static struct driver driver;
    job_pool_size();
    driver.platform = platform_real();
    read_arguments(&driver, argc, argv);
    open_journals(&driver, argv[1]);
    start_bridge(&driver);
    printf("{\"ready\": true}\n");
    fflush(stdout);
    char line[LINE_MAX_LEN];
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "quit") == 0) {
            break;
        }
        obey(&driver, line);
    }
    bridge_stop(driver.bridge);
    for (uint32_t i = 0; i < driver.config.stream_count; i++) {
        journal_close(driver.journals[i]);
        free(driver.dirs[i]);
    }
    printf("{\"stopped\": true, \"changes\": %" PRIu64 "}\n", driver.changes);
    return 0;
}

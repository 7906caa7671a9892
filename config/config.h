/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: a YAML file checked against one table (name, type, unit,
 * range, default, a line of help). An unknown key is an error; every error
 * names file, line and column, and what was expected. `${ENV}` is not expanded;
 * secrets come from elsewhere (cloud.credentials). */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "config/broker.h"
#include "config/cloud.h"
#include "config/policies.h"
#include "config/words.h"
#include "gateway/base/base.h"

enum {
    CONFIG_STREAMS_MAX = 8,
    /* The largest event_bytes_max with an EventBridge sink, which accepts
     * 262,143 bytes an entry. It is one byte more than that; the room the
     * gateway keeps free for the sink (gateway/stream/intake.c) makes up for
     * it. */
    CONFIG_EVENTBRIDGE_BYTES_MAX = 256 * 1024,
};

#define CONFIG_CAPACITY_MAX ((uint64_t)1 << 40) /* 1 TiB */

/* In the order of enum log_level (gateway/base/log.h). */
enum config_log_level {
    CONFIG_LOG_ERROR,
    CONFIG_LOG_WARN,
    CONFIG_LOG_INFO,
    CONFIG_LOG_DEBUG,
};

enum config_sink {
    CONFIG_SINK_NONE,
    CONFIG_SINK_EVENTBRIDGE,
    CONFIG_SINK_KINESIS,
};

enum config_detail {                           /* of EventBridge's entries */
                     CONFIG_DETAIL_CLOUDEVENT, /* the event */
                     CONFIG_DETAIL_DATA,       /* its data alone */
};

enum config_request { /* the largest to EventBridge */
                      CONFIG_REQUEST_256KIB,
                      CONFIG_REQUEST_1MIB,
};

enum config_wire { /* of Kinesis */
                   CONFIG_WIRE_JSON,
                   CONFIG_WIRE_CBOR,
};

struct config_stream {
    char name[CONFIG_NAME_MAX]; /* also its topic's leaf; [a-z0-9-]+ */
    bool shop;                  /* runs the choreography; at most one does */
    uint32_t priority; /* 1 is sent first; default its place in the list */
    uint64_t capacity; /* bytes its journal may take; default 1 GiB, for the
                          shop's stream CONFIG_CAPACITY_MAX */
    uint64_t segment_bytes; /* of each file of its journal; default 16 MiB; the
                               capacity is at least four times as much */
    enum config_full when_full; /* at its capacity, or on a full disk */
    uint64_t keep; /* bytes of delivered events that are kept; default 64 MiB */
    uint64_t keep_for_ms; /* how long they are kept in addition; default 0 */
    uint64_t keep_max_ms; /* how long at most; 0: no limit; default 30 d */
    uint32_t ids; /* of devices' events remembered to tell repeats; default
                     131072 */
    uint32_t commit_delay_ms; /* how long a batch waits for more; default 0 */
    enum config_rot on_rot;
    enum config_sink sink;
    char sink_name[256];   /* eventbridge: bus; kinesis: stream; name or ARN */
    enum config_wire wire; /* sink.kinesis.wire; default json */
    bool aggregate;        /* sink.kinesis.aggregate; default no */
    uint32_t linger_ms;    /* sink.kinesis.linger; default 100 */
    enum config_detail detail;      /* sink.eventbridge.detail */
    enum config_request request;    /* sink.eventbridge.request; 256KiB */
    enum config_refused on_refused; /* for good, by the sink */
};

struct config {
    char store[CONFIG_NAME_MAX]; /* required; [A-Za-z0-9._-]+ */
    char data[CONFIG_PATH_MAX];  /* default /var/lib/shopme-edge */
    uint32_t event_bytes_max;    /* default 256 KiB, EventBridge's limit */
    uint64_t free_floor; /* bytes of the disk to leave free; default 64 MiB */
    enum config_log_level log_level; /* default info */
    struct config_broker broker;
    struct config_stream streams[CONFIG_STREAMS_MAX];
    uint32_t stream_count;
    struct config_cloud cloud;
    uint64_t dead_capacity; /* dead.capacity: bytes of dead letters; 64 MiB */
    uint64_t dead_keep_ms;  /* dead.keep: how long at most; 0: no limit; 30 d */
    char currency[4];       /* shop.currency; default EUR */
    enum config_sku_case sku_case;        /* default keep */
    enum config_unknown_sku unknown_sku;  /* default accept */
    enum config_oversell oversell;        /* default reject */
    uint64_t payment_deadline_ms;         /* shop.payment_deadline; 90 s */
    bool console_enabled;                 /* console.enabled; default true */
    struct config_address console;        /* console.listen: loopback only */
    char control_socket[CONFIG_PATH_MAX]; /* default <data>/control.sock */
};

/* Reads `path`. On ERR_CONFIG or ERR_NOT_FOUND `reason` holds
 * "file:line:column: what was found; what was expected". `ret` is untouched on
 * failure. Without a `streams` list the two usual ones are taken (orders,
 * telemetry), without sinks. */
err_t config_load(const char *path, struct config *ret,
                  struct reason *reason) MUST_USE;

/* Writes every key with type, default and help, for `check --describe`. */
void config_describe(struct writer *writer);

/* The configuration after defaults, as YAML that loads to the same. */
void config_print(const struct config *config, struct writer *writer);

/* Reads "https://HOST[:PORT][/]", the form of cloud.endpoint; the port is 443
 * if none is given. HOST is a name, an IPv4 address, or an IPv6 one in
 * brackets, which `ret` is without. ERR_RANGE. */
err_t config_url_read(struct slice text, struct config_address *ret) MUST_USE;
/* Reads "http://HOST:PORT[/]", the form of cloud.proxy; HOST is a name or an
 * address, an IPv6 one in brackets. ERR_RANGE. */
err_t config_proxy_read(struct slice text, struct config_address *ret) MUST_USE;

#endif

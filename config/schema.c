/* SPDX-License-Identifier: Apache-2.0 */
#include "config/schema.h"

#include <stddef.h>

#define IN_CONFIG(member)                      \
    .offset = offsetof(struct config, member), \
    .size = sizeof(((struct config *)0)->member)
#define IN_STREAM(member)                             \
    .offset = offsetof(struct config_stream, member), \
    .size = sizeof(((struct config_stream *)0)->member)

#define IN_LISTENER(member)                             \
    .offset = offsetof(struct config_listener, member), \
    .size = sizeof(((struct config_listener *)0)->member)

#define MIB ((uint64_t)1024 * 1024)
#define TIB CONFIG_CAPACITY_MAX

#define DAY_MS (24 * 60 * 60 * 1000)

#define NAME_CHARS "A-Za-z0-9._-"

const struct config_key config_keys[CONFIG_KEY_COUNT] = {
    {"store", CONFIG_NAME, .required = true, IN_CONFIG(store), .min = 1,
     .max = CONFIG_NAME_MAX - 1, .chars = NAME_CHARS,
     .help = "The store's name; part of every topic and of every event's "
             "source."},
    {"data", CONFIG_PATH, IN_CONFIG(data), .fallback = "/var/lib/shopme-edge",
     .help = "The folder of the journals; put it on a disk that keeps what it "
             "has synced."},
    {"control_socket", CONFIG_PATH, IN_CONFIG(control_socket),
     .help = "Unix socket through which the command line reaches the gateway; "
             "default control.sock in the data directory."},
    {"event_bytes_max", CONFIG_SIZE, IN_CONFIG(event_bytes_max),
     .min = 8 * 1024, .max = 1024 * 1024, .fallback = "256 KiB",
     .help =
         "The largest event accepted from a device, 4 KiB of which are kept "
         "for what the gateway adds; with EventBridge at most 256 KiB."},

    {"free_floor", CONFIG_SIZE, IN_CONFIG(free_floor), .min = 0, .max = TIB,
     .fallback = "64 MiB",
     .help = "Free space that the journals leave on the disk of `data`."},

    {"log_level", CONFIG_ENUM, .reloadable = true, IN_CONFIG(log_level),
     .words = {"error", "warn", "info", "debug"}, .fallback = "info",
     .help = "Which lines are logged: these and all that are more serious; "
             "`run --log-level` overrides it."},

    {"broker", CONFIG_SECTION, .help = "The store's MQTT broker."},
    {"broker.mode", CONFIG_ENUM, IN_CONFIG(broker.mode),
     .words = {"embedded", "external"}, .fallback = "embedded",
     .help = "embedded: the gateway runs Mosquitto; external: the site has a "
             "broker."},
    {"broker.listen", CONFIG_LISTEN, .when = CONFIG_WHEN_EMBEDDED,
     IN_CONFIG(broker.listeners), .min = 0, .max = 65535,
     .fallback = "127.0.0.1:1883",
     .help = "Where devices connect: one address of this machine, for devices "
             "without an account, or a list; the last file that has it "
             "replaces it whole."},
    {"broker.listen[].address", CONFIG_ADDRESS, .required = true,
     IN_LISTENER(address), .min = 0, .max = 65535,
     .help = "An address of this machine, such as \"0.0.0.0:1884\"; a device "
             "there has a user name and a password (shopme-edge device add)."},
    {"broker.listen[].anonymous", CONFIG_BOOL, IN_LISTENER(anonymous),
     .fallback = "false",
     .help = "Lets in devices without a user name, too; on a loopback address "
             "only."},
    {"broker.listen[].tls", CONFIG_BOOL, IN_LISTENER(tls), .fallback = "false",
     .help = "TLS 1.2 or 1.3, with the certificate of broker.tls."},
    {"broker.listen[].certificates", CONFIG_BOOL, IN_LISTENER(certificates),
     .fallback = "false",
     .help = "A device shows a certificate of broker.tls.ca_file in place of "
             "a password; with tls: true."},
    {"broker.listen[].connections", CONFIG_UINT, IN_LISTENER(connections),
     .min = 1, .max = 10000, .fallback = "1000",
     .help = "How many devices may be connected there at one time."},
    {"broker.tls", CONFIG_SECTION,
     .help = "The files for the listeners with tls: true."},
    {"broker.tls.cert_file", CONFIG_PATH, .when = CONFIG_WHEN_EMBEDDED,
     IN_CONFIG(broker.tls.cert_file),
     .help = "The broker's certificate, and those between it and its "
             "authority; default pki/server.pem in the data directory."},
    {"broker.tls.key_file", CONFIG_PATH, .when = CONFIG_WHEN_EMBEDDED,
     IN_CONFIG(broker.tls.key_file),
     .help = "Its private key, which no other user may read; default "
             "pki/server.key in the data directory."},
    {"broker.tls.ca_file", CONFIG_PATH, .when = CONFIG_WHEN_EMBEDDED,
     IN_CONFIG(broker.tls.ca_file),
     .help = "The authority of the devices' certificates, ours or the "
             "company's; default pki/ca.pem in the data directory."},
    {"broker.tls.crl_file", CONFIG_PATH, .when = CONFIG_WHEN_EMBEDDED,
     IN_CONFIG(broker.tls.crl_file),
     .help = "The authority's list of revoked certificates, if it has one; "
             "default pki/crl.pem in the data directory."},
    {"broker.tls.crl_expired", CONFIG_ENUM, .when = CONFIG_WHEN_EMBEDDED,
     IN_CONFIG(broker.tls.crl_expired), .words = {"ignore", "refuse"},
     .fallback = "ignore",
     .help = "What a list past its end means: ignore: what it revokes stays "
             "revoked, and the gateway is degraded; refuse: nobody comes by "
             "certificate."},
    {"broker.silent_after", CONFIG_DURATION, .reloadable = true,
     .when = CONFIG_WHEN_EMBEDDED, IN_CONFIG(broker.silent_after_ms), .min = 0,
     .max = (uint64_t)365 * DAY_MS, .fallback = "0",
     .help = "A device with an account from which nothing came for so long is "
             "reported; 0: never."},
    {"broker.program", CONFIG_PATH, .when = CONFIG_WHEN_EMBEDDED,
     IN_CONFIG(broker.program), .fallback = "/usr/sbin/mosquitto",
     .help = "The broker to run."},
    {"broker.address", CONFIG_ADDRESS, .when = CONFIG_WHEN_EXTERNAL,
     IN_CONFIG(broker.address), .min = 1, .max = 65535,
     .help = "The site's broker; required with mode: external."},
    {"broker.user", CONFIG_NAME, .when = CONFIG_WHEN_EXTERNAL,
     IN_CONFIG(broker.user), .min = 1, .max = CONFIG_NAME_MAX - 1,
     .chars = "A-Za-z0-9._@:/+=-",
     .help = "The gateway's user name at the site's broker."},
    {"broker.password_file", CONFIG_PATH, .when = CONFIG_WHEN_EXTERNAL,
     IN_CONFIG(broker.password_file),
     .help = "A file whose first line is its password, which no other user "
             "may read (mode 0600)."},
    {"broker.client_tls", CONFIG_SECTION,
     .help = "Reaches the site's broker by TLS 1.2 or 1.3."},
    {"broker.client_tls.ca_file", CONFIG_PATH, .required = true,
     .when = CONFIG_WHEN_EXTERNAL, IN_CONFIG(broker.client_tls.ca_file),
     .help = "The authorities that may have signed its certificate, such as "
             "/etc/ssl/certs/ca-certificates.crt."},
    {"broker.client_tls.cert_file", CONFIG_PATH, .when = CONFIG_WHEN_EXTERNAL,
     IN_CONFIG(broker.client_tls.cert_file),
     .help = "The gateway's own certificate, if the broker asks for one."},
    {"broker.client_tls.key_file", CONFIG_PATH, .when = CONFIG_WHEN_EXTERNAL,
     IN_CONFIG(broker.client_tls.key_file),
     .help = "Its private key, which no other user may read."},

    {"streams", CONFIG_LIST,
     .help = "What is journaled and where it is sent; default orders (shop: "
             "true) and telemetry, kept in the store; the files of conf.d are "
             "merged with that by `name`."},
    {"streams[].name", CONFIG_NAME, .required = true, IN_STREAM(name), .min = 1,
     .max = CONFIG_NAME_MAX - 1, .chars = "a-z0-9-",
     .help = "The stream's name; the last part of its topic."},
    {"streams[].shop", CONFIG_BOOL, IN_STREAM(shop), .fallback = "false",
     .help = "Runs the order choreography on this stream; at most one stream "
             "may."},
    {"streams[].priority", CONFIG_UINT, IN_STREAM(priority), .min = 1,
     .max = 100,
     .help = "1 is sent first after an outage; default its place in the list."},
    {"streams[].capacity", CONFIG_SIZE, IN_STREAM(capacity), .min = 32 * MIB,
     .max = TIB, .fallback = "1 GiB",
     .help = "Disk space that the stream's journal may use; the shop's stream "
             "has a default of 1 TiB, so it sells as long as the disk has "
             "room."},
    {"streams[].segment", CONFIG_SIZE, IN_STREAM(segment_bytes), .min = 8 * MIB,
     .max = (uint64_t)1024 * MIB, .fallback = "16 MiB",
     .help = "The size of one journal file, which is created, dropped and "
             "set aside as a whole; `capacity` is at least four of them."},
    {"streams[].ids", CONFIG_UINT, IN_STREAM(ids), .min = 8192,
     .max = (uint64_t)4 * 1024 * 1024, .fallback = "131072",
     .help = "How many ids of events are remembered to tell repeats, at most "
             "4096 a device; 64 bytes of memory each: 131072 are 8 MiB."},
    {"streams[].commit_delay", CONFIG_DURATION, .reloadable = true,
     IN_STREAM(commit_delay_ms), .min = 0, .max = 10 * 1000, .fallback = "0",
     .help = "An event's longest wait to be written together with others, "
             "which spares flash: of 20 readings a second 1 s writes under 2 "
             "bytes a byte, 50 ms 15; receipts wait, and a crash makes devices "
             "repeat."},
    {"streams[].when_full", CONFIG_ENUM, IN_STREAM(when_full),
     .words = {"reject", "drop_oldest"}, .fallback = "reject",
     .help = "reject: devices keep their events until there is room; "
             "drop_oldest: the oldest events are dropped, and EventsDropped "
             "names them."},
    {"streams[].keep", CONFIG_SIZE, .reloadable = true, IN_STREAM(keep),
     .min = 0, .max = TIB, .fallback = "64 MiB",
     .help = "How many bytes of events stay in the journal after the cloud "
             "has them."},
    {"streams[].keep_for", CONFIG_DURATION, .reloadable = true,
     IN_STREAM(keep_for_ms), .min = 0, .max = (uint64_t)3650 * DAY_MS,
     .fallback = "0",
     .help = "How long events stay after that, beyond `keep` too, while there "
             "is room."},
    {"streams[].keep_max", CONFIG_DURATION, IN_STREAM(keep_max_ms), .min = 0,
     .max = (uint64_t)3650 * DAY_MS, .fallback = "30 d",
     .help = "How long events stay at most once the cloud has them, whatever "
             "`keep` says, and files that were set aside too; 0: no limit; "
             "default at least `keep_for`."},
    {"streams[].on_rot", CONFIG_ENUM, IN_STREAM(on_rot),
     .words = {"quarantine", "stop"}, .fallback = "quarantine",
     .help = "What a start does when the disk has lost events: quarantine sets "
             "the damage aside, announces what is lost (JournalDamaged) and "
             "continues; stop does not start."},
    {"streams[].on_refused", CONFIG_ENUM, IN_STREAM(on_refused),
     .words = {"dead", "hold"}, .fallback = "dead",
     .help = "What the cloud refuses for good: dead: it becomes a dead letter "
             "(shopme-edge dead) and the stream goes on; hold: it stays, is "
             "tried again, and in the end holds the stream."},
    {"streams[].sink", CONFIG_SECTION,
     .help = "Where the stream is sent; without a sink it stays in the "
             "store."},
    {"streams[].sink.eventbridge", CONFIG_SECTION,
     .help = "Amazon EventBridge."},
    {"streams[].sink.eventbridge.bus", CONFIG_NAME, .required = true,
     IN_STREAM(sink_name), .min = 1, .max = 255, .chars = "A-Za-z0-9._/:-",
     .help = "The event bus: its name or ARN."},
    {"streams[].sink.eventbridge.detail", CONFIG_ENUM, IN_STREAM(detail),
     .words = {"cloudevent", "data"}, .fallback = "cloudevent",
     .help = "What Detail is: cloudevent, the whole event; data, only its "
             "data: without an id or a number nobody can drop repeats or see "
             "gaps, and data that is no object is not sent."},
    {"streams[].sink.eventbridge.request", CONFIG_ENUM, IN_STREAM(request),
     .words = {"256KiB", "1MiB"}, .fallback = "256KiB",
     .help = "The largest request, and so the largest event: 1MiB where AWS "
             "takes that (since 2025, not yet in every region)."},
    {"streams[].sink.kinesis", CONFIG_SECTION,
     .help = "Amazon Kinesis Data Streams."},
    {"streams[].sink.kinesis.stream", CONFIG_NAME, .required = true,
     IN_STREAM(sink_name), .min = 1, .max = 255, .chars = "A-Za-z0-9._/:-",
     .help = "The data stream: its name or ARN."},
    {"streams[].sink.kinesis.wire", CONFIG_ENUM, IN_STREAM(wire),
     .words = {"json", "cbor"}, .fallback = "json",
     .help = "How requests are written: json, as AWS documents it; cbor, as "
             "AWS's Java SDK does, a quarter fewer bytes and less work."},
    {"streams[].sink.kinesis.aggregate", CONFIG_BOOL, IN_STREAM(aggregate),
     .fallback = "false",
     .help = "Many events in one record, in the KPL's format, which costs far "
             "less: the KCL and Firehose unpack it, a Lambda must do so "
             "itself, and its filters do not see inside."},
    {"streams[].sink.kinesis.linger", CONFIG_DURATION, IN_STREAM(linger_ms),
     .min = 0, .max = 60000, .fallback = "100 ms",
     .help = "How long events wait for others to share a record with, if it is "
             "not full; twice as long at most."},

    {"cloud", CONFIG_SECTION,
     .help = "The connection to AWS; no key of AWS stands in a file like "
             "this."},
    {"cloud.region", CONFIG_NAME, IN_CONFIG(cloud.region), .min = 1,
     .max = CONFIG_NAME_MAX - 1, .chars = "a-z0-9-",
     .help = "The AWS region, such as eu-central-1; required with a sink; "
             "default AWS_REGION, else AWS_DEFAULT_REGION."},
    {"cloud.endpoint", CONFIG_URL, IN_CONFIG(cloud.endpoint),
     .help =
         "One endpoint for all services, which its certificate names; default "
         "AWS's own for the region."},
    {"cloud.endpoints", CONFIG_SECTION,
     .help = "The endpoint of one service; it goes before cloud.endpoint."},
    {"cloud.endpoints.eventbridge", CONFIG_URL,
     IN_CONFIG(cloud.endpoint_eventbridge),
     .help = "EventBridge's, such as that of a VPC endpoint; default "
             "AWS_ENDPOINT_URL_EVENTBRIDGE."},
    {"cloud.endpoints.kinesis", CONFIG_URL, IN_CONFIG(cloud.endpoint_kinesis),
     .help = "Kinesis', likewise; default AWS_ENDPOINT_URL_KINESIS."},
    {"cloud.proxy", CONFIG_PROXY, IN_CONFIG(cloud.proxy),
     .help =
         "The HTTP proxy to reach the cloud by, http://HOST:PORT, for every "
         "host, or none; default what HTTPS_PROXY and NO_PROXY say."},
    {"cloud.proxy_login_file", CONFIG_PATH, IN_CONFIG(cloud.proxy_login_file),
     .help = "A file whose first line is USER:PASSWORD for cloud.proxy, which "
             "no other user may read (mode 0600)."},
    {"cloud.ca_file", CONFIG_PATH, IN_CONFIG(cloud.ca_file),
     .fallback = "/etc/ssl/certs/ca-certificates.crt",
     .help = "The CA certificates that the endpoint's certificate is checked "
             "against."},
    {"cloud.source_prefix", CONFIG_NAME, IN_CONFIG(cloud.source_prefix),
     .min = 1, .max = CONFIG_NAME_MAX - 1, .chars = NAME_CHARS "{}",
     .fallback = "com.shopme",
     .help = "What EventBridge's Source begins with: com.shopme.order and so "
             "on; {store} in it is the store's name, so that IAM's "
             "events:source can confine a box to its own."},
    {"cloud.connections", CONFIG_UINT, IN_CONFIG(cloud.connections), .min = 1,
     .max = 16, .fallback = "1",
     .help = "Requests that each stream may have under way at a time, each on "
             "its own connection; with 8 a line of 100 ms carries eight times "
             "as much, and an idle gateway keeps half a MiB more."},
    {"cloud.lanes", CONFIG_UINT, IN_CONFIG(cloud.lanes), .min = 1, .max = 64,
     .fallback = "16",
     .help = "Groups that each stream's keys are divided into, so that order "
             "holds: one request of a group is under way at a time; take twice "
             "the connections; a change waits until all is sent."},
    {"cloud.bandwidth", CONFIG_SIZE, IN_CONFIG(cloud.bandwidth), .min = 0,
     .max = TIB, .fallback = "0",
     .help = "Bytes a second that go to the cloud at most, such as 100 KiB; 0 "
             "is no cap."},
    {"cloud.requests", CONFIG_UINT, IN_CONFIG(cloud.requests), .min = 0,
     .max = 100000, .fallback = "50",
     .help = "Requests a second to EventBridge at most, since an account has a "
             "limit for all its stores; 0 is no budget."},
    {"cloud.status_every", CONFIG_DURATION, IN_CONFIG(cloud.status_every_ms),
     .min = 0, .max = DAY_MS, .fallback = "5min",
     .help = "How often the gateway says how it is (EdgeStatus), also when its "
             "verdict changes; 0: never."},

    {"cloud.credentials", CONFIG_SECTION,
     .help = "Where the AWS credentials come from."},
    {"cloud.credentials.source", CONFIG_ENUM,
     IN_CONFIG(cloud.credentials.source),
     .words = {"default", "environment", "profile", "process", "container",
               "imds", "iot"},
     .fallback = "default",
     .help = "default: as in AWS's SDKs the first that is there of the "
             "environment, the shared files, a container's endpoint and IMDS; "
             "process: what `command` prints; iot: AWS IoT Core, by "
             "certificate."},
    {"cloud.credentials.profile", CONFIG_NAME,
     IN_CONFIG(cloud.credentials.profile), .min = 1,
     .max = CONFIG_IOT_NAME_SIZE - 1, .chars = "A-Za-z0-9 ._@:/+=-",
     .help = "The profile of the shared files; default AWS_PROFILE, else "
             "default."},
    {"cloud.credentials.command", CONFIG_NAME,
     IN_CONFIG(cloud.credentials.command), .min = 1,
     .max = CONFIG_COMMAND_SIZE - 1, .chars = "A-Za-z0-9 ._@:/+=,%'-",
     .help = "With source: process: a program and its arguments, run without "
             "a shell, that prints what AWS's credential_process prints."},
    {"cloud.credentials.iot", CONFIG_SECTION,
     .help = "With source: iot: AWS IoT Core's credential provider."},
    {"cloud.credentials.iot.endpoint", CONFIG_NAME, .required = true,
     IN_CONFIG(cloud.credentials.iot.endpoint), .min = 1,
     .max = CONFIG_HOST_MAX - 1, .chars = "A-Za-z0-9.:-",
     .help = "What `aws iot describe-endpoint --endpoint-type "
             "iot:CredentialProvider` prints."},
    {"cloud.credentials.iot.role_alias", CONFIG_NAME, .required = true,
     IN_CONFIG(cloud.credentials.iot.role_alias), .min = 1,
     .max = CONFIG_IOT_NAME_SIZE - 1, .chars = "A-Za-z0-9_=,@-",
     .help = "The role alias whose credentials are asked for."},
    {"cloud.credentials.iot.thing", CONFIG_NAME,
     IN_CONFIG(cloud.credentials.iot.thing), .min = 1,
     .max = CONFIG_IOT_NAME_SIZE - 1, .chars = "A-Za-z0-9:_-",
     .help = "The name of this box's thing, for policies that ask for it."},
    {"cloud.credentials.iot.cert_file", CONFIG_PATH,
     IN_CONFIG(cloud.credentials.iot.cert_file),
     .help = "Its certificate in PEM, read again for each renewal; default "
             "iot-cert.pem of systemd's LoadCredential=."},
    {"cloud.credentials.iot.key_file", CONFIG_PATH,
     IN_CONFIG(cloud.credentials.iot.key_file),
     .help = "Its private key in PEM, RSA or EC; default iot-key.pem of "
             "systemd's LoadCredential=."},
    {"cloud.credentials.iot.ca_file", CONFIG_PATH,
     IN_CONFIG(cloud.credentials.iot.ca_file),
     .help = "The authorities of that endpoint; default those of "
             "cloud.ca_file."},

    {"dead", CONFIG_SECTION,
     .help = "Dead letters: events that the cloud refuses for good."},
    {"dead.capacity", CONFIG_SIZE, IN_CONFIG(dead_capacity), .min = 16 * MIB,
     .max = TIB, .fallback = "64 MiB",
     .help = "Disk space that they may use; beyond it what is refused is held "
             "in its stream."},
    {"dead.keep", CONFIG_DURATION, IN_CONFIG(dead_keep_ms), .min = 0,
     .max = (uint64_t)3650 * DAY_MS, .fallback = "30 d",
     .help = "How long one is kept at most, for it may hold a customer's data; "
             "EventsDropped names those that go; 0: no limit."},

    {"shop", CONFIG_SECTION, .help = "The order choreography."},
    {"shop.currency", CONFIG_NAME, IN_CONFIG(currency), .min = 3, .max = 3,
     .chars = "A-Z", .fallback = "EUR",
     .help = "ISO 4217 currency code for orders that name no currency."},
    {"shop.sku_case", CONFIG_ENUM, IN_CONFIG(sku_case),
     .words = {"keep", "upper", "lower"}, .fallback = "keep",
     .help = "In which case a sku is kept, however it is typed; keep: as it "
             "is typed, so that skus that differ in case are different ones."},
    {"shop.unknown_sku", CONFIG_ENUM, IN_CONFIG(unknown_sku),
     .words = {"accept", "reject"}, .fallback = "accept",
     .help = "An order of a sku that was never received or counted: accept: "
             "it is reserved, as unmanaged; reject: InventoryRejected."},
    {"shop.oversell", CONFIG_ENUM, IN_CONFIG(oversell),
     .words = {"reject", "flag"}, .fallback = "reject",
     .help = "An order of more than is available: reject: InventoryRejected; "
             "flag: it is reserved, since the customer may hold the goods, and "
             "InventoryShort says so."},
    {"shop.payment_deadline", CONFIG_DURATION, IN_CONFIG(payment_deadline_ms),
     .min = 1000, .max = 3600 * 1000, .fallback = "90 s",
     .help = "How long a payment terminal that is asked may take to answer; "
             "then the order is cancelled."},

    {"console", CONFIG_SECTION, .help = "The page and its API."},
    {"console.enabled", CONFIG_BOOL, .reloadable = true,
     IN_CONFIG(console_enabled), .fallback = "true",
     .help = "Serve the page and its API; the command line works without "
             "them."},
    {"console.listen", CONFIG_ADDRESS, .reloadable = true, IN_CONFIG(console),
     .min = 0, .max = 65535, .fallback = "127.0.0.1:8080",
     .help = "The address of the page; on this machine (127.0.0.1, [::1], "
             "localhost): at any other it stays closed."},
};

const struct config_key *config_key_find(const char *path) {
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        if (strcmp(config_keys[i].path, path) == 0) {
            return &config_keys[i];
        }
    }
    return NULL;
}

bool config_key_is_child(const struct config_key *key, const char *prefix,
                         const char **ret_name) {
    size_t len = strlen(prefix);
    if (strncmp(key->path, prefix, len) != 0 ||
        strchr(key->path + len, '.') != NULL) {
        return false;
    }
    *ret_name = key->path + len;
    return true;
}

const char *config_sink_prefix(enum config_sink sink) {
    switch (sink) {
    case CONFIG_SINK_NONE:
        return NULL;
    case CONFIG_SINK_EVENTBRIDGE:
        return "streams[].sink.eventbridge.";
    case CONFIG_SINK_KINESIS:
        return "streams[].sink.kinesis.";
    }
    return NULL;
}

static bool is_below(const struct config_key *key, const char *list) {
    return strncmp(key->path, list, strlen(list)) == 0;
}

enum config_scope config_key_scope(const struct config_key *key) {
    if (is_below(key, "streams[].")) {
        return CONFIG_OF_STREAM;
    }
    return is_below(key, "broker.listen[].") ? CONFIG_OF_LISTENER
                                             : CONFIG_OF_GATEWAY;
}

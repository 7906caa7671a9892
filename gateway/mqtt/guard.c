/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/guard.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum { COMMAND_MAX = 64, SHOWN_MAX = 160, GRANTED_MAX = 2 };

struct guard {
    struct guard_options options;
    struct mosquitto *client; /* NULL while not connected */
    bool unanswered;          /* its subscription */
    struct guard_counts counts;
    struct log_limit limits[REFUSAL_COUNT];
    struct log_limit unreadable_log;
    struct log_limit ended_log;
};

err_t guard_new(const struct guard_options *options, struct guard **ret) {
    struct guard *guard = calloc(1, sizeof *guard);
    ENSURE(guard != NULL, ERR_MEMORY);
    assert(options->up != NULL && options->reported != NULL);
    guard->options = *options;
    *ret = guard;
    return ERR_OK;
}

void guard_free(struct guard *guard) {
    free(guard);
}

/* --- Telling the plugin --------------------------------------------------- */

static void command(struct guard *guard, enum report_command what) {
    uint8_t bytes[COMMAND_MAX];
    struct writer writer = writer_over(bytes, sizeof bytes);
    report_command_write(what, &writer);
    assert(!writer.full && guard->client != NULL);
    (void)mosquitto_publish_v5(guard->client, NULL, REPORT_CONTROL,
                               (int)writer.len, writer.data, 1, false, NULL);
}

/* It hears before it asks: the broker takes the three in this order. */
void guard_up(struct guard *guard, struct mosquitto *client) {
    guard->client = client;
    guard->unanswered = true;
    (void)mosquitto_subscribe_v5(client, NULL, REPORT_TOPIC, 1, 0, NULL);
    command(guard, REPORT_HELLO);
    guard->options.up(guard->options.self);
}

bool guard_answered(struct guard *guard, int granted) {
    if (!guard->unanswered) {
        return false;
    }
    guard->unanswered = false;
    if (granted > GRANTED_MAX) {
        log_line(LOG_ERROR, "guard",
                 "deaf granted=%d reason=\"the broker refuses the gateway %s: "
                 "who is refused there is not known\"",
                 granted, REPORT_TOPIC);
    }
    return true;
}

void guard_down(struct guard *guard) {
    guard->client = NULL;
    guard->unanswered = false;
}

bool guard_reload(struct guard *guard) {
    if (guard->client == NULL) {
        return false;
    }
    command(guard, REPORT_RELOAD);
    return true;
}

/* --- Hearing from it ------------------------------------------------------ */

/* What a stranger chose, fit for a log line in quotes. */
static const char *shown(const char *text, char ret[SHOWN_MAX]) {
    size_t len = 0;
    for (; text[len] != '\0' && len < SHOWN_MAX - 1; len++) {
        uint8_t byte = (uint8_t)text[len]; /* char has a sign here */
        ret[len] = byte < ' ' || byte == '"' || byte >= 0x7f ? '?' : text[len];
    }
    ret[len] = '\0';
    return ret;
}

/* At a topic; before OTHER_DEVICE, in the list, it is the connection. */
static bool is_at_topic(enum refusal refusal) {
    return refusal >= REFUSAL_OTHER_DEVICE;
}

static void log_refused(struct guard *guard, const struct report *report) {
    uint64_t skipped;
    char text[SHOWN_MAX];
    char client[SHOWN_MAX];
    char device[SHOWN_MAX];
    if (!log_allowed(&guard->limits[report->refusal], &skipped)) {
        return;
    }
    log_line(LOG_WARN, "guard",
             "refused why=%s device=\"%s\" client=\"%s\" address=%s %s=\"%s\" "
             "times=%" PRIu64 " not_logged=%" PRIu64 " reason=\"%s\"",
             refusal_code(report->refusal), shown(report->device, device),
             shown(report->client_id, client),
             report->address[0] == '\0' ? "?" : report->address,
             is_at_topic(report->refusal) ? "topic" : "name",
             shown(report->text, text), report->count, skipped,
             refusal_text(report->refusal));
}

static void take_refused(struct guard *guard, const struct report *report) {
    assert(report->refusal < REFUSAL_COUNT); /* as report_read() has it */
    guard->counts.refused[report->refusal] += report->count;
    /* One that never said who it was: a handshake that failed, of which there
     * is a line of Mosquitto's, or somebody who looks for open ports. */
    if (report->refusal != REFUSAL_NONE) {
        log_refused(guard, report);
    }
}

static void take_unreadable(struct guard *guard) {
    uint64_t skipped;
    guard->counts.unreadable++;
    if (log_allowed(&guard->unreadable_log, &skipped)) {
        log_line(LOG_ERROR, "guard",
                 "unreadable reports=%" PRIu64 " reason=\"what the broker's "
                 "plugin says is not understood: is it of another version?\"",
                 guard->counts.unreadable);
    }
}

bool guard_message(struct guard *guard,
                   const struct mosquitto_message *message) {
    struct report report;
    if (strcmp(message->topic, REPORT_TOPIC) != 0) {
        return false;
    }
    if (report_read(slice_of(message->payload, (size_t)message->payloadlen),
                    &report) != ERR_OK) {
        take_unreadable(guard);
        return true;
    }
    if (report.kind == REPORT_REFUSED) {
        take_refused(guard, &report);
    }
    guard->options.reported(guard->options.self, &report);
    return true;
}

/* --- What Mosquitto says of TLS ------------------------------------------- */

static const char connection_from[] = "Client connection from ";

static bool is_of_connection(const char *line, const char *what) {
    return strncmp(line, connection_from, sizeof connection_from - 1) == 0 &&
           strstr(line, what) != NULL;
}

/* OpenSSL's words behind "OpenSSL Error[0]: error:0A0000C7:SSL routines::", or
 * behind "Client connection from 127.0.0.1 failed: error:...", which Mosquitto
 * says instead if all of it had come when it accepted the connection. (Then the
 * plugin does not hear of it.) */
static const char *tls_words(const char *line) {
    const char *words = is_of_connection(line, " failed: ")
                            ? strstr(line, " failed: ")
                            : strstr(line, "OpenSSL Error");
    const char *last = words;
    while (last != NULL && (last = strstr(words, ":")) != NULL) {
        words = last + 1;
    }
    return words;
}

static bool says_any(const char *words, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strstr(words, list[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* A connection that ends without TLS's goodbye is refused nothing. */
static bool is_an_end(const char *words) {
    static const char *const ends[] = {"unexpected eof", "shutdown"};
    return says_any(words, ends, sizeof ends / sizeof *ends);
}

static bool is_of_a_certificate(const char *words) {
    static const char *const certificates[] = {"certificate", "unknown ca",
                                               "alert bad cert", "signature"};
    return says_any(words, certificates,
                    sizeof certificates / sizeof *certificates);
}

/* More connections than the listener may have. */
static void log_denied(struct guard *guard, const char *line) {
    const enum refusal refusal = REFUSAL_CONNECTIONS;
    uint64_t skipped;
    char text[SHOWN_MAX];
    guard->counts.refused[refusal]++;
    if (log_allowed(&guard->limits[refusal], &skipped)) {
        log_line(LOG_WARN, "guard",
                 "refused why=%s mosquitto=\"%s\" not_logged=%" PRIu64
                 " reason=\"%s\"",
                 refusal_code(refusal), shown(line, text), skipped,
                 refusal_text(refusal));
    }
}

/* A packet above the bound, or one that is none: else its device comes again
 * and again, and nobody knows why. */
static bool is_of_its_client(const char *line) {
    return strncmp(line, "Client ", 7) == 0 &&
           strstr(line, " disconnected due to ") != NULL;
}

static void log_ended(struct guard *guard, const char *line) {
    static const char ours[] = "Client shopme-edge-"; /* a link says its own */
    uint64_t skipped;
    char text[SHOWN_MAX];
    if (strncmp(line, ours, sizeof ours - 1) != 0 &&
        log_allowed(&guard->ended_log, &skipped)) {
        log_line(LOG_WARN, "guard",
                 "ended mosquitto=\"%s\" not_logged=%" PRIu64
                 " reason=\"the broker does not take what the client sent\"",
                 shown(line, text), skipped);
    }
}

bool guard_line(struct guard *guard, const char *line) {
    if (is_of_its_client(line)) {
        log_ended(guard, line);
        return true;
    }
    if (is_of_connection(line, " denied: ")) {
        log_denied(guard, line);
        return true;
    }
    const char *words = tls_words(line);
    if (words == NULL) {
        return false;
    }
    /* Of several lines for one connection, one is of TLS itself. */
    if (is_an_end(words) || strstr(line, "SSL routines") == NULL) {
        return true;
    }
    enum refusal refusal =
        is_of_a_certificate(words) ? REFUSAL_CERTIFICATE : REFUSAL_PROTOCOL;
    uint64_t skipped;
    char text[SHOWN_MAX];
    guard->counts.refused[refusal]++;
    if (log_allowed(&guard->limits[refusal], &skipped)) {
        log_line(LOG_WARN, "guard",
                 "refused why=%s tls=\"%s\" not_logged=%" PRIu64
                 " reason=\"%s\"",
                 refusal_code(refusal), shown(words, text), skipped,
                 refusal_text(refusal));
    }
    return true;
}

struct guard_counts guard_counts(const struct guard *guard) {
    return guard->counts;
}

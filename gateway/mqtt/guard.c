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
    struct log_limit odd_log;
};

err_t guard_new(const struct guard_options *options, struct guard **ret) {
    struct guard *guard = calloc(1, sizeof *guard);
    ENSURE(guard != NULL, ERR_MEMORY);
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

/* --- What Mosquitto says of connections ----------------------------------- */

static bool starts_with(const char *line, const char *head) {
    return strncmp(line, head, strlen(head)) == 0;
}

/* OpenSSL's words behind "OpenSSL Error[0]: error:0A0000C7:SSL routines::", or
 * behind "Client connection from ADDRESS failed: error:..." with a full stop at
 * their end: that one, if the handshake fails as soon as it begins. */
static const char *tls_words(const char *line) {
    const char *words = strstr(line, "OpenSSL Error");
    if (words == NULL && starts_with(line, "Client connection from ")) {
        words = strstr(line, " failed: error:");
    }
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

/* A connection that ends without TLS's goodbye is refused nothing. Which part
 * of OpenSSL saw it first ("EVP lib") is said before why. */
static bool is_no_reason(const char *words) {
    static const char *const ends[] = {"unexpected eof", "shutdown", " lib"};
    return says_any(words, ends, sizeof ends / sizeof *ends);
}

static bool is_of_a_certificate(const char *words) {
    static const char *const certificates[] = {"certificate", "unknown ca",
                                               "alert bad cert", "signature"};
    return says_any(words, certificates,
                    sizeof certificates / sizeof *certificates);
}

static void tls_failed(struct guard *guard, const char *words) {
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
}

/* What the broker did not like of a client, whose id may be in it. */
static bool is_odd(const char *line) {
    return strstr(line, " disconnected due to ") != NULL ||
           strstr(line, ": max_connections exceeded") != NULL ||
           strstr(line, "too large Will") != NULL ||
           starts_with(line, "Bad client ");
}

/* Who comes and goes, which the plugin says too. */
static bool is_of_a_connection(const char *line) {
    static const char *const heads[] = {
        "New connection from ",  "New client connected from ", "Client ",
        "Bad client ",           "Bad socket read/write on ",  "Socket error ",
        "Outgoing messages are "};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        if (starts_with(line, heads[i])) {
            return true;
        }
    }
    return false;
}

static void log_odd(struct guard *guard, const char *line) {
    uint64_t skipped;
    char text[SHOWN_MAX];
    if (log_allowed(&guard->odd_log, &skipped)) {
        log_line(LOG_WARN, "guard", "broker not_logged=%" PRIu64 " said=\"%s\"",
                 skipped, shown(line, text));
    }
}

bool guard_line(struct guard *guard, const char *line) {
    const char *words = tls_words(line);
    if (words != NULL && !is_no_reason(words)) {
        tls_failed(guard, words);
    }
    if (words != NULL || !is_of_a_connection(line)) {
        return words != NULL;
    }
    if (is_odd(line)) {
        log_odd(guard, line);
    }
    return true;
}

struct guard_counts guard_counts(const struct guard *guard) {
    return guard->counts;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/options.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { FIELD_WIDTH = 26, PORT_MAX = 65535, NAME_MAX_LEN = 40 };

enum option_kind {
    OPTION_ADDRESS, /* HOST:PORT */
    OPTION_NAME,    /* [A-Za-z0-9._-]+, so that it fits topics and ids */
    OPTION_PREFIX,  /* the same, shorter */
    OPTION_COUNT,   /* uint32_t */
    OPTION_NUMBER,  /* uint64_t */
    OPTION_DECIMAL, /* double, not negative */
    OPTION_ENCODING,
    OPTION_MQTT,
    OPTION_PATH,
    OPTION_FLAG,
};

struct option_row {
    const char *name;
    const char *value; /* its word in the help */
    enum option_kind kind;
    size_t offset; /* in struct options */
    double max;    /* COUNT and DECIMAL */
    const char *help;
};

#define AT(member) offsetof(struct options, member)

static const struct option_row rows[] = {
    {"--broker", "HOST:PORT", OPTION_ADDRESS, AT(host), 0,
     "the store's broker or gateway (required)"},
    {"--store", "NAME", OPTION_NAME, AT(store), 0,
     "the store, as in the topics (required)"},
    {"--tills", "N", OPTION_COUNT, AT(tills), 1000, "tills (6)"},
    {"--scanners", "N", OPTION_COUNT, AT(scanners), 1000, "scanners (2)"},
    {"--terminals", "N", OPTION_COUNT, AT(terminals), 1000,
     "payment terminals (1)"},
    {"--sensors", "N", OPTION_COUNT, AT(sensors), 5000, "sensors (20)"},
    {"--rate", "ORDERS", OPTION_DECIMAL, AT(rate), 100000,
     "orders a second, over all tills (10)"},
    {"--readings", "READINGS", OPTION_DECIMAL, AT(readings), 1000000,
     "readings a second, over all sensors (20)"},
    {"--seconds", "N", OPTION_DECIMAL, AT(seconds), 1e9,
     "how long to place orders (until stopped)"},
    {"--orders", "N", OPTION_NUMBER, AT(orders), 0,
     "how many orders to place before stopping (no limit)"},
    {"--patience", "SECONDS", OPTION_DECIMAL, AT(patience), 1e9,
     "how long to wait for the last receipts and order ends (60)"},
    {"--seed", "S", OPTION_NUMBER, AT(seed), 0,
     "the same seed gives the same orders (1)"},
    {"--id-prefix", "P", OPTION_PREFIX, AT(id_prefix), 0,
     "what every id begins with; never use one twice (random)"},
    {"--encoding", "json|cbor", OPTION_ENCODING, AT(cbor), 0,
     "encoding of the events (json)"},
    {"--mqtt", "3|5", OPTION_MQTT, AT(mqtt), 0, "MQTT 3.1.1 or 5 (3)"},
    {"--tls", NULL, OPTION_FLAG, AT(tls), 0, "TLS 1.2 or 1.3"},
    {"--ca", "FILE", OPTION_PATH, AT(ca), 0,
     "who made the broker's certificate (the system's authorities)"},
    {"--cert", "FILE", OPTION_PATH, AT(cert), 0,
     "the devices' certificate; with --key"},
    {"--key", "FILE", OPTION_PATH, AT(key), 0, "its key, mode 0600"},
    {"--user", "NAME", OPTION_PATH, AT(user), 0,
     "the devices' user name; with --password-file"},
    {"--password-file", "FILE", OPTION_PATH, AT(password_file), 0,
     "its password in the first line, mode 0600"},
    {"--identity", "DIR", OPTION_PATH, AT(identity), 0,
     "each device's own: NAME.pem and NAME.key, or NAME.password"},
    {"--report", "FILE", OPTION_PATH, AT(report), 0,
     "write the closing report as JSON"},
    {"--log", "FILE", OPTION_PATH, AT(log), 0,
     "append a JSON line for each receipt and each order's end"},
    {"--quiet", NULL, OPTION_FLAG, AT(quiet), 0, "no progress lines"},
    {"--help", NULL, OPTION_FLAG, AT(help), 0, "this text"},
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

void options_help(FILE *out) {
    fprintf(out, "usage: shopme-devices --broker HOST:PORT --store NAME "
                 "[options]\n\n"
                 "Simulates the devices of a store: tills, scanners, payment "
                 "terminals, sensors.\n\n");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", rows[i].name,
                 rows[i].value == NULL ? "" : rows[i].value);
        fprintf(out, "  %-*s %s\n", FIELD_WIDTH, left, rows[i].help);
    }
    fprintf(out,
            "\nThe exit status is 0 if every event was confirmed and every "
            "order ended,\n1 if not, 2 if the command line is wrong. SIGINT "
            "or SIGTERM stops placing orders and\nwaits for %d seconds at "
            "most; a second one ends at once.\n",
            OPTIONS_SIGNALLED_PATIENCE_S);
}

static err_t refuse(const struct option_row *row, const char *text,
                    const char *expected, struct reason *reason) {
    return reason_set(reason, ERR_REFUSED, "%s %s: expected %s", row->name,
                      text, expected);
}

static bool name_is_plain(const char *text, size_t len_max) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t len = strlen(text);
    return len > 0 && len <= len_max && strspn(text, allowed) == len;
}

static err_t parse_address(const struct option_row *row, const char *text,
                           struct options *ret, struct reason *reason) {
    static const char expected[] =
        "HOST:PORT with a port from 1 to 65535, such as 127.0.0.1:1883";
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text) {
        return refuse(row, text, expected, reason);
    }
    size_t digits = strspn(colon + 1, "0123456789");
    long port = strtol(colon + 1, NULL, 10);
    if (digits == 0 || digits > 5 || colon[1 + digits] != '\0' || port < 1 ||
        port > PORT_MAX) {
        return refuse(row, text, expected, reason);
    }
    /* An IPv6 address stands in brackets. */
    struct slice host = slice_of(text, (size_t)(colon - text));
    if (host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']') {
        host = slice_part(host, 1, host.len - 2);
    }
    if (slice_to_str(host, ret->host, sizeof ret->host) != ERR_OK) {
        return refuse(row, text, "a shorter host name", reason);
    }
    ret->port = (int)port;
    return ERR_OK;
}

static err_t parse_whole(const struct option_row *row, const char *text,
                         uint64_t max, uint64_t *ret, struct reason *reason) {
    size_t digits = strspn(text, "0123456789");
    errno = 0;
    uint64_t number = strtoull(text, NULL, 10);
    if (digits == 0 || text[digits] != '\0' || errno != 0 || number > max) {
        char expected[64];
        snprintf(expected, sizeof expected, "a whole number from 0 to %llu",
                 (unsigned long long)max);
        return refuse(row, text, expected, reason);
    }
    *ret = number;
    return ERR_OK;
}

static err_t parse_decimal(const struct option_row *row, const char *text,
                           double *ret, struct reason *reason) {
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(number) || number < 0 ||
        number > row->max) {
        char expected[64];
        snprintf(expected, sizeof expected, "a number from 0 to %.0f",
                 row->max);
        return refuse(row, text, expected, reason);
    }
    *ret = number;
    return ERR_OK;
}

static err_t parse_choice(const struct option_row *row, const char *text,
                          struct options *ret, struct reason *reason) {
    if (row->kind == OPTION_MQTT) {
        if (strcmp(text, "3") != 0 && strcmp(text, "5") != 0) {
            return refuse(row, text, "3 or 5", reason);
        }
        ret->mqtt = text[0] - '0';
        return ERR_OK;
    }
    if (strcmp(text, "json") != 0 && strcmp(text, "cbor") != 0) {
        return refuse(row, text, "json or cbor", reason);
    }
    ret->cbor = strcmp(text, "cbor") == 0;
    return ERR_OK;
}

static err_t parse_name(const struct option_row *row, const char *text,
                        size_t len_max, const char **ret,
                        struct reason *reason) {
    if (!name_is_plain(text, len_max)) {
        char expected[96];
        snprintf(expected, sizeof expected,
                 "1 to %zu letters, digits, '.', '_' or '-'", len_max);
        return refuse(row, text, expected, reason);
    }
    *ret = text;
    return ERR_OK;
}

static err_t parse_value(const struct option_row *row, const char *text,
                         struct options *ret, struct reason *reason) {
    void *member = (char *)ret + row->offset;
    uint64_t whole;
    switch (row->kind) {
    case OPTION_ADDRESS:
        return parse_address(row, text, ret, reason);
    case OPTION_NAME:
        return parse_name(row, text, NAME_MAX_LEN, member, reason);
    case OPTION_PREFIX:
        return parse_name(row, text, OPTIONS_PREFIX_MAX, member, reason);
    case OPTION_COUNT:
        TRY(parse_whole(row, text, (uint64_t)row->max, &whole, reason));
        *(uint32_t *)member = (uint32_t)whole;
        return ERR_OK;
    case OPTION_NUMBER:
        return parse_whole(row, text, UINT64_MAX, member, reason);
    case OPTION_DECIMAL:
        return parse_decimal(row, text, member, reason);
    case OPTION_ENCODING:
    case OPTION_MQTT:
        return parse_choice(row, text, ret, reason);
    case OPTION_PATH:
        *(const char **)member = text;
        return ERR_OK;
    case OPTION_FLAG:
        *(bool *)member = true;
        return ERR_OK;
    }
    return ERR_OK;
}

static const struct option_row *row_find(const char *name) {
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* Options that say who the devices are: what needs what. */
static err_t identity_complete(const struct options *options,
                               struct reason *reason) {
    if (options->identity != NULL &&
        (options->cert != NULL || options->user != NULL ||
         options->key != NULL || options->password_file != NULL)) {
        return reason_set(reason, ERR_REFUSED,
                          "--identity takes the place of --cert, --key, --user "
                          "and --password-file: leave those out");
    }
    if (!options->tls && (options->ca != NULL || options->cert != NULL)) {
        return reason_set(reason, ERR_REFUSED, "%s needs --tls",
                          options->ca != NULL ? "--ca" : "--cert");
    }
    if ((options->cert == NULL) != (options->key == NULL)) {
        return reason_set(reason, ERR_REFUSED,
                          "--cert FILE and --key FILE need each other");
    }
    if ((options->user == NULL) != (options->password_file == NULL)) {
        return reason_set(reason, ERR_REFUSED,
                          "--user NAME and --password-file FILE need each "
                          "other");
    }
    return ERR_OK;
}

static err_t options_complete(const struct options *options,
                              struct reason *reason) {
    if (options->help) {
        return ERR_OK;
    }
    if (options->port == 0) {
        return reason_set(reason, ERR_REFUSED,
                          "say where the broker is: --broker 127.0.0.1:1883");
    }
    if (options->store == NULL) {
        return reason_set(reason, ERR_REFUSED,
                          "say which store this is: --store store-7");
    }
    if (options->tills == 0 && (options->orders > 0)) {
        return reason_set(reason, ERR_REFUSED,
                          "--orders needs tills: leave out --tills 0");
    }
    if (options->orders > 0 && options->rate <= 0) {
        return reason_set(reason, ERR_REFUSED,
                          "--orders needs a --rate above 0");
    }
    return identity_complete(options, reason);
}

err_t options_parse(int argc, char *const *argv, struct options *ret,
                    struct reason *reason) {
    *ret = (struct options){
        .tills = 6,
        .scanners = 2,
        .terminals = 1,
        .sensors = 20,
        .rate = 10,
        .readings = 20,
        .patience = 60,
        .seed = 1,
        .mqtt = 3,
    };
    for (int i = 1; i < argc; i++) {
        const struct option_row *row = row_find(argv[i]);
        if (row == NULL) {
            return reason_set(reason, ERR_REFUSED,
                              "%s is not an option; see shopme-devices --help",
                              argv[i]);
        }
        const char *value = "";
        if (row->kind != OPTION_FLAG) {
            if (i + 1 == argc) {
                return reason_set(reason, ERR_REFUSED,
                                  "%s needs a value: %s %s", row->name,
                                  row->name, row->value);
            }
            value = argv[++i];
        }
        TRY(parse_value(row, value, ret, reason));
    }
    return options_complete(ret, reason);
}

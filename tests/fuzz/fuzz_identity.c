/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte says which reader of gateway/identity gets the input: that of
 * accounts, of revoked serials, of rules, of reports and commands, or the rules
 * themselves. For a text, a byte of 0x80 and more is one of the pieces below,
 * and one behind 0xff is taken as it is.
 *
 * Whatever is accepted is written again as it came: so nothing is read over,
 * and one meaning has one text. What is refused leaves no memory behind and
 * says why, in a line. */
#include <stdlib.h>

#include "gateway/identity/account.h"
#include "gateway/identity/lines.h"
#include "gateway/identity/report.h"
#include "gateway/identity/revoked.h"
#include "gateway/identity/rules.h"
#include "tests/fuzz/fuzz.h"

enum { TEXT_MAX = 64 * 1024, LITERAL = 0xff };

#define HASH                                                             \
    "$7$101$N0oXKIirlJ8HFMUv$+5XHoKaXHS/aaimrfrQjmW3ZSOYvTDQs3KmSNd3CML" \
    "ABfSHA/gnsSVkyudKmpYXgCPGCIiD5vWwpcAruFENT6A=="

static const char *const pieces[] = {
    "shopme-edge accounts 1\n",
    "shopme-edge revoked 1\n",
    "shopme-edge rules 1\n",
    "device till-1\n",
    "device ",
    " password " HASH "\n",
    " password ",
    " certificate\n",
    " channel\n",
    " topic kitchen/#\n",
    " topic ",
    " added 2026-11-29T10:00:00Z\n",
    " added ",
    "end 0\n",
    "end 1\n",
    "end 2\n",
    "end\n",
    "expires never\n",
    "expires 2026-12-29T10:00:00Z\n",
    "refuse-expired\n",
    "serial 0A1B\n",
    "serial FF\n",
    "serial ",
    "store store-7\n",
    "session 1800000000 a b\n",
    "session ",
    "stream orders\n",
    "stream ",
    "anonymous\n",
    "gateway gw-0 " HASH "\n",
    "gateway gw-0 ",
    "gateway-id probe\n",
    "gateway-id ",
    "2026-11-29T10:00:00Z",
    "$7$101$",
    "shopme/",
};

static void expand(struct cursor *input, struct writer *text) {
    uint8_t byte;
    while (cursor_u8(input, &byte) == ERR_OK) {
        if (byte < 0x80) {
            writer_u8(text, byte);
        } else if (byte == LITERAL) {
            writer_u8(text, fuzz_u8(input));
        } else {
            size_t count = sizeof pieces / sizeof *pieces;
            writer_str(text, pieces[(byte - 0x80u) % count]);
        }
    }
}

static void must_be_same(struct slice given, struct slice written) {
    fuzz_must(slice_eq(given, written),
              "what was accepted is not what is written");
}

static void must_say(err_t err, const struct reason *reason) {
    struct slice said = slice_from_str(reason->text);
    fuzz_must(err == ERR_CORRUPT, "damage is called something else");
    fuzz_must(said.len > 0 && lines_is_text(said), "the reason is no line");
}

static void try_accounts(struct slice text) {
    struct accounts accounts;
    struct reason reason = {""};
    char *written;
    size_t len;
    err_t err = accounts_read(text, &accounts, &reason);
    if (err != ERR_OK) {
        must_say(err, &reason);
        return;
    }
    fuzz_must(accounts_write(&accounts, &written, &len) == ERR_OK, "no memory");
    must_be_same(text, slice_of(written, len));
    for (uint32_t i = 0; i < accounts.count; i++) {
        const struct account *account = &accounts.list[i];
        fuzz_must(accounts_find(&accounts, account->name) == account,
                  "an account is not found");
    }
    free(written);
    accounts_free(&accounts);
}

static void try_revoked(struct slice text) {
    struct revoked revoked;
    struct reason reason = {""};
    char *written;
    size_t len;
    err_t err = revoked_read(text, &revoked, &reason);
    if (err != ERR_OK) {
        must_say(err, &reason);
        return;
    }
    fuzz_must(revoked_write(&revoked, &written, &len) == ERR_OK, "no memory");
    must_be_same(text, slice_of(written, len));
    for (uint32_t i = 0; i < revoked.count; i++) {
        fuzz_must(revoked_has(&revoked, revoked.serials[i]),
                  "a revoked certificate is let in");
    }
    free(written);
    revoked_free(&revoked);
}

static void try_rules(struct slice text) {
    static uint8_t written[TEXT_MAX];
    struct rules rules;
    struct reason reason = {""};
    err_t err = rules_read(text, &rules, &reason);
    if (err != ERR_OK) {
        must_say(err, &reason);
        return;
    }
    struct writer writer = writer_over(written, sizeof written);
    rules_write(&rules, &writer);
    must_be_same(text, writer_slice(&writer));
}

static void try_report(struct slice bytes) {
    uint8_t written[REPORT_BYTES_MAX];
    struct report report;
    enum report_command command;
    struct writer writer = writer_over(written, sizeof written);
    if (report_read(bytes, &report) == ERR_OK) {
        report_write(&report, &writer);
        must_be_same(bytes, writer_slice(&writer));
    } else if (report_command_read(bytes, &command) == ERR_OK) {
        report_command_write(command, &writer);
        must_be_same(bytes, writer_slice(&writer));
    }
}

/* One half of the input is a topic, the other a filter of the account. */
static void try_check(struct slice text) {
    static const struct rules rules = {
        .store = "store-7", .streams = {"orders"}, .stream_count = 1};
    char topic[ACCOUNT_TOPIC_MAX];
    char filter[ACCOUNT_TOPIC_MAX];
    char *topics[] = {filter};
    struct account till = {.name = "till-1", .topics = topics};
    uint8_t how = text.len > 0 ? text.data[0] : 0;
    size_t half = text.len / 2;
    if (slice_to_str(slice_part(text, 0, half), topic, sizeof topic) !=
            ERR_OK ||
        slice_to_str(slice_part(text, half, text.len - half), filter,
                     sizeof filter) != ERR_OK) {
        return;
    }
    bool valid = account_topic_check(slice_from_str(filter), NULL) == ERR_OK;
    till.topic_count = valid ? 1 : 0;
    enum refusal refusal =
        rules_check(&rules, RULES_DEVICE, &till, (enum rules_action)(how % 3),
                    topic, false);
    bool shop = strncmp(topic, "shopme/", 7) == 0;
    bool own = strncmp(topic, "shopme/store-7/till-1/", 22) == 0;
    fuzz_must(refusal != REFUSAL_NONE || (shop ? own : valid),
              "a topic of nobody's is allowed");
    fuzz_must(!valid || topic_filter_covers(filter, filter),
              "a filter does not cover itself");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t buf[TEXT_MAX];
    struct cursor input = cursor_over(slice_of(data, size));
    uint8_t which = fuzz_u8(&input);
    struct slice raw =
        slice_part(input.all, input.at, input.all.len - input.at);
    struct writer text = writer_over(buf, sizeof buf);
    expand(&input, &text);
    switch (which % 5) {
    case 0:
        try_accounts(writer_slice(&text));
        break;
    case 1:
        try_revoked(writer_slice(&text));
        break;
    case 2:
        try_rules(writer_slice(&text));
        break;
    case 3:
        try_report(raw);
        break;
    default:
        try_check(writer_slice(&text));
        break;
    }
    return 0;
}

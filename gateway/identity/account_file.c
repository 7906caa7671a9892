/* SPDX-License-Identifier: Apache-2.0 */
/* The accounts as text. The items of a device stand in the order of account.h,
 * each of them at most once but `topic`. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "gateway/identity/account.h"
#include "gateway/identity/lines.h"
#include "gateway/identity/password.h"

static const char first_line[] = "shopme-edge accounts 1";

/* An account that is being read; its topics lie in the text. */
struct read_account {
    struct account account;
    char topics[ACCOUNT_TOPICS_MAX][ACCOUNT_TOPIC_MAX];
    char *list[ACCOUNT_TOPICS_MAX];
};

static err_t take_name(struct lines *lines, struct slice name,
                       const struct accounts *before, struct account *ret) {
    struct reason why;
    if (account_name_check(name, &why) != ERR_OK) {
        return lines_corrupt(lines, "%s", why.text);
    }
    TRY(slice_to_str(name, ret->name, sizeof ret->name));
    if (before->count > 0 &&
        strcmp(before->list[before->count - 1].name, ret->name) >= 0) {
        return lines_corrupt(lines, "%s is not in the order of the names",
                             ret->name);
    }
    return ERR_OK;
}

static err_t take_password(struct lines *lines, struct account *ret) {
    struct slice hash;
    if (!lines_accept_prefix(lines, " password ", &hash)) {
        return ERR_OK;
    }
    if (!password_hash_is_valid(hash)) { /* and the hash is not shown */
        return lines_corrupt(lines,
                             "the password of %s has another form than "
                             "$7$ITERATIONS$SALT$HASH",
                             ret->name);
    }
    return slice_to_str(hash, ret->password, sizeof ret->password);
}

static err_t take_topics(struct lines *lines, struct read_account *ret) {
    struct slice topic;
    uint32_t count = 0;
    ret->account.topics = ret->list;
    while (lines_accept_prefix(lines, " topic ", &topic)) {
        struct reason why;
        if (count == ACCOUNT_TOPICS_MAX) {
            return lines_corrupt(lines, "more than %d topics of %s",
                                 ACCOUNT_TOPICS_MAX, ret->account.name);
        }
        if (account_topic_check(topic, &why) != ERR_OK) {
            return lines_corrupt(lines, "%s", why.text);
        }
        TRY(slice_to_str(topic, ret->topics[count], sizeof *ret->topics));
        ret->list[count] = ret->topics[count];
        count++;
    }
    ret->account.topic_count = count;
    return ERR_OK;
}

static err_t take_added(struct lines *lines, struct account *ret) {
    struct slice time;
    if (!lines_accept_prefix(lines, " added ", &time)) {
        lines->number++;
        return lines_corrupt(lines,
                             "not an item of %s in its place: password, "
                             "certificate, channel, topic, added",
                             ret->name);
    }
    if (lines_time_read(time, &ret->added_us) != ERR_OK) {
        return lines_corrupt(lines, "not a time like 2026-11-29T10:00:00Z");
    }
    return ERR_OK;
}

/* All of a device after its name. */
static err_t take_items(struct lines *lines, struct read_account *ret) {
    TRY(take_password(lines, &ret->account));
    ret->account.certificate = lines_accept(lines, " certificate");
    ret->account.channel = lines_accept(lines, " channel");
    TRY(take_topics(lines, ret));
    return take_added(lines, &ret->account);
}

static err_t read_all(struct lines *lines, struct accounts *accounts) {
    struct slice name;
    TRY(lines_take(lines, first_line));
    while (lines_accept_prefix(lines, "device ", &name)) {
        struct read_account now;
        now.account = (struct account){.name = ""};
        if (accounts->count == ACCOUNTS_MAX) {
            return lines_corrupt(lines, "more than %d devices", ACCOUNTS_MAX);
        }
        TRY(take_name(lines, name, accounts, &now.account));
        TRY(take_items(lines, &now));
        TRY(accounts_put(accounts, &now.account));
    }
    return lines_take_end(lines, accounts->count);
}

err_t accounts_read(struct slice text, struct accounts *ret,
                    struct reason *reason) {
    struct accounts accounts = {.count = 0};
    struct lines lines = lines_over("accounts", text, reason);
    err_t err =
        text.len > ACCOUNTS_BYTES_MAX
            ? lines_corrupt(&lines, "more than %d bytes", ACCOUNTS_BYTES_MAX)
            : read_all(&lines, &accounts);
    if (err == ERR_MEMORY) {
        (void)reason_set(reason, err, "no memory for the accounts");
    }
    if (err != ERR_OK) {
        accounts_free(&accounts);
        return err;
    }
    *ret = accounts;
    return ERR_OK;
}

/* --- Writing --- */

enum { LINE_MORE = 16 }; /* what a line has besides its value, at most */

static size_t size_of(const struct account *account) {
    size_t size =
        ACCOUNT_NAME_MAX + ACCOUNT_HASH_MAX + LINES_TIME_SIZE + 5 * LINE_MORE;
    for (uint32_t i = 0; i < account->topic_count; i++) {
        size += strlen(account->topics[i]) + LINE_MORE;
    }
    return size;
}

static void write_account(const struct account *account,
                          struct writer *writer) {
    char added[LINES_TIME_SIZE];
    lines_time_write(account->added_us, added);
    writer_printf(writer, "device %s\n", account->name);
    if (account->password[0] != '\0') {
        writer_printf(writer, " password %s\n", account->password);
    }
    writer_str(writer, account->certificate ? " certificate\n" : "");
    writer_str(writer, account->channel ? " channel\n" : "");
    for (uint32_t i = 0; i < account->topic_count; i++) {
        writer_str(writer, " topic ");
        writer_str(writer, account->topics[i]);
        writer_str(writer, "\n");
    }
    writer_printf(writer, " added %s\n", added);
}

err_t accounts_write(const struct accounts *accounts, char **ret,
                     size_t *ret_len) {
    size_t size = sizeof first_line + 2 * LINE_MORE;
    for (uint32_t i = 0; i < accounts->count; i++) {
        size += size_of(&accounts->list[i]);
    }
    char *text = malloc(size);
    ENSURE(text != NULL, ERR_MEMORY);
    struct writer writer = writer_over(text, size);
    writer_printf(&writer, "%s\n", first_line);
    for (uint32_t i = 0; i < accounts->count; i++) {
        write_account(&accounts->list[i], &writer);
    }
    writer_printf(&writer, "end %" PRIu32 "\n", accounts->count);
    assert(!writer.full);
    *ret = text;
    *ret_len = writer.len;
    return ERR_OK;
}

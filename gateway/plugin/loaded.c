/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/plugin/loaded.h"

#include <assert.h>
#include <stdlib.h>

enum { TRIES = 8 }; /* when the set changes while it is read */

static void free_bytes(uint8_t **bytes) {
    free(*bytes);
}

static err_t read_rules(const struct loaded_place *place, struct loaded *loaded,
                        struct reason *reason) {
    uint8_t *bytes CLEANUP(free_bytes) = NULL;
    size_t len = 0;
    err_t err = disk_read_whole(place->disk, place->rules, &bytes, &len);
    if (err != ERR_OK) {
        return disk_failed(reason, err, "read", place->rules);
    }
    return rules_read(slice_of(bytes, len), &loaded->rules, reason);
}

static err_t read_accounts(struct identity_place place, struct loaded *loaded,
                           struct reason *reason) {
    uint8_t *bytes CLEANUP(free_bytes) = NULL;
    size_t len = 0;
    TRY(identity_set_read_at(place, "accounts", &bytes, &len, reason));
    return accounts_read(slice_of(bytes, len), &loaded->accounts, reason);
}

static err_t read_revoked(struct identity_place place, struct loaded *loaded,
                          struct reason *reason) {
    uint8_t *bytes CLEANUP(free_bytes) = NULL;
    size_t len = 0;
    err_t err = identity_set_read_at(place, "revoked", &bytes, &len, reason);
    if (err == ERR_NOT_FOUND) {
        loaded->revoked = (struct revoked){.expires_us = INT64_MAX};
        return ERR_OK;
    }
    TRY(err);
    return revoked_read(slice_of(bytes, len), &loaded->revoked, reason);
}

static err_t read_number(struct identity_place place, uint64_t *ret,
                         struct reason *reason) {
    TRY(identity_set_number_at(place, ret, reason));
    if (*ret == 0) {
        return reason_set(reason, ERR_NOT_FOUND,
                          "%s/identity/current is missing; the gateway makes "
                          "it at its start: let it start the broker, or "
                          "restore the folder identity/",
                          place.data);
    }
    return ERR_OK;
}

/* Both files are of the set `number`, unless that has changed meanwhile:
 * ERR_AGAIN. */
static err_t read_set(struct identity_place place, struct loaded *loaded,
                      struct reason *reason) {
    uint64_t after = 0;
    accounts_free(&loaded->accounts);
    revoked_free(&loaded->revoked);
    TRY(read_number(place, &loaded->number, reason));
    err_t err = read_accounts(place, loaded, reason);
    if (err == ERR_OK) {
        err = read_revoked(place, loaded, reason);
    }
    TRY(read_number(place, &after, reason));
    return after == loaded->number ? err : ERR_AGAIN;
}

static err_t read_all(const struct loaded_place *place, struct loaded *loaded,
                      struct reason *reason) {
    const struct identity_place identity = {place->disk, place->data};
    TRY(read_rules(place, loaded, reason));
    for (int i = 0; i < TRIES; i++) {
        err_t err = read_set(identity, loaded, reason);
        if (err != ERR_AGAIN) {
            return err;
        }
    }
    return reason_set(reason, ERR_AGAIN,
                      "the set of accounts changed %d times while it was read; "
                      "change it once more",
                      TRIES);
}

err_t loaded_read(const struct loaded_place *place, struct loaded **ret,
                  struct reason *reason) {
    struct loaded *loaded = calloc(1, sizeof *loaded);
    if (loaded == NULL) {
        return reason_set(reason, ERR_MEMORY, "no memory for the accounts");
    }
    err_t err = read_all(place, loaded, reason);
    if (err != ERR_OK) {
        loaded_free(loaded);
        return err;
    }
    assert(loaded->number > 0);
    *ret = loaded;
    return ERR_OK;
}

void loaded_free(struct loaded *loaded) {
    if (loaded == NULL) {
        return;
    }
    accounts_free(&loaded->accounts);
    revoked_free(&loaded->revoked);
    free(loaded);
}

static enum refusal device_keeps(const struct loaded *loaded,
                                 const struct client *client) {
    const struct account *account =
        accounts_find(&loaded->accounts, client->name);
    if (account == NULL) {
        return REFUSAL_UNKNOWN;
    }
    if (client->by == REPORT_BY_CERTIFICATE) {
        if (!account->certificate) {
            return REFUSAL_NO_CERTIFICATE;
        }
        return revoked_has(&loaded->revoked, client->serial) ? REFUSAL_REVOKED
                                                             : REFUSAL_NONE;
    }
    if (account->password[0] == '\0') {
        return REFUSAL_NO_PASSWORD;
    }
    return strcmp(account->password, client->hash) == 0 ? REFUSAL_NONE
                                                        : REFUSAL_PASSWORD;
}

enum refusal loaded_keeps(const struct loaded *loaded,
                          const struct client *client) {
    assert(!client->refused);
    switch (client->who) {
    case RULES_GATEWAY:
        return REFUSAL_NONE; /* its password is new at each start of it */
    case RULES_ANONYMOUS:
        return loaded->rules.anonymous ? REFUSAL_NONE : REFUSAL_ANONYMOUS;
    case RULES_DEVICE:
        break;
    }
    return device_keeps(loaded, client);
}

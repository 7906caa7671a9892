/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/plugin/door.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/event/event.h"
#include "gateway/plugin/event_id.h"
#include "gateway/plugin/limiter.h"
#include "gateway/plugin/places.h"

enum { TICK_US = 250 * 1000, SURPLUS_A_TICK = 8 };

/* What the broker calls who has no user name. No account can have it. Mosquitto
 * 2.0.11 saves a session without one with the name of the session before it, of
 * 256 times its length: what follows in its memory (persist__client_save). */
static const char anonymous_name[] = "anonymous";

#ifdef EDGE_CONTROL_OPEN_DOOR /* the attack matrix has to notice */
enum { OPEN = true };
#else
enum { OPEN = false };
#endif

struct door {
    struct door_options options;
    struct loaded *loaded;
    struct clients clients;
    struct places places;
    struct limiter *limiter;
    bool asks_again;          /* from a hangup to the next tick */
    const struct client *new; /* that was let in last, since the last tick */
    int64_t ticked_us;        /* monotonic */
};

static int64_t wall_us(const struct door *door) {
    return door->options.clock->wall_us(door->options.clock->self);
}

static int64_t mono_us(const struct door *door) {
    return door->options.clock->mono_us(door->options.clock->self);
}

static void copy(char *to, size_t size, const char *from) {
    snprintf(to, size, "%s", from != NULL ? from : "");
}

#define COPY(to, from) copy(to, sizeof(to), from)

/* --- Reports -------------------------------------------------------------- */

static void send_report(struct door *door, const struct report *report) {
    uint8_t bytes[REPORT_BYTES_MAX];
    struct writer writer = writer_over(bytes, sizeof bytes);
    report_write(report, &writer);
    assert(!writer.full);
    door->options.broker.report(door->options.broker.self,
                                writer_slice(&writer));
}

static struct report report_of(enum report_kind kind,
                               const struct client *client) {
    struct report report = {
        .kind = kind,
        .by = client->by,
        .certificate_ends_us = client->certificate_ends_us,
        .since_us = client->since_us,
    };
    COPY(report.device, client->name);
    COPY(report.address, client->address);
    COPY(report.client_id, client->id);
    return report;
}

/* Of the gateway's own connections nothing is told. */
static void tell(struct door *door, enum report_kind kind,
                 const struct client *client) {
    if (client->who != RULES_GATEWAY) {
        struct report report = report_of(kind, client);
        send_report(door, &report);
    }
}

/* `payload` is searched for an event's id only if it is told now. */
static void refuse(struct door *door, struct report *report,
                   struct slice payload) {
    assert(report->refusal < REFUSAL_COUNT);
    report->kind = REPORT_REFUSED;
    if (limiter_take(door->limiter, report, mono_us(door), &report->count)) {
        event_id_find(payload, report->event_id);
        report->cbor = payload.len > 0 &&
                       event_encoding_guess(payload) == EVENT_ENCODING_CBOR;
        send_report(door, report);
    }
}

static void tell_set(struct door *door, enum report_kind kind,
                     const char *text) {
    struct report report = {.kind = kind, .set = door->loaded->number};
    COPY(report.text, text);
    send_report(door, &report);
}

/* --- Coming --------------------------------------------------------------- */

/* A device has one connection. The broker sees to that where the client ids are
 * the same. */
static void push_out(struct door *door, const struct client *by) {
    const struct door_broker *broker = &door->options.broker;
    uint32_t at = 0;
    const struct client *client;
    while ((client = clients_next(&door->clients, &at)) != NULL) {
        if (client->who == RULES_DEVICE && !client->refused &&
            strcmp(client->name, by->name) == 0 &&
            strcmp(client->id, by->id) != 0) {
            struct client other = *client; /* it is removed from within */
            broker->kick_id(broker->self, other.id, true);
            clients_remove(&door->clients, other.key);
            at = 0;
        }
    }
}

/* The connection that the broker is about to end in favour of this one is told
 * of first, so that the gateway hears of both in their order. */
static void replace(struct door *door, const struct client *by) {
    uint32_t at = 0;
    struct client *client;
    while ((client = clients_next(&door->clients, &at)) != NULL) {
        if (client != by && !client->refused && !client->replaced &&
            strcmp(client->id, by->id) == 0) {
            client->replaced = true;
            tell(door, REPORT_DISCONNECTED, client);
        }
    }
}

/* It ended before the broker gave it the other's place. */
static void reinstate(struct door *door, const char *id) {
    uint32_t at = 0;
    struct client *client;
    while ((client = clients_next(&door->clients, &at)) != NULL) {
        if (client->replaced && strcmp(client->id, id) == 0) {
            client->replaced = false;
            tell(door, REPORT_CONNECTED, client);
        }
    }
}

static struct places_now now(struct door *door) {
    return (struct places_now){
        .clients = &door->clients,
        .wall_s = wall_us(door) / 1000000,
        .mono_us = mono_us(door),
        .has = door->options.broker.has_session,
        .self = door->options.broker.self,
    };
}

static enum places_wish wish_of(const struct client *client) {
    return client->keeps    ? PLACES_YES
           : client->leaves ? PLACES_MAYBE
                            : PLACES_NO;
}

/* A device has its own session, under its name. */
static bool is_placed(const struct client *client) {
    return client->who == RULES_ANONYMOUS ||
           (client->who == RULES_DEVICE &&
            strcmp(client->id, client->name) != 0);
}

/* The gateway takes a session's place to end it. */
static bool has_place(struct door *door, const struct client *client) {
    const struct places_now at = now(door);
    if (!is_placed(client)) {
        places_ended(&door->places, client->id);
        return true;
    }
    return places_enter(&door->places, &at, client->id, wish_of(client),
                        client->who == RULES_DEVICE);
}

static void fill(struct door *door, struct client *client,
                 const struct login *login, const struct login_answer *answer) {
    const struct certificate *shown = login->certificate;
    client->who = answer->who;
    client->by = answer->by;
    client->account = answer->account;
    client->since_us = wall_us(door);
    client->keeps = !login->clean;
    client->leaves = login->five;
    COPY(client->id, login->client_id);
    COPY(client->address, login->address);
    if (answer->who == RULES_GATEWAY) {
        COPY(client->name, door->loaded->rules.gateway);
    } else if (answer->account != NULL) {
        COPY(client->name, answer->account->name);
        COPY(client->hash, shown == NULL ? answer->account->password : "");
    }
    if (shown != NULL) {
        COPY(client->serial, shown->serial);
        client->certificate_ends_us = shown->ends_us;
    }
}

/* The gateway's own user name is a secret, wherever it stands. */
static const char *without_secret(const struct door *door, const char *text) {
    bool tells =
        text != NULL && strstr(text, door->loaded->rules.gateway) != NULL;
    return tells ? "gateway" : text;
}

static void refuse_login(struct door *door, const struct login *login,
                         const struct login_answer *answer) {
    struct report report = {.by = answer->by, .refusal = answer->refusal};
    const char *claimed =
        login->certificate != NULL ? login->certificate->name : login->user;
    COPY(report.device, answer->account != NULL ? answer->account->name : "");
    COPY(report.address, login->address);
    COPY(report.client_id, without_secret(door, login->client_id));
    COPY(report.text, without_secret(door, claimed));
    refuse(door, &report, SLICE_EMPTY);
}

bool door_enter(struct door *door, const void *key, const struct login *login,
                const char **ret_name) {
    *ret_name = NULL;
    door->new = NULL;
    if (door->asks_again || OPEN) {
        return true;
    }
    struct login_answer answer =
        login_check(door->loaded, &door->clients, login, wall_us(door));
    struct client *client;
    if (clients_put(&door->clients, key, &client) != ERR_OK) {
        return false;
    }
    assert(answer.refusal != REFUSAL_NONE ||
           (answer.who == RULES_DEVICE) == (answer.account != NULL));
    client->refused = true;
    if (answer.refusal == REFUSAL_NONE) {
        fill(door, client, login, &answer);
        answer.refusal =
            has_place(door, client) ? REFUSAL_NONE : REFUSAL_SESSIONS;
    }
    if (answer.refusal != REFUSAL_NONE) {
        refuse_login(door, login, &answer);
        return false;
    }
    client->refused = false;
    if (client->who == RULES_DEVICE) {
        push_out(door, client);
    }
    replace(door, client);
    tell(door, REPORT_CONNECTED, client);
    door->new = client;
    *ret_name = client->by == REPORT_BY_CERTIFICATE ? client->name
                : client->by == REPORT_BY_NOTHING   ? anonymous_name
                                                    : NULL;
    return true;
}

/* --- Using ---------------------------------------------------------------- */

static void refuse_use(struct door *door, const struct door_use *use,
                       const struct client *client, enum refusal refusal) {
    struct report report = {.by = REPORT_BY_NOTHING};
    if (client != NULL) {
        report = report_of(REPORT_REFUSED, client);
    } else {
        bool named =
            use->user != NULL && strcmp(use->user, anonymous_name) != 0;
        COPY(report.device, named ? use->user : NULL);
        COPY(report.address, use->address);
    }
    report.refusal = refusal;
    report.publish = use->action == RULES_PUBLISH;
    COPY(report.text, use->topic);
    refuse(door, &report, use->payload);
}

static enum refusal use_check(const struct loaded *loaded, enum rules_who who,
                              const struct account *account,
                              const struct door_use *use) {
    if (who == RULES_ANONYMOUS) {
        return rules_check_anonymous(&loaded->rules, &loaded->accounts,
                                     use->action, use->topic, use->retain);
    }
    return rules_check(&loaded->rules, who, account, use->action, use->topic,
                       use->retain);
}

/* A session that is offline, or ended just now and leaves its will. What it may
 * have, its user name says: that was proved when it connected. */
static bool absent_allows(struct door *door, const struct door_use *use) {
    const struct places_now at = now(door);
    const struct loaded *loaded = door->loaded;
    const struct account *account = NULL;
    enum rules_who who = RULES_ANONYMOUS;
    if (use->user != NULL && strcmp(use->user, anonymous_name) != 0) {
        if (strcmp(use->user, loaded->rules.gateway) == 0) {
            return true;
        }
        account = accounts_find(&loaded->accounts, use->user);
        if (account == NULL) {
            return false;
        }
        who = RULES_DEVICE;
    }
    enum refusal refusal = use_check(loaded, who, account, use);
    /* (The broker also asks so whether a retained message may still stand.
     * Then it knows no address.) */
    if (refusal != REFUSAL_NONE && use->action == RULES_PUBLISH &&
        use->address != NULL) {
        refuse_use(door, use, NULL, refusal);
    }
    bool waits = refusal == REFUSAL_NONE && who == RULES_ANONYMOUS &&
                 use->action == RULES_READ && use->qos > 0 &&
                 use->client_id != NULL;
    return waits ? places_queue(&door->places, &at, use->client_id,
                                use->payload.len)
                 : refusal == REFUSAL_NONE;
}

bool door_allows(struct door *door, const struct door_use *use) {
    const struct client *client = clients_find(&door->clients, use->key);
    if (OPEN) {
        return true;
    }
    if (client == NULL) {
        return absent_allows(door, use);
    }
    if (client->who == RULES_GATEWAY) {
        return !client->refused;
    }
    if (client->refused ||
        (client->who == RULES_DEVICE && client->account == NULL)) {
        return false; /* is being cut */
    }
    enum refusal refusal =
        use_check(door->loaded, client->who, client->account, use);
    if (refusal != REFUSAL_NONE && use->action != RULES_READ) {
        refuse_use(door, use, client, refusal);
    }
    return refusal == REFUSAL_NONE;
}

/* --- Going ---------------------------------------------------------------- */

/* One that was never let in, and whom this did not refuse. */
static void stranger_gone(struct door *door, const struct door_end *end) {
    bool offline =
        door->asks_again || (end->user != NULL && end->client_id != NULL);
    bool resumed =
        door->new != NULL &&
        end->client_id != NULL &&strcmp(door->new->id, end->client_id) == 0;
    if (offline || resumed) {
        return; /* a session that had no connection */
    }
    /* Without a user name, where the broker itself asks for one; or it never
     * came to its CONNECT. */
    struct report report = {
        .refusal = end->client_id != NULL ? REFUSAL_ANONYMOUS : REFUSAL_NONE,
    };
    COPY(report.client_id, end->client_id);
    COPY(report.address, end->address);
    refuse(door, &report, SLICE_EMPTY);
}

void door_gone(struct door *door, const struct door_end *end) {
    const struct client *client = clients_find(&door->clients, end->key);
    if (client == NULL) {
        stranger_gone(door, end);
        return;
    }
    bool silent = client->refused || client->replaced;
    struct client gone = *client;
    if (door->new == client) {
        door->new = NULL;
    }
    clients_remove(&door->clients, end->key);
    if (!gone.refused && is_placed(&gone)) {
        places_left(&door->places, gone.id, wish_of(&gone),
                    gone.who == RULES_DEVICE);
    }
    if (!silent) {
        tell(door, REPORT_DISCONNECTED, &gone);
        reinstate(door, gone.id);
    }
}

/* --- Other accounts ------------------------------------------------------- */

static bool is_cut(const struct door *door, const struct client *client) {
    return !client->refused &&
           loaded_keeps(door->loaded, client) != REFUSAL_NONE;
}

static const struct client *next_cut(const struct door *door) {
    uint32_t at = 0;
    const struct client *client;
    while ((client = clients_next(&door->clients, &at)) != NULL) {
        if (is_cut(door, client)) {
            return client;
        }
    }
    return NULL;
}

/* By name, of which there is one connection, or all that are anonymous. A
 * device that is still registered leaves its will. */
static void cut(struct door *door, const struct client *client) {
    const struct door_broker *broker = &door->options.broker;
    struct client gone = *client; /* it is removed from within */
    broker->kick_name(broker->self,
                      gone.name[0] != '\0' ? gone.name : anonymous_name,
                      gone.account != NULL);
    assert(gone.who != RULES_GATEWAY);
    clients_remove(&door->clients, gone.key); /* whatever the broker did */
}

/* The accounts moved; who lost its own has none. */
static void refresh(struct door *door) {
    uint32_t at = 0;
    struct client *client;
    while ((client = clients_next(&door->clients, &at)) != NULL) {
        client->account =
            client->who == RULES_DEVICE
                ? accounts_find(&door->loaded->accounts, client->name)
                : NULL;
    }
}

static void reload(struct door *door) {
    struct loaded *loaded;
    struct reason reason = {""};
    err_t err = loaded_read(&door->options.place, &loaded, &reason);
    if (err != ERR_OK) {
        tell_set(door, REPORT_FAILED, reason.text);
        return;
    }
    assert(loaded != NULL && loaded != door->loaded);
    loaded_free(door->loaded);
    door->loaded = loaded;
    refresh(door);
    const struct client *client;
    while ((client = next_cut(door)) != NULL) {
        cut(door, client);
    }
    tell_set(door, REPORT_LOADED, NULL);
}

/* --- Commands ------------------------------------------------------------- */

static void tell_all(struct door *door) {
    uint32_t at = 0;
    const struct client *client;
    while ((client = clients_next(&door->clients, &at)) != NULL) {
        if (!client->refused && !client->replaced) {
            tell(door, REPORT_CONNECTED, client);
        }
    }
    tell_set(door, REPORT_ALL, NULL);
}

void door_command(struct door *door, struct slice bytes) {
    enum report_command command;
    if (report_command_read(bytes, &command) != ERR_OK) {
        return; /* a newer gateway's; only the gateway can send any */
    }
    switch (command) {
    case REPORT_HELLO:
        tell_all(door);
        break;
    case REPORT_RELOAD:
        reload(door);
        break;
    }
}

void door_hangup(struct door *door) {
    reload(door);
    door->asks_again = true;
}

/* Which sessions are there after all, and too many? */
static void settle(struct door *door) {
    const struct places_now at = now(door);
    const char *id;
    while ((id = places_settle(&door->places, &at)) != NULL) {
        struct report report = {.refusal = REFUSAL_SESSIONS};
        COPY(report.client_id, id);
        refuse(door, &report, SLICE_EMPTY);
    }
}

static void tell_surplus(struct door *door) {
    const struct places_now at = now(door);
    const char *id;
    for (int i = 0; i < SURPLUS_A_TICK &&
                    (id = places_surplus(&door->places, &at)) != NULL;
         i++) {
        struct report report = {.kind = REPORT_SURPLUS};
        COPY(report.client_id, id);
        send_report(door, &report);
    }
}

void door_tick(struct door *door) {
    door->asks_again = false;
    door->new = NULL;
    if (door->places.doubts > 0) {
        settle(door);
    }
    int64_t now_us = mono_us(door);
    if (now_us - door->ticked_us < TICK_US) {
        return;
    }
    door->ticked_us = now_us;
    struct report report;
    while (limiter_due(door->limiter, now_us, &report)) {
        send_report(door, &report);
    }
    tell_surplus(door);
}

uint32_t door_count(const struct door *door) {
    return door->clients.count;
}

/* --- Beginning and end ---------------------------------------------------- */

err_t door_new(const struct door_options *options, struct door **ret,
               struct reason *reason) {
    assert(options->clock != NULL && options->broker.report != NULL);
    struct door *door = calloc(1, sizeof *door);
    if (door == NULL || limiter_new(&door->limiter) != ERR_OK) {
        door_free(door);
        return reason_set(reason, ERR_MEMORY, "no memory for the door");
    }
    door->options = *options;
    door->ticked_us = mono_us(door);
    err_t err = loaded_read(&options->place, &door->loaded, reason);
    if (err != ERR_OK) {
        door_free(door);
        return err;
    }
    places_load(&door->places, &door->loaded->rules);
    *ret = door;
    return ERR_OK;
}

void door_free(struct door *door) {
    if (door == NULL) {
        return;
    }
    clients_free(&door->clients);
    places_free(&door->places);
    limiter_free(door->limiter);
    loaded_free(door->loaded);
    free(door);
}

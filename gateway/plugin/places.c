/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/plugin/places.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    FIRST_CAP = 32,
    AGAIN_US = 3 * 1000 * 1000,
    /* To ask costs Mosquitto (2.0.11) some bytes for each session of MQTT 5. */
    SWEEP_US = 60 * 1000 * 1000,
    UNKNOWN_S = 14 * 24 * 3600, /* the broker ends it by then */
    OVERHEAD = 64,              /* of a message, beside its payload */
};

void places_free(struct places *places) {
    free(places->list);
    *places = (struct places){0};
}

static struct place *find(const struct places *places, const char *id) {
    for (uint32_t i = 0; i < places->count; i++) {
        if (strcmp(places->list[i].id, id) == 0) {
            return &places->list[i];
        }
    }
    return NULL;
}

static uint32_t granted(const struct places *places) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < places->count; i++) {
        count += places->list[i].granted;
    }
    assert(count <= PLACES_MAX);
    return count;
}

/* NULL if there is no memory: then it is found when something is queued. */
static struct place *add(struct places *places, const char *id) {
    assert(find(places, id) == NULL && strlen(id) < CLIENT_ID_MAX);
    if (places->count == places->cap) {
        uint32_t cap = places->cap == 0 ? FIRST_CAP : 2 * places->cap;
        struct place *list = realloc(places->list, cap * sizeof *list);
        if (list == NULL) {
            return NULL;
        }
        places->list = list;
        places->cap = cap;
    }
    struct place *place = &places->list[places->count++];
    *place = (struct place){.ends_s = INT64_MAX};
    snprintf(place->id, sizeof place->id, "%s", id);
    return place;
}

static void settle(struct places *places, struct place *place) {
    assert(!place->in_doubt || places->doubts > 0);
    places->doubts -= place->in_doubt;
    place->in_doubt = false;
}

static void remove_place(struct places *places, struct place *place) {
    settle(places, place);
    *place = places->list[--places->count];
}

static bool grant(struct places *places, struct place *place) {
    if (!place->granted && !place->nobodys) {
        place->granted = granted(places) < PLACES_MAX;
    }
    return place->granted;
}

void places_load(struct places *places, const struct rules *rules) {
    for (uint32_t i = 0; i < rules->session_count; i++) {
        const struct rules_session *session = &rules->sessions[i];
        struct place *place = find(places, session->client_id) == NULL
                                  ? add(places, session->client_id)
                                  : NULL;
        if (place != NULL) {
            place->loaded = true;
            place->ends_s = session->ends_s;
            (void)grant(places, place);
        }
    }
}

static bool is_connected(const struct places_now *now, const char *id) {
    uint32_t at = 0;
    const struct client *client;
    while ((client = clients_next(now->clients, &at)) != NULL) {
        if (!client->refused && strcmp(client->id, id) == 0) {
            return true;
        }
    }
    return false;
}

/* Those that have expired meanwhile. */
static void sweep(struct places *places, const struct places_now *now) {
    bool asks =
        places->swept_us == 0 || now->mono_us - places->swept_us >= SWEEP_US;
    for (uint32_t i = places->count; i-- > 0;) {
        struct place *place = &places->list[i];
        bool gone = place->loaded ? place->ends_s <= now->wall_s
                                  : asks && !place->in_doubt &&
                                        !is_connected(now, place->id) &&
                                        !now->has(now->self, place->id);
        if (gone) {
            remove_place(places, place);
        }
    }
    places->swept_us = asks ? now->mono_us : places->swept_us;
}

static bool may_keep(struct places *places, const struct places_now *now,
                     const char *id) {
    struct place *place = find(places, id);
    if (place == NULL || !place->granted) {
        if (granted(places) == PLACES_MAX) {
            sweep(places, now);
        }
        if (granted(places) == PLACES_MAX) {
            return false;
        }
        place = find(places, id);
    }
    place = place != NULL ? place : add(places, id);
    if (place == NULL) {
        return false;
    }
    place->nobodys = false;
    place->loaded = false;
    place->bytes = 0;
    return grant(places, place);
}

bool places_enter(struct places *places, const struct places_now *now,
                  const char *id, enum places_wish wish, bool named) {
    if (wish == PLACES_YES) {
        assert(!named);
        return may_keep(places, now, id);
    }
    struct place *place = find(places, id);
    if (wish == PLACES_MAYBE && place != NULL && place->granted && !named) {
        return may_keep(places, now, id); /* it may have an expiry again */
    }
    if (place != NULL) {
        remove_place(places, place); /* the broker forgets it now */
    }
    uint32_t surplus = places->count - granted(places);
    return wish == PLACES_NO || surplus < PLACES_SURPLUS_MAX;
}

void places_left(struct places *places, const char *id, enum places_wish wish,
                 bool named) {
    struct place *place = find(places, id);
    if (place == NULL && wish != PLACES_NO) {
        place = add(places, id);
    }
    if (place == NULL) {
        return;
    }
    place->nobodys = named;
    place->granted = place->granted && !named;
    place->loaded = false;
    places->doubts += !place->in_doubt;
    place->in_doubt = true;
}

void places_ended(struct places *places, const char *id) {
    struct place *place = find(places, id);
    if (place != NULL) {
        remove_place(places, place);
    }
}

bool places_queue(struct places *places, const struct places_now *now,
                  const char *id, size_t len) {
    struct place *place = find(places, id);
    if (place == NULL && strlen(id) < CLIENT_ID_MAX) {
        place = add(places, id);
        if (place != NULL) {
            place->loaded = true;
            place->ends_s = now->wall_s + UNKNOWN_S;
        }
    }
    if (place == NULL || !grant(places, place) ||
        place->bytes + len + OVERHEAD > PLACES_BYTES_MAX) {
        return false;
    }
    place->bytes += len + OVERHEAD;
    return true;
}

const char *places_settle(struct places *places, const struct places_now *now) {
    for (uint32_t i = places->count; i-- > 0 && places->doubts > 0;) {
        struct place *place = &places->list[i];
        if (!place->in_doubt) {
            continue;
        }
        settle(places, place);
        if (is_connected(now, place->id)) {
            if (!place->granted) {
                remove_place(places, place); /* at its next end it is asked */
            }
        } else if (!now->has(now->self, place->id)) {
            remove_place(places, place);
        } else if (!grant(places, place)) {
            return place->id;
        }
    }
    return NULL;
}

const char *places_surplus(struct places *places,
                           const struct places_now *now) {
    for (uint32_t i = 0; i < places->count; i++) {
        struct place *place = &places->list[i];
        bool due =
            place->told_us == 0 || now->mono_us - place->told_us >= AGAIN_US;
        if (!place->granted && !place->in_doubt && due) {
            place->told_us = now->mono_us;
            return place->id;
        }
    }
    return NULL;
}

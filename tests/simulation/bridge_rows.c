/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/bridge_rows.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/forwarder.h"
#include "bridge/sender.h"
#include "gateway/event/event.h"
#include "tests/simulation/fake_cloud.h"
#include "tests/simulation/fake_disk.h"
#include "tests/simulation/fake_executor.h"

#define DIR_NAME "/data/orders"
#define SECOND_US ((int64_t)1000 * 1000)
#define DAY_US (24 * 3600 * SECOND_US)

enum {
    EVENT_ROOM = 4096,
    STEPS_MAX = 20 * 1000 * 1000, /* of one life: more is a loop */
};

/* A box and its cloud. */
struct town {
    struct support_random random;
    struct fake_disk *fake;
    struct platform platform;
    struct fake_executor executor;
    struct fake_cloud cloud;
    struct credentials credentials;
    struct config config;
    struct config_stream stream;
    struct share share;
    struct sender_context context;
    struct journal *journal;
    struct sender *sender;
    uint64_t events; /* there are */
    uint64_t passed; /* by the cursor, and looked at */
    uint64_t steps;
    uint64_t crash_at; /* a step; 0: none */
    uint64_t again_max;
    struct run_counts *counts;
    struct reason *violation;
    bool violated;
};

static void violate(struct town *town, const char *what, uint64_t number) {
    if (!town->violated) {
        town->violated = true;
        reason_set(town->violation, ERR_CORRUPT, "%s: %" PRIu64, what, number);
    }
}

/* --- the box ------------------------------------------------------------ */

static int64_t read_mono(void *self) {
    const struct town *town = self;
    return town->cloud.now_us;
}

static int64_t read_wall(void *self) {
    const struct town *town = self;
    return 1795432440000000 + town->cloud.now_us;
}

static void fill_random(void *self, void *buf, size_t len) {
    struct town *town = self;
    uint8_t *bytes = buf;
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)support_next(&town->random);
    }
}

static void on_turn(void *self) {
    (void)self;
}

static void on_refused(void *context, const struct exchange_result *result) {
    (void)context;
    (void)result;
}

static void on_clock(void *self, int64_t offset_us) {
    (void)self;
    (void)offset_us;
}

/* Whoever settles letters has them durable at once. */
static void on_letter(void *self, const struct dead_letter *letter) {
    struct town *town = self;
    if (!fake_cloud_is_poison(&town->cloud, letter->seq)) {
        sender_settle(town->sender, letter->seq, SETTLE_RETRY);
        return;
    }
    town->cloud.dead[letter->seq] = true;
    sender_settle(town->sender, letter->seq, SETTLE_DEAD);
}

static void open_journal(struct town *town) {
    struct journal_options options = {
        .platform = &town->platform,
        .dir = DIR_NAME,
        .store = "store-7",
        .stream = "orders",
        .segment_bytes = (uint64_t)2048 * JOURNAL_PAGE,
    };
    town->journal = support_open(&options);
    town->counts->opens++;
}

static void append(struct town *town, uint32_t count) {
    uint8_t memory[EVENT_ROOM];
    journal_begin(town->journal);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t seq = journal_next_seq(town->journal);
        char id[32];
        char subject[32];
        snprintf(id, sizeof id, "e%" PRIu64, seq);
        snprintf(subject, sizeof subject, "k%" PRIu64, seq % town->cloud.keys);
        struct event event = {
            .id = slice_from_str(id),
            .source = SLICE("/store-7/sensor"),
            .type = SLICE("ReadingTaken"),
            .subject = slice_from_str(subject),
            .data_kind = EVENT_DATA_JSON,
            .data = SLICE("{\"n\":1}"),
        };
        struct writer writer = writer_over(memory, sizeof memory);
        event_store(&event, &writer);
        assert(!writer.full);
        support_append(town->journal, writer_slice(&writer));
    }
    support_commit(town->journal);
    town->counts->commits++;
    town->events += count;
}

static void start(struct town *town) {
    const struct clock *clock = &town->platform.clock;
    share_init(&town->share, 0, 0, clock->mono_us(clock->self));
    town->context = (struct sender_context){
        .platform = &town->platform,
        .config = &town->config,
        .credentials = &town->credentials,
        .connector = fake_cloud_connector(&town->cloud),
        .executor = fake_executor(&town->executor),
        .share = &town->share,
    };
    struct sender_options options = {
        .context = &town->context,
        .stream = &town->stream,
        .dir = DIR_NAME,
        .journal_id = journal_id(town->journal),
        .position = journal_position(town->journal),
        .turn = on_turn,
        .clock_learned = on_clock,
        .credentials_refused = on_refused,
        .letter = on_letter,
        .self = town,
    };
    struct reason reason = {""};
    town->sender = NULL;
    if (sender_new(&options, &town->sender, &reason) != ERR_OK) {
        violate(town, reason.text, town->steps);
    }
}

static struct town *town_new(uint64_t seed, struct run_counts *counts,
                             struct reason *ret) {
    struct town *town = calloc(1, sizeof *town);
    assert(town != NULL);
    town->random.state = seed;
    town->cloud.random.state = seed * 7 + 1;
    town->cloud.now_us = SECOND_US;
    town->cloud.trip_us = 20 * 1000;
    town->cloud.keys = 1 + (uint32_t)support_below(&town->random, 60);
    town->cloud.lanes = 1 + (uint32_t)support_below(&town->random, 20);
    town->counts = counts;
    town->violation = ret;
    town->fake = fake_disk_new(seed);
    town->platform = (struct platform){
        .disk = fake_disk_table(town->fake),
        .clock = {town, read_wall, read_mono},
        .entropy = {town, fill_random},
    };
    const struct disk *disk = &town->platform.disk;
    err_t err = disk->make_dir(disk->self, "/data");
    assert(err == ERR_OK);
    err = disk->sync_dir(disk->self, "");
    assert(err == ERR_OK);
    strcpy(town->credentials.access_key, "AKID");
    strcpy(town->credentials.secret_key, "secret");
    strcpy(town->config.store, "store-7");
    strcpy(town->config.cloud.region, "eu-central-1");
    strcpy(town->config.cloud.source_prefix, "com.shopme");
    strcpy(town->config.cloud.endpoint, "https://localhost:1");
    town->config.cloud.connections = 8;
    town->config.cloud.lanes = town->cloud.lanes;
    strcpy(town->stream.name, "orders");
    strcpy(town->stream.sink_name, "a-bus");
    town->stream.sink = CONFIG_SINK_EVENTBRIDGE;
    town->stream.priority = 1;
    open_journal(town);
    return town;
}

/* Instead of EventBridge. */
static void use_aggregates(struct town *town) {
    town->cloud.aggregated = true;
    town->stream.sink = CONFIG_SINK_KINESIS;
    town->stream.aggregate = true;
    town->stream.linger_ms = (uint32_t)support_below(&town->random, 60);
}

static void settle_jobs(struct town *town) {
    fake_executor_settle(&town->executor);
}

/* The sender ends, in good order or because its process is gone. */
static void end_sender(struct town *town, bool in_order) {
    if (town->sender == NULL) {
        return;
    }
    sender_hang_up(town->sender);
    settle_jobs(town);
    if (in_order) {
        sender_finish(town->sender);
    }
    sender_free(town->sender);
    town->sender = NULL;
}

static bool town_end(struct town *town) {
    bool good = !town->violated;
    town->counts->faults += town->cloud.faults;
    end_sender(town, true);
    journal_close(town->journal);
    fake_disk_free(town->fake);
    free(town);
    return good;
}

/* --- what must hold ----------------------------------------------------- */

/* What the cursor has passed is at the cloud, or is a letter. */
static void check(struct town *town) {
    struct bridge_stream_status status;
    (void)sender_status(town->sender, &status);
    for (; town->passed < status.cursor; town->passed++) {
        if (!town->cloud.taken[town->passed] &&
            !town->cloud.dead[town->passed]) {
            violate(town, "the cursor passed what the cloud does not have",
                    town->passed);
        }
    }
    if (town->cloud.out_of_order > 0) {
        violate(town, "taken before an earlier event of its key",
                town->cloud.out_of_order);
    }
    if (town->cloud.together > 0) {
        violate(town, "two events of a key were under way together",
                town->cloud.together);
    }
    if (town->cloud.beside > 0) {
        violate(town, "two requests of a lane were under way together",
                town->cloud.beside);
    }
    if (town->cloud.mixed > 0) {
        violate(town, "an aggregate had two lanes, or a lane two aggregates",
                town->cloud.mixed);
    }
    if (town->cloud.again > town->again_max) {
        violate(town, "more was sent again than was sent in a second",
                town->cloud.again);
    }
}

static void check_end(struct town *town) {
    for (uint64_t seq = 0; seq < town->events; seq++) {
        if (!town->cloud.taken[seq] && !town->cloud.dead[seq]) {
            violate(town, "an event never arrived", seq);
            return;
        }
    }
}

static bool is_done(const struct town *town) {
    return town->passed == town->events;
}

/* --- time --------------------------------------------------------------- */

/* One thing happens: a job's part, what the network does, or time passes.
 * False if nothing will ever happen again. */
static bool step(struct town *town) {
    town->steps++;
    sender_work(town->sender);
    sender_send(town->sender, 0);
    if (fake_executor_work(&town->executor) ||
        fake_executor_done(&town->executor) || fake_cloud_step(&town->cloud)) {
        return true;
    }
    int64_t due_us = sender_due_us(town->sender, true);
    int64_t cloud_us = fake_cloud_due_us(&town->cloud);
    due_us = due_us < cloud_us ? due_us : cloud_us;
    if (due_us == INT64_MAX) {
        return false;
    }
    town->cloud.now_us =
        due_us > town->cloud.now_us ? due_us : town->cloud.now_us + 1;
    return true;
}

/* Until all is passed and saved, or the step of the crash. */
static void live(struct town *town) {
    uint64_t steps = 0;
    while (!town->violated && town->sender != NULL && !is_done(town) &&
           (town->crash_at == 0 || town->steps < town->crash_at)) {
        bool more = step(town);
        check(town);
        if (!more && !is_done(town)) {
            violate(town, "it stands still at", town->passed);
        }
        if (++steps > STEPS_MAX) {
            violate(town, "it turns without end at", town->passed);
        }
    }
}

/* What was taken in the last second and the run-ahead window may come again,
 * and what was under way; and what failed before an answer, at any time. */
static void allow_again(struct town *town) {
    for (uint64_t seq = 0; seq < town->events; seq++) {
        if (town->cloud.taken[seq] &&
            town->cloud.taken_us[seq] >=
                town->cloud.now_us - SECOND_US - SECOND_US / 10) {
            town->again_max++;
        }
    }
    if (town->cloud.fails > 0 || town->cloud.poison > 0) {
        town->again_max += FORWARDER_EVENTS_MAX;
    }
}

static void crash(struct town *town, bool of_power) {
    fake_cloud_cut(&town->cloud);
    allow_again(town);
    fake_disk_stop(town->fake);
    end_sender(town, false);
    journal_close(town->journal);
    if (of_power) {
        fake_disk_power_cut(town->fake, FAKE_TEAR);
        town->counts->power_cuts++;
    } else {
        fake_disk_process_gone(town->fake);
        town->counts->processes_gone++;
    }
    town->passed = 0;
    open_journal(town);
    start(town);
}

/* --- rows --------------------------------------------------------------- */

/* Twenty events each half second, for six seconds of the simulated clock, or
 * until the step of the crash. */
static void live_in_pace(struct town *town) {
    int64_t end_us = town->cloud.now_us;
    while (!town->violated && town->events < 240 &&
           (town->crash_at == 0 || town->steps < town->crash_at)) {
        append(town, 20);
        end_us += SECOND_US / 2;
        live(town);
        if (town->cloud.now_us < end_us && is_done(town)) {
            town->cloud.now_us = end_us;
        }
    }
}

/* How a life goes on: whether events are aggregated, and whether the power ends
 * it or the process alone. */
struct ending {
    bool aggregated;
    bool of_power;
};

static uint64_t crash_once(uint64_t seed, uint64_t at, struct ending ending,
                           struct run_counts *counts, struct reason *ret,
                           bool *ret_good) {
    struct town *town = town_new(seed, counts, ret);
    if (ending.aggregated) {
        use_aggregates(town);
    }
    start(town);
    town->crash_at = at;
    live_in_pace(town);
    uint64_t steps = town->steps;
    if (!town->violated && at > 0) {
        crash(town, ending.of_power);
        town->crash_at = 0;
        live(town);
        live_in_pace(town);
    }
    if (!town->violated) {
        check_end(town);
    }
    *ret_good = town_end(town);
    return steps;
}

static bool crash_everywhere(uint64_t seed, bool aggregated,
                             struct run_counts *counts, struct reason *ret) {
    bool good;
    const struct ending alive = {aggregated, false};
    const struct ending dark = {aggregated, true};
    uint64_t steps = crash_once(seed, 0, alive, counts, ret, &good);
    for (uint64_t at = 1; good && at < steps; at += counts->every) {
        crash_once(seed, at, alive, counts, ret, &good);
        if (good) {
            crash_once(seed, at, dark, counts, ret, &good);
        }
    }
    return good;
}

bool bridge_every_crash(uint64_t seed, struct run_counts *counts,
                        struct reason *ret) {
    return crash_everywhere(seed, false, counts, ret) &&
           crash_everywhere(seed, true, counts, ret);
}

bool bridge_random(uint64_t seed, struct run_counts *counts,
                   struct reason *ret) {
    struct town *town = town_new(seed, counts, ret);
    if (support_below(&town->random, 2) == 0) {
        use_aggregates(town);
    }
    town->cloud.fails = (uint32_t)support_below(&town->random, 50);
    town->cloud.poison =
        seed % 2 == 0 ? 0 : 20 + (uint32_t)support_below(&town->random, 80);
    town->again_max = UINT64_MAX / 2; /* lost answers: any number */
    append(town, 100);
    start(town);
    for (int i = 0; i < 6 && !town->violated; i++) {
        append(town, 1 + (uint32_t)support_below(&town->random, 100));
        town->crash_at = town->steps + 1 + support_below(&town->random, 400);
        live(town);
        if (!town->violated) {
            crash(town, support_below(&town->random, 2) == 0);
        }
    }
    town->crash_at = 0;
    live(town);
    if (!town->violated) {
        check_end(town);
    }
    return town_end(town);
}

/* An event an hour meanwhile; then all arrives within the time that 80 a round
 * trip take, and some. */
bool bridge_offline(uint64_t seed, struct run_counts *counts,
                    struct reason *ret) {
    struct town *town = town_new(seed, counts, ret);
    int64_t days = 30 / (int64_t)counts->every;
    days = days > 0 ? days : 1;
    town->cloud.keys = 50;
    town->cloud.away = true;
    for (int i = 0; i < 4; i++) {
        append(town, 500);
    }
    start(town);
    int64_t hour_us = DAY_US / 24;
    int64_t next_us = hour_us;
    while (!town->violated && town->cloud.now_us < days * DAY_US) {
        (void)step(town);
        if (town->cloud.now_us >= next_us) {
            append(town, 1);
            next_us += hour_us;
        }
    }
    town->cloud.away = false;
    int64_t back_us = town->cloud.now_us;
    live(town);
    int64_t took_us = town->cloud.now_us - back_us;
    int64_t bound_us =
        (int64_t)town->events / 50 * town->cloud.trip_us * 2 + 5 * SECOND_US;
    if (!town->violated && took_us > bound_us) {
        violate(town, "it took so many ms to catch up",
                (uint64_t)took_us / 1000);
    }
    if (!town->violated) {
        check_end(town);
    }
    return town_end(town);
}

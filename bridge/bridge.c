/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge's thread: a libuv loop that gives each stream's sender its turns,
 * higher priorities first.
 *
 * The threads share one mutex (commands one way, the last status the other), an
 * async handle to wake the loop, and the journals' durable positions. Nothing
 * else is shared. */
#include "bridge/bridge.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "bridge/bridge_state.h"
#include "bridge/bundle.h"
#include "bridge/credential_keeper.h"
#include "bridge/credential_web.h"
#include "bridge/heartbeat.h"
#include "bridge/https.h"
#include "bridge/sender.h"
#include "bridge/way.h"
#include "gateway/base/log.h"
#include "gateway/jobs/jobs.h"

enum {
    BEAT_MS = 1000,
    TELL_MS = 100,       /* how often the status is published at most */
    STOP_GRACE_MS = 300, /* for answers to requests in flight */
};

static const char CA_FILE_DEFAULT[] = "/etc/ssl/certs/ca-certificates.crt";

/* --- the status --------------------------------------------------------- */

/* A difference in the padding alone is told once too often: harmless. */
static bool has_changed(const struct dead_status *a,
                        const struct dead_status *b) {
    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
    return memcmp(a, b, sizeof *a) != 0;
}

/* True if their state changed. */
static bool look_at_credentials(const struct bridge *bridge,
                                struct bridge_status *ret) {
    if (bridge->keeper == NULL) {
        return false;
    }
    const struct credential_status *told = &bridge->told.credentials;
    credential_keeper_status(bridge->keeper, &ret->credentials);
    return told->state != ret->credentials.state ||
           told->renewals != ret->credentials.renewals;
}

/* True if it changed. */
static bool publish(struct bridge *bridge) {
    struct bridge_status status = {.stream_count =
                                       bridge->options.stream_count};
    bool changed = false;
    for (uint32_t i = 0; i < status.stream_count; i++) {
        changed |= sender_status(bridge->senders[i], &status.streams[i]);
    }
    status.clock_offset_ms = bridge->clock_offset_us / 1000;
    dead_status(bridge->dead, &status.dead);
    changed |= look_at_credentials(bridge, &status);
    memcpy(status.authorities, bridge->bundle.trouble,
           sizeof status.authorities);
    pthread_mutex_lock(&bridge->mutex);
    changed |= has_changed(&bridge->told.dead, &status.dead);
    bridge->told = status;
    pthread_mutex_unlock(&bridge->mutex);
    return changed;
}

/* That this is called shows that the loop turns. */
static void on_beat(uv_timer_t *timer) {
    struct bridge *bridge = timer->data;
    atomic_fetch_add_explicit(&bridge->turns, 1, memory_order_relaxed);
    if (bridge->tls != NULL) {
        bundle_beat(&bridge->bundle);
    }
}

static void on_telling(uv_timer_t *timer) {
    struct bridge *bridge = timer->data;
    if (publish(bridge) && bridge->options.changed != NULL) {
        bridge->options.changed(bridge->options.context);
    }
}

/* Soon, together with other changes until then. */
static void tell_soon(struct bridge *bridge) {
    if (!bridge->closed && !uv_is_active((uv_handle_t *)&bridge->telling)) {
        uv_timer_start(&bridge->telling, on_telling, TELL_MS, 0);
    }
}

static void on_bundle(void *context) {
    tell_soon(context);
}

/* --- turns -------------------------------------------------------------- */

static void close_all(struct bridge *bridge) {
    if (bridge->closed) {
        return;
    }
    bridge->closed = true;
    if (bridge->keeper != NULL) {
        credential_keeper_hang_up(bridge->keeper);
    }
    if (bridge->heartbeat != NULL) {
        heartbeat_hang_up(bridge->heartbeat);
    }
    for (uint32_t i = 0; i < bridge->options.stream_count; i++) {
        if (bridge->senders[i] != NULL) {
            sender_hang_up(bridge->senders[i]);
        }
    }
    dead_hang_up(bridge->dead);
    uv_close((uv_handle_t *)&bridge->woken, NULL);
    uv_close((uv_handle_t *)&bridge->due, NULL);
    uv_close((uv_handle_t *)&bridge->telling, NULL);
    uv_close((uv_handle_t *)&bridge->grace, NULL);
    uv_close((uv_handle_t *)&bridge->beat, NULL);
}

static bool any_busy(const struct bridge *bridge) {
    for (uint32_t i = 0; i < bridge->options.stream_count; i++) {
        if (sender_is_busy(bridge->senders[i])) {
            return true;
        }
    }
    return false;
}

static void turn(void *context);

static void on_due(uv_timer_t *timer) {
    turn(timer->data);
}

static void wake_at(struct bridge *bridge, int64_t due_us) {
    if (due_us == INT64_MAX) {
        uv_timer_stop(&bridge->due);
        return;
    }
    const struct clock *clock = &bridge->options.platform->clock;
    int64_t wait_us = due_us - clock->mono_us(clock->self);
    uint64_t wait_ms = wait_us > 0 ? (uint64_t)(wait_us + 999) / 1000 : 0;
    uv_update_time(&bridge->loop);
    uv_timer_start(&bridge->due, on_due, wait_ms, 0);
}

static uint32_t priority_of(const struct bridge *bridge, uint32_t i) {
    return bridge->options.streams[bridge->by_priority[i]].config->priority;
}

/* Does a stream before the n-th in order probe the endpoint that it would? */
static bool is_probed_before(const struct bridge *bridge, uint32_t n) {
    const struct endpoint *where =
        sender_probes(bridge->senders[bridge->by_priority[n]]);
    for (uint32_t i = 0; where != NULL && i < n; i++) {
        const struct endpoint *probed =
            sender_probes(bridge->senders[bridge->by_priority[i]]);
        if (probed != NULL &&
            strcmp(probed->authority, where->authority) == 0) {
            return true;
        }
    }
    return false;
}

/* Renews them, and tells the senders whether there are any. */
static bool mind_credentials(struct bridge *bridge) {
    if (bridge->keeper == NULL) {
        return true;
    }
    credential_keeper_work(bridge->keeper);
    struct credential_status status;
    struct reason why;
    credential_keeper_status(bridge->keeper, &status);
    credential_keeper_why(bridge->keeper, &why);
    bool ready = credential_keeper_is_ready(bridge->keeper);
    bool expired = status.state == CREDENTIAL_STATE_EXPIRED;
    for (uint32_t i = 0; i < bridge->options.stream_count; i++) {
        if (ready || status.state != CREDENTIAL_STATE_FETCHING) {
            sender_credentials(bridge->senders[i], ready ? NULL : why.text,
                               expired);
        }
    }
    return ready;
}

/* What the gateway says of itself, whatever waits. */
static int64_t give_heartbeat_its_turn(struct bridge *bridge, bool signs) {
    struct heartbeat *heartbeat = bridge->heartbeat;
    if (heartbeat == NULL) {
        return INT64_MAX;
    }
    bool may_send = signs && !bridge->paused;
    heartbeat_work(heartbeat, bridge->clock_offset_us, may_send);
    return heartbeat_due_us(heartbeat, may_send);
}

static int64_t credentials_due_us(const struct bridge *bridge) {
    return bridge->keeper != NULL ? credential_keeper_due_us(bridge->keeper)
                                  : INT64_MAX;
}

/* Each stream in turn, by priority. Where answers take long nobody waits for
 * anybody; where the line is the limit, see share.h. */
static int64_t give_turns(struct bridge *bridge) {
    bool signs = mind_credentials(bridge);
    int64_t due_us = credentials_due_us(bridge);
    int64_t beats_us = give_heartbeat_its_turn(bridge, signs);
    due_us = beats_us < due_us ? beats_us : due_us;
    for (uint32_t i = 0; i < bridge->options.stream_count; i++) {
        struct sender *sender = bridge->senders[bridge->by_priority[i]];
        sender_work(sender);
        sender_wait(sender, sender_yields(sender));
        sender_spare(sender, is_probed_before(bridge, i));
        if (signs) {
            sender_send(sender, bridge->clock_offset_us);
        }
        int64_t wanted_us = sender_due_us(sender, signs);
        due_us = wanted_us < due_us ? wanted_us : due_us;
    }
    return due_us;
}

static void learn_clock(void *context, int64_t offset_us) {
    struct bridge *bridge = context;
    bridge->clock_offset_us = offset_us;
    credential_keeper_learn_clock(bridge->keeper, offset_us);
}

static void credentials_refused(void *context,
                                const struct exchange_result *result) {
    struct bridge *bridge = context;
    credential_keeper_refused(bridge->keeper, result->signed_serial,
                              result->answer.expired);
}

/* A request that fails immediately asks for a turn from within a turn. */
static void turn(void *context) {
    struct bridge *bridge = context;
    if (bridge->turning) {
        bridge->turn_again = true;
        return;
    }
    if (bridge->stopping) {
        if (!any_busy(bridge)) {
            close_all(bridge);
        }
        return;
    }
    bridge->turning = true;
    int64_t due_us = give_turns(bridge);
    int64_t dead_us = bridge_turn_dead(bridge);
    due_us = dead_us < due_us ? dead_us : due_us;
    bridge->turning = false;
    if (bridge->turn_again) {
        bridge->turn_again = false;
        due_us = 0;
    }
    wake_at(bridge, due_us);
    tell_soon(bridge);
}

static void on_grace(uv_timer_t *timer) {
    close_all(timer->data);
}

static void on_woken(uv_async_t *async) {
    struct bridge *bridge = async->data;
    pthread_mutex_lock(&bridge->mutex);
    bool paused = bridge->want_paused;
    bool stop = bridge->want_stop;
    pthread_mutex_unlock(&bridge->mutex);
    bridge->paused = paused;
    for (uint32_t i = 0; i < bridge->options.stream_count; i++) {
        sender_pause(bridge->senders[i], paused);
    }
    bridge_take_order(bridge);
    if (stop && !bridge->stopping) {
        bridge->stopping = true;
        uv_timer_start(&bridge->grace, on_grace, STOP_GRACE_MS, 0);
    }
    turn(bridge);
}

static void *run(void *context) {
    struct bridge *bridge = context;
    uv_run(&bridge->loop, UV_RUN_DEFAULT);
    for (uint32_t i = 0; i < bridge->options.stream_count; i++) {
        sender_finish(bridge->senders[i]);
    }
    return NULL;
}

/* --- beginning and end -------------------------------------------------- */

static err_t start_loop(struct bridge *bridge) {
    ENSURE(uv_loop_init(&bridge->loop) == 0, ERR_MEMORY);
    if (uv_async_init(&bridge->loop, &bridge->woken, on_woken) != 0) {
        uv_loop_close(&bridge->loop);
        return ERR_MEMORY;
    }
    uv_timer_init(&bridge->loop, &bridge->due);
    uv_timer_init(&bridge->loop, &bridge->telling);
    uv_timer_init(&bridge->loop, &bridge->grace);
    uv_timer_init(&bridge->loop, &bridge->beat);
    bridge->woken.data = bridge;
    bridge->due.data = bridge;
    bridge->telling.data = bridge;
    bridge->grace.data = bridge;
    bridge->beat.data = bridge;
    uv_timer_start(&bridge->beat, on_beat, BEAT_MS, BEAT_MS);
    return ERR_OK;
}

/* AWS_CA_BUNDLE is used where the configuration sets no file of its own. */
static const char *ca_file(const struct config_cloud *cloud) {
    const char *bundle = getenv("AWS_CA_BUNDLE");
    bool silent = cloud->ca_file[0] == '\0' ||
                  strcmp(cloud->ca_file, CA_FILE_DEFAULT) == 0;
    if (silent && bundle != NULL && bundle[0] != '\0') {
        return bundle;
    }
    return cloud->ca_file[0] != '\0' ? cloud->ca_file : CA_FILE_DEFAULT;
}

err_t bridge_check_authorities(const struct config_cloud *cloud,
                               struct reason *reason) {
    return tls_check_authorities(ca_file(cloud), reason);
}

struct credential_plan_options bridge_credential_options(
    const struct config_cloud *cloud, const struct platform *platform) {
    return (struct credential_plan_options){cloud, ca_file(cloud),
                                            &platform->entropy};
}

static bool any_sink(const struct bridge_options *options) {
    for (uint32_t i = 0; i < options->stream_count; i++) {
        if (options->streams[i].config->sink != CONFIG_SINK_NONE) {
            return true;
        }
    }
    return false;
}

static void sort_by_priority(struct bridge *bridge) {
    for (uint32_t i = 0; i < bridge->options.stream_count; i++) {
        uint32_t priority = bridge->options.streams[i].config->priority;
        uint32_t place = i;
        for (; place > 0 && priority_of(bridge, place - 1) > priority;
             place--) {
            bridge->by_priority[place] = bridge->by_priority[place - 1];
        }
        bridge->by_priority[place] = i;
    }
}

/* The environment and files are looked at here, once, before the loop turns.
 */
static err_t set_up_credentials(struct bridge *bridge, struct reason *reason) {
    const struct bridge_options *options = &bridge->options;
    struct credential_keeper_options keeper = {
        .platform = options->platform,
        .plan = bridge_credential_options(&options->config->cloud,
                                          options->platform),
        .executor = bridge->context.executor,
        .web = credential_web_table(&bridge->https),
        .turn = turn,
        .self = bridge,
    };
    TRY(credential_keeper_new(&keeper, &bridge->keeper, reason));
    bridge->context.credentials = credential_keeper_credentials(bridge->keeper);
    return ERR_OK;
}

/* HTTPS, unless the options give another transport. */
static err_t set_up_network(struct bridge *bridge, struct reason *reason) {
    const struct bridge_options *options = &bridge->options;
    if (!any_sink(options)) {
        return ERR_OK;
    }
    if (options->connector != NULL) {
        bridge->https = (struct https_connector){&bridge->loop, NULL};
        bridge->context.connector = *options->connector;
        return set_up_credentials(bridge, reason);
    }
    struct bundle_options bundle = {
        .ca_file = ca_file(&options->config->cloud),
        .entropy = &options->platform->entropy,
        .executor = bridge->context.executor,
        .changed = on_bundle,
        .context = bridge,
    };
    TRY(bundle_open(&bridge->bundle, &bundle, &bridge->tls, reason));
    bridge->https = (struct https_connector){&bridge->loop, bridge->tls};
    bridge->context.connector = https_connector_table(&bridge->https);
    return set_up_credentials(bridge, reason);
}

/* Which endpoint and proxy the file and the environment come to. */
static void say_way(const struct bridge *bridge,
                    const struct config_stream *stream) {
    char way[WAY_TEXT_MAX];
    struct reason reason;
    if (stream->sink != CONFIG_SINK_NONE &&
        way_describe(&bridge->options.config->cloud, stream, way, &reason) ==
            ERR_OK) {
        log_line(LOG_DEBUG, "bridge", "stream=%s by way of %s", stream->name,
                 way);
    }
}

static err_t set_up_senders(struct bridge *bridge, struct reason *reason) {
    for (uint32_t i = 0; i < bridge->options.stream_count; i++) {
        const struct bridge_stream_options *stream =
            &bridge->options.streams[i];
        struct sender_options options = {
            .context = &bridge->context,
            .stream = stream->config,
            .dir = stream->dir,
            .journal_id = stream->journal_id,
            .cursor_apart = stream->cursor_apart,
            .position = stream->position,
            .turn = turn,
            .clock_learned = learn_clock,
            .letter = bridge_take_letter,
            .credentials_refused = credentials_refused,
            .self = bridge,
        };
        options.letters = dead_known(bridge->dead, i, &options.letter_count);
        TRY(sender_new(&options, &bridge->senders[i], reason));
        say_way(bridge, stream->config);
    }
    sort_by_priority(bridge);
    return ERR_OK;
}

static err_t set_up_heartbeat(struct bridge *bridge, struct reason *reason) {
    const struct bridge_options *options = &bridge->options;
    const struct config_stream *streams[CONFIG_STREAMS_MAX];
    for (uint32_t i = 0; i < options->stream_count; i++) {
        streams[i] = options->streams[i].config;
    }
    const struct heartbeat_options heartbeat = {
        .platform = options->platform,
        .config = options->config,
        .stream = heartbeat_stream(streams, options->stream_count),
        .credentials = bridge->context.credentials,
        .connector = bridge->context.connector,
        .turn = turn,
        .clock_learned = learn_clock,
        .credentials_refused = credentials_refused,
        .self = bridge,
    };
    return heartbeat.stream == NULL
               ? ERR_OK
               : heartbeat_new(&heartbeat, &bridge->heartbeat, reason);
}

static err_t set_up(struct bridge *bridge, struct reason *reason) {
    TRY(job_pool_new(&bridge->loop, &bridge->pool));
    bridge->context.platform = bridge->options.platform;
    bridge->context.config = bridge->options.config;
    bridge->context.executor = job_pool_executor(bridge->pool);
    bridge->context.share = &bridge->share;
    bridge->context.clock_learned = learn_clock;
    bridge->context.credentials_refused = credentials_refused;
    bridge->context.self = bridge;
    const struct config_cloud *cloud = &bridge->options.config->cloud;
    const struct clock *clock = &bridge->options.platform->clock;
    share_init(&bridge->share, cloud->bandwidth, cloud->requests,
               clock->mono_us(clock->self));
    TRY(set_up_network(bridge, reason));
    TRY(set_up_heartbeat(bridge, reason));
    TRY(bridge_set_up_dead(bridge, turn));
    return set_up_senders(bridge, reason);
}

/* The loop's thread has ended or never started: whatever is still open is
 * closed here. */
static void tear_down(struct bridge *bridge) {
    close_all(bridge);
    uv_run(&bridge->loop, UV_RUN_DEFAULT);
    for (uint32_t i = 0; i < bridge->options.stream_count; i++) {
        sender_free(bridge->senders[i]);
    }
    heartbeat_free(bridge->heartbeat);
    dead_free(bridge->dead);
    credential_keeper_free(bridge->keeper);
    job_pool_free(bridge->pool);
    int failed = uv_loop_close(&bridge->loop);
    assert(failed == 0);
    tls_context_free(bridge->tls);
    pthread_mutex_destroy(&bridge->mutex);
    free(bridge);
}

/* Only the main thread handles signals; and SIGPIPE must not end the process
 * when a peer hangs up. */
static err_t start_thread(struct bridge *bridge) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&bridge->thread, NULL, run, bridge);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0 ? ERR_OK : ERR_MEMORY;
}

err_t bridge_start(const struct bridge_options *options, struct bridge **ret,
                   struct reason *reason) {
    assert(options->stream_count <= CONFIG_STREAMS_MAX);
    struct bridge *bridge = calloc(1, sizeof *bridge);
    ENSURE(bridge != NULL, ERR_MEMORY);
    bridge->options = *options;
    if (start_loop(bridge) != ERR_OK) {
        free(bridge);
        return reason_set(reason, ERR_MEMORY, "no memory for a loop");
    }
    pthread_mutex_init(&bridge->mutex, NULL);
    err_t err = set_up(bridge, reason);
    if (err == ERR_OK) {
        publish(bridge);
        uv_async_send(&bridge->woken);
        err = start_thread(bridge);
    }
    if (err != ERR_OK) {
        tear_down(bridge);
        return err;
    }
    *ret = bridge;
    return ERR_OK;
}

void bridge_wake(struct bridge *bridge) {
    uv_async_send(&bridge->woken);
}

void bridge_pause(struct bridge *bridge, bool paused) {
    pthread_mutex_lock(&bridge->mutex);
    bridge->want_paused = paused;
    pthread_mutex_unlock(&bridge->mutex);
    uv_async_send(&bridge->woken);
}

err_t bridge_report(struct bridge *bridge, struct slice json, int64_t wall_us) {
    ENSURE(bridge->heartbeat != NULL, ERR_NOT_FOUND);
    TRY(heartbeat_put(bridge->heartbeat, json, wall_us));
    uv_async_send(&bridge->woken);
    return ERR_OK;
}

void bridge_status(struct bridge *bridge, struct bridge_status *ret) {
    pthread_mutex_lock(&bridge->mutex);
    *ret = bridge->told;
    pthread_mutex_unlock(&bridge->mutex);
}

const atomic_uint_fast64_t *bridge_turns(const struct bridge *bridge) {
    return &bridge->turns;
}

void bridge_stop(struct bridge *bridge) {
    if (bridge == NULL) {
        return;
    }
    pthread_mutex_lock(&bridge->mutex);
    bridge->want_stop = true;
    pthread_mutex_unlock(&bridge->mutex);
    uv_async_send(&bridge->woken);
    pthread_join(bridge->thread, NULL);
    tear_down(bridge);
}

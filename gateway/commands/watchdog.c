/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/watchdog.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { TICK_S = 1, LAST_WORDS_MS = 1000 };

struct watchdog {
    const struct notify *notify;
    const struct disk_count *disk;
    struct watchdog_rules rules; /* the thread's */
    pthread_t thread;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t changed;
    bool stopping;
    enum watchdog_phase phase;
    uint32_t loop_count;
    const char *names[WATCHDOG_LOOPS_MAX];
    const atomic_uint_fast64_t *turns[WATCHDOG_LOOPS_MAX];
};

/* One tick: a wait of a second, however long the machine was paused in it.
 * False when the thread is to end. */
static bool wait_for_tick(struct watchdog *watchdog) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += TICK_S;
    int failed = 0;
    while (!watchdog->stopping && failed == 0) {
        failed = pthread_cond_timedwait(&watchdog->changed, &watchdog->mutex,
                                        &until);
    }
    return !watchdog->stopping;
}

/* Under the mutex, which a loop's counter needs: its owner may end. */
static struct watchdog_seen look(const struct watchdog *watchdog) {
    struct watchdog_seen seen = {.phase = watchdog->phase,
                                 .loop_count = watchdog->loop_count};
    if (seen.phase == WATCHDOG_RUNNING) {
        for (uint32_t i = 0; i < seen.loop_count; i++) {
            seen.turns[i] = atomic_load(watchdog->turns[i]);
        }
    }
    seen.disk_ended = atomic_load(&watchdog->disk->ended);
    seen.disk_busy = atomic_load(&watchdog->disk->begun) > seen.disk_ended;
    return seen;
}

/* _exit(2), since what runs at exit() may wait for the loop that hangs. */
static void end_process(const struct watchdog *watchdog, int loop) {
    log_line(LOG_ERROR, "watchdog",
             "hung loop=%s seconds=%d exit=%d; a restart recovers, and nothing "
             "that was acknowledged is lost",
             watchdog->names[loop], WATCHDOG_HUNG_TICKS * TICK_S,
             WATCHDOG_EXIT_HUNG);
    (void)notify_say(watchdog->notify, "STATUS=The %s loop hangs",
                     watchdog->names[loop]);
    log_stop(LAST_WORDS_MS);
    _exit(WATCHDOG_EXIT_HUNG);
}

static void act(const struct watchdog *watchdog,
                const struct watchdog_does *does) {
    if (does->hung >= 0) {
        end_process(watchdog, does->hung);
    }
    if (does->alive) {
        (void)notify_say(watchdog->notify, "WATCHDOG=1");
    }
    if (does->extend) {
        (void)notify_say(watchdog->notify, "EXTEND_TIMEOUT_USEC=%d000000",
                         WATCHDOG_EXTEND_S);
    }
}

static void *run(void *context) {
    struct watchdog *watchdog = context;
    pthread_mutex_lock(&watchdog->mutex);
    while (wait_for_tick(watchdog)) {
        struct watchdog_seen seen = look(watchdog);
        struct watchdog_does does =
            watchdog_rules_tick(&watchdog->rules, &seen);
        act(watchdog, &does);
    }
    pthread_mutex_unlock(&watchdog->mutex);
    return NULL;
}

/* Only the main thread handles signals. */
static err_t start_thread(struct watchdog *watchdog) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&watchdog->thread, NULL, run, watchdog);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    ENSURE(failed == 0, ERR_MEMORY);
    (void)pthread_setname_np(watchdog->thread, "watchdog");
    return ERR_OK;
}

static void watchdog_free(struct watchdog *watchdog) {
    pthread_cond_destroy(&watchdog->changed);
    pthread_mutex_destroy(&watchdog->mutex);
    free(watchdog);
}

err_t watchdog_start(const struct notify *notify, const struct disk_count *disk,
                     struct watchdog **ret) {
    struct watchdog *watchdog = calloc(1, sizeof *watchdog);
    ENSURE(watchdog != NULL, ERR_MEMORY);
    watchdog->notify = notify;
    watchdog->disk = disk;
    watchdog_rules_init(&watchdog->rules, notify->watchdog_us);
    pthread_mutex_init(&watchdog->mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watchdog->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    err_t err = start_thread(watchdog);
    if (err != ERR_OK) {
        watchdog_free(watchdog);
        return err;
    }
    *ret = watchdog;
    return ERR_OK;
}

void watchdog_add(struct watchdog *watchdog, const char *name,
                  const atomic_uint_fast64_t *turns) {
    pthread_mutex_lock(&watchdog->mutex);
    assert(watchdog->phase == WATCHDOG_STARTING);
    assert(watchdog->loop_count < WATCHDOG_LOOPS_MAX);
    watchdog->names[watchdog->loop_count] = name;
    watchdog->turns[watchdog->loop_count] = turns;
    watchdog->loop_count++;
    pthread_mutex_unlock(&watchdog->mutex);
}

void watchdog_enter(struct watchdog *watchdog, enum watchdog_phase phase) {
    pthread_mutex_lock(&watchdog->mutex);
    assert(phase >= watchdog->phase);
    watchdog->phase = phase;
    pthread_mutex_unlock(&watchdog->mutex);
}

void watchdog_stop(struct watchdog *watchdog) {
    if (watchdog == NULL) {
        return;
    }
    pthread_mutex_lock(&watchdog->mutex);
    watchdog->stopping = true;
    pthread_cond_signal(&watchdog->changed);
    pthread_mutex_unlock(&watchdog->mutex);
    pthread_join(watchdog->thread, NULL);
    watchdog_free(watchdog);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/resolver.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"

enum { RESOLVER_STACK = 256 * 1024 };

/* Shared by the loop and the look-up's thread; the last one to finish frees it.
 */
struct resolver_job {
    pthread_mutex_t mutex;
    uint32_t holders;
    uv_async_t *done; /* NULL once no one waits for it */
    bool ended;
    struct resolver_result result;
    char host[CONFIG_HOST_MAX];
    char port[8];
};

static void leave_locked(struct resolver_job *job) {
    bool last = --job->holders == 0;
    pthread_mutex_unlock(&job->mutex);
    if (last) {
        pthread_mutex_destroy(&job->mutex);
        free(job);
    }
}

static void look_up(const struct resolver_job *job,
                    struct resolver_result *ret) {
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICSERV,
    };
    struct addrinfo *list = NULL;
    *ret = (struct resolver_result){0};
    ret->failed = getaddrinfo(job->host, job->port, &hints, &list);
    if (ret->failed != 0) {
        return;
    }
    for (struct addrinfo *one = list;
         one != NULL && ret->count < RESOLVER_ADDRESSES_MAX;
         one = one->ai_next) {
        memcpy(&ret->addresses[ret->count++], one->ai_addr, one->ai_addrlen);
    }
    freeaddrinfo(list);
}

static void *run(void *context) {
    struct resolver_job *job = context;
    struct resolver_result result;
    look_up(job, &result);
    pthread_mutex_lock(&job->mutex);
    job->result = result;
    job->ended = true;
    if (job->done != NULL) {
        uv_async_send(job->done);
    }
    leave_locked(job);
    return NULL;
}

/* Only the main thread handles signals, whichever thread starts this one. */
static int start_thread(struct resolver_job *job) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, RESOLVER_STACK);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    int failed = pthread_create(&thread, &attributes, run, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failed;
}

err_t resolver_start(const char *host, uint16_t port, uv_async_t *done,
                     struct resolver_job **ret) {
    struct resolver_job *job = calloc(1, sizeof *job);
    ENSURE(job != NULL, ERR_MEMORY);
    pthread_mutex_init(&job->mutex, NULL);
    job->holders = 2;
    job->done = done;
    snprintf(job->host, sizeof job->host, "%s", host);
    snprintf(job->port, sizeof job->port, "%u", port);
    if (start_thread(job) != 0) {
        pthread_mutex_destroy(&job->mutex);
        free(job);
        return ERR_MEMORY;
    }
    *ret = job;
    return ERR_OK;
}

err_t resolver_result(struct resolver_job *job, struct resolver_result *ret) {
    err_t err = ERR_AGAIN;
    pthread_mutex_lock(&job->mutex);
    if (job->ended) {
        *ret = job->result;
        err = ERR_OK;
    }
    pthread_mutex_unlock(&job->mutex);
    return err;
}

void resolver_forget(struct resolver_job *job) {
    if (job == NULL) {
        return;
    }
    pthread_mutex_lock(&job->mutex);
    job->done = NULL;
    leave_locked(job);
}

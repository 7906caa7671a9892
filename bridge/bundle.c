/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/bundle.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "gateway/base/log.h"

static bool same_time(struct timespec a, struct timespec b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool is_same(const struct bundle_identity *a,
                    const struct bundle_identity *b) {
    return a->failed == b->failed && a->device == b->device &&
           a->inode == b->inode && a->bytes == b->bytes &&
           same_time(a->modified, b->modified) &&
           same_time(a->changed, b->changed);
}

static struct bundle_identity identify(const char *path) {
    struct stat stat_now;
    if (stat(path, &stat_now) != 0) {
        return (struct bundle_identity){.failed = errno};
    }
    return (struct bundle_identity){
        .device = stat_now.st_dev,
        .inode = stat_now.st_ino,
        .bytes = stat_now.st_size,
        .modified = stat_now.st_mtim,
        .changed = stat_now.st_ctim,
    };
}

/* A file that differs from what was found a moment ago may still be written:
 * the next look decides. */
static void look(void *self) {
    struct bundle *bundle = self;
    bundle->now = identify(bundle->options.ca_file);
    bundle->trust = NULL;
    bundle->err = ERR_OK;
    if (is_same(&bundle->now, &bundle->read) ||
        !is_same(&bundle->now, &bundle->found)) {
        return;
    }
    bundle->err =
        tls_trust_read(bundle->options.ca_file, bundle->options.entropy,
                       &bundle->trust, &bundle->reason);
}

/* In UTF-8, since it becomes JSON. */
static void set_trouble(struct bundle *bundle, const char *text) {
    snprintf(bundle->trouble, sizeof bundle->trouble, "%.199s", text);
    str_mend_utf8(bundle->trouble);
    if (bundle->options.changed != NULL) {
        bundle->options.changed(bundle->options.context);
    }
}

static void looked(void *self) {
    struct bundle *bundle = self;
    bundle->busy = false;
    bool at_rest = is_same(&bundle->now, &bundle->found);
    bundle->found = bundle->now;
    if (!at_rest || is_same(&bundle->now, &bundle->read)) {
        return;
    }
    bundle->read = bundle->now;
    if (bundle->err != ERR_OK) {
        log_line(LOG_WARN, "bridge",
                 "ca_file=%s error=%s; the certificates read before stay in "
                 "use: repair the file, since a restart needs it",
                 bundle->options.ca_file, bundle->reason.text);
        set_trouble(bundle, bundle->reason.text);
        return;
    }
    assert(bundle->trust != NULL);
    tls_context_renew(bundle->context, bundle->trust);
    bundle->trust = NULL;
    log_line(LOG_INFO, "bridge", "ca_file=%s changed: read again",
             bundle->options.ca_file);
    set_trouble(bundle, "");
}

err_t bundle_open(struct bundle *bundle, const struct bundle_options *options,
                  struct tls_context **ret, struct reason *reason) {
    *bundle = (struct bundle){.options = *options};
    bundle->job = (struct job){.self = bundle, .work = look, .done = looked};
    bundle->read = identify(bundle->options.ca_file);
    bundle->found = bundle->read;
    TRY(tls_context_new(bundle->options.ca_file, options->entropy,
                        &bundle->context, reason));
    *ret = bundle->context;
    return ERR_OK;
}

void bundle_beat(struct bundle *bundle) {
    if (bundle->busy || ++bundle->beats < BUNDLE_BEATS) {
        return;
    }
    bundle->beats = 0;
    bundle->busy = true;
    bundle->options.executor.submit(bundle->options.executor.self,
                                    &bundle->job);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "gateway/commands/daemon_state.h"
#include "gateway/mqtt/site_login.h"

enum { AWAY_TICKS = 30 };

static void read_again(void *self) {
    struct daemon *daemon = self;
    struct daemon_site *site = &daemon->site;
    site->err =
        site_login_read(&daemon->config->broker, &site->next, &site->reason);
}

/* Each connection takes it when it is made. */
static void take(struct daemon *daemon) {
    struct daemon_site *site = &daemon->site;
    assert(!site->runs && daemon->broker == NULL);
    struct mqtt_login before = daemon->login.mqtt;
    daemon->login.mqtt = site->next;
    site_login_forget(&before);
    explicit_bzero(&site->next, sizeof site->next);
    site->logged = (struct reason){""};
}

static void done(void *self) {
    struct daemon *daemon = self;
    struct daemon_site *site = &daemon->site;
    site->runs = false;
    if (site->err == ERR_OK) {
        take(daemon);
    } else if (strcmp(site->reason.text, site->logged.text) != 0) {
        log_line(LOG_ERROR, "daemon",
                 "site_login reason=\"%s\"; what was read before stays in use",
                 site->reason.text);
        site->logged = site->reason;
    }
}

static void submit(struct daemon *daemon) {
    struct daemon_site *site = &daemon->site;
    struct executor executor = job_pool_executor(daemon->pool);
    if (site->runs || daemon->stop_asked) {
        return;
    }
    site->runs = true;
    site->job = (struct job){.self = daemon, .work = read_again, .done = done};
    executor.submit(executor.self, &site->job);
}

void daemon_site_reload(struct daemon *daemon) {
    if (daemon->broker == NULL) {
        submit(daemon);
    }
}

void daemon_site_tick(struct daemon *daemon) {
    struct daemon_site *site = &daemon->site;
    if (daemon->broker != NULL || publisher_is_up(daemon->publisher)) {
        site->away_ticks = 0;
    } else if (++site->away_ticks % AWAY_TICKS == 0) {
        submit(daemon);
    }
}

bool daemon_site_is_busy(const struct daemon *daemon) {
    return daemon->site.runs;
}

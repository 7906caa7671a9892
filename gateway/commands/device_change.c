/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/device_change.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gateway/commands/client.h"
#include "gateway/console/identity_json.h"
#include "gateway/event/json.h"
#include "gateway/identity/edit.h"
#include "gateway/identity/mend.h"

static_assert(IDENTITY_JSON_MAX + 512 <= CLIENT_REQUEST_MAX,
              "a change is one request");

enum { POLL_MS = 50, ACCEPTED = 202, US_A_MS = 1000 };

static const char api_path[] = "/api/v1/identity";

struct changing {
    const struct config *config;
    const struct identity_change *change;
    struct clock clock;
    int64_t end_us;
    struct client_answer answer;
};

/* Others ask too, so not all at the same moment. False: the time is up. */
static bool wait_a_moment(const struct changing *changing) {
    struct timespec pause = {.tv_nsec =
                                 (POLL_MS + getpid() % POLL_MS) * 1000000L};
    nanosleep(&pause, NULL);
    return changing->clock.mono_us(changing->clock.self) < changing->end_us;
}

/* --- Without a gateway ---------------------------------------------------- */

static err_t make_data(const char *data, struct reason *reason) {
    if (mkdir(data, 0750) == 0 || errno == EEXIST) {
        return ERR_OK;
    }
    return disk_failed(reason, ERR_IO, "create the folder", data);
}

err_t device_become_owner(const char *data, struct reason *reason) {
    struct stat st;
    TRY(make_data(data, reason));
    if (stat(data, &st) != 0) {
        return disk_failed(reason, ERR_IO, "look at", data);
    }
    if (geteuid() != 0 || st.st_uid == 0) {
        return ERR_OK;
    }
    if (setgroups(0, NULL) != 0 ||
        setresgid(st.st_gid, st.st_gid, st.st_gid) != 0 ||
        setresuid(st.st_uid, st.st_uid, st.st_uid) != 0) {
        return disk_failed(reason, ERR_IO, "become the owner of", data);
    }
    return ERR_OK;
}

/* After a restore the folder may not be as it was written. */
static err_t mend(const char *data, struct reason *reason) {
    struct reason said;
    err_t err = identity_mend(data, &said, reason);
    if (said.text[0] != '\0') {
        fprintf(stderr, "%s\n", said.text);
    }
    return err;
}

/* ERR_BUSY: somebody else writes, or a gateway runs. */
static err_t change_here(const struct changing *changing,
                         struct reason *reason) {
    const char *data = changing->config->data;
    CLEANUP(identity_unlock) int lock = -1;
    struct platform platform = platform_real();
    struct identity_edit edit = {.change = changing->change};
    uint64_t set;
    TRY(device_become_owner(data, reason));
    TRY(identity_lock(data, &lock, reason));
    TRY(mend(data, reason));
    TRY(identity_edit(data, platform.clock.wall_us(platform.clock.self), true,
                      &edit, 1, NULL, 0, &set, reason));
    if (edit.err != ERR_OK) {
        *reason = edit.reason;
    }
    /* A name that is taken is no reason to try again. */
    return edit.err == ERR_BUSY ? ERR_REFUSED : edit.err;
}

/* --- Asking the gateway --------------------------------------------------- */

/* The member with the text of an error, or a class of it. */
static void take_error(const struct changing *changing, unsigned code,
                       struct reason *reason) {
    client_text(changing->answer.body, "error", reason->text,
                sizeof reason->text);
    if (reason->text[0] == '\0') {
        (void)reason_set(reason, ERR_NETWORK,
                         "the gateway refuses it (HTTP %u); is it another "
                         "version?",
                         code);
    }
}

static err_t find_request(const struct changing *changing, uint64_t number,
                          struct slice *ret) {
    struct slice list;
    size_t at = 0;
    ENSURE(json_get(changing->answer.body, "requests", &list) == ERR_OK &&
               json_kind(list) == JSON_ARRAY,
           ERR_NOT_FOUND);
    while (json_element(list, &at, ret) == ERR_OK) {
        if (json_kind(*ret) == JSON_OBJECT &&
            client_uint(*ret, "request") == number) {
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

/* What the gateway said last of the request, when the time is up. */
static enum device_changed say_waiting(const struct changing *changing,
                                       uint64_t number, struct reason *reason) {
    struct slice request;
    char why[sizeof reason->text / 2] = "";
    uint64_t set = 0;
    if (find_request(changing, number, &request) == ERR_OK) {
        set = client_uint(request, "set");
        client_text(request, "reason", why, sizeof why);
    }
    if (set > 0) {
        (void)reason_set(reason, ERR_AGAIN,
                         "it is written (set %" PRIu64 "), but the broker has "
                         "not taken it in %d s%s%s; it does when it can",
                         set, DEVICE_CHANGE_MS / 1000,
                         why[0] == '\0' ? "" : ": ", why);
    } else {
        (void)reason_set(reason, ERR_AGAIN,
                         "the gateway has not written it in %d s%s%s; it "
                         "still may: see shopme-edge device list",
                         DEVICE_CHANGE_MS / 1000, why[0] == '\0' ? "" : ": ",
                         why);
    }
    return DEVICE_UNKNOWN;
}

static enum device_changed gone(struct reason *reason) {
    (void)reason_set(reason, ERR_AGAIN,
                     "the gateway ended or started anew before it said what "
                     "came of it: see shopme-edge device list");
    return DEVICE_UNKNOWN;
}

static enum device_changed await(struct changing *changing, uint64_t number,
                                 struct reason *reason) {
    struct slice request;
    do {
        unsigned code;
        err_t err = client_ask(changing->config->control_socket, api_path,
                               SLICE_EMPTY, &changing->answer, &code, reason);
        if (err == ERR_NETWORK) { /* all its places are taken, or it ends */
            changing->answer.body = SLICE_EMPTY;
            continue;
        }
        if (err != ERR_OK ||
            find_request(changing, number, &request) != ERR_OK) {
            return gone(reason);
        }
        if (client_is(request, "state", "done")) {
            return DEVICE_CHANGED;
        }
        if (client_is(request, "state", "failed")) {
            client_text(request, "reason", reason->text, sizeof reason->text);
            return client_uint(request, "set") > 0 ? DEVICE_UNKNOWN
                                                   : DEVICE_UNCHANGED;
        }
    } while (wait_a_moment(changing));
    return say_waiting(changing, number, reason);
}

/* ERR_NOT_FOUND: none runs; ERR_NETWORK: not now. */
static err_t ask(struct changing *changing, enum device_changed *ret,
                 struct reason *reason) {
    uint8_t bytes[IDENTITY_JSON_MAX];
    struct writer body = writer_over(bytes, sizeof bytes);
    unsigned code;
    identity_json_write(changing->change, &body);
    assert(!body.full);
    err_t err =
        client_ask(changing->config->control_socket, api_path,
                   writer_slice(&body), &changing->answer, &code, reason);
    explicit_bzero(bytes, sizeof bytes);
    TRY(err);
    if (code == ACCEPTED) {
        uint64_t number = client_uint(changing->answer.body, "request");
        *ret = await(changing, number, reason);
    } else {
        take_error(changing, code, reason);
        *ret = DEVICE_UNCHANGED;
    }
    return ERR_OK;
}

/* --- Both ----------------------------------------------------------------- */

static void say_busy(const struct config *config, struct reason *reason) {
    (void)reason_set(reason, ERR_BUSY,
                     "somebody else holds %s/identity/lock, and no gateway "
                     "answers on %s: wait for the command, or let the "
                     "gateway's log say why it has no control socket",
                     config->data, config->control_socket);
}

enum device_changed device_change(const struct config *config,
                                  const struct identity_change *change,
                                  struct reason *reason) {
    struct platform platform = platform_real();
    assert(config->broker.mode == CONFIG_BROKER_EMBEDDED);
    struct changing changing = {
        .config = config,
        .change = change,
        .clock = platform.clock,
        .end_us = platform.clock.mono_us(platform.clock.self) +
                  (int64_t)DEVICE_CHANGE_MS * US_A_MS,
    };
    enum device_changed result;
    err_t err;
    do {
        err = ask(&changing, &result, reason);
        if (err == ERR_OK) {
            return result;
        }
        if (err == ERR_NOT_FOUND) {
            err = change_here(&changing, reason);
            if (err == ERR_OK) {
                return DEVICE_CHANGED;
            }
        }
    } while ((err == ERR_BUSY || err == ERR_NETWORK) &&
             wait_a_moment(&changing));
    if (err == ERR_BUSY) {
        say_busy(config, reason);
    }
    return err == ERR_NETWORK ? DEVICE_UNKNOWN : DEVICE_UNCHANGED;
}

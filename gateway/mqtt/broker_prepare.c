/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/broker_prepare.h"

#include <stdio.h>
#include <time.h>

#include "gateway/base/disk.h"
#include "gateway/mqtt/broker_era.h"
#include "gateway/mqtt/broker_lost.h"
#include "gateway/mqtt/set_aside.h"

/* As it was: the broker does not start without it either. */
static err_t put_back(struct broker_prepare *prepare) {
    prepare->put_back = false;
    char name[BROKER_PATH_SIZE];
    snprintf(name, sizeof name, "%s", prepare->trial);
    prepare->trial[0] = '\0';
    if (rename(name, prepare->files.db_path) != 0) {
        return disk_failed(&prepare->reason, ERR_IO, "rename", name);
    }
    log_line(LOG_INFO, "broker", "put_back file=%s", name);
    return ERR_OK;
}

static err_t take_away(struct broker_prepare *prepare, const char *why) {
    TRY(broker_files_set_aside(&prepare->files, prepare->files.db_path, why,
                               &prepare->reason));
    (void)reason_set(&prepare->reason, ERR_OK,
                     "what it had saved was set aside");
    return ERR_OK;
}

/* Finds out what is saved, and sets aside what is of no use. */
static err_t look(struct broker_prepare *prepare) {
    prepare->db = broker_db_look(prepare->files.db_path, prepare->sessions,
                                 prepare->session_count, time(NULL),
                                 &prepare->stale, &prepare->reason);
    if (prepare->db == BROKER_DB_DAMAGED) {
        const struct reason why = prepare->reason;
        return take_away(prepare, why.text);
    }
    if (prepare->without_db != NULL) {
        const char *why = prepare->without_db;
        prepare->without_db = NULL;
        TRY(take_away(prepare, why));
        snprintf(prepare->trial, sizeof prepare->trial, "%s",
                 prepare->files.set_aside);
    }
    return ERR_OK;
}

/* A version that is not known stays as it is: it is none of an older release.
 */
static err_t end_era(struct broker_prepare *prepare) {
    if (prepare->db != BROKER_DB_ALL && prepare->db != BROKER_DB_NOT_ALL) {
        return ERR_OK;
    }
    const struct broker_era era = {
        .conf_path = prepare->files.config_path,
        .db_path = prepare->files.db_path,
        .sessions = prepare->sessions,
        .session_count = prepare->session_count,
        .rules = prepare->files.rules,
    };
    struct broker_era_left left;
    err_t err = broker_era_end(&era, &left, &prepare->reason);
    if (err == ERR_PARSE) { /* Mosquitto could not read it either */
        prepare->db = BROKER_DB_DAMAGED;
        return take_away(prepare, "it is damaged");
    }
    return err;
}

/* The broker starts with what is left, and the file as it was is kept beside
 * it: who looks into it may find what was lost. */
static void say_lost(struct broker_prepare *prepare) {
    struct broker_files *files = &prepare->files;
    struct broker_lost lost = {0};
    struct reason why;
    if (broker_lost_count(files->db_path, prepare->sessions,
                          prepare->session_count, time(NULL),
                          &lost) != ERR_OK) {
        return; /* there is none, or Mosquitto finds out, too */
    }
    if (lost.expired > 0) {
        log_line(
            LOG_WARN, "broker",
            "expired messages=%llu reason=\"their devices gave them a time "
            "to be delivered in, which is over\"",
            (unsigned long long)lost.expired);
    }
    if (lost.messages == 0) {
        return;
    }
    bool kept = set_aside_copy(files->db_path, files->set_aside,
                               sizeof files->set_aside, &why) == ERR_OK;
    files->set_aside_count += kept;
    log_line(LOG_ERROR, "broker",
             "lost messages=%llu file=%s reason=\"what the broker saved is "
             "damaged: they wait for a session or a message that is not in it; "
             "devices send again what they have no receipt for\"",
             (unsigned long long)lost.messages, kept ? files->set_aside : "-");
}

/* A format that cannot be read is believed if a closed broker has just written
 * it. One that can be read, and does not have what was to be saved, was not
 * written. */
static err_t decide(struct broker_prepare *prepare) {
    bool here = prepare->db == BROKER_DB_ALL ||
                (prepare->db == BROKER_DB_UNKNOWN && prepare->saved);
    prepare->files.closed = !here || prepare->trial[0] != '\0';
    if (prepare->files.closed && prepare->saved) {
        return reason_set(&prepare->reason, ERR_FULL,
                          "the broker cannot save its sessions in %s: is the "
                          "disk full, or the folder another user's?",
                          prepare->files.folder);
    }
    return ERR_OK;
}

static err_t run(struct broker_prepare *prepare) {
    struct broker_files *files = &prepare->files;
    TRY(broker_ports_check(&files->config->broker, files->with_tls,
                           &files->ports, &prepare->reason));
    if (prepare->put_back) {
        TRY(put_back(prepare));
    }
    TRY(broker_files_tidy(files, &prepare->reason));
    TRY(look(prepare));
    if (prepare->db == BROKER_DB_ALL || prepare->db == BROKER_DB_NOT_ALL) {
        say_lost(prepare);
    }
    TRY(end_era(prepare));
    TRY(decide(prepare));
    return broker_files_write(files, &prepare->reason);
}

void broker_prepare_run(struct broker_prepare *prepare) {
    prepare->err = run(prepare);
    prepare->saved = false;
}

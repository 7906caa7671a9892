/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/pki_place.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "gateway/commands/client.h"
#include "gateway/commands/commands.h"
#include "gateway/commands/device_change.h"

bool pki_place_misused(const char *command, const char *what, int *ret_exit) {
    fprintf(stderr, "shopme-edge %s: %s\nTry: shopme-edge %s --help\n", command,
            what, command);
    *ret_exit = COMMANDS_EXIT_USAGE;
    return false;
}

bool pki_place_days(const struct arguments *arguments, const char *text,
                    uint32_t *ret, int *ret_exit) {
    uint64_t days = 0;
    if (text != NULL &&
        !arguments_number(arguments, "days", text, 1, AUTHORITY_DAYS_MAX, &days,
                          ret_exit)) {
        return false;
    }
    assert(days <= AUTHORITY_DAYS_MAX);
    *ret = (uint32_t)days;
    return true;
}

static err_t use_data(struct pki_place *place, struct reason *reason) {
    struct config *config = &place->config;
    if (place->data != NULL) {
        int len =
            snprintf(config->control_socket, sizeof config->control_socket,
                     "%s/control.sock", place->data);
        if (len >= (int)sizeof config->control_socket) {
            return reason_set(reason, ERR_RANGE,
                              "--data: the path is too long");
        }
        TRY(slice_to_str(slice_from_str(place->data), config->data,
                         sizeof config->data));
    } else {
        TRY(config_load(place->config_path != NULL ? place->config_path
                                                   : COMMANDS_CONFIG_DEFAULT,
                        config, reason));
    }
    int len = snprintf(place->dir, sizeof place->dir, "%s/pki", config->data);
    return len < (int)sizeof place->dir
               ? ERR_OK
               : reason_set(reason, ERR_RANGE, "data: the path is too long");
}

bool pki_place_find(struct pki_place *place, const char *command,
                    int *ret_exit) {
    struct reason reason = {""};
    place->platform = platform_real();
    int ways = (place->config_path != NULL) + (place->data != NULL) +
               (place->other != NULL);
    if (ways > 1) {
        return pki_place_misused(
            command, "give one of --config, --data and --dir", ret_exit);
    }
    place->is_ours = place->other == NULL;
    err_t err = ERR_OK;
    if (place->is_ours) {
        err = use_data(place, &reason);
    } else if (slice_to_str(slice_from_str(place->other), place->dir,
                            sizeof place->dir) != ERR_OK) {
        err = reason_set(&reason, ERR_RANGE, "--dir: the path is too long");
    }
    if (err != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        *ret_exit = EXIT_FAILURE;
    }
    return err == ERR_OK;
}

err_t pki_place_enter(const struct pki_place *place, bool make,
                      struct reason *reason) {
    struct stat st;
    assert(place->dir[0] != '\0');
    const char *folder = place->is_ours ? place->config.data : place->dir;
    /* Another folder that is not there is made by who calls. */
    if (stat(folder, &st) != 0 && !(make && place->is_ours)) {
        return ERR_OK;
    }
    return device_become_owner(folder, reason);
}

static bool is_running(const struct pki_place *place) {
    assert(place->is_ours);
    struct reason reason;
    struct client_answer *answer = malloc(sizeof *answer);
    bool running =
        answer != NULL && client_status(place->config.control_socket, answer,
                                        &reason) != ERR_NOT_FOUND;
    free(answer);
    return running;
}

static const struct identity_change reload = {.op = IDENTITY_RELOAD};

void pki_place_tell(const struct pki_place *place) {
    struct reason reason = {""};
    if (place->is_ours && is_running(place) &&
        device_change(&place->config, &reload, &reason) != DEVICE_CHANGED) {
        fprintf(stderr,
                "The running gateway does not know yet when it ends: %s\n",
                reason.text);
    }
}

bool pki_place_reload(const struct pki_place *place) {
    struct reason reason = {""};
    if (!place->is_ours) {
        fputs("Copy what has changed to the files that the gateway's "
              "broker.tls names, then reload it (systemctl reload "
              "shopme-edge).\n",
              stderr);
        return true;
    }
    if (!is_running(place)) {
        fputs("No gateway runs; it takes this when it starts.\n", stderr);
        return true;
    }
    if (device_change(&place->config, &reload, &reason) == DEVICE_CHANGED) {
        fputs("The running gateway has taken it.\n", stderr);
        return true;
    }
    fprintf(stderr,
            "It is written, but the running gateway has not taken it: %s\n",
            reason.text);
    return false;
}

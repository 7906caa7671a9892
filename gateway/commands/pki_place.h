/* SPDX-License-Identifier: Apache-2.0 */
/* Where `pki` finds the CA, and what all of its commands do alike. */
#ifndef GATEWAY_COMMANDS_PKI_PLACE_H
#define GATEWAY_COMMANDS_PKI_PLACE_H

#include "config/config.h"
#include "gateway/commands/arguments.h"
#include "gateway/pki/authority.h"

#define PKI_PLACE_OPTIONS                                                 \
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"              \
    "  --data DIR     a data directory, without its configuration; the\n" \
    "                 CA is its folder pki\n"                             \
    "  --dir DIR      the CA's folder itself, wherever it is\n"

struct pki_place {
    const char *config_path; /* the options, or NULL */
    const char *data;
    const char *other;
    char dir[STORE_DIR_MAX];
    bool is_ours; /* in the data directory of `config` */
    struct config config;
    struct platform platform;
};

/* The three options, for a command's table. */
#define PKI_PLACE_ARGUMENTS(place)                                           \
    {"config", &(place).config_path, NULL}, {"data", &(place).data, NULL}, { \
        "dir", &(place).other, NULL                                          \
    }

/* After the arguments. False: the command is done, with this exit status, and
 * standard error says why. */
bool pki_place_find(struct pki_place *place, const char *command,
                    int *ret_exit) MUST_USE;
/* Root becomes who owns the folder, so that no link in it leads root elsewhere;
 * what has to be read as root has been read by then. `make`: a data directory
 * that is not there is made. ERR_IO. */
err_t pki_place_enter(const struct pki_place *place, bool make,
                      struct reason *reason) MUST_USE;
/* Has a running gateway take what has changed, and says what came of it. False:
 * one runs, and has not. */
bool pki_place_reload(const struct pki_place *place);
/* The same for what changes nothing of the gateway's but what it knows of ends:
 * only a failure is said. */
void pki_place_tell(const struct pki_place *place);

/* Days, a whole number from 1 on; 0 if the option was not given. */
bool pki_place_days(const struct arguments *arguments, const char *text,
                    uint32_t *ret, int *ret_exit) MUST_USE;
/* A command line that is wrong; false. */
bool pki_place_misused(const char *command, const char *what, int *ret_exit);

#endif

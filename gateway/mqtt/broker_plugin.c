/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/broker_plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

static void free_text(char **text) {
    free(*text);
}

/* Without /proc, as in a bare root folder, by the name that the program was
 * started with (getauxval(3)); it was started before any change of folder. */
static char *program_path(void) {
    char *path = realpath("/proc/self/exe", NULL);
    const char *started = (const char *)getauxval(AT_EXECFN);
    return path == NULL && started != NULL ? realpath(started, NULL) : path;
}

/* The folder that this program was started from. */
static err_t program_folder(char ret[static CONFIG_PATH_MAX],
                            struct reason *reason) {
    char *path CLEANUP(free_text) = program_path();
    char *slash = path != NULL ? strrchr(path, '/') : NULL;
    size_t len = slash != NULL ? (size_t)(slash - path) : 0;
    if (slash == NULL || len >= CONFIG_PATH_MAX) {
        return reason_set(reason, ERR_NOT_FOUND,
                          "cannot tell where this program is: is /proc "
                          "mounted?");
    }
    memcpy(ret, path, len);
    ret[len] = '\0';
    return ERR_OK;
}

static bool is_there(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
           access(path, R_OK) == 0;
}

err_t broker_plugin_find(char ret[static CONFIG_PATH_MAX],
                         struct reason *reason) {
    static const char *const places[] = {"../lib/shopme-edge/", ""};
    char folder[CONFIG_PATH_MAX];
    TRY(program_folder(folder, reason));
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char path[CONFIG_PATH_MAX + sizeof BROKER_PLUGIN_NAME + 32];
        int len = snprintf(path, sizeof path, "%s/%s%s", folder, places[i],
                           BROKER_PLUGIN_NAME);
        if (len < CONFIG_PATH_MAX && is_there(path)) {
            memcpy(ret, path, (size_t)len + 1);
            return ERR_OK;
        }
    }
    return reason_set(reason, ERR_NOT_FOUND,
                      "no " BROKER_PLUGIN_NAME " in %s/../lib/shopme-edge: "
                      "install the package shopme-edge again; without it "
                      "nobody can be let in",
                      folder);
}

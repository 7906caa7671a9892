/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/broker_plugin.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder that this program was started from. */
static err_t program_folder(char ret[static CONFIG_PATH_MAX],
                            struct reason *reason) {
    ssize_t len = readlink("/proc/self/exe", ret, CONFIG_PATH_MAX - 1);
    if (len <= 0 || len >= CONFIG_PATH_MAX - 1) {
        return reason_set(reason, ERR_NOT_FOUND,
                          "cannot tell where this program is: is /proc "
                          "mounted?");
    }
    ret[len] = '\0';
    char *slash = strrchr(ret, '/');
    ENSURE(slash != NULL, ERR_NOT_FOUND);
    *slash = '\0';
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

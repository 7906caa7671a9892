/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/broker_files.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/disk.h"
#include "gateway/mqtt/broker_conf.h"
#include "gateway/mqtt/broker_plugin.h"
#include "gateway/mqtt/broker_rules.h"
#include "gateway/mqtt/broker_unnamed.h"
#include "gateway/mqtt/set_aside.h"

err_t broker_files_name(struct broker_files *files, struct reason *reason) {
    const struct config *config = files->config;
    snprintf(files->folder, sizeof files->folder, "%s/broker", config->data);
    snprintf(files->config_path, sizeof files->config_path, "%s/mosquitto.conf",
             files->folder);
    snprintf(files->rules_path, sizeof files->rules_path, "%s/rules",
             files->folder);
    snprintf(files->db_path, sizeof files->db_path, "%s/mosquitto.db",
             files->folder);
    /* "/<pid>-<start>.sock" at its longest */
    if (strlen(files->folder) + 28 > sizeof files->socket_path) {
        return reason_set(reason, ERR_CONFIG,
                          "data: %s is too long for the broker's unix socket "
                          "(%zu bytes in all): choose a shorter path",
                          config->data, sizeof files->socket_path);
    }
    return ERR_OK;
}

void broker_files_name_socket(struct broker_files *files, uint32_t start) {
    int len = snprintf(files->socket_path, sizeof files->socket_path,
                       "%s/%d-%u.sock", files->folder, (int)getpid(), start);
    assert(len > 0 && (size_t)len < sizeof files->socket_path);
}

err_t broker_files_set_aside(struct broker_files *files, const char *path,
                             const char *why, struct reason *reason) {
    char name[BROKER_PATH_SIZE];
    TRY(set_aside(path, name, sizeof name, reason));
    log_line(LOG_WARN, "broker", "set_aside file=%s reason=\"%s\"", name, why);
    snprintf(files->set_aside, sizeof files->set_aside, "%s", name);
    files->set_aside_count++;
    return ERR_OK;
}

/* Whatever stands at `path` and is not of the kind that has to be there. */
static err_t make_way(struct broker_files *files, const char *path, mode_t kind,
                      struct reason *reason) {
    struct stat st;
    if (stat(path, &st) == 0 ? (st.st_mode & S_IFMT) == kind
                             : lstat(path, &st) != 0) {
        return ERR_OK; /* (a link that leads nowhere is in the way, too) */
    }
    return broker_files_set_aside(
        files, path,
        kind == S_IFDIR ? "it is not a folder" : "it is not a file", reason);
}

static void close_folder(DIR **folder) {
    if (*folder != NULL) {
        (void)closedir(*folder);
    }
}

/* What a gateway and a broker that were killed together have left. */
static void remove_sockets(const struct broker_files *files) {
    CLEANUP(close_folder) DIR *folder = opendir(files->folder);
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot != NULL && strcmp(dot, ".sock") == 0) {
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
}

err_t broker_files_tidy(struct broker_files *files, struct reason *reason) {
    TRY(make_way(files, files->folder, S_IFDIR, reason));
    if (mkdir(files->folder, 0700) != 0 && errno != EEXIST) {
        return disk_failed(reason, ERR_IO, "create the folder", files->folder);
    }
    (void)chmod(files->folder, 0700); /* whoever copied it; if it is ours */
    TRY(make_way(files, files->config_path, S_IFREG, reason));
    TRY(make_way(files, files->rules_path, S_IFREG, reason));
    TRY(make_way(files, files->db_path, S_IFREG, reason));
    char making[BROKER_PATH_SIZE]; /* Mosquitto's name for what it saves */
    snprintf(making, sizeof making, "%s.new", files->db_path);
    TRY(make_way(files, making, S_IFREG, reason));
    remove_sockets(files);
    return ERR_OK;
}

static void close_file(FILE **file) {
    if (*file != NULL) {
        (void)fclose(*file);
    }
}

static err_t write_text(const char *path, struct slice text,
                        struct reason *reason) {
    (void)unlink(path); /* it may be another user's */
    CLEANUP(close_file) FILE *file = fopen(path, "we");
    if (file == NULL || fwrite(text.data, 1, text.len, file) != text.len ||
        fflush(file) != 0) {
        return disk_failed(reason, ERR_IO, "write", path);
    }
    return ERR_OK;
}

err_t broker_files_write(const struct broker_files *files,
                         struct reason *reason) {
    char plugin[CONFIG_PATH_MAX];
    char text[BROKER_CONF_BYTES_MAX];
    TRY(broker_plugin_find(plugin, reason));
    struct rules rules = *files->rules;
    broker_unnamed_find(files->db_path, time(NULL), &rules);
    TRY(broker_rules_write(&rules, files->rules_path, reason));
    const struct broker_conf conf = {
        .config = files->config,
        .ports = files->ports.list,
        .away = files->ports.away,
        .closed = files->closed,
        .with_tls = files->with_tls,
        .folder = files->folder,
        .socket_path = files->socket_path,
        .plugin_path = plugin,
        .rules_path = files->rules_path,
    };
    struct writer out = writer_over(text, sizeof text);
    TRY(broker_conf_write(&conf, &out, reason));
    return write_text(files->config_path, writer_slice(&out), reason);
}

bool broker_files_has_socket(const struct broker_files *files) {
    struct stat st;
    return stat(files->socket_path, &st) == 0 && S_ISSOCK(st.st_mode);
}

void broker_files_remove_socket(const struct broker_files *files) {
    unlink(files->socket_path);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/broker_files.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/disk.h"
#include "gateway/mqtt/set_aside.h"

enum {
    CONFIG_MAX_BYTES = 4096,
    /* The broker passes on packets this much larger than the event limit, so
     * that an oversize event gets our refusal with its reason and not a closed
     * connection. */
    PACKET_HEADROOM = 2 * 1024 * 1024,
};

err_t broker_files_name(struct broker_files *files, struct reason *reason) {
    const struct config *config = files->config;
    snprintf(files->folder, sizeof files->folder, "%s/broker", config->data);
    snprintf(files->config_path, sizeof files->config_path, "%s/mosquitto.conf",
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
    TRY(make_way(files, files->config_path, S_IFREG, reason));
    TRY(make_way(files, files->db_path, S_IFREG, reason));
    char making[BROKER_PATH_SIZE]; /* Mosquitto's name for what it saves */
    snprintf(making, sizeof making, "%s.new", files->db_path);
    TRY(make_way(files, making, S_IFREG, reason));
    remove_sockets(files);
    return ERR_OK;
}

/* One text with the broker's limits; the reasons are next to them. */
static void config_text(const struct broker_files *files, struct writer *out) {
    const struct config *config = files->config;
    struct passwd *user = getpwuid(geteuid());
    writer_str(out,
               "# Written by shopme-edge at each start; edits are lost.\n");
    /* Keeping our user keeps the parent-death signal: a change of user clears
     * it. */
    writer_printf(out, "user %s\n", user == NULL ? "mosquitto" : user->pw_name);
    for (uint32_t i = 0; !files->closed && i < config->broker.listener_count;
         i++) {
        const struct config_listener *listener = &config->broker.listeners[i];
        writer_printf(out, "listener %u %s\nmax_connections %u\n",
                      files->ports[i], listener->address.host,
                      listener->connections);
    }
    /* Last, since its socket is the sign that all is ready. */
    writer_printf(out, "listener 0 %s\n", files->socket_path);
    writer_str(out, "allow_anonymous true\n");
    writer_str(out, "set_tcp_nodelay true\n");
    /* The size of a group commit, and a queue that drops nothing before its
     * bytes run out. */
    writer_str(out, "max_inflight_messages 1000\n");
    writer_str(out, "max_queued_messages 0\n");
    writer_str(out, "max_queued_bytes 67108864\n");
    writer_printf(out, "max_packet_size %u\n",
                  config->event_bytes_max + PACKET_HEADROOM);
    /* Sessions and retained messages of the devices. A stream's events are safe
     * without it: a device keeps each until its receipt. */
    writer_str(out, "persistence true\n");
    writer_printf(out, "persistence_location %s/\n", files->folder);
    writer_str(out, "autosave_interval 60\n");
    writer_str(out, "connection_messages false\n");
    /* So that what it drops is known soon. */
    writer_str(out, "sys_interval 5\n");
    writer_str(out, "log_dest stderr\nlog_timestamp false\n");
    writer_str(out, "log_type error\nlog_type warning\n");
}

err_t broker_files_write(const struct broker_files *files,
                         struct reason *reason) {
    char text[CONFIG_MAX_BYTES];
    struct writer out = writer_over(text, sizeof text);
    config_text(files, &out);
    assert(!out.full);
    (void)unlink(files->config_path); /* it may be another user's */
    FILE *file = fopen(files->config_path, "we");
    if (file == NULL) {
        return disk_failed(reason, ERR_IO, "write", files->config_path);
    }
    bool ok = fwrite(text, 1, out.len, file) == out.len;
    ok = fclose(file) == 0 && ok;
    if (!ok) {
        return disk_failed(reason, ERR_IO, "write", files->config_path);
    }
    return ERR_OK;
}

bool broker_files_has_socket(const struct broker_files *files) {
    struct stat st;
    return stat(files->socket_path, &st) == 0 && S_ISSOCK(st.st_mode);
}

void broker_files_remove_socket(const struct broker_files *files) {
    unlink(files->socket_path);
}

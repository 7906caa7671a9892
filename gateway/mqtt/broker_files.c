/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/broker_files.h"

#include <assert.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CONFIG_MAX_BYTES = 4096,
    /* The broker passes on packets this much larger than the event limit, so
     * that an oversize event gets our refusal with its reason and not a closed
     * connection. */
    PACKET_HEADROOM = 2 * 1024 * 1024,
};

err_t broker_files_make_folder(struct broker_files *files,
                               struct reason *reason) {
    const struct config *config = files->config;
    snprintf(files->folder, sizeof files->folder, "%s/broker", config->data);
    snprintf(files->config_path, sizeof files->config_path, "%s/mosquitto.conf",
             files->folder);
    /* "/<pid>-<start>.sock" at its longest */
    if (strlen(files->folder) + 28 > sizeof files->socket_path) {
        return reason_set(reason, ERR_CONFIG,
                          "data: %s is too long for the broker's unix socket "
                          "(%zu bytes in all): choose a shorter path",
                          config->data, sizeof files->socket_path);
    }
    if (mkdir(files->folder, 0700) != 0 && errno != EEXIST) {
        return disk_failed(reason, ERR_IO, "create the folder", files->folder);
    }
    return ERR_OK;
}

void broker_files_name_socket(struct broker_files *files, uint32_t start) {
    memcpy(files->stale_path, files->socket_path, sizeof files->stale_path);
    int len = snprintf(files->socket_path, sizeof files->socket_path,
                       "%s/%d-%u.sock", files->folder, (int)getpid(), start);
    assert(len > 0 && (size_t)len < sizeof files->socket_path);
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
    writer_printf(out, "listener %u %s\n", files->port,
                  config->broker.listen.host);
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
    writer_str(out, "log_dest stderr\nlog_timestamp false\n");
    writer_str(out, "log_type error\nlog_type warning\n");
}

static err_t config_write(const struct broker_files *files,
                          struct reason *reason) {
    char text[CONFIG_MAX_BYTES];
    struct writer out = writer_over(text, sizeof text);
    config_text(files, &out);
    assert(!out.full);
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

err_t broker_files_write(const struct broker_files *files,
                         struct reason *reason) {
    if (files->stale_path[0] != '\0') {
        unlink(files->stale_path);
    }
    return config_write(files, reason);
}

bool broker_files_has_socket(const struct broker_files *files) {
    struct stat st;
    return stat(files->socket_path, &st) == 0 && S_ISSOCK(st.st_mode);
}

void broker_files_remove_socket(const struct broker_files *files) {
    unlink(files->socket_path);
}

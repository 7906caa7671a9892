/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/broker_rules.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/base/disk.h"

enum { TEXT_MAX = 64 * 1024 };

static_assert((int)CONFIG_STREAMS_MAX <= (int)RULES_STREAMS_MAX,
              "all streams fit");
static_assert((int)CONFIG_NAME_MAX <= (int)ACCOUNT_NAME_MAX, "so do names");

void broker_rules_make(const struct config *config,
                       const struct broker_login *login, struct rules *ret) {
    memset(ret, 0, sizeof *ret);
    snprintf(ret->store, sizeof ret->store, "%s", config->store);
    for (uint32_t i = 0; i < config->stream_count; i++) {
        snprintf(ret->streams[i], sizeof ret->streams[i], "%s",
                 config->streams[i].name);
    }
    ret->stream_count = config->stream_count;
    ret->anonymous = config_broker_is_anonymous(&config->broker);
    snprintf(ret->gateway, sizeof ret->gateway, "%s", login->mqtt.user);
    memcpy(ret->gateway_password, login->hash, sizeof login->hash);
}

void broker_rules_add_id(struct rules *rules, const char *client_id) {
    assert(rules->gateway_id_count < RULES_GATEWAY_IDS_MAX);
    uint32_t i = rules->gateway_id_count++;
    int len = snprintf(rules->gateway_ids[i], sizeof rules->gateway_ids[i],
                       "%s", client_id);
    assert(len > 0 && (size_t)len < sizeof rules->gateway_ids[i]);
}

static void close_fd(const int *fd) {
    if (*fd >= 0) {
        close(*fd);
    }
}

err_t broker_rules_write(const struct rules *rules, const char *path,
                         struct reason *reason) {
    uint8_t text[TEXT_MAX];
    struct writer out = writer_over(text, sizeof text);
    rules_write(rules, &out);
    assert(!out.full);
    (void)unlink(path);
    CLEANUP(close_fd)
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, out.len) != (ssize_t)out.len) {
        return disk_failed(reason, ERR_IO, "write", path);
    }
    return ERR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/older_config.h"

#include <assert.h>
#include <string.h>

#include "config/yaml_file.h"
#include "gateway/base/disk.h"
#include "gateway/commands/older_values.h"

enum { KEY_MAX = 128 };

/* All keys of release 0.1.0. */
static const char *const known[] = {
    "store",
    "data",
    "control_socket",
    "event_bytes_max",
    "free_floor",
    "broker",
    "broker.mode",
    "broker.listen",
    "broker.program",
    "broker.address",
    "streams",
    "streams.name",
    "streams.shop",
    "streams.priority",
    "streams.capacity",
    "streams.segment",
    "streams.commit_delay",
    "streams.when_full",
    "streams.keep",
    "streams.keep_for",
    "streams.on_rot",
    "streams.sink",
    "streams.sink.eventbridge",
    "streams.sink.eventbridge.bus",
    "streams.sink.kinesis",
    "streams.sink.kinesis.stream",
    "cloud",
    "cloud.region",
    "cloud.endpoint",
    "cloud.ca_file",
    "cloud.source_prefix",
    "shop",
    "shop.currency",
    "console",
    "console.enabled",
    "console.listen",
};

struct check {
    struct yaml_file file;
    FILE *out;
    uint32_t count;
    bool region; /* there is one */
};

static bool is_known(const char *key) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(key, known[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void refuse(struct check *check, const yaml_node_t *node,
                   const char *key) {
    fprintf(check->out,
            "%s:%zu:%zu: 0.1.0 does not know the key %s: remove it before "
            "going back\n",
            check->file.path, node->start_mark.line + 1,
            node->start_mark.column + 1, key);
    check->count++;
}

/* It knows no accounts: whoever reached the broker was let in. */
static void refuse_listeners(struct check *check, const yaml_node_t *node) {
    fprintf(check->out,
            "%s:%zu:%zu: 0.1.0 does not know a list of listeners: write one "
            "address, broker: {listen: 127.0.0.1:1883}, before going back; "
            "0.1.0 lets in everybody who reaches it\n",
            check->file.path, node->start_mark.line + 1,
            node->start_mark.column + 1);
    check->count++;
}

static void check_value(struct check *check, const yaml_node_t *node,
                        const char *prefix);

static void check_mapping(struct check *check, const yaml_node_t *node,
                          const char *prefix) {
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_file_node(&check->file, pair->key);
        char key[KEY_MAX];
        struct slice text = yaml_scalar(name);
        int len = snprintf(key, sizeof key, "%s%s%.*s", prefix,
                           prefix[0] == '\0' ? "" : ".", SLICE_ARG(text));
        if (len < 0 || (size_t)len >= sizeof key || !is_known(key)) {
            refuse(check, name, key);
        } else {
            check->region |= strcmp(key, "cloud.region") == 0;
            check_value(check, yaml_file_node(&check->file, pair->value), key);
        }
    }
}

/* The schema has been checked, which bounds the depth. */
static void check_value(struct check *check, const yaml_node_t *node,
                        const char *prefix) {
    if (node->type == YAML_MAPPING_NODE) {
        check_mapping(check, node, prefix);
        return;
    }
    if (node->type != YAML_SEQUENCE_NODE) {
        return;
    }
    if (strcmp(prefix, "broker.listen") == 0) {
        refuse_listeners(check, node);
        return;
    }
    for (const yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        check_value(check, yaml_file_node(&check->file, *item), prefix);
    }
}

static void each_name(void *context, const char *name) {
    struct check *check = context;
    size_t len = strlen(name);
    if (name[0] != '.' && len > strlen(".yaml") &&
        strcmp(name + len - strlen(".yaml"), ".yaml") == 0) {
        fprintf(check->out,
                "conf.d/%s: 0.1.0 reads one file only: move its keys to that "
                "before going back\n",
                name);
        check->count++;
    }
}

static err_t check_folder(struct check *check, const char *path,
                          struct reason *reason) {
    char folder[1024 + 16];
    const char *slash = strrchr(path, '/');
    int dir_len = slash == NULL ? 0 : (int)(slash - path) + 1;
    int len = snprintf(folder, sizeof folder, "%.*sconf.d", dir_len, path);
    ENSURE(len > 0 && (size_t)len < sizeof folder, ERR_CONFIG);
    struct platform platform = platform_real();
    err_t err =
        platform.disk.list(platform.disk.self, folder, each_name, check);
    return err == ERR_OK || err == ERR_NOT_FOUND
               ? ERR_OK
               : disk_failed(reason, err, "list", folder);
}

err_t older_config_check(const struct config *config, const char *path,
                         FILE *out, uint32_t *ret_count,
                         struct reason *reason) {
    struct check check = {.out = out};
    TRY(yaml_file_open(path, &check.file, reason));
    if (check.file.root != NULL) { /* all keys may stand in conf.d */
        check_value(&check, check.file.root, "");
    }
    yaml_file_close(&check.file);
    TRY(check_folder(&check, path, reason));
    *ret_count = check.count;
    if (check.count == 0) { /* else what the files of conf.d say counts, too */
        *ret_count = older_values_check(config, path, check.region, out);
    }
    return ERR_OK;
}

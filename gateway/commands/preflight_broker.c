/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/preflight_broker.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/disk.h"
#include "gateway/mqtt/broker_plugin.h"
#include "gateway/mqtt/broker_port.h"
#include "gateway/pki/tls_files.h"

struct look {
    const struct config *config;
    const struct config_sources *sources;
    struct config_findings *findings;
};

#define ADD(look, level, key, ...)                             \
    config_find((look)->sources, (look)->findings, level, key, \
                CONFIG_NO_STREAM, __VA_ARGS__)

static void check_program(const struct look *look) {
    const char *program = look->config->broker.program;
    struct stat status;
    struct reason why;
    bool here = stat(program, &status) == 0;
    if (here && !S_ISREG(status.st_mode)) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : EACCES;
    } else if (here && access(program, X_OK) == 0) {
        return;
    }
    (void)disk_failed(&why, ERR_IO, "run", program);
    ADD(look, CONFIG_ERROR, "broker.program",
        "%s; install mosquitto, or set broker.mode to external", why.text);
}

/* Without it nobody is let in. */
static void check_plugin(const struct look *look) {
    char path[CONFIG_PATH_MAX];
    struct reason why;
    if (broker_plugin_find(path, &why) != ERR_OK) {
        ADD(look, CONFIG_ERROR, "broker.listen", "%s", why.text);
    }
}

/* --- Files ---------------------------------------------------------------- */

/* A file that the gateway reads. Who opens a FIFO may wait for ever. */
static bool is_readable(const char *path, struct reason *why) {
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    } else if (access(path, R_OK) == 0) {
        return true;
    }
    (void)disk_failed(why, ERR_IO, "read", path);
    return false;
}

/* The bits of its mode that let in who should not read it. */
static unsigned open_to(const char *path, mode_t forbidden) {
    struct stat status;
    bool is_file = stat(path, &status) == 0 && S_ISREG(status.st_mode);
    return is_file ? status.st_mode & forbidden : 0;
}

static void check_listener_file(const struct look *look, const char *key,
                                const char *path) {
    struct reason why;
    if (!is_readable(path, &why)) {
        ADD(look, CONFIG_WARNING, key,
            "%s; expected a file that user %u may read: without it the "
            "listeners with tls: true stay away (shopme-edge pki makes one)",
            why.text, (unsigned)geteuid());
    }
}

/* The key of the configuration that a reason of tls_files.h begins with. */
static const char *key_of(const struct reason *why) {
    static const char *const keys[] = {
        "broker.tls.cert_file", "broker.tls.key_file", "broker.tls.ca_file"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *name = keys[i] + strlen("broker.");
        if (strncmp(why->text, name, strlen(name)) == 0) {
            return keys[i];
        }
    }
    return "broker.tls.cert_file";
}

/* What is in the files, as a start has it. */
static void check_tls_content(const struct look *look) {
    const struct platform platform = platform_real();
    int64_t now_us = platform.clock.wall_us(platform.clock.self);
    struct tls_files files = {.crl_unusable = {""}};
    struct reason why = {""};
    if (tls_files_read(&look->config->broker, look->config->data, now_us,
                       &files, &why) != ERR_OK) {
        ADD(look, CONFIG_WARNING, key_of(&why),
            "%s; until then the listeners with tls: true stay away, or as they "
            "are",
            why.text);
        return;
    }
    if (files.crl_unusable.text[0] != '\0') {
        ADD(look, CONFIG_WARNING, "broker.tls.crl_file", "%s",
            files.crl_unusable.text);
    }
    if (files.facts.ca_count > 0 && !files.facts.chained) {
        ADD(look, CONFIG_WARNING, "broker.tls.cert_file",
            "no CA of tls.ca_file has signed the gateway's certificate; "
            "devices need another CA's to check it by");
    }
    tls_files_free(&files);
}

/* A key of a group such as Debian's ssl-cert is as it should be. */
static void check_tls(const struct look *look) {
    const struct config_broker *broker = &look->config->broker;
    const struct config_broker_tls *tls = &broker->tls;
    struct reason why;
    if (!config_broker_has_tls(broker)) {
        return;
    }
    check_listener_file(look, "broker.tls.cert_file", tls->cert_file);
    check_listener_file(look, "broker.tls.key_file", tls->key_file);
    if (open_to(tls->key_file, S_IRWXO) != 0) {
        ADD(look, CONFIG_WARNING, "broker.tls.key_file",
            "found %s, a private key that every user can read; expected mode "
            "0600: chmod 600 %s",
            tls->key_file, tls->key_file);
    }
    if (!config_broker_has_certificates(broker)) {
        return;
    }
    check_listener_file(look, "broker.tls.ca_file", tls->ca_file);
    if (access(tls->crl_file, F_OK) == 0 && !is_readable(tls->crl_file, &why)) {
        ADD(look, CONFIG_WARNING, "broker.tls.crl_file",
            "%s; expected a file that user %u may read: certificates that it "
            "revokes would be let in",
            why.text, (unsigned)geteuid());
    }
}

/* --- The site's broker ---------------------------------------------------- */

static void check_own_file(const struct look *look, const char *key,
                           const char *path, mode_t forbidden) {
    struct reason why;
    if (path[0] == '\0') {
        return;
    }
    if (!is_readable(path, &why)) {
        ADD(look, CONFIG_ERROR, key,
            "%s; expected a file that user %u may read", why.text,
            (unsigned)geteuid());
    } else if (open_to(path, forbidden) != 0) {
        ADD(look, CONFIG_ERROR, key,
            "found %s, a secret that other users can read; expected mode "
            "0600: chmod 600 %s",
            path, path);
    }
}

static void check_external(const struct look *look) {
    const struct config_broker *broker = &look->config->broker;
    check_own_file(look, "broker.password_file", broker->password_file,
                   S_IRWXG | S_IRWXO);
    check_own_file(look, "broker.client_tls.ca_file",
                   broker->client_tls.ca_file, 0);
    check_own_file(look, "broker.client_tls.cert_file",
                   broker->client_tls.cert_file, 0);
    check_own_file(look, "broker.client_tls.key_file",
                   broker->client_tls.key_file, S_IRWXO);
}

void preflight_broker(const struct config *config,
                      const struct config_sources *sources, bool check,
                      struct config_findings *findings) {
    const struct look look = {config, sources, findings};
    if (config->broker.mode == CONFIG_BROKER_EXTERNAL) {
        check_external(&look);
        return;
    }
    check_program(&look);
    if (check) {
        check_plugin(&look); /* at a start the broker says so, and waits */
        uint32_t before = findings->count;
        check_tls(&look);
        if (findings->count == before &&
            config_broker_has_tls(&config->broker)) {
            check_tls_content(&look);
        }
    }
}

/* One that is taken may be free again when the gateway starts; until then it
 * tries again. */
void preflight_broker_ports(const struct config *config,
                            const struct config_sources *sources,
                            struct config_findings *findings) {
    const struct config_broker *broker = &config->broker;
    struct reason why;
    for (uint32_t i = 0;
         broker->mode == CONFIG_BROKER_EMBEDDED && i < broker->listener_count;
         i++) {
        uint16_t port = broker->listeners[i].address.port;
        bool in_list =
            sources
                ->listeners[i][config_key_find("broker.listen[].address") -
                               config_keys]
                .line > 0;
        if (broker_port_check(&broker->listeners[i].address, &port, &why) !=
            ERR_OK) {
            config_find(sources, findings, CONFIG_WARNING,
                        in_list ? "broker.listen[].address" : "broker.listen",
                        in_list ? (int)i : CONFIG_NO_STREAM, "%s", why.text);
        }
    }
}

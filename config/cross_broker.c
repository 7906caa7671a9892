/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of `broker` against each other. */
#include <assert.h>
#include <stdio.h>

#include "config/loader.h"

/* A later file that changes the mode leaves the earlier file's keys behind. */
static bool is_left_behind(const struct loader *loader, struct spot spot) {
    struct spot mode = loader_spot(&loader->found, "broker.mode");
    return mode.node != NULL && spot.file < mode.file;
}

static void check_mode(struct loader *loader) {
    bool external = loader->config.broker.mode == CONFIG_BROKER_EXTERNAL;
    const char *mode = external ? "external" : "embedded";
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        struct spot spot = loader->found.keys[i];
        if (spot.node != NULL && key->when != CONFIG_ALWAYS &&
            external != (key->when == CONFIG_WHEN_EXTERNAL) &&
            !is_left_behind(loader, spot)) {
            loader_fault(loader, spot,
                         "found %s with broker.mode %s; expected it only with "
                         "%s",
                         key->path, mode, external ? "embedded" : "external");
        }
    }
}

/* --- The site's broker ---------------------------------------------------- */

static void check_pair(struct loader *loader, const char *path,
                       const char *other, const char *why) {
    struct spot spot = loader_spot(&loader->found, path);
    if (spot.node != NULL && loader_spot(&loader->found, other).node == NULL) {
        loader_fault(loader, spot, "found %s and no %s; expected both: %s",
                     path, other, why);
    }
}

static void check_external(struct loader *loader) {
    if (loader_spot(&loader->found, "broker.address").node == NULL) {
        loader_fault(loader, loader_spot(&loader->found, "broker.mode"),
                     "found mode external and no broker.address; expected "
                     "address: HOST:PORT of the site's broker");
    }
    check_pair(loader, "broker.password_file", "broker.user",
               "MQTT sends no password without a name");
    check_pair(loader, "broker.client_tls.cert_file",
               "broker.client_tls.key_file", "a certificate and its key");
    check_pair(loader, "broker.client_tls.key_file",
               "broker.client_tls.cert_file", "a certificate and its key");
}

/* --- Listeners ------------------------------------------------------------ */

static bool is_any(const char *host) {
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static bool is_six(const char *host) {
    return strchr(host, ':') != NULL;
}

/* Mosquitto gives IPv6 addresses sockets for IPv6 alone. */
static bool same_host(const char *a, const char *b) {
    static const char local[] = "localhost";
    if (strcmp(a, b) == 0) {
        return true;
    }
    if (strcmp(a, local) == 0 || strcmp(b, local) == 0) {
        const char *other = strcmp(a, local) == 0 ? b : a;
        return is_any(other) || strcmp(other, "127.0.0.1") == 0 ||
               strcmp(other, "::1") == 0;
    }
    return (is_any(a) || is_any(b)) && is_six(a) == is_six(b);
}

bool cross_check_same_port(const struct config_address *a,
                           const struct config_address *b) {
    return a->port != 0 && a->port == b->port && same_host(a->host, b->host);
}

static struct spot spot_of(const struct loader *loader, uint32_t index,
                           const char *path) {
    struct spot spot = loader_spot(&loader->listeners[index], path);
    return spot.node != NULL ? spot : loader->listeners[index].self;
}

static void check_port(struct loader *loader, uint32_t index) {
    const struct config_listener *listeners = loader->config.broker.listeners;
    for (uint32_t i = 0; i < index; i++) {
        if (cross_check_same_port(&listeners[i].address,
                                  &listeners[index].address)) {
            loader_fault(
                loader, spot_of(loader, index, "broker.listen[].address"),
                "found port %u twice, for %s and %s; expected each "
                "listener to have a port of its own",
                listeners[index].address.port, listeners[i].address.host,
                listeners[index].address.host);
            return;
        }
    }
}

static void check_anonymous(struct loader *loader, uint32_t index) {
    const struct config_listener *listener =
        &loader->config.broker.listeners[index];
    struct spot spot = spot_of(loader, index, "broker.listen[].anonymous");
    if (!listener->anonymous) {
        return;
    }
    if (listener->tls || listener->certificates) {
        loader_fault(loader, spot,
                     "found anonymous: true with %s; expected it on a "
                     "listener without: use one for each",
                     listener->tls ? "tls: true" : "certificates: true");
    }
    if (!config_host_is_loopback(listener->address.host)) {
        loader_fault(loader, spot,
                     "found anonymous: true on %s; expected it on a loopback "
                     "address only, as anybody could send orders: give each "
                     "device an account (shopme-edge device add)",
                     listener->address.host);
    }
}

static void check_listener(struct loader *loader, uint32_t index) {
    const struct config_listener *listener =
        &loader->config.broker.listeners[index];
    if (loader_is_bad(&loader->listeners[index], "broker.listen[].address") ||
        listener->address.host[0] == '\0') {
        return;
    }
    check_port(loader, index);
    check_anonymous(loader, index);
    if (listener->certificates && !listener->tls) {
        loader_fault(loader,
                     spot_of(loader, index, "broker.listen[].certificates"),
                     "found certificates: true without tls; expected tls: "
                     "true, too: certificates are a part of TLS");
    }
}

/* The form of release 0.1.0, when everybody who reached the broker was let in.
 */
static void check_plain(struct loader *loader) {
    const struct config_listener *listener =
        &loader->config.broker.listeners[0];
    struct spot spot = loader_spot(&loader->found, "broker.listen");
    bool six = is_six(listener->address.host);
    if (!config_host_is_loopback(listener->address.host)) {
        loader_fault(loader, spot,
                     "found %s, where anybody would be let in; expected a "
                     "list, where devices have accounts: listen: [{address: "
                     "\"%s%s%s:%u\"}]",
                     yaml_found(spot.node).text, six ? "[" : "",
                     listener->address.host, six ? "]" : "",
                     listener->address.port);
    }
}

static void check_listeners(struct loader *loader) {
    if (loader_is_bad(&loader->found, "broker.listen") ||
        loader_spot(&loader->found, "broker.listen").node == NULL) {
        return;
    }
    if (!loader_has_listeners(loader)) {
        check_plain(loader);
        return;
    }
    for (uint32_t i = 0; i < loader->config.broker.listener_count; i++) {
        check_listener(loader, i);
    }
}

/* --- Files ---------------------------------------------------------------- */

static void name_file(struct loader *loader, char file[CONFIG_PATH_MAX],
                      const char *path, const char *name) {
    if (file[0] != '\0') {
        return;
    }
    int len =
        snprintf(file, CONFIG_PATH_MAX, "%s/pki/%s", loader->config.data, name);
    if (len >= CONFIG_PATH_MAX) {
        loader_fault(loader, loader_spot(&loader->found, "data"),
                     "found a name that leaves no room for %s; expected a "
                     "shorter one",
                     path);
    }
}

static void name_files(struct loader *loader) {
    struct config_broker_tls *tls = &loader->config.broker.tls;
    name_file(loader, tls->cert_file, "broker.tls.cert_file", "server.pem");
    name_file(loader, tls->key_file, "broker.tls.key_file", "server.key");
    name_file(loader, tls->ca_file, "broker.tls.ca_file", "ca.pem");
    name_file(loader, tls->crl_file, "broker.tls.crl_file", "crl.pem");
}

void cross_check_broker(struct loader *loader) {
    if (loader_is_bad(&loader->found, "broker.mode")) {
        return;
    }
    check_mode(loader);
    name_files(loader);
    if (loader->config.broker.mode == CONFIG_BROKER_EXTERNAL) {
        check_external(loader);
    } else {
        check_listeners(loader);
    }
}

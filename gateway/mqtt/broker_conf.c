/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/broker_conf.h"

#include <assert.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/identity/identity_set.h"

/* --- Listeners ------------------------------------------------------------ */

static void write_tls(const struct broker_conf *conf,
                      const struct config_listener *listener,
                      struct writer *out) {
    char path[IDENTITY_PATH_MAX];
    identity_set_path(conf->config->data, "server.pem", path);
    writer_printf(out, "certfile %s\n", path);
    identity_set_path(conf->config->data, "server.key", path);
    writer_printf(out, "keyfile %s\n", path);
    writer_str(out, "tls_version tlsv1.2\n"); /* and what is newer */
    if (listener->certificates) {
        identity_set_path(conf->config->data, "ca.pem", path);
        writer_printf(out, "cafile %s\nrequire_certificate true\n", path);
    }
}

static void write_listener(const struct broker_conf *conf, uint32_t index,
                           struct writer *out) {
    const struct config_listener *listener =
        &conf->config->broker.listeners[index];
    writer_printf(out, "listener %u %s\n", conf->ports[index],
                  listener->address.host);
    /* (2.0.11 loses count; then the plugin still has it.) */
    writer_printf(out, "max_connections %u\n", listener->connections);
    if (listener->tls) {
        write_tls(conf, listener, out);
    }
    /* That nobody takes another's session, the plugin sees to. Not Mosquitto's
     * use_username_as_clientid: with it, 2.0.11 forgets the session of any
     * client id that a stranger gives who shows no user name. */
}

static bool is_open(const struct broker_conf *conf, uint32_t index) {
    bool away = conf->away != NULL && conf->away[index];
    bool tls = conf->config->broker.listeners[index].tls;
    return !conf->closed && !away && (conf->with_tls || !tls);
}

static void write_listeners(const struct broker_conf *conf,
                            struct writer *out) {
    for (uint32_t i = 0; i < conf->config->broker.listener_count; i++) {
        if (is_open(conf, i)) {
            write_listener(conf, i, out);
        }
    }
    /* Last, since its socket is the sign that all is ready. */
    writer_printf(out, "listener 0 %s\n", conf->socket_path);
}

/* --- Who is let in -------------------------------------------------------- */

static void write_bounds(const struct broker_conf *conf, struct writer *out) {
    const char *before = "plugin_opt_connections ";
    for (uint32_t i = 0; i < conf->config->broker.listener_count; i++) {
        if (is_open(conf, i)) {
            writer_printf(out, "%s%u %u", before, conf->ports[i],
                          conf->config->broker.listeners[i].connections);
            before = " ";
        }
    }
    writer_str(out, *before == ' ' ? "\n" : "");
}

/* The plugin decides all of it, and without it Mosquitto does not start. It is
 * told to let in who has no user name because at a reload it would refuse them
 * otherwise without asking: those that are connected, and sessions that are
 * offline, which it then (2.0.11) has twice on its list of what expires. */
static void write_plugin(const struct broker_conf *conf, struct writer *out) {
    const struct config *config = conf->config;
    char path[IDENTITY_PATH_MAX];
    identity_set_path(config->data, NULL, path);
    writer_printf(out, "plugin %s\n", conf->plugin_path);
    writer_printf(out, "plugin_opt_rules %s\n", conf->rules_path);
    writer_printf(out, "plugin_opt_identity %s\n", path);
    write_bounds(conf, out);
    writer_str(out, "allow_anonymous true\n");
}

/* --- Limits --------------------------------------------------------------- */

static void write_limits(const struct broker_conf *conf, struct writer *out) {
    writer_str(out, "set_tcp_nodelay true\n");
    /* The size of a group commit, and a queue that drops nothing before its
     * bytes run out. (With 0 for no limit, Mosquitto 2.0.11 closes the
     * connection of who publishes what is refused.) */
    writer_str(out, "max_inflight_messages 1000\n");
    writer_str(out, "max_queued_messages 1000000000\n");
    writer_str(out, "max_queued_bytes 67108864\n");
    writer_printf(out, "max_packet_size %d\n", BROKER_PACKET_MAX);
    /* Sessions and retained messages of the devices. A stream's events are safe
     * without it: a device keeps each until its receipt. */
    writer_str(out, "persistence true\n");
    writer_printf(out, "persistence_location %s/\n", conf->folder);
    writer_str(out, "autosave_interval 60\n");
    /* The gateway's own sessions say a time of their own (session.c). */
    writer_printf(out, "persistent_client_expiration %dd\n",
                  BROKER_EXPIRATION_DAYS);
    /* For a failed handshake may be in no other line, and is no plugin's to
     * see; guard_line() takes them all. */
    writer_str(out, "connection_messages true\n");
    /* So that what it drops is known soon. */
    writer_str(out, "sys_interval 5\n");
    writer_str(out, "log_dest stderr\nlog_timestamp false\n");
    writer_str(out, "log_type error\nlog_type warning\n"
                    "log_type notice\n");
}

/* A line break in a path would be another setting. */
static err_t check_path(const char *path, struct reason *reason) {
    for (const char *p = path; *p != '\0'; p++) {
        if ((unsigned char)*p < ' ') {
            return reason_set(reason, ERR_CONFIG,
                              "a path with a line break in it cannot be "
                              "written into Mosquitto's configuration");
        }
    }
    return ERR_OK;
}

err_t broker_conf_write(const struct broker_conf *conf, struct writer *out,
                        struct reason *reason) {
    assert(conf->config->broker.mode == CONFIG_BROKER_EMBEDDED);
    assert(conf->config->broker.listener_count <= CONFIG_LISTENERS_MAX);
    TRY(check_path(conf->plugin_path, reason));
    TRY(check_path(conf->folder, reason));
    const struct passwd *user = getpwuid(geteuid());
    writer_str(out,
               "# Written by shopme-edge at each start; edits are lost.\n");
    /* With true, what comes after a restart of the broker and before the
     * gateway's session is acknowledged and dropped. */
    writer_str(out, "per_listener_settings false\n");
    /* Keeping our user keeps the parent-death signal: a change of user clears
     * it. */
    writer_printf(out, "user %s\n", user == NULL ? "mosquitto" : user->pw_name);
    write_listeners(conf, out);
    write_plugin(conf, out);
    write_limits(conf, out);
    ENSURE(!out->full, ERR_FULL);
    return ERR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge-broker.so: the door as a plugin of Mosquitto (2.0 and later,
 * plugin API 5; tried with 2.0.11). The broker's configuration:
 *
 *     plugin /usr/lib/shopme-edge/shopme-edge-broker.so
 *     plugin_opt_rules /var/lib/shopme-edge/broker/rules
 *     plugin_opt_identity /var/lib/shopme-edge/identity/current
 *     plugin_opt_connections 1883 1000 8883 1000    (crowd.h)
 *
 * Beside it: no password_file and no acl_file; and, because of what Mosquitto
 * 2.0.11 does otherwise (docs/design.md, The broker's door):
 *
 *     per_listener_settings false
 *     allow_anonymous true            (the door refuses whom it must)
 *     max_queued_messages N           (not 0)
 *     and neither use_username_as_clientid nor use_identity_as_username
 *
 * All is called on the broker's one thread. If what the door needs cannot be
 * read, the broker does not start. */
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/plugin/crowd.h"
#include "gateway/plugin/door.h"

enum { API = 5 };

struct plugin {
    struct platform platform;
    char rules[IDENTITY_PATH_MAX];
    char data[IDENTITY_PATH_MAX];
    mosquitto_plugin_id_t *id;
    struct door *door;
    struct crowd *crowd;
};

/* --- What the door asks of the broker ------------------------------------- */

static void send_report(void *self, struct slice bytes) {
    (void)self;
    int code = mosquitto_broker_publish_copy(NULL, REPORT_TOPIC, (int)bytes.len,
                                             bytes.data, 1, false, NULL);
    if (code != MOSQ_ERR_SUCCESS) {
        mosquitto_log_printf(MOSQ_LOG_WARNING,
                             "shopme-edge: a report to the gateway is lost: %s",
                             mosquitto_strerror(code));
    }
}

static void kick_name(void *self, const char *name, bool with_will) {
    (void)self;
    (void)mosquitto_kick_client_by_username(name, with_will);
}

static void kick_id(void *self, const char *client_id, bool with_will) {
    (void)self;
    (void)mosquitto_kick_client_by_clientid(client_id, with_will);
}

/* To end a connection that has ended does nothing, but says whether there is a
 * session (2.0.11; MQTT 5's keep a DISCONNECT, that nobody is sent). */
static bool has_session(void *self, const char *client_id) {
    (void)self;
    return mosquitto_kick_client_by_clientid(client_id, true) ==
           MOSQ_ERR_SUCCESS;
}

/* In Mosquitto's own words for who is too many, which the gateway knows. */
static void tell_ended(void *self, const char *address) {
    (void)self;
    mosquitto_log_printf(MOSQ_LOG_NOTICE,
                         "Client connection from %s denied: max_connections "
                         "exceeded.",
                         address);
}

/* --- What the broker asks ------------------------------------------------- */

static void free_x509(X509 **x509) {
    X509_free(*x509);
}

/* The broker's listeners that ask for a certificate let nobody in without. */
static err_t read_certificate(const struct mosquitto *client,
                              struct certificate *ret, bool *ret_has) {
    X509 *x509 CLEANUP(free_x509) = mosquitto_client_certificate(client);
    *ret_has = x509 != NULL;
    return x509 != NULL ? certificate_read(x509, ret) : ERR_OK;
}

static int on_login(int event, void *data, void *self) {
    (void)event;
    struct plugin *plugin = self;
    const struct mosquitto_evt_basic_auth *asked = data;
    struct certificate certificate;
    bool has_certificate;
    if (read_certificate(asked->client, &certificate, &has_certificate) !=
        ERR_OK) {
        certificate = (struct certificate){.name = ""}; /* of no device */
    }
    const struct login login = {
        .client_id = mosquitto_client_id(asked->client),
        .user = asked->username,
        .password = asked->password,
        .address = mosquitto_client_address(asked->client),
        .certificate = has_certificate ? &certificate : NULL,
        .clean = mosquitto_client_clean_session(asked->client),
        .five = mosquitto_client_protocol_version(asked->client) == 5,
    };
    const char *name;
    if (!door_enter(plugin->door, asked->client, &login, &name)) {
        return MOSQ_ERR_AUTH;
    }
    if (name != NULL &&
        mosquitto_set_username(asked->client, name) != MOSQ_ERR_SUCCESS) {
        return MOSQ_ERR_NOMEM;
    }
    return MOSQ_ERR_SUCCESS;
}

static int on_use(int event, void *data, void *self) {
    (void)event;
    struct plugin *plugin = self;
    const struct mosquitto_evt_acl_check *asked = data;
    struct door_use use = {
        .key = asked->client,
        .topic = asked->topic,
        .retain = asked->retain,
        .qos = asked->qos,
        .user = mosquitto_client_username(asked->client),
        .address = mosquitto_client_address(asked->client),
        .client_id = mosquitto_client_id(asked->client),
    };
    switch (asked->access) {
    case MOSQ_ACL_READ:
        use.action = RULES_READ;
        use.payload = slice_of(asked->payload, asked->payloadlen);
        break;
    case MOSQ_ACL_WRITE:
        use.action = RULES_PUBLISH;
        use.payload = slice_of(asked->payload, asked->payloadlen);
        break;
    case MOSQ_ACL_SUBSCRIBE:
        use.action = RULES_SUBSCRIBE;
        break;
    case MOSQ_ACL_UNSUBSCRIBE:
        return MOSQ_ERR_SUCCESS;
    default:
        return MOSQ_ERR_ACL_DENIED;
    }
    return door_allows(plugin->door, &use) ? MOSQ_ERR_SUCCESS
                                           : MOSQ_ERR_ACL_DENIED;
}

static int on_gone(int event, void *data, void *self) {
    (void)event;
    struct plugin *plugin = self;
    const struct mosquitto_evt_disconnect *told = data;
    const struct door_end end = {
        .key = told->client,
        .client_id = mosquitto_client_id(told->client),
        .user = mosquitto_client_username(told->client),
        .address = mosquitto_client_address(told->client),
    };
    door_gone(plugin->door, &end);
    return MOSQ_ERR_SUCCESS;
}

static int on_control(int event, void *data, void *self) {
    (void)event;
    struct plugin *plugin = self;
    const struct mosquitto_evt_control *told = data;
    door_command(plugin->door, slice_of(told->payload, told->payloadlen));
    return MOSQ_ERR_SUCCESS;
}

static int on_hangup(int event, void *data, void *self) {
    (void)event;
    (void)data;
    struct plugin *plugin = self;
    door_hangup(plugin->door);
    return MOSQ_ERR_SUCCESS;
}

static int on_tick(int event, void *data, void *self) {
    (void)event;
    (void)data;
    struct plugin *plugin = self;
    const struct clock *clock = &plugin->platform.clock;
    crowd_tick(plugin->crowd, clock->mono_us(clock->self));
    door_tick(plugin->door);
    return MOSQ_ERR_SUCCESS;
}

/* --- Beginning and end ---------------------------------------------------- */

static const struct {
    int event;
    MOSQ_FUNC_generic_callback call;
    const char *topic;
} calls[] = {
    {MOSQ_EVT_BASIC_AUTH, on_login, NULL},
    {MOSQ_EVT_ACL_CHECK, on_use, NULL},
    {MOSQ_EVT_DISCONNECT, on_gone, NULL},
    {MOSQ_EVT_CONTROL, on_control, REPORT_CONTROL},
    {MOSQ_EVT_RELOAD, on_hangup, NULL},
    {MOSQ_EVT_TICK, on_tick, NULL},
};
enum { CALLS = sizeof calls / sizeof *calls };

static err_t register_calls(struct plugin *plugin, struct reason *reason) {
    for (int i = 0; i < CALLS; i++) {
        int code = mosquitto_callback_register(
            plugin->id, calls[i].event, calls[i].call, calls[i].topic, plugin);
        if (code != MOSQ_ERR_SUCCESS) {
            return reason_set(reason, ERR_UNSUPPORTED,
                              "this Mosquitto does not take a plugin's call "
                              "%d: %s; use Debian's 2.0.11 or later",
                              calls[i].event, mosquitto_strerror(code));
        }
    }
    return ERR_OK;
}

static const char *option(const struct mosquitto_opt *options, int count,
                          const char *key) {
    for (int i = 0; i < count; i++) {
        if (strcmp(options[i].key, key) == 0) {
            return options[i].value;
        }
    }
    return "";
}

/* The data folder is named by the set in it. */
static err_t read_options(struct plugin *plugin,
                          const struct mosquitto_opt *options, int count,
                          struct reason *reason) {
    static const char end[] = "/identity/current";
    struct slice rules = slice_from_str(option(options, count, "rules"));
    struct slice set = slice_from_str(option(options, count, "identity"));
    if (rules.len == 0 ||
        slice_to_str(rules, plugin->rules, sizeof plugin->rules) != ERR_OK) {
        return reason_set(reason, ERR_CONFIG,
                          "plugin_opt_rules must name the file that the "
                          "gateway writes, such as "
                          "/var/lib/shopme-edge/broker/rules");
    }
    size_t head = set.len > sizeof end - 1 ? set.len - (sizeof end - 1) : 0;
    if (head == 0 ||
        !slice_eq_str(slice_part(set, head, sizeof end - 1), end) ||
        slice_to_str(slice_part(set, 0, head), plugin->data,
                     sizeof plugin->data) != ERR_OK) {
        return reason_set(reason, ERR_CONFIG,
                          "plugin_opt_identity must name the set of accounts, "
                          "such as /var/lib/shopme-edge/identity/current");
    }
    return ERR_OK;
}

static err_t start(struct plugin *plugin, const struct mosquitto_opt *options,
                   int count, struct reason *reason) {
    TRY(read_options(plugin, options, count, reason));
    const struct door_options door = {
        .clock = &plugin->platform.clock,
        .place = {.disk = &plugin->platform.disk,
                  .rules = plugin->rules,
                  .data = plugin->data},
        .broker = {.self = plugin,
                   .report = send_report,
                   .kick_name = kick_name,
                   .kick_id = kick_id,
                   .has_session = has_session},
    };
    TRY(crowd_new(option(options, count, "connections"), tell_ended, NULL,
                  &plugin->crowd, reason));
    TRY(door_new(&door, &plugin->door, reason));
    return register_calls(plugin, reason);
}

static void plugin_free(struct plugin *plugin) {
    for (int i = 0; i < CALLS && plugin->id != NULL; i++) {
        (void)mosquitto_callback_unregister(plugin->id, calls[i].event,
                                            calls[i].call, calls[i].topic);
    }
    door_free(plugin->door);
    crowd_free(plugin->crowd);
    free(plugin);
}

int mosquitto_plugin_version(int count, const int *versions) {
    for (int i = 0; i < count; i++) {
        if (versions[i] == API) {
            return API;
        }
    }
    return -1;
}

int mosquitto_plugin_init(mosquitto_plugin_id_t *id, void **self,
                          struct mosquitto_opt *options, int count) {
    struct reason reason = {"no memory"};
    struct plugin *plugin = calloc(1, sizeof *plugin);
    if (plugin == NULL) {
        return MOSQ_ERR_NOMEM;
    }
    plugin->platform = platform_real();
    plugin->id = id;
    if (start(plugin, options, count, &reason) != ERR_OK) {
        mosquitto_log_printf(MOSQ_LOG_ERR,
                             "shopme-edge: nobody would be let in, so the "
                             "broker does not start: %s",
                             reason.text);
        plugin_free(plugin);
        return MOSQ_ERR_UNKNOWN;
    }
    *self = plugin;
    return MOSQ_ERR_SUCCESS;
}

int mosquitto_plugin_cleanup(void *self, struct mosquitto_opt *options,
                             int count) {
    (void)options;
    (void)count;
    plugin_free(self);
    return MOSQ_ERR_SUCCESS;
}

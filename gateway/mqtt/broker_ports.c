/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/broker_ports.h"

#include <assert.h>

#include "gateway/mqtt/broker_port.h"

static void note_away(struct broker_ports *ports, uint32_t index,
                      const struct reason *why) {
    ports->away[index] = true;
    if (ports->why_away.text[0] == '\0') {
        ports->why_away = *why;
    }
}

err_t broker_ports_check(const struct config_broker *broker, bool with_tls,
                         struct broker_ports *ports, struct reason *reason) {
    bool is_any_open = false;
    assert(broker->listener_count <= CONFIG_LISTENERS_MAX);
    memset(ports->away, 0, sizeof ports->away);
    ports->why_away = (struct reason){""};
    for (uint32_t i = 0; i < broker->listener_count; i++) {
        const struct config_listener *listener = &broker->listeners[i];
        struct reason why = {""};
        if (listener->tls && !with_tls) {
            continue;
        }
        err_t err =
            broker_port_check(&listener->address, &ports->list[i], &why);
        if (err == ERR_CONFIG) {
            note_away(ports, i, &why);
        } else if (err != ERR_OK) {
            *reason = why;
            return err;
        } else {
            is_any_open = true;
        }
    }
    if (!is_any_open) {
        *reason = ports->why_away;
        return ERR_CONFIG;
    }
    return ERR_OK;
}

bool broker_ports_has_away(const struct broker_ports *ports) {
    return ports->why_away.text[0] != '\0';
}

bool broker_ports_is_back(const struct config_broker *broker,
                          const struct broker_ports *ports) {
    for (uint32_t i = 0; i < broker->listener_count; i++) {
        const struct config_address *address = &broker->listeners[i].address;
        uint16_t port = address->port;
        struct reason ignored;
        if (ports->away[i] &&
            broker_port_check(address, &port, &ignored) == ERR_OK) {
            return true;
        }
    }
    return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Mosquitto, the store's broker, as a supervised child. It listens for devices
 * on the configured address, and for the gateway on a unix socket in a private
 * folder. The socket has a new name at each start, since an orphan that stops
 * late removes the path it was given.
 *
 * Devices reach it only once it has every session that the gateway needs (see
 * broker_prepare.h): what it acknowledges without one, it drops. Nothing that
 * keeps it from starting ends the gateway: it is tried again, and
 * broker_status() says why. */
#ifndef GATEWAY_MQTT_BROKER_H
#define GATEWAY_MQTT_BROKER_H

#include <uv.h>

#include "config/config.h"
#include "gateway/base/base.h"
#include "gateway/base/executor.h"
#include "gateway/identity/rules.h"
#include "gateway/mqtt/broker_db.h"
#include "gateway/mqtt/mqtt_login.h"

struct broker_options {
    uv_loop_t *loop;
    const struct config *config;           /* outlives the broker */
    struct executor executor;              /* for what waits for the disk */
    const struct broker_session *sessions; /* that it must have; copied */
    size_t session_count;
    const struct rules *rules;      /* for who lets clients in; outlive it */
    const struct mqtt_login *login; /* the gateway's own; outlives it */
    void *self;                     /* passed to each of the following */
    /* The child runs; the gateway connects to this socket, and subscribes. */
    void (*up)(void *self, const char *socket_path);
    void (*down)(void *self);
    /* As broker_child's. May be NULL. */
    bool (*said)(void *self, const char *line);
    /* As broker_use_tls() has it, for the first start; NULL = not known yet. */
    const char *why_no_tls;
};

/* For who wants to know how it is. The texts are borrowed until the loop turns.
 */
struct broker_status {
    bool open;             /* devices can connect */
    const char *reason;    /* why not, and what to do; "" if they can */
    uint16_t port;         /* of the first listener; 0 = not chosen yet */
    uint32_t restarts;     /* times it ended by itself and was started again */
    const char *set_aside; /* the last file that was; "" if none */
    uint32_t set_aside_count; /* since the gateway started */
    const char *away_reason;  /* why one listener cannot be opened, and others
                                 are; "" if there is none */
    const char *tls_reason;   /* why the listeners with TLS are away; "" if they
                                 are not, or there are none */
};

struct broker;

/* Starts the child once the loop turns; from then on it is restarted, with
 * back-off, whenever it ends or cannot start. Refused is only what no time
 * cures: ERR_NOT_FOUND if the program does not exist, ERR_CONFIG if the
 * folder's name is too long. */
err_t broker_start(const struct broker_options *options, struct broker **ret,
                   struct reason *reason) MUST_USE;
/* Every session has subscribed since `up`. A broker that started closed is now
 * stopped, and started again with its port; any other takes no notice. */
void broker_sessions_ready(struct broker *broker);
/* It goes on sending a session what MQTT forbids: a damaged file made it so.
 * It is restarted without what it saved, which is set aside. */
void broker_is_unreadable(struct broker *broker);
/* To be called each second or so: does it answer the gateway? One that is open
 * and has not for half a minute is killed, which starts it again. Nothing else
 * would: it runs. */
void broker_note(struct broker *broker, bool answers);
/* Ends what the broker keeps for these clients, whose connections are gone,
 * for a reason that is a constant;
 * those of the call before are let go. Nothing happens unless it is open. */
void broker_end_sessions(struct broker *broker,
                         const struct broker_stale *ending, const char *why);
/* Can the listeners with TLS be used: are their files in the current set of
 * identity files, and is the clock right? "" if so, else why not; they wait
 * until this is called. A broker that is open without them is restarted, once
 * its sessions are saved; one that has them keeps them. */
void broker_use_tls(struct broker *broker, const char *why_not);
/* The files of TLS have changed: Mosquitto reads them again (SIGHUP), and
 * nobody is cut. Listeners that were away because of them are tried again. If
 * an authority of devices was withdrawn it is restarted: at SIGHUP Mosquitto
 * adds new ones, and goes on to trust the old (2.0.11), whose devices would
 * stay connected, too. */
void broker_reload(struct broker *broker, bool withdrawn);
struct broker_status broker_status(const struct broker *broker);
/* SIGTERM, upon which it saves what waits for clients, and SIGKILL after 20 s;
 * `down` is not called any more. Frees itself when the child has ended, as the
 * loop turns. Takes NULL. */
void broker_stop(struct broker *broker);

#endif

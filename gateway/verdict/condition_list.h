/* SPDX-License-Identifier: Apache-2.0 */
/* Every condition that the verdict can name, one line each, failing ones first,
 * in the order in which they are shown. docs/conditions.md is held equal to it.
 *
 *   X(NAME, judge, code, level, scope, restart_helps, raise_s, hold_s, action)
 *
 * judge          judge_<judge>() in verdict.c: does the fact hold?
 * code           stable: scripts and alarms may depend on it
 * level          FAILING: the store or its cloud stands still because of it;
 *                DEGRADED: somebody should look, nothing stands still
 * scope          STREAM: once a stream; BOX: once
 * restart_helps  /healthz is 503 only for a failing condition with it
 * raise_s        the fact must have held so long before the condition is raised
 * hold_s         it stays raised so long after the fact last held
 * action         what to do about it */
#ifndef GATEWAY_VERDICT_CONDITION_LIST_H
#define GATEWAY_VERDICT_CONDITION_LIST_H

/* clang-format off */
#define CONDITION_LIST(X)                                                      \
    X(DISK_HANGS, disk_hangs, "disk-hangs", FAILING, STREAM, false, 0, 0,      \
      "check the disk and the kernel's log; a restart does not help")          \
    X(BROKER_CLOSED, broker_closed, "broker-closed", FAILING, BOX, false, 0,   \
      0,                                                                       \
      "remove the reason; the broker is started again by itself")              \
    X(BROKER_DOWN, broker_down, "broker-down", FAILING, BOX, true, 0, 0,       \
      "read the log; a broker that answers nobody is killed and started again")\
    X(BROKER_UNREACHABLE, broker_unreachable, "broker-unreachable", FAILING,   \
      BOX, false, 0, 0,                                                        \
      "check the site's broker and broker.address; it is tried again")         \
    X(ACCOUNTS_DAMAGED, accounts_damaged, "accounts-damaged", FAILING, BOX,    \
      false, 0, 0,                                                             \
      "put back a copy of the file or remove it; then reload the gateway")     \
    X(STREAM_FULL, stream_full, "stream-full", FAILING, STREAM, false, 0, 0,   \
      "free disk space, raise `capacity`, or bring the cloud back")            \
    X(CREDENTIALS_EXPIRED, credentials_expired, "credentials-expired",         \
      FAILING, STREAM, false, 5, 0,                                            \
      "renew them where they come from; those of the environment: restart")    \
    X(CLOUD_REFUSED, cloud_refused, "cloud-refused", FAILING, STREAM, false,   \
      0, 0,                                                                    \
      "fix the credentials, the rights or the sink's name")                    \
    X(SINK_DENIES_ALL, sink_denies_all, "sink-denies-all", FAILING, STREAM,    \
      false, 5, 0,                                                             \
      "give the credentials the right to send them; they are tried again")     \
    X(SINK_REFUSES_MANY, sink_refuses_many, "sink-refuses-many", FAILING,      \
      STREAM, false, 0, 0,                                                     \
      "find out what changed at the sink or the devices; they are tried again")\
    X(DEAD_FULL, dead_full, "dead-full", FAILING, BOX, false, 0, 0,            \
      "settle dead letters, raise dead.capacity, or mend the disk")            \
    X(CLOUD_OFFLINE, cloud_offline, "cloud-offline", DEGRADED, STREAM, false,  \
      0, 0,                                                                    \
      "check the line to the cloud; events wait and are sent by themselves")   \
    X(CLOUD_THROTTLED, cloud_throttled, "cloud-throttled", DEGRADED, STREAM,   \
      false, 0, 0,                                                             \
      "raise the service's quota or the stream's shards")                      \
    X(EVENTS_HELD, events_held, "events-held", DEGRADED, STREAM, false, 0, 0,  \
      "read the reason and fix the sink; the events are tried again")          \
    X(DEAD_LETTERS, dead_letters, "dead-letters", DEGRADED, BOX, false, 0, 0,  \
      "shopme-edge dead list; mend the cause; dead retry, or dead drop")       \
    X(ROOM_SHORT, room_short, "room-short", DEGRADED, STREAM, false, 30, 60,   \
      "bring the cloud back, free disk space, or raise `capacity`")            \
    X(BACKLOG_OLD, backlog_old, "backlog-old", DEGRADED, STREAM, false, 0, 0,  \
      "find out why the cloud does not take these events")                     \
    X(JOURNAL_DAMAGED, journal_damaged, "journal-damaged", DEGRADED, STREAM,   \
      false, 0, 0,                                                             \
      "check the disk; what it has lost is in the .rot files of the journal")  \
    X(EVENTS_TOO_OLD, events_too_old, "events-too-old", DEGRADED, STREAM,      \
      false, 0, 600,                                                           \
      "set the clock of the device that `EventRejected` names")                \
    X(BROKER_DROPS, broker_drops, "broker-drops", DEGRADED, BOX, false, 0,     \
      600,                                                                     \
      "let devices send more slowly, and repeat what had no receipt")          \
    X(BROKER_TAKEOVER, broker_takeover, "broker-takeover", DEGRADED, BOX,      \
      false, 0, 600,                                                           \
      "stop the other box that runs from the same data or image")              \
    X(BROKER_FILE_ASIDE, broker_file_aside, "broker-file-aside", DEGRADED,     \
      BOX, false, 0, 3600,                                                     \
      "check the disk; look at the file and remove it")                        \
    X(TOPIC_UNKNOWN, topic_unknown, "topic-unknown", DEGRADED, BOX, false, 0,  \
      600,                                                                     \
      "correct the topic that the device publishes on: see the log")           \
    X(DEVICE_SILENT, device_silent, "device-silent", DEGRADED, BOX, false, 0,  \
      0,                                                                       \
      "look at the device: its power, its network, its account or certificate")\
    X(PAGE_AWAY, page_away, "page-away", DEGRADED, BOX, false, 0, 0,           \
      "free the port or change console.listen; it is tried again")             \
    X(LISTENER_AWAY, listener_away, "listener-away", DEGRADED, BOX, false, 10, \
      0,                                                                       \
      "bring the address up or change broker.listen; it is tried again")       \
    X(TLS_UNUSABLE, tls_unusable, "tls-unusable", DEGRADED, BOX, false, 10, 0, \
      "fix what the reason names; the rest sells, and it is tried again")      \
    X(CERTIFICATE_EXPIRES, certificate_expires, "certificate-expires",         \
      DEGRADED, BOX, false, 0, 0,                                              \
      "renew it (shopme-edge pki renew), or revoke what is not used any more") \
    X(CRL_EXPIRED, crl_expired, "crl-expired", DEGRADED, BOX, false, 0, 0,     \
      "fetch the CA's newest list to tls.crl_file and reload the gateway")     \
    X(CRL_UNUSABLE, crl_unusable, "crl-unusable", DEGRADED, BOX, false, 0, 0,  \
      "put the CA's list to tls.crl_file and reload the gateway")              \
    X(CA_FILE_UNUSABLE, ca_file_unusable, "ca-file-unusable", DEGRADED, BOX,   \
      false, 0, 0,                                                             \
      "repair cloud.ca_file; it is read again by itself")                      \
    X(CLOCK_UNSET, clock_unset, "clock-unset", DEGRADED, BOX, false, 0, 0,     \
      "set the clock: start an NTP client, check the box's battery")           \
    X(LOG_DROPS, log_drops, "log-drops", DEGRADED, BOX, false, 0, 600,         \
      "let something read the gateway's standard error")
/* clang-format on */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Does anybody listen there? Resolves a name and opens a TCP connection without
 * blocking, so that a library whose connect blocks only ever gets an address
 * that has just answered. */
#ifndef GATEWAY_MQTT_PROBE_H
#define GATEWAY_MQTT_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct probe;

/* `done` gets the numeric address that answered, or `error` as text. The loop
 * calls it once, unless cancelled. IPv4 is tried before IPv6. `host` is
 * borrowed until then. NULL if out of memory. */
struct probe *probe_start(uv_loop_t *loop, const char *host, uint16_t port,
                          uint32_t timeout_ms,
                          void (*done)(void *self, const char *address,
                                       const char *error),
                          void *self);
void probe_cancel(struct probe *probe);

#endif

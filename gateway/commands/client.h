/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's side of the control socket: asks the running gateway over
 * HTTP and reads the answer. Blocking, limited in time and size. */
#ifndef GATEWAY_COMMANDS_CLIENT_H
#define GATEWAY_COMMANDS_CLIENT_H

#include "gateway/base/base.h"

enum {
    CLIENT_ANSWER_MAX = 128 * 1024,
    CLIENT_TIMEOUT_MS = 5000, /* for the whole exchange */
    CLIENT_REQUEST_MAX = 16 * 1024,
};

struct client_answer {
    uint8_t bytes[CLIENT_ANSWER_MAX];
    struct slice body; /* lies in `bytes`; checked JSON, an object */
};

/* GET /api/v1/status. ERR_NOT_FOUND if no gateway listens there, ERR_REFUSED if
 * this user may not ask, ERR_NETWORK for an answer that is late, broken or does
 * not come from a gateway; the reason says what to do. */
err_t client_status(const char *socket_path, struct client_answer *ret,
                    struct reason *reason) MUST_USE;

/* GET `path`, or POST with a `body` that is not empty. ERR_OK also for a
 * refusal by the gateway: `*ret_code` is the HTTP status. Else as
 * client_status(). */
err_t client_ask(const char *socket_path, const char *path, struct slice body,
                 struct client_answer *ret, unsigned *ret_code,
                 struct reason *reason) MUST_USE;

/* A member of a status or of one of its streams, by name: an integer (0 if it
 * is null or absent), or a text, cut to its buffer, in which '?' replaces every
 * character that could control a terminal. */
uint64_t client_uint(struct slice object, const char *name);
void client_text(struct slice object, const char *name, char *ret,
                 size_t ret_size);
/* Is that member this text? */
bool client_is(struct slice object, const char *name, const char *text);

#endif

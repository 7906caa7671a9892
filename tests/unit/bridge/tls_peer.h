/* SPDX-License-Identifier: Apache-2.0 */
/* A TLS server without I/O, to hold against bridge/tls.h: it makes itself a
 * certificate that vouches for itself, and bytes go in and out by hand. Any
 * failure of its own fails the test. */
#ifndef TESTS_BRIDGE_TLS_PEER_H
#define TESTS_BRIDGE_TLS_PEER_H

#include "gateway/base/base.h"

/* A key and its certificate. */
struct tls_peer_identity;

/* A certificate for the host `name` that ends on `until` ("20991231235959"). */
struct tls_peer_identity *tls_peer_identity_new(const char *name,
                                                const char *until);
/* The same with a subjectAltName, a SEQUENCE in DER. */
struct tls_peer_identity *tls_peer_identity_also(const char *name,
                                                 const char *until,
                                                 struct slice also);
void tls_peer_identity_free(struct tls_peer_identity *identity);
/* Writes the certificate as PEM, for a client to trust. */
void tls_peer_identity_write(const struct tls_peer_identity *identity,
                             const char *path);

/* The server's end of one connection. */
struct tls_peer;

struct tls_peer *tls_peer_new(struct tls_peer_identity *identity);
void tls_peer_free(struct tls_peer *peer);
/* Ciphertext from the client, copied. */
void tls_peer_feed(struct tls_peer *peer, struct slice bytes);
/* One step of the handshake; true once it is done. */
bool tls_peer_handshake(struct tls_peer *peer);
/* What the client said, 0 if that is nothing yet, negative when it has
 * ended. */
int tls_peer_read(struct tls_peer *peer, void *buf, size_t cap);
/* Each call is a record of its own. */
void tls_peer_write(struct tls_peer *peer, const char *text);
/* Ciphertext for the client. */
struct slice tls_peer_output(const struct tls_peer *peer);
void tls_peer_output_taken(struct tls_peer *peer);

#endif

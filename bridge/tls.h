/* SPDX-License-Identifier: Apache-2.0 */
/* TLS to the cloud without I/O: ciphertext goes in and comes out as bytes, and
 * the caller owns the socket. Only this file uses mbedTLS's TLS; it supports
 * 2.28 and 3.6.
 *
 * The peer's certificate is always verified against the CA file and the host,
 * and the host's name is always sent (SNI); neither can be turned off. A
 * session is resumed if the server still knows it. */
#ifndef BRIDGE_TLS_H
#define BRIDGE_TLS_H

#include "gateway/base/base.h"

/* CA certificates and settings: one for all connections, and it outlives them.
 * One thread uses it and them. */
struct tls_context;
/* One reading of a CA file. */
struct tls_trust;
/* What is kept about one host between connections. */
struct tls_memory;
struct tls;

/* Parses `ca_file` (PEM, one or many). ERR_CONFIG if it cannot be read or
 * contains no usable certificate. `entropy` outlives the context. */
err_t tls_context_new(const char *ca_file, const struct entropy *entropy,
                      struct tls_context **ret, struct reason *reason) MUST_USE;
/* Would tls_context_new() accept this CA file? */
err_t tls_check_authorities(const char *ca_file,
                            struct reason *reason) MUST_USE;
/* Shows servers that ask for it this certificate, and those between it and its
 * authority, with its private key, RSA or EC. Both are PEM, and the NUL behind
 * each counts. ERR_CONFIG if one cannot be used or they do not belong together;
 * no part of them is in the words. Before the first connection; a trust that
 * takes this one's place has none. */
err_t tls_context_identify(struct tls_context *context, struct slice cert,
                           struct slice key, struct reason *reason) MUST_USE;
void tls_context_free(struct tls_context *context);

/* Reads the file again, on any thread; errors as tls_context_new(). */
err_t tls_trust_read(const char *ca_file, const struct entropy *entropy,
                     struct tls_trust **ret, struct reason *reason) MUST_USE;
/* Takes NULL. */
void tls_trust_free(struct tls_trust *trust);
/* From now on connections are verified by this, which becomes the context's. No
 * session that was verified by another is resumed. */
void tls_context_renew(struct tls_context *context, struct tls_trust *trust);

err_t tls_memory_new(struct tls_memory **ret) MUST_USE;
void tls_memory_free(struct tls_memory *memory);

/* A connection to `host`, a name or an address as in its certificate. */
err_t tls_new(struct tls_context *context, struct tls_memory *memory,
              const char *host, struct tls **ret,
              struct reason *reason) MUST_USE;
void tls_free(struct tls *tls);
/* Was it verified by authorities that have been replaced since? */
bool tls_is_stale(const struct tls *tls);

/* Ciphertext that the peer sent. It is borrowed: the calls below read it until
 * they return ERR_AGAIN, and then all of it has been read. */
void tls_feed(struct tls *tls, struct slice bytes);
/* True while some of the peer's bytes are unread, as after a tls_read() that
 * was not the last: then nothing may be fed. */
bool tls_has_input(const struct tls *tls);
/* Ciphertext to send to the peer. Taking it frees the room: send all of it. */
struct slice tls_output(const struct tls *tls);
void tls_output_taken(struct tls *tls);

/* ERR_OK when it is done, ERR_AGAIN if it waits for the peer; ERR_NETWORK with
 * the reason (it says so if a certificate is not trusted). */
err_t tls_handshake(struct tls *tls, struct reason *reason) MUST_USE;
/* Encrypts a part of `bytes`, `ret_taken` of them. ERR_AGAIN: send the output,
 * then call again with the same bytes. ERR_NETWORK. */
err_t tls_write(struct tls *tls, struct slice bytes, size_t *ret_taken,
                struct reason *reason) MUST_USE;
/* Decrypts what the peer sent. ERR_AGAIN if there is nothing, ERR_END when the
 * peer has ended the connection, ERR_NETWORK. */
err_t tls_read(struct tls *tls, void *buf, size_t cap, size_t *ret_len,
               struct reason *reason) MUST_USE;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, keys, revocation lists, and a CA's index and changes, damaged
 * in every way: read to their end, refused with a reason, and never taken for
 * something else than was signed or written.
 *
 * An input is one byte that says what is read, and then damages of good bytes,
 * five bytes each; or, behind 255, the bytes themselves. */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "gateway/pki/authority.h"
#include "gateway/pki/crl.h"
#include "gateway/pki/tls_check.h"
#include "gateway/pki/when.h"
#include "tests/fuzz/fuzz.h"

#define NOW_US ((int64_t)1790000000 * WHEN_S_US) /* 2026 */

enum {
    DAMAGES_MAX = 40,
    ROOM = 64 * 1024,
    RAW = 255,
};

enum target { CERTIFICATE, KEY, CA, LIST, INDEX, CHANGE, TARGETS };

/* The good bytes, made once. Certificates and lists are damaged as DER: in
 * base64 most damages would be seen before anybody reads them. */
struct world {
    struct octets good[TARGETS];
    struct octets pem[TARGETS]; /* the same as PEM */
    STACK_OF(X509) * authorities;
    uint32_t revoked;
};

static void must_ok(err_t err, const char *what) {
    fuzz_must(err == ERR_OK, what);
}

/* --- What is good ----------------------------------------------------------
 */

static X509 *sign(enum certificate_kind kind, const char *name, EVP_PKEY *key,
                  X509 *issuer, EVP_PKEY *issuer_key) {
    static const uint8_t serial[CERTIFICATE_SERIAL_BYTES] = {0x4f, 1, 2};
    X509 *made = NULL;
    struct reason reason;
    const struct certificate_order order = {
        .kind = kind,
        .name = name,
        .serial = serial,
        .not_before_us = NOW_US,
        .not_after_us = NOW_US + 9 * WHEN_DAY_US,
        .key = key,
        .issuer = issuer,
        .issuer_key = issuer_key,
    };
    must_ok(certificate_sign(&order, &made, &reason), "a certificate");
    return made;
}

static void keep_der(struct world *world, enum target target, X509 *made) {
    unsigned char *der = NULL;
    int len = i2d_X509(made, &der);
    fuzz_must(len > 0, "DER");
    must_ok(octets_copy(slice_of(der, (size_t)len), &world->good[target]),
            "memory");
    must_ok(certificate_write(made, &world->pem[target]), "PEM");
    OPENSSL_free(der);
}

static void make_index(struct world *world, struct issued *issued) {
    for (int i = 0; i < 3; i++) {
        struct issued_entry entry = {
            .kind = i == 0 ? CERTIFICATE_CA : CERTIFICATE_DEVICE,
            .not_before_us = NOW_US,
            .not_after_us = NOW_US + WHEN_DAY_US,
            .revoked_us = i == 0 ? 0 : NOW_US + i * WHEN_S_US,
        };
        snprintf(entry.serial, sizeof entry.serial, "4F%02d", i);
        snprintf(entry.name, sizeof entry.name, "till-%d", i);
        must_ok(issued_add(issued, &entry), "an entry");
        world->revoked += entry.revoked_us != 0;
    }
    issued->crl_number = 7;
    must_ok(issued_write(issued, &world->good[INDEX]), "an index");
}

static void make_list(struct world *world, const struct issued *issued,
                      X509 *ca, EVP_PKEY *key) {
    struct reason reason;
    must_ok(crl_make(issued, ca, key, NOW_US, &world->pem[LIST], &reason),
            "a list");
    BIO *bio =
        BIO_new_mem_buf(world->pem[LIST].data, (int)world->pem[LIST].len);
    X509_CRL *list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
    unsigned char *der = NULL;
    int len = i2d_X509_CRL(list, &der);
    fuzz_must(len > 0, "DER");
    must_ok(octets_copy(slice_of(der, (size_t)len), &world->good[LIST]),
            "memory");
    OPENSSL_free(der);
    X509_CRL_free(list);
    BIO_free(bio);
}

static struct world *world_new(void) {
    static const char change[] = "shopme-edge change 1\nput issued/a.pem 5\n"
                                 "hello\nremove issued/a.p12\nput ca.pem 0\n\n"
                                 "end 3\n";
    struct world *world = calloc(1, sizeof *world);
    struct issued issued = {0};
    struct reason reason;
    EVP_PKEY *ca_key = NULL;
    EVP_PKEY *key = NULL;
    fuzz_must(world != NULL, "memory");
    must_ok(certificate_make_key(&ca_key, &reason), "a key");
    must_ok(certificate_make_key(&key, &reason), "a key");
    X509 *ca = sign(CERTIFICATE_CA, "CA", ca_key, NULL, ca_key);
    X509 *server = sign(CERTIFICATE_SERVER, "gw", key, ca, ca_key);
    keep_der(world, CA, ca);
    keep_der(world, CERTIFICATE, server);
    must_ok(certificate_write_key(key, &world->pem[KEY]), "a key");
    unsigned char *der = NULL;
    int len = i2d_PrivateKey(key, &der);
    must_ok(octets_copy(slice_of(der, (size_t)len), &world->good[KEY]),
            "memory");
    OPENSSL_free(der);
    make_index(world, &issued);
    make_list(world, &issued, ca, ca_key);
    must_ok(octets_copy(slice_from_str(change), &world->good[CHANGE]),
            "memory");
    world->authorities = sk_X509_new_null();
    sk_X509_push(world->authorities, ca);
    X509_free(server);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    issued_free(&issued);
    return world;
}

/* --- Damaged ---------------------------------------------------------------
 */

static void damage(uint8_t *bytes, size_t *len, struct cursor *input) {
    uint8_t how = fuzz_u8(input);
    size_t at = (size_t)fuzz_u8(input) << 8;
    at = (at | fuzz_u8(input)) % (*len + 1);
    uint8_t value = fuzz_u8(input);
    size_t count = 1 + (size_t)fuzz_u8(input) % 32;
    size_t behind = *len - at;
    switch (how % 5) {
    case 0:
        if (at < *len) {
            bytes[at] = value;
        }
        break;
    case 1:
        if (at < *len) {
            bytes[at] ^= (uint8_t)(1u << value % 8);
        }
        break;
    case 2:
        *len = at;
        break;
    case 3:
        count = count < behind ? count : behind;
        memmove(bytes + at, bytes + at + count, behind - count);
        *len -= count;
        break;
    default:
        if (*len + count <= ROOM) {
            memmove(bytes + at + count, bytes + at, behind);
            memset(bytes + at, value, count);
            *len += count;
        }
        break;
    }
}

/* As PEM: the label, and base64. */
static size_t to_pem(const char *label, struct slice der, uint8_t *ret) {
    struct writer out = writer_over(ret, 2 * ROOM);
    unsigned char line[80];
    writer_printf(&out, "-----BEGIN %s-----\n", label);
    for (size_t at = 0; at < der.len; at += 48) {
        size_t left = der.len - at < 48 ? der.len - at : 48;
        EVP_EncodeBlock(line, der.data + at, (int)left);
        writer_printf(&out, "%s\n", (const char *)line);
    }
    writer_printf(&out, "-----END %s-----\n", label);
    return out.len;
}

/* --- Read ------------------------------------------------------------------
 */

static void refused(err_t err, const struct reason *reason) {
    fuzz_must(err == ERR_MEMORY || reason->text[0] != '\0',
              "a refusal has no reason");
}

static void read_tls(const struct world *world, enum target target,
                     struct slice pem) {
    struct tls_facts facts = {.ca_count = 0};
    tls_stack *authorities = NULL;
    struct reason reason = {""};
    struct tls_texts texts = {octets_slice(&world->pem[CERTIFICATE]),
                              octets_slice(&world->pem[KEY]),
                              octets_slice(&world->pem[CA])};
    struct slice *of[] = {&texts.certificate, &texts.key, &texts.ca};
    *of[target] = pem;
    err_t err = tls_check(&texts, NOW_US, &facts, &authorities, &reason);
    if (err != ERR_OK) {
        refused(err, &reason);
        return;
    }
    bool has = authorities != NULL; /* none are asked for by an empty file */
    fuzz_must(has || texts.ca.len == 0, "CAs are not read");
    fuzz_must((has ? sk_X509_num(authorities) : 0) == (int)facts.ca_count,
              "CAs are lost");
    tls_stack_free(&authorities);
}

/* What was signed cannot be changed, so a list that is taken says all. */
static void read_list(const struct world *world, struct slice bytes) {
    struct revoked revoked;
    uint32_t lists = 0;
    struct reason reason = {""};
    err_t err = crl_read(bytes, world->authorities, &revoked, &lists, &reason);
    if (err != ERR_OK) {
        refused(err, &reason);
        return;
    }
    fuzz_must(lists == 1 && revoked.count == world->revoked &&
                  revoked_has(&revoked, "4F01") &&
                  revoked_has(&revoked, "4F02") &&
                  revoked.expires_us == WHEN_NEVER,
              "a list says something else than was signed");
    revoked_free(&revoked);
}

static void read_index(struct slice text) {
    struct issued issued = {0};
    struct octets again = {NULL, 0};
    struct reason reason = {""};
    uint32_t ending;
    err_t err = issued_read(text, &issued, &reason);
    if (err != ERR_OK) {
        refused(err, &reason);
        return;
    }
    must_ok(issued_write(&issued, &again), "an index");
    fuzz_must(slice_eq(octets_slice(&again), text), "an index reads otherwise");
    (void)issued_nearest(&issued, NOW_US, &ending);
    octets_free(&again);
    issued_free(&issued);
}

static void read_change(struct slice bytes) {
    static const char *const names[] = {"issued/a.pem", "issued/a.p12",
                                        "ca.pem"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct slice found = SLICE_EMPTY;
        err_t err = store_find(bytes, names[i], &found);
        fuzz_must(err == ERR_OK || err == ERR_END || err == ERR_NOT_FOUND ||
                      err == ERR_CORRUPT,
                  "another error");
        fuzz_must(found.len == 0 ||
                      (found.data >= bytes.data &&
                       found.data + found.len <= bytes.data + bytes.len),
                  "bytes from elsewhere");
    }
}

static void read_any(const struct world *world, enum target target,
                     struct slice bytes, bool raw) {
    static const char *const labels[] = {"CERTIFICATE", "PRIVATE KEY",
                                         "CERTIFICATE"};
    static uint8_t pem[2 * ROOM];
    switch (target) {
    case CERTIFICATE:
    case KEY:
    case CA:
        if (!raw) {
            bytes = slice_of(pem, to_pem(labels[target], bytes, pem));
        }
        read_tls(world, target, bytes);
        break;
    case LIST:
        read_list(world, bytes);
        if (!raw) {
            read_list(world, slice_of(pem, to_pem("X509 CRL", bytes, pem)));
        }
        break;
    case INDEX:
        read_index(bytes);
        break;
    case CHANGE:
    case TARGETS:
        read_change(bytes);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct world *world; /* keys take long to make */
    static uint8_t bytes[ROOM];
    if (world == NULL) {
        world = world_new();
    }
    struct cursor input = cursor_over(slice_of(data, size));
    uint8_t what = fuzz_u8(&input);
    if (what == RAW) {
        enum target target = (enum target)(fuzz_u8(&input) % TARGETS);
        struct slice rest = SLICE_EMPTY;
        must_ok(cursor_take(&input, cursor_left(&input), &rest), "the rest");
        read_any(world, target, rest, true);
        return 0;
    }
    enum target target = (enum target)(what % TARGETS);
    size_t len = world->good[target].len;
    memcpy(bytes, world->good[target].data, len);
    for (int i = 0; i < DAMAGES_MAX && cursor_left(&input) > 0; i++) {
        damage(bytes, &len, &input);
    }
    read_any(world, target, slice_of(bytes, len), false);
    return 0;
}

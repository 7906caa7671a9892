/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pki/names.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <unistd.h>

#include <openssl/err.h>

enum { DNS_MAX = 253, LABEL_MAX = 63, HOST_MAX = 256 };

void names_free(GENERAL_NAMES **names) {
    GENERAL_NAMES_free(*names);
}

GENERAL_NAMES *names_of(const X509 *certificate) {
    GENERAL_NAMES *names =
        X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    ERR_clear_error();
    return names;
}

/* The name takes the value, or it is freed. */
static err_t add(GENERAL_NAMES *names, int type, ASN1_STRING *value,
                 struct reason *reason) {
    assert(names != NULL);
    GENERAL_NAME *name = GENERAL_NAME_new();
    if (value == NULL || name == NULL) {
        ASN1_STRING_free(value);
        GENERAL_NAME_free(name);
        return reason_set(reason, ERR_MEMORY, "no memory for a name");
    }
    GENERAL_NAME_set0_value(name, type, value);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(names, i), name) == 0) {
            GENERAL_NAME_free(name);
            return ERR_OK;
        }
    }
    if (sk_GENERAL_NAME_num(names) == NAMES_MAX ||
        sk_GENERAL_NAME_push(names, name) == 0) {
        GENERAL_NAME_free(name);
        return reason_set(reason, ERR_FULL, "more than %d names and addresses",
                          NAMES_MAX);
    }
    return ERR_OK;
}

static bool is_label_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Labels of 1 to 63 characters with dots between them; the first may be `*`. */
static bool is_dns(const char *name) {
    size_t len = strlen(name);
    size_t label = 0;
    size_t from = strncmp(name, "*.", 2) == 0 ? 2 : 0;
    for (size_t i = from; i < len; i++) {
        if (name[i] == '.') {
            if (label == 0) {
                return false;
            }
            label = 0;
        } else if (!is_label_char(name[i]) || ++label > LABEL_MAX) {
            return false;
        }
    }
    return label > 0 && len <= DNS_MAX;
}

/* 4 or 16 bytes; 0 if it is no address. */
static int address_of(const char *text, uint8_t ret[static 16]) {
    if (inet_pton(AF_INET, text, ret) == 1) {
        return 4;
    }
    return inet_pton(AF_INET6, text, ret) == 1 ? 16 : 0;
}

static ASN1_STRING *string_of(int type, const void *bytes, int len) {
    ASN1_STRING *string = ASN1_STRING_type_new(type);
    if (string != NULL && ASN1_STRING_set(string, bytes, len) != 1) {
        ASN1_STRING_free(string);
        return NULL;
    }
    return string;
}

err_t names_add_dns(GENERAL_NAMES *names, const char *name,
                    struct reason *reason) {
    uint8_t address[16];
    if (address_of(name, address) > 0) {
        return reason_set(reason, ERR_RANGE,
                          "\"%s\" is an address: give it with --ip", name);
    }
    if (!is_dns(name)) {
        return reason_set(
            reason, ERR_RANGE,
            "\"%.80s\" is no host name: it has labels of letters, "
            "digits and '-', with dots between them",
            name);
    }
    return add(names, GEN_DNS,
               string_of(V_ASN1_IA5STRING, name, (int)strlen(name)), reason);
}

err_t names_add_ip(GENERAL_NAMES *names, const char *address,
                   struct reason *reason) {
    uint8_t bytes[16];
    int len = address_of(address, bytes);
    if (len == 0) {
        return reason_set(reason, ERR_RANGE,
                          "\"%.80s\" is neither an IPv4 address such as "
                          "192.168.1.10 nor an IPv6 address such as fd00::10",
                          address);
    }
    return add(names, GEN_IPADD, string_of(V_ASN1_OCTET_STRING, bytes, len),
               reason);
}

/* A host may be called anything: what is no DNS name is left out. */
static err_t add_host(GENERAL_NAMES *names, struct reason *reason) {
    char host[HOST_MAX] = "";
    if (gethostname(host, sizeof host - 1) != 0 || !is_dns(host)) {
        return ERR_OK;
    }
    TRY(names_add_dns(names, host, reason));
    host[strcspn(host, ".")] = '\0';
    return names_add_dns(names, host, reason);
}

err_t names_add_local(GENERAL_NAMES *names, bool host, struct reason *reason) {
    if (host) {
        TRY(add_host(names, reason));
    }
    TRY(names_add_dns(names, "localhost", reason));
    TRY(names_add_ip(names, "127.0.0.1", reason));
    return names_add_ip(names, "::1", reason);
}

void names_common(const GENERAL_NAMES *names,
                  char ret[static CERTIFICATE_NAME_MAX]) {
    snprintf(ret, CERTIFICATE_NAME_MAX, "shopme-edge");
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type;
        const ASN1_STRING *value =
            GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        int len = type == GEN_DNS ? ASN1_STRING_length(value) : 0;
        if (len > 0 && len < CERTIFICATE_NAME_MAX) {
            snprintf(ret, CERTIFICATE_NAME_MAX, "%.*s", len,
                     (const char *)ASN1_STRING_get0_data(value));
            return;
        }
    }
}

void names_text(const GENERAL_NAMES *names, char *ret, size_t ret_size) {
    struct writer out = writer_over(ret, ret_size - 1);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type;
        char text[INET6_ADDRSTRLEN];
        const ASN1_STRING *value =
            GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        const unsigned char *data = ASN1_STRING_get0_data(value);
        int len = ASN1_STRING_length(value);
        writer_str(&out, out.len > 0 ? " " : "");
        if (type == GEN_DNS) {
            writer_printf(&out, "%.*s", len, (const char *)data);
        } else if (type == GEN_IPADD && (len == 4 || len == 16)) {
            inet_ntop(len == 4 ? AF_INET : AF_INET6, data, text, sizeof text);
            writer_str(&out, text);
        }
    }
    assert(out.len < ret_size);
    ret[out.len] = '\0';
}

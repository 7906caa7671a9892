/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/tls_words.h"

#include <mbedtls/ssl.h>
#include <mbedtls/x509.h>

const char *tls_words_of_alert(uint8_t description, bool asked) {
    static const char wants[] =
        "the server wants a client certificate, which this box does not have "
        "or which it refuses";
    switch (description) {
    case 40: /* handshake_failure */
        return asked ? wants
                     : "the server accepts none of the ciphers and curves of "
                       "this box";
    case 42:  /* bad_certificate */
    case 43:  /* unsupported_certificate */
    case 44:  /* certificate_revoked */
    case 45:  /* certificate_expired */
    case 46:  /* certificate_unknown */
    case 48:  /* unknown_ca */
    case 116: /* certificate_required */
        return wants;
    case 49: /* access_denied */
        return "the server denies access";
    case 70: /* protocol_version */
        return "the server does not speak TLS 1.2 (perhaps 1.3 only)";
    case 71: /* insufficient_security */
        return "the server asks for stronger ciphers than this box has";
    case 80: /* internal_error */
        return "the server has an internal error";
    case 112: /* unrecognized_name */
        return "the server does not know that host name: check cloud.endpoint";
    case 120: /* no_application_protocol */
        return "the server does not speak HTTP/1.1";
    default:
        return "the server broke off";
    }
}

const char *tls_words_of_code(int code) {
    switch (code) {
    case MBEDTLS_ERR_X509_FATAL_ERROR:
        return "the server's chain of certificates is too long";
    case MBEDTLS_ERR_SSL_FEATURE_UNAVAILABLE:
        return "the server sends its handshake in pieces (a long chain of "
               "certificates?), which cannot be read";
    case MBEDTLS_ERR_SSL_INVALID_RECORD:
        return "what answers there does not speak TLS";
    default:
        return NULL;
    }
}

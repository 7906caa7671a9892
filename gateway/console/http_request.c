/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/console/http_request.h"

#include <stdlib.h>
#include <strings.h>

#include "config/config.h"

static const char type_json[] = "application/json";

enum http_method http_request_method(struct lws *wsi) {
    if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0) {
        return HTTP_METHOD_GET;
    }
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0) {
        return HTTP_METHOD_HEAD;
    }
    if (lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) > 0) {
        return HTTP_METHOD_POST;
    }
    return HTTP_METHOD_OTHER;
}

/* A header's value as a string; ERR_NOT_FOUND if it is absent or empty,
 * ERR_FULL if it does not fit. */
static err_t header(struct lws *wsi, enum lws_token_indexes token, char *ret,
                    size_t ret_size) {
    int len = lws_hdr_total_length(wsi, token);
    ENSURE(len > 0, ERR_NOT_FOUND);
    ENSURE((size_t)len < ret_size, ERR_FULL);
    ENSURE(lws_hdr_copy(wsi, ret, (int)ret_size, token) == len, ERR_FULL);
    return ERR_OK;
}

/* Does the header's value name this machine, with or without a port? */
static bool is_local(char *text) {
    char *host = text;
    char *end = text[0] == '[' ? strchr(text, ']') : strrchr(text, ':');
    if (text[0] == '[' && end != NULL) {
        host++;
        bool port = end[1] == ':' || end[1] == '\0';
        *end = '\0';
        return port && config_host_is_loopback(host);
    }
    if (end != NULL) {
        *end = '\0';
    }
    return config_host_is_loopback(host);
}

bool http_request_is_ours(struct lws *wsi) {
    char text[CONFIG_HOST_MAX + 8];
    return header(wsi, WSI_TOKEN_HOST, text, sizeof text) == ERR_OK &&
           is_local(text);
}

err_t http_request_query(struct lws *wsi, uint8_t *ret, size_t ret_size,
                         size_t *ret_len) {
    *ret_len = 0;
    err_t err = header(wsi, WSI_TOKEN_HTTP_URI_ARGS, (char *)ret, ret_size);
    if (err == ERR_OK) {
        *ret_len = strlen((const char *)ret);
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

bool http_request_is_json(struct lws *wsi) {
    char text[64];
    if (header(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, text, sizeof text) != ERR_OK) {
        return false;
    }
    size_t len = strcspn(text, "; ");
    return len == strlen(type_json) && strncasecmp(text, type_json, len) == 0;
}

err_t http_request_body_length(struct lws *wsi, size_t max, size_t *ret) {
    char text[16];
    ENSURE(lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) == 0,
           ERR_NOT_FOUND);
    err_t err = header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, text, sizeof text);
    ENSURE(err != ERR_FULL, ERR_RANGE);
    TRY(err);
    ENSURE(strspn(text, "0123456789") == strlen(text), ERR_RANGE);
    unsigned long len = strtoul(text, NULL, 10);
    ENSURE(len > 0 && len <= max, ERR_RANGE);
    *ret = len;
    return ERR_OK;
}

bool http_request_may_have_body(struct lws *wsi) {
    enum http_method method = http_request_method(wsi);
    char text[16];
    return (method != HTTP_METHOD_GET && method != HTTP_METHOD_HEAD) ||
           lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0 ||
           lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 1 ||
           (header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, text, sizeof text) ==
                ERR_OK &&
            text[0] != '0');
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/request.h"

enum { HEADERS_MAX = 5 };

/* What is signed; the same headers are sent. */
static size_t signed_headers(const struct request *request, const char *date,
                             struct sigv4_header ret[HEADERS_MAX]) {
    size_t count = 0;
    ret[count++] = (struct sigv4_header){
        SLICE("Host"), slice_from_str(request->where->authority)};
    ret[count++] = (struct sigv4_header){SLICE("Content-Type"),
                                         slice_from_str(request->content_type)};
    ret[count++] =
        (struct sigv4_header){SLICE("X-Amz-Date"), slice_from_str(date)};
    ret[count++] = (struct sigv4_header){SLICE("X-Amz-Target"),
                                         slice_from_str(request->call)};
    if (request->credentials->token[0] != '\0') {
        ret[count++] =
            (struct sigv4_header){SLICE("X-Amz-Security-Token"),
                                  slice_from_str(request->credentials->token)};
    }
    return count;
}

static void write_header(struct writer *writer, struct slice name,
                         struct slice value) {
    writer_slice_add(writer, name);
    writer_str(writer, ": ");
    writer_slice_add(writer, value);
    writer_str(writer, "\r\n");
}

err_t request_write_head(const struct request *request, struct sigv4_key *key,
                         struct writer *writer) {
    char date[SIGV4_DATE_SIZE];
    sigv4_date(request->wall_us, date);
    ENSURE(date[0] != '\0', ERR_FULL);
    struct sigv4_header headers[HEADERS_MAX];
    size_t count = signed_headers(request, date, headers);
    struct sigv4_request to_sign = {
        .method = SLICE("POST"),
        .path = SLICE("/"),
        .headers = headers,
        .header_count = count,
        .body = request->body,
        .normalize = true,
    };
    struct sigv4_identity identity = {
        .access_key = slice_from_str(request->credentials->access_key),
        .secret_key = slice_from_str(request->credentials->secret_key),
        .region = slice_from_str(request->region),
        .service = slice_from_str(request->service),
    };
    writer_str(writer, "POST / HTTP/1.1\r\n");
    for (size_t i = 0; i < count; i++) {
        write_header(writer, headers[i].name, headers[i].value);
    }
    writer_str(writer, "Authorization: ");
    TRY(sigv4_sign(&to_sign, &identity, date, key, writer));
    writer_str(writer, "\r\nUser-Agent: shopme-edge/" SHOPME_EDGE_VERSION);
    writer_printf(writer, "\r\nContent-Length: %zu\r\n\r\n", request->body.len);
    return writer->full ? ERR_FULL : ERR_OK;
}

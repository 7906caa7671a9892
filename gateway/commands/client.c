/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/client.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/event/json.h"

enum { TEXT_MAX = 4096, LENGTH_DIGITS_MAX = 9 };

static void close_fd(const int *fd) {
    if (*fd >= 0) {
        close(*fd);
    }
}

static err_t connect_failed(const char *path, struct reason *reason) {
    if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR) {
        return reason_set(reason, ERR_NOT_FOUND,
                          "no gateway answers on %s: start one with "
                          "`shopme-edge run`, or name its configuration with "
                          "--config FILE",
                          path);
    }
    if (errno == EACCES || errno == EPERM) {
        return reason_set(reason, ERR_REFUSED,
                          "no permission to open %s: run this as the "
                          "gateway's user, a member of its group, or root",
                          path);
    }
    return reason_set(reason, ERR_NETWORK, "cannot ask the gateway on %s: %s",
                      path, strerror(errno));
}

static err_t open_socket(const char *path, int *ret_fd, struct reason *reason) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (slice_to_str(slice_from_str(path), address.sun_path,
                     sizeof address.sun_path) != ERR_OK) {
        return reason_set(reason, ERR_RANGE,
                          "the control socket's path is too long: %s", path);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = CLIENT_TIMEOUT_MS / 1000};
    if (fd >= 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
        connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        *ret_fd = fd;
        return ERR_OK;
    }
    err_t err = connect_failed(path, reason);
    close_fd(&fd);
    return err;
}

/* A header's value up to the end of its line: at most nine digits, with blanks
 * around them. */
static err_t read_length(struct slice head, uint64_t *ret) {
    struct cursor cursor = cursor_over(head);
    uint64_t len = 0;
    uint32_t digits = 0;
    uint8_t c;
    TRY(cursor_u8(&cursor, &c));
    while (c == ' ' || c == '\t') {
        TRY(cursor_u8(&cursor, &c));
    }
    for (; c >= '0' && c <= '9'; digits++) {
        len = len * 10 + (uint64_t)(c - '0');
        ENSURE(digits < LENGTH_DIGITS_MAX, ERR_PARSE);
        TRY(cursor_u8(&cursor, &c));
    }
    while (c == ' ' || c == '\t') {
        TRY(cursor_u8(&cursor, &c));
    }
    ENSURE(digits > 0 && c == '\r', ERR_PARSE);
    *ret = len;
    return ERR_OK;
}

/* The answer is complete when Content-Length is reached after the head, or when
 * the peer closes. ERR_AGAIN while more must come. */
static err_t find_body(struct slice bytes, struct slice *ret) {
    static const char end[] = "\r\n\r\n";
    static const char name[] = "\r\ncontent-length:";
    const char *head = (const char *)bytes.data;
    const char *stop =
        bytes.len == 0 ? NULL : memmem(head, bytes.len, end, strlen(end));
    ENSURE(stop != NULL, ERR_AGAIN);
    size_t head_len = (size_t)(stop - head) + strlen(end);
    uint64_t len = 0;
    bool known = false;
    for (const char *p = head; p < stop && !known; p++) {
        if ((size_t)(stop - p) > strlen(name) &&
            strncasecmp(p, name, strlen(name)) == 0) {
            size_t at = (size_t)(p - head) + strlen(name);
            TRY(read_length(slice_part(bytes, at, head_len - at), &len));
            known = true;
        }
    }
    ENSURE(known, ERR_PARSE);
    ENSURE(bytes.len - head_len >= len, ERR_AGAIN);
    *ret = slice_part(bytes, head_len, len);
    return ERR_OK;
}

/* A small request fits into the socket's buffer: it is sent at once. */
static err_t exchange(int fd, const struct clock *clock, struct slice request,
                      struct client_answer *ret) {
    int64_t end_us = clock->mono_us(clock->self) + CLIENT_TIMEOUT_MS * 1000;
    ENSURE(send(fd, request.data, request.len, MSG_NOSIGNAL) ==
               (ssize_t)request.len,
           ERR_NETWORK);
    size_t len = 0;
    while (len < sizeof ret->bytes && clock->mono_us(clock->self) < end_us) {
        ssize_t got = recv(fd, ret->bytes + len, sizeof ret->bytes - len, 0);
        ENSURE(got > 0, ERR_NETWORK);
        len += (size_t)got;
        err_t err = find_body(slice_of(ret->bytes, len), &ret->body);
        if (err != ERR_AGAIN) {
            return err;
        }
    }
    return ERR_NETWORK;
}

static void write_request(const char *path, struct slice body,
                          struct writer *writer) {
    writer_printf(writer,
                  "%s %s HTTP/1.1\r\n"
                  "Host: localhost\r\n"
                  "Connection: close\r\n",
                  body.len == 0 ? "GET" : "POST", path);
    if (body.len > 0) {
        writer_printf(writer,
                      "Content-Type: application/json\r\n"
                      "Content-Length: %zu\r\n",
                      body.len);
    }
    writer_str(writer, "\r\n");
    writer_slice_add(writer, body);
}

/* "HTTP/1.1 200 OK": the three digits. */
static err_t read_code(const struct client_answer *answer, unsigned *ret) {
    static const char good[] = "HTTP/1.1 ";
    const uint8_t *digits = answer->bytes + strlen(good);
    ENSURE(memcmp(answer->bytes, good, strlen(good)) == 0, ERR_PARSE);
    unsigned code = 0;
    for (size_t i = 0; i < 3; i++) {
        ENSURE(digits[i] >= '0' && digits[i] <= '9', ERR_PARSE);
        code = code * 10 + (unsigned)(digits[i] - '0');
    }
    *ret = code;
    return ERR_OK;
}

static err_t not_a_gateway(const char *socket_path, struct reason *reason) {
    return reason_set(reason, ERR_NETWORK,
                      "%s does not answer like a gateway; check the gateway's "
                      "log",
                      socket_path);
}

err_t client_ask(const char *socket_path, const char *path, struct slice body,
                 struct client_answer *ret, unsigned *ret_code,
                 struct reason *reason) {
    CLEANUP(close_fd) int fd = -1;
    uint8_t bytes[CLIENT_REQUEST_MAX];
    struct writer request = writer_over(bytes, sizeof bytes);
    write_request(path, body, &request);
    assert(!request.full);
    TRY(open_socket(socket_path, &fd, reason));
    struct platform platform = platform_real();
    if (exchange(fd, &platform.clock, writer_slice(&request), ret) != ERR_OK ||
        read_code(ret, ret_code) != ERR_OK ||
        json_check(ret->body, NULL) != ERR_OK ||
        json_kind(ret->body) != JSON_OBJECT) {
        return not_a_gateway(socket_path, reason);
    }
    return ERR_OK;
}

err_t client_status(const char *socket_path, struct client_answer *ret,
                    struct reason *reason) {
    unsigned code;
    TRY(client_ask(socket_path, "/api/v1/status", SLICE_EMPTY, ret, &code,
                   reason));
    return code == 200 ? ERR_OK : not_a_gateway(socket_path, reason);
}

uint64_t client_uint(struct slice object, const char *name) {
    struct slice value;
    int64_t number = 0;
    if (json_get(object, name, &value) != ERR_OK ||
        json_integer(value, 0, INT64_MAX, &number) != ERR_OK) {
        return 0;
    }
    return (uint64_t)number;
}

/* C0, DEL, and C1 (in UTF-8, c2 and a byte from 80 to 9f): the characters that
 * control terminals. */
static bool steers(struct slice text, size_t at) {
    uint8_t c = text.data[at];
    uint8_t before = at > 0 ? text.data[at - 1] : 0;
    uint8_t after = at + 1 < text.len ? text.data[at + 1] : 0;
    bool c1_lead = c == 0xc2 && after >= 0x80 && after < 0xa0;
    bool c1_rest = before == 0xc2 && c >= 0x80 && c < 0xa0;
    return c < 0x20 || c == 0x7f || c1_lead || c1_rest;
}

void client_text(struct slice object, const char *name, char *ret,
                 size_t ret_size) {
    uint8_t room[TEXT_MAX];
    struct arena arena = arena_over(room, sizeof room);
    struct slice value;
    struct slice text = SLICE_EMPTY;
    if (json_get(object, name, &value) != ERR_OK ||
        json_string(value, &arena, &text) != ERR_OK) {
        text = SLICE_EMPTY;
    }
    size_t len = text.len < ret_size ? text.len : ret_size - 1;
    while (len > 0 && len < text.len && (text.data[len] & 0xc0) == 0x80) {
        len--; /* a cut never splits a character */
    }
    for (size_t i = 0; i < len; i++) {
        ret[i] = steers(text, i) ? '?' : (char)text.data[i];
    }
    ret[len] = '\0';
}

bool client_is(struct slice object, const char *name, const char *text) {
    char value[TEXT_MAX];
    client_text(object, name, value, sizeof value);
    return strcmp(value, text) == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte says which reader of credentials gets the input: JSON in one
 * of its forms, the shared files (a byte 0xfe parts them), a command line, an
 * URL. A byte of 0x80 and more is one of the pieces below, and one behind 0xff
 * is taken as it is.
 *
 * What is accepted can stand in a header, and read again from a plain form is
 * the same; what is refused says why in a line without any of the text; and
 * without TLS nobody is asked but this machine and its link. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/credential_json.h"
#include "bridge/credential_place.h"
#include "bridge/credential_profile.h"
#include "bridge/credential_split.h"
#include "tests/fuzz/fuzz.h"

enum { TEXT_MAX = 64 * 1024, LITERAL = 0xff, PARTS = 0xfe, READERS = 6 };

#define MARK "S3CRET"

static const char *const pieces[] = {
    "{\"Version\":1,",
    "\"AccessKeyId\":\"" MARK "\"",
    "\"SecretAccessKey\":\"" MARK "\"",
    "\"SessionToken\":\"" MARK "\"",
    "\"Token\":\"" MARK "\"",
    "\"Expiration\":\"2026-11-29T10:00:00Z\"",
    "{\"credentials\":{",
    "\"accessKeyId\":\"" MARK "\"",
    "\"secretAccessKey\":\"" MARK "\"",
    "\"sessionToken\":\"" MARK "\"",
    "\"expiration\":\"2026-11-29T10:00:00Z\"",
    "\"Code\":\"Success\"",
    "\\u000a",
    "\\ud83d\\ude00",
    ",",
    "}",
    "[default]\n",
    "[profile default]\n",
    "[profile \"default\"]\n",
    "[other]\n",
    "aws_access_key_id = " MARK "\n",
    "aws_secret_access_key=" MARK "\n",
    "aws_session_token : " MARK "\n",
    "aws_security_token=" MARK "\n",
    "credential_process = p '" MARK "'\n",
    "role_arn = " MARK "\n",
    "    " MARK "\n",
    "# " MARK "\n",
    "\r\n",
    "http://",
    "https://",
    "localhost",
    "127.0.0.1",
    "169.254.170.2",
    "[fd00:ec2::254]",
    "[::1]",
    "example.com",
    ":80",
    "/path",
    "@",
};

static void expand(struct cursor *input, struct writer *text,
                   size_t *ret_part) {
    uint8_t byte;
    while (cursor_u8(input, &byte) == ERR_OK) {
        if (byte < 0x80) {
            writer_u8(text, byte);
        } else if (byte == LITERAL) {
            writer_u8(text, fuzz_u8(input));
        } else if (byte == PARTS) {
            *ret_part = text->len;
        } else {
            size_t count = sizeof pieces / sizeof *pieces;
            writer_str(text, pieces[(byte - 0x80u) % count]);
        }
    }
}

static void must_say(const struct reason *reason) {
    size_t len = strlen(reason->text);
    fuzz_must(len > 0, "there is no reason");
    for (size_t i = 0; i < len; i++) {
        fuzz_must(reason->text[i] >= ' ' && reason->text[i] <= '~',
                  "the reason is no line");
    }
    fuzz_must(strstr(reason->text, MARK) == NULL, "the reason tells a secret");
}

static void must_be_clean(const char *text) {
    for (; *text != '\0'; text++) {
        fuzz_must(*text >= ' ' && *text <= '~', "a key breaks a header");
    }
}

static void must_be_usable(const struct credentials *found) {
    fuzz_must(found->access_key[0] != '\0' && found->secret_key[0] != '\0',
              "a key is empty");
    must_be_clean(found->access_key);
    must_be_clean(found->secret_key);
    must_be_clean(found->token);
    fuzz_must(found->expires_us >= 0, "an end before all time");
}

static void try_json(struct slice text, enum credential_form form) {
    static struct credentials found;
    struct reason reason = {""};
    memset(&found, 0, sizeof found);
    if (credential_json_read(text, form, &found, &reason) == ERR_OK) {
        must_be_usable(&found);
    } else if (strncmp(reason.text, "it says ", 8) != 0) {
        must_say(&reason); /* (else in a source's own words) */
    }
}

static err_t find(struct slice credentials, struct slice config,
                  struct credentials *ret, char *process,
                  struct reason *reason) {
    uint8_t *texts[2] = {malloc(credentials.len + 1), malloc(config.len + 1)};
    struct writer first = writer_over(texts[0], credentials.len);
    struct writer second = writer_over(texts[1], config.len);
    writer_slice_add(&first, credentials);
    writer_slice_add(&second, config);
    const struct profile_files files = {{"/a", texts[0], credentials.len},
                                        {"/b", texts[1], config.len}};
    struct slice command;
    const char *path;
    memset(ret, 0, sizeof *ret);
    err_t err = profile_find(&files, "default", ret, &command, &path, reason);
    if (err == ERR_OK && slice_to_str(command, process, TEXT_MAX) != ERR_OK) {
        process[0] = '\0';
    }
    free(texts[0]);
    free(texts[1]);
    return err;
}

static void try_profile(struct slice text, size_t part) {
    static struct credentials found;
    static struct credentials again;
    static char process[TEXT_MAX];
    static char plain[TEXT_MAX];
    struct reason reason = {""};
    if (find(slice_part(text, 0, part), slice_part(text, part, text.len - part),
             &found, process, &reason) != ERR_OK) {
        must_say(&reason);
        return;
    }
    if (found.access_key[0] == '\0') {
        return; /* a command, or one with a NUL */
    }
    must_be_usable(&found);
    int len = snprintf(plain, sizeof plain,
                       "[default]\naws_access_key_id=%s\n"
                       "aws_secret_access_key=%s\naws_session_token=%s\n",
                       found.access_key, found.secret_key, found.token);
    fuzz_must(find(slice_of(plain, (size_t)len), slice_of("", 0), &again,
                   process, &reason) == ERR_OK &&
                  credentials_equal(&found, &again),
              "keys are not read again as they are");
}

/* Each word in single quotes, which only a single quote breaks. */
static void try_split(struct slice text) {
    static char memory[TEXT_MAX + 1];
    static char again_memory[8 * TEXT_MAX];
    static char quoted[8 * TEXT_MAX];
    struct split split;
    struct split again;
    if (split_words(text, memory, &split) != ERR_OK) {
        return;
    }
    struct writer writer = writer_over(quoted, sizeof quoted);
    for (size_t i = 0; i < split.count; i++) {
        writer_u8(&writer, '\'');
        for (const char *c = split.words[i]; *c != '\0'; c++) {
            writer_str(&writer, *c == '\'' ? "'\\''" : (char[]){*c, '\0'});
        }
        writer_str(&writer, "' ");
    }
    fuzz_must(split_words(writer_slice(&writer), again_memory, &again) ==
                      ERR_OK &&
                  again.count == split.count,
              "words are not split again as they are");
    for (size_t i = 0; i < split.count; i++) {
        fuzz_must(strcmp(split.words[i], again.words[i]) == 0,
                  "a word is another one");
    }
}

static bool is_near(const struct sockaddr_storage *address) {
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        uint32_t bits = ntohl(in->sin_addr.s_addr);
        return bits >> 24 == 127 || bits >> 16 == 0xa9fe;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
           (in6->sin6_addr.s6_addr[0] == 0xfd &&
            in6->sin6_addr.s6_addr[1] == 0 &&
            in6->sin6_addr.s6_addr[2] == 0x0e &&
            in6->sin6_addr.s6_addr[3] == 0xc2);
}

static void try_place(struct slice text) {
    static char url[TEXT_MAX];
    struct credential_place place;
    struct reason reason = {""};
    if (slice_to_str(text, url, sizeof url) != ERR_OK) {
        return;
    }
    if (credential_place_read(url, &place, &reason) != ERR_OK) {
        fuzz_must(reason.text[0] != '\0', "there is no reason");
        return;
    }
    must_be_clean(place.path);
    must_be_clean(place.where.authority);
    fuzz_must(place.path[0] == '/' && strchr(place.path, ' ') == NULL,
              "a path breaks a request line");
    fuzz_must(place.tls == (place.address_count == 0), "nobody to ask");
    for (uint32_t i = 0; i < place.address_count; i++) {
        fuzz_must(is_near(&place.addresses[i]), "a stranger is asked");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t buf[TEXT_MAX];
    struct cursor input = cursor_over(slice_of(data, size));
    uint8_t which = fuzz_u8(&input) % READERS;
    struct writer writer = writer_over(buf, sizeof buf - 1);
    size_t part = 0;
    expand(&input, &writer, &part);
    struct slice text = writer_slice(&writer);
    switch (which) {
    case 0:
    case 1:
    case 2:
        try_json(text, (enum credential_form)which);
        break;
    case 3:
        try_profile(text, part);
        break;
    case 4:
        try_split(text);
        break;
    default:
        try_place(text);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/credential_profile.h"

#include <assert.h>
#include <stdio.h>

#include "bridge/credential_ini.h"
#include "bridge/credential_split.h"

enum { HEADER_MAX = 256 };

enum field {
    FIELD_ACCESS,
    FIELD_SECRET,
    FIELD_OLD_TOKEN,
    FIELD_TOKEN,
    FIELD_PROCESS,
    FIELD_COUNT,
};

static const char *const FIELDS[FIELD_COUNT] = {
    [FIELD_ACCESS] = "aws_access_key_id",
    [FIELD_SECRET] = "aws_secret_access_key",
    [FIELD_OLD_TOKEN] = "aws_security_token",
    [FIELD_TOKEN] = "aws_session_token",
    [FIELD_PROCESS] = "credential_process",
};

/* What the command line would use before keys of the same profile. */
static const char *const UNSUPPORTED[] = {
    "role_arn",      "web_identity_token_file", "sso_session",
    "sso_start_url", "sso_account_id",          "login_session",
};

/* A profile's part of one file. */
struct part {
    const struct profile_file *file;
    const char *name;
    bool is_config;
    bool found;
    bool mine; /* the section that is being read */
    struct slice values[FIELD_COUNT];
    bool has[FIELD_COUNT];
    const char *unsupported;
    struct reason *reason;
};

/* Is it [NAME], or in `config` [profile NAME]? A name may be in quotes there.
 */
static bool is_section(const struct part *part, struct slice section) {
    if (!part->is_config) {
        return slice_eq_str(section, part->name);
    }
    if (slice_eq_str(section, "default")) {
        return strcmp(part->name, "default") == 0;
    }
    char memory[HEADER_MAX + 1];
    struct split split;
    return section.len <= HEADER_MAX &&
           split_words(section, memory, &split) == ERR_OK && split.count == 2 &&
           strcmp(split.words[0], "profile") == 0 &&
           strcmp(split.words[1], part->name) == 0;
}

static err_t twice(const struct part *part, const struct ini_item *item,
                   const char *what) {
    return reason_set(part->reason, ERR_CONFIG,
                      "%.120s:%u: %.60s stands there twice; remove one",
                      part->file->path, item->line, what);
}

static err_t take_section(struct part *part, const struct ini_item *item) {
    part->mine = is_section(part, item->section);
    if (part->mine && part->found) {
        return twice(part, item, "this profile");
    }
    part->found |= part->mine;
    return ERR_OK;
}

static err_t take_item(void *context, const struct ini_item *item) {
    struct part *part = context;
    if (item->name.len == 0) {
        return take_section(part, item);
    }
    if (!part->mine) {
        return ERR_OK;
    }
    for (size_t i = 0; i < sizeof UNSUPPORTED / sizeof *UNSUPPORTED; i++) {
        if (slice_eq_str(item->name, UNSUPPORTED[i])) {
            part->unsupported = UNSUPPORTED[i];
        }
    }
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (slice_eq_str(item->name, FIELDS[i])) {
            if (part->has[i]) {
                return twice(part, item, FIELDS[i]);
            }
            part->has[i] = true;
            part->values[i] = item->value;
        }
    }
    return ERR_OK;
}

static err_t read_part(struct part *part) {
    struct reason why = {""};
    err_t err =
        ini_read(part->file->text, part->file->len, take_item, part, &why);
    if (err == ERR_PARSE) {
        return reason_set(part->reason, err, "%.120s: %s", part->file->path,
                          why.text);
    }
    return err;
}

static err_t put(const struct part *part, enum field field, char *ret,
                 size_t ret_size) {
    char name[200];
    snprintf(name, sizeof name, "%s in %.140s", FIELDS[field],
             part->file->path);
    TRY(credentials_put(part->values[field], name, ret, ret_size,
                        part->reason));
    if (ret[0] == '\0' && field < FIELD_OLD_TOKEN) {
        return reason_set(part->reason, ERR_CONFIG,
                          "profile %.60s in %.120s has no %s: set it",
                          part->name, part->file->path, FIELDS[field]);
    }
    return ERR_OK;
}

static err_t take_keys(const struct part *part, struct credentials *ret) {
    enum field token =
        part->has[FIELD_OLD_TOKEN] ? FIELD_OLD_TOKEN : FIELD_TOKEN;
    TRY(put(part, FIELD_ACCESS, ret->access_key, sizeof ret->access_key));
    TRY(put(part, FIELD_SECRET, ret->secret_key, sizeof ret->secret_key));
    return put(part, token, ret->token, sizeof ret->token);
}

static err_t choose(const struct part *credentials, const struct part *config,
                    struct credentials *ret, struct slice *ret_process,
                    const char **ret_path) {
    bool has_keys = credentials->has[FIELD_ACCESS];
    bool serves = has_keys || credentials->has[FIELD_PROCESS];
    *ret_path = serves ? credentials->file->path : config->file->path;
    const struct part *named =
        credentials->unsupported != NULL ? credentials : config;
    if (named->unsupported != NULL) {
        return reason_set(named->reason, ERR_UNSUPPORTED,
                          "profile %.60s in %.120s has %s, which the gateway "
                          "does not follow: give it keys or a "
                          "credential_process",
                          named->name, named->file->path, named->unsupported);
    }
    if (has_keys) {
        return take_keys(credentials, ret);
    }
    *ret_process = credentials->has[FIELD_PROCESS]
                       ? credentials->values[FIELD_PROCESS]
                       : config->values[FIELD_PROCESS];
    if (ret_process->len > 0) {
        return ERR_OK;
    }
    if (config->has[FIELD_ACCESS]) {
        return take_keys(config, ret);
    }
    bool found = credentials->found || config->found;
    return reason_set(credentials->reason, ERR_NOT_FOUND,
                      "profile %.60s %s %.80s %s %.80s", credentials->name,
                      found ? "has no keys in" : "is not in",
                      credentials->file->path, found ? "nor" : "and not in",
                      config->file->path);
}

err_t profile_find(const struct profile_files *files, const char *name,
                   struct credentials *ret, struct slice *ret_process,
                   const char **ret_path, struct reason *reason) {
    struct part credentials = {
        .file = &files->credentials, .name = name, .reason = reason};
    struct part config = {.file = &files->config,
                          .name = name,
                          .is_config = true,
                          .reason = reason};
    assert(name[0] != '\0');
    *ret_process = SLICE_EMPTY;
    *ret_path = files->credentials.path;
    TRY(read_part(&credentials));
    TRY(read_part(&config));
    return choose(&credentials, &config, ret, ret_process, ret_path);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/credential_plan.h"

#include <assert.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "bridge/credential_file.h"
#include "bridge/credential_profile.h"

enum {
    FILE_MAX = 1024 * 1024,
    PEM_MAX = 256 * 1024,
    HOME_MAX = 4096,
};

#define CONTAINER_HOST "http://169.254.170.2"
#define IMDS_V4 "http://169.254.169.254"
#define IMDS_V6 "http://[fd00:ec2::254]"

struct making {
    const struct credential_plan_options *options;
    const struct config_credentials *config;
    struct credential_plan *plan;
    struct reason *reason;
};

/* Empty and unset are the same. */
static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static void serves(const struct making *making,
                   enum config_credentials_source source, const char *format,
                   ...) PRINTF_LIKE(3, 4);

static void serves(const struct making *making,
                   enum config_credentials_source source, const char *format,
                   ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(making->plan->words, sizeof making->plan->words, format, args);
    va_end(args);
    making->plan->source = source;
}

/* --- the environment ---------------------------------------------------- */

static err_t try_environment(const struct making *making) {
    err_t err = credentials_read(&making->plan->credentials, making->reason);
    if (err != ERR_NOT_FOUND) {
        serves(making, CONFIG_CREDENTIALS_ENVIRONMENT,
               "AWS_ACCESS_KEY_ID of the environment");
        making->plan->found = err == ERR_OK;
    }
    return err;
}

/* --- the shared files --------------------------------------------------- */

static const char *home(char ret[HOME_MAX]) {
    const char *named = variable("HOME");
    if (named != NULL) {
        return named;
    }
    struct passwd entry;
    struct passwd *found = NULL;
    if (getpwuid_r(geteuid(), &entry, ret, HOME_MAX, &found) != 0 ||
        found == NULL) {
        return "";
    }
    return found->pw_dir;
}

/* systemd's LoadCredential= gives a folder to the service alone. */
static const char *loaded(const char *name, char ret[CONFIG_PATH_MAX]) {
    const char *folder = variable("CREDENTIALS_DIRECTORY");
    if (folder == NULL || (size_t)snprintf(ret, CONFIG_PATH_MAX, "%s/%s",
                                           folder, name) >= CONFIG_PATH_MAX) {
        return NULL;
    }
    return access(ret, F_OK) == 0 ? ret : NULL;
}

static void find_path(const char *named, const char *name,
                      char ret[CONFIG_PATH_MAX]) {
    char memory[HOME_MAX];
    if (named == NULL) {
        snprintf(ret, CONFIG_PATH_MAX, "%.900s/.aws/%s", home(memory), name);
    } else if (strncmp(named, "~/", 2) == 0) {
        snprintf(ret, CONFIG_PATH_MAX, "%.500s%.500s", home(memory), named + 1);
    } else {
        snprintf(ret, CONFIG_PATH_MAX, "%s", named);
    }
}

struct shared_file {
    char path[CONFIG_PATH_MAX];
    bool named; /* not where they are by default */
    struct credential_file file;
};

/* A file where they are by default that cannot be read counts as absent: a
 * service has no business in somebody's home. */
static err_t read_shared(struct shared_file *shared, struct reason *reason) {
    err_t err =
        credential_file_read(shared->path, FILE_MAX, &shared->file, reason);
    if (err == ERR_NOT_FOUND || (err == ERR_IO && !shared->named)) {
        return ERR_OK;
    }
    return err;
}

struct shared_files {
    struct shared_file credentials;
    struct shared_file config;
};

static void free_shared(struct shared_files *files) {
    credential_file_free(&files->credentials.file);
    credential_file_free(&files->config.file);
}

static err_t read_profile(const struct making *making,
                          struct shared_files *files, const char *name,
                          const char **ret_path) {
    char memory[CONFIG_PATH_MAX];
    const char *credentials = variable("AWS_SHARED_CREDENTIALS_FILE");
    credentials =
        credentials != NULL ? credentials : loaded("aws-credentials", memory);
    const char *config = variable("AWS_CONFIG_FILE");
    files->credentials.named = credentials != NULL;
    files->config.named = config != NULL;
    find_path(credentials, "credentials", files->credentials.path);
    find_path(config, "config", files->config.path);
    TRY(read_shared(&files->credentials, making->reason));
    TRY(read_shared(&files->config, making->reason));
    const struct profile_files texts = {
        .credentials = {files->credentials.path, files->credentials.file.text,
                        files->credentials.file.len},
        .config = {files->config.path, files->config.file.text,
                   files->config.file.len},
    };
    struct slice command;
    TRY(profile_find(&texts, name, &making->plan->credentials, &command,
                     ret_path, making->reason));
    making->plan->found = command.len == 0;
    if (slice_to_str(command, making->plan->command,
                     sizeof making->plan->command) != ERR_OK) {
        return reason_set(making->reason, ERR_CONFIG,
                          "the credential_process of profile %.60s is longer "
                          "than %d bytes",
                          name, PLAN_COMMAND_MAX - 1);
    }
    return ERR_OK;
}

static err_t try_profile(const struct making *making, bool chosen) {
    const char *name = variable("AWS_PROFILE");
    name = name != NULL ? name : variable("AWS_DEFAULT_PROFILE");
    name = making->config->profile[0] != '\0' ? making->config->profile : name;
    bool named = chosen || name != NULL;
    name = name != NULL ? name : "default";
    CLEANUP(free_shared) struct shared_files files;
    memset(&files, 0, sizeof files);
    const char *path = "";
    err_t err = read_profile(making, &files, name, &path);
    bool runs = making->plan->command[0] != '\0';
    if (err != ERR_NOT_FOUND || named) {
        serves(making,
               runs ? CONFIG_CREDENTIALS_PROCESS : CONFIG_CREDENTIALS_PROFILE,
               "%sprofile %.40s in %.80s", runs ? "credential_process of " : "",
               name, path);
    }
    return err == ERR_NOT_FOUND && named ? ERR_CONFIG : err;
}

static err_t try_command(const struct making *making) {
    serves(making, CONFIG_CREDENTIALS_PROCESS, "cloud.credentials.command");
    snprintf(making->plan->command, sizeof making->plan->command, "%s",
             making->config->command);
    return ERR_OK;
}

/* --- containers --------------------------------------------------------- */

static err_t put_authorization(const struct making *making, const char *name,
                               struct slice value) {
    return credentials_put(value, name, making->plan->authorization,
                           sizeof making->plan->authorization, making->reason);
}

/* The file is written again before the token in it ends. */
static err_t find_authorization(const struct making *making) {
    static const char in_file[] = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    static const char in_place[] = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
    const char *path = variable(in_file);
    if (path == NULL) {
        return put_authorization(making, in_place,
                                 slice_from_str(variable(in_place)));
    }
    CLEANUP(credential_file_free)
    struct credential_file file = {NULL, 0, false};
    err_t err =
        credential_file_read(path, PLAN_TOKEN_MAX, &file, making->reason);
    if (err != ERR_OK) {
        return err == ERR_NOT_FOUND ? ERR_CONFIG : err;
    }
    struct slice text = slice_of(file.text, file.len);
    while (text.len > 0 && (text.data[text.len - 1] == '\n' ||
                            text.data[text.len - 1] == '\r')) {
        text.len--;
    }
    return put_authorization(making, in_file, text);
}

static err_t try_container(const struct making *making) {
    const char *relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    char url[PLACE_PATH_MAX + CONFIG_HOST_MAX];
    if (relative == NULL && full == NULL) {
        return reason_set(making->reason, ERR_NOT_FOUND,
                          "AWS_CONTAINER_CREDENTIALS_FULL_URI is not set in "
                          "the environment, which a container or Greengrass "
                          "gives");
    }
    serves(making, CONFIG_CREDENTIALS_CONTAINER, "the container's endpoint");
    if (relative != NULL && relative[0] != '/') {
        return reason_set(making->reason, ERR_CONFIG,
                          "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not "
                          "begin with a slash");
    }
    snprintf(url, sizeof url, "%s%s", relative != NULL ? CONTAINER_HOST : "",
             relative != NULL ? relative : full);
    TRY(credential_place_read(url, &making->plan->place, making->reason));
    serves(making, CONFIG_CREDENTIALS_CONTAINER, "the container's endpoint %s",
           making->plan->place.where.authority);
    return find_authorization(making);
}

/* --- IMDS --------------------------------------------------------------- */

static bool starts_with(const char *path, const char *prefix) {
    struct reason ignored;
    CLEANUP(credential_file_free)
    struct credential_file file = {NULL, 0, false};
    return credential_file_read(path, 4096, &file, &ignored) == ERR_OK &&
           strncasecmp((const char *)file.text, prefix, strlen(prefix)) == 0;
}

/* A box that is no instance is spared the wait for an answer. */
static bool is_instance(void) {
    return starts_with("/sys/class/dmi/id/sys_vendor", "Amazon EC2") ||
           starts_with("/sys/class/dmi/id/bios_vendor", "Amazon EC2") ||
           starts_with("/sys/hypervisor/uuid", "ec2");
}

static err_t imds_endpoint(const struct making *making, const char **ret) {
    const char *mode = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    bool six = mode != NULL && strcasecmp(mode, "ipv6") == 0;
    if (mode != NULL && !six && strcasecmp(mode, "ipv4") != 0) {
        return reason_set(making->reason, ERR_CONFIG,
                          "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is neither "
                          "IPv4 nor IPv6");
    }
    const char *named = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    *ret = named != NULL ? named : six ? IMDS_V6 : IMDS_V4;
    return ERR_OK;
}

static err_t try_imds(const struct making *making, bool chosen) {
    const char *off = variable("AWS_EC2_METADATA_DISABLED");
    bool named = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") != NULL;
    if (off != NULL && strcasecmp(off, "true") == 0) {
        return reason_set(making->reason, ERR_NOT_FOUND,
                          "AWS_EC2_METADATA_DISABLED is true");
    }
    if (!chosen && !named && !is_instance()) {
        return reason_set(making->reason, ERR_NOT_FOUND,
                          "this is no EC2 instance");
    }
    const char *url = IMDS_V4;
    serves(making, CONFIG_CREDENTIALS_IMDS, "the instance's metadata (IMDSv2)");
    TRY(imds_endpoint(making, &url));
    return credential_place_read(url, &making->plan->place, making->reason);
}

/* --- AWS IoT Core ------------------------------------------------------- */

/* Where systemd put it, unless the configuration names a file. */
static err_t read_pem(const struct making *making, const char *named,
                      const char *name, const char *key,
                      struct credential_file *ret) {
    char memory[CONFIG_PATH_MAX];
    const char *path = named[0] != '\0' ? named : loaded(name, memory);
    if (path == NULL) {
        return reason_set(making->reason, ERR_CONFIG,
                          "cloud.credentials.iot.%s is not set, and there is "
                          "no %s in $CREDENTIALS_DIRECTORY: set it",
                          key, name);
    }
    return credential_file_read(path, PEM_MAX, ret, making->reason);
}

static err_t identify(const struct making *making) {
    const struct config_iot *iot = &making->config->iot;
    CLEANUP(credential_file_free)
    struct credential_file cert = {NULL, 0, false};
    CLEANUP(credential_file_free) struct credential_file key = {NULL, 0, false};
    TRY(read_pem(making, iot->cert_file, "iot-cert.pem", "cert_file", &cert));
    TRY(read_pem(making, iot->key_file, "iot-key.pem", "key_file", &key));
    if (key.others_may) {
        return reason_set(making->reason, ERR_CONFIG,
                          "other users can read the private key of "
                          "cloud.credentials.iot: chmod 0600");
    }
    const char *ca_file =
        iot->ca_file[0] != '\0' ? iot->ca_file : making->options->ca_file;
    TRY(tls_context_new(ca_file, making->options->entropy, &making->plan->tls,
                        making->reason));
    return tls_context_identify(
        making->plan->tls, slice_of(cert.text, cert.len + 1),
        slice_of(key.text, key.len + 1), making->reason);
}

static err_t try_iot(const struct making *making) {
    const struct config_iot *iot = &making->config->iot;
    struct credential_place *place = &making->plan->place;
    char url[CONFIG_HOST_MAX + 32];
    serves(making, CONFIG_CREDENTIALS_IOT, "AWS IoT Core, role alias %s",
           iot->role_alias);
    snprintf(url, sizeof url, "https://%s", iot->endpoint);
    TRY(endpoint_parse(url, &place->where, making->reason));
    TRY(proxy_choose(making->options->cloud, place->where.host,
                     place->where.port, &place->where.proxy, making->reason));
    place->tls = true;
    snprintf(place->path, sizeof place->path, "/role-aliases/%s/credentials",
             iot->role_alias);
    snprintf(making->plan->thing, sizeof making->plan->thing, "%s", iot->thing);
    err_t err = identify(making);
    return err == ERR_NOT_FOUND ? ERR_CONFIG : err;
}

/* --- the order ---------------------------------------------------------- */

static err_t refuse_web_identity(const struct making *making) {
    if (variable("AWS_WEB_IDENTITY_TOKEN_FILE") == NULL) {
        return ERR_OK;
    }
    return reason_set(making->reason, ERR_UNSUPPORTED,
                      "AWS_WEB_IDENTITY_TOKEN_FILE is set, which the gateway "
                      "does not follow: unset it, or let a credential_process "
                      "do it");
}

static err_t try_all(const struct making *making) {
    err_t err = try_environment(making);
    ENSURE(err == ERR_NOT_FOUND, err);
    TRY(refuse_web_identity(making));
    err = try_profile(making, false);
    ENSURE(err == ERR_NOT_FOUND, err);
    err = try_container(making);
    ENSURE(err == ERR_NOT_FOUND, err);
    err = try_imds(making, false);
    ENSURE(err == ERR_NOT_FOUND, err);
    return reason_set(making->reason, ERR_NOT_FOUND,
                      "AWS_ACCESS_KEY_ID is not set in the environment, the "
                      "shared files have no keys, and there is no container "
                      "or instance to ask: a stream with a sink in the cloud "
                      "needs one; set it, or cloud.credentials.source");
}

static err_t try_chosen(const struct making *making) {
    switch (making->config->source) {
    case CONFIG_CREDENTIALS_DEFAULT:
        return try_all(making);
    case CONFIG_CREDENTIALS_ENVIRONMENT:
        return try_environment(making);
    case CONFIG_CREDENTIALS_PROFILE:
        return try_profile(making, true);
    case CONFIG_CREDENTIALS_PROCESS:
        return try_command(making);
    case CONFIG_CREDENTIALS_CONTAINER:
        return try_container(making);
    case CONFIG_CREDENTIALS_IMDS:
        return try_imds(making, true);
    case CONFIG_CREDENTIALS_IOT:
        return try_iot(making);
    }
    assert(false && "no such source");
    return ERR_CONFIG;
}

err_t credential_plan_make(const struct credential_plan_options *options,
                           struct credential_plan *plan,
                           struct reason *reason) {
    const struct making making = {
        .options = options,
        .config = &options->cloud->credentials,
        .plan = plan,
        .reason = reason,
    };
    return try_chosen(&making);
}

bool credential_plan_may_recover(const struct credential_plan *plan) {
    switch (plan->source) {
    case CONFIG_CREDENTIALS_DEFAULT:
    case CONFIG_CREDENTIALS_ENVIRONMENT:
        return false;
    case CONFIG_CREDENTIALS_PROFILE:
    case CONFIG_CREDENTIALS_PROCESS:
    case CONFIG_CREDENTIALS_CONTAINER:
    case CONFIG_CREDENTIALS_IMDS:
    case CONFIG_CREDENTIALS_IOT:
        return true;
    }
    return false;
}

const char *credential_source_name(enum config_credentials_source source) {
    static const char *const names[] = {
        [CONFIG_CREDENTIALS_DEFAULT] = "default",
        [CONFIG_CREDENTIALS_ENVIRONMENT] = "environment",
        [CONFIG_CREDENTIALS_PROFILE] = "profile",
        [CONFIG_CREDENTIALS_PROCESS] = "process",
        [CONFIG_CREDENTIALS_CONTAINER] = "container",
        [CONFIG_CREDENTIALS_IMDS] = "imds",
        [CONFIG_CREDENTIALS_IOT] = "iot",
    };
    return names[source];
}

struct credential_plan *credential_plan_new(void) {
    return calloc(1, sizeof(struct credential_plan));
}

void credential_plan_free(struct credential_plan *plan) {
    if (plan != NULL) {
        tls_context_free(plan->tls);
        explicit_bzero(plan, sizeof *plan);
        free(plan);
    }
}

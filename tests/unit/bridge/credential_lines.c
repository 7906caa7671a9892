/* SPDX-License-Identifier: Apache-2.0 */
/* Fetches credentials once, as the bridge would with this environment, and
 * prints what it got: for credential_test.py.
 *
 *   credential_lines SOURCE [NAME=VALUE]...
 *   NAME is a key of cloud.credentials, or ca_file of the cloud */
#include <stdio.h>
#include <stdlib.h>

#include "bridge/credential_process.h"
#include "bridge/credential_web.h"
#include "config/schema.h"
#include "gateway/jobs/jobs.h"

static void print_text(const char *name, const char *text) {
    printf("%s ", name);
    for (const char *c = text; *c != '\0'; c++) {
        printf("%02x", (unsigned)(uint8_t)*c);
    }
    printf("\n");
}

static void done(void *context, const struct credential_result *result) {
    (void)context;
    const struct credential_plan *plan = result->plan;
    printf("err %s\n", err_name(result->err));
    printf("source %s\n", credential_source_name(plan->source));
    print_text("why", result->why);
    print_text("words", plan->words);
    if (result->err == ERR_OK) {
        print_text("access", plan->credentials.access_key);
        print_text("secret", plan->credentials.secret_key);
        print_text("token", plan->credentials.token);
        printf("expires %lld\n", (long long)plan->credentials.expires_us);
    }
    fflush(stdout);
}

static void set(struct config *config, const char *name, const char *value) {
    char path[256];
    snprintf(path, sizeof path, "cloud.%s%s",
             strcmp(name, "ca_file") == 0 ? "" : "credentials.", name);
    const struct config_key *key = config_key_find(path);
    if (key == NULL ||
        config_value_read(key, slice_from_str(value), config) != ERR_OK) {
        printf("no %s\n", path);
        exit(2);
    }
}

int main(int argc, char **argv) {
    static struct config config;
    set(&config, "source", argc > 1 ? argv[1] : "");
    for (int i = 2; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        *equals = '\0';
        set(&config, argv[i], equals + 1);
    }
    uv_loop_t loop;
    struct job_pool *pool;
    struct platform platform = platform_real();
    uv_loop_init(&loop);
    struct https_connector https = {&loop, NULL};
    struct reason reason = {""};
    if (config.cloud.ca_file[0] != '\0' &&
        tls_context_new(config.cloud.ca_file, &platform.entropy, &https.tls,
                        &reason) != ERR_OK) {
        return 1;
    }
    if (job_pool_new(&loop, &pool) != ERR_OK) {
        return 1;
    }
    struct credential_fetch_options options = {
        .plan = {&config.cloud, config.cloud.ca_file, &platform.entropy},
        .executor = job_pool_executor(pool),
        .web = credential_web_table(&https),
        .process_ms = 5000,
        .done = done,
    };
    struct credential_fetch *fetch;
    if (credential_fetch_new(&options, &fetch) != ERR_OK) {
        return 1;
    }
    credential_fetch_start(fetch);
    uv_run(&loop, UV_RUN_DEFAULT);
    credential_fetch_hang_up(fetch);
    uv_run(&loop, UV_RUN_DEFAULT);
    credential_fetch_free(fetch);
    job_pool_free(pool);
    tls_context_free(https.tls);
    return uv_loop_close(&loop) == 0 ? 0 : 1;
}

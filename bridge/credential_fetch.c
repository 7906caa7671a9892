/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/credential_fetch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bridge/credential_json.h"
#include "bridge/credential_process.h"

enum {
    HEAD_MAX = PLAN_TOKEN_MAX + 4 * 1024,
    ROLE_MAX = 256,
    IMDS_TOKEN_MAX = 1024,
};

#define IMDS_ROLES "/latest/meta-data/iam/security-credentials/"

enum step {
    STEP_IMDS_TOKEN,
    STEP_IMDS_ROLE,
    STEP_CREDENTIALS, /* the only one of other sources */
};

struct credential_fetch {
    struct credential_fetch_options options;
    struct job job;
    bool job_busy;
    bool hung_up;
    int cancel[2]; /* a pipe: closed at its writing end, a command ends */
    err_t err;
    struct reason why;
    struct credential_plan *plan;
    /* A transport is closed on a later turn of the loop, and reads its plan
     * (and the TLS settings in it) until then. */
    struct credential_plan *old_plan;
    bool open;
    struct transport transport;
    enum step step;
    char imds_token[IMDS_TOKEN_MAX];
    char role[ROLE_MAX];
    char head[HEAD_MAX];
    struct credential_result result;
};

/* --- ending ------------------------------------------------------------- */

static void hang_up(struct credential_fetch *fetch) {
    if (fetch->open) {
        fetch->open = false;
        fetch->transport.close(fetch->transport.self);
    }
    explicit_bzero(fetch->head, sizeof fetch->head);
    explicit_bzero(fetch->imds_token, sizeof fetch->imds_token);
}

/* The plan is not touched before the next fetch. */
static void end(struct credential_fetch *fetch, err_t err, const char *why) {
    struct credential_plan *plan = fetch->plan;
    hang_up(fetch);
    fetch->plan = NULL;
    assert(fetch->old_plan == NULL);
    fetch->old_plan = plan;
    fetch->result.err = err;
    fetch->result.why = why;
    fetch->result.plan = plan;
    fetch->options.done(fetch->options.context, &fetch->result);
    if (plan != NULL) {
        explicit_bzero(&plan->credentials, sizeof plan->credentials);
        explicit_bzero(plan->authorization, sizeof plan->authorization);
    }
}

static void end_named(struct credential_fetch *fetch, err_t err,
                      const char *why) {
    struct reason reason;
    reason_set(&reason, err, "%s: %s", fetch->plan->words, why);
    end(fetch, err, reason.text);
}

/* --- requests ----------------------------------------------------------- */

static void add_header(struct writer *writer, const char *name,
                       const char *value) {
    if (value[0] != '\0') {
        writer_str(writer, name);
        writer_str(writer, ": ");
        writer_str(writer, value);
        writer_str(writer, "\r\n");
    }
}

/* A path of the endpoint, behind what its URL has already. */
static void begin_head(const struct credential_fetch *fetch,
                       struct writer *writer, const char *method,
                       const char *path, const char *more) {
    const struct credential_place *place = &fetch->plan->place;
    writer_printf(writer, "%s %s%s HTTP/1.1\r\n", method, path, more);
    add_header(writer, "Host", place->where.authority);
    add_header(writer, "Accept", "*/*");
    add_header(writer, "User-Agent", "shopme-edge/" SHOPME_EDGE_VERSION);
}

static void write_head(const struct credential_fetch *fetch,
                       struct writer *writer) {
    const struct credential_plan *plan = fetch->plan;
    bool imds = plan->source == CONFIG_CREDENTIALS_IMDS;
    if (imds && fetch->step == STEP_IMDS_TOKEN) {
        begin_head(fetch, writer, "PUT", "/latest/api/token", "");
        add_header(writer, "X-aws-ec2-metadata-token-ttl-seconds", "21600");
        add_header(writer, "Content-Length", "0");
    } else if (imds) {
        begin_head(fetch, writer, "GET", IMDS_ROLES,
                   fetch->step == STEP_CREDENTIALS ? fetch->role : "");
        add_header(writer, "X-aws-ec2-metadata-token", fetch->imds_token);
    } else {
        begin_head(fetch, writer, "GET", plan->place.path, "");
        add_header(writer, "Authorization", plan->authorization);
        add_header(writer, "X-Amzn-Iot-Thingname", plan->thing);
    }
    writer_str(writer, "\r\n");
}

static void send_step(struct credential_fetch *fetch) {
    struct writer writer = writer_over(fetch->head, sizeof fetch->head);
    write_head(fetch, &writer);
    if (writer.full) {
        end_named(fetch, ERR_FULL, "the request is too long");
        return;
    }
    fetch->transport.send(fetch->transport.self, writer_slice(&writer),
                          SLICE_EMPTY);
}

/* --- answers ------------------------------------------------------------ */

static void read_date(struct credential_fetch *fetch,
                      const struct http_response *response) {
    int64_t seconds;
    if (!response->has_age &&
        http_date_parse(response->date, &seconds) == ERR_OK) {
        fetch->result.has_date = true;
        fetch->result.date_us = seconds * 1000000;
    }
}

/* What a header, and a path, may have of an answer. */
static err_t take_word(struct slice text, char *ret, size_t ret_size) {
    size_t len = 0;
    while (len < text.len && text.data[len] > ' ' && text.data[len] <= '~') {
        len++;
    }
    ENSURE(len > 0, ERR_PARSE);
    return slice_to_str(slice_part(text, 0, len), ret, ret_size);
}

static void refuse_status(struct credential_fetch *fetch, uint32_t status) {
    struct reason reason;
    bool imds = fetch->plan->source == CONFIG_CREDENTIALS_IMDS;
    const char *advice = "";
    if (imds && fetch->step == STEP_IMDS_ROLE && status == 404) {
        advice = ": attach a role to the instance";
    } else if (fetch->plan->source == CONFIG_CREDENTIALS_IOT && status == 403) {
        advice = ": check the certificate's policy (iot:"
                 "AssumeRoleWithCertificate), the role alias and the thing";
    }
    reason_set(&reason, ERR_REFUSED, "it answers with HTTP status %u%s", status,
               advice);
    end_named(fetch, ERR_REFUSED, reason.text);
}

static void take_credentials(struct credential_fetch *fetch,
                             struct slice body) {
    enum credential_form form = fetch->plan->source == CONFIG_CREDENTIALS_IOT
                                    ? CREDENTIAL_FORM_IOT
                                    : CREDENTIAL_FORM_METADATA;
    struct reason reason = {""};
    err_t err =
        credential_json_read(body, form, &fetch->plan->credentials, &reason);
    if (err != ERR_OK) {
        end_named(fetch, err, reason.text);
        return;
    }
    fetch->plan->found = true;
    end(fetch, ERR_OK, "");
}

static void take_answer(struct credential_fetch *fetch, struct slice body) {
    err_t err = ERR_OK;
    switch (fetch->step) {
    case STEP_IMDS_TOKEN:
        err = take_word(body, fetch->imds_token, sizeof fetch->imds_token);
        fetch->step = STEP_IMDS_ROLE;
        break;
    case STEP_IMDS_ROLE:
        err = take_word(body, fetch->role, sizeof fetch->role);
        fetch->step = STEP_CREDENTIALS;
        break;
    case STEP_CREDENTIALS:
        take_credentials(fetch, body);
        return;
    }
    if (err != ERR_OK) {
        end_named(fetch, err, "it gives no token, or no role");
        return;
    }
    send_step(fetch);
}

/* In a container the answer to the first step may not come that far. */
static void say_silence(struct credential_fetch *fetch, const char *text) {
    struct reason reason;
    bool hops = fetch->plan->source == CONFIG_CREDENTIALS_IMDS &&
                fetch->step == STEP_IMDS_TOKEN;
    reason_set(&reason, ERR_NETWORK, "%s%s", text,
               hops ? " (in a container, raise the instance's metadata hop "
                      "limit)"
                    : "");
    end_named(fetch, ERR_NETWORK, reason.text);
}

static void on_answer(void *context, const struct http_response *response,
                      const struct transport_error *error) {
    struct credential_fetch *fetch = context;
    if (response == NULL) {
        say_silence(fetch, error->text);
        return;
    }
    read_date(fetch, response);
    if (response->status != 200) {
        refuse_status(fetch, response->status);
        return;
    }
    struct slice body = http_response_body(response);
    take_answer(fetch, body);
}

/* --- the job ------------------------------------------------------------ */

static err_t run_command(struct credential_fetch *fetch) {
    struct credential_plan *plan = fetch->plan;
    const struct credential_process process = {
        .command = plan->command,
        .timeout_ms = fetch->options.process_ms,
        .cancel_fd = fetch->cancel[0],
    };
    TRY(credential_process_run(&process, &plan->credentials, &fetch->why));
    plan->found = true;
    return ERR_OK;
}

static void look(void *context) {
    struct credential_fetch *fetch = context;
    fetch->err =
        credential_plan_make(&fetch->options.plan, fetch->plan, &fetch->why);
    if (fetch->err == ERR_OK && fetch->plan->command[0] != '\0') {
        fetch->err = run_command(fetch);
    }
}

static void ask(struct credential_fetch *fetch) {
    const struct credential_web *web = &fetch->options.web;
    bool imds = fetch->plan->source == CONFIG_CREDENTIALS_IMDS;
    fetch->step = imds ? STEP_IMDS_TOKEN : STEP_CREDENTIALS;
    if (web->open(web->self, fetch->plan, on_answer, fetch,
                  &fetch->transport) != ERR_OK) {
        end_named(fetch, ERR_MEMORY, "no memory");
        return;
    }
    fetch->open = true;
    send_step(fetch);
}

static void looked(void *context) {
    struct credential_fetch *fetch = context;
    fetch->job_busy = false;
    credential_plan_free(fetch->old_plan);
    fetch->old_plan = NULL;
    if (fetch->hung_up) {
        return;
    }
    if (fetch->err != ERR_OK) {
        end(fetch, fetch->err, fetch->why.text);
    } else if (fetch->plan->found) {
        end(fetch, ERR_OK, "");
    } else {
        ask(fetch);
    }
}

/* --- the outside -------------------------------------------------------- */

void credential_fetch_start(struct credential_fetch *fetch) {
    assert(!credential_fetch_is_busy(fetch) && !fetch->hung_up);
    fetch->result = (struct credential_result){.err = ERR_OK};
    fetch->why.text[0] = '\0';
    fetch->plan = credential_plan_new();
    if (fetch->plan == NULL) {
        fetch->result.err = ERR_MEMORY;
        fetch->result.why = "no memory";
        fetch->options.done(fetch->options.context, &fetch->result);
        return;
    }
    fetch->job_busy = true;
    fetch->job = (struct job){fetch, look, looked, NULL};
    fetch->options.executor.submit(fetch->options.executor.self, &fetch->job);
}

bool credential_fetch_is_busy(const struct credential_fetch *fetch) {
    return fetch->job_busy || fetch->plan != NULL;
}

void credential_fetch_hang_up(struct credential_fetch *fetch) {
    if (!fetch->hung_up) {
        fetch->hung_up = true;
        close(fetch->cancel[1]);
        hang_up(fetch);
    }
}

err_t credential_fetch_new(const struct credential_fetch_options *options,
                           struct credential_fetch **ret) {
    struct credential_fetch *fetch = calloc(1, sizeof *fetch);
    ENSURE(fetch != NULL, ERR_MEMORY);
    fetch->options = *options;
    if (pipe2(fetch->cancel, O_CLOEXEC) != 0) {
        free(fetch);
        return ERR_IO;
    }
    *ret = fetch;
    return ERR_OK;
}

void credential_fetch_free(struct credential_fetch *fetch) {
    if (fetch == NULL) {
        return;
    }
    assert(!fetch->job_busy && !fetch->open);
    credential_fetch_hang_up(fetch);
    close(fetch->cancel[0]);
    credential_plan_free(fetch->plan);
    credential_plan_free(fetch->old_plan);
    free(fetch);
}

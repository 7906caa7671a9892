/* SPDX-License-Identifier: Apache-2.0 */
/* The files of broker.tls as a person may leave them: good, of somebody else,
 * damaged, or no files at all. */
#include "gateway/pki/tls_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "gateway/pki/authority.h"
#include "gateway/pki/when.h"
#include "tests/unit/pki/trust.h"

#define NOW_US ((int64_t)time(NULL) * WHEN_S_US)

/* A company's files in a folder of their own. */
struct world {
    char data[96];
    char dir[64];
    struct trust root;
    struct trust between; /* a CA below the root */
    struct trust server;  /* signed by that one */
    struct config_broker broker;
};

static void path_in(const struct world *w, const char *name, char *ret) {
    snprintf(ret, CONFIG_PATH_MAX, "%s/%s", w->dir, name);
}

static void put(const struct world *w, const char *name, struct slice bytes,
                mode_t mode) {
    char path[CONFIG_PATH_MAX];
    path_in(w, name, path);
    (void)unlink(path);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void put_pems(const struct world *w, const char *name, X509 *first,
                     X509 *second) {
    uint8_t bytes[32768];
    struct writer out = writer_over(bytes, sizeof bytes);
    writer_slice_add(&out, trust_pem(first));
    if (second != NULL) {
        writer_slice_add(&out, trust_pem(second));
    }
    put(w, name, writer_slice(&out), 0644);
}

static void put_list(const struct world *w, const struct trust *ca,
                     const long *serials, int from_days, int days) {
    X509_CRL *list = trust_make_list(&(struct trust_list){
        .ca = ca, .serials = serials, .from_days = from_days, .days = days});
    put(w, "crl.pem", trust_list_der(list), 0644);
    X509_CRL_free(list);
}

static const long serials[] = {0x0a1b, 0};

static void put_all(const struct world *w) {
    put_pems(w, "server.pem", w->server.certificate, w->between.certificate);
    put(w, "server.key", trust_key_pem(w->server.key, NULL), 0600);
    put_pems(w, "ca.pem", w->root.certificate, w->between.certificate);
    put_list(w, &w->root, serials, -1, 20);
}

static struct trust leaf(const struct world *w, const char *use, int days) {
    return trust_make(&(struct trust_order){.name = "gw",
                                            .issuer = w->between.certificate,
                                            .issuer_key = w->between.key,
                                            .use = use,
                                            .days = days});
}

static int begin(void **state) {
    static struct world w;
    w = (struct world){.dir = "/tmp/pki-tls-XXXXXX"};
    assert_non_null(mkdtemp(w.dir));
    snprintf(w.data, sizeof w.data, "%s/data", w.dir);
    assert_int_equal(mkdir(w.data, 0700), 0);
    w.root = trust_make(
        &(struct trust_order){.name = "Root", .ca = true, .days = 300});
    w.between = trust_make(&(struct trust_order){.name = "Between",
                                                 .issuer = w.root.certificate,
                                                 .issuer_key = w.root.key,
                                                 .ca = true,
                                                 .days = 200});
    w.server = leaf(&w, "serverAuth", 100);
    w.broker.listeners[0] =
        (struct config_listener){.tls = true, .certificates = true};
    w.broker.listener_count = 1;
    path_in(&w, "server.pem", w.broker.tls.cert_file);
    path_in(&w, "server.key", w.broker.tls.key_file);
    path_in(&w, "ca.pem", w.broker.tls.ca_file);
    path_in(&w, "crl.pem", w.broker.tls.crl_file);
    put_all(&w);
    *state = &w;
    return 0;
}

static int end(void **state) {
    struct world *w = *state;
    char command[128];
    trust_free(&w->root);
    trust_free(&w->between);
    trust_free(&w->server);
    snprintf(command, sizeof command, "rm -rf '%s'", w->dir);
    return system(command);
}

static void reads(const struct world *w, struct tls_files *ret) {
    struct reason reason = {""};
    err_t err = tls_files_read(&w->broker, w->data, NOW_US, ret, &reason);
    if (err != ERR_OK) {
        print_error("%s\n", reason.text);
    }
    assert_int_equal(err, ERR_OK);
}

static void refused(const struct world *w, err_t expected, const char *words) {
    struct tls_files files;
    struct reason reason = {""};
    assert_int_equal(
        tls_files_read(&w->broker, w->data, NOW_US, &files, &reason), expected);
    if (strstr(reason.text, words) == NULL) {
        print_error("\"%s\" instead of \"%s\"\n", reason.text, words);
        fail();
    }
    put_all(w);
}

static int64_t days_until(int64_t us) {
    return (us - NOW_US + WHEN_DAY_US / 2) / WHEN_DAY_US;
}

/* Goal: good files are taken as they are, with their facts. */
static void test_good(void **state) {
    struct world *w = *state;
    struct tls_files files;
    reads(w, &files);
    assert_true(slice_starts_with(octets_slice(&files.certificate), "-----"));
    assert_true(slice_starts_with(octets_slice(&files.key), "-----BEGIN PRIV"));
    assert_true(files.ca.len > 0);
    assert_string_equal(files.crl_unusable.text, "");
    assert_int_equal(files.revoked.count, 1);
    assert_true(revoked_has(&files.revoked, "0A1B"));
    assert_false(files.revoked.refuse_expired);
    assert_true(files.facts.chained);
    assert_int_equal(files.facts.ca_count, 2);
    assert_int_equal(files.facts.crl_count, 1);
    assert_string_equal(files.facts.ca_name, "Between");
    assert_int_equal(days_until(files.facts.server_ends_us), 100);
    assert_int_equal(days_until(files.facts.ca_ends_us), 200);
    assert_int_equal(days_until(files.facts.crl_ends_us), 20);
    assert_string_equal(files.facts.device, "");
    tls_files_free(&files);
    tls_files_free(NULL);
}

/* Goal: what is past its end, or another CA's, is a fact and no error. */
static void test_ends(void **state) {
    struct world *w = *state;
    struct tls_files files;
    struct trust old = leaf(w, "serverAuth", -3);
    put_pems(w, "server.pem", old.certificate, NULL);
    put(w, "server.key", trust_key_pem(old.key, NULL), 0640);
    put_list(w, &w->root, serials, -9, -2);
    w->broker.tls.crl_expired = CONFIG_CRL_REFUSE;
    reads(w, &files);
    assert_int_equal(days_until(files.facts.server_ends_us), -2);
    assert_true(files.facts.crl_ends_us < NOW_US);
    assert_int_equal(files.revoked.expires_us, files.facts.crl_ends_us);
    assert_true(files.revoked.refuse_expired);
    assert_int_equal(files.revoked.count, 1);
    tls_files_free(&files);
    trust_free(&old);
    w->broker.tls.crl_expired = CONFIG_CRL_IGNORE;

    put_all(w);
    struct trust other = trust_make(
        &(struct trust_order){.name = "Other", .ca = true, .days = 7});
    struct trust ended = trust_make(
        &(struct trust_order){.name = "Ended", .ca = true, .days = -7});
    put_pems(w, "ca.pem", ended.certificate, other.certificate);
    reads(w, &files);
    assert_false(files.facts.chained);
    assert_string_equal(files.facts.ca_name, "Other");
    assert_non_null(strstr(files.crl_unusable.text, "not signed by any CA"));
    assert_int_equal(files.revoked.count, 0);
    assert_int_equal(files.revoked.expires_us, 0);
    tls_files_free(&files);
    trust_free(&other);
    trust_free(&ended);
    put_all(w);
}

/* Goal: what does not belong together is refused, each with what to do. */
static void test_mismatched(void **state) {
    struct world *w = *state;
    put(w, "server.key", trust_key_pem(w->root.key, NULL), 0600);
    refused(w, ERR_REFUSED, "does not belong to the certificate");
    put(w, "server.key", trust_key_pem(w->server.key, "secret"), 0600);
    refused(w, ERR_PARSE, "has a password");
    put(w, "server.key", trust_key_pem(w->server.key, NULL), 0644);
    refused(w, ERR_REFUSED, "chmod 600");
    put(w, "server.key", trust_pem(w->server.certificate), 0600);
    refused(w, ERR_PARSE, "no private key");
    put_pems(w, "server.pem", w->between.certificate, NULL);
    refused(w, ERR_REFUSED, "CA's certificate, not the server's");
    put_pems(w, "server.pem", w->server.certificate, w->root.certificate);
    refused(w, ERR_REFUSED, "number 2 has not signed");
    put_pems(w, "ca.pem", w->root.certificate, w->server.certificate);
    refused(w, ERR_REFUSED, "number 2 (gw) is not a CA's");
    put_pems(w, "ca.pem", w->between.certificate, NULL);
    refused(w, ERR_REFUSED, "Between was signed by another");
    struct trust client = leaf(w, "clientAuth", 9);
    put_pems(w, "server.pem", client.certificate, NULL);
    put(w, "server.key", trust_key_pem(client.key, NULL), 0600);
    refused(w, ERR_REFUSED, "not for a server");
    trust_free(&client);
    EVP_PKEY *weak = EVP_RSA_gen(1024);
    struct trust short_key =
        trust_make(&(struct trust_order){.name = "gw",
                                         .issuer = w->between.certificate,
                                         .issuer_key = w->between.key,
                                         .key = weak,
                                         .days = 9});
    put_pems(w, "server.pem", short_key.certificate, NULL);
    put(w, "server.key", trust_key_pem(weak, NULL), 0600);
    refused(w, ERR_REFUSED, "too weak");
    trust_free(&short_key);
    EVP_PKEY_free(weak);
    struct trust sha1 =
        trust_make(&(struct trust_order){.name = "gw",
                                         .issuer = w->between.certificate,
                                         .issuer_key = w->between.key,
                                         .sha1 = true,
                                         .days = 9});
    put_pems(w, "server.pem", sha1.certificate, NULL);
    put(w, "server.key", trust_key_pem(sha1.key, NULL), 0600);
    refused(w, ERR_REFUSED, "too weak");
    trust_free(&sha1);
}

static void remove_file(const struct world *w, const char *name) {
    char path[CONFIG_PATH_MAX];
    path_in(w, name, path);
    assert_int_equal(unlink(path), 0);
}

/* Each of the three files that have to be there. */
static const struct {
    const char *name;
    const char *key;
} needed[] = {{"server.pem", "tls.cert_file: "},
              {"server.key", "tls.key_file: "},
              {"ca.pem", "tls.ca_file: "}};

/* Goal: no file, no text, a folder, a pipe, too much: the key of the
 * configuration is named, and nothing hangs. */
static void test_no_files(void **state) {
    struct world *w = *state;
    char path[CONFIG_PATH_MAX];
    static uint8_t big[3 * 1024 * 1024];
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        path_in(w, needed[i].name, path);
        remove_file(w, needed[i].name);
        refused(w, ERR_NOT_FOUND, needed[i].key);
        put(w, needed[i].name, SLICE_EMPTY, 0600);
        refused(w, ERR_RANGE, "is empty");
        put(w, needed[i].name, slice_of(big, sizeof big), 0600);
        refused(w, ERR_RANGE, "is it the right file?");
        put(w, needed[i].name, slice_of(big, 1000), 0600);
        refused(w, ERR_PARSE, needed[i].key);
        put(w, needed[i].name, SLICE("hello\n"), 0600);
        refused(w, ERR_PARSE, needed[i].key);
        remove_file(w, needed[i].name);
        assert_int_equal(mkfifo(path, 0600), 0);
        refused(w, ERR_RANGE, "is not a file");
        remove_file(w, needed[i].name);
        assert_int_equal(mkdir(path, 0700), 0);
        struct tls_files files;
        struct reason reason = {""};
        assert_int_equal(
            tls_files_read(&w->broker, w->data, NOW_US, &files, &reason),
            ERR_RANGE);
        assert_non_null(strstr(reason.text, "is not a file"));
        assert_int_equal(rmdir(path), 0);
        put_all(w);
    }
}

/* Goal: a certificate that is cut at any byte is refused, not taken in part. */
static void test_cut(void **state) {
    struct world *w = *state;
    uint8_t bytes[4096];
    struct slice pem = trust_pem(w->server.certificate);
    memcpy(bytes, pem.data, pem.len);
    for (size_t len = 1; len + 1 < pem.len; len += 7) {
        struct tls_files files;
        struct reason reason;
        put(w, "server.pem", slice_of(bytes, len), 0600);
        assert_int_equal(
            tls_files_read(&w->broker, w->data, NOW_US, &files, &reason),
            ERR_PARSE);
    }
    put_all(w);
}

/* Goal: a list that cannot be used leaves the rest usable, and is refused to
 * everybody's safety; a company without a list needs none. */
static void test_lists(void **state) {
    struct world *w = *state;
    struct tls_files files;
    put(w, "crl.pem", SLICE("hello"), 0644);
    reads(w, &files);
    assert_non_null(
        strstr(files.crl_unusable.text, "tls.crl_file: what comes"));
    assert_int_equal(files.revoked.expires_us, 0);
    tls_files_free(&files);
    remove_file(w, "crl.pem");
    reads(w, &files);
    assert_non_null(strstr(files.crl_unusable.text, "is not there"));
    tls_files_free(&files);
    char before[CONFIG_PATH_MAX];
    memcpy(before, w->broker.tls.crl_file, sizeof before);
    snprintf(w->broker.tls.crl_file, sizeof w->broker.tls.crl_file,
             "%s/pki/crl.pem", w->data);
    reads(w, &files);
    assert_string_equal(files.crl_unusable.text, "");
    assert_int_equal(files.facts.crl_count, 0);
    assert_int_equal(files.revoked.expires_us, WHEN_NEVER);
    tls_files_free(&files);
    memcpy(w->broker.tls.crl_file, before, sizeof before);
    put_all(w);
}

static void make_own(const struct world *w, const struct platform *platform,
                     const char *dir) {
    struct authority authority;
    struct authority_made made;
    struct reason reason;
    CLEANUP(names_free) GENERAL_NAMES *names = GENERAL_NAMES_new();
    const struct authority_wish wish = {.names = names};
    const struct authority_wish brief = {.days = 5};
    assert_non_null(w);
    assert_int_equal(names_add_local(names, true, &reason), ERR_OK);
    assert_int_equal(authority_create(platform, dir, "CA", 0, &reason), ERR_OK);
    assert_int_equal(
        authority_open(&authority, platform, dir, AUTHORITY_ISSUE, &reason),
        ERR_OK);
    assert_int_equal(authority_issue_server(&authority, &wish, &made, &reason),
                     ERR_OK);
    assert_int_equal(
        authority_issue(&authority, "till-1", &brief, &made, &reason), ERR_OK);
    assert_int_equal(authority_commit(&authority, &reason), ERR_OK);
    authority_close(&authority);
}

/* Goal: seen whether an authority was taken away, whatever was added, and in
 * what order they stand. */
static void test_withdrawn(void **state) {
    (void)state;
    struct trust one = trust_make(
        &(struct trust_order){.name = "Same", .ca = true, .days = 7});
    struct trust two = trust_make(
        &(struct trust_order){.name = "Same", .ca = true, .days = 7});
    uint8_t both_bytes[8192];
    struct writer both = writer_over(both_bytes, sizeof both_bytes);
    writer_slice_add(&both, trust_pem(two.certificate));
    writer_slice_add(&both, trust_pem(one.certificate));
    assert_false(both.full);
    struct slice first = trust_pem(one.certificate);
    struct slice second = trust_pem(two.certificate);
    assert_false(tls_withdraws(first, first));
    assert_false(tls_withdraws(first, writer_slice(&both)));
    assert_true(tls_withdraws(writer_slice(&both), first));
    assert_true(tls_withdraws(first, second));
    assert_true(tls_withdraws(first, SLICE_EMPTY));
    assert_false(tls_withdraws(SLICE_EMPTY, first));
    trust_free(&one);
    trust_free(&two);
}

/* Goal: with TLS and passwords only, a CA is not asked for. */
static void test_no_ca(void **state) {
    struct world *w = *state;
    struct tls_files files;
    w->broker.listeners[0].certificates = false;
    remove_file(w, "ca.pem");
    put(w, "crl.pem", SLICE("hello"), 0644);
    reads(w, &files);
    assert_int_equal(files.ca.len, 0);
    assert_int_equal(files.facts.ca_ends_us, 0);
    assert_int_equal(files.revoked.count, 0);
    assert_int_equal(files.revoked.expires_us, WHEN_NEVER);
    assert_string_equal(files.crl_unusable.text, "");
    tls_files_free(&files);
    put(w, "server.key", trust_key_pem(w->root.key, NULL), 0600);
    refused(w, ERR_REFUSED, "does not belong to the certificate");
    w->broker.listeners[0].certificates = true;
}

/* Goal: our own CA's files, also those of a change that was cut short, and the
 * device whose certificate ends first. */
static void test_own(void **state) {
    struct world *w = *state;
    const struct platform platform = platform_real();
    struct tls_files files;
    char dir[128];
    snprintf(dir, sizeof dir, "%s/pki", w->data);
    make_own(w, &platform, dir);
    struct world own = *w;
    snprintf(own.dir, sizeof own.dir, "%.58s/pki", w->data);
    path_in(&own, "server.pem", own.broker.tls.cert_file);
    path_in(&own, "server.key", own.broker.tls.key_file);
    path_in(&own, "ca.pem", own.broker.tls.ca_file);
    path_in(&own, "crl.pem", own.broker.tls.crl_file);
    reads(&own, &files);
    assert_string_equal(files.facts.device, "till-1");
    assert_int_equal(files.facts.devices_ending, 1);
    assert_int_equal(days_until(files.facts.device_ends_us), 5);
    assert_int_equal(files.facts.crl_ends_us, WHEN_NEVER);
    assert_int_equal(days_until(files.facts.server_ends_us),
                     AUTHORITY_SERVER_DAYS);

    /* A company's CA beside ours: those devices do not count. */
    struct tls_files company;
    reads(w, &company);
    assert_string_equal(company.facts.device, "");
    assert_int_equal(company.facts.devices_ending, 0);
    tls_files_free(&company);

    uint8_t bytes[8192];
    struct writer out = writer_over(bytes, sizeof bytes);
    writer_printf(&out, "shopme-edge change 1\nput server.key %zu\n",
                  files.key.len);
    writer_slice_add(&out, octets_slice(&files.key));
    writer_str(&out, "\nend 1\n");
    put(&own, "server.key", trust_key_pem(w->root.key, NULL), 0600);
    struct tls_files again;
    struct reason reason;
    assert_int_equal(
        tls_files_read(&own.broker, own.data, NOW_US, &again, &reason),
        ERR_REFUSED);
    put(&own, "change", writer_slice(&out), 0600);
    reads(&own, &again);
    assert_int_equal(again.key.len, files.key.len);
    tls_files_free(&again);
    tls_files_free(&files);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),       cmocka_unit_test(test_ends),
        cmocka_unit_test(test_mismatched), cmocka_unit_test(test_no_files),
        cmocka_unit_test(test_cut),        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_withdrawn),  cmocka_unit_test(test_no_ca),
        cmocka_unit_test(test_own),
    };
    return cmocka_run_group_tests(tests, begin, end);
}

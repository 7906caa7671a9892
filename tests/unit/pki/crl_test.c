/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation lists: what is taken from them, and which are refused. */
#include "gateway/pki/crl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/x509.h>

#include "gateway/pki/when.h"
#include "tests/unit/pki/trust.h"

static const long none[] = {0};
static const long some[] = {0x0a1b, 5, 0x7fffffff, 0};
static const long others[] = {5, 6, 0};

struct world {
    struct trust a;
    struct trust b;
    struct trust stranger; /* no CA of the file */
    struct trust twin;     /* another key under the name of `a` */
    STACK_OF(X509) * authorities;
};

static int begin(void **state) {
    static struct world w;
    w = (struct world){
        .a = trust_make(&(struct trust_order){"A", .ca = true, .days = 9}),
        .b = trust_make(&(struct trust_order){"B", .ca = true, .days = 9}),
        .stranger =
            trust_make(&(struct trust_order){"C", .ca = true, .days = 9}),
        .twin = trust_make(&(struct trust_order){"A", .ca = true, .days = 9}),
        .authorities = sk_X509_new_null(),
    };
    sk_X509_push(w.authorities, w.a.certificate);
    sk_X509_push(w.authorities, w.b.certificate);
    *state = &w;
    return 0;
}

static int end(void **state) {
    struct world *w = *state;
    sk_X509_free(w->authorities);
    trust_free(&w->a);
    trust_free(&w->b);
    trust_free(&w->stranger);
    trust_free(&w->twin);
    return 0;
}

/* Up to two lists in one file. */
static err_t read_lists(const struct world *w, X509_CRL *first,
                        X509_CRL *second, struct revoked *ret,
                        uint32_t *ret_lists, struct reason *reason) {
    uint8_t bytes[32768];
    struct writer out = writer_over(bytes, sizeof bytes);
    writer_str(&out, "some words before\n");
    writer_slice_add(&out, trust_list_pem(first));
    if (second != NULL) {
        writer_str(&out, "\n");
        writer_slice_add(&out, trust_list_pem(second));
    }
    err_t err =
        crl_read(writer_slice(&out), w->authorities, ret, ret_lists, reason);
    X509_CRL_free(first);
    X509_CRL_free(second);
    return err;
}

/* Goal: serials in order and once, the nearest end; of one CA the newest list,
 * of several all. */
static void test_taken(void **state) {
    struct world *w = *state;
    struct revoked revoked;
    struct reason reason;
    uint32_t lists = 0;
    X509_CRL *a = trust_make_list(&(struct trust_list){
        .ca = &w->a, .serials = some, .from_days = -1, .days = 10});
    X509_CRL *b = trust_make_list(&(struct trust_list){
        .ca = &w->b, .serials = others, .from_days = -1, .days = 0});
    assert_int_equal(read_lists(w, a, b, &revoked, &lists, &reason), ERR_OK);
    assert_int_equal(lists, 2);
    assert_int_equal(revoked.count, 4);
    assert_string_equal(revoked.serials[0], "05");
    assert_string_equal(revoked.serials[1], "06");
    assert_string_equal(revoked.serials[2], "0A1B");
    assert_string_equal(revoked.serials[3], "7FFFFFFF");
    assert_true(revoked_has(&revoked, "0A1B"));
    assert_true(revoked.expires_us < WHEN_NEVER);
    revoked_free(&revoked);

    a = trust_make_list(&(struct trust_list){
        .ca = &w->a, .serials = some, .from_days = -9, .days = -1});
    b = trust_make_list(&(struct trust_list){
        .ca = &w->a, .serials = none, .from_days = -1, .days = 0});
    lists = 0;
    assert_int_equal(read_lists(w, a, b, &revoked, &lists, &reason), ERR_OK);
    assert_int_equal(lists, 1);
    assert_int_equal(revoked.count, 0);
    assert_int_equal(revoked.expires_us, WHEN_NEVER);
    revoked_free(&revoked);
}

/* Goal: the common form of companies' lists, DER, is taken as well. */
static void test_der(void **state) {
    struct world *w = *state;
    struct revoked revoked;
    struct reason reason;
    uint32_t lists = 0;
    X509_CRL *a = trust_make_list(&(struct trust_list){
        .ca = &w->a, .serials = some, .from_days = -1, .days = 10});
    struct slice der = trust_list_der(a);
    assert_int_equal(crl_read(der, w->authorities, &revoked, &lists, &reason),
                     ERR_OK);
    assert_int_equal(revoked.count, 3);
    revoked_free(&revoked);
    for (size_t len = 0; len < der.len; len++) {
        assert_int_equal(crl_read(slice_part(der, 0, len), w->authorities,
                                  &revoked, &lists, &reason),
                         ERR_PARSE);
    }
    X509_CRL_free(a);
}

static void refused(const struct world *w, const struct trust_list *list,
                    err_t expected, const char *words) {
    struct revoked revoked;
    struct reason reason;
    uint32_t lists = 0;
    X509_CRL *good = trust_make_list(&(struct trust_list){
        .ca = &w->b, .serials = none, .from_days = -1, .days = 10});
    assert_int_equal(
        read_lists(w, good, trust_make_list(list), &revoked, &lists, &reason),
        expected);
    assert_non_null(strstr(reason.text, words));
}

/* Goal: what nobody here has signed, and what says not all, is refused; a
 * place where the list is to be had is no reason. */
static void test_refused(void **state) {
    struct world *w = *state;
    refused(
        w,
        &(struct trust_list){
            .ca = &w->stranger, .serials = some, .from_days = -1, .days = 10},
        ERR_REFUSED, "number 2 is not signed by any CA");
    refused(w,
            &(struct trust_list){
                .ca = &w->twin, .serials = some, .from_days = -1, .days = 10},
            ERR_REFUSED, "number 2 is not signed by any CA");
    refused(w,
            &(struct trust_list){.ca = &w->a,
                                 .serials = some,
                                 .from_days = -1,
                                 .days = 10,
                                 .delta = true},
            ERR_UNSUPPORTED, "complete list");
    refused(w,
            &(struct trust_list){.ca = &w->a,
                                 .serials = some,
                                 .from_days = -1,
                                 .days = 10,
                                 .scope = "critical,indirectCRL:TRUE"},
            ERR_UNSUPPORTED, "complete list");
    refused(w,
            &(struct trust_list){.ca = &w->a,
                                 .serials = some,
                                 .from_days = -1,
                                 .days = 10,
                                 .scope = "critical,onlyCA:TRUE"},
            ERR_UNSUPPORTED, "complete list");
    struct revoked revoked;
    struct reason reason;
    uint32_t lists = 0;
    X509_CRL *a = trust_make_list(&(struct trust_list){
        &w->a, some, -1, 10, .scope = "critical,onlyuser:TRUE"});
    assert_int_equal(read_lists(w, a, NULL, &revoked, &lists, &reason), ERR_OK);
    revoked_free(&revoked);
}

/* Goal: what is no list is said to be none, wherever it is damaged. */
static void test_garbage(void **state) {
    struct world *w = *state;
    struct revoked revoked;
    struct reason reason;
    uint32_t lists;
    X509_CRL *a = trust_make_list(&(struct trust_list){
        .ca = &w->a, .serials = some, .from_days = -1, .days = 10});
    struct slice pem = trust_list_pem(a);
    assert_int_equal(
        crl_read(SLICE_EMPTY, w->authorities, &revoked, &lists, &reason),
        ERR_PARSE);
    assert_int_equal(
        crl_read(SLICE("0\x82\x01"), w->authorities, &revoked, &lists, &reason),
        ERR_PARSE);
    assert_int_equal(
        crl_read(SLICE("hello\n"), w->authorities, &revoked, &lists, &reason),
        ERR_PARSE);
    assert_non_null(strstr(reason.text, "no revocation list"));
    assert_int_equal(crl_read(trust_pem(w->a.certificate), w->authorities,
                              &revoked, &lists, &reason),
                     ERR_PARSE);
    /* (Without its last newline it is whole.) */
    for (size_t len = 0; len + 1 < pem.len; len++) {
        assert_int_equal(crl_read(slice_part(pem, 0, len), w->authorities,
                                  &revoked, &lists, &reason),
                         ERR_PARSE);
    }
    X509_CRL_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_der),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_garbage),
    };
    return cmocka_run_group_tests(tests, begin, end);
}

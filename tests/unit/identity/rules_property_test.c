/* SPDX-License-Identifier: Apache-2.0 */
/* Generated topics and filters against a model that is plain and slow: a filter
 * is the set of the topics that it matches. Which those are, libmosquitto says.
 * EDGE_SEED repeats a run. */
#include "gateway/identity/rules.h"

#include <mosquitto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/simulation/support.h"

enum { TOPIC_SIZE = 256, TOPICS_MAX = 4096 };

static uint64_t seed_of(void) {
    const char *given = getenv("EDGE_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 1;
    print_message("EDGE_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static bool matches(const char *filter, const char *topic) {
    bool result;
    int rc = mosquitto_topic_matches_sub(filter, topic, &result);
    if (rc != MOSQ_ERR_SUCCESS) {
        print_error("\"%s\" and \"%s\": %s\n", filter, topic,
                    mosquitto_strerror(rc));
        fail();
    }
    return result;
}

/* --- topic_filter_covers() --- */

struct topics {
    size_t count;
    char list[TOPICS_MAX][TOPIC_SIZE];
};

/* All topics of up to four levels; "z" is in no filter, so it stands for all
 * the words that no filter has. */
static void all_topics(struct topics *topics) {
    static const char *const words[] = {"", "a", "b", "z", "$x"};
    enum { WORDS = 5 };
    size_t count = WORDS;
    topics->count = 0;
    for (size_t levels = 1; levels <= 4; levels++, count *= WORDS) {
        for (size_t i = 0; i < count; i++) {
            char *topic = topics->list[topics->count];
            size_t left = i;
            topic[0] = '\0';
            for (size_t level = 0; level < levels; level++) {
                strcat(topic, level > 0 ? "/" : "");
                strcat(topic, words[left % WORDS]);
                left /= WORDS;
            }
            topics->count += topic[0] != '\0'; /* a topic is not empty */
        }
    }
}

static void generate_filter(struct support_random *random, char *ret) {
    static const char *const words[] = {"a", "a", "b", "+", "+", "", "$x"};
    size_t levels = 1 + support_below(random, 3);
    ret[0] = '\0';
    for (size_t i = 0; i < levels; i++) {
        bool last = i + 1 == levels;
        strcat(ret, i > 0 ? "/" : "");
        strcat(ret, last && support_below(random, 3) == 0
                        ? "#"
                        : words[support_below(random, 7)]);
    }
    if (ret[0] == '\0') {
        strcpy(ret, "#");
    }
}

/* Goal: a filter covers another if it matches each topic that the other one
 * does, and only then. */
static void test_covers(void **state) {
    enum { PAIRS = 20000 / TEST_SHARE };
    (void)state;
    struct topics *topics = malloc(sizeof *topics);
    struct support_random random = {seed_of()};
    size_t covering = 0;
    assert_non_null(topics);
    all_topics(topics);
    for (int i = 0; i < PAIRS; i++) {
        char filter[TOPIC_SIZE];
        char other[TOPIC_SIZE];
        bool covers = true;
        generate_filter(&random, filter);
        generate_filter(&random, other);
        for (size_t j = 0; covers && j < topics->count; j++) {
            covers = !matches(other, topics->list[j]) ||
                     matches(filter, topics->list[j]);
        }
        if (topic_filter_covers(filter, other) != covers) {
            print_error("\"%s\" and \"%s\": %d\n", filter, other, covers);
            fail();
        }
        covering += covers;
    }
    print_message("figure: %d pairs of filters, %zu cover\n", PAIRS, covering);
    assert_true(covering > PAIRS / 20);
    free(topics);
}

/* --- rules_check() --- */

/* Topics that a filter matches, such that another filter which matches them all
 * covers it: each wildcard as a word that nobody has. */
static size_t examples(const char *filter, char ret[3][TOPIC_SIZE]) {
    char plain[TOPIC_SIZE - 8] = "";
    size_t len = 0;
    for (const char *c = filter; *c != '\0' && *c != '#'; c++) {
        bool plus = *c == '+';
        len += (size_t)snprintf(plain + len, sizeof plain - len, "%s",
                                plus ? "zz" : (char[]){*c, '\0'});
    }
    if (strchr(filter, '#') == NULL) {
        strcpy(ret[0], plain);
        return 1;
    }
    snprintf(ret[0], TOPIC_SIZE, "%szz", plain);
    snprintf(ret[1], TOPIC_SIZE, "%szz/zz", plain);
    if (len < 2) { /* "#" alone: it has no parent */
        return 2;
    }
    plain[len - 1] = '\0';
    strcpy(ret[2], plain);
    return 3;
}

static bool model_covers(const char *filter, const char *other) {
    char topics[3][TOPIC_SIZE];
    size_t count = examples(other, topics);
    for (size_t i = 0; i < count; i++) {
        if (topics[i][0] == '\0' || !matches(filter, topics[i])) {
            return false;
        }
    }
    return true;
}

struct question {
    struct rules rules;
    enum rules_who who;
    struct account account;
    enum rules_action action;
    char topic[TOPIC_SIZE];
    bool retain;
};

/* Who asks for a topic that is one of these, by a name of a device or `+`? */
static bool model_leaf(const struct question *q, const char *device,
                       const char *leaf) {
    char own[TOPIC_SIZE];
    snprintf(own, sizeof own, "shopme/%s/%s/%s", q->rules.store, device, leaf);
    return strcmp(own, q->topic) == 0;
}

static bool model_own(const struct question *q, const char *device) {
    if (q->action != RULES_PUBLISH) {
        return model_leaf(q, device, "receipts") ||
               model_leaf(q, device, "notices");
    }
    for (uint32_t i = 0; i < q->rules.stream_count; i++) {
        if (!q->retain && model_leaf(q, device, q->rules.streams[i])) {
            return true;
        }
    }
    return q->who == RULES_DEVICE && model_leaf(q, device, "status");
}

static const char *const devices[] = {"till",  "till-2", "+",      "gateway",
                                      "order", "events", "sensor", "#"};

static bool model_anonymous(const struct question *q) {
    static const char *const admitted[] = {"till", "till-2", "sensor", "zz"};
    static const char *const read_too[] = {"gateway", "order"};
    bool may = false;
    for (size_t i = 0; i < 4; i++) {
        may = may || model_own(q, admitted[i]);
    }
    for (size_t i = 0; q->action != RULES_PUBLISH && i < 2; i++) {
        may = may || model_own(q, read_too[i]);
    }
    return may || (q->action == RULES_SUBSCRIBE && model_own(q, "+"));
}

static bool model_device(const struct question *q) {
    char channel[TOPIC_SIZE];
    snprintf(channel, sizeof channel, "shopme/%s/events/#", q->rules.store);
    bool wild = strpbrk(q->topic, "+#") != NULL;
    if (model_own(q, q->account.name)) {
        return true;
    }
    if (q->action != RULES_PUBLISH && q->account.channel &&
        model_covers(channel, q->topic)) {
        return true;
    }
    if (q->action != RULES_SUBSCRIBE && wild) {
        return false;
    }
    for (uint32_t i = 0; i < q->account.topic_count; i++) {
        if (model_covers(q->account.topics[i], q->topic)) {
            return true;
        }
    }
    return false;
}

static bool model_may(const struct question *q) {
    if (q->who == RULES_GATEWAY) {
        return true;
    }
    return q->who == RULES_DEVICE ? model_device(q)
                                  : q->rules.anonymous && model_anonymous(q);
}

static const char *pick(struct support_random *random, const char *const *list,
                        size_t count) {
    return list[support_below(random, count)];
}

/* Often nearly what is allowed, and sometimes anything. */
static void generate_topic(struct support_random *random, char *ret) {
    static const char *const firsts[] = {
        "shopme", "shopme", "shopme", "shopme",          "kitchen",
        "bar",    "+",      "$SYS",   "$share/g/shopme", ""};
    static const char *const stores[] = {"s", "s", "s", "s", "s2", "+", ""};
    static const char *const leaves[] = {"orders",   "telemetry", "status",
                                         "receipts", "notices",   "+",
                                         "light",    ""};
    size_t levels = 1 + support_below(random, 8);
    levels = levels > 5 ? 4 : levels; /* four is what it should be */
    strcpy(ret, pick(random, firsts, 10));
    for (size_t i = 1; i < levels; i++) {
        strcat(ret, "/");
        strcat(ret, i == 1   ? pick(random, stores, 7)
                    : i == 2 ? pick(random, devices, 7)
                             : pick(random, leaves, 8));
    }
    if (support_below(random, 6) == 0) {
        strcat(ret, ret[0] != '\0' ? "/#" : "#");
    }
    if (ret[0] == '\0') {
        strcpy(ret, "zz");
    }
}

static void generate(struct support_random *random, char **topics,
                     struct question *q) {
    *q = (struct question){
        .rules = {.store = "s",
                  .stream_count = 2,
                  .streams = {"orders", "telemetry"},
                  .anonymous = support_below(random, 8) > 0},
        .who = (enum rules_who)support_below(random, 3),
        .account = {.channel = support_below(random, 2) == 0,
                    .topic_count = (uint32_t)support_below(random, 4),
                    .topics = topics},
        .action = (enum rules_action)support_below(random, 3),
        .retain = support_below(random, 3) == 0,
    };
    strcpy(q->account.name, support_below(random, 2) == 0 ? "till" : "sensor");
    generate_topic(random, q->topic);
}

static void ask(const struct question *q, size_t *allowed) {
    bool device = q->who == RULES_DEVICE;
    enum refusal refusal =
        rules_check(&q->rules, q->who, device ? &q->account : NULL, q->action,
                    q->topic, q->retain);
    if ((refusal == REFUSAL_NONE) != model_may(q)) {
        print_error("who %d, %s, action %d, \"%s\", retain %d: \"%s\"\n",
                    q->who, q->account.name, q->action, q->topic, q->retain,
                    refusal_code(refusal));
        fail();
    }
    allowed[q->who] += refusal == REFUSAL_NONE;
}

/* Goal: what the header allows is allowed, and nothing else. */
static void test_rules(void **state) {
    enum { QUESTIONS = 1000000 / TEST_SHARE };
    (void)state;
    static char filters[][16] = {"kitchen/#", "bar/+/light", "bar/s"};
    char *topics[] = {filters[0], filters[1], filters[2]};
    struct support_random random = {seed_of()};
    size_t allowed[3] = {0};
    for (int i = 0; i < QUESTIONS; i++) {
        struct question q;
        generate(&random, topics, &q);
        ask(&q, allowed);
    }
    print_message("figure: %d questions; of them allowed to anonymous %zu, "
                  "devices %zu, the gateway %zu\n",
                  QUESTIONS, allowed[RULES_ANONYMOUS], allowed[RULES_DEVICE],
                  allowed[RULES_GATEWAY]);
    assert_true(allowed[RULES_ANONYMOUS] > QUESTIONS / 500);
    assert_true(allowed[RULES_DEVICE] > QUESTIONS / 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_covers),
        cmocka_unit_test(test_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

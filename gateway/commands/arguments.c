/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/arguments.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/commands.h"

PRINTF_LIKE(3, 4)
static bool refuse(const struct arguments *arguments, int *ret_exit,
                   const char *format, ...) {
    fprintf(stderr, "shopme-edge %s: ", arguments->command);
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nTry: shopme-edge %s --help\n", arguments->command);
    *ret_exit = COMMANDS_EXIT_USAGE;
    return false;
}

static const struct argument *find(const struct arguments *arguments,
                                   struct slice name) {
    for (size_t i = 0; i < arguments->count; i++) {
        if (slice_eq_str(name, arguments->table[i].name)) {
            return &arguments->table[i];
        }
    }
    return NULL;
}

/* The value behind the option, or "" if there is none. */
static const char *value_of(char **argv, int *at) {
    const char *word = argv[*at] + 2;
    size_t len = strcspn(word, "=");
    if (word[len] == '=') {
        return word + len + 1;
    }
    if (argv[*at + 1] != NULL && strncmp(argv[*at + 1], "--", 2) != 0) {
        return argv[++*at];
    }
    return "";
}

static bool needs_value(const struct arguments *arguments, const char *name,
                        int *ret_exit) {
    return refuse(arguments, ret_exit, "--%s needs a value", name);
}

static struct argument_list *find_list(const struct arguments_more *more,
                                       struct slice name) {
    for (size_t i = 0; i < more->list_count; i++) {
        if (slice_eq_str(name, more->lists[i].name)) {
            return &more->lists[i];
        }
    }
    return NULL;
}

static bool take_listed(const struct arguments *arguments,
                        struct argument_list *list, char **argv, int *at,
                        int *ret_exit) {
    const char *value = value_of(argv, at);
    if (value[0] == '\0') {
        return needs_value(arguments, list->name, ret_exit);
    }
    if (list->count == ARGUMENTS_LIST_MAX) {
        return refuse(arguments, ret_exit, "--%s may be given %d times at most",
                      list->name, ARGUMENTS_LIST_MAX);
    }
    list->values[list->count++] = value;
    return true;
}

static bool take_option(const struct arguments *arguments,
                        const struct argument *found, char **argv, int *at,
                        int *ret_exit) {
    if (found->flag != NULL) {
        *found->flag = true;
        return strchr(argv[*at], '=') == NULL ||
               refuse(arguments, ret_exit, "--%s takes no value", found->name);
    }
    const char *value = value_of(argv, at);
    if (value[0] == '\0') {
        return needs_value(arguments, found->name, ret_exit);
    }
    *found->value = value;
    return true;
}

static bool take_word(const struct arguments *arguments,
                      struct arguments_more *more, const char *word,
                      int *ret_exit) {
    if (more->word_name == NULL) {
        return refuse(arguments, ret_exit,
                      "unexpected argument \"%s\": only options are accepted",
                      word);
    }
    if (more->word != NULL) {
        return refuse(arguments, ret_exit,
                      "unexpected argument \"%s\": there is one %s already, "
                      "\"%s\"",
                      word, more->word_name, more->word);
    }
    more->word = word;
    return true;
}

/* Takes argv[*at] and, if the option wants one, the value behind it. */
static bool take(const struct arguments *arguments, struct arguments_more *more,
                 char **argv, int *at, int *ret_exit) {
    const char *word = argv[*at];
    if (strncmp(word, "--", 2) != 0) {
        return take_word(arguments, more, word, ret_exit);
    }
    struct slice name = slice_of(word + 2, strcspn(word + 2, "="));
    const struct argument *found = find(arguments, name);
    struct argument_list *list = find_list(more, name);
    if (found != NULL) {
        return take_option(arguments, found, argv, at, ret_exit);
    }
    if (list != NULL) {
        return take_listed(arguments, list, argv, at, ret_exit);
    }
    return refuse(arguments, ret_exit, "there is no option \"%.*s\"",
                  (int)name.len + 2, word);
}

bool arguments_read_more(const struct arguments *arguments,
                         struct arguments_more *more, int argc, char **argv,
                         int *ret_exit) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(arguments->usage, stdout);
            *ret_exit = EXIT_SUCCESS;
            return false;
        }
    }
    for (int i = 1; i < argc; i++) {
        if (!take(arguments, more, argv, &i, ret_exit)) {
            return false;
        }
    }
    return true;
}

bool arguments_read(const struct arguments *arguments, int argc, char **argv,
                    int *ret_exit) {
    struct arguments_more none = {.word_name = NULL};
    return arguments_read_more(arguments, &none, argc, argv, ret_exit);
}

bool arguments_number(const struct arguments *arguments, const char *name,
                      const char *text, uint64_t min, uint64_t max,
                      uint64_t *ret, int *ret_exit) {
    uint64_t value = 0;
    bool good = text[0] != '\0';
    for (const char *p = text; good && *p != '\0'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        good = *p >= '0' && *p <= '9' && value <= (UINT64_MAX - digit) / 10;
        value = good ? value * 10 + digit : 0;
    }
    if (!good || value < min || value > max) {
        return refuse(arguments, ret_exit,
                      "--%s is \"%s\"; give a whole number from %" PRIu64
                      " to %" PRIu64,
                      name, text, min, max);
    }
    *ret = value;
    return true;
}

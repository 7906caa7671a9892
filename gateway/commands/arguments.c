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

/* Takes argv[*at] and, if the option wants one, the value behind it. */
static bool take(const struct arguments *arguments, char **argv, int *at,
                 int *ret_exit) {
    const char *word = argv[*at];
    if (strncmp(word, "--", 2) != 0) {
        return refuse(arguments, ret_exit,
                      "unexpected argument \"%s\": only options are accepted",
                      word);
    }
    size_t len = strcspn(word + 2, "=");
    const struct argument *found = find(arguments, slice_of(word + 2, len));
    const char *value = word[2 + len] == '=' ? word + 2 + len + 1 : NULL;
    if (found == NULL) {
        return refuse(arguments, ret_exit, "there is no option \"%.*s\"",
                      (int)len + 2, word);
    }
    if (found->flag != NULL) {
        *found->flag = true;
        return value == NULL ||
               refuse(arguments, ret_exit, "--%s takes no value", found->name);
    }
    if (value == NULL && argv[*at + 1] != NULL &&
        strncmp(argv[*at + 1], "--", 2) != 0) {
        value = argv[++*at];
    }
    if (value == NULL || value[0] == '\0') {
        return refuse(arguments, ret_exit, "--%s needs a value", found->name);
    }
    *found->value = value;
    return true;
}

bool arguments_read(const struct arguments *arguments, int argc, char **argv,
                    int *ret_exit) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(arguments->usage, stdout);
            *ret_exit = EXIT_SUCCESS;
            return false;
        }
    }
    for (int i = 1; i < argc; i++) {
        if (!take(arguments, argv, &i, ret_exit)) {
            return false;
        }
    }
    return true;
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

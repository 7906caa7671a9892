/* SPDX-License-Identifier: Apache-2.0 */
/* For password_test.py: prints a hash of a password, or exits with 0 if one
 * matches.
 *
 *     identity_password_tool hash ITERATIONS PASSWORD
 *     identity_password_tool matches HASH PASSWORD */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/identity/password.h"

int main(int argc, char **argv) {
    struct platform real = platform_real();
    char hash[ACCOUNT_HASH_MAX];
    if (argc != 4) {
        return 2;
    }
    struct slice password = slice_from_str(argv[3]);
    if (strcmp(argv[1], "matches") == 0) {
        return password_matches(argv[2], password) ? 0 : 1;
    }
    uint32_t iterations = (uint32_t)strtoul(argv[2], NULL, 10);
    if (password_hash(&real.entropy, password, iterations, hash) != ERR_OK) {
        return 2;
    }
    return puts(hash) >= 0 ? 0 : 2;
}

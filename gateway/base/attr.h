/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes that let the compiler check a contract (gcc and clang). */
#ifndef GATEWAY_BASE_ATTR_H
#define GATEWAY_BASE_ATTR_H

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_arg, first_arg) \
    __attribute__((format(printf, format_arg, first_arg)))

/* Runs `function(&variable)` when the variable goes out of scope. */
#define CLEANUP(function) __attribute__((cleanup(function)))

#endif

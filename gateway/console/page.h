/* SPDX-License-Identifier: Apache-2.0 */
/* The page's files, embedded in the program when it is built. */
#ifndef GATEWAY_CONSOLE_PAGE_H
#define GATEWAY_CONSOLE_PAGE_H

#include "gateway/base/bytes.h"

struct page_file {
    const char *path; /* of the URL */
    const char *type; /* Content-Type */
    const unsigned char *data;
    size_t len;
};

enum { PAGE_FILE_COUNT = 5 };
extern const struct page_file page_files[PAGE_FILE_COUNT];

#endif

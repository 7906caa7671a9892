/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a configuration: all of it, not only the first. Errors
 * keep the gateway from starting, warnings do not. */
#ifndef CONFIG_FINDINGS_H
#define CONFIG_FINDINGS_H

#include "gateway/base/base.h"

enum config_level { CONFIG_WARNING, CONFIG_ERROR };

struct config_finding {
    enum config_level level;
    struct reason what; /* "file:line:column: found ...; expected ..." */
};

enum { CONFIG_FINDINGS_MAX = 50 };

/* Zeroed is ready. */
struct config_findings {
    struct config_finding items[CONFIG_FINDINGS_MAX];
    uint32_t count;
    uint32_t errors;   /* the ones left off among them */
    uint32_t left_off; /* found when `items` was full */
};

void config_findings_add(struct config_findings *findings,
                         enum config_level level, const struct reason *what);
bool config_findings_full(const struct config_findings *findings);
/* The first error, or NULL. */
const struct config_finding *config_findings_error(
    const struct config_findings *findings);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "config/findings.h"

#include <assert.h>

void config_findings_add(struct config_findings *findings,
                         enum config_level level, const struct reason *what) {
    assert(findings->count <= CONFIG_FINDINGS_MAX);
    findings->errors += level == CONFIG_ERROR ? 1 : 0;
    if (config_findings_full(findings)) {
        findings->left_off++;
        return;
    }
    findings->items[findings->count++] =
        (struct config_finding){.level = level, .what = *what};
}

bool config_findings_full(const struct config_findings *findings) {
    return findings->count == CONFIG_FINDINGS_MAX;
}

const struct config_finding *config_findings_error(
    const struct config_findings *findings) {
    for (uint32_t i = 0; i < findings->count; i++) {
        if (findings->items[i].level == CONFIG_ERROR) {
            return &findings->items[i];
        }
    }
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Why a device is refused, at its connection or at a topic. */
#ifndef GATEWAY_IDENTITY_REFUSAL_H
#define GATEWAY_IDENTITY_REFUSAL_H

#include "gateway/base/base.h"

enum refusal {
    REFUSAL_NONE, /* it is allowed */
#define REFUSAL(name, code, text) REFUSAL_##name,
#include "gateway/identity/refusal_list.h"
#undef REFUSAL
    REFUSAL_COUNT,
};

/* The stable code, e.g. "other-device"; "" for REFUSAL_NONE. */
const char *refusal_code(enum refusal refusal);
/* What happened and what to do, for a log line or a receipt. */
const char *refusal_text(enum refusal refusal);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What every folder uses, and which knows nothing of the product. */
#ifndef GATEWAY_BASE_BASE_H
#define GATEWAY_BASE_BASE_H

#include "gateway/base/arena.h"
#include "gateway/base/attr.h"
#include "gateway/base/bytes.h"
#include "gateway/base/disk.h"
#include "gateway/base/error.h"
#include "gateway/base/log.h"
#include "gateway/base/platform.h"

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The ground floor: everything below the product's own ideas. */
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

/* SPDX-License-Identifier: Apache-2.0 */
/* All the devices of a store on one loop: places orders at a given rate, waits
 * for the last receipt and the last order's end, and reports. */
#ifndef DEVICES_FLEET_H
#define DEVICES_FLEET_H

#include "devices/options.h"
#include "devices/report.h"

/* Runs to its end. `report` is filled in even on failure. Errors:
 * ERR_IO (the log file), ERR_MEMORY, with words. */
err_t fleet_run(const struct options *options, struct report *report,
                struct reason *reason) MUST_USE;

#endif

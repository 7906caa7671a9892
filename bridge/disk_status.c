/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/disk_status.h"

void disk_status(const struct cursor_saver *saver, const struct feed *feed,
                 struct bridge_stream_status *ret) {
    ret->disk_job = NULL;
    ret->disk_since_us = 0;
    if (saver->busy) {
        ret->disk_job = "saving the cursor";
        ret->disk_since_us = saver->begun_us;
    }
    if (feed != NULL && feed_is_busy(feed) &&
        (ret->disk_job == NULL ||
         feed_busy_since_us(feed) < ret->disk_since_us)) {
        ret->disk_job = "reading the journal for the cloud";
        ret->disk_since_us = feed_busy_since_us(feed);
    }
}

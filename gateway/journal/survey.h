/* SPDX-License-Identifier: Apache-2.0 */
/* One segment file in any state, as far as it can be read: which frames verify,
 * wherever they are in the file (a write may have gone astray), and how far the
 * file once went. Changes nothing.
 *
 * A page that the disk cannot read counts as one that does not verify, as long
 * as the file's first or second page can be read: then it is a bad page and not
 * a bad disk. If such a page is where the next frame of the last file would be,
 * and no seal or frame after it says what was there, it counts as one record:
 * as few as there can have been, and its number is not used again. */
#ifndef GATEWAY_JOURNAL_SURVEY_H
#define GATEWAY_JOURNAL_SURVEY_H

#include "gateway/journal/options.h"
#include "gateway/journal/segment.h"

struct frame_place {
    uint64_t first; /* its records [first, end) */
    uint64_t end;
    uint64_t offset;
};

struct survey {
    uint64_t name;          /* the first sequence number, by the file's name */
    uint64_t limit;         /* the next file's; UINT64_MAX for the last one */
    struct segment segment; /* open, unless the header is lost */
    bool header_lost;
    bool mended;                /* the header was damaged, and could be told */
    bool whole;                 /* nothing needs to be repaired */
    bool unreadable;            /* a page of it */
    uint64_t went_to;           /* records before this one once existed */
    struct frame_place *frames; /* frames that verify: by number, each once */
    size_t count;
};

/* Opens and reads the file. Call survey_free() whatever it returns. ERR_CORRUPT
 * if it overlaps the next one, which is not rot; ERR_UNSUPPORTED; ERR_IO if
 * almost nothing of it can be read; ERR_MEMORY. */
err_t survey_file(const struct journal_options *options,
                  struct segment_buffer *buffer, uint64_t name, uint64_t limit,
                  struct survey *ret, struct reason *reason) MUST_USE;
void survey_free(struct survey *survey);

/* Sets the reason for a state that rot cannot explain: ERR_CORRUPT. */
err_t survey_refuse(const struct journal_options *options, uint64_t name,
                    const char *what, struct reason *reason);

#endif

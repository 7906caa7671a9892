/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/sync_progress.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "gateway/base/span.h"
#include "gateway/event/json.h"

enum {
    COLUMNS_DEFAULT = 80,
    COLUMNS_MAX = 200,
    BAR_CELLS = 20,
    LINE_MAX_BYTES = 512,
    JSON_MAX_BYTES = 32 * 1024,
};

#define SECOND_US ((int64_t)1000 * 1000)
#define LINES_US (10 * SECOND_US)

static int64_t now_us(const struct sync_progress *progress) {
    return progress->clock.mono_us(progress->clock.self);
}

static uint32_t columns(void) {
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return COLUMNS_DEFAULT;
    }
    return size.ws_col < COLUMNS_MAX ? size.ws_col : COLUMNS_MAX;
}

void sync_progress_begin(struct sync_progress *progress,
                         const struct clock *clock, bool json) {
    bool terminal = isatty(STDERR_FILENO) == 1;
    *progress = (struct sync_progress){
        .clock = *clock,
        .form = json       ? SYNC_JSON
                : terminal ? SYNC_BAR
                           : SYNC_LINES,
        .columns = columns(),
    };
    progress->began_us = now_us(progress);
    progress->told_us = progress->began_us;
}

int64_t sync_progress_elapsed_us(const struct sync_progress *progress) {
    return now_us(progress) - progress->began_us;
}

/* --- the rate ----------------------------------------------------------- */

static void sample(struct sync_progress *progress, uint64_t sent) {
    int64_t at_us = now_us(progress);
    uint32_t last = (progress->sampled + SYNC_SAMPLES - 1) % SYNC_SAMPLES;
    if (progress->sampled == 0) {
        progress->first = sent;
    } else if (at_us - progress->samples[last].at_us < SECOND_US) {
        return;
    }
    uint32_t next = progress->sampled % SYNC_SAMPLES;
    progress->samples[next].at_us = at_us;
    progress->samples[next].sent = sent;
    progress->sampled++;
}

uint64_t sync_progress_rate(const struct sync_progress *progress) {
    uint32_t count = progress->sampled;
    if (count < 2) {
        return 0;
    }
    uint32_t last = (count - 1) % SYNC_SAMPLES;
    uint32_t oldest = count > SYNC_SAMPLES ? count % SYNC_SAMPLES : 0;
    assert(last != oldest);
    int64_t took_us =
        progress->samples[last].at_us - progress->samples[oldest].at_us;
    uint64_t from = progress->samples[oldest].sent;
    uint64_t to = progress->samples[last].sent;
    return to > from && took_us > 0
               ? (to - from) * (uint64_t)SECOND_US / (uint64_t)took_us
               : 0;
}

/* Sent since it began: a gateway that starts anew may report less at first. */
static uint64_t sent_since(const struct sync_progress *progress,
                           const struct sync_view *view) {
    return view->sent > progress->first ? view->sent - progress->first : 0;
}

/* --- a bar, a line ------------------------------------------------------ */

static void write_bar(uint64_t done, uint64_t all, struct writer *writer) {
    assert(done <= all);
    uint64_t cells = all > 0 ? done * BAR_CELLS / all : 0;
    writer_str(writer, "[");
    writer_fill(writer, '#', (size_t)cells);
    writer_fill(writer, '-', (size_t)(BAR_CELLS - cells));
    writer_printf(writer, "] %3" PRIu64 " %%  ",
                  all > 0 ? done * 100 / all : 0);
}

static void write_words(const struct sync_progress *progress,
                        const struct sync_view *view, struct writer *writer) {
    char span[SPAN_SIZE];
    uint64_t rate = sync_progress_rate(progress);
    const struct sync_stream *waiting = sync_view_waiting(view);
    writer_printf(writer, "%" PRIu64 " events left", view->left);
    if (rate > 0) {
        writer_printf(writer, ", %" PRIu64 " a second, about %s to go", rate,
                      span_text((int64_t)(view->left / rate), span));
    }
    if (waiting != NULL) {
        writer_printf(writer, ", %s: %s", waiting->name, waiting->link);
    }
}

/* A line that is too long would not be written over. */
void sync_progress_bar(const struct sync_progress *progress,
                       const struct sync_view *view, struct writer *ret) {
    assert(progress->columns <= COLUMNS_MAX);
    char text[LINE_MAX_BYTES];
    struct writer writer = writer_over(text, sizeof text);
    uint64_t done = sent_since(progress, view);
    write_bar(done, done + view->left, &writer);
    write_words(progress, view, &writer);
    size_t most = progress->columns > 0 ? progress->columns - 1 : 0;
    writer_slice_add(ret,
                     slice_of(text, writer.len < most ? writer.len : most));
}

static void show_bar(const struct sync_progress *progress,
                     const struct sync_view *view) {
    char text[LINE_MAX_BYTES];
    struct writer writer = writer_over(text, sizeof text);
    sync_progress_bar(progress, view, &writer);
    fprintf(stderr, "\r%.*s\033[K", (int)writer.len, text);
    fflush(stderr);
}

static void show_line(const struct sync_progress *progress,
                      const struct sync_view *view) {
    char text[LINE_MAX_BYTES];
    struct writer writer = writer_over(text, sizeof text);
    const struct sync_stream *waiting = sync_view_waiting(view);
    write_words(progress, view, &writer);
    if (waiting != NULL && waiting->error[0] != '\0') {
        writer_printf(&writer, ": %s", waiting->error);
    }
    fprintf(stderr, "%.*s\n", (int)writer.len, text);
}

/* --- JSON --------------------------------------------------------------- */

static void write_member(struct writer *writer, const char *name,
                         const char *text) {
    writer_printf(writer, ",\"%s\":", name);
    json_write_string(writer, slice_from_str(text));
}

static void write_streams(const struct sync_view *view, struct writer *writer) {
    writer_str(writer, ",\"streams\":[");
    for (uint32_t i = 0; i < view->count; i++) {
        const struct sync_stream *stream = &view->streams[i];
        writer_printf(writer, "%s{\"left\":%" PRIu64 ",\"held\":%" PRIu64,
                      i > 0 ? "," : "", stream->left, stream->held);
        write_member(writer, "name", stream->name);
        write_member(writer, "link", stream->link);
        write_member(writer, "last_error", stream->error);
        writer_str(writer, "}");
    }
    writer_str(writer, "]");
}

static void show_json(const struct sync_progress *progress,
                      const struct sync_view *view, bool ended) {
    char text[JSON_MAX_BYTES];
    struct writer writer = writer_over(text, sizeof text);
    uint64_t rate = sync_progress_rate(progress);
    writer_printf(&writer,
                  "{\"left\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"lost\":%" PRIu64
                  ",\"dead_letters\":%" PRIu64 ",\"events_per_s\":%" PRIu64
                  ",\"seconds_left\":",
                  view->left, sent_since(progress, view), view->lost,
                  view->letters, rate);
    if (rate > 0 || view->left == 0) {
        writer_printf(&writer, "%" PRIu64, rate > 0 ? view->left / rate : 0);
    } else {
        writer_str(&writer, "null");
    }
    writer_printf(&writer, ",\"ended\":%s", ended ? "true" : "false");
    write_streams(view, &writer);
    writer_str(&writer, "}");
    assert(!writer.full);
    printf("%.*s\n", (int)writer.len, text);
    fflush(stdout);
}

/* --- when --------------------------------------------------------------- */

void sync_progress_show(struct sync_progress *progress,
                        const struct sync_view *view) {
    bool first = progress->sampled == 0;
    sample(progress, view->sent);
    int64_t since_us = now_us(progress) - progress->told_us;
    if (progress->form == SYNC_BAR) {
        show_bar(progress, view);
    } else if (progress->form == SYNC_JSON && (first || since_us > SECOND_US)) {
        show_json(progress, view, false);
        progress->told_us = now_us(progress);
    } else if (progress->form == SYNC_LINES && since_us > LINES_US) {
        show_line(progress, view);
        progress->told_us = now_us(progress);
    }
}

void sync_progress_end(struct sync_progress *progress,
                       const struct sync_view *view) {
    if (progress->form == SYNC_BAR) {
        fputs("\r\033[K", stderr);
    } else if (progress->form == SYNC_JSON) {
        sample(progress, view->sent);
        show_json(progress, view, true);
    }
}

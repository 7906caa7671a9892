/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/rot.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/journal/reader.h"
#include "gateway/journal/segment.h"
#include "tests/simulation/machine.h"

enum {
    FILES_MAX = 8,
    PAGES_MAX = 16,
    RECORDS_MAX = 256,
    SEGMENT_PAGES = 8,
    PATH_SIZE = 96,
    SALT_END = 16, /* in a header's page */
};

enum page_kind { PAGE_HEADER, PAGE_FRAME, PAGE_SEAL, PAGE_FREE };

struct page {
    enum page_kind kind;
    uint64_t first; /* of a frame: its records [first, end) */
    uint64_t end;
};

struct image_file {
    uint64_t name;
    uint8_t *bytes;
    size_t len;
    struct page pages[PAGES_MAX];
    size_t page_count;
};

/* A journal's directory, whole, as a process left it that was killed or closed
 * it; and the machine with the list of what is in it. */
struct image {
    struct machine *machine;
    struct image_file files[FILES_MAX];
    size_t file_count;
    bool closed;
};

/* Most frames take a page, some two. */
static size_t rot_length(uint64_t value) {
    return value % 5 == 2 ? 4500 : 8 + value % 100;
}

/* --- A whole journal ----------------------------------------------------- */

static void add_file(void *context, const char *name) {
    struct image *image = context;
    uint64_t first;
    if (segment_name_read(name, SEGMENT_SUFFIX, &first)) {
        assert(image->file_count < FILES_MAX);
        image->files[image->file_count++].name = first;
    }
}

static int file_compare(const void *left, const void *right) {
    const struct image_file *a = left;
    const struct image_file *b = right;
    return (a->name > b->name) - (a->name < b->name);
}

static void file_path(uint64_t name, char ret[PATH_SIZE]) {
    snprintf(ret, PATH_SIZE, MACHINE_DIR "/%020" PRIu64 ".seg", name);
}

static void map_pages(struct image *image, struct image_file *file) {
    struct segment segment;
    struct segment_buffer buffer;
    err_t err = segment_open(&image->machine->platform.disk, MACHINE_DIR,
                             file->name, DISK_READ, &segment, NULL);
    assert(err == ERR_OK);
    err = segment_buffer_init(&buffer);
    assert(err == ERR_OK);
    file->page_count = file->len / JOURNAL_PAGE;
    assert(file->page_count <= PAGES_MAX);
    file->pages[0] = (struct page){.kind = PAGE_HEADER};
    for (size_t i = 1; i < file->page_count; i++) {
        struct segment_item item;
        err = segment_read(&segment, i * JOURNAL_PAGE, &buffer, &item);
        assert(err == ERR_OK);
        struct page page = {.kind = item.type == SEGMENT_SEAL ? PAGE_SEAL
                                                              : PAGE_FREE};
        size_t more = 0;
        if (item.type == SEGMENT_FRAME) {
            page = (struct page){PAGE_FRAME, item.head.first_seq,
                                 item.head.first_seq + item.head.count};
            more = item.frame.len / JOURNAL_PAGE - 1;
        }
        file->pages[i] = page;
        for (; more > 0; more--) {
            file->pages[++i] = page;
        }
    }
    segment_buffer_free(&buffer);
    segment_close(&segment);
}

static void take_files(struct image *image) {
    const struct disk *disk = &image->machine->platform.disk;
    err_t err = disk->list(disk->self, MACHINE_DIR, add_file, image);
    assert(err == ERR_OK);
    qsort(image->files, image->file_count, sizeof *image->files, file_compare);
    for (size_t i = 0; i < image->file_count; i++) {
        struct image_file *file = &image->files[i];
        char path[PATH_SIZE];
        file_path(file->name, path);
        uint64_t size = 0;
        const uint8_t *bytes =
            fake_disk_bytes(image->machine->fake, path, &size);
        file->len = (size_t)size;
        file->bytes = malloc(file->len);
        assert(file->bytes != NULL);
        memcpy(file->bytes, bytes, file->len);
        map_pages(image, file);
    }
}

/* Three processes: one that is closed, one that is killed, one that ends as
 * `closed` says. */
static bool image_make(uint64_t seed, bool closed, struct run_counts *counts,
                       struct reason *ret, struct image *image) {
    *image = (struct image){.closed = closed};
    struct machine *machine = machine_new(seed, counts, ret);
    image->machine = machine;
    machine->length_of = rot_length;
    machine->options.whole = true;
    machine->options.segment_bytes = SEGMENT_PAGES * JOURNAL_PAGE;
    for (int life = 0; life < 3; life++) {
        struct journal *journal = machine_open(machine);
        bool going = journal != NULL;
        for (uint64_t i = 0; going && i < 5; i++) {
            going = machine_commit(machine, journal, 1 + i % 3);
        }
        if (!going) {
            return machine_violated(machine, "the journal was not made", 0);
        }
        if (life == 0 || (life == 2 && closed)) {
            journal_close(journal);
        } else {
            machine_kill(machine, journal);
        }
        machine_power_cut(machine, FAKE_KEEP);
    }
    take_files(image);
    return true;
}

static bool image_end(struct image *image) {
    for (size_t i = 0; i < image->file_count; i++) {
        free(image->files[i].bytes);
    }
    return machine_end(image->machine);
}

/* --- What is done to it --------------------------------------------------- */

/* MOST: noise in all of a page but its first bytes, which hold a header's salt.
 */
enum harm { FLIP, ZERO, NOISE, MOST, UNREADABLE, GONE, HARMS };

struct place {
    size_t file;
    size_t page;
    enum harm harm;
};

/* What must come of it. */
struct verdict {
    bool lost[RECORDS_MAX];
    uint64_t end;   /* of the journal */
    size_t gaps;    /* ranges of what is lost */
    bool set_aside; /* files are; or a file is missing, or an end */
};

static const struct image_file *last_file(const struct image *image) {
    return &image->files[image->file_count - 1];
}

static uint64_t file_end(const struct image *image, size_t index) {
    return index + 1 < image->file_count ? image->files[index + 1].name
                                         : image->machine->appended;
}

/* Is it the frame that nothing tells from one that the power cut off? */
static bool is_tail(const struct image *image, const struct place *place) {
    const struct image_file *file = &image->files[place->file];
    const struct page *page = &file->pages[place->page];
    return file == last_file(image) && !image->closed &&
           page->kind == PAGE_FRAME && page->end == image->machine->appended;
}

/* Without the last one, which has no other behind it. */
static void judge_gone(const struct image *image, const struct place *place,
                       struct verdict *verdict) {
    uint64_t end = file_end(image, place->file);
    for (uint64_t seq = image->files[place->file].name; seq < end; seq++) {
        verdict->lost[seq] = true;
    }
    verdict->set_aside = true;
}

static void judge_page(const struct image *image, const struct place *place,
                       bool end_known, struct verdict *verdict) {
    const struct image_file *file = &image->files[place->file];
    const struct page *page = &file->pages[place->page];
    bool last = file == last_file(image);
    bool unreadable = place->harm == UNREADABLE;
    verdict->set_aside |= unreadable;
    if (page->kind == PAGE_HEADER &&
        (place->harm == FLIP || place->harm == MOST)) {
        verdict->set_aside = true; /* and nothing is lost */
    } else if (page->kind == PAGE_HEADER) {
        judge_gone(image, place, verdict);
    } else if (page->kind == PAGE_SEAL) {
        verdict->set_aside |= !last;
    } else if (page->kind == PAGE_FRAME) {
        bool tail = is_tail(image, place) && !end_known;
        uint64_t end = !tail ? page->end : page->first + (unreadable ? 1 : 0);
        for (uint64_t seq = page->first; seq < end; seq++) {
            verdict->lost[seq] = true;
        }
        verdict->end = tail ? end : verdict->end;
        verdict->set_aside |= !tail;
    } else if (unreadable && place->page + 1 < file->page_count &&
               file->pages[place->page - 1].kind == PAGE_FRAME) {
        verdict->lost[verdict->end++] = true; /* there may have been one */
    }
}

static void judge(const struct image *image, const struct place *places,
                  size_t count, bool end_known, struct verdict *ret) {
    *ret = (struct verdict){.end = image->machine->appended};
    for (size_t i = 0; i < count; i++) {
        if (places[i].harm == GONE) {
            judge_gone(image, &places[i], ret);
        } else {
            judge_page(image, &places[i], end_known, ret);
        }
    }
    for (uint64_t seq = 0; seq < ret->end; seq++) {
        ret->gaps += ret->lost[seq] && (seq == 0 || !ret->lost[seq - 1]);
    }
}

static void do_harm(struct machine *machine, const struct image *image,
                    const struct place *place) {
    const struct image_file *file = &image->files[place->file];
    const struct disk *disk = &machine->platform.disk;
    char path[PATH_SIZE];
    file_path(file->name, path);
    uint64_t at = place->page * JOURNAL_PAGE;
    machine->counts->damages++;
    if (place->harm == GONE) {
        err_t err = disk->unlink(disk->self, path);
        assert(err == ERR_OK);
        err = disk->sync_dir(disk->self, MACHINE_DIR);
        assert(err == ERR_OK);
        return;
    }
    if (place->harm == FLIP) { /* not in the unused end of a header's names */
        uint64_t bit = support_below(&machine->random, (uint64_t)600 * 8);
        fake_disk_flip(machine->fake, path, at * 8 + bit);
        return;
    }
    if (place->harm == UNREADABLE) {
        fake_disk_spoil(machine->fake, path, at);
        return;
    }
    uint64_t size = 0;
    const uint8_t *bytes = fake_disk_bytes(machine->fake, path, &size);
    uint8_t *copy = malloc((size_t)size);
    assert(copy != NULL);
    memcpy(copy, bytes, (size_t)size);
    for (size_t i = place->harm == MOST ? SALT_END : 0; i < JOURNAL_PAGE; i++) {
        copy[at + i] =
            place->harm == ZERO ? 0 : (uint8_t)support_next(&machine->random);
    }
    fake_disk_put(machine->fake, path, slice_of(copy, (size_t)size));
    free(copy);
}

/* A machine of its own whose disk holds the image, harmed. */
static struct machine *machine_harmed(const struct image *image, uint64_t seed,
                                      const struct place *places, size_t count,
                                      bool end_known) {
    struct machine *machine =
        machine_again(image->machine, seed,
                      slice_of(image->files[0].bytes, image->files[0].len));
    for (size_t i = 1; i < image->file_count; i++) {
        char path[PATH_SIZE];
        file_path(image->files[i].name, path);
        fake_disk_put(machine->fake, path,
                      slice_of(image->files[i].bytes, image->files[i].len));
    }
    machine->options.quarantine = true;
    machine->options.known_end = end_known ? machine->appended : 0;
    for (size_t i = 0; i < count; i++) {
        do_harm(machine, image, &places[i]);
    }
    return machine;
}

/* --- What must hold --------------------------------------------------------
 */

static bool check_record(struct machine *machine, uint64_t seq,
                         const struct journal_record *record) {
    uint64_t value = machine->list[seq];
    return record->seq == seq &&
           support_record_is(record->bytes, value, machine->length_of(value));
}

/* Every record but the lost ones is there, in order, and what is passed on the
 * way is what is lost. */
static bool check_read(struct machine *machine, const struct verdict *verdict,
                       struct journal_reader *reader, uint64_t from,
                       uint64_t end) {
    uint64_t seq = from;
    struct journal_record record;
    struct journal_gap gap;
    bool known = false;
    err_t err = ERR_OK;
    while (err == ERR_OK || err == ERR_CORRUPT) {
        err = journal_reader_next(reader, end, &record);
        if (err == ERR_OK) {
            if (verdict->lost[seq] || !check_record(machine, seq, &record)) {
                return machine_violated(machine, "another record", seq);
            }
            seq++;
        } else if (err == ERR_CORRUPT) {
            if (journal_reader_pass(reader, end, &gap, &known) != ERR_OK ||
                !known || gap.first != seq || gap.end <= seq) {
                return machine_violated(machine, "a gap is not passed", seq);
            }
            for (; seq < gap.end; seq++) {
                if (!verdict->lost[seq]) {
                    return machine_violated(machine, "more is passed", seq);
                }
            }
        }
    }
    return (err == ERR_END && seq == end) ||
           machine_violated(machine, "it cannot be read", seq);
}

/* From the journal's begin and from every number, as a bridge may begin. */
static bool check_readers(struct machine *machine,
                          const struct verdict *verdict,
                          const struct journal *journal, uint64_t end) {
    const struct disk *disk = &machine->platform.disk;
    uint64_t start = atomic_load(&journal_position(journal)->start);
    uint64_t begins = UINT64_MAX;
    if (journal_begins(disk, MACHINE_DIR, &begins, NULL) != ERR_OK ||
        begins != start) {
        return machine_violated(machine, "it begins elsewhere", begins);
    }
    for (uint64_t from = start; from <= end; from++) {
        struct journal_reader *reader;
        struct reason reason;
        if (journal_reader_open(disk, MACHINE_DIR, from, &reader, &reason) !=
            ERR_OK) {
            return machine_violated(machine, reason.text, from);
        }
        bool good = check_read(machine, verdict, reader, from, end);
        journal_reader_close(reader);
        if (!good) {
            return false;
        }
    }
    for (uint64_t seq = 0; seq < start; seq++) {
        if (!verdict->lost[seq]) {
            return machine_violated(machine, "it begins too late", seq);
        }
    }
    return true;
}

/* The gaps on record are what is lost, range by range, all new or none. */
static bool check_gaps(struct machine *machine, const struct verdict *verdict,
                       const struct journal *journal, bool told) {
    size_t count;
    const struct journal_gap *gaps = journal_gaps(journal, &count);
    if (count != verdict->gaps) {
        return machine_violated(machine, "another number of gaps", count);
    }
    uint64_t seq = 0;
    for (size_t i = 0; i < count; i++) {
        while (seq < verdict->end && !verdict->lost[seq]) {
            seq++;
        }
        bool exact = gaps[i].first == seq;
        while (seq < verdict->end && verdict->lost[seq]) {
            seq++;
        }
        if (!exact || gaps[i].end != seq) {
            return machine_violated(machine, "another gap", gaps[i].first);
        }
        if (journal_gap_is_told(&gaps[i]) != told) {
            return machine_violated(
                machine, told ? "it is told twice" : "it is not told",
                gaps[i].first);
        }
    }
    return true;
}

struct kept {
    uint64_t name;
    size_t count;
    bool same;
    struct machine *machine;
    const struct image *image;
    const struct place *place;
};

static void each_kept(void *context, const char *name) {
    struct kept *kept = context;
    if (strstr(name, ".rot") == NULL) {
        return;
    }
    kept->count++;
    const struct image_file *file = &kept->image->files[kept->place->file];
    char path[PATH_SIZE];
    uint64_t size = 0;
    snprintf(path, sizeof path, MACHINE_DIR "/%s", name);
    const uint8_t *bytes = fake_disk_bytes(kept->machine->fake, path, &size);
    size_t harmed = 0;
    for (size_t i = 0; size == file->len && i < file->len; i++) {
        bool here = i / JOURNAL_PAGE == kept->place->page;
        harmed += here && bytes[i] != file->bytes[i];
        kept->same = kept->same && (here || bytes[i] == file->bytes[i]);
    }
    bool blank = file->pages[kept->place->page].kind == PAGE_FREE;
    kept->same = kept->same && (harmed > 0 || blank) && size == file->len;
}

/* Of one place: its file is kept with the harm, and nothing else is. */
static bool check_kept(struct machine *machine, const struct image *image,
                       const struct place *place,
                       const struct verdict *verdict) {
    const struct disk *disk = &machine->platform.disk;
    struct kept kept = {
        .same = true, .machine = machine, .image = image, .place = place};
    err_t err = disk->list(disk->self, MACHINE_DIR, each_kept, &kept);
    size_t wanted = verdict->set_aside && place->harm != GONE ? 1 : 0;
    if (err != ERR_OK || kept.count != wanted || !kept.same) {
        return machine_violated(machine, "the damaged file is not kept",
                                image->files[place->file].name);
    }
    return true;
}

/* NULL if the machine stopped, or a promise was broken. */
static struct journal *open_checked(struct machine *machine,
                                    const struct verdict *verdict, bool told) {
    struct journal *journal = NULL;
    struct reason reason = {""};
    err_t err = journal_open(&machine->options, &journal, &reason);
    if (err != ERR_OK) {
        if (!fake_disk_stopped(machine->fake)) {
            machine_violated(machine, reason.text, 0);
        }
        return NULL;
    }
    machine->counts->opens++;
    uint64_t end = journal_next_seq(journal);
    uint64_t wanted = verdict->end + (told ? 1 : 0);
    if (end != wanted) {
        machine_violated(machine, "it ends elsewhere", end);
    } else if (check_gaps(machine, verdict, journal, told)) {
        machine->acknowledged = end;
        (void)check_readers(machine, verdict, journal, end);
    }
    if (machine->violated) {
        machine_kill(machine, journal);
        return NULL;
    }
    return journal;
}

/* What the stream does: the gaps are marked with the record that tells of them,
 * and then it is committed. False if it was not. */
static bool tell(struct machine *machine, struct journal *journal) {
    size_t count;
    const struct journal_gap *gaps = journal_gaps(journal, &count);
    struct journal_gap told[RECORDS_MAX];
    assert(count <= RECORDS_MAX);
    for (size_t i = 0; i < count; i++) {
        told[i] = (struct journal_gap){gaps[i].first, gaps[i].end,
                                       journal_next_seq(journal)};
    }
    if (journal_mark_told(journal, told, count, NULL) != ERR_OK) {
        if (!fake_disk_stopped(machine->fake)) {
            machine_violated(machine, "it cannot be marked", count);
        }
        return false;
    }
    machine->appended = journal_next_seq(journal);
    return machine_commit(machine, journal, 1);
}

/* Started after the harm, told, and started twice more. */
static bool check_after(struct machine *machine, const struct verdict *verdict,
                        struct journal *journal) {
    if (!tell(machine, journal)) {
        return false;
    }
    machine_kill(machine, journal);
    machine_power_cut(machine, FAKE_DROP);
    for (int i = 0; i < 2; i++) {
        journal = open_checked(machine, verdict, true);
        if (journal == NULL) {
            return false;
        }
        journal_close(journal);
        machine_power_cut(machine, FAKE_DROP);
    }
    return true;
}

/* With `stop` it is refused, and nothing is changed. */
static bool check_stop(const struct image *image, const struct place *places,
                       size_t count, bool end_known,
                       const struct verdict *verdict) {
    struct machine *machine =
        machine_harmed(image, 1, places, count, end_known);
    machine->options.quarantine = false;
    struct journal *journal = NULL;
    uint64_t calls = fake_disk_calls(machine->fake);
    err_t err = journal_open(&machine->options, &journal, NULL);
    if (err == ERR_OK) {
        machine_kill(machine, journal);
    }
    bool refused = err == ERR_CORRUPT || err == ERR_IO;
    if (refused != verdict->set_aside ||
        (refused && calls != fake_disk_calls(machine->fake))) {
        machine_violated(machine, "it is not refused as it was", places->page);
    }
    return machine_end(machine);
}

/* Power cut, or killed, in each call of the start that sets the damage aside
 * and of the batch that tells of it. */
static bool check_cuts(const struct image *image, const struct place *places,
                       size_t count, bool end_known,
                       const struct verdict *verdict) {
    bool through = false;
    for (uint64_t stop = 1; !through; stop += image->machine->counts->every) {
        struct machine *machine =
            machine_harmed(image, stop, places, count, end_known);
        fake_disk_stop_at(machine->fake, stop);
        struct journal *journal = open_checked(machine, verdict, false);
        if (journal != NULL) {
            through = tell(machine, journal);
            machine_kill(machine, journal);
        }
        machine->counts->cuts_in_recovery += journal == NULL;
        if (!machine->violated) {
            machine_next_process(machine);
            /* What the batch announced is recorded if the batch is there. */
            journal = NULL;
            err_t err = journal_open(&machine->options, &journal, NULL);
            bool told =
                err == ERR_OK && journal_next_seq(journal) == verdict->end + 1;
            if (err == ERR_OK) {
                machine_kill(machine, journal);
                fake_disk_process_gone(machine->fake);
            }
            journal = open_checked(machine, verdict, told);
            if (journal != NULL) {
                machine_kill(machine, journal);
            }
        }
        if (!machine_end(machine)) {
            return false;
        }
    }
    return true;
}

static bool check_places(const struct image *image, const struct place *places,
                         size_t count, bool end_known) {
    struct verdict verdict;
    judge(image, places, count, end_known, &verdict);
    struct machine *machine =
        machine_harmed(image, 7, places, count, end_known);
    struct journal *journal = open_checked(machine, &verdict, false);
    if (journal == NULL ||
        (count == 1 && !check_kept(machine, image, places, &verdict))) {
        machine_violated(machine, "the start", places->page);
    } else {
        (void)check_after(machine, &verdict, journal);
    }
    if (!machine_end(machine)) {
        return false;
    }
    return check_stop(image, places, count, end_known, &verdict);
}

/* --- The rows ---------------------------------------------------------------
 */

/* A header that is made unreadable or wrong by chance may be so in bytes that
 * say nothing; there are none: its checksum covers the page. */
static bool each_place(const struct image *image, bool end_known) {
    for (size_t file = 0; file < image->file_count; file++) {
        for (size_t page = 0; page < image->files[file].page_count; page++) {
            for (int harm = FLIP; harm <= UNREADABLE; harm++) {
                struct place place = {file, page, (enum harm)harm};
                struct verdict verdict;
                judge(image, &place, 1, end_known, &verdict);
                bool zero = image->files[file].pages[page].kind == PAGE_FREE &&
                            harm == ZERO;
                if (zero) {
                    continue; /* as it was */
                }
                if (!check_places(image, &place, 1, end_known) ||
                    (harm == FLIP &&
                     !check_cuts(image, &place, 1, end_known, &verdict))) {
                    return false;
                }
            }
        }
    }
    return true;
}

static bool each_file_gone(const struct image *image) {
    for (size_t file = 0; file + 1 < image->file_count; file++) {
        struct place place = {file, 0, GONE};
        struct verdict verdict;
        judge(image, &place, 1, true, &verdict);
        if (!check_places(image, &place, 1, true) ||
            !check_cuts(image, &place, 1, true, &verdict)) {
            return false;
        }
    }
    return true;
}

bool rot_each_page(uint64_t seed, struct run_counts *counts,
                   struct reason *ret) {
    for (int closed = 0; closed < 2; closed++) {
        struct image image;
        bool held = image_make(seed, closed == 1, counts, ret, &image);
        for (int known = 0; held && known < 2; known++) {
            held = each_place(&image, known == 1);
        }
        held = held && each_file_gone(&image);
        if (!image_end(&image) || !held) {
            return false;
        }
    }
    return true;
}

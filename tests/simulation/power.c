/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/power.h"

#include <inttypes.h>

#include "tests/simulation/machine.h"

/* --- Random lives --- */

static void random_process(struct machine *machine) {
    if (support_below(&machine->random, 8) > 0) {
        fake_disk_stop_at(machine->fake,
                          1 + support_below(&machine->random, 50));
    }
    bool fails = support_below(&machine->random, 6) == 0;
    fake_disk_fail_at(machine->fake, FAKE_SYNC,
                      fails ? 1 + support_below(&machine->random, 20) : 0,
                      ERR_IO);
    struct journal *journal = machine_open(machine);
    if (journal == NULL) {
        machine_count_fault(machine);
        return;
    }
    uint64_t commits = support_below(&machine->random, 20);
    bool going = true;
    for (uint64_t i = 0; going && i < commits; i++) {
        uint64_t count = 1 + support_below(&machine->random, 6);
        if (support_below(&machine->random, 8) == 0) {
            going = machine_preallocate(machine, journal);
        }
        going = going && machine_commit(machine, journal, count);
        if (going && support_below(&machine->random, 4) == 0) {
            going = machine_trim(machine, journal);
        }
        if (going && commits % 5 == 2 && i % 4 == 1) {
            going = machine_age(machine, journal);
        }
        if (going && support_below(&machine->random, 2) == 0) {
            machine_follow(machine, support_below(&machine->random, 4));
        }
    }
    if (support_below(&machine->random, 2) == 0) {
        fake_disk_stop(machine->fake); /* killed while it was idle */
    }
    journal_close(journal);
    machine_count_fault(machine);
}

bool power_random(uint64_t seed, struct run_counts *counts,
                  struct reason *ret) {
    struct machine *machine = machine_new(seed, counts, ret);
    machine->options.trust_sealed = seed % 2 == 0;
    machine->options.reserve = seed % 3 == 0 ? JOURNAL_PAGE : 0;
    for (int i = 0; i < 12 && !machine->violated; i++) {
        random_process(machine);
        machine_next_process(machine);
    }
    if (!machine->violated) {
        journal_close(machine_open(machine));
    }
    return machine_end(machine);
}

/* --- The script --- */

enum {           /* in a list of batches */
       TRIM = 0, /* of the oldest segment */
       AGE = 254,
       PREALLOCATE = 255,
};

static bool script_step(struct machine *machine, struct journal *journal,
                        uint8_t step) {
    switch (step) {
    case TRIM:
        return machine_trim(machine, journal);
    case AGE:
        return machine_age(machine, journal);
    case PREALLOCATE:
        return machine_preallocate(machine, journal);
    default:
        return machine_commit(machine, journal, step);
    }
}

static void script_process(struct machine *machine, const uint8_t *counts,
                           size_t count, bool close) {
    machine_arm(machine);
    struct journal *journal = machine_open(machine);
    if (journal == NULL) {
        machine_count_fault(machine);
        return;
    }
    bool going = true;
    for (size_t i = 0; going && i < count; i++) {
        going = script_step(machine, journal, counts[i]);
    }
    if (!close) {
        fake_disk_stop(machine->fake);
    }
    journal_close(journal);
    machine_count_fault(machine);
}

static void script(struct machine *machine, bool *ret_more) {
    static const uint8_t first[] = {1, PREALLOCATE, 2, 20, 1, 1, 60, 3, 1};
    static const uint8_t second[] = {1, 1};
    static const uint8_t third[] = {
        4,           1,  TRIM, 1,  PREALLOCATE, 1,   TRIM, 30, TRIM,
        PREALLOCATE, 40, AGE,  30, 2,           AGE, 1,    9,  AGE};
    *ret_more = true;
    machine->options.reserve = JOURNAL_PAGE;
    script_process(machine, first, sizeof first, true);
    if (fake_disk_stopped(machine->fake) || machine->violated) {
        return;
    }
    fake_disk_process_gone(machine->fake);
    script_process(machine, second, sizeof second, false);
    if (fake_disk_calls(machine->fake) == machine->stop_at ||
        machine->violated) {
        return;
    }
    fake_disk_process_gone(machine->fake);
    script_process(machine, third, sizeof third, true);
    *ret_more = fake_disk_stopped(machine->fake);
}

/* After it all the journal is as good as new. */
static void script_epilogue(struct machine *machine) {
    static const uint8_t counts[] = {2, 1};
    machine->stop_at = 0;
    script_process(machine, counts, sizeof counts, true);
    if (fake_disk_stopped(machine->fake) || machine->violated) {
        return;
    }
    fake_disk_process_gone(machine->fake);
    journal_close(machine_open(machine));
}

/* Stops the recovery at its n-th call; false if it has not so many. */
static bool recovery_stopped(struct machine *machine, uint64_t n) {
    machine->stop_at = fake_disk_calls(machine->fake) + n;
    machine_arm(machine);
    journal_close(machine_open(machine));
    bool stopped = fake_disk_stopped(machine->fake);
    machine_next_process(machine);
    return stopped;
}

/* --- Every call --- */

/* What was reached of the calls that it was to stop at. */
struct reached {
    bool script;
    bool recovery;
};

/* The script stopped at its n-th call, and the recovery from that at its m-th
 * (0: it is not). */
static bool stop_at(uint64_t seed, uint64_t n, uint64_t m,
                    struct run_counts *counts, struct reached *reached,
                    struct reason *ret) {
    struct machine *machine = machine_new(seed, counts, ret);
    machine->stop_at = fake_disk_calls(machine->fake) + n;
    script(machine, &reached->script);
    machine_next_process(machine);
    reached->recovery = false;
    if (m > 0 && !machine->violated) {
        reached->recovery = recovery_stopped(machine, m);
    }
    if (!machine->violated) {
        script_epilogue(machine);
    }
    return machine_end(machine);
}

static bool stop_everywhere(uint64_t seed, struct run_counts *counts,
                            struct reason *ret) {
    struct reached reached = {.script = true};
    for (uint64_t n = 1; reached.script; n += counts->every) {
        reached.recovery = true;
        for (uint64_t m = 0; m <= 1 || reached.recovery; m++) {
            struct reason why = {""};
            if (!stop_at(seed, n, m, counts, &reached, &why)) {
                reason_set(ret, ERR_CORRUPT,
                           "stopped at call %" PRIu64 ", again at %" PRIu64
                           ": %s",
                           n, m, why.text);
                return false;
            }
        }
    }
    return true;
}

bool power_every_call(uint64_t seed, struct run_counts *counts,
                      struct reason *ret) {
    return stop_everywhere(seed, counts, ret) &&
           stop_everywhere(~seed, counts, ret);
}

/* --- Nested --- */

enum {
    NESTED_DEPTH = 4,
    SCRIPT_CALLS = 200, /* about as many as it has */
    RECOVERY_CALLS = 14,
};

bool power_nested(uint64_t seed, struct run_counts *counts,
                  struct reason *ret) {
    struct machine *machine = machine_new(seed, counts, ret);
    struct support_random random = {~seed};
    machine->stop_at = fake_disk_calls(machine->fake) + 1 +
                       support_below(&random, SCRIPT_CALLS);
    bool more;
    script(machine, &more);
    machine_next_process(machine);
    for (int i = 0; i < NESTED_DEPTH && !machine->violated; i++) {
        recovery_stopped(machine, 1 + support_below(&random, RECOVERY_CALLS));
    }
    if (!machine->violated) {
        script_epilogue(machine);
    }
    return machine_end(machine);
}

/* --- Faults --- */

struct fault {
    enum fake_call call;
    err_t err;
    const char *name;
};

static const struct fault faults[] = {
    {FAKE_CREATE, ERR_IO, "create"},
    {FAKE_CREATE, ERR_FULL, "create, full"},
    {FAKE_WRITE, ERR_IO, "write"},
    {FAKE_WRITE, ERR_FULL, "write, full"},
    {FAKE_SYNC, ERR_IO, "sync"},
    {FAKE_SYNC, ERR_FULL, "sync, full"},
    {FAKE_ALLOCATE, ERR_IO, "allocate"},
    {FAKE_ALLOCATE, ERR_FULL, "allocate, full"},
    {FAKE_TRUNCATE, ERR_IO, "truncate"},
    {FAKE_RENAME, ERR_IO, "rename"},
    {FAKE_UNLINK, ERR_IO, "unlink"},
    {FAKE_MAKE_DIR, ERR_IO, "make_dir"},
    {FAKE_SYNC_DIR, ERR_IO, "sync_dir"},
    {FAKE_READ, ERR_IO, "read"},
};

/* The n-th call fails; `*ret_more` says whether there was such a call. */
static bool fault_at(uint64_t seed, const struct fault *fault, uint64_t n,
                     struct run_counts *counts, bool *ret_more,
                     struct reason *ret) {
    struct machine *machine = machine_new(seed, counts, ret);
    machine->fault = fault->err;
    fake_disk_fail_at(machine->fake, fault->call, n, fault->err);
    uint64_t before = counts->faults;
    bool stopped;
    script(machine, &stopped);
    *ret_more = counts->faults > before;
    machine_next_process(machine);
    fake_disk_fail_at(machine->fake, FAKE_NONE, 0, ERR_OK);
    if (!machine->violated) {
        script_epilogue(machine);
    }
    return machine_end(machine);
}

bool power_every_fault(uint64_t seed, struct run_counts *counts,
                       struct reason *ret) {
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        bool more = true;
        for (uint64_t n = 1; more; n++) {
            struct reason why = {""};
            if (!fault_at(seed + n, &faults[i], n, counts, &more, &why)) {
                reason_set(ret, ERR_CORRUPT, "%s, call %" PRIu64 ": %s",
                           faults[i].name, n, why.text);
                return false;
            }
        }
    }
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a program: what processes do with a journal, and what becomes of
 * them and of the machine. Two bytes a step, what to do and how much; the first
 * byte of the input is the seed. The machine's oracle holds every recovery
 * against what was acknowledged. */
#include "gateway/journal/reader.h"
#include "tests/fuzz/fuzz.h"
#include "tests/simulation/machine.h"

enum {
    STEPS_MAX = 128,
    RECORDS_LEFT_MIN = 256, /* of the oracle's list, or the program ends */
    COMMIT_MAX = 64,
    AGES_FROM =
        240, /* a step from there on; the others are dealt out below it */
};

struct life {
    struct machine *machine;
    struct journal *journal; /* NULL between two processes */
};

typedef void step_function(struct life *life, uint8_t amount);

/* What ends every process: in order, or after its disk is gone. */
static void end_process(struct life *life) {
    journal_close(life->journal);
    life->journal = NULL;
    journal_reader_close(life->machine->follower);
    life->machine->follower = NULL;
}

static bool started(struct life *life) {
    if (life->journal == NULL && !fake_disk_stopped(life->machine->fake)) {
        life->journal = machine_open(life->machine);
    }
    return life->journal != NULL;
}

static void step_commit(struct life *life, uint8_t amount) {
    if (started(life) && !machine_commit(life->machine, life->journal,
                                         1 + amount % COMMIT_MAX)) {
        end_process(life);
    }
}

static void step_trim(struct life *life, uint8_t amount) {
    (void)amount;
    if (started(life) && !machine_trim(life->machine, life->journal)) {
        end_process(life);
    }
}

static void step_age(struct life *life, uint8_t amount) {
    (void)amount;
    if (started(life) && !machine_age(life->machine, life->journal)) {
        end_process(life);
    }
}

static void step_follow(struct life *life, uint8_t amount) {
    if (started(life)) {
        machine_follow(life->machine, amount);
    }
}

static void step_close(struct life *life, uint8_t amount) {
    (void)amount;
    end_process(life);
    fake_disk_process_gone(life->machine->fake);
}

static void step_kill(struct life *life, uint8_t amount) {
    fake_disk_stop(life->machine->fake);
    step_close(life, amount);
}

static void step_power_cut(struct life *life, uint8_t amount) {
    static const enum fake_fate fates[] = {FAKE_KEEP, FAKE_DROP, FAKE_TEAR};
    fake_disk_stop(life->machine->fake);
    end_process(life);
    machine_power_cut(life->machine, fates[amount % 3]);
}

/* The power, or the process, goes in a call that is still to come: which of
 * both is up to the step that restarts it. */
static void step_stop_later(struct life *life, uint8_t amount) {
    fake_disk_stop_at(life->machine->fake, amount);
}

/* One failure a process, or the machine could not tell what may follow. */
static void step_fail_later(struct life *life, uint8_t amount) {
    static const enum fake_call calls[] = {
        FAKE_SYNC,     FAKE_SYNC,   FAKE_WRITE,  FAKE_CREATE,
        FAKE_ALLOCATE, FAKE_RENAME, FAKE_UNLINK, FAKE_SYNC_DIR,
    };
    struct machine *machine = life->machine;
    if (fake_disk_failed(machine->fake)) {
        return;
    }
    enum fake_call call = calls[amount % 8];
    bool full = amount & 0x80 && (call == FAKE_WRITE || call == FAKE_CREATE ||
                                  call == FAKE_ALLOCATE);
    machine->fault = full ? ERR_FULL : ERR_IO;
    fake_disk_fail_at(machine->fake, call, 1 + amount / 8 % 16, machine->fault);
}

static void run(struct life *life, struct cursor *input) {
    static step_function *const steps[] = {
        step_commit, step_commit, step_trim,       step_follow,
        step_close,  step_kill,   step_power_cut,  step_power_cut,
        step_commit, step_trim,   step_stop_later, step_fail_later,
    };
    struct machine *machine = life->machine;
    for (int i = 0;
         i < STEPS_MAX && cursor_left(input) > 0 && !machine->violated &&
         machine->appended < MACHINE_LIST_MAX - RECORDS_LEFT_MIN;
         i++) {
        uint8_t step = fuzz_u8(input);
        step_function *run_step =
            step >= AGES_FROM ? step_age
                              : steps[step % (sizeof steps / sizeof *steps)];
        run_step(life, fuzz_u8(input));
    }
}

/* Once more from the disk, which neither stops nor fails any more. */
static void run_last(struct life *life) {
    step_kill(life, 0);
    fake_disk_fail_at(life->machine->fake, FAKE_NONE, 0, ERR_OK);
    if (!life->machine->violated) {
        journal_close(machine_open(life->machine));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cursor input = cursor_over(slice_of(data, size));
    struct run_counts counts = {.every = 1};
    struct reason violation = {""};
    struct life life = {
        .machine = machine_new(fuzz_u8(&input), &counts, &violation),
    };
    run(&life, &input);
    run_last(&life);
    fuzz_must(machine_end(life.machine), violation.text);
    return 0;
}

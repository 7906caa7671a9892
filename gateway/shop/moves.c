/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/moves.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/shop/saved.h"

void moves_begin(struct moves *moves) {
    *moves = (struct moves){.first = 1, .known_from_us = INT64_MIN};
}

void moves_free(struct moves *moves) {
    free(moves->ring);
    moves_begin(moves);
}

/* Numbers go on: what skus have as their newest is not known any more. */
void moves_forget(struct moves *moves, int64_t wall_us) {
    moves->first = moves->last + 1;
    moves->known_from_us = wall_us;
}

static struct move *at(const struct moves *moves, uint64_t number) {
    assert(number >= moves->first && number <= moves->last);
    return &moves->ring[number % MOVES_MAX];
}

static err_t prepare(struct moves *moves) {
    if (moves->ring == NULL) {
        moves->ring = calloc(MOVES_MAX, sizeof(struct move));
        ENSURE(moves->ring != NULL, ERR_MEMORY);
    }
    return ERR_OK;
}

err_t moves_add(struct moves *moves, int64_t wall_us, int64_t change,
                uint64_t *newest) {
    assert(*newest <= moves->last);
    TRY(prepare(moves));
    if (moves->last - moves->first + 1 == MOVES_MAX) {
        moves->known_from_us = at(moves, moves->first)->wall_us;
        moves->first++;
    }
    moves->last++;
    *at(moves, moves->last) = (struct move){wall_us, change, *newest};
    *newest = moves->last;
    return ERR_OK;
}

/* Clocks step, so movements need not be in the order of their times. */
int64_t moves_since(const struct moves *moves, uint64_t newest, int64_t wall_us,
                    int64_t now_us) {
    int64_t sum = 0;
    for (uint64_t number = newest; number >= moves->first;
         number = at(moves, number)->earlier) {
        const struct move *move = at(moves, number);
        assert(move->earlier < number);
        bool since = move->wall_us > wall_us && move->wall_us <= now_us;
        sum += since ? move->change : 0;
    }
    return sum;
}

void moves_fingerprint(const struct moves *moves, struct fingerprint *print) {
    fingerprint_u64(print, (uint64_t)moves->known_from_us);
    fingerprint_u64(print, moves->first);
    for (uint64_t number = moves->first; number <= moves->last; number++) {
        const struct move *move = at(moves, number);
        fingerprint_u64(print, (uint64_t)move->wall_us);
        fingerprint_u64(print, (uint64_t)move->change);
        fingerprint_u64(print, move->earlier);
    }
}

void moves_save(const struct moves *moves, struct writer *to) {
    saved_i64(to, moves->known_from_us);
    writer_u64(to, moves->first);
    writer_u64(to, moves->last);
    for (uint64_t number = moves->first; number <= moves->last; number++) {
        const struct move *move = at(moves, number);
        saved_i64(to, move->wall_us);
        saved_i64(to, move->change);
        writer_u64(to, move->earlier);
    }
}

static err_t load_move(struct cursor *from, uint64_t number,
                       struct move *move) {
    TRY(saved_i64_read(from, &move->wall_us));
    TRY(saved_i64_read(from, &move->change));
    TRY(cursor_u64(from, &move->earlier));
    ENSURE(move->earlier < number, ERR_PARSE);
    return ERR_OK;
}

err_t moves_load(struct moves *moves, struct cursor *from) {
    assert(moves->ring == NULL);
    uint64_t first;
    uint64_t last;
    TRY(saved_i64_read(from, &moves->known_from_us));
    TRY(cursor_u64(from, &first));
    TRY(cursor_u64(from, &last));
    ENSURE(first > MOVES_NONE && last < UINT64_MAX, ERR_PARSE);
    ENSURE(last + 1 >= first && last + 1 - first <= MOVES_MAX, ERR_PARSE);
    moves->first = first;
    moves->last = last;
    TRY(prepare(moves));
    for (uint64_t number = first; number <= last; number++) {
        TRY(load_move(from, number, at(moves, number)));
    }
    return ERR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A KPL aggregated record: many events in one record of Kinesis, in the format
 * of Amazon's Kinesis Producer Library (awslabs/amazon-kinesis-producer,
 * aggregation-format.md), which the KCL, Firehose and aws-kinesis-agg unpack.
 * Pure.
 *
 *   F3 89 9A C2 | message | MD5 of the message, 16 bytes
 *
 *   message AggregatedRecord {            (protobuf 2)
 *     repeated string partition_key_table = 1;
 *     repeated string explicit_hash_key_table = 2;
 *     repeated Record records = 3;
 *   }
 *   message Record {
 *     required uint64 partition_key_index = 1;
 *     optional uint64 explicit_hash_key_index = 2;
 *     required bytes data = 3;
 *   }
 *
 * The KCL drops an aggregate whole, in silence, if one record in it hashes to
 * another shard than the aggregate did. So all of an aggregate have the hash
 * key that the aggregate is sent under: it goes where they would go, also after
 * shards were split. An event's data ends in a newline, since Firehose writes
 * records one behind the other. */
#ifndef BRIDGE_AGGREGATE_H
#define BRIDGE_AGGREGATE_H

#include "gateway/base/bytes.h"

enum {
    /* What Kinesis charges for: a "PUT payload unit" of 25 KB. */
    AGGREGATE_UNIT = 25600,
    AGGREGATE_HASH_KEY_SIZE = 40, /* 2^128 - 1 in digits, and a terminator */
    AGGREGATE_SLOTS = 1024,       /* keys remembered, to write each once */
};

/* The PartitionKey of all aggregates; their hash key says where they go. */
#define AGGREGATE_PARTITION_KEY "a"

/* How much of it there was at some time. */
struct aggregate_mark {
    size_t keys_len;
    size_t records_len;
    uint32_t count;
};

struct aggregate {
    char hash_key[AGGREGATE_HASH_KEY_SIZE];
    struct writer keys;        /* the table of partition keys */
    struct writer records;     /* all of the message behind both tables */
    uint32_t count;            /* events */
    uint32_t key_count;        /* in the table */
    struct aggregate_mark cut; /* before the last unit was begun */
    struct {
        uint32_t begin; /* of the key, in the table's bytes */
        uint32_t len;
        uint32_t index; /* in the table, from 1; 0: a free slot */
    } slots[AGGREGATE_SLOTS];
};

/* The hash key of a lane: the first 128 bits of SHA-256("store/stream/lane") in
 * decimal, so that the lanes of all stores spread over all shards. */
void aggregate_hash_key(const char *store, const char *stream, uint32_t lane,
                        char ret[AGGREGATE_HASH_KEY_SIZE]);

/* An empty one over the caller's memory: `cap` bytes for the table of keys and
 * `cap` for the records, as many as the aggregate may be long. */
void aggregate_begin(struct aggregate *aggregate, const char *hash_key,
                     uint8_t *keys, uint8_t *records, size_t cap);

/* The most that an event can add to the size. */
size_t aggregate_cost(size_t key_len, size_t data_len);
/* The record's size now: of its Data, and of its keys, to be on the safe side
 * with what Kinesis limits and charges for. Exact. */
size_t aggregate_size(const struct aggregate *aggregate);
/* Adds an event: `data` and a newline, under `key`. ERR_FULL if the size would
 * be more than `most`; nothing is added then. */
err_t aggregate_add(struct aggregate *aggregate, struct slice key,
                    struct slice data, size_t most) MUST_USE;
/* The size to fill it up to where enough events wait: the largest number of
 * whole units that is at most `most`. */
size_t aggregate_full(size_t most);
/* Takes out again what only began another unit, if less of what is paid for is
 * unused then; how many events are left. What was taken out leaves first next
 * time, so it waits once. Nothing may be added after this. */
uint32_t aggregate_cut(struct aggregate *aggregate);

/* The bytes of its Data. It holds an event at least. */
size_t aggregate_data_len(const struct aggregate *aggregate);
/* Writes the Data; check writer->full. */
void aggregate_write(const struct aggregate *aggregate, struct writer *writer);

#endif

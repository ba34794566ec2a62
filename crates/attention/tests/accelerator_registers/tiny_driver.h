/* A small driver of tiny, to start from. `base` is where the registers are mapped.
 *
 * Caches: write q, k and v back to memory before a job, and invalidate o after it. */
#ifndef TINY_DRIVER_H
#define TINY_DRIVER_H

#include <stdint.h>

#include "tiny_registers.h"

/* A job. */
struct tiny_job {
    uint32_t queries; /* Queries of a head. */
    uint32_t keys; /* Keys of a head; padding beyond them is never read. */
    uint32_t heads; /* Query heads. */
    uint32_t kv_heads; /* Key/value heads; divides HEADS. */
    uint32_t mask; /* Keys that a query meets: 0 all, 1 causal, 2 causal and sliding window. */
    uint32_t window; /* Keys of the sliding window, with MASK = 2. */
    uint32_t scale; /* Factor of the scores, a number of SCORE_FORMAT. */
    uint64_t q_base; /* Address of the first query row. */
    uint64_t q_row_stride; /* Bytes from a query row to the next. */
    uint64_t q_head_stride; /* Bytes from a head's queries to the next head's. */
    uint64_t k_base; /* Address of the first key row. */
    uint64_t k_row_stride; /* Bytes from a key row to the next. */
    uint64_t k_head_stride; /* Bytes from a head's keys to the next head's. */
    uint64_t v_base; /* Address of the first value row. */
    uint64_t v_row_stride; /* Bytes from a value row to the next. */
    uint64_t v_head_stride; /* Bytes from a head's values to the next head's. */
    uint64_t o_base; /* Address of the first result row. */
    uint64_t o_row_stride; /* Bytes from a result row to the next. */
    uint64_t o_head_stride; /* Bytes from a head's results to the next head's. */
};

/* What the last job counted. */
struct tiny_counters {
    uint64_t cycles; /* Clock cycles of the job. */
    uint64_t useful_steps; /* Steps in which a query met a key. */
    uint64_t skipped; /* Steps in which a query did not meet the key: it is masked. */
    uint32_t empty_rows; /* Queries that met no key. */
    uint32_t stall_q; /* Cycles in which the engine waited for queries. */
    uint32_t stall_kv; /* Cycles in which the engine waited for keys. */
    uint32_t stall_o; /* Cycles in which the engine waited for the way out of results. */
    uint32_t stall_other; /* Other cycles in which the engine stood: its own loads, merges and rescalings, and a job's start and end. */
    uint64_t bytes_read; /* Bytes of all beats that came in. */
    uint64_t bytes_written; /* Bytes of all beats that went out. */
};

/* Whether tiny with this version of the registers is at `base`. */
int tiny_probe(volatile void *base);

/* Starts a job; with `interrupt` the interrupt comes at its end. The core must not be busy. */
void tiny_start(volatile void *base, const struct tiny_job *job, int interrupt);

/* Waits for the job's end: 0, or its cause if it ended in an error. Also clears the interrupt. */
uint32_t tiny_wait(volatile void *base);

/* Ends the job, whatever its state, and waits until the core is idle. */
void tiny_abort(volatile void *base);

/* Reads the counters of the last job. */
void tiny_read_counters(volatile void *base, struct tiny_counters *counters);

#endif /* TINY_DRIVER_H */

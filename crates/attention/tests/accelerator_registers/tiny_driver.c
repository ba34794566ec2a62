/* A small driver of tiny, to start from. `base` is where the registers are mapped.
 *
 * Caches: write q, k and v back to memory before a job, and invalidate o after it. */
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
    uint32_t stall_other; /* Cycles of the engine's own merges and rescalings. */
    uint64_t bytes_read; /* Bytes of all beats that came in. */
    uint64_t bytes_written; /* Bytes of all beats that went out. */
};

static inline uint32_t read_word(volatile void *base, uint32_t offset)
{
    return *(volatile uint32_t *)((volatile uint8_t *)base + offset);
}

static inline void write_word(volatile void *base, uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)((volatile uint8_t *)base + offset) = value;
}

/* Whether tiny with this version of the registers is at `base`. */
int tiny_probe(volatile void *base);
int tiny_probe(volatile void *base)
{
    return read_word(base, TINY_ID) == TINY_ID_RESET
        && read_word(base, TINY_VERSION) == TINY_VERSION_RESET;
}

/* Starts a job; with `interrupt` the interrupt comes at its end. The core must not be busy. */
void tiny_start(volatile void *base, const struct tiny_job *job, int interrupt);
void tiny_start(volatile void *base, const struct tiny_job *job, int interrupt)
{
    write_word(base, TINY_QUERIES, (uint32_t)(job->queries));
    write_word(base, TINY_KEYS, (uint32_t)(job->keys));
    write_word(base, TINY_HEADS, (uint32_t)(job->heads));
    write_word(base, TINY_KV_HEADS, (uint32_t)(job->kv_heads));
    write_word(base, TINY_MASK, (uint32_t)(job->mask));
    write_word(base, TINY_WINDOW, (uint32_t)(job->window));
    write_word(base, TINY_SCALE, (uint32_t)(job->scale));
    write_word(base, TINY_Q_BASE_LO, (uint32_t)(job->q_base));
    write_word(base, TINY_Q_BASE_HI, (uint32_t)(job->q_base >> 32));
    write_word(base, TINY_Q_ROW_STRIDE_LO, (uint32_t)(job->q_row_stride));
    write_word(base, TINY_Q_ROW_STRIDE_HI, (uint32_t)(job->q_row_stride >> 32));
    write_word(base, TINY_Q_HEAD_STRIDE_LO, (uint32_t)(job->q_head_stride));
    write_word(base, TINY_Q_HEAD_STRIDE_HI, (uint32_t)(job->q_head_stride >> 32));
    write_word(base, TINY_K_BASE_LO, (uint32_t)(job->k_base));
    write_word(base, TINY_K_BASE_HI, (uint32_t)(job->k_base >> 32));
    write_word(base, TINY_K_ROW_STRIDE_LO, (uint32_t)(job->k_row_stride));
    write_word(base, TINY_K_ROW_STRIDE_HI, (uint32_t)(job->k_row_stride >> 32));
    write_word(base, TINY_K_HEAD_STRIDE_LO, (uint32_t)(job->k_head_stride));
    write_word(base, TINY_K_HEAD_STRIDE_HI, (uint32_t)(job->k_head_stride >> 32));
    write_word(base, TINY_V_BASE_LO, (uint32_t)(job->v_base));
    write_word(base, TINY_V_BASE_HI, (uint32_t)(job->v_base >> 32));
    write_word(base, TINY_V_ROW_STRIDE_LO, (uint32_t)(job->v_row_stride));
    write_word(base, TINY_V_ROW_STRIDE_HI, (uint32_t)(job->v_row_stride >> 32));
    write_word(base, TINY_V_HEAD_STRIDE_LO, (uint32_t)(job->v_head_stride));
    write_word(base, TINY_V_HEAD_STRIDE_HI, (uint32_t)(job->v_head_stride >> 32));
    write_word(base, TINY_O_BASE_LO, (uint32_t)(job->o_base));
    write_word(base, TINY_O_BASE_HI, (uint32_t)(job->o_base >> 32));
    write_word(base, TINY_O_ROW_STRIDE_LO, (uint32_t)(job->o_row_stride));
    write_word(base, TINY_O_ROW_STRIDE_HI, (uint32_t)(job->o_row_stride >> 32));
    write_word(base, TINY_O_HEAD_STRIDE_LO, (uint32_t)(job->o_head_stride));
    write_word(base, TINY_O_HEAD_STRIDE_HI, (uint32_t)(job->o_head_stride >> 32));
    write_word(base, TINY_CTRL, TINY_CTRL_START_MASK | (interrupt ? TINY_CTRL_IRQ_ENABLE_MASK : 0u));
}

/* Waits for the job's end: 0, or its cause if it ended in an error. Also clears the interrupt. */
uint32_t tiny_wait(volatile void *base);
uint32_t tiny_wait(volatile void *base)
{
    uint32_t status;
    do {
        status = read_word(base, TINY_STATUS);
    } while (status & TINY_STATUS_BUSY_MASK);
    write_word(base, TINY_STATUS, TINY_STATUS_DONE_MASK | TINY_STATUS_ERROR_MASK);
    return (status & TINY_STATUS_CAUSE_MASK) >> TINY_STATUS_CAUSE_SHIFT;
}

/* Ends the job, whatever its state, and waits until the core is idle. */
void tiny_abort(volatile void *base);
void tiny_abort(volatile void *base)
{
    write_word(base, TINY_CTRL, TINY_CTRL_SOFT_RESET_MASK);
    (void)tiny_wait(base);
}

/* Reads the counters of the last job. */
void tiny_read_counters(volatile void *base, struct tiny_counters *counters);
void tiny_read_counters(volatile void *base, struct tiny_counters *counters)
{
    counters->cycles = read_word(base, TINY_CYCLES_LO) | (uint64_t)read_word(base, TINY_CYCLES_HI) << 32;
    counters->useful_steps = read_word(base, TINY_USEFUL_STEPS_LO) | (uint64_t)read_word(base, TINY_USEFUL_STEPS_HI) << 32;
    counters->skipped = read_word(base, TINY_SKIPPED_LO) | (uint64_t)read_word(base, TINY_SKIPPED_HI) << 32;
    counters->empty_rows = read_word(base, TINY_EMPTY_ROWS);
    counters->stall_q = read_word(base, TINY_STALL_Q);
    counters->stall_kv = read_word(base, TINY_STALL_KV);
    counters->stall_o = read_word(base, TINY_STALL_O);
    counters->stall_other = read_word(base, TINY_STALL_OTHER);
    counters->bytes_read = read_word(base, TINY_BYTES_READ_LO) | (uint64_t)read_word(base, TINY_BYTES_READ_HI) << 32;
    counters->bytes_written = read_word(base, TINY_BYTES_WRITTEN_LO) | (uint64_t)read_word(base, TINY_BYTES_WRITTEN_HI) << 32;
}

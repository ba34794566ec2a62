/* The driver of tiny; what it does is said in tiny_driver.h. */
#include "tiny_driver.h"

static inline uint32_t read_word(volatile void *base, uint32_t offset)
{
    return *(volatile uint32_t *)((volatile uint8_t *)base + offset);
}

static inline void write_word(volatile void *base, uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)((volatile uint8_t *)base + offset) = value;
}

int tiny_probe(volatile void *base)
{
    return read_word(base, TINY_ID) == TINY_ID_RESET
        && read_word(base, TINY_VERSION) == TINY_VERSION_RESET;
}

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

uint32_t tiny_wait(volatile void *base)
{
    uint32_t status;
    do {
        status = read_word(base, TINY_STATUS);
    } while (status & TINY_STATUS_BUSY_MASK);
    write_word(base, TINY_STATUS, TINY_STATUS_DONE_MASK | TINY_STATUS_ERROR_MASK);
    return (status & TINY_STATUS_CAUSE_MASK) >> TINY_STATUS_CAUSE_SHIFT;
}

void tiny_abort(volatile void *base)
{
    write_word(base, TINY_CTRL, TINY_CTRL_SOFT_RESET_MASK);
    (void)tiny_wait(base);
}

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

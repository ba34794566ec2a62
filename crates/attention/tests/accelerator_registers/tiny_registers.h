/* Registers of tiny: byte offsets, fields, and what they hold after reset. Generated; do not edit. */
#ifndef TINY_REGISTERS_H
#define TINY_REGISTERS_H

/* ID (ro): Identification, "FLRT". */
#define TINY_ID 0x000u
#define TINY_ID_RESET 0x464c5254u

/* VERSION (ro): Version of this register map, major in the high half. */
#define TINY_VERSION 0x004u
#define TINY_VERSION_RESET 0x00010000u

/* HEAD_DIM (ro): Elements of a row. */
#define TINY_HEAD_DIM 0x008u
#define TINY_HEAD_DIM_RESET 0x00000004u

/* QUERY_LANES (ro): Query lanes. */
#define TINY_QUERY_LANES 0x00cu
#define TINY_QUERY_LANES_RESET 0x00000002u

/* INTERLEAVE (ro): Slots of a lane; lanes x slots queries are a block. */
#define TINY_INTERLEAVE 0x010u
#define TINY_INTERLEAVE_RESET 0x00000003u

/* KEY_TILE (ro): Key rows of a tile. */
#define TINY_KEY_TILE 0x014u
#define TINY_KEY_TILE_RESET 0x00000004u

/* MAX_QUERIES (ro): Most queries of a head. */
#define TINY_MAX_QUERIES 0x018u
#define TINY_MAX_QUERIES_RESET 0x00000040u

/* MAX_KEYS (ro): Most keys of a head. */
#define TINY_MAX_KEYS 0x01cu
#define TINY_MAX_KEYS_RESET 0x00000040u

/* MAX_HEADS (ro): Most query heads. */
#define TINY_MAX_HEADS 0x020u
#define TINY_MAX_HEADS_RESET 0x00000008u

/* MAX_KV_HEADS (ro): Most key/value heads. */
#define TINY_MAX_KV_HEADS 0x024u
#define TINY_MAX_KV_HEADS_RESET 0x00000008u

/* BUS_BYTES (ro): Bytes of a beat; bases and strides are multiples. */
#define TINY_BUS_BYTES 0x028u
#define TINY_BUS_BYTES_RESET 0x00000008u

/* BEATS (ro): Beats of rows, which are padded with zeros. */
#define TINY_BEATS 0x02cu
#define TINY_BEATS_RESET 0x00010001u
#define TINY_BEATS_ROW_SHIFT 0u /* Beats of a query, key or value row. */
#define TINY_BEATS_ROW_MASK 0x0000ffffu
#define TINY_BEATS_RESULT_SHIFT 16u /* Beats of a result row. */
#define TINY_BEATS_RESULT_MASK 0xffff0000u

/* INPUT_FORMAT (ro): Format of q, k and v. */
#define TINY_INPUT_FORMAT 0x030u
#define TINY_INPUT_FORMAT_RESET 0x00000807u
#define TINY_INPUT_FORMAT_MAN_BITS_SHIFT 0u /* Bits of the fraction. */
#define TINY_INPUT_FORMAT_MAN_BITS_MASK 0x000000ffu
#define TINY_INPUT_FORMAT_EXP_BITS_SHIFT 8u /* Bits of the exponent; 0 in fixed point. */
#define TINY_INPUT_FORMAT_EXP_BITS_MASK 0x0000ff00u
#define TINY_INPUT_FORMAT_INT_BITS_SHIFT 16u /* Integer bits with the sign; 0 in floating point. */
#define TINY_INPUT_FORMAT_INT_BITS_MASK 0x00ff0000u

/* OUTPUT_FORMAT (ro): Format of results. */
#define TINY_OUTPUT_FORMAT 0x034u
#define TINY_OUTPUT_FORMAT_RESET 0x00000807u
#define TINY_OUTPUT_FORMAT_MAN_BITS_SHIFT 0u /* Bits of the fraction. */
#define TINY_OUTPUT_FORMAT_MAN_BITS_MASK 0x000000ffu
#define TINY_OUTPUT_FORMAT_EXP_BITS_SHIFT 8u /* Bits of the exponent; 0 in fixed point. */
#define TINY_OUTPUT_FORMAT_EXP_BITS_MASK 0x0000ff00u
#define TINY_OUTPUT_FORMAT_INT_BITS_SHIFT 16u /* Integer bits with the sign; 0 in floating point. */
#define TINY_OUTPUT_FORMAT_INT_BITS_MASK 0x00ff0000u

/* SCORE_FORMAT (ro): Format of scores. */
#define TINY_SCORE_FORMAT 0x038u
#define TINY_SCORE_FORMAT_RESET 0x00000807u
#define TINY_SCORE_FORMAT_MAN_BITS_SHIFT 0u /* Bits of the fraction. */
#define TINY_SCORE_FORMAT_MAN_BITS_MASK 0x000000ffu
#define TINY_SCORE_FORMAT_EXP_BITS_SHIFT 8u /* Bits of the exponent; 0 in fixed point. */
#define TINY_SCORE_FORMAT_EXP_BITS_MASK 0x0000ff00u
#define TINY_SCORE_FORMAT_INT_BITS_SHIFT 16u /* Integer bits with the sign; 0 in floating point. */
#define TINY_SCORE_FORMAT_INT_BITS_MASK 0x00ff0000u

/* FEATURES (ro): What there is hardware for. */
#define TINY_FEATURES 0x03cu
#define TINY_FEATURES_RESET 0x00000032u
#define TINY_FEATURES_MASK_SHIFT 0u /* Masks: 0 none, 1 causal, 2 causal and sliding window. */
#define TINY_FEATURES_MASK_MASK 0x00000003u
#define TINY_FEATURES_DMA_SHIFT 4u /* Rows are read from and written to memory, else streamed. */
#define TINY_FEATURES_DMA_MASK 0x00000010u
#define TINY_FEATURES_SCALE_SHIFT 5u /* There is a register SCALE. */
#define TINY_FEATURES_SCALE_MASK 0x00000020u

/* CTRL (rw): Starts and stops jobs. */
#define TINY_CTRL 0x040u
#define TINY_CTRL_RESET 0x00000000u
#define TINY_CTRL_START_SHIFT 0u /* 1 starts a job; reads 0. A write that starts while a job runs is refused. */
#define TINY_CTRL_START_MASK 0x00000001u
#define TINY_CTRL_SOFT_RESET_SHIFT 1u /* 1 ends the job as soon as no transfer is open, or throws away what streams hold; reads 0. */
#define TINY_CTRL_SOFT_RESET_MASK 0x00000002u
#define TINY_CTRL_IRQ_ENABLE_SHIFT 2u /* The interrupt is on while DONE or ERROR is. */
#define TINY_CTRL_IRQ_ENABLE_MASK 0x00000004u

/* STATUS (rw1c): How the job goes, and how the last one went. */
#define TINY_STATUS 0x044u
#define TINY_STATUS_RESET 0x00000000u
#define TINY_STATUS_BUSY_SHIFT 0u /* A job runs. */
#define TINY_STATUS_BUSY_MASK 0x00000001u
#define TINY_STATUS_DONE_SHIFT 1u /* The job is done. 1 clears it, as does a start. */
#define TINY_STATUS_DONE_MASK 0x00000002u
#define TINY_STATUS_ERROR_SHIFT 2u /* The job ended in an error. 1 clears it and CAUSE, as does a start. */
#define TINY_STATUS_ERROR_MASK 0x00000004u
#define TINY_STATUS_CAUSE_SHIFT 8u /* Why the job ended in an error. */
#define TINY_STATUS_CAUSE_MASK 0x0000ff00u

/* QUERIES (rw): Queries of a head. */
#define TINY_QUERIES 0x080u
#define TINY_QUERIES_RESET 0x00000000u

/* KEYS (rw): Keys of a head; padding beyond them is never read. */
#define TINY_KEYS 0x084u
#define TINY_KEYS_RESET 0x00000000u

/* HEADS (rw): Query heads. */
#define TINY_HEADS 0x088u
#define TINY_HEADS_RESET 0x00000001u

/* KV_HEADS (rw): Key/value heads; divides HEADS. */
#define TINY_KV_HEADS 0x08cu
#define TINY_KV_HEADS_RESET 0x00000001u

/* MASK (rw): Keys that a query meets: 0 all, 1 causal, 2 causal and sliding window. */
#define TINY_MASK 0x090u
#define TINY_MASK_RESET 0x00000000u

/* WINDOW (rw): Keys of the sliding window, with MASK = 2. */
#define TINY_WINDOW 0x094u
#define TINY_WINDOW_RESET 0x00000000u

/* SCALE (rw): Factor of the scores, a number of SCORE_FORMAT. */
#define TINY_SCALE 0x098u
#define TINY_SCALE_RESET 0x00003f80u

/* Q_BASE (rw): Address of the first query row. */
#define TINY_Q_BASE_LO 0x100u
#define TINY_Q_BASE_HI 0x104u

/* Q_ROW_STRIDE (rw): Bytes from a query row to the next. */
#define TINY_Q_ROW_STRIDE_LO 0x108u
#define TINY_Q_ROW_STRIDE_HI 0x10cu

/* Q_HEAD_STRIDE (rw): Bytes from a head's queries to the next head's. */
#define TINY_Q_HEAD_STRIDE_LO 0x110u
#define TINY_Q_HEAD_STRIDE_HI 0x114u

/* K_BASE (rw): Address of the first key row. */
#define TINY_K_BASE_LO 0x118u
#define TINY_K_BASE_HI 0x11cu

/* K_ROW_STRIDE (rw): Bytes from a key row to the next. */
#define TINY_K_ROW_STRIDE_LO 0x120u
#define TINY_K_ROW_STRIDE_HI 0x124u

/* K_HEAD_STRIDE (rw): Bytes from a head's keys to the next head's. */
#define TINY_K_HEAD_STRIDE_LO 0x128u
#define TINY_K_HEAD_STRIDE_HI 0x12cu

/* V_BASE (rw): Address of the first value row. */
#define TINY_V_BASE_LO 0x130u
#define TINY_V_BASE_HI 0x134u

/* V_ROW_STRIDE (rw): Bytes from a value row to the next. */
#define TINY_V_ROW_STRIDE_LO 0x138u
#define TINY_V_ROW_STRIDE_HI 0x13cu

/* V_HEAD_STRIDE (rw): Bytes from a head's values to the next head's. */
#define TINY_V_HEAD_STRIDE_LO 0x140u
#define TINY_V_HEAD_STRIDE_HI 0x144u

/* O_BASE (rw): Address of the first result row. */
#define TINY_O_BASE_LO 0x148u
#define TINY_O_BASE_HI 0x14cu

/* O_ROW_STRIDE (rw): Bytes from a result row to the next. */
#define TINY_O_ROW_STRIDE_LO 0x150u
#define TINY_O_ROW_STRIDE_HI 0x154u

/* O_HEAD_STRIDE (rw): Bytes from a head's results to the next head's. */
#define TINY_O_HEAD_STRIDE_LO 0x158u
#define TINY_O_HEAD_STRIDE_HI 0x15cu

/* CYCLES (ro): Clock cycles of the job. */
#define TINY_CYCLES_LO 0x180u
#define TINY_CYCLES_HI 0x184u

/* USEFUL_STEPS (ro): Steps in which a query met a key. */
#define TINY_USEFUL_STEPS_LO 0x188u
#define TINY_USEFUL_STEPS_HI 0x18cu

/* SKIPPED (ro): Steps in which a query did not meet the key: it is masked. */
#define TINY_SKIPPED_LO 0x190u
#define TINY_SKIPPED_HI 0x194u

/* EMPTY_ROWS (ro): Queries that met no key. */
#define TINY_EMPTY_ROWS 0x198u
#define TINY_EMPTY_ROWS_RESET 0x00000000u

/* STALL_Q (ro): Cycles in which the engine waited for queries. */
#define TINY_STALL_Q 0x1a0u
#define TINY_STALL_Q_RESET 0x00000000u

/* STALL_KV (ro): Cycles in which the engine waited for keys. */
#define TINY_STALL_KV 0x1a4u
#define TINY_STALL_KV_RESET 0x00000000u

/* STALL_O (ro): Cycles in which the engine waited for the way out of results. */
#define TINY_STALL_O 0x1a8u
#define TINY_STALL_O_RESET 0x00000000u

/* STALL_OTHER (ro): Other cycles in which the engine stood: its own loads, merges and rescalings, and a job's start and end. */
#define TINY_STALL_OTHER 0x1acu
#define TINY_STALL_OTHER_RESET 0x00000000u

/* BYTES_READ (ro): Bytes of all beats that came in. */
#define TINY_BYTES_READ_LO 0x1b0u
#define TINY_BYTES_READ_HI 0x1b4u

/* BYTES_WRITTEN (ro): Bytes of all beats that went out. */
#define TINY_BYTES_WRITTEN_LO 0x1b8u
#define TINY_BYTES_WRITTEN_HI 0x1bcu

/* STATUS.CAUSE */
#define TINY_CAUSE_ZERO_LENGTH 1u /* QUERIES, KEYS, HEADS or KV_HEADS is 0. */
#define TINY_CAUSE_TOO_LONG 2u /* QUERIES or KEYS is beyond the maximum. */
#define TINY_CAUSE_BAD_HEADS 3u /* HEADS or KV_HEADS is beyond the maximum, or HEADS is no multiple of KV_HEADS. */
#define TINY_CAUSE_BAD_MASK 4u /* MASK is unknown, or there is no hardware for it. */
#define TINY_CAUSE_ZERO_WINDOW 5u /* MASK is 2 and WINDOW is 0. */
#define TINY_CAUSE_UNALIGNED 6u /* A base or stride is no multiple of BUS_BYTES. */
#define TINY_CAUSE_EARLY_LAST 7u /* tlast came before the last beat of a packet. */
#define TINY_CAUSE_LATE_LAST 8u /* The last beat of a packet came without tlast. */
#define TINY_CAUSE_READ_SLAVE_ERROR 9u /* A read was answered with SLVERR. */
#define TINY_CAUSE_READ_DECODE_ERROR 10u /* A read was answered with DECERR. */
#define TINY_CAUSE_WRITE_SLAVE_ERROR 11u /* A write was answered with SLVERR. */
#define TINY_CAUSE_WRITE_DECODE_ERROR 12u /* A write was answered with DECERR. */
#define TINY_CAUSE_WATCHDOG 13u /* Nothing moved for a very long time. */
#define TINY_CAUSE_OPEN_TRANSFERS 14u /* The bus has yet to answer what a job asked for that the watchdog has ended, or the streams still bring what was sent to it. */

#endif /* TINY_REGISTERS_H */

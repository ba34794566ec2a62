//! Accelerators to test.

use super::{Choice, engine};
use attention::accelerator::{AcceleratorSpec, Buffers, Interface, MaskMode, MaskSupport, Settings, Tensor};
use hdl::Reset;
use numerics::Number;

/// A small accelerator that has everything at run time: masks, heads, scale.
pub fn accelerator(
    options: &Choice,
    input: impl Into<Number>,
    [head_dim, lanes, interleave]: [u32; 3],
) -> AcceleratorSpec {
    let mut engine = engine(options, input, head_dim, lanes, interleave);
    engine.dot = engine.dot.with_scale(engine.dot.result);
    AcceleratorSpec {
        name: "tiny".into(),
        engine,
        key_tile: 4,
        max_queries: 64,
        max_keys: 64,
        heads: 8,
        kv_heads: 8,
        mask: MaskSupport::SlidingWindow,
        interface: Interface::Dma,
        bus_bits: 64,
        buffers: Buffers::default(),
        reset: Reset::default(),
    }
}

/// A job of one head without a mask, its tensors nowhere.
pub fn settings(spec: &AcceleratorSpec, queries: u32, keys: u32) -> Settings {
    let nowhere = Tensor::default();
    Settings {
        queries,
        keys,
        heads: 1,
        kv_heads: 1,
        mask: MaskMode::None,
        window: 0,
        scale: spec.engine.dot.scale.map_or(0, |format| format.one()),
        q: nowhere,
        k: nowhere,
        v: nowhere,
        o: nowhere,
    }
}

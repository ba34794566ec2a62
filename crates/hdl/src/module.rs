//! The graph of one module kind, as every reader sees it.
//!
//! Every node denotes an exact integer (or a bundle of them): the type of a node is wide enough for every value its
//! operation can produce, and bits are only ever lost in the operations that say so ([`Op::Slice`], [`Op::Resize`]
//! to a narrower type, [`Op::Shl`], [`Op::Shr`]).

use crate::ty::Type;
use std::sync::Arc;

/// Index of a node within its module.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(pub u32);

/// Index of a module within its design.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ModuleId(pub u32);

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub struct $name(pub u32);
        impl $name {
            /// As an index into the vector that holds the thing.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}
ids! {
    /// Index of a port in [`Module::ports`].
    PortId;
    /// Index of a register in [`Module::registers`].
    RegId;
    /// Index of a register file in [`Module::files`].
    FileId;
    /// Index of a memory in [`Module::memories`].
    MemId;
    /// Index of an instance in [`Module::instances`].
    InstId;
}
impl NodeId {
    /// As an index into [`Module::nodes`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}
impl ModuleId {
    /// As an index into [`crate::Design::modules`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a node computes. Operands are nodes of the same module; scalars unless said otherwise.
///
/// "Value" below is the exact integer an operand denotes under its own type; the result type is in [`Node::ty`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// The low `width` bits of the pattern, in every element.
    Const(u64),
    /// The value of an input port.
    Input(PortId),
    /// A forward-declared wire; `None` until driven (an undriven wire is a validation error). Any type.
    Wire(Option<NodeId>),
    /// Bitwise complement; result type = operand type. Bundles allowed.
    Not(NodeId),
    /// Bitwise and of two operands of the result type. Bundles allowed.
    And(NodeId, NodeId),
    /// Bitwise or of two operands of the result type. Bundles allowed.
    Or(NodeId, NodeId),
    /// Bitwise exclusive or of two operands of the result type. Bundles allowed.
    Xor(NodeId, NodeId),
    /// Exact sum; both operands have the result's signedness.
    Add(NodeId, NodeId),
    /// Exact difference; the result is signed.
    Sub(NodeId, NodeId),
    /// Exact product; both operands have the result's signedness.
    Mul(NodeId, NodeId),
    /// Exact negation; the result is signed.
    Neg(NodeId),
    /// Exact sum over all elements of a bundle; same signedness as the result.
    Sum(NodeId),
    /// Values equal (operands of one signedness, any widths); 1 bit.
    Eq(NodeId, NodeId),
    /// Values different; 1 bit.
    Ne(NodeId, NodeId),
    /// `a < b` as values (operands of one signedness, any widths); 1 bit.
    Lt(NodeId, NodeId),
    /// `a <= b` as values; 1 bit.
    Le(NodeId, NodeId),
    /// `value(a) << n`, kept to the result's bits (higher ones are lost); `n` unsigned. Result signedness = a's.
    Shl(NodeId, NodeId),
    /// `floor(value(a) / 2^n)`, arithmetic for signed `a`; `n` unsigned, any amount. Result type = type of `a`.
    Shr(NodeId, NodeId),
    /// `sel ? t : f`; `sel` is one bit, `t` and `f` have the result type. Bundles allowed.
    Mux(NodeId, NodeId, NodeId),
    /// Bits `lo .. lo + width` of a scalar's pattern; the result is unsigned.
    Slice(NodeId, u32),
    /// The operand in another scalar type: sign- or zero-extended by its own signedness, or cut to its low bits.
    Resize(NodeId),
    /// Bit patterns side by side, the first operand in the most significant place; unsigned.
    Concat(Vec<NodeId>),
    /// Row `index` of a constant table; rows beyond its end read as its last row. The table has `1 << index width`
    /// rows or fewer.
    Table(NodeId, Arc<Vec<u64>>),
    /// Leading zeros of an unsigned operand, 0 ..= its width.
    Lzc(NodeId),
    /// Or of all bits; 1 bit.
    ReduceOr(NodeId),
    /// And of all bits; 1 bit.
    ReduceAnd(NodeId),
    /// Exclusive or of all bits; 1 bit.
    ReduceXor(NodeId),
    /// Scalars or bundles of one element type one after the other, the first in the low elements.
    Bundle(Vec<NodeId>),
    /// Elements `start .. start + count` of a bundle.
    Elements(NodeId, u32),
    /// A scalar or bundle repeated until it fills the result's `count`.
    Broadcast(NodeId),
    /// The same bits cut into elements of another width.
    Regroup(NodeId),
    /// Output of a register.
    RegQ(RegId),
    /// Asynchronous read of a register file at an address.
    FileRead(FileId, NodeId),
    /// The read data register of a memory.
    MemRead(MemId),
    /// An output port of an instance; for arrays the copies' outputs, copy 0 in the low elements.
    InstOut(InstId, PortId),
}

/// A node of the graph.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Node {
    /// What it computes.
    pub op: Op,
    /// Type of the result.
    pub ty: Type,
    /// What it is, as the writer names it.
    pub name: Option<Arc<str>>,
}

/// Direction of a port.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// Driven from outside.
    Input,
    /// Driven by the module.
    Output,
}

/// A port; the clock and the reset are implicit.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Port {
    /// Its Verilog name.
    pub name: Arc<str>,
    /// Its direction.
    pub direction: Direction,
    /// Its type.
    pub ty: Type,
    /// The node that drives an output; an input's [`Op::Input`] node.
    pub node: NodeId,
    /// For outputs: the 1-bit output port whose 0 makes this port's value meaningless.
    pub valid_by: Option<Arc<str>>,
    /// A quasi-static input: it changes only while no step is in flight.
    pub stable: bool,
    /// Clock cycle, relative to the module's first inputs, in which the port's value belongs to the same step.
    pub cycle: u32,
    /// Arrival time within that cycle, in picoseconds after the clock edge (0 without timing).
    pub arrival_ps: u32,
}

/// A register. Reads as [`Op::RegQ`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Register {
    /// Base name, without `_q`.
    pub name: Arc<str>,
    /// Its type; bundles allowed.
    pub ty: Type,
    /// Next value; `None` only until driven.
    pub next: Option<NodeId>,
    /// Loads only when this bit is 1.
    pub enable: Option<NodeId>,
    /// Pattern loaded on reset, in every element; `None` for datapath registers.
    pub reset: Option<u64>,
}

/// A write to a register file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FileWrite {
    /// Entry written.
    pub addr: NodeId,
    /// Value written.
    pub data: NodeId,
    /// Writes only when this bit is 1.
    pub enable: NodeId,
}

/// A register file: asynchronous reads ([`Op::FileRead`]), one synchronous write.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RegFile {
    /// Name of the array.
    pub name: Arc<str>,
    /// Entries.
    pub depth: u32,
    /// Type of an entry; bundles allowed.
    pub ty: Type,
    /// The write port; `None` only until driven.
    pub write: Option<FileWrite>,
}

/// A synchronous memory: the read data register loads entry `read.0` when `read.1`; with `single_port`, a read and a
/// write in the same cycle do not happen. Reading an entry while it is written gives its old value in simulation and
/// must not be relied upon.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Memory {
    /// Name of the array.
    pub name: Arc<str>,
    /// Entries.
    pub depth: u32,
    /// Type of an entry; bundles allowed.
    pub ty: Type,
    /// 1RW: read and write share one address.
    pub single_port: bool,
    /// The write port.
    pub write: Option<FileWrite>,
    /// Read address and read enable.
    pub read: Option<(NodeId, NodeId)>,
}

/// How an input of an instance array is connected.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Connection {
    /// Every copy sees the whole signal.
    Broadcast(NodeId),
    /// Copy `i` sees the `i`-th of `count` equal parts of the bundle.
    Sliced(NodeId),
}

impl Connection {
    /// The signal connected.
    pub const fn node(self) -> NodeId {
        match self {
            Connection::Broadcast(n) | Connection::Sliced(n) => n,
        }
    }
}

/// An instance, or an array of `count` copies, of another module.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Instance {
    /// Instance name, without `u_`.
    pub name: Arc<str>,
    /// The kind.
    pub module: ModuleId,
    /// Copies; 1 for a plain instance.
    pub count: u32,
    /// One connection per input port, in port order.
    pub inputs: Vec<Connection>,
}

/// A state recurrence and what closing it costs.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Loop {
    /// The state variable.
    pub name: Arc<str>,
    /// Cycles from reading the state to the next possible read; the interleave must be at least this.
    pub cycles: u32,
    /// Length of its longest path in picoseconds, registers included (0 without timing).
    pub delay_ps: u32,
}

/// A module kind: ports, nodes and state. Immutable once built.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Module {
    /// Kind name with its parameters.
    pub name: Arc<str>,
    /// One line: what it computes.
    pub doc: Arc<str>,
    /// Ports in order, inputs and outputs mixed as declared.
    pub ports: Vec<Port>,
    /// Nodes; operands of combinational nodes come first, except through [`Op::Wire`].
    pub nodes: Vec<Node>,
    /// Registers.
    pub registers: Vec<Register>,
    /// Register files.
    pub files: Vec<RegFile>,
    /// Memories.
    pub memories: Vec<Memory>,
    /// Instances.
    pub instances: Vec<Instance>,
    /// State recurrences of this module itself.
    pub loops: Vec<Loop>,
    /// The module or one below it has state.
    pub has_clock: bool,
    /// The module or one below it has registers with a reset value.
    pub has_reset: bool,
}

impl Op {
    /// Pure wiring: no logic, any width.
    pub fn is_wiring(&self) -> bool {
        use Op::*;
        matches!(
            self,
            Const(_)
                | Input(_)
                | Wire(_)
                | Slice(..)
                | Resize(_)
                | Concat(_)
                | Bundle(_)
                | Elements(..)
                | Broadcast(_)
                | Regroup(_)
                | RegQ(_)
                | FileRead(..)
                | MemRead(_)
                | InstOut(..)
                | ReduceOr(_)
                | ReduceAnd(_)
                | ReduceXor(_)
                | Not(_)
                | And(..)
                | Or(..)
                | Xor(..)
                | Mux(..)
        )
    }

    /// A short lower-case word for messages and names.
    pub fn mnemonic(&self) -> &'static str {
        use Op::*;
        match self {
            Const(_) => "const",
            Input(_) => "input",
            Wire(_) => "wire",
            Not(_) => "not",
            And(..) => "and",
            Or(..) => "or",
            Xor(..) => "xor",
            Add(..) => "add",
            Sub(..) => "sub",
            Mul(..) => "mul",
            Neg(_) => "neg",
            Sum(_) => "sum",
            Eq(..) => "eq",
            Ne(..) => "ne",
            Lt(..) => "lt",
            Le(..) => "le",
            Shl(..) => "shl",
            Shr(..) => "shr",
            Mux(..) => "mux",
            Slice(..) => "slice",
            Resize(_) => "resize",
            Concat(_) => "concat",
            Table(..) => "table",
            Lzc(_) => "lzc",
            ReduceOr(_) => "any",
            ReduceAnd(_) => "all",
            ReduceXor(_) => "parity",
            Bundle(_) => "bundle",
            Elements(..) => "elements",
            Broadcast(_) => "broadcast",
            Regroup(_) => "regroup",
            RegQ(_) => "reg",
            FileRead(..) => "read",
            MemRead(_) => "mem",
            InstOut(..) => "out",
        }
    }

    /// Nodes whose value in this cycle the operation depends on, in order.
    pub fn operands(&self) -> Vec<NodeId> {
        let mut operands = vec![];
        self.clone().map_operands(|id| {
            operands.push(id);
            id
        });
        operands
    }

    /// Replaces every operand.
    pub fn map_operands(&mut self, mut f: impl FnMut(NodeId) -> NodeId) {
        use Op::*;
        match self {
            Const(_) | Input(_) | RegQ(_) | MemRead(_) | InstOut(..) | Wire(None) => {}
            Wire(Some(a))
            | Not(a)
            | Neg(a)
            | Sum(a)
            | Slice(a, _)
            | Resize(a)
            | Table(a, _)
            | Lzc(a)
            | ReduceOr(a)
            | ReduceAnd(a)
            | ReduceXor(a)
            | Elements(a, _)
            | Broadcast(a)
            | Regroup(a)
            | FileRead(_, a) => *a = f(*a),
            And(a, b)
            | Or(a, b)
            | Xor(a, b)
            | Add(a, b)
            | Sub(a, b)
            | Mul(a, b)
            | Eq(a, b)
            | Ne(a, b)
            | Lt(a, b)
            | Le(a, b)
            | Shl(a, b)
            | Shr(a, b) => {
                *a = f(*a);
                *b = f(*b);
            }
            Mux(s, t, e) => {
                *s = f(*s);
                *t = f(*t);
                *e = f(*e);
            }
            Concat(v) | Bundle(v) => v.iter_mut().for_each(|n| *n = f(*n)),
        }
    }
}

impl Module {
    /// The node with this index.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// Input ports with their indices.
    pub fn inputs(&self) -> impl Iterator<Item = (PortId, &Port)> {
        self.ports_of(Direction::Input)
    }

    /// Output ports with their indices.
    pub fn outputs(&self) -> impl Iterator<Item = (PortId, &Port)> {
        self.ports_of(Direction::Output)
    }

    fn ports_of(&self, direction: Direction) -> impl Iterator<Item = (PortId, &Port)> {
        let all = self.ports.iter().enumerate().map(|(i, p)| (PortId(i as u32), p));
        all.filter(move |(_, p)| p.direction == direction)
    }

    /// The port of this name.
    pub fn port(&self, name: &str) -> Option<(PortId, &Port)> {
        let at = self.ports.iter().position(|p| &*p.name == name)?;
        Some((PortId(at as u32), &self.ports[at]))
    }

    /// Cycles from the first inputs to the last output.
    pub fn latency(&self) -> u32 {
        self.outputs().map(|(_, p)| p.cycle).max().unwrap_or(0)
    }
}

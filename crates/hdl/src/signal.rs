//! Signals: handles to nodes with operators that never lose a bit silently.

use crate::builder::ModuleBuilder;
use crate::module::{NodeId, Op};
use crate::timing::OpKind;
use crate::ty::{Type, index_width, value_width};
use std::ops;
use std::sync::Arc;

/// A handle to a node of the module under construction.
///
/// `a + b` is one bit wider than its operands, `a * b` as wide as both together, `a - b` signed and one bit wider;
/// mixing signed and unsigned operands panics. Bits are lost only by [`Signal::slice`], [`Signal::truncate`],
/// [`Signal::saturate`], [`Signal::shl_truncating`] and [`Signal::shr`].
#[derive(Clone, Copy)]
pub struct Signal<'b> {
    builder: &'b ModuleBuilder,
    id: NodeId,
    ty: Type,
}

impl<'b> Signal<'b> {
    pub(crate) const fn new(builder: &'b ModuleBuilder, id: NodeId, ty: Type) -> Self {
        Signal { builder, id, ty }
    }

    pub(crate) const fn id(self) -> NodeId {
        self.id
    }

    /// The builder of the module this signal is in.
    pub const fn builder(self) -> &'b ModuleBuilder {
        self.builder
    }

    /// Its type.
    pub const fn ty(self) -> Type {
        self.ty
    }

    /// Bits of one element.
    pub const fn width(self) -> u32 {
        self.ty.width
    }

    /// Says what the signal is; the Verilog wire is called so.
    pub fn named(self, name: &str) -> Self {
        self.builder.state.borrow_mut().module.nodes[self.id.index()].name = Some(name.into());
        self
    }

    fn op(self, op: Op, ty: Type) -> Signal<'b> {
        self.builder.op(op, ty)
    }

    #[track_caller]
    fn same_sign(self, other: Self) -> bool {
        assert!(
            self.ty.signed == other.ty.signed && self.ty.is_scalar() && other.ty.is_scalar(),
            "operands {} and {}: scalars of one signedness are needed",
            self.ty,
            other.ty
        );
        self.ty.signed
    }

    // ---- comparison and selection ----

    /// Equal values.
    #[track_caller]
    pub fn eq(self, other: Self) -> Self {
        self.same_sign(other);
        self.op(Op::Eq(self.id, other.id), Type::unsigned(1))
    }

    /// Equal to a constant.
    #[track_caller]
    pub fn eq_const(self, value: u64) -> Self {
        self.eq(self.builder.lit(value, self.width()))
    }

    /// Different values.
    #[track_caller]
    pub fn ne(self, other: Self) -> Self {
        self.same_sign(other);
        self.op(Op::Ne(self.id, other.id), Type::unsigned(1))
    }

    /// Less than.
    #[track_caller]
    pub fn lt(self, other: Self) -> Self {
        self.same_sign(other);
        self.op(Op::Lt(self.id, other.id), Type::unsigned(1))
    }

    /// Less than or equal.
    #[track_caller]
    pub fn le(self, other: Self) -> Self {
        self.same_sign(other);
        self.op(Op::Le(self.id, other.id), Type::unsigned(1))
    }

    /// Greater than.
    #[track_caller]
    pub fn gt(self, other: Self) -> Self {
        other.lt(self)
    }

    /// Greater than or equal.
    #[track_caller]
    pub fn ge(self, other: Self) -> Self {
        other.le(self)
    }

    /// `self ? t : f`; scalars are extended to the wider of the two, bundles must have one type.
    #[track_caller]
    pub fn mux(self, t: Self, f: Self) -> Self {
        assert_eq!(self.ty, Type::unsigned(1), "a select is one bit");
        if t.id == f.id {
            return t;
        }
        if !t.ty.is_scalar() || !f.ty.is_scalar() {
            assert_eq!(t.ty, f.ty, "branches of a bundle mux");
            return self.op(Op::Mux(self.id, t.id, f.id), t.ty);
        }
        t.same_sign(f);
        let width = t.width().max(f.width());
        let (t, f) = (t.extend(width), f.extend(width));
        self.op(Op::Mux(self.id, t.id, f.id), t.ty)
    }

    // ---- widths and bits ----

    /// The same value in a type at least as wide.
    #[track_caller]
    pub fn extend(self, width: u32) -> Self {
        assert!(width >= self.width() && self.ty.is_scalar(), "extending {} to {width} bits", self.ty);
        self.resize(Type { width, ..self.ty })
    }

    /// The low `width` bits, in the same signedness; the rest is lost.
    #[track_caller]
    pub fn truncate(self, width: u32) -> Self {
        assert!(width <= self.width() && self.ty.is_scalar(), "truncating {} to {width} bits", self.ty);
        self.resize(Type { width, ..self.ty })
    }

    /// The same value as a signed number: one bit wider if unsigned.
    pub fn to_signed(self) -> Self {
        if self.ty.signed { self } else { self.extend(self.width() + 1).reinterpret(true) }
    }

    /// The same bits read as signed or unsigned.
    pub fn reinterpret(self, signed: bool) -> Self {
        self.resize(Type { signed, ..self.ty })
    }

    fn resize(self, ty: Type) -> Self {
        if ty == self.ty { self } else { self.op(Op::Resize(self.id), ty) }
    }

    /// Bits `hi ..= lo`, unsigned.
    #[track_caller]
    pub fn slice(self, hi: u32, lo: u32) -> Self {
        assert!(hi >= lo && hi < self.width() && self.ty.is_scalar(), "bits {hi}..={lo} of {}", self.ty);
        if lo == 0 && hi + 1 == self.width() {
            return self.reinterpret(false);
        }
        self.op(Op::Slice(self.id, lo), Type::unsigned(hi - lo + 1))
    }

    /// Bit `i`.
    #[track_caller]
    pub fn bit(self, i: u32) -> Self {
        self.slice(i, i)
    }

    /// The most significant bit.
    pub fn msb(self) -> Self {
        self.bit(self.width() - 1)
    }

    /// `n` copies of a bit.
    #[track_caller]
    pub fn repeat(self, n: u32) -> Self {
        assert_eq!(self.ty, Type::unsigned(1), "a bit is repeated");
        self.reinterpret(true).extend(n).reinterpret(false)
    }

    /// The low `n` bits, unsigned.
    #[track_caller]
    pub fn low(self, n: u32) -> Self {
        self.slice(n - 1, 0)
    }

    /// The high `n` bits, unsigned.
    #[track_caller]
    pub fn high(self, n: u32) -> Self {
        self.slice(self.width() - 1, self.width() - n)
    }

    /// `self · 2^n`, wider by `n` bits.
    pub fn shl_const(self, n: u32) -> Self {
        if n == 0 {
            return self;
        }
        let zeros = self.builder.lit(0, n);
        self.builder.concat(&[self, zeros]).reinterpret(self.ty.signed)
    }

    /// `floor(self / 2^n)` by dropping the low `n` bits (`n` below the width).
    #[track_caller]
    pub fn shr_const(self, n: u32) -> Self {
        self.slice(self.width() - 1, n).reinterpret(self.ty.signed)
    }

    /// `self << n` cut to `width` bits.
    #[track_caller]
    pub fn shl_truncating(self, n: Self, width: u32) -> Self {
        assert!(!n.ty.signed && n.ty.is_scalar() && self.ty.is_scalar());
        self.op(Op::Shl(self.id, n.id), Type { width, ..self.ty })
    }

    /// `floor(self / 2^n)` for a run-time `n`.
    #[track_caller]
    #[allow(clippy::should_implement_trait)] // named like its counterpart that drops constant places
    pub fn shr(self, n: Self) -> Self {
        assert!(!n.ty.signed && n.ty.is_scalar() && self.ty.is_scalar());
        self.op(Op::Shr(self.id, n.id), self.ty)
    }

    /// The value clamped to the range of a narrower type of the same signedness.
    #[track_caller]
    pub fn saturate(self, width: u32) -> Self {
        if width >= self.width() {
            return self.extend(width);
        }
        let b = self.builder;
        let low = self.truncate(width);
        if !self.ty.signed {
            let over = self.high(self.width() - width).reduce_or();
            return over.mux(b.lit(u64::MAX >> (64 - width), width), low);
        }
        let top = self.high(self.width() - width + 1);
        let fits = top.reduce_or().eq(top.reduce_and());
        let (min, max) = (-1i64 << (width - 1), !(-1i64 << (width - 1)));
        let limit = self.msb().mux(b.lit_signed(min, width), b.lit_signed(max, width));
        fits.mux(low, limit)
    }

    // ---- reductions, tables ----

    /// Or of all bits.
    pub fn reduce_or(self) -> Self {
        if self.ty == Type::unsigned(1) { self } else { self.op(Op::ReduceOr(self.id), Type::unsigned(1)) }
    }

    /// And of all bits.
    pub fn reduce_and(self) -> Self {
        if self.ty == Type::unsigned(1) { self } else { self.op(Op::ReduceAnd(self.id), Type::unsigned(1)) }
    }

    /// Exclusive or of all bits.
    pub fn reduce_xor(self) -> Self {
        self.op(Op::ReduceXor(self.id), Type::unsigned(1))
    }

    /// All bits are zero.
    pub fn is_zero(self) -> Self {
        !self.reduce_or()
    }

    /// Number of leading zeros, 0 ..= width.
    #[track_caller]
    pub fn lzc(self) -> Self {
        assert!(!self.ty.signed && self.ty.is_scalar());
        self.op(Op::Lzc(self.id), Type::unsigned(value_width(u64::from(self.width()))))
    }

    /// Row `self` of a table of patterns of `width` bits; indices beyond the last row read the last row.
    #[track_caller]
    pub fn table(self, rows: &[u64], width: u32) -> Self {
        assert!(!self.ty.signed && !rows.is_empty() && rows.iter().all(|r| width == 64 || r >> width == 0));
        let needed = index_width(rows.len() as u32);
        assert!(needed <= self.width().max(1), "{} rows and an index of {} bits", rows.len(), self.width());
        self.op(Op::Table(self.id, Arc::new(rows.to_vec())), Type::unsigned(width))
    }

    // ---- bundles ----

    /// Element `i` of a bundle.
    #[track_caller]
    pub fn element(self, i: u32) -> Self {
        self.elements(i, 1)
    }

    /// Elements `start .. start + count` of a bundle.
    #[track_caller]
    pub fn elements(self, start: u32, count: u32) -> Self {
        assert!(count >= 1 && start + count <= self.ty.count, "elements {start}+{count} of {}", self.ty);
        if count == self.ty.count {
            return self;
        }
        self.op(Op::Elements(self.id, start), Type { count, ..self.ty })
    }

    /// The signal repeated `n` times as a bundle.
    pub fn broadcast(self, n: u32) -> Self {
        if n == 1 { self } else { self.op(Op::Broadcast(self.id), self.ty.times(n)) }
    }

    /// The same bits as `count` unsigned elements of `width` bits.
    #[track_caller]
    pub fn regroup(self, count: u32, width: u32) -> Self {
        assert_eq!(count * width, self.ty.bits(), "regrouping {}", self.ty);
        let ty = Type { width, count, signed: false };
        if ty == self.ty { self } else { self.op(Op::Regroup(self.id), ty) }
    }

    /// The exact sum of all elements.
    pub fn sum(self) -> Self {
        if self.ty.is_scalar() {
            return self;
        }
        let growth = u32::BITS - (self.ty.count - 1).leading_zeros();
        self.op(Op::Sum(self.id), Type { width: self.width() + growth, count: 1, ..self.ty })
    }
}

macro_rules! bitwise {
    ($($trait:ident $method:ident $op:ident;)*) => {$(
        impl<'b> ops::$trait for Signal<'b> {
            type Output = Signal<'b>;
            #[track_caller]
            fn $method(self, other: Self) -> Self {
                assert_eq!(self.ty, other.ty, "bitwise operands have one type");
                for (x, constant) in [(self, other), (other, self)] {
                    if let Some(folded) = constant.zero_folds(x, Op::$op) {
                        return folded;
                    }
                }
                self.op(Op::$op(self.id, other.id), self.ty)
            }
        }
    )*};
}
bitwise! { BitAnd bitand And; BitOr bitor Or; BitXor bitxor Xor; }

impl<'b> Signal<'b> {
    /// `x op 0` where `self` is the constant 0.
    fn zero_folds(self, x: Self, op: fn(NodeId, NodeId) -> Op) -> Option<Self> {
        let is_zero = self.builder.state.borrow().module.nodes[self.id.index()].op == Op::Const(0);
        let absorbs = matches!(op(self.id, x.id), Op::And(..));
        is_zero.then_some(if absorbs { self } else { x })
    }
}

impl<'b> ops::Not for Signal<'b> {
    type Output = Signal<'b>;
    fn not(self) -> Self {
        self.op(Op::Not(self.id), self.ty)
    }
}

/// Width of an exact sum or difference.
fn one_wider(a: Signal<'_>, b: Signal<'_>) -> u32 {
    a.width().max(b.width()) + 1
}

impl<'b> ops::Add for Signal<'b> {
    type Output = Signal<'b>;
    #[track_caller]
    fn add(self, other: Self) -> Self {
        let signed = self.same_sign(other);
        let width = one_wider(self, other);
        self.op(Op::Add(self.id, other.id), Type { width, count: 1, signed })
    }
}

impl<'b> ops::Sub for Signal<'b> {
    type Output = Signal<'b>;
    #[track_caller]
    fn sub(self, other: Self) -> Self {
        self.same_sign(other);
        self.op(Op::Sub(self.id, other.id), Type::signed(one_wider(self, other)))
    }
}

impl<'b> ops::Mul for Signal<'b> {
    type Output = Signal<'b>;
    #[track_caller]
    fn mul(self, other: Self) -> Self {
        let signed = self.same_sign(other);
        let width = self.width() + other.width();
        let (long, short) = if self.width() > other.width() { (self, other) } else { (other, self) };
        if long.width() > 2 && self.builder.wants_parts(OpKind::Mul, width, width - long.width() / 2) {
            return long.times_in_halves(short);
        }
        self.op(Op::Mul(self.id, other.id), Type { width, count: 1, signed })
    }
}

impl<'b> Signal<'b> {
    /// A product that takes more than a cycle: `high·x·2^h + low·x`.
    fn times_in_halves(self, x: Self) -> Self {
        let half = self.width() / 2;
        let (high, low) = (self.high(self.width() - half).reinterpret(self.ty.signed), self.low(half));
        let low = if self.ty.signed { low.to_signed() } else { low };
        ((high * x).shl_const(half) + low * x).truncate(self.width() + x.width())
    }
}

impl<'b> ops::Neg for Signal<'b> {
    type Output = Signal<'b>;
    #[track_caller]
    fn neg(self) -> Self {
        assert!(self.ty.is_scalar());
        self.op(Op::Neg(self.id), Type::signed(self.width() + 1))
    }
}

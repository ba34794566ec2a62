//! Signals of run-time width as rust-hdl sees them.

use crate::bits;
use crate::module::{Direction, Port};
use crate::ty::Type;
use ::rust_hdl::core::atom::{Atom, AtomKind};
use ::rust_hdl::core::signal::get_signal_id;
use ::rust_hdl::prelude::{PinConstraint, TypeDescriptor, TypeKind, VCDValue, VerilogLiteral};
use std::sync::Arc;

/// A port of a generated module. Like rust-hdl's own signals it has a next value, written from outside (inputs) or by
/// the module (outputs), and a value that follows it when the module is updated.
#[derive(Clone, Debug)]
pub(super) struct PortAtom {
    pub(super) name: Arc<str>,
    pub(super) ty: Type,
    pub(super) direction: Direction,
    pub(super) connected: bool,
    pub(super) next: Vec<u64>,
    pub(super) value: Vec<u64>,
    pub(super) changed: bool,
    id: usize,
}

impl PortAtom {
    pub(super) fn new(name: &str, ty: Type, direction: Direction) -> Self {
        let zero = vec![0; bits::words(ty.bits())];
        PortAtom {
            name: name.into(),
            ty,
            direction,
            connected: false,
            next: zero.clone(),
            value: zero,
            id: get_signal_id(),
            changed: false,
        }
    }

    pub(super) fn of(port: &Port) -> Self {
        PortAtom { name: port.name.clone(), ..Self::new("", port.ty, port.direction) }
    }

    /// Sets the next value to bits of `from` starting at `lo`; says whether that changes it.
    pub(super) fn set(&mut self, from: &[u64], lo: u32) -> bool {
        bits::copy(&mut self.next, 0, from, lo, self.ty.bits())
    }

    /// The lowest bit of the value, for clocks and resets.
    pub(super) fn is_high(&self) -> bool {
        self.value[0] & 1 == 1
    }

    /// Lets the value follow the next value; says whether that changes it.
    pub(super) fn latch(&mut self) -> bool {
        self.changed = self.value != self.next;
        if self.changed {
            self.value.copy_from_slice(&self.next);
        }
        self.changed
    }

    pub(super) fn atom(&self) -> SignalAtom<'_> {
        let kind = match self.direction {
            Direction::Input => AtomKind::InputParameter,
            Direction::Output => AtomKind::OutputParameter,
        };
        SignalAtom {
            ty: self.ty,
            kind,
            id: self.id,
            connected: self.connected,
            changed: self.changed,
            value: &self.value,
        }
    }
}

/// rust-hdl's view of one signal at one moment.
pub(super) struct SignalAtom<'a> {
    pub(super) ty: Type,
    pub(super) kind: AtomKind,
    pub(super) id: usize,
    pub(super) connected: bool,
    pub(super) changed: bool,
    pub(super) value: &'a [u64],
}

impl Atom for SignalAtom<'_> {
    fn bits(&self) -> usize {
        self.ty.bits() as usize
    }

    fn connected(&self) -> bool {
        self.connected
    }

    fn changed(&self) -> bool {
        self.changed
    }

    fn kind(&self) -> AtomKind {
        self.kind
    }

    fn descriptor(&self) -> TypeDescriptor {
        let bits = self.bits();
        if self.ty.signed && self.ty.is_scalar() {
            TypeDescriptor { name: format!("Signed::<{bits}>"), kind: TypeKind::Signed(bits) }
        } else {
            TypeDescriptor { name: format!("Bits::<{bits}>"), kind: TypeKind::Bits(bits) }
        }
    }

    fn vcd(&self) -> VCDValue {
        let bit = |i| match VCDValue::from(bits::get(self.value, i, 1) == 1) {
            VCDValue::Single(value) => value,
            _ => unreachable!("a single bit has a single value"),
        };
        VCDValue::Vector((0..self.ty.bits()).rev().map(bit).collect())
    }

    fn id(&self) -> usize {
        self.id
    }

    /// The low 64 bits of the value; rust-hdl prints it for constants only, and there are none here.
    fn verilog(&self) -> VerilogLiteral {
        self.value[0].into()
    }

    fn constraints(&self) -> Vec<PinConstraint> {
        vec![]
    }
}

//! Typed shells: a generated module as a block with rust-hdl's own signals, to be used in any rust-hdl design.

use super::block::ModuleBlock;
use super::bridge::Bridge;
use crate::bits;
use crate::error::Error;
use crate::module::Direction;
use ::rust_hdl::prelude::{Bits, Block, Clock, In, Logic, Out, Probe, Signal, Signed, Synth};

/// Values of rust-hdl as bit patterns: `Bits<N>`, `Signed<N>`, `Bit` and `Clock`.
pub trait Pattern: Synth {
    /// Bit `i`.
    fn bit(&self, i: usize) -> bool;

    /// The value with these bits, bit 0 first.
    fn from_bits(bits: impl Iterator<Item = bool>) -> Self;
}

impl<const N: usize> Pattern for Bits<N> {
    fn bit(&self, i: usize) -> bool {
        self.get_bit(i)
    }

    fn from_bits(bits: impl Iterator<Item = bool>) -> Self {
        bits.take(N).enumerate().fold(Self::default(), |value, (i, bit)| value.replace_bit(i, bit))
    }
}

impl<const N: usize> Pattern for Signed<N> {
    fn bit(&self, i: usize) -> bool {
        self.get_bit(i)
    }

    fn from_bits(bits: impl Iterator<Item = bool>) -> Self {
        ::rust_hdl::prelude::signed_cast(Bits::<N>::from_bits(bits))
    }
}

impl Pattern for bool {
    fn bit(&self, _: usize) -> bool {
        *self
    }

    fn from_bits(mut bits: impl Iterator<Item = bool>) -> Self {
        bits.next().unwrap_or(false)
    }
}

impl Pattern for Clock {
    fn bit(&self, _: usize) -> bool {
        self.clk
    }

    fn from_bits(bits: impl Iterator<Item = bool>) -> Self {
        bool::from_bits(bits).into()
    }
}

/// A signal that is a port of a shell: `Signal<In, T>` or `Signal<Out, T>`.
pub trait ShellPort: Default + Block {
    /// Its direction.
    const DIRECTION: Direction;
    /// Its width.
    const BITS: usize;

    /// Moves the value between the signal and the module's port at position `at`.
    fn exchange(&mut self, module: &mut ModuleBlock, at: usize);
}

impl<T: Pattern> ShellPort for Signal<In, T> {
    const DIRECTION: Direction = Direction::Input;
    const BITS: usize = T::BITS;

    fn exchange(&mut self, module: &mut ModuleBlock, at: usize) {
        let mut pattern = vec![0; bits::words(T::BITS as u32)];
        for i in 0..T::BITS {
            bits::put(&mut pattern, i as u32, 1, u64::from(self.val().bit(i)));
        }
        module.set_input(at, &pattern, 0);
    }
}

impl<T: Pattern> ShellPort for Signal<Out, T> {
    const DIRECTION: Direction = Direction::Output;
    const BITS: usize = T::BITS;

    fn exchange(&mut self, module: &mut ModuleBlock, at: usize) {
        let pattern = module.output(at);
        self.next = T::from_bits((0..T::BITS as u32).map(|i| bits::get(pattern, i, 1) == 1));
    }
}

/// The module inside a shell and where its ports are. Used by [`crate::shell!`].
#[derive(Debug)]
pub struct Core {
    module: ModuleBlock,
    places: Vec<usize>,
}

impl Core {
    /// An instance of the bridge's top with these ports (name, direction, width); an error if the module has others.
    pub fn new(bridge: &Bridge, ports: &[(&str, Direction, usize)]) -> Result<Core, Error> {
        let module = bridge.block();
        let fail = |what: String| Err(Error::graph(&module.module().name, what));
        let mut places = vec![];
        for &(name, direction, width) in ports {
            match module.find(name) {
                Some((at, d, w)) if (d, w as usize) == (direction, width) => places.push(at),
                Some((_, d, w)) => {
                    return fail(format!(
                        "port `{name}` is an {d:?} of {w} bits, in the shell an {direction:?} of {width} bits"
                    ));
                }
                None => {
                    let names: Vec<&str> = module.port_names().collect();
                    return fail(format!("no port `{name}`; the ports are {}", names.join(", ")));
                }
            }
        }
        if let Some(missing) = module.port_names().find(|&n| ports.iter().all(|p| p.0 != n)) {
            return fail(format!("the shell has no port `{missing}`"));
        }
        Ok(Core { module, places })
    }

    /// The module.
    pub fn module(&self) -> &ModuleBlock {
        &self.module
    }

    /// Moves the values of the shell's port number `i`.
    pub fn exchange(&mut self, i: usize, port: &mut impl ShellPort) {
        port.exchange(&mut self.module, self.places[i]);
    }

    /// The module's part in connecting the shell.
    pub fn connect_all(&mut self) {
        self.module.connect_all();
    }

    /// The module's part in updating the shell.
    pub fn update_all(&mut self) {
        self.module.update_all();
    }

    /// Whether the module has changed.
    pub fn has_changed(&self) -> bool {
        self.module.has_changed()
    }

    /// Shows a probe what is inside the module.
    pub fn accept(&self, probe: &mut dyn Probe) {
        self.module.accept_inside(probe);
    }

    /// The module's logic or Verilog.
    pub fn hdl(&self) -> ::rust_hdl::prelude::Verilog {
        self.module.hdl()
    }
}

/// Declares a typed shell: a struct with the ports of a generated module as rust-hdl signals.
///
/// The shell is a block like any of rust-hdl's widgets: it can be a field of a `#[derive(LogicBlock)]` struct, and its
/// signals are driven and read there. `new` takes a [`Bridge`] and checks names, directions and widths; a module with
/// state has the further inputs `clk`, and `rst` or `rst_n`.
///
/// ```
/// use rust_hdl::prelude::*;
/// hdl::shell! {
///     /// y = a + b.
///     pub struct Adder {
///         pub a: Signal<In, Bits<8>>,
///         pub b: Signal<In, Bits<8>>,
///         pub y: Signal<Out, Bits<9>>,
///     }
/// }
/// # use hdl::{elaborate, Reset, Type};
/// let design = elaborate("adder", "y = a + b", None, Reset::default(), |m| {
///     let [a, b] = ["a", "b"].map(|name| m.input(name, Type::unsigned(8)));
///     m.output("y", a + b);
/// }).unwrap();
/// let mut adder = Adder::new(&hdl::rust_hdl::Bridge::new(&design)).unwrap();
/// adder.connect_all();
/// (adder.a.next, adder.b.next) = (200.into(), 100.into());
/// assert!(simulate(&mut adder, 10));
/// assert_eq!(adder.y.val(), bits(300));
/// ```
#[macro_export]
macro_rules! shell {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$field:meta])* $field_vis:vis $port:ident: $ty:ty),* $(,)?
    }) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$field])* $field_vis $port: $ty,)*
            core: $crate::rust_hdl::Core,
        }

        impl $name {
            /// An instance of the bridge's top module; an error if its ports are not those of the shell.
            $vis fn new(bridge: &$crate::rust_hdl::Bridge) -> Result<Self, $crate::Error> {
                use $crate::rust_hdl::ShellPort;
                let ports = [$((stringify!($port), <$ty as ShellPort>::DIRECTION, <$ty as ShellPort>::BITS)),*];
                let core = $crate::rust_hdl::Core::new(bridge, &ports)?;
                Ok(Self { $($port: Default::default(),)* core })
            }
        }

        impl $crate::rust_hdl::prelude::Logic for $name {
            fn update(&mut self) {
                let mut ports = 0..;
                $(self.core.exchange(ports.next().unwrap_or(0), &mut self.$port);)*
            }

            fn connect(&mut self) {
                use $crate::rust_hdl::ShellPort;
                $(if <$ty as ShellPort>::DIRECTION == $crate::Direction::Output {
                    $crate::rust_hdl::prelude::Logic::connect(&mut self.$port);
                })*
            }

            fn hdl(&self) -> $crate::rust_hdl::prelude::Verilog {
                self.core.hdl()
            }
        }

        impl $crate::rust_hdl::prelude::Block for $name {
            fn connect_all(&mut self) {
                $crate::rust_hdl::prelude::Logic::connect(self);
                self.core.connect_all();
            }

            fn update_all(&mut self) {
                $crate::rust_hdl::prelude::Logic::update(self);
                $(self.$port.update_all();)*
                self.core.update_all();
            }

            fn has_changed(&self) -> bool {
                self.core.has_changed() $(|| self.$port.has_changed())*
            }

            fn accept(&self, name: &str, probe: &mut dyn $crate::rust_hdl::prelude::Probe) {
                probe.visit_start_scope(name, self);
                $(self.$port.accept(stringify!($port), probe);)*
                self.core.accept(probe);
                probe.visit_end_scope(name, self);
            }
        }
    };
}

//! Verilog that tools have stumbled over.

use hdl::verilog::{Header, write};
use hdl::{Reset, Type, elaborate};

#[test]
fn a_complement_of_a_complement_is_written_without_either() {
    let design = elaborate("twice", "y = not not (x = 0)", None, Reset::default(), |b| {
        let x = b.input("x", Type::unsigned(4));
        b.output("y", !!x.is_zero());
        b.output("z", !!!x.bit(0));
    });
    let files = write(&design.unwrap(), &Header::default());
    let text = &files[0].text;
    assert!(!text.contains("~~"), "{text}");
    assert!(text.contains("~(|x)") && text.contains("~x[0]"), "{text}");
}

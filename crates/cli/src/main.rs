//! The flashrtl command line.
fn main() {}

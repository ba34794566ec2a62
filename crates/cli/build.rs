//! Rebuilds when a design is added: the program carries the whole folder.

fn main() {
    println!("cargo::rerun-if-changed=../../configs");
}

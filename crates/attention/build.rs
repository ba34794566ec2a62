//! Rebuilds when a platform file is added: the program carries the whole folder.

fn main() {
    println!("cargo::rerun-if-changed=../../configs/platforms");
}

//! placeholder
use super::results::Results;
/// x
pub fn page(_: &Results) -> String {
    String::new()
}

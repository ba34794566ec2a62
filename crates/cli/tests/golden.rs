//! What the program prints, word for word: commands and their output in `tests/cmd/*.trycmd`.
//!
//! `TRYCMD=overwrite cargo test -p flashrtl --test golden` rewrites them.

#[test]
fn what_the_program_prints() {
    trycmd::TestCases::new()
        .env("CLICOLOR", "0")
        .env("COLUMNS", "100")
        .env("FLASHRTL_PDK", "")
        .env("FLASHRTL_ORFS", "")
        .case("tests/cmd/*.trycmd");
}

//! The task of `s256_d64_causal_q8_8`: 256 causal rows of 64 elements in Q8.8, in and out, over a 256-bit bus with 40 cycles
//! of latency.

mod support;

use support::flashrtl;

/// Cycles from the start to the interrupt, and mean and largest error against float64 on the tensors before rounding.
fn run(sets: &[&str]) -> (u64, [f64; 2]) {
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    let args = [&["simulate", "s256_d64_causal_q8_8", "--json"], sets.as_slice()].concat();
    let report = flashrtl(&args).succeeds().json();
    assert_eq!((&report["queries"], &report["mask"]), (&256.into(), &"causal".into()));
    let error = [0, 1].map(|i| report["error"][i].as_f64().unwrap());
    (report["cycles"].as_u64().unwrap(), error)
}

#[test]
fn cycles_and_errors() {
    let (cycles, [mean, largest]) = run(&[]);
    assert!((16_000..19_000).contains(&cycles), "{cycles} cycles");
    assert!(
        (0.001..0.010).contains(&mean) && (0.01..0.07).contains(&largest),
        "mean {mean}, largest {largest}"
    );
}

/// Twice the lanes share each key that is read among twice the queries.
#[test]
fn more_lanes_are_faster() {
    let (cycles, _) = run(&["array.query_lanes=4"]);
    assert!((9_000..11_000).contains(&cycles), "{cycles} cycles");
}

/// The limits of the task, 0.03 and 0.10, hold for scores that spread more, too.
#[test]
fn errors_of_wider_scores() {
    for sigma in ["0.3", "3.0"] {
        let set = format!("workload.sigma={sigma}");
        let (_, [mean, largest]) = run(&[&set, "workload.seed=5"]);
        assert!(mean <= 0.015 && largest <= 0.08, "sigma {sigma}: mean {mean}, largest {largest}");
    }
}

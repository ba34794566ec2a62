//! The ways of mapping logic to cells: scripts for ABC.
//!
//! All of them buffer what drives many inputs and size the cells for a delay; a script without that gives netlists
//! whose timing means nothing. They differ in what comes before.

/// A script for ABC.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Recipe {
    /// Its name in reports.
    pub name: &'static str,
    /// What it is good at.
    pub summary: &'static str,
    /// Everything before buffering and sizing.
    mapping: &'static str,
    /// How long its longest paths are compared with those of `compact`, as measured on datapaths.
    pub relative_delay: f64,
}

/// The smallest netlists: the mapper goes for area, over several structures of each function. More rounds than these
/// take most of the time and give nothing.
pub const COMPACT: Recipe = Recipe {
    name: "compact",
    summary: "area: several structures, area-flow mapping",
    mapping: "strash; dch -f; amap -m -F 2 -A 4; topo",
    relative_delay: 1.0,
};

/// Two percent larger and a quarter faster.
pub const BALANCED: Recipe = Recipe {
    name: "balanced",
    summary: "area, after sums of products on late signals were balanced",
    mapping: "strash; ifraig; scorr; if -g; st; dch -f; amap -m -F 20 -A 20; topo",
    relative_delay: 0.75,
};

/// Two percent more, for another twentieth.
pub const BRISK: Recipe = Recipe {
    name: "brisk",
    summary: "area, with structures balanced for depth before and after",
    mapping: "strash; ifraig; scorr; if -g; st; b; dch; b; amap -m -F 20 -A 20; topo",
    relative_delay: 0.70,
};

/// Three to four percent more, for another tenth.
pub const SWIFT: Recipe = Recipe {
    name: "swift",
    summary: "delay with area recovery",
    mapping: "strash; &get -n; &st; &dch; &nf -R 10 -F 10; &put",
    relative_delay: 0.67,
};

/// Two to three percent more, for another tenth.
pub const KEEN: Recipe = Recipe {
    name: "keen",
    summary: "delay by balanced structures, cells for area",
    mapping: "strash; ifraig; scorr; if -g; st; b; dch; b; map -a -B 0.9; topo",
    relative_delay: 0.63,
};

/// For what the others do not meet: seven percent more, and a thirtieth faster.
pub const FAST: Recipe = Recipe {
    name: "fast",
    summary: "delay whatever the area",
    mapping: "strash; dch; map -B 0.9; topo",
    relative_delay: 0.62,
};

/// All of them, from the smallest netlists to the fastest.
pub static RECIPES: [Recipe; 6] = [COMPACT, BALANCED, BRISK, SWIFT, KEEN, FAST];

/// Inputs that a cell drives at most. ABC's own limit of 10 costs two percent of area more, and time where a signal
/// goes to all elements of a row: it buffers in long chains.
pub(crate) const FAN_OUT: u32 = 24;

impl Recipe {
    /// The recipe of a name that a report gives.
    pub(crate) fn named(name: &str) -> &'static Recipe {
        RECIPES.iter().find(|recipe| recipe.name == name).expect("reports name recipes")
    }

    /// The script, sized for paths of `target_ps` picoseconds.
    pub fn script(&self, target_ps: u32) -> String {
        let sizing =
            format!("buffer -N {FAN_OUT}; topo; upsize -D {target_ps}; dnsize -D {target_ps}; stime -p");
        format!("{}; {sizing}", self.mapping).replace("; ", "\n") + "\n"
    }
}

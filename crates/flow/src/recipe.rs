//! The ways of mapping logic to cells: scripts for ABC.
//!
//! All of them buffer what drives many inputs and size the cells for a delay; a script without that gives netlists
//! whose timing means nothing. They differ in what comes before.

/// A script for ABC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recipe {
    /// Its name in reports.
    pub name: &'static str,
    /// What it is good at.
    pub summary: &'static str,
    /// Everything before buffering and sizing.
    mapping: &'static str,
}

/// The smallest netlists: functionally equal nodes are merged, and the mapper goes for area.
pub const COMPACT: Recipe = Recipe {
    name: "compact",
    summary: "area: equivalent nodes merged, area-flow mapping",
    mapping: "strash; ifraig; scorr; dch -f; amap -m -F 20 -A 20; topo",
};

/// A few percent larger, and up to a fifth faster.
pub const BALANCED: Recipe = Recipe {
    name: "balanced",
    summary: "area, on structures that keep the depth",
    mapping: "strash; ifraig; scorr; &get -n; &st; &dch -f; &nf -R 1000 -F 20 -p; &put",
};

/// Where `balanced` gives up too much delay for area: half a percent larger.
pub const BRISK: Recipe = Recipe {
    name: "brisk",
    summary: "delay with area recovery",
    mapping: "strash; ifraig; scorr; &get -n; &st; &dch -f; &nf -R 40 -F 20 -p; &put",
};

/// Between that and the fastest: two to five percent larger than `brisk`.
pub const SWIFT: Recipe =
    Recipe { name: "swift", summary: "delay", mapping: "strash; &get -n; &st; &dch; &nf -R 10 -F 10; &put" };

/// For what the others do not meet: a third faster, and 15 percent larger.
pub const FAST: Recipe =
    Recipe { name: "fast", summary: "delay whatever the area", mapping: "strash; dch; map -B 0.9; topo" };

/// All of them, from the smallest netlists to the fastest.
pub static RECIPES: [Recipe; 5] = [COMPACT, BALANCED, BRISK, SWIFT, FAST];

impl Recipe {
    /// The recipe of a name that a report gives.
    pub(crate) fn named(name: &str) -> &'static Recipe {
        RECIPES.iter().find(|recipe| recipe.name == name).expect("reports name recipes")
    }

    /// The script, sized for paths of `target_ps` picoseconds.
    pub fn script(&self, target_ps: u32) -> String {
        let sizing = format!("buffer -c; topo; upsize -D {target_ps}; dnsize -D {target_ps}; stime -p");
        format!("{}; {sizing}", self.mapping).replace("; ", "\n") + "\n"
    }
}

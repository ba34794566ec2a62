//! Back-ends that take RTL and bring back area, timing and power: platforms as data, tools found and run, results kept.

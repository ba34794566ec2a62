//! The end of a cycle: where updates of state stand among the steps, and which registers slide.

use super::net::*;
use super::plan::*;
use super::planner::Planner;
use std::collections::HashMap;

impl Planner {
    pub(super) fn finish(mut self, observed: Vec<Vec<Lanes>>) -> Plan {
        self.place_updates();
        let nets = self.graph.nets.len();
        let mut pinned = vec![false; nets];
        for lanes in observed.iter().flatten() {
            for i in 0..self.graph.len(lanes) {
                pinned[self.graph.lane(lanes, i).net as usize] = true;
            }
        }
        let mut last_use = vec![0; nets];
        for (at, step) in self.steps.iter().enumerate() {
            for operand in step.operands() {
                if let Place::Net(net) = operand.place {
                    last_use[net as usize] = at;
                }
            }
        }
        let settle = self.settle(&pinned);
        let chains = self.chains();
        Plan {
            graph: self.graph,
            steps: self.steps,
            settle,
            constants: self.constants,
            chains,
            files: self.files,
            held: self.held,
            observed,
            widths: vec![],
            pinned,
            last_use,
        }
    }

    /// Puts every in-place update after the last step that reads what it changes and after what it needs.
    pub(super) fn place_updates(&mut self) {
        let mut readers: HashMap<NetId, usize> = HashMap::new();
        let mut file_readers: HashMap<u32, usize> = HashMap::new();
        for (at, step) in self.steps.iter().enumerate() {
            for operand in step.operands() {
                if let Place::Net(net) = operand.place {
                    readers.insert(net, at);
                }
            }
            if let Step::Read { file, .. } = step {
                file_readers.insert(*file, at);
            }
        }
        let mut after: Vec<Vec<Step>> = vec![vec![]; self.steps.len()];
        let mut first = vec![];
        for update in std::mem::take(&mut self.updates) {
            let computed = update.operands().into_iter().filter_map(|o| match o.place {
                Place::Net(net) => self.position.get(net as usize).copied().flatten(),
                Place::Constant(_) => None,
            });
            let readers = match &update {
                Step::Hold { net, .. } => readers.get(net).copied(),
                Step::Fetch { net, file, .. } => {
                    let at = computed.clone().chain(readers.get(net).copied()).max();
                    // The write to the same memory comes later in the list, and must come later in the order.
                    if let Some(at) = at {
                        let known = file_readers.entry(*file).or_insert(at);
                        *known = at.max(*known);
                    }
                    at
                }
                Step::Write { file, .. } => file_readers.get(file).copied(),
                _ => unreachable!("not an update"),
            };
            match computed.chain(readers).max() {
                Some(at) => after[at].push(update),
                None => first.push(update),
            }
        }
        let steps = std::mem::take(&mut self.steps);
        self.steps = first;
        for (step, updates) in steps.into_iter().zip(after) {
            self.steps.push(step);
            self.steps.extend(updates);
        }
    }

    pub(super) fn settle(&self, pinned: &[bool]) -> Vec<bool> {
        let mut needed = pinned.to_vec();
        let mut settle = vec![false; self.steps.len()];
        for (at, step) in self.steps.iter().enumerate().rev() {
            let computes = step.computes().is_some_and(|net| needed[net as usize]);
            if computes {
                settle[at] = true;
                for operand in step.operands() {
                    if let Place::Net(net) = operand.place {
                        needed[net as usize] = true;
                    }
                }
            }
        }
        settle
    }

    pub(super) fn chains(&self) -> Vec<Chain> {
        let mut heads: Vec<NetId> =
            self.feeds.keys().copied().filter(|n| !self.fed_by.contains_key(n)).collect();
        heads.sort_unstable();
        let follow = |head: NetId| {
            let nets = std::iter::successors(Some(head), |n| self.feeds.get(n).copied());
            Chain { nets: nets.collect() }
        };
        heads.into_iter().map(follow).collect()
    }
}

//! Bit fields that need no instruction of their own: the operations that use them cut them out of their operands.

use super::net::*;

/// A field used by more operations than this is cut out once and for all.
const MAX_USES: u32 = 3;

/// By net: the fields that every user can cut out itself.
pub(crate) fn absorbed(graph: &Graph, observed: &[Vec<Lanes>]) -> Vec<bool> {
    let mut uses = Uses { graph, kept: vec![false; graph.nets.len()], fused: vec![0; graph.nets.len()] };
    observed.iter().flatten().for_each(|l| uses.keep(l));
    for state in &graph.states {
        state.next.iter().chain(&state.enable).for_each(|l| uses.keep(l));
    }
    for file in &graph.files {
        let write = file.write.iter().flat_map(|w| [&w.addr, &w.data, &w.enable]);
        let read = file.read.iter().flat_map(|r| [&r.addr, &r.enable]);
        write.chain(read).for_each(|l| uses.keep(l));
    }
    for net in &graph.nets {
        let fusable = can_cut(graph, net);
        for arg in &net.args {
            match arg {
                Lanes::Whole(from) if fusable => uses.fused[*from as usize] += 1,
                lanes => uses.keep(lanes),
            }
        }
    }
    let fields = (0..graph.nets.len()).map(|n| {
        is_short_field(graph, &graph.nets[n]) && !uses.kept[n] && (1..=MAX_USES).contains(&uses.fused[n])
    });
    fields.collect()
}

struct Uses<'a> {
    graph: &'a Graph,
    /// Nets that somebody needs as they are.
    kept: Vec<bool>,
    /// How many operations could cut the net out themselves.
    fused: Vec<u32>,
}

impl Uses<'_> {
    fn keep(&mut self, lanes: &Lanes) {
        match lanes {
            Lanes::Whole(net) => self.kept[*net as usize] = true,
            Lanes::Map(map) => map.iter().for_each(|l| self.kept[l.net as usize] = true),
        }
        debug_assert_eq!(self.kept.len(), self.graph.nets.len());
    }
}

/// An unsigned field of a 32-bit lane.
fn is_short_field(graph: &Graph, net: &Net) -> bool {
    let NetOp::Slice(lo) = net.op else { return false };
    !net.form.signed && !graph.form(&net.args[0]).is_long() && lo + net.form.width <= 32
}

/// The operation has a kernel that cuts fields out of its operands.
pub(crate) fn can_cut(graph: &Graph, net: &Net) -> bool {
    use NetOp::*;
    let listed =
        matches!(net.op, Add | Sub | Mul | And | Or | Xor | Eq | Ne | Lt | Le | Mux | Join(_) | ShlConst(_));
    let forms = || net.args.iter().map(|a| graph.form(a));
    let joined = forms().reduce(Form::join).unwrap_or(net.form);
    listed && !net.long && !joined.is_long() && forms().all(|f| !f.is_long())
}

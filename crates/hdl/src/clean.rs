//! Removal of what nobody reads.

use crate::module::*;

/// Drops nodes, registers, files, memories and instances from which no output follows.
pub(crate) fn remove_unread(mut module: Module) -> Module {
    let live = Live::of(&module);
    let nodes = live.renumber(&live.nodes);
    let registers = live.renumber(&live.registers);
    let files = live.renumber(&live.files);
    let memories = live.renumber(&live.memories);
    let instances = live.renumber(&live.instances);
    let node = |id: NodeId| NodeId(nodes[id.index()]);

    module.ports.iter_mut().for_each(|p| p.node = node(p.node));
    retain(&mut module.nodes, &live.nodes);
    for n in &mut module.nodes {
        n.op.map_operands(node);
        match &mut n.op {
            Op::RegQ(r) => r.0 = registers[r.index()],
            Op::FileRead(f, _) => f.0 = files[f.index()],
            Op::MemRead(m) => m.0 = memories[m.index()],
            Op::InstOut(i, _) => i.0 = instances[i.index()],
            _ => {}
        }
    }
    retain(&mut module.registers, &live.registers);
    for r in &mut module.registers {
        r.next = r.next.map(node);
        r.enable = r.enable.map(node);
    }
    let write = |w: FileWrite| FileWrite { addr: node(w.addr), data: node(w.data), enable: node(w.enable) };
    retain(&mut module.files, &live.files);
    module.files.iter_mut().for_each(|f| f.write = f.write.map(write));
    retain(&mut module.memories, &live.memories);
    for m in &mut module.memories {
        m.write = m.write.map(write);
        m.read = m.read.map(|(a, e)| (node(a), node(e)));
    }
    retain(&mut module.instances, &live.instances);
    for i in &mut module.instances {
        for c in &mut i.inputs {
            *c = match *c {
                Connection::Broadcast(n) => Connection::Broadcast(node(n)),
                Connection::Sliced(n) => Connection::Sliced(node(n)),
            };
        }
    }
    module
}

fn retain<T>(items: &mut Vec<T>, keep: &[bool]) {
    let mut keep = keep.iter();
    items.retain(|_| *keep.next().expect("one flag per item"));
}

struct Live {
    nodes: Vec<bool>,
    registers: Vec<bool>,
    files: Vec<bool>,
    memories: Vec<bool>,
    instances: Vec<bool>,
}

impl Live {
    fn of(module: &Module) -> Live {
        let mut live = Live {
            nodes: vec![false; module.nodes.len()],
            registers: vec![false; module.registers.len()],
            files: vec![false; module.files.len()],
            memories: vec![false; module.memories.len()],
            instances: vec![false; module.instances.len()],
        };
        let mut work: Vec<NodeId> = module.ports.iter().map(|p| p.node).collect();
        while let Some(id) = work.pop() {
            if !std::mem::replace(&mut live.nodes[id.index()], true) {
                live.follow(module, &module.node(id).op, &mut work);
            }
        }
        live
    }

    fn follow(&mut self, module: &Module, op: &Op, work: &mut Vec<NodeId>) {
        work.extend(op.operands());
        let write = |w: &Option<FileWrite>| w.map(|w| [w.addr, w.data, w.enable]).into_iter().flatten();
        match op {
            Op::RegQ(r) if !std::mem::replace(&mut self.registers[r.index()], true) => {
                let r = &module.registers[r.index()];
                work.extend(r.next.iter().chain(&r.enable));
            }
            Op::FileRead(f, _) if !std::mem::replace(&mut self.files[f.index()], true) => {
                work.extend(write(&module.files[f.index()].write));
            }
            Op::MemRead(m) if !std::mem::replace(&mut self.memories[m.index()], true) => {
                let m = &module.memories[m.index()];
                work.extend(write(&m.write).chain(m.read.iter().flat_map(|&(a, e)| [a, e])));
            }
            Op::InstOut(i, _) if !std::mem::replace(&mut self.instances[i.index()], true) => {
                work.extend(module.instances[i.index()].inputs.iter().map(|c| c.node()));
            }
            _ => {}
        }
    }

    fn renumber(&self, keep: &[bool]) -> Vec<u32> {
        let mut next = 0;
        let number = |&k: &bool| {
            next += u32::from(k);
            next.wrapping_sub(1)
        };
        keep.iter().map(number).collect()
    }
}

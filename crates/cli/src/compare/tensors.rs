//! The rows that the netlists are run on: real tensors, in the size that a case needs.

use anyhow::Result;
use attention::Workload;
use attention::workload::Head;
use std::path::Path;

/// A file of tensors, made into rows of `head_dim` elements.
pub fn load(path: &Path, head_dim: usize) -> Result<Workload> {
    Ok(resized(Workload::load(path)?, head_dim))
}

/// The same elements in rows of another length: heads side by side, as many as are needed, or heads cut into pieces.
/// q is scaled such that the scores, sums of more or fewer products, keep their spread.
pub fn resized(workload: Workload, head_dim: usize) -> Workload {
    let own = workload.head_dim;
    if own == head_dim {
        return workload;
    }
    let heads: Vec<Head> = if own > head_dim {
        let pieces =
            |head: &Head| (0..own / head_dim).map(|at| piece(head, own, at, head_dim)).collect::<Vec<_>>();
        workload.heads.iter().flat_map(pieces).collect()
    } else {
        let groups = workload.heads.chunks(head_dim.div_ceil(own)).filter(|g| g.len() * own >= head_dim);
        groups.map(|group| beside(group, own, head_dim)).collect()
    };
    let factor = (own as f64 / head_dim as f64).sqrt() as f32;
    let scaled = |mut head: Head| {
        head.q.iter_mut().for_each(|x| *x *= factor);
        head
    };
    let source = format!("{} in rows of {head_dim} for {own}", workload.source);
    Workload { source, head_dim, heads: heads.into_iter().map(scaled).collect() }
}

/// The elements of each row from the `at`-th piece of `length` on.
fn piece(head: &Head, own: usize, at: usize, length: usize) -> Head {
    let cut = |x: &[f32]| -> Vec<f32> {
        x.chunks_exact(own).flat_map(|row| &row[at * length..(at + 1) * length]).copied().collect()
    };
    Head { rows: head.rows.clone(), q: cut(&head.q), k: cut(&head.k), v: cut(&head.v) }
}

/// The rows that all heads of a group have, side by side, cut to `length`.
fn beside(group: &[Head], own: usize, length: usize) -> Head {
    let join = |field: fn(&Head) -> &Vec<f32>| -> Vec<f32> {
        let rows = group.iter().map(|head| field(head).len() / own).min().unwrap_or(0);
        let row =
            |i: usize| group.iter().flat_map(move |head| &field(head)[i * own..(i + 1) * own]).take(length);
        (0..rows).flat_map(row).copied().collect()
    };
    let q = join(|head| &head.q);
    Head { rows: (0..q.len() / length).collect(), q, k: join(|head| &head.k), v: join(|head| &head.v) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(heads: usize) -> Workload {
        let head = |h: usize| {
            let rows = |n: usize, from: usize| (0..4 * n).map(|i| (100 * h + from + i) as f32).collect();
            Head { rows: (0..2 + h).collect(), q: rows(2 + h, 0), k: rows(3, 0), v: rows(3, 50) }
        };
        Workload { source: "w".into(), head_dim: 4, heads: (0..heads).map(head).collect() }
    }

    #[test]
    fn heads_are_cut_or_put_side_by_side() {
        let same = resized(workload(2), 4);
        assert_eq!(same, workload(2));
        let cut = resized(workload(2), 2);
        assert_eq!((cut.heads.len(), cut.heads[1].k.clone()), (4, vec![2.0, 3.0, 6.0, 7.0, 10.0, 11.0]));
        assert_eq!(cut.heads[0].q[1], 2f32.sqrt());
        let wide = resized(workload(3), 6);
        assert_eq!(wide.heads.len(), 1, "the third has no partner");
        assert_eq!(wide.heads[0].rows, [0, 1], "rows that both have");
        assert_eq!(wide.heads[0].v[..8], [50.0, 51.0, 52.0, 53.0, 150.0, 151.0, 54.0, 55.0]);
        assert_eq!(wide.source, "w in rows of 6 for 4");
    }
}

//! Reading Liberty files: one of our own making, Debian's, and those of `FLASHRTL_PDK`.

mod support;

use flow::liberty::{CellKind, Expr, Library, PinDirection};

#[test]
fn cells_pins_and_units() {
    let library = support::tiny();
    assert_eq!((library.name.as_str(), library.voltage), ("tiny", 2.0));
    let and = library.cell("AND2").unwrap();
    assert_eq!((and.area, &and.kind), (2.0, &CellKind::Combinational));
    let (a, b, y) = (and.pin("A").unwrap(), and.pin("B").unwrap(), and.pin("Y").unwrap());
    assert!((and.pins[a].capacitance - 0.005e-12).abs() < 1e-20, "default of the library");
    assert!((and.pins[b].capacitance - 0.02e-12).abs() < 1e-20);
    assert_eq!(and.pins[y].function, Some(Expr::and(Expr::var(a), Expr::var(b))));
    assert_eq!(and.pins_of(PinDirection::Output).collect::<Vec<_>>(), [y]);
    assert!((and.leakage[0].watts - 9e-9).abs() < 1e-15 && (and.default_leakage - 5e-9).abs() < 1e-15);
}

#[test]
fn energies_by_table_related_pin_and_condition() {
    let library = support::tiny();
    let inv = library.cell("INV").unwrap();
    let y = &inv.pins[inv.pin("Y").unwrap()].energies[0];
    assert_eq!(y.related, inv.pin("A"));
    // Halfway along both axes: the mean of the corners.
    assert!((y.rise.at(0.6e-9, 0.06e-12) - 0.035e-12).abs() < 1e-20);
    assert!((y.fall.at(5e-9, 9e-12) - 0.01e-12).abs() < 1e-20);
    let xor = library.cell("XOR2").unwrap();
    let related: Vec<_> = xor.pins[xor.pin("Y").unwrap()].energies.iter().map(|e| e.related).collect();
    assert_eq!(related, [xor.pin("A"), xor.pin("B")], "one entry for each related pin");
    let dff = library.cell("DFF").unwrap();
    let high = Some(Expr::var(dff.pin("CK").unwrap()));
    let data = &dff.pins[dff.pin("D").unwrap()].energies;
    let while_high = data.iter().find(|e| e.when == high).unwrap();
    assert!(data.len() == 2 && (while_high.rise.at(0.0, 0.0) - 0.02e-12).abs() < 1e-20);
}

#[test]
fn flip_flops_and_clock_gates() {
    let library = support::tiny();
    let cell = library.cell("DFFSRN").unwrap();
    let CellKind::FlipFlop(ff) = &cell.kind else { panic!("{:?}", cell.kind) };
    assert!(ff.falling && !ff.both && ff.clock == cell.pin("CK").unwrap());
    assert_eq!(ff.clear, Some(Expr::not(Expr::var(cell.pin("R").unwrap()))));
    assert_eq!(cell.pins[cell.pin("Q").unwrap()].function, Some(Expr::Var(cell.state())));
    let gate = library.cell("ICG").unwrap();
    let enables = vec![gate.pin("E").unwrap()];
    assert_eq!(gate.kind, CellKind::ClockGate { clock: gate.pin("CK").unwrap(), enables });
    assert_eq!(library.cell("LATCH").unwrap().kind, CellKind::Opaque);
}

#[test]
fn errors_name_the_cell() {
    let broken = support::TINY.replace("related_pin : \"A B\"", "related_pin : \"A Z\"");
    let error = Library::parse(&broken).unwrap_err().to_string();
    assert!(error.contains("XOR2") && error.contains("`Z`"), "{error}");
    let error = Library::parse("not liberty").unwrap_err().to_string();
    assert!(!error.is_empty());
    let error = Library::read("no/such/file.lib".as_ref()).unwrap_err().to_string();
    assert!(error.contains("no/such/file.lib"), "{error}");
}

#[test]
fn debian_osu018() {
    let Some(path) = support::file_or_skip(support::OSU018, "qflow-tech-osu018") else { return };
    let library = Library::read(&path).unwrap();
    assert_eq!((library.cells().len(), library.voltage), (32, 1.8));
    let CellKind::FlipFlop(ff) = &library.cell("DFFNEGX1").unwrap().kind else { panic!("not a flip-flop") };
    assert!(ff.falling);
    let opaque = |name: &&str| library.cell(name).unwrap().kind == CellKind::Opaque;
    assert!(["LATCH", "TBUFX1"].iter().all(opaque));
    assert!(!["DFFSR", "FAX1", "MUX2X1"].iter().any(opaque));
}

#[test]
fn libraries_of_the_pdk_folder() {
    for path in support::pdk_libraries() {
        let library = Library::read(&path).unwrap();
        let kinds = |f: fn(&CellKind) -> bool| library.cells().iter().filter(|c| f(&c.kind)).count();
        let flops = kinds(|k| matches!(k, CellKind::FlipFlop(_)));
        let gates = kinds(|k| matches!(k, CellKind::ClockGate { .. }));
        let plain = kinds(|k| *k == CellKind::Combinational);
        println!("{}: {flops} flip-flops, {gates} clock gates, {plain} plain cells", path.display());
        assert!(flops >= 8 && gates >= 3 && plain > 90, "{}", path.display());
    }
}

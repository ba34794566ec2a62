//! Jobs that are ended while the other side of a bus goes on, is slow, or does not listen.

mod support;

use attention::EngineSpec;
use attention::accelerator::bus::{Fault, Response, Timing};
use attention::accelerator::system::System;
use attention::accelerator::{AcceleratorSpec, Cause, Interface, Settings};
use numerics::catalog::BF16;
use numerics::lse::Accumulator;
use numerics::stratified::Rng;
use sim::Program;
use std::cell::RefCell;
use support::{FA2, KERNELS, accelerator, check, random_image, random_settings, settings, system};

fn tiny(interface: Interface, watchdog: u32) -> AcceleratorSpec {
    AcceleratorSpec { interface, watchdog, ..accelerator(&FA2, BF16, [5, 2, 2]) }
}

/// The job with its tensors in memory.
fn placed(spec: &AcceleratorSpec, system: &mut System, job: Settings, rng: &mut Rng) -> Settings {
    let (job, end) = job.placed(spec, 4096);
    *system.memory() = random_image(spec, &job, end, rng);
    job
}

/// A host that goes on sending does not hold a drain up for ever. Jobs are refused until it is silent, and what it has sent
/// is no part of them.
#[test]
fn a_host_that_keeps_talking() {
    let spec = tiny(Interface::Stream, 200);
    let mut rng = Rng::new(1);
    let mut system = system(&spec, None, Timing::default());
    for _ in 0..3 {
        let job = settings(&spec, 9, 40);
        let job = placed(&spec, &mut system, job, &mut rng);
        system.start(&job).unwrap();
        (0..20).for_each(|_| system.queue(&job));
        (0..rng.below(60)).for_each(|_| system.step().unwrap());
        system.write("CTRL", 0b110).unwrap();
        let reset = system.cycle;
        while system.read("STATUS").unwrap() & 1 == 1 {
            assert!(system.cycle - reset < 2 * u64::from(spec.watchdog), "the drain does not end");
        }
        assert_eq!(system.run(&job).unwrap().error, Some(Cause::OpenTransfers));
        system.silence();
        (0..100).for_each(|_| system.step().unwrap());
        check(&spec, &mut system, random_settings(&spec, [20; 2], &mut rng), &mut rng);
    }
}

/// Memory that answers slowly, but does answer, is awaited.
#[test]
fn a_slow_memory() {
    let spec = tiny(Interface::Dma, 100);
    let mut rng = Rng::new(2);
    let timing = Timing { bandwidth: 0.02, ..Timing::default() };
    let mut system = system(&spec, None, timing);
    for _ in 0..3 {
        let job = placed(&spec, &mut system, settings(&spec, 9, 40), &mut rng);
        system.start(&job).unwrap();
        (0..40 + rng.below(60)).for_each(|_| system.step().unwrap());
        system.soft_reset().unwrap();
        check(&spec, &mut system, random_settings(&spec, [8; 2], &mut rng), &mut rng);
    }
}

/// A soft reset while an error is being drained takes the error's place: nothing is reported.
#[test]
fn a_reset_in_the_drain_of_an_error() {
    let spec = tiny(Interface::Dma, 500);
    let mut rng = Rng::new(4);
    let timing = Timing { bandwidth: 0.05, ..Timing::default() };
    let mut system = system(&spec, None, timing);
    for reset in [false, true] {
        let job = placed(&spec, &mut system, settings(&spec, 9, 40), &mut rng);
        system.inject(vec![Fault::Read(0, Response::SlaveError)]);
        system.start(&job).unwrap();
        (0..200).for_each(|_| system.step().unwrap());
        assert_eq!(system.read("STATUS").unwrap() & 0b111, 1, "the drain is under way");
        if reset {
            system.write("CTRL", 0b110).unwrap();
        }
        while system.read("STATUS").unwrap() & 1 == 1 {}
        assert_eq!(system.read("STATUS").unwrap() >> 2 & 1, u64::from(!reset));
        system.write("STATUS", 0b110).unwrap();
        system.inject(vec![]);
        check(&spec, &mut system, random_settings(&spec, [8; 2], &mut rng), &mut rng);
    }
}

/// Results that nobody took when their job was given up: their packet ends before the next job's begin, though that job
/// has results already when somebody listens again.
#[test]
fn a_host_that_listens_too_late() {
    // A row is converted an element at a time, so that the next one takes a while.
    let lse = accelerator(&KERNELS[4].1, BF16, [5, 2, 2]);
    let accumulator = Accumulator::parse("m12").unwrap();
    let engine = EngineSpec { accumulator, result_elements: 1, ..lse.engine.clone() };
    let spec = AcceleratorSpec { engine, interface: Interface::Stream, watchdog: 200, ..lse };
    let program = Program::compile(&spec.elaborate(None).unwrap()).unwrap();
    let [valid, ready, last] = ["tvalid", "tready", "tlast"].map(|name| format!("m_axis_o_{name}"));
    let (valid, last) = (program.output(&valid).unwrap(), program.output(&last).unwrap());
    let ready = program.input(&ready).unwrap();
    let packets = RefCell::new(vec![0]);
    let mut rng = Rng::new(3);
    let mut system = System::new(&spec, &program, Default::default(), Timing::default()).unwrap();
    system.observe(|simulator| {
        let mut taken = vec![];
        simulator.input_into(ready, 0, &mut taken);
        if taken[0] == 1 && simulator.get1(valid, 0) == 1 {
            let mut packets = packets.borrow_mut();
            *packets.last_mut().expect("one is under way") += 1;
            if simulator.get1(last, 0) == 1 {
                packets.push(0);
            }
        }
        Ok(())
    });
    let mut resumed = 0;
    for at in 20..100 {
        let job = placed(&spec, &mut system, settings(&spec, 12, 6), &mut rng);
        system.freeze(true);
        system.start(&job).unwrap();
        (0..at).for_each(|_| system.step().unwrap());
        system.silence();
        system.write("CTRL", 0b110).unwrap();
        while system.read("STATUS").unwrap() & 1 == 1 {}
        packets.borrow_mut().clear();
        packets.borrow_mut().push(0);
        let next = settings(&spec, 6, 5);
        let next = placed(&spec, &mut system, next, &mut rng);
        system.start(&next).unwrap();
        (0..150).for_each(|_| system.step().unwrap());
        system.freeze(false);
        (0..600).for_each(|_| system.step().unwrap());
        let beats = spec.result_beats();
        // Blocks of four queries and of two, after the ends of what had been under way: a row in the skid buffer, and one
        // behind it.
        let came = packets.borrow().clone();
        assert!(came.ends_with(&[4 * beats, 2 * beats, 0]) && came.len() <= 5, "{at}: {came:?}");
        resumed += usize::from(came.len() > 3);
        system.soft_reset().unwrap();
    }
    assert!(resumed > 10, "packets were under way {resumed} times");
}

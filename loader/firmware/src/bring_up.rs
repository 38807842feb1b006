//! From a bare processor to the loader's prompt, step by step.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use devices::probe;
use devices::watchdog::ServicingClock;
use hal::{NetDevice, PhysAddr, Region};
use loader_core::console::{Terminal, repl};
use loader_core::context::Context;
use loader_core::devicetree::Tree;
use loader_core::env::{Environment, Persistence, persist};
use loader_core::memory::Memory;
use loader_core::net::Network;
use loader_core::storage::Storage;

use crate::clock::GenericTimer;
use crate::dma::Pool;
use crate::layout::Layout;
use crate::mmu::{Map, Purpose};
use crate::platform::Hardware;
use crate::ram::PhysicalRam;
use crate::ram_map::RamMap;
use crate::rest::Rest;
use crate::system::Machine;
use crate::{board, bus, console, power};

/// Room that the copy of the machine's tree has to grow, so that `fdt set` works on it.
const TREE_SLACK: usize = 0x1_0000;

/// Never returns: the prompt is for ever.
pub(crate) fn run(device_tree: usize, layout: &Layout) -> ! {
    let blob = crate::early::blob_at(device_tree).unwrap_or_else(|| panic!("the tree at {device_tree:#x} is gone"));
    let tree = Tree::parse(blob).unwrap_or_else(|error| panic!("the device tree at {device_tree:#x}: {error}"));
    power::init(&tree);
    let ram = RamMap::read(&tree).unwrap_or_else(|error| panic!("the device tree's memory: {error}"));
    let nodes = tree.devices();
    let pool = probe::needs_uncached(&nodes).then(Pool::reserve).flatten();
    let layout = &pool
        .as_ref()
        .map_or(*layout, |pool| layout.with_uncached(pool.bounds()));
    let map = Map::new(&ram, layout, Purpose::Loader).unwrap_or_else(|error| panic!("the memory map: {error}"));
    map.activate();
    pool.iter().for_each(Pool::settle);
    let inherited = bus::settle();
    let timer = timer(&tree);
    let clock = Rc::new(ServicingClock::new(Rc::clone(&timer)));
    let hardware = Hardware::new(&ram, Rc::<ServicingClock<_>>::clone(&clock), pool);
    if let Some(rest) = Rest::new(&tree, &hardware) {
        timer.rest_by(rest);
    }
    let console = console::open(&tree, &hardware);
    let devices = probe::probe(&nodes, &hardware);
    clock.watch(devices.watchdogs);
    let terminal = Terminal::new(console);
    let memory = memory(&ram, layout);
    let machine = Machine::new((ram, *layout), map, timer);
    let mut context = Context::new(
        terminal,
        Rc::<ServicingClock<_>>::clone(&clock),
        memory,
        Box::new(machine),
    );
    context.default_env = Environment::from_defaults(board::ENVIRONMENT);
    context.persistence = Persistence::open(board::ENVIRONMENT_PLACE, devices.flashes);
    repl::print_banner(&mut context);
    introduce(&mut context, &clock);
    if let Some(syndrome) = inherited {
        context.say(format_args!(
            "An earlier stage left an SError pending, ESR {syndrome:#018x}: dropped"
        ));
    }
    for (path, error) in &devices.failures {
        context.say(format_args!("{path}: not used: {error}"));
    }
    // The environment may be on one of them.
    context.storage = Storage::new(devices.disks);
    persist::load(&mut context);
    keep_tree(&mut context, &tree);
    connect(&mut context, devices.networks);
    repl::run(&mut context)
}

/// What the loader runs on.
fn introduce(context: &mut Context, clock: &ServicingClock<Rc<GenericTimer>>) {
    let level = context.system.exception_level();
    let mib: u64 = context.memory.banks().iter().map(|bank| bank.len() >> 20).sum();
    context.say(format_args!(
        "Board: {} ({}), at {level}",
        board::NAME,
        board::DESCRIPTION
    ));
    context.say(format_args!("DRAM:  {mib} MiB"));
    if power::came_from_el3() {
        context.say(format_args!(
            "Warning: started at EL3, without TF-A: what is booted has no PSCI, so one CPU, and its interrupts may not arrive"
        ));
    }
    for watchdog in clock.watchdogs() {
        let name = watchdog.name();
        context.say(format_args!(
            "WDT:   {name} was left running: it is serviced until the jump, and has to be from then on"
        ));
    }
}

/// Gives the loader the first network device that works; the others are stopped.
fn connect(context: &mut Context, devices: Vec<Box<dyn NetDevice>>) {
    for mut device in devices {
        if context.network.is_some() {
            device.shutdown();
            continue;
        }
        let name = String::from(device.name());
        match Network::new(device, Rc::clone(&context.clock)) {
            Ok(network) => {
                context.network = Some(network);
                persist::adopt_mac(context);
            }
            Err(error) => context.say(format_args!("{name}: not used: {error}")),
        }
    }
    let name = context
        .network
        .as_ref()
        .map_or("No ethernet found.", |network| network.device_name());
    let line = alloc::format!("Net:   {name}");
    context.say(format_args!("{line}"));
}

fn timer(tree: &Tree) -> Rc<GenericTimer> {
    let node = tree.find_compatible("arm,armv8-timer").next();
    let fallback = node.and_then(|node| tree.u32(node, "clock-frequency"));
    match GenericTimer::new(fallback) {
        Some(timer) => Rc::new(timer),
        None => panic!(
            "CNTFRQ_EL0 is 0 and the device tree gives no clock-frequency: the firmware before us set no timer up"
        ),
    }
}

/// The memory map: banks, the loader, and all that the tree reserves.
fn memory(ram: &RamMap, layout: &Layout) -> Memory {
    // SAFETY: the final map is active; all Rust objects are in the loader's region (the tree's blob is not used any more once
    // `run` has parsed it); called once.
    let physical = unsafe { PhysicalRam::new(ram, layout) };
    let mut memory = Memory::new(Box::new(physical), &ram.whole_banks());
    memory.reserve(layout.region(), "the loader");
    if let Some(page) = ram.page_zero {
        memory.reserve(page, "page 0, which is never mapped");
    }
    for reserved in &ram.reserved {
        memory.reserve(reserved.region, &reserved.owner);
    }
    memory
}

/// Copies the machine's tree out of low RAM, where people load to, and says where it is.
fn keep_tree(context: &mut Context, tree: &Tree) {
    let blob = tree
        .emit(TREE_SLACK)
        .unwrap_or_else(|error| panic!("the machine's device tree: {error}"));
    let len = blob.len() as u64;
    let below = Some(PhysAddr(1 << 32));
    let place = context
        .memory
        .find_free(len, 0x1000, below)
        .or_else(|| context.memory.find_free(len, 0x1000, None));
    let place = place.unwrap_or_else(|| panic!("no room for the machine's device tree of {len:#x} bytes"));
    let stored = store(&mut context.memory, place, &blob);
    stored.unwrap_or_else(|error| panic!("the machine's device tree: {error}"));
    persist::announce_tree(&mut context.env, place.start());
}

fn store(memory: &mut Memory, place: Region, blob: &[u8]) -> Result<(), loader_core::memory::MemoryError> {
    let claim = memory.claim(place.start(), place.len(), "the machine's device tree")?;
    memory.write(&claim, 0, blob)?;
    memory.record(claim, place.len());
    Ok(())
}

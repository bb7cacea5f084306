//! The Rhai engine, with its limits and everything that scripts can use.

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage, BasicMathPackage,
    BasicStringPackage, LanguageCorePackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{Engine, OptimizationLevel};

use super::functions;
use super::limits::ScriptLimits;
use super::modules::Modules;
use super::objects;
use super::register::{Group, Registrar};
use super::runtime;

/// Nesting of one expression.
const EXPRESSION_DEPTH: usize = 96;
/// Variables of one function and its callers.
const VARIABLES: usize = 512;

/// Builds an engine, and lists what was registered with it.
pub fn build(limits: &ScriptLimits, modules: Modules) -> (Engine, Vec<Group>) {
    let mut engine = Engine::new_raw();
    Language::new().register_into_engine(&mut engine);
    limit(&mut engine, limits);
    engine.set_module_resolver(modules).set_strict_variables(true).on_progress(|_| runtime::tick());
    let mut registrar = Registrar::new(&mut engine);
    objects::register(&mut registrar);
    functions::register(&mut registrar, limits);
    let groups = registrar.finish();
    functions::register_bounded(&mut engine, limits);
    (engine, groups)
}

/// Sets the limits that Rhai itself watches, and takes away what no script may name.
pub fn limit(engine: &mut Engine, limits: &ScriptLimits) {
    engine
        .set_optimization_level(OptimizationLevel::Simple)
        .set_max_call_levels(limits.call_depth)
        .set_max_expr_depths(EXPRESSION_DEPTH, EXPRESSION_DEPTH)
        .set_max_variables(VARIABLES)
        .set_max_string_size(limits.string_bytes)
        .set_max_array_size(limits.array_len)
        .set_max_map_size(limits.map_len)
        .set_max_modules(100)
        // The table of interned strings is behind one lock, on which Rhai sleeps when another thread holds it.
        .set_max_strings_interned(0)
        .disable_symbol("eval");
}

rhai::def_package! {
    /// Rhai's own library, without what reads the clock, handles raw bytes or reflects on bits. It is one module: a function is
    /// looked for in each that there is.
    Language(_module): LanguageCorePackage, ArithmeticPackage, BasicStringPackage, BasicIteratorPackage, BasicFnPackage,
        LogicPackage, BasicMathPackage, BasicArrayPackage, BasicMapPackage, MoreStringPackage {}
}

//! One script, compiled: its functions, with the constants of its top level written into them and its imports at hand.
//!
//! In Rhai a function sees nothing of the top level. A script is therefore compiled twice: the first time to learn its
//! constants by running the top level once, the second time with the constants known, which Rhai then puts in place of their
//! names, and with a check that every other name is defined. Where Rhai leaves a constant's name standing (before a dot or a
//! bracket), a resolver hands out its value; a set without such names does not have it.

use std::collections::HashMap;

use rhai::{
    AST, ASTNode, Dynamic, Engine, Expr, GlobalRuntimeState, ImmutableString, ModuleResolver, Position, Scope,
    ScriptFnMetadata, Stmt,
};

use super::error::{NO_SLEEP, Place, Problem, explain, explain_parse};
use super::modules::Modules;
use super::runtime::stopped;

/// What is needed to compile.
pub struct Compiler<'e> {
    /// Runs scripts, and insists that every name is defined.
    pub engine: &'e Engine,
    /// Finds what is imported, reads a script before its constants are known, and keeps those that are left.
    pub modules: &'e Modules,
}

/// Constants that are looked up while scripts run: by script, by name.
pub type Constants = HashMap<String, HashMap<ImmutableString, Dynamic>>;

/// Hands constants out to functions that name them.
pub fn resolve_constants(engine: &mut Engine, constants: Constants) {
    #[expect(deprecated, reason = "Rhai marks volatile interfaces so; the version is pinned")]
    engine.on_var(move |name, index, context| {
        // A local variable has an index.
        let found = if index > 0 { None } else { context.source().and_then(|script| constants.get(script)?.get(name)) };
        Ok(found.cloned())
    });
}

/// A script, compiled.
pub struct Unit {
    /// The file's name.
    pub name: ImmutableString,
    ast: AST,
    /// What a call of one of its functions starts with.
    global: GlobalRuntimeState,
}

impl Compiler<'_> {
    /// Compiles a script of the folder and runs its top level once.
    pub fn compile(&self, name: &str, text: &str) -> Result<Unit, Problem> {
        let ast = self.compile_ast(name, text)?;
        let mut global = self.engine.new_global_runtime_state();
        global.source = Some(name.into());
        global.lib.push(ast.shared_lib().clone());
        for (path, alias, position) in imports(ast.statements()) {
            let resolved = self.modules.resolve(self.engine, Some(name), &path, position);
            global.push_import(alias, resolved.map_err(|error| explain(*error, name, stopped()).into_problem())?);
        }
        Ok(Unit { name: name.into(), ast, global })
    }

    /// Compiles a script and runs its top level once.
    pub fn compile_ast(&self, name: &str, text: &str) -> Result<AST, Problem> {
        let broken = |error: rhai::ParseError| explain_parse(&error, name);
        let mut first = self.modules.lenient().compile(text).map_err(broken)?;
        first.set_source(name);
        let mut scope = Scope::new();
        self.engine.run_ast_with_scope(&mut scope, &first).map_err(|error| explain(*error, name, stopped()).into_problem())?;
        let mut constants = Scope::new();
        for (constant, is_constant, value) in scope.iter() {
            if is_constant {
                constants.push_constant(constant, value);
            }
        }
        let mut ast = self.engine.compile_with_scope(&constants, text).map_err(broken)?;
        ast.set_source(name);
        self.check(&ast, &constants, name, text)?;
        Ok(ast)
    }

    /// Looks for what compiles but does not work as it reads, and loads what functions import.
    fn check(&self, ast: &AST, constants: &Scope<'_>, name: &str, text: &str) -> Result<(), Problem> {
        for function in ast.iter_functions() {
            if let Some(parameter) = function.params.iter().find(|parameter| constants.contains(parameter)) {
                let message = format!(
                    "the parameter `{parameter}` of `{}` has the name of a top-level constant: give one of them another name",
                    function.name
                );
                return Err(Problem::error(place_of(text, name, function.name), message));
            }
        }
        let mut found = Ok(());
        let mut left = HashMap::new();
        ast.walk(&mut |path: &[ASTNode<'_>]| {
            found = match path.last() {
                Some(ASTNode::Stmt(Stmt::Import(import, position))) => self.check_import(&import.0, *position, name),
                Some(ASTNode::Expr(Expr::Variable(variable, None, position)))
                    if !variable.2.is_empty() && variable.2.root() == "global" =>
                {
                    let message = "`global::` is not needed: write the constant's plain name";
                    Err(Problem::error(at(name, *position), message))
                }
                Some(ASTNode::Expr(Expr::FnCall(call, position) | Expr::MethodCall(call, position)))
                    if call.name == "sleep" =>
                {
                    Err(Problem::error(at(name, *position), NO_SLEEP))
                }
                Some(ASTNode::Stmt(Stmt::FnCall(call, position))) if call.name == "sleep" => {
                    Err(Problem::error(at(name, *position), NO_SLEEP))
                }
                Some(ASTNode::Expr(Expr::Variable(variable, ..))) => {
                    if let Some(value) = constants.get(&variable.1) {
                        left.insert(variable.1.clone(), value.clone());
                    }
                    Ok(())
                }
                _ => Ok(()),
            };
            found.is_ok()
        });
        self.modules.keep_constants(name, left);
        found
    }

    fn check_import(&self, path: &Expr, position: Position, name: &str) -> Result<(), Problem> {
        let Expr::StringConstant(path, at_path) = path else {
            let message = "`import` needs a fixed name in quotes";
            return Err(Problem::error(at(name, position), message));
        };
        let resolved = self.modules.resolve(self.engine, Some(name), path, *at_path);
        resolved.map(drop).map_err(|error| explain(*error, name, stopped()).into_problem())
    }
}

impl Unit {
    /// The functions that the script defines.
    pub fn functions(&self) -> impl Iterator<Item = ScriptFnMetadata<'_>> {
        self.ast.iter_functions()
    }

    /// What a call of one of its functions starts with.
    pub fn global(&self) -> &GlobalRuntimeState {
        &self.global
    }
}

/// Imports at the top level: path, alias and where.
fn imports(statements: &[Stmt]) -> Vec<(ImmutableString, ImmutableString, Position)> {
    let import = |statement: &Stmt| match statement {
        Stmt::Import(import, position) => match &import.0 {
            Expr::StringConstant(path, _) => Some((path.clone(), import.1.name.clone(), *position)),
            _ => None,
        },
        _ => None,
    };
    statements.iter().filter_map(import).collect()
}

fn at(name: &str, position: Position) -> Place {
    Place { script: name.to_owned(), line: position.line().unwrap_or(0), column: position.position().unwrap_or(0) }
}

/// Where a function is defined: Rhai does not keep it, so the text is searched for its head.
pub fn place_of(text: &str, script: &str, function: &str) -> Place {
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
        for (at, _) in line.match_indices(function) {
            let (before, after) = (&line[..at], &line[at + function.len()..]);
            let is_head = before.trim_end().ends_with("fn") && before.ends_with(char::is_whitespace);
            if is_head && after.trim_start().starts_with('(') {
                return Place { script: script.to_owned(), line: number + 1, column: before.chars().count() + 1 };
            }
        }
    }
    Place::of(script)
}

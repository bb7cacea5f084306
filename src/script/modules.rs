//! What `import` finds: scripts of the folder, from the texts that were read when the set was loaded, never from the disk.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, Module, ModuleResolver, Position, Scope, Shared};

use super::error::{Problem, fault};
use super::sources::Sources;
use super::unit::{Compiler, Constants};

/// The modules of a set.
#[derive(Clone)]
pub struct Modules(Arc<Inner>);

struct Inner {
    sources: Sources,
    lenient: Engine,
    loading: Mutex<Loading>,
    /// Filled when the set is complete: from then on nothing is compiled and no lock is taken.
    complete: OnceLock<HashMap<String, Shared<Module>>>,
}

#[derive(Default)]
struct Loading {
    done: HashMap<String, Shared<Module>>,
    /// Those that are being compiled, the outermost first.
    open: Vec<String>,
    constants: Constants,
}

impl Modules {
    /// The modules of these sources; `lenient` reads a script before its constants are known.
    pub fn new(sources: Sources, lenient: Engine) -> Self {
        Modules(Arc::new(Inner { sources, lenient, loading: Mutex::default(), complete: OnceLock::new() }))
    }

    /// The engine that reads a script before its constants are known.
    pub fn lenient(&self) -> &Engine {
        &self.0.lenient
    }

    /// Keeps constants of a script that its functions look up while they run.
    pub fn keep_constants(&self, script: &str, constants: HashMap<ImmutableString, Dynamic>) {
        if !constants.is_empty() {
            self.0.loading.lock().constants.insert(script.to_owned(), constants);
        }
    }

    /// Ends loading; the constants that were kept.
    pub fn complete(&self) -> Constants {
        let Loading { done, constants, .. } = std::mem::take(&mut *self.0.loading.lock());
        _ = self.0.complete.set(done);
        constants
    }

    fn load(&self, engine: &Engine, name: &str) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let Some(text) = self.0.sources.get(name) else {
            return Err(fault(format!("there is no script `{name}` in the folder")));
        };
        {
            let mut loading = self.0.loading.lock();
            if let Some(module) = loading.done.get(name) {
                return Ok(module.clone());
            }
            if loading.open.iter().any(|open| open == name) {
                return Err(fault(format!("`{name}` imports itself: {} -> {name}", loading.open.join(" -> "))));
            }
            loading.open.push(name.to_owned());
        }
        let compiler = Compiler { engine, modules: self };
        let module = compiler.compile_ast(name, text).map_err(Problem::into_error);
        let module = module.and_then(|ast| Module::eval_ast_as_new(Scope::new(), &ast, engine));
        let mut loading = self.0.loading.lock();
        loading.open.pop();
        let module = Shared::new(module?);
        loading.done.insert(name.to_owned(), module.clone());
        Ok(module)
    }
}

impl ModuleResolver for Modules {
    fn resolve(
        &self,
        engine: &Engine,
        _source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let resolved =
            file_name(path).ok_or_else(|| fault("`import` takes the name of a script inside the folder")).and_then(|name| {
                match self.0.complete.get() {
                    Some(done) => done
                        .get(&name)
                        .cloned()
                        .ok_or_else(|| fault(format!("`{name}` was not imported when the set was loaded"))),
                    None => self.load(engine, &name),
                }
            });
        resolved.map_err(|mut error| {
            if error.position().is_none() {
                error.set_position(position);
            }
            error
        })
    }
}

/// The file that an import names: `lib/util` is `lib/util.rhai`, always from the folder itself.
fn file_name(path: &str) -> Option<String> {
    let is_inside = !path.split('/').any(|part| part.is_empty() || part.starts_with('.')) && !path.contains(['\\', ':', '\0']);
    let path = path.strip_suffix(".rhai").unwrap_or(path);
    is_inside.then(|| format!("{path}.rhai"))
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn an_import_stays_inside() {
        assert_eq!(file_name("lib/util").as_deref(), Some("lib/util.rhai"));
        assert_eq!(file_name("util.rhai").as_deref(), Some("util.rhai"));
        for bad in ["/etc/passwd", "../x", "lib/../../x", "a//b", "", ".hidden", "C:\\x", "a\\b", "./x", "lib/"] {
            assert_eq!(file_name(bad), None, "{bad}");
        }
    }
}

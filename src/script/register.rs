//! Registers types and functions with the engine together with their description, so that neither is without the other.

use rhai::{Engine, FuncRegistration, RhaiNativeFunc, Variant};

/// What a script can hold.
pub trait Value: Variant + Clone {}

impl<T: Variant + Clone> Value for T {}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A function that stands alone.
    Function,
    /// A function of a value.
    Method,
    /// A property that can be read.
    Property,
    /// A property that can be read and changed.
    Mutable,
    /// Something that the engine does with a value, such as `for x in list`.
    Syntax,
}

/// One thing that scripts can use.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// How it is written, such as `header(headers: Headers, name: string, default: any) -> any` or `model: string`.
    pub signature: &'static str,
    /// What it does.
    pub doc: &'static str,
}

impl Entry {
    /// The name alone.
    pub fn name(&self) -> &'static str {
        self.signature.split(['(', ':']).next().unwrap_or_default().trim()
    }
}

/// Entries that belong together: the members of a type, or functions for one purpose.
#[derive(Clone, Debug)]
pub struct Group {
    /// The heading: for a type its name.
    pub title: &'static str,
    /// Whether this is a type.
    pub is_type: bool,
    /// What the group is about.
    pub doc: &'static str,
    /// Its entries.
    pub entries: Vec<Entry>,
}

/// Registers with an engine and remembers what was registered.
pub struct Registrar<'e> {
    engine: &'e mut Engine,
    groups: Vec<Group>,
}

impl<'e> Registrar<'e> {
    /// Registers with this engine.
    pub fn new(engine: &'e mut Engine) -> Self {
        Registrar { engine, groups: Vec::new() }
    }

    /// What was registered.
    pub fn finish(self) -> Vec<Group> {
        self.groups
    }

    /// Begins a group of functions.
    pub fn group(&mut self, title: &'static str, doc: &'static str) -> &mut Self {
        self.groups.push(Group { title, is_type: false, doc, entries: Vec::new() });
        self
    }

    /// Begins a type.
    pub fn value<T: Value>(&mut self, title: &'static str, doc: &'static str) -> &mut Self {
        self.engine.register_type_with_name::<T>(title);
        self.groups.push(Group { title, is_type: true, doc, entries: Vec::new() });
        self
    }

    /// Adds a function.
    pub fn function<A: 'static, const N: usize, const X: bool, R: Value, const F: bool>(
        &mut self,
        signature: &'static str,
        doc: &'static str,
        function: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    ) -> &mut Self {
        let name = self.note(EntryKind::Function, signature, doc);
        self.engine.register_fn(name, function);
        self
    }

    /// Adds a method: its first parameter is the value before the dot.
    pub fn method<A: 'static, const N: usize, const X: bool, R: Value, const F: bool>(
        &mut self,
        signature: &'static str,
        doc: &'static str,
        function: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    ) -> &mut Self {
        let name = self.note(EntryKind::Method, signature, doc);
        self.engine.register_fn(name, function);
        self
    }

    /// Adds a property that can be read.
    pub fn get<A: 'static, const X: bool, R: Value, const F: bool>(
        &mut self,
        signature: &'static str,
        doc: &'static str,
        getter: impl RhaiNativeFunc<A, 1, X, R, F> + Send + Sync + 'static,
    ) -> &mut Self {
        let name = self.note(EntryKind::Property, signature, doc);
        FuncRegistration::new_getter(name).register_into_engine(self.engine, getter);
        self
    }

    /// Makes the last property one that can be changed.
    pub fn set<A: 'static, const X: bool, const F: bool>(
        &mut self,
        setter: impl RhaiNativeFunc<A, 2, X, (), F> + Send + Sync + 'static,
    ) -> &mut Self {
        if let Some(entry) = self.groups.last_mut().and_then(|group| group.entries.last_mut()) {
            entry.kind = EntryKind::Mutable;
            FuncRegistration::new_setter(entry.name()).register_into_engine(self.engine, setter);
        }
        self
    }

    /// Adds what stands for itself: an index, an operator, a loop.
    pub fn syntax(&mut self, signature: &'static str, doc: &'static str, register: impl FnOnce(&mut Engine)) -> &mut Self {
        self.note(EntryKind::Syntax, signature, doc);
        register(self.engine);
        self
    }

    /// Registers something that needs no description of its own.
    pub fn quietly(&mut self, register: impl FnOnce(&mut Engine)) -> &mut Self {
        register(self.engine);
        self
    }

    fn note(&mut self, kind: EntryKind, signature: &'static str, doc: &'static str) -> &'static str {
        let entry = Entry { kind, signature, doc };
        let name = entry.name();
        if let Some(group) = self.groups.last_mut() {
            group.entries.push(entry);
        }
        name
    }
}

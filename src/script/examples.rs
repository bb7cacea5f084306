//! The example scripts, inside the binary.

/// A script to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its name, without `.rhai`.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! examples {
    ($($name:literal),+ $(,)?) => {
        &[$(Example { name: $name, text: include_str!(concat!("../../scripts/examples/", $name, ".rhai")) }),+]
    };
}

/// Every example, by name.
pub const EXAMPLES: &[Example] = examples![
    "block-list",
    "budget-guard",
    "canary",
    "cheapest-that-fits",
    "client-prompts",
    "keys-by-time",
    "model-aliases",
    "quirky-provider",
    "redact",
    "route-by-length",
    "tenant-pinning",
    "weighted-by-tag",
];

#[cfg(test)]
mod tests {
    use super::EXAMPLES;

    #[test]
    fn no_example_of_the_folder_is_left_out() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/examples");
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut names: Vec<_> = entries.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
        names.sort();
        assert_eq!(EXAMPLES.iter().map(|example| example.name).collect::<Vec<_>>(), names);
    }
}

//! Names of scripts: paths inside the folder that lead nowhere else.

use std::fmt;

use super::sources::DEPTH;

/// Longest name, in bytes.
const NAME_BYTES: usize = 200;

/// The name of a script, such as `20-route.rhai` or `lib/util.rhai`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScriptName(String);

/// Why something is no name of a script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptNameError {
    /// It does not end as scripts do.
    #[error("a script's name ends in .rhai, such as 20-route.rhai; .d.rhai is for definitions, which are not loaded")]
    Ending,
    /// It is too long.
    #[error("a script's name has at most {NAME_BYTES} bytes")]
    TooLong,
    /// It lies too deep.
    #[error("a script lies at most {} folders deep", DEPTH - 1)]
    TooDeep,
    /// A folder or the file has a name that is not allowed.
    #[error(
        "each part of a script's name begins with a letter, a digit or _, and goes on with these, dots and dashes: \
         no spaces, no .., nothing hidden"
    )]
    Part,
}

impl ScriptName {
    /// Reads a name: at most four parts, none of them hidden, none that leaves the folder.
    pub fn parse(name: &str) -> Result<Self, ScriptNameError> {
        if name.len() > NAME_BYTES {
            return Err(ScriptNameError::TooLong);
        }
        if !name.ends_with(".rhai") || name.ends_with(".d.rhai") {
            return Err(ScriptNameError::Ending);
        }
        if !name.split('/').all(is_part) {
            return Err(ScriptNameError::Part);
        }
        if name.split('/').count() > DEPTH {
            return Err(ScriptNameError::TooDeep);
        }
        Ok(ScriptName(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScriptName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

fn is_part(part: &str) -> bool {
    let begins = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'_';
    part.bytes().next().is_some_and(begins) && part.bytes().all(|letter| begins(letter) || matches!(letter, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_inside_the_folder() {
        for good in ["a.rhai", "20-route.rhai", "lib/util.rhai", "a/b/c/d.rhai", "_x.y.rhai", "9.rhai"] {
            assert_eq!(ScriptName::parse(good).map(|name| name.to_string()).as_deref(), Ok(good));
        }
        let bad =
            ["../a.rhai", "/a.rhai", "a/../b.rhai", "a//b.rhai", ".a.rhai", "lib/.rhai", "a\\b.rhai", "c:a.rhai", "a b.rhai"];
        for bad in bad.into_iter().chain(["é.rhai", "a\0.rhai", "..rhai", "-a.rhai", "a/.hidden/b.rhai", "a\n.rhai"]) {
            assert_eq!(ScriptName::parse(bad), Err(ScriptNameError::Part), "{bad:?}");
        }
        for bad in ["", "a", "a.txt", "a.rhai/", "a.d.rhai"] {
            assert_eq!(ScriptName::parse(bad), Err(ScriptNameError::Ending), "{bad:?}");
        }
        assert_eq!(ScriptName::parse("a/b/c/d/e.rhai"), Err(ScriptNameError::TooDeep));
        assert_eq!(ScriptName::parse(&format!("{}.rhai", "a".repeat(200))), Err(ScriptNameError::TooLong));
    }
}

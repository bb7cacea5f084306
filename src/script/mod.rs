//! Hooks: what an operator's Rhai scripts decide.
//!
//! Owns the script folder: it compiles the scripts, tests them, makes them live as one set and runs their hooks within limits.
//! Refuses to know who calls: requests, keys and answers come in as this room's own objects, and edits go out as data.
//! The only room that names `rhai` and `notify`.

mod calls;
mod check;
mod complete;
mod edit;
mod engine;
mod error;
mod examples;
mod folder;
mod functions;
mod hook;
mod json;
mod limits;
mod live;
mod load;
mod modules;
mod name;
mod objects;
mod reference;
mod register;
mod runtime;
mod set;
mod sources;
mod stats;
mod trial;
mod unit;
mod verdict;
mod watch;

#[cfg(test)]
mod tests;

pub use calls::{ChunkAnswer, KeyAnswer, RequestDecision, RouteAnswer};
pub use check::check_folder;
pub use edit::{EditError, Edited};
pub use error::{FailureKind, Place, Problem, ScriptFailure, Severity};
pub use examples::{EXAMPLES, Example};
pub use folder::FolderError;
pub use hook::{Hook, HookSet};
pub use limits::ScriptLimits;
pub use live::{ConfigSource, LastReload, ScriptFile, ScriptStatus, Scripts, ScriptsOptions};
pub use load::{LoadConfig, LoadReport, TestReport};
pub use name::{ScriptName, ScriptNameError};
pub use objects::{
    AttemptError, AttemptErrorParts, BodyEdit, BodyEditAction, Candidate, Candidates, ChunkEvent, FrozenKeys, HeaderEdit,
    Missing, Rejection, Reply, RequestParts, Response, ResponseEdits, ResponseParts, ScriptRequest, Upstream, UpstreamEdits,
    UpstreamParts, tagged,
};
pub use reference::{Part, Topic, TopicEntry, definitions, reference, topics};
pub use runtime::{EstimateRequest, LogLevel, LogLine};
pub use set::ScriptSet;
pub use sources::{SourceError, Sources};
pub use stats::HookReport;
pub use trial::{
    Aspect, ChangeCount, Comparison, CostSums, Decision, Destination, Ending, Installation, Nowhere, Placement, ShadowOptions,
    ShadowReport, SideBySide, Step, TrialEvent, TrialInput, TrialKeyEvent, TrialSet, TrialStore, Walk, Wish,
};
pub use verdict::ErrorAnswer;
pub use watch::{ScriptWatch, WatchMode};

//! `/api/scripts`

mod body;
mod desk;
mod diff;
mod error;
mod files;
mod versions;

pub(super) use body::ProblemBody;
pub use desk::{ScriptDesk, record_live_scripts};
pub(super) use files::Files;
pub(super) use versions::Versions;

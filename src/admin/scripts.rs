//! `/api/scripts`

mod body;
mod decision;
mod desk;
mod diff;
mod dry_run;
mod error;
mod files;
mod given;
mod guide;
mod installation;
mod recorded;
mod replay;
mod shadow;
mod versions;

pub(super) use body::ProblemBody;
pub use desk::{ScriptDesk, record_live_scripts};

/// Operations on scripts.
pub(super) type Scripts = (files::Files, guide::Guide, versions::Versions, dry_run::DryRuns, replay::Replays, shadow::Shadows);

/// Operations on scripts.
pub(super) fn operations() -> Scripts {
    (files::Files, guide::Guide, versions::Versions, dry_run::DryRuns, replay::Replays, shadow::Shadows)
}

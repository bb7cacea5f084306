//! `keywheel openapi`: the description of the admin API.

use super::{CliError, say};
use crate::admin::openapi_json;

/// Print the OpenAPI description of the admin API
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel openapi > admin.json")]
pub(super) struct Arguments {}

pub(super) fn run(_arguments: Arguments) -> Result<(), CliError> {
    Ok(say(openapi_json().trim_end())?)
}

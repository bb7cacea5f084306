//! What stands against an edit of the scripts, as the API says it.

use poem::http::StatusCode;

use crate::admin::error::ApiError;
use crate::script::{EditError, FolderError, Problem};

/// Scripts that have errors.
pub(super) fn refused(message: String, problems: Vec<Problem>) -> ApiError {
    ApiError { problems, ..ApiError::new(StatusCode::BAD_REQUEST, "scripts_refused", message) }
}

impl From<EditError> for ApiError {
    fn from(error: EditError) -> Self {
        let message = error.to_string();
        match error {
            EditError::NoFolder => ApiError::new(StatusCode::CONFLICT, "no_script_folder", message),
            EditError::NotFound(_) => ApiError::not_found(message),
            EditError::Changed(_) => ApiError::new(StatusCode::PRECONDITION_FAILED, "version_mismatch", message),
            EditError::Name(_) | EditError::Unwritable(FolderError::Outside(_)) => ApiError::invalid("name", message),
            EditError::TooLarge(_) => ApiError::invalid("text", message),
            EditError::Refused(problems) => refused(message, problems),
            EditError::Unreadable(_) => ApiError::new(StatusCode::CONFLICT, "folder_unreadable", message),
            EditError::Unwritable(FolderError::ReadOnly { .. }) => ApiError::new(StatusCode::CONFLICT, "read_only", message),
            EditError::Unwritable(FolderError::Io { .. }) => {
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "folder_unwritable", message)
            }
        }
    }
}

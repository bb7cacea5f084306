//! The words by which statistics are asked for.

use poem_openapi::Enum;

use crate::store::{Dimension, Rank, Step};

/// By what calls are summed.
#[derive(Clone, Copy, Enum)]
#[oai(rename = "StatsBy", rename_all = "snake_case")]
pub(super) enum By {
    /// All together.
    Total,
    /// The provider of the last attempt.
    Provider,
    /// The key of the last attempt.
    Key,
    /// The model's name in the request.
    Model,
    /// The provider's own name of the model.
    ServedModel,
    /// The client.
    Client,
    /// How calls ended.
    Outcome,
    /// The HTTP status that the client saw.
    Status,
}

impl From<By> for Dimension {
    fn from(by: By) -> Self {
        match by {
            By::Total => Dimension::Total,
            By::Provider => Dimension::Provider,
            By::Key => Dimension::Key,
            By::Model => Dimension::Model,
            By::ServedModel => Dimension::ServedModel,
            By::Client => Dimension::Client,
            By::Outcome => Dimension::Outcome,
            By::Status => Dimension::Status,
        }
    }
}

/// The length of a step.
#[derive(Clone, Copy, Enum)]
#[oai(rename = "StatsStep")]
pub(in crate::admin) enum StepWord {
    /// A minute.
    #[oai(rename = "1m")]
    Minute,
    /// Five minutes.
    #[oai(rename = "5m")]
    FiveMinutes,
    /// A quarter of an hour.
    #[oai(rename = "15m")]
    Quarter,
    /// An hour.
    #[oai(rename = "1h")]
    Hour,
    /// A local day.
    #[oai(rename = "1d")]
    Day,
}

impl From<StepWord> for Step {
    fn from(word: StepWord) -> Self {
        match word {
            StepWord::Minute => Step::Minute,
            StepWord::FiveMinutes => Step::FiveMinutes,
            StepWord::Quarter => Step::Quarter,
            StepWord::Hour => Step::Hour,
            StepWord::Day => Step::Day,
        }
    }
}

impl From<Step> for StepWord {
    fn from(step: Step) -> Self {
        match step {
            Step::Minute => StepWord::Minute,
            Step::FiveMinutes => StepWord::FiveMinutes,
            Step::Quarter => StepWord::Quarter,
            Step::Hour => StepWord::Hour,
            Step::Day => StepWord::Day,
        }
    }
}

/// By what members are ranked.
#[derive(Clone, Copy, Enum)]
#[oai(rename = "StatsRank", rename_all = "snake_case")]
pub(super) enum RankWord {
    /// Calls.
    Calls,
    /// What they cost.
    Cost,
    /// Input and output tokens.
    Tokens,
    /// Calls that did not succeed, and failed attempts.
    Failures,
}

impl From<RankWord> for Rank {
    fn from(word: RankWord) -> Self {
        match word {
            RankWord::Calls => Rank::Calls,
            RankWord::Cost => Rank::Cost,
            RankWord::Tokens => Rank::Tokens,
            RankWord::Failures => Rank::Failures,
        }
    }
}

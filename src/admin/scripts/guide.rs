//! What helps whoever writes a script: the reference and the examples.

use std::sync::LazyLock;

use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};

use crate::admin::Tag;
use crate::admin::access::Viewer;
use crate::admin::error::ApiError;
use crate::admin::wire::example;
use crate::script::{EXAMPLES, Example, Part, Topic, TopicEntry, topics};

/// Reading about scripts.
pub(crate) struct Guide;

/// Generated once: it is the same as long as the program runs.
static TOPICS: LazyLock<Vec<Topic>> = LazyLock::new(topics);

#[OpenApi(prefix_path = "/api/scripts", tag = "Tag::Scripts")]
impl Guide {
    /// Get the reference of scripts
    ///
    /// Every hook, object and function, as `keywheel script reference` prints it, in pieces.
    #[oai(path = "/reference", method = "get", operation_id = "get_script_reference")]
    async fn reference(&self, _access: Viewer) -> Result<Json<ReferenceBody>, ApiError> {
        Ok(Json(ReferenceBody { topics: TOPICS.iter().map(TopicBody::from).collect() }))
    }

    /// List example scripts
    ///
    /// Whole scripts with tests of their own, to start from.
    #[oai(path = "/examples", method = "get", operation_id = "list_script_examples")]
    async fn examples(&self, _access: Viewer) -> Result<Json<ExamplesBody>, ApiError> {
        Ok(Json(ExamplesBody { examples: EXAMPLES.iter().map(ExampleBody::from).collect() }))
    }
}

/// The reference of scripts.
#[derive(Debug, Object)]
#[oai(rename = "ScriptReference")]
struct ReferenceBody {
    /// Hooks first, then objects, functions and rules.
    topics: Vec<TopicBody>,
}

/// What a topic is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "ScriptTopicPart", rename_all = "snake_case")]
enum PartBody {
    /// A hook that a script may define.
    Hook,
    /// An object that hooks get.
    Object,
    /// Functions that are always there.
    Functions,
    /// What holds for every script.
    Rules,
}

/// One topic of the reference.
#[derive(Debug, Object)]
#[oai(rename = "ScriptTopic", example)]
struct TopicBody {
    /// What it is about.
    part: PartBody,
    /// Its title: a hook with its parameters, an object's name, what functions are for.
    title: String,
    /// What is said about it, as Markdown.
    text: String,
    /// Its functions, properties and forms of syntax.
    entries: Vec<TopicEntryBody>,
}

impl From<&Topic> for TopicBody {
    fn from(topic: &Topic) -> Self {
        let part = match topic.part {
            Part::Hook => PartBody::Hook,
            Part::Object => PartBody::Object,
            Part::Functions => PartBody::Functions,
            Part::Rules => PartBody::Rules,
        };
        let entries = topic.entries.iter().map(TopicEntryBody::from).collect();
        TopicBody { part, title: topic.title.clone(), text: topic.text.clone(), entries }
    }
}

/// One thing that a script can write.
#[derive(Debug, Object)]
#[oai(rename = "ScriptTopicEntry")]
struct TopicEntryBody {
    /// How it is written.
    signature: String,
    /// What it does, as Markdown.
    text: String,
    /// Whether it can be assigned to.
    assignable: bool,
}

impl From<&TopicEntry> for TopicEntryBody {
    fn from(entry: &TopicEntry) -> Self {
        TopicEntryBody { signature: entry.signature.clone(), text: entry.text.clone(), assignable: entry.assignable }
    }
}

/// Example scripts.
#[derive(Debug, Object)]
#[oai(rename = "ScriptExamples")]
struct ExamplesBody {
    /// The examples, by name.
    examples: Vec<ExampleBody>,
}

/// A script to start from.
#[derive(Debug, Object)]
#[oai(rename = "ScriptExample", example)]
struct ExampleBody {
    /// Its name, without `.rhai`.
    name: String,
    /// Its text.
    text: String,
}

impl From<&Example> for ExampleBody {
    fn from(example: &Example) -> Self {
        ExampleBody { name: example.name.to_owned(), text: example.text.to_owned() }
    }
}

example!(TopicBody, {
    "part": "hook", "title": "route(req)", "text": "Says which model serves the call.",
    "entries": [{ "signature": "req.model", "text": "The model's name in the request.", "assignable": true }],
});
example!(ExampleBody, { "name": "route", "text": "fn route(req) {\n    if req.stream { #{ model: \"fast\" } }\n}\n" });

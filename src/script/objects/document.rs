//! A JSON text that is looked into piece by piece, and the edits that a script makes on it.
//!
//! Nothing is parsed before a script touches it, and then one level at a time: a script that reads `body.model` of a long
//! conversation never builds the messages. Edits are kept as data, for a patch on the original text: order of members,
//! numbers that Rhai cannot hold and everything that was not edited survive.

mod edit;
mod level;

use bytes::Bytes;
use rhai::{Dynamic, EvalAltResult, ImmutableString};

use self::level::{Elements, Members};
use crate::script::error::fault;
use crate::script::json::from_json;
use crate::script::runtime::charge;
pub use edit::{BodyEdit, BodyEditAction};

/// A value's number inside its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(u32);

impl NodeId {
    /// The whole document.
    pub const ROOT: NodeId = NodeId(0);
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// An object.
    Object,
    /// An array.
    Array,
    /// A string, number, boolean or null.
    Scalar,
    /// No JSON at all.
    Nothing,
}

#[derive(Debug)]
struct Node {
    text: Bytes,
    parent: Option<NodeId>,
    children: Option<Children>,
    /// Whether a child, or a child's child, was edited, so that `text` is no longer what the node says.
    is_edited: bool,
}

#[derive(Debug)]
enum Children {
    Members(Vec<(Box<str>, NodeId)>),
    Elements(Vec<NodeId>),
}

/// A JSON text with the edits made on it.
#[derive(Debug)]
pub struct Document {
    nodes: Vec<Node>,
    edits: Vec<BodyEdit>,
    most_nodes: usize,
}

impl Document {
    /// A document of which a script may look at `most_nodes` values.
    pub fn new(text: Bytes, most_nodes: usize) -> Self {
        Document { nodes: vec![Node::new(trim(text), None)], edits: Vec::new(), most_nodes }
    }

    /// The edits, in order.
    pub fn edits(&self) -> &[BodyEdit] {
        &self.edits
    }

    /// What a value is.
    pub fn kind(&self, id: NodeId) -> NodeKind {
        match self.node(id).text.first() {
            Some(b'{') => NodeKind::Object,
            Some(b'[') => NodeKind::Array,
            Some(b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => NodeKind::Scalar,
            _ => NodeKind::Nothing,
        }
    }

    /// A member of an object; of a repeated name the last one, as providers read it.
    pub fn member(&mut self, id: NodeId, name: &str) -> Result<Option<NodeId>, Box<EvalAltResult>> {
        self.expand(id)?;
        match &self.node(id).children {
            Some(Children::Members(members)) => Ok(find(members, name).map(|at| members[at].1)),
            _ => Ok(None),
        }
    }

    /// An element of an array, counted from 0, or from the end when negative.
    pub fn element(&mut self, id: NodeId, index: i64) -> Result<Option<NodeId>, Box<EvalAltResult>> {
        self.expand(id)?;
        match &self.node(id).children {
            Some(Children::Elements(elements)) => Ok(offset(index, elements.len()).and_then(|at| elements.get(at).copied())),
            _ => Ok(None),
        }
    }

    /// Members or elements; 0 for anything else.
    pub fn len(&mut self, id: NodeId) -> Result<usize, Box<EvalAltResult>> {
        self.expand(id)?;
        Ok(match &self.node(id).children {
            Some(Children::Members(members)) => members.len(),
            Some(Children::Elements(elements)) => elements.len(),
            None => 0,
        })
    }

    /// Names of an object's members, in the order of the text.
    pub fn names(&mut self, id: NodeId) -> Result<Vec<ImmutableString>, Box<EvalAltResult>> {
        self.expand(id)?;
        Ok(match &self.node(id).children {
            Some(Children::Members(members)) => members.iter().map(|(name, _)| (&**name).into()).collect(),
            _ => Vec::new(),
        })
    }

    /// The value of a scalar; `None` for an object or array, which stays a view.
    pub fn scalar(&self, id: NodeId) -> Result<Option<Dynamic>, Box<EvalAltResult>> {
        let text = &self.node(id).text;
        if self.kind(id) != NodeKind::Scalar {
            return Ok(None);
        }
        charge(text.len())?;
        from_json(text).map(Some).map_err(|error| fault(error.to_string()))
    }

    /// The JSON text of a value, with the edits made in it.
    pub fn text(&self, id: NodeId) -> String {
        let mut out = String::new();
        self.write(id, &mut out);
        out
    }

    /// Sets a member of an object to a JSON text.
    pub fn set_member(&mut self, id: NodeId, name: &str, json: String) -> Result<(), Box<EvalAltResult>> {
        self.expand(id)?;
        let child = self.add(json.clone().into(), Some(id))?;
        let pointer = format!("{}/{}", self.pointer(id)?, escape(name));
        let Some(Children::Members(members)) = &mut self.node_mut(id).children else {
            return Err(fault(format!("`{name}` cannot be set: this is not an object")));
        };
        match find(members, name) {
            Some(at) => members[at].1 = child,
            None => members.push((name.into(), child)),
        }
        self.edited(id, BodyEdit { pointer, action: BodyEditAction::Set(json) });
        Ok(())
    }

    /// Sets an element of an array to a JSON text; the index behind the last one adds it.
    pub fn set_element(&mut self, id: NodeId, index: i64, json: String) -> Result<(), Box<EvalAltResult>> {
        self.expand(id)?;
        let child = self.add(json.clone().into(), Some(id))?;
        let parent = self.pointer(id)?;
        let Some(Children::Elements(elements)) = &mut self.node_mut(id).children else {
            return Err(fault("an element cannot be set: this is not an array"));
        };
        let at = match offset(index, elements.len()) {
            Some(at) if at < elements.len() => {
                elements[at] = child;
                at.to_string()
            }
            Some(at) if at == elements.len() => {
                elements.push(child);
                "-".to_owned()
            }
            _ => return Err(fault(format!("there is no element {index}: the array has {}", elements.len()))),
        };
        self.edited(id, BodyEdit { pointer: format!("{parent}/{at}"), action: BodyEditAction::Set(json) });
        Ok(())
    }

    /// Inserts a JSON text into an array before an element, or behind the last one.
    pub fn insert(&mut self, id: NodeId, index: i64, json: String) -> Result<(), Box<EvalAltResult>> {
        self.expand(id)?;
        let child = self.add(json.clone().into(), Some(id))?;
        let parent = self.pointer(id)?;
        let Some(Children::Elements(elements)) = &mut self.node_mut(id).children else {
            return Err(fault("nothing can be inserted: this is not an array"));
        };
        let at = offset(index, elements.len()).unwrap_or(0).min(elements.len());
        let edit = match at == elements.len() {
            true => BodyEdit { pointer: format!("{parent}/-"), action: BodyEditAction::Set(json) },
            false => BodyEdit { pointer: format!("{parent}/{at}"), action: BodyEditAction::Insert(json) },
        };
        elements.insert(at, child);
        self.edited(id, edit);
        Ok(())
    }

    /// Removes a member, each one of that name. Whether there was one.
    pub fn remove_member(&mut self, id: NodeId, name: &str) -> Result<bool, Box<EvalAltResult>> {
        self.expand(id)?;
        let pointer = format!("{}/{}", self.pointer(id)?, escape(name));
        let Some(Children::Members(members)) = &mut self.node_mut(id).children else { return Ok(false) };
        let before = members.len();
        let removed: Vec<NodeId> = members.iter().filter(|(member, _)| &**member == name).map(|(_, child)| *child).collect();
        members.retain(|(member, _)| &**member != name);
        if members.len() == before {
            return Ok(false);
        }
        removed.into_iter().for_each(|child| self.node_mut(child).parent = None);
        self.edited(id, BodyEdit { pointer, action: BodyEditAction::Remove });
        Ok(true)
    }

    /// Removes an element. Whether there was one.
    pub fn remove_element(&mut self, id: NodeId, index: i64) -> Result<bool, Box<EvalAltResult>> {
        self.expand(id)?;
        let parent = self.pointer(id)?;
        let Some(Children::Elements(elements)) = &mut self.node_mut(id).children else { return Ok(false) };
        let Some(at) = offset(index, elements.len()).filter(|at| *at < elements.len()) else { return Ok(false) };
        let child = elements.remove(at);
        self.node_mut(child).parent = None;
        self.edited(id, BodyEdit { pointer: format!("{parent}/{at}"), action: BodyEditAction::Remove });
        Ok(true)
    }

    /// Replaces the whole document.
    pub fn replace(&mut self, json: String) {
        let most_nodes = self.most_nodes;
        let edits = vec![BodyEdit { pointer: String::new(), action: BodyEditAction::Set(json.clone()) }];
        *self = Document { edits, ..Document::new(json.into(), most_nodes) };
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0 as usize]
    }

    fn add(&mut self, text: Bytes, parent: Option<NodeId>) -> Result<NodeId, Box<EvalAltResult>> {
        if self.nodes.len() >= self.most_nodes {
            return Err(fault(format!("the body has more than {} values: too many for a script to look at", self.most_nodes)));
        }
        self.nodes.push(Node::new(text, parent));
        Ok(NodeId(self.nodes.len() as u32 - 1))
    }

    /// Reads one level of an object or array.
    fn expand(&mut self, id: NodeId) -> Result<(), Box<EvalAltResult>> {
        let (kind, node) = (self.kind(id), self.node(id));
        if node.children.is_some() || !matches!(kind, NodeKind::Object | NodeKind::Array) {
            return Ok(());
        }
        let text = node.text.clone();
        charge(text.len() / 4)?;
        let children = match kind {
            NodeKind::Object => match serde_json::from_slice::<Members<'_>>(&text) {
                Ok(Members(members)) => {
                    charge(members.len() * 32)?;
                    let mut children = Vec::with_capacity(members.len());
                    for (name, value) in members {
                        children.push((name.into(), self.add(text.slice_ref(value.get().as_bytes()), Some(id))?));
                    }
                    Some(Children::Members(children))
                }
                Err(_) => None,
            },
            _ => match serde_json::from_slice::<Elements<'_>>(&text) {
                Ok(Elements(elements)) => {
                    charge(elements.len() * 32)?;
                    let mut children = Vec::with_capacity(elements.len());
                    for value in elements {
                        children.push(self.add(text.slice_ref(value.get().as_bytes()), Some(id))?);
                    }
                    Some(Children::Elements(children))
                }
                Err(_) => None,
            },
        };
        match children {
            Some(children) => self.node_mut(id).children = Some(children),
            None => self.node_mut(id).text = Bytes::new(),
        }
        Ok(())
    }

    fn edited(&mut self, id: NodeId, edit: BodyEdit) {
        let mut at = Some(id);
        while let Some(id) = at {
            let node = self.node_mut(id);
            node.is_edited = true;
            at = node.parent;
        }
        match self.edits.last_mut() {
            Some(last) if edit.replaces(last) => *last = edit,
            _ => self.edits.push(edit),
        }
    }

    /// The JSON pointer of a value. An error when it was removed or replaced: an edit there would be lost.
    fn pointer(&self, id: NodeId) -> Result<String, Box<EvalAltResult>> {
        let mut steps = Vec::new();
        let mut at = id;
        while at != NodeId::ROOT {
            let step = self.node(at).parent.and_then(|parent| Some((parent, self.step(parent, at)?)));
            let Some((parent, step)) = step else {
                return Err(fault("this part of the body was removed or replaced and cannot be edited any more"));
            };
            steps.push(step);
            at = parent;
        }
        Ok(steps.into_iter().rev().fold(String::new(), |pointer, step| pointer + "/" + step.as_str()))
    }

    fn step(&self, parent: NodeId, child: NodeId) -> Option<String> {
        match self.node(parent).children.as_ref()? {
            Children::Members(members) => {
                let at = members.iter().rposition(|(_, id)| *id == child)?;
                Some(escape(&members[at].0))
            }
            Children::Elements(elements) => elements.iter().position(|id| *id == child).map(|at| at.to_string()),
        }
    }

    fn write(&self, id: NodeId, out: &mut String) {
        let node = self.node(id);
        match &node.children {
            Some(children) if node.is_edited => match children {
                Children::Members(members) => {
                    out.push('{');
                    for (at, (name, child)) in members.iter().enumerate() {
                        out.push_str(if at > 0 { "," } else { "" });
                        out.push_str(&serde_json::Value::from(&**name).to_string());
                        out.push(':');
                        self.write(*child, out);
                    }
                    out.push('}');
                }
                Children::Elements(elements) => {
                    out.push('[');
                    for (at, child) in elements.iter().enumerate() {
                        out.push_str(if at > 0 { "," } else { "" });
                        self.write(*child, out);
                    }
                    out.push(']');
                }
            },
            _ if node.text.is_empty() => out.push_str("null"),
            _ => out.push_str(&String::from_utf8_lossy(&node.text)),
        }
    }
}

impl Node {
    fn new(text: Bytes, parent: Option<NodeId>) -> Self {
        Node { text, parent, children: None, is_edited: false }
    }
}

fn find(members: &[(Box<str>, NodeId)], name: &str) -> Option<usize> {
    members.iter().rposition(|(member, _)| &**member == name)
}

fn offset(index: i64, len: usize) -> Option<usize> {
    if index < 0 { len.checked_sub(index.unsigned_abs() as usize) } else { usize::try_from(index).ok() }
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn trim(text: Bytes) -> Bytes {
    let trimmed = text.trim_ascii();
    if trimmed.len() == text.len() { text } else { text.slice_ref(trimmed) }
}

#[cfg(test)]
mod tests;

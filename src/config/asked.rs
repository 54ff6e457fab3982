//! Whether a section that is known and not honoured asks for anything: what is switched off, or has no
//! address to go to, does nothing in distribution either, and is not worth a warning.

use super::tree::{self, Node};

/// Whether the section at that path asks for something. Where nothing special is known, anything that is
/// set and not off does.
pub fn asks(path: &str, node: &Node) -> bool {
    let set = |keys: &[&str]| keys.iter().any(|key| !child(node, key).is_unset());
    let any_enabled = |key: &str| child(node, key).items().iter().any(is_enabled);
    match path {
        _ if node.is_off() => false,
        "notifications" => any_enabled("endpoints"),
        "log.hooks" => node.items().iter().any(is_enabled),
        "middleware" => {
            let kinds = node.entries().iter();
            kinds.flat_map(|(_, kind)| kind.items()).any(is_enabled)
        }
        "http.debug" => set(&["addr"]),
        "redis" => set(&["addr", "addrs"]),
        "reporting" => {
            let key = |section, key| !child(child(node, section), key).is_unset();
            key("bugsnag", "apikey") || key("newrelic", "licensekey")
        }
        "compatibility.schema1" => !child(node, "enabled").is_off(),
        _ => true,
    }
}

fn child<'n>(node: &'n Node, key: &str) -> &'n Node {
    node.child(key).unwrap_or(&Node::Null)
}

/// Whether an element of a list is there and not `disabled`.
fn is_enabled(node: &Node) -> bool {
    let disabled = match child(node, "disabled") {
        Node::Boolean(disabled) => *disabled,
        Node::Text(text) => tree::boolean_word(text) == Some(true),
        _ => false,
    };
    !node.is_off() && !disabled
}

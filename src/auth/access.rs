//! Who may do what where (`access`): rules in order, of which the first that is about a user and a
//! repository decides alone.

use super::Caller;
use super::pattern::Pattern;
use std::collections::BTreeMap;
use std::str::FromStr;

/// The section: without it every user may do everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// Names of groups and their users.
    pub groups: BTreeMap<String, Vec<String>>,
    /// In order.
    pub rules: Vec<Rule>,
}

/// What some users may do in some repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Whom it is about.
    pub users: Vec<Who>,
    /// Where it holds.
    pub repositories: Vec<Pattern>,
    /// All that is allowed; nothing else is.
    pub actions: Vec<Action>,
}

/// Whom a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// `anonymous`: whoever sends no credentials.
    Anonymous,
    /// `*`: every user who is logged in.
    Users,
    /// `@name`: the users of a group.
    Group(String),
    /// A user.
    User(String),
}

/// What can be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Read manifests, blobs, tags and referrers.
    Pull,
    /// Upload blobs and put manifests under any tag.
    Push,
    /// The same, but a tag that exists stays what it is.
    PushNew,
    /// Delete manifests, tags and blobs.
    Delete,
    /// See the repository in the catalog, if it may be pulled.
    Catalog,
}

/// The words of actions.
pub const ACTIONS: [(&str, Action); 5] = [
    ("pull", Action::Pull),
    ("push", Action::Push),
    ("push-new", Action::PushNew),
    ("delete", Action::Delete),
    ("catalog", Action::Catalog),
];

impl Access {
    /// Whether a caller may do this in a repository. Whoever may push may push what is new.
    pub fn permits(&self, caller: &Caller, repository: &str, action: Action) -> bool {
        let decides = |rule: &&Rule| {
            self.is_about(rule, caller) && rule.repositories.iter().any(|p| p.matches(repository))
        };
        let rule = self.rules.iter().find(decides);
        rule.is_some_and(|rule| rule.allows(action))
    }

    /// Whether a caller may ask for the catalog: some rule about them allows it somewhere.
    pub fn permits_catalog(&self, caller: &Caller) -> bool {
        let allows = |rule: &Rule| self.is_about(rule, caller) && rule.allows(Action::Catalog);
        self.rules.iter().any(allows)
    }

    /// What the names of all repositories begin with that a caller may find in the catalog: in order, and none begins
    /// with another.
    pub fn catalog_beginnings(&self, caller: &Caller) -> Vec<&str> {
        let lists = |rule: &&Rule| {
            let actions = [Action::Pull, Action::Catalog];
            self.is_about(rule, caller) && actions.iter().all(|action| rule.allows(*action))
        };
        let rules = self.rules.iter().filter(lists);
        let mut beginnings: Vec<&str> = rules
            .flat_map(|rule| rule.repositories.iter().map(Pattern::beginning))
            .collect();
        beginnings.sort_unstable();
        beginnings.dedup_by(|next, first| next.starts_with(*first));
        beginnings
    }

    /// Whether some rule is about those without credentials.
    pub fn knows_anonymous(&self) -> bool {
        self.rules
            .iter()
            .any(|rule| rule.users.contains(&Who::Anonymous))
    }

    /// Whether some tags may be created and not moved.
    pub fn keeps_tags(&self) -> bool {
        self.rules
            .iter()
            .any(|rule| rule.actions.contains(&Action::PushNew))
    }

    fn is_about(&self, rule: &Rule, caller: &Caller) -> bool {
        let name = caller.name();
        rule.users.iter().any(|who| match (who, name) {
            (Who::Anonymous, name) => name.is_none(),
            (Who::Users, name) => name.is_some(),
            (Who::User(user), name) => name == Some(user),
            (Who::Group(group), Some(name)) => self
                .groups
                .get(group)
                .is_some_and(|users| users.iter().any(|user| user == name)),
            (Who::Group(_), None) => false,
        })
    }
}

impl Rule {
    fn allows(&self, action: Action) -> bool {
        let implied = action == Action::PushNew && self.actions.contains(&Action::Push);
        implied || self.actions.contains(&action)
    }
}

impl Action {
    /// Its word.
    pub fn word(self) -> &'static str {
        let same = |(_, action): &&(&'static str, Action)| *action == self;
        ACTIONS.iter().find(same).map_or("", |(word, _)| word)
    }
}

impl FromStr for Action {
    type Err = ();

    fn from_str(text: &str) -> Result<Action, ()> {
        let same = |(word, _): &&(&str, Action)| *word == text;
        ACTIONS
            .iter()
            .find(same)
            .map(|(_, action)| *action)
            .ok_or(())
    }
}

impl Who {
    /// Reads a word of `users`; any text is one.
    pub fn read(text: &str) -> Who {
        match (text, text.strip_prefix('@')) {
            ("anonymous", _) => Who::Anonymous,
            ("*", _) => Who::Users,
            (_, Some(group)) => Who::Group(group.to_owned()),
            (user, None) => Who::User(user.to_owned()),
        }
    }

    /// The word it was read from.
    pub fn word(&self) -> String {
        match self {
            Who::Anonymous => "anonymous".to_owned(),
            Who::Users => "*".to_owned(),
            Who::Group(group) => format!("@{group}"),
            Who::User(user) => user.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Action::{Catalog, Delete, Pull, Push, PushNew};

    fn rule(users: &[&str], repositories: &[&str], actions: &[Action]) -> Rule {
        Rule {
            users: users.iter().map(|who| Who::read(who)).collect(),
            repositories: repositories.iter().map(|p| p.parse().unwrap()).collect(),
            actions: actions.to_vec(),
        }
    }

    fn user(name: &str) -> Caller {
        Caller::User(name.into())
    }

    fn example() -> Access {
        Access {
            groups: [("team".to_owned(), vec!["anna".to_owned(), "ben".to_owned()])].into(),
            rules: vec![
                rule(&["root"], &["**"], &[Pull, Push, Delete, Catalog]),
                rule(&["ben"], &["team/secret"], &[]),
                rule(&["@team"], &["team/**"], &[Pull, Push, Catalog]),
                rule(&["ci"], &["releases/*"], &[Pull, PushNew]),
                rule(&["anonymous", "*"], &["public/**"], &[Pull]),
            ],
        }
    }

    #[test]
    fn the_first_rule_that_is_about_it_decides() {
        let access = example();
        for (caller, repository, allowed) in [
            (
                user("root"),
                "any/thing",
                &[Pull, Push, PushNew, Delete, Catalog][..],
            ),
            (user("anna"), "team/x", &[Pull, Push, PushNew, Catalog]),
            (user("anna"), "team/secret", &[Pull, Push, PushNew, Catalog]),
            (user("ben"), "team/secret", &[]),
            (user("anna"), "team", &[]),
            (user("anna"), "releases/x", &[]),
            (user("ci"), "releases/x", &[Pull, PushNew]),
            (user("ci"), "releases/x/y", &[]),
            (user("ci"), "public/x", &[Pull]),
            (Caller::Anonymous, "public/x", &[Pull]),
            (Caller::Guest, "public/x/y", &[Pull]),
            (Caller::Anonymous, "team/x", &[]),
            // A user of such a name is no more than a user.
            (user("anonymous"), "team/x", &[]),
            (user("@team"), "team/x", &[]),
            (user("*"), "team/x", &[]),
        ] {
            for (_, action) in ACTIONS {
                let permitted = access.permits(&caller, repository, action);
                let what = format!("{caller:?} {repository} {action:?}");
                assert_eq!(permitted, allowed.contains(&action), "{what}");
            }
        }
        assert!(access.permits_catalog(&user("anna")) && !access.permits_catalog(&user("ci")));
        assert!(!access.permits_catalog(&Caller::Anonymous));
        assert!(access.knows_anonymous() && access.keeps_tags());
    }

    #[test]
    fn the_catalog_begins_where_the_rules_of_a_caller_do() {
        let see = [Pull, Catalog];
        let access = Access {
            groups: [("team".to_owned(), vec!["anna".to_owned()])].into(),
            rules: vec![
                rule(&["root"], &["x/*", "**"], &see),
                rule(&["@team"], &["team/**", "team/a", "tea*", "b/*/c"], &see),
                rule(&["anna"], &["secret/*"], &[Pull]),
                rule(&["anonymous", "*"], &["public/**"], &see),
            ],
        };
        for (caller, beginnings) in [
            (user("root"), &[""][..]),
            (user("anna"), &["b/", "public/", "tea"]),
            (user("other"), &["public/"]),
            (Caller::Anonymous, &["public/"]),
        ] {
            assert_eq!(access.catalog_beginnings(&caller), beginnings, "{caller:?}");
        }
    }

    #[test]
    fn without_a_rule_nothing_is_allowed() {
        let access = Access::default();
        assert!(!access.permits(&user("root"), "a", Pull));
        assert!(!access.knows_anonymous() && !access.keeps_tags());
    }
}

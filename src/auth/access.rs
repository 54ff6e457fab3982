//! Who may do what where (`access`): rules in order, of which the first that matches a user and a
//! repository decides.

use super::Identity;
use crate::pattern::Pattern;
use std::collections::BTreeMap;
use std::str::FromStr;

/// The section: without it every user may do everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessRules {
    /// Names of groups and their users.
    pub groups: BTreeMap<String, Vec<String>>,
    /// In order.
    pub rules: Vec<Rule>,
}

/// What some users may do in some repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The users that it matches.
    pub users: Vec<Subject>,
    /// The repositories that it matches.
    pub repositories: Vec<Pattern>,
    /// All that it allows.
    pub actions: Vec<Action>,
}

/// A user or users that a rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// `anonymous`: clients without credentials.
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

/// The names of actions.
pub const ACTIONS: [(&str, Action); 5] = [
    ("pull", Action::Pull),
    ("push", Action::Push),
    ("push-new", Action::PushNew),
    ("delete", Action::Delete),
    ("catalog", Action::Catalog),
];

impl AccessRules {
    /// Whether an identity may do this in a repository. [`Action::Push`] includes [`Action::PushNew`].
    pub fn permits(&self, identity: &Identity, repository: &str, action: Action) -> bool {
        let decides = |rule: &&Rule| {
            self.matches_identity(rule, identity)
                && rule.repositories.iter().any(|p| p.matches(repository))
        };
        let rule = self.rules.iter().find(decides);
        rule.is_some_and(|rule| rule.allows(action))
    }

    /// Whether an identity may list the catalog: some rule that matches it allows that somewhere.
    pub fn permits_catalog(&self, identity: &Identity) -> bool {
        let allows =
            |rule: &Rule| self.matches_identity(rule, identity) && rule.allows(Action::Catalog);
        self.rules.iter().any(allows)
    }

    /// The prefixes of the names of all repositories that an identity may see in the catalog: in order, and none is a
    /// prefix of another.
    pub fn catalog_prefixes(&self, identity: &Identity) -> Vec<&str> {
        let lists = |rule: &&Rule| {
            let actions = [Action::Pull, Action::Catalog];
            self.matches_identity(rule, identity)
                && actions.iter().all(|action| rule.allows(*action))
        };
        let rules = self.rules.iter().filter(lists);
        let mut prefixes: Vec<&str> = rules
            .flat_map(|rule| rule.repositories.iter().map(Pattern::literal_prefix))
            .collect();
        prefixes.sort_unstable();
        prefixes.dedup_by(|next, first| next.starts_with(*first));
        prefixes
    }

    /// Whether some rule matches clients without credentials.
    pub fn has_anonymous(&self) -> bool {
        self.rules
            .iter()
            .any(|rule| rule.users.contains(&Subject::Anonymous))
    }

    /// Whether there are users who may create tags but not move them.
    pub fn has_immutable_tags(&self) -> bool {
        self.rules
            .iter()
            .any(|rule| rule.actions.contains(&Action::PushNew))
    }

    fn matches_identity(&self, rule: &Rule, identity: &Identity) -> bool {
        let name = identity.name();
        rule.users.iter().any(|subject| match (subject, name) {
            (Subject::Anonymous, name) => name.is_none(),
            (Subject::Users, name) => name.is_some(),
            (Subject::User(user), name) => name == Some(user),
            (Subject::Group(group), Some(name)) => self
                .groups
                .get(group)
                .is_some_and(|users| users.iter().any(|user| user == name)),
            (Subject::Group(_), None) => false,
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
    /// Its name in a rule.
    pub fn name(self) -> &'static str {
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

impl Subject {
    /// Parses an entry of `users`; any text is one.
    pub fn parse(text: &str) -> Subject {
        match (text, text.strip_prefix('@')) {
            ("anonymous", _) => Subject::Anonymous,
            ("*", _) => Subject::Users,
            (_, Some(group)) => Subject::Group(group.to_owned()),
            (user, None) => Subject::User(user.to_owned()),
        }
    }

    /// The text it was parsed from.
    pub fn to_text(&self) -> String {
        match self {
            Subject::Anonymous => "anonymous".to_owned(),
            Subject::Users => "*".to_owned(),
            Subject::Group(group) => format!("@{group}"),
            Subject::User(user) => user.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Action::{Catalog, Delete, Pull, Push, PushNew};

    fn rule(users: &[&str], repositories: &[&str], actions: &[Action]) -> Rule {
        Rule {
            users: users.iter().map(|user| Subject::parse(user)).collect(),
            repositories: repositories.iter().map(|p| p.parse().unwrap()).collect(),
            actions: actions.to_vec(),
        }
    }

    fn user(name: &str) -> Identity {
        Identity::User(name.into())
    }

    fn example() -> AccessRules {
        AccessRules {
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
    fn the_first_rule_that_matches_decides() {
        let access = example();
        for (identity, repository, allowed) in [
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
            (Identity::Anonymous, "public/x", &[Pull]),
            (Identity::Guest, "public/x/y", &[Pull]),
            (Identity::Anonymous, "team/x", &[]),
            // A user of such a name is no more than a user.
            (user("anonymous"), "team/x", &[]),
            (user("@team"), "team/x", &[]),
            (user("*"), "team/x", &[]),
        ] {
            for (_, action) in ACTIONS {
                let permitted = access.permits(&identity, repository, action);
                let what = format!("{identity:?} {repository} {action:?}");
                assert_eq!(permitted, allowed.contains(&action), "{what}");
            }
        }
        assert!(access.permits_catalog(&user("anna")) && !access.permits_catalog(&user("ci")));
        assert!(!access.permits_catalog(&Identity::Anonymous));
        assert!(access.has_anonymous() && access.has_immutable_tags());
    }

    #[test]
    fn the_catalog_begins_where_the_rules_of_a_caller_do() {
        let see = [Pull, Catalog];
        let access = AccessRules {
            groups: [("team".to_owned(), vec!["anna".to_owned()])].into(),
            rules: vec![
                rule(&["root"], &["x/*", "**"], &see),
                rule(&["@team"], &["team/**", "team/a", "tea*", "b/*/c"], &see),
                rule(&["anna"], &["secret/*"], &[Pull]),
                rule(&["anonymous", "*"], &["public/**"], &see),
            ],
        };
        for (identity, prefixes) in [
            (user("root"), &[""][..]),
            (user("anna"), &["b/", "public/", "tea"]),
            (user("other"), &["public/"]),
            (Identity::Anonymous, &["public/"]),
        ] {
            assert_eq!(access.catalog_prefixes(&identity), prefixes, "{identity:?}");
        }
    }

    #[test]
    fn without_a_rule_nothing_is_allowed() {
        let access = AccessRules::default();
        assert!(!access.permits(&user("root"), "a", Pull));
        assert!(!access.has_anonymous() && !access.has_immutable_tags());
    }
}

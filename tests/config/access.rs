//! Users and rules: what is read of them, and what of them is warned of or wrong.

use super::*;

#[test]
fn users_over_plain_http_are_warned_of() {
    let lab = [
        ("REGISTRY_AUTH", "htpasswd"),
        ("REGISTRY_AUTH_HTPASSWD_REALM", "Registry Realm"),
        ("REGISTRY_AUTH_HTPASSWD_PATH", "c:\\auth\\registry.htpasswd"),
    ];
    let (config, found) = load(BASE, &lab).unwrap();
    let expected = Scheme::Htpasswd {
        realm: "Registry Realm".to_owned(),
        path: PathBuf::from("c:\\auth\\registry.htpasswd"),
    };
    assert_eq!(config.auth, expected);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].severity, found[0].key.as_str()),
        (Severity::Warning, "auth")
    );
    assert!(found[0].message.contains("plain HTTP"));
    // What is rendered can be loaded again.
    let (again, _) = load(&config.render(), &[]).unwrap();
    assert_eq!(again.auth, expected);
    // A proxy in front speaks TLS.
    let proxy = [("REGISTRY_HTTP_HOST", "https://registry.example")];
    assert_eq!(notices(BASE, &[&lab[..], &proxy].concat()), [""; 0]);
    for none in ["auth: none\n", "auth:\n", "auth: {}\n"] {
        assert_eq!(clean(&format!("{BASE}{none}"), &[]).auth, Scheme::None);
    }
    let token = format!(
        "{BASE}auth:\n  token: {{realm: r, service: s, issuer: i, jwks: /j, signingalgorithms: [ES256]}}\n"
    );
    let (config, found) = load(&token, &[]).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(load(&config.render(), &[]).unwrap().0.auth, config.auth);
    let silly = format!("{BASE}auth:\n  silly: {{realm: r, service: s}}\n");
    assert_eq!(notices(&silly, &[]).len(), 2);
}

const USERS: &str = "auth: {htpasswd: {realm: r, path: p}}\n";

#[test]
fn rules_that_are_half_or_wrong_stop_the_start() {
    let rule = |rule: &str| {
        format!("{BASE}{USERS}access:\n  groups:\n    team: [anna]\n  rules:\n    - {rule}\n")
    };
    let all = "users: ['*'], repositories: ['**'], actions: [pull]";
    for (text, expected) in [
        (
            format!("{BASE}{USERS}access:\n"),
            "config.yml:6:8: access.rules: found nothing; ",
        ),
        (
            format!("{BASE}{USERS}access: {{}}\n"),
            "config.yml:6:9: access.rules: found nothing; ",
        ),
        (
            format!("{BASE}{USERS}access: {{rules: []}}\n"),
            "access.rules: found nothing; ",
        ),
        (
            format!("{BASE}{USERS}access: [a]\n"),
            "config.yml:6:9: access: found a list; ",
        ),
        (
            format!("{BASE}{USERS}access: {{rules: {{}}}}\n"),
            "access.rules: found a mapping; ",
        ),
        (
            format!("{BASE}{USERS}access: {{rules: [{{{all}}}], banana: 1}}\n"),
            "access.banana: unknown key",
        ),
        (
            format!("{BASE}{USERS}acess: {{rules: [{{{all}}}]}}\n"),
            "acess: unknown key; did you mean access?",
        ),
        (
            format!("{BASE}access: {{rules: [{{{all}}}]}}\n"),
            "access.rules.0.users.0: found `*`; allowed: only anonymous, since auth is not set",
        ),
        (
            format!("{BASE}auth: none\naccess: {{rules: [{{{all}}}]}}\n"),
            "access.rules.0.users.0: found `*`; ",
        ),
        (
            rule("{repositories: ['**'], actions: [pull]}"),
            "config.yml:10:7: access.rules.0.users: found nothing; ",
        ),
        (
            rule("{users: [], repositories: ['**'], actions: [pull]}"),
            "access.rules.0.users: found nothing; ",
        ),
        (
            rule("{users: [a], actions: [pull]}"),
            "access.rules.0.repositories: found nothing; ",
        ),
        (
            rule("{users: [a], repositories: ['**']}"),
            "access.rules.0.actions: found nothing; allowed: a list of pull, push, push-new, delete, catalog; [] allows nothing",
        ),
        (
            rule("{users: ['@teem'], repositories: ['**'], actions: []}"),
            "config.yml:10:16: access.rules.0.users.0: found `@teem`; allowed: @ and a group of access.groups (team)",
        ),
        (
            rule("{users: ['a:b'], repositories: ['**'], actions: []}"),
            "access.rules.0.users.0: found `a:b`; ",
        ),
        (
            rule("{users: [a], repositories: [Team], actions: []}"),
            "access.rules.0.repositories.0: found `Team`; allowed: a repository name with * ",
        ),
        (
            rule("{users: [a], repositories: ['**'], actions: [read]}"),
            "access.rules.0.actions.0: found `read`; allowed: one of pull, push, ",
        ),
        (
            rule("{users: [a], repositories: ['**'], action: [pull], actions: []}"),
            "access.rules.0.action: unknown key; did you mean access.rules.0.actions?",
        ),
        (
            format!("{BASE}{USERS}access: {{groups: {{'a.b': [c]}}, rules: [{{{all}}}]}}\n"),
            "not a group name; ",
        ),
        (
            format!("{BASE}{USERS}access: {{groups: {{g: ['@h']}}, rules: [{{{all}}}]}}\n"),
            "access.groups.g.0: found `@h`; allowed: the name of a user",
        ),
    ] {
        let found = errors(&text, &[]);
        assert_eq!(found.len(), 1, "{text} {found:?}");
        assert!(found[0].contains(expected), "{text} {found:?}");
    }
}

#[test]
fn rules_are_read_from_file_and_variables() {
    let file = format!(
        "{BASE}http: {{host: 'https://r'}}\n{USERS}access:\n  groups:\n    team: [anna, ben]\n  rules:\n    - users: '@team'\n      repositories: [team/**, shared]\n      actions: [pull, push, catalog]\n    - {{users: [anonymous, '*'], repositories: ['**'], actions: [pull]}}\n"
    );
    let config = clean(&file, &[]);
    let access = config.access.clone().unwrap();
    assert_eq!(access.groups["team"], ["anna", "ben"]);
    assert_eq!(access.rules.len(), 2);
    let anna = Identity::User("anna".into());
    assert!(access.permits(&anna, "team/x", Action::Push));
    assert!(!access.permits(&anna, "other", Action::Push));
    assert!(access.permits(&Identity::Anonymous, "other", Action::Pull));
    assert_eq!(clean(&config.render(), &[]).access, Some(access));
    let variables = [
        ("REGISTRY_ACCESS_RULES_0_ACTIONS_0", "delete"),
        ("REGISTRY_ACCESS_GROUPS_TEAM", "[cleo]"),
        (
            "REGISTRY_ACCESS_RULES_2",
            "{users: [dora], repositories: [x], actions: []}",
        ),
    ];
    let access = clean(&file, &variables).access.unwrap();
    assert_eq!(access.groups["team"], ["cleo"]);
    assert!(access.permits(&Identity::User("cleo".into()), "shared", Action::Delete));
    assert_eq!(access.rules.len(), 3);
    assert_eq!(clean(BASE, &[]).access, None);
    // A registry for all to read needs no users.
    let public = format!(
        "{BASE}access: {{rules: [{{users: anonymous, repositories: '**', actions: pull}}]}}\n"
    );
    assert!(clean(&public, &[]).access.unwrap().has_anonymous());
}
